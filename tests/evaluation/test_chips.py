"""Chips are answered as training reads them, and larger ones as predict answers scenes."""

import numpy as np
import pytest
from places import write_raster

from segmint.contract import ModelContract
from segmint.data.dataset import TileDataset
from segmint.data.normalisation import Normaliser
from segmint.data.pairs import find_chips
from segmint.data.reader import TileReader
from segmint.data.tiles import Tile
from segmint.evaluation.chips import answers
from segmint.evaluation.reading import reading
from segmint.inference.pipeline import run
from segmint.inference.scene import Scene

WEST, NORTH = 500_000.0, 4_000_000.0


@pytest.fixture
def chips(tmp_path):
    """Three chips: smaller than a tile of 64 px, just as large, and larger; the first rows are ignored."""
    draw = np.random.default_rng(9)
    for name, height, width in (("a small", 40, 50), ("b equal", 64, 64), ("c large", 90, 150)):
        label = draw.choice([0, 255], (1, height, width)).astype(np.uint8)
        label[:, :5] = 7
        write_raster(tmp_path / "c" / f"{name}.tif", draw.integers(0, 256, (3, height, width)).astype(np.uint8), None)
        write_raster(tmp_path / "l" / f"{name}.tif", label, None)
    return tmp_path / "c", tmp_path / "l"


def brightness(windows):
    """A network that answers with the first band."""
    return windows[:, :1] / np.float32(255)


class Rows:
    """Keeps the rows that arrive."""

    def __init__(self):
        self.rows, self.parts = 0, []

    def append(self, probabilities, valid):
        self.parts.append(probabilities)
        self.rows += len(valid)


def read(chips, contract):
    data = reading(contract, ("--data.ignore_value=7",), str(chips[0]), str(chips[1]))
    return find_chips(data)


def test_a_chip_that_fits_is_answered_as_the_tile_that_training_reads(chips, make_contract):
    contract = make_contract()
    asked = []

    def predict(windows):
        asked.append(windows)
        return brightness(windows)

    found = read(chips, contract)
    small = next(item for item in answers(found[:1], contract, predict, 48, 8))
    dataset = TileDataset(TileReader(found, [Tile(0, 0, 0, 40, 50)], 64, "tile"), Normaliser(contract.input))
    raw, target = dataset.read(0)
    assert np.array_equal(asked[0][0], raw)
    assert np.array_equal(small.target, target[:40, :50])
    assert (target[40:] == 255).all()
    np.testing.assert_allclose(small.probability[0], raw[0, :40, :50] / 255, atol=1e-6)


def test_a_larger_chip_is_answered_like_a_scene_and_every_labelled_pixel_is_scored(chips, make_contract):
    contract: ModelContract = make_contract()
    found = read(chips, contract)
    answered = {item.chip.stem: item for item in answers(found, contract, brightness, 48, 2)}
    assert set(answered) == {"a small", "b equal", "c large"}
    for item in answered.values():
        assert (item.target != 255).sum() == item.target.size - 5 * item.target.shape[1]
    large = answered["c large"]
    with Scene.open(str(found[2].place), contract) as scene:
        rows = Rows()
        run(scene, brightness, contract, 48, 2, rows, lambda finished: None)
    assert np.array_equal(large.probability, np.concatenate(rows.parts, axis=1))


@pytest.mark.parametrize("fit", ["letterbox", "resize"])
def test_models_of_whole_images_see_one_tile_of_a_chip_and_are_scored_on_its_own_pixels(chips, make_contract, fit):
    contract = make_contract().model_copy(update={"fit": fit})
    asked = []

    def predict(windows):
        asked.append(windows)
        return brightness(windows)

    found = read(chips, contract)
    large = next(iter(answers(found[2:], contract, predict, 48, 2)))
    tile, _ = TileReader(found, [Tile(2, 0, 0, 90, 150)], 64, fit).read(0)
    assert np.array_equal(asked[0], tile[None])
    assert large.target.shape == (90, 150)
    assert (large.target != 255).sum() == 85 * 150
    assert large.probability.shape == (1, 90, 150)


def test_a_pixel_whose_nodata_the_model_does_not_know_is_no_value(tmp_path, make_contract):
    values = np.full((3, 64, 64), 200, np.uint8)
    values[:, :10] = 9
    write_raster(tmp_path / "c" / "a.tif", values, None)
    write_raster(tmp_path / "l" / "a.tif", np.zeros((1, 64, 64), np.uint8), None)
    contract = make_contract()
    data = reading(contract, ("--data.nodata=9",), str(tmp_path / "c"), str(tmp_path / "l"))
    asked = []

    def predict(windows):
        asked.append(windows)
        return brightness(windows)

    item = next(answers(find_chips(data), contract, predict, 48, 2))
    assert np.isnan(asked[0][0, :, :10]).all()
    assert np.isfinite(asked[0][0, :, 10:]).all()
    assert (item.target[:10] == 255).all()
