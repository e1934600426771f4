import shutil

import numpy as np
import pytest
import rasterio
from PIL import Image
from places import read_image, read_label, unread_chip, write_raster

from segmint.data.chips import IGNORE
from segmint.data.fingerprint import fingerprint
from segmint.data.pairs import find_chips
from segmint.data.splits import Split
from segmint.data.statistics import Scaling, measure
from segmint.data.tiles import Tile
from segmint.errors import DataError
from segmint.recipe import ClassOfInterest, DataRecipe

CLASSES = [ClassOfInterest("background", "#000000", [0]), ClassOfInterest("building", "#DC143C", [1, 255])]


@pytest.fixture
def folders(tmp_path):
    """Three good pairs of 20 x 30 px; returns the recipe that names them."""
    draw = np.random.default_rng(0)
    for name in "abc":
        write_raster(tmp_path / "chips" / f"{name}.tif", draw.integers(0, 255, (3, 20, 30)).astype(np.uint8), (0, 0))
        write_raster(tmp_path / "labels" / f"{name}.tif", draw.integers(0, 2, (1, 20, 30)).astype(np.uint8), (0, 0))
    return DataRecipe(chips_dir=str(tmp_path / "chips"), labels_dir=str(tmp_path / "labels"))


def break_it(root, how):
    chips, labels = root / "chips", root / "labels"
    ones = np.ones((1, 20, 30), np.uint8)
    match how:
        case "chip without label":
            (labels / "b.tif").unlink()
        case "label without chip":
            (chips / "b.tif").unlink()
        case "other size":
            write_raster(labels / "b.tif", np.ones((1, 20, 31), np.uint8), (0, 0))
        case "undeclared value":
            write_raster(labels / "b.tif", ones * 7, (0, 0))
        case "colour rendering":
            Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30, 3)).astype(np.uint8)).save(
                labels / "b.png"
            )
            (labels / "b.tif").unlink()
        case "other band count":
            write_raster(chips / "b.tif", np.ones((5, 20, 30), np.uint8), (0, 0))
        case "other data type":
            write_raster(chips / "b.tif", np.ones((3, 20, 30), np.uint16), (0, 0))
        case "truncated file":
            content = (chips / "b.tif").read_bytes()
            (chips / "b.tif").write_bytes(content[: len(content) // 2])
        case "not an image":
            (chips / "b.tif").write_text("hello")
        case "two of one stem":
            shutil.copy(chips / "b.tif", chips / "b.tiff")
        case "empty folder":
            shutil.rmtree(chips)
            chips.mkdir()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("chip without label", "b.tif has no label"),
        ("label without chip", "b.tif has no chip"),
        ("other size", "b.tif is 31 x 20 px"),
        ("undeclared value", "b.tif holds the undeclared value 7"),
        ("colour rendering", "b.png is a colour rendering"),
        ("other band count", "b.tif has 5 bands"),
        ("other data type", "b.tif is uint16"),
        ("truncated file", "b.tif cannot be read"),
        ("not an image", "b.tif cannot be read"),
        ("two of one stem", "same stem"),
        ("empty folder", "holds no image"),
    ],
)
def test_data_that_cannot_be_trained_on_is_named(folders, tmp_path, how, words):
    break_it(tmp_path, how)
    with pytest.raises(DataError) as caught:
        find_chips(folders)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("folder", ["chips", "labels"])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_a_file_cut_off_half_way_is_unreadable(tmp_path, suffix, folder):
    draw = np.random.default_rng(0)
    for name, pixels in (("chips", draw.integers(0, 255, (90, 90, 3))), ("labels", draw.integers(0, 2, (90, 90)))):
        (tmp_path / name).mkdir()
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / name / f"a{suffix if name == folder else '.png'}")
    file = tmp_path / folder / f"a{suffix}"
    content = file.read_bytes()
    file.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(DataError, match=f"{folder}/a{suffix} cannot be read"):
        find_chips(DataRecipe(chips_dir=str(tmp_path / "chips"), labels_dir=str(tmp_path / "labels")))


@pytest.mark.parametrize(
    ("crs", "transform", "across", "down"),
    [
        ("EPSG:4326", (1e-3, 0, 9.95, 0, -1e-3, 45.05), 78.847, 111.132),  # a degree at 45 N, in km, is in every atlas
        ("EPSG:32636", (1.0, 0, 499_950.0, 0, -1.0, 4_000_000.0), 1 / 0.9996, 1 / 0.9996),  # UTM's scale factor
        ("EPSG:32701", (10.0, 0, 176_000.0, 0, -10.0, 8_000_000.0), 9.99, 9.99),  # across the antimeridian
        ("EPSG:32636", (0.0, 2.0, 499_950.0, 2.0, 0.0, 4_000_000.0), 2 / 0.9996, 2 / 0.9996),  # turned by 90 degrees
    ],
)
def test_the_ground_size_of_a_pixel_is_in_metres_in_every_reference_system(crs, transform, across, down):
    chip = unread_chip("a", 100, 100, crs, transform)
    assert chip.pixel_m == (pytest.approx(across, rel=1e-3), pytest.approx(down, rel=1e-3))
    assert chip.resolution_m == pytest.approx((across * down) ** 0.5, rel=1e-3)


def test_sidecars_and_notes_are_no_chips(folders, tmp_path):
    for name in ("a.tif.aux.xml", "b.tfw", "README.md", ".hidden.png", "index.csv"):
        (tmp_path / "chips" / name).write_text("<PAMDataset/>" if name.endswith("xml") else "x")
    assert [chip.stem for chip in find_chips(folders)] == ["a", "b", "c"]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_usual_image_files_are_read(tmp_path, suffix):
    pixels = np.full((16, 16, 3), (200, 100, 50), np.uint8)
    for folder in ("chips", "labels"):
        (tmp_path / folder).mkdir()
    Image.fromarray(pixels).save(tmp_path / "chips" / f"a{suffix}")
    Image.fromarray(np.full((16, 16), 255, np.uint8)).save(tmp_path / "labels" / "a.png")
    (chip,) = find_chips(DataRecipe(chips_dir=str(tmp_path / "chips"), labels_dir=str(tmp_path / "labels")))
    values, valid = read_image(chip)
    assert np.abs(values.astype(int).transpose(1, 2, 0) - pixels).max() <= 3  # JPEG
    assert valid.all()
    assert chip.bounds is None


def test_transparent_pixels_do_not_count(tmp_path):
    pixels = np.full((16, 16, 4), 255, np.uint8)
    pixels[:4, :, 3] = 0
    for folder in ("chips", "labels"):
        (tmp_path / folder).mkdir()
    Image.fromarray(pixels, "RGBA").save(tmp_path / "chips" / "a.png")
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(tmp_path / "labels" / "a.png")
    (chip,) = find_chips(DataRecipe(chips_dir=str(tmp_path / "chips"), labels_dir=str(tmp_path / "labels")))
    values, valid = read_image(chip, (2, 0, 4, 16))
    assert values.shape == (3, 4, 16)
    assert valid.sum(1).tolist() == [0, 0, 16, 16]


def test_pixels_hidden_by_a_mask_do_not_count(folders, tmp_path):
    hidden = np.zeros((20, 30), bool)
    hidden[5:9] = True
    with rasterio.open(tmp_path / "chips" / "a.tif", "r+") as target:
        target.write_mask(~hidden)
    _, valid = read_image(find_chips(folders)[0])
    assert (valid == ~hidden).all()


def test_a_pixel_is_nodata_only_where_every_band_is(folders, tmp_path):
    pixels = np.full((3, 20, 30), 9, np.uint8)
    pixels[:, 0, 0] = 0
    pixels[0, 1, 1] = 0
    write_raster(tmp_path / "chips" / "a.tif", pixels, (0, 0))
    chip = find_chips(DataRecipe(**(vars(folders) | {"nodata": 0.0})))[0]
    _, valid = read_image(chip)
    assert (~valid).sum() == 1
    assert not valid[0, 0]


def test_a_pixel_whose_bands_are_nodata_or_not_finite_is_empty(folders, tmp_path):
    pixels = np.full((3, 20, 30), 9, np.float32)
    pixels[:, 0, 0] = (-1, np.nan, -1)
    pixels[:, 0, 1] = (-1, np.nan, 9)
    for name in "abc":
        write_raster(tmp_path / "chips" / f"{name}.tif", pixels, (0, 0))
    _, valid = read_image(find_chips(DataRecipe(**(vars(folders) | {"nodata": -1.0})))[0])
    assert np.argwhere(~valid).tolist() == [[0, 0]]


def test_files_that_declare_different_nodata_are_refused(folders, tmp_path):
    for name, nodata in (("a", 0), ("b", 255), ("c", 0)):
        with rasterio.open(tmp_path / "chips" / f"{name}.tif", "r+") as target:
            target.nodata = nodata
    with pytest.raises(DataError, match=r"b\.tif declares nodata 255"):
        find_chips(folders)


def test_an_indexed_png_is_read_by_its_index(tmp_path):
    picture = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8), "P")
    picture.putpalette([250, 0, 0, 0, 250, 0])
    picture.save(tmp_path / "a.png")
    assert read_label(tmp_path / "a.png", CLASSES, None).tolist() == [[0, 1], [1, 0]]


def test_declared_colours_are_classes(tmp_path):
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[0, 0] = (0xCC, 0x4C, 0x02)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    classes = [
        ClassOfInterest("unburned", "#000000", [0], ["#000000"]),
        ClassOfInterest("burned", "#CC4C02", [1], ["#cc4c02"]),
    ]
    assert read_label(tmp_path / "a.png", classes, None).tolist() == [[1, 0], [0, 0]]


def test_a_colour_label_of_one_colour_is_still_read_by_colour(tmp_path):
    classes = [
        ClassOfInterest("road", "#FFFFFF", [0], ["#FFFFFF"]),
        ClassOfInterest("house", "#0000FF", [1], ["#0000FF"]),
    ]
    Image.fromarray(np.full((2, 3, 3), 255, np.uint8)).save(tmp_path / "a.png")
    assert read_label(tmp_path / "a.png", classes, None).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_a_grey_label_saved_with_three_bands_is_read_by_value(tmp_path):
    grey = np.array([[0, 255, 255]], np.uint8)
    Image.fromarray(np.stack([grey] * 3, axis=-1)).save(tmp_path / "a.png")
    assert read_label(tmp_path / "a.png", CLASSES, None).tolist() == [[0, 1, 1]]
    assert read_label(tmp_path / "a.png", CLASSES, None, (0, 1, 1, 2)).tolist() == [[1, 1]]


def test_the_ignore_value_is_ignored_and_other_spellings_are_one_class(tmp_path):
    write_raster(tmp_path / "a.tif", np.array([[[0, 1, 255, -1]]], np.int16), None)
    assert read_label(tmp_path / "a.tif", CLASSES, -1).tolist() == [[0, 1, 1, IGNORE]]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_statistics_equal_numpy_over_all_pixels_even_far_from_zero(folders, tmp_path, dtype):
    draw = np.random.default_rng(1)
    offset = {"uint8": 0, "uint16": 60_000, "float32": 1e6}[dtype]
    stored = []
    for name in "abc":
        values = (draw.integers(0, 200, (3, 20, 30)) + offset).astype(dtype)
        stored.append(values)
        write_raster(tmp_path / "chips" / f"{name}.tif", values, (0, 0))
    chips = find_chips(folders)
    tiles = tuple(Tile(n, 0, left, 20, 15) for n in range(3) for left in (0, 15))
    measured = measure(
        chips,
        Split({"train": tiles, "val": (), "test": ()}, "all"),
        Scaling(1.0, 0.0, ("red", "green", "blue"), ()),
        ("background", "foreground"),
    )
    pixels = np.stack(stored).astype(np.float64)
    for number, band in enumerate(measured.bands):
        values = pixels[:, number].ravel()
        assert band.mean == pytest.approx(values.mean(), rel=1e-12)
        assert band.std == pytest.approx(values.std(), rel=1e-9)
        assert (band.minimum, band.maximum) == (values.min(), values.max())
        assert band.p25 == np.percentile(values, 25, method="inverted_cdf")
    labels = np.stack([rasterio.open(chip.answer.path).read(1) for chip in chips])
    assert measured.class_share["foreground"] == pytest.approx((labels > 0).mean())


def test_percentiles_of_fractions_weigh_every_chip_alike(folders, tmp_path):
    """Three times 160,000 values, more than are kept: of the uniform numbers 0 to 3, whichever chip comes when."""
    draw = np.random.default_rng(2)
    for low, name in enumerate("abc"):
        values = draw.uniform(low, low + 1, (3, 400, 400)).astype(np.float32)
        write_raster(tmp_path / "chips" / f"{name}.tif", values, (0, 0))
        write_raster(tmp_path / "labels" / f"{name}.tif", np.ones((1, 400, 400), np.uint8), (0, 0))
    chips = find_chips(folders)
    tiles = tuple(Tile(n, 0, left, 400, 200) for n in range(3) for left in (0, 200))
    scaling, split = Scaling(1.0, 0.0, ("red", "green", "blue"), ()), Split({"train": tiles, "val": (), "test": ()}, "")
    for band in measure(chips, split, scaling, ("background", "foreground")).bands:
        found = (band.p01, band.p25, band.p50, band.p75, band.p99)
        np.testing.assert_allclose(found, np.multiply(3, [0.01, 0.25, 0.5, 0.75, 0.99]), atol=0.02)


def test_the_fingerprint_follows_content_and_names_not_places(folders, tmp_path):
    first = fingerprint(find_chips(folders))
    moved = tmp_path / "moved"
    shutil.copytree(tmp_path / "chips", moved / "chips")
    shutil.copytree(tmp_path / "labels", moved / "labels")
    there = DataRecipe(chips_dir=str(moved / "chips"), labels_dir=str(moved / "labels"))
    assert fingerprint(find_chips(there)).digest == first.digest
    (moved / "chips" / "a.tfw").write_text("0.5\n0\n0\n-0.5\n0\n0\n")
    assert fingerprint(find_chips(there)).digest != first.digest
    assert len(first.manifest()) == 6
