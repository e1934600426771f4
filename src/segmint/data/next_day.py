"""Next Day Wildfire Spread as chips: a day's fire, weather and ground in one raster, the next day as the answer.

Every ``.npz`` file is one chip: ``inputs`` ``[12, H, W]`` and ``targets`` ``[1, H, W]`` on a grid of 1 km (Huot et al.
2022). The bands stand as those of :mod:`segmint.data.sequences` with one step of history: ``fire_t-0`` (1 fire, 0 none,
-1 unknown), ``wind_speed_t-0`` (m/s), ``wind_direction_t-0`` (degrees), then ground and weather.

Example:
    >>> chips = find_samples(recipe.data)
    >>> chips[0].stem, chips[0].pixels.read((0, 0, 64, 64))[0].shape
    ('EVTUNK_000215', (12, 64, 64))
"""

import zipfile
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segmint import dataset_recipe
from segmint.data.chips import IGNORE, Chip
from segmint.data.images import filled
from segmint.data.patterns import find, split_folders
from segmint.data.sequences import history_bands
from segmint.data.tiles import Rectangle
from segmint.dataset_recipe import DataRecipe
from segmint.errors import DataError, Refuse, stop
from segmint.interface import Band

FILE_BANDS = (
    "elevation",
    "ndvi",
    "erc",
    "pdsi",
    "population",
    "precipitation",
    "humidity",
    "wind_direction_t-0",
    "tmin",
    "tmax",
    "wind_speed_t-0",
    "fire_t-0",
)
"""Planes of ``inputs`` in order; NDVI times 10 000, temperatures in kelvin."""

_HISTORY = history_bands(1)
_GROUND = tuple(name for name in FILE_BANDS if name not in {band.name for band in _HISTORY})
_SAMPLES = "*.npz"
UNKNOWN = -1


def packed_bands(data: DataRecipe) -> tuple[Band, ...]:
    """The bands of every chip: the step, then those that data.bands names, or all nine where it is left as it is.

    Raises:
        DataError: A band that the samples do not have.
    """
    ground = (
        Band(name=band.name, wavelength_um=band.wavelength_um, kind=band.kind, categories=tuple(band.categories))
        for band in _ground(data)
    )
    return (*_HISTORY, *ground)


@dataclass(frozen=True)
class DayInputs:
    """What is known on a day.

    Attributes:
        path: The sample.
        planes: Planes of ``inputs`` to read, from 0.
    """

    path: Path
    planes: tuple[int, ...]

    def read(self, window: Rectangle) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Values ``[C, h, w]`` float32 as stored; valid where any of them is a number."""
        row, col, height, width = window
        values = loaded(self.path)[0][list(self.planes), row : row + height, col : col + width]
        return values, filled(values, None)


@dataclass(frozen=True)
class NextDay:
    """The fire mask of the day after.

    Attributes:
        path: The sample.
        ignore_value: A value that counts nowhere, beside -1, or None.
    """

    path: Path
    ignore_value: int | None

    def read(self, window: Rectangle) -> NDArray[np.uint8]:
        """Class values ``[h, w]``: 0 no fire, 1 fire, 255 unknown."""
        row, col, height, width = window
        stored = loaded(self.path)[1][row : row + height, col : col + width]
        unknown = ~np.isfinite(stored) | (stored == UNKNOWN)
        if self.ignore_value is not None:
            unknown |= stored == self.ignore_value
        return np.where(unknown, IGNORE, stored == 1).astype(np.uint8)


def find_samples(data: DataRecipe, refuse: Refuse = stop) -> list[Chip]:
    """Every sample below ``data.chips_dir``, folders inside included, sorted by stem.

    Args:
        data: Where they are and which bands are taken.
        refuse: What is done about a sample that cannot be trained on; by default its error is raised.

    Raises:
        DataError: No sample, two of one stem, or one that cannot be read or holds a value that is not known.
    """
    loaded.cache_clear()
    root = Path(data.chips_dir)
    names = [band.name for band in _HISTORY] + [band.source or band.name for band in _ground(data)]
    planes = tuple(FILE_BANDS.index(name) for name in names)
    sides = {} if data.split_folders == "ignore" else split_folders(root, _SAMPLES, "chips_dir")
    found = find(root, _SAMPLES, "chips_dir", refuse, sides, needed=False)
    if not found:
        raise DataError(f"{root} holds no sample", ".npz files with inputs and targets", "Check data.chips_dir")
    chips = []
    for stem, path in found.items():
        try:
            chip = _checked(stem, path, root, planes, data.ignore_value)
            chips.append(replace(chip, side=sides.get(stem.partition("/")[0])))
        except DataError as error:
            refuse(error)
    return chips


def _ground(data: DataRecipe) -> list[dataset_recipe.Band]:
    if not data.bands or data.bands == DataRecipe().bands:
        return [dataset_recipe.Band(name) for name in _GROUND]
    for band in data.bands:
        if (band.source or band.name) not in _GROUND:
            found = f"data.bands names {band.source or band.name}"
            raise DataError(found, f"bands among {', '.join(_GROUND)}", "Correct data.bands, or leave it empty for all")
    return data.bands


@lru_cache(maxsize=256)
def loaded(path: Path) -> tuple[NDArray[np.float32], NDArray[np.generic]]:
    """Inputs ``[12, H, W]`` and targets ``[H, W]`` as stored; not to be written to.

    The last 256 samples stay in memory: 59 MB of 64 x 64 px.

    Raises:
        DataError: A file that cannot be read, lacks an array, or holds one of another shape.
    """
    layout = f"inputs [{len(FILE_BANDS)}, H, W] and targets [1, H, W]"
    try:
        with np.load(path, allow_pickle=False) as content:
            held = {key: content[key] for key in content.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read ({error})", f"an npz file with {layout}", "Replace it") from error
    inputs, targets = held.get("inputs"), held.get("targets")
    if inputs is None or targets is None or inputs.shape != (len(FILE_BANDS), *targets.shape[1:]) or len(targets) != 1:
        shapes = ", ".join(f"{key} {list(array.shape)}" for key, array in held.items())
        raise DataError(f"{path} holds {shapes or 'nothing'}", layout, "Replace it")
    values, answer = inputs.astype(np.float32), targets[0]
    values.setflags(write=False)
    answer.setflags(write=False)
    return values, answer


def _checked(stem: str, path: Path, root: Path, planes: tuple[int, ...], ignore_value: int | None) -> Chip:
    inputs, targets = loaded(path)
    fire = inputs[FILE_BANDS.index("fire_t-0")]
    for name, plane, more in (
        ("inputs (fire of the day)", fire, {UNKNOWN}),
        ("targets", targets, {UNKNOWN, ignore_value}),
    ):
        other = [f"{value:g}" for value in np.unique(plane[np.isfinite(plane)]).tolist() if value not in {0, 1} | more]
        if other:
            found = f"{path}: {name} holds {', '.join(other[:5])}{' ...' if len(other) > 5 else ''}"
            raise DataError(found, "0, 1 and -1 for unknown", "Replace it, or set data.ignore_value for the targets")
    height, width = targets.shape
    name = path.relative_to(root).as_posix()
    return Chip(stem, DayInputs(path, planes), NextDay(path, ignore_value), ((name, path),), height, width, "float32")
