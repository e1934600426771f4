"""Refuses splits in which one side shows what another shows too: the same ground, or the same file.

Example:
    >>> require_apart(chips, split, fingerprint(chips))
"""

from collections.abc import Sequence
from itertools import combinations

from rasterio.crs import CRS
from rasterio.warp import transform
from shapely import Polygon, STRtree

from segmint.data.blocks import common_crs
from segmint.data.chips import Chip
from segmint.data.fingerprint import Fingerprint
from segmint.data.splits import SPLITS, Split
from segmint.data.tiles import Tile
from segmint.errors import SplitError

_MOVE = "Remove one of them, or have the split drawn with -P data.split_folders=ignore"
_GROUP = "Give them one group (split.group_regex, split.group_file), or declare no groups and data.fit: tile"


def require_apart(chips: Sequence[Chip], split: Split, fingerprint: Fingerprint) -> None:
    """Refuse a split with the same ground, or in folders the same file, on two sides.

    Raises:
        SplitError: Names two chips.
    """
    check_overlap(chips, split)
    check_copies(chips, split, fingerprint)


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
                _MOVE if chips[0].side else _GROUP,
            )


def check_copies(chips: Sequence[Chip], split: Split, fingerprint: Fingerprint) -> None:
    """Refuse folders that hold one and the same file on two sides.

    Args:
        chips: Chips.
        split: Their split.
        fingerprint: Of the chips.

    Raises:
        SplitError: Names the first two files, and how many there are.
    """
    digests = {entry.path: entry.sha256 for entry in fingerprint.files}
    seen: dict[str, tuple[str, Chip]] = {}
    copies = []
    for side in SPLITS:
        for number in dict.fromkeys(tile.chip for tile in split.tiles[side]):
            chip = chips[number]
            first, original = seen.setdefault(digests[chip.files[0][0]], (side, chip))
            if chip.side is not None and first != side:
                copies.append(f"{original.place} ({first}) and {chip.place} ({side})")
    if copies:
        more = f", and {len(copies) - 1} more pairs" if len(copies) > 1 else ""
        raise SplitError(f"{copies[0]} are the same file{more}", "each image on one side", _MOVE)


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
