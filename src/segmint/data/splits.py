"""Splits that never put the same ground on two sides.

Folders train, val and test are the split that they say. Else the unit that goes to one side as a whole is a declared
group, else a scene (chips that touch or overlap), else a block cut from the ground, and a single chip only where there
is neither georeference nor group.

Example:
    >>> split = split_ground(chips, recipe.split, tile_size=256, fit="tile")
    >>> split.rule
    'by scene: 20 scenes'
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from shapely import STRtree, box

from segmint.data.blocks import BlockGrid, common_boxes
from segmint.data.chips import Chip
from segmint.data.groups import declared_groups
from segmint.data.patterns import SPLIT_FOLDERS
from segmint.data.tiles import Rectangle, Tile, partition
from segmint.errors import SplitError
from segmint.recipe import SplitRecipe

SPLITS = tuple(SPLIT_FOLDERS)
"""Training, validation and test: ``train``, ``val`` and ``test``."""
_FARTHEST = 0.20
"""How far the training share may be from the asked one before scenes are too uneven to be the unit."""


@dataclass(frozen=True)
class Split:
    """Tiles per split, and the rule that made them, in words."""

    tiles: dict[str, tuple[Tile, ...]]
    rule: str


def split_ground(chips: Sequence[Chip], recipe: SplitRecipe, tile_size: int, fit: str) -> Split:
    """Split chips, or the ground they show, and cut the parts into tiles.

    Raises:
        SplitError: Some chips have no georeference, a chip has no group, or there is too little for three splits.
    """
    if all(chip.side is not None for chip in chips):
        return _by_folder(chips, recipe, tile_size, fit)
    placed = [chip.bounds is not None for chip in chips]
    if any(placed) and not all(placed):
        lost = chips[placed.index(False)].place
        raise SplitError(f"chip {lost} has no georeference, others have", "all or none", "Restore its sidecar or CRS")
    groups = declared_groups(chips, recipe)
    wanted = _shares(recipe)
    if groups and len(set(groups)) >= len(wanted):
        return _by_chip_unit(chips, groups, recipe, tile_size, fit, f"by group: {len(set(groups))} groups")
    if not all(placed):
        if groups:
            raise SplitError(
                f"{len(set(groups))} groups and no georeference",
                f"at least {len(wanted)} groups",
                "Declare more groups",
            )
        if len(chips) < len(wanted) and fit == "tile":
            flat = [_in_pixels(chip, number) for number, chip in enumerate(chips)]
            return _by_block(flat, recipe, tile_size, fit, f"of {len(chips)} images without georeference, m is pixels")
        if len(chips) < len(wanted):
            raise SplitError(f"{len(chips)} chips without georeference", f"at least {len(wanted)}", "Add chips")
        stems = [chip.stem for chip in chips]
        return _by_chip_unit(chips, stems, recipe, tile_size, fit, "random by chip: no georeference and no group")
    scenes = _scenes(chips)
    count = len(set(scenes))
    if count < len(wanted):
        return _by_block(chips, recipe, tile_size, fit, f"of {count} scene" + "s" * (count > 1))
    split = _by_chip_unit(chips, scenes, recipe, tile_size, fit, f"by scene: {count} scenes")
    largest = next(iter(wanted))
    if abs(_share(split, largest) - wanted[largest]) <= _FARTHEST:
        return split
    return _by_block(chips, recipe, tile_size, fit, f"of {count} scenes too uneven for the shares")


def assign(weights: Mapping[str, float], recipe: SplitRecipe) -> dict[str, str]:
    """Give every unit to a split so that the shares are met as nearly as greedy choice allows; seeded.

    Large units go first, each to the split that lacks most; a split that got none takes the smallest unit of another.
    """
    wanted = _shares(recipe)
    total = sum(weights.values())
    names = sorted(weights)
    np.random.default_rng(recipe.seed).shuffle(names)
    names.sort(key=lambda name: -weights[name])
    got = dict.fromkeys(wanted, 0.0)
    side: dict[str, str] = {}
    for name in names:
        chosen = max(wanted, key=lambda split: wanted[split] * total - got[split])
        side[name] = chosen
        got[chosen] += weights[name]
    for empty in (split for split in wanted if split not in side.values()):
        counts = {split: list(side.values()).count(split) for split in wanted}
        richest = max(wanted, key=lambda split: counts[split])
        side[min((n for n in names if side[n] == richest), key=lambda n: weights[n])] = empty
    return side


def _shares(recipe: SplitRecipe) -> dict[str, float]:
    """Share of every side that gets any."""
    shares = {"train": recipe.train, "val": recipe.val, "test": recipe.test}
    return {side: share for side, share in shares.items() if share > 0}


def _by_folder(chips: Sequence[Chip], recipe: SplitRecipe, tile_size: int, fit: str) -> Split:
    """What the folders say. A side without a folder is drawn: test is half of val, val its share of train."""
    held = [name for name in SPLITS if any(chip.side == name for chip in chips)]
    tiles = _tiles(
        [(number, str(chip.side), (0, 0, chip.height, chip.width)) for number, chip in enumerate(chips)], tile_size, fit
    )
    rule = f"by folder: {', '.join(held)}"
    for side, source in (("val", "train"), ("test", "val")):
        if side not in held:
            numbers = [number for number, chip in enumerate(chips) if chip.side == source]
            drawn = split_ground(
                [replace(chips[number], side=None) for number in numbers], _parted(recipe, source), tile_size, fit
            )
            tiles |= {
                name: tuple(replace(tile, chip=numbers[tile.chip]) for tile in drawn.tiles[name])
                for name in (source, side)
            }
            share = 100 * sum(map(_area, tiles[side])) / sum(map(_area, (*tiles[source], *tiles[side])))
            rule += f"; without a folder {side} it is {share:.0f} % of {source} ({drawn.rule})"
    return Split(tiles, rule + _shared_groups(chips, recipe))


def _parted(recipe: SplitRecipe, source: str) -> SplitRecipe:
    """Shares of the sides that come out of one folder."""
    if source == "val":
        return replace(recipe, train=0.0, val=0.5, test=0.5)
    both = recipe.train + recipe.val
    return replace(recipe, train=recipe.train / both, val=recipe.val / both, test=0.0)


def _shared_groups(chips: Sequence[Chip], recipe: SplitRecipe) -> str:
    """How many declared groups stand in several folders, in words; empty where none does."""
    try:
        groups = declared_groups(chips, recipe)
    except SplitError:  # the folders decide; groups that only some chips have are no objection
        return ""
    sides: dict[str, set[str]] = {}
    for group, chip in zip(groups, chips, strict=False):
        sides.setdefault(group, set()).add(str(chip.side))
    shared = sum(len(found) > 1 for found in sides.values())
    return f"; {shared} of {len(sides)} groups stand in several folders" if shared else ""


def _area(tile: Tile) -> int:
    return tile.height * tile.width


def _by_chip_unit(
    chips: Sequence[Chip], units: Sequence[str], recipe: SplitRecipe, tile_size: int, fit: str, rule: str
) -> Split:
    weights: dict[str, float] = {}
    for chip, unit in zip(chips, units, strict=True):
        weights[unit] = weights.get(unit, 0.0) + chip.height * chip.width
    side = assign(weights, recipe)
    whole = [
        (number, side[unit], (0, 0, chips[number].height, chips[number].width)) for number, unit in enumerate(units)
    ]
    return Split(_tiles(whole, tile_size, fit), rule)


def _by_block(chips: Sequence[Chip], recipe: SplitRecipe, tile_size: int, fit: str, ground: str) -> Split:
    grid = BlockGrid.over(chips, recipe.block_size, whole_chips=fit != "tile")
    parts = [(number, block, part) for number, chip in enumerate(chips) for block, part in grid.cut(chip)]
    weights: dict[str, float] = {}
    for number, block, (_, _, height, width) in parts:
        weights[_key(block)] = weights.get(_key(block), 0.0) + height * width * (chips[number].resolution_m or 1) ** 2
    wanted = _shares(recipe)
    if len(weights) < len(wanted):
        raise SplitError(
            f"the ground gives {len(weights)} blocks of {grid.describe()}",
            f"at least {len(wanted)} blocks of 32 pixels or more, for {', '.join(wanted)}",
            "Add chips of other places, or set a smaller split.block_size",
        )
    side = assign(weights, recipe)
    kept = [
        (number, side[_key(block)], trimmed)
        for number, block, part in parts
        if (trimmed := grid.trim(chips[number], block, part, recipe.buffer, _later(block, side))) is not None
    ]
    tiles = _tiles(kept, tile_size, fit)
    for name in wanted:
        if not tiles[name]:
            raise SplitError(f"split.buffer leaves no {name} ground", "some", "Set a smaller split.buffer")
    buffer = f", {recipe.buffer:g} m kept free between splits" if recipe.buffer else ""
    return Split(tiles, f"by spatial block: {len(weights)} blocks of {grid.describe()} {ground}{buffer}")


def _later(block: tuple[int, int], side: Mapping[str, str]) -> set[tuple[int, int]]:
    """Neighbours (as steps) whose split comes later in SPLITS: towards them a block gives up its buffer."""
    own = SPLITS.index(side[_key(block)])
    steps = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if (down, right) != (0, 0)]
    neighbours = {step: side.get(_key((block[0] + step[0], block[1] + step[1]))) for step in steps}
    return {step for step, split in neighbours.items() if split is not None and SPLITS.index(split) > own}


def _tiles(parts: Sequence[tuple[int, str, Rectangle]], tile_size: int, fit: str) -> dict[str, tuple[Tile, ...]]:
    tiles: dict[str, list[Tile]] = {name: [] for name in SPLITS}
    for number, name, (row, col, height, width) in parts:
        size = tile_size if fit == "tile" else max(height, width)
        tiles[name] += [Tile(number, *part) for part in partition(row, col, height, width, size)]
    return {name: tuple(tiles[name]) for name in SPLITS}


def _in_pixels(chip: Chip, number: int) -> Chip:
    """The chip on a plane of its own, a metre per pixel at the equator, far from the others."""
    return replace(chip, crs="EPSG:3857", transform=(1.0, 0.0, number * 100_000.0, 0.0, -1.0, 0.0))


def _scenes(chips: Sequence[Chip]) -> list[str]:
    """Name of the scene of each chip: chips whose footprints touch or overlap share one."""
    boxes = common_boxes(chips)
    grown = [
        box(*shape.bounds).buffer(0.5 * (shape.bounds[2] - shape.bounds[0]) / chip.width, join_style="mitre")
        for shape, chip in zip(boxes, chips, strict=True)
    ]
    root = list(range(len(chips)))

    def find(node: int) -> int:
        while root[node] != node:
            root[node] = root[root[node]]
            node = root[node]
        return node

    for one, other in STRtree(grown).query(grown, predicate="intersects").T.tolist():
        a, b = find(one), find(other)
        root[max(a, b)] = min(a, b)
    return [chips[find(number)].stem for number in range(len(chips))]


def _share(split: Split, name: str) -> float:
    pixels = {key: sum(map(_area, split.tiles[key])) for key in SPLITS}
    return pixels[name] / sum(pixels.values())


def _key(block: tuple[int, int]) -> str:
    return f"{block[0]:+06d} {block[1]:+06d}"
