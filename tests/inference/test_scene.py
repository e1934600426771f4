"""A scene is read as the model wants it, or refused in words that say what to do."""

import re
import subprocess
import sys

import numpy as np
import pytest
import rasterio
from places import write_raster
from rasterio.crs import CRS
from rasterio.enums import ColorInterp

from segmint.errors import SceneError
from segmint.inference.bands import choose
from segmint.inference.inputs import find_scenes, require_output
from segmint.inference.scene import Scene
from segmint.inference.suitability import fill, hints
from segmint.interface import Band

RGB = ("red", "green", "blue")


@pytest.mark.parametrize(
    ("wanted", "found", "given", "indexes"),
    [
        (RGB, ("blue", "green", "red", "nir"), (), (3, 2, 1)),
        (("B2", "B8A"), ("B01", "B02", "b8a"), (), (2, 3)),
        (RGB, ("B1_coastal", "B2_blue", "B3_green", "B4_red"), (), (4, 3, 2)),
        (RGB, (None, None, None), (), (1, 2, 3)),
        (RGB, ("Band 1", "Band 2", "Band 3"), (), (1, 2, 3)),
        (RGB, ("x", "y", "z", "w"), ("4", "z", "1"), (4, 3, 1)),
    ],
)
def test_bands_are_found_by_list_by_name_or_in_order(wanted, found, given, indexes):
    assert choose("a.tif", wanted, found, given).indexes == indexes


@pytest.mark.parametrize(
    ("found", "given", "message"),
    [
        ((None,) * 4, (), "has 4 bands"),
        (("blue", "green", "nir"), (), "whose order is not certain"),
        (("B2", "B3", "B4"), (), "whose order is not certain"),
        (RGB, ("1", "2"), "lists 2 bands"),
        (RGB, ("1", "2", "4"), "lists 4"),
        (RGB, ("1", "2", "nir"), "lists nir"),
        (RGB, ("0", "1", "2"), "lists 0"),
    ],
)
def test_a_wrong_number_or_an_open_order_is_refused(found, given, message):
    with pytest.raises(SceneError, match=message):
        choose("a.tif", RGB, found, given)


@pytest.fixture
def contract(make_contract):
    return make_contract()


def noise(bands=3, height=40, width=50, dtype=np.uint8, most=250):
    return np.random.default_rng(0).integers(1, most, (bands, height, width)).astype(dtype)


def test_alpha_is_a_mask_and_no_band(contract, tmp_path):
    values = noise(4)
    values[3] = 255
    values[3, :10] = 0
    write_raster(tmp_path / "a.tif", values, (500_000.0, 4_000_000.0))
    with rasterio.open(tmp_path / "a.tif", "r+") as target:
        target.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]
    with Scene.open(str(tmp_path / "a.tif"), contract) as scene:
        found, valid = scene.read(5, 20)
    assert (found == values[:3, 5:25]).all()
    assert (valid == (np.arange(5, 25) >= 10)[:, None]).all()


def test_a_pixel_is_empty_only_where_every_band_is(contract, tmp_path):
    values = noise()
    values[:, :5, :5], values[0, 20] = 0, 0
    write_raster(tmp_path / "a.tif", values, (500_000.0, 4_000_000.0))
    with rasterio.open(tmp_path / "a.tif", "r+") as target:
        target.nodata = 0
    with Scene.open(str(tmp_path / "a.tif"), contract) as scene:
        _, valid = scene.read(0, 40)
    assert (~valid).sum() == 25
    assert not valid[:5, :5].any()


def test_another_resolution_is_refused_with_both_figures_and_read_on_request(contract, tmp_path):
    values = noise(height=64, width=80)
    write_raster(tmp_path / "a.tif", values, (500_000.0, 4_000_000.0), pixel=0.25)
    with (
        pytest.raises(SceneError, match=r"pixels of 0\.2501 m; expected 0\.5 m.*resample=true"),
        Scene.open(str(tmp_path / "a.tif"), contract),
    ):
        pass
    with Scene.open(str(tmp_path / "a.tif"), contract, resample=True) as scene:
        found, _ = scene.read(0, 32)
        assert (scene.height, scene.width) == (32, 40)
        assert scene.transform.a == pytest.approx(0.5)
        assert scene.ground.resolution_m == pytest.approx(0.5, rel=1e-3)
    means = values.reshape(3, 32, 2, 40, 2).mean(axis=(2, 4))
    assert np.abs(found[:, 1:-1, 1:-1] - means[:, 1:-1, 1:-1]).max() <= 1


def test_pixels_that_are_far_too_coarse_are_refused_without_proposing_to_resample(contract, tmp_path):
    write_raster(tmp_path / "a.tif", noise(), (500_000.0, 4_000_000.0), pixel=5.0)
    with (
        pytest.raises(SceneError, match=r"pixels of 5\.0\d* m; expected 0\.5 m.*Find finer imagery"),
        Scene.open(str(tmp_path / "a.tif"), contract),
    ):
        pass


def test_a_tenth_more_is_no_other_resolution(contract, tmp_path):
    write_raster(tmp_path / "a.tif", noise(), (500_000.0, 4_000_000.0), pixel=0.55)
    with Scene.open(str(tmp_path / "a.tif"), contract) as scene:
        assert scene.ground.resolution_m == pytest.approx(0.55, rel=1e-3)


def test_a_white_margin_is_hinted_at_and_empty_once_it_is_named(contract, tmp_path):
    values = noise()
    values[:, :, :20] = 255
    values[0, 5, 40] = 255
    write_raster(tmp_path / "a.tif", values, (500_000.0, 4_000_000.0))
    with Scene.open(str(tmp_path / "a.tif"), contract) as scene:
        assert scene.read(0, 64)[1].all()
        assert "is 255 in every band; if nothing is there, add -P nodata=255" in fill(scene.sample())
    with Scene.open(str(tmp_path / "a.tif"), contract, nodata=255) as scene:
        assert np.array_equal(scene.read(0, 64)[1], ~(values == 255).all(axis=0))
        assert fill(scene.sample()) is None


@pytest.mark.parametrize(
    "values", [noise(dtype=np.float32) / 255, noise(dtype=np.uint16, most=10_000)], ids=["shares", "16 bits"]
)
def test_values_in_another_unit_are_refused(contract, tmp_path, values):
    write_raster(tmp_path / "a.tif", values, (500_000.0, 4_000_000.0))
    with (
        pytest.raises(SceneError, match=r"expected 0 to 255 \(uint8\), as in training"),
        Scene.open(str(tmp_path / "a.tif"), contract),
    ):
        pass


def test_what_is_no_raster_or_is_cut_off_is_said(contract, tmp_path):
    (tmp_path / "a.tif").write_text("not a raster")
    with pytest.raises(SceneError, match="cannot be read"), Scene.open(str(tmp_path / "a.tif"), contract):
        pass
    write_raster(tmp_path / "b.tif", noise(height=400, width=400), (500_000.0, 4_000_000.0))
    (tmp_path / "b.tif").write_bytes((tmp_path / "b.tif").read_bytes()[:200_000])
    with pytest.raises(SceneError, match=r"b\.tif cannot be read"), Scene.open(str(tmp_path / "b.tif"), contract) as s:
        s.read(0, 400)


def test_a_photograph_is_turned_as_it_is_in_training(contract, tmp_path):
    from PIL import Image

    values = np.zeros((40, 60, 3), np.uint8)
    values[:20, :30], values[20:, 30:] = (250, 10, 10), (10, 250, 10)
    exif = Image.Exif()
    exif[274] = 6  # a quarter turn to the right brings it upright
    Image.fromarray(values).save(tmp_path / "a.jpg", exif=exif, quality=100, subsampling=0)
    with Scene.open(str(tmp_path / "a.jpg"), contract) as scene:
        found, _ = scene.read(0, scene.height)
        assert scene.ground is None
    expected = np.rot90(values, -1).transpose(2, 0, 1).astype(int)
    assert found.shape == expected.shape
    assert np.abs(found - expected).mean() < 4


def test_a_url_is_a_scene_and_a_missing_one_is_said(contract, tmp_path):
    values = noise()
    write_raster(tmp_path / "a.tif", values, (500_000.0, 4_000_000.0))
    # a process of its own: GDAL waits for the answer without letting other threads work
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            root = re.search(r"http://[\d.:]+", server.stdout.readline()).group()
            with Scene.open(f"{root}/a.tif", contract) as scene:
                assert (scene.read(0, 40)[0] == values).all()
            with pytest.raises(SceneError, match="cannot be read"), Scene.open(f"{root}/b.tif", contract):
                pass
        finally:
            server.terminate()


def test_a_folder_a_pattern_and_a_url_name_scenes(tmp_path):
    for name in ("a.tif", "b.TIF", "c.png", "a.tif.aux.xml", "notes.txt"):
        (tmp_path / name).touch()
    assert set(find_scenes(str(tmp_path))) == {"a", "b", "c"}
    assert set(find_scenes(str(tmp_path / "*.tif"))) == {"a"}
    assert find_scenes("https://example.org/x/scene.tif?token=1") == {
        "scene": "https://example.org/x/scene.tif?token=1"
    }
    (tmp_path / "a.png").touch()
    with pytest.raises(SceneError, match="have one name"):
        find_scenes(str(tmp_path))
    with pytest.raises(SceneError, match="holds the scenes"):
        require_output(str(tmp_path), {"a": str(tmp_path / "a.tif"), "b": str(tmp_path / "b.TIF")})


def test_what_a_mask_hides_stays_empty_at_another_resolution(contract, tmp_path):
    """GDAL forgets a mask that is neither nodata nor alpha when it resamples."""
    write_raster(tmp_path / "a.tif", noise(), (500_000.0, 4_000_000.0))
    with rasterio.open(tmp_path / "a.tif", "r+") as target:
        hidden = np.full(target.shape, 255, np.uint8)
        hidden[:, : target.width // 2] = 0
        target.write_mask(hidden)
    coarse = contract.model_copy(update={"resolution_m": 2 * contract.resolution_m})
    with Scene.open(str(tmp_path / "a.tif"), coarse, resample=True) as scene:
        _, valid = scene.read(0, scene.height)
    assert not valid[:, : scene.width // 2].any()
    assert valid[:, -(-scene.width // 2) :].all()


def test_the_nodata_that_a_person_names_stays_out_of_the_pixels_around_it(contract, tmp_path):
    values = np.full((3, 40, 40), 100, np.uint8)
    values[:, :, :19] = 255
    write_raster(tmp_path / "a.tif", values, (500_000.0, 4_000_000.0))
    coarse = contract.model_copy(update={"resolution_m": 2 * contract.resolution_m})
    with Scene.open(str(tmp_path / "a.tif"), coarse, resample=True, nodata=255) as scene:
        found, valid = scene.read(0, scene.height)
    assert (found[:, valid] == 100).all()
    assert valid.sum() == 20 * 11


def test_a_grid_that_lies_nowhere_on_earth_is_a_scene_without_a_georeference(contract, tmp_path):
    write_raster(tmp_path / "a.tif", noise(), (0.0, 0.0))
    with rasterio.open(tmp_path / "a.tif", "r+") as target:
        target.crs = CRS.from_wkt('LOCAL_CS["site",UNIT["metre",1]]')
    with Scene.open(str(tmp_path / "a.tif"), contract) as scene:
        assert scene.ground is None
        assert scene.crs is None


def test_codes_that_the_model_does_not_know_are_said_with_their_pixels(make_contract):
    contract = make_contract(bands=3)
    fuels = Band(name="fuels", kind="categorical", categories=(1, 4))
    step = Band(name="fire_t-0", kind="categorical", categories=(0, 1))
    item = contract.input.model_copy(update={"bands": (step, fuels, contract.input.bands[2])})
    contract = contract.model_copy(update={"inputs": (item,)})
    sample = np.array([[-1, 0, 1, 1], [1, 4, 9, np.nan], [3, 4, 5, 6]], np.float32)
    assert hints(sample, contract) == ("fuels: 9 (about 25.0%) is no code of the model and counts as missing",)
    sample[1, 2] = 1
    assert hints(sample, contract) == ()


@pytest.mark.parametrize(
    ("fit", "largest", "placed", "hinted"),
    [
        ("resize", 20, True, True),
        ("resize", 20, False, False),
        ("resize", 40, True, False),
        ("tile", None, True, False),
    ],
)
def test_ground_that_is_scaled_far_below_what_training_saw_is_hinted_at(
    contract, tmp_path, fit, largest, placed, hinted
):
    """A photograph of more pixels shows the same in more detail; a scene of more pixels shows more ground."""
    values = np.random.default_rng(0).integers(1, 250, (3, 30, 70)).astype(np.uint8)
    write_raster(tmp_path / "a.tif", values, (500_000.0, 4_000_000.0) if placed else None)
    given = contract.model_copy(update={"fit": fit, "largest_image": largest})
    with Scene.open(str(tmp_path / "a.tif"), given) as scene:
        assert any("70 px long" in hint and "fit=tile" in hint for hint in scene.hints) == hinted
