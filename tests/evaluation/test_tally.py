"""Counts that arrive in rows are the counts of the whole, tile by tile as training cuts them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from sklearn.metrics import confusion_matrix

from segmint.data.tiles import partition
from segmint.evaluation.extremes import Extremes
from segmint.evaluation.results import Example
from segmint.evaluation.tally import Tally


@settings(max_examples=30, deadline=None)
@given(some.integers(1, 90), some.integers(1, 90), some.data())
def test_rows_are_counted_tile_by_tile_like_scikit_learn(make_contract, height, width, data):
    contract = make_contract(classes=3, size=32)
    draw = np.random.default_rng(height * 100 + width)
    truth = draw.choice([0, 1, 2, 255], (height, width)).astype(np.uint8)
    probability = draw.dirichlet((1, 1, 1), (height, width)).transpose(2, 0, 1).astype(np.float32)
    tally = Tally(contract, threshold=0.5)
    counts, row = tally.begin("scene", height, width), 0
    while row < height:
        count = data.draw(some.integers(1, height - row))
        counts.add(probability[:, row : row + count], truth[row : row + count])
        row += count
    answer = probability.argmax(axis=0)
    for (top, left, rows, columns), found in zip(
        partition(0, 0, height, width, 32), tally.evaluation("test", None).tiles, strict=True
    ):
        part = slice(top, top + rows), slice(left, left + columns)
        known = truth[part] != 255
        expected = np.zeros((3, 3), int)
        if known.any():
            expected = confusion_matrix(truth[part][known], answer[part][known], labels=range(3))
        assert np.array_equal(found.confusion, expected)


def test_a_pixel_on_the_threshold_is_foreground(make_contract):
    tally = Tally(make_contract(), threshold=0.4)
    answer = tally.begin("a", 1, 2).add(np.array([[[0.4, 0.39]]], np.float32), np.array([[1, 1]], np.uint8))
    assert answer.tolist() == [[1, 0]]
    assert tally.evaluation("test", None).scores["recall"] == pytest.approx(0.5)


def example(name, edge=4):
    blank = np.zeros((edge, edge), np.uint8)
    return Example(name, blank[None], blank, blank[None].astype(np.float32), blank)


def test_the_best_and_the_worst_are_kept_and_none_twice():
    extremes = Extremes(2)
    for place, iou in enumerate([0.5, None, 0.9, 0.1, 0.7, 0.3]):
        extremes.offer(iou, example(str(place)))
    assert [(iou, shown.stem) for iou, shown in extremes.best] == [(0.9, "2"), (0.7, "4")]
    assert [(iou, shown.stem) for iou, shown in extremes.worst] == [(0.1, "3"), (0.3, "5")]
    alone = Extremes(2)
    alone.offer(0.5, example("one", 3000))
    assert [shown.target.shape for _, shown in alone.best] == [(1000, 1000)]
    assert alone.worst == []
