"""The best and the worst of what was scored, kept while it goes by.

Example:
    >>> extremes = Extremes(count=3)
    >>> extremes.offer(0.71, example)
    >>> best, worst = extremes.best, extremes.worst
"""

import numpy as np

from segmint.evaluation.results import Example

_EDGE = 1024
"""Most pixels of the longer side of what is kept."""


class Extremes:
    """Keeps as many of the best and of the worst examples as are shown.

    Args:
        count: How many of either.
    """

    def __init__(self, count: int) -> None:
        self.count, self._offered = count, 0
        self._kept: list[tuple[float, int, Example]] = []

    def offer(self, iou: float | None, example: Example) -> None:
        """Consider an example; one without IoU is left out."""
        if iou is None:
            return
        self._offered += 1
        self._kept.append((iou, self._offered, reduced(example)))
        self._kept.sort(key=lambda item: item[:2])
        del self._kept[self.count : -self.count]

    @property
    def best(self) -> list[tuple[float, Example]]:
        """With their IoU, best first."""
        most = min(self.count, (self._offered + 1) // 2)
        return [(iou, example) for iou, _, example in self._kept[::-1][:most]]

    @property
    def worst(self) -> list[tuple[float, Example]]:
        """With their IoU, worst first; none of the best is among them."""
        most = min(self.count, self._offered // 2)
        return [(iou, example) for iou, _, example in self._kept[:most]]


def reduced(example: Example) -> Example:
    """Every n-th pixel of an example that is too large to be shown."""
    step = -(-max(example.target.shape) // _EDGE)
    part = (..., slice(None, None, step), slice(None, None, step))
    arrays = (example.raw, example.target, example.probability, example.prediction)
    raw, target, probability, prediction = (np.ascontiguousarray(array[part]) for array in arrays)
    return Example(example.stem, raw, target, probability, prediction)
