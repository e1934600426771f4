"""The files of each built-in sample, as the data sets that the recipes are made for lay them out.

Each function writes to folders that exist and are empty, and returns the number of chips, scenes or sequences. The same
arguments give the same pixels; options other than the default make small samples.

Example:
    >>> write_burn(Path("data/burn"), Path("data/burn"), seed=62, activations=1)
    2
"""

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin

from segmint.data import burn, spread
from segmint.data.camp import draw_camp
from segmint.data.strips import Setting, draw_strip

_CAMP_PIXEL_M = 0.3
_BURN_PIXEL_M = 10.0
_METRES_PER_DEGREE = 111_320.0
_BURNING, _UNBURNED = (253, 231, 36, 255), (68, 1, 84, 255)
"""Ends of the viridis colours, in which fire frames are stored."""


def write_camp(
    chips: Path, labels: Path, seed: int, scenes: int = 20, chips_per_scene: tuple[int, int] = (2, 4), size: int = 256
) -> int:
    """Camps of 0.3 m per pixel: chips ``[3, size, size]`` uint8 and labels of the same names, 1 on shelters.

    Chips of a scene adjoin, scenes lie 5 km apart.
    """
    for scene in range(scenes):
        draw = np.random.default_rng([seed, scene])
        image, label = draw_camp(draw, chips_per_scene[0] * size, chips_per_scene[1] * size)
        down, right = divmod(scene, 5)
        for row, col in product(range(chips_per_scene[0]), range(chips_per_scene[1])):
            window = (slice(row * size, (row + 1) * size), slice(col * size, (col + 1) * size))
            west = 300_000 + right * 5_000 + col * size * _CAMP_PIXEL_M
            north = 3_600_000 - down * 5_000 - row * size * _CAMP_PIXEL_M
            place = {"crs": "EPSG:32636", "transform": from_origin(west, north, _CAMP_PIXEL_M, _CAMP_PIXEL_M)}
            name = f"camp_{scene:02d}_r{row}_c{col}.tif"
            _write(chips / name, image[:, *window], **place)
            _write(labels / name, label[None, *window], **place)
    return scenes * chips_per_scene[0] * chips_per_scene[1]


def write_burn(chips: Path, labels: Path, seed: int, activations: int = 12, height: int = 320, width: int = 300) -> int:
    """Fires as the CEMS wildfire data set has them: two adjoining tiles per activation, reflectance and three maps."""
    for number in range(activations):
        scene = burn.draw_burn(np.random.default_rng([seed, number]), height, 2 * width)
        latitude, west = 37.0 + 2 * (number // 4), -8.0 + 7 * (number % 4)
        down = _BURN_PIXEL_M / _METRES_PER_DEGREE
        right = down / np.cos(np.radians(latitude))
        code = f"EMSR{901 + number}"
        for tile in range(2):
            stem = f"{code}/AOI01/{code}_AOI01_{tile + 1:02d}/{code}_AOI01_{tile + 1:02d}"
            window = (slice(None), slice(tile * width, (tile + 1) * width))
            place = {"crs": "EPSG:4326", "transform": from_origin(west + tile * width * right, latitude, right, down)}
            image = scene.reflectance[:, *window]
            _write(chips / f"{stem}_S2L2A.tif", image, names=burn.BANDS, predictor=3, **place)
            _write(labels / f"{stem}_DEL.tif", scene.delineation[None, *window], **place)
            _write(labels / f"{stem}_GRA.tif", scene.grading[None, *window], **place)
            _write(labels / f"{stem}_CM.tif", scene.clouds[None, *window], **place)
    return 2 * activations


def write_strips(
    chips: Path, labels: Path, seed: int, scenes: int = 40, frames: int = 2, height: int = 384, width: int = 216
) -> int:
    """Photographs of lateral-flow strips, PNG ``[3, H, W]``, a few frames of each scene, and their masks."""
    for scene in range(scenes):
        draw = np.random.default_rng([seed, scene])
        setting = Setting.draw(draw)
        for frame in range(frames):
            image, mask = draw_strip(draw, height, width, setting)
            _write(chips / f"scene{scene:02d}_frame{frame}.png", image)
            _write(labels / f"scene{scene:02d}_frame{frame}_mask.png", mask[None])
    return scenes * frames


def write_spread(
    chips: Path,
    labels: Path,
    seed: int,
    sequences: int = 60,
    size: int = 64,
    ground: tuple[int, int] = (192, 256),
    weathers: int = 40,
) -> int:
    """Simulated fires as EmberFormer reads them: hourly frames of 5 to 8 hours, one landscape, hourly weather.

    Frame t is what has burned after t hours, isochrone t what burned in hour t; row t of the weather drives the step
    from frame t to t + 1. The isochrones go to ``labels``, all else to ``chips``.
    """
    draw = np.random.default_rng([seed, 0])
    landscape = spread.draw_landscape(draw, *ground)
    place = {"crs": "EPSG:32611", "transform": from_origin(457_900, 5_739_100, spread.CELL_M, spread.CELL_M)}
    terrain = chips / "landscape"
    _write(terrain / "Input_Geotiff.tif", landscape.stack(), names=spread.BANDS, nodata=spread.NODATA, **place)
    winds = [spread.draw_wind(draw, 8) for _ in range(weathers)]
    for number, wind in enumerate(winds, start=1):
        rows = "".join(f"SAMPLE,2001-10-16 {13 + hour}:00,{w[0]:.0f},{w[1]:.0f}\n" for hour, w in enumerate(wind))
        _write_text(terrain / "Weathers" / f"Weather{number}.csv", "Scenario,datetime,WS,WD\n" + rows)
    history, windows = "", {}
    for number in range(1, sequences + 1):
        draw = np.random.default_rng([seed, number])
        weather, window, frames = _draw_fire(draw, landscape, size, winds)
        for hour, frame in enumerate(frames):
            new = frame - (frames[hour - 1] if hour else 0)
            _write(chips / f"fire_frames/sequence_{number:04d}/fire_{hour:03d}.png", _color(frame))
            _write(labels / f"isochrones/sequence_{number:04d}/iso_{hour:03d}.png", _color(new))
        history += f"sample/Weathers/Weather{weather + 1}.csv\n"
        windows[str(number)] = list(window)
    _write_text(terrain / "WeatherHistory.csv", history)
    _write_text(terrain / "indices.json", json.dumps(windows))
    return sequences


def _draw_fire(
    draw: np.random.Generator, landscape: spread.Landscape, size: int, winds: list[NDArray[np.float64]]
) -> tuple[int, tuple[int, int, int, int], NDArray[np.uint8]]:
    """Weather, window and frames of a fire that starts near the middle and neither dies out nor fills the window."""
    rows, cols = landscape.fuels.shape
    while True:
        weather, hours = int(draw.integers(len(winds))), int(draw.integers(5, 9))
        top, left = int(draw.integers(rows - size + 1)), int(draw.integers(cols - size + 1))
        window = (top, top + size, left, left + size)
        row, col = (int(place) for place in draw.integers(3 * size // 8, 5 * size // 8, 2))
        frames = spread.spread(landscape, window, (row, col), winds[weather][:hours])
        if frames[1].sum() > 1 and size < frames[-1].sum() < size * size / 3:
            return weather, window, frames


def _color(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGBA ``[4, H, W]`` of a mask of 0 and 1."""
    return np.array((_UNBURNED, _BURNING), np.uint8)[mask].transpose(2, 0, 1)


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _write(path: Path, values: NDArray[Any], names: tuple[str, ...] = (), **options: Any) -> None:
    """Write ``[C, H, W]`` as a raster of the kind that the name ends in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bands, height, width = values.shape
    kind = {"driver": "GTiff", "compress": "deflate"} if path.suffix == ".tif" else {"driver": "PNG"}
    shape = {"count": bands, "height": height, "width": width}
    with rasterio.open(path, "w", dtype=values.dtype, **shape, **kind, **options) as target:
        target.write(values)
        for band, name in enumerate(names, start=1):
            target.set_band_description(band, name)
