"""Test-time augmentation: the mean of what a model answers to a window turned and mirrored in every way.

The eight symmetries of the square (the dihedral group D4); four of them where windows are not square.

Example:
    >>> predict = symmetric(backend.predict)
"""

import numpy as np
from numpy.typing import NDArray

from segmint.inference.protocols import Predict


def symmetric(predict: Predict) -> Predict:
    """The same model, asked in every orientation."""

    def mean(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        square = windows.shape[2] == windows.shape[3]
        total: NDArray[np.float64] | None = None
        for turns in range(0, 4, 1 if square else 2):
            for mirrored in (False, True):
                answer = _restored(predict(_turned(windows, turns, mirrored)), turns, mirrored)
                total = answer.astype(np.float64) if total is None else total + answer
        assert total is not None
        return (total / (8 if square else 4)).astype(np.float32)

    return mean


def _turned(windows: NDArray[np.float32], turns: int, mirrored: bool) -> NDArray[np.float32]:
    turned = np.rot90(windows, turns, axes=(2, 3))
    return np.ascontiguousarray(turned[..., ::-1] if mirrored else turned)


def _restored(answers: NDArray[np.float32], turns: int, mirrored: bool) -> NDArray[np.float32]:
    return np.rot90(answers[..., ::-1] if mirrored else answers, -turns, axes=(2, 3))
