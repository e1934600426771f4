"""The folder in which a map grows, beside where its files will stand, and what makes it the same map again.

Example:
    >>> with workplace(output, "scene", identity, resume=True) as folder:
    ...     ...  # what an interrupted prediction of the same identity finished is in it
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from segmint.errors import SceneError
from segmint.files import replace_file

_STATE = "state.json"


def identity(scene: str, grid: Mapping[str, Any], model: str, parameters: Mapping[str, Any]) -> str:
    """SHA-256 over all that decides a map: scene, its grid, the digest of the model, and parameters.

    A scene that is a file counts by its size and time of change: to read it whole would cost as much as to predict it.
    """
    facts: dict[str, Any] = {"scene": scene, "grid": grid, "model": model, "parameters": parameters}
    path = Path(scene)
    if path.is_file():
        facts["scene"] = {"path": str(path.resolve()), "bytes": path.stat().st_size, "ns": path.stat().st_mtime_ns}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@contextmanager
def workplace(output: Path, stem: str, digest: str, resume: bool) -> Iterator[Path]:
    """A folder for one map; it is removed at the end, and kept after an interruption only to be resumed.

    Raises:
        SceneError: Another process is writing the same map.
    """
    folder = output / f".{stem}.part"
    lock = lock_of(output, stem)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise SceneError(f"{output}/{stem} is being written by another process", remedy="Wait for it") from error
    try:
        if not (resume and _digest(folder) == digest):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            replace_file(folder / _STATE, json.dumps({"identity": digest}))
        yield folder
        shutil.rmtree(folder)
    except BaseException:
        if not resume:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        lock.release()


def lock_of(output: Path, name: str) -> FileLock:
    """The lock of something in a folder.

    Its file stays in ``.segmint/`` there: who removes one lets two others each hold a lock of that name.
    """
    place = output / ".segmint" / f"{name}.lock"
    place.parent.mkdir(exist_ok=True)
    return FileLock(place)


def _digest(folder: Path) -> str | None:
    state = folder / _STATE
    return str(json.loads(state.read_text(encoding="utf-8"))["identity"]) if state.is_file() else None
