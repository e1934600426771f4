"""What is true on a scene's grid: another grid, an area, polygons and what lies outside of everything."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.features
import rasterio.warp
import shapely
from affine import Affine
from places import write_raster
from rasterio.crs import CRS
from rasterio.enums import ColorInterp

from segmint.errors import DataError
from segmint.evaluation.regions import scores_by_class, trace
from segmint.evaluation.truth import RasterTruth, VectorTruth, Within, require_known
from segmint.inference.objects import ObjectScores
from segmint.recipe import ClassOfInterest, DataRecipe
from segmint.sources.scene import Scene
from segmint.sources.shapes import Shapes

WEST, NORTH = 500_000.0, 4_000_000.0


def grid(height=40, width=60, crs="EPSG:32636", pixel=0.5):
    """A scene's grid with its upper left corner at WEST, NORTH."""
    placed = CRS.from_user_input(crs) if crs else None
    transform = Affine(pixel, 0, WEST, 0, -pixel, NORTH) if crs else Affine.identity()
    colours = (ColorInterp.undefined,)
    return Scene(Path("s.tif"), height, width, "uint8", (None,), colours, None, False, placed, transform)


@pytest.fixture
def data():
    classes = [ClassOfInterest("ground", "#000000", [1]), ClassOfInterest("roof", "#DC143C", [7])]
    return DataRecipe(classes=classes)


def test_a_raster_of_the_scenes_grid_is_read_as_training_reads_labels(tmp_path, data):
    values = np.random.default_rng(1).choice([1, 7], (40, 60)).astype(np.uint8)
    write_raster(tmp_path / "t.tif", values[None], (WEST + 1e-9, NORTH))
    truth = RasterTruth.on(grid(), tmp_path / "t.tif", data, tmp_path)
    assert np.array_equal(truth.read(10, 20), (values[10:30] == 7).astype(np.uint8))
    assert truth.objects is None


def test_a_raster_of_another_grid_is_laid_on_by_the_nearest_pixel_and_known_only_where_it_reaches(tmp_path, data):
    values = np.random.default_rng(2).choice([1, 7], (10, 10)).astype(np.uint8)
    write_raster(tmp_path / "t.tif", values[None], (WEST + 5, NORTH - 5), pixel=1.0)  # 10 scene pixels in
    truth = RasterTruth.on(grid(), tmp_path / "t.tif", data, tmp_path)
    found = np.concatenate([truth.read(0, 25), truth.read(25, 15)])
    expected = np.full((40, 60), 255, np.uint8)
    expected[10:30, 10:30] = (values == 7).repeat(2, 0).repeat(2, 1)
    assert np.array_equal(found, expected)


def test_a_raster_in_another_projection_lies_where_it_should(tmp_path, data):
    roof = shapely.box(WEST + 8, NORTH - 14, WEST + 20, NORTH - 4)
    west, south, east, north = rasterio.warp.transform_bounds("EPSG:32636", "EPSG:4326", *roof.buffer(6).bounds)
    edge = 4e-7  # about 4 cm
    height, width = round((north - south) / edge), round((east - west) / edge)
    place = Affine(edge, 0, west, 0, -edge, north)
    ring = rasterio.warp.transform_geom("EPSG:32636", "EPSG:4326", shapely.geometry.mapping(roof))
    burnt = rasterio.features.rasterize([(ring, 7)], (height, width), fill=1, transform=place, dtype=np.uint8)
    profile = {"driver": "GTiff", "count": 1, "height": height, "width": width, "dtype": "uint8"}
    with rasterio.open(tmp_path / "t.tif", "w", crs="EPSG:4326", transform=place, **profile) as target:
        target.write(burnt, 1)
    found = RasterTruth.on(grid(), tmp_path / "t.tif", data, tmp_path).read(0, 40)
    assert (found[9:27, 17:39] == 1).all()
    assert (found[:7] != 1).all()
    assert (found[:, :15] != 1).all()
    assert ((found == 0) | (found == 1)).sum() > (found == 1).sum()


def test_undeclared_nodata_of_a_truth_is_not_known_and_another_undeclared_value_is_refused(tmp_path, data):
    values = np.full((1, 40, 60), 7, np.uint8)
    values[:, :10] = 99
    write_raster(tmp_path / "t.tif", values, (WEST, NORTH))
    with pytest.raises(DataError, match="undeclared value 99"):
        require_known(RasterTruth.on(grid(), tmp_path / "t.tif", data, tmp_path), grid(), tmp_path / "t.tif")
    with rasterio.open(tmp_path / "t.tif", "r+") as target:
        target.nodata = 99
    found = RasterTruth.on(grid(), tmp_path / "t.tif", data, tmp_path).read(0, 40)
    assert (found[:10] == 255).all()
    assert (found[10:] == 1).all()


def test_a_truth_that_lies_elsewhere_or_has_another_size_is_refused(tmp_path, data):
    write_raster(tmp_path / "t.tif", np.full((1, 40, 60), 7, np.uint8), (WEST + 9000, NORTH))
    with pytest.raises(DataError, match="known on no pixel"):
        require_known(RasterTruth.on(grid(), tmp_path / "t.tif", data, tmp_path), grid(), tmp_path / "t.tif")
    write_raster(tmp_path / "u.tif", np.full((1, 41, 60), 7, np.uint8), None)
    with pytest.raises(DataError, match="is 60 x 41 px, its scene 60 x 40"):
        RasterTruth.on(grid(crs=None), tmp_path / "u.tif", data, tmp_path)


def test_touching_polygons_are_objects_of_their_own_and_a_region_of_both_finds_neither():
    houses = Shapes.of([shapely.box(10, 10, 14, 14), shapely.box(14, 10, 18, 14)], [1, 1])
    truth = VectorTruth(houses, 40, 60, elsewhere=0)
    burnt = truth.read(0, 40)
    assert burnt.sum() == 32
    as_one = scores_by_class(trace(burnt), truth.objects, ("ground", "roof"), 0)["roof"]
    assert as_one == ObjectScores(1, 0, 1) or as_one == ObjectScores(0, 1, 2)
    apart = burnt.copy()
    apart[:, 14] = 0
    assert scores_by_class(trace(apart), truth.objects, ("ground", "roof"), 0)["roof"] == ObjectScores(2, 0, 0)
    assert scores_by_class(trace(apart), truth.objects, ("ground", "roof"), 13)["roof"] == ObjectScores(1, 0, 1)


def test_objects_are_cut_at_the_scenes_edge_and_parts_count_apart():
    both = shapely.MultiPolygon([shapely.box(0, 0, 5, 5), shapely.box(50, 30, 70, 50)])
    truth = VectorTruth(Shapes.of([both, shapely.box(60, 0, 70, 9)], [1, 1]), 40, 60, elsewhere=0)
    assert sorted(shapely.area(truth.objects.polygons)) == [25, 100]


def test_corners_do_not_join_regions():
    diagonal = np.array([[1, 0], [0, 1]], np.uint8)
    assert len(trace(diagonal).polygons) == 2


def test_outside_the_labelled_area_nothing_is_known():
    shapes = Shapes.of([shapely.box(0, 0, 60, 40)], [1])
    truth = Within(VectorTruth(shapes, 40, 60, 0), Shapes.of([shapely.box(10, 0, 20, 40)], [1]), 60)
    found = truth.read(5, 10)
    assert (found[:, 10:20] == 1).all()
    assert (np.delete(found, np.s_[10:20], axis=1) == 255).all()


def test_polygons_that_cover_nothing_else_may_leave_the_rest_unknown():
    truth = VectorTruth(Shapes.of([shapely.box(0, 0, 3, 3)], [1]), 40, 60, elsewhere=255)
    assert np.unique(truth.read(0, 40)).tolist() == [1, 255]
