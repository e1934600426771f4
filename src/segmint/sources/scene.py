"""Scenes: georeferenced rasters of any size, read window by window.

Example:
    >>> scene = find_scenes(["scenes/banepa.tif"])[0]
    >>> scene.windows(512, 0)[:2]
    [(0, 0, 512, 512), (0, 512, 512, 512)]
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import RasterioError
from rasterio.windows import Window
from shapely import Polygon, box, segmentize, transform
from shapely.affinity import affine_transform

from segmint.data.images import ARRAY_ENDINGS, IMAGE_ENDINGS, filled, has_alpha
from segmint.data.tiles import Rectangle, partition
from segmint.errors import DataError

SCENE_ENDINGS = (*(ending for ending in IMAGE_ENDINGS if ending not in ARRAY_ENDINGS), ".vrt", ".jp2")

_READING = {"GDAL_PNG_WHOLE_IMAGE_OPTIM": "NO", "GDAL_CACHEMAX": 128}
"""GDAL's faster PNG decoder is silent about truncated files; its cache (MB) would grow with the scene."""

_EDGE_PARTS = 64
"""Points along each edge of a footprint: straight in the scene, bent in another CRS."""


@dataclass(frozen=True)
class Scene:
    """What is known of a scene before its pixels are read.

    Attributes:
        path: The file.
        height: Rows.
        width: Columns.
        dtype: Data type of the first band.
        bands: Band names as the file gives them, None where it does not; an alpha band among them.
        colours: What each band shows, alpha for instance.
        nodata: Raw value of empty pixels, or None.
        masked: Whether the file has a mask of its own beside nodata and alpha.
        crs: Coordinate reference system, or None.
        transform: From column and row to coordinates; the identity without a georeference.
    """

    path: Path
    height: int
    width: int
    dtype: str
    bands: tuple[str | None, ...]
    colours: tuple[ColorInterp, ...]
    nodata: float | None
    masked: bool
    crs: CRS | None
    transform: Affine

    @classmethod
    def inspect(cls, path: Path) -> "Scene":
        """Read a file's header.

        Raises:
            DataError: No raster, or bands of several data types.
        """
        try:
            with rasterio.open(path) as source:
                if len(set(source.dtypes)) > 1:
                    raise DataError(f"scene {path} mixes data types", "one data type", "Convert its bands to one type")
                alpha = has_alpha(source)
                return cls(
                    path=path,
                    height=source.height,
                    width=source.width,
                    dtype=source.dtypes[0],
                    bands=tuple(source.descriptions),
                    colours=tuple(source.colorinterp),
                    nodata=source.nodata,
                    masked=MaskFlags.per_dataset in source.mask_flag_enums[0] and not alpha,
                    crs=source.crs,
                    transform=source.transform,
                )
        except RasterioError as error:
            raise DataError(f"scene {path} cannot be read ({error})", "a raster", "Replace or remove it") from error

    @property
    def stem(self) -> str:
        """Its file name without the ending."""
        return self.path.stem

    @property
    def footprint(self) -> Polygon:
        """Its outline in its own CRS, with points along the edges so that it can be reprojected."""
        pixels = segmentize(box(0, 0, self.width, self.height), max(self.width, self.height) / _EDGE_PARTS)
        a, b, c, d, e, f, *_ = self.transform
        return affine_transform(pixels, [a, b, d, e, c, f])

    def to_pixels(self, geometries: NDArray[np.object_]) -> NDArray[np.object_]:
        """Geometries in its CRS as (column, row), counted from its upper left corner."""
        a, b, c, d, e, f, *_ = ~self.transform

        def place(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            return a * x + b * y + c, d * x + e * y + f

        return np.asarray(transform(geometries, place, interleaved=False), object)

    def windows(self, size: int, overlap: int) -> list[Rectangle]:
        """Cut the scene into near-equal windows: every pixel in at least one, in exactly one without overlap.

        Args:
            size: Largest edge of a window in pixels.
            overlap: Pixels that neighbours share, less than ``size``.
        """
        step, height, width = size - overlap, max(self.height - overlap, 1), max(self.width - overlap, 1)
        parts = partition(0, 0, height, width, step)
        return [
            (row, col, min(rows + overlap, self.height), min(cols + overlap, self.width))
            for row, col, rows, cols in parts
        ]

    @contextmanager
    def opened(self) -> Iterator["OpenScene"]:
        """The scene, ready to be read.

        Raises:
            DataError: The file cannot be read, in the body too.
        """
        try:
            with rasterio.Env(**_READING), rasterio.open(self.path) as source:
                yield OpenScene(self, source)
        except RasterioError as error:
            found = f"scene {self.path} cannot be read ({error})"
            raise DataError(found, "a whole raster", "Copy or download it again") from error


@dataclass(frozen=True)
class OpenScene:
    """A scene whose pixels can be read."""

    scene: Scene
    source: rasterio.io.DatasetReader

    def read(self, window: Rectangle) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Values ``[C, h, w]`` of all bands, and ``[h, w]``, False where alpha, mask or nodata hide them all."""
        row, col, height, width = window
        part = Window(col, row, width, height)
        values = self.source.read(window=part)
        alpha = self.scene.colours[-1] == ColorInterp.alpha
        valid = filled(values[:-1] if alpha else values, self.scene.nodata)
        if alpha:
            valid &= values[-1] > 0
        if self.scene.masked:
            valid &= self.source.dataset_mask(window=part) > 0
        return values, valid


def find_scenes(places: Sequence[str]) -> list[Scene]:
    """The scenes that files, folders and glob patterns name, sorted by stem.

    Raises:
        DataError: Nothing there, two of one stem, or scenes that could not be trained on together.
    """
    paths = [path for place in places for path in _files(place)]
    scenes = sorted((Scene.inspect(path) for path in dict.fromkeys(paths)), key=lambda scene: scene.stem)
    for scene, other in zip(scenes[1:], scenes, strict=False):
        if scene.stem == other.stem:
            raise DataError(
                f"scenes {other.path} and {scene.path} have the same stem", "one file per stem", "Rename one"
            )
        for what in ("dtype", "nodata"):
            mine, theirs = getattr(scene, what), getattr(other, what)
            if mine != theirs and not (mine != mine and theirs != theirs):
                found = f"scene {scene.path} has {what} {mine}, {other.path} {theirs}"
                raise DataError(found, f"one {what}", "Prepare them apart or convert them")
        if len(scene.bands) != len(other.bands):
            found = f"scene {scene.path} has {len(scene.bands)} bands, {other.path} {len(other.bands)}"
            raise DataError(found, "the same bands", "Prepare them apart")
    return scenes


def _files(place: str) -> list[Path]:
    path = Path(place)
    if path.is_file():
        return [path]
    inside = path.iterdir() if path.is_dir() else _matching(path)
    found = sorted(item for item in inside if item.suffix.lower() in SCENE_ENDINGS and not item.name.startswith("."))
    if not found:
        wanted = f"a raster, or a folder or pattern of rasters ({', '.join(SCENE_ENDINGS)})"
        raise DataError(f"scenes: nothing at {place}", wanted, "Check spelling and working folder")
    return found


def _matching(pattern: Path) -> Iterator[Path]:
    """What a pattern names, from the first folder that holds no wildcard."""
    fixed = next(parent for parent in pattern.parents if not any(sign in str(parent) for sign in "*?["))
    return fixed.glob(str(pattern.relative_to(fixed)))
