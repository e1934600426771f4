"""Runs and a real server, with a network between them that fails."""

import contextlib
import io
import re
import shutil
import signal
import sqlite3
import sys
import threading
import time
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from relay import Relay
from servers import Server

from segmint.errors import TrackingError
from segmint.interruption import Interrupted
from segmint.registry.registration import register
from segmint.tracking.folder import Identity, RunFolder
from segmint.tracking.lineage import SplitDataset
from segmint.tracking.run import TrackedRun
from segmint.tracking.store import connect, require_store
from sync import Request, sync

ROOT = Path(".segmint/runs")


class Served:
    """A server, the network to it, and what its database says."""

    def __init__(self, room: Path) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
        command += ["--backend-store-uri", f"sqlite:///{room}/store.db", "--artifacts-destination", f"{room}/files"]
        self.room = room
        self.server = Server(command, room, "/health")

    def rows(self, question: str, *values: str) -> list[tuple]:
        with sqlite3.connect(self.room / "store.db") as store:
            return store.execute(question, values).fetchall()

    def artifacts(self, run_id: str) -> set[str]:
        (found,) = self.room.glob(f"files/*/{run_id}/artifacts")
        return {path.relative_to(found).as_posix() for path in found.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    served = Served(tmp_path_factory.mktemp("served"))
    served.server.start()
    yield served
    served.server.stop()


@pytest.fixture
def network(store, tmp_path, monkeypatch):
    """A way to the server, and a room of its own whose process knows nothing else."""
    relay = Relay(store.server.address)
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", relay.address)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "1")
    monkeypatch.setenv("SEGMINT_STORE_PATIENCE", "0.2")
    require_store()
    yield relay
    relay.close()
    mlflow.set_tracking_uri(None)


def begun() -> TrackedRun:
    return TrackedRun.start("outages", ROOT, Identity("recipe", "data", connect()))


def patiently(monkeypatch) -> None:
    monkeypatch.setenv("SEGMINT_STORE_PATIENCE", "60")


def history(store: Served, run: TrackedRun, key: str) -> list[tuple]:
    return store.rows(
        "select value, step, timestamp from metrics where run_uuid = ? and key = ? order by step", run.run_id, key
    )


def test_metrics_of_an_outage_arrive_once_with_the_times_at_which_they_were_measured(store, network, monkeypatch):
    patiently(monkeypatch)
    run = begun()
    times = []
    with run.closing():
        run.log_epoch(1, {"val_loss": 0.9})
        with network.away():
            for epoch, loss in ((2, 0.5), (3, 0.25)):
                before = time.time_ns() // 1_000_000
                run.log_epoch(epoch, {"val_loss": loss})
                times.append((before, time.time_ns() // 1_000_000))
                time.sleep(0.7)
    found = history(store, run, "val_loss")
    assert [(value, step) for value, step, _ in found] == [(0.9, 1), (0.5, 2), (0.25, 3)]
    for (_, _, at), (first, last) in zip(found[1:], times, strict=True):
        assert first <= at <= last


def test_both_ends_of_an_outage_are_told_once_even_while_a_library_is_silenced(store, network, monkeypatch, capsys):
    patiently(monkeypatch)
    run = begun()
    with run.closing(), contextlib.redirect_stdout(io.StringIO()):
        with network.away():
            for epoch in range(1, 4):
                run.log_epoch(epoch, {"val_loss": 0.5})
                time.sleep(0.5)
        time.sleep(3)
    said = capsys.readouterr().out
    assert said.count("store:    does not answer since") == 1
    assert said.count("store:    answers again since") == 1
    assert said.index("does not answer") < said.index("answers again")


def test_an_answer_that_is_lost_makes_nothing_double(store, network, monkeypatch, tmp_path):
    patiently(monkeypatch)
    (tmp_path / "note.txt").write_text("a note")
    run = begun()
    with run.closing():
        for what, told in (
            (b"log-batch", lambda: run.log_epoch(1, {"val_loss": 0.5, "val_iou": float("nan")})),
            (b"log-batch", lambda: run.log_params({"lr": 0.1})),
            (b"log-batch", lambda: run.log_tags({"recipe": "a"})),
            (b"log-inputs", lambda: run.log_input(SplitDataset("train", "chips", "0" * 64, {"tiles": 1}), "train")),
        ):
            lost, network.swallows = network.lost, what
            told()
            while network.lost == lost:
                time.sleep(0.05)
            network.swallows = None
        lost, network.swallows = network.lost, b"note.txt"
        threading.Timer(1.0, setattr, (network, "swallows", None)).start()
        run.log_files([tmp_path / "note.txt"], "notes")  # returns when it is delivered
        assert network.lost > lost
    assert len(history(store, run, "val_loss")) == len(history(store, run, "val_iou")) == 1
    assert store.rows("select key, value from params where run_uuid = ?", run.run_id) == [("lr", "0.1")]
    assert len(store.rows("select * from inputs where destination_id = ?", run.run_id)) == 1
    assert store.artifacts(run.run_id) == {"notes/note.txt"}


def test_a_server_that_is_killed_and_started_again_has_everything(store, network, monkeypatch):
    patiently(monkeypatch)
    run = begun()
    with run.closing():
        run.log_epoch(1, {"val_loss": 0.9})
        store.server.stop(signal.SIGKILL)
        run.log_epoch(2, {"val_loss": 0.5})
        run.log_picture(2, np.zeros((8, 8, 3), np.uint8))
        store.server.start()
    assert [(value, step) for value, step, _ in history(store, run, "val_loss")] == [(0.9, 1), (0.5, 2)]
    assert store.rows("select status from runs where run_uuid = ?", run.run_id) == [("FINISHED",)]
    assert sorted(name.rpartition(".")[2] for name in store.artifacts(run.run_id)) == ["png", "webp"]


def test_load_is_measured_through_an_outage(store, network, monkeypatch):
    patiently(monkeypatch)
    run = begun()
    with run.closing(), network.away():
        time.sleep(3.5)
    found = history(store, run, "system/cpu_utilization_percentage")
    assert len(found) >= 3
    assert [step for _, step, _ in found] == list(range(len(found)))


def test_a_run_that_ends_without_its_store_says_what_is_pending_and_sync_delivers_it(store, network, tmp_path, capsys):
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b.txt").write_text("b")
    run = begun()
    network.close()

    def body():
        with run.closing():
            run.log_epoch(1, {"val_loss": 0.5})
            run.log_files([tmp_path / "a.txt", tmp_path / "b.txt"], "notes")

    with pytest.raises(TrackingError) as caught:
        body()
    ended = time.time_ns() // 1_000_000
    said = str(caught.value)
    assert f"run {run.run_id} is complete, but {network.address} is still without" in said
    assert "metrics, 2 files and the status (Connection refused). python src/sync.py delivers them" in said

    capsys.readouterr()
    with pytest.raises(TrackingError, match="Connection refused"):
        sync(Request())
    network.reopen()
    sync(Request())
    assert "2 files and the status" in capsys.readouterr().out
    (row,) = store.rows("select status, end_time from runs where run_uuid = ?", run.run_id)
    assert row[0] == "FINISHED"
    assert abs(row[1] - ended) < 1000
    assert store.artifacts(run.run_id) == {"notes/a.txt", "notes/b.txt"}
    sync(Request())
    assert capsys.readouterr().out == "nothing is pending\n"


def test_sync_leaves_a_run_alone_that_is_under_way(store, network, capsys):
    run = begun()
    with run.closing():
        network.swallows = b"log-batch"
        run.log_epoch(1, {"val_loss": 0.5})
        sync(Request())
        assert capsys.readouterr().out.endswith("nothing is pending\n")
        network.swallows = None


def test_a_run_that_is_carried_on_delivers_first_what_it_still_owes(store, network, monkeypatch):
    run = begun()
    network.close()

    def body():
        with run.closing():
            run.log_epoch(1, {"val_loss": 0.5})
            raise RuntimeError("own")

    with pytest.raises(RuntimeError, match="own"):
        body()
    network.reopen()
    patiently(monkeypatch)

    folder = RunFolder(run.folder.path)
    assert folder.hold()
    again = TrackedRun.start("outages", ROOT, folder.identity, folder)
    assert store.rows("select status from runs where run_uuid = ?", run.run_id) == [("RUNNING",)]
    with again.closing():
        again.log_epoch(1, {"val_loss": 0.5})  # an epoch that is repeated, as its checkpoint was not written
        again.log_epoch(2, {"val_loss": 0.25})
    load = [step for _, step, _ in history(store, run, "system/cpu_utilization_percentage")]
    assert load == list(range(len(load)))
    assert [(value, step) for value, step, _ in history(store, run, "val_loss")] == [(0.5, 1), (0.25, 2)]
    assert store.rows("select status from runs where run_uuid = ?", run.run_id) == [("FINISHED",)]


def test_a_run_that_is_stopped_while_its_store_is_away_is_killed_there_too(store, network, capsys):
    run = begun()
    network.close()

    def body():
        with run.closing():
            run.log_epoch(1, {"val_loss": 0.5})
            raise Interrupted("SIGINT")

    with pytest.raises(SystemExit) as caught:
        body()
    assert caught.value.code == 130
    assert f"run {run.run_id} is KILLED; python src/sync.py tells the store" in capsys.readouterr().out
    network.reopen()
    sync(Request())
    assert store.rows("select status from runs where run_uuid = ?", run.run_id) == [("KILLED",)]
    assert len(history(store, run, "val_loss")) == 1


@pytest.mark.parametrize(
    ("step", "models"),
    [(b"logged-models/search", 1), (b"logged-models HTTP", 1), (b"model-versions/create", 1), (b"/alias", 1)],
)
def test_a_registration_that_is_interrupted_anywhere_leaves_one_version(store, network, finished_run, step, models):
    run = begun()
    with run.closing():
        network.swallows = step
        with pytest.raises(mlflow.MlflowException):
            register(run.run_id, finished_run.root, "A test.", move_alias=True)
        assert network.lost == 1
        network.swallows = None
        version = register(run.run_id, finished_run.root, "A test.", move_alias=True).version
    assert store.rows("select version from model_versions where run_id = ?", run.run_id) == [(int(version),)]
    whole = "select model_id from logged_models where source_run_id = ? and lifecycle_stage = 'active' and status = 2"
    assert len(store.rows(whole, run.run_id)) == models
    assert MlflowClient().get_model_version_by_alias("test-model", "candidate").version == version


def refused_in_registration(network, seconds) -> threading.Thread:
    """The network loses an answer in the middle of a registration, and refuses every connection from then on."""

    def happen():
        while not network.lost:
            time.sleep(0.01)
        network.close()
        network.swallows = None
        if seconds is not None:
            time.sleep(seconds)
            network.reopen()

    network.lost, network.swallows = 0, b"model-versions/create"
    happening = threading.Thread(target=happen)
    happening.start()
    return happening


def trained(finished_run) -> TrackedRun:
    """A run with a staged model."""
    run = begun()
    shutil.copytree(finished_run.root, run.folder.staging)
    return run


def test_a_network_that_refuses_in_registration_and_comes_back_leaves_one_version(
    store, network, monkeypatch, finished_run
):
    patiently(monkeypatch)
    run = trained(finished_run)
    with run.closing():
        happening = refused_in_registration(network, seconds=3)
        run.register("A test.", move_alias=True)
    happening.join()
    assert len(store.rows("select version from model_versions where run_id = ?", run.run_id)) == 1
    assert store.rows("select status from runs where run_uuid = ?", run.run_id) == [("FINISHED",)]


def test_a_network_that_refuses_from_registration_on_leaves_it_to_sync(store, network, finished_run, capsys):
    run = trained(finished_run)

    def body():
        with run.closing():
            happening = refused_in_registration(network, seconds=None)
            run.register("A test.", move_alias=True)
            happening.join()

    with pytest.raises(TrackingError, match=r"still without .*the registration and the status \(Connection refused\)"):
        body()
    network.reopen()
    capsys.readouterr()
    sync(Request())
    said = capsys.readouterr().out
    assert re.search(r"the registration and the status: test-model version \d+ @candidate in the registry", said)
    assert len(store.rows("select version from model_versions where run_id = ?", run.run_id)) == 1
    assert store.rows("select status from runs where run_uuid = ?", run.run_id) == [("FINISHED",)]


def test_what_the_store_never_takes_is_named_and_holds_nothing_else_back(store, network, capsys):
    run = begun()

    def body():
        with run.closing():
            run.log_epoch(1, {"loss of $": 0.5})  # no name of a metric for MLflow
            run.log_epoch(1, {"val_loss": 0.5})

    with pytest.raises(TrackingError, match=r"is still without 1 metric \(Invalid value") as caught:
        body()
    assert "loss of $" in str(caught.value)
    assert [(value, step) for value, step, _ in history(store, run, "val_loss")] == [(0.5, 1)]
    assert store.rows("select status from runs where run_uuid = ?", run.run_id) == [("FINISHED",)]
    said = capsys.readouterr().out
    assert said.count("store:    refuses since") == 1
    assert "answers again" not in said
    with pytest.raises(TrackingError, match="still pending: 1 metric of run"):
        sync(Request())


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://no-such-host.invalid:5000"])
def test_a_store_that_is_not_there_fails_at_once_and_says_what_to_check(network, monkeypatch, address):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(TrackingError, match=rf"^tracking store {address}: .*\. Check MLFLOW_TRACKING_URI") as caught:
        require_store()
    assert len(str(caught.value)) < 200
