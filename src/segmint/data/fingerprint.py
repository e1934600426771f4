"""The content digest of a dataset and the list of its files.

Example:
    >>> fingerprint(chips).digest
    '3f2a...'
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

from segmint.data.chips import Chip

SIDECARS = (".aux.xml", ".tfw", ".jgw", ".pgw", ".wld", ".prj", ".msk")


@dataclass(frozen=True)
class FileEntry:
    """One file: its place in the dataset, size in bytes and SHA-256."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Fingerprint:
    """SHA-256 over the names and contents of all files, and the files."""

    digest: str
    files: tuple[FileEntry, ...]

    def manifest(self) -> list[dict[str, str | int]]:
        """The files as plain values."""
        return [asdict(entry) for entry in self.files]


def fingerprint(chips: Sequence[Chip]) -> Fingerprint:
    """Fingerprint every file that the chips are made of; independent of where the folders lie."""
    return fingerprint_files(dict(chain.from_iterable(chip.files for chip in chips)))


def fingerprint_files(files: Mapping[str, Path], addresses: Sequence[str] = ()) -> Fingerprint:
    """Fingerprint files by the names that they have in a dataset.

    Args:
        files: Name in the dataset -> file.
        addresses: What is not on this machine; counts by its address alone.
    """
    entries = [_entry(files[name], name) for name in sorted(files)]
    total = hashlib.sha256()
    for entry in entries:
        total.update(f"{entry.path}\0{entry.sha256}\n".encode())
    for address in sorted(addresses):
        total.update(f"{address}\n".encode())
    return Fingerprint(total.hexdigest(), tuple(entries))


def sidecars(path: Path) -> list[Path]:
    """Files beside an image that georeference or mask it."""
    names = [path.name + ending for ending in SIDECARS] + [path.stem + ending for ending in SIDECARS]
    return [path.with_name(name) for name in dict.fromkeys(names) if path.with_name(name).is_file()]


def _entry(file: Path, name: str) -> FileEntry:
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
    return FileEntry(name, file.stat().st_size, digest.hexdigest())
