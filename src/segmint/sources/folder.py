"""Where a prepared dataset lies: chips, labels and their origin appear at once, and never among other files.

Example:
    >>> with staged(Path("data/train/banepa")) as stage:
    ...     (stage / "chips").mkdir()
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segmint import __version__
from segmint.errors import DataError

SOURCE = "source.json"
"""Says where the files beside it come from, and whom to name."""


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """An empty folder to write to, which takes the place of ``folder`` when the body ends without an error.

    Raises:
        DataError: The folder holds files already.
    """
    require_free(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".prepare-") as beside:
        stage = Path(beside) / folder.name
        stage.mkdir()
        yield stage
        require_free(folder)
        if folder.is_dir():
            for hidden in folder.iterdir():
                shutil.move(hidden, stage / hidden.name)
            folder.rmdir()
        stage.rename(folder)


@contextmanager
def downloads(folder: Path, facts: dict[str, Any]) -> Iterator[Path]:
    """A hidden folder beside ``folder`` that the same request finds again after a failure; removed after success."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
    place = folder.parent / f".{folder.name}-{digest}"
    place.mkdir(parents=True, exist_ok=True)
    try:
        yield place
    except BaseException:
        if not any(place.iterdir()):
            place.rmdir()
        raise
    shutil.rmtree(place)


def made_before(folder: Path, facts: dict[str, Any]) -> str | None:
    """The command that follows, where a folder was made from the same facts already."""
    try:
        known = json.loads((folder / SOURCE).read_bytes())
    except (OSError, ValueError):
        return None
    same = isinstance(known, dict) and facts.items() <= known.items()
    return str(known["next"]) if same else None


def require_free(folder: Path) -> None:
    """Refuse a folder that is a file or holds any but hidden files.

    Raises:
        DataError: It does.
    """
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file", "a folder", "Name another --train_dir")
    if folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
        raise DataError(
            f"{folder} holds files already", "a new or empty folder", "Name another --train_dir or empty it"
        )


def write_source(folder: Path, facts: dict[str, Any], attribution: list[str], notes: list[str], command: str) -> None:
    """Write :data:`SOURCE`.

    Args:
        folder: Where.
        facts: What was asked for.
        attribution: Whom to name wherever the data or maps made with them are shown.
        notes: What was found, repaired and left out.
        command: What follows.
    """
    content = {
        "made_by": f"segmint {__version__}",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        **facts,
        "attribution": attribution,
        "notes": notes,
        "next": command,
    }
    (folder / SOURCE).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
