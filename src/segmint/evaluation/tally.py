"""Counts of what a model answers, streamed: pixels by class, by probability, and tile by tile.

Example:
    >>> tally = Tally(contract, threshold=0.4)
    >>> counts = tally.begin("scene", height=4096, width=2560)
    >>> answer = counts.add(probabilities, truth)  # rows, from top to bottom
    >>> tally.evaluation("test", pooled=None).scores["iou"]
    0.71
"""

import numpy as np
from numpy.typing import NDArray

from segmint.contract import ModelContract
from segmint.data.chips import IGNORE
from segmint.data.tiles import Rectangle, partition
from segmint.evaluation.curves import ReliabilityCounts, ThresholdCounts
from segmint.evaluation.metrics import constant_baseline, named_scores
from segmint.evaluation.results import ChipCounts, Evaluation, as_matrix
from segmint.inference.maps import decide


def confusions(
    answer: NDArray[np.uint8], truth: NDArray[np.uint8], place: NDArray[np.intp], places: int, classes: int
) -> NDArray[np.int64]:
    """Pixels ``[P, K, K]`` by place, true class and answer; truth of 255 does not count.

    Args:
        answer: Class values ``[H, W]``.
        truth: Likewise, 255 where a pixel does not count.
        place: Which count a pixel belongs to, ``[H, W]``, 0 to P - 1.
        places: P.
        classes: K.
    """
    known = truth != IGNORE
    code = (place[known] * classes + truth[known]) * classes + answer[known]
    return np.bincount(code, minlength=places * classes**2).reshape(places, classes, classes)


def tiles_of(contract: ModelContract, height: int, width: int) -> list[Rectangle]:
    """What training makes tiles of: near-equal parts of an image, or the whole image where the model scales it."""
    return partition(0, 0, height, width, contract.height if contract.fit == "tile" else max(height, width))


class Counts:
    """Pixels of one chip or scene, counted tile by tile: the same that training makes.

    Args:
        tally: Where probabilities are counted.
        height: Rows.
        width: Columns.
    """

    def __init__(self, tally: "Tally", height: int, width: int) -> None:
        self.tally = tally
        self.tiles = tiles_of(tally.contract, height, width)
        self._rows = np.unique([tile[0] for tile in self.tiles])
        self._columns = np.unique([tile[1] for tile in self.tiles])
        self._across = np.searchsorted(self._columns, np.arange(width), side="right") - 1
        self._top = 0
        classes = len(tally.contract.class_names)
        self.confusions = np.zeros((len(self.tiles), classes, classes), np.int64)

    def add(self, probabilities: NDArray[np.float32], truth: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Count the next rows ``[K, n, W]`` against ``[n, W]``, 255 where a pixel does not count; gives the answer."""
        answer, _ = decide(probabilities, self.tally.contract.output, self.tally.threshold)
        down = np.searchsorted(self._rows, np.arange(self._top, self._top + len(truth)), side="right") - 1
        self._top += len(truth)
        place = down[:, None] * len(self._columns) + self._across
        self.confusions += confusions(answer, truth, place, *self.confusions.shape[:2])
        self.tally.believe(probabilities, answer, truth)
        return answer


class Tally:
    """What is kept of everything that was scored.

    Args:
        contract: The model's.
        threshold: Probability from which a pixel is foreground (two classes).
    """

    def __init__(self, contract: ModelContract, threshold: float) -> None:
        self.contract, self.threshold = contract, threshold
        self.reliability = ReliabilityCounts()
        self.curve = ThresholdCounts()
        self.counted: dict[str, Counts] = {}

    def begin(self, stem: str, height: int, width: int) -> Counts:
        """Counts for a chip or scene of its own."""
        self.counted[stem] = Counts(self, height, width)
        return self.counted[stem]

    def believe(self, probabilities: NDArray[np.float32], answer: NDArray[np.uint8], truth: NDArray[np.uint8]) -> None:
        """Count how often probabilities ``[K, n, W]`` were right."""
        self.reliability.add(probabilities[None], answer[None], truth[None])
        if self.contract.output.activation == "sigmoid":
            self.curve.add(probabilities[None], truth[None])

    def evaluation(self, split: str, pooled: str | None) -> Evaluation:
        """The scores of everything together.

        Args:
            split: What the metrics begin with.
            pooled: What the classes above 0 are together (``fire``), or None.
        """
        classes = self.contract.class_names
        every = np.concatenate([counts.confusions for counts in self.counted.values()])
        stems = [stem for stem, counts in self.counted.items() for _ in counts.tiles]
        baseline, baseline_class = constant_baseline(every.sum(axis=0), classes)
        return Evaluation(
            split=split,
            classes=classes,
            confusion=as_matrix(every.sum(axis=0)),
            scores=named_scores(every, classes, pooled),
            baseline=baseline,
            baseline_class=baseline_class,
            rivals={},
            tiles=tuple(ChipCounts(stem, as_matrix(one)) for stem, one in zip(stems, every, strict=True)),
            pr_curve=self.curve.points() if self.contract.output.activation == "sigmoid" else (),
        )
