"""What a model got right and wrong on held-out chips, chip by chip: counts that scores are made of, and no pixels.

Counts of chips add up, so that the score of any set of chips, a resampled one too, needs no data.

Example:
    >>> counts = HeldOutCounts.read(Path("evaluation/test_chips.csv"), contract, tiles)
    >>> counts.confusion.shape, float(headline_iou(counts.confusion.sum(axis=0)))
    ((6, 2, 2), 0.7712)
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segmint.contract import ModelContract
from segmint.errors import DataError


@dataclass(frozen=True)
class HeldOutCounts:
    """Pixels of every chip by true and answered class.

    Attributes:
        classes: Class names by value.
        chips: Names of the chips, sorted.
        confusion: ``[N, K, K]`` pixels, rows truth and columns answer.
        dataset: SHA-256 over chips and labels.
        tiles: SHA-256 over which pixels of them are held out.
    """

    classes: tuple[str, ...]
    chips: tuple[str, ...]
    confusion: NDArray[np.int64]
    dataset: str
    tiles: str

    @property
    def truth(self) -> NDArray[np.int64]:
        """``[N, K]`` pixels of every chip by true class."""
        return np.asarray(self.confusion.sum(axis=2))

    def only(self, chips: set[str]) -> "HeldOutCounts":
        """The counts of some of the chips."""
        kept = [place for place, chip in enumerate(self.chips) if chip in chips]
        names = tuple(self.chips[place] for place in kept)
        return HeldOutCounts(self.classes, names, self.confusion[kept], self.dataset, self.tiles)

    def answered(self, value: int) -> "HeldOutCounts":
        """The counts of the answer that calls every pixel ``value``."""
        constant = np.zeros_like(self.confusion)
        constant[:, :, value] = self.truth
        return HeldOutCounts(self.classes, self.chips, constant, self.dataset, self.tiles)

    def best_constant(self) -> tuple["HeldOutCounts", str]:
        """The constant answer with the best headline IoU, and the class that it gives everywhere."""
        answers = [self.answered(value) for value in range(len(self.classes))]
        scores = np.nan_to_num([headline_iou(answer.confusion.sum(axis=0)) for answer in answers])
        best = int(np.argmax(scores))
        return answers[best], self.classes[best]

    @classmethod
    def read(cls, path: Path, contract: ModelContract, tiles: str) -> "HeldOutCounts":
        """Read the ``test_chips.csv`` of a training.

        Args:
            path: The table: chip, IoU, then pixels by truth and answer, truth first.
            contract: Of the model that was tested, on its own dataset.
            tiles: SHA-256 over the pixels that it was tested on.

        Raises:
            DataError: The file is missing, or no table of counts of these classes.
        """
        classes = contract.class_names
        try:
            with path.open(newline="", encoding="utf-8") as stream:
                _, *rows = csv.reader(stream)
            confusion = np.array([row[2:] for row in rows], np.int64).reshape(len(rows), len(classes), len(classes))
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: {error}", "counts of held-out chips", "Train the model again") from error
        return cls(classes, tuple(row[0] for row in rows), confusion, contract.dataset.digest, tiles)


def class_iou(confusion: NDArray[np.number]) -> NDArray[np.float64]:
    """Intersection over union ``[..., K]`` of matrices ``[..., K, K]``; not-a-number where a class does not occur."""
    found = np.diagonal(confusion, axis1=-2, axis2=-1).astype(np.float64)
    union = confusion.sum(axis=-1) + confusion.sum(axis=-2) - found
    return np.asarray(np.divide(found, union, out=np.full(union.shape, np.nan), where=union > 0))


def headline_iou(confusion: NDArray[np.number]) -> NDArray[np.float64]:
    """IoU ``[...]`` of the second of two classes, or the mean over the classes that occur; else not-a-number.

    The same figure as ``test_iou`` of training, which logs 0 for not-a-number: a class occurs when it is in the truth
    or in the answer.
    """
    iou = class_iou(confusion)
    if iou.shape[-1] == 2:
        return iou[..., 1]
    occurring = np.isfinite(iou).sum(axis=-1)
    total = np.nan_to_num(iou).sum(axis=-1)
    return np.asarray(np.divide(total, occurring, out=np.full(total.shape, np.nan), where=occurring > 0))
