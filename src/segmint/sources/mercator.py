"""The web's map tiles: which ones cover an area, and where they lie.

Formulas after the OpenStreetMap wiki, "Slippy map tilenames", and OGC 17-083r4, annex D (WebMercatorQuad).

Example:
    >>> tile = covering((85.5199, 27.6288, 85.5274, 27.6334), 19)[0]
    >>> tile.x, tile.y, tile.zoom
    (386691, 220242, 19)
"""

import math
from dataclasses import dataclass

from affine import Affine

from segmint.data.chips import Bounds
from segmint.errors import RecipeError

CRS_NAME = "EPSG:3857"
_HALF = math.pi * 6_378_137.0
"""Metres from the middle of the map to its edge: half of the equator of WGS 84."""

MOST_LATITUDE = math.degrees(math.atan(math.sinh(math.pi)))
"""Where the square map ends, about 85.05 degrees."""

MOST_ZOOM = 24

MOST_TILES = 20_000
"""More would keep a public server busy for hours."""


@dataclass(frozen=True)
class MapTile:
    """A tile by column (from the date line eastwards), row (from the north) and zoom level."""

    x: int
    y: int
    zoom: int

    @property
    def name(self) -> str:
        """Stem of its files."""
        return f"tile-{self.x}-{self.y}-{self.zoom}"

    @property
    def bounds(self) -> Bounds:
        """West, south, east, north in metres of EPSG:3857."""
        edge = 2 * _HALF / 2**self.zoom
        west, north = -_HALF + self.x * edge, _HALF - self.y * edge
        return west, north - edge, west + edge, north

    def transform(self, height: int, width: int) -> Affine:
        """From column and row of its image to metres of EPSG:3857."""
        west, south, east, north = self.bounds
        return Affine((east - west) / width, 0, west, 0, (south - north) / height, north)


def covering(area: Bounds, zoom: int) -> list[MapTile]:
    """The tiles that share ground with an area in degrees, row by row from the north.

    Raises:
        RecipeError: No such zoom level, too many tiles, or an area that the square map does not reach.
    """
    if not 0 <= zoom <= MOST_ZOOM:
        raise RecipeError(f"zoom {zoom}", f"0 to {MOST_ZOOM}; 19 is about 0.3 m per pixel at the equator")
    west, south, east, north = area
    if max(abs(south), abs(north)) > MOST_LATITUDE:
        raise RecipeError(f"bbox reaches latitude {max(area[1::2], key=abs)}", f"at most {MOST_LATITUDE:.2f} degrees")
    left, top = _place(west, north, zoom)
    right, bottom = _place(east, south, zoom)
    columns, rows = range(math.floor(left), math.ceil(right)), range(math.floor(top), math.ceil(bottom))
    if len(rows) * len(columns) > MOST_TILES:
        found = f"the area has {len(rows) * len(columns):,} tiles of zoom {zoom}"
        raise RecipeError(found, f"{MOST_TILES:,} at most", "Choose a smaller --bbox or --zoom, or go in parts")
    return [MapTile(x, y, zoom) for y in rows for x in columns]


def degrees(tiles: list[MapTile]) -> Bounds:
    """West, south, east, north of tiles in degrees."""
    every = [tile.bounds for tile in tiles]
    west, south = min(item[0] for item in every), min(item[1] for item in every)
    east, north = max(item[2] for item in every), max(item[3] for item in every)
    return _longitude(west), _latitude(south), _longitude(east), _latitude(north)


def _place(longitude: float, latitude: float, zoom: int) -> tuple[float, float]:
    """Column and row with their fractions."""
    across = (longitude + 180) / 360
    down = (1 - math.asinh(math.tan(math.radians(latitude))) / math.pi) / 2
    return across * 2**zoom, down * 2**zoom


def _longitude(x: float) -> float:
    return 180 * x / _HALF


def _latitude(y: float) -> float:
    return math.degrees(math.atan(math.sinh(math.pi * y / _HALF)))
