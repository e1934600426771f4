"""Reads a dataset as training does, but goes on behind everything that training would refuse.

Example:
    >>> found = survey(recipe)
    >>> len(found.chips), [str(error) for error in found.refused][:1]
    (38, ['chip chips/b.tif has no label; expected labels/b.tif. Add the label or move the chip.'])
"""

from dataclasses import dataclass

from segmint.data.chips import Chip
from segmint.data.fingerprint import fingerprint
from segmint.data.leaks import require_apart
from segmint.data.normalisation import scaling_of
from segmint.data.preparation import READERS, ready_folders
from segmint.data.splits import SPLITS, Split, split_ground
from segmint.data.tiles import Tile, partition
from segmint.errors import SegmintError, SplitError
from segmint.interface import Band
from segmint.recipe import Recipe

UNSPLIT = "all"
"""Name of the one side where training would refuse the split."""


@dataclass(frozen=True)
class Survey:
    """What the readers gave.

    Attributes:
        chips: Chips that can be trained on.
        bands: Their bands, in order.
        split: Tiles per split, or None where there is none.
        refused: What training would refuse.
        tile_size: Edge of a training tile in pixels.
    """

    chips: list[Chip]
    bands: tuple[Band, ...]
    split: Split | None
    refused: tuple[SegmintError, ...]
    tile_size: int

    @property
    def sides(self) -> tuple[str, ...]:
        """Names of the splits."""
        return SPLITS if self.split else (UNSPLIT,)

    def tiles(self) -> list[list[tuple[str, Tile]]]:
        """The tiles of each chip, each with the name of its split."""
        whole = [partition(0, 0, chip.height, chip.width, self.tile_size) for chip in self.chips]
        all_tiles = [Tile(number, *part) for number, parts in enumerate(whole) for part in parts]
        tiles = self.split.tiles if self.split else {UNSPLIT: tuple(all_tiles)}
        of_chip: list[list[tuple[str, Tile]]] = [[] for _ in self.chips]
        for side in self.sides:
            for tile in tiles[side]:
                of_chip[tile.chip].append((side, tile))
        return of_chip


def survey(recipe: Recipe) -> Survey:
    """Find, check and split the chips of a recipe; makes the built-in sample where the recipe asks for it.

    Raises:
        RecipeError: A folder is missing.
    """
    data = recipe.data
    ready_folders(data)
    find, name_bands = READERS[data.reader]
    refused: list[SegmintError] = []
    chips: list[Chip] = []
    bands: tuple[Band, ...] = ()
    split = None
    try:
        bands = name_bands(data)
        chips = find(data, refused.append)
        scaling_of(data, bands, chips[0].dtype if chips else "uint8")
    except SegmintError as error:
        refused.append(error)
    try:
        if chips:
            split = split_ground(chips, recipe.split, data.tile_size, data.fit)
            require_apart(chips, split, fingerprint(chips))
    except SplitError as error:
        refused.append(error)
    return Survey(chips, bands, split, tuple(refused), data.tile_size)
