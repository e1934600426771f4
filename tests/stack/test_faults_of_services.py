"""Every service of the stack taken away from a run, in training, while its files are uploaded, and in registration."""

import hashlib
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import mlflow
import numpy as np
import pytest
from e2e_settings import SMALL, wait_for
from mlflow import MlflowClient
from places import REPOSITORY
from team import Person, Team

from segmint.errors import TrackingError
from segmint.tracking.folder import Identity
from segmint.tracking.run import TrackedRun
from segmint.tracking.store import connect, require_store

pytestmark = pytest.mark.stack
ROOT = Path(".segmint/runs")
LOSSES = (0.9, 0.5, 0.25, 0.2, 0.1)
LARGE = 64 * 1024**2
"""Bytes of a file whose upload is still going on when a service stops."""

STAGES = ("training", "artifacts", "registration")


@dataclass
class Outage:
    """A service that is away for a while.

    Attributes:
        team: Whose stack it is of.
        service: Its name.
        moment: Seconds between the beginning of a stage and the outage.
        seconds: How long it stays away; None leaves it away.
    """

    team: Team
    service: str
    moment: float = 0.4
    seconds: float | None = 3.0

    @contextmanager
    def during(self, happens: bool) -> Iterator[None]:
        """Take it away after a moment, while the body goes on."""
        worker = threading.Thread(target=self._happen)
        if happens:
            worker.start()
        yield
        if happens:
            worker.join()

    def _happen(self) -> None:
        time.sleep(self.moment)
        self.team.stack.processes[self.service].stop()
        if self.seconds is not None:
            time.sleep(self.seconds)
            self.team.stack.processes[self.service].start()


@pytest.fixture
def trainer(team, tmp_path, monkeypatch) -> Iterator[MlflowClient]:
    """This process as the trainer's, in a room of its own."""
    with team.signed_in(team.trainer) as client:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("SEGMINT_STORE_PATIENCE", "180")
        require_store()
        yield client


@pytest.fixture(scope="module")
def staged(finished_run, tmp_path_factory) -> Path:
    """What a run stages, and a file that takes a while."""
    folder = tmp_path_factory.mktemp("staged") / "staging"
    shutil.copytree(finished_run.root, folder)
    with (folder / "datasets" / "large.bin").open("wb") as large:
        for number in range(LARGE // 1024**2):
            large.write(number.to_bytes(8) * 2**17)
    return folder


def carried_out(staged: Path, outage: Outage, stage: str) -> TrackedRun:
    """All that a training tells its store, with an outage in one stage."""
    run = TrackedRun.start("outages", ROOT, Identity("recipe", "data", connect()))
    with run.closing():
        run.log_params({"epochs": len(LOSSES)})
        with outage.during(stage == "training"):
            for epoch, loss in enumerate(LOSSES, 1):
                run.log_epoch(epoch, {"val_loss": loss})
                time.sleep(0.5)
        run.log_picture(1, np.zeros((8, 8, 3), np.uint8))
        shutil.copytree(staged, run.folder.staging)
        with outage.during(stage == "artifacts"):
            run.log_folder(run.folder.staging)
        with outage.during(stage == "registration"):
            run.register("A test.", move_alias=True)
    return run


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def require_everything(client: MlflowClient, run_id: str, staged: Path, room: Path) -> None:
    """Whether the store has all that the run told, once."""
    measured = client.get_metric_history(run_id, "val_loss")
    assert [(metric.step, metric.value) for metric in measured] == list(enumerate(LOSSES, 1))
    assert client.get_run(run_id).info.status == "FINISHED"
    back = Path(mlflow.artifacts.download_artifacts(run_id=run_id, dst_path=str(room / "back")))
    found, expected = digests(back), digests(staged)
    assert {name: found.get(name) for name in expected} == expected
    assert len([name for name in found if name.startswith("images/")]) == 2
    (version,) = client.search_model_versions(f"run_id = '{run_id}'")
    assert client.get_model_version_by_alias("test-model", "candidate").version == version.version
    sample = np.load(staged / "metadata" / "parity_sample.npz")
    answer = mlflow.pyfunc.load_model(f"models:/test-model/{version.version}").predict(
        np.resize(sample["chips"], (2, *sample["chips"].shape[1:])).astype(np.float32)
    )
    np.testing.assert_allclose(answer, sample["probabilities"][:2], atol=1e-4)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("service", ["mlflow", "postgres", "minio"])
def test_a_run_loses_nothing_while_a_service_is_away(team, trainer, staged, tmp_path, service, stage):
    run = carried_out(staged, Outage(team, service), stage)
    require_everything(trainer, run.run_id, staged, tmp_path)
    assert not run.folder.path.exists(), "what nobody needs any more was kept"


@pytest.mark.parametrize("service", ["mlflow", "minio"])
def test_sync_delivers_what_was_pending_at_the_end(team, trainer, staged, tmp_path, monkeypatch, service):
    monkeypatch.setenv("SEGMINT_STORE_PATIENCE", "1")
    with pytest.raises(TrackingError, match=r"still without .*the registration and the status .*sync\.py") as caught:
        carried_out(staged, Outage(team, service, seconds=None), "artifacts")
    print(caught.value)
    (folder,) = ROOT.glob("*/state.json")
    team.stack.processes[service].start()
    team.script(tmp_path, "sync")
    assert "the registration and the status" in (tmp_path / "sync.txt").read_text()
    require_everything(trainer, folder.parent.name, staged, tmp_path)
    team.script(tmp_path, "sync")
    assert "nothing is pending" in (tmp_path / "sync.txt").read_text()


def test_wrong_credentials_are_refused_before_anything_is_read(team, tmp_path):
    given = team.environment(tmp_path, Person(team.trainer.name, "not the password"))
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "src" / "train.py")], cwd=tmp_path, env=given, capture_output=True, text=True
    )
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line]
    assert line.startswith(f"error: tracking store {team.stack.url}: it answers with status 401")
    assert "Check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD" in line
    assert not done.stdout
    assert not (tmp_path / ".segmint").exists()


def test_a_reader_cannot_start_a_training_and_is_told_so(team, tmp_path, bright_squares):
    chips, labels = bright_squares
    command = [sys.executable, str(REPOSITORY / "src" / "train.py"), *SMALL, f"--chips_dir={chips}"]
    given = team.environment(tmp_path, team.reader)
    done = subprocess.run([*command, f"--labels_dir={labels}"], cwd=tmp_path, env=given, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "permission" in done.stderr.lower()


def test_two_trainings_at_once_go_on_while_the_server_is_away(team, tmp_path, bright_squares):
    """As people start them: ``mlflow run``, by the address alone."""
    chips, labels = bright_squares
    options = [part for option in SMALL for part in ("-P", option.removeprefix("--"))]
    command = [sys.executable, "-m", "mlflow", "run", str(REPOSITORY), "-e", "train", "--env-manager", "local"]
    command += ["-P", "epochs=3", "-P", f"chips_dir={chips}", "-P", f"labels_dir={labels}", *options]
    rooms = [tmp_path / name for name in ("one", "two")]
    started = []
    for seed, room in enumerate(rooms):
        shutil.copytree(REPOSITORY, room, ignore=shutil.ignore_patterns(".*", "meta", "tests", "__pycache__"))
        here = [str(room) if part == str(REPOSITORY) else part for part in command]
        started.append(
            subprocess.Popen(
                [*here, "-P", f"training.seed={seed}"],
                cwd=room,
                env=team.environment(room, team.trainer),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    wait_for(rooms[0], "last.ckpt")
    team.stack.processes["mlflow"].stop()
    for room in rooms:
        wait_for(room, "history.json")
    team.stack.processes["mlflow"].start()
    said = ""
    for process in started:
        output, errors = process.communicate()
        assert process.returncode == 0, output[-3000:] + errors[-3000:]
        said += output
    assert "store:    does not answer" in said
    assert "store:    answers again" in said
    with team.signed_in(team.trainer) as client:
        ids = [path.parent.name for room in rooms for path in room.glob(".segmint/runs/*/state.json")]
        assert len(ids) == 2
        for run_id in ids:
            assert client.get_run(run_id).info.status == "FINISHED"
            assert [metric.step for metric in client.get_metric_history(run_id, "val_loss")] == [1, 2, 3]
            assert len(client.search_model_versions(f"run_id = '{run_id}'")) == 1
