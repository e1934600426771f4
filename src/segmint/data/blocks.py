"""A grid of square blocks over the ground, and the cutting of chips along its edges.

Where chips form a regular grid the block edges lie on chip edges, so that nothing is cut for its own sake.

Example:
    >>> grid = BlockGrid.over(chips, block_size=0.0, whole_chips=False)
    >>> grid.cut(chips[0])
    [((3, 1), (0, 0, 512, 512))]
"""

import math
from collections.abc import Sequence, Set
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.warp import transform_bounds
from shapely import Polygon, box, union_all

from segmint.data.chips import Chip
from segmint.data.tiles import Rectangle
from segmint.errors import SplitError

Block = tuple[int, int]
"""Row and column of a block, counted from the upper left corner of the ground."""

_WANTED_BLOCKS = 20
_SMALLEST_PIXELS = 32


@dataclass(frozen=True)
class BlockGrid:
    """Blocks in the units of the chips' common CRS.

    Attributes:
        crs: CRS of the grid.
        west: Left edge of block column 0.
        north: Upper edge of block row 0.
        width: Width of a block.
        height: Height of a block.
        width_m: Width of a block in metres.
        height_m: Height of a block in metres.
        whole_chips: Whether chips go to the block of their centre instead of being cut.
    """

    crs: str
    west: float
    north: float
    width: float
    height: float
    width_m: float
    height_m: float
    whole_chips: bool

    @classmethod
    def over(cls, chips: Sequence[Chip], block_size: float, whole_chips: bool) -> "BlockGrid":
        """Choose the blocks.

        Args:
            chips: Georeferenced chips.
            block_size: Edge in metres, or 0: on chip edges where chips form a regular grid, as many as make about 20
                blocks, else squares of a twentieth of the ground, but no smaller than 32 pixels.
            whole_chips: Never cut a chip.
        """
        boxes = common_boxes(chips)
        west, north = min(b.bounds[0] for b in boxes), max(b.bounds[3] for b in boxes)
        across, down = boxes[0].bounds[2] - boxes[0].bounds[0], boxes[0].bounds[3] - boxes[0].bounds[1]
        across_m, down_m = _extent_m(chips[0])
        crs = common_crs(chips)
        whole_chips = whole_chips or any(chip.crs != crs or _is_rotated(chip) for chip in chips)
        if not block_size and _is_regular(boxes, chips):
            factor = _chips_per_block(boxes, min(chips[0].height, chips[0].width), whole_chips)
            return cls(
                crs, west, north, across * factor, down * factor, across_m * factor, down_m * factor, whole_chips
            )
        ground_m2 = union_all(boxes).area * (across_m / across) * (down_m / down)
        smallest = _SMALLEST_PIXELS * max(chip.resolution_m or 0.0 for chip in chips)
        edge = block_size or max(math.sqrt(ground_m2 / _WANTED_BLOCKS), smallest)
        return cls(crs, west, north, edge * across / across_m, edge * down / down_m, edge, edge, whole_chips)

    def describe(self) -> str:
        """Size of a block for a person."""
        width, height = (f"{edge:.0f}" if edge >= 100 else f"{edge:.3g}" for edge in (self.width_m, self.height_m))
        return f"{width} m" if width == height else f"{width} x {height} m"

    def cut(self, chip: Chip) -> list[tuple[Block, Rectangle]]:
        """The parts of a chip by block; a pixel belongs to the block of its centre."""
        whole: Rectangle = (0, 0, chip.height, chip.width)
        assert chip.transform is not None
        a, _, c, _, e, f = chip.transform
        if self.whole_chips:
            bounds = common_boxes([chip], self.crs)[0].bounds
            x, y = (bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2
            return [((math.floor((self.north - y) / self.height), math.floor((x - self.west) / self.width)), whole)]
        columns = np.floor((c + a * (np.arange(chip.width) + 0.5) - self.west) / self.width).astype(int)
        rows = np.floor((self.north - f - e * (np.arange(chip.height) + 0.5)) / self.height).astype(int)
        return [
            ((row_block, col_block), (top, left, height, width))
            for row_block, top, height in _runs(rows)
            for col_block, left, width in _runs(columns)
        ]

    def trim(self, chip: Chip, block: Block, part: Rectangle, buffer: float, towards: Set[Block]) -> Rectangle | None:
        """The part without the pixels nearer than ``buffer`` metres to the neighbours at ``towards``; None if empty."""
        if not buffer or not towards:
            return part
        if self.whole_chips:
            raise SplitError("split.buffer with chips that cannot be cut", "0", "Set data.fit to tile, or no buffer")
        if buffer > min(self.width_m, self.height_m):
            raise SplitError(
                f"split.buffer of {buffer:g} m reaches across blocks of {self.describe()}",
                "a buffer no larger than a block",
                "Set a smaller split.buffer or a larger split.block_size",
            )
        assert chip.transform is not None
        a, _, c, _, e, f = chip.transform
        row, col, height, width = part
        margin_x = buffer / self.width_m * self.width
        margin_y = buffer / self.height_m * self.height
        x = c + a * (np.arange(col, col + width) + 0.5) - (self.west + block[1] * self.width)
        y = self.north - block[0] * self.height - (f + e * (np.arange(row, row + height) + 0.5))
        keep_x, keep_y = np.ones(width, bool), np.ones(height, bool)
        if any(right == -1 for _, right in towards):
            keep_x &= x >= margin_x
        if any(right == 1 for _, right in towards):
            keep_x &= x <= self.width - margin_x
        if any(down == -1 for down, _ in towards):
            keep_y &= y >= margin_y
        if any(down == 1 for down, _ in towards):
            keep_y &= y <= self.height - margin_y
        rows, columns = np.flatnonzero(keep_y), np.flatnonzero(keep_x)
        if not len(rows) or not len(columns):
            return None
        return row + int(rows[0]), col + int(columns[0]), len(rows), len(columns)


def common_crs(chips: Sequence[Chip]) -> str:
    """The CRS that all chips share, else WGS 84, which is defined everywhere."""
    found = {str(chip.crs) for chip in chips}
    return found.pop() if len(found) == 1 else "EPSG:4326"


def common_boxes(chips: Sequence[Chip], crs: str | None = None) -> list[Polygon]:
    """Footprints in one CRS: the given one or the chips' common one."""
    target = crs or common_crs(chips)
    found = []
    for chip in chips:
        bounds = chip.bounds
        assert bounds is not None
        if chip.crs != target:
            bounds = transform_bounds(CRS.from_user_input(chip.crs), CRS.from_user_input(target), *bounds)
        found.append(box(*bounds))
    return found


def _is_regular(boxes: Sequence[Polygon], chips: Sequence[Chip]) -> bool:
    """Whether all chips are of one size and lie on the cells of one grid, to half a pixel."""
    edges = np.array([shape.bounds for shape in boxes])
    width, height = edges[0, 2] - edges[0, 0], edges[0, 3] - edges[0, 1]
    half = np.array([width / chips[0].width, height / chips[0].height]) / 2
    sizes = np.abs(edges[:, 2:] - edges[:, :2] - (width, height))
    steps = (edges[:, :2] - edges[:, :2].min(0)) / (width, height)
    offsets = np.abs(steps - steps.round()) * (width, height)
    distinct = len({tuple(step) for step in steps.round().astype(int).tolist()}) == len(chips)
    return bool((sizes <= half).all() and (offsets <= half).all() and distinct)


def _chips_per_block(boxes: Sequence[Polygon], pixels: int, whole_chips: bool) -> float:
    """Edge of a block in chips: several chips, one, or a whole fraction of one, for about 20 blocks."""
    edges = np.array([shape.bounds for shape in boxes])
    width, height = edges[0, 2] - edges[0, 0], edges[0, 3] - edges[0, 1]
    columns = np.round((edges[:, 0] - edges[:, 0].min()) / width).astype(int)
    rows = np.round((edges[:, 3].max() - edges[:, 3]) / height).astype(int)
    largest, extent = 1, max(rows.max(), columns.max()) + 1
    while largest < extent and _fullest(rows, columns, largest + 1) <= len(boxes) / _WANTED_BLOCKS:
        largest += 1
    if largest > 1 or len(boxes) >= _WANTED_BLOCKS or whole_chips:
        return float(largest)
    pieces = math.ceil(math.sqrt(_WANTED_BLOCKS / len(boxes)))
    return 1 / min(pieces, max(1, pixels // _SMALLEST_PIXELS))


def _fullest(rows: NDArray[np.int_], columns: NDArray[np.int_], edge: int) -> int:
    """Chips in the fullest block of ``edge`` x ``edge`` chips."""
    _, counts = np.unique(np.stack([rows // edge, columns // edge]), axis=1, return_counts=True)
    return int(counts.max())


def _is_rotated(chip: Chip) -> bool:
    """Whether rows and columns do not run along the axes of the CRS."""
    return chip.transform is not None and bool(chip.transform[1] or chip.transform[3])


def _extent_m(chip: Chip) -> tuple[float, float]:
    """Width and height of a georeferenced chip in metres."""
    pixel = chip.pixel_m
    assert pixel is not None
    return pixel[0] * chip.width, pixel[1] * chip.height


def _runs(values: NDArray[np.int_]) -> list[tuple[int, int, int]]:
    """Runs of equal values as (value, start, length)."""
    starts = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    return [(int(values[start]), start, end - start) for start, end in pairwise(starts)]
