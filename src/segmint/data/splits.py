"""Splits that never put the same ground on two sides.

The unit that goes to one side as a whole is a declared group, else a scene (chips that touch or overlap), else a block
cut from the ground, and a single chip only where there is neither georeference nor group.

Example:
    >>> split = split_ground(chips, recipe.split, tile_size=256, fit="tile")
    >>> check_overlap(chips, split)
    >>> split.rule
    'by scene: 20 scenes'
"""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
from rasterio.crs import CRS
from rasterio.warp import transform
from shapely import Polygon, STRtree, box

from segmint.data.blocks import BlockGrid, common_boxes, common_crs
from segmint.data.chips import Chip
from segmint.data.tiles import Rectangle, Tile, partition
from segmint.errors import SplitError
from segmint.recipe import SplitRecipe

SPLITS = ("train", "val", "test")
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
    placed = [chip.bounds is not None for chip in chips]
    if any(placed) and not all(placed):
        lost = chips[placed.index(False)].place
        raise SplitError(f"chip {lost} has no georeference, others have", "all or none", "Restore its sidecar or CRS")
    groups = _declared_groups(chips, recipe)
    if groups and len(set(groups)) >= len(SPLITS):
        return _by_chip_unit(chips, groups, recipe, tile_size, fit, f"by group: {len(set(groups))} groups")
    if not all(placed):
        if groups:
            raise SplitError(
                f"{len(set(groups))} groups and no georeference", "at least 3 groups", "Declare more groups"
            )
        if len(chips) < len(SPLITS) and fit == "tile":
            flat = [_in_pixels(chip, number) for number, chip in enumerate(chips)]
            return _by_block(flat, recipe, tile_size, fit, f"of {len(chips)} images without georeference, m is pixels")
        if len(chips) < len(SPLITS):
            raise SplitError(f"{len(chips)} chips without georeference", "at least 3", "Add chips")
        stems = [chip.stem for chip in chips]
        return _by_chip_unit(chips, stems, recipe, tile_size, fit, "random by chip: no georeference and no group")
    scenes = _scenes(chips)
    count = len(set(scenes))
    if count < len(SPLITS):
        return _by_block(chips, recipe, tile_size, fit, f"of {count} scene" + "s" * (count > 1))
    split = _by_chip_unit(chips, scenes, recipe, tile_size, fit, f"by scene: {count} scenes")
    if abs(_share(split, "train") - recipe.train) <= _FARTHEST:
        return split
    return _by_block(chips, recipe, tile_size, fit, f"of {count} scenes too uneven for the shares")


def check_overlap(chips: Sequence[Chip], split: Split) -> None:
    """Refuse a split in which two sides show the same ground (by more than half a pixel of each).

    Raises:
        SplitError: Names the two chips.
    """
    crs = None if chips[0].crs is None else common_crs(chips)
    apart = max(chip.width for chip in chips) + 1 if crs is None else 0
    shapes = {
        name: [_footprint(chips[tile.chip], tile, crs, tile.chip * apart) for tile in split.tiles[name]]
        for name in SPLITS
    }
    for first, second in combinations(SPLITS, 2):
        seconds, firsts = STRtree(shapes[first]).query(shapes[second], predicate="intersects").tolist()
        if firsts:
            one = chips[split.tiles[first][firsts[0]].chip].place
            other = chips[split.tiles[second][seconds[0]].chip].place
            raise SplitError(
                f"{one} ({first}) and {other} ({second}) show the same ground",
                "each place on one side",
                "Give them one group (split.group_regex, split.group_file), or declare no groups and data.fit: tile",
            )


def assign(weights: Mapping[str, float], recipe: SplitRecipe) -> dict[str, str]:
    """Give every unit to a split so that the shares are met as nearly as greedy choice allows; seeded.

    Large units go first, each to the split that lacks most; a split that got none takes the smallest unit of another.
    """
    wanted = {"train": recipe.train, "val": recipe.val, "test": recipe.test}
    total = sum(weights.values())
    names = sorted(weights)
    np.random.default_rng(recipe.seed).shuffle(names)
    names.sort(key=lambda name: -weights[name])
    got = dict.fromkeys(SPLITS, 0.0)
    side: dict[str, str] = {}
    for name in names:
        chosen = max(SPLITS, key=lambda split: wanted[split] * total - got[split])
        side[name] = chosen
        got[chosen] += weights[name]
    for empty in (split for split in SPLITS if split not in side.values()):
        counts = {split: list(side.values()).count(split) for split in SPLITS}
        richest = max(SPLITS, key=lambda split: counts[split])
        side[min((n for n in names if side[n] == richest), key=lambda n: weights[n])] = empty
    return side


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
    if len(weights) < len(SPLITS):
        raise SplitError(
            f"the ground gives {len(weights)} blocks of {grid.describe()}",
            "at least 3 blocks of 32 pixels or more for three splits",
            "Add chips of other places, or set a smaller split.block_size",
        )
    side = assign(weights, recipe)
    kept = [
        (number, side[_key(block)], trimmed)
        for number, block, part in parts
        if (trimmed := grid.trim(chips[number], block, part, recipe.buffer, _later(block, side))) is not None
    ]
    tiles = _tiles(kept, tile_size, fit)
    for name in SPLITS:
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


def _declared_groups(chips: Sequence[Chip], recipe: SplitRecipe) -> list[str]:
    if recipe.group_regex is not None:
        return _matched(chips, recipe.group_regex)
    if recipe.group_file is None:
        return [chip.group for chip in chips if chip.group is not None]
    if not Path(recipe.group_file).is_file():
        raise SplitError(f"split.group_file: no file {recipe.group_file}", "a CSV file", "Check its spelling")
    with Path(recipe.group_file).open(newline="", encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    columns = set(rows[0]) if rows else set()
    if not {"chip", str(recipe.group_column)} <= columns:
        raise SplitError(f"{recipe.group_file} has the columns {sorted(columns)}", f"chip and {recipe.group_column}")
    group_of = {row["chip"]: row[str(recipe.group_column)] for row in rows}
    for chip in chips:
        if chip.stem not in group_of:
            raise SplitError(f"{recipe.group_file} names no group for chip {chip.stem}", "a row per chip", "Add it")
    return [group_of[chip.stem] for chip in chips]


def _matched(chips: Sequence[Chip], pattern: str) -> list[str]:
    """Groups by a pattern; none at all where it lets every stem match without one."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise SplitError(f"split.group_regex {pattern} is no regular expression ({error})") from error
    found = [compiled.search(chip.stem) for chip in chips]
    groups = [match.group(1) if match and compiled.groups else None for match in found]
    if compiled.groups and all(found) and not any(groups):
        return []
    for chip, group in zip(chips, groups, strict=True):
        if group is None:
            raise SplitError(
                f"split.group_regex {pattern} gives no group for chip {chip.stem}",
                "a match with one group in parentheses",
            )
    return [str(group) for group in groups]


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


def _footprint(chip: Chip, tile: Tile, crs: str | None, offset: int) -> Polygon:
    """The tile's ground, half a pixel smaller on every side; without a CRS its pixels, moved by ``offset`` columns."""
    left, right = tile.col + 0.5, tile.col + tile.width - 0.5
    top, bottom = tile.row + 0.5, tile.row + tile.height - 0.5
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    if crs is None or chip.transform is None:
        return Polygon([(x + offset, y) for x, y in corners])
    a, b, c, d, e, f = chip.transform
    ground = [(a * x + b * y + c, d * x + e * y + f) for x, y in corners]
    if chip.crs != crs:
        xs, ys = zip(*ground, strict=True)
        ground = list(zip(*transform(CRS.from_user_input(chip.crs), CRS.from_user_input(crs), xs, ys), strict=True))
    return Polygon(ground)


def _share(split: Split, name: str) -> float:
    pixels = {key: sum(tile.height * tile.width for tile in split.tiles[key]) for key in SPLITS}
    return pixels[name] / sum(pixels.values())


def _key(block: tuple[int, int]) -> str:
    return f"{block[0]:+06d} {block[1]:+06d}"
