"""Scores of a trained task on a split, next to what a constant answer would score.

Example:
    >>> calibration = calibrate(task, val_loader, test_loader)
    >>> evaluation = evaluate(task, test_loader, "test", calibration)
    >>> evaluation.scores["iou"], evaluation.baseline["iou"]
    (0.71, 0.45)
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import DataLoader
from torchmetrics.functional.classification import multiclass_confusion_matrix

from segmint.data.chips import IGNORE
from segmint.data.dataset import Batch, TileDataset
from segmint.evaluation.curves import ThresholdCounts
from segmint.evaluation.metrics import Scores, constant_baseline
from segmint.evaluation.results import ChipCounts, Evaluation, as_matrix
from segmint.models.foreground import segmentation
from segmint.training.calibration import Calibration, PixelSample, fit_temperature
from segmint.training.rivals import Rivals
from segmint.training.task import SegmentationTask

_SAMPLE_PIXELS = 400_000


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
            counts = multiclass_confusion_matrix(prediction, truth, count, ignore_index=IGNORE, validate_args=False)
            counted.append(ChipCounts(stem, as_matrix(counts.numpy())))
    confusion = np.sum([tile.confusion for tile in counted], axis=0)
    baseline, baseline_class = constant_baseline(confusion, task.classes)
    return Evaluation(
        split=split,
        classes=task.classes,
        confusion=as_matrix(confusion),
        scores=scores.named(),
        baseline=baseline,
        baseline_class=baseline_class,
        rivals={name: rival.named() for name, rival in beside.items()},
        tiles=tuple(counted),
        pr_curve=curve.points() if count == 2 else (),
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
