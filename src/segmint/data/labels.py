"""Label files as class maps: by declared value, by palette index, or by declared colour; and what hides them.

Example:
    >>> Label(Path("labels/a.png"), tuple(recipe.data.classes), None).read((0, 0, 256, 256))
    array([[0, 0, 1, ...]], dtype=uint8)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

from segmint.data.chips import IGNORE
from segmint.data.images import ARRAY_ENDINGS, stacked
from segmint.data.tiles import Rectangle
from segmint.errors import DataError
from segmint.recipe import ClassOfInterest


@dataclass(frozen=True)
class Label:
    """A label file, and a raster of the same size that says where a pixel cannot be judged.

    A label of three or more bands is read by colour where the classes declare colours, else as grey values.

    Attributes:
        path: The label file.
        classes: Classes with their label values or colours.
        ignore_value: Label value that counts nowhere.
        key: Array of a ``.npz`` that holds the label.
        mask: A raster such as a cloud mask, or None.
        mask_values: Values of the mask that hide a pixel.
    """

    path: Path
    classes: tuple[ClassOfInterest, ...]
    ignore_value: int | None
    key: str = "label"
    mask: Path | None = None
    mask_values: tuple[int, ...] = ()

    def read(self, window: Rectangle) -> NDArray[np.uint8]:
        """Class values ``[h, w]``, 255 where the ignore value stands or the mask hides the pixel.

        Raises:
            DataError: A file cannot be read, or holds a value or colour that no class declares.
        """
        answer = self.classify(stored_values(self.path, (self.key,), window))
        if self.mask is not None:
            answer[np.isin(stored_values(self.mask, (self.key,), window)[0], self.mask_values)] = IGNORE
        return answer

    def classify(self, stored: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Class values ``[h, w]`` of stored ones ``[bands, h, w]``, 255 where the ignore value stands.

        Raises:
            DataError: A value or colour that no class declares.
        """
        colors_declared = any(item.colors for item in self.classes)
        if len(stored) >= 3 and (colors_declared or (stored[1:3] != stored[0]).any()):
            return _by_color(self.path, stored, self.classes)
        return _by_value(self.path, stored[0], self.classes, self.ignore_value)


def size_of(path: Path, key: str) -> tuple[int, int]:
    """Height and width of a label file."""
    if path.suffix.lower() in ARRAY_ENDINGS:
        height, width = stacked(path, (key,), _ends_in_one(path, key)).shape[1:]
        return height, width
    with rasterio.open(path) as source:
        return source.height, source.width


def stored_values(path: Path, keys: tuple[str, ...], window: Rectangle) -> NDArray[np.generic]:
    """``[bands, h, w]`` of a label or mask file as stored.

    Raises:
        DataError: The file cannot be read.
    """
    row, col, height, width = window
    if path.suffix.lower() in ARRAY_ENDINGS:
        whole = stacked(path, keys, _ends_in_one(path, keys[0]))
        return whole[:, row : row + height, col : col + width]
    try:
        with rasterio.open(path) as source:
            return np.asarray(source.read(window=Window(col, row, width, height)))
    except RasterioError as error:
        raise DataError(f"label {path} cannot be read ({error})", "an image file", "Replace or remove it") from error


def _ends_in_one(path: Path, key: str) -> bool:
    """Whether a label array is ``[H, W, 1]``."""
    return bool(stacked(path, (key,), False).shape[-1] == 1)


def _by_value(
    path: Path, values: NDArray[np.generic], classes: Sequence[ClassOfInterest], ignore_value: int | None
) -> NDArray[np.uint8]:
    declared = {value: position for position, item in enumerate(classes) for value in item.values}
    if ignore_value is not None:
        declared[ignore_value] = IGNORE
    found, places = _distinct(values)
    unknown = [value.item() for value in found if value.item() not in declared]
    if unknown:
        listed = ", ".join(f"{value:g}" for value in unknown[:5]) + (" ..." if len(unknown) > 5 else "")
        wanted = "; ".join(f"{item.name} = {'/'.join(map(str, item.values))}" for item in classes)
        raise DataError(
            f"label {path} holds the undeclared value {listed}",
            wanted,
            "Declare it under data.classes values, set data.ignore_value, or fix the file",
        )
    return np.array([declared[value.item()] for value in found], np.uint8)[places]


def _distinct(values: NDArray[np.generic]) -> tuple[NDArray[np.generic], NDArray[np.intp]]:
    """The values that occur, ascending, and the place of each pixel's among them."""
    if values.dtype != np.uint8:
        found = np.unique(values)
        return found, np.searchsorted(found, values)
    occurs = np.bincount(values.ravel(), minlength=256) > 0  # far faster than sorting
    return np.flatnonzero(occurs).astype(np.uint8), (occurs.cumsum() - 1)[values]


def _by_color(path: Path, stored: NDArray[np.generic], classes: Sequence[ClassOfInterest]) -> NDArray[np.uint8]:
    declared = {int(color.lstrip("#"), 16): position for position, item in enumerate(classes) for color in item.colors}
    if not declared:
        if stored.dtype != np.uint8 or len(stored) > 4:
            raise DataError(
                f"label {path} holds {' x '.join(map(str, stored.shape))} values of {stored.dtype}",
                "one class value per pixel",
                "Check data.labels and labels_dir: images may have been taken for labels",
            )
        raise DataError(
            f"label {path} is a colour rendering with three bands",
            "one band of class values",
            "Declare which colours mean which class under data.classes colors, or use the label raster itself",
        )
    wide = stored[:3].astype(np.int64)
    codes = (wide[0] << 16) | (wide[1] << 8) | wide[2]
    found, places = _distinct(codes)
    unknown = [f"#{code:06X}" for code in found.tolist() if code not in declared]
    if unknown:
        raise DataError(
            f"label {path} holds the undeclared colour {', '.join(unknown[:5])}",
            ", ".join(f"#{code:06X}" for code in declared),
            "Declare it under data.classes colors; a JPEG cannot hold exact colours",
        )
    return np.array([declared[code] for code in found.tolist()], np.uint8)[places]
