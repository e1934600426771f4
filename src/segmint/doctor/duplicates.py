"""Chips that show the same picture: once for training and once more for a test, they make scores too good.

Candidates are found by the DCT hash (pHash: Zauner 2010, Implementation and benchmarking of perceptual image hash
functions): the signs of the 63 lowest frequencies against their median. It survives brightness, JPEG and small shifts,
but chips of one place may share it. A candidate counts only where the fine structure agrees too: the correlation of
both 64 x 64 px thumbnails without their local mean, at the best shift of up to 4 px.

Example:
    >>> pairs = find([Likeness.of(planes) for planes in thumbnails])  # each [P, 64, 64]
    >>> pairs[0].one, pairs[0].other, pairs[0].likeness
    (3, 17, 0.98)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EDGE = 64
"""Edge of a thumbnail in pixels."""
ALIKE = 0.5
"""Correlation from which two chips show the same picture.

Set by looking at drawn camps, Banepa, nuclei and strips: different chips reached 0.2, copies with other light, as JPEG
or moved a little 0.65 and more. Copies cropped and enlarged by 3 to 6 % fell to 0.37, so that some are missed.
"""

_KEPT = 8
_FARTHEST = 22
"""Bits of 63 that hashes of candidates may differ by."""
_WINDOW, _SHIFT = 9, 4
_ROWS = 256


@dataclass(frozen=True)
class Likeness:
    """What two chips are compared by.

    Attributes:
        hash: ``[63]``, 1 and -1, of the first plane.
        detail: ``[P, 64, 64]`` float16, thumbnails without their local mean and of length 1; 0 where nothing is seen.
    """

    hash: NDArray[np.int8]
    detail: NDArray[np.float16]

    @classmethod
    def of(cls, planes: NDArray[np.float32]) -> "Likeness":
        """Of thumbnails ``[P, 64, 64]``."""
        detail = np.stack([plane - _local_mean(plane) for plane in planes])
        length = np.sqrt((detail**2).sum(axis=(1, 2), keepdims=True))
        seen = length > 1e-4 * np.abs(planes).sum(axis=(1, 2), keepdims=True) / EDGE
        unit = np.divide(detail, length, out=np.zeros_like(detail), where=seen)
        half = planes[0].reshape(EDGE // 2, 2, EDGE // 2, 2).mean(axis=(1, 3))
        return cls(_dct_hash(half), unit.astype(np.float16))


@dataclass(frozen=True)
class Pair:
    """Two chips that show the same picture.

    Attributes:
        one: Position of the first.
        other: Position of the second, larger.
        likeness: Correlation of the fine structure, up to 1.
    """

    one: int
    other: int
    likeness: float


def find(likenesses: Sequence[Likeness]) -> list[Pair]:
    """Every pair that shows the same picture, the likest first."""
    if not likenesses:
        return []
    hashes = np.stack([item.hash for item in likenesses]).astype(np.float32)
    pairs = []
    for one in range(len(likenesses) - 1):
        distances = (hashes.shape[1] - hashes[one + 1 :] @ hashes[one]) / 2
        near = (np.flatnonzero(distances <= _FARTHEST) + one + 1).tolist()
        for start in range(0, len(near), _ROWS):
            others = near[start : start + _ROWS]
            scores = _correlations(likenesses[one], [likenesses[other] for other in others])
            pairs += [Pair(one, other, score) for other, score in zip(others, scores, strict=True) if score >= ALIKE]
    return sorted(pairs, key=lambda pair: -pair.likeness)


def _correlations(one: Likeness, others: Sequence[Likeness]) -> list[float]:
    """Best correlation within the allowed shifts; of several planes that count the least one."""
    spectrum = np.fft.rfft2(one.detail.astype(np.float32))
    products = spectrum * np.fft.rfft2(np.stack([item.detail for item in others]).astype(np.float32)).conj()
    surfaces = np.roll(np.fft.irfft2(products, s=(EDGE, EDGE)), (_SHIFT, _SHIFT), (-2, -1))
    best = surfaces[..., : 2 * _SHIFT + 1, : 2 * _SHIFT + 1].max(axis=(-2, -1))
    shown = np.stack([item.detail.any(axis=(1, 2)) | one.detail.any(axis=(1, 2)) for item in others])
    worst = np.where(shown, best, np.inf).min(axis=1)
    return [float(score) for score in np.where(np.isfinite(worst), worst, 0).clip(max=1)]


def _dct_hash(plane: NDArray[np.float32]) -> NDArray[np.int8]:
    """Signs of the lowest frequencies (DCT-II) of a 32 x 32 px plane against their median, without the mean."""
    size = len(plane)
    waves = np.cos(np.pi / size * np.outer(np.arange(_KEPT), np.arange(size) + 0.5))
    lowest = (waves @ plane @ waves.T).ravel()[1:]
    return np.where(lowest > np.median(lowest), 1, -1).astype(np.int8)


def _local_mean(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of the 9 x 9 px around each pixel, the border reflected; by sums over rows and columns."""
    padded = np.pad(plane.astype(np.float64), _WINDOW // 2, mode="reflect")
    sums = np.pad(padded, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    n = _WINDOW
    return np.asarray((sums[n:, n:] - sums[:-n, n:] - sums[n:, :-n] + sums[:-n, :-n]) / n**2, np.float32)
