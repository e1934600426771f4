"""Where things are, and tiny rasters made by code."""

from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared"


def write_raster(path: Path, values: np.ndarray, origin: tuple[float, float] | None, pixel: float = 0.5) -> None:
    """Write ``[C, H, W]`` as a GeoTIFF in EPSG:32636 with its upper left corner at ``origin`` (metres)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    placed = {} if origin is None else {"crs": "EPSG:32636", "transform": from_origin(*origin, pixel, pixel)}
    bands, height, width = values.shape
    with rasterio.open(
        path, "w", driver="GTiff", count=bands, height=height, width=width, dtype=values.dtype, **placed
    ) as target:
        target.write(values)
