"""What one look at every tile leaves behind: figures of each chip, a thumbnail, and where labels lie.

Memory grows by some 10 kB per chip; no more than one tile is held at a time.

Example:
    >>> album = portray(survey(recipe), recipe)
    >>> album.portraits[0].counts["train"], album.register.shift()
    (array([40010, 25526, 0]), Shift(right=0, down=0, ...))
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from segmint.data.chips import IGNORE, Chip
from segmint.data.labels import Label
from segmint.data.tiles import Rectangle, Tile, partition
from segmint.doctor.duplicates import EDGE, Likeness
from segmint.doctor.registration import Register
from segmint.doctor.survey import Survey
from segmint.interface import Band
from segmint.recipe import Recipe

_LARGEST = 1024
"""Edge in pixels of the largest piece that is read at once."""
_SAMPLED = 4096
"""About how many pixels of a chip its level is taken from."""


@dataclass(frozen=True)
class Portrait:
    """A chip in figures.

    Attributes:
        stem: Its name.
        group: What the reader knows it must not be parted from, or None.
        counts: Per split, pixels of each class and, last, of those that count nowhere.
        showing: Per split, tiles that show each class.
        pixels: Pixels looked at.
        empty: Pixels without a value.
        black: Pixels whose stored bands are all 0, of whole-number types.
        white: Pixels whose stored bands are all at the end of the data type's range.
        levels: Per band, the 99th percentile of the stored values' size; NaN where there is none.
        flat: Per band, whether all its values are equal.
        likeness: What it is compared with other chips by.
    """

    stem: str
    group: str | None
    counts: dict[str, NDArray[np.int64]]
    showing: dict[str, NDArray[np.int64]]
    pixels: int
    empty: int
    black: int
    white: int
    levels: NDArray[np.float64]
    flat: NDArray[np.bool_]
    likeness: Likeness

    @property
    def total(self) -> NDArray[np.int64]:
        """Pixels of each class over all splits, and last of those that count nowhere."""
        return np.asarray(np.sum(list(self.counts.values()), axis=0), np.int64)

    @property
    def sides(self) -> set[str]:
        """Splits that it stands in."""
        return set(self.counts)


@dataclass(frozen=True)
class Album:
    """All portraits, and what was measured of labels against images."""

    portraits: list[Portrait]
    register: Register


def portray(found: Survey, recipe: Recipe) -> Album:
    """Look at every tile of every chip once."""
    register = Register(len(recipe.data.classes))
    portraits = [
        _portrait(chip, tiles, found.bands, register)
        for chip, tiles in zip(found.chips, found.tiles(), strict=True)
        if tiles
    ]
    return Album(portraits, register)


def shown_bands(bands: Sequence[Band]) -> list[int]:
    """Positions of red, green and blue, else of the first three bands."""
    names = [band.name for band in bands]
    if {"red", "green", "blue"} <= set(names):
        return [names.index(name) for name in ("red", "green", "blue")]
    return list(range(min(3, len(bands))))


def _portrait(chip: Chip, tiles: Sequence[tuple[str, Tile]], bands: tuple[Band, ...], register: Register) -> Portrait:
    pixels, classes = _Pixels(chip, bands), register.classes
    counts: dict[str, NDArray[np.int64]] = {}
    showing: dict[str, NDArray[np.int64]] = {}
    for side, tile in tiles:
        shown = np.zeros(classes + 1, np.int64)
        for window in partition(tile.row, tile.col, tile.height, tile.width, _LARGEST):
            values, valid = chip.pixels.read(window)
            answer = chip.answer.read(window)
            pixels.add(window, values, valid, answer)
            counted = np.where(valid & (answer != IGNORE), answer, classes)
            shown += np.bincount(counted.ravel(), minlength=classes + 1)
            if isinstance(chip.answer, Label):
                register.add(values[pixels.shown], np.where(valid, answer, IGNORE).astype(np.uint8))
        counts[side] = counts.get(side, 0) + shown
        showing[side] = showing.get(side, 0) + (shown > 0)[:classes].astype(np.int64)
    return Portrait(
        stem=chip.stem,
        group=chip.group,
        counts=counts,
        showing=showing,
        pixels=pixels.seen,
        empty=pixels.empty,
        black=pixels.black,
        white=pixels.white,
        levels=pixels.levels(),
        flat=pixels.high <= pixels.low,
        likeness=Likeness.of(pixels.thumbnail()),
    )


@dataclass
class _Pixels:
    """Running figures of one chip's values."""

    chip: Chip
    bands: tuple[Band, ...]
    seen: int = 0
    empty: int = 0
    black: int = 0
    white: int = 0
    sample: list[NDArray[np.float32]] = field(default_factory=list)

    def __post_init__(self) -> None:
        count = len(self.bands)
        self.shown = shown_bands(self.bands)
        self.low, self.high = np.full(count, np.inf), np.full(count, -np.inf)
        planes = 1 if isinstance(self.chip.answer, Label) else 3
        self.sums, self.areas = np.zeros((planes, EDGE * EDGE)), np.zeros(EDGE * EDGE)
        self.step = max(1, math.isqrt(self.chip.height * self.chip.width // _SAMPLED))

    def add(
        self, window: Rectangle, values: NDArray[np.generic], valid: NDArray[np.bool_], answer: NDArray[np.uint8]
    ) -> None:
        self.seen += valid.size
        self.empty += int((~valid).sum())
        if values.dtype.kind in "ui":
            self.black += int((valid & (values == 0).all(axis=0)).sum())
            self.white += int((valid & (values == np.iinfo(str(values.dtype)).max).all(axis=0)).sum())
        real = values.astype(np.float32)
        known = valid & np.isfinite(real)
        self.low = np.minimum(self.low, np.where(known, real, np.inf).min(axis=(1, 2)))
        self.high = np.maximum(self.high, np.where(known, real, -np.inf).max(axis=(1, 2)))
        thin = (slice(None), slice(None, None, self.step), slice(None, None, self.step))
        self.sample.append(np.where(known, np.abs(real), np.nan)[thin].reshape(len(values), -1))
        row, col, height, width = window
        rows = np.arange(row, row + height) * EDGE // self.chip.height
        cols = np.arange(col, col + width) * EDGE // self.chip.width
        cells = (rows[:, None] * EDGE + cols).ravel()
        self.areas += np.bincount(cells, minlength=EDGE * EDGE)
        for plane, total in zip(self._planes(np.where(known, real, 0), answer), self.sums, strict=True):
            total += np.bincount(cells, plane.ravel(), minlength=EDGE * EDGE)

    def _planes(self, values: NDArray[np.float32], answer: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """What a chip is recognised by: its picture; of a fire the ground, the last frame and the next."""
        if len(self.sums) == 1:
            return [values[self.shown].mean(axis=0)]
        names = [band.name for band in self.bands]
        ground = next(
            (place for place, name in enumerate(names) if "_t-" not in name and self.bands[place].kind == "continuous"),
            len(names) - 1,
        )
        return [values[ground], values[names.index("fire_t-0")], (answer == 1).astype(np.float32)]

    def levels(self) -> NDArray[np.float64]:
        """99th percentile per band of the sampled sizes."""
        sizes = np.concatenate(self.sample, axis=1)
        return np.array([np.nanpercentile(row, 99) if np.isfinite(row).any() else np.nan for row in sizes])

    def thumbnail(self) -> NDArray[np.float32]:
        """Means over the cells of a grid, ``[P, 64, 64]``; a cell that no pixel falls into takes its neighbour's."""
        means = np.divide(self.sums, self.areas, out=np.zeros_like(self.sums), where=self.areas > 0)
        planes = means.reshape(-1, EDGE, EDGE)[:, _cells(self.chip.height)][:, :, _cells(self.chip.width)]
        return planes.astype(np.float32)


def _cells(length: int) -> NDArray[np.int_]:
    """The cell that each row or column of a thumbnail is taken from."""
    cells = np.arange(EDGE)
    return cells if length >= EDGE else cells * length // EDGE * EDGE // length
