"""Whether chips and labels say the same about where on the ground they lie. Training goes by the chip and the pixel.

Example:
    >>> [finding.title for finding in examine(chips)]
    ["labels lie elsewhere than their chips, by the files' own georeference"]
"""

import math
from collections import Counter
from collections.abc import Sequence

import rasterio
from rasterio import Affine
from rasterio.crs import CRS
from rasterio.warp import transform

from segmint.data.chips import Chip
from segmint.data.images import ARRAY_ENDINGS
from segmint.data.labels import Label
from segmint.doctor.findings import Example, Finding

_APART = 0.5
"""Pixels by which corners of chip and label may differ."""
_UNEVEN = 1.5
"""Ratio to the median ground size of a pixel from which a chip is told apart."""

Placed = tuple[CRS, Affine]
Point = tuple[float, float]


def examine(chips: Sequence[Chip]) -> list[Finding]:
    """Findings about georeferences, none where there is none."""
    return [*_systems(chips), *_resolutions(chips), *_labels(chips)]


def _systems(chips: Sequence[Chip]) -> list[Finding]:
    counts = Counter(chip.crs for chip in chips if chip.crs)
    if len(counts) < 2:
        return []
    usual = counts.most_common(1)[0][0]
    odd = tuple(Example(chip.stem, f"{_name(chip.crs)}") for chip in chips if chip.crs and chip.crs != usual)
    title = f"chips are in another CRS than the other {counts[usual]} ({_name(usual)})"
    remedy = "Reproject them, or train on them as they are: splits compare their places in WGS 84"
    return [Finding("warning", "several CRS", title, len(odd), odd, remedy)]


def _resolutions(chips: Sequence[Chip]) -> list[Finding]:
    sizes = {chip.stem: size for chip in chips if (size := chip.resolution_m) is not None}
    if len(sizes) < 2:
        return []
    median = sorted(sizes.values())[len(sizes) // 2]
    odd = {stem: size for stem, size in sizes.items() if max(size / median, median / size) > _UNEVEN}
    if not odd:
        return []
    cases = tuple(Example(stem, f"{size:.3g} m per pixel") for stem, size in odd.items())
    title = f"chips have another ground size of a pixel than the median, {median:.3g} m"
    remedy = "Resample them to one resolution: a network knows sizes in pixels"
    return [Finding("warning", "several resolutions", title, len(odd), cases, remedy)]


def _labels(chips: Sequence[Chip]) -> list[Finding]:
    lost, other_crs, elsewhere = [], [], []
    for chip in chips:
        placed = _placed(chip.answer)
        if placed is None:
            continue
        if chip.crs is None or chip.transform is None:
            lost.append(Example(chip.stem, f"its label is in {_name(placed[0].to_string())}"))
            continue
        crs = CRS.from_user_input(chip.crs)
        if crs != placed[0]:
            other_crs.append(Example(chip.stem, f"chip {_name(chip.crs)}, label {_name(placed[0].to_string())}"))
        if (apart := _apart(chip, crs, placed)) > _APART:
            elsewhere.append((apart, Example(chip.stem, f"corners are {apart:.1f} px apart")))
    remedy = "Check that both are the same window; training goes by the pixel and ignores the label's georeference"
    farthest = [case for _, case in sorted(elsewhere, key=lambda item: -item[0])]
    groups = (
        ("lost georeference", "chips have no georeference while their labels have", lost),
        ("label CRS", "labels are in another CRS than their chips", other_crs),
        ("label footprint", "labels lie elsewhere than their chips, by the files' own georeference", farthest),
    )
    remedies = ("Restore their sidecar (.aux.xml, .tfw) so that splits can go by the ground", remedy, remedy)
    return [
        Finding("warning", kind, title, len(cases), tuple(cases), advice)
        for (kind, title, cases), advice in zip(groups, remedies, strict=True)
        if cases
    ]


def _placed(answer: object) -> Placed | None:
    """What a label file says about its place."""
    if not isinstance(answer, Label) or answer.path.suffix.lower() in ARRAY_ENDINGS:
        return None
    with rasterio.open(answer.path) as source:
        placed = source.crs is not None and not source.transform.is_identity
        return (source.crs, source.transform) if placed else None


def _apart(chip: Chip, crs: CRS, placed: Placed) -> float:
    """Largest distance of a corner of the label from the chip's, in pixels of the chip."""
    assert chip.transform is not None
    corners: list[Point] = [(0, 0), (chip.width, 0), (0, chip.height), (chip.width, chip.height)]
    ground = _moved(corners, placed[1])
    if crs != placed[0]:
        ground = list(zip(*transform(placed[0], crs, *zip(*ground, strict=True)), strict=True))
    found = _moved(ground, ~Affine(*chip.transform))
    return max(math.dist(place, corner) for place, corner in zip(found, corners, strict=True))


def _moved(points: Sequence[Point], by: Affine) -> list[Point]:
    return [(by.a * x + by.b * y + by.c, by.d * x + by.e * y + by.f) for x, y in points]


def _name(crs: str | None) -> str:
    """A CRS in a word or two."""
    text = str(crs)
    return text if len(text) < 20 else text.split('"')[1] if '"' in text else text[:20]
