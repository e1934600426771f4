"""Vector files as labels: GeoJSON, GeoPackage, Shapefile and whatever else GDAL reads, in any CRS.

Example:
    >>> layer = VectorLayer.read(Path("buildings.gpkg"), None, ClassTable(), scenes)
    >>> layer.on(scenes[0]).burn((0, 0, 512, 512), background=0).mean()
    0.45
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataSourceError
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.warp import transform
from shapely import Polygon, STRtree, box

from segmint.errors import DataError
from segmint.sources.classes import UNLISTED, ClassTable
from segmint.sources.scene import Scene
from segmint.sources.shapes import Repaired, Shapes, repair

_EDGE_PARTS = 100
"""An edge gets points at this share of the scene's extent before it is reprojected, so that it bends as it should."""


@dataclass
class VectorLayer:
    """Features of a file near some scenes.

    Attributes:
        path: The file.
        crs: CRS of the features.
        geometry: What could be burnt, and what not.
        numbers: ``[N]`` feature identifiers as the file counts them.
        values: ``[N]`` label values.
        total: Number of features in the file.
        unlisted: Attribute values that no class takes.
        touching: Identifiers of features that touched a scene so far.
    """

    path: Path
    crs: CRS
    geometry: Repaired
    numbers: NDArray[np.int64]
    values: NDArray[np.uint8]
    total: int
    unlisted: str
    touching: set[int] = field(default_factory=set)

    @classmethod
    def read(cls, path: Path, layer: str | None, table: ClassTable, scenes: Sequence[Scene]) -> "VectorLayer":
        """Read the features around the scenes and repair what is invalid.

        Args:
            path: A vector file.
            layer: Name of a layer; None where the file has one.
            table: Classes.
            scenes: Scenes that will be asked for.

        Raises:
            DataError: No vector file, several layers, no CRS, no such attribute or class, a scene without a CRS.
        """
        for scene in scenes:
            if scene.crs is None:
                found = f"scene {scene.path} has no coordinate reference system"
                raise DataError(found, "one that says where it lies", "Georeference it, or label it with COCO polygons")
        try:
            layer = layer or _only_layer(path)
            info = pyogrio.read_info(path, layer=layer, force_feature_count=True)
            crs = _crs(path, info["crs"])
            if table.attribute is not None and table.attribute not in info["fields"]:
                known = ", ".join(info["fields"]) or "none"
                raise DataError(f"{path} has no attribute {table.attribute}", f"one of its attributes: {known}")
            columns = [] if table.attribute is None else [table.attribute]
            _, numbers, stored, near = pyogrio.raw.read(
                path, layer=layer, columns=columns, bbox=_bounds(scenes, crs), force_2d=True, return_fids=True
            )
            values, unlisted = np.ones(len(numbers), np.uint8), ""
            if columns:  # every class counts, wherever its features lie
                _, _, _, (every,) = pyogrio.raw.read(path, layer=layer, columns=columns, read_geometry=False)
                table.require(every)
                values, unlisted = table.values(near[0]), table.unlisted(every)
        except DataSourceError as error:
            raise DataError(
                f"{path} cannot be read ({error})", "GeoJSON, GeoPackage, Shapefile or COCO JSON"
            ) from error
        geometry = repair(shapely.from_wkb(stored, on_invalid="ignore"))
        return cls(path, crs, geometry, numbers, values, info["features"], unlisted)

    def on(self, scene: Scene) -> Shapes:
        """The polygons that touch a scene, in its pixel coordinates."""
        places = np.flatnonzero(~shapely.is_missing(self.geometry.polygons) & (self.values != UNLISTED))
        outline = _moved(scene.footprint, scene.crs, self.crs)
        hits = places[np.sort(STRtree(self.geometry.polygons[places]).query(outline, predicate="intersects"))]
        self.touching.update(self.numbers[hits].tolist())
        near = _near(self.geometry.polygons[hits], outline)
        return Shapes(scene.to_pixels(_moved(near, self.crs, scene.crs)), self.values[hits])

    def report(self) -> list[str]:
        """What was found, repaired and left out; complete once every scene has been asked for.

        Raises:
            DataError: No feature touches any scene.
        """
        count = len(self.touching)
        if not count:
            raise DataError(
                f"none of the {self.total:,} features of {self.path} touches a scene",
                "features on the scenes",
                f"Check that the layer's CRS ({_name(self.crs)}) is really the one of its coordinates",
            )
        lines = [f"{count:,} of {self.total:,} features of {self.path.name} touch a scene"]
        return [*lines, *self.geometry.report(self.numbers, "feature", self.unlisted)]


def _near(polygons: NDArray[np.object_], outline: Polygon) -> NDArray[np.object_]:
    """Polygons without what lies far from an outline, their edges in pieces that bend when they are reprojected."""
    west, south, east, north = outline.bounds
    extent = max(east - west, north - south)
    frame = box(west - extent, south - extent, east + extent, north + extent)
    beyond = ~shapely.covered_by(polygons, frame)
    cut = polygons.copy()
    cut[beyond] = shapely.intersection(polygons[beyond], frame)
    return np.asarray(shapely.segmentize(cut, extent / _EDGE_PARTS), object)


def _only_layer(path: Path) -> str:
    names = pyogrio.list_layers(path)[:, 0].tolist()
    if len(names) != 1:
        raise DataError(f"{path} has the layers {', '.join(names)}", "the name of one", f"Add --layer {names[0]}")
    return str(names[0])


def _crs(path: Path, text: str | None) -> CRS:
    if not text:
        raise DataError(
            f"{path} has no coordinate reference system", "one", "Add it in a GIS (.prj beside a Shapefile)"
        )
    try:
        return CRS.from_user_input(text)
    except CRSError as error:
        raise DataError(f"{path} has a CRS that PROJ does not know ({error})", "a known one") from error


def _bounds(scenes: Sequence[Scene], crs: CRS) -> tuple[float, float, float, float] | None:
    """What of the file has to be read; None, everything, where a scene's outline has no bounds in its CRS."""
    outlines = [_moved(scene.footprint, scene.crs, crs) for scene in scenes]
    bounds = shapely.total_bounds(np.array(outlines, object))
    west, south, east, north = bounds.tolist()
    return (west, south, east, north) if np.isfinite(bounds).all() else None


def _moved(shapes: Any, source: CRS | None, target: CRS | None) -> Any:
    """A geometry, or an array of them, in another CRS, vertex by vertex."""

    def move(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        xs, ys = transform(source, target, x, y)
        return np.asarray(xs), np.asarray(ys)

    return shapes if source == target else shapely.transform(shapes, move, interleaved=False)


def _name(crs: CRS) -> str:
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else str(crs.to_wkt())[:60]
