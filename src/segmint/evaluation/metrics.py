"""Scores of class maps, from counts of pixels, named as users see them.

With two classes the headline score is the foreground's; with more it is the mean over the classes that occur.

Example:
    >>> named_scores(np.array([[[0, 0], [1, 1]]]), ("background", "building"), pooled=None)["iou"]
    0.5
"""

import numpy as np
import torch
from numpy.typing import NDArray

from segmint.data.chips import IGNORE
from segmint.score_names import BY_CLASS


def confusions(answer: torch.Tensor, target: torch.Tensor, classes: int) -> torch.Tensor:
    """Pixels ``[B, K, K]`` of each map, rows truth and columns answer; where the target is 255 none counts.

    Args:
        answer: Class values ``[B, H, W]``.
        target: Likewise, or 255.
        classes: K.
    """
    values = IGNORE + 1
    tile = torch.arange(len(target), device=target.device)[:, None, None]
    code = ((tile * values + target.long()) * classes + answer).flatten()
    bins = len(target) * values * classes
    if code.device.type == "cpu":
        counts = torch.bincount(code, minlength=bins)
    else:  # there it would wait for the largest value; on a processor it is the faster by far
        counts = torch.zeros(bins, dtype=torch.int64, device=code.device).scatter_add_(0, code, torch.ones_like(code))
    return counts.reshape(len(target), values, classes)[:, :classes]


def headline(computed: dict[str, torch.Tensor], classes: tuple[str, ...]) -> dict[str, float]:
    """Headline scores (``iou``, ``f1``, ``precision``, ``recall``, ``acc``) and ``<score>_<class>`` of each class.

    A class that is neither in the truth nor in the answer has no part in a mean.
    """
    scores = {"acc": float(computed["acc"])}
    occurs = computed["counts"][:, [0, 1, 3]].sum(dim=1) > 0  # found, falsely found, missed
    for name in BY_CLASS:
        per_class = computed[name].tolist()
        scores[name] = per_class[1] if len(classes) == 2 else float(computed[name][occurs].mean())
        scores |= {f"{name}_{label}": value for label, value in zip(classes, per_class, strict=True)}
    return scores


def counted(confusion: torch.Tensor) -> dict[str, torch.Tensor]:
    """Scores by class of pixels ``[K, K]``, rows truth and columns answer; 0 for 0 / 0."""
    pixels = confusion.double()
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
    """The scores by their names, from the pixels ``[N, K, K]`` of N chips."""
    pixels = torch.from_numpy(confusions)
    return named(pixels.sum(dim=0), detections(pixels), classes, pooled)


def named(pixels: torch.Tensor, shown: torch.Tensor, classes: tuple[str, ...], pooled: str | None) -> dict[str, float]:
    """Headline and per class scores; with ``pooled`` also ``<pooled>_iou`` ... and ``detection_f1`` ..."""
    scores = headline(counted(pixels), classes)
    if len(classes) > 2:
        scores["macro_iou"] = scores["iou"]
    if pooled is None:
        return scores
    together = headline(counted(_foreground(pixels)), ("background", "foreground"))
    scores |= {f"{pooled}_{name}": together[name] for name in BY_CLASS}
    if shown.sum():
        detected = headline(counted(shown), ("background", "foreground"))
        scores |= {f"detection_{name}": detected[name] for name in ("acc", "precision", "recall", "f1")}
    return scores


def detections(pixels: torch.Tensor) -> torch.Tensor:
    """Whether a map shows any foreground ``[2, 2]``, of the pixels ``[N, K, K]`` of those with a pixel to score."""
    scored = pixels.sum(dim=(1, 2)) > 0
    true, said = pixels[:, 1:].sum(dim=(1, 2)) > 0, pixels[:, :, 1:].sum(dim=(1, 2)) > 0
    rows = [torch.stack([(scored & is_true & is_said).sum() for is_said in (~said, said)]) for is_true in (~true, true)]
    return torch.stack(rows)


def constant_baseline(confusion: NDArray[np.int64], classes: tuple[str, ...]) -> tuple[dict[str, float], str]:
    """Scores of the constant answer with the best headline IoU, and the class that it gives everywhere."""
    answers = {}
    for value, name in enumerate(classes):
        constant = np.zeros_like(confusion)
        constant[:, value] = confusion.sum(axis=1)
        answers[name] = headline(counted(torch.from_numpy(constant)), classes)
    best = max(answers, key=lambda name: answers[name]["iou"])
    return answers[best], best


def _ratio(part: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
    return torch.where(whole > 0, part / whole.clamp(min=1), 0.0)


def _foreground(pixels: torch.Tensor) -> torch.Tensor:
    """Pixels ``[2, 2]`` of ``[K, K]`` with all classes but the first as one."""
    rows = torch.stack([pixels[0], pixels[1:].sum(dim=0)])
    return torch.stack([rows[:, 0], rows[:, 1:].sum(dim=1)], dim=1)


def activate(logits: torch.Tensor) -> torch.Tensor:
    """Probabilities of logits ``[B, K, H, W]``: sigmoid for K = 1, softmax over the classes otherwise."""
    return torch.sigmoid(logits) if logits.shape[1] == 1 else torch.softmax(logits, dim=1)
