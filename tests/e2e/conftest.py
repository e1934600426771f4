"""Runs the entry points as a user does, in folders with a space in their name."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e_settings import start_training


@pytest.fixture(scope="session")
def train(bright_squares) -> Callable[..., subprocess.CompletedProcess[str]]:
    """``train(room, "--epochs=2")`` runs src/train.py in ``room`` on the bright squares."""

    def run(room: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        process = start_training(room, bright_squares, *arguments)
        output, errors = process.communicate()
        done = subprocess.CompletedProcess(process.args, process.returncode, output, errors)
        if check and done.returncode:
            raise AssertionError(f"train.py exited {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-5000:]}")
        return done

    return run


@pytest.fixture(scope="session")
def finished(train, tmp_path_factory) -> Path:
    """A folder with a space in its name in which one training has run to its end."""
    room = tmp_path_factory.mktemp("a finished run")
    done = train(room, "--epochs=3")
    (room / "output.txt").write_text(done.stdout, encoding="utf-8")
    return room
