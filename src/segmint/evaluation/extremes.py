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
    def best(self) -> list[Example]:
        """Best first; nothing is among the best and the worst."""
        return [example for _, _, example in self._kept[::-1][: self._each]]

    @property
    def worst(self) -> list[Example]:
        """Worst first."""
        return [example for _, _, example in self._kept[: self._each]]

    @property
    def _each(self) -> int:
        return min(self.count, (self._offered + 1) // 2)


def reduced(example: Example) -> Example:
    """Every n-th pixel of an example that is too large to be shown."""
    step = -(-max(example.target.shape) // _EDGE)
    part = (..., slice(None, None, step), slice(None, None, step))
    arrays = (example.raw, example.target, example.probability, example.prediction)
    raw, target, probability, prediction = (np.ascontiguousarray(array[part]) for array in arrays)
    return Example(example.stem, raw, target, probability, prediction)
