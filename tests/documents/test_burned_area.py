"""The document on burned area: ready patches of seven bands, trained by its own command."""

import numpy as np
import pytest
import torch
from inputs import patches
from running import Ran

from segmint.contract import ModelContract
from segmint.models.factory import build

BANDS = ("blue", "green", "red", "nir", "nir08", "swir16", "swir22")
TINY = "--epochs 3 --data.tile_size 32 --encoder resnet18"
"""What is added to the documented command, so that it takes seconds."""


@pytest.fixture(scope="module")
def trained(checkout, command, offline) -> Ran:
    room = checkout("burned area")
    patches(room / "patches")
    line = f"python src/train.py --recipe wildfire-del --patches-dir ./patches --num-classes 2 {TINY}"
    return command(room, f"{line} --wandb --project fire-detection --save-every 1 --batch-size 4", **offline)


@pytest.mark.states(1, 3, 5, 6, 7, 19, 21, 36, 37)
def test_the_documented_command_trains_on_ready_patches(trained):
    assert trained.run.info.status == "FINISHED"
    assert "masks: 12 of 12 chips have no *_CM.tif" in trained.output
    assert {path.name for path in trained.checkpoints.glob("*.ckpt")} == {
        "best.ckpt",
        "last.ckpt",
        *(f"epoch_{number:04d}.ckpt" for number in (1, 2, 3)),
    }


@pytest.mark.states(2)
def test_without_a_recipe_the_bands_that_were_found_are_named_and_who_takes_them(trained, command):
    refused = command(trained.room, "python src/train.py --patches-dir ./patches --num-classes 2", status=1)
    assert "7 bands" in refused.errors
    assert "float32" in refused.errors
    assert "wildfire-del" in refused.errors
    assert "colour" not in refused.errors
    assert refused.errors.count("\n") == 1


@pytest.mark.states(4)
def test_five_classes_are_another_recipe_s(trained, command):
    line = "python src/train.py --recipe wildfire-del --patches-dir ./patches --num-classes 5"
    assert "wildfire-gra" in command(trained.room, line, status=1).errors


@pytest.mark.parametrize(
    ("architecture", "number"), [("unet", 7), ("unetplusplus", 8), ("deeplabv3plus", 9)], ids=lambda value: str(value)
)
@pytest.mark.states(7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 136)
def test_every_architecture_takes_every_encoder_with_seven_bands(architecture, number):
    encoders = (
        "resnet18",
        "resnet34",
        "resnet50",
        "efficientnet-b0",
        "efficientnet-b1",
        "efficientnet-b2",
        "mobilenet_v2",
    )
    for encoder in encoders:
        network, _ = build(architecture, encoder, None, BANDS, 5)
        with torch.no_grad():
            assert network.eval()(torch.zeros(1, 7, 64, 64)).shape == (1, 5, 64, 64)


@pytest.mark.states(22, 23, 24)
def test_the_three_helpers_answer_as_documented():
    from segmint.models.foreground import confidence, detection, segmentation

    probability = torch.tensor([[[[0.1, 0.7], [0.2, 0.3]]], [[[0.1, 0.2], [0.3, 0.1]]]])
    classes = segmentation(probability, 0.5)
    assert classes.tolist() == [[[0, 1], [0, 0]], [[0, 0], [0, 0]]]
    assert detection(classes).tolist() == [True, False]
    assert confidence(probability).tolist() == pytest.approx([0.7, 0.3])


@pytest.mark.states(23, 24)
def test_predict_says_whether_there_is_fire_and_how_surely(trained, command):
    scene = np.load(trained.room / "patches" / "EMSR100_0_image.npy")
    import rasterio

    with rasterio.open(
        trained.room / "scene.tif", "w", driver="GTiff", width=32, height=32, count=7, dtype="float32"
    ) as target:
        target.write(scene.transpose(2, 0, 1))
    done = command(trained.room, "python src/predict.py --model meta --input scene.tif --probabilities float32")
    import json

    facts = json.loads((trained.room / "output" / "scene_prediction.json").read_text())
    threshold = ModelContract.read(trained.room / "meta" / "contract.json").output.threshold
    with rasterio.open(trained.room / "output" / "scene_probabilities.tif") as source:
        largest = float(source.read(source.count).max())
    assert facts["foreground"]["confidence"] == pytest.approx(largest, abs=1e-3)
    assert facts["foreground"]["detected"] is (largest >= threshold)
    assert done.status == 0


@pytest.mark.states(25, 27, 28, 29, 35, 42, 43, 44)
def test_the_banner_and_the_parameters_state_the_documented_recipe(trained):
    params = trained.run.data.params
    assert (params["loss.bce"], params["loss.dice"], params["loss.class_weights"]) == (
        "0.5",
        "0.5",
        "inverse_frequency",
    )
    assert (params["training.optimizer"], params["training.lr"], params["training.weight_decay"]) == (
        "adamw",
        "0.0001",
        "0.0001",
    )
    assert (params["training.scheduler"], params["training.monitor"]) == ("plateau", "val_fire_iou")
    assert (params["training.sampling"], params["augmentation.strong"]) == ("foreground", "1.5")
    assert "loss 0.5 bce + 0.5 dice" in trained.output
    assert "val_fire_iou" in trained.output


@pytest.mark.states(30, 31, 32, 33, 34)
def test_the_documented_scores_are_logged_for_every_epoch(trained):
    for name in (
        "train_loss",
        "val_loss",
        "val_fire_iou",
        "val_fire_recall",
        *(f"val_detection_{name}" for name in ("acc", "precision", "recall", "f1")),
    ):
        assert trained.steps(name) == [1, 2, 3], name
    of_burned = {f"test_{name}_burned" for name in ("iou", "f1", "precision", "recall")}
    assert of_burned | {"test_detection_f1"} <= set(trained.run.data.metrics)


@pytest.mark.states(50)
def test_w_and_b_gets_the_run_under_the_documented_project(trained):
    (folder,) = (trained.checkpoints.parent / "mirrors").rglob("*.wandb")
    assert b"fire-detection" in folder.read_bytes()


@pytest.mark.states(38, 39, 41)
@pytest.mark.documents
def test_resume_goes_on_with_the_best_model_under_any_name(trained, command):
    room = trained.room
    (room / "checkpoints").mkdir()
    (room / "checkpoints" / "best_model.pt").write_bytes((trained.checkpoints / "last.ckpt").read_bytes())
    (room / "checkpoints" / "best.ckpt").write_bytes((trained.checkpoints / "best.ckpt").read_bytes())
    line = "python src/train.py --recipe wildfire-del --patches-dir ./patches --num-classes 2 --batch-size 4"
    tiny = TINY.replace("--epochs 3", "--epochs 4")
    again = command(room, f"{line} {tiny} --resume checkpoints/best_model.pt --output_dir again")
    assert "3 epochs trained" in again.output
    assert "epoch 4/4" in again.output
    best = torch.load(again.checkpoints / "last.ckpt", weights_only=True)["callbacks"]["EpochLog"]["history"][-1]
    fires = [float(item.value) for item in again.client.get_metric_history(trained.run.info.run_id, "val_fire_iou")]
    assert best["early_stop_best_value"] == pytest.approx(max(best["early_stop_best_value"], *fires))


@pytest.mark.states(40, 41)
@pytest.mark.parametrize("given", ["meta/best_model.pt", "meta/best_model.pth", "last"])
def test_what_cannot_be_resumed_says_in_a_line_what_would_work(trained, command, given):
    file = str(trained.checkpoints / "last.ckpt") if given == "last" else given
    line = f"python src/train.py --recipe wildfire-del --patches-dir ./patches {TINY} --resume '{file}'"
    refused = command(trained.room, line, status=1)
    assert refused.errors.count("\n") == 1
    assert ("--epochs" if given == "last" else "last.ckpt") in refused.errors
