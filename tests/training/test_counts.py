"""Scores from counts of pixels are those that training streams, and probabilities are believed as torchmetrics does."""

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import (
    binary_calibration_error,
    multiclass_accuracy,
    multiclass_calibration_error,
    multiclass_confusion_matrix,
    multiclass_f1_score,
    multiclass_jaccard_index,
    multiclass_precision,
    multiclass_recall,
)

from segmint.evaluation.curves import ReliabilityCounts
from segmint.evaluation.metrics import constant_baseline, named_scores
from segmint.training.scores import Scores


@pytest.mark.parametrize("classes", [("unburned", "burned"), ("none", "low", "high", "never there")])
@pytest.mark.parametrize("pooled", [None, "fire"])
def test_scores_from_the_counts_of_chips_are_those_that_training_streams(classes, pooled):
    draw = np.random.default_rng(5)
    count = min(len(classes), 3)
    target, answer = draw.integers(0, count, (2, 6, 16, 16))
    target[0], answer[1], target[2, :5] = 0, 0, 255
    target[3] = 255  # a chip without a pixel to score is not asked whether it burns
    target, answer = torch.from_numpy(target), torch.from_numpy(answer)
    streamed = Scores(classes, pooled)
    streamed.update(answer, target)
    chips = [
        multiclass_confusion_matrix(one, truth, len(classes), ignore_index=255)
        for one, truth in zip(answer, target, strict=True)
    ]
    assert named_scores(np.stack(chips), classes, pooled) == pytest.approx(streamed.compute(), abs=1e-6)


@pytest.mark.parametrize("classes", [("unburned", "burned"), ("none", "low", "high")])
def test_every_score_is_that_of_torchmetrics(classes):
    draw, count = np.random.default_rng(6), len(classes)
    target, answer = torch.from_numpy(draw.integers(0, count, (2, 6, 16, 16)))
    target[0, :4] = 255
    scores = Scores(classes, "fire")
    for part in range(0, 6, 2):
        scores.update(answer[part : part + 2], target[part : part + 2].byte())
    found = scores.compute()
    measures = {
        "iou": multiclass_jaccard_index,
        "f1": multiclass_f1_score,
        "precision": multiclass_precision,
        "recall": multiclass_recall,
    }
    fire = (answer > 0).long(), torch.where(target == 255, 255, (target > 0).long())
    for name, measure in measures.items():
        expected = measure(answer, target, count, average="none", ignore_index=255).tolist()
        assert [found[f"{name}_{label}"] for label in classes] == pytest.approx(expected, abs=1e-6)
        pooled = measure(*fire, 2, average="none", ignore_index=255)[1].item()
        assert found[f"fire_{name}"] == pytest.approx(pooled, abs=1e-6)
    accuracy = multiclass_accuracy(answer, target, count, average="micro", ignore_index=255).item()
    assert found["acc"] == pytest.approx(accuracy, abs=1e-6)


def test_the_constant_answer_is_the_best_of_all_constant_answers():
    baseline, name = constant_baseline(np.array([[50, 10], [15, 25]]), ("background", "building"))
    assert name == "building"
    assert baseline["iou"] == pytest.approx(40 / 100)
    assert baseline["f1"] == pytest.approx(2 * 40 / 140)
    assert baseline["recall"] == 1


def test_the_calibration_error_of_all_parts_is_torchmetrics_of_the_whole():
    draw = np.random.default_rng(6)
    probability = draw.random(5000).astype(np.float32)
    so = draw.random(5000) < probability**2
    counts = ReliabilityCounts()
    counts.update(probability[:1000], so[:1000])
    counts.update(probability[1000:], so[1000:])
    expected = binary_calibration_error(torch.from_numpy(probability), torch.from_numpy(so).long(), n_bins=15)
    assert counts.error() == pytest.approx(float(expected), abs=1e-5)

    softmax = torch.softmax(torch.from_numpy(draw.normal(size=(4000, 3)).astype(np.float32)), 1)
    truth = torch.from_numpy(draw.integers(0, 3, 4000))
    counts = ReliabilityCounts()
    counts.update(softmax.max(1).values.numpy(), (softmax.argmax(1) == truth).numpy())
    expected = multiclass_calibration_error(softmax, truth, num_classes=3, n_bins=15)
    assert counts.error() == pytest.approx(float(expected), abs=1e-5)
