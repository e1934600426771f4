"""Tiles that are decoded once: kept in files for every epoch and every later run.

A folder under ``.segmint/tiles`` holds the tiles of one dataset, cut in one way. Its name is a digest of both, the
content of every file included, so that a changed chip or recipe never meets old tiles. It may be deleted at any time.

Example:
    >>> readers = {"train": TileReader(chips, split.tiles["train"], 256, "tile")}
    >>> decode(readers, fingerprint.digest, TILES)["train"].read(0)[0].shape
    (3, 256, 256)
"""

import hashlib
import math
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from segmint.data.parallel import in_order
from segmint.data.reader import TileReader, TileSource

TILES = Path(".segmint/tiles")

_KEPT = 3
"""Datasets whose tiles stay."""

_CUT = 3
"""Number of the way tiles are cut; 2 takes labels of a scaled image at the middle of each pixel, 3 scales an image by
the mean of the pixels that have a value."""

_SHARE = 0.5
"""Of the free disk that decoded tiles may take."""


@dataclass(frozen=True)
class DecodedTiles:
    """Tiles in two files, read tile by tile, so that memory does not grow with the dataset.

    Attributes:
        reader: Where they came from.
        stored: The files' path without its ending.
        shape: Of the values of one tile, ``(C, S, S)``.
        dtype: Of the values.
    """

    reader: TileReader
    stored: Path
    shape: tuple[int, ...]
    dtype: str

    def __len__(self) -> int:
        return len(self.reader)

    def stem(self, position: int) -> str:
        """Name of the chip that a tile comes from."""
        return self.reader.stem(position)

    def read(self, position: int) -> tuple[NDArray[np.generic], NDArray[np.uint8]]:
        """Values ``[C, S, S]`` as stored and class values ``[S, S]`` of one tile."""
        try:
            values = self._part(".values", np.dtype(self.dtype), self.shape, position)
            return values, self._part(".classes", np.dtype(np.uint8), self.shape[1:], position)
        except (FileNotFoundError, ValueError):  # somebody made room, or the machine stopped before it was all written
            return self.reader.read(position)

    def _part(self, ending: str, dtype: np.dtype, shape: tuple[int, ...], position: int) -> NDArray[Any]:
        path, size = self.stored.with_suffix(ending), math.prod(shape) * dtype.itemsize
        return np.fromfile(path, dtype, math.prod(shape), offset=position * size).reshape(shape)


def decode(readers: Mapping[str, TileReader], content: str, root: Path) -> Mapping[str, TileSource]:
    """The same tiles by split, decoded on every core where they are not there; the readers where they are too many.

    Args:
        readers: Tiles of every split.
        content: What their pixels follow from: digest of the files, and how these are read.
        root: Where decoded tiles are kept; those of the datasets that were used last.
    """
    cuts = {split: (reader.tiles, reader.size, reader.fit) for split, reader in readers.items()}
    folder = root / hashlib.sha256(f"{content}\n{cuts}\n{_CUT}".encode()).hexdigest()[:16]
    values, classes = next(iter(readers.values())).read(0)
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / "lock"):
        if not folder.is_dir():
            wanted = sum(map(len, readers.values())) * (values.nbytes + classes.nbytes)
            if wanted > _SHARE * shutil.disk_usage(root).free:
                print(f"tiles: {wanted / 1e9:.1f} GB are too much for the disk, they are decoded in every epoch")
                return readers
            _write(readers, folder)
        os.utime(folder)
        folders = sorted((path for path in root.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
        for old in folders[:-_KEPT]:
            shutil.rmtree(old)
    return {
        split: DecodedTiles(reader, folder / split, values.shape, str(values.dtype))
        for split, reader in readers.items()
    }


def _write(readers: Mapping[str, TileReader], folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
        whole = Path(beside, folder.name)
        whole.mkdir()
        for split, reader in readers.items():
            stored = whole / split
            with (
                stored.with_suffix(".values").open("wb") as values,
                stored.with_suffix(".classes").open("wb") as classes,
            ):
                for raw, target in in_order(reader.read, range(len(reader))):
                    values.write(raw.tobytes())
                    classes.write(target.tobytes())
        whole.rename(folder)
