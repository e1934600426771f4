import numpy as np
import pytest
import torch
from sklearn import metrics as sklearn

from segmint.evaluation.curves import ThresholdCounts
from segmint.models.foreground import segmentation
from segmint.training.calibration import PixelSample, fit_temperature, tempered
from segmint.training.scores import Brier, EpochScores, Scores


def test_headline_scores_equal_scikit_learn_and_leave_ignored_pixels_out():
    draw = np.random.default_rng(3)
    target, answer = draw.integers(0, 3, (2, 4, 16, 16))
    target[0, :4] = 255
    classes = ("a", "b", "c")
    scores = Scores(classes)
    for part in range(4):
        scores.update(torch.from_numpy(answer[part : part + 1]), torch.from_numpy(target[part : part + 1]))
    known = target != 255
    ours = scores.compute()
    truth, said = target[known], answer[known]
    assert ours["iou"] == pytest.approx(sklearn.jaccard_score(truth, said, average="macro"), abs=1e-6)
    assert ours["f1"] == pytest.approx(sklearn.f1_score(truth, said, average="macro"), abs=1e-6)
    assert ours["recall_b"] == pytest.approx(sklearn.recall_score(truth, said, average=None)[1], abs=1e-6)
    assert ours["acc"] == pytest.approx(sklearn.accuracy_score(truth, said), abs=1e-6)


def test_with_two_classes_the_headline_is_the_foreground():
    scores = Scores(("background", "building"))
    scores.update(torch.tensor([[[1, 1, 0, 0]]]), torch.tensor([[[1, 0, 1, 0]]]))
    assert scores.compute()["iou"] == pytest.approx(1 / 3)


def test_a_probability_on_the_threshold_is_foreground():
    assert segmentation(torch.tensor([[[[0.4, 0.39]]]]), 0.4).tolist() == [[[1, 0]]]


def test_temperature_finds_the_divisor_that_made_the_logits_too_sure():
    draw = np.random.default_rng(0)
    honest = draw.normal(0, 2, 200_000)
    target = draw.random(200_000) < 1 / (1 + np.exp(-honest))
    sample = PixelSample(torch.tensor(honest * 3, dtype=torch.float32)[:, None], torch.tensor(target).long())
    assert fit_temperature(sample) == pytest.approx(3, rel=0.03)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.2])
def test_a_threshold_cuts_the_same_pixels_whatever_the_temperature(temperature):
    """A logit is above the one of the threshold before the division as after it."""
    logits = torch.linspace(-6, 6, 1001)
    for threshold in (0.02, 0.5, 0.93):
        before = torch.sigmoid(logits) >= threshold
        after = torch.sigmoid(logits / temperature) >= tempered(threshold, temperature)
        assert torch.equal(before, after)


def test_every_threshold_counts_like_scikit_learn():
    draw = np.random.default_rng(1)
    probability = np.round(draw.random(20_000), 3)
    target = (draw.random(20_000) < probability**2).astype(int)
    counts = ThresholdCounts()
    counts.update(probability[:7000] + 1e-9, target[:7000])
    counts.update(probability[7000:] + 1e-9, target[7000:])
    for threshold, precision, recall, iou in counts.curve()[[100, 500, 750]]:
        said = probability >= threshold
        assert precision == pytest.approx(sklearn.precision_score(target, said))
        assert recall == pytest.approx(sklearn.recall_score(target, said))
        assert iou == pytest.approx(sklearn.jaccard_score(target, said))
    best = counts.best_threshold()
    ious = [sklearn.jaccard_score(target, probability >= t / 1000) for t in range(1, 1000, 25)]
    assert sklearn.jaccard_score(target, probability >= best) >= max(ious)


def test_the_brier_score_equals_scikit_learn_s_and_leaves_ignored_pixels_out():
    draw = np.random.default_rng(2)
    target = draw.integers(0, 2, (4, 16, 16))
    target[:, :3] = 255
    probability = draw.random((4, 1, 16, 16)).astype(np.float32)
    score = Brier()
    for part in range(4):
        score.update(torch.from_numpy(probability[part : part + 1]), torch.from_numpy(target[part : part + 1]))
    known = target != 255
    expected = sklearn.brier_score_loss(target[known], probability[:, 0][known])
    assert float(score.compute()) == pytest.approx(expected, abs=1e-6)


def test_with_more_classes_the_brier_score_adds_up_their_squared_errors():
    score = Brier()
    score.update(torch.tensor([[[[0.7]], [[0.2]], [[0.1]]]]), torch.tensor([[[1]]]))
    assert float(score.compute()) == pytest.approx(0.7**2 + 0.8**2 + 0.1**2)


def test_scores_of_an_epoch_cut_at_the_threshold_that_was_asked_for():
    probability, target = torch.tensor([[[[0.55, 0.65, 0.95, 0.05]]]]), torch.tensor([[[0, 1, 1, 1]]])
    for threshold, expected in ((0.5, 2 / 3), (0.6, 1.0)):
        scores = EpochScores(("background", "building"), None, threshold)
        scores.update(probability, target)
        assert scores.compute()["precision"] == pytest.approx(expected)
