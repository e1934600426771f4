"""Tiles in rows of image, truth and prediction, as one picture.

Example:
    >>> gallery(examples, session.source, session.classes).shape
    (272, 204, 3)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segmint.drawing.pictures import class_picture, picture
from segmint.interface import Class, Input

if TYPE_CHECKING:
    from segmint.evaluation.results import Example

_GAP = 4
"""Pixels of white between pictures."""


def gallery(examples: Sequence[Example], source: Input, classes: Sequence[Class]) -> NDArray[np.uint8]:
    """Draw tiles of one size below each other.

    Args:
        examples: The tiles.
        source: The raster that the model takes.
        classes: All classes, by value.

    Returns:
        A picture ``[H, W, 3]``.
    """
    rows = [
        np.concatenate(
            [
                _framed(drawn)
                for drawn in (
                    picture(shown.raw, source),
                    class_picture(shown.target, classes),
                    class_picture(shown.prediction, classes),
                )
            ],
            axis=1,
        )
        for shown in examples
    ]
    return np.concatenate(rows)


def _framed(drawn: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.pad(drawn, ((0, _GAP), (0, _GAP), (0, 0)), constant_values=255)
