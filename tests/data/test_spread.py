import math

import numpy as np
import pytest

from segmint.data.spread import BANDS, NODATA, Landscape, draw_landscape, draw_wind, spread

WINDOW = (0, 61, 0, 61)
MIDDLE = (30, 30)


def plain(fuel: int = 4, slope: float = 0.0, saz: float = 0.0, size: int = 61) -> Landscape:
    """Ground alike everywhere."""
    flat = np.zeros((size, size), np.float32)
    return Landscape(flat + fuel, flat + 500, flat + slope, flat + saz, flat + (80 if fuel == 1 else NODATA))


def steady(speed: float, direction: float, hours: int = 9) -> np.ndarray:
    return np.tile((speed, direction), (hours, 1)).astype(float)


def reach(frame: np.ndarray) -> dict[str, int]:
    """Cells burned from the middle to each side."""
    rows, cols = np.nonzero(frame)
    row, col = MIDDLE
    sides = {"north": row - rows.min(), "south": rows.max() - row, "west": col - cols.min(), "east": cols.max() - col}
    return {side: int(cells) for side, cells in sides.items()}


def iou(found: np.ndarray, truth: np.ndarray) -> float:
    return float((found & truth).sum() / (found | truth).sum())


@pytest.fixture(scope="module")
def landscape() -> Landscape:
    return draw_landscape(np.random.default_rng(62), 120, 160)


def test_the_landscape_has_every_fuel_ground_that_does_not_burn_and_nodata_off_grass(landscape: Landscape):
    bands = dict(zip(BANDS, landscape.stack(), strict=True))
    assert landscape.stack().dtype == np.float32
    assert np.unique(bands["fuels"]).tolist() == [1, 4, 8, 10, 98, 99]
    assert 0.02 < (bands["fuels"] >= 98).mean() < 0.2
    assert ((bands["cur"] == NODATA) == (bands["fuels"] != 1)).all()
    assert 60 <= bands["cur"][bands["fuels"] == 1].min() <= bands["cur"].max() <= 100
    assert 0 <= bands["saz"].min() <= bands["saz"].max() < 360


def test_slope_and_aspect_are_those_of_the_elevation(landscape: Landscape):
    """A cell further along the aspect, over 2 cells, the ground lies lower by about slope times way."""
    rows, cols = np.mgrid[4:116, 4:156]
    aspect, slope = np.radians(landscape.saz[rows, cols]), landscape.slope[rows, cols] / 100
    down = np.rint(-2 * np.cos(aspect)).astype(int), np.rint(2 * np.sin(aspect)).astype(int)
    drop = landscape.elevation[rows, cols] - landscape.elevation[rows + down[0], cols + down[1]]
    expected = slope * 100 * np.hypot(*down)
    assert np.corrcoef(drop.ravel(), expected.ravel())[0, 1] > 0.9
    assert np.median(drop / expected) == pytest.approx(1, abs=0.1)


def test_wind_differs_in_speed_and_direction_by_hour_and_by_day():
    winds = np.array([draw_wind(np.random.default_rng(day), 8) for day in range(40)])
    assert winds.shape == (40, 8, 2)
    assert 3 < winds[..., 0].min() < winds[..., 0].max() < 40
    assert winds[..., 0].std(axis=1).mean() > 1
    turns = np.abs((np.diff(winds[..., 1], axis=1) + 180) % 360 - 180)
    assert (turns.max(axis=1) > 45).mean() > 0.3
    quadrants = np.bincount((winds[:, 0, 1] // 90).astype(int), minlength=4)
    assert quadrants.min() >= 4


def test_frames_are_cumulative_and_start_with_the_ignition_alone():
    frames = spread(plain(), WINDOW, MIDDLE, steady(15, 250))
    assert (frames.shape, frames.dtype) == ((9, 61, 61), np.uint8)
    assert np.argwhere(frames[0]).tolist() == [list(MIDDLE)]
    assert (np.diff(frames.astype(int), axis=0) >= 0).all()
    assert set(np.unique(frames)) == {0, 1}


def test_without_wind_and_slope_the_fire_is_a_disc_that_grows_by_the_calm_rate():
    """Closed timber litter: 40 m per hour over cells of 100 m, 9.6 cells in 24 hours."""
    frames = spread(plain(8), WINDOW, MIDDLE, steady(0, 0, 25))
    rows, cols = np.mgrid[:61, :61]
    assert iou(frames[24] == 1, np.hypot(rows - 30, cols - 30) <= 9.6) > 0.9


@pytest.mark.parametrize(("direction", "far"), [(270, "east"), (90, "west"), (0, "south"), (180, "north")])
def test_the_fire_runs_with_the_wind_which_blows_from_its_direction(direction: int, far: str):
    reached = reach(spread(plain(), WINDOW, MIDDLE, steady(16, direction))[5])
    others = [cells for side, cells in reached.items() if side != far]
    assert reached[far] > 10
    assert reached[far] > 2 * max(others)


def test_the_fire_runs_uphill():
    """Ground that falls to the south is climbed to the north."""
    reached = reach(spread(plain(10, slope=60, saz=180), WINDOW, MIDDLE, steady(0, 0))[8])
    assert reached["north"] > 1.5 * reached["south"]


def test_the_head_runs_at_rothermels_rate():
    """Chaparral in 16 km/h, by hand from INT-115 eq. 47-50.

    C = 7.47 exp(-0.133 * 1739^0.55) = 0.00237, B = 0.02526 * 1739^0.54 = 1.42, E = 0.715 exp(-0.000359 * 1739) = 0.383;
    with 0.4 of the wind, 350 ft/min, and 0.52 of the optimum packing: 0.00237 * 350^1.42 * 0.52^-0.383 = 12.5. So 28
    m/h become 28 * 13.5 = 378 m/h, or 15 cells in 4 hours.
    """
    assert reach(spread(plain(), WINDOW, MIDDLE, steady(16, 270))[4])["east"] == pytest.approx(15, abs=1)


def test_with_a_steady_wind_the_fire_is_an_ellipse_about_its_rear_focus():
    """The ellipse through the head and the back of the fire with the focus at the ignition, for a wind from 250."""
    frame = spread(plain(), WINDOW, (30, 14), steady(16, 250))[8] == 1
    rows, cols = np.mgrid[:61, :61]
    angle = math.radians(250 + 180)
    along = (cols - 14) * math.sin(angle) - (rows - 30) * math.cos(angle)
    across = np.hypot(cols - 14, rows - 30) ** 2 - along**2
    head, back = along[frame].max(), -along[frame].min()
    half_long, focal = (head + back) / 2, (head - back) / 2
    ellipse = ((along - focal) / half_long) ** 2 + across / (half_long**2 - focal**2) <= 1
    assert iou(frame, ellipse) > 0.85


def test_a_row_of_the_weather_drives_the_step_after_its_frame():
    calm = steady(10, 270)
    gust = calm.copy()
    gust[3] = (30, 90)
    before, after = (spread(plain(), WINDOW, MIDDLE, wind) for wind in (calm, gust))
    assert np.array_equal(before[:4], after[:4])
    assert reach(after[4])["west"] > reach(before[4])["west"] + 3


def test_the_last_row_of_the_weather_drives_nothing():
    wind = steady(10, 270)
    gust = wind.copy()
    gust[-1] = (30, 90)
    assert np.array_equal(spread(plain(), WINDOW, MIDDLE, wind), spread(plain(), WINDOW, MIDDLE, gust))


def test_water_and_rock_do_not_burn_and_stop_the_fire():
    ground = plain()
    ground.fuels[:, 40:42] = 98
    ground.fuels[20:24, :] = 99
    last = spread(ground, WINDOW, MIDDLE, steady(12, 250, 12))[-1]
    assert last.sum() > 100
    assert not last[ground.fuels >= 98].any()
    assert not last[:, 42:].any()
    assert not last[:20].any()


def test_cured_grass_burns_faster_than_green_grass():
    green, cured = plain(1), plain(1)
    green.cur[:], cured.cur[:] = 60, 100
    sizes = [spread(ground, WINDOW, MIDDLE, steady(12, 0))[6].sum() for ground in (green, cured)]
    assert sizes[1] > 3 * sizes[0]


def test_only_the_window_burns_and_rows_count_from_its_corner(landscape: Landscape):
    burning = np.argwhere(landscape.fuels[40:90, 60:120] == 4)[100].tolist()
    frames = spread(landscape, (40, 90, 60, 120), (burning[0], burning[1]), steady(25, 200, 6))
    assert frames.shape == (6, 50, 60)
    assert frames[0][burning[0], burning[1]] == 1
    assert not frames[-1][landscape.fuels[40:90, 60:120] >= 98].any()
