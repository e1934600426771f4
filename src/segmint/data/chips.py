"""One image chip: its pixels, which of them are valid, and the ground it shows.

Example:
    >>> pixels, valid = read_image(chip, bands=3)
    >>> pixels.shape, valid.shape, chip.bounds
    ((3, 512, 512), (512, 512), (85.5199, 27.6288, 85.5206, 27.6294))
"""

import math
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from segmint.errors import DataError

Bounds = tuple[float, float, float, float]
"""West, south, east, north."""

_METRES_PER_DEGREE = 111_320.0


@dataclass(frozen=True)
class Chip:
    """A checked pair of image and label.

    Attributes:
        stem: Name that image and label share.
        image: Image file.
        label: Label file of the same size.
        height: Rows.
        width: Columns.
        dtype: Stored data type of the image.
        nodata: Raw value of empty pixels, or None.
        crs: Coordinate reference system as WKT or EPSG code, or None without a georeference.
        transform: Affine coefficients (a, b, c, d, e, f), or None without a georeference.
    """

    stem: str
    image: Path
    label: Path
    height: int
    width: int
    dtype: str
    nodata: float | None
    crs: str | None
    transform: tuple[float, ...] | None

    @property
    def bounds(self) -> Bounds | None:
        """Footprint in the chip's own CRS."""
        if self.transform is None:
            return None
        a, b, c, d, e, f = self.transform
        corners = [(0, 0), (self.width, 0), (0, self.height), (self.width, self.height)]
        xs = [a * col + b * row + c for col, row in corners]
        ys = [d * col + e * row + f for col, row in corners]
        return min(xs), min(ys), max(xs), max(ys)

    @property
    def bounds_wgs84(self) -> Bounds | None:
        """Footprint in degrees, west, south, east, north."""
        bounds = self.bounds
        if bounds is None or self.crs is None:
            return None
        west, south, east, north = transform_bounds(CRS.from_user_input(self.crs), CRS.from_epsg(4326), *bounds)
        return west, south, east, north

    @property
    def resolution_m(self) -> float | None:
        """Mean ground size of a pixel in metres, from the footprint on a sphere."""
        box = self.bounds_wgs84
        if box is None:
            return None
        west, south, east, north = box
        across = (east - west) * _METRES_PER_DEGREE * math.cos(math.radians((south + north) / 2)) / self.width
        down = (north - south) * _METRES_PER_DEGREE / self.height
        return math.sqrt(across * down)


def read_image(
    chip: Chip, bands: int, window: tuple[int, int, int, int] | None = None
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Pixels as stored and where they are valid.

    Args:
        chip: The chip.
        bands: Number of bands to read; an alpha band behind them becomes part of the mask.
        window: Row, column, height and width, or None for all.

    Returns:
        ``[C, H, W]`` in the stored data type, and ``[H, W]``, False where alpha or mask hide a pixel and where no band
        has a value (every band nodata or not finite).

    Raises:
        DataError: The file cannot be read.
    """
    row, col, height, width = window or (0, 0, chip.height, chip.width)
    part = Window(col, row, width, height)
    try:
        with open_raster(chip.image) as source:
            pixels = source.read(list(range(1, bands + 1)), window=part)
            alpha_is_a_band = has_alpha(source) and source.count == bands
            masked = MaskFlags.per_dataset in source.mask_flag_enums[0] and not alpha_is_a_band
            valid = source.dataset_mask(window=part) > 0 if masked else np.ones((height, width), bool)
    except RasterioError as error:
        raise DataError(
            f"chip {chip.image} cannot be read ({error})", "an image file", "Replace or remove it"
        ) from error
    empty = ~np.isfinite(pixels)
    if chip.nodata is not None:
        empty |= (pixels == chip.nodata).all(axis=0)
    return pixels, valid & ~empty.all(axis=0)


def open_raster(path: Path) -> rasterio.io.DatasetReader:
    """Open a raster without the warning that it has no georeference."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path)


def has_alpha(source: rasterio.io.DatasetReader) -> bool:
    """Whether the last band is an alpha band."""
    return bool(source.colorinterp[-1] == ColorInterp.alpha)
