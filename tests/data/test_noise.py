import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from segmint.data.noise import ranked, rough_noise, smooth_noise


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), height=st.integers(1, 60), width=st.integers(1, 60), cell=st.integers(2, 40))
def test_noise_of_any_size_lies_in_0_to_1(seed: int, height: int, width: int, cell: int):
    for noise in (smooth_noise, rough_noise):
        field = noise(np.random.default_rng(seed), height, width, cell)
        assert field.shape == (height, width)
        assert field.min() >= 0
        assert field.max() <= 1


def test_noise_has_no_preferred_direction():
    """A step to the right changes it as much as one downwards."""
    field = rough_noise(np.random.default_rng(62), 400, 400, 20)
    down, right = (np.abs(np.diff(field, axis=axis)).mean() for axis in (0, 1))
    assert 0.9 < down / right < 1.1


def test_smooth_noise_has_humps_as_wide_as_asked_for():
    """Half the distance between two hills, from the crossings of the middle (Rice 1944): 8 px and 32 px."""
    for cell in (8, 32):
        field = smooth_noise(np.random.default_rng(62), 600, 600, cell)
        crossings = (np.diff(field > np.median(field), axis=1)).sum(axis=1).mean()
        assert 0.5 * cell < 600 / crossings < 1.6 * cell


def test_a_threshold_on_ranks_is_a_share_of_the_area():
    field = ranked(smooth_noise(np.random.default_rng(62), 100, 100, 10) ** 5)
    assert (field > 0.8).mean() == 0.2
