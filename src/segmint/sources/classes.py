"""Which class a feature is of: by the value of one of its attributes, or all of one class.

Example:
    >>> table = ClassTable.parse("label", "forest=1,water=2")
    >>> table.values(np.array(["water", "forest", "road"], object))
    array([  2,   1, 255], dtype=uint8)
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from segmint.data.chips import IGNORE
from segmint.errors import DataError, RecipeError

UNLISTED = IGNORE
"""What :meth:`ClassTable.values` answers for a feature that no class takes."""

_SHOWN = 12


@dataclass(frozen=True)
class ClassTable:
    """Attribute values and the label values they stand for.

    Attributes:
        attribute: Column, COCO category or OpenStreetMap key; None where every feature is of class 1.
        classes: Attribute value as text -> label value, 0 to 254.
    """

    attribute: str | None = None
    classes: dict[str, int] = field(default_factory=dict)

    @classmethod
    def parse(cls, attribute: str | None, classes: str | None) -> "ClassTable":
        """Read ``forest=1,water=2``.

        Raises:
            RecipeError: A part without ``=``, a value that is no whole number from 0 to 254, or no attribute.
        """
        table: dict[str, int] = {}
        for part in (classes or "").split(","):
            name, equals, value = part.rpartition("=")
            if not part.strip():
                continue
            if not equals or not value.strip().isdecimal() or int(value) >= IGNORE:
                raise RecipeError(f"classes: '{part.strip()}'", "NAME=VALUE with a value from 0 to 254, as forest=1")
            table[name.strip()] = int(value)
        if table and attribute is None:
            raise RecipeError(
                "--classes without --attribute", "the attribute they are values of; of COCO files it is name"
            )
        return cls(attribute, table)

    def values(self, found: NDArray[np.object_]) -> NDArray[np.uint8]:
        """Label values of features from their attribute; :data:`UNLISTED` where no class takes them."""
        return np.array([self.classes.get(_text(value), UNLISTED) for value in found], np.uint8)

    def require(self, found: NDArray[np.object_]) -> None:
        """Refuse a table that does not fit the values of an attribute.

        Raises:
            DataError: No classes are named, or one that no feature is of.
        """
        counts = Counter(map(_text, found))
        if not self.classes:
            names = sorted(name for name, _ in counts.most_common(_SHOWN))
            example = ",".join(f"{name}={number}" for number, name in enumerate(names, 1))
            raise DataError(f"--attribute {self.attribute} without --classes", f"for example --classes '{example}'")
        for name in self.classes:
            if name not in counts:
                raise DataError(
                    f"class {name}: no feature has {self.attribute} = {name}",
                    f"one of {self._listed(counts)}",
                    "Check spelling and capital letters",
                )

    def unlisted(self, found: NDArray[np.object_]) -> str:
        """The attribute values that no class takes, with their number of features; empty if there are none."""
        return self._listed(Counter(text for text in map(_text, found) if text not in self.classes))

    @staticmethod
    def _listed(counts: "Counter[str]") -> str:
        names = [f"{name} ({number})" for name, number in counts.most_common(_SHOWN)]
        return ", ".join(names) + (" ..." if len(counts) > _SHOWN else "")


def _text(value: object) -> str:
    """An attribute value as a person would write it: 3 for 3.0, nothing for a missing one."""
    if value is None or value != value:
        return "(empty)"
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()
