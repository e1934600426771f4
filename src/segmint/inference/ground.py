"""True sizes on the ground, whatever the projection of a scene.

Areas are measured in a Lambert azimuthal equal-area projection around the middle of the scene (Snyder 1987, chapter
24), which keeps areas on the WGS 84 ellipsoid everywhere.

Example:
    >>> with rasterio.open("scene.tif") as source:
    ...     Ground.of(source.crs, source.transform, source.height, source.width).resolution_m
    20.0
"""

from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.warp import transform


@dataclass(frozen=True)
class Ground:
    """The ground that a scene shows.

    Attributes:
        crs: Projection of the scene.
        equal_area: The projection in which areas are measured, in metres.
        resolution_m: Edge in metres of a square as large as the pixel in the middle of the scene.
    """

    crs: CRS
    equal_area: CRS
    resolution_m: float

    @classmethod
    def of(cls, crs: CRS, placement: Affine, height: int, width: int) -> "Ground":
        """The ground under a grid of ``height`` and ``width`` pixels."""
        column, row = width / 2, height / 2
        (longitude,), (latitude,) = transform(
            crs, CRS.from_epsg(4326), *([value] for value in placement @ (column, row))
        )
        equal_area = CRS.from_proj4(f"+proj=laea +lat_0={latitude!r} +lon_0={longitude!r} +datum=WGS84 +units=m")
        corners = [placement @ (column + x, row + y) for x, y in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))]
        xs, ys = transform(crs, equal_area, *zip(*corners, strict=True))
        pixel = shapely.Polygon(zip(xs, ys, strict=True))
        return cls(crs, equal_area, float(np.sqrt(pixel.area)))

    def to_metres(self, shapes: NDArray[np.object_]) -> NDArray[np.object_]:
        """Geometries of the scene's projection in metres of the equal-area one."""
        return projected(shapes, self.crs, self.equal_area)

    def from_metres(self, shapes: NDArray[np.object_]) -> NDArray[np.object_]:
        """The way back."""
        return projected(shapes, self.equal_area, self.crs)


def projected(shapes: NDArray[np.object_], source: CRS, target: CRS) -> NDArray[np.object_]:
    """Geometries in another projection, vertex by vertex."""

    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack(transform(source, target, points[:, 0], points[:, 1]), axis=1)

    return np.asarray(shapely.transform(shapes, move), object) if len(shapes) else shapes
