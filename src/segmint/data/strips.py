"""Stub."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Setting:
    """Stub."""

    seed: int

    @classmethod
    def draw(cls, draw: np.random.Generator) -> "Setting":
        """Stub."""
        return cls(int(draw.integers(10**6)))


def draw_strip(
    draw: np.random.Generator, height: int, width: int, setting: Setting
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Stub until the drawing is done: a white bar on grey."""
    image = draw.integers(90, 130, (3, height, width)).astype(np.uint8)
    mask = np.zeros((height, width), np.uint8)
    left = int(draw.integers(width // 4, width // 2))
    bar = (slice(height // 8, height - height // 8), slice(left, left + width // 12))
    image[:, *bar] += 110
    mask[bar] = 1
    mask[height // 3 : height // 2, bar[1]] = 2
    mask[height // 3 + 10 : height // 3 + 13, bar[1]] = 3
    return image, mask
