"""A map is its windows put together: every pixel counted once, at any size, tile and stride."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from segmint.inference.blending import Blend
from segmint.inference.windows import Axis, WindowGrid

sizes = some.integers(1, 90)


@some.composite
def grids(draw):
    tile = draw(some.integers(1, 40)), draw(some.integers(1, 40))
    return WindowGrid.over(draw(sizes), draw(sizes), tile, draw(some.integers(1, min(tile))))


def blended(grid, values, answer=lambda window: window, first=0):
    """The map of a network that answers ``answer`` for ``values`` [K, H, W], read as the pipeline reads them."""
    blend, rows = Blend(grid, len(values), first), []
    for row in range(first, len(grid.rows.origins)):
        for column in range(len(grid.columns.origins)):
            window = values[:, grid.rows.reflected(row)][:, :, grid.columns.reflected(column)]
            blend.add(row, column, answer(window))
        rows.append(blend.finish(row))
    return np.concatenate(rows, axis=1)


@settings(max_examples=150, deadline=None)
@given(grids(), some.integers(0, 2**32 - 1))
def test_an_identity_network_gives_the_scene_back_at_every_pixel(grid, seed):
    scene = np.random.default_rng(seed).uniform(0, 10_000, (2, grid.rows.length, grid.columns.length))
    scene = scene.astype(np.float32)
    assert np.abs(blended(grid, scene) - scene).max() <= 1e-6 * 10_000


def test_a_stride_of_one_is_exact_too():
    grid = WindowGrid.over(40, 35, (64, 64), 1)
    scene = np.random.default_rng(0).uniform(0, 1, (1, 40, 35)).astype(np.float32)
    assert np.abs(blended(grid, scene) - scene).max() <= 1e-6


@settings(max_examples=100, deadline=None)
@given(sizes, some.integers(1, 60), some.data())
def test_windows_leave_no_gap_and_none_lies_outside_the_widened_scene(length, tile, data):
    axis = Axis(length, tile, data.draw(some.integers(1, tile)))
    padding = (tile - axis.stride) // 2
    touched = np.zeros(length, int)
    for origin in axis.origins:
        touched[max(origin, 0) : origin + tile] += 1
    assert touched.min() >= 1
    steps = np.diff(axis.origins)
    assert (steps > 0).all()
    assert (steps <= axis.stride).all()
    assert axis.origins[0] == -padding
    assert len(axis.origins) == 1 or axis.origins[-1] + tile == length + padding


@settings(max_examples=100, deadline=None)
@given(sizes, some.integers(1, 60), some.data())
def test_pixels_outside_the_scene_are_reflected_as_numpy_does_it(length, tile, data):
    axis = Axis(length, tile, data.draw(some.integers(1, tile)))
    padded = np.pad(np.arange(length), 200, mode="reflect")
    for window, origin in enumerate(axis.origins):
        assert (axis.reflected(window) == padded[200 + origin :][:tile]).all()


@pytest.mark.parametrize("tile", [1, 2, 3, 256, 4096])
def test_no_share_underflows(tile):
    axis = Axis(5 * tile, tile, max(tile // 3, 1))
    places = np.array(axis.origins)[:, None] + np.arange(tile)
    inside = (places >= 0) & (places < axis.length)
    assert axis.weights[inside].min() > 1e-4 / 3


def test_the_middle_of_a_window_counts_more_than_its_edge():
    grid = WindowGrid.over(16, 56, (16, 32), 16)
    answers = iter(np.full((1, 16, 32), float(value), np.float32) for value in range(100))
    line = blended(grid, np.zeros((1, 16, 56), np.float32), lambda window: next(answers))[0, 8]
    # windows begin at -8, 8, 24, 32: their middles are 7.5, 23.5, 39.5, 47.5
    expected = np.zeros(56)
    total = np.zeros(56)
    for value, origin in enumerate((-8, 8, 24, 32)):
        bell = np.exp(-0.5 * ((np.arange(56) - origin - 15.5) / 4) ** 2)
        bell[(np.arange(56) < origin) | (np.arange(56) >= origin + 32)] = 0
        expected, total = expected + value * bell, total + bell
    np.testing.assert_allclose(line, expected / total, atol=1e-6)


def test_a_start_further_down_gives_the_same_rows_to_the_last_bit():
    grid = WindowGrid.over(70, 30, (16, 16), 5)
    scene = np.random.default_rng(1).uniform(0, 1, (1, 70, 30)).astype(np.float32)
    whole = blended(grid, scene, lambda window: window**2)
    first = grid.first_touching(33)
    top = max(grid.rows.origins[first], 0)
    later = blended(grid, scene, lambda window: window**2, first)
    assert (later[:, 33 - top :] == whole[:, 33:]).all()


def test_only_a_band_of_rows_is_held():
    held = {height: Blend(WindowGrid.over(height, 500, (32, 32), 24), 3)._sums.nbytes for height in (32, 50_000)}
    assert held[32] == held[50_000]
