"""One check of a finished model: what was looked at, and what was found.

Example:
    >>> print(check("contract", str, "version 2").line())
    ok     contract              version 2
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ParamSpec

from segmint.errors import ExportError, SegmintError

Arguments = ParamSpec("Arguments")

_LISTED = 3
"""Errors of one check that are told in full."""


@dataclass(frozen=True)
class Check:
    """The outcome of a check.

    Attributes:
        name: What was looked at.
        finding: What is right, or what was found, what was expected and what to do.
        passed: Whether it is right.
    """

    name: str
    finding: str
    passed: bool

    def line(self) -> str:
        """For the console."""
        return f"{'ok' if self.passed else 'FAULT':6s} {self.name:21s} {self.finding}"


def check(name: str, look: Callable[Arguments, str], *given: Arguments.args, **named: Arguments.kwargs) -> Check:
    """Look; what is returned is said of what is right, what is raised is the fault."""
    try:
        return Check(name, look(*given, **named), True)
    except SegmintError as error:
        return Check(name, str(error), False)
    except Exception as error:  # whatever a runtime raises at a damaged file is the finding
        reason = f"{type(error).__name__}: {next(iter(str(error).strip().splitlines()), 'no reason given')}"
        return Check(name, str(ExportError(reason[:300], "a file that its runtime opens", "Export it again")), False)


def require(errors: Sequence[str], expected: str, remedy: str) -> None:
    """Raise what is wrong, where anything is.

    Raises:
        ExportError: The first errors in full and how many more there are.
    """
    if errors:
        more = f" and {len(errors) - _LISTED} more" if len(errors) > _LISTED else ""
        raise ExportError("; ".join(errors[:_LISTED]) + more, expected, remedy)
