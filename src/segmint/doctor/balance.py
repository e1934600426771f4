"""Which classes the splits hold, and chips that show one class alone.

Example:
    >>> [finding.title for finding in examine(portraits, ("background", "building"), ("train", "val", "test"))]
    ['chips show background alone']
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segmint.doctor.findings import Example, Finding, Severity
from segmint.doctor.portraits import Portrait

_FEWEST_TILES, _FEWEST_PIXELS = 3, 500
"""What a class must show in a split so that its score says something."""
_MOSTLY = 0.9
"""Share of background chips from which they are a warning."""


def pixels(portraits: Sequence[Portrait], side: str, classes: int) -> NDArray[np.int64]:
    """Pixels of each class in a split, and last of those that count nowhere."""
    total = np.zeros(classes + 1, np.int64)
    for item in portraits:
        total += item.counts.get(side, 0)
    return total


def examine(portraits: Sequence[Portrait], classes: Sequence[str], sides: Sequence[str]) -> list[Finding]:
    """Findings about classes in splits and in chips."""
    return [*_classes(portraits, classes, sides), *_single(portraits, classes), *_ignored(portraits)]


def _classes(portraits: Sequence[Portrait], classes: Sequence[str], sides: Sequence[str]) -> list[Finding]:
    counts = {side: pixels(portraits, side, len(classes)) for side in sides}
    showing = {
        side: np.sum([item.showing[side] for item in portraits if side in item.showing], axis=0) for side in sides
    }
    never, untrained, rare = [], [], []
    for value, name in enumerate(classes):
        if not any(counts[side][value] for side in sides):
            never.append(Example(name, "no pixel in any split"))
            continue
        for side in sides:
            found, tiles = int(counts[side][value]), int(showing[side][value]) if np.ndim(showing[side]) else 0
            if side == "train" and not found:
                elsewhere = ", ".join(f"{int(counts[other][value]):,} px in {other}" for other in sides[1:])
                untrained.append(Example(name, elsewhere))
            elif side in ("val", "test") and (tiles < _FEWEST_TILES or found < _FEWEST_PIXELS):
                rare.append(Example(f"{name} in {side}", f"{found:,} px in {tiles} tiles"))
    return [
        Finding(severity, kind, title, len(cases), tuple(cases), remedy)
        for severity, kind, title, cases, remedy in _kinds(never, untrained, rare)
        if cases
    ]


def _kinds(
    never: list[Example], untrained: list[Example], rare: list[Example]
) -> list[tuple[Severity, str, str, list[Example], str]]:
    seed = "Add chips that show them, or set another split.seed or other groups"
    declare = "Check data.classes values against the labels, or take the class out of the recipe"
    return [
        ("warning", "class nowhere", "declared classes occur in no label", never, declare),
        (
            "warning",
            "class untrained",
            "classes occur in no training tile, so that they cannot be learned",
            untrained,
            seed,
        ),
        (
            "warning",
            "class too rare",
            "scores of classes would rest on too few pixels or tiles to say anything",
            rare,
            seed,
        ),
    ]


def _single(portraits: Sequence[Portrait], classes: Sequence[str]) -> list[Finding]:
    findings = []
    for value, name in enumerate(classes):
        alone = [item for item in portraits if item.total[value] and item.total[value] == item.total[:-1].sum()]
        if not alone:
            continue
        cases = tuple(Example(item.stem, f"{int(item.total[value]):,} px of {name}") for item in alone)
        if value == 0:
            severity: Severity = "warning" if len(alone) > _MOSTLY * len(portraits) else "note"
            remedy = "They teach what is not to be found; training.sampling=foreground draws them less often"
            findings.append(Finding(severity, "empty chips", f"chips show {name} alone", len(alone), cases, remedy))
        else:
            title, remedy = f"chips show {name} alone, from edge to edge", "Look at their labels"
            findings.append(Finding("warning", "one class", title, len(alone), cases, remedy))
    return findings


def _ignored(portraits: Sequence[Portrait]) -> list[Finding]:
    lost = [item for item in portraits if not item.total[:-1].sum()]
    cases = tuple(Example(item.stem, "no pixel counts") for item in lost)
    title, remedy = "chips have no pixel that counts", "Move them away: they cost time and teach nothing"
    return [Finding("warning", "ignored chips", title, len(lost), cases, remedy)] if lost else []
