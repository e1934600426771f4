"""Chips with the trained network's own answer: for the proof of the exports and for people.

Example:
    >>> sample = ParitySample.of(covering(task, dataset, calibration))
    >>> best, worst = extremes(task, dataset, calibration, evaluation, count=3)
    >>> example = typical(task, dataset, calibration, evaluation)
"""

from collections.abc import Sequence

import numpy as np
import torch

from segmint.data.dataset import TileDataset
from segmint.evaluation.results import Evaluation, Example
from segmint.models.foreground import segmentation
from segmint.training.calibration import Calibration
from segmint.training.task import SegmentationTask


def examples(
    task: SegmentationTask, dataset: TileDataset, positions: Sequence[int], temperature: float, threshold: float
) -> list[Example]:
    """Read a few tiles by the training reader and answer them in one batch by the training path, in fp32."""
    if not positions:
        return []
    task.eval()
    tiles = [dataset.read(position) for position in positions]
    images = torch.stack([torch.from_numpy(dataset.normaliser(raw)) for raw, _ in tiles]).to(task.device)
    probabilities = task.probabilities(images, temperature).cpu()
    answers = segmentation(probabilities, threshold).numpy().astype(np.uint8)
    return [
        Example(dataset.stem(position), raw, target, probability, answer)
        for position, (raw, target), probability, answer in zip(
            positions, tiles, probabilities.numpy(), answers, strict=True
        )
    ]


def covering(task: SegmentationTask, dataset: TileDataset, calibration: Calibration, most: int = 4) -> list[Example]:
    """A few tiles in which every class of the split occurs: the chips of the proof."""
    chosen = showing_every_class(dataset, len(task.classes), most)
    return examples(task, dataset, chosen, calibration.temperature, calibration.threshold)


def extremes(
    task: SegmentationTask, dataset: TileDataset, calibration: Calibration, evaluation: Evaluation, count: int
) -> tuple[list[Example], list[Example]]:
    """The tiles with the highest and the lowest IoU, best first and worst first; tiles without IoU are left out."""
    scored = [(tile.iou, position) for position, tile in enumerate(evaluation.tiles) if tile.iou is not None]
    order = [position for _, position in sorted(scored)]
    count = min(count, (len(order) + 1) // 2)
    chosen = order[::-1][:count] + order[:count]
    shown = examples(task, dataset, chosen, calibration.temperature, calibration.threshold)
    return shown[:count], shown[count:]


def typical(task: SegmentationTask, dataset: TileDataset, calibration: Calibration, evaluation: Evaluation) -> Example:
    """The tile with the median IoU; the first one where no tile has an IoU."""
    position = evaluation.typical or 0
    return examples(task, dataset, [position], calibration.temperature, calibration.threshold)[0]


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
