import json
import shlex
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from hosts import picture
from rasterio.enums import ColorInterp
from rasterio.transform import from_origin
from shapely import box

from segmint.command_line import parse
from segmint.data.pairs import find_chips
from segmint.errors import DataError, RecipeError
from segmint.sources.classes import ClassTable
from segmint.sources.cutting import Rule
from segmint.sources.dataset import Dataset, make_dataset
from segmint.sources.layers import open_layer
from segmint.sources.scene import find_scenes

WEST, NORTH, PIXEL = 500_000.0, 4_000_000.0, 10.0


def write_scene(path: Path, values: np.ndarray, names: tuple[str, ...] = (), **profile: object) -> None:
    bands, height, width = values.shape
    place = {"crs": "EPSG:32636", "transform": from_origin(WEST, NORTH, PIXEL, PIXEL)}
    with rasterio.open(
        path, "w", driver="GTiff", count=bands, height=height, width=width, dtype=values.dtype, **place, **profile
    ) as target:
        target.write(values)
        for number, name in enumerate(names, 1):
            target.set_band_description(number, name)


def write_squares(path: Path, squares: list[tuple[int, int, int, int]], kinds: list[str] | None = None) -> Path:
    """Squares as first row, last row, first column, last column, both included."""
    shapes = [
        box(WEST + PIXEL * left, NORTH - PIXEL * (bottom + 1), WEST + PIXEL * (right + 1), NORTH - PIXEL * top)
        for top, bottom, left, right in squares
    ]
    columns = {"kind": kinds} if kinds else {}
    data, names = [np.array(values, object) for values in columns.values()], list(columns)
    pyogrio.raw.write(path, shapely.to_wkb(np.array(shapes)), data, names, crs="EPSG:32636", geometry_type="Polygon")
    return path


def make(room: Path, vectors: Path, rule: Rule, table: ClassTable | None = None) -> Dataset:
    scenes, table = find_scenes([str(room / "scene.tif")]), table or ClassTable()
    layer = open_layer(vectors, None, table, scenes)
    return make_dataset(room / "made", scenes, layer, table, rule, {"scenes": ["scene.tif"]}, ["(c) somebody"])


def mosaic(folder: Path, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Rasters of a folder put back by their georeference, and how often each pixel was written."""
    whole, seen = None, np.zeros(shape, int)
    for path in folder.glob("*.tif"):
        with rasterio.open(path) as source:
            assert source.crs.to_epsg() == 32636
            col, row = (
                round(value)
                for value in ~from_origin(WEST, NORTH, PIXEL, PIXEL) * (source.bounds.left, source.bounds.top)
            )
            values = source.read()
            whole = np.zeros((len(values), *shape), values.dtype) if whole is None else whole
            whole[:, row : row + source.height, col : col + source.width] = values
            seen[row : row + source.height, col : col + source.width] += 1
    assert whole is not None
    return whole, seen


@pytest.mark.parametrize("overlap", [0, 7])
def test_chips_put_together_are_the_scene_and_labels_the_polygons(tmp_path, overlap):
    values = np.random.default_rng(0).integers(1, 4000, (7, 70, 101)).astype(np.uint16)
    write_scene(tmp_path / "scene.tif", values, ("B01", "B05", "B06", "B07", "B8A", "B11", "B12"))
    made = make(tmp_path, write_squares(tmp_path / "v.gpkg", [(10, 50, 20, 90)]), Rule(32, overlap))
    found, seen = mosaic(made.folder / "chips", (70, 101))
    np.testing.assert_array_equal(found, values)
    assert seen.min() == 1
    assert (seen.max() > 1) == (overlap > 0)
    (label,), _ = mosaic(made.folder / "labels", (70, 101))
    expected = np.zeros((70, 101))
    expected[10:51, 20:91] = 1
    np.testing.assert_array_equal(label, expected)


def test_chips_keep_type_names_colours_and_nodata(tmp_path):
    values = np.ones((4, 20, 20), np.int16)
    write_scene(tmp_path / "scene.tif", values, ("red", "green", "blue", "nir"), nodata=-7)
    made = make(tmp_path, write_squares(tmp_path / "v.gpkg", [(0, 3, 0, 3)]), Rule())
    with rasterio.open(made.folder / "chips" / "scene.tif") as chip:
        assert (chip.dtypes[0], chip.nodata) == ("int16", -7)
        assert chip.descriptions == ("red", "green", "blue", "nir")


def test_alpha_stays_alpha_and_a_mask_stays_a_mask(tmp_path):
    values = np.full((4, 20, 20), 200, np.uint8)
    values[3, :5] = 0
    write_scene(tmp_path / "scene.tif", values, photometric="RGB", alpha="yes")
    made = make(tmp_path, write_squares(tmp_path / "v.gpkg", [(0, 9, 0, 3)]), Rule())
    with rasterio.open(made.folder / "chips" / "scene.tif") as chip:
        assert chip.colorinterp[3] == ColorInterp.alpha
    with rasterio.open(made.folder / "labels" / "scene.tif") as label:
        stored = label.read(1)
    assert (stored[:5] == 255).all()
    assert (stored[5:10, :4] == 1).all()
    assert not stored[10:].any()

    masked = tmp_path / "masked"
    masked.mkdir()
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        write_scene(masked / "scene.tif", values[:3])
        with rasterio.open(masked / "scene.tif", "r+") as target:
            target.write_mask(values[3] > 0)
    made = make(masked, tmp_path / "v.gpkg", Rule())
    with rasterio.open(made.folder / "chips" / "scene.tif") as chip:
        np.testing.assert_array_equal(chip.dataset_mask() > 0, values[3] > 0)


def test_chips_without_enough_valid_pixels_are_left_out_and_counted(tmp_path):
    values = np.ones((3, 30, 40), np.uint8)
    values[:, :, :10] = 0  # the first chip is empty, the second half empty
    values[:, :15, 10:20] = 0
    write_scene(tmp_path / "scene.tif", values, nodata=0)
    vectors = write_squares(tmp_path / "v.gpkg", [(20, 29, 0, 39)])
    made = make(tmp_path, vectors, Rule(10, min_coverage=0.6))
    _, seen = mosaic(made.folder / "chips", (30, 40))
    # rows 0-9 and 10-19 of the second column are 0 and half covered
    assert not seen[:, :10].any()
    assert not seen[:20, 10:20].any()
    assert seen[20:, 10:20].all()
    assert seen[:, 20:].all()
    assert "5 chips were left out: too few valid pixels" in made.notes


def test_training_reads_what_was_made_by_the_command_that_is_named(tmp_path):
    values = np.random.default_rng(0).integers(1, 255, (3, 40, 60)).astype(np.uint8)
    values[:, :4] = 0
    write_scene(tmp_path / "scene.tif", values, nodata=0)
    made = make(tmp_path, write_squares(tmp_path / "v.gpkg", [(0, 9, 0, 9)]), Rule(20))
    recipe = parse(shlex.split(made.command)[2:])
    chips = find_chips(recipe.data)
    assert [chip.stem for chip in chips] == sorted(f"scene_r{row}_c{col}" for row in (0, 20) for col in (0, 20, 40))
    first = chips[0].read((0, 0, 20, 20))[1]
    assert (first[:4] == 255).all()
    assert (first[4:10, :10] == 1).all()
    assert first[10:].max() == 0


def test_classes_and_other_bands_come_with_a_recipe_that_training_reads(tmp_path):
    values = np.random.default_rng(0).integers(1, 4000, (5, 20, 20)).astype(np.uint16)
    write_scene(tmp_path / "scene.tif", values, ("blue", "green", "red", "nir", "swir16"))
    vectors = write_squares(tmp_path / "v.gpkg", [(0, 9, 0, 9), (10, 19, 10, 19)], ["wood", "water"])
    table = ClassTable.parse("kind", "wood=3,water=7")
    made = make(tmp_path, vectors, Rule(elsewhere=255), table)
    recipe = parse(shlex.split(made.command)[2:])
    assert [(item.name, item.values) for item in recipe.data.classes] == [("wood", [3]), ("water", [7])]
    assert [band.name for band in recipe.data.bands] == ["blue", "green", "red", "nir", "swir16"]
    (chip,) = find_chips(recipe.data)
    assert np.unique(chip.read((0, 0, 20, 20))[1]).tolist() == [0, 1, 255]


def test_chips_that_no_polygon_touches_are_left_out_where_the_rest_is_unknown(tmp_path):
    write_scene(tmp_path / "scene.tif", np.ones((3, 20, 40), np.uint8))
    vectors = write_squares(tmp_path / "v.gpkg", [(0, 9, 0, 9), (10, 19, 0, 9)], ["wood", "water"])
    made = make(tmp_path, vectors, Rule(20, elsewhere=255), ClassTable.parse("kind", "wood=1,water=2"))
    assert [path.name for path in (made.folder / "chips").iterdir()] == ["scene_r0_c0.tif"]
    assert "1 chips were left out: no labelled pixel" in made.notes


def test_one_class_and_nothing_beside_it_is_refused(tmp_path):
    write_scene(tmp_path / "scene.tif", np.ones((3, 20, 40), np.uint8))
    with pytest.raises(RecipeError, match="--unlabelled ignore with one class"):
        make(tmp_path, write_squares(tmp_path / "v.gpkg", [(0, 9, 0, 9)]), Rule(20, elsewhere=255))


def test_photographs_with_coco_polygons_become_chips_without_a_place(tmp_path):
    (tmp_path / "photo.png").write_bytes(picture(np.full((3, 30, 40), 9, np.uint8)))
    polygon = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[10, 0, 20, 0, 20, 30, 10, 30]]}
    content = {"images": [{"id": 1, "file_name": "photo.png", "width": 40, "height": 30}], "annotations": [polygon]}
    (tmp_path / "coco.json").write_text(json.dumps(content))
    scenes = find_scenes([str(tmp_path / "photo.png")])
    layer = open_layer(tmp_path / "coco.json", None, ClassTable(), scenes)
    made = make_dataset(tmp_path / "made", scenes, layer, ClassTable(), Rule(20), {}, [])
    chips = find_chips(parse(shlex.split(made.command)[2:]).data)
    assert [(chip.stem, chip.crs) for chip in chips] == [
        (f"photo_r{row}_c{col}", None) for row in (0, 15) for col in (0, 20)
    ]
    assert chips[0].read((0, 0, 15, 20))[1][:, 10:].all()


def test_the_origin_and_whom_to_name_stand_beside_the_chips(tmp_path):
    write_scene(tmp_path / "scene.tif", np.ones((3, 20, 20), np.uint8))
    made = make(tmp_path, write_squares(tmp_path / "v.gpkg", [(0, 9, 0, 9)]), Rule())
    source = json.loads((made.folder / "source.json").read_text())
    assert source["attribution"] == ["(c) somebody"]
    assert source["scenes"] == ["scene.tif"]
    assert source["made_by"].startswith("segmint ")
    assert "1 of 1 features of v.gpkg touch a scene" in source["notes"]


def test_a_folder_in_use_and_a_failure_leave_everything_as_it_was(tmp_path):
    write_scene(tmp_path / "scene.tif", np.ones((3, 20, 20), np.uint8))
    away = write_squares(tmp_path / "v.gpkg", [(50, 59, 50, 59)])
    with pytest.raises(DataError, match="touches a scene"):
        make(tmp_path, away, Rule())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scene.tif", "v.gpkg"]
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="holds files already"):
        make(tmp_path, write_squares(tmp_path / "w.gpkg", [(0, 9, 0, 9)]), Rule())
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["mine.txt"]


def test_a_truncated_scene_is_named_and_nothing_is_left(tmp_path):
    values = np.random.default_rng(0).integers(1, 255, (3, 200, 200)).astype(np.uint8)
    write_scene(tmp_path / "scene.tif", values)
    content = (tmp_path / "scene.tif").read_bytes()
    (tmp_path / "scene.tif").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"scene\.tif cannot be read"):
        make(tmp_path, write_squares(tmp_path / "v.gpkg", [(0, 9, 0, 9)]), Rule(64))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scene.tif", "v.gpkg"]


@pytest.mark.parametrize(("rule", "words"), [((0,), "size 0"), ((9, 9), "overlap 9"), ((9, 0, 1.5), "min_coverage")])
def test_rules_out_of_range_are_refused(rule, words):
    with pytest.raises(RecipeError, match=words):
        Rule(*rule)
