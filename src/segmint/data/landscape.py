"""The ground a fire spreads over and the wind that drives it: one raster, a window of it per fire, hourly weather.

Example:
    >>> ground = open_ground(Path("landscape/Input_Geotiff.tif"), recipe.data)
    >>> ground.read((116, 83, 96, 96)).shape, wind(Path("landscape/Weathers/Weather66.csv")).shape
    ((5, 96, 96), (8, 2))
"""

import csv
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PureWindowsPath

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from segmint.data.tiles import Rectangle
from segmint.dataset_recipe import DataRecipe
from segmint.errors import DataError

RASTER, WINDOWS, HISTORY, WEATHERS = "Input_Geotiff.tif", "indices.json", "WeatherHistory.csv", "Weathers"
"""Names below the folder ``landscape``."""

_LISTED = 40
"""Most codes that a message lists."""


@dataclass(frozen=True)
class Ground:
    """Chosen bands of the landscape.

    Attributes:
        path: The raster.
        indexes: Bands to read, from 1.
        nodata: Raw value of empty pixels in place of what the file declares, or None.
    """

    path: Path
    indexes: tuple[int, ...]
    nodata: float | None

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the whole raster."""
        height, width = _bands(self.path, self.indexes, self.nodata).shape[1:]
        return height, width

    def read(self, window: Rectangle) -> NDArray[np.float32]:
        """Values ``[C, h, w]`` as stored, NaN where a band has none; not to be written to."""
        row, col, height, width = window
        return _bands(self.path, self.indexes, self.nodata)[:, row : row + height, col : col + width]


def open_ground(path: Path, data: DataRecipe) -> Ground:
    """The landscape with the recipe's bands, picked by name.

    Raises:
        DataError: A file that cannot be read, a band that it does not have, a code that its band does not declare.
    """
    if not path.is_file():
        raise DataError(f"{path.parent} holds no {path.name}", "the landscape raster", "Add it or check data.chips_dir")
    try:
        with rasterio.open(path) as source:
            names = source.descriptions
            indexes = _indexes(path, names, data)
    except RasterioError as error:
        raise _unreadable(path, error) from error
    ground = Ground(path, indexes, data.nodata)
    others = [name or f"number {place}" for place, name in enumerate(names, start=1) if place not in indexes]
    if others:
        taken = ", ".join(band.source or band.name for band in data.bands)
        print(f"landscape: takes {taken} of {path}, and not {', '.join(others)} (data.bands)", flush=True)
    for band, plane in zip(data.bands, ground.read((0, 0, *ground.size)), strict=True):
        if band.categories:
            _check_codes(path, band.source or band.name, plane, band.categories)
    return ground


def read_windows(path: Path, size: tuple[int, int]) -> dict[int, Rectangle]:
    """Window of the landscape per sequence number, from ``{"n": [row0, row1, col0, col1]}``.

    Args:
        path: The JSON file.
        size: Rows and columns of the landscape.

    Raises:
        DataError: A file that cannot be read, or a window that is none or lies outside.
    """
    layout = '{"1": [row0, row1, col0, col1], ...}'
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=list)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error})", layout, "Add or repair it") from error
    windows: dict[int, Rectangle] = {}
    for entry in content if isinstance(content, list) else [content]:
        key, edges = entry if isinstance(entry, tuple) else (entry, None)
        if not (str(key).isdecimal() and isinstance(edges, list) and [type(edge) for edge in edges] == [int] * 4):
            raise DataError(f"{path} holds {key}: {edges}", f"{layout}, whole numbers", "Repair the file")
        top, bottom, left, right = edges
        if not (0 <= top < bottom <= size[0] and 0 <= left < right <= size[1]):
            raise DataError(
                f"{path}: the window of sequence {key} is rows {top} to {bottom}, columns {left} to {right}",
                f"a part of the landscape's {size[0]} rows and {size[1]} columns",
                "Use the indices that belong to this landscape",
            )
        if int(key) in windows:
            raise DataError(f"{path} has two windows of sequence {int(key)}", "one", "Remove one")
        windows[int(key)] = (top, left, bottom - top, right - left)
    return windows


def read_weather_files(folder: Path) -> dict[int, Path]:
    """Weather file per sequence number: row n of the history, whatever folder it names, is the file of sequence n.

    Args:
        folder: The folder of the landscape.

    Raises:
        DataError: A history that cannot be read, or with a row that names no CSV file.
    """
    path = folder / HISTORY
    rows = _rows(path)
    for number, row in enumerate(rows, start=1):
        if row and not row[0].lower().endswith(".csv"):
            found, wanted = f"{path} row {number} is '{','.join(row)}'", "the name of a weather file, no header"
            raise DataError(found, wanted, "Let row n name the weather of sequence n")
    return {number: folder / WEATHERS / PureWindowsPath(row[0]).name for number, row in enumerate(rows, start=1) if row}


def weather_of(number: int, steps: int, files: Mapping[int, Path], history: Path) -> Path:
    """The weather file of a sequence.

    Args:
        number: Number of the sequence.
        steps: Rows that its fire needs.
        files: What :func:`read_weather_files` found.
        history: The file it was read from, for messages.

    Raises:
        DataError: No row, no file, or a file with fewer rows.
    """
    if number not in files:
        raise DataError(f"{history} has no row {number}", f"the weather of sequence {number} there", "Add the row")
    path = files[number]
    if not path.is_file():
        found = f"{history} row {number} names {path.name}, which is not in {path.parent}"
        raise DataError(found, "a file of that name", "Add it or correct the row")
    if len(wind(path)) < steps:
        found = f"weather {path} has {len(wind(path))} rows, sequence {number} {steps + 1} frames"
        raise DataError(found, f"at least {steps} rows, row k for frame k", "Use the weather that drove this fire")
    return path


@lru_cache(maxsize=4096)
def wind(path: Path) -> NDArray[np.float32]:
    """Wind ``[T, 2]`` of a weather file: speed (column WS) and direction in degrees (WD), as stored.

    The last 4096 files stay in memory, a few hundred bytes each; not to be written to.

    Raises:
        DataError: A file that cannot be read, or without these columns, or with a row that lacks a number.
    """
    header, *rows = _rows(path) or [[]]
    names = [name.upper() for name in header]
    missing = [name for name in ("WS", "WD") if name not in names]
    if missing:
        found = f"weather {path} has no column {' and no '.join(missing)}: {', '.join(header)}"
        raise DataError(found, "WS (wind speed) and WD (wind direction, degrees)", "Add or rename the column")
    while rows and not rows[-1]:
        rows.pop()
    columns = (names.index("WS"), names.index("WD"))
    try:
        table = np.array([[float(row[column]) for column in columns] for row in rows], np.float32).reshape(-1, 2)
    except (ValueError, IndexError) as error:
        found = f"weather {path} has a row without a number under WS or WD ({error})"
        raise DataError(found, "a wind speed and a wind direction in every row", "Repair the file") from error
    if not np.isfinite(table).all():
        row = int(np.argmin(np.isfinite(table).all(axis=1))) + 2
        raise DataError(f"weather {path} line {row} is not finite", "numbers under WS and WD", "Repair the file")
    table.setflags(write=False)
    return table


def forget() -> None:
    """Drop landscapes and weather from memory; they may have changed on disk."""
    _bands.cache_clear()
    wind.cache_clear()


@lru_cache(maxsize=2)
def _bands(path: Path, indexes: tuple[int, ...], nodata: float | None) -> NDArray[np.float32]:
    """``[C, H, W]`` of the whole raster; two rasters stay in memory, 4 bytes per band and pixel."""
    try:
        with rasterio.open(path) as source:
            values = np.empty((0, source.height, source.width), np.float32)
            if indexes:
                values = np.asarray(_filled(source, indexes, nodata), np.float32)
    except RasterioError as error:
        raise _unreadable(path, error) from error
    values[~np.isfinite(values)] = np.nan
    values.setflags(write=False)
    return values


def _filled(source: rasterio.io.DatasetReader, indexes: tuple[int, ...], nodata: float | None) -> NDArray[np.floating]:
    if nodata is None:
        return np.asarray(source.read(list(indexes), masked=True).astype(np.float32).filled(np.nan))
    stored = source.read(list(indexes))
    return np.where(stored == nodata, np.float32(np.nan), stored.astype(np.float32))


def _indexes(path: Path, descriptions: Sequence[str | None], data: DataRecipe) -> tuple[int, ...]:
    """Positions of the recipe's bands, from 1; names compare without case."""
    wanted = [(band.source or band.name).casefold() for band in data.bands]
    own = [(name or "").casefold() for name in descriptions]
    told = [name.casefold() for name in data.file_bands or ()]
    if told and len(told) != len(own):
        found = f"data.file_bands names {len(told)} bands, {path} has {len(own)}"
        raise DataError(found, "a name for each band of the file", "Correct data.file_bands")
    for names in (own, told):
        if names and set(wanted) <= set(names):
            double = [name for name, count in Counter(names).items() if count > 1 and name in wanted]
            if double:
                found = f"landscape {path} has two bands named {double[0]}"
                raise DataError(found, "one", "Give its bands names of their own")
            return tuple(names.index(name) + 1 for name in wanted)
    lacking = [name for name in wanted if name not in own and name not in told]
    held = ", ".join(name or "(no name)" for name in descriptions)
    raise DataError(
        f"landscape {path} has the bands {held}",
        f"among them {', '.join(lacking or wanted)}",
        "Set data.bands (source: the name in the file), or data.file_bands where the file does not name its bands",
    )


def _check_codes(path: Path, name: str, plane: NDArray[np.float32], declared: Sequence[int]) -> None:
    codes = np.unique(plane[np.isfinite(plane)])
    unknown = [f"{code:g}" for code in codes.tolist() if code not in declared]
    if unknown:
        listed = ", ".join(unknown[:_LISTED]) + (" ..." if len(unknown) > _LISTED else "")
        raise DataError(
            f"landscape {path}: categorical band {name} holds the undeclared code {listed}",
            f"codes {', '.join(map(str, declared))}",
            f"Add them to categories of {name} in data.bands, leave categories empty to learn them, or set data.nodata",
        )


def _rows(path: Path) -> list[list[str]]:
    """Cells of a CSV file without the blanks around them; a blank line is an empty row."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = [[cell.strip() for cell in row] for row in csv.reader(stream)]
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{path} cannot be read ({error})", "a CSV file", "Add or repair it") from error
    return [row if any(row) else [] for row in rows]


def _unreadable(path: Path, error: RasterioError) -> DataError:
    return DataError(f"landscape {path} cannot be read ({error})", "a raster file", "Replace or repair it")
