"""A whole image comes into a tile and back as Pillow scales it, whatever its size, however it is read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from PIL import Image

from segmint import fit as module
from segmint.fit import Fit

SIZES = some.tuples(some.integers(1, 90), some.integers(1, 90))
KINDS = some.sampled_from(["letterbox", "resize"])


def by_pillow(values, size):
    """In 32-bit floats. torch 2.15 scales likewise, but wrongly where the result is one column wide."""
    planes = [Image.fromarray(plane).resize(size[::-1], Image.Resampling.BILINEAR) for plane in values]
    return np.stack([np.asarray(plane) for plane in planes])


def reading(values):
    return lambda row, count: values[:, row : row + count]


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
    whole = fit.scale(reading(values))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ROWS", rows)
        assert np.array_equal(fit.scale(reading(values)), whole)
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
    tile = fit.into_tile(lambda row, count: (values[:, row : row + count], np.ones((count, 120), bool)))
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
    tile = Fit.of("resize", (8, 8), (4, 4)).into_tile(
        lambda row, count: (values[:, row : row + count], valid[row : row + count])
    )
    assert np.isnan(tile[0, :, :2]).all()
    assert np.isfinite(tile[0, :, 2:]).all()
    assert (tile[0, :, 3] == 50).all()
