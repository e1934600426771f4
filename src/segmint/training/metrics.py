"""Scores of class maps, from torchmetrics, named as users see them.

With two classes the headline score is the foreground's; with more it is the mean over the classes.

Example:
    >>> scores = segmentation_scores(("background", "building"))
    >>> scores.update(torch.tensor([[1, 0]]), torch.tensor([[1, 1]]))
    >>> headline(scores.compute(), ("background", "building"))["iou"]
    0.5
"""

from typing import Any

import torch
from torchmetrics import MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassF1Score,
    MulticlassJaccardIndex,
    MulticlassPrecision,
    MulticlassRecall,
)

from segmint.data.labels import IGNORE


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
            "acc": MulticlassAccuracy(num_classes=count, average="micro", ignore_index=IGNORE, validate_args=False),
        }
    )


def headline(computed: dict[str, torch.Tensor], classes: tuple[str, ...]) -> dict[str, float]:
    """Headline scores (``iou``, ``f1``, ``precision``, ``recall``, ``acc``) and ``<score>_<class>`` of each class."""
    scores = {"acc": float(computed["acc"])}
    for name in ("iou", "f1", "precision", "recall"):
        per_class = computed[name].tolist()
        scores[name] = per_class[1] if len(classes) == 2 else sum(per_class) / len(per_class)
        scores |= {f"{name}_{label}": value for label, value in zip(classes, per_class, strict=True)}
    return scores


def class_map(probabilities: torch.Tensor, threshold: float) -> torch.Tensor:
    """Class values ``[B, H, W]`` of probabilities ``[B, K, H, W]``: threshold for K = 1, else the largest."""
    if probabilities.shape[1] == 1:
        return (probabilities[:, 0] >= threshold).long()
    return probabilities.argmax(dim=1)


def activate(logits: torch.Tensor) -> torch.Tensor:
    """Probabilities of logits ``[B, K, H, W]``: sigmoid for K = 1, softmax over the classes otherwise."""
    return torch.sigmoid(logits) if logits.shape[1] == 1 else torch.softmax(logits, dim=1)
