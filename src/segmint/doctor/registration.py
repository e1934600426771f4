"""Whether labels lie where the images have edges, and how far off if not.

Edges of image and label are compared as orientations: a gradient ``g`` (a complex number) becomes ``g^2 / |g|``, its
angle doubled, so that a roof brighter than the ground and one darker than it agree (Granlund 1978, In search of a
general picture processing operator). Both planes are then correlated over all shifts at once by the Fourier transform
(orientation correlation: Fitch et al. 2002, BMVC). Where nothing agrees the sum is about 0, which a sum of gradient
lengths is not. The confidence is a bootstrap (Efron 1979): how often a redrawn set of tiles gives the same shift.

Example:
    >>> register = Register(classes=2)
    >>> register.add(image, label)  # [C, h, w], [h, w]
    >>> register.shift()
    Shift(right=5, down=-3, ...)
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmint.data.chips import IGNORE

REACH = 12
"""Largest shift that is looked for, in pixels."""
LEAST_TILES = 4
"""Tiles with an edge of a label that an answer needs."""
SURE = 0.9
"""Share of the redrawn sets that must give the same shift."""

_SPAN = 2 * REACH + 1
_SETS, _DRAWN = 64, 200
_LEAST_AGREEMENT = 0.1
_TINY = 1e-12
_STRONGEST = 98
"""Percentile that cuts gradients off, so that a few glaring edges do not decide."""

Surface = NDArray[np.float64]
"""Agreement ``[25, 25]`` by how far the label is moved: down - 12 to 12, right - 12 to 12."""


@dataclass(frozen=True)
class Shift:
    """How far labels lie from the edges of the images.

    Attributes:
        right: Pixels that labels lie too far to the right; negative to the left.
        down: Pixels that labels lie too far down; negative up.
        agreement: At the best shift, in mean gradients of the image per pixel of label edge; 1 and more is strong.
        confidence: Share of the redrawn sets of tiles whose shift is the same to 1.5 px, 0..1.
        surface: Agreement of every shift.
        tiles: Tiles with an edge of a label.
        clear: Whether this can be relied on.
    """

    right: int
    down: int
    agreement: float
    confidence: float
    surface: Surface
    tiles: int
    clear: bool

    @property
    def length(self) -> float:
        """Pixels."""
        return math.hypot(self.right, self.down)


class Register:
    """Collects agreement over the tiles of a dataset; memory does not grow with it.

    Args:
        classes: Number of classes.
    """

    def __init__(self, classes: int) -> None:
        self.classes, self.tiles = classes, 0
        self.sums, self.edges = np.zeros((_SETS, _SPAN, _SPAN)), np.zeros(_SETS)

    def add(self, image: NDArray[np.generic], label: NDArray[np.uint8]) -> None:
        """Take in a tile: values ``[C, h, w]`` and class values ``[h, w]``, 255 ignored."""
        if min(label.shape) <= 2 * _SPAN:
            return
        edges = _label_edges(label, self.classes)
        if not (length := float(np.abs(edges).sum())):
            return
        spectrum = np.fft.fft2(_image_edges(image)) * np.fft.fft2(edges).conj()
        surface = np.roll(np.fft.ifft2(spectrum).real, (REACH, REACH), (0, 1))[:_SPAN, :_SPAN]
        place = self.tiles % _SETS
        self.sums[place] += surface
        self.edges[place] += length
        self.tiles += 1

    def shift(self) -> Shift | None:
        """The shift of all tiles together, or None where no label has an edge."""
        filled = self.edges > 0
        if not filled.any():
            return None
        sums, total = self.sums[filled], float(self.edges.sum())
        surface = sums.sum(axis=0) / total
        best = _peak(surface)
        draws = np.random.default_rng(0).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), _DRAWN)
        redrawn = (draws @ sums.reshape(len(sums), -1)).reshape(_DRAWN, _SPAN, _SPAN)
        same = [math.dist(_peak(other), best) <= 1.5 for other in redrawn]
        down, right = best[0] - REACH, best[1] - REACH
        agreement, confidence = float(surface[best]), sum(same) / _DRAWN
        inside = max(abs(down), abs(right)) < REACH
        clear = self.tiles >= LEAST_TILES and inside and agreement >= _LEAST_AGREEMENT and confidence >= SURE
        return Shift(-right, -down, agreement, confidence, surface, self.tiles, clear)


def _peak(surface: Surface) -> tuple[int, int]:
    row, col = divmod(int(surface.argmax()), _SPAN)
    return row, col


def _doubled(plane: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Gradient of ``[h, w]`` with its angle doubled and its length kept."""
    down, right = np.gradient(plane)
    gradient = right + np.complex64(1j) * down
    length = np.abs(gradient)
    return np.asarray(gradient * gradient / np.maximum(length, _TINY), np.complex64)


def _image_edges(image: NDArray[np.generic]) -> NDArray[np.complex64]:
    """Mean over the bands, each in units of its mean gradient."""
    edges = np.zeros(image.shape[1:], np.complex64)
    for band in np.nan_to_num(image.astype(np.float32), posinf=0, neginf=0):
        doubled = _doubled(band)
        length = np.abs(doubled)
        limit = np.percentile(length, _STRONGEST)
        limited = doubled * np.minimum(1, limit / np.maximum(length, _TINY))
        edges += limited / max(float(length.mean()), _TINY)
    return np.asarray(edges / len(image), np.complex64)


def _label_edges(label: NDArray[np.uint8], classes: int) -> NDArray[np.complex64]:
    """Edges between classes, but not those of ignored pixels nor any nearer to the border than a shift reaches."""
    edges = np.zeros(label.shape, np.complex64)
    inner = (slice(REACH + 1, -REACH - 1),) * 2
    for value in range(1, classes):
        edges[inner] += _doubled((label == value).astype(np.float32))[inner]
    ignored = label == IGNORE
    if ignored.any():
        down, right = np.gradient(ignored.astype(np.float32))
        edges[ignored | (down != 0) | (right != 0)] = 0
    return edges
