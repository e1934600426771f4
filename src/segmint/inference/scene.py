"""A scene as the model wants to read it: its bands, rows of any height, and which pixels have a value.

Example:
    >>> with Scene.open("scene.tif", contract) as scene:
    ...     values, valid = scene.read(0, 256)
    >>> values.shape, valid.shape
    ((3, 256, 4096), (256, 4096))
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, MaskFlags, Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader, MemoryFile
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from segmint.addresses import shown
from segmint.contract import ModelContract
from segmint.data.images import filled, has_alpha, orientation_of
from segmint.errors import SceneError
from segmint.fit import upright
from segmint.inference.bands import Choice, choose
from segmint.inference.ground import Ground
from segmint.inference.suitability import hints, require_resolution, require_values, shrunk

_SAMPLES, _SAMPLE_EDGE = 4, 128
"""Places down and across, and pixels of each, whose values are looked at before a prediction starts."""

_CACHE_LIMITS = 16 * 2**20, 256 * 2**20
"""Least and most bytes of GDAL's block cache."""

_COLOURS = {ColorInterp.red: "red", ColorInterp.green: "green", ColorInterp.blue: "blue"}


@dataclass(frozen=True)
class Scene:
    """An open scene.

    Attributes:
        name: Its address as it may be printed.
        source: The open raster.
        bands: Its bands in the model's order.
        nodata: Raw value of empty pixels, or None.
        ground: Where it lies, or None without a georeference.
        hints: At what may make the answer useless, though nothing says so for certain: pixels that look empty, codes
            that the model does not know, ground that is scaled far below what training saw.
    """

    name: str
    source: DatasetReader
    bands: Choice
    nodata: float | None
    ground: Ground | None
    hints: tuple[str, ...] = ()

    @classmethod
    @contextmanager
    def open(
        cls,
        address: str,
        contract: ModelContract,
        bands: Sequence[str] = (),
        resample: bool = False,
        nodata: float | None = None,
    ) -> Iterator["Scene"]:
        """Open what GDAL reads, a file or a URL, and refuse what the model was not trained for.

        Args:
            address: File, URL or anything that ``rasterio.open`` takes.
            contract: The model's.
            bands: Band numbers from 1, or names as the scene has them; empty to match by name or order.
            resample: Read the scene at the model's ground resolution.
            nodata: Raw value of pixels that are empty, where the file does not declare it.

        Raises:
            SceneError: It cannot be read; its bands, ground resolution or values are not the model's.
        """
        name = shown(address)
        with ExitStack() as stack:
            try:
                source = stack.enter_context(rasterio.open(address))
                source = stack.enter_context(_turned(source))
                scene = cls._of(name, source, contract, bands, nodata)
                if resample and scene.ground is not None and contract.resolution_m is not None:
                    source = stack.enter_context(_resampled(scene, scene.ground, contract.resolution_m))
                    scene = cls._of(name, source, contract, bands, nodata)
                found_m = scene.ground.resolution_m if scene.ground else None
                require_resolution(name, found_m, contract, "Read it at that resolution with -P resample=true")
                sample = scene.sample()
                require_values(name, source.dtypes[0], sample, contract)
                lost = shrunk(name, max(scene.height, scene.width), contract) if scene.ground else None
                found = (*((lost,) if lost else ()), *hints(sample, contract))
                scene = replace(scene, hints=found)
                stack.enter_context(rasterio.Env(GDAL_CACHEMAX=scene.cache_bytes))
            except RasterioError as error:
                raise unreadable(name, error) from error
            yield scene

    @classmethod
    def _of(
        cls, name: str, source: DatasetReader, contract: ModelContract, bands: Sequence[str], nodata: float | None
    ) -> "Scene":
        wanted = contract.band_names
        count = source.count - (_last_is_alpha(source) and source.count > len(wanted))
        colours = [_COLOURS.get(colour) for colour in source.colorinterp[:count]]
        described = list(source.descriptions[:count])
        choice = choose(name, wanted, described if any(described) else colours, bands)
        known = source.crs is not None and (source.crs.is_geographic or source.crs.is_projected)
        placed = known and not source.transform.is_identity  # a local grid has no place on Earth
        ground = Ground.of(source.crs, source.transform, source.height, source.width) if placed else None
        declared = (nodata, source.nodata, contract.input.nodata)
        return cls(name, source, choice, next((value for value in declared if value is not None), None), ground)

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.source.height)

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.source.width)

    @property
    def crs(self) -> CRS | None:
        """Projection, or None without a georeference."""
        return self.source.crs if self.ground else None

    @property
    def transform(self) -> Affine:
        """From pixels to the projection."""
        return Affine(*self.source.transform[:6])

    def sentence(self) -> str:
        """For the person."""
        return f"{self.name}, {self.width} x {self.height} px, bands {self.bands.sentence()}"

    def grid(self) -> dict[str, Any]:
        """Projection, transform and size, for metadata."""
        crs = self.crs.to_string() if self.crs else None
        return {"crs": crs, "transform": list(self.transform)[:6], "height": self.height, "width": self.width}

    @property
    def cache_bytes(self) -> int:
        """Two rows of the file's blocks: what rows of windows read again comes from memory."""
        across = self.source.count * np.dtype(self.source.dtypes[0]).itemsize * self.width
        least, most = _CACHE_LIMITS
        return int(min(max(2 * self.source.block_shapes[0][0] * across, least), most))

    def read(self, row: int, count: int) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Values ``[C, count, W]`` as stored, and ``[count, W]``, False where a pixel has none.

        Raises:
            SceneError: The file is damaged, or its server no longer answers.
        """
        return self._read(Window(0, row, self.width, count))

    def sample(self) -> NDArray[np.generic]:
        """Values ``[C, n]`` of pixels at a few places all over the scene.

        A reduced picture would cost as much as a whole pass over a scene that has no overviews.
        """
        height, width = min(self.height, _SAMPLE_EDGE), min(self.width, _SAMPLE_EDGE)
        known = []
        for row in np.linspace(0, self.height - height, _SAMPLES, dtype=int):
            for column in np.linspace(0, self.width - width, _SAMPLES, dtype=int):
                values, valid = self._read(Window(int(column), int(row), width, height))
                known.append(values[:, valid])
        return np.concatenate(known, axis=1)

    def _read(self, window: Window) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        indexes = list(self.bands.indexes)
        flags = self.source.mask_flag_enums[0]
        alpha_is_a_band = MaskFlags.alpha in flags and (self.source.count in indexes or not _last_is_alpha(self.source))
        masked = MaskFlags.per_dataset in flags and not alpha_is_a_band
        try:
            values = self.source.read(indexes, window=window)
            valid = filled(values, self.nodata)
            if masked:
                valid &= self.source.dataset_mask(window=window) > 0
        except RasterioError as error:
            raise unreadable(self.name, error) from error
        return values, valid


def unreadable(name: str, error: RasterioError) -> SceneError:
    """The error for a scene that GDAL cannot open or read."""
    reason = shown(str(error.__cause__ or error))
    return SceneError(f"{name} cannot be read ({reason})", "a raster", "Check the address and the file")


@contextmanager
def _turned(source: DatasetReader) -> Iterator[DatasetReader]:
    """A photograph turned as its EXIF orientation asks, as in training; anything else as it is."""
    orientation = orientation_of(source)
    if orientation == 1:
        yield source
        return
    values = upright(source.read(), orientation)
    count, height, width = values.shape
    profile = {"driver": "GTiff", "count": count, "dtype": values.dtype, "height": height, "width": width}
    with MemoryFile() as memory:
        with memory.open(**profile) as target:
            target.write(values)
            target.colorinterp = source.colorinterp
        with memory.open() as turned:
            yield turned


def _last_is_alpha(source: DatasetReader) -> bool:
    """Whether the last band is transparency; GDAL calls the fourth of four 8-bit bands so, even one named ``nir``."""
    return has_alpha(source) and not source.descriptions[-1]


def _resampled(scene: Scene, ground: Ground, resolution_m: float) -> WarpedVRT:
    """The scene on a grid of its own projection whose pixels are as large as the model's; what is empty stays so."""
    ratio = resolution_m / ground.resolution_m
    height, width = max(round(scene.height / ratio), 1), max(round(scene.width / ratio), 1)
    flags = scene.source.mask_flag_enums[0]
    empty = {} if scene.nodata is None else {"src_nodata": scene.nodata, "nodata": scene.nodata}
    return WarpedVRT(
        scene.source,
        add_alpha=MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags,
        UNIFIED_SRC_NODATA="YES",  # only what is empty in every band is
        **empty,
        crs=scene.crs,
        transform=scene.transform * Affine.scale(scene.width / width, scene.height / height),
        height=height,
        width=width,
        resampling=Resampling.average if ratio > 1 else Resampling.bilinear,
    )
