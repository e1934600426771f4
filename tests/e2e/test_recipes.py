"""Every recipe goes from its own kind of data to proven formats and a registered version, by the same command."""

import json
import subprocess
import sys

import pytest
from e2e_settings import REPOSITORY, environment
from mlflow import MlflowClient
from PIL import Image

from segmint.contract import ModelContract
from segmint.data.sample import make_sample

TINY = {
    "wildfire-gra": ("burn", {"activations": 4, "height": 96, "width": 96}, ["--architecture=unet_small"]),
    "lateral-flow": ("strips", {"scenes": 4, "frames": 2, "height": 96, "width": 54}, ["--architecture=unet_small"]),
    "fire-spread": ("spread", {"sequences": 8, "size": 32, "ground": (64, 64), "weathers": 4}, ["--tensorboard"]),
}
RIVALS = {
    "wildfire-gra": {"pixel_classifier", "nbr_threshold"},
    "lateral-flow": {"pixel_classifier"},
    "fire-spread": {"copy_of_the_last_frame", "last_frame_grown_by_a_pixel"},
}


@pytest.fixture(scope="module", params=list(TINY))
def trained(request, tmp_path_factory):
    """Name of a recipe and a folder, with a space in its name, where it was trained for an epoch."""
    sample, sizes, options = TINY[request.param]
    room = tmp_path_factory.mktemp(f"a {sample} run")
    chips = room / "images"
    labels = room / "masks" if sample == "strips" else chips
    make_sample(sample, chips, labels, **sizes)
    folders = [f"--chips_dir={chips}", f"--labels_dir={labels}"]
    small = ["--epochs=1", "--data.tile_size=32", "--network.weights=null", "--batch-size=4"]
    script = [sys.executable, str(REPOSITORY / "src" / "train.py"), "--recipe", request.param]
    done = subprocess.run(
        [*script, *folders, *small, *options], cwd=room, env=environment(room), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "NotGeoreferencedWarning" not in done.stderr  # photographs and patches have no place, and need none
    return request.param, room


def test_every_format_is_proven_and_the_version_registered(trained):
    recipe, room = trained
    formats = json.loads((room / "meta" / "parity.json").read_text())["formats"]
    graphs = ["pth", "torchscript", "onnx", "pt2"]
    expected = {*graphs, "dlpk", *(f"series_{name}" for name in graphs if recipe == "fire-spread")}
    assert {proof["format"] for proof in formats if proof["passed"]} == expected
    client = MlflowClient(f"sqlite:///{room}/mlflow.db")
    assert str(client.get_model_version_by_alias(recipe, "candidate").version) == "1"


def test_the_answers_that_need_no_network_are_measured_too(trained):
    recipe, room = trained
    metrics = ModelContract.read(room / "meta" / "contract.json").metrics
    assert {f"test_baseline_iou_{name}" for name in RIVALS[recipe]} <= set(metrics)
    if recipe == "wildfire-gra":
        assert {"test_fire_iou", "test_macro_iou", "test_detection_f1", "test_iou_destroyed"} <= set(metrics)


def test_a_fire_s_answers_are_logged_as_a_picture_of_every_epoch(trained):
    recipe, room = trained
    client = MlflowClient(f"sqlite:///{room}/mlflow.db")
    (run,) = client.search_runs([client.get_experiment_by_name(recipe).experiment_id])
    pictures = [item.path for item in client.list_artifacts(run.info.run_id, "images") if item.path.endswith(".png")]
    assert len(pictures) == (1 if recipe == "fire-spread" else 0)
    for path in pictures:
        width, height = Image.open(client.download_artifacts(run.info.run_id, path)).size
        assert width == 3 * (32 + 4)  # image, truth and answer of 32 px, each with its gap
        assert height % (32 + 4) == 0


def test_the_loss_and_its_parts_are_logged_at_every_step_of_a_fire(trained):
    recipe, room = trained
    client = MlflowClient(f"sqlite:///{room}/mlflow.db")
    (run,) = client.search_runs([client.get_experiment_by_name(recipe).experiment_id])
    steps = client.get_metric_history(run.info.run_id, "train_bce_step")
    if recipe != "fire-spread":
        assert not steps
        return
    assert [step.step for step in steps] == list(range(1, len(steps) + 1))
    dice = client.get_metric_history(run.info.run_id, "train_dice_step")
    loss = client.get_metric_history(run.info.run_id, "train_loss_step")
    for whole, one, other in zip(loss, steps, dice, strict=True):
        assert whole.value == pytest.approx(0.5 * one.value + 0.5 * other.value, abs=1e-5)
    assert 1 <= run.data.metrics["train_history"] <= 8
    assert {"lr_temporal", "lr_spatial", "early_stop_counter", "early_stop_best_epoch"} <= set(run.data.metrics)


def test_tensorboard_shows_steps_epochs_scores_and_a_picture_of_a_fire(trained):
    recipe, room = trained
    logs = list(room.glob(".segmint/runs/*/mirrors/tensorboard"))
    assert len(logs) == (1 if recipe == "fire-spread" else 0)
    for log in logs:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(log)).Reload()
        assert {"train_loss_step", "val_f1", "lr_temporal", "test_iou"} <= set(events.Tags()["scalars"])
        assert [picture.step for picture in events.Images("val/preview")] == [1]
        assert events.Scalars("test_iou")[0].value == pytest.approx(
            ModelContract.read(room / "meta" / "contract.json").metrics["test_iou"]
        )
