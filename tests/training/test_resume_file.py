"""A checkpoint that ``--resume`` names is carried on with its best epoch, or refused in one line."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from segmint.command_line import parse
from segmint.data.preparation import prepare
from segmint.errors import ModelError
from segmint.training.hardware import choose
from segmint.training.session import Session
from segmint.training.start import Start

TINY = ["--network.architecture=unet_small", "--network.weights=null", "--data.tile_size=64", "--batch_size=16"]


@pytest.fixture(scope="module")
def begin(bright_squares):
    """``begin("--epochs=3")``: a session on the bright squares."""
    chips, labels = bright_squares

    def make(*options):
        recipe = parse([f"--chips_dir={chips}", f"--labels_dir={labels}", *TINY, *options])
        return Session.open(recipe, prepare(recipe), choose(recipe))

    return make


def fit(session, folder):
    rates = []
    recorder = SimpleNamespace(log_epoch=lambda epoch, record: rates.append(record["learning_rate"]))
    _, history = session.fit(folder, recorder)
    return history, rates


@pytest.fixture(scope="module")
def trained(begin, tmp_path_factory):
    """A folder with a checkpoint of each of four epochs, and their history; the best is the second by a wide delta."""
    folder = tmp_path_factory.mktemp("a training") / "checkpoints"
    session = begin("--epochs=4", "--save-every", "1", "--training.min_delta=0.05", "--patience", "3")
    history, _ = fit(session, folder)
    return folder, history


def weights(path):
    return torch.load(path, weights_only=True)["state_dict"]


def test_a_checkpoint_of_every_epoch_is_called_as_the_console_counts(trained):
    folder, history = trained
    kept = sorted(path.name for path in folder.glob("epoch_*.ckpt"))
    assert kept == [f"epoch_{number:04d}.ckpt" for number in range(1, len(history) + 1)]
    first = torch.load(folder / "epoch_0001.ckpt", weights_only=True)
    assert len(first["callbacks"]["EpochLog"]["history"]) == 1


def test_the_best_checkpoint_is_the_epoch_that_the_log_calls_the_best(trained):
    """Also where a later epoch was better, by less than min_delta."""
    folder, history = trained
    best = int(history[-1]["early_stop_best_epoch"])
    assert history[-1]["early_stop_best_value"] == history[best - 1]["val_loss"]
    ours, theirs = weights(folder / "best.ckpt"), weights(folder / f"epoch_{best:04d}.ckpt")
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_a_checkpoint_holds_no_path(trained):
    folder, _ = trained
    for name in ("best.ckpt", "last.ckpt", "epoch_0001.ckpt"):
        assert str(folder.parent).encode() not in (folder / name).read_bytes()


@pytest.mark.parametrize("name", ["last.ckpt", "best_model.pt", "checkpoint.pth.tar"])
def test_a_carried_on_training_keeps_its_best_epoch_whatever_the_file_is_called(begin, trained, tmp_path, name):
    """With a change that counts so large that no later epoch is progress."""
    folder, history = trained
    there = tmp_path / "elsewhere"
    there.mkdir()
    shutil.copy(folder / "best.ckpt", there / "best.ckpt")
    if not (there / name).exists():
        shutil.copy(folder / "last.ckpt", there / name)
    session = begin("--epochs=5", "--training.min_delta=0.05", "--patience", "9")
    start = Start.open(there / name, session.recipe)
    start.require(session.task)
    told = start.adopt(tmp_path / "new", session.recipe.training)
    best = int(history[-1]["early_stop_best_epoch"])
    assert f"epoch {best}" in told
    assert str(len(history)) in told
    again, _ = fit(session, tmp_path / "new")
    assert len(again) == 5
    assert [record["val_loss"] for record in again[:4]] == [record["val_loss"] for record in history]
    chosen = int(again[-1]["early_stop_best_epoch"])
    expected = weights(folder / f"epoch_{best:04d}.ckpt") if chosen == best else weights(tmp_path / "new" / "last.ckpt")
    assert all(torch.equal(value, session.task.state_dict()[name]) for name, value in expected.items())


def test_where_the_best_weights_are_lost_the_file_s_own_count(begin, trained, tmp_path):
    folder, history = trained
    alone = tmp_path / "alone.ckpt"
    shutil.copy(folder / "last.ckpt", alone)
    recipe = begin("--epochs=9", "--training.min_delta=0.9").recipe  # the first epoch stays the best
    told = Start.open(alone, recipe).adopt(tmp_path / "new", recipe.training)
    assert "best.ckpt of epoch 1 is not beside it" in told
    saved = torch.load(tmp_path / "new" / "last.ckpt", weights_only=True)
    last = saved["callbacks"]["EpochLog"]["history"][-1]
    assert (last["early_stop_best_epoch"], last["early_stop_best_value"]) == (len(history), history[-1]["val_loss"])
    assert all(torch.equal(v, weights(alone)[k]) for k, v in weights(tmp_path / "new" / "best.ckpt").items())


def test_another_monitor_judges_the_epochs_behind_it(begin, trained, tmp_path):
    folder, history = trained
    recipe = begin("--epochs=9", "--training.monitor=val_iou").recipe
    Start.open(folder / "last.ckpt", recipe).adopt(tmp_path / "new", recipe.training)
    saved = torch.load(tmp_path / "new" / "last.ckpt", weights_only=True)
    kept = saved["callbacks"]["EpochLog"]["history"][-1]
    ious = [record["val_iou"] for record in history]
    assert kept["early_stop_best_value"] in (max(ious), ious[-1])
    assert saved["callbacks"]["best by val_iou"]["best_model_score"] == kept["early_stop_best_value"]


def test_the_learning_rate_is_the_one_that_is_asked_for_now(begin, trained, tmp_path):
    folder, _ = trained
    session = begin("--epochs=5", "--lr=0.0001")
    Start.open(folder / "last.ckpt", session.recipe).adopt(tmp_path / "new", session.recipe.training)
    _, rates = fit(session, tmp_path / "new")
    assert rates == pytest.approx([0.0001])


def test_more_epochs_of_a_cosine_are_those_of_the_longer_one(begin, tmp_path):
    options = ("--training.scheduler=cosine", "--lr=0.001")
    fit(begin("--epochs=2", *options), tmp_path / "short")
    longer = begin("--epochs=4", *options)
    Start.open(tmp_path / "short" / "last.ckpt", longer.recipe).adopt(tmp_path / "new", longer.recipe.training)
    _, carried = fit(longer, tmp_path / "new")
    _, whole = fit(begin("--epochs=4", *options), tmp_path / "whole")
    assert carried == pytest.approx(whole[2:])


@pytest.mark.parametrize("file", [True, False])
def test_a_plateau_that_is_carried_on_is_that_of_a_training_without_a_break(begin, tmp_path, file):
    """At a learning rate so high that the loss grows, and the rate falls."""
    options = ("--training.scheduler=plateau", "--training.plateau_patience=0", "--lr=0.02", "--patience=0")
    _, whole = fit(begin("--epochs=6", *options), tmp_path / "whole")
    fit(begin("--epochs=3", *options), tmp_path / "half")
    longer, folder = begin("--epochs=6", *options), tmp_path / "half"
    if file:
        folder = tmp_path / "new"
        Start.open(tmp_path / "half" / "last.ckpt", longer.recipe).adopt(folder, longer.recipe.training)
    else:
        (folder / "history.json").unlink()
    _, carried = fit(longer, folder)
    assert carried == pytest.approx(whole[3:])
    assert len(set(whole)) > 1
    ends = [torch.load(place / "last.ckpt", weights_only=True) for place in (folder, tmp_path / "whole")]
    assert ends[0]["lr_schedulers"] == ends[1]["lr_schedulers"]


def test_a_plateau_of_another_monitor_begins_with_that_monitor(begin, tmp_path):
    options = ("--training.scheduler=plateau", "--training.plateau_patience=0")
    fit(begin("--epochs=2", "--training.monitor=val_loss", *options), tmp_path / "old")
    other = begin("--epochs=3", "--training.monitor=val_acc", *options)
    Start.open(tmp_path / "old" / "last.ckpt", other.recipe).adopt(tmp_path / "new", other.recipe.training)
    history, _ = fit(other, tmp_path / "new")
    (state,) = torch.load(tmp_path / "new" / "last.ckpt", weights_only=True)["lr_schedulers"]
    assert state["best"] == max(record["val_acc"] for record in history[:2])


def refused(path, recipe):
    with pytest.raises(ModelError) as caught:
        Start.open(path, recipe)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_training_that_is_at_its_end_says_how_many_epochs_to_ask_for(begin, trained):
    folder, history = trained
    recipe = begin(f"--epochs={len(history)}").recipe
    told = refused(folder / "last.ckpt", recipe)
    assert f"has trained {len(history)} epochs" in told
    assert "--epochs" in told
    assert "src/export.py" in told


def test_files_that_are_no_checkpoint_are_told_apart(model_folder, begin, tmp_path, monkeypatch):
    recipe, meta = begin().recipe, model_folder()
    monkeypatch.chdir(tmp_path)
    assert "weights alone" in refused(meta / "best_model.pth", recipe)
    assert "TorchScript" in refused(meta / "best_model.pt", recipe)
    torch.save({"epoch": 3, "model_state_dict": {}}, tmp_path / "theirs.pth.tar")
    assert "another program" in refused(tmp_path / "theirs.pth.tar", recipe)
    (tmp_path / "words.pt").write_text("no weights at all")
    assert "not saved by torch" in refused(tmp_path / "words.pt", recipe)
    torch.save({"model": torch.nn.Linear(2, 2)}, tmp_path / "pickled.pt")
    assert "would run code" in refused(tmp_path / "pickled.pt", recipe)
    half = (meta / "best_model.pth").read_bytes()
    (tmp_path / "half.pth").write_bytes(half[: len(half) // 2])
    refused(tmp_path / "half.pth", recipe)
    newest = tmp_path / ".segmint" / "runs" / "1" / "checkpoints" / "last.ckpt"
    newest.parent.mkdir(parents=True)
    newest.touch()
    assert ".segmint/runs/1/checkpoints/last.ckpt" in refused(tmp_path / "words.pt", recipe)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--training.optimizer=sgd"], "training.optimizer adam"),
        (["--training.scheduler=plateau"], "training.scheduler none"),
        (["--network.architecture=classic"], "nothing as network"),
    ],
)
def test_a_checkpoint_of_another_training_names_the_first_difference(begin, trained, options, words):
    folder, _ = trained
    session = begin("--epochs=9", *options)
    with pytest.raises(ModelError, match=words):
        Start.open(folder / "last.ckpt", session.recipe).require(session.task)


def test_the_patience_is_the_one_that_is_asked_for_now(begin, trained, tmp_path):
    folder, _ = trained
    session = begin("--epochs=9", "--training.min_delta=0.9", "--patience", "6")
    start = Start.open(folder / "last.ckpt", session.recipe)
    start = replace(start, path=Path(folder / "epoch_0004.ckpt"))
    start.adopt(tmp_path / "new", session.recipe.training)
    again, _ = fit(session, tmp_path / "new")
    best = int(again[-1]["early_stop_best_epoch"])
    assert len(again) == min(9, best + 6)
