"""What the network answers after every epoch, as one picture per epoch in the run.

Example:
    >>> gallery = Gallery(session.source, session.classes, run.log_picture)
    >>> gallery.log(1, examples)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segmint.drawing.pictures import class_picture, picture
from segmint.interface import Class, Input

if TYPE_CHECKING:
    from segmint.evaluation.results import Example

_GAP = 4
"""Pixels of white between pictures."""


class Gallery:
    """Draws tiles in rows of image, truth and answer.

    Args:
        source: The raster that the model takes.
        classes: All classes, by value.
        sink: Receives the number of the epoch, from 1, and a picture ``[H, W, 3]``.
    """

    def __init__(self, source: Input, classes: Sequence[Class], sink: Callable[[int, NDArray[np.uint8]], None]) -> None:
        self.source, self.classes, self.sink = source, classes, sink

    def log(self, epoch: int, examples: Sequence[Example]) -> None:
        """Draw an epoch's tiles and hand the picture on."""
        rows = [
            np.concatenate(
                [
                    _framed(drawn)
                    for drawn in (
                        picture(shown.raw, self.source),
                        class_picture(shown.target, self.classes),
                        class_picture(shown.prediction, self.classes),
                    )
                ],
                axis=1,
            )
            for shown in examples
        ]
        self.sink(epoch, np.concatenate(rows))


def _framed(drawn: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.pad(drawn, ((0, _GAP), (0, _GAP), (0, 0)), constant_values=255)
