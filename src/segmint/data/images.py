"""Image files as values: rasters that GDAL opens, and numpy arrays.

Example:
    >>> RasterPixels(Path("a.tif"), (1, 2, 3), None).read((0, 0, 256, 256))[0].shape
    (3, 256, 256)
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import RasterioError
from rasterio.windows import Window

from segmint.data.tiles import Rectangle
from segmint.errors import DataError
from segmint.fit import upright

ARRAY_ENDINGS = (".npy", ".npz")
IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", *ARRAY_ENDINGS)


@dataclass(frozen=True)
class RasterPixels:
    """Chosen bands of a raster file.

    Attributes:
        path: The file.
        indexes: Bands to read, from 1.
        nodata: Raw value of empty pixels, or None.
        orientation: EXIF orientation of a photograph, 1 to 8.
    """

    path: Path
    indexes: tuple[int, ...]
    nodata: float | None
    orientation: int = 1

    def read(self, window: Rectangle) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Values ``[C, h, w]``, and where they are valid: alpha, mask, and not every band nodata or not finite.

        Raises:
            DataError: The file cannot be read.
        """
        try:
            with rasterio.open(self.path) as source:
                part = _window(window if self.orientation == 1 else (0, 0, source.height, source.width))
                values = source.read(list(self.indexes), window=part)
                alpha_is_a_band = has_alpha(source) and source.count in self.indexes
                masked = MaskFlags.per_dataset in source.mask_flag_enums[0] and not alpha_is_a_band
                seen = source.dataset_mask(window=part) > 0 if masked else np.ones(values.shape[1:], bool)
        except RasterioError as error:
            found = f"chip {self.path} cannot be read ({error})"
            raise DataError(found, "an image file", "Replace or remove it") from error
        if self.orientation != 1:
            row, col, height, width = window
            inside = (slice(None), slice(row, row + height), slice(col, col + width))
            values, (seen,) = (upright(array, self.orientation)[inside] for array in (values, seen[None]))
        return values, seen & filled(values, self.nodata)


@dataclass(frozen=True)
class ArrayPixels:
    """Chosen bands of numpy arrays.

    Attributes:
        path: A ``.npy`` or ``.npz`` file.
        keys: Arrays of the ``.npz`` that are laid one behind the other; not used for ``.npy``.
        indexes: Bands to read, from 1.
        channels_last: Whether the arrays are ``[H, W, C]``.
        nodata: Raw value of empty pixels, or None.
    """

    path: Path
    keys: tuple[str, ...]
    indexes: tuple[int, ...]
    channels_last: bool
    nodata: float | None

    def read(self, window: Rectangle) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Values ``[C, h, w]``, and where they are valid: not every band nodata or not finite."""
        row, col, height, width = window
        whole = stacked(self.path, self.keys, self.channels_last)
        values = whole[[index - 1 for index in self.indexes], row : row + height, col : col + width]
        return values, filled(values, self.nodata)


@lru_cache(maxsize=64)
def stacked(path: Path, keys: tuple[str, ...], channels_last: bool) -> NDArray[np.generic]:
    """The arrays of a file as one ``[C, H, W]``; files that were read last stay in memory.

    Raises:
        DataError: The file cannot be read, holds Python objects, or lacks an array.
    """
    try:
        content = np.load(path, allow_pickle=False)
        arrays = [content] if isinstance(content, np.ndarray) else [content[key] for key in keys]
    except KeyError as error:
        raise DataError(f"{path} holds {', '.join(content)}", f"the array {error}", "Set data.image_keys") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error})", "a numpy file", "Replace or remove it") from error
    planes = [array[None] if array.ndim == 2 else array for array in arrays]
    turned = [np.moveaxis(array, -1, 0) if channels_last and len(array) != 1 else array for array in planes]
    return np.concatenate(turned)


def filled(values: NDArray[np.generic], nodata: float | None) -> NDArray[np.bool_]:
    """``[h, w]``, False where every band of ``[C, h, w]`` is nodata or not finite."""
    if nodata is None and np.issubdtype(values.dtype, np.integer):
        return np.ones(values.shape[1:], bool)
    empty = ~np.isfinite(values)
    if nodata is not None:
        empty |= values == nodata
    return np.asarray(~empty.all(axis=0))


def orientation_of(source: rasterio.io.DatasetReader) -> int:
    """EXIF orientation of a photograph; 1 for a raster that has its place on the ground."""
    if source.crs is not None:
        return 1
    text = source.tags().get("EXIF_Orientation", "1")
    return int(text) if text in tuple("12345678") else 1


def has_alpha(source: rasterio.io.DatasetReader) -> bool:
    """Whether the last band is an alpha band."""
    return bool(source.colorinterp[-1] == ColorInterp.alpha)


def _window(window: Rectangle) -> Window:
    row, col, height, width = window
    return Window(col, row, width, height)
