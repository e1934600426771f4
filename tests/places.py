"""Where things are, and tiny rasters made by code."""

from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

from segmint.data.chips import Chip
from segmint.data.images import RasterPixels
from segmint.data.labels import Label
from segmint.interface import Band, Input, Normalisation
from segmint.recipe import ClassOfInterest

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


def unread_chip(
    stem: str, height: int, width: int, crs: str | None = None, transform: tuple[float, ...] | None = None
) -> Chip:
    """A chip for what looks at places and sizes alone."""
    image, label = Path(f"{stem}.tif"), Path(f"{stem}_label.tif")
    files = (("chips/" + image.name, image), ("labels/" + label.name, label))
    pixels, answer = RasterPixels(image, (1,), None), Label(label, (), None)
    return Chip(stem, pixels, answer, files, height, width, "uint8", None, crs, transform)


def read_image(chip: Chip, window: tuple[int, int, int, int] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Values and validity of a chip or of a window of it."""
    return chip.pixels.read(window or (0, 0, chip.height, chip.width))


def read_label(
    path: Path,
    classes: list[ClassOfInterest],
    ignore_value: int | None,
    window: tuple[int, int, int, int] | None = None,
) -> np.ndarray:
    """Class map of a label file or of a window of it."""
    with rasterio.open(path) as source:
        whole = (0, 0, source.height, source.width)
    return Label(path, tuple(classes), ignore_value).read(window or whole)


def raster_input(names: tuple[str, ...], scale: float, mean: float, std: float, nodata: float | None = None) -> Input:
    """An 8-bit raster whose bands all have the same figures."""
    count = len(names)
    figures = {"mean": (mean,) * count, "std": (std,) * count, "source": "training split"}
    return Input(
        bands=tuple(Band(name=name) for name in names),
        source_dtype="uint8",
        value_range=(0.0, 255.0),
        nodata=nodata,
        normalisation=Normalisation(scale=scale, **figures),
    )
