import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier

from segmint.data.burn import BANDS, BurnScene, draw_burn

B03, B04, B05, B06, B07, B08, B12 = (BANDS.index(name) for name in ("B03", "B04", "B05", "B06", "B07", "B08", "B12"))


@pytest.fixture(scope="module")
def scenes() -> list[BurnScene]:
    return [draw_burn(np.random.default_rng([62, scene]), 240, 240) for scene in range(7)]


def ratio(scene: BurnScene, first: int, second: int) -> np.ndarray:
    """Normalised difference of two bands."""
    one, two = scene.reflectance[first], scene.reflectance[second]
    return (one - two) / (one + two + 1e-6)


def iou(found: np.ndarray, truth: np.ndarray) -> float:
    return float((found & truth).sum() / (found | truth).sum())


def clear(scene: BurnScene) -> np.ndarray:
    return scene.clouds == 0


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32), height=st.integers(2, 80), width=st.integers(2, 80))
def test_any_seed_and_size_gives_finite_reflectance_and_known_codes(seed: int, height: int, width: int):
    scene = draw_burn(np.random.default_rng(seed), height, width)
    assert (scene.reflectance.shape, scene.reflectance.dtype) == ((12, height, width), np.float32)
    assert scene.reflectance.min() >= 0
    assert scene.reflectance.max() <= 1.2
    for codes, allowed in ((scene.grading, 5), (scene.delineation, 2), (scene.clouds, 4)):
        assert (codes.shape, codes.dtype) == ((height, width), np.uint8)
        assert codes.max() < allowed


def test_the_same_seed_draws_the_same_scene_and_another_seed_another():
    first, again, other = (draw_burn(np.random.default_rng(seed), 40, 50) for seed in (1, 1, 2))
    assert np.array_equal(first.reflectance, again.reflectance)
    assert np.array_equal(first.grading, again.grading)
    assert (first.reflectance != other.reflectance).mean() > 0.9


def test_a_sixth_to_half_of_a_scene_burns_in_every_grade(scenes: list[BurnScene]):
    for scene in scenes:
        assert 0.15 < (scene.grading > 0).mean() < 0.5
        assert np.unique(scene.grading).tolist() == [0, 1, 2, 3, 4]


def test_the_outline_differs_from_the_grading_a_little_along_the_edges(scenes: list[BurnScene]):
    """On the real tile EMSR382_AOI01_01 the burned areas differ by 4 percent."""
    shares = [iou(scene.delineation == 1, scene.grading > 0) for scene in scenes]
    assert min(shares) > 0.9
    assert max(shares) < 0.995


def test_the_burn_ratio_falls_with_severity(scenes: list[BurnScene]):
    """NBR = (NIR - SWIR) / (NIR + SWIR), Key and Benson 2006: below -0.1 where most of the vegetation is gone."""
    ratios = np.concatenate([ratio(scene, B08, B12)[clear(scene)] for scene in scenes])
    grades = np.concatenate([scene.grading[clear(scene)] for scene in scenes])
    means = [ratios[grades == grade].mean() for grade in range(5)]
    assert means == sorted(means, reverse=True)
    assert means[0] > 0.1
    assert means[4] < -0.15


def test_green_vegetation_has_its_red_edge_and_water_is_dark_in_the_infrared(scenes: list[BurnScene]):
    """NDVI above 0.6 is dense green vegetation, NDWI (McFeeters 1996) above 0.3 open water."""
    for scene in scenes:
        green = clear(scene) & (ratio(scene, B08, B04) > 0.6)
        red, edge, shoulder = (scene.reflectance[band][green].mean() for band in (B04, B05, B07))
        assert green.mean() > 0.02
        assert red < edge < scene.reflectance[B06][green].mean() < shoulder
        assert shoulder > 4 * red
    water = np.concatenate([scene.reflectance[B08][clear(scene) & (ratio(scene, B03, B08) > 0.3)] for scene in scenes])
    assert water.size > 1000
    assert np.median(water) < 0.05


def test_clouds_are_bright_shadows_dark_and_the_label_runs_on_below(scenes: list[BurnScene]):
    blue = np.concatenate([scene.reflectance[1].ravel() for scene in scenes])
    infrared = np.concatenate([scene.reflectance[B08].ravel() for scene in scenes])
    codes = np.concatenate([scene.clouds.ravel() for scene in scenes])
    burned = np.concatenate([scene.delineation.ravel() for scene in scenes])
    assert set(np.unique(codes)) == {0, 1, 2, 3}
    assert np.median(blue[codes == 1]) > 0.4 > 5 * np.median(blue[codes == 0])
    assert np.median(infrared[codes == 3]) < 0.6 * np.median(infrared[codes == 0])
    assert 0.1 < burned[codes > 0].mean() < 0.6


def test_the_burn_ratio_alone_does_not_find_scars_but_the_whole_spectrum_does(scenes: list[BurnScene]):
    """Threshold and classifier are fitted to clear ground of four scenes and measured on three."""
    fit, rest = scenes[:4], scenes[4:]
    truth = np.concatenate([scene.delineation[clear(scene)] == 1 for scene in fit])
    wanted = np.concatenate([scene.delineation[clear(scene)] == 1 for scene in rest])
    ratios = np.concatenate([ratio(scene, B08, B12)[clear(scene)] for scene in fit])
    threshold = max(np.linspace(-0.5, 0.5, 41), key=lambda level: iou(ratios < level, truth))
    found = np.concatenate([ratio(scene, B08, B12)[clear(scene)] < threshold for scene in rest])
    by_ratio = iou(found, wanted)

    spectra = np.concatenate([scene.reflectance[:, clear(scene)].T for scene in fit])
    chosen = np.random.default_rng(0).choice(len(spectra), 10_000, replace=False)
    pixels = HistGradientBoostingClassifier(max_iter=25).fit(spectra[chosen], truth[chosen])
    by_spectrum = iou(pixels.predict(np.concatenate([s.reflectance[:, clear(s)].T for s in rest])), wanted)
    assert by_ratio < 0.55
    assert by_spectrum > by_ratio + 0.15
