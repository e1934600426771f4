"""Chips with the trained network's own answer: for the proof of the exports and for people.

Example:
    >>> sample = ParitySample.of(covering(task, dataset, calibration))
    >>> best, worst = extremes(task, dataset, calibration, evaluation, count=3)
"""

import numpy as np
import torch

from segmint.data.dataset import TileDataset
from segmint.evaluation.results import Evaluation, Example
from segmint.models.foreground import segmentation
from segmint.training.calibration import Calibration
from segmint.training.task import SegmentationTask


def example(
    task: SegmentationTask, dataset: TileDataset, position: int, temperature: float, threshold: float
) -> Example:
    """Read one tile by the training reader and answer it by the training path, in fp32."""
    task.eval()
    raw, target = dataset.read(position)
    image = torch.from_numpy(dataset.normaliser(raw))[None].to(task.device)
    probability = task.probabilities(image, temperature).cpu()
    prediction = segmentation(probability, threshold)[0].numpy().astype(np.uint8)
    return Example(dataset.stem(position), raw, target, probability[0].numpy(), prediction)


def covering(task: SegmentationTask, dataset: TileDataset, calibration: Calibration, most: int = 4) -> list[Example]:
    """A few tiles in which every class of the split occurs: the chips of the proof."""
    chosen = showing_every_class(dataset, len(task.classes), most)
    return [example(task, dataset, position, calibration.temperature, calibration.threshold) for position in chosen]


def extremes(
    task: SegmentationTask, dataset: TileDataset, calibration: Calibration, evaluation: Evaluation, count: int
) -> tuple[list[Example], list[Example]]:
    """The tiles with the highest and the lowest IoU, best first and worst first; tiles without IoU are left out."""
    scored = [(tile.iou, position) for position, tile in enumerate(evaluation.tiles) if tile.iou is not None]
    order = [position for _, position in sorted(scored)]
    count = min(count, (len(order) + 1) // 2)
    temperature, threshold = calibration.temperature, calibration.threshold
    best = [example(task, dataset, position, temperature, threshold) for position in order[::-1][:count]]
    worst = [example(task, dataset, position, temperature, threshold) for position in order[:count]]
    return best, worst


def showing_every_class(dataset: TileDataset, classes: int, most: int) -> list[int]:
    """Positions that together show every class, then others spread evenly, ``most`` at the most or one per class."""
    chosen: list[int] = []
    missing = set(range(classes))
    for position in range(len(dataset)):
        found = missing & set(np.unique(dataset.read(position)[1]).tolist())
        if found:
            chosen.append(position)
            missing -= found
        if not missing:
            break
    others = [position for position in range(len(dataset)) if position not in chosen]
    wanted = min(max(0, most - len(chosen)), len(others))
    return chosen + [others[place * len(others) // wanted] for place in range(wanted)]
