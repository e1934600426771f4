"""Scores of a trained task on a split, next to what a constant answer would score.

Example:
    >>> calibration = calibrate(task, val_loader)
    >>> evaluation, calibration = evaluate(task, test_loader, "test", calibration, rivals)
    >>> evaluation.scores["iou"], evaluation.baseline["iou"]
    (0.71, 0.45)
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from segmint.data.chips import IGNORE
from segmint.data.dataset import Batch, TileDataset
from segmint.evaluation.curves import ReliabilityCounts, ThresholdCounts
from segmint.evaluation.metrics import activate, confusions, constant_baseline, named_scores
from segmint.evaluation.results import ChipCounts, Evaluation, as_matrix
from segmint.models.foreground import segmentation
from segmint.training.calibration import Calibration, PixelSample, choose_temperature, tempered
from segmint.training.rivals import Rivals
from segmint.training.task import SegmentationTask

_SAMPLE_PIXELS = 400_000

_CUTS = 10_000
"""Thresholds that are tried, before the temperature is known: it moves them, and changes nothing of what they cut."""


def calibrate(task: SegmentationTask, val: DataLoader[Batch]) -> Calibration:
    """Temperature and threshold from one streaming pass over the validation split, in fp32.

    A threshold of the recipe is one of the probabilities that exports answer, which the temperature has scaled; the one
    that is found here is moved by the temperature, so that it cuts the same pixels with and without.
    """
    dataset, binary = _dataset(val), len(task.classes) == 2
    share = max(1, _SAMPLE_PIXELS // max(1, len(dataset)))
    logits, targets, chips, counts = [], [], [], ThresholdCounts(_CUTS)
    numbers: dict[str, int] = {}
    for answer, target, positions in _logits(task, val):
        for position, scores, truth in zip(positions, answer, target, strict=True):
            known = (truth.flatten() != IGNORE).nonzero()[:, 0]
            chosen = known[torch.randperm(len(known), generator=torch.Generator().manual_seed(position))[:share]]
            logits.append(scores.flatten(1)[:, chosen].T.clone())
            targets.append(truth.flatten()[chosen].long())
            chips.append(torch.full((len(chosen),), numbers.setdefault(dataset.stem(position), len(numbers))))
        if binary:
            counts.add(activate(answer).numpy(), target.numpy())
    chosen_temperature = choose_temperature(PixelSample(torch.cat(logits), torch.cat(targets), torch.cat(chips)))
    wanted = task.recipe.training.threshold
    if wanted != "auto":
        return Calibration(chosen_temperature, wanted)
    best = tempered(counts.best_threshold(), chosen_temperature.value) if binary else 0.5
    return Calibration(chosen_temperature, best)


def evaluate(
    task: SegmentationTask, loader: DataLoader[Batch], split: str, calibration: Calibration, rivals: Rivals
) -> tuple[Evaluation, Calibration]:
    """Score the task and its rivals on a split in one streaming pass, in fp32.

    Returns:
        The scores, and the calibration with its error on this split.
    """
    dataset, binary = _dataset(loader), len(task.classes) == 2
    matrices: list[NDArray[np.int64]] = []  # ``[K, K]`` of every tile: pixels by truth and answer
    of_rivals: dict[str, list[NDArray[np.int64]]] = {name: [] for name in rivals.answers}
    before, after, curve = ReliabilityCounts(), ReliabilityCounts(), ThresholdCounts()
    for logits, target, positions in _logits(task, loader):
        probability = activate(logits / calibration.temperature)
        chosen = segmentation(probability, calibration.threshold)
        matrices.extend(confusions(chosen, target, len(task.classes)).numpy())
        for counts, believed in ((before, activate(logits)), (after, probability)):
            counts.add(believed.numpy(), chosen.numpy(), target.numpy())
        if binary:
            curve.add(probability.numpy(), target.numpy())
        for name, answer in rivals.answers.items():
            said = np.stack([answer(dataset.read(position)[0]) for position in positions])
            of_rivals[name].extend(confusions(torch.from_numpy(said), target, len(task.classes)).numpy())
    pooled, every = task.recipe.data.pooled, np.stack(matrices)
    baseline, baseline_class = constant_baseline(every.sum(axis=0), task.classes)
    evaluation = Evaluation(
        split=split,
        classes=task.classes,
        confusion=as_matrix(every.sum(axis=0)),
        scores=named_scores(every, task.classes, pooled),
        baseline=baseline,
        baseline_class=baseline_class,
        rivals={name: named_scores(np.stack(counts), task.classes, pooled) for name, counts in of_rivals.items()},
        tiles=tuple(ChipCounts(dataset.stem(place), as_matrix(counts)) for place, counts in enumerate(matrices)),
        pr_curve=curve.points() if binary else (),
    )
    return evaluation, replace(calibration, ece_before=before.error(), ece_after=after.error(), bins=after.bins())


def _dataset(loader: DataLoader[Batch]) -> TileDataset:
    assert isinstance(loader.dataset, TileDataset)
    return loader.dataset


def _logits(
    task: SegmentationTask, loader: DataLoader[Batch]
) -> Iterator[tuple[torch.Tensor, torch.Tensor, list[int]]]:
    """Logits ``[B, K, H, W]``, targets ``[B, H, W]`` and positions of every batch in order, on the CPU."""
    task.eval()
    for batch in loader:
        with torch.inference_mode():
            logits = task(batch["image"].to(task.device)).float().cpu()
        yield logits.clone(), batch["target"], batch["tile"].tolist()
