import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from segmint.data.camp import draw_camp


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), height=st.integers(1, 90), width=st.integers(1, 90))
def test_any_seed_and_size_gives_an_image_with_a_label_of_background_and_shelter(seed: int, height: int, width: int):
    image, label = draw_camp(np.random.default_rng(seed), height, width)
    assert (image.shape, image.dtype) == ((3, height, width), np.uint8)
    assert (label.shape, label.dtype) == ((height, width), np.uint8)
    assert set(np.unique(label)) <= {0, 1}


def test_the_ground_beside_shelters_lies_in_shadow_on_one_side_only():
    """Brightness of the ground 3 px off shelters, by side: the sunny side is like the rest, the other much darker."""
    for seed in range(3):
        image, label = draw_camp(np.random.default_rng([62, seed]), 256, 512)
        brightness = image.mean(axis=0)
        ground = brightness[label == 0].mean()
        beside = []
        for down, right in ((-3, 0), (3, 0), (0, -3), (0, 3)):
            neighbour = np.roll(label, (down, right), axis=(0, 1)) == 1
            neighbour[:3] = neighbour[-3:] = neighbour[:, :3] = neighbour[:, -3:] = False
            beside.append(brightness[neighbour & (label == 0)].mean() / ground)
        assert min(beside) < 0.8
        assert max(beside) > 0.85
        assert max(beside) - min(beside) > 0.15
