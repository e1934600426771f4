"""Burned land as Sentinel-2 sees it: scars of graded severity among ground that looks much like them.

Fire turns vegetation into char: near infrared falls, short-wave infrared rises. Ploughed fields, dry grass, bare soil,
rock and the scars of former years have the same low burn ratio, and clouds hide the ground while the labels run on
below them. What tells a fresh scar apart is the shape of its whole spectrum and its outline.

Reflectances are rounded to what such covers usually show in Sentinel-2's bands; the burn ratio falls with severity as
in Key and Benson 2006, RMRS-GTR-164.

Example:
    >>> scene = draw_burn(np.random.default_rng(62), 320, 300)
    >>> scene.reflectance.shape, scene.grading.max()
    ((12, 320, 300), 4)
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmint.data.noise import Plane, ranked, rough_noise

BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")
"""Order of the bands in a file of the CEMS wildfire data set."""
_BLOCKS = (6, 1, 1, 1, 2, 2, 2, 1, 2, 6, 2, 2)
"""Size of each band's own pixels, in pixels of 10 m."""

_CONIFER = (0.020, 0.025, 0.040, 0.026, 0.065, 0.160, 0.190, 0.200, 0.210, 0.212, 0.095, 0.046)
_BROADLEAF = (0.024, 0.030, 0.060, 0.034, 0.095, 0.255, 0.325, 0.340, 0.352, 0.350, 0.165, 0.078)
_SHRUB = (0.034, 0.044, 0.068, 0.066, 0.108, 0.175, 0.205, 0.220, 0.236, 0.240, 0.190, 0.112)
_DRY_GRASS = (0.050, 0.068, 0.102, 0.138, 0.170, 0.200, 0.220, 0.240, 0.258, 0.265, 0.318, 0.222)
_CROP = (0.026, 0.036, 0.080, 0.042, 0.110, 0.310, 0.405, 0.425, 0.440, 0.432, 0.195, 0.096)
_SOIL = (0.060, 0.084, 0.125, 0.172, 0.200, 0.218, 0.234, 0.250, 0.264, 0.270, 0.335, 0.285)
_PLOUGHED = (0.034, 0.043, 0.057, 0.072, 0.081, 0.089, 0.096, 0.104, 0.112, 0.118, 0.172, 0.158)
_ROCK = (0.090, 0.104, 0.124, 0.143, 0.153, 0.162, 0.168, 0.177, 0.186, 0.195, 0.222, 0.204)
_WATER = (0.038, 0.036, 0.030, 0.016, 0.013, 0.010, 0.009, 0.008, 0.007, 0.007, 0.004, 0.003)
_CHAR = (0.030, 0.034, 0.040, 0.048, 0.056, 0.063, 0.070, 0.078, 0.087, 0.092, 0.146, 0.158)
_CLOUD = (0.72, 0.70, 0.69, 0.69, 0.70, 0.71, 0.72, 0.72, 0.72, 0.62, 0.50, 0.38)

_WILD = (_CONIFER, _BROADLEAF, _SHRUB, _DRY_GRASS, _SOIL, _ROCK)
_FIELDS = (_CROP, _DRY_GRASS, _SOIL, _PLOUGHED, _PLOUGHED)
_COVERS = np.array((*_WILD, *_FIELDS, _WATER), np.float32)
_FUEL = np.array((1.0, 0.8, 1.0, 0.9, 0.3, 0.0, 0.3, 0.8, 0.1, 0.0, 0.0, 0.0), np.float32)
"""How readily each cover burns."""
_WATER_COVER = len(_COVERS) - 1

_GRADES = (0.42, 0.60, 0.82)
"""Char cover at which slight damage becomes moderate, high, and destruction."""
_STEP = 2.0**-13
"""Rounding of reflectance: near Sentinel-2's own 0.0001, but exact in float32, so that files compress."""


@dataclass(frozen=True)
class BurnScene:
    """A scene with the layers that the CEMS wildfire data set has for it.

    Attributes:
        reflectance: ``[12, H, W]`` float32 of about 0..1, bands as in :data:`BANDS`.
        grading: ``[H, W]`` uint8: 0 none, 1 slight, 2 moderate, 3 high, 4 destroyed.
        delineation: ``[H, W]`` uint8: 1 inside the outline of the fire; drawn apart from the grading.
        clouds: ``[H, W]`` uint8: 0 clear, 1 thick cloud, 2 thin cloud, 3 shadow.
    """

    reflectance: NDArray[np.float32]
    grading: NDArray[np.uint8]
    delineation: NDArray[np.uint8]
    clouds: NDArray[np.uint8]


def draw_burn(draw: np.random.Generator, height: int, width: int) -> BurnScene:
    """Draw one fire and the land around it.

    Args:
        draw: Source of all randomness.
        height: Rows.
        width: Columns.
    """
    shape = (height, width)
    relief = rough_noise(draw, *shape, 80)
    cover = _lay_cover(draw, relief)
    fuel = _FUEL[cover]
    light = _slope_light(draw, relief)
    ground = _COVERS[cover].transpose(2, 0, 1)
    bare = (0.36 * rough_noise(draw, *shape, 24) * (cover != _WATER_COVER))[None]
    ground = (ground + (_column(_SOIL) - ground) * bare) * (0.8 + 0.4 * rough_noise(draw, *shape, 10))

    former = (_outline(draw, fuel, draw.uniform(0.03, 0.10)) > 0) & (fuel > 0)
    regrown = 0.50 * _column(_CHAR) + 0.30 * _column(_SHRUB) + 0.20 * _column(_SOIL)
    ground = np.where(former, ground + (regrown - ground) * draw.uniform(0.6, 0.9), ground)

    outline = _outline(draw, fuel, draw.uniform(0.2, 0.4))
    spared = (fuel == 0) | (ranked(rough_noise(draw, *shape, 24)) > 0.95)
    damage = _damage(draw, outline, fuel)
    burned = (outline > 0) & ~spared
    charred = np.clip(damage + 0.3 * (rough_noise(draw, *shape, 4) - 0.5), 0, 1) * burned
    ground = ground + (_column(_CHAR) * (0.8 + 0.4 * rough_noise(draw, *shape, 8)) - ground) * charred

    clouds, veil, shade = _draw_clouds(draw, *shape)
    seen = ground * light * (1 - shade * np.linspace(0.55, 0.75, 12)[:, None, None])
    seen = seen + (_column(_CLOUD) * (0.8 + 0.4 * rough_noise(draw, *shape, 20)) - seen) * veil
    mapped = outline + 0.05 * (rough_noise(draw, *shape, 12) - 0.5) > 0
    return BurnScene(
        reflectance=_sense(draw, seen),
        grading=np.where(burned, 1 + np.digitize(damage, _GRADES), 0).astype(np.uint8),
        delineation=(mapped & ~spared).astype(np.uint8),
        clouds=clouds,
    )


def _column(spectrum: tuple[float, ...]) -> NDArray[np.float32]:
    return np.array(spectrum, np.float32)[:, None, None]


def _lay_cover(draw: np.random.Generator, relief: Plane) -> NDArray[np.intp]:
    """What covers the ground, an index into the table of covers: wild land, a quilt of fields, lakes in hollows."""
    height, width = relief.shape
    shares = np.cumsum(draw.dirichlet((4, 3, 4, 3.5, 1.0, 0.7)))[:-1]
    cover = np.digitize(ranked(rough_noise(draw, height, width, 48) + 0.25 * relief), shares)
    y, x = np.mgrid[:height, :width]
    angle = draw.uniform(0, np.pi)
    rows = (x * np.cos(angle) + y * np.sin(angle)) / draw.uniform(12, 18)
    cols = (y * np.cos(angle) - x * np.sin(angle)) / draw.uniform(20, 40)
    kinds = draw.integers(0, len(_FIELDS), (64, 64))
    quilt = len(_WILD) + kinds[np.floor(rows).astype(int) % 64, np.floor(cols).astype(int) % 64]
    farmed = ranked(rough_noise(draw, height, width, 64)) > draw.uniform(0.7, 0.9)
    cover = np.where(farmed, quilt, cover)
    wet = ranked(relief + 0.1 * rough_noise(draw, height, width, 16)) < draw.uniform(0, 0.08)
    return np.where(wet, _WATER_COVER, cover)


def _slope_light(draw: np.random.Generator, relief: Plane) -> Plane:
    """Sunlight ``[H, W]`` on slopes, about 1 on flat ground."""
    south, east = np.gradient(relief * draw.uniform(6, 16))
    sun = draw.uniform(-0.6, 0.6)
    light: Plane = np.clip(1 + east * np.cos(sun) - south * np.sin(sun), 0.45, 1.35)
    return light


def _outline(draw: np.random.Generator, fuel: Plane, share: float) -> Plane:
    """Positive inside a frayed, elongated patch that covers ``share`` of the scene, rising to its middle."""
    height, width = fuel.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    y, x = y - draw.uniform(0.25, 0.75) * height, x - draw.uniform(0.25, 0.75) * width
    angle = draw.uniform(0, np.pi)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    distance = np.hypot(along / draw.uniform(1.3, 2.2), across) / np.sqrt(height * width)
    fray = 0.45 * rough_noise(draw, height, width, 72) + 0.06 * rough_noise(draw, height, width, 6)
    return ranked(fray + 0.07 * fuel - distance) - np.float32(1 - share)


def _damage(draw: np.random.Generator, outline: Plane, fuel: Plane) -> Plane:
    """Char cover ``[H, W]`` in 0.25..1 were everything to burn: patchy, less at the edge and on poor fuel."""
    height, width = outline.shape
    patches = ranked(rough_noise(draw, height, width, 64))
    inner = np.clip(outline / 0.08, 0, 1)
    damage: Plane = np.clip(0.15 + 0.70 * patches + 0.16 * inner + 0.15 * (fuel - 0.8), 0.25, 1)
    return damage


def _draw_clouds(draw: np.random.Generator, height: int, width: int) -> tuple[NDArray[np.uint8], Plane, Plane]:
    """Codes of clouds and shadows, how much a cloud veils, and where shadow lies, ``[H, W]`` each."""
    far = 22
    billow = ranked(rough_noise(draw, height + 2 * far, width + 2 * far, 56))
    sky = np.clip((billow - (1 - max(0.0, draw.uniform(-0.10, 0.18)))) * 24, 0, 0.97)
    down, right = draw.integers(8, far, 2) * draw.choice((-1, 1), 2)
    veil = sky[far : far + height, far : far + width]
    shade = sky[far - down :, far - right :][:height, :width] * (1 - veil)
    codes = np.select([veil > 0.6, veil > 0.08, shade > 0.3], [1, 2, 3])
    return codes.astype(np.uint8), veil, shade


def _sense(draw: np.random.Generator, seen: Plane) -> NDArray[np.float32]:
    """What the sensor stores: haze, coarser pixels in eight bands, noise and rounding."""
    bands, height, width = seen.shape
    sensed = np.empty((bands, height, width), np.float32)
    haze = draw.uniform(0, 0.02) * np.linspace(1, 0, bands) ** 3
    for band, block in enumerate(_BLOCKS):
        padded = np.pad(seen[band], ((0, -height % block), (0, -width % block)), mode="edge")
        blocks = padded.reshape(padded.shape[0] // block, block, padded.shape[1] // block, block).mean(axis=(1, 3))
        blocks = blocks * draw.normal(1, 0.02, blocks.shape) + draw.normal(haze[band], 0.002, blocks.shape)
        sensed[band] = blocks.repeat(block, 0).repeat(block, 1)[:height, :width]
    return np.clip(np.round(sensed / _STEP) * _STEP, 0, 1.2).astype(np.float32)
