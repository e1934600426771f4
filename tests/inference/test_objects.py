import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from shapely.geometry import box

from segmint.inference.objects import ObjectScores, compare


def test_objects_count_once_whatever_their_size():
    truth = [box(0, 0, 10, 10), box(20, 0, 22, 2), box(40, 0, 42, 2)]
    found = [box(0, 0, 10, 9), box(20, 0, 22, 2), box(60, 0, 61, 1), box(70, 0, 71, 1)]
    scores = compare(found, truth)
    assert scores == ObjectScores(true_positives=2, false_positives=2, false_negatives=1)
    assert scores.precision == 2 / 4
    assert scores.recall == 2 / 3
    assert scores.f1 == pytest.approx(2 * 0.5 * (2 / 3) / (0.5 + 2 / 3))
    assert scores.count_error == pytest.approx((4 - 3) / 3)


def test_an_overlap_of_exactly_half_is_a_pair_and_less_is_none():
    assert compare([box(0, 0, 1, 1)], [box(0, 0, 1, 2)]).true_positives == 1
    assert compare([box(0, 0, 1, 1)], [box(0, 0, 1, 2.01)]).true_positives == 0


def test_two_dwellings_found_as_one_are_one_miss_at_least():
    assert compare([box(0, 0, 4, 1)], [box(0, 0, 1.9, 1), box(2.1, 0, 4, 1)]) == ObjectScores(0, 1, 2)


def test_without_objects_figures_that_are_not_defined_are_left_out():
    assert compare([], []).metrics("test") == {"test_object_count": 0.0, "test_object_true_count": 0.0}
    assert math.isnan(compare([], []).f1)
    assert compare([box(0, 0, 1, 1)], []).precision == 0
    assert compare([], [box(0, 0, 1, 1)]).count_error == -1


@given(
    st.lists(st.tuples(*[st.integers(0, 30)] * 4), max_size=8),
    st.lists(st.tuples(*[st.integers(0, 30)] * 4), max_size=8),
)
def test_as_many_pairs_as_the_best_assignment_where_outlines_do_not_overlap(one, other):
    """Against scipy's optimal assignment, on outlines of one side kept apart from each other."""

    def apart(corners):
        kept = []
        for row, col, height, width in corners:
            drawn = box(col, row, col + 1 + width / 3, row + 1 + height / 3)
            if not any(drawn.intersection(earlier).area > 0 for earlier in kept):
                kept.append(drawn)
        return kept

    found, truth = apart(one), apart(other)
    pairs = np.array([[a.intersection(b).area / a.union(b).area >= 0.5 for b in truth] for a in found]).astype(float)
    best = 0
    if pairs.size:
        rows, cols = linear_sum_assignment(-pairs)
        best = int(pairs[rows, cols].sum())
    assert compare(found, truth) == ObjectScores(best, len(found) - best, len(truth) - best)
