"""What an examination found, worst first.

Example:
    >>> finding = Finding("warning", "empty chips", "chips show background alone", 12, (Example("a", "65,536 px"),))
    >>> finding.line()
    'warning    12  chips show background alone: a'
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from segmint.errors import SegmintError

Severity = Literal["error", "warning", "note"]
"""Error: training refuses the data. Warning: it goes on, and the model or its scores suffer. Note: good to know."""

_LISTED = 4
"""Names on a line of the console."""


@dataclass(frozen=True)
class Example:
    """One case of a finding.

    Attributes:
        name: Stem of the chip, or of two chips joined by an ampersand; empty where it is about no chip.
        detail: What was found there.
    """

    name: str
    detail: str = ""


@dataclass(frozen=True)
class Finding:
    """One kind of trouble.

    Attributes:
        severity: How bad it is.
        kind: What it is called in ``findings.json``.
        title: What was found, to be read behind the count.
        count: How many chips, pairs or classes it concerns.
        examples: Every case, worst first.
        remedy: What to do, as an instruction.
    """

    severity: Severity
    kind: str
    title: str
    count: int
    examples: tuple[Example, ...] = ()
    remedy: str = ""

    def line(self, width: int = 118) -> str:
        """The finding in one line of at most ``width`` characters; what training refuses in one of any length."""
        names = [example.name for example in self.examples if example.name]
        listed = ", ".join(names[:_LISTED]) + (" ..." if len(names) > _LISTED else "")
        line = f"{self.severity:7s} {self.count:5d}  {self.title}" + (f": {listed}" if listed else "")
        return line if len(line) <= width or not names else line[: width - 4] + " ..."

    def plain(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return asdict(self)


def refusals(errors: Sequence[SegmintError]) -> list[Finding]:
    """What training would refuse, errors with one remedy together: found, expected and remedy of each on a line."""
    groups: dict[str, list[SegmintError]] = {}
    for error in errors:
        groups.setdefault(error.remedy, []).append(error)
    return [
        Finding(
            severity="error",
            kind="refused by training",
            title=str(group[0]) + (f" And {len(group) - 1} more like it." if len(group) > 1 else ""),
            count=len(group),
            examples=tuple(Example("", str(error)) for error in group),
        )
        for group in groups.values()
    ]


def sort(findings: Iterable[Finding]) -> list[Finding]:
    """Worst first; within a severity what concerns most."""
    order = {severity: place for place, severity in enumerate(get_args(Severity))}
    return sorted(findings, key=lambda finding: (order[finding.severity], -finding.count))
