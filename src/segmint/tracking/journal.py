"""What a run has to tell its tracking store, on disk before anything else: an append-only file of JSON lines.

Each line has a number, a kind, the time at which it was true, and a content. Beside it stands the count of lines that
the store has, up to the first that it lacks. A process that is killed leaves at most half a line, which the next one
cuts off.

Example:
    >>> journal = Journal.open(Path(".segmint/runs/3f2a"))
    >>> journal.write([("metrics", [["val_loss", 0.4, 1]])])
    >>> entry = journal.first()
    >>> journal.delivered(entry)
"""

import contextlib
import json
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeVar

from segmint.errors import StorageError
from segmint.files import replace_file

FILE, COUNT = "journal.jsonl", "delivered"

Kind = Literal["metrics", "params", "tags", "input", "file", "model", "status"]

Item = TypeVar("Item")

_NOUNS = {"metrics": "metric", "params": "parameter", "tags": "tag", "input": "input", "file": "file"}


@dataclass(frozen=True)
class Entry:
    """One line.

    Attributes:
        number: Counts up from 0 in its journal.
        kind: What it is; ``segmint.tracking.delivery`` says what each kind holds.
        at: When it was written, milliseconds since 1970 UTC.
        content: JSON; not-a-number and infinity are Python's own words for them.
    """

    number: int
    kind: Kind
    at: int
    content: Any

    @property
    def values(self) -> int:
        """How many things it tells."""
        return len(self.content) if self.kind in ("metrics", "params", "tags") else 1


class Journal:
    """The journal of one run; any thread may write.

    Args:
        folder: The run's folder.
        pending: Lines that the store does not have yet, oldest first.
        written: Lines in the file.
    """

    def __init__(self, folder: Path, pending: Iterable[Entry], written: int) -> None:
        self.folder = folder
        self._pending, self._written = deque(pending), written
        self._refused: deque[Entry] = deque()
        self._changed = threading.Condition()

    @classmethod
    def open(cls, folder: Path) -> "Journal":
        """Open the journal of a run folder that this process holds, or begin one."""
        path = folder / FILE
        content = path.read_bytes() if path.is_file() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            os.truncate(path, len(whole))
        entries = [Entry(**json.loads(line)) for line in whole.splitlines()]
        count = folder / COUNT
        delivered = int(count.read_text(encoding="ascii")) if count.is_file() else 0
        return cls(folder, entries[delivered:], len(entries))

    def write(self, told: Iterable[tuple[Kind, Any]]) -> None:
        """Add lines, all or none, and return when they are on the disk.

        Args:
            told: Kind and content of each.

        Raises:
            StorageError: They cannot be written, for example to a full disk; the file is as it was before.
        """
        now = time.time_ns() // 1_000_000
        with self._changed:
            entries = [Entry(self._written + place, kind, now, content) for place, (kind, content) in enumerate(told)]
            _append(self.folder / FILE, "".join(json.dumps(asdict(entry)) + "\n" for entry in entries))
            self._written += len(entries)
            self._pending.extend(entries)
            self._changed.notify_all()

    def metrics(self) -> set[tuple[str, float, int]]:
        """Every metric in the file: key, value and step."""
        path = self.folder / FILE
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        told = [line["content"] for line in map(json.loads, lines) if line["kind"] == "metrics"]
        return {(key, value, step) for metrics in told for key, value, step in metrics}

    def first(self) -> Entry | None:
        """The oldest line that the store does not have, of those that it did not refuse."""
        with self._changed:
            return self._pending[0] if self._pending else None

    def wait(self, seconds: float) -> Entry | None:
        """The same, after waiting for one as long as ``seconds``."""
        with self._changed:
            self._changed.wait_for(lambda: self._pending, seconds)
        return self.first()

    def delivered(self, entry: Entry) -> None:
        """Remember that the store has the oldest line.

        A process that dies before this, or cannot write it to a full disk, makes that the store is told a second time,
        which changes nothing there.
        """
        with self._changed:
            assert self._pending[0] is entry
            self._pending.popleft()
            lacking = self._refused or self._pending
            with contextlib.suppress(OSError):
                replace_file(self.folder / COUNT, str(lacking[0].number if lacking else self._written))

    def refused(self, entry: Entry) -> None:
        """Set the oldest line aside, which the store did not take, for those behind it."""
        with self._changed:
            assert self._pending[0] is entry
            self._refused.append(self._pending.popleft())

    def reconsider(self) -> None:
        """Put what was refused back in its place."""
        with self._changed:
            self._pending.extendleft(reversed(self._refused))
            self._refused.clear()

    def pending(self) -> str:
        """What the store does not have, for a person; empty when it has everything."""
        counts: Counter[str] = Counter()
        with self._changed:
            for entry in [*self._refused, *self._pending]:
                counts[entry.kind] += entry.values
        parts = [f"{counts[kind]} {noun}{'s' * (counts[kind] > 1)}" for kind, noun in _NOUNS.items() if counts[kind]]
        parts += [f"the {word}" for kind, word in (("model", "registration"), ("status", "status")) if counts[kind]]
        return " and ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Pieces of at most ``size``."""
    rest = iter(items)
    while piece := list(islice(rest, size)):
        yield piece


def _append(path: Path, text: str) -> None:
    size = path.stat().st_size if path.is_file() else 0
    try:
        with path.open("ab") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if path.is_file():
            os.truncate(path, size)
        raise StorageError(
            f"{path} cannot be written: {error.strerror}", remedy=f"Free space for {path.parent} and run again"
        ) from error
