"""How the stack starts and ends, and what it says where it cannot start."""

import os
import shutil
import signal
import socket
import subprocess
import sys

import psutil
import pytest
from places import REPOSITORY
from team import made_variables

from stack.composition import StackError
from stack.native import Stack
from stack.programs import build_minio, postgres_programs
from stack.trial import SECRETS

pytestmark = pytest.mark.stack


def test_every_missing_secret_is_named(tmp_path):
    for name in SECRETS:
        with pytest.raises(StackError, match=rf"^{name} is missing or empty\. Set {name} in \.env"):
            Stack(REPOSITORY, made_variables() | {name: ""}, tmp_path)


def test_a_port_in_use_is_named_and_nothing_starts(folder):
    variables = made_variables()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(variables["MLFLOW_PORT"])))
        taken.listen()
        with pytest.raises(StackError, match=f"port {variables['MLFLOW_PORT']} of mlflow is in use"):
            Stack(REPOSITORY, variables, folder / "busy").__enter__()
    assert not (folder / "busy").exists()


def test_what_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackError, match=r"^Go is not installed\. MinIO is built with it once"):
        build_minio(REPOSITORY / "docker" / "minio.dockerfile", tmp_path)
    monkeypatch.setattr("stack.programs.PACKAGED", tmp_path)
    with pytest.raises(StackError, match=r"^Postgres is not installed\. Install the package postgresql"):
        postgres_programs()


def test_a_service_that_cannot_run_ends_the_others(folder):
    variables = made_variables() | {"S3_SECRET_ACCESS_KEY": "short"}  # MinIO wants eight characters
    before = set(psutil.Process().children(recursive=True))
    with pytest.raises(StackError, match=r"minio does not run.*Read .*minio\.log"):
        Stack(REPOSITORY, variables, folder / "refused").__enter__()
    assert set(psutil.Process().children(recursive=True)) == before


def test_ctrl_c_stops_everything(folder):
    """One service will do: `make stack` ends all in the same way, and Postgres has children of its own."""
    copy = folder / "copy"
    shutil.copytree(REPOSITORY / "stack", copy / "stack", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(REPOSITORY / "docker", copy / "docker")
    shutil.copy(REPOSITORY / "docker-compose.yml", copy)
    (copy / ".stack").mkdir()
    (copy / ".stack" / "bin").symlink_to(REPOSITORY / ".stack" / "bin")
    variables = made_variables()
    (copy / ".env").write_text("".join(f"{key}={value}\n" for key, value in variables.items()))
    environment = {key: value for key, value in os.environ.items() if key not in variables}
    process = subprocess.Popen(
        [sys.executable, "-m", "stack", "postgres"],
        cwd=copy,
        env=environment | {"PYTHONPATH": str(REPOSITORY / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = []
    for line in process.stdout:
        said.append(line)
        if "Ctrl-C" in line:
            break
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) > 3, said
    process.send_signal(signal.SIGINT)
    said.append(process.communicate(timeout=60)[0])
    assert process.returncode == 130
    assert not [child for child in children if child.is_running()]
    assert "Traceback" not in "".join(said)
    assert not any(value in "".join(said) for value in variables.values() if len(value) > 1)
