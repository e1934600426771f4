"""Windows over a scene of any size: where each begins, and how much each counts at every pixel.

A scene is widened by half the overlap on every side, so that a pixel at the edge of the scene lies as far inside a
window as any other; what lies outside is reflected. The last window ends where the widened scene ends.

Example:
    >>> axis = Axis(length=600, tile=256, stride=192)
    >>> axis.origins
    (-32, 160, 352, 376)
    >>> axis.weights.shape
    (4, 256)
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from segmint.contract import ModelContract
from segmint.errors import ModelError

_EDGE_SIGMAS = 4.0
"""Standard deviations from the middle of a window to its edge, as in nnU-Net (Isensee et al. 2021)."""


@dataclass(frozen=True)
class Axis:
    """Windows along one axis of a scene.

    Attributes:
        length: Pixels of the scene.
        tile: Pixels of a window.
        stride: Pixels between the origins of neighbouring windows, 1 to ``tile``.
    """

    length: int
    tile: int
    stride: int

    @cached_property
    def origins(self) -> tuple[int, ...]:
        """First pixel of each window; negative where a window begins outside the scene."""
        first = -((self.tile - self.stride) // 2)
        last = self.length - first - self.tile
        if last <= first:
            return (first,)
        return (*range(first, last, self.stride), last)

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """``[windows, tile]``: the share of each window at each of its pixels; 0 outside the scene.

        A Gaussian around the middle of the window, divided by the sum over all windows, so that the shares of every
        pixel of the scene add up to 1. A pixel is at most 4 standard deviations from the middle: nothing underflows.
        """
        away = (np.arange(self.tile) - (self.tile - 1) / 2) / (self.tile / 2)
        bell = np.exp(-0.5 * (_EDGE_SIGMAS * away) ** 2)
        places = np.array(self.origins)[:, None] + np.arange(self.tile)
        inside = (places >= 0) & (places < self.length)
        total = np.bincount(places[inside], np.broadcast_to(bell, places.shape)[inside], self.length)
        return np.where(inside, bell / total[places.clip(0, self.length - 1)], 0.0)

    def reflected(self, window: int) -> NDArray[np.intp]:
        """``[tile]``: the pixel of the scene that stands at each place of a window, mirrored at the scene's edges.

        The edge pixel itself is not repeated, and a scene shorter than the window is mirrored again and again.
        """
        places = np.abs(self.origins[window] + np.arange(self.tile))
        period = max(2 * (self.length - 1), 1)
        folded = places % period
        return np.minimum(folded, period - folded) if self.length > 1 else np.zeros(self.tile, np.intp)


@dataclass(frozen=True)
class WindowGrid:
    """Windows over a scene, in rows of windows.

    Attributes:
        rows: The axis down.
        columns: The axis across.
    """

    rows: Axis
    columns: Axis

    @classmethod
    def over(cls, height: int, width: int, tile: tuple[int, int], stride: int) -> "WindowGrid":
        """Windows of ``tile`` (height, width) over a scene of ``height`` and ``width`` pixels."""
        return cls(Axis(height, tile[0], min(stride, tile[0])), Axis(width, tile[1], min(stride, tile[1])))

    def finished(self, row: int) -> int:
        """Scene rows that no window after those of a row of windows touches: all before this one."""
        origins = self.rows.origins
        return max(origins[row + 1], 0) if row + 1 < len(origins) else self.rows.length

    def first_touching(self, scene_row: int) -> int:
        """The first row of windows that touches a row of the scene."""
        ends = [origin + self.rows.tile for origin in self.rows.origins]
        return next(number for number, end in enumerate(ends) if end > scene_row)


def require_stride(stride: int, contract: ModelContract) -> None:
    """Refuse a stride that leaves gaps between windows.

    Raises:
        ModelError: It is larger than the model's tile.
    """
    most = min(contract.height, contract.width)
    if stride > most:
        raise ModelError(f"stride {stride} leaves gaps", f"at most the tile, {most}")
