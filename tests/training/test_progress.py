"""What a person sees while a run trains: the line of an epoch, the line of an early stop, the bar, the banner."""

import fcntl
import math
import os
import pty
import struct
import termios
import threading
from functools import partial
from types import SimpleNamespace

import pytest
from tqdm import tqdm

from segmint.command_line import parse
from segmint.data.preparation import prepare
from segmint.recipe import TrainingRecipe
from segmint.training import bar
from segmint.training.banner import banner
from segmint.training.hardware import choose
from segmint.training.progress import epoch_line, progress, stop_line
from segmint.training.session import Session

RECORD = {
    "epoch": 7.0,
    "train_loss": 0.4234,
    "train_f1": 0.6231,
    "train_precision": 0.7119,
    "val_loss": 0.38911,
    "val_f1": 0.656,
    "val_precision": 0.734,
    "val_iou": 0.487,
    "val_acc": 0.91,
    "val_fire_iou": 0.345,
    "learning_rate": 0.00085,
    "early_stop_counter": 0.0,
}


def session_of(folders, *options):
    chips, labels = folders
    small = ("--network.architecture=unet_small", "--data.tile_size=64", "--batch_size=8", "--training.workers=0")
    recipe = parse([f"--chips_dir={chips}", f"--labels_dir={labels}", *small, *options])
    return Session.open(recipe, prepare(recipe), choose(recipe))


def recorder_of(records):
    return SimpleNamespace(log_epoch=lambda epoch, record: records.append(record))


@pytest.mark.parametrize(
    ("columns", "scores"),
    [
        (1000, "train loss 0.4234 f1 0.623 prec 0.712 | val loss 0.3891 f1 0.656 prec 0.734 iou 0.487 acc 0.910"),
        (120, "train loss 0.4234 f1 0.623 prec 0.712 | val loss 0.3891 f1 0.656 prec 0.734 iou 0.487"),
        (100, "train loss 0.4234 | val loss 0.3891 f1 0.656 iou 0.487"),
        (80, "train loss 0.4234 | val loss 0.3891 iou 0.487"),
        (60, "val loss 0.3891"),
    ],
)
def test_the_line_of_an_epoch_takes_the_room_that_the_terminal_has(columns, scores):
    line = epoch_line(RECORD, TrainingRecipe(epochs=50), 83.2, columns)
    assert line == f"epoch  7/50 {scores}  lr 0.00085 83 s best"
    assert len(line) <= columns


def test_the_form_does_not_change_with_the_digits_of_the_rate_or_with_the_best_epoch():
    rates, counters = (0.001, 0.00098, 9.8e-05), (0.0, 1.0)
    forms = {
        epoch_line(
            RECORD | {"learning_rate": rate, "early_stop_counter": counter}, TrainingRecipe(), 9, columns=119
        ).partition("  lr")[0]
        for rate in rates
        for counter in counters
    }
    assert len(forms) == 1


@pytest.mark.parametrize("columns", [1000, 120, 100, 80])
@pytest.mark.parametrize("monitor", ["val_acc", "val_fire_iou"])
def test_the_monitor_is_shown_at_any_width(columns, monitor):
    line = epoch_line(RECORD | {"early_stop_counter": 1.0}, TrainingRecipe(epochs=200, monitor=monitor), 83, columns)
    assert len(line) <= columns
    assert f" {monitor.removeprefix('val_')} {RECORD[monitor]:.3f}" in line
    assert line.startswith("epoch   7/200 ")
    assert not line.endswith("best")


def test_a_stop_says_what_was_best_and_for_how_long_nothing_was_better():
    recipe = TrainingRecipe(epochs=50, monitor="val_f1", patience=10, min_delta=0.001)
    last = {
        "epoch": 23.0,
        "val_f1": 0.789,
        "early_stop_counter": 10.0,
        "early_stop_best_value": 0.78921,
        "early_stop_best_epoch": 13.0,
    }
    assert stop_line([last], recipe) == (
        "stopped:  early, after epoch 23 of 50: best val_f1 0.7892 at epoch 13, "
        "no improvement of more than 0.001 in 10 epochs since"
    )
    assert stop_line([last | {"epoch": 50.0}], recipe) is None
    assert stop_line([last | {"val_f1": math.nan}], recipe).endswith(" since, and now it is nan")


def test_progress_is_counted_from_the_best_value_and_nan_is_never_the_best():
    history = []
    for epoch, value in enumerate((math.nan, 1.0, 0.95, math.nan, 0.8), start=1):
        history.append(progress(history[-1] if history else None, epoch, value, TrainingRecipe(min_delta=0.1)))
    assert [record["early_stop_best_epoch"] for record in history] == [1, 2, 2, 2, 5]
    assert [record["early_stop_counter"] for record in history] == [0, 0, 1, 2, 0]


class CutError(Exception):
    """The process ends here."""


def cut_off(epoch, records):
    """A recorder whose process ends before that epoch is recorded."""

    def log_epoch(number, record):
        if number == epoch:
            raise CutError
        records.append(record)

    return SimpleNamespace(log_epoch=log_epoch)


@pytest.mark.states(146)
def test_the_rate_of_an_epoch_is_the_one_that_it_was_trained_with_also_after_a_resume(bright_squares, tmp_path):
    options = ("--epochs=4", "--lr=0.01", "--training.scheduler=cosine", "--training.patience=0")
    records = []
    with pytest.raises(CutError):
        session_of(bright_squares, *options).fit(tmp_path, cut_off(3, records))
    _, history = session_of(bright_squares, *options).fit(tmp_path, recorder_of(records))
    # eta_t = eta_0 (1 + cos(pi t / T)) / 2, Loshchilov and Hutter 2017, t epochs after the start
    rates = [0.01 * (1 + math.cos(math.pi * epoch / 4)) / 2 for epoch in range(4)]
    assert [record["learning_rate"] for record in records] == pytest.approx(rates)
    assert [record["learning_rate"] for record in history] == pytest.approx(rates)


@pytest.mark.states(147)
def test_an_early_stop_is_printed_also_where_its_best_epoch_was_before_a_resume(bright_squares, tmp_path, capsys):
    options = ("--epochs=9", "--training.patience=2", "--training.min_delta=1000")
    with pytest.raises(CutError):
        session_of(bright_squares, *options).fit(tmp_path, cut_off(3, []))
    assert "stopped:" not in capsys.readouterr().out
    again = []
    session_of(bright_squares, *options).fit(tmp_path, recorder_of(again))
    printed = capsys.readouterr().out
    assert len(again) == 1
    assert "stopped:  early, after epoch 3 of 9: best val_loss " in printed
    assert " at epoch 1, no improvement of more than 1000 in 2 epochs since\n" in printed


@pytest.fixture
def terminal(monkeypatch):
    """``terminal(columns)``: standard output and error are a terminal from then on; gives what it was sent so far."""
    opened = []

    def open_terminal(columns):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        screen = os.fdopen(theirs, "w", encoding="utf-8")
        for name in ("stdout", "stderr", "__stdout__"):
            monkeypatch.setattr(f"sys.{name}", screen)
        monkeypatch.delenv("COLUMNS", raising=False)
        received = bytearray()

        def read():
            try:
                while piece := os.read(ours, 4096):
                    received.extend(piece)
            except OSError:  # Linux says so at the end
                pass

        reader = threading.Thread(target=read)
        reader.start()
        opened.append((screen, reader, ours))

        def sent():
            screen.close()
            reader.join()
            return received.decode()

        return sent

    yield open_terminal
    for screen, reader, ours in opened:
        screen.close()
        reader.join()
        os.close(ours)


def as_seen(raw):
    """The lines that remain on a terminal: what comes after a carriage return is written over what stands there."""
    lines = []
    for sent in raw.split("\n"):
        line = ""
        for piece in sent.split("\r"):
            line = piece + line[len(piece) :]
        lines.append(line.rstrip())
    return lines


@pytest.mark.parametrize("columns", [80, 150])
def test_bars_count_as_the_lines_do_and_leave_them_alone(bright_squares, tmp_path, monkeypatch, terminal, columns):
    monkeypatch.setattr(bar, "tqdm", partial(tqdm, mininterval=0))  # drawn at every batch
    session = session_of(bright_squares, "--epochs=2", "--training.patience=0")
    sent = terminal(columns)
    session.fit(tmp_path, recorder_of([]))
    raw = sent()
    for epoch in (1, 2):
        for split in ("train", "val"):
            assert f"\repoch {epoch}/2 {split} 100% |" in raw
    assert "epoch 0" not in raw
    drawn = [piece for piece in raw.split("\r") if "% |" in piece]
    assert any(", loss 0." in piece or ", loss 1." in piece for piece in drawn)
    lines = [line for line in as_seen(raw) if line]
    assert [line[:21] for line in lines] == ["epoch 1/2 train loss ", "epoch 2/2 train loss "]
    assert all(("prec" in line) == (columns == 150) for line in lines)
    assert max(map(len, [*lines, *drawn])) <= columns


def test_the_banner_names_both_learning_rates_and_what_happens_to_values(bright_squares, monkeypatch):
    session = session_of(bright_squares, "--lr=0.0001", "--training.lr_temporal=0.001")
    told = banner(session)
    assert "adam, lr 0.0001, loss" in told  # this network has no temporal part
    assert "64 px, normalised with statistics of the training split\n" in told
    assert "parameters, from scratch: unet_small has no pretrained weights\n" in told
    parts = {"temporal": list(session.task.network.parameters())[:1]}
    parts["spatial"] = list(session.task.network.parameters())[1:]
    session.task.network.groups = lambda: parts
    assert "adam, lr 0.0001, temporal part 0.001, loss" in banner(session)
    assert "64 px, scaled only\n" in banner(session_of(bright_squares, "--data.normalisation=scale"))


def test_a_warning_is_for_weights_that_were_asked_for_and_could_not_be_had(bright_squares, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("segmint.models.factory.try_to_load_from_cache", lambda *given, **kinds: None)
    smp = ("--network.architecture=unet", "--network.encoder=resnet18")
    missed = "WARNING no pretrained weights, from scratch: the weights hub cannot be reached (HF_HUB_OFFLINE is set)\n"
    assert missed in banner(session_of(bright_squares, *smp))
    assert "WARNING" not in banner(session_of(bright_squares, *smp, "--network.weights=null"))
