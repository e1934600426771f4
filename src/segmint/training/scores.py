"""Streamed scores of an epoch, which stay on the device until they are asked for.

One count of pixels by truth and answer takes a tenth of the time of torchmetrics' own collections; tests hold the two
together.

Example:
    >>> scores = Scores(("background", "building"))
    >>> scores.update(torch.tensor([[[1, 0]]]), torch.tensor([[[1, 1]]]))
    >>> scores.compute()["iou"]
    0.5
"""

import torch
from torch import nn
from torchmetrics import Metric, MetricCollection

from segmint.data.chips import IGNORE
from segmint.evaluation import metrics
from segmint.models.foreground import segmentation
from segmint.score_names import OF_PROBABILITIES


class Scores(Metric):
    """Streamed scores of class maps: per class, of all classes but the first taken together, and per tile.

    Args:
        classes: Class names by value.
        pooled: What the classes above 0 are together (``fire``), or None to leave the pooled scores out.
    """

    full_state_update = False

    def __init__(self, classes: tuple[str, ...], pooled: str | None = None) -> None:
        super().__init__()
        self.classes, self.pooled = classes, pooled
        self.add_state("pixels", torch.zeros(len(classes), len(classes), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("shown", torch.zeros(2, 2, dtype=torch.int64), dist_reduce_fx="sum")
        self.pixels: torch.Tensor
        self.shown: torch.Tensor

    def update(self, answer: torch.Tensor, target: torch.Tensor) -> None:
        """Add class maps ``[B, H, W]``; pixels whose target is 255 do not count."""
        counts = metrics.confusions(answer, target, len(self.classes))
        self.pixels += counts.sum(dim=0)
        if self.pooled is not None:
            self.shown += metrics.detections(counts)

    def compute(self) -> dict[str, float]:
        """The scores by their names."""
        return metrics.named(self.pixels.cpu(), self.shown.cpu(), self.classes, self.pooled)


class Brier(Metric):
    """Brier score: mean over the pixels that count of the squared error of their probabilities, summed over the classes
    (Brier 1950). With one channel, the foreground's, it is 0..1, otherwise 0..2; 0 is perfect.
    """

    full_state_update = False

    def __init__(self) -> None:
        super().__init__()
        self.add_state("error", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("pixels", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.error: torch.Tensor
        self.pixels: torch.Tensor

    def update(self, probability: torch.Tensor, target: torch.Tensor) -> None:
        """Add probabilities ``[B, K, H, W]`` and class values ``[B, H, W]``, 255 where a pixel does not count."""
        known, channels = target != IGNORE, probability.shape[1]
        if channels == 1:
            squared = (probability[:, 0] - (target == 1).float()).square()
        else:  # the sum over the classes of (p - truth) squared, whose truth is 1 in one of them
            of_truth = probability.gather(1, torch.where(known, target, 0).long()[:, None])[:, 0]
            squared = probability.square().sum(dim=1) - 2 * of_truth + 1
        self.error += torch.where(known, squared, 0).sum(dtype=torch.float64)
        self.pixels += known.sum()

    def compute(self) -> torch.Tensor:
        """The score, a scalar; NaN where no pixel counted."""
        return self.error / self.pixels


PROBABILITY_METRICS: dict[str, type[Metric]] = {"brier": Brier}
"""Scores of probabilities by their names; each is updated with probabilities and class values, as :class:`Brier` is."""


class EpochScores(nn.Module):
    """Every score of one split in one epoch.

    Args:
        classes: Class names by value.
        pooled: What the classes above 0 are together, or None.
        threshold: Probability from which a pixel is foreground, with two classes.
    """

    def __init__(self, classes: tuple[str, ...], pooled: str | None, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold
        self.counts = Scores(classes, pooled)
        self.of_probabilities = MetricCollection({name: PROBABILITY_METRICS[name]() for name in OF_PROBABILITIES})

    def update(self, probability: torch.Tensor, target: torch.Tensor) -> None:
        """Add probabilities ``[B, K, H, W]`` and class values ``[B, H, W]``, 255 where a pixel does not count."""
        self.counts.update(segmentation(probability, self.threshold), target)
        self.of_probabilities.update(probability, target)

    def compute(self) -> dict[str, float]:
        """The scores by their names."""
        return self.counts.compute() | {name: float(value) for name, value in self.of_probabilities.compute().items()}

    def reset(self) -> None:
        """Count from nothing."""
        self.counts.reset()
        self.of_probabilities.reset()
