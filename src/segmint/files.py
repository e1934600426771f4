"""Files that are either whole or as they were before.

Example:
    >>> replace_file(Path("meta/contract.json"), b"{}")
    >>> with room_in(Path(".segmint/runs")):
    ...     trainer.fit(task)
"""

import errno
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from segmint.errors import SegmintError, StorageError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_NOTHING = 2**20
"""Fewer free bytes than this are no room at all; libraries in C++ say at a full disk only that writing failed."""


def replace_file(path: Path, content: str | bytes) -> None:
    """Write text (UTF-8) or bytes beside ``path``, then rename over it."""
    data = content.encode() if isinstance(content, str) else content
    write_beside(path, lambda beside: beside.write_bytes(data))


def write_beside(path: Path, write: Callable[[Path], object]) -> None:
    """Have a file written beside ``path``, then rename it over ``path``; what cannot be written whole is removed."""
    draft_beside(path, write).replace(path)


def draft_beside(path: Path, write: Callable[[Path], object]) -> Path:
    """Have a file written beside ``path``, yet to be renamed over it; what cannot be written whole is removed."""
    beside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        write(beside)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return beside


@contextmanager
def room_in(*folders: Path) -> Iterator[None]:
    """Name the folder whose disk is full where the body fails for that.

    Raises:
        StorageError: In place of the library's error.
    """
    try:
        yield
    except SegmintError:
        raise
    except Exception as error:
        known = isinstance(error, OSError) and error.errno in _FULL
        full = [folder for folder in folders if shutil.disk_usage(_existing(folder)).free < _NOTHING]
        if not known and not full:
            raise
        place = full[0] if full else folders[0]
        raise StorageError(
            f"the disk of {place.resolve()} is full", remedy=f"Free space there and run again ({type(error).__name__})"
        ) from error


def _existing(folder: Path) -> Path:
    place = folder.resolve()
    return next(parent for parent in (place, *place.parents) if parent.exists())
