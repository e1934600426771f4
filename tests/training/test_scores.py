import re

import numpy as np
import pytest
import torch
from sklearn import metrics as sklearn

from segmint.evaluation.curves import ThresholdCounts
from segmint.models.foreground import segmentation
from segmint.training.calibration import PixelSample, choose_temperature, fit_temperature, tempered
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


def pixels(chips, each, too_sure, seed=0, bias=0.0):
    """Pixels that are foreground as often as a logit says, of which the network gives ``too_sure`` times as much.

    ``bias`` is the spread of what the network misjudges a whole chip by.
    """
    draw = np.random.default_rng(seed)
    honest = draw.normal(0, 2, (chips, each))
    target = draw.random((chips, each)) < 1 / (1 + np.exp(-honest))
    logits = (honest + draw.normal(0, bias, (chips, 1))) * too_sure
    number = np.repeat(np.arange(chips), each)
    return PixelSample(
        torch.tensor(logits.ravel(), dtype=torch.float32)[:, None],
        torch.tensor(target.ravel()).long(),
        torch.from_numpy(number),
    )


def test_temperature_finds_the_divisor_that_made_the_logits_too_sure():
    sample = pixels(20, 10_000, too_sure=3)
    assert fit_temperature(sample) == pytest.approx(3, rel=0.03)
    chosen = choose_temperature(sample)
    assert chosen.value == fit_temperature(sample)
    line = r"temperature [23]\.\d+: lowers the NLL of validation chips .* by 0\.\d+ ± 0\.\d+"
    assert re.fullmatch(line, chosen.sentence())


def test_the_gain_is_that_on_chips_of_the_other_half():
    """Two kinds of chips: what one half asks for makes the other worse, though together they ask for something."""
    sure, unsure = pixels(2, 5000, too_sure=4), pixels(2, 5000, too_sure=0.5, seed=1)
    sample = PixelSample(
        torch.cat([sure.logits, unsure.logits]),
        torch.cat([sure.target, unsure.target]),
        torch.cat([sure.chip, unsure.chip + 2]),
    )
    chosen = choose_temperature(sample)
    assert chosen.gain < 0
    assert chosen.value == 1
    expected = []
    for half, other in ((sure, unsure), (unsure, sure)):
        divisor = fit_temperature(other)
        for chip in (0, 1):
            kept = half.chip == chip
            logits, truth = half.logits[kept, 0].double().numpy(), half.target[kept].numpy()
            believed = [1 / (1 + np.exp(-logits / each)) for each in (1.0, divisor)]
            before, after = (sklearn.log_loss(truth, chance) for chance in believed)
            expected.append(before - after)
    assert chosen.gain == pytest.approx(np.mean(expected), rel=1e-3)
    assert chosen.error == pytest.approx(np.std(expected, ddof=1) / 2, rel=1e-3)


def test_a_temperature_is_not_taken_from_chance():
    """Of honest networks that misjudge whole chips, hardly one is given a temperature; of one too sure, each."""
    honest = [choose_temperature(pixels(6, 400, too_sure=1, seed=seed, bias=0.2)) for seed in range(40)]
    assert np.std([chosen.fitted for chosen in honest]) > 0.03
    assert sum(chosen.value != 1 for chosen in honest) <= 8
    assert all("within noise" in chosen.sentence() for chosen in honest if chosen.value == 1)
    too_sure = [choose_temperature(pixels(6, 400, too_sure=4, seed=seed, bias=0.2)) for seed in range(10)]
    assert all(chosen.value > 2 for chosen in too_sure)


def test_a_temperature_at_the_end_of_its_range_is_not_taken():
    separated = torch.tensor([[-1.0], [1.0]] * 8)
    chosen = choose_temperature(PixelSample(separated, torch.tensor([0, 1] * 8), torch.arange(8).repeat_interleave(2)))
    assert chosen.gain > chosen.error
    assert chosen.value == 1
    assert chosen.sentence() == f"temperature stays 1: the fit ran to {chosen.fitted:.4g}, the end of its range"


@pytest.mark.parametrize("chips", [0, 1, 3])
def test_a_few_chips_cannot_show_that_a_temperature_helps(chips):
    chosen = choose_temperature(pixels(chips, 500, too_sure=3))
    assert chosen.value == 1
    assert f"{chips} validation chip{'s' * (chips != 1)}, too few to show a gain" in chosen.sentence()


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


@pytest.mark.states(73)
def test_scores_of_an_epoch_cut_at_the_threshold_that_was_asked_for():
    probability, target = torch.tensor([[[[0.55, 0.65, 0.95, 0.05]]]]), torch.tensor([[[0, 1, 1, 1]]])
    for threshold, expected in ((0.5, 2 / 3), (0.6, 1.0)):
        scores = EpochScores(("background", "building"), None, threshold)
        scores.update(probability, target)
        assert scores.compute()["precision"] == pytest.approx(expected)
