"""A whole image comes into a tile and back as Pillow scales it, whatever its size, however it is read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from PIL import Image

from segmint import fit as module
from segmint.data.chips import IGNORE
from segmint.data.reader import fitted
from segmint.fit import Fit

SIZES = some.tuples(some.integers(1, 90), some.integers(1, 90))
KINDS = some.sampled_from(["letterbox", "resize"])


def by_pillow(values, size):
    """In 32-bit floats. torch 2.15 scales likewise, but wrongly where the result is one column wide."""
    planes = [Image.fromarray(plane).resize(size[::-1], Image.Resampling.BILINEAR) for plane in values]
    return np.stack([np.asarray(plane) for plane in planes])


def reading(values, valid=None):
    seen = np.ones(values.shape[1:], bool) if valid is None else valid
    return lambda row, count: (values[:, row : row + count], seen[row : row + count])


@settings(max_examples=150, deadline=None)
@given(KINDS, SIZES, SIZES, some.integers(0, 1000))
def test_both_ways_scale_as_pillow_does(kind, image, tile, seed):
    draw = np.random.default_rng(seed)
    fit = Fit.of(kind, image, tile)
    values, answer = draw.random((3, *image), np.float32), draw.random((2, *tile), np.float32)
    np.testing.assert_allclose(fit.scale(reading(values)), by_pillow(values, fit.scaled), atol=1e-5)
    seen = np.ascontiguousarray(answer[:, : fit.scaled[0], : fit.scaled[1]])
    np.testing.assert_allclose(fit.onto_image(answer, 0, image[0]), by_pillow(seen, image), atol=1e-5)


@pytest.mark.parametrize("size", [(300, 200), (41, 97), (64, 64)])
def test_a_photograph_becomes_the_picture_that_pillow_makes_of_it(size):
    values = np.random.default_rng(0).integers(0, 256, (3, *size)).astype(np.uint8)
    fit = Fit.of("resize", size, (64, 48))
    scaled = Image.fromarray(values.transpose(1, 2, 0)).resize((48, 64), Image.Resampling.BILINEAR)
    ours = fit.scale(reading(values))
    assert (ours == np.rint(ours)).all()
    assert np.abs(ours - np.asarray(scaled).transpose(2, 0, 1)).max() <= 1  # Pillow rounds after each of its two passes


@settings(max_examples=60, deadline=None)
@given(KINDS, SIZES, some.integers(1, 40), some.integers(0, 1000))
def test_how_many_rows_are_read_at_once_does_not_change_a_bit(kind, image, rows, seed):
    draw = np.random.default_rng(seed)
    fit = Fit.of(kind, image, (32, 32))
    values, answer = draw.random((2, *image), np.float32), draw.random((1, 32, 32), np.float32)
    read = reading(values, draw.random(image) < draw.choice([0.5, 0.99, 1.0]))
    whole = fit.scale(read)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ROWS", rows)
        assert np.array_equal(fit.scale(read), whole, equal_nan=True)
    parts = [fit.onto_image(answer, top, min(rows, image[0] - top)) for top in range(0, image[0], rows)]
    assert np.array_equal(np.concatenate(parts, axis=1), fit.onto_image(answer, 0, image[0]))


@settings(max_examples=100, deadline=None)
@given(SIZES, SIZES)
def test_a_letterbox_keeps_the_aspect_to_the_pixel_and_fills_one_side(image, tile):
    fit = Fit.of("letterbox", image, tile)
    assert fit.scaled[0] == tile[0] or fit.scaled[1] == tile[1]
    ratio = min(tile[0] / image[0], tile[1] / image[1])
    for length, scaled, whole in zip(image, fit.scaled, tile, strict=True):
        assert 1 <= scaled <= whole
        assert abs(scaled - length * ratio) <= 0.5 or scaled == 1
    assert Fit.of("resize", image, tile).scaled == tile


def test_what_stands_at_a_place_comes_back_to_it():
    """A gradient across the image is the same gradient after both ways, but for half a tile pixel at its ends."""
    across = np.linspace(0, 1, 120, dtype=np.float32)
    values = np.broadcast_to(across, (1, 50, 120)).copy()
    fit = Fit.of("letterbox", (50, 120), (32, 32))
    tile = fit.into_tile(reading(values))
    back = fit.onto_image(tile, 0, 50)
    np.testing.assert_allclose(back[0, :, 4:-4], values[0, :, 4:-4], atol=2e-3)


@pytest.mark.states(130)
def test_classes_are_taken_from_the_middle_of_each_new_pixel():
    plane = np.arange(12)[None].repeat(4, axis=0)
    assert Fit.of("resize", (4, 12), (2, 4)).nearest(plane).tolist() == [[1, 4, 7, 10]] * 2


def test_a_pixel_without_a_value_is_none_in_the_tile_and_its_neighbours_stay():
    values = np.full((1, 8, 8), 50, np.uint8)
    valid = np.ones((8, 8), bool)
    values[:, :, :4], valid[:, :4] = 9, False
    tile = Fit.of("resize", (8, 8), (4, 4)).into_tile(reading(values, valid))
    assert np.isnan(tile[0, :, :2]).all()
    assert np.isfinite(tile[0, :, 2:]).all()
    assert (tile[0, :, 2:] == 50).all()


@pytest.mark.parametrize("nodata", [-9999.0, np.nan, np.inf, np.float32(-3.4028235e38)])
def test_what_stands_in_an_empty_pixel_is_in_no_mean(nodata):
    """33 of 64 columns are empty, so that the first valid new pixel lies over both; by hand it is 100 all the same."""
    values = np.full((2, 64, 64), 100, np.float32)
    values[:, :, :33] = nodata
    tile = Fit.of("resize", (64, 64), (16, 16)).into_tile(reading(values, np.arange(4096).reshape(64, 64) % 64 >= 33))
    assert np.isnan(tile[:, :, :8]).all()
    np.testing.assert_allclose(tile[:, :, 8:], 100, rtol=1e-6)


def test_a_mean_beside_empty_pixels_weighs_those_that_have_a_value():
    """8 columns become 2, the first a mean of columns 0 to 5 by a triangle that reaches 4; column 0 is empty."""
    values = np.array([[[-9999, 10, 20, 30, 40, 50, 60, 70]]], np.float32)
    triangle = 1 - np.abs(np.arange(1, 6) - 1.5) / 4  # the middle of the first new pixel lies at 1.5
    by_hand = (triangle * values[0, 0, 1:6]).sum() / triangle.sum()
    scaled = Fit.of("resize", (1, 8), (1, 2)).scale(reading(values, values[0] >= 0))
    assert scaled[0, 0, 0] == pytest.approx(by_hand, rel=1e-6)


@settings(max_examples=100, deadline=None)
@given(KINDS, SIZES, SIZES, some.sampled_from([np.uint8, np.int16, np.float32]), some.integers(0, 1000))
def test_a_constant_image_stays_constant_wherever_it_has_a_value(kind, image, tile, dtype, seed):
    draw = np.random.default_rng(seed)
    valid = draw.random(image) < draw.random()
    values = np.where(valid, 100, draw.integers(0, 255, (2, *image))).astype(dtype)
    fit = Fit.of(kind, image, tile)
    scaled = fit.scale(reading(values, valid))
    known = fit.nearest(valid)
    assert np.isnan(scaled[:, ~known]).all()
    np.testing.assert_allclose(scaled[:, known], 100, rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_training_sees_the_tile_that_a_prediction_sees(dtype):
    """An empty pixel holds its stored value in training, so that the network knows it by it, and is ignored."""
    draw = np.random.default_rng(0)
    valid = np.zeros((50, 70), bool)
    valid[9:47, 21:66] = True
    values = np.where(valid, draw.integers(1, 200, (3, 50, 70)), 0).astype(dtype)
    raw, target = fitted(values, valid, np.where(valid, 1, IGNORE).astype(np.uint8), 32, "letterbox")
    tile = Fit.of("letterbox", (50, 70), (32, 32)).into_tile(reading(values, valid))
    assert raw.dtype == dtype
    np.testing.assert_array_equal(np.where((raw == 0).all(axis=0), np.nan, raw), tile)
    assert set(np.unique(target)) == {1, IGNORE}
    assert (target[np.isnan(tile[0])] == IGNORE).all()
