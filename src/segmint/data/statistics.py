"""Figures of the raw training pixels, in one streaming pass.

Of integers of up to 16 bits it is counted how often each occurs, which gives every figure exactly. Of all else mean and
variance are merged chunk by chunk in float64 after Chan, Golub and LeVeque (1979), which stays exact where
``E[x^2] - E[x]^2`` cancels, and percentiles come from a seeded sample of bounded size.

Example:
    >>> statistics = measure(chips, split, Scaling.of(recipe.data, "uint8"), ("background", "building"))
    >>> statistics.bands[0].mean, statistics.class_share
    (112.4, {'background': 0.55, 'building': 0.45})
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmint.data.chips import IGNORE, Chip
from segmint.data.parallel import in_order
from segmint.data.splits import SPLITS, Split
from segmint.data.tiles import Tile
from segmint.interface import DerivedBand

PERCENTILES = (1, 25, 50, 75, 99)
_SAMPLE = 200_000


@dataclass(frozen=True)
class BandStatistics:
    """One band, in raw (stored) units."""

    mean: float
    std: float
    minimum: float
    maximum: float
    p01: float
    p25: float
    p50: float
    p75: float
    p99: float


_NO_VALUES = BandStatistics(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Statistics:
    """A dataset in figures.

    Attributes:
        bands: Per band, over the valid training pixels, then per derived band, in its own units.
        class_share: Share of each class in the training pixels that count, 0..1.
        pixels: Pixels per split.
        tiles: Tiles per split.
        chips: Chips per split.
        sizes: Distinct (height, width) of the chips.
        dtype: Stored data type.
    """

    bands: tuple[BandStatistics, ...]
    class_share: dict[str, float]
    pixels: dict[str, int]
    tiles: dict[str, int]
    chips: dict[str, int]
    sizes: tuple[tuple[int, int], ...]
    dtype: str

    def flat(self, band_names: Sequence[str]) -> dict[str, float | int | str]:
        """Every figure under a name of its own, for logging."""
        figures: dict[str, float | int | str] = {"dtype": self.dtype}
        for name, band in zip(band_names, self.bands, strict=True):
            figures |= {f"{name}.{key}": round(value, 6) for key, value in vars(band).items()}
        figures |= {f"class_share.{name}": round(share, 6) for name, share in self.class_share.items()}
        for split in SPLITS:
            figures |= {f"{split}_chips": self.chips[split], f"{split}_tiles": self.tiles[split]}
        figures["sizes"] = ", ".join(f"{width}x{height}" for height, width in self.sizes)
        return figures


@dataclass(frozen=True)
class Scaling:
    """How stored values become physical ones, and which bands are computed from those.

    Attributes:
        scale: Divisor of stored values.
        offset: Added after the division.
        bands: Names of the bands in order.
        derived: Bands computed from the scaled ones.
    """

    scale: float
    offset: float
    bands: tuple[str, ...]
    derived: tuple[DerivedBand, ...]

    def derive(self, stored: NDArray[np.generic]) -> NDArray[np.float32]:
        """Derived bands ``[D, ...]`` of stored values ``[C, ...]``; not finite where they are not defined."""
        if not self.derived:
            return np.empty((0, *stored.shape[1:]), np.float32)
        scaled = stored.astype(np.float32) / np.float32(self.scale) + np.float32(self.offset)
        known = dict(zip(self.bands, scaled, strict=True))
        for band in self.derived:
            one, other = known[band.of[0]], known[band.of[1]]
            if band.kind == "difference":
                known[band.name] = one - other
            else:
                with np.errstate(divide="ignore", invalid="ignore"):
                    known[band.name] = np.clip((one - other) / (one + other), -1, 1)
        return np.array([known[band.name] for band in self.derived], np.float32).reshape(-1, *stored.shape[1:])


def measure(chips: Sequence[Chip], split: Split, scaling: Scaling, classes: Sequence[str]) -> Statistics:
    """Measure the training tiles of a split; memory does not grow with the dataset."""
    kind = np.dtype(chips[0].dtype)
    short = np.issubdtype(kind, np.integer) and kind.itemsize <= 2
    bands = [_Counts(kind) if short else _Moments() for _ in scaling.bands]
    derived = [_Moments() for _ in scaling.derived]
    counts = np.zeros(len(classes), np.int64)

    def read(tile: Tile) -> tuple[NDArray[np.generic], NDArray[np.float32], NDArray[np.uint8]]:
        """Valid pixels ``[C, n]``, what is derived of them ``[D, n]``, and the classes that count."""
        window = (tile.row, tile.col, tile.height, tile.width)
        pixels, valid = chips[tile.chip].pixels.read(window)
        answer = chips[tile.chip].answer.read(window)
        stored = pixels.reshape(len(pixels), -1) if valid.all() else pixels[:, valid]
        return stored, scaling.derive(stored), answer[valid & (answer != IGNORE)]

    for stored, indices, answer in in_order(read, split.tiles["train"]):
        counts += np.bincount(answer, minlength=len(counts))
        for figures, values in zip((*bands, *derived), (*stored, *indices), strict=True):
            figures.add(values)
    total = max(int(counts.sum()), 1)
    return Statistics(
        bands=tuple(figures.result() for figures in (*bands, *derived)),
        class_share={name: float(n) / total for name, n in zip(classes, counts, strict=True)},
        pixels={name: sum(tile.height * tile.width for tile in split.tiles[name]) for name in SPLITS},
        tiles={name: len(split.tiles[name]) for name in SPLITS},
        chips={name: len({tile.chip for tile in split.tiles[name]}) for name in SPLITS},
        sizes=tuple(sorted({(chip.height, chip.width) for chip in chips})),
        dtype=chips[0].dtype,
    )


class _Counts:
    """How often each value of a band of short integers occurs."""

    def __init__(self, kind: np.dtype[Any]) -> None:
        self.lowest = int(np.iinfo(kind).min)
        self.counts = np.zeros(2 ** (8 * kind.itemsize), np.int64)

    def add(self, stored: NDArray[np.generic]) -> None:
        """Count valid values."""
        self.counts += np.bincount(stored.astype(np.int64) - self.lowest, minlength=len(self.counts))

    def result(self) -> BandStatistics:
        """The figures; all zero for a band without any valid value."""
        count = int(self.counts.sum())
        if count == 0:
            return _NO_VALUES
        occurs = np.flatnonzero(self.counts)
        values, counts = occurs + self.lowest, self.counts[occurs]
        mean = float(values @ counts) / count
        std = float(np.sqrt((values - mean) ** 2 @ counts / count))
        # the smallest value that at least so many percent do not exceed
        reached = np.searchsorted(counts.cumsum(), np.array(PERCENTILES) / 100 * count - 1e-9)
        return BandStatistics(mean, std, float(values[0]), float(values[-1]), *map(float, values[reached]))


class _Moments:
    """Running figures of a band of any other type."""

    def __init__(self) -> None:
        self.count, self.mean, self.squares = 0, 0.0, 0.0
        self.minimum, self.maximum = np.inf, -np.inf
        self.sample = np.empty(0)
        self.draw = np.random.default_rng(0)

    def add(self, stored: NDArray[np.generic]) -> None:
        """Merge a chunk of valid values; those that are not finite are left out."""
        values = stored[np.isfinite(stored)].astype(np.float64)
        if values.size == 0:
            return
        mean = float(values.mean())
        squares = float(((values - mean) ** 2).sum())
        together = self.count + values.size
        step = mean - self.mean
        self.squares += squares + step * step * self.count * values.size / together
        self.mean += step * values.size / together
        self.minimum, self.maximum = min(self.minimum, values.min()), max(self.maximum, values.max())
        self._sample(values, together)
        self.count = together

    def _sample(self, values: NDArray[np.float64], together: int) -> None:
        """Keep all while there is room, then a uniform sample: places are given to new values by their share of all."""
        if len(self.sample) < _SAMPLE:
            self.sample = np.concatenate([self.sample, values])
            if together > _SAMPLE:
                self.sample = self.draw.choice(self.sample, _SAMPLE, replace=False)
            return
        fresh = self.draw.binomial(_SAMPLE, values.size / together)
        places = self.draw.choice(_SAMPLE, fresh, replace=False, shuffle=False)
        self.sample[places] = values[self.draw.integers(values.size, size=fresh)]

    def result(self) -> BandStatistics:
        """The figures; all zero for a band without any valid value."""
        if self.count == 0:
            return _NO_VALUES
        std = float(np.sqrt(self.squares / self.count))
        points = np.percentile(self.sample, PERCENTILES, method="inverted_cdf")
        return BandStatistics(self.mean, std, float(self.minimum), float(self.maximum), *map(float, points))
