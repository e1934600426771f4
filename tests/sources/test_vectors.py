import json
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from places import write_raster
from rasterio.features import rasterize
from rasterio.warp import transform, transform_geom
from shapely import LineString, Point, Polygon, box

from segmint.errors import DataError, RecipeError
from segmint.sources.classes import ClassTable
from segmint.sources.layers import open_layer
from segmint.sources.scene import Scene, find_scenes

ORIGIN = (500_000.0, 4_000_000.0)


@pytest.fixture
def scene(tmp_path) -> Scene:
    """60 x 80 px of half a metre in EPSG:32636."""
    write_raster(tmp_path / "scene.tif", np.ones((3, 60, 80), np.uint8), ORIGIN)
    return find_scenes([str(tmp_path / "scene.tif")])[0]


def ground(col: float, row: float) -> tuple[float, float]:
    return ORIGIN[0] + col / 2, ORIGIN[1] - row / 2


def polygon(*corners: tuple[float, float]) -> Polygon:
    """A polygon by its (column, row) corners on the scene."""
    return Polygon([ground(*corner) for corner in corners])


def write(path: Path, geometries: list, crs: str | None = "EPSG:32636", **columns: list) -> Path:
    wkb = np.array([None if item is None else shapely.to_wkb(item) for item in geometries], object)
    kinds = {item.geom_type for item in geometries if item is not None}
    pyogrio.raw.write(
        path,
        wkb,
        [np.array(values) for values in columns.values()],
        list(columns),
        crs=crs,
        geometry_type=kinds.pop() if len(kinds) == 1 else "Unknown",
    )
    return path


def label_of(path: Path, scene: Scene, table: ClassTable | None = None, background: int = 0) -> np.ndarray:
    layer = open_layer(path, None, table or ClassTable(), [scene])
    return layer.on(scene).burn((0, 0, scene.height, scene.width), background)


def square(label: np.ndarray) -> list[int]:
    """Rows and columns that are not background: first row, last row, first column, last column."""
    rows, cols = np.nonzero(label)
    return [int(value) for value in (rows.min(), rows.max(), cols.min(), cols.max())]


def test_a_pixel_belongs_to_a_polygon_if_its_centre_does(scene, tmp_path):
    path = write(tmp_path / "a.gpkg", [polygon((10.4, 20.6), (30.4, 20.6), (30.4, 40.6), (10.4, 40.6))])
    label = label_of(path, scene)
    # centres 10.5 to 29.5 lie inside across, 21.5 to 40.5 down
    assert square(label) == [21, 40, 10, 29]
    assert label.sum() == 20 * 20


@pytest.mark.parametrize(("ending", "crs"), [("gpkg", "EPSG:3857"), ("shp", "EPSG:32636"), ("geojson", "EPSG:4326")])
def test_files_of_every_kind_and_crs_burn_as_rasterio_burns_them_on_the_scene(scene, tmp_path, ending, crs):
    shapes = [polygon((3.2, 4.1), (50.3, 9.7), (22.2, 55.4)), polygon((60, 30), (79, 31), (70, 58))]
    moved = [shapely.geometry.shape(transform_geom("EPSG:32636", crs, shapely.geometry.mapping(s))) for s in shapes]
    path = write(tmp_path / f"a.{ending}", moved, crs)
    with rasterio.open(scene.path) as source:
        expected = rasterize(shapes, out_shape=source.shape, transform=source.transform)
    found = label_of(path, scene)
    assert (found != expected).sum() <= (0 if crs == "EPSG:32636" else 2)  # GeoJSON keeps 7 decimals: a centimetre


def test_long_edges_bend_as_the_projection_asks(tmp_path):
    """A parallel of latitude is a straight edge in degrees, and 200 px off the straight line in UTM at 30 m."""
    write_raster(tmp_path / "wide.tif", np.ones((1, 400, 4000), np.uint8), (380_000.0, 6_660_000.0), pixel=30.0)
    scene = find_scenes([str(tmp_path / "wide.tif")])[0]
    middle = 60.0
    path = write(tmp_path / "a.gpkg", [box(25, middle, 41, 62)], "EPSG:4326")
    label = label_of(path, scene)
    cols = np.arange(0, 4000, 250)
    xs = 380_000.0 + 30 * (cols + 0.5)
    rows = [label[:, col].sum() for col in cols]  # pixels north of the parallel
    for x, count in zip(xs, rows, strict=True):
        _, (lat,) = transform("EPSG:32636", "EPSG:4326", [x], [6_660_000.0 - 30 * (count - 0.5)])
        _, (below,) = transform("EPSG:32636", "EPSG:4326", [x], [6_660_000.0 - 30 * (count + 0.5)])
        assert below - 3e-5 <= middle <= lat + 3e-5


def test_classes_come_from_an_attribute_and_later_features_lie_on_top(scene, tmp_path):
    whole, part = polygon((0, 0), (80, 0), (80, 60), (0, 60)), polygon((10, 10), (20, 10), (20, 20), (10, 20))
    path = write(tmp_path / "a.gpkg", [whole, part, part], kind=["forest", "water", "road"])
    layer = open_layer(path, None, ClassTable.parse("kind", "forest=1,water=2"), [scene])
    label = layer.on(scene).burn((0, 0, 60, 80), 0)
    assert (label == 2).sum() == 100
    assert (label == 1).sum() == 60 * 80 - 100
    assert any("left out: road (1)" in line for line in layer.report())


def test_numbers_in_an_attribute_are_written_as_a_person_writes_them(scene, tmp_path):
    path = write(tmp_path / "a.gpkg", [polygon((0, 0), (9, 0), (9, 9))], grade=[3.0])
    assert label_of(path, scene, ClassTable.parse("grade", "3=7")).max() == 7


def test_a_window_holds_what_the_whole_scene_holds_there(scene, tmp_path):
    draw = np.random.default_rng(3)
    shapes = [Point(ground(*draw.uniform((0, 0), (80, 60)))).buffer(draw.uniform(1, 8)) for _ in range(30)]
    layer = open_layer(write(tmp_path / "a.gpkg", shapes), None, ClassTable(), [scene])
    whole = layer.on(scene).burn((0, 0, 60, 80), 0)
    for row, col, height, width in scene.windows(17, 5):
        part = layer.on(scene).burn((row, col, height, width), 0)
        np.testing.assert_array_equal(part, whole[row : row + height, col : col + width])


def test_invalid_polygons_are_repaired_and_broken_ones_named(scene, tmp_path):
    bowtie = polygon((0, 0), (10, 10), (10, 0), (0, 10))
    spike = polygon((20, 20), (30, 20), (20, 20))
    path = write(tmp_path / "a.gpkg", [bowtie, spike, None, polygon((40, 40), (50, 40), (50, 50), (40, 50))])
    layer = open_layer(path, None, ClassTable(), [scene])
    label = layer.on(scene).burn((0, 0, 60, 80), 0)
    assert label[40:50, 40:50].all()
    assert 40 < label[:10, :10].sum() < 60  # both wings of the bow tie: half of the square
    report = " ".join(layer.report())
    assert "1 invalid geometries were repaired" in report
    assert "1 could not be repaired and were left out: feature 2" in report


def test_points_and_lines_are_left_out_and_counted(scene, tmp_path):
    path = write(
        tmp_path / "a.gpkg",
        [Point(ground(5, 5)), LineString([ground(0, 0), ground(9, 9)]), polygon((0, 0), (9, 0), (9, 9))],
    )
    layer = open_layer(path, None, ClassTable(), [scene])
    layer.on(scene)
    assert "2 points and lines were left out: labels need areas" in layer.report()


def test_features_off_the_scene_are_counted_and_a_layer_elsewhere_is_refused(scene, tmp_path):
    here, there = polygon((0, 0), (9, 0), (9, 9)), polygon((200, 0), (210, 0), (210, 9))
    layer = open_layer(write(tmp_path / "a.gpkg", [here, there]), None, ClassTable(), [scene])
    layer.on(scene)
    assert layer.report() == ["1 of 2 features of a.gpkg touch a scene"]
    away = open_layer(write(tmp_path / "b.gpkg", [there]), None, ClassTable(), [scene])
    away.on(scene)
    with pytest.raises(DataError, match=r"none of the 1 features.*EPSG:32636"):
        away.report()


@pytest.mark.parametrize(
    ("attribute", "classes", "words"),
    [
        ("sort", "forest=1", "no attribute sort; expected one of its attributes: kind"),
        ("kind", "", "--classes 'forest=1,water=2'"),
        ("kind", "forrest=1", r"no feature has kind = forrest; expected one of forest \(1\), water \(1\)"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_with_what_there_is(scene, tmp_path, attribute, classes, words):
    shape = polygon((0, 0), (9, 0), (9, 9))
    path = write(tmp_path / "a.gpkg", [shape, shape], kind=["forest", "water"])
    with pytest.raises(DataError, match=words):
        open_layer(path, None, ClassTable.parse(attribute, classes), [scene])


@pytest.mark.parametrize("classes", ["forest", "forest=x", "forest=255", "forest=-1"])
def test_a_class_without_a_usable_value_is_refused(classes):
    with pytest.raises(RecipeError, match="from 0 to 254"):
        ClassTable.parse("kind", classes)


def test_several_layers_a_missing_crs_and_no_vector_file_are_refused(scene, tmp_path):
    shape = [polygon((0, 0), (9, 0), (9, 9))]
    two = write(tmp_path / "two.gpkg", shape)
    pyogrio.raw.write(
        two,
        shapely.to_wkb(np.array(shape)),
        [],
        [],
        crs="EPSG:32636",
        geometry_type="Polygon",
        layer="more",
        append=True,
    )
    with pytest.raises(DataError, match=r"layers two, more.*--layer two"):
        open_layer(two, None, ClassTable(), [scene])
    assert open_layer(two, "more", ClassTable(), [scene]).on(scene).values.size == 1
    with pytest.raises(DataError, match="no coordinate reference system"):
        open_layer(write(tmp_path / "bare.shp", shape, None), None, ClassTable(), [scene])
    (tmp_path / "text.geojson").write_text("hello")
    with pytest.raises(DataError, match="cannot be read"):
        open_layer(tmp_path / "text.geojson", None, ClassTable(), [scene])


def coco(path: Path, **changes: object) -> Path:
    content = {
        "images": [{"id": 4, "file_name": "photos/scene.tif", "width": 80, "height": 60}],
        "categories": [{"id": 1, "name": "roof"}, {"id": 2, "name": "road"}],
        "annotations": [
            {"id": 1, "image_id": 4, "category_id": 1, "segmentation": [[10, 20, 30, 20, 30, 40, 10, 40]]},
            {
                "id": 2,
                "image_id": 4,
                "category_id": 2,
                "segmentation": [[0, 0, 5, 0, 5, 5, 0, 5], [50, 0, 55, 0, 55, 5]],
            },
            {"id": 3, "image_id": 9, "category_id": 1, "segmentation": [[0, 0, 80, 0, 80, 60]]},
        ],
    }
    path.write_text(json.dumps(content | changes))
    return path


def test_coco_polygons_burn_at_their_pixels(scene, tmp_path):
    path = coco(tmp_path / "coco.json")
    label = label_of(path, scene, ClassTable.parse("name", "roof=1,road=2"))
    assert square(label == 1) == [20, 39, 10, 29]
    assert (label[:5, :5] == 2).all()
    assert (label == 1).sum() == 400
    layer = open_layer(path, None, ClassTable(), [scene])
    layer.on(scene)
    assert layer.report()[0] == "2 of 3 annotations of coco.json are on 1 scenes"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": [{"id": 4, "file_name": "other.tif", "width": 80, "height": 60}]}, "lists no image scene.tif"),
        ({"images": [{"id": 4, "file_name": "scene.tif", "width": 60, "height": 60}]}, "60 x 60 px.*80 x 60"),
        ({"annotations": [{"id": 7}]}, "no COCO file"),
        (
            {"annotations": [{"id": 7, "image_id": 4, "category_id": 1, "segmentation": {"counts": [], "size": []}}]},
            "annotation 7 is a run-length mask",
        ),
    ],
)
def test_coco_that_does_not_fit_is_refused(scene, tmp_path, changes, words):
    with pytest.raises(DataError, match=words):
        open_layer(coco(tmp_path / "coco.json", **changes), None, ClassTable(), [scene]).on(scene)


def test_the_same_buildings_burn_as_they_did_for_the_published_label(shared_data):
    scene = find_scenes([str(shared_data / "scenes" / "banepa_labelled_rgb.tif")])[0]
    label = label_of(shared_data / "buildings_banepa" / "osm_buildings.geojson", scene)
    with rasterio.open(shared_data / "scenes" / "banepa_labelled_rgb_label.tif") as published:
        np.testing.assert_array_equal(label > 0, published.read(1) > 0)


def test_land_cover_in_another_crs_falls_on_the_published_pixels(shared_data):
    folder = shared_data / "landcover_landsat7_nc"
    names = ["developed", "agriculture", "herbaceous", "shrubland", "forest", "water", "sediment"]
    classes = ",".join(f"{name}={value}" for value, name in enumerate(names, 1))
    scene = find_scenes([str(folder / "lsat7_2000_6band.tif")])[0]
    label = label_of(folder / "landsat96_polygons.shp", scene, ClassTable.parse("label", classes))
    with rasterio.open(folder / "landsat96_labelled_pixels.tif") as published:
        touched = published.read(1)  # every pixel that a polygon touches, so a little more
    assert (label > 0).sum() == 2264  # rasterio's count on the polygons' own grid, by centre
    np.testing.assert_array_equal(label[label > 0], touched[label > 0])


def test_a_polygon_that_reaches_around_the_world_labels_the_whole_scene(scene, tmp_path):
    """Its corners have no place in the scene's UTM zone."""
    path = write(tmp_path / "a.geojson", [box(-180, -85, 180, 85)], "EPSG:4326")
    assert label_of(path, scene).all()


def test_a_layer_in_a_projection_that_does_not_reach_the_scene_is_refused(scene, tmp_path):
    far = write(tmp_path / "a.gpkg", [box(0, 0, 100, 100)], "EPSG:3031")  # Antarctica; the scene lies in Turkey
    layer = open_layer(far, None, ClassTable(), [scene])
    layer.on(scene)
    with pytest.raises(DataError, match=r"none of the 1 features.*EPSG:3031"):
        layer.report()
