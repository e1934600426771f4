"""Streamed counts of probabilities: what every threshold would score, and how far a probability can be believed.

Example:
    >>> counts = ThresholdCounts()
    >>> counts.update(np.array([0.2, 0.9]), np.array([0, 1]))
    >>> counts.points()[10]
    (0.2, 0.5, 1.0)
"""

import numpy as np

from segmint.data.chips import IGNORE

BINS = 15
"""Of the calibration error."""


class ThresholdCounts:
    """Pixels per probability step and truth, streamed; gives every threshold's IoU, precision and recall.

    Args:
        steps: Number of equal steps of probability between 0 and 1.
    """

    def __init__(self, steps: int = 1000) -> None:
        self.steps = steps
        self.counts = np.zeros((2, steps), np.int64)

    def update(self, probability: np.ndarray, target: np.ndarray) -> None:
        """Add foreground probabilities ``[N]`` in 0..1 and their class values ``[N]`` (0 or 1)."""
        place = np.minimum((probability * self.steps).astype(np.int64), self.steps - 1)
        for truth in (0, 1):
            self.counts[truth] += np.bincount(place[target == truth], minlength=self.steps)

    def add(self, probabilities: np.ndarray, truth: np.ndarray) -> None:
        """Add foreground probabilities ``[B, 1, H, W]`` beside class values ``[B, H, W]``, 255 where none counts."""
        known = truth != IGNORE
        self.update(probabilities[:, 0][known], truth[known])

    def curve(self) -> np.ndarray:
        """Rows of (threshold, precision, recall, IoU); a pixel counts as foreground from the threshold upwards."""
        false = self.counts[0][::-1].cumsum()[::-1]
        true = self.counts[1][::-1].cumsum()[::-1]
        positives = max(int(self.counts[1].sum()), 1)
        thresholds = np.arange(self.steps) / self.steps
        chosen = np.maximum(true + false, 1)
        return np.stack([thresholds, true / chosen, true / positives, true / (positives + false)], axis=1)

    def points(self) -> tuple[tuple[float, float, float], ...]:
        """(threshold, precision, recall) at every 20th step, to be drawn."""
        return tuple((float(t), float(p), float(r)) for t, p, r, _ in self.curve()[::20])

    def best_threshold(self) -> float:
        """The threshold with the highest IoU, the nearest to 0.5 among equals; 0.5 without foreground."""
        if self.counts[1].sum() == 0:
            return 0.5
        curve = self.curve()[1:]
        best = curve[curve[:, 3] >= curve[:, 3].max() - 1e-12]
        return float(best[np.abs(best[:, 0] - 0.5).argmin(), 0])


class ReliabilityCounts:
    """Probabilities in equal bins, and how often what they said was so.

    For two classes the probability is the foreground's, for more that of the chosen class, as torchmetrics has it.
    """

    def __init__(self) -> None:
        self.sums = np.zeros((3, BINS))

    def update(self, probability: np.ndarray, so: np.ndarray) -> None:
        """Add probabilities ``[N]`` in 0..1, and ``[N]``, whether it was so."""
        place = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
        for row, weights in enumerate((np.ones(len(place)), probability, so)):
            self.sums[row] += np.bincount(place, weights, BINS)

    def add(self, probabilities: np.ndarray, answer: np.ndarray, truth: np.ndarray) -> None:
        """Add probabilities ``[B, K, H, W]`` and answers ``[B, H, W]`` beside the truth, 255 where none counts."""
        known = truth != IGNORE
        if probabilities.shape[1] == 1:
            self.update(probabilities[:, 0][known], truth[known] == 1)
        else:
            self.update(probabilities.max(axis=1)[known], answer[known] == truth[known])

    def bins(self) -> tuple[tuple[float, float, int], ...]:
        """Mean probability, share that was so and number of pixels of each bin that has any."""
        return tuple((total / count, so / count, int(count)) for count, total, so in self.sums.T if count)

    def error(self) -> float:
        """Expected calibration error, 0..1 (Naeini et al. 2015, with the mean absolute difference)."""
        count, total, so = self.sums
        return float(np.abs(total - so).sum() / max(count.sum(), 1))
