"""OpenStreetMap's areas from an Overpass endpoint, as GeoJSON.

Example:
    >>> overpass = Overpass("https://overpass-api.de/api/interpreter", Fetcher(rate=1))
    >>> overpass.collect("building", (85.519, 27.628, 85.527, 27.633), Path("features.geojson"))
    1228
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely
from shapely import Geometry, LineString, MultiLineString, Polygon
from shapely.geometry import mapping

from segmint.addresses import shown
from segmint.data.chips import Bounds
from segmint.errors import DataError, RecipeError
from segmint.files import replace_file
from segmint.sources.fetching import Damaged, Fetcher, excerpt

ATTRIBUTION = "Labels: (c) OpenStreetMap contributors, ODbL 1.0, https://www.openstreetmap.org/copyright"

_SECONDS = 180
"""What the server may spend on a query."""


@dataclass(frozen=True)
class Overpass:
    """An endpoint of the Overpass API."""

    endpoint: str
    fetcher: Fetcher

    def collect(self, features: str, area: Bounds, path: Path) -> int:
        """Write the areas that touch an area; nothing is asked where the file stands already.

        Args:
            features: Keys, or keys with values, as ``building`` or ``landuse=forest,natural=wood``.
            area: West, south, east, north in degrees.
            path: Written as GeoJSON; every tag is a property.

        Returns:
            Number of features.

        Raises:
            DataError: No endpoint of the Overpass API, one that keeps failing, or no features.
        """
        if not path.exists():
            found = self.fetcher.post(self.endpoint, {"data": query(features, area)}, self._read)
            if found is None:
                raise DataError(
                    f"{shown(self.endpoint)} is not there (404)", "an Overpass endpoint", "Check --overpass"
                )
            collection = {"type": "FeatureCollection", "features": found}
            replace_file(path, json.dumps(collection, ensure_ascii=False))
        count = len(json.loads(path.read_bytes())["features"])
        if not count:
            path.unlink()
            west, south, east, north = (round(value, 5) for value in area)
            found_none = f"OpenStreetMap has no {features} in {west},{south},{east},{north}"
            raise DataError(found_none, "features to learn from", "Choose another area or other --features")
        print(f"labels: {count:,} features from OpenStreetMap", flush=True)
        return count

    def _read(self, kind: str, body: bytes) -> list[dict[str, Any]]:
        """GeoJSON features of an answer."""
        try:
            content = json.loads(body)
            elements, remark = content["elements"], content.get("remark", "")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if body.lstrip().startswith(b"{"):
                raise Damaged("an incomplete answer") from error
            found = f"{shown(self.endpoint)} is {kind or 'something'} ('{excerpt(body)}')"
            raise DataError(found, "an answer of the Overpass API", "Check --overpass") from error
        if "error" in remark:
            raise DataError(
                f"{shown(self.endpoint)}: {remark}", "a whole answer", "Choose a smaller area, or come later"
            )
        shapes = [(element, _shape(element)) for element in elements]
        return [
            {
                "type": "Feature",
                "geometry": mapping(shape),
                "properties": {"osm_type": element["type"], "osm_id": element["id"], **element.get("tags", {})},
            }
            for element, shape in shapes
            if shape is not None
        ]


def query(features: str, area: Bounds) -> str:
    """The request in Overpass QL: closed ways and multipolygons, with their coordinates.

    Raises:
        RecipeError: A key that cannot be asked for.
    """
    west, south, east, north = area
    box = f"({south:.7f},{west:.7f},{north:.7f},{east:.7f})"
    parts = []
    for feature in features.split(","):
        key, equals, value = (part.strip() for part in feature.partition("="))
        if not key or '"' in feature or "\\" in feature or (equals and not value):
            raise RecipeError(f"features '{feature}'", "OpenStreetMap keys, as building or landuse=forest,natural=wood")
        tag = f'["{key}"="{value}"]' if equals else f'["{key}"]'
        parts.append(f'way{tag}{box};relation["type"="multipolygon"]{tag}{box};')
    return f"[out:json][timeout:{_SECONDS}];({''.join(parts)});out geom;"


def _shape(element: dict[str, Any]) -> Geometry | None:
    """A closed way as a polygon, an open one as a line, a multipolygon's rings by how they lie in each other."""
    if element["type"] == "way":
        points = _points(element)
        if len(points) >= 4 and points[0] == points[-1]:
            return Polygon(points)
        return LineString(points) if len(points) >= 2 else None
    lines = [points for member in element.get("members", []) if len(points := _points(member)) >= 2]
    area = shapely.build_area(MultiLineString(lines))
    return None if area is None or area.is_empty else area


def _points(way: dict[str, Any]) -> list[tuple[float, float]]:
    return [(point["lon"], point["lat"]) for point in way.get("geometry", []) if point is not None]
