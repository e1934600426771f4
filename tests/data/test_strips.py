import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segmint.data.strips import Setting, draw_strip

SCENES = 14


@pytest.fixture(scope="module")
def photographs() -> tuple[np.ndarray, np.ndarray]:
    """Two frames of each scene: images ``[S, 2, 3, H, W]`` and masks ``[S, 2, H, W]``."""
    images, masks = [], []
    for scene in range(SCENES):
        draw = np.random.default_rng([62, scene])
        setting = Setting.draw(draw)
        frames = [draw_strip(draw, 288, 162, setting) for _ in range(2)]
        images.append([image for image, _ in frames])
        masks.append([mask for _, mask in frames])
    return np.array(images), np.array(masks)


def iou(found: np.ndarray, truth: np.ndarray) -> float:
    return float((found & truth).sum() / (found | truth).sum())


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), height=st.integers(1, 90), width=st.integers(1, 90))
def test_any_setting_and_size_gives_an_image_with_a_mask_of_the_four_classes(seed: int, height: int, width: int):
    image, mask = draw_strip(np.random.default_rng(seed), height, width, Setting(seed))
    assert (image.shape, image.dtype) == ((3, height, width), np.uint8)
    assert (mask.shape, mask.dtype) == ((height, width), np.uint8)
    assert mask.max() <= 3


def test_the_same_seeds_take_the_same_photograph():
    first, again = (draw_strip(np.random.default_rng(1), 96, 54, Setting(2)) for _ in range(2))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])


def test_classes_are_as_rare_as_on_real_photographs(photographs):
    """Real ones: 94.9, 4.4, 0.64 and 0.05 percent (33 photographs of influenza strips)."""
    share = np.bincount(photographs[1].ravel(), minlength=4) / photographs[1].size
    assert share == pytest.approx([0.949, 0.044, 0.0064, 0.0005], rel=0.6)


def test_every_photograph_shows_one_strip_with_one_window_and_one_or_two_lines(photographs):
    counts = []
    for mask in photographs[1].reshape(-1, 288, 162):
        assert ndimage.label(mask > 0, np.ones((3, 3)))[1] == 1
        assert ndimage.label(mask >= 2, np.ones((3, 3)))[1] == 1
        counts.append(ndimage.label(mask == 3, np.ones((3, 3)))[1])
    assert set(counts) == {1, 2}


def test_lines_lie_in_the_window_and_the_window_in_the_strip(photographs):
    """Within the outline that encloses each; the window is a seventh of the strip, a line a tenth of the window."""
    for mask in photographs[1].reshape(-1, 288, 162):
        window = ndimage.binary_opening(mask >= 2, np.ones((3, 3)))
        assert window[mask == 3].mean() > 0.9
        assert 0.08 < (mask >= 2).sum() / (mask > 0).sum() < 0.25
        assert 0.03 < (mask == 3).sum() / (mask >= 2).sum() < 0.3
        assert (mask[ndimage.binary_dilation(mask >= 2)] == 0).mean() < 0.2


def test_lines_are_darker_than_the_membrane_around_them(photographs):
    images, masks = photographs
    for image, mask in zip(images.reshape(-1, 3, 288, 162), masks.reshape(-1, 288, 162), strict=True):
        grey = image.mean(axis=0)
        assert np.median(grey[mask == 3]) < np.median(grey[mask == 2]) - 4


def test_frames_of_a_scene_are_near_duplicates_and_scenes_are_not(photographs):
    """Colours, as histograms of 8 x 8 x 8 bins: the overlap within a scene and between one and the next."""
    bins = (photographs[0].astype(int) // 32 * np.array([64, 8, 1])[:, None, None]).sum(axis=2)
    histograms = np.array([[np.bincount(frame.ravel(), minlength=512) for frame in scene] for scene in bins])
    overlap = np.minimum(histograms[:, 0], histograms[:, 1]).sum(axis=-1) / bins[0, 0].size
    between = np.minimum(histograms[:-1, 0], histograms[1:, 0]).sum(axis=-1) / bins[0, 0].size
    assert np.median(overlap) > 0.6
    assert np.median(overlap) > 1.5 * np.median(between)
    assert all((first != second).mean() > 0.005 for first, second in photographs[1])


def test_neither_colour_nor_place_finds_the_strip(photographs):
    """Shares of strip per colour (4096 bins) and per pixel, from ten scenes, thresholds at their best for four."""
    images, truth = photographs[0], photographs[1] > 0
    red, green, blue = (images[:, :, band].astype(int) // 16 for band in range(3))
    colours = red * 256 + green * 16 + blue
    every = np.bincount(colours[:10].ravel(), minlength=4096)
    share = (np.bincount(colours[:10][truth[:10]], minlength=4096) / np.maximum(every, 1))[colours[10:]]
    place = np.broadcast_to(truth[:10].mean(axis=(0, 1)), truth[10:].shape)
    for guess in (share, place):
        assert max(iou(guess >= level, truth[10:]) for level in np.linspace(0.02, 1, 50)) < 0.35
