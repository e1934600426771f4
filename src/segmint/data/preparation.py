"""From a recipe's folders to checked chips, a leak-free split, statistics and a fingerprint.

Example:
    >>> prepared = prepare(recipe)
    >>> prepared.split.rule, prepared.fingerprint.digest
    ('by scene: ...', '3f2a...')
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from segmint.contract import Dataset
from segmint.data import next_day, sequences
from segmint.data.categories import settle
from segmint.data.chips import Chip
from segmint.data.fingerprint import Fingerprint, fingerprint
from segmint.data.leaks import require_apart
from segmint.data.normalisation import scaling_of
from segmint.data.pairs import find_chips, without_mask
from segmint.data.sample import is_sample, make_sample
from segmint.data.splits import SPLITS, Split, split_ground
from segmint.data.statistics import Scaling, Statistics, measure
from segmint.errors import RecipeError, Refuse, stop
from segmint.interface import Band
from segmint.recipe import DataRecipe, Recipe


def image_bands(data: DataRecipe) -> tuple[Band, ...]:
    """The recipe's bands as the contract states them."""
    return tuple(
        Band(name=band.name, wavelength_um=band.wavelength_um, kind=band.kind, categories=tuple(band.categories))
        for band in data.bands
    )


Reader = tuple[Callable[[DataRecipe, Refuse], list[Chip]], Callable[[DataRecipe], tuple[Band, ...]]]

READERS: dict[str, Reader] = {
    "images": (find_chips, image_bands),
    "sequences": (sequences.find_sequences, sequences.packed_bands),
    "next_day": (next_day.find_samples, next_day.packed_bands),
}
"""Name of a reader -> how it finds chips, and which bands these have."""


@dataclass(frozen=True)
class PreparedData:
    """A dataset that can be trained on.

    Attributes:
        chips: Checked pairs.
        bands: Bands of the chips, in order, with the codes that were learned.
        split: Tiles per split and the rule that made them.
        scaling: How stored values become physical ones.
        statistics: Of the training tiles.
        fingerprint: Content digest and manifest.
        builtin_sample: Whether it is segmint's own sample.
    """

    chips: list[Chip]
    bands: tuple[Band, ...]
    split: Split
    scaling: Scaling
    statistics: Statistics
    fingerprint: Fingerprint
    builtin_sample: bool

    def describe(self) -> Dataset:
        """The dataset as the contract states it."""
        boxes = [box for box in (chip.bounds_wgs84 for chip in self.chips) if box is not None]
        bbox = None
        if boxes:
            west, south, east, north = zip(*boxes, strict=True)
            bbox = (min(west), min(south), max(east), max(north))
        return Dataset(
            digest=self.fingerprint.digest,
            chips={name: len({tile.chip for tile in self.split.tiles[name]}) for name in SPLITS},
            split_rule=self.split.rule,
            bbox_wgs84=bbox,
            builtin_sample=self.builtin_sample,
        )

    @property
    def resolution_m(self) -> float | None:
        """Median ground size of a pixel in metres, to 4 significant digits, or None without a georeference."""
        sizes = sorted(size for size in (chip.resolution_m for chip in self.chips) if size is not None)
        if not sizes:
            return None
        size = sizes[len(sizes) // 2]
        return round(size, 3 - math.floor(math.log10(size)))


def prepare(recipe: Recipe) -> PreparedData:
    """Check, split, measure and fingerprint the dataset of a recipe; makes the built-in sample where it is asked for.

    Raises:
        RecipeError: A folder is missing.
        DataError: Chips or labels that cannot be trained on.
        SplitError: Too little data, or ground or files on two sides.
    """
    data = recipe.data
    ready_folders(data)
    find, name_bands = READERS[data.reader]
    chips, bands = find(data, stop), name_bands(data)
    content = fingerprint(chips)
    split = split_ground(chips, recipe.split, data.tile_size, data.fit)
    require_apart(chips, split, content)
    bands, codes = settle(bands, chips, split)
    scaling = scaling_of(data, bands, chips[0].dtype)
    prepared = PreparedData(
        chips=chips,
        bands=bands,
        split=split,
        scaling=scaling,
        statistics=measure(chips, split, scaling, [item.name for item in data.classes]),
        fingerprint=content,
        builtin_sample=is_sample(Path(data.chips_dir)),
    )
    counts = ", ".join(f"{len(split.tiles[name])} {name}" for name in SPLITS)
    print(f"data: {len(chips)} chips in {data.chips_dir}, tiles: {counts}", flush=True)
    if bare := without_mask(chips, data):
        print(f"masks: {bare}")
    for sentence in codes:
        print(f"codes: {sentence}")
    other = "; data.split_folders=ignore draws it by shares and groups instead" if chips[0].side else ""
    print(f"split: {split.rule}{other}", flush=True)
    return prepared


def ready_folders(data: DataRecipe) -> None:
    """See to it that the folders are there; an empty one is filled with the built-in sample that the recipe names.

    Raises:
        RecipeError: A folder is missing.
    """
    chips_dir, labels_dir = Path(data.chips_dir), Path(data.labels_dir or data.chips_dir)
    if data.sample and not _has_files(chips_dir) and not _has_files(labels_dir):
        print(f"{chips_dir} is empty: making the built-in sample", flush=True)
        make_sample(data.sample, chips_dir, labels_dir)
    for key, folder in (("chips_dir", chips_dir), ("labels_dir", labels_dir)):
        if not folder.is_dir():
            raise RecipeError(f"{key}: no folder {folder}", "an existing folder", "Check spelling and working folder")


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir())
