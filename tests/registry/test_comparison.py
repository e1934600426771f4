"""The bootstrap interval against enumeration and scipy, and what the gate makes of it."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from registered import counts
from scipy import stats

from segmint.evaluation.held_out import HeldOutCounts
from segmint.registry.comparison import bootstrap, compare
from segmint.registry.gate import no_collapse, not_worse

CONFUSIONS = arrays.arrays(np.int64, st.tuples(st.integers(1, 12), st.just(2), st.just(2)), elements=st.integers(1, 99))


def iou(confusion):
    """Foreground IoU of ``[2, 2]`` counts, by hand."""
    (_, false), (missed, found) = confusion
    return found / (found + false + missed)


def held_out(confusion):
    names = tuple(f"chip{number:02d}" for number in range(len(confusion)))
    return HeldOutCounts(tuple("abcd"[: confusion.shape[1]]), names, confusion, "", "")


def test_the_interval_of_three_chips_is_that_of_all_their_draws():
    """27 equally likely draws: the 2.5th percentile is the least difference, the 97.5th the greatest (1/27 > 2.5 %)."""
    ours, theirs = counts(0.7, 1, chips=3), counts(0.6, 2, chips=3)
    draws = [list(draw) for draw in product(range(3), repeat=3)]
    differences = [iou(ours[draw].sum(0)) - iou(theirs[draw].sum(0)) for draw in draws]
    interval = bootstrap(ours, theirs)
    assert interval.low == pytest.approx(min(differences))
    assert interval.high == pytest.approx(max(differences))


def test_the_interval_is_scipy_s_percentile_bootstrap_up_to_the_luck_of_the_draw():
    ours, theirs = counts(0.7, 1, chips=40, noise=0.2), counts(0.68, 2, chips=40, noise=0.2)

    def difference(chips):
        return iou(ours[chips].sum(0)) - iou(theirs[chips].sum(0))

    expected = stats.bootstrap(
        (np.arange(40),), difference, vectorized=False, method="percentile", n_resamples=20_000, rng=5
    ).confidence_interval
    interval = bootstrap(ours, theirs)
    width = expected.high - expected.low
    assert interval.low == pytest.approx(expected.low, abs=0.03 * width)
    assert interval.high == pytest.approx(expected.high, abs=0.03 * width)


@settings(deadline=None)
@given(CONFUSIONS)
def test_a_model_is_exactly_as_good_as_itself_however_few_the_chips(confusion):
    interval = bootstrap(confusion, confusion, draws=50)
    assert (interval.low, interval.high) == (0, 0)
    same = held_out(confusion)
    comparison = compare(same, same, "one", "the same", "")
    assert not_worse(comparison, -1e-9).passed
    assert no_collapse(comparison, 1.0).passed


@settings(deadline=None)
@given(CONFUSIONS, st.randoms(use_true_random=False))
def test_what_one_gains_the_other_loses_and_the_interval_holds_no_impossible_value(confusion, shuffle):
    other = confusion[:, :, shuffle.sample(range(2), 2)]
    there, back = bootstrap(confusion, other, draws=200), bootstrap(other, confusion, draws=200)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    assert -1 <= there.low <= there.high <= 1


@settings(deadline=None)
@given(st.integers(2, 9))
def test_chips_that_are_all_alike_leave_no_doubt(chips):
    ours, theirs = (np.repeat(counts(share, chips=1), chips, axis=0) for share in (0.8, 0.7))
    interval = bootstrap(ours, theirs, draws=100)
    assert interval.low == pytest.approx(interval.high) == pytest.approx(iou(ours[0]) - iou(theirs[0]))


def test_one_lucky_chip_does_not_promote():
    """Better when all pixels are pooled, by a single chip out of twelve, and worse on all the others."""
    theirs = np.repeat(np.array([[[900, 100], [100, 900]]]), 12, axis=0)
    ours = np.repeat(np.array([[[880, 120], [120, 880]]]), 12, axis=0)
    theirs[0], ours[0] = [[500, 500], [1000, 0]], [[1000, 0], [0, 1000]]
    comparison = compare(held_out(ours), held_out(theirs), "candidate", "champion", "")
    assert comparison.headline.difference > 0.03
    assert not not_worse(comparison, -0.01).passed
    assert not_worse(comparison, -0.1).passed


def test_few_chips_are_said_to_mean_little_and_the_rule_decides_all_the_same():
    few = compare(held_out(counts(0.8, chips=4)), held_out(counts(0.6, chips=4)), "candidate", "champion", "")
    check = not_worse(few, -0.01)
    assert check.passed
    assert "4 chips: the interval means little" in check.reason


def test_draws_without_anything_to_score_are_left_out():
    confusion = np.zeros((3, 2, 2), np.int64)
    confusion[:, 0, 0] = 100
    assert bootstrap(confusion, confusion).draws == 0
    nothing = compare(held_out(confusion), held_out(confusion), "candidate", "champion", "")
    assert not not_worse(nothing, -1).passed
    confusion[0, 1] = [10, 40]
    interval = bootstrap(confusion, confusion, draws=2000)
    assert interval.draws / 2000 == pytest.approx(1 - (2 / 3) ** 3, abs=0.04)  # the one chip is in the draw


def test_a_class_collapses_below_a_share_of_what_it_was_and_only_where_there_was_something():
    before = np.array([[[800, 200, 0], [100, 900, 0], [95, 0, 5]]])
    after = np.array([[[1000, 0, 0], [600, 400, 0], [100, 0, 0]]])
    comparison = compare(held_out(after), held_out(before), "candidate", "champion", "")
    was, now = 900 / 1200, 400 / 1000
    assert [row.candidate for row in comparison.classes] == pytest.approx([1000 / 1700, now, 0])
    assert no_collapse(comparison, now / was - 0.01).passed
    lost = no_collapse(comparison, now / was + 0.01)
    assert not lost.passed
    assert lost.reason.startswith("IoU b 0.4000 against 0.7500")
