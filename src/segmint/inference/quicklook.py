"""A small picture of a scene with its classes on it, gathered while the scene is read, at no cost of its own.

Example:
    >>> look = QuickLook(scene, contract.input)
    >>> run(look, model.predict, contract, stride, batch_size, work, progress)  # reads through it
    >>> look.write(work.classes, contract.output.classes, Path("scene_overlay.png"))
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray

from segmint.drawing.pictures import class_picture, picture
from segmint.inference.layers import Layer
from segmint.inference.protocols import Source
from segmint.interface import Class, Input

_EDGE = 1024
"""Most pixels of the longer side."""

_OPACITY = 0.45


class QuickLook:
    """Hands rows of a scene on and keeps every n-th pixel of them.

    Args:
        source: The scene.
        described: What the model says of its values.
    """

    def __init__(self, source: Source, described: Input) -> None:
        self.source, self.described = source, described
        self.height, self.width = source.height, source.width
        self._step = -(-max(self.height, self.width) // _EDGE)
        self._rows: dict[int, tuple[NDArray[np.generic], NDArray[np.bool_]]] = {}

    def read(self, row: int, count: int) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Rows of the scene, as it gives them."""
        values, valid = self.source.read(row, count)
        for place in range(-row % self._step, count, self._step):
            kept = values[:, place, :: self._step], valid[place, :: self._step]
            self._rows.setdefault(row + place, (kept[0].copy(), kept[1].copy()))
        return values, valid

    def sample(self) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Values ``[C, h, w]`` of every n-th pixel, and where they are valid, ``[h, w]``."""
        for row in self.rows:
            if row not in self._rows:  # finished by an earlier attempt
                self.read(row, 1)
        values = np.stack([self._rows[row][0] for row in self.rows], axis=1)
        return values, np.stack([self._rows[row][1] for row in self.rows])

    def sample_of(self, layer: Layer) -> NDArray[np.generic]:
        """The same pixels ``[channels, h, w]`` of a layer as large as the scene."""
        return np.concatenate([layer.read(row, 1)[:, :, :: self._step] for row in self.rows], axis=1)

    @property
    def rows(self) -> range:
        """Rows that are kept."""
        return range(0, self.height, self._step)

    def write(self, classes: Layer, legend: Sequence[Class], path: Path) -> None:
        """Write a PNG: the scene, every class but the first in its colour upon it, white where there is no value."""
        values, valid = self.sample()
        found = self.sample_of(classes)[0].astype(np.uint8)
        drawn = picture(values, self.described).astype(np.float64)
        marked = (found > 0) & (found < len(legend))
        drawn[marked] += _OPACITY * (class_picture(found, legend)[marked] - drawn[marked])
        drawn[~valid] = 255
        image = drawn.round().astype(np.uint8).transpose(2, 0, 1)
        shape = {"count": 3, "height": image.shape[1], "width": image.shape[2], "dtype": "uint8"}
        with rasterio.open(path, "w", driver="PNG", **shape) as target:
            target.write(image)
