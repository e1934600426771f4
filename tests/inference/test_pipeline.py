"""A scene goes through reading, windows and writing unchanged, whatever its size, and holes stay holes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from places import write_raster

from segmint.inference.maps import MapInWork
from segmint.inference.pipeline import run
from segmint.inference.scene import Scene
from segmint.inference.symmetry import symmetric


class Array:
    """A scene that is an array [C, H, W] and where it is valid, [H, W]."""

    def __init__(self, values, valid):
        self.values, self.valid = values, valid
        self.height, self.width = valid.shape

    def read(self, row, count):
        return self.values[:, row : row + count], self.valid[row : row + count]


class Rows:
    """Keeps the rows that arrive."""

    def __init__(self, done=0):
        self.rows, self.parts = done, []

    def append(self, probabilities, valid):
        self.parts.append((probabilities, valid))
        self.rows += valid.shape[0]

    @property
    def whole(self):
        return tuple(np.concatenate(part, axis=-2) for part in zip(*self.parts, strict=True))


def predicted(contract, source, predict, stride, done=0):
    target = Rows(done)
    run(source, predict, contract, stride, 3, target, lambda rows: None)
    return target.whole


def contract_of(make_contract, tile, channels):
    """A contract whose answer has as many channels as its input has bands."""
    return make_contract(bands=channels, classes=channels).model_copy(update={"height": tile[0], "width": tile[1]})


@settings(max_examples=60, deadline=None)
@given(
    some.tuples(some.integers(1, 70), some.integers(1, 70)),
    some.tuples(some.integers(1, 33), some.integers(1, 33)),
    some.data(),
)
def test_an_identity_network_gives_every_pixel_back(make_contract, size, tile, data):
    stride = data.draw(some.integers(1, min(tile)))
    draw = np.random.default_rng(data.draw(some.integers(0, 1000)))
    values = draw.integers(0, 10_000, (3, *size)).astype(np.uint16)
    contract = contract_of(make_contract, tile, 3)
    found, valid = predicted(contract, Array(values, np.ones(size, bool)), lambda windows: windows, stride)
    assert valid.all()
    assert np.abs(found - values).max() <= 1e-6 * 10_000


@settings(max_examples=40, deadline=None)
@given(some.integers(0, 1000))
def test_pixels_without_a_value_reach_the_network_as_not_a_number_and_stay_empty(make_contract, seed):
    draw = np.random.default_rng(seed)
    values = draw.integers(1, 200, (3, 50, 40)).astype(np.uint8)
    valid = draw.random((50, 40)) > 0.3
    valid[:32, :16] = False  # a window without anything is not asked for
    asked = []

    def mean_where_empty(windows):
        asked.append(np.isnan(windows).all(axis=(1, 2, 3)).any())
        return np.where(np.isnan(windows), np.float32(7), windows)

    found, known = predicted(contract_of(make_contract, (16, 16), 3), Array(values, valid), mean_where_empty, 16)
    assert (known == valid).all()
    assert not any(asked)
    np.testing.assert_allclose(found[:, valid], values[:, valid], atol=1e-4)


def test_carrying_on_after_any_row_gives_the_same_rows(make_contract):
    values = np.random.default_rng(3).integers(0, 255, (3, 90, 41)).astype(np.uint8)
    source, contract = Array(values, np.ones((90, 41), bool)), contract_of(make_contract, (24, 20), 3)
    whole, _ = predicted(contract, source, lambda windows: windows**2, 7)
    for done in (1, 17, 40, 89):
        later, _ = predicted(contract, source, lambda windows: windows**2, 7, done)
        assert (later == whole[:, done:]).all()


def test_a_failing_disk_ends_the_prediction(make_contract):
    class Full(Rows):
        def append(self, probabilities, valid):
            raise OSError("no space left")

    source = Array(np.ones((3, 90, 41), np.uint8), np.ones((90, 41), bool))
    with pytest.raises(OSError, match="no space left"):
        run(source, lambda w: w, contract_of(make_contract, (24, 20), 3), 7, 3, Full(), lambda rows: None)


def test_test_time_augmentation_asks_in_all_eight_ways_and_undoes_each():
    windows = np.random.default_rng(0).random((1, 1, 5, 5)).astype(np.float32)
    asked = []

    def one_corner(asked_for):
        asked.append(asked_for.copy())
        return asked_for * (np.arange(25).reshape(5, 5) == 0)

    answer = symmetric(one_corner)(windows)
    assert len({item.tobytes() for item in asked}) == 8
    corners = np.zeros((5, 5))
    corners[[0, 0, -1, -1], [0, -1, 0, -1]] = 2 / 8  # each corner comes to the front twice
    np.testing.assert_allclose(answer[0, 0], windows[0, 0] * corners, atol=1e-6)
    np.testing.assert_allclose(symmetric(lambda w: w)(windows), windows, atol=1e-7)


def test_windows_that_are_not_square_are_only_turned_by_half():
    windows = np.random.default_rng(0).random((2, 1, 4, 6)).astype(np.float32)
    np.testing.assert_allclose(symmetric(lambda w: w)(windows), windows, atol=1e-7)


def test_a_map_has_the_class_of_each_pixel_of_the_scene(make_contract, tmp_path):
    contract = contract_of(make_contract, (32, 32), 3)
    values = np.random.default_rng(5).integers(0, 200, (3, 75, 60)).astype(np.uint8)
    values[:, 10:20, 30:] = 0
    write_raster(tmp_path / "a.tif", values, (500_000.0, 4_000_000.0))
    given = contract.model_copy(update={"inputs": (contract.input.model_copy(update={"nodata": 0.0}),)})
    with Scene.open(str(tmp_path / "a.tif"), given) as scene:
        grid = (scene.crs, scene.transform, scene.width)
        work = MapInWork.begin(tmp_path, given, grid, "none")
        run(scene, lambda windows: np.nan_to_num(windows) / 255, given, 24, 4, work, lambda rows: None)
    expected = values.argmax(axis=0)
    expected[10:20, 30:] = 255
    ties = (values == values.max(axis=0)).sum(axis=0) > 1
    assert (work.classes.read(0, 75)[0] == expected)[~ties | (expected == 255)].all()
