"""Runs documented commands as they are written, in rooms that look like a checkout."""

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e_settings import REPOSITORY, environment
from running import Ran


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``checkout("burned area")``: a folder, with a space in its name, that holds what commands name."""

    def make(name: str) -> Path:
        room = tmp_path_factory.mktemp(f"a {name}")
        for part in ("src", "configs", "MLproject", "conda.yaml", "requirements.txt"):
            (room / part).symlink_to(REPOSITORY / part)
        return room

    return make


@pytest.fixture(scope="session")
def command() -> Callable[..., Ran]:
    """``command(room, "python src/train.py --epochs 2")`` runs a line as a shell would, and keeps what it printed."""

    def run(room: Path, line: str, status: int | None = 0, **variables: str) -> Ran:
        words = shlex.split(line)
        words[0] = {"python": sys.executable}.get(words[0], words[0])
        variables |= {"COLUMNS": "160"}  # of a wide terminal, whatever that of the tests is
        done = subprocess.run(
            words, cwd=room, env=environment(room) | variables, capture_output=True, text=True, check=False
        )
        ran = Ran(room, done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr, done.stderr[-4000:]
        assert status in (None, done.returncode), f"{line}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return ran

    return run


@pytest.fixture(scope="session")
def offline() -> dict[str, str]:
    """The environment in which W&B writes to a folder."""
    return {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "HF_HUB_OFFLINE": "1"}
