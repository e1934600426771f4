"""Samples of next-day wildfire spread: small ones made by code, and the eight at hand."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from segmint.data.next_day import FILE_BANDS, find_samples, packed_bands
from segmint.dataset_recipe import Band, DataRecipe
from segmint.errors import DataError

ROWS, COLS = 5, 6
ORDER = [
    *("fire_t-0", "wind_speed_t-0", "wind_direction_t-0", "elevation", "ndvi", "erc", "pdsi", "population"),
    *("precipitation", "humidity", "tmin", "tmax"),
]


def write_sample(path: Path, **changes: np.ndarray) -> None:
    """Plane i is 100 i plus the position of the pixel; the fire is unknown at one pixel, the next day at another."""
    inputs = np.arange(ROWS * COLS, dtype=np.float32).reshape(ROWS, COLS) + 100 * np.arange(12)[:, None, None]
    inputs[11] = 0
    inputs[11, 1, 1], inputs[11, 2, 2] = -1, 1
    targets = np.zeros((1, ROWS, COLS), np.int64)
    targets[0, 2, 2:4], targets[0, 4, 4] = 1, -1
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{"inputs": inputs.astype(np.float32), "targets": targets} | changes)


def recipe(root: Path, **changes: object) -> DataRecipe:
    return DataRecipe(**{"reader": "next_day", "chips_dir": str(root), "history": 1} | changes)


def test_the_bands_stand_as_those_of_a_sequence_with_one_step(tmp_path: Path):
    bands = packed_bands(recipe(tmp_path))
    assert [band.name for band in bands] == ORDER
    assert [band.kind for band in bands] == ["categorical", "continuous", "circular"] + ["continuous"] * 9
    assert bands[0].categories == (0, 1)


def test_every_file_is_a_chip_whose_planes_are_put_in_order(tmp_path: Path):
    for name in ("b", "train/a"):
        write_sample(tmp_path / f"{name}.npz")
    chips = find_samples(recipe(tmp_path))
    assert [(chip.stem, chip.files[0][0]) for chip in chips] == [("a", "train/a.npz"), ("b", "b.npz")]
    values, valid = chips[0].pixels.read((0, 0, ROWS, COLS))
    assert (values.dtype, values.shape, bool(valid.all())) == (np.float32, (12, ROWS, COLS), True)
    assert values[1:, 0, 0].tolist() == [100 * FILE_BANDS.index(name) for name in ORDER[1:]]


def test_unknown_pixels_are_minus_one_in_the_fire_and_255_in_the_answer(tmp_path: Path):
    write_sample(tmp_path / "a.npz")
    values, answer = find_samples(recipe(tmp_path))[0].read((0, 0, ROWS, COLS))
    assert (values[0, 1, 1], values[0, 2, 2]) == (-1, 1)
    assert answer[2].tolist() == [0, 0, 1, 1, 0, 0]
    assert np.argwhere(answer == 255).tolist() == [[4, 4]]


def test_an_ignore_value_counts_nowhere_and_an_undeclared_one_is_refused(tmp_path: Path):
    targets = np.zeros((1, ROWS, COLS), np.int64)
    targets[0, 0, 0] = 7
    write_sample(tmp_path / "a.npz", targets=targets)
    assert find_samples(recipe(tmp_path, ignore_value=7))[0].answer.read((0, 0, 1, 2)).tolist() == [[255, 0]]
    with pytest.raises(DataError, match=r"a.npz: targets holds 7; .*data.ignore_value"):
        find_samples(recipe(tmp_path))


def test_the_recipe_may_choose_bands(tmp_path: Path):
    write_sample(tmp_path / "a.npz")
    data = recipe(tmp_path, bands=[Band("warmth", source="tmax"), Band("ndvi")])
    assert [band.name for band in packed_bands(data)] == [*ORDER[:3], "warmth", "ndvi"]
    assert find_samples(data)[0].pixels.read((0, 0, 1, 1))[0].ravel().tolist() == [0, 1000, 700, 900, 100]
    with pytest.raises(DataError, match=r"names fuels; expected bands among elevation, ndvi"):
        packed_bands(recipe(tmp_path, bands=[Band("fuels")]))


def test_a_window_is_the_slice_of_the_whole_and_may_be_written_to(tmp_path: Path):
    write_sample(tmp_path / "a.npz")
    chip = find_samples(recipe(tmp_path))[0]
    values, answer = chip.read((0, 0, ROWS, COLS))
    for _ in range(2):
        part, part_answer = chip.read((1, 2, 3, 4))
        np.testing.assert_array_equal(part, values[:, 1:4, 2:6])
        np.testing.assert_array_equal(part_answer, answer[1:4, 2:6])
        part[:], part_answer[:] = 7, 7


def test_chips_travel_to_workers(tmp_path: Path):
    write_sample(tmp_path / "a.npz")
    chips = find_samples(recipe(tmp_path))
    assert pickle.loads(pickle.dumps(chips)) == chips


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inputs": np.zeros((11, ROWS, COLS))}, r"a.npz holds inputs \[11, 5, 6\].*expected inputs \[12, H, W\]"),
        ({"targets": np.zeros((1, ROWS, 9))}, r"targets \[1, 5, 9\]"),
        ({"targets": np.zeros((ROWS, COLS))}, r"targets \[5, 6\]"),
        ({"inputs": np.full((12, ROWS, COLS), 2.0)}, r"inputs \(fire of the day\) holds 2"),
    ],
)
def test_arrays_that_are_none_of_a_sample_are_refused(tmp_path: Path, changes: dict[str, np.ndarray], message: str):
    write_sample(tmp_path / "a.npz", **changes)
    with pytest.raises(DataError, match=message):
        find_samples(recipe(tmp_path))


def test_files_that_are_no_samples_are_refused(tmp_path: Path):
    with pytest.raises(DataError, match="holds no sample"):
        find_samples(recipe(tmp_path))
    np.savez(tmp_path / "a.npz", image=np.zeros(3))
    with pytest.raises(DataError, match=r"a.npz holds image \[3\]"):
        find_samples(recipe(tmp_path))
    write_sample(tmp_path / "a.npz")
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:900])
    with pytest.raises(DataError, match=r"a.npz cannot be read"):
        find_samples(recipe(tmp_path))
    write_sample(tmp_path / "a.npz")
    write_sample(tmp_path / "more/a.npz")
    with pytest.raises(DataError, match="the same stem"):
        find_samples(recipe(tmp_path))


def test_the_eight_samples_at_hand_hold_as_many_unknown_pixels_as_documented(shared_data: Path):
    chips = find_samples(recipe(shared_data / "spread_ndws"))
    assert len(chips) == 8
    values, answers = map(np.stack, zip(*(chip.read((0, 0, 64, 64)) for chip in chips), strict=True))
    assert (values.shape, answers.shape) == ((8, 12, 64, 64), (8, 64, 64))
    assert (values[:, 0] == -1).mean() == pytest.approx(0.075, abs=5e-4)
    assert (answers == 255).sum() == 3
    assert (answers == 1).mean() == pytest.approx(0.014, abs=5e-4)
