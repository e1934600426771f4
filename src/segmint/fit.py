"""How a whole image comes into the tile of a model, and the model's answer back onto the image's own pixels.

Both ways are bilinear with antialiasing, as in Pillow and torch: a new pixel is the weighted mean of the pixels around
its centre, with triangular weights that reach one pixel of the coarser grid to each side. On the way in, pixels without
a value have no weight. Values are read by rows, so that memory does not grow with the image. Sums are taken in a fixed
order, so that every reader of an image gets the same tile to the last bit.

The Esri package and the programs of the model card carry this module's code, as they cannot import it: it needs numpy
alone.

Example:
    >>> fit = Fit.of("letterbox", (960, 540), (512, 512))
    >>> fit.scaled
    (512, 288)
    >>> tile = fit.into_tile(lambda row, count: (image[:, row : row + count], valid[row : row + count]))
    >>> fit.onto_image(predict(tile[None])[0], 0, 960).shape
    (1, 960, 540)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROWS = 256
"""Rows of an image that are read at once."""


@dataclass(frozen=True)
class Fit:
    """Where an image stands in a tile.

    Attributes:
        image: Height and width of the image in pixels.
        tile: Height and width of the tile.
        scaled: Height and width that the image takes of the tile, from the upper left corner; the rest is reflected.
    """

    image: tuple[int, int]
    tile: tuple[int, int]
    scaled: tuple[int, int]

    @classmethod
    def of(cls, kind: str, image: tuple[int, int], tile: tuple[int, int]) -> "Fit":
        """The fit of an image: ``letterbox`` keeps its aspect, ``resize`` fills the tile, ``tile`` keeps its size."""
        if kind == "letterbox":
            ratio = min(tile[0] / image[0], tile[1] / image[1])
            return cls(image, tile, (max(round(image[0] * ratio), 1), max(round(image[1] * ratio), 1)))
        return cls(image, tile, tile if kind == "resize" else image)

    def scale(self, read: Callable[[int, int], tuple[NDArray[np.generic], NDArray[np.bool_]]]) -> NDArray[np.float32]:
        """The image ``[C, *scaled]``; whole numbers stay whole.

        A new pixel is the mean of those around it that have a value: what stands in an empty one is in no mean. It is
        NaN where the nearest pixel of the image has none.

        Args:
            read: First row and number of rows -> values ``[C, n, W]`` as stored, and where there are any, ``[n, W]``.
        """
        rows, row_weights = _weights(self.image[0], self.scaled[0])
        columns, column_weights = _weights(self.image[1], self.scaled[1])
        middle_rows, middle_columns = self._middles()
        parts = []
        step = max(ROWS * self.scaled[0] // self.image[0], 1)
        for first in range(0, self.scaled[0], step):
            chosen = slice(first, first + step)
            top, bottom = int(rows[chosen].min()), int(rows[chosen].max()) + 1
            places = (rows[chosen] - top, row_weights[chosen], columns, column_weights)
            values, valid = read(top, bottom - top)
            known = valid & np.isfinite(values)
            if known.all():
                part = _mean(values, *places)
            else:
                share = _mean(known, *places) / _mean(np.ones_like(known[:1]), *places)  # exactly 1 if none is empty
                nearest = known[:, middle_rows[chosen] - top][:, :, middle_columns]
                share[~nearest] = np.nan
                part = _mean(np.where(known, values, 0), *places) / share
            parts.append(np.rint(part) if values.dtype.kind in "iu" else part)
        return np.concatenate(parts, axis=1)

    def nearest(self, planes: NDArray[Any]) -> NDArray[Any]:
        """Planes ``[..., H, W]`` of numbers that have no mean, such as classes, at the size ``scaled``."""
        rows, columns = self._middles()
        return np.asarray(planes[..., rows, :][..., columns])

    def pad(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values ``[C, *scaled]`` reflected to ``[C, *tile]``, the pixel at the edge included."""
        below, right = (whole - part for whole, part in zip(self.tile, self.scaled, strict=True))
        return np.pad(values, ((0, 0), (0, below), (0, right)), mode="symmetric") if below or right else values

    def into_tile(
        self, read: Callable[[int, int], tuple[NDArray[np.generic], NDArray[np.bool_]]]
    ) -> NDArray[np.float32]:
        """The tile ``[C, *tile]`` as the network takes it, NaN where the nearest pixel of the image has no value.

        Args:
            read: First row and number of rows -> values ``[C, n, W]`` as stored, and where there are any, ``[n, W]``.
        """
        return self.pad(self.scale(read))

    def onto_image(self, answer: NDArray[np.float32], top: int, count: int) -> NDArray[np.float32]:
        """Rows of an answer ``[K, *tile]``, probabilities for example, on the image's own pixels, ``[K, count, W]``."""
        rows, row_weights = _weights(self.scaled[0], self.image[0])
        columns, column_weights = _weights(self.scaled[1], self.image[1])
        chosen = slice(top, top + count)
        seen = answer[:, : self.scaled[0], : self.scaled[1]].astype(np.float32)
        tall = _along_rows(seen, rows[chosen], row_weights[chosen])
        return _along_columns(tall, columns, column_weights).clip(0, 1)

    def _middles(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows and columns of the image in which the middles of the new pixels lie."""
        return middle(self.image[0], self.scaled[0]), middle(self.image[1], self.scaled[1])


def upright(values: NDArray[Any], orientation: int) -> NDArray[Any]:
    """A photograph ``[C, H, W]`` turned as its EXIF orientation, 1 to 8, asks for (EXIF 2.32, tag 274)."""
    if orientation in (5, 6, 7, 8):
        values = values.transpose(0, 2, 1)
    if orientation in (2, 3, 6, 7):
        values = values[:, :, ::-1]
    if orientation in (3, 4, 7, 8):
        values = values[:, ::-1]
    return values


def middle(length: int, new: int) -> NDArray[np.intp]:
    """The pixel of a line of ``length`` in which the middle of each of ``new`` pixels lies."""
    return (2 * np.arange(new) + 1) * length // (2 * new)


def _weights(length: int, new: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Pixels of a line that each of ``new`` pixels is a mean of, and their weights, ``[new, n]`` each."""
    centre = (np.arange(new) + 0.5) * length / new - 0.5
    reach = max(length / new, 1.0)
    places = np.floor(centre - reach).astype(int)[:, None] + np.arange(1, int(np.ceil(2 * reach)) + 1)
    weights = np.maximum(1 - np.abs(places - centre[:, None]) / reach, 0)
    weights[(places < 0) | (places >= length)] = 0
    places = np.where(weights > 0, places, middle(length, new)[:, None])  # NaN times nothing would be NaN
    return places, (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _mean(
    values: NDArray[np.generic],
    rows: NDArray[np.intp],
    row_weights: NDArray[np.float32],
    columns: NDArray[np.intp],
    column_weights: NDArray[np.float32],
) -> NDArray[np.float32]:
    narrow = _along_columns(values.astype(np.float32), columns, column_weights)
    return _along_rows(narrow, rows, row_weights)


def _along_rows(
    values: NDArray[np.float32], rows: NDArray[np.intp], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    total = np.zeros((values.shape[0], len(rows), values.shape[2]), np.float32)
    for place, weight in zip(rows.T, weights.T, strict=True):
        total += values[:, place] * weight[:, None]
    return total


def _along_columns(
    values: NDArray[np.float32], columns: NDArray[np.intp], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    total = np.zeros((*values.shape[:2], len(columns)), np.float32)
    for place, weight in zip(columns.T, weights.T, strict=True):
        total += values[:, :, place] * weight
    return total
