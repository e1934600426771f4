"""Tiles as arrays: cut from their chips, and brought to one size.

Example:
    >>> values, classes = TileReader(chips, split.tiles["val"], 256, "tile").read(5)
    >>> values.shape, classes.shape
    ((3, 256, 256), (256, 256))
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from segmint.data.chips import IGNORE, Chip
from segmint.data.tiles import Tile
from segmint.fit import Fit


class TileSource(Protocol):
    """Tiles of one split, of S x S pixels."""

    def __len__(self) -> int: ...

    def stem(self, position: int) -> str:
        """Name of the chip that a tile comes from."""

    def read(self, position: int) -> tuple[NDArray[np.generic], NDArray[np.uint8]]:
        """Values ``[C, S, S]`` as stored and class values ``[S, S]`` of one tile, 255 where a pixel counts nowhere."""


@dataclass(frozen=True)
class TileReader:
    """Tiles, cut from their chips whenever they are read. Smaller ones are reflected to S and the border is ignored.

    Attributes:
        chips: All chips.
        tiles: Tiles of one split.
        size: Edge S of a tile in pixels.
        fit: ``tile``, ``letterbox`` or ``resize``: how a tile comes to that size.
    """

    chips: Sequence[Chip]
    tiles: Sequence[Tile]
    size: int
    fit: str

    def __len__(self) -> int:
        return len(self.tiles)

    def stem(self, position: int) -> str:
        """Name of the chip that a tile comes from."""
        return self.chips[self.tiles[position].chip].stem

    def read(self, position: int) -> tuple[NDArray[np.generic], NDArray[np.uint8]]:
        """Values ``[C, S, S]`` as stored and class values ``[S, S]`` of one tile."""
        tile = self.tiles[position]
        window = (tile.row, tile.col, tile.height, tile.width)
        return fitted(*self.chips[tile.chip].read_masked(window), self.size, self.fit)


def fitted(
    raw: NDArray[np.generic], valid: NDArray[np.bool_], target: NDArray[np.uint8], size: int, fit: str
) -> tuple[NDArray[np.generic], NDArray[np.uint8]]:
    """Bring values ``[C, h, w]`` and classes ``[h, w]`` to one tile of ``size`` by :class:`~segmint.fit.Fit`.

    An empty pixel, False in ``valid`` ``[h, w]``, is in no mean, and stays as it is stored. Borders beside the image
    are reflected, and ignored in the classes.
    """
    height, width = target.shape
    place = Fit.of(fit, (height, width), (size, size))
    if place.scaled != place.image:
        stored = raw
        scaled = place.scale(lambda row, count: (stored[:, row : row + count], valid[row : row + count]))
        raw = np.where(np.isnan(scaled), place.nearest(stored), scaled).astype(stored.dtype)
        target = place.nearest(target)
    below, right = size - place.scaled[0], size - place.scaled[1]
    return place.pad(raw), np.pad(target, ((0, below), (0, right)), constant_values=IGNORE)
