"""The guide on working with the pipeline: each extension point works by the places that CONTRIBUTING.md names.

The program is copied, and changed as a developer who follows that page would.
"""

import shutil
from pathlib import Path

import pytest
from e2e_settings import REPOSITORY
from mlflow import MlflowClient

INVERT = """        if draw.random() < recipe.invert:
            image = -image
        changed = image * _per_band(gain)
"""

CHANGES = {
    "src/segmint/dataset_recipe.py": [
        (
            "    noise: NonNegativeFloat = 0.0\n",
            "    noise: NonNegativeFloat = 0.0\n    invert: ClosedUnitInterval = 0.0\n",
        ),
    ],
    "src/segmint/data/augmentation.py": [
        ("        changed = image * _per_band(gain)\n", INVERT),
    ],
    "src/segmint/recipe.py": [
        (
            "    jaccard: NonNegativeFloat = 0.0\n",
            "    jaccard: NonNegativeFloat = 0.0\n    lovasz: NonNegativeFloat = 0.0\n",
        ),
        ('    optimizer: Literal["adam", "adamw", "sgd"]', '    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"]'),
        ('    "unet_small",\n', '    "unet_small",\n    "tiny",\n'),
    ],
    "src/segmint/training/losses.py": [
        (
            '    "jaccard": lambda',
            '    "lovasz": lambda mode: smp.LovaszLoss(mode, ignore_index=IGNORE),\n    "jaccard": lambda',
        )
    ],
    "src/segmint/training/optimisation.py": [
        (
            '        case "sgd":\n',
            '        case "rmsprop":\n            return torch.optim.RMSprop(groups, recipe.lr)\n        case "sgd":\n',
        )
    ],
    "src/segmint/evaluation/metrics.py": [
        (
            '        "recall": _ratio(hit, truth),\n',
            '        "recall": _ratio(hit, truth),\n        "specificity": _ratio(right, right + false),\n',
        )
    ],
    "src/segmint/score_names.py": [
        (
            'BY_CLASS = ("iou", "f1", "precision", "recall")',
            'BY_CLASS = ("iou", "f1", "precision", "recall", "specificity")',
        ),
        ('OF_PROBABILITIES = ("brier",)', 'OF_PROBABILITIES = ("brier", "confidence")'),
    ],
    "src/segmint/training/scores.py": [
        (
            'PROBABILITY_METRICS: dict[str, type[Metric]] = {"brier": Brier}',
            """class Confidence(torchmetrics.MeanMetric):
    def update(self, probability, target):
        super().update((probability - 0.5).abs() * 2)


PROBABILITY_METRICS: dict[str, type[Metric]] = {"brier": Brier, "confidence": Confidence}""",
        ),
        ("from torchmetrics import Metric", "import torchmetrics\nfrom torchmetrics import Metric"),
    ],
    "src/segmint/models/factory.py": [
        ("NETWORKS", "from segmint.models.tiny import Tiny\n\nNETWORKS"),
    ],
    "src/segmint/training/trainer.py": [
        (
            "    if sys.stderr.isatty():\n",
            "    callbacks.append(GradientLoggingCallback())\n    if sys.stderr.isatty():\n",
        ),
        (
            "\n\ndef build_trainer(",
            """

import mlflow


class GradientLoggingCallback(lightning.Callback):
    def on_after_backward(self, trainer, pl_module):
        for name, parameter in list(pl_module.named_parameters())[:1]:
            mlflow.log_metric(f"grad_{name}_mean", float(parameter.grad.mean()), step=trainer.global_step)


def build_trainer(""",
        ),
    ],
}
"""File -> what a developer writes in place of what stands there, the first time it stands there."""

TINY_NETWORK = """
from torch import nn


class Tiny(nn.Module):
    def __init__(self, bands, classes):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(bands, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, classes, 1))

    def forward(self, image):
        return self.layers(image)
"""


@pytest.fixture(scope="module")
def extended(tmp_path_factory) -> Path:
    """A copy of the program with everything that the guide adds."""
    room = tmp_path_factory.mktemp("an extended program")
    for part in ("src", "configs"):
        shutil.copytree(REPOSITORY / part, room / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "requirements.txt", room)
    for name, edits in CHANGES.items():
        path = room / name
        text = path.read_text(encoding="utf-8")
        for before, after in edits:
            assert before in text, f"{name} has no {before!r} any more: CONTRIBUTING.md may be out of date"
            text = text.replace(before, after, 1)
        path.write_text(text, encoding="utf-8")
    factory = room / "src/segmint/models/factory.py"
    line = '    "unet_small": '
    text = factory.read_text(encoding="utf-8")
    assert line in text
    factory.write_text(
        text.replace(line, f'    "tiny": lambda bands, channels, options: Tiny(len(bands), channels),\n{line}', 1),
        encoding="utf-8",
    )
    (room / "src/segmint/models/tiny.py").write_text(TINY_NETWORK, encoding="utf-8")
    return room


@pytest.mark.states(132, 133, 134, 135, 137, 138, 139, 140, 142, 143, 144, 145, 147, 148, 169, 170)
def test_own_loss_alone_metrics_optimiser_network_and_callback_work_together(extended, command, bright_squares):
    chips, labels = bright_squares
    line = f"python src/train.py --epochs 2 --chips_dir '{chips}' --labels_dir '{labels}' --data.tile_size 64"
    line += " --batch_size 8 --loss.bce 0 --loss.dice 0 --loss.lovasz 1 --training.optimizer rmsprop"
    line += " --augmentation.invert 0.5 --architecture tiny --network.weights null --training.monitor val_specificity"
    ran = command(extended, line)
    assert "loss 1 lovasz" in ran.output
    assert "rmsprop" in ran.output
    assert ran.run.info.status == "FINISHED"
    assert ran.run.data.params["augmentation.invert"] == "0.5"
    for name in ("train_specificity", "val_specificity", "val_confidence", "val_brier"):
        assert ran.steps(name) == [1, 2], name
    assert "test_specificity" in ran.run.data.metrics
    client = MlflowClient(f"sqlite:///{extended}/mlflow.db")
    runs = client.search_runs([item.experiment_id for item in client.search_experiments()])
    assert len(runs) == 1
    assert any(name.startswith("grad_") for name in runs[0].data.metrics)


@pytest.mark.states(134)
def test_a_metric_of_probabilities_may_be_the_monitor(extended, command, bright_squares):
    chips, labels = bright_squares
    line = f"python src/train.py --chips_dir '{chips}' --labels_dir '{labels}' --training.monitor val_nothing"
    assert "val_confidence" in command(extended, line, status=1).errors
