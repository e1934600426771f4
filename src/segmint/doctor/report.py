"""``report.html`` for people and ``findings.json`` for programs.

Example:
    >>> write(Path("doctor"), examine(recipe), "python src/train.py")
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from segmint.data.splits import SPLITS
from segmint.doctor import balance, drawings
from segmint.doctor.examination import Examination, shift_in_words
from segmint.drawing.figures import Drawing, drawn
from segmint.drawing.page import template
from segmint.files import replace_file

_PAIRS, _WORST, _PER_FINDING = 6, 8, 2
_LISTED = 50
"""Examples of a finding on the page; ``findings.json`` has all."""


def write(folder: Path, found: Examination, next_command: str) -> None:
    """Write both files, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    shares = class_shares(found)
    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    replace_file(folder / "findings.json", json.dumps(_plain(found, shares, created), indent=2) + "\n")
    page = template(Path(__file__).with_name("report.html.j2")).render(
        found=found,
        created=created,
        data=found.recipe.data,
        listed=_LISTED,
        next_command=next_command,
        shares=shares,
        bars=_bars(found, shares),
        outlines=_outlines(found),
        pairs=list(_pairs(found)),
        shift_words=shift_in_words(found.shift, found.shift_m) if found.shift else "",
        evidence=drawn(drawings.shift_evidence(found, found.shift)) if found.shift else None,
        splits=SPLITS,
    )
    replace_file(folder / "report.html", page)


def class_shares(found: Examination) -> dict[str, dict[str, float]]:
    """Share of each class in the pixels that count, per split, 0..1."""
    names = [item.name for item in found.recipe.data.classes]
    shares = {}
    for side in found.survey.sides:
        counts = balance.pixels(found.portraits, side, len(names))[:-1]
        shares[side] = {name: float(count / max(1, counts.sum())) for name, count in zip(names, counts, strict=True)}
    return shares


def _plain(found: Examination, shares: dict[str, dict[str, float]], created: str) -> dict[str, Any]:
    shift = found.shift
    return {
        "created": created,
        "recipe": found.recipe.recipe,
        "chips_dir": found.recipe.data.chips_dir,
        "labels_dir": found.recipe.data.labels_dir,
        "chips": len(found.survey.chips),
        "split_rule": found.survey.split.rule if found.survey.split else None,
        "refused": found.refused,
        "label_shift": None
        if shift is None
        else {
            "right_px": shift.right,
            "down_px": shift.down,
            "right_m": found.shift_m[0] if found.shift_m else None,
            "down_m": found.shift_m[1] if found.shift_m else None,
            "agreement": round(shift.agreement, 4),
            "confidence": round(shift.confidence, 4),
            "clear": shift.clear,
        },
        "class_share": shares,
        "findings": [finding.plain() for finding in found.findings],
    }


def _bars(found: Examination, shares: dict[str, dict[str, float]]) -> Drawing | None:
    colours = {item.name: item.color for item in found.recipe.data.classes}
    return drawn(drawings.class_bars(shares, colours)) if found.portraits else None


def _outlines(found: Examination) -> Drawing | None:
    """Worst chips of every finding, and where there are none the first chips."""
    known = {item.stem for item in found.portraits}
    captions: dict[str, str] = {}
    for finding in found.findings:
        cases = (case for case in finding.examples if case.name in known and case.name not in captions)
        for case in islice(cases, _PER_FINDING):
            captions[case.name] = f"{finding.kind}\n{case.detail}"
    for item in found.portraits[:4]:
        captions.setdefault(item.stem, "as it is")
    return drawn(drawings.outlined_chips(found, dict(islice(captions.items(), _WORST)))) if captions else None


def _pairs(found: Examination) -> Iterator[Drawing]:
    """The likest pairs, those across splits first."""
    for pair in sorted(found.pairs, key=lambda pair: not found.across(pair))[:_PAIRS]:
        one, other = found.portraits[pair.one], found.portraits[pair.other]
        sides = [" and ".join(sorted(item.sides)) for item in (one, other)]
        title = f"{sides[0]} and {sides[1]}: likeness {pair.likeness:.2f}"
        yield drawn(drawings.pair_side_by_side(found, one.stem, other.stem, title))
