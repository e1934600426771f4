"""The document on lateral-flow strips: photographs, scaled with their aspect kept."""

import csv
import json

import numpy as np
import pytest
import rasterio
import torch
from inputs import photographs
from PIL import Image
from running import Ran

from segmint.command_line import parse
from segmint.contract import ModelContract
from segmint.models.factory import build

TINY = "--data.tile_size 64 --architecture unet_small --epochs 11 --lr 0.003 --split.group_regex '(.+)'"
"""What is added to the documented commands, so that they take seconds; the documented network is built below."""


@pytest.fixture(scope="module")
def trained(checkout, command) -> Ran:
    room = checkout("strip")
    photographs(room / "photos")
    line = "python src/train.py --recipe lateral-flow --chips_dir photos/images --labels_dir photos/masks"
    return command(room, f"{line} {TINY} --training.log_gradient_norm true --training.gradient_clip 1.0 --reset")


@pytest.mark.states(237, 238, 239, 240, 241, 242, 243, 244, 249, 250, 251, 252, 254, 266, 268)
def test_the_documented_figures_are_the_recipe_s(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    recipe = parse(["--recipe", "lateral-flow", "--chips_dir", "mine", "--labels_dir", "mine"])
    training, augmentation = recipe.training, recipe.augmentation
    assert (training.lr, training.batch_size, training.epochs, recipe.data.tile_size) == (1e-4, 8, 2000, 512)
    assert (training.optimizer, training.monitor, training.patience) == ("adam", "val_loss", 20)
    assert (training.plateau_patience, training.plateau_factor, training.checkpoint_every) == (3, 0.1, 10)
    assert (recipe.loss.bce, recipe.loss.dice, recipe.data.normalisation) == (1.0, 0.0, "scale")
    assert (augmentation.rotation, augmentation.flip, augmentation.flip_vertical) == (35.0, 0.5, 0.1)
    network, _ = build(recipe.network.architecture, "", None, ("red", "green", "blue"), 1)
    assert sum(weights.numel() for weights in network.parameters()) == 31_037_633


@pytest.mark.states(245, 246, 247, 253, 255, 260, 261, 263, 267, 269, 270, 271)
def test_the_documented_figures_of_every_epoch_are_logged_and_printed(trained):
    epochs = list(range(1, 12))
    for name in ("train_loss", "val_loss", "val_acc", "learning_rate", "gradient_norm"):
        assert trained.steps(name) == epochs, name
    (line,) = [line for line in trained.output.splitlines() if line.startswith("epoch  1/11")]
    assert "acc 0." in line
    assert "lr 0.003" in line


@pytest.mark.states(252)
def test_the_banner_says_in_words_what_happens_to_the_values(trained):
    assert "64 px, scaled only" in trained.output
    assert "WARNING" not in trained.output


@pytest.mark.states(254, 256, 258)
def test_checkpoints_hold_model_optimiser_and_epoch_and_every_tenth_is_kept(trained):
    names = {path.name for path in trained.checkpoints.glob("*.ckpt")}
    assert names == {"best.ckpt", "last.ckpt", "epoch_0010.ckpt"}
    content = torch.load(trained.checkpoints / "epoch_0010.ckpt", weights_only=True)
    assert content["state_dict"]
    assert content["optimizer_states"][0]["state"]
    assert len(content["callbacks"]["EpochLog"]["history"]) == 10


@pytest.mark.states(262)
def test_metrics_of_every_epoch_are_in_a_csv_file(trained):
    (path,) = [
        path for path in (trained.checkpoints.parent / "mirrors").rglob("metrics.csv") if path.parent.name != "steps"
    ]
    rows = list(csv.DictReader(path.open()))
    assert [int(float(row["epoch"])) for row in rows] == list(range(1, 12))
    assert {"train_loss", "learning_rate"} <= set(rows[0])


@pytest.mark.states(259, 264)
def test_a_checkpoint_of_the_documented_name_is_carried_on_or_refused_in_a_line(trained, command):
    room = trained.room
    (room / "checkpoint.pth.tar").write_bytes((trained.checkpoints / "last.ckpt").read_bytes())
    line = "python src/train.py --recipe lateral-flow --chips_dir photos/images --labels_dir photos/masks"
    refused = command(room, f"{line} {TINY} --checkpoint checkpoint.pth.tar", status=1)
    assert "has trained 11 epochs" in refused.errors
    torch.save({"state_dict": {}, "optimizer": {}, "best_acc": 0.9}, room / "theirs.pth.tar")
    refused = command(room, f"{line} {TINY} --checkpoint theirs.pth.tar", status=1)
    assert "another program" in refused.errors
    assert refused.errors.count("\n") == 1


@pytest.mark.states(189)
@pytest.mark.documents
def test_a_training_starts_from_the_weights_of_a_finished_model(trained, command):
    room = trained.room
    line = "python src/train.py --recipe lateral-flow --chips_dir photos/images --labels_dir photos/masks"
    tiny = TINY.replace("--epochs 11", "--epochs 1")
    again = command(room, f"{line} {tiny} --network.weights meta/best_model.pth --output_dir tuned")
    assert "weights and normalisation of lateral-flow (best_model.pth, sha256 " in again.output
    item = json.loads((room / "tuned" / "stac_item.json").read_text())
    assert item["properties"]["mlm:pretrained"] is True
    assert item["properties"]["mlm:pretrained_source"].startswith("lateral-flow (best_model.pth")


@pytest.mark.states(220, 248, 274)
def test_a_photograph_of_any_size_is_answered_on_its_own_pixels(trained, command):
    photograph = Image.open(trained.room / "photos" / "images" / "strip0.jpg").resize((150, 211))
    photograph.save(trained.room / "new photo.jpg", quality=95)
    done = command(trained.room, "python src/predict.py --model meta --input 'new photo.jpg'")
    assert "results:" in done.output
    (classes,) = (trained.room / "output").glob("*_classes.tif")
    with rasterio.open(classes) as source:
        assert (source.width, source.height) == (150, 211)
        answer = source.read(1)
    brightness = np.asarray(photograph.convert("L"))
    assert brightness[answer == 1].mean() > brightness[answer == 0].mean()
    assert ModelContract.read(trained.room / "meta" / "contract.json").fit == "letterbox"
    item = json.loads((trained.room / "meta" / "stac_item.json").read_text())
    assert item["properties"]["mlm:input"][0]["resize_type"] == "interpolation-linear"
    card = (trained.room / "meta" / "model_card.md").read_text()
    assert "The model sees whole images" in card


@pytest.mark.states(272)
def test_the_doctor_checks_the_photographs(trained, command):
    line = "python src/doctor.py --recipe lateral-flow --chips_dir photos/images --labels_dir photos/masks"
    done = command(trained.room, f"{line} --data.tile_size 64 --split.group_regex '(.+)'", status=None)
    assert "doctor" in done.output + done.errors
