"""Scores of a trained task on a split, next to what a constant answer would score.

Example:
    >>> calibration = calibrate(task, val_loader, test_loader)
    >>> evaluation = evaluate(task, test_loader, "test", calibration)
    >>> evaluation.scores["iou"], evaluation.baseline["iou"]
    (0.71, 0.45)
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader
from torchmetrics.functional.classification import multiclass_confusion_matrix

from segmint.data.chips import IGNORE
from segmint.data.dataset import Batch, TileDataset
from segmint.held_out import HeldOutCounts, headline_iou
from segmint.models.foreground import segmentation
from segmint.training.calibration import Calibration, PixelSample, ThresholdCounts, fit_temperature
from segmint.training.metrics import Scores, headline
from segmint.training.rivals import Rivals
from segmint.training.task import SegmentationTask

Matrix = tuple[tuple[int, ...], ...]
_SAMPLE_PIXELS = 400_000


@dataclass(frozen=True)
class ChipCounts:
    """Pixels of one chip or tile, rows truth and columns prediction."""

    stem: str
    confusion: Matrix

    @property
    def iou(self) -> float | None:
        """Foreground IoU, or the mean over the classes that occur; None where nothing occurs."""
        iou = float(headline_iou(np.array(self.confusion)))
        return None if np.isnan(iou) else iou


@dataclass(frozen=True)
class Evaluation:
    """Scores on one split.

    Attributes:
        split: Name of the split.
        classes: Class names by value.
        confusion: Pixels, rows truth and columns prediction.
        scores: ``iou``, ``f1``, ``precision``, ``recall``, ``acc`` and ``<score>_<class>``, 0..1.
        baseline: The same for the constant answer with the best headline IoU.
        baseline_class: The class which that answer gives everywhere.
        rivals: The same for other answers that need no network, by name.
        tiles: Counts per tile, in the order of the dataset.
        pr_curve: (threshold, precision, recall) of the foreground; empty for several classes.
    """

    split: str
    classes: tuple[str, ...]
    confusion: Matrix
    scores: dict[str, float]
    baseline: dict[str, float]
    baseline_class: str
    rivals: dict[str, dict[str, float]]
    tiles: tuple[ChipCounts, ...]
    pr_curve: tuple[tuple[float, float, float], ...]

    def summary(self) -> str:
        """The headline next to the baselines."""
        lines = [
            f"{self.split}: IoU {self.scores['iou']:.4f}, F1 {self.scores['f1']:.4f}; "
            f"calling every pixel {self.baseline_class} scores IoU {self.baseline['iou']:.4f}"
        ]
        lines += [f"      {name} scores IoU {scores['iou']:.4f}" for name, scores in self.rivals.items()]
        return "\n".join(lines)

    @property
    def chips(self) -> tuple[ChipCounts, ...]:
        """Counts per chip, by stem."""
        sums: dict[str, np.ndarray] = {}
        for tile in self.tiles:
            sums[tile.stem] = sums.get(tile.stem, 0) + np.array(tile.confusion)
        return tuple(ChipCounts(stem, _matrix(sums[stem])) for stem in sorted(sums))

    def counts(self, dataset: str, tiles: str) -> HeldOutCounts:
        """Counts per chip as they are kept for comparisons, with the digests of what they were counted on."""
        chips = self.chips
        confusion = np.array([chip.confusion for chip in chips], np.int64)
        return HeldOutCounts(self.classes, tuple(chip.stem for chip in chips), confusion, dataset, tiles)


def calibrate(task: SegmentationTask, val: DataLoader[Batch], test: DataLoader[Batch]) -> Calibration:
    """Temperature and threshold from the validation split; calibration error measured on the test split."""
    held_out = _pixels(task, val)
    temperature = fit_temperature(held_out)
    wanted = task.recipe.training.threshold
    threshold = 0.5 if wanted == "auto" else wanted
    if held_out.logits.shape[1] == 1 and wanted == "auto":
        counts = ThresholdCounts()
        for probability, target, _ in _answers(task, val, temperature):
            known = target != IGNORE
            counts.update(probability[:, 0][known].numpy(), target[known].numpy())
        threshold = counts.best_threshold()
    measured = _pixels(task, test)
    return Calibration(
        temperature,
        threshold,
        measured.error(1.0),
        measured.error(temperature),
        measured.reliability(temperature),
    )


def evaluate(
    task: SegmentationTask, tiles: DataLoader[Batch], split: str, calibration: Calibration, rivals: Rivals
) -> Evaluation:
    """Score the task and its rivals on a split in one streaming pass, in fp32."""
    dataset = tiles.dataset
    assert isinstance(dataset, TileDataset)
    count = len(task.classes)
    counted: list[ChipCounts] = []
    scores = Scores(task.classes, task.recipe.data.pooled)
    beside = {name: Scores(task.classes, task.recipe.data.pooled) for name in rivals.answers}
    curve = ThresholdCounts()
    for probability, target, positions in _answers(task, tiles, calibration.temperature):
        chosen = segmentation(probability, calibration.threshold)
        scores.update(chosen, target)
        if count == 2:
            known = target != IGNORE
            curve.update(probability[:, 0][known].numpy(), target[known].numpy())
        for position, prediction, truth in zip(positions, chosen, target, strict=True):
            for name, rival in beside.items():
                answer = rivals.answers[name](dataset.read(position)[0])
                rival.update(torch.from_numpy(answer)[None].long(), truth[None])
            stem = dataset.stem(position)
            matrix = multiclass_confusion_matrix(prediction, truth, count, ignore_index=IGNORE, validate_args=False)
            counted.append(ChipCounts(stem, _matrix(matrix.numpy())))
    confusion = np.sum([tile.confusion for tile in counted], axis=0)
    baseline, baseline_class = _constant_baseline(confusion.sum(1), task.classes)
    return Evaluation(
        split=split,
        classes=task.classes,
        confusion=_matrix(confusion),
        scores=scores.named(),
        baseline=baseline,
        baseline_class=baseline_class,
        rivals={name: rival.named() for name, rival in beside.items()},
        tiles=tuple(counted),
        pr_curve=tuple((float(t), float(p), float(r)) for t, p, r, _ in curve.curve()[::20]) if count == 2 else (),
    )


def _answers(
    task: SegmentationTask, tiles: DataLoader[Batch], temperature: float
) -> Iterator[tuple[torch.Tensor, torch.Tensor, list[int]]]:
    """Probabilities, targets (long) and positions of every batch, on the CPU."""
    task.eval()
    for batch in tiles:
        probability = task.probabilities(batch["image"].to(task.device), temperature)
        yield probability.cpu(), batch["target"].long(), batch["tile"].tolist()


def _pixels(task: SegmentationTask, tiles: DataLoader[Batch]) -> PixelSample:
    """A bounded sample of logits and class values, the same number from every tile."""
    dataset = tiles.dataset
    assert isinstance(dataset, TileDataset)
    share = max(1, _SAMPLE_PIXELS // max(1, len(dataset)))
    task.eval()
    logits, targets = [], []
    for batch in tiles:
        with torch.inference_mode():
            answer = task(batch["image"].to(task.device)).float().cpu()
        for tile, scores, target in zip(batch["tile"].tolist(), answer, batch["target"], strict=True):
            known = torch.nonzero(target.flatten() != IGNORE).flatten()
            chosen = known[torch.randperm(len(known), generator=torch.Generator().manual_seed(tile))[:share]]
            logits.append(scores.flatten(1)[:, chosen].T.clone())
            targets.append(target.flatten()[chosen].long())
    return PixelSample(torch.cat(logits).clone(), torch.cat(targets).clone())


def _constant_baseline(truth: np.ndarray, classes: tuple[str, ...]) -> tuple[dict[str, float], str]:
    """Scores of the constant answer with the best headline IoU, from the number of pixels of each true class."""
    answers = {name: headline(_constant(truth, value), classes) for value, name in enumerate(classes)}
    best = max(answers, key=lambda name: answers[name]["iou"])
    return answers[best], best


def _constant(truth: np.ndarray, value: int) -> dict[str, torch.Tensor]:
    """Scores per class when every pixel is called ``value``: its share s is precision and IoU, F1 is 2s / (1 + s)."""
    share = float(truth[value]) / max(int(truth.sum()), 1)
    only = torch.zeros(len(truth))
    only[value] = 1.0
    return {
        "iou": only * share,
        "f1": only * (2 * share / (1 + share)),
        "precision": only * share,
        "recall": only * float(truth[value] > 0),
        "acc": torch.tensor(share),
        "counts": torch.stack([only * share, only * (1 - share), only, (1 - only) * torch.tensor(truth > 0), only], 1),
    }


def _matrix(counts: np.ndarray) -> Matrix:
    return tuple(tuple(int(value) for value in row) for row in counts)
