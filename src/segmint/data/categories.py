"""Codes of categorical bands: those that the training split shows are the model's, any other counts as missing.

A recipe may declare the codes of a band; where it does not, they are learned. Steps of a fire's history are left out:
their codes are fixed, and -1 says that a step is unknown.

Example:
    >>> bands, notes = settle(bands, chips, split)
    >>> bands[24].categories
    (1, 2, 4)
    >>> notes
    ('fuels: 1, 2, 4 learned from the training split; 7 (310 px) is no code of the model and counts as missing',)
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from segmint.data.chips import Chip
from segmint.data.parallel import in_order
from segmint.data.splits import Split
from segmint.data.tiles import Tile
from segmint.errors import DataError
from segmint.interface import Band

_MOST = 256
"""Most codes that are learned: each becomes a channel of the network."""

_LISTED = 40
"""Most codes that a sentence lists."""

Codes = Mapping[int, Counter[float]]
"""Position of a band -> pixels of each value."""


def settle(bands: Sequence[Band], chips: Sequence[Chip], split: Split) -> tuple[tuple[Band, ...], tuple[str, ...]]:
    """The bands with the codes of the training split where none are declared, and what is to be said of their codes.

    Raises:
        DataError: A band to learn that holds fractions, more than 256 codes, or nothing.
    """
    places = categorical(bands)
    found = {side: count_codes(places, chips, tiles) for side, tiles in split.tiles.items()} if places else {}
    settled, notes = list(bands), []
    for place in places:
        band, learned = bands[place], ""
        if not band.categories:
            band = band.model_copy(update={"categories": _learned(band.name, found["train"][place])})
            learned = f"{_listed(map(str, band.categories))} learned from the training split"
        settled[place] = band
        everywhere: Counter[float] = sum((codes[place] for codes in found.values()), Counter())
        sentence = "; ".join(filter(None, (learned, _missing(band, everywhere))))
        if sentence:
            notes.append(f"{band.name}: {sentence}")
    return tuple(settled), tuple(notes)


def unknown_codes(bands: Sequence[Band], found: Codes, sampled: int | None = None) -> tuple[str, ...]:
    """A sentence for each band of a model with values that are none of its codes.

    Args:
        bands: The model's.
        found: Pixels of each value.
        sampled: Number of pixels that were looked at, where they are a sample of all: shares are said then.
    """
    return tuple(
        f"{bands[place].name}: {sentence}"
        for place, codes in found.items()
        if (sentence := _missing(bands[place], codes, sampled))
    )


def count_codes(places: Iterable[int], chips: Sequence[Chip], tiles: Iterable[Tile]) -> Codes:
    """Pixels of each value of some bands; ground that several steps of a fire share counts once."""
    windows = {
        (chip.group or chip.stem, tile.row, tile.col, tile.height, tile.width): (chip, tile)
        for tile in tiles
        for chip in (chips[tile.chip],)
    }
    places = tuple(places)

    def read(window: tuple[Chip, Tile]) -> Codes:
        chip, tile = window
        values, valid = chip.pixels.read((tile.row, tile.col, tile.height, tile.width))
        return codes_of(places, values[:, valid], chip.nodata)

    total: dict[int, Counter[float]] = {place: Counter() for place in places}
    for codes in in_order(read, windows.values()):
        for place in places:
            total[place] += codes[place]
    return total


def codes_of(places: Iterable[int], values: NDArray[np.generic], nodata: float | None) -> Codes:
    """Pixels of each value of some bands of ``[C, N]``, but for nodata and what is not finite."""
    counted: dict[int, Counter[float]] = {}
    for place in places:
        plane = values[place]
        codes, counts = np.unique(plane[np.isfinite(plane)], return_counts=True)
        pairs = zip(codes.tolist(), counts.tolist(), strict=True)
        counted[place] = Counter({code: count for code, count in pairs if code != nodata})
    return counted


def categorical(bands: Sequence[Band]) -> list[int]:
    """Positions of the categorical bands but for steps of a history."""
    return [place for place, band in enumerate(bands) if band.kind == "categorical" and "_t-" not in band.name]


def _learned(name: str, codes: Counter[float]) -> tuple[int, ...]:
    remedy = f"Make the kind of {name} in data.bands continuous, or declare its categories"
    fractions = [code for code in codes if code != int(code)]
    if fractions:
        raise DataError(f"categorical band {name} holds {min(fractions):g}", "whole numbers as codes", remedy)
    if not 0 < len(codes) <= _MOST:
        found = f"categorical band {name} holds {len(codes)} codes in the training split"
        raise DataError(found, f"1 to {_MOST}", remedy)
    return tuple(sorted(int(code) for code in codes))


def _missing(band: Band, codes: Counter[float], sampled: int | None = None) -> str:
    unknown = sorted(code for code in codes if code not in band.categories)
    if not unknown:
        return ""
    amounts = {code: f"about {codes[code] / sampled:.1%}" if sampled else f"{codes[code]:,} px" for code in unknown}
    listed = _listed(f"{code:g} ({amount})" for code, amount in amounts.items())
    one, several = "is no code of the model and counts", "are no codes of the model and count"
    return f"{listed} {one if len(unknown) == 1 else several} as missing"


def _listed(codes: Iterable[str]) -> str:
    first = list(codes)
    return ", ".join(first[:_LISTED]) + (f" and {len(first) - _LISTED} more" if len(first) > _LISTED else "")
