"""Scores of class maps, from torchmetrics, named as users see them.

With two classes the headline score is the foreground's; with more it is the mean over the classes that occur.

Example:
    >>> scores = segmentation_scores(("background", "building"))
    >>> scores.update(torch.tensor([[1, 0]]), torch.tensor([[1, 1]]))
    >>> headline(scores.compute(), ("background", "building"))["iou"]
    0.5
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
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


def counted(confusion: NDArray[np.int64]) -> dict[str, torch.Tensor]:
    """What :func:`segmentation_scores` computes, from pixels, rows truth and columns prediction; 0 for 0 / 0."""
    pixels = torch.from_numpy(np.asarray(confusion)).double()
    hit, truth, said = pixels.diagonal(), pixels.sum(1), pixels.sum(0)
    missed, false = truth - hit, said - hit
    right = pixels.sum() - hit - missed - false
    return {
        "iou": _ratio(hit, hit + missed + false),
        "f1": _ratio(2 * hit, truth + said),
        "precision": _ratio(hit, said),
        "recall": _ratio(hit, truth),
        "counts": torch.stack([hit, false, right, missed, truth], dim=1),
        "acc": _ratio(hit.sum(), pixels.sum()),
    }


def named_scores(confusions: NDArray[np.int64], classes: tuple[str, ...], pooled: str | None) -> dict[str, float]:
    """The scores that :class:`Scores` streams, from the pixels ``[N, K, K]`` of N chips."""
    together = None if pooled is None else counted(_foreground(confusions).sum(axis=0))
    scores = _named(counted(confusions.sum(axis=0)), together, classes, pooled)
    return scores if pooled is None else scores | _detection_scores(confusions)


def constant_baseline(confusion: NDArray[np.int64], classes: tuple[str, ...]) -> tuple[dict[str, float], str]:
    """Scores of the constant answer with the best headline IoU, and the class that it gives everywhere."""
    answers = {}
    for value, name in enumerate(classes):
        constant = np.zeros_like(confusion)
        constant[:, value] = confusion.sum(axis=1)
        answers[name] = headline(counted(constant), classes)
    best = max(answers, key=lambda name: answers[name]["iou"])
    return answers[best], best


def _ratio(part: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
    return torch.where(whole > 0, part / whole.clamp(min=1), 0.0)


def _foreground(confusions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Counts ``[N, 2, 2]`` with all classes but the first as one."""
    background, said = confusions[:, :1], confusions[:, 1:].sum(axis=1, keepdims=True)
    rows = np.concatenate([background, said], axis=1)
    return np.concatenate([rows[:, :, :1], rows[:, :, 1:].sum(axis=2, keepdims=True)], axis=2)


def _detection_scores(confusions: NDArray[np.int64]) -> dict[str, float]:
    """Whether a chip shows any foreground, asked of every chip that has a pixel to score."""
    shown = confusions[confusions.sum(axis=(1, 2)) > 0]
    if not len(shown):
        return {}
    true, said = shown[:, 1:].sum(axis=(1, 2)) > 0, shown[:, :, 1:].sum(axis=(1, 2)) > 0
    chips = np.bincount(2 * true + said, minlength=4).reshape(2, 2)
    scores = headline(counted(chips), ("background", "foreground"))
    return {f"detection_{name}": scores[name] for name in ("acc", "precision", "recall", "f1")}


def _named(
    computed: dict[str, torch.Tensor],
    together: dict[str, torch.Tensor] | None,
    classes: tuple[str, ...],
    pooled: str | None,
) -> dict[str, float]:
    """Headline and per class scores, and the pooled ones where there are any."""
    scores = headline(computed, classes)
    if len(classes) > 2:
        scores["macro_iou"] = scores["iou"]
    if together is not None:
        one = headline(together, ("background", "foreground"))
        scores |= {f"{pooled}_{name}": one[name] for name in ("iou", "f1", "precision", "recall")}
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
        together = None if self.pooled is None else self.together.compute()
        scores = _named(self.by_class.compute(), together, self.classes, self.pooled)
        if self.pooled is not None and self.detection["acc"].update_called:
            scores |= {f"detection_{name}": float(value) for name, value in self.detection.compute().items()}
        return scores

    def reset(self) -> None:
        """Begin anew."""
        for collection in (self.by_class, self.together, self.detection):
            collection.reset()


def activate(logits: torch.Tensor) -> torch.Tensor:
    """Probabilities of logits ``[B, K, H, W]``: sigmoid for K = 1, softmax over the classes otherwise."""
    return torch.sigmoid(logits) if logits.shape[1] == 1 else torch.softmax(logits, dim=1)
