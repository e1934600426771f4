"""What inference is made of: a network that answers, a source of rows, and a target for them.

Example:
    >>> def brightness(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    ...     return windows[:, :1] / np.float32(255)
    >>> run(scene, brightness, contract, stride=192, batch_size=8, target=work, progress=progress)
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Raw values ``[N, C, H, W]`` in stored units to probabilities ``[N, K, H, W]``."""


class Source(Protocol):
    """What is read: rows of a scene."""

    @property
    def height(self) -> int:
        """Rows."""

    @property
    def width(self) -> int:
        """Columns."""

    def read(self, row: int, count: int) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Values ``[C, count, W]`` and where they are valid, ``[count, W]``."""


class Target(Protocol):
    """What is written: rows of a map."""

    @property
    def rows(self) -> int:
        """Rows that stand already."""

    def append(self, probabilities: NDArray[np.float32], valid: NDArray[np.bool_]) -> None:
        """Add rows ``[K, n, W]``, and where they are valid, ``[n, W]``."""
