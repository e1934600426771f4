"""A candidate and the champion on the same chips: scores of both, and how sure their difference is.

The difference of two pooled IoUs gets a percentile bootstrap interval (Efron and Tibshirani 1993, *An Introduction to
the Bootstrap*, chapter 13). A draw takes N of the N chips with replacement, the same ones for both models, adds up
their counts and computes both IoUs anew:

    d* = IoU(sum_i w_i A_i) - IoU(sum_i w_i B_i),    w ~ Multinomial(N, 1/N)

with A_i and B_i the confusion matrices of chip i. The interval runs from the 2.5th to the 97.5th percentile of d*.

Example:
    >>> comparison = compare(candidate, champion, "version 3", "champion 1", "24 test chips")
    >>> comparison.interval
    Interval(low=-0.004, high=0.031, draws=10000)
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmint.evaluation.held_out import HeldOutCounts, class_iou, headline_iou

DRAWS = 10_000
SEED = 0
CONFIDENCE = 0.95
FEW_CHIPS = 8
"""Below so many chips an interval means little."""

_BLOCK = 500
"""Draws at once; bounds memory."""


@dataclass(frozen=True)
class Interval:
    """Where the difference lies with 95 % confidence.

    Attributes:
        low: Lower bound; not-a-number where no draw has a score.
        high: Upper bound.
        draws: Draws in which both models have a score.
    """

    low: float
    high: float
    draws: int


@dataclass(frozen=True)
class Row:
    """A line of the table; not-a-number where a class does not occur."""

    score: str
    reference: float
    candidate: float

    @property
    def difference(self) -> float:
        """Candidate less reference."""
        return self.candidate - self.reference


@dataclass(frozen=True)
class Comparison:
    """Two models on the same chips.

    Attributes:
        candidate: Name of the one.
        reference: Name of the other.
        chips: Number of chips.
        held_out: What was compared on, in words.
        headline: The primary metric, IoU.
        classes: IoU of every class.
        present: Whether a class occurs in the truth.
        interval: Of the difference of the headline, candidate less reference.
    """

    candidate: str
    reference: str
    chips: int
    held_out: str
    headline: Row
    classes: tuple[Row, ...]
    present: tuple[bool, ...]
    interval: Interval

    @property
    def rows(self) -> tuple[Row, ...]:
        """The whole table."""
        return (self.headline, *self.classes)

    def lines(self) -> list[str]:
        """The table for a console."""
        width = max(len(row.score) for row in self.rows)
        heads = [max(8, len(name)) for name in (self.reference, self.candidate)]
        lines = [f"{'':{width}}  {self.reference:>{heads[0]}}  {self.candidate:>{heads[1]}}  difference"]
        for row in self.rows:
            one, other = (_figure(value) for value in (row.reference, row.candidate))
            change = _figure(row.difference, "+")
            lines.append(f"{row.score:{width}}  {one:>{heads[0]}}  {other:>{heads[1]}}  {change:>10}")
        return lines

    def markdown(self) -> str:
        """The table for a page."""
        lines = [f"| | {self.reference} | {self.candidate} | difference |", "|---|---|---|---|"]
        lines += [
            f"| {row.score} | {_figure(row.reference)} | {_figure(row.candidate)} | {_figure(row.difference, '+')} |"
            for row in self.rows
        ]
        return "\n".join(lines)


def compare(
    candidate: HeldOutCounts, reference: HeldOutCounts, candidate_name: str, reference_name: str, held_out: str
) -> Comparison:
    """Compare the counts of two models of the same classes on the same chips."""
    ours, theirs = candidate.confusion.sum(axis=0), reference.confusion.sum(axis=0)
    each = zip(candidate.classes, class_iou(theirs).tolist(), class_iou(ours).tolist(), strict=True)
    return Comparison(
        candidate=candidate_name,
        reference=reference_name,
        chips=len(candidate.chips),
        held_out=held_out,
        headline=Row("IoU", float(headline_iou(theirs)), float(headline_iou(ours))),
        classes=tuple(Row(f"IoU {name}", before, now) for name, before, now in each),
        present=tuple(bool(count) for count in candidate.truth.sum(axis=0)),
        interval=bootstrap(candidate.confusion, reference.confusion),
    )


def bootstrap(
    candidate: NDArray[np.int64], reference: NDArray[np.int64], draws: int = DRAWS, seed: int = SEED
) -> Interval:
    """Interval of the difference of two pooled IoUs, paired over chips (see the module docstring).

    Draws in which one of the two has no score, because nothing of a class is in them, are left out and not counted.

    Args:
        candidate: ``[N, K, K]`` counts.
        reference: The same of the other model, chips in the same order.
        draws: Number of draws.
        seed: Of the draws.
    """
    count = len(candidate)
    generator = np.random.default_rng(seed)
    both = [counts.reshape(count, -1).astype(np.float64) for counts in (candidate, reference)]  # exact below 2**53
    differences = []
    for start in range(0, draws, _BLOCK):
        weights = generator.multinomial(count, np.full(count, 1 / count), size=min(_BLOCK, draws - start))
        ours, theirs = (headline_iou((weights @ flat).reshape(-1, *candidate.shape[1:])) for flat in both)
        differences.append(ours - theirs)
    drawn = np.concatenate(differences)
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return Interval(math.nan, math.nan, 0)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(float(low), float(high), len(drawn))


def _figure(value: float, sign: str = "") -> str:
    return "-" if math.isnan(value) else f"{value:{sign}.4f}"
