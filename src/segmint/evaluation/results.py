"""What came out of scoring a model on labelled chips or scenes.

Example:
    >>> evaluation.scores["iou"], evaluation.baseline["iou"], evaluation.chips[0].stem
    (0.71, 0.45, 'OAM-1-1-19')
"""

import csv
import io
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from segmint.evaluation import baselines
from segmint.evaluation.held_out import HeldOutCounts, headline_iou

Matrix = tuple[tuple[int, ...], ...]
"""Pixels, rows truth and columns prediction."""


def as_matrix(counts: NDArray[np.int64]) -> Matrix:
    """Counts as plain numbers."""
    return tuple(tuple(int(value) for value in row) for row in counts)


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
class Example:
    """One tile as a person sees it.

    Attributes:
        stem: Chip it comes from.
        raw: ``[C, S, S]`` stored values.
        target: ``[S, S]`` class values, 255 ignored.
        probability: ``[K, S, S]`` of the trained network.
        prediction: ``[S, S]`` class values.
    """

    stem: str
    raw: NDArray[np.generic]
    target: NDArray[np.uint8]
    probability: NDArray[np.float32]
    prediction: NDArray[np.uint8]


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

    def metrics(self) -> dict[str, float]:
        """Figures by their MLflow names; some may not be finite."""
        named = {f"{self.split}_{name}": value for name, value in self.scores.items()}
        named |= {f"{self.split}_baseline_{name}": self.baseline[name] for name in ("iou", "f1", "acc")}
        for rival, scores in self.rivals.items():
            named[baselines.metric(rival, self.split)] = scores["iou"]
        return named

    def spread(self, units: str) -> str:
        """How much the chips differ, in one sentence; empty where fewer than two have an IoU.

        Args:
            units: What chips are called.
        """
        scored = sorted((chip.iou, chip.stem) for chip in self.chips if chip.iou is not None)
        if len(scored) < 2:
            return ""
        (lowest, worst), (highest, best) = scored[0], scored[-1]
        middle = median(iou for iou, _ in scored)
        return (
            f"Over {len(scored)} {units} the IoU has the median {middle:.3f}, "
            f"from {lowest:.3f} ({worst}) to {highest:.3f} ({best})."
        )

    @property
    def typical(self) -> int | None:
        """Position of the tile with the median IoU, of two the lower one; None where no tile has an IoU."""
        scored = sorted((tile.iou, place) for place, tile in enumerate(self.tiles) if tile.iou is not None)
        return scored[(len(scored) - 1) // 2][1] if scored else None

    @property
    def chips(self) -> tuple[ChipCounts, ...]:
        """Counts per chip, by stem."""
        sums: dict[str, np.ndarray] = {}
        for tile in self.tiles:
            sums[tile.stem] = sums.get(tile.stem, 0) + np.array(tile.confusion)
        return tuple(ChipCounts(stem, as_matrix(sums[stem])) for stem in sorted(sums))

    def counts(self, dataset: str, tiles: str) -> HeldOutCounts:
        """Counts per chip as they are kept for comparisons, with the digests of what they were counted on."""
        chips = self.chips
        confusion = np.array([chip.confusion for chip in chips], np.int64)
        return HeldOutCounts(self.classes, tuple(chip.stem for chip in chips), confusion, dataset, tiles)


def counts_table(evaluation: Evaluation) -> str:
    """CSV with the pixels of each chip: truth and answer by class; with two classes the usual four counts."""
    names = evaluation.classes
    each = [f"{truth}_as_{answer}" for truth in names for answer in names]
    if len(names) == 2:
        each = ["true_negatives", "false_positives", "false_negatives", "true_positives"]
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    table.writerow(["chip", "iou", *each])
    for chip in evaluation.chips:
        iou = "" if chip.iou is None else f"{chip.iou:.6f}"
        table.writerow([chip.stem, iou, *(count for row in chip.confusion for count in row)])
    return written.getvalue()
