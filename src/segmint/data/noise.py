"""Random fields without a preferred direction, of which drawn landscapes, scars and light are made.

White noise is weighed by wavelength, as in the spectral synthesis of Voss 1988 (The Science of Fractal Images, ch. 1).

Example:
    >>> rough_noise(np.random.default_rng(62), 64, 96, cell=16).shape
    (64, 96)
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.floating[Any]]
"""``[..., H, W]``."""


def smooth_noise(draw: np.random.Generator, height: int, width: int, cell: int) -> Plane:
    """Noise ``[H, W]`` in 0..1 about 0.5 whose humps are about ``cell`` pixels wide."""
    pixels, frequency = _spectrum(draw, height, width, cell)
    return _unfold(pixels * np.exp(-((1.2 * frequency) ** 2)), height, width, cell)


def rough_noise(draw: np.random.Generator, height: int, width: int, cell: int) -> Plane:
    """Noise ``[H, W]`` in 0..1 about 0.5 with humps of ``cell`` pixels and ever weaker detail down to one pixel."""
    pixels, frequency = _spectrum(draw, height, width, cell)
    return _unfold(pixels * (1 + (2 * frequency) ** 2) ** -1.0, height, width, cell)


def ranked(field: Plane) -> Plane:
    """The share of pixels that lie below each one, 0..1, so that a threshold is a share of the area."""
    ranks = np.empty(field.size, np.float32)
    ranks[np.argsort(field, axis=None, kind="stable")] = np.linspace(0, 1, field.size, dtype=np.float32)
    return ranks.reshape(field.shape)


def _spectrum(draw: np.random.Generator, height: int, width: int, cell: int) -> tuple[NDArray[Any], Plane]:
    """White noise in the frequency domain and its frequencies in waves per ``cell``.

    The field is wider than asked for by two cells, so that what is kept does not meet its own repetition.
    """
    rows, cols = height + 2 * cell, width + 2 * cell
    white = np.fft.rfft2(draw.standard_normal((rows, cols), np.float32))
    return white, cell * np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(cols))


def _unfold(spectrum: NDArray[Any], height: int, width: int, cell: int) -> Plane:
    field = np.fft.irfft2(spectrum, (height + 2 * cell, width + 2 * cell)).astype(np.float32)
    noise: Plane = np.clip(0.5 + (field - field.mean()) / field.std() / 6, 0, 1)
    return noise[:height, :width]
