"""Everything that is looked at, in the order it is looked at.

Example:
    >>> found = examine(recipe)
    >>> print(found.findings[0].line())
    warning     3  pairs of near-duplicate chips stand on two sides of the split: a & c ...
"""

from collections.abc import Sequence
from dataclasses import dataclass

from segmint.doctor import balance, georeference, values
from segmint.doctor.duplicates import Pair
from segmint.doctor.duplicates import find as find_pairs
from segmint.doctor.findings import Example, Finding, refusals, sort
from segmint.doctor.portraits import Portrait, portray
from segmint.doctor.registration import LEAST_TILES, REACH, Shift
from segmint.doctor.survey import Survey, survey
from segmint.recipe import Recipe

_NOTICED = 2.0
"""Pixels of label shift from which it is a warning: outlines drawn by hand are no better."""


@dataclass(frozen=True)
class Examination:
    """What was looked at and what came out.

    Attributes:
        recipe: The recipe.
        survey: What the readers gave.
        portraits: One per chip that has a tile.
        pairs: Chips that show the same picture.
        shift: How far labels lie from the edges of the images, or None where that cannot be told at all.
        shift_m: The same in metres, right and down, or None without a georeference.
        findings: Worst first.
    """

    recipe: Recipe
    survey: Survey
    portraits: list[Portrait]
    pairs: list[Pair]
    shift: Shift | None
    shift_m: tuple[float, float] | None
    findings: list[Finding]

    @property
    def refused(self) -> bool:
        """Whether training would refuse the data."""
        return any(finding.severity == "error" for finding in self.findings)

    def across(self, pair: Pair) -> bool:
        """Whether a pair stands on two sides of the split."""
        one, other = self.portraits[pair.one].sides, self.portraits[pair.other].sides
        return len(one | other) > 1

    def count(self, severity: str) -> int:
        """Findings of a severity."""
        return sum(finding.severity == severity for finding in self.findings)


def examine(recipe: Recipe) -> Examination:
    """Look at a dataset.

    Raises:
        RecipeError: A folder is missing.
    """
    found = survey(recipe)
    album = portray(found, recipe)
    names = [item.name for item in recipe.data.classes]
    pairs = _of_strangers(album.portraits, find_pairs([item.likeness for item in album.portraits]))
    shift = album.register.shift()
    shift_m = _in_metres(shift, found)
    findings = refusals(found.refused)
    if recipe.data.reader == "images" and found.refused:
        findings += values.undeclared(recipe.data)
    if album.portraits:
        findings += georeference.examine(found.chips)
        findings += values.examine(found.chips, album.portraits, found.bands)
        findings += balance.examine(album.portraits, names, found.sides)
        findings += _duplicates(album.portraits, pairs)
        findings += _shifted(shift, shift_m)
    return Examination(recipe, found, album.portraits, pairs, shift, shift_m, sort(findings))


def _of_strangers(portraits: Sequence[Portrait], pairs: Sequence[Pair]) -> list[Pair]:
    """The likest pair of any two groups (sequences of a fire), and none within one; the likest stand first."""
    likest: dict[frozenset[str], Pair] = {}
    for pair in pairs:
        groups = frozenset(item.group or item.stem for item in (portraits[pair.one], portraits[pair.other]))
        if len(groups) == 2:
            likest.setdefault(groups, pair)
    return list(likest.values())


def _in_metres(shift: Shift | None, found: Survey) -> tuple[float, float] | None:
    sizes = sorted(size for chip in found.chips if (size := chip.pixel_m) is not None)
    if shift is None or not sizes:
        return None
    across, down = sizes[len(sizes) // 2]
    return shift.right * across, shift.down * down


def _duplicates(portraits: Sequence[Portrait], pairs: Sequence[Pair]) -> list[Finding]:
    apart: list[Example] = []
    together: list[Example] = []
    for pair in pairs:
        one, other = portraits[pair.one], portraits[pair.other]
        sides = [" and ".join(sorted(item.sides)) for item in (one, other)]
        case = Example(f"{one.stem} & {other.stem}", f"{sides[0]} & {sides[1]}, likeness {pair.likeness:.2f}")
        (apart if len(one.sides | other.sides) > 1 else together).append(case)
    remedy = "Give them one group (split.group_regex, split.group_file), or remove one of each pair"
    split = "pairs of near-duplicate chips stand on two sides of the split"
    same = "pairs of near-duplicate chips stand on one side of the split"
    findings = []
    if apart:
        findings.append(Finding("warning", "near-duplicates across splits", split, len(apart), tuple(apart), remedy))
    if together:
        findings.append(Finding("note", "near-duplicates", same, len(together), tuple(together)))
    return findings


def shift_in_words(shift: Shift, shift_m: tuple[float, float] | None) -> str:
    """Where labels lie, as a sentence without its stop."""
    if not shift.clear:
        reason = f"no shift within {REACH} px stands out"
        if shift.tiles < LEAST_TILES:
            reason = f"edges of labels in {shift.tiles} of at least {LEAST_TILES} tiles"
        return f"no clear answer to whether labels are shifted: {reason}"
    if not shift.right and not shift.down:
        return "labels lie where the images have their edges"
    parts = []
    for place, (size, words) in enumerate(((shift.right, ("right", "left")), (shift.down, ("down", "up")))):
        metres = f" ({abs(shift_m[place]):.2g} m)" if shift_m else ""
        if size:
            parts.append(f"{abs(size)} px{metres} too far {words[size < 0]}")
    return f"labels lie {' and '.join(parts)}"


def _shifted(shift: Shift | None, shift_m: tuple[float, float] | None) -> list[Finding]:
    if shift is None:
        return []
    words = shift_in_words(shift, shift_m)
    detail = Example("", f"agreement {shift.agreement:.2f}, confidence {shift.confidence:.0%}")
    if not shift.clear:
        return [Finding("note", "label shift unclear", words, 1, (detail,))]
    bad = shift.length >= _NOTICED
    remedy = f"Move the labels by ({-shift.right:+d}, {-shift.down:+d}) px right and down" if bad else ""
    return [Finding("warning" if bad else "note", "label shift", words, 1, (detail,), remedy)]
