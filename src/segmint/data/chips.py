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
from rasterio.warp import transform, transform_bounds
from rasterio.windows import Window

from segmint.errors import DataError

Bounds = tuple[float, float, float, float]
"""West, south, east, north."""

_EQUATOR_M, _ECCENTRICITY_SQUARED = 6_378_137.0, 0.00669437999014
"""WGS 84: radius of the equator in metres, and the square of the first eccentricity."""


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
        """Footprint in degrees, west, south, east, north; west is greater than east across the antimeridian."""
        bounds = self.bounds
        if bounds is None or self.crs is None:
            return None
        west, south, east, north = transform_bounds(CRS.from_user_input(self.crs), CRS.from_epsg(4326), *bounds)
        return west, south, east, north

    @property
    def pixel_m(self) -> tuple[float, float] | None:
        """Ground size of a pixel in metres across and down, on the WGS 84 ellipsoid along the chip's middle lines.

        Radii of curvature in the prime vertical and in the meridian after Snyder (1987), equations 4-20 and 4-18.
        """
        if self.transform is None or self.crs is None:
            return None
        a, b, c, d, e, f = self.transform
        middle_row, middle_col = self.height / 2, self.width / 2
        ends = [(0, middle_row), (self.width, middle_row), (middle_col, 0), (middle_col, self.height)]
        xs, ys = [a * col + b * row + c for col, row in ends], [d * col + e * row + f for col, row in ends]
        lon, lat = transform(CRS.from_user_input(self.crs), CRS.from_epsg(4326), xs, ys)
        middle = math.radians(sum(lat) / 4)
        squeeze = 1 - _ECCENTRICITY_SQUARED * math.sin(middle) ** 2
        eastward_m = _EQUATOR_M / math.sqrt(squeeze) * math.cos(middle)
        northward_m = _EQUATOR_M * (1 - _ECCENTRICITY_SQUARED) / squeeze**1.5

        def metres(one: int, other: int) -> float:
            east = math.radians((lon[other] - lon[one] + 180) % 360 - 180) * eastward_m
            return math.hypot(east, math.radians(lat[other] - lat[one]) * northward_m)

        return metres(0, 1) / self.width, metres(2, 3) / self.height

    @property
    def resolution_m(self) -> float | None:
        """Mean ground size of a pixel in metres, or None without a georeference."""
        pixel = self.pixel_m
        return None if pixel is None else math.sqrt(pixel[0] * pixel[1])


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
        empty |= pixels == chip.nodata
    return pixels, valid & ~empty.all(axis=0)


def open_raster(path: Path) -> rasterio.io.DatasetReader:
    """Open a raster without the warning that it has no georeference."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path)


def has_alpha(source: rasterio.io.DatasetReader) -> bool:
    """Whether the last band is an alpha band."""
    return bool(source.colorinterp[-1] == ColorInterp.alpha)
