"""Scores of class maps, from torchmetrics, named as users see them.

With two classes the headline score is the foreground's; with more it is the mean over the classes that occur.

Example:
    >>> scores = segmentation_scores(("background", "building"))
    >>> scores.update(torch.tensor([[1, 0]]), torch.tensor([[1, 1]]))
    >>> headline(scores.compute(), ("background", "building"))["iou"]
    0.5
"""

from typing import Any

import torch
from torch import nn
from torchmetrics import MetricCollection
from torchmetrics.classification import (
    BinaryAccuracy,
    BinaryF1Score,
    BinaryPrecision,
    BinaryRecall,
    MulticlassAccuracy,
    MulticlassF1Score,
    MulticlassJaccardIndex,
    MulticlassPrecision,
    MulticlassRecall,
    MulticlassStatScores,
)

from segmint.data.chips import IGNORE
from segmint.models.foreground import detection


def segmentation_scores(classes: tuple[str, ...]) -> MetricCollection:
    """Metrics over class maps ``[B, H, W]``, streamed; pixels of value 255 do not count."""
    count = len(classes)
    each: dict[str, Any] = {"num_classes": count, "average": "none", "ignore_index": IGNORE, "validate_args": False}
    return MetricCollection(
        {
            "iou": MulticlassJaccardIndex(**each),
            "f1": MulticlassF1Score(**each),
            "precision": MulticlassPrecision(**each),
            "recall": MulticlassRecall(**each),
            "counts": MulticlassStatScores(**each),
            "acc": MulticlassAccuracy(num_classes=count, average="micro", ignore_index=IGNORE, validate_args=False),
        }
    )


def headline(computed: dict[str, torch.Tensor], classes: tuple[str, ...]) -> dict[str, float]:
    """Headline scores (``iou``, ``f1``, ``precision``, ``recall``, ``acc``) and ``<score>_<class>`` of each class.

    A class that is neither in the truth nor in the answer has no part in a mean.
    """
    scores = {"acc": float(computed["acc"])}
    occurs = computed["counts"][:, [0, 1, 3]].sum(dim=1) > 0  # found, falsely found, missed
    for name in ("iou", "f1", "precision", "recall"):
        per_class = computed[name].tolist()
        scores[name] = per_class[1] if len(classes) == 2 else float(computed[name][occurs].mean())
        scores |= {f"{name}_{label}": value for label, value in zip(classes, per_class, strict=True)}
    return scores


class Scores(nn.Module):
    """Streamed scores of class maps: per class, of all classes but the first taken together, and per tile.

    Args:
        classes: Class names by value.
        pooled: What the classes above 0 are together (``fire``), or None to leave the pooled scores out.
    """

    def __init__(self, classes: tuple[str, ...], pooled: str | None = None) -> None:
        super().__init__()
        self.classes, self.pooled = classes, pooled
        self.by_class = segmentation_scores(classes)
        self.together = segmentation_scores(("background", "foreground"))
        self.detection = MetricCollection(
            {"acc": BinaryAccuracy(), "precision": BinaryPrecision(), "recall": BinaryRecall(), "f1": BinaryF1Score()}
        )

    def update(self, answer: torch.Tensor, target: torch.Tensor) -> None:
        """Add class maps ``[B, H, W]``; pixels whose target is 255 do not count."""
        self.by_class.update(answer, target)
        if self.pooled is None:
            return
        known = target != IGNORE
        self.together.update((answer > 0).long(), torch.where(known, (target > 0).long(), IGNORE))
        shown = known.flatten(1).any(1)
        said, true = detection(answer * known)[shown], detection(target * known)[shown]
        if len(said):
            self.detection.update(said.long(), true.long())

    def named(self) -> dict[str, float]:
        """Headline and per class scores; with ``pooled`` also ``<pooled>_iou`` ... and ``detection_f1`` ..."""
        scores = headline(self.by_class.compute(), self.classes)
        if len(self.classes) > 2:
            scores["macro_iou"] = scores["iou"]
        if self.pooled is None:
            return scores
        pooled = headline(self.together.compute(), ("background", "foreground"))
        scores |= {f"{self.pooled}_{name}": pooled[name] for name in ("iou", "f1", "precision", "recall")}
        if self.detection["acc"].update_called:
            scores |= {f"detection_{name}": float(value) for name, value in self.detection.compute().items()}
        return scores

    def reset(self) -> None:
        """Begin anew."""
        for collection in (self.by_class, self.together, self.detection):
            collection.reset()


def activate(logits: torch.Tensor) -> torch.Tensor:
    """Probabilities of logits ``[B, K, H, W]``: sigmoid for K = 1, softmax over the classes otherwise."""
    return torch.sigmoid(logits) if logits.shape[1] == 1 else torch.softmax(logits, dim=1)
