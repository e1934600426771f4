"""Results of an evaluation, as plain objects with the fields that figures and report read."""

from types import SimpleNamespace

import numpy as np
import pytest

from segmint.evaluation.results import ChipCounts, Evaluation, as_matrix


@pytest.fixture(scope="session")
def make_evaluation():
    """A factory: confusion matrices of chips -> an evaluation whose scores follow from them by hand formula."""

    def make(chips, classes):
        confusion = np.sum(list(chips.values()), axis=0)
        hit, truth, said = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
        per_class = {
            "iou": hit / (truth + said - hit),
            "f1": 2 * hit / (truth + said),
            "precision": hit / said,
            "recall": hit / truth,
        }
        two = len(classes) == 2
        scores = {name: float(values[1] if two else values.mean()) for name, values in per_class.items()}
        scores["acc"] = float(hit.sum() / confusion.sum())
        for name, values in per_class.items():
            scores |= {f"{name}_{label}": float(value) for label, value in zip(classes, values, strict=True)}
        share = float(truth[-1] / truth.sum())
        return Evaluation(
            split="test",
            classes=classes,
            confusion=tuple(tuple(int(count) for count in row) for row in confusion),
            scores=scores,
            baseline={"iou": share, "f1": 2 * share / (1 + share), "precision": share, "recall": 1.0, "acc": share},
            baseline_class=classes[-1],
            rivals={"pixel classifier": dict.fromkeys(scores, 0.3)},
            tiles=tuple(ChipCounts(stem, as_matrix(np.array(one))) for stem, one in chips.items()),
            pr_curve=tuple((t / 20, 0.3 + 0.03 * t, 1 - t / 20) for t in range(20)) if two else (),
        )

    return make


@pytest.fixture(scope="session")
def two_classes(make_evaluation):
    chips = {"north": [[900, 50], [30, 220]], "south": [[700, 90], [110, 300]]}
    return make_evaluation(chips, ("background", "building"))


@pytest.fixture(scope="session")
def calibration():
    bins = tuple((i / 10 + 0.05, (i / 10 + 0.05) ** 1.1, 1000 - 90 * i) for i in range(10))
    return SimpleNamespace(temperature=1.734, threshold=0.4375, ece_before=0.0518, ece_after=0.0127, bins=bins)


@pytest.fixture(scope="session")
def history():
    return [
        {
            "epoch": float(epoch),
            "train_loss": 1 / epoch,
            "val_loss": 0.2 + 0.01 * (epoch - 7) ** 2,
            "val_iou": 0.8 - 0.01 * abs(epoch - 8),
            "val_f1": 0.88 - 0.01 * abs(epoch - 8),
            "learning_rate": 1e-3,
        }
        for epoch in range(1, 13)
    ]
