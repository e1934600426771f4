"""The MLflow project: `mlflow run`, its one run, its failures, and what it carries on."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from e2e_settings import SMALL, TINY, environment, wait_for
from places import REPOSITORY

MLFLOW = [sys.executable, "-m", "mlflow"]


@pytest.fixture
def project(tmp_path) -> Path:
    """The project as a user has it, in a folder with a space in its name."""
    folder = tmp_path / "my project"
    folder.mkdir()
    for name in ("MLproject", "conda.yaml", "requirements.txt"):
        shutil.copy(REPOSITORY / name, folder)
    for name in ("src", "configs"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "meta").mkdir()
    (folder / "meta" / ".gitkeep").touch()
    return folder


def mlflow_run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*MLFLOW, "run", ".", "--env-manager", "local", *arguments]
    return subprocess.run(command, cwd=project, env=environment(project), capture_output=True, text=True, check=False)


def parameters(network: list[str], bright_squares: tuple[Path, Path]) -> list[str]:
    chips, labels = bright_squares
    given = [*network, f"--chips_dir={chips}", f"--labels_dir={labels}"]
    return [part for option in given for part in ("-P", option.removeprefix("--"))]


def runs(project: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(project / "mlflow.db") as store:
        return store.execute("select run_uuid, status from runs order by start_time").fetchall()


def test_mlflow_run_makes_one_finished_run_and_leaves_the_files(project, bright_squares):
    done = mlflow_run(project, "-P", "epochs=1", "-P", "output_dir=out dir", *parameters(SMALL, bright_squares))
    assert done.returncode == 0, done.stderr[-3000:]
    ((_, status),) = runs(project)
    assert status == "FINISHED"
    assert (project / "out dir" / "best_model.onnx").is_file()
    with sqlite3.connect(project / "mlflow.db") as store:
        logged = dict(store.execute("select key, value from params where key in ('epochs', 'training.epochs')"))
    assert logged == {"epochs": "1", "training.epochs": "1"}


@pytest.mark.parametrize(
    ("parameter", "words"),
    [("epochs=abc", "training.epochs"), ("epoch=5", "'epoch'"), ("chips_dir=nowhere", "nowhere")],
)
def test_a_wrong_parameter_is_one_line_and_a_failed_run(project, parameter, words):
    done = mlflow_run(project, "-e", "train", "-P", parameter)
    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert words in line
    assert "Traceback" not in done.stderr
    assert [status for _, status in runs(project)] == ["FAILED"]


def test_an_interrupted_project_run_is_killed_and_the_next_one_carries_it_on(project, bright_squares):
    command = [*MLFLOW, "run", ".", "--env-manager", "local", "-P", "epochs=3", *parameters(TINY, bright_squares)]
    process = subprocess.Popen(
        command,
        cwd=project,
        env=environment(project),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for(project, "last.ckpt")
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the whole group
    process.communicate(timeout=120)
    assert process.returncode != 0
    until = time.monotonic() + 60
    while (found := runs(project))[0][1] != "KILLED":  # a moment after `mlflow run` has left
        assert time.monotonic() < until, found
        time.sleep(0.2)
    ((first, _),) = found

    done = mlflow_run(project, "-P", "epochs=3", *parameters(TINY, bright_squares))
    assert done.returncode == 0, done.stderr[-3000:]
    assert "carried on" in done.stdout
    by_id = dict(runs(project))
    assert set(by_id.values()) == {"FINISHED"}
    (child,) = set(by_id) - {first}
    with sqlite3.connect(project / "mlflow.db") as store:
        tags = dict(store.execute("select key, value from tags where run_uuid = ?", (child,)))
    assert tags["resumed_into"] == tags["mlflow.parentRunId"] == first


def test_the_environment_file_names_the_lock_it_was_made_for():
    import hashlib

    digest = hashlib.sha256((REPOSITORY / "requirements.txt").read_bytes()).hexdigest()
    assert f"# requirements.txt sha256: {digest}\n" in (REPOSITORY / "conda.yaml").read_text()


def test_the_lock_names_no_registry():
    text = (REPOSITORY / "requirements.txt").read_text()
    assert "://" not in text
    assert "--index" not in text
