"""The built-in sample: drawn camps as georeferenced chips, so that the first training needs no download.

Example:
    >>> make_sample(Path("data/train/sample/chips"), Path("data/train/sample/labels"))
    160
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin

from segmint.data.camp import draw_camp
from segmint.errors import DataError

VERSION = 1
MARKER = "segmint-sample.json"
"""Lies beside the chips folder and states seed and digest of the chips."""

_CRS = "EPSG:32636"
_PIXEL_M = 0.3
_FIRST_CORNER = (300_000.0, 3_600_000.0)
_SCENE_DISTANCE_M = 5_000.0
_SCENES_PER_LINE = 5


def make_sample(
    chips_dir: Path,
    labels_dir: Path,
    seed: int = 62,
    scenes: int = 20,
    chips_per_scene: tuple[int, int] = (2, 4),
    size: int = 256,
) -> int:
    """Draw the sample; the same arguments give the same pixels.

    Chips of a scene adjoin, scenes lie 5 km apart. Files appear all at once, when the last is drawn.

    Args:
        chips_dir: Receives the chips, GeoTIFF ``[3, size, size]`` uint8 of 0.3 m per pixel; new or empty.
        labels_dir: Receives labels of the same names, 1 on shelters and 0 elsewhere; new or empty.
        seed: Seed of everything drawn.
        scenes: Number of camps.
        chips_per_scene: Rows and columns of chips in a scene.
        size: Edge of a chip in pixels.

    Returns:
        Number of chips.

    Raises:
        DataError: A folder holds files already, both are the same one, or the seed is negative.
    """
    if seed < 0:
        raise DataError(f"seed {seed}", "0 or more")
    if chips_dir.resolve() == labels_dir.resolve():
        raise DataError(f"chips and labels both go to {chips_dir}", "two folders", "Name another folder for the labels")
    for folder in (chips_dir, labels_dir):
        _require_empty(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        chips, labels = (
            Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder.parent, prefix=".sample-"))) / folder.name
            for folder in (chips_dir, labels_dir)
        )
        chips.mkdir()
        labels.mkdir()
        for scene in range(scenes):
            draw = np.random.default_rng([seed, scene])
            image, label = draw_camp(draw, chips_per_scene[0] * size, chips_per_scene[1] * size)
            for name, row, col in _grid(scene, chips_per_scene):
                window = (slice(row * size, (row + 1) * size), slice(col * size, (col + 1) * size))
                transform = _transform(scene, row * size, col * size)
                _write(chips / name, image[:, *window], transform)
                _write(labels / name, label[None, *window], transform)
        marker = chips.with_name(MARKER)
        content = {"made_by": "segmint", "version": VERSION, "seed": seed, "sha256": _digest(chips)}
        marker.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        _move(labels, labels_dir)
        marker.replace(chips_dir.with_name(MARKER))
        _move(chips, chips_dir)
    return scenes * chips_per_scene[0] * chips_per_scene[1]


def is_sample(chips_dir: Path) -> bool:
    """Whether the folder holds the chips that :func:`make_sample` wrote there, unchanged."""
    marker = chips_dir.with_name(MARKER)
    if not marker.is_file() or not chips_dir.is_dir():
        return False
    return _digest(chips_dir).encode() in marker.read_bytes()


def _grid(scene: int, shape: tuple[int, int]) -> Iterator[tuple[str, int, int]]:
    for row in range(shape[0]):
        for col in range(shape[1]):
            yield f"camp_{scene:02d}_r{row}_c{col}.tif", row, col


def _transform(scene: int, row: int, col: int) -> rasterio.Affine:
    """Georeference of a chip whose upper left pixel is at ``row`` and ``col`` of its scene."""
    down, right = divmod(scene, _SCENES_PER_LINE)
    west = _FIRST_CORNER[0] + right * _SCENE_DISTANCE_M + col * _PIXEL_M
    north = _FIRST_CORNER[1] - down * _SCENE_DISTANCE_M - row * _PIXEL_M
    return from_origin(west, north, _PIXEL_M, _PIXEL_M)


def _write(path: Path, values: NDArray[np.uint8], transform: rasterio.Affine) -> None:
    bands, height, width = values.shape
    profile = {"driver": "GTiff", "dtype": "uint8", "crs": _CRS, "compress": "deflate", "transform": transform}
    with rasterio.open(path, "w", count=bands, height=height, width=width, **profile) as target:
        target.write(values)


def _digest(chips_dir: Path) -> str:
    """SHA-256 over names and contents of the chips."""
    total = hashlib.sha256()
    for path in sorted(chips_dir.glob("*.tif")):
        total.update(f"{path.name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def _require_empty(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file", "a folder", "Name another folder for the sample")
    if folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
        raise DataError(f"{folder} holds files already", "a new or empty folder", "Name another folder for the sample")


def _move(staged: Path, folder: Path) -> None:
    """Put a finished folder in place; what the system hides in an empty one (.DS_Store) comes along."""
    _require_empty(folder)
    if folder.is_dir():
        for hidden in folder.iterdir():
            shutil.move(hidden, staged / hidden.name)
        folder.rmdir()
    staged.rename(folder)
