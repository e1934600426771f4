"""A fire front that spreads over a small drawn landscape, driven by wind, slope and fuel.

The rate at the head of the fire is Rothermel's, ``R = R0 (1 + wind factor + slope factor)``; other directions follow
an ellipse with the fire at its rear focus, longer the stronger the wind. Arrival times are shortest paths.

Sources: Rothermel 1972, USDA INT-115, eq. 47-51 (wind and slope factor); Anderson 1982, INT-122 (fuel models);
Anderson 1983, INT-305 (length to breadth); Finney 1998, RMRS-RP-4 (wind and slope as vectors, ellipse, a cap on its
length); Wotton et al. 2009, GLC-X-10, eq. 35b (curing of grass).

Example:
    >>> landscape = draw_landscape(np.random.default_rng(62), 96, 128)
    >>> frames = spread(landscape, (0, 64, 0, 64), (32, 32), wind)  # wind [6, 2]: km/h, degrees it blows from
    >>> frames.shape
    (6, 64, 64)
"""

import math
from dataclasses import astuple, dataclass
from heapq import heappop, heappush
from itertools import product

import numpy as np
from numpy.typing import NDArray

from segmint.data.noise import Plane, ranked, rough_noise, smooth_noise

CELL_M = 100.0
_FEET_PER_MIN = 54.68
"""In a kilometre per hour."""
NODATA = -9999.0
BANDS = ("fuels", "elevation", "slope", "saz", "cur")
"""Names of the bands of :meth:`Landscape.stack`."""

WATER, ROCK = 98, 99
"""Codes that do not burn, as in Scott and Burgan 2005."""


_FUELS = {
    1: (54, 3500, 0.00106, 0.25, 0.34),
    4: (28, 1739, 0.00383, 0.52, 0.40),
    8: (40, 1889, 0.03594, 5.17, 0.28),
    10: (44, 1764, 0.01725, 2.35, 0.32),
}
"""Anderson's short grass, chaparral, closed timber litter and timber with understory: metres per hour without wind and
slope on a day of moderate moisture, surface area to volume in 1/ft, packing ratio of the fuel bed, packing ratio over
the optimum, wind at mid-flame height over wind at 10 m."""
_BY_CODE = np.array([_FUELS.get(code, (0, 1, 1, 1, 1)) for code in range(100)]).T

_LONGEST = 3.5
"""Cap on length to breadth of the ellipse."""

_REACH = 3
_STEPS = tuple(step for step in product(range(-_REACH, _REACH + 1), repeat=2) if math.gcd(*step) == 1)
"""Rows and columns from a cell to the 32 it may ignite, one per direction."""
_BEARINGS = np.array([math.atan2(cols, -rows) for rows, cols in _STEPS])
"""Directions of the steps, radians clockwise from north."""


@dataclass(frozen=True)
class Landscape:
    """Ground on a grid of 100 m cells, each attribute ``[H, W]`` float32.

    Attributes:
        fuels: Fuel codes 1, 4, 8, 10, and 98 (water) and 99 (rock), which do not burn.
        elevation: Metres.
        slope: Percent.
        saz: Aspect, degrees clockwise from north to where the ground falls.
        cur: Curing of grass in percent, -9999 on every other fuel.
    """

    fuels: Plane
    elevation: Plane
    slope: Plane
    saz: Plane
    cur: Plane

    def stack(self) -> Plane:
        """The bands ``[5, H, W]`` in the order of :data:`BANDS`."""
        return np.stack(astuple(self))

    def crop(self, window: tuple[int, int, int, int]) -> "Landscape":
        """The part within first row, end row, first column, end column."""
        top, bottom, left, right = window
        return Landscape(*self.stack()[:, top:bottom, left:right])


def draw_landscape(draw: np.random.Generator, height: int, width: int) -> Landscape:
    """Draw hills, the fuels on them, lakes in the hollows and rock on the steepest ground."""
    hills = 1.2 * smooth_noise(draw, height, width, 48) + 0.4 * smooth_noise(draw, height, width, 20)
    elevation = (300 + 700 * hills + 60 * rough_noise(draw, height, width, 12)).astype(np.float32)
    south, east = np.gradient(elevation, CELL_M)
    slope = 100 * np.hypot(south, east)
    aspect = np.degrees(np.arctan2(-east, south)) % 360
    moist = ranked(rough_noise(draw, height, width, 28) - 0.25 * hills)
    fuels = np.select([moist < 0.26, moist < 0.55, moist < 0.80], [1, 4, 10], 8)
    fuels[ranked(rough_noise(draw, height, width, 20) + 0.004 * slope) > 0.95] = ROCK
    fuels[ranked(elevation + 150 * rough_noise(draw, height, width, 16)) < 0.05] = WATER
    cured = np.where(fuels == 1, np.round(60 + 40 * smooth_noise(draw, height, width, 40)), NODATA)
    return Landscape(*(band.astype(np.float32) for band in (fuels, elevation, slope, aspect, cured)))


def draw_wind(draw: np.random.Generator, hours: int) -> NDArray[np.float64]:
    """Hourly wind ``[T, 2]``: speed in km/h and the direction it blows from in degrees; in half the days it shifts."""
    speed = draw.uniform(10, 26) + np.cumsum(draw.normal(0, 2.5, hours))
    turn = draw.normal(0, 12, hours)
    turn[draw.integers(1, hours)] += draw.choice((0, 0, -1, 1)) * draw.uniform(50, 110)
    bearing = draw.uniform(0, 360) + np.cumsum(turn)
    return np.stack([np.clip(np.round(speed), 4, 32), np.round(bearing) % 360], axis=1)


def spread(
    landscape: Landscape, window: tuple[int, int, int, int], ignition: tuple[int, int], wind: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Let a fire spread for as many hours as there is wind.

    Args:
        landscape: Ground.
        window: First row, end row, first column, end column of the ground that may burn.
        ignition: Row and column of the first burning cell, in the window.
        wind: ``[T, 2]`` speed at 10 m in km/h and direction the wind blows from in degrees; row t drives the step
            from frame t to frame t + 1, the last row none.

    Returns:
        What has burned until each hour, ``[T, H, W]`` of 0 and 1; frame 0 is the ignition alone.
    """
    ground = landscape.crop(window)
    arrival = _arrivals(_crossings(_rates(ground, wind[:-1])), ignition)
    return np.stack([arrival <= hour for hour in range(len(wind))]).astype(np.uint8)


def _rates(ground: Landscape, wind: NDArray[np.float64]) -> Plane:
    """Rate of spread ``[T, K, H, W]`` in cells per hour towards each direction; 0 where nothing burns."""
    calm, surface, packing, packing_relative, exposure = _BY_CODE[:, ground.fuels.astype(int)]
    speed, blown = wind[:, 0, None, None], np.radians(wind[:, 1, None, None] + 180)
    coefficient = 7.47 * np.exp(-0.133 * surface**0.55) * packing_relative ** (-0.715 * np.exp(-3.59e-4 * surface))
    exponent = 0.02526 * surface**0.54
    by_wind = coefficient * (speed * exposure * _FEET_PER_MIN) ** exponent
    by_slope = 5.275 * packing**-0.3 * (ground.slope / 100) ** 2
    upslope = np.radians(ground.saz + 180)
    north = by_wind * np.cos(blown) + by_slope * np.cos(upslope)
    east = by_wind * np.sin(blown) + by_slope * np.sin(upslope)
    gain = np.hypot(north, east)
    virtual_wind = (gain / coefficient) ** (1 / exponent) / _FEET_PER_MIN / 3.6
    length = 0.936 * np.exp(0.2566 * virtual_wind) + 0.461 * np.exp(-0.1548 * virtual_wind) - 0.397
    eccentricity = np.sqrt(1 - np.clip(length, 1, _LONGEST) ** -2)[:, None]
    cured = np.where(ground.cur == NODATA, 1, 0.176 + 0.02 * (ground.cur - 58.8))
    head = (calm / CELL_M * cured * (1 + gain))[:, None]
    turned = _BEARINGS[:, None, None] - np.arctan2(east, north)[:, None]
    rates: Plane = head * (1 - eccentricity) / (1 - eccentricity * np.cos(turned))
    return rates


def _crossings(rates: Plane) -> Plane:
    """The share ``[T, K, H, W]`` of each step that the fire covers in an hour; 0 where it meets what does not burn."""
    with np.errstate(divide="ignore"):
        slowness = 1 / np.pad(rates, ((0, 0), (0, 0), (_REACH, _REACH), (_REACH, _REACH)))
    height, width = rates.shape[2:]
    shares = np.empty_like(rates)
    for direction, (rows, cols) in enumerate(_STEPS):
        cells = max(abs(rows), abs(cols)) + 1
        hours = np.zeros((len(rates), height, width))
        for cell in range(cells):
            top, left = (_REACH + round(cell * step / (cells - 1)) for step in (rows, cols))
            hours += slowness[:, direction, top : top + height, left : left + width]
        shares[:, direction] = cells / hours / math.hypot(rows, cols)
    return shares


def _arrivals(shares: Plane, ignition: tuple[int, int]) -> Plane:
    """Hours ``[H, W]`` until the fire arrives, infinite where it does not while the wind is known."""
    hours, ends = len(shares), np.arange(1, len(shares) + 1)
    arrival = np.full(shares.shape[2:], np.inf)
    arrival[ignition] = 0
    front = [(0.0, ignition)]
    while front:
        now, (row, col) = heappop(front)
        if now > arrival[row, col] or now >= hours:
            continue
        share = shares[:, :, row, col]
        covered = np.cumsum(share * np.clip(ends - now, 0, 1)[:, None], axis=0)
        for direction in np.flatnonzero(covered[-1] >= 1):
            hour = int(np.searchsorted(covered[:, direction], 1))
            reached = hour + 1 - (covered[hour, direction] - 1) / share[hour, direction]
            target = row + _STEPS[direction][0], col + _STEPS[direction][1]
            if reached < arrival[target]:
                arrival[target] = reached
                heappush(front, (float(reached), target))
    return arrival
