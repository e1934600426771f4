import math

import pytest

from segmint.evaluation.baselines import Standing

CONSTANT = {"test_baseline_iou": 0.3, "test_baseline_f1": 0.9, "test_baseline_acc": 0.95}


def test_every_recorded_iou_counts_and_other_scores_do_not():
    standing = Standing.of({"test_iou": 0.6, "test_baseline_iou_dnbr_threshold": 0.55} | CONSTANT)
    assert standing.baselines == {"constant answer": 0.3, "dnbr threshold": 0.55}
    assert standing.is_above
    assert standing.sentence() == "test IoU 0.6000, above the constant answer (0.3000), the dnbr threshold (0.5500)"


@pytest.mark.parametrize("iou", [0.25, 0.3, math.nan])
def test_a_model_that_scores_less_or_the_same_is_below(iou):
    metrics = CONSTANT if math.isnan(iou) else CONSTANT | {"test_iou": iou}
    standing = Standing.of(metrics)
    assert standing.below == {"constant answer": 0.3}
    assert not standing.is_above


def test_of_several_only_those_that_it_does_not_reach_are_named_the_best_first():
    others = {"test_baseline_iou_pixel_classifier": 0.4, "test_baseline_iou_copy_of_the_last_frame": 0.7}
    standing = Standing.of({"test_iou": 0.4} | CONSTANT | others)
    assert list(standing.below) == ["copy of the last frame", "pixel classifier"]
    assert "not above the copy of the last frame (0.7000), the pixel classifier (0.4000)" in standing.sentence()


def test_an_evaluation_records_what_is_read_back(two_classes):
    standing = Standing.of(two_classes.metrics())
    assert standing.baselines == {
        "constant answer": pytest.approx(two_classes.baseline["iou"]),
        "pixel classifier": 0.3,
    }


def test_a_model_without_recorded_baselines_is_not_above_them():
    standing = Standing.of({"test_iou": 0.9})
    assert not standing.is_above
    assert standing.below == {}
