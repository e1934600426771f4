"""What CSV files, TensorBoard and Weights & Biases are given of a run, read back with other code than wrote it."""

import csv
import json
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import wandb
import yaml
from PIL import Image
from wandb.proto.wandb_internal_pb2 import Record

from segmint.errors import RecipeError
from segmint.recipe import MirrorRecipe, Recipe
from segmint.tracking.mirrors import Mirrors

RUN_ID = "0123456789abcdef0123456789abcdef"
EVERYTHING = MirrorRecipe(csv=True, tensorboard=True, wandb=True)


class Run:
    """Keeps what it is told."""

    def __init__(self):
        self.told = []

    def log_params(self, values):
        self.told.append(("params", values))

    def log_epoch(self, epoch, metrics):
        self.told.append(("epoch", epoch, metrics))

    def log_steps(self, steps):
        self.told.append(("steps", steps))

    def log_picture(self, epoch, drawn):
        self.told.append(("picture", epoch, drawn))

    def log_metrics(self, metrics):
        self.told.append(("metrics", metrics))


def picture(epoch):
    return np.full((8, 12, 3), 50 * epoch, np.uint8)


def two_epochs(records):
    """Four steps, running scores at every other, a picture of each epoch, and the end of a run."""
    for epoch in (1, 2):
        steps = [(2 * epoch - 1, {"train_loss_step": 0.9}), (2 * epoch, {"train_loss_step": 0.8, "train_f1_step": 0.5})]
        records.log_steps(steps)
        records.log_epoch(epoch, {"val_loss": 1 / epoch, "val_iou": 0.5})
        records.log_picture(epoch, picture(epoch))
    records.log_metrics({"best_val_loss": 0.5})
    records.log_metrics({"test_iou": 0.625, "test_f1": 0.75})


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_CONSOLE", "off")
    yield
    wandb.teardown()  # the process reads these variables once


@pytest.fixture
def mirrored(tmp_path, offline, capsys):
    """Folder of a run that has ended, what it was told itself, and what was printed."""
    run = Run()
    records = Mirrors.open(EVERYTHING, tmp_path, "lateral-flow", RUN_ID, run)
    records.show()
    records.log_params(Recipe().flat() | {"hardware.precision": "32-true"})
    two_epochs(records)
    records.close()
    return tmp_path, run.told, capsys.readouterr().out


def test_the_run_itself_is_told_everything_first(mirrored):
    _, told, _ = mirrored
    assert [kind for kind, *_ in told] == ["params", *("steps", "epoch", "picture") * 2, "metrics", "metrics"]


def test_people_are_told_where_to_look(mirrored):
    folder, _, printed = mirrored
    (offline_run,) = (folder / "wandb").glob("offline-run-*")
    shown = [
        f"mirror:   CSV in {folder}/csv/version_0",
        f"mirror:   TensorBoard by tensorboard --logdir {folder}/tensorboard",
        f"mirror:   W&B run {RUN_ID}, offline: wandb sync {offline_run}",
    ]
    assert printed.splitlines() == shown * 2  # when they are opened, and at the end


def test_tables_hold_epochs_steps_scores_and_parameters(mirrored):
    folder = mirrored[0] / "csv" / "version_0"

    def rows(name):
        with (folder / name).open(newline="") as file:
            return list(csv.DictReader(file))

    assert rows("metrics.csv") == [
        {"epoch": "1", "step": "1", "val_iou": "0.5", "val_loss": "1.0"},
        {"epoch": "2", "step": "2", "val_iou": "0.5", "val_loss": "0.5"},
    ]
    assert [(row["step"], row["train_loss_step"], row["train_f1_step"]) for row in rows("steps/metrics.csv")] == [
        ("1", "0.9", ""),
        ("2", "0.8", "0.5"),
        ("3", "0.9", ""),
        ("4", "0.8", "0.5"),
    ]
    assert {row["metric"]: float(row["value"]) for row in rows("final.csv")} == {
        "best_val_loss": 0.5,
        "test_iou": 0.625,
        "test_f1": 0.75,
    }
    parameters = yaml.safe_load((folder / "hparams.yaml").read_text())
    assert parameters["training.lr"] == 1e-3
    assert parameters["hardware.precision"] == "32-true"


def test_tensorboard_shows_curves_pictures_and_parameters(mirrored):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    events = EventAccumulator(str(mirrored[0] / "tensorboard")).Reload()

    def curve(tag):
        return [(point.step, pytest.approx(point.value)) for point in events.Scalars(tag)]

    assert curve("val_loss") == [(1, 1.0), (2, 0.5)]
    assert curve("train_loss_step") == [(1, 0.9), (2, 0.8), (3, 0.9), (4, 0.8)]
    assert curve("train_f1_step") == [(2, 0.5), (4, 0.5)]
    assert curve("test_iou") == [(0, 0.625)]
    assert [(image.step, image.width, image.height) for image in events.Images("val/preview")] == [
        (1, 12, 8),
        (2, 12, 8),
    ]
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    parameters = HParamsPluginData.FromString(content).session_start_info.hparams
    assert parameters["training.lr"].number_value == 1e-3
    assert parameters["network.weights"].string_value == "imagenet"


def wandb_records(folder):
    """Records of the only offline run in ``folder``, which has ended, oldest first.

    Its service may write on for a moment; the last record is the end of the run.
    """
    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    until = time.monotonic() + 30
    while time.monotonic() < until:
        records = log_of(path.read_bytes())
        if any(record.HasField("exit") for record in records):
            return records
        time.sleep(0.05)
    raise AssertionError(f"{path} has no end")


def log_of(content):
    """Records of a log in LevelDB's format.

    After 7 bytes come blocks of 32 KiB with pieces of records, each with its checksum (4 bytes), length (2) and kind
    (1: all of it, 2: its begin, 3: its middle, 4: its end).
    """
    place, whole, records = 7, b"", []
    while place + 7 <= len(content):
        left = 32_768 - place % 32_768
        if left < 7:
            place += left
            continue
        _, length, kind = struct.unpack("<IHB", content[place : place + 7])
        if place + 7 + length > len(content):
            break
        whole += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):
            records.append(Record.FromString(whole))
            whole = b""
    return records


def values(items):
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}


def test_weights_and_biases_has_each_metric_over_its_own_axis(mirrored):
    folder = mirrored[0]
    records = wandb_records(folder)
    axes = {record.metric.name: record.metric.step_metric for record in records if record.metric.name}
    assert axes["val_loss"] == axes["val/preview"] == "epoch"
    assert axes["train_loss_step"] == axes["train_f1_step"] == "step"
    history = [values(record.history.item) for record in records if record.history.item]
    assert [row["_step"] for row in history] == list(range(len(history)))  # it may only grow

    def curve(name):
        return [(row[axes[name]], row[name]) for row in history if name in row]

    assert curve("val_loss") == [(1, 1.0), (2, 0.5)]
    assert curve("train_loss_step") == [(1, 0.9), (2, 0.8), (3, 0.9), (4, 0.8)]
    assert curve("train_f1_step") == [(2, 0.5), (4, 0.5)]
    files = [(row["epoch"], row["val/preview.path"]) for row in history if "val/preview.path" in row]
    assert [epoch for epoch, _ in files] == [1, 2]
    for epoch, path in files:
        (file,) = folder.glob(f"wandb/offline-run-*/files/{path}")
        np.testing.assert_array_equal(np.asarray(Image.open(file)), picture(epoch))


def test_weights_and_biases_has_parameters_and_final_scores(mirrored):
    records = wandb_records(mirrored[0])
    (begun,) = [record.run for record in records if record.run.run_id]
    assert (begun.run_id, begun.display_name, begun.project) == (RUN_ID, RUN_ID, "lateral-flow")
    parameters, summary = {}, {}
    for record in records:
        parameters |= values(record.config.update)
        summary |= values(record.summary.update)
    assert parameters["training.lr"] == 1e-3
    assert parameters["hardware.precision"] == "32-true"
    assert (summary["best_val_loss"], summary["test_iou"], summary["test_f1"]) == (0.5, 0.625, 0.75)


def test_a_resumed_run_has_its_id_and_folder_again(tmp_path, offline):
    names = MirrorRecipe(wandb=True, tensorboard=True, project="fires", name="a name")
    for _ in range(2):
        records = Mirrors.open(names, tmp_path, "lateral-flow", RUN_ID, Run())
        records.log_epoch(1, {"val_loss": 0.5})
        records.close()
    assert [path.stem for path in tmp_path.glob("wandb/offline-run-*/*.wandb")] == [f"run-{RUN_ID}"] * 2
    assert len(list((tmp_path / "tensorboard").glob("events.*"))) == 2


def test_a_mirror_that_fails_is_said_once_and_the_others_go_on(tmp_path, offline, capsys):
    run = Run()
    records = Mirrors.open(EVERYTHING, tmp_path, "lateral-flow", RUN_ID, run)
    (tmp_path / "csv").write_text("")  # where the folder of the tables would be
    two_epochs(records)
    records.close()
    said = [line for line in capsys.readouterr().out.splitlines() if "switched off" in line]
    assert len(said) == 1
    assert said[0].startswith("mirror:   CSV is switched off, the run goes on without it: ")
    assert [mirror.name for mirror in records.mirrors] == ["TensorBoard", "W&B"]
    assert len(run.told) == 8
    assert sum(bool(record.history.item) for record in wandb_records(tmp_path)) == 8


def test_a_server_that_is_away_is_said_and_the_run_goes_on(tmp_path, offline, monkeypatch, capsys):
    monkeypatch.setattr("segmint.tracking.copies._FIRST_ANSWER", 1)
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_API_KEY", 40 * "a")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # nobody listens there
    run = Run()
    records = Mirrors.open(MirrorRecipe(wandb=True), tmp_path, "lateral-flow", RUN_ID, run)
    two_epochs(records)
    records.close()
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("mirror:   W&B is switched off, the run goes on without it: ")
    assert len(run.told) == 8


class Answers(BaseHTTPRequestHandler):
    """As much of Weights & Biases as a run needs to be opened."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode(errors="replace")
        data = {"serverInfo": {"features": []}, "model": {"bucket": None}}
        if "upsertBucket" in asked:
            project = {"id": "p", "name": "lateral-flow", "entity": {"id": "e", "name": "somebody"}}
            bucket = {"id": "b", "name": RUN_ID, "displayName": "strips", "config": "{}", "project": project}
            data = {"upsertBucket": {"bucket": bucket, "inserted": True}}
        elif "createRunFiles" in asked:
            files = [{"name": name, "uploadUrl": self.server.url} for name in json.loads(asked)["variables"]["files"]]
            data = {"createRunFiles": {"runID": "b", "uploadHeaders": [], "files": files}}
        answer = json.dumps({"data": data}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *given):
        """Nothing is printed."""


def test_the_address_of_a_run_is_shown_and_a_server_that_leaves_does_not_hold_up_its_end(
    tmp_path, offline, monkeypatch, capsys
):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_API_KEY", 40 * "a")
    monkeypatch.setenv("WANDB_BASE_URL", server.url)
    monkeypatch.setenv("WANDB_ENTITY", "somebody")
    monkeypatch.setenv("SEGMINT_STORE_PATIENCE", "1")
    records = Mirrors.open(MirrorRecipe(wandb=True, name="strips"), tmp_path, "lateral-flow", RUN_ID, Run())
    records.show()
    server.shutdown()
    server.server_close()
    two_epochs(records)
    records.close()
    shown, left = capsys.readouterr().out.splitlines()
    assert shown == f"mirror:   W&B run strips at {server.url}/somebody/lateral-flow/runs/{RUN_ID}"
    (folder,) = tmp_path.glob("wandb/run-*")
    assert left == (
        "mirror:   W&B is switched off, the run goes on without it: it has not taken everything within 1 s, "
        f"`wandb sync {folder}` sends the rest"
    )


def test_a_package_that_is_not_there_is_named_with_the_command_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(RecipeError, match=r"mirror\.wandb: the package wandb is not installed.*uv pip install wandb"):
        Mirrors.open(MirrorRecipe(wandb=True), tmp_path, "lateral-flow", RUN_ID, Run())
