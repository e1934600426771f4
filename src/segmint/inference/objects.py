"""Scores of whole objects: a dwelling counts once, however many of its pixels are right.

Found and true outlines are paired one to one by their intersection over union, best first, from 0.5 on, as in COCO
(Lin et al. 2014, arXiv 1405.0312). With non-overlapping outlines on either side no outline has two partners above 0.5,
so the order does not matter then.

Example:
    >>> one, other = box(0, 0, 2, 2), box(0, 0, 2, 3)
    >>> compare([one], [other]).f1
    1.0
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

MIN_IOU = 0.5


@dataclass(frozen=True)
class ObjectScores:
    """How many objects were found.

    Attributes:
        true_positives: Pairs of a found and a true object.
        false_positives: Found objects without a partner.
        false_negatives: True objects without a partner.
    """

    true_positives: int
    false_positives: int
    false_negatives: int

    @property
    def precision(self) -> float:
        """Share of the found objects that are true; not-a-number where nothing was found."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Share of the true objects that were found; not-a-number where there are none."""
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; not-a-number where there is no object on either side."""
        return _ratio(2 * self.true_positives, 2 * self.true_positives + self.false_positives + self.false_negatives)

    @property
    def count_error(self) -> float:
        """(found - true) / true: 0.1 is a tenth too many; not-a-number where there are no true objects."""
        return _ratio(self.false_positives - self.false_negatives, self.true_positives + self.false_negatives)

    def metrics(self, split: str) -> dict[str, float]:
        """Figures by their MLflow names, ``<split>_object_f1`` and so on; those that are not defined are left out."""
        named = {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "count_error": self.count_error,
            "count": float(self.true_positives + self.false_positives),
            "true_count": float(self.true_positives + self.false_negatives),
        }
        return {f"{split}_object_{name}": value for name, value in named.items() if np.isfinite(value)}

    def __add__(self, other: "ObjectScores") -> "ObjectScores":
        """Scores of both places together."""
        return ObjectScores(
            self.true_positives + other.true_positives,
            self.false_positives + other.false_positives,
            self.false_negatives + other.false_negatives,
        )


def compare(found: Sequence[BaseGeometry], truth: Sequence[BaseGeometry], min_iou: float = MIN_IOU) -> ObjectScores:
    """Pair found with true outlines of one class.

    Args:
        found: Valid polygons, in the same units as ``truth``.
        truth: Valid polygons.
        min_iou: Smallest intersection over union of a pair, 0..1.
    """
    if not len(found) or not len(truth):
        return ObjectScores(0, len(found), len(truth))
    ones, others = np.asarray(found, object), np.asarray(truth, object)
    here, there = shapely.STRtree(others).query(ones, predicate="intersects")
    common = shapely.area(shapely.intersection(ones[here], others[there]))
    either = shapely.area(ones[here]) + shapely.area(others[there]) - common
    iou = common / either
    free_here, free_there, pairs = np.ones(len(ones), bool), np.ones(len(others), bool), 0
    for place in np.argsort(-iou, kind="stable"):
        if iou[place] < min_iou:
            break
        if free_here[here[place]] and free_there[there[place]]:
            free_here[here[place]] = free_there[there[place]] = False
            pairs += 1
    return ObjectScores(pairs, len(ones) - pairs, len(others) - pairs)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
