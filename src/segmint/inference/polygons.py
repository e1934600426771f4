"""A class map as polygons: class, area on the ground, and how sure the model is, on average, inside each.

Polygons follow pixel edges until they are simplified; neighbours share their simplified edge (shapely's coverage
simplification, Visvalingam and Whyatt 1993). Areas are those of the polygons as written, in square metres of an
equal-area projection. Neighbouring pixels of one class belong together by their sides, not by their corners.

Example:
    >>> outlines = trace(classes, ground, certainty, class_names, simplify_m=1.0, min_area_m2=20.0)
    >>> write(outlines, Path("scene_polygons.gpkg"))
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyogrio.raw
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.features import rasterize, shapes

from segmint.errors import SceneError
from segmint.inference.ground import Ground, projected

DRIVERS = {".gpkg": "GPKG", ".geojson": "GeoJSON"}
"""Endings that GDAL writes; ``.parquet`` is written with pyarrow, which is here for MLflow's sake anyway."""

_ROWS = 512
"""Rows of the map whose probabilities are in memory at once."""

Certainty = Callable[[int, int], NDArray[np.float64]]
"""First row and number of rows to the probability of the chosen class, ``[n, W]``."""


@dataclass(frozen=True)
class Outlines:
    """Polygons, one row each in every array.

    Attributes:
        crs: Their projection.
        shapes: The polygons.
        classes: Class values.
        names: Class names.
        area_m2: Area on the ground in square metres.
        probability: Mean probability of the polygon's class over its pixels, 0..1.
    """

    crs: CRS
    shapes: NDArray[np.object_]
    classes: NDArray[np.int32]
    names: NDArray[np.object_]
    area_m2: NDArray[np.float64]
    probability: NDArray[np.float64]

    def summary(self) -> dict[str, dict[str, float]]:
        """Class name -> how many polygons, their area in square metres, and the highest probability among them."""
        return {
            str(name): {
                "count": int((chosen := self.names == name).sum()),
                "area_m2": round(float(self.area_m2[chosen].sum()), 3),
                "highest_probability": round(float(self.probability[chosen].max()), 4),
            }
            for name in dict.fromkeys(self.names)
        }


def trace(
    classes: rasterio.io.DatasetReader,
    ground: Ground,
    certainty: Certainty,
    class_names: Sequence[str],
    simplify_m: float,
    min_area_m2: float,
) -> Outlines:
    """Polygons of every class but the first.

    Args:
        classes: The open class map; GDAL reads it line by line.
        ground: Where it lies.
        certainty: Probability of the chosen class of each pixel.
        class_names: By value.
        simplify_m: Tolerance in metres; 0 keeps pixel edges.
        min_area_m2: Smallest polygon that is kept.
    """
    band = rasterio.band(classes, 1)
    wanted = range(1, len(class_names))
    found = [(shapely.geometry.shape(shape), int(value)) for shape, value in shapes(band) if int(value) in wanted]
    outlines = np.array([shape for shape, _ in found], object)
    values = np.array([value for _, value in found], np.int32)
    probability = _means(outlines, classes.transform, (classes.height, classes.width), certainty)
    flat = ground.to_metres(outlines)
    if simplify_m and len(flat):
        flat = np.asarray(shapely.coverage_simplify(flat, simplify_m), object)
        outlines = ground.from_metres(flat)
    area = np.asarray(shapely.area(flat), float)
    kept = (area >= min_area_m2) & (area > 0)
    names = np.array([class_names[value] for value in values], object)
    return Outlines(ground.crs, outlines[kept], values[kept], names[kept], area[kept], probability[kept])


def _means(
    outlines: NDArray[np.object_], transform: Affine, size: tuple[int, int], certainty: Certainty
) -> NDArray[np.float64]:
    """Mean certainty inside each polygon, whose edges are pixel edges; a band of rows after the other."""
    total, count = np.zeros(len(outlines) + 1), np.zeros(len(outlines) + 1)
    tree = shapely.STRtree(outlines)
    height, width = size
    for top in range(0, height, _ROWS):
        rows = min(_ROWS, height - top)
        corners = [transform @ corner for corner in ((0, top), (width, top), (width, top + rows), (0, top + rows))]
        there = tree.query(shapely.Polygon(corners))
        if not len(there):
            continue
        numbered = [(outlines[place], place + 1) for place in there]
        numbers = rasterize(
            numbered, (rows, width), transform=transform * Affine.translation(0, top), dtype=np.int32
        ).ravel()
        total += np.bincount(numbers, certainty(top, rows).ravel(), len(total))
        count += np.bincount(numbers, minlength=len(count))
    return np.asarray(total[1:] / np.maximum(count[1:], 1))


def write(outlines: Outlines, path: Path) -> None:
    """Write by the ending: GeoPackage, GeoJSON (in degrees, as RFC 7946 asks) or GeoParquet 1.1.

    Raises:
        SceneError: Another ending.
    """
    columns = {
        "class": outlines.classes,
        "name": outlines.names,
        "area_m2": np.round(outlines.area_m2, 3),
        "probability": np.round(outlines.probability, 4),
    }
    if path.suffix == ".parquet":
        _write_parquet(outlines, columns, path)
        return
    if path.suffix not in DRIVERS:
        raise SceneError(f"polygons in {path.name}", ", ".join([*DRIVERS, ".parquet"]))
    geographic = path.suffix == ".geojson"
    crs = CRS.from_epsg(4326) if geographic else outlines.crs
    shown = projected(outlines.shapes, outlines.crs, crs) if geographic else outlines.shapes
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(shown),
        field_data=list(columns.values()),
        fields=list(columns),
        geometry_type="Polygon",
        crs=crs.to_wkt(),
        driver=DRIVERS[path.suffix],
        layer="polygons",
    )


def _write_parquet(outlines: Outlines, columns: dict[str, NDArray[np.generic]], path: Path) -> None:
    """GeoParquet 1.1: WKB in a column, and the ``geo`` key that says so."""
    import pyarrow  # type: ignore[import-untyped]
    import pyarrow.parquet  # type: ignore[import-untyped]

    kinds = {"class": pyarrow.int32(), "name": pyarrow.string(), "area_m2": pyarrow.float64()}
    kinds |= {"probability": pyarrow.float64()}  # stated, since an empty column has no kind of its own
    crs = outlines.crs.to_dict(projjson=True)
    geometry = {"encoding": "WKB", "geometry_types": ["Polygon"], "crs": crs}
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": geometry}}
    arrays = {name: pyarrow.array(list(values), kinds[name]) for name, values in columns.items()}
    table = pyarrow.table(
        {**arrays, "geometry": pyarrow.array(list(shapely.to_wkb(outlines.shapes)), pyarrow.binary())}
    )
    table = table.replace_schema_metadata({"geo": json.dumps(geo)})
    pyarrow.parquet.write_table(table, path)
