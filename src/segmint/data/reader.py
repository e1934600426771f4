"""Tiles as arrays: cut from their chips, and brought to one size.

Example:
    >>> values, classes = TileReader(chips, split.tiles["val"], 256, "tile").read(5)
    >>> values.shape, classes.shape
    ((3, 256, 256), (256, 256))
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from segmint.data.chips import IGNORE, Chip
from segmint.data.tiles import Tile

Stored = TypeVar("Stored", bound=np.generic)


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
        raw, target = self.chips[tile.chip].read((tile.row, tile.col, tile.height, tile.width))
        return fitted(raw, target, self.size, self.fit)


def fitted(
    raw: NDArray[np.generic], target: NDArray[np.uint8], size: int, fit: str
) -> tuple[NDArray[np.generic], NDArray[np.uint8]]:
    """Bring values ``[C, h, w]`` and classes ``[h, w]`` to one tile of ``size``.

    Tiles that are smaller are reflected, and the border is ignored; ``letterbox`` and ``resize`` scale them first, and
    whole numbers stay whole.
    """
    height, width = target.shape
    if fit != "tile":
        ratio = size / max(height, width)
        letterbox = round(height * ratio), round(width * ratio)
        height, width = letterbox if fit == "letterbox" else (size, size)
        raw = _scaled(raw, height, width, "bilinear")
        target = _scaled(target[None], height, width, "nearest")[0]
    below, right = size - height, size - width
    if below or right:
        raw = np.pad(raw, ((0, 0), (0, below), (0, right)), mode="symmetric")
        target = np.pad(target, ((0, below), (0, right)), constant_values=IGNORE)
    return raw, target


def _scaled(values: NDArray[Stored], height: int, width: int, mode: str) -> NDArray[Stored]:
    if values.shape[-2:] == (height, width):
        return values
    tensor = torch.from_numpy(values.astype(np.float32))[None]
    scaled = interpolate(tensor, (height, width), mode=mode, antialias=mode == "bilinear")[0].numpy()
    whole = np.rint(scaled) if np.issubdtype(values.dtype, np.integer) else scaled
    return np.asarray(whole, values.dtype)
