"""Figures of the raw training pixels, in one streaming pass.

Mean and variance are merged chunk by chunk in float64 after Chan, Golub and LeVeque (1979), which stays exact where
``E[x^2] - E[x]^2`` cancels. Percentiles are exact for integers of up to 16 bits (a histogram) and come from a seeded
sample of bounded size otherwise.

Example:
    >>> statistics = measure(chips, split, Scaling.of(recipe.data, "uint8"), ("background", "building"))
    >>> statistics.bands[0].mean, statistics.class_share
    (112.4, {'background': 0.55, 'building': 0.45})
"""

from collections.abc import Sequence
from dataclasses import dataclass

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
    bands = [_Moments(chips[0].dtype) for _ in scaling.bands]
    derived = [_Moments("float32") for _ in scaling.derived]
    counts = np.zeros(len(classes), np.int64)

    def read(tile: Tile) -> tuple[NDArray[np.generic], NDArray[np.bool_], NDArray[np.uint8]]:
        window = (tile.row, tile.col, tile.height, tile.width)
        return *chips[tile.chip].pixels.read(window), chips[tile.chip].answer.read(window)

    for pixels, valid, answer in in_order(read, split.tiles["train"]):
        counts += np.bincount(answer[valid & (answer != IGNORE)], minlength=len(counts))
        stored = pixels[:, valid]
        indices = scaling.derive(stored)
        for moments, values in zip((*bands, *derived), (*stored, *indices), strict=True):
            moments.add(values[np.isfinite(values)])
    total = max(int(counts.sum()), 1)
    return Statistics(
        bands=tuple(moments.result() for moments in (*bands, *derived)),
        class_share={name: float(n) / total for name, n in zip(classes, counts, strict=True)},
        pixels={name: sum(tile.height * tile.width for tile in split.tiles[name]) for name in SPLITS},
        tiles={name: len(split.tiles[name]) for name in SPLITS},
        chips={name: len({tile.chip for tile in split.tiles[name]}) for name in SPLITS},
        sizes=tuple(sorted({(chip.height, chip.width) for chip in chips})),
        dtype=chips[0].dtype,
    )


class _Moments:
    """Running figures of one band."""

    def __init__(self, dtype: str) -> None:
        self.count, self.mean, self.squares = 0, 0.0, 0.0
        self.minimum, self.maximum = np.inf, -np.inf
        integer = np.issubdtype(np.dtype(dtype), np.integer) and np.dtype(dtype).itemsize <= 2
        self.offset = int(np.iinfo(dtype).min) if integer else 0
        self.histogram = np.zeros(2 ** (8 * np.dtype(dtype).itemsize), np.int64) if integer else None
        self.sample = np.empty(0)
        self.draw = np.random.default_rng(0)

    def add(self, stored: NDArray[np.generic]) -> None:
        """Merge a chunk of valid values."""
        if stored.size == 0:
            return
        values = stored.astype(np.float64)
        mean = float(values.mean())
        squares = float(((values - mean) ** 2).sum())
        together = self.count + values.size
        step = mean - self.mean
        self.squares += squares + step * step * self.count * values.size / together
        self.mean += step * values.size / together
        self.minimum, self.maximum = min(self.minimum, values.min()), max(self.maximum, values.max())
        if self.histogram is not None:
            places = stored.astype(np.int64) - self.offset
            self.histogram += np.bincount(places, minlength=len(self.histogram))
        else:
            self._sample(values, together)
        self.count = together

    def _sample(self, values: NDArray[np.float64], together: int) -> None:
        """Keep a uniform sample: as many of the new values as their share of all."""
        fresh = min(values.size, max(1, round(_SAMPLE * values.size / together)))
        kept = min(len(self.sample), _SAMPLE - fresh)
        self.sample = np.concatenate(
            [
                self.draw.choice(self.sample, kept, replace=False) if kept else self.sample[:0],
                self.draw.choice(values, fresh, replace=False),
            ]
        )

    def result(self) -> BandStatistics:
        """The figures; all zero for a band without any valid value."""
        if self.count == 0:
            return BandStatistics(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        std = float(np.sqrt(self.squares / self.count))
        points = [self._percentile(percent) for percent in PERCENTILES]
        return BandStatistics(self.mean, std, float(self.minimum), float(self.maximum), *points)

    def _percentile(self, percent: int) -> float:
        """The smallest value that at least ``percent`` of the values do not exceed."""
        if self.histogram is None:
            return float(np.percentile(self.sample, percent, method="inverted_cdf"))
        reached = np.searchsorted(self.histogram.cumsum(), percent / 100 * self.count - 1e-9)
        return float(reached + self.offset)
