"""Stored values that look wrong: of labels, and of chips.

Example:
    >>> [finding.title for finding in examine(chips, portraits, bands)]
    ['chips hold values of another magnitude, as if in other units']
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rasterio.errors import RasterioError

from segmint.data.chips import Chip
from segmint.data.labels import size_of, stored_values
from segmint.data.patterns import find
from segmint.data.tiles import partition
from segmint.doctor.findings import Example, Finding
from segmint.doctor.portraits import Portrait
from segmint.errors import DataError
from segmint.interface import Band
from segmint.recipe import DataRecipe

_MOST = 0.5
"""Share of a chip that may be empty, black or white."""
_BLACK = 0.01
"""Share of all pixels that may be black before 0 looks like nodata."""
_FACTOR = 10
"""Ratio to the median chip from which values look like other units."""
_LARGEST = 1024
_FEWEST = 4


def examine(chips: Sequence[Chip], portraits: Sequence[Portrait], bands: Sequence[Band]) -> list[Finding]:
    """Findings about the values of chips."""
    return [*_blank(portraits), *_undeclared_nodata(chips, portraits), *_units(portraits, bands), *_sizes(chips)]


def undeclared(data: DataRecipe) -> list[Finding]:
    """Label values that are no class: how many pixels of each, in which labels.

    Colour pictures and files that cannot be read are left out: the survey has told them.
    """
    declared = {value for item in data.classes for value in item.values} | {data.ignore_value}
    try:
        labels = find(Path(data.labels_dir or data.chips_dir), data.labels, "labels_dir", lambda error: None)
    except DataError:  # the survey has told it
        return []
    places: dict[float, dict[str, int]] = defaultdict(dict)
    for stem, path in labels.items():
        for value, count in _counts(path, data.label_key).items():
            if value not in declared:
                places[value][stem] = count
    cases = [
        Example(stem, f"value {value:g} on {count:,} px")
        for value, stems in sorted(places.items(), key=lambda item: -sum(item[1].values()))
        for stem, count in sorted(stems.items(), key=lambda item: -item[1])
    ]
    if not cases:
        return []
    listed = [f"{value:g} ({sum(stems.values()):,} px, {len(stems)} labels)" for value, stems in places.items()]
    title = f"labels hold values that are no class: {', '.join(listed[:4])}{' ...' if len(listed) > 4 else ''}"
    remedy = "Declare the values under data.classes, or leave one out with data.ignore_value"
    stems = {case.name for case in cases}
    return [Finding("error", "undeclared label values", title, len(stems), tuple(cases), remedy)]


def _counts(path: Path, key: str) -> dict[float, int]:
    """Pixels per stored value; of a file that cannot be read, or of a picture in colours, none: both are refused."""
    counts: dict[float, int] = defaultdict(int)
    try:
        height, width = size_of(path, key)
        for window in partition(0, 0, height, width, _LARGEST):
            stored = stored_values(path, (key,), window)
            if len(stored) >= 3 and (stored[1:3] != stored[0]).any():
                return {}
            for value, count in zip(*np.unique(stored[0], return_counts=True), strict=True):
                counts[value.item()] += int(count)
    except (DataError, RasterioError):
        return {}
    return counts


def _blank(portraits: Sequence[Portrait]) -> list[Finding]:
    kinds = (
        ("empty", "mostly nodata", "chips are mostly without a value (nodata, transparent or not finite)"),
        ("black", "mostly black", "chips are mostly 0 in every band"),
        ("white", "saturated", "chips are mostly at the end of the data type's range in every band"),
    )
    findings = []
    for trait, kind, title in kinds:
        shares = {item.stem: getattr(item, trait) / item.pixels for item in portraits}
        worst = sorted((stem for stem in shares if shares[stem] > _MOST), key=lambda stem: -shares[stem])
        cases = tuple(Example(stem, f"{shares[stem]:.0%} of its pixels") for stem in worst)
        if cases:
            remedy = "Move them away, or declare data.nodata where the value means no data"
            findings.append(Finding("warning", kind, title, len(cases), cases, remedy))
    flat = [item for item in portraits if item.flat.all() and item.empty < item.pixels]
    if flat:
        cases = tuple(Example(item.stem, "every band is constant") for item in flat)
        findings.append(
            Finding("warning", "blank chips", "chips hold one value alone", len(flat), cases, "Replace them")
        )
    return findings


def _undeclared_nodata(chips: Sequence[Chip], portraits: Sequence[Portrait]) -> list[Finding]:
    share = sum(item.black for item in portraits) / max(1, sum(item.pixels for item in portraits))
    if share <= _BLACK or chips[0].nodata == 0:
        return []
    most = sorted((item for item in portraits if item.black), key=lambda item: -item.black / item.pixels)
    cases = tuple(Example(item.stem, f"{item.black / item.pixels:.0%} of its pixels") for item in most)
    title = f"chips have pixels that are 0 in every band ({share:.1%} of all), and 0 is not declared as nodata"
    return [Finding("note", "undeclared nodata", title, len(cases), cases, "Set data.nodata=0 if they are no ground")]


def _units(portraits: Sequence[Portrait], bands: Sequence[Band]) -> list[Finding]:
    """Chips most of whose bands are ten times the median chip's, or a tenth of it."""
    measured = [place for place, band in enumerate(bands) if band.kind == "continuous"]
    if len(portraits) < _FEWEST or not measured:
        return []
    levels = np.stack([item.levels for item in portraits])[:, measured]
    usual = np.array([np.median(column[column > 0]) if (column > 0).any() else np.nan for column in levels.T])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(levels > 0, levels / usual, np.nan)
    cases = []
    for item, row in zip(portraits, ratios, strict=True):
        for odd in (row >= _FACTOR, row <= 1 / _FACTOR):
            if odd.sum() > len(measured) / 2:
                cases.append(Example(item.stem, f"{np.nanmedian(row):.3g} times the median chip's values"))
    title = "chips hold values of another magnitude, as if in other units"
    remedy = "Bring them to the units of the others (reflectance, scaled integers, kelvin ...)"
    return [Finding("warning", "other units", title, len(cases), tuple(cases), remedy)] if cases else []


def _sizes(chips: Sequence[Chip]) -> list[Finding]:
    sizes: dict[tuple[int, int], list[str]] = defaultdict(list)
    for chip in chips:
        sizes[chip.width, chip.height].append(chip.stem)
    if len(sizes) == 1:
        return []
    cases = tuple(Example(stems[0], f"{w} x {h} px, like {len(stems) - 1} more") for (w, h), stems in sizes.items())
    return [Finding("note", "several sizes", "sizes of chips; each is cut or fitted to tiles", len(sizes), cases)]
