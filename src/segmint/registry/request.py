"""What a person asks of ``promote`` and ``rollback``: typed values of the command line. Imports no MLflow.

Example:
    >>> request = parse(PromotionRequest, ["--model_name=refugee-camp", "--approve", "true"])
    >>> request.version, request.approve
    ('candidate', True)
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TypeVar

from jsonargparse.typing import ClosedUnitInterval

from segmint.errors import RecipeError
from segmint.parameters import read


@dataclass(frozen=True)
class PromotionRequest:
    """Make a version champion if it passes the gate.

    Attributes:
        model_name: The registered model.
        version: Version number, or an alias.
        approve: Do it; without it the gate only says what would happen.
        reason: Why, for whoever asks later.
        accept_below_baseline: Why a version that is below a recorded baseline may become champion all the same.
        tolerance: How much worse the IoU may be than the champion's, in IoU.
        collapse: Share of the champion's IoU below which a class has collapsed.
        chips_dir: Chips to compare on where the two were not tested on the same ones.
        labels_dir: Their labels; null where they lie beside the chips.
    """

    model_name: str = "refugee-camp"
    version: str = "candidate"
    approve: bool = False
    reason: str = ""
    accept_below_baseline: str = ""
    tolerance: ClosedUnitInterval = 0.01
    collapse: ClosedUnitInterval = 0.5
    chips_dir: str | None = None
    labels_dir: str | None = None

    def approval(self, version: str, reading: Sequence[str]) -> str:
        """The command that does what was shown: the same values, the version by its number, approved."""
        shown = replace(self, version=version, approve=True, reason=self.reason or "WHY")
        changed = {key: value for key, value in asdict(shown).items() if value != getattr(PromotionRequest, key)}
        values = {key: "true" if value is True else str(value) for key, value in changed.items()}
        return shlex.join(
            ["python", "src/promote.py", *(f"--{key}={value}" for key, value in values.items()), *reading]
        )


@dataclass(frozen=True)
class RollbackRequest:
    """Make the previous champion champion again.

    Attributes:
        model_name: The registered model.
        reason: Why, for whoever asks later.
    """

    model_name: str = "refugee-camp"
    reason: str = ""


Request = TypeVar("Request", PromotionRequest, RollbackRequest)


def parse(kind: type[Request], arguments: list[str]) -> Request:
    """Read a command line; ``--help`` prints the keys and exits.

    Raises:
        RecipeError: A misspelt key, a value out of its range, or a name that no model can have.
    """
    request = read(kind, arguments)
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.\-]+[A-Za-z0-9]", request.model_name):
        raise RecipeError(f"model_name '{request.model_name}'", "three or more letters, digits, dots or dashes")
    return request
