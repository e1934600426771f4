"""Label rasters as class maps: by declared value, by palette index, or by declared colour.

Example:
    >>> read_label(Path("labels/a.png"), recipe.data.classes, ignore_value=None)
    array([[0, 0, 1, ...]], dtype=uint8)
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

from segmint.data.chips import open_raster
from segmint.data.tiles import Rectangle
from segmint.errors import DataError
from segmint.recipe import ClassOfInterest

IGNORE = 255
"""Value of pixels in class maps that count nowhere."""


def read_label(
    path: Path, classes: Sequence[ClassOfInterest], ignore_value: int | None, window: Rectangle | None = None
) -> NDArray[np.uint8]:
    """Class positions ``[H, W]`` of a label file, 255 where the ignore value stands.

    A label of three or more bands is read by colour where the classes declare colours, else as grey values.

    Args:
        path: The label file.
        classes: Classes with their label values or colours.
        ignore_value: Label value that counts nowhere.
        window: Row, column, height and width, or None for all.

    Raises:
        DataError: The file cannot be read, or holds a value or colour that no class declares.
    """
    try:
        with open_raster(path) as source:
            row, col, height, width = window or (0, 0, source.height, source.width)
            stored = source.read(window=Window(col, row, width, height))
    except RasterioError as error:
        raise DataError(f"label {path} cannot be read ({error})", "an image file", "Replace or remove it") from error
    grey = stored[0]
    colors_declared = any(item.colors for item in classes)
    if len(stored) >= 3 and (colors_declared or (stored[1:3] != grey).any()):
        return _by_color(path, stored[:3], classes)
    return _by_value(path, grey, classes, ignore_value)


def _by_value(
    path: Path, values: NDArray[np.generic], classes: Sequence[ClassOfInterest], ignore_value: int | None
) -> NDArray[np.uint8]:
    declared = {value: position for position, item in enumerate(classes) for value in item.values}
    if ignore_value is not None:
        declared[ignore_value] = IGNORE
    found = np.unique(values)
    unknown = [value.item() for value in found if value.item() not in declared]
    if unknown:
        listed = ", ".join(f"{value:g}" for value in unknown[:5]) + (" ..." if len(unknown) > 5 else "")
        wanted = "; ".join(f"{item.name} = {'/'.join(map(str, item.values))}" for item in classes)
        raise DataError(
            f"label {path} holds the undeclared value {listed}",
            wanted,
            "Declare it under data.classes values, set data.ignore_value, or fix the file",
        )
    positions = np.array([declared[value.item()] for value in found], np.uint8)
    return np.asarray(positions[np.searchsorted(found, values)])


def _by_color(path: Path, stored: NDArray[np.generic], classes: Sequence[ClassOfInterest]) -> NDArray[np.uint8]:
    declared = {int(color.lstrip("#"), 16): position for position, item in enumerate(classes) for color in item.colors}
    if not declared:
        raise DataError(
            f"label {path} is a colour rendering with three bands",
            "one band of class values",
            "Declare which colours mean which class under data.classes colors, or use the label raster itself",
        )
    wide = stored.astype(np.int64)
    codes = (wide[0] << 16) | (wide[1] << 8) | wide[2]
    found = np.unique(codes)
    unknown = [f"#{code:06X}" for code in found.tolist() if code not in declared]
    if unknown:
        raise DataError(
            f"label {path} holds the undeclared colour {', '.join(unknown[:5])}",
            ", ".join(f"#{code:06X}" for code in declared),
            "Declare it under data.classes colors; a JPEG cannot hold exact colours",
        )
    positions = np.array([declared[code] for code in found.tolist()], np.uint8)
    return np.asarray(positions[np.searchsorted(found, codes)])
