"""A raster that grows by rows, and the Cloud Optimized GeoTIFF that it becomes.

Rows are appended to a plain file, line after line with the bands of a line one behind the other, so that the file's
size alone tells how many rows are finished. A GDAL VRT beside it says what the numbers are (grid, colours, names,
nodata); GDAL's COG driver turns the two into the GeoTIFF that is published.

Example:
    >>> layer = Layer(Path("work/classes.raw"), "uint8", channels=1, width=4096)
    >>> layer.append(np.zeros((1, 192, 4096), np.uint8))
    >>> layer.rows
    192
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, tostring

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS

_DEFLATE_LEVEL = "1"
"""Of fractions: level 6 takes a third longer to make their file 2 % smaller."""

_GDAL_TYPES = {"uint8": "Byte", "uint16": "UInt16", "float32": "Float32"}


@dataclass(frozen=True)
class Layer:
    """Rows in a file.

    Attributes:
        path: The file.
        dtype: ``uint8``, ``uint16`` or ``float32``.
        channels: Bands.
        width: Columns.
    """

    path: Path
    dtype: str
    channels: int
    width: int

    @property
    def line_bytes(self) -> int:
        """Bytes of one row of all bands."""
        return np.dtype(self.dtype).itemsize * self.channels * self.width

    @property
    def rows(self) -> int:
        """Finished rows."""
        return self.path.stat().st_size // self.line_bytes if self.path.exists() else 0

    def keep(self, rows: int) -> None:
        """Drop everything behind the first ``rows`` rows."""
        with self.path.open("ab") as stream:
            stream.truncate(rows * self.line_bytes)

    def append(self, values: NDArray[np.generic]) -> None:
        """Add rows ``[channels, n, width]``."""
        with self.path.open("ab") as stream:
            stream.write(np.ascontiguousarray(values.swapaxes(0, 1), np.dtype(self.dtype).newbyteorder("<")).data)

    def read(self, row: int, count: int) -> NDArray[np.generic]:
        """Rows ``[channels, count, width]`` that were added before."""
        with self.path.open("rb") as stream:
            stream.seek(row * self.line_bytes)
            lines = np.frombuffer(stream.read(count * self.line_bytes), np.dtype(self.dtype).newbyteorder("<"))
        return lines.reshape(count, self.channels, self.width).swapaxes(0, 1)


@dataclass(frozen=True)
class Description:
    """What the numbers of a layer are.

    Attributes:
        crs: Projection, or None without a georeference.
        transform: From pixels to the projection.
        nodata: Value of pixels without an answer.
        bands: A name for each band.
        colours: ``#RRGGBB`` by value; only of a layer of classes.
        categories: Names by value; only of a layer of classes.
        scale: What a stored number is multiplied by.
        tags: Further facts about the whole.
    """

    crs: CRS | None
    transform: Affine
    nodata: float
    bands: Sequence[str]
    colours: Sequence[str] = ()
    categories: Sequence[str] = ()
    scale: float = 1.0
    tags: Mapping[str, str] = field(default_factory=dict)


def describe(layer: Layer, description: Description) -> Path:
    """Write the VRT beside a layer and return its path; GDAL opens it as it opens any raster."""
    root = Element("VRTDataset", rasterXSize=str(layer.width), rasterYSize=str(layer.rows))
    if description.crs is not None:
        SubElement(root, "SRS", dataAxisToSRSAxisMapping="1,2").text = description.crs.to_wkt()
        SubElement(root, "GeoTransform").text = ", ".join(repr(float(v)) for v in description.transform.to_gdal())
    tags = SubElement(root, "Metadata")
    for key, value in description.tags.items():
        SubElement(tags, "MDI", key=key).text = value
    size = np.dtype(layer.dtype).itemsize
    for number, name in enumerate(description.bands):
        kind = _GDAL_TYPES[layer.dtype]
        band = SubElement(root, "VRTRasterBand", dataType=kind, band=str(number + 1), subClass="VRTRawRasterBand")
        SubElement(band, "Description").text = name
        SubElement(band, "NoDataValue").text = f"{description.nodata:g}"
        if description.scale != 1:
            SubElement(band, "Scale").text = repr(description.scale)
        if description.colours:
            SubElement(band, "ColorInterp").text = "Palette"
            table = SubElement(band, "ColorTable")
            for colour in description.colours:
                red, green, blue = bytes.fromhex(colour[1:])
                SubElement(table, "Entry", c1=str(red), c2=str(green), c3=str(blue), c4="255")
        if description.categories:
            names = SubElement(band, "CategoryNames")
            for category in description.categories:
                SubElement(names, "Category").text = category
        SubElement(band, "SourceFilename", relativetoVRT="1").text = layer.path.name
        SubElement(band, "ImageOffset").text = str(number * layer.width * size)
        SubElement(band, "PixelOffset").text = str(size)
        SubElement(band, "LineOffset").text = str(layer.line_bytes)
        SubElement(band, "ByteOrder").text = "LSB"
    path = layer.path.with_suffix(".vrt")
    path.write_bytes(tostring(root))
    return path


def optimise(layers: Mapping[Layer, Description]) -> list[Path]:
    """Write layers beside each other as Cloud Optimized GeoTIFFs with overviews, and return their paths."""
    one_cache = rasterio.Env(GDAL_CACHEMAX=64 * 2**20)  # of the whole process, whichever thread sets it
    with one_cache, ThreadPoolExecutor(len(layers)) as threads:
        return list(threads.map(_optimise, layers, layers.values()))


def _optimise(layer: Layer, description: Description) -> Path:
    """One layer; overviews are nearest of classes and mean of all else."""
    source, target, classes = describe(layer, description), layer.path.with_suffix(".tif"), bool(description.colours)
    resampling = "NEAREST" if classes else "AVERAGE"
    predictor = "NO" if classes else "FLOATING_POINT" if layer.dtype == "float32" else "STANDARD"
    options = {"COMPRESS": "DEFLATE", "PREDICTOR": predictor, "BIGTIFF": "IF_SAFER", "BLOCKSIZE": "512"}
    if layer.dtype == "float32":
        options["LEVEL"] = _DEFLATE_LEVEL
    with rasterio.Env(GDAL_NUM_THREADS="ALL_CPUS"):
        rasterio.shutil.copy(source, target, driver="COG", RESAMPLING=resampling, **options)
    return target
