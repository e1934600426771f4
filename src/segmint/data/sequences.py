"""Fires as chips: what burned so far, the wind and the ground in one raster; the next frame as the answer.

A sequence of F frames gives F - 1 chips. Chip k knows frames and wind of hours 0 to k and is asked for frame k + 1. Its
bands, for H = ``data.history``: ``fire_t-{H-1}`` to ``fire_t-0`` (1 burned, 0 not, -1 no such step or unknown),
``wind_speed_t-{H-1}`` to ``wind_speed_t-0``, ``wind_direction_t-{H-1}`` to ``wind_direction_t-0`` (constant over the
raster, NaN without such a step), then the landscape's in the recipe's order (NaN without a value). A short history
stands at the right: ``t-0`` is always the newest step.

Example:
    >>> chips = find_sequences(recipe.data)
    >>> chips[3].stem, chips[3].pixels.read((0, 0, 96, 96))[0].shape, len(packed_bands(recipe.data))
    ('sequence_0001_t3', (29, 96, 96), 29)
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segmint.data import landscape
from segmint.data.chips import IGNORE, Chip
from segmint.data.fingerprint import sidecars
from segmint.data.frames import decoded
from segmint.data.landscape import Ground, wind
from segmint.data.tiles import Rectangle
from segmint.dataset_recipe import DataRecipe
from segmint.errors import DataError, Refuse, stop
from segmint.interface import Band

_FOLDER = re.compile(r"sequence_(\d{3,})")


def packed_bands(data: DataRecipe) -> tuple[Band, ...]:
    """The bands of every chip, in order."""
    ground = (
        Band(name=band.name, wavelength_um=band.wavelength_um, kind=band.kind, categories=tuple(band.categories))
        for band in data.bands
    )
    return (*history_bands(data.history), *ground)


def history_bands(steps: int) -> tuple[Band, ...]:
    """Fire, wind speed and wind direction of each step, the oldest first."""
    ages = range(steps - 1, -1, -1)
    return (
        *(Band(name=f"fire_t-{age}", kind="categorical", categories=(0, 1)) for age in ages),
        *(Band(name=f"wind_speed_t-{age}") for age in ages),
        *(Band(name=f"wind_direction_t-{age}", kind="circular") for age in ages),
    )


@dataclass(frozen=True)
class FireHistory:
    """What is known when a step is foretold.

    Attributes:
        frames: Every fire frame of the sequence.
        last: Position of the newest frame that is known.
        steps: Steps of the packed raster.
        weather: Weather file; row k belongs to frame k.
        ground: The landscape.
        top: First row of the sequence's window in the landscape.
        left: First column.
        ignore_value: Value of unknown pixels in frames of one band, or None.
    """

    frames: tuple[Path, ...]
    last: int
    steps: int
    weather: Path
    ground: Ground
    top: int
    left: int
    ignore_value: int | None

    def read(self, window: Rectangle) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Values ``[3 H + C, h, w]`` float32 in the order of :func:`packed_bands`; every pixel is valid."""
        row, col, height, width = window
        terrain = self.ground.read((self.top + row, self.left + col, height, width))
        known = min(self.last + 1, self.steps)
        steps = slice(self.last + 1 - known, self.last + 1)
        fires = decoded(self.frames, self.ignore_value)[steps, row : row + height, col : col + width]
        packed = np.full((3 * self.steps + len(terrain), height, width), np.nan, np.float32)
        packed[: self.steps] = -1
        packed[self.steps - known : self.steps] = np.where(fires == IGNORE, np.float32(-1), fires)
        for place, series in enumerate(wind(self.weather)[steps].T, start=2):
            packed[place * self.steps - known : place * self.steps] = series[:, None, None]
        packed[3 * self.steps :] = terrain
        return packed, np.ones((height, width), bool)


@dataclass(frozen=True)
class NextFrame:
    """The frame that is foretold.

    Attributes:
        frames: Every frame of the sequence that may be asked for.
        position: Which of them.
        ignore_value: Value of unknown pixels in frames of one band, or None.
    """

    frames: tuple[Path, ...]
    position: int
    ignore_value: int | None

    def read(self, window: Rectangle) -> NDArray[np.uint8]:
        """Class values ``[h, w]``: 0 not burned, 1 burned, 255 unknown."""
        row, col, height, width = window
        stack = decoded(self.frames, self.ignore_value)
        return np.array(stack[self.position, row : row + height, col : col + width], np.uint8)


def find_sequences(data: DataRecipe, refuse: Refuse = stop) -> list[Chip]:
    """Every step of every sequence below ``data.chips_dir``, sorted by sequence and step.

    What lies in ``fire_frames`` is the dataset: it may be a subset of the sequences that the other files name.

    Args:
        data: Where they are and what they must hold.
        refuse: What is done about a sequence that cannot be trained on; by default its error is raised.

    Raises:
        DataError: A part of the layout that is missing, numbers that do not run on, frames in other colours, sizes that
            differ, weather shorter than the fire, a landscape without a band or with an undeclared code.
    """
    decoded.cache_clear()
    landscape.forget()
    root = Path(data.chips_dir)
    terrain, fires = root / "landscape", _sequences(root / "fire_frames")
    ground = landscape.open_ground(terrain / landscape.RASTER, data)
    indices, history = terrain / landscape.WINDOWS, terrain / landscape.HISTORY
    windows, weathers = landscape.read_windows(indices, ground.size), landscape.read_weather_files(terrain)
    _require(fires, windows, root / "fire_frames", indices, refuse)
    if windows.keys() - fires.keys():
        print(f"sequences: {len(fires)} of the {len(windows)} that {indices} names are in {root / 'fire_frames'}")
    isochrones = _sequences(root / "isochrones") if data.target == "isochrone" else fires
    _require(fires, isochrones, root / "fire_frames", root / "isochrones", refuse)
    chips: list[Chip] = []
    for number in sorted(fires.keys() & windows.keys() & isochrones.keys()):
        folder = fires[number]
        try:
            frames = _frames(folder, "fire", None)
            targets = frames if isochrones is fires else _frames(isochrones[number], "iso", len(frames))
            top, left, *size = windows[number]
            for paths in filter(None, dict.fromkeys((frames, targets))):
                if list(shape := decoded(paths, data.ignore_value).shape[1:]) != size:
                    found = f"frame {paths[0]} has {shape} rows and columns, its window in {indices} {tuple(size)}"
                    raise DataError(found, "the same size", "Use the frames and indices of one and the same run")
            weather = landscape.weather_of(number, len(frames) - 1, weathers, history)
        except DataError as error:
            refuse(error)
            continue
        common = (weather, history, indices, ground.path, *sidecars(ground.path))
        for last in range(len(frames) - 1):
            position = last + 1 + len(targets) - len(frames)
            known = frames[max(0, last + 1 - data.history) : last + 1]
            made_of = (*reversed(known), targets[position], *common)
            chips.append(
                Chip(
                    stem=f"{folder.name}_t{last}",
                    pixels=FireHistory(frames, last, data.history, weather, ground, top, left, data.ignore_value),
                    answer=NextFrame(targets, position, data.ignore_value),
                    files=tuple((path.relative_to(root).as_posix(), path) for path in made_of),
                    height=size[0],
                    width=size[1],
                    dtype="float32",
                    group=folder.name,
                )
            )
    if not chips:
        found = f"{root / 'fire_frames'}: every sequence has a single frame"
        raise DataError(found, "two frames or more, a history and what comes next", "Add sequences")
    return chips


def _sequences(parent: Path) -> dict[int, Path]:
    """Folders ``sequence_###`` by number."""
    folders: dict[int, Path] = {}
    for folder in sorted(parent.iterdir()) if parent.is_dir() else ():
        if not folder.is_dir() or folder.name.startswith("."):
            continue
        match = _FOLDER.fullmatch(folder.name)
        if match is None:
            raise DataError(f"folder {folder}", "sequence_ and at least three digits", "Rename it or move it away")
        if int(match[1]) in folders:
            found = f"{folders[int(match[1])]} and {folder.name} have the same number"
            raise DataError(found, "one folder per sequence", "Remove or rename one")
        folders[int(match[1])] = folder
    if not folders:
        raise DataError(f"{parent} holds no sequence", "folders sequence_001, sequence_002, ...", "Set data.chips_dir")
    return folders


def _require(numbers: Iterable[int], others: Iterable[int], here: Path, there: Path, refuse: Refuse) -> None:
    """Refuse sequences that are here and not there."""
    lacking = sorted(set(numbers) - set(others))
    if lacking:
        listed = ", ".join(map(str, lacking[:5])) + (" ..." if len(lacking) > 5 else "")
        refuse(DataError(f"{here} has sequence {listed}, {there} not", "the same sequences", "Add or remove them"))


def _frames(folder: Path, prefix: str, count: int | None) -> tuple[Path, ...]:
    """Frames by the number in their name; ``count`` tells how many there must be, an isochrone 0 or none."""
    found: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        match = re.fullmatch(rf"{prefix}_(\d+)\.(png|tiff?)", path.name, re.IGNORECASE)
        if match is not None and int(match[1]) in found:
            raise DataError(f"{found[int(match[1])]} and {path.name} have the same number", "one", "Remove one")
        if match is not None:
            found[int(match[1])] = path
    first = 1 if count is not None and 0 not in found else 0
    wanted = range(first, count if count is not None else max(found, default=0) + 1)
    gaps = [number for number in wanted if number not in found]
    extra = [number for number in sorted(found) if number not in wanted]
    if gaps or extra:
        what = f"has no frame {gaps[0]}" if gaps else f"has a frame {extra[0]} that fire_frames has not"
        names = f"{prefix}_{wanted[0] if wanted else 0:03d}.png to {prefix}_{max(wanted.stop - 1, 0):03d}.png"
        raise DataError(f"{folder} {what}", f"{names} without a gap", "Add the missing frame or remove the sequence")
    return tuple(found[number] for number in wanted)
