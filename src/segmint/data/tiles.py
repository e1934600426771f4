"""Tiles: the pieces of chips that the network sees.

Example:
    >>> partition(0, 0, 300, 256, 256)
    [(0, 0, 150, 256), (150, 0, 150, 256)]
"""

from dataclasses import dataclass
from itertools import pairwise

Rectangle = tuple[int, int, int, int]
"""Row, column, height, width in pixels."""


@dataclass(frozen=True)
class Tile:
    """A region of one chip, at most one tile large.

    Attributes:
        chip: Position of the chip in the list of chips.
        row: First row.
        col: First column.
        height: Rows.
        width: Columns.
    """

    chip: int
    row: int
    col: int
    height: int
    width: int


def partition(row: int, col: int, height: int, width: int, size: int) -> list[Rectangle]:
    """Cut a rectangle into near-equal parts of at most ``size``: every pixel in exactly one part."""
    return [
        (row + top, col + left, rows, cols) for top, rows in _parts(height, size) for left, cols in _parts(width, size)
    ]


def _parts(length: int, size: int) -> list[tuple[int, int]]:
    count = -(-length // size)
    edges = [length * number // count for number in range(count + 1)]
    return [(start, end - start) for start, end in pairwise(edges)]
