"""The folder of a run, ``.segmint/runs/<run id>/``: what survives the process.

``state.json`` says what the run is, ``lock`` lives as long as the process that works on it, ``journal.jsonl`` is what
the tracking store is told, ``checkpoints/``, ``staging/`` and ``pictures/`` hold files.

Example:
    >>> folder = RunFolder.create(RUNS, run_id, Identity(recipe, dataset, store))
    >>> folder.finish()
    >>> folder.clear()
"""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from segmint.files import replace_file

RUNS = Path(".segmint/runs")


@dataclass(frozen=True)
class Identity:
    """What must be equal for a run to be carried on.

    Attributes:
        recipe: Digest of the recipe without the keys that may change; of a run that trains nothing, what it does.
        dataset: Digest of chips and labels.
        store: Tracking store that the run lives in, without credentials.
    """

    recipe: str
    dataset: str
    store: str


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
        self.pictures = path / "pictures"
        self._lock = FileLock(path / "lock")

    @classmethod
    def create(cls, root: Path, run_id: str, identity: Identity) -> "RunFolder":
        """Make and hold the folder of a new run."""
        folder = cls(root / run_id)
        folder.checkpoints.mkdir(parents=True)
        folder._lock.acquire(timeout=0)
        folder._write(identity)
        return folder

    @classmethod
    def all(cls, root: Path) -> list["RunFolder"]:
        """Every run folder under ``root``, the newest first."""
        states = sorted(root.glob("*/state.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        return [cls(state.parent) for state in states]

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

    @property
    def identity(self) -> Identity:
        """What the run is."""
        return Identity(**self._state()["identity"])

    def unfinished(self) -> Identity | None:
        """Identity of a run that can be carried on: it neither reached its end nor was refused; else None."""
        return None if self._state()["finished"] or self.refused else self.identity

    @property
    def refused(self) -> bool:
        """Whether the proof refused what the run trained: its weights would fail again."""
        return bool(self._state().get("refused"))

    def refuse(self) -> None:
        """Mark what the run trained as refused by its proof, so that nobody carries it on."""
        self._write(self.identity, refused=True)

    def finish(self) -> None:
        """Mark the run as finished, so that nobody carries it on."""
        self._write(self.identity, finished=True)

    def clear(self) -> None:
        """Drop what the store has by now: copies of files, and the whole folder where nothing was trained."""
        for copies in (self.staging, self.pictures):
            shutil.rmtree(copies, ignore_errors=True)
        if self.unfinished() is None and not any(self.checkpoints.iterdir()):
            self.release()
            shutil.rmtree(self.path)

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads((self.path / "state.json").read_text(encoding="utf-8"))
        return state

    def _write(self, identity: Identity, finished: bool = False, refused: bool = False) -> None:
        state = {"identity": asdict(identity), "finished": finished, "refused": refused}
        replace_file(self.path / "state.json", json.dumps(state, indent=2) + "\n")
