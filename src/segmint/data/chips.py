"""One chip: its pixels, its answer, which pixels are valid, and the ground it shows.

A reader (:mod:`segmint.data.pairs` for images with labels, :mod:`segmint.data.sequences` for a fire's history) makes
chips; everything behind it (split, statistics, fingerprint, tiles) knows only what stands here.

Example:
    >>> pixels, valid = chip.pixels.read((0, 0, 256, 256))
    >>> pixels.shape, valid.shape, chip.bounds
    ((3, 256, 256), (256, 256), (85.5199, 27.6288, 85.5206, 27.6294))
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.warp import transform, transform_bounds

from segmint.data.tiles import Rectangle

IGNORE = 255
"""Value of pixels in class maps that count nowhere."""

Bounds = tuple[float, float, float, float]
"""West, south, east, north."""

_EQUATOR_M, _ECCENTRICITY_SQUARED = 6_378_137.0, 0.00669437999014
"""WGS 84: radius of the equator in metres, and the square of the first eccentricity."""


class Pixels(Protocol):
    """Where the values of a chip come from."""

    def read(self, window: Rectangle) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Values ``[C, h, w]`` as stored, and ``[h, w]``, False where a pixel has none."""


class Answer(Protocol):
    """Where the truth of a chip comes from."""

    def read(self, window: Rectangle) -> NDArray[np.uint8]:
        """Class values ``[h, w]``, 255 where a pixel counts nowhere."""


@dataclass(frozen=True)
class Chip:
    """A checked pair of values and truth.

    Attributes:
        stem: Its name, led by the folder of its side where folders are the split: ``val/a``.
        pixels: Values.
        answer: Truth of the same size.
        files: Every file it is made of, under the name it has in the dataset's manifest.
        height: Rows.
        width: Columns.
        dtype: Stored data type of the values.
        nodata: Raw value of empty pixels, or None.
        crs: Coordinate reference system as WKT or EPSG code, or None without a georeference.
        transform: Affine coefficients (a, b, c, d, e, f), or None without a georeference.
        group: What the reader knows it must not be parted from (a fire's sequence), or None.
        side: The side of the split that its folder says it belongs to, or None.
    """

    stem: str
    pixels: Pixels
    answer: Answer
    files: tuple[tuple[str, Path], ...]
    height: int
    width: int
    dtype: str
    nodata: float | None = None
    crs: str | None = None
    transform: tuple[float, ...] | None = None
    group: str | None = None
    side: str | None = None

    @property
    def name(self) -> str:
        """Its stem without the folder of its side."""
        return self.stem.rpartition("/")[2]

    @property
    def place(self) -> Path:
        """Its main file, for messages."""
        return self.files[0][1]

    def read(self, window: Rectangle) -> tuple[NDArray[np.generic], NDArray[np.uint8]]:
        """Values ``[C, h, w]`` as stored and class values ``[h, w]``, 255 also where a pixel has no value."""
        values, _, answer = self.read_masked(window)
        return values, answer

    def read_masked(self, window: Rectangle) -> tuple[NDArray[np.generic], NDArray[np.bool_], NDArray[np.uint8]]:
        """The same, and between the two ``[h, w]``, False where a pixel has no value."""
        values, valid = self.pixels.read(window)
        answer = self.answer.read(window)
        answer[~valid] = IGNORE
        return values, valid, answer

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
