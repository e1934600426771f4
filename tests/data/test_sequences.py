"""A fire's history as one raster: small layouts made by code, and the simulated fires of the Dogrib landscape."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from places import write_raster

from segmint.data.fingerprint import fingerprint
from segmint.data.frames import BACKGROUND, FIRE
from segmint.data.sequences import find_sequences, packed_bands
from segmint.dataset_recipe import Band, DataRecipe
from segmint.errors import DataError

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

NODATA = -9999.0
ROWS, COLS = 6, 7
WINDOW = (2, 2 + ROWS, 3, 3 + COLS)
FUELS = Band("fuel", source="Fuels", kind="categorical", categories=[1, 4])
BANDS = [FUELS, Band("elevation"), Band("aspect", kind="circular")]
BANDS_OF_FILE = ("elevation", "unused", "aspect", "fuels")


def write_frame(path: Path, burned: np.ndarray, alpha: int = 255) -> None:
    """Write ``[H, W]`` of 0 and 1 as an RGBA frame."""
    colors = np.array([(*BACKGROUND, alpha), (*FIRE, 255)], np.uint8)
    write_raster_png(path, np.moveaxis(colors[burned], -1, 0))


def write_raster_png(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    bands, height, width = values.shape
    with rasterio.open(path, "w", driver="PNG", count=bands, height=height, width=width, dtype="uint8") as target:
        target.write(values.astype(np.uint8))


def front(step: int) -> np.ndarray:
    """What burned until a step: one more column each step, and the step's own pixel in the last row."""
    burned = np.zeros((ROWS, COLS), np.uint8)
    burned[: ROWS - 1, : step + 1] = 1
    burned[ROWS - 1, step] = 1
    return burned


def terrain() -> np.ndarray:
    """``[4, 10, 12]``: elevation, a plane that nothing asks for, aspect, fuels; three pixels without a value."""
    draw = np.random.default_rng(3)
    planes = draw.uniform(0, 359, (4, 10, 12)).astype(np.float32)
    planes[3] = draw.choice([1, 4], (10, 12))
    planes[3, 3, 5] = planes[0, 4, 4] = NODATA
    planes[2, 5, 6] = np.inf
    return planes


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    """Two fires: number 2 of four frames, number 3 of two frames; row 1 of the history belongs to neither."""
    root = tmp_path / "fires"
    for name, count in (("sequence_0002", 4), ("sequence_003", 2)):
        for step in reversed(range(count)):
            write_frame(root / f"fire_frames/{name}/fire_{step:03d}.png", front(step))
            before = front(step - 1) if step else np.zeros((ROWS, COLS), np.uint8)
            write_frame(root / f"isochrones/{name}/iso_{step:03d}.png", front(step) & ~before & 1)
    raster = root / "landscape" / "Input_Geotiff.tif"
    write_raster(raster, terrain(), (500_000.0, 4_000_000.0), pixel=100)
    with rasterio.open(raster, "r+") as target:
        target.descriptions, target.nodata = BANDS_OF_FILE, NODATA
    (root / "landscape/indices.json").write_text(json.dumps({"2": WINDOW, "0003": WINDOW}))
    (root / "landscape/WeatherHistory.csv").write_text("old/Weathers/W9.csv\nx\\Weathers\\W1.csv\nW7.csv\n\n")
    for number in (1, 7, 9):
        rows = "".join(f"2001-10-16,{10 * number + hour},{100 * number % 360 + hour}\n" for hour in range(4))
        path = root / f"landscape/Weathers/W{number}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("datetime, WS,WD \n" + rows)
    return root


def recipe(root: Path, **changes: object) -> DataRecipe:
    return DataRecipe(**{"reader": "sequences", "chips_dir": str(root), "bands": BANDS, "history": 3} | changes)


def whole(root: Path, number: int = 0, **changes: object) -> tuple[np.ndarray, np.ndarray]:
    """Values and answer of a chip."""
    chip = find_sequences(recipe(root, **changes))[number]
    window = (0, 0, chip.height, chip.width)
    return chip.pixels.read(window)[0], chip.answer.read(window)


def test_every_step_of_every_sequence_is_a_chip_that_knows_its_sequence(layout: Path):
    chips = find_sequences(recipe(layout))
    assert [chip.stem for chip in chips] == [*(f"sequence_0002_t{step}" for step in range(3)), "sequence_003_t0"]
    assert [chip.group for chip in chips] == ["sequence_0002"] * 3 + ["sequence_003"]
    assert {(chip.height, chip.width, chip.dtype, chip.nodata) for chip in chips} == {(ROWS, COLS, "float32", None)}


def test_bands_stand_in_the_documented_order(layout: Path):
    bands = packed_bands(recipe(layout))
    assert [band.name for band in bands] == [
        *("fire_t-2", "fire_t-1", "fire_t-0", "wind_speed_t-2", "wind_speed_t-1", "wind_speed_t-0"),
        *("wind_direction_t-2", "wind_direction_t-1", "wind_direction_t-0", "fuel", "elevation", "aspect"),
    ]
    kinds = [band.kind for band in bands]
    assert kinds == ["categorical"] * 3 + ["continuous"] * 3 + ["circular"] * 3 + [
        "categorical",
        "continuous",
        "circular",
    ]
    assert (bands[0].categories, bands[9].categories) == ((0, 1), (1, 4))


def test_a_short_history_stands_at_the_right(layout: Path):
    values, answer = whole(layout, 1)
    assert (values[0] == -1).all()
    assert np.isnan(values[[3, 6]]).all()
    np.testing.assert_array_equal(values[1:3], [front(0), front(1)])
    np.testing.assert_array_equal(answer, front(2))


def test_a_long_history_keeps_the_newest_steps(layout: Path):
    values, answer = whole(layout, 2, history=2)
    np.testing.assert_array_equal(values[:2], [front(1), front(2)])
    np.testing.assert_array_equal(answer, front(3))


def test_row_n_of_the_history_names_the_weather_of_sequence_n_and_row_k_of_that_belongs_to_frame_k(layout: Path):
    values, _ = whole(layout, 1)
    for band, value in {4: 10, 5: 11, 7: 100, 8: 101}.items():
        assert (values[band] == value).all()
    values, _ = whole(layout, 3)
    assert (values[5] == 70).all()
    assert (values[8] == 340).all()


def test_the_landscape_is_cut_by_window_and_picked_by_name_with_nan_where_it_has_no_value(layout: Path):
    values, _ = whole(layout)
    expected = terrain()[[3, 0, 2], WINDOW[0] : WINDOW[1], WINDOW[2] : WINDOW[3]]
    expected[(expected == NODATA) | np.isinf(expected)] = np.nan
    np.testing.assert_array_equal(values[9:], expected)
    assert np.isnan(values[9, 1, 2])
    assert np.isnan(values[10, 2, 1])
    assert np.isnan(values[9:]).sum() == 3


def test_bands_of_a_landscape_without_names_are_told_by_the_recipe(layout: Path):
    named = whole(layout)[0]
    with rasterio.open(layout / "landscape/Input_Geotiff.tif", "r+") as target:
        target.descriptions = (None,) * 4
    np.testing.assert_array_equal(whole(layout, file_bands=list(BANDS_OF_FILE))[0], named)
    with pytest.raises(DataError, match=r"\(no name\).*fuels, elevation, aspect.*data.file_bands"):
        whole(layout)
    with pytest.raises(DataError, match=r"names 2 bands.*has 4"):
        whole(layout, file_bands=["elevation", "fuels"])


def test_the_recipes_nodata_replaces_the_files(layout: Path):
    values, _ = whole(layout, nodata=4.0, bands=[Band("fuels"), Band("elevation")])
    assert (values[10] == NODATA).sum() == 1
    assert set(np.unique(values[9][np.isfinite(values[9])])) == {1, NODATA}


def test_a_window_is_the_slice_of_the_whole(layout: Path):
    chip = find_sequences(recipe(layout))[1]
    values, answer = chip.read((0, 0, ROWS, COLS))
    part, part_answer = chip.read((2, 1, 3, 5))
    np.testing.assert_array_equal(part, values[:, 2:5, 1:6])
    np.testing.assert_array_equal(part_answer, answer[2:5, 1:6])


def test_what_is_read_may_be_written_to_without_changing_the_next_reading(layout: Path):
    chip = find_sequences(recipe(layout))[1]
    first, answer = chip.read((0, 0, ROWS, COLS))
    kept = first.copy(), answer.copy()
    first[:], answer[:] = 7, 7
    again = chip.read((0, 0, ROWS, COLS))
    np.testing.assert_array_equal(again[0], kept[0])
    np.testing.assert_array_equal(again[1], kept[1])


def test_each_file_is_read_once_however_often_its_pixels_are(layout: Path):
    chips = find_sequences(recipe(layout))
    kept = [chip.read((0, 0, ROWS, COLS)) for chip in chips]
    for path in layout.rglob("*.*"):
        path.unlink()
    for chip, (values, answer) in zip(chips, kept, strict=True):
        np.testing.assert_array_equal(chip.read((0, 0, ROWS, COLS))[0], values)
        np.testing.assert_array_equal(chip.read((0, 0, ROWS, COLS))[1], answer)


def test_a_repaired_file_is_seen_by_the_next_search(layout: Path):
    frame = layout / "fire_frames/sequence_0002/fire_001.png"
    before = whole(layout, 1)[0]
    write_frame(frame, front(2))
    (layout / "landscape/Weathers/W1.csv").write_text("WS,WD\n1,2\n3,4\n5,6\n")
    after = whole(layout, 1)[0]
    assert (before[5] == 11).all()
    assert (after[5] == 3).all()
    np.testing.assert_array_equal(after[2], front(2))


def test_chips_travel_to_workers(layout: Path):
    chips = find_sequences(recipe(layout))
    for chip, copy in zip(chips, pickle.loads(pickle.dumps(chips)), strict=True):
        assert copy == chip
        np.testing.assert_array_equal(copy.read((0, 0, ROWS, COLS))[0], chip.read((0, 0, ROWS, COLS))[0])


def test_the_fingerprint_covers_every_file_that_is_used(layout: Path):
    names = [entry.path for entry in fingerprint(find_sequences(recipe(layout))).files]
    fires = [f"fire_frames/sequence_0002/fire_{step:03d}.png" for step in range(4)]
    fires += [f"fire_frames/sequence_003/fire_{step:03d}.png" for step in range(2)]
    ground = ["landscape/Input_Geotiff.tif", "landscape/WeatherHistory.csv"]
    assert names == [
        *fires,
        *ground,
        "landscape/Weathers/W1.csv",
        "landscape/Weathers/W7.csv",
        "landscape/indices.json",
    ]


def test_an_isochrone_is_what_burns_in_the_next_hour_alone(layout: Path):
    np.testing.assert_array_equal(whole(layout, 1, target="cumulative")[1], front(2))
    values, answer = whole(layout, 1, target="isochrone")
    np.testing.assert_array_equal(answer, front(2) & ~front(1) & 1)
    np.testing.assert_array_equal(values[1:3], [front(0), front(1)])
    files = dict(find_sequences(recipe(layout, target="isochrone"))[1].files)
    assert "isochrones/sequence_0002/iso_002.png" in files
    assert "fire_frames/sequence_0002/fire_002.png" not in files


def test_isochrones_may_leave_out_the_ignition_and_are_not_looked_at_for_a_cumulative_target(layout: Path):
    expected = whole(layout, 1, target="isochrone")[1]
    (layout / "isochrones/sequence_0002/iso_000.png").unlink()
    np.testing.assert_array_equal(whole(layout, 1, target="isochrone")[1], expected)
    (layout / "isochrones/sequence_0002/iso_003.png").unlink()
    with pytest.raises(DataError, match=r"sequence_0002 has no frame 3"):
        whole(layout, target="isochrone")
    assert len(find_sequences(recipe(layout))) == 4


def test_an_isochrone_beyond_the_last_frame_tells_of_a_lost_frame(layout: Path):
    (layout / "fire_frames/sequence_0002/fire_003.png").unlink()
    with pytest.raises(DataError, match="has a frame 3 that fire_frames has not"):
        whole(layout, target="isochrone")


@pytest.mark.parametrize("high", [1, 255])
def test_frames_of_one_band_are_read_by_value(layout: Path, high: int):
    for step in range(4):
        write_raster_png(layout / f"fire_frames/sequence_0002/fire_{step:03d}.png", front(step)[None] * high)
    values, answer = whole(layout, 1)
    np.testing.assert_array_equal(values[1:3], [front(0), front(1)])
    np.testing.assert_array_equal(answer, front(2))


def test_unknown_pixels_are_minus_one_in_the_history_and_255_in_the_answer(layout: Path):
    for step in range(4):
        values = front(step)[None].copy()
        values[0, 0, 6] = 9
        write_raster_png(layout / f"fire_frames/sequence_0002/fire_{step:03d}.png", values)
    values, answer = whole(layout, 1, ignore_value=9)
    assert (values[1:3, 0, 6] == -1).all()
    assert answer[0, 6] == 255
    assert (np.delete(answer.ravel(), 6) == np.delete(front(2).ravel(), 6)).all()
    with pytest.raises(DataError, match=r"values 0, 1, 9.*data.ignore_value"):
        whole(layout)


def test_a_palette_is_read_by_its_colours_and_alpha_is_not_looked_at(layout: Path):
    write_frame(layout / "fire_frames/sequence_0002/fire_000.png", front(0), alpha=0)
    path = layout / "fire_frames/sequence_0002/fire_001.png"
    with rasterio.open(path, "w", driver="PNG", count=1, height=ROWS, width=COLS, dtype="uint8") as target:
        target.write(1 - front(1)[None])
        target.write_colormap(1, {0: (*FIRE, 255), 1: (*BACKGROUND, 255)})
    np.testing.assert_array_equal(whole(layout, 1)[0][1:3], [front(0), front(1)])


def damage(name: str) -> Callable[[Path], None]:
    """Ways in which a layout goes wrong, by name."""

    def put(where: str, text: str) -> Callable[[Path], None]:
        return lambda root: (root / where).write_text(text) and None

    frame = "fire_frames/sequence_0002/fire_002.png"
    grey = (
        0.299 * np.array([BACKGROUND[0], FIRE[0]]) + 0.587 * np.array([1, 231]) + 0.114 * np.array([84, 36])
    ).round()
    off = np.array([(*BACKGROUND, 255), (252, 231, 36, 255)], np.uint8)[front(2)]
    return {
        "grey": lambda root: write_raster_png(root / frame, grey[front(2)][None]),
        "grey in colour": lambda root: write_raster_png(root / frame, np.repeat(grey[front(2)][None], 3, axis=0)),
        "nearly fire": lambda root: write_raster_png(root / frame, np.moveaxis(off, -1, 0)),
        "two bands": lambda root: write_raster_png(root / frame, np.stack([front(2)] * 2)),
        "cut short": lambda root: (root / frame).write_bytes((root / frame).read_bytes()[:60]) and None,
        "another size": lambda root: write_frame(root / frame, front(2)[:, :5]),
        "gap": lambda root: (root / frame).unlink(),
        "no first frame": lambda root: (root / "fire_frames/sequence_0002/fire_000.png").unlink(),
        "frame twice": lambda root: write_frame(root / "fire_frames/sequence_0002/fire_2.png", front(2)),
        "folder twice": lambda root: (root / "fire_frames/sequence_002").mkdir(),
        "folder misnamed": lambda root: (root / "fire_frames/sequence_x").mkdir(),
        "no window": put("landscape/indices.json", json.dumps({"2": WINDOW})),
        "window outside": put("landscape/indices.json", json.dumps({"2": WINDOW, "3": [5, 11, 3, 10]})),
        "window smaller": put("landscape/indices.json", json.dumps({"2": [2, 7, 3, 10], "3": WINDOW})),
        "window of text": put("landscape/indices.json", '{"2": ["2", 8, 3, 10]}'),
        "window twice": put("landscape/indices.json", '{"2": [2, 8, 3, 10], "02": [2, 8, 3, 10]}'),
        "no json": put("landscape/indices.json", "{"),
        "history with a header": put("landscape/WeatherHistory.csv", "weather\nW1.csv\nW7.csv\n"),
        "history too short": put("landscape/WeatherHistory.csv", "W9.csv\nW1.csv\n"),
        "history of nothing": put("landscape/WeatherHistory.csv", "W9.csv\nW2.csv\nW7.csv\n"),
        "weather too short": put("landscape/Weathers/W1.csv", "WS,WD\n1,2\n1,2\n"),
        "no direction": put("landscape/Weathers/W1.csv", "WS,wind\n1,2\n1,2\n"),
        "no number": put("landscape/Weathers/W1.csv", "WS,WD\n1,2\n1,\n1,2\n"),
        "nan": put("landscape/Weathers/W1.csv", "WS,WD\n1,2\n1,nan\n1,2\n"),
    }[name]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("grey", r"fire_002.png has one band with the values 30, 215.*\(253, 231, 36\).*greyscale"),
        ("grey in colour", r"fire_002.png holds the colour \(30, 30, 30\), \(215, 215, 215\); expected"),
        ("nearly fire", r"fire_002.png holds the colour \(252, 231, 36\); expected \(253, 231, 36\)"),
        ("two bands", "fire_002.png has 2 bands"),
        ("cut short", "fire_002.png cannot be read"),
        ("another size", r"fire_002.png has \(6, 5\) rows and columns, fire_000.png \(6, 7\)"),
        ("gap", "sequence_0002 has no frame 2; expected fire_000.png to fire_003.png"),
        ("no first frame", "sequence_0002 has no frame 0"),
        ("frame twice", "fire_002.png and fire_2.png have the same number"),
        ("folder twice", "sequence_0002 and sequence_002 have the same number"),
        ("folder misnamed", "sequence_x; expected sequence_ and"),
        ("no window", "fire_frames has sequence 3, .*indices.json not"),
        ("window outside", "sequence 0?3 is rows 5 to 11.* 10 rows and 12 columns"),
        ("window smaller", r"fire_000.png has \(6, 7\) rows and columns, its window in .*indices.json \(5, 7\)"),
        ("window of text", "indices.json holds 2: "),
        ("window twice", "two windows of sequence 2"),
        ("no json", "indices.json cannot be read"),
        ("history with a header", "WeatherHistory.csv row 1 is 'weather'"),
        ("history too short", "WeatherHistory.csv has no row 3"),
        ("history of nothing", "row 2 names W2.csv, which is not in .*Weathers"),
        ("weather too short", "W1.csv has 2 rows, sequence 2 4 frames; expected at least 3 rows"),
        ("no direction", "W1.csv has no column WD: WS, wind"),
        ("no number", "W1.csv has a row without a number"),
        ("nan", "W1.csv line 3 is not finite"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_by_name(layout: Path, what: str, message: str):
    damage(what)(layout)
    with pytest.raises(DataError, match=message):
        find_sequences(recipe(layout))


def test_an_undeclared_code_of_the_landscape_is_listed_with_the_key_to_set(layout: Path):
    with pytest.raises(DataError, match=r"band Fuels holds the undeclared code 4; .*categories of Fuels in data.bands"):
        whole(layout, bands=[Band("fuel", source="Fuels", kind="categorical", categories=[1])])


def test_sequences_of_one_frame_give_no_chip_and_are_refused_only_where_nothing_remains(layout: Path):
    (layout / "fire_frames/sequence_003/fire_001.png").unlink()
    (layout / "isochrones/sequence_003/iso_001.png").unlink()
    for target in ("cumulative", "isochrone"):
        assert {chip.group for chip in find_sequences(recipe(layout, target=target))} == {"sequence_0002"}
    (layout / "isochrones/sequence_003/iso_000.png").unlink()
    assert len(find_sequences(recipe(layout, target="isochrone"))) == 3
    for step in (1, 2, 3):
        (layout / f"fire_frames/sequence_0002/fire_{step:03d}.png").unlink()
    with pytest.raises(DataError, match="every sequence has a single frame"):
        find_sequences(recipe(layout))


def test_copying_the_last_frame_of_the_dogrib_fires_scores_what_is_documented(shared_data: Path):
    """Intersection over union of all pixels of all 336 steps together; 0.69."""
    codes = [1, 2, 3, 4, 7, 11, 31, 40, 101, 102]
    bands = [Band("fuels", kind="categorical", categories=codes), Band("elevation"), Band("saz", kind="circular")]
    data = recipe(shared_data / "spread_c2f_dogrib", bands=bands, history=8)
    chips = find_sequences(data)
    assert (len(chips), len({chip.group for chip in chips})) == (48 * 7, 48)
    both = either = 0
    for chip in chips:
        values, answer = chip.read((0, 0, chip.height, chip.width))
        assert values.shape == (len(packed_bands(data)), 96, 96)
        both += np.count_nonzero((values[7] == 1) & (answer == 1))
        either += np.count_nonzero((values[7] == 1) | (answer == 1))
    assert both / either == pytest.approx(0.6878, abs=5e-5)


def test_some_of_the_sequences_that_the_indices_name_are_a_dataset(layout: Path, capsys: pytest.CaptureFixture[str]):
    whole_digest = fingerprint(find_sequences(recipe(layout))).digest
    assert "sequences:" not in capsys.readouterr().out
    shutil.rmtree(layout / "fire_frames/sequence_0002")
    chips = find_sequences(recipe(layout))
    assert [chip.stem for chip in chips] == ["sequence_003_t0"]
    assert fingerprint(chips).digest != whole_digest
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("sequences:")]
    assert len(said) == 1
    assert said[0].startswith("sequences: 1 of the 2 that ")
    assert [chip.stem for chip in find_sequences(recipe(layout, target="isochrone"))] == ["sequence_003_t0"]
    shutil.rmtree(layout / "fire_frames/sequence_003")
    with pytest.raises(DataError, match="holds no sequence"):
        find_sequences(recipe(layout))


def test_bands_of_the_landscape_that_the_recipe_does_not_take_are_named(layout, capsys):
    find_sequences(recipe(layout))
    assert ", and not unused (data.bands)\n" in capsys.readouterr().out
