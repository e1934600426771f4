"""Puts windows together again, holding only the rows of the scene that later windows still touch.

Example:
    >>> blend = Blend(grid, channels=1)
    >>> for row in range(len(grid.rows.origins)):
    ...     for column in range(len(grid.columns.origins)):
    ...         blend.add(row, column, probabilities)
    ...     finished = blend.finish(row)
"""

import numpy as np
from numpy.typing import NDArray

from segmint.inference.windows import WindowGrid


class Blend:
    """The weighted mean of all windows at every pixel.

    Windows are added one row of windows after the other. The shares of the windows at a pixel add up to 1 beforehand,
    so a sum is a mean as soon as its last window is there. Sums are double precision: with a stride of 1 a pixel is
    the sum of as many terms as a window has pixels.

    Args:
        grid: The windows.
        channels: K of what is blended.
        first: The row of windows that comes first; rows of the scene that an earlier one touches come out too small.
    """

    def __init__(self, grid: WindowGrid, channels: int, first: int = 0) -> None:
        self.grid = grid
        self._top = max(grid.rows.origins[first], 0)
        self._sums = np.zeros((channels, grid.rows.tile, grid.columns.length), np.float64)

    def add(self, row: int, column: int, values: NDArray[np.float32]) -> None:
        """Add ``[K, tile, tile]`` of one window."""
        rows, columns = self.grid.rows, self.grid.columns
        inner_y, scene_y = _inside(rows.origins[row], rows.tile, rows.length)
        inner_x, scene_x = _inside(columns.origins[column], columns.tile, columns.length)
        share = np.outer(rows.weights[row, inner_y], columns.weights[column, inner_x])
        place = slice(scene_y.start - self._top, scene_y.stop - self._top)
        self._sums[:, place, scene_x] += values[:, inner_y, inner_x] * share

    def finish(self, row: int) -> NDArray[np.float32]:
        """Rows ``[K, n, W]`` of the scene that are complete once a row of windows is; n may be 0."""
        count = self.grid.finished(row) - self._top
        done = self._sums[:, :count].astype(np.float32)
        kept = self._sums.shape[1] - count
        self._sums[:, :kept] = self._sums[:, count:]
        self._sums[:, kept:] = 0
        self._top += count
        return done


def _inside(origin: int, tile: int, length: int) -> tuple[slice, slice]:
    """The part of a window that lies in the scene: within the window, and within the scene."""
    start, stop = max(origin, 0), min(origin + tile, length)
    return slice(start - origin, stop - origin), slice(start, stop)
