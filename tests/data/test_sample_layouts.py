"""The layouts, held against those of the CEMS wildfire data set and of EmberFormer."""

import csv
import json
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import rasterio

from segmint.data.sample_layouts import write_burn, write_spread, write_strips

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")
VIRIDIS = {(253, 231, 36, 255), (68, 1, 84, 255)}


def read(path: Path) -> np.ndarray:
    with rasterio.open(path) as source:
        return source.read()


@pytest.fixture(scope="module")
def burn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("burn")
    assert write_burn(root, root, 62, activations=12, height=40, width=30) == 24
    return root


@pytest.fixture(scope="module")
def spread(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("spread")
    assert write_spread(root, root, 62, sequences=20, ground=(110, 130), weathers=12) == 20
    return root


def frames(root: Path, kind: str, prefix: str, number: int) -> np.ndarray:
    """Burning cells ``[T, H, W]`` of a sequence, by the rule of EmberFormer's reader: green is 231."""
    folder = root / kind / f"sequence_{number:04d}"
    paths = [folder / f"{prefix}_{hour:03d}.png" for hour in range(len(list(folder.iterdir())))]
    return np.stack([read(path)[1] == 231 for path in paths])


def winds(root: Path, number: int) -> np.ndarray:
    """Wind ``[T, 2]`` of a sequence, by the same reader: line n of the history, split where the folder is named."""
    line = (root / "landscape" / "WeatherHistory.csv").read_text().splitlines()[number - 1]
    with (root / "landscape" / "Weathers" / line.split("Weathers/")[1]).open() as file:
        return np.array([(row["WS"], row["WD"]) for row in csv.DictReader(file)], float)


def test_burn_has_four_rasters_per_tile_in_the_tree_of_the_cems_data_set(burn):
    names = sorted(path.relative_to(burn).as_posix() for path in burn.rglob("*") if path.is_file())
    assert len(names) == 4 * 24
    expression = r"(EMSR9\d\d)/AOI01/\1_AOI01_0[12]/\1_AOI01_0[12]_(S2L2A|DEL|GRA|CM)\.tif"
    assert all(re.fullmatch(expression, name) for name in names)
    assert names[0] == "EMSR901/AOI01/EMSR901_AOI01_01/EMSR901_AOI01_01_CM.tif"
    assert names[-1] == "EMSR912/AOI01/EMSR912_AOI01_02/EMSR912_AOI01_02_S2L2A.tif"


def test_burn_rasters_have_the_documented_types_bands_and_grid(burn):
    for path in burn.rglob("*_S2L2A.tif"):
        with rasterio.open(path) as source:
            assert source.dtypes == ("float32",) * 12
            assert source.descriptions == BANDS
            assert source.crs.to_epsg() == 4326
            assert source.res == pytest.approx((1.2e-4, 0.9e-4), rel=0.15)
            grid = source.transform, source.shape
        for suffix, codes in (("DEL", {0, 1}), ("GRA", {0, 1, 2, 3, 4}), ("CM", {0, 1, 2, 3})):
            with rasterio.open(path.with_name(path.name.replace("S2L2A", suffix))) as label:
                assert (label.count, label.dtypes) == (1, ("uint8",))
                assert (label.transform, label.shape) == grid
                assert set(np.unique(label.read())) <= codes


def test_tiles_of_an_activation_adjoin_and_activations_lie_a_hundred_kilometres_apart(burn):
    corners = []
    for activation in sorted(burn.iterdir()):
        first, second = sorted(activation.rglob("*_DEL.tif"))
        with rasterio.open(first) as left, rasterio.open(second) as right:
            assert left.bounds.right == pytest.approx(right.bounds.left, abs=1e-9)
            assert left.bounds.top == right.bounds.top
            corners.append((left.bounds.left, left.bounds.top))
    for number, (west, north) in enumerate(corners):
        for other_west, other_north in corners[:number]:
            assert np.hypot(west - other_west, north - other_north) > 1


def test_strips_pair_by_the_mask_suffix_and_are_portraits(tmp_path):
    images, masks = tmp_path / "images", tmp_path / "masks"
    assert write_strips(images, masks, 62, scenes=3, frames=2, height=64, width=36) == 6
    names = sorted(path.name for path in images.iterdir())
    assert names == [f"scene{scene:02d}_frame{frame}.png" for scene in range(3) for frame in range(2)]
    for name in names:
        image, mask = read(images / name), read(masks / name.replace(".png", "_mask.png"))
        assert (image.shape, mask.shape) == ((3, 64, 36), (1, 64, 36))
        assert {0, 1, 2} <= set(np.unique(mask)) <= {0, 1, 2, 3}
    assert len(list(masks.iterdir())) == 6


def test_spread_frames_are_viridis_pictures_of_the_cumulative_fire(spread):
    for number in range(1, 21):
        fire, new = frames(spread, "fire_frames", "fire", number), frames(spread, "isochrones", "iso", number)
        assert 5 <= len(fire) == len(new) <= 8
        assert fire.shape[1:] == (64, 64)
        assert fire[0].sum() == 1
        assert np.array_equal(new[0], fire[0])
        for (before, after), grown in zip(pairwise(fire), new[1:], strict=True):
            assert (after | ~before).all()
            assert np.array_equal(grown, after & ~before)
    picture = read(spread / "fire_frames" / "sequence_0001" / "fire_003.png")
    assert {tuple(color) for color in picture.reshape(4, -1).T.tolist()} == VIRIDIS


def test_spread_sequences_differ_in_length(spread):
    assert len({len(list(folder.iterdir())) for folder in (spread / "fire_frames").iterdir()}) >= 3


def test_spread_landscape_weather_and_windows_are_found_as_emberformer_finds_them(spread):
    with rasterio.open(spread / "landscape" / "Input_Geotiff.tif") as source:
        assert source.descriptions == ("fuels", "elevation", "slope", "saz", "cur")
        assert (source.nodata, source.dtypes[0], source.shape) == (-9999, "float32", (110, 130))
        bands = source.read()
    assert (bands == -9999).mean(axis=(1, 2)).tolist()[:4] == [0, 0, 0, 0]
    assert 0.5 < (bands[4] == -9999).mean() < 0.95
    windows = json.loads((spread / "landscape" / "indices.json").read_text())
    assert list(windows) == [str(number) for number in range(1, 21)]
    for number in range(1, 21):
        wind = winds(spread, number)
        assert wind.shape == (8, 2)
        assert 0 < wind[:, 0].min() <= wind[:, 0].max() < 40
        assert 0 <= wind[:, 1].min() <= wind[:, 1].max() < 360
        fire = frames(spread, "fire_frames", "fire", number)
        top, bottom, left, right = windows[str(number)]
        assert (bottom - top, right - left) == (64, 64)
        assert not fire[-1][bands[0, top:bottom, left:right] >= 98].any()


def test_spread_fires_move_with_the_wind_of_the_row_of_their_frame(spread):
    """The middle of the newly burned cells moves away from where the wind comes from, in most strong hours."""
    agreements = []
    for number in range(1, 21):
        fire = frames(spread, "fire_frames", "fire", number)
        for (before, after), (speed, direction) in zip(pairwise(fire), winds(spread, number), strict=False):
            if speed >= 14 and (after & ~before).sum() >= 5:
                south, east = np.argwhere(after & ~before).mean(axis=0) - np.argwhere(before).mean(axis=0)
                towards = np.radians(direction + 180)
                agreements.append(east * np.sin(towards) - south * np.cos(towards) > 0)
    assert len(agreements) > 30
    assert np.mean(agreements) > 0.85


def test_neither_copying_nor_growing_by_a_pixel_foretells_the_spread_but_the_wind_helps(spread):
    """IoU over cumulative fires of the next hour."""
    hits: dict[str, int] = {"copy": 0, "grow": 0, "wind": 0}
    unions = hits.copy()
    for number in range(1, 21):
        fire = frames(spread, "fire_frames", "fire", number)
        for (before, after), (speed, direction) in zip(pairwise(fire), winds(spread, number), strict=False):
            guesses = {"copy": before, "grow": swept(before, lambda x, y: np.maximum(abs(x), abs(y)) <= 1)}
            guesses["wind"] = swept(before, ellipse(0.06 * speed**1.2 + 1, np.radians(direction + 180)))
            for name, guess in guesses.items():
                hits[name] += int((guess & after).sum())
                unions[name] += int((guess | after).sum())
    found = {name: hits[name] / unions[name] for name in hits}
    assert found["copy"] < 0.7
    assert found["grow"] < 0.8
    assert found["wind"] > found["grow"] + 0.03


def ellipse(head: float, towards: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Reach ``head`` cells downwind, one cell upwind and 0.6 of half of both together across."""
    half, middle = (head + 1) / 2, (head - 1) / 2

    def inside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        along, across = x * np.sin(towards) - y * np.cos(towards), x * np.cos(towards) + y * np.sin(towards)
        return ((along - middle) / half) ** 2 + (across / max(0.6 * half, 1)) ** 2 <= 1

    return inside


def swept(mask: np.ndarray, inside: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """All cells that lie in the given shape about a cell of the mask."""
    down, right = np.mgrid[-9:10, -9:10]
    padded, result = np.pad(mask, 9), mask.copy()
    height, width = mask.shape
    for y, x in zip(down[inside(right, down)], right[inside(right, down)], strict=True):
        result |= padded[9 - y : 9 - y + height, 9 - x : 9 - x + width]
    return result
