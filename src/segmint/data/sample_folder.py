"""Where a sample lies: it appears all at once, never among other files, and is known again by its digest.

Example:
    >>> with staged(Path("data/chips"), Path("data/labels"), {"seed": 62}) as (chips, labels):
    ...     write_rasters(chips, labels)
    >>> is_sample(Path("data/chips"))
    True
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from segmint.errors import DataError

MARKER = "segmint-sample.json"
"""Lies beside the chips folder and states, by name of the folder, what made the chips and their digest."""


@contextmanager
def staged(chips_dir: Path, labels_dir: Path, origin: dict[str, object]) -> Iterator[tuple[Path, Path]]:
    """Empty folders to write a sample to, which take their places when the body ends without an error.

    Args:
        chips_dir: Final folder of the chips; new or empty.
        labels_dir: Final folder of the labels; new or empty, may be ``chips_dir``.
        origin: What the marker states besides the digest.

    Yields:
        Folders for chips and labels, the same one if both go to one.

    Raises:
        DataError: A folder holds files already, or lies in the other one.
    """
    chips_place, labels_place = chips_dir.resolve(), labels_dir.resolve()
    folders = [chips_dir] if chips_place == labels_place else [labels_dir, chips_dir]
    for folder in folders:
        _require_empty(folder)
    if chips_place in labels_place.parents or labels_place in chips_place.parents:
        raise DataError(f"one of {chips_dir} and {labels_dir} lies in the other", "two folders side by side, or one")
    for folder in folders:
        folder.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stages = {}
        for folder in folders:
            beside = stack.enter_context(tempfile.TemporaryDirectory(dir=folder.parent, prefix=".sample-"))
            stages[folder] = Path(beside) / folder.name
            stages[folder].mkdir()
        chips = stages[chips_dir]
        yield chips, stages.get(labels_dir, chips)
        marker = chips.with_name(MARKER)
        known = _read_marker(chips_dir) | {chips_dir.name: origin | {"sha256": _digest(chips)}}
        marker.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
        for folder in folders:
            if folder == chips_dir:
                marker.replace(chips_dir.with_name(MARKER))
            _move(stages[folder], folder)


def is_sample(chips_dir: Path) -> bool:
    """Whether the folder holds the chips that segmint drew there, unchanged and nothing else."""
    known = _read_marker(chips_dir).get(chips_dir.name)
    return isinstance(known, dict) and chips_dir.is_dir() and known.get("sha256") == _digest(chips_dir)


def _read_marker(chips_dir: Path) -> dict[str, object]:
    """What the marker beside a folder says, nothing if there is none or it is not ours."""
    try:
        known = json.loads(chips_dir.with_name(MARKER).read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _digest(folder: Path) -> str:
    """SHA-256 over names and contents of all files, but for hidden ones and the sidecars that viewers leave."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
        if path.is_file() and not path.name.startswith(".") and not path.name.endswith(".aux.xml"):
            name = path.relative_to(folder).as_posix()
            total.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def _require_empty(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file", "a folder", "Name another folder for the sample")
    if folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
        raise DataError(f"{folder} holds files already", "a new or empty folder", "Name another folder for the sample")


def _move(stage: Path, folder: Path) -> None:
    """Put a finished folder in place; what the system hides in an empty one (.DS_Store) comes along."""
    _require_empty(folder)
    if folder.is_dir():
        for hidden in folder.iterdir():
            shutil.move(hidden, stage / hidden.name)
        folder.rmdir()
    stage.rename(folder)
