"""Labelled chips, answered by a model and scored.

A chip that fits into one tile is answered as in training, reflected to the tile. A larger one, and every chip of a
model of whole images, is answered as ``predict`` answers a scene: in blended windows, or scaled as a whole, with the
answer on the chip's own pixels.

Example:
    >>> outcome = score_chips(chips, contract, settings, backend.predict, pooled=None)
    >>> outcome.evaluation.scores["iou"]
    0.71
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from segmint.contract import ModelContract
from segmint.data.chips import IGNORE, Chip
from segmint.data.images import filled
from segmint.data.reader import fitted
from segmint.data.tiles import Rectangle
from segmint.evaluation.extremes import Extremes
from segmint.evaluation.outcome import SHOWN, SPLIT, Outcome, Settings
from segmint.evaluation.regions import scores_by_class, trace
from segmint.evaluation.results import ChipCounts, Example, as_matrix
from segmint.evaluation.tally import Tally
from segmint.inference.objects import ObjectScores
from segmint.inference.pipeline import run
from segmint.inference.protocols import Predict

_BATCH = 8
"""Windows that a network sees at once where nobody says how many."""


def score_chips(
    chips: Sequence[Chip], contract: ModelContract, settings: Settings, predict: Predict, pooled: str | None
) -> Outcome:
    """Score a model on labelled chips.

    Args:
        chips: Chips that suit the model.
        contract: The model's.
        settings: How it is asked.
        predict: The model.
        pooled: What the classes above 0 are together, or None.

    Raises:
        SceneError: A smallest area, and a chip without a georeference.
    """
    tally, extremes = Tally(contract, settings.threshold), Extremes(SHOWN)
    objects: dict[str, dict[str, ObjectScores]] = {}
    for item in answers(chips, contract, predict, settings.stride, settings.batch_size):
        stem, target = item.chip.stem, item.target
        min_pixels = settings.min_pixels(str(item.chip.place), item.chip.resolution_m)
        counts = tally.begin(stem, *target.shape)
        answer = counts.add(item.probability, target)
        iou = ChipCounts(stem, as_matrix(counts.confusions.sum(axis=0))).iou
        extremes.offer(iou, Example(stem, item.raw, target, item.probability, answer))
        found = answer.copy()
        found[target == IGNORE] = IGNORE
        objects[stem] = scores_by_class(trace(found), trace(target), contract.class_names, min_pixels)
    evaluation = tally.evaluation(SPLIT, pooled)
    return Outcome("chip", evaluation, objects, tally.reliability, extremes.best, extremes.worst, [])


@dataclass(frozen=True)
class Answered:
    """A chip and what the model says of it.

    Attributes:
        chip: The chip.
        raw: Values ``[C, H, W]`` as stored.
        target: Class values ``[H, W]``, 255 where a pixel does not count.
        probability: ``[K, H, W]``.
    """

    chip: Chip
    raw: NDArray[np.generic]
    target: NDArray[np.uint8]
    probability: NDArray[np.float32]


def answers(
    chips: Sequence[Chip], contract: ModelContract, predict: Predict, stride: int, batch_size: int
) -> Iterator[Answered]:
    """Answer chips, those that fit into one tile in batches; their order may change.

    Args:
        chips: Chips with labels.
        contract: The model's.
        predict: The model.
        stride: Pixels between the origins of neighbouring windows of larger chips.
        batch_size: Windows that the network sees at once.
    """
    waiting: list[Chip] = []
    for chip in chips:
        if contract.fit != "tile" or chip.height > contract.height or chip.width > contract.width:
            yield _as_scene(chip, contract, predict, stride, batch_size)
            continue
        waiting.append(chip)
        if len(waiting) == batch_size:
            yield from _at_once(waiting, contract, predict)
            waiting.clear()
    if waiting:
        yield from _at_once(waiting, contract, predict)


def tallied(chips: Sequence[Chip], contract: ModelContract, predict: Predict) -> Tally:
    """Counts of chips, answered with the model's own threshold and stride.

    Args:
        chips: Chips that suit the model.
        contract: The model's.
        predict: The model.
    """
    tally = Tally(contract, contract.output.threshold)
    for item in answers(chips, contract, predict, contract.stride, _BATCH):
        tally.begin(item.chip.stem, *item.target.shape).add(item.probability, item.target)
    return tally


def as_input(
    chip: Chip, part: Rectangle, contract: ModelContract
) -> tuple[NDArray[np.float32], NDArray[np.generic], NDArray[np.uint8]]:
    """A part of a chip, at most one tile large where the model takes tiles, as the network takes it.

    Args:
        chip: A chip that suits the model.
        part: What of it.
        contract: The model's.

    Returns:
        Raw values ``[C, H, W]`` of the tile's size in float32, not-a-number where the chip has a nodata value that the
        graph does not know; the same as stored; class values ``[H, W]``.
    """
    raw, target = fitted(*chip.read_masked(part), contract.height, contract.fit)
    window = raw.astype(np.float32)
    if chip.nodata not in (None, contract.input.nodata):  # the graph knows only its own nodata
        window[:, ~filled(raw, chip.nodata)] = np.nan
    return window, raw, target


def _at_once(chips: Sequence[Chip], contract: ModelContract, predict: Predict) -> Iterator[Answered]:
    """Chips of one tile each: padding belongs to no answer."""
    tiles = [as_input(chip, (0, 0, chip.height, chip.width), contract) for chip in chips]
    windows = np.stack([window for window, *_ in tiles])
    for chip, (_, raw, target), probability in zip(chips, tiles, predict(windows), strict=True):
        inside = (..., slice(chip.height), slice(chip.width))
        yield Answered(chip, raw[inside], target[inside], probability[inside])


def _as_scene(chip: Chip, contract: ModelContract, predict: Predict, stride: int, batch_size: int) -> Answered:
    rows = _Rows()
    run(_Source(chip), predict, contract, stride, batch_size, rows, lambda finished: None)
    raw, target = chip.read((0, 0, chip.height, chip.width))
    return Answered(chip, raw, target, np.concatenate(rows.parts, axis=1))


@dataclass(frozen=True)
class _Source:
    """A chip as rows of a scene."""

    chip: Chip

    @property
    def height(self) -> int:
        return self.chip.height

    @property
    def width(self) -> int:
        return self.chip.width

    def read(self, row: int, count: int) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        return self.chip.pixels.read((row, 0, count, self.chip.width))


@dataclass
class _Rows:
    """Collects rows of probabilities."""

    parts: list[NDArray[np.float32]] = field(default_factory=list)
    rows: int = 0

    def append(self, probabilities: NDArray[np.float32], valid: NDArray[np.bool_]) -> None:
        self.parts.append(probabilities)
        self.rows += len(valid)
