"""Polygons have the area, the class and the probability of the pixels they stand for."""

import json

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from places import write_raster
from rasterio.crs import CRS
from rasterio.transform import from_origin

from segmint.inference.ground import Ground
from segmint.inference.polygons import trace, write

NAMES = ("ground", "roof", "tree")


@pytest.fixture
def traced(tmp_path):
    """``traced(classes, certainty, **options)`` of a map of 0.5 m pixels in EPSG:32636."""

    def run(classes, certainty, simplify_m=0.0, min_area_m2=0.0):
        path = tmp_path / "classes.tif"
        write_raster(path, classes[None], (500_000.0, 4_000_000.0))
        with rasterio.open(path) as source:
            ground = Ground.of(source.crs, source.transform, source.height, source.width)
            rows = lambda row, count: certainty[row : row + count]  # noqa: E731
            return trace(source, ground, rows, NAMES, simplify_m, min_area_m2)

    return run


def test_each_patch_is_a_polygon_with_its_area_and_mean_probability(traced):
    draw = np.random.default_rng(0)
    classes, certainty = np.zeros((1200, 80), np.uint8), draw.random((1200, 80))
    classes[10:30, 5:25], classes[500:1100, 40:60], classes[40:44, 70:72] = 1, 2, 1
    classes[15:20, 10:15], classes[0, 0] = 0, 255  # a hole, and no answer
    found = traced(classes, certainty, min_area_m2=5.0)
    assert sorted(found.names) == ["roof", "tree"]
    order = np.argsort(found.classes)
    # UTM at its central meridian shortens lengths to 0.9996: the ground is larger than the grid says
    expected = np.array([(400 - 25) * 0.25, 12_000 * 0.25]) / 0.9996**2
    np.testing.assert_allclose(found.area_m2[order], expected, rtol=1e-4)
    roof = (classes == 1) & (np.arange(1200)[:, None] < 35)
    np.testing.assert_allclose(found.probability[order], [certainty[roof].mean(), certainty[classes == 2].mean()])
    assert len(found.shapes[order][0].interiors) == 1
    assert found.shapes[order][1].bounds == (500_020.0, 4_000_000.0 - 550.0, 500_030.0, 4_000_000.0 - 250.0)


def test_an_area_is_that_of_the_ground_in_any_projection():
    crs, edge = CRS.from_epsg(3857), 20_000.0  # Web Mercator at 60 degrees north doubles lengths
    ground = Ground.of(crs, from_origin(0, 8_400_000, edge, edge), 1, 1)
    square = shapely.box(0, 8_380_000, 20_000, 8_400_000)
    south, north = (2 * np.arctan(np.exp(y / 6_378_137)) - np.pi / 2 for y in (8_380_000, 8_400_000))
    squared, eccentricity = 0.00669437999014, 0.00669437999014**0.5

    def authalic(latitude):  # Snyder (1987), equation 3-12
        sine = np.sin(latitude)
        inner = np.log((1 - eccentricity * sine) / (1 + eccentricity * sine)) / (2 * eccentricity)
        return (1 - squared) * (sine / (1 - squared * sine**2) - inner)

    exact = 6_378_137**2 * (20_000 / 6_378_137) * (authalic(north) - authalic(south)) / 2
    assert shapely.area(ground.to_metres(np.array([square], object)))[0] == pytest.approx(exact, rel=1e-4)
    assert ground.resolution_m == pytest.approx(exact**0.5, rel=1e-4)


def test_simplified_neighbours_share_their_edge(traced):
    rows, columns = np.mgrid[0:200, 0:200]
    classes = np.where(rows + 0.4 * columns > 130, 2, 1).astype(np.uint8)
    whole = traced(classes, np.ones((200, 200)))
    simple = traced(classes, np.ones((200, 200)), simplify_m=2.0)
    assert (
        sum(map(shapely.get_num_coordinates, simple.shapes)) < sum(map(shapely.get_num_coordinates, whole.shapes)) / 5
    )
    assert shapely.intersection(*simple.shapes).area < 1e-3
    assert simple.area_m2.sum() == pytest.approx(whole.area_m2.sum(), rel=1e-6)


@pytest.mark.parametrize("ending", [".gpkg", ".geojson", ".parquet"])
@pytest.mark.parametrize("empty", [False, True])
def test_every_file_holds_the_same_polygons(traced, tmp_path, ending, empty):
    classes = np.zeros((20, 30), np.uint8)
    classes[5:10, 5:15] = 0 if empty else 1
    outlines = traced(classes, np.full((20, 30), 0.75))
    path = tmp_path / f"found{ending}"
    write(outlines, path)
    if ending == ".parquet":
        from pyarrow import parquet

        table = parquet.read_table(path)
        geo = json.loads(table.schema.metadata[b"geo"])
        assert geo["columns"]["geometry"]["crs"]["id"] == {"authority": "EPSG", "code": 32636}
        rows, shapes = table.to_pylist(), shapely.from_wkb(np.array(table["geometry"].to_pylist(), object))
    else:
        meta, _, wkb, values = pyogrio.raw.read(path)
        assert CRS.from_user_input(meta["crs"]) == CRS.from_epsg(4326 if ending == ".geojson" else 32636)
        rows = [dict(zip(meta["fields"], row, strict=True)) for row in zip(*values, strict=True)]
        shapes = shapely.from_wkb(wkb)
    assert len(rows) == (0 if empty else 1)
    if ending == ".parquet":
        kinds = {field.name: str(field.type) for field in table.schema}
        assert kinds == {
            "class": "int32",
            "name": "string",
            "area_m2": "double",
            "probability": "double",
            "geometry": "binary",
        }
    if empty:
        return
    row = rows[0]
    assert (row["class"], row["name"], row["probability"]) == (1, "roof", 0.75)
    assert row["area_m2"] == pytest.approx(12.5 / 0.9996**2, abs=2e-3)
    x, y = (
        (500_005.0, 3_999_996.25) if ending != ".geojson" else (33.0000556, 36.1446843)
    )  # Snyder (1987), equation 3-26
    assert shapes[0].centroid.coords[0] == pytest.approx((x, y), abs=1e-6)
