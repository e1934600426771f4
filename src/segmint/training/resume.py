"""Finds the unfinished run that the same command would repeat, and keeps others out of a run that is alive.

Each run has a folder ``.segmint/runs/<run id>/`` with ``state.json``, a lock that lives as long as the process, and
``checkpoints/``. A run whose recipe (epochs aside) and data are equal, which is not finished and which nobody holds,
is carried on.

Example:
    >>> identity = Identity(recipe_digest(recipe), fingerprint.digest, store)
    >>> folder = claim(root, identity, run_exists) or RunFolder.create(root, run_id, identity)
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from segmint.files import replace_file
from segmint.recipe import Recipe
from segmint.training.trainer import LAST

_NOT_COMPARED = {
    "training.epochs",
    "output_dir",
    "resume",
    "log_dataset",
    "model_name",
    "data.chips_dir",
    "data.labels_dir",
}


@dataclass(frozen=True)
class Identity:
    """What must be equal for a run to be carried on.

    Attributes:
        recipe: Digest of the recipe without the keys that may change.
        dataset: Digest of chips and labels.
        store: Tracking store that the run lives in, without credentials.
    """

    recipe: str
    dataset: str
    store: str


def recipe_digest(recipe: Recipe) -> str:
    """SHA-256 of every recipe value that must be equal for a run to be carried on."""
    compared = {key: value for key, value in recipe.flat().items() if key not in _NOT_COMPARED}
    return hashlib.sha256(json.dumps(compared, sort_keys=True).encode()).hexdigest()


class RunFolder:
    """The folder of one run, held by this process until it ends.

    Args:
        path: ``.segmint/runs/<run id>``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run_id = path.name
        self.checkpoints = path / "checkpoints"
        self.staging = path / "staging"
        self._lock = FileLock(path / "lock")

    @classmethod
    def create(cls, root: Path, run_id: str, identity: Identity) -> "RunFolder":
        """Make and hold the folder of a new run."""
        folder = cls(root / run_id)
        folder.checkpoints.mkdir(parents=True)
        folder._lock.acquire(timeout=0)
        folder._write(identity, finished=False)
        return folder

    @property
    def last_checkpoint(self) -> Path | None:
        """The checkpoint to carry on from, if the run got that far."""
        last = self.checkpoints / LAST
        return last if last.is_file() else None

    def hold(self) -> bool:
        """Hold the folder for the life of this process; False when another process does."""
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        return True

    def release(self) -> None:
        """Let other processes have the folder."""
        self._lock.release()

    def unfinished(self) -> Identity | None:
        """Identity of a run that did not reach its end, else None."""
        state = json.loads((self.path / "state.json").read_text(encoding="utf-8"))
        return None if state["finished"] else Identity(**state["identity"])

    def finish(self) -> None:
        """Mark the run as finished, so that nobody carries it on, and drop what is published by now."""
        identity = self.unfinished()
        if identity is not None:
            self._write(identity, finished=True)
        shutil.rmtree(self.staging, ignore_errors=True)

    def _write(self, identity: Identity, finished: bool) -> None:
        state = {"identity": asdict(identity), "finished": finished}
        replace_file(self.path / "state.json", json.dumps(state, indent=2) + "\n")


def claim(root: Path, identity: Identity, run_exists: Callable[[str], bool]) -> RunFolder | None:
    """Hold the newest run under ``root`` that can be carried on, or None.

    Args:
        root: Folder of the run folders.
        identity: What the run must be.
        run_exists: Tells whether the tracking store still has a run.
    """
    states = sorted(root.glob("*/state.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for folder in (RunFolder(state.parent) for state in states):
        if folder.unfinished() != identity or folder.last_checkpoint is None or not folder.hold():
            continue
        if run_exists(folder.run_id):
            return folder
        folder.release()
    return None
