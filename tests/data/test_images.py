import numpy as np
import pytest
import rasterio
from PIL import Image, ImageOps
from places import read_image, write_raster

from segmint.data.dataset import TileDataset
from segmint.data.normalisation import Normaliser
from segmint.data.pairs import find_chips
from segmint.data.reader import TileReader
from segmint.data.tiles import Tile
from segmint.errors import DataError
from segmint.recipe import Band, ClassOfInterest, DataRecipe

CEMS = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"]
SEVEN = [Band(name, source=name) for name in ("B02", "B03", "B04", "B08", "B8A", "B11", "B12")]
BURNED = [ClassOfInterest("unburned", "#000000", [0]), ClassOfInterest("burned", "#CC4C02", [1])]


def recipe(root, **changes):
    return DataRecipe(chips_dir=str(root), labels_dir=None, classes=BURNED, **changes)


def cems_tile(root, name, descriptions=()):
    """A tile of 12 bands whose values are ten times the number of the band, with labels and clouds beside it."""
    folder = root / name[:7] / "AOI01" / name
    values = np.arange(1, 13, dtype=np.float32)[:, None, None] * np.full((12, 20, 30), 10, np.float32)
    write_raster(folder / f"{name}_S2L2A.tif", values, (0, 0))
    if descriptions:
        with rasterio.open(folder / f"{name}_S2L2A.tif", "r+") as target:
            target.descriptions = descriptions
    label, clouds = np.ones((1, 20, 30), np.uint8), np.zeros((1, 20, 30), np.uint8)
    clouds[0, 0, :4] = (0, 1, 2, 3)
    write_raster(folder / f"{name}_DEL.tif", label, (0, 0))
    write_raster(folder / f"{name}_GRA.tif", label * 4, (0, 0))
    write_raster(folder / f"{name}_CM.tif", clouds, (0, 0))
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(folder / f"{name}_DEL.png")


WILDFIRE = {
    "images": "*_S2L2A.tif|*_image",
    "labels": "*_DEL.tif|*_mask",
    "masks": "*_CM.tif",
    "mask_values": [1, 2, 3],
    "file_bands": CEMS,
    "bands": SEVEN,
}


def test_a_cems_tile_gives_the_seven_bands_by_name_and_hides_what_clouds_hide(tmp_path):
    cems_tile(tmp_path, "EMSR001_AOI01_01")
    (chip,) = find_chips(recipe(tmp_path, **WILDFIRE))
    values, answer = chip.read((0, 0, 20, 30))
    assert values[:, 0, 0].tolist() == [20, 30, 40, 80, 90, 110, 120]
    assert answer[0, :4].tolist() == [1, 255, 255, 255]
    assert chip.stem == "EMSR001_AOI01_01"


def test_the_names_in_a_file_go_before_the_declared_order(tmp_path):
    cems_tile(tmp_path, "EMSR001_AOI01_01", tuple(reversed([name.replace("B0", "B") for name in CEMS])))
    (chip,) = find_chips(recipe(tmp_path, **WILDFIRE))
    assert chip.read((0, 0, 20, 30))[0][:, 0, 0].tolist() == [110, 100, 90, 50, 40, 20, 10]


def test_ready_patches_are_read_in_their_order(tmp_path):
    patch = np.random.default_rng(0).random((32, 32, 7)).astype(np.float32)
    np.save(tmp_path / "EMSR001_r0_c0_image.npy", patch)
    np.save(tmp_path / "EMSR001_r0_c0_mask.npy", np.ones((32, 32), np.uint8))
    (chip,) = find_chips(recipe(tmp_path, **(WILDFIRE | {"masks": None})))
    np.testing.assert_array_equal(chip.read((3, 4, 8, 9))[0], patch[3:11, 4:13].transpose(2, 0, 1))


def test_arrays_of_an_npz_are_laid_one_behind_the_other_and_hold_the_label(tmp_path):
    draw = np.random.default_rng(0)
    before, after = draw.random((2, 2, 16, 16)).astype(np.float32)
    label = draw.integers(0, 2, (16, 16, 1)).astype(np.uint8)
    np.savez(tmp_path / "fire.npz", pre=before, post=after, truth=label)
    bands = [Band(name) for name in ("nir", "swir22", "pre_nir", "pre_swir22")]
    data = recipe(tmp_path, image_keys=["post", "pre"], label_key="truth", bands=bands)
    (chip,) = find_chips(data)
    values, answer = chip.read((0, 0, 16, 16))
    np.testing.assert_array_equal(values, np.concatenate([after, before]))
    np.testing.assert_array_equal(answer, label[..., 0])
    with pytest.raises(DataError, match="holds pre, post, truth"):
        find_chips(recipe(tmp_path, image_keys=["image"], label_key="truth", bands=bands))


def test_no_python_object_is_unpickled_from_an_array_file(tmp_path):
    np.save(tmp_path / "a_image.npy", np.array([{"a": 1}], object), allow_pickle=True)
    np.save(tmp_path / "a_mask.npy", np.ones((4, 4), np.uint8))
    with pytest.raises(DataError, match="cannot be read"):
        find_chips(recipe(tmp_path, **(WILDFIRE | {"masks": None})))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_stands_upright_as_pillow_turns_it(tmp_path, orientation):
    pixels = np.zeros((16, 24, 3), np.uint8)
    pixels[:8, :8] = (200, 20, 20)
    pixels[8:, 16:] = (20, 20, 200)
    picture = Image.fromarray(pixels)
    exif = picture.getexif()
    exif[274] = orientation
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    picture.save(tmp_path / "images" / "a.jpg", exif=exif, quality=95, subsampling=0)
    upright = ImageOps.exif_transpose(Image.open(tmp_path / "images" / "a.jpg"))
    Image.fromarray(np.zeros((upright.height, upright.width), np.uint8)).save(tmp_path / "masks" / "a_mask.png")
    folders = {"chips_dir": str(tmp_path / "images"), "labels_dir": str(tmp_path / "masks")}
    (chip,) = find_chips(DataRecipe(**folders, labels="*_mask|*", classes=BURNED))
    expected = np.asarray(upright).transpose(2, 0, 1)
    np.testing.assert_array_equal(read_image(chip)[0], expected)
    np.testing.assert_array_equal(read_image(chip, (2, 3, 9, 7))[0], expected[:, 2:11, 3:10])


def test_a_letterbox_keeps_the_aspect_and_ignores_its_border(tmp_path):
    from places import raster_input

    pixels = np.full((3, 40, 20), 9, np.uint8)
    write_raster(tmp_path / "chips" / "a.tif", pixels, None)
    write_raster(tmp_path / "labels" / "a.tif", np.ones((1, 40, 20), np.uint8), None)
    chips = find_chips(DataRecipe(chips_dir=str(tmp_path / "chips"), labels_dir=str(tmp_path / "labels")))
    normaliser = Normaliser(raster_input(("red", "green", "blue"), 1.0, 0.0, 1.0))
    item = TileDataset(TileReader(chips, [Tile(0, 0, 0, 40, 20)], 64, "letterbox"), normaliser)[(0, 0)]
    assert (item["target"][:, :32] == 1).all()
    assert (item["target"][:, 32:] == 255).all()
    assert item["image"].shape == (3, 64, 64)
    assert (item["image"] == 9).all()
