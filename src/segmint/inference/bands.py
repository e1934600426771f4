"""Which bands of a scene are the model's: by an explicit list, by name, or in order where nothing says otherwise.

Example:
    >>> choose("a.tif", ("red", "green"), ("green", "red", None), ())
    Choice(indexes=(2, 1), reason='by name')
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from segmint.errors import SceneError


@dataclass(frozen=True)
class Choice:
    """Bands of a scene in the model's order.

    Attributes:
        indexes: Band numbers from 1.
        reason: Why these, for the person.
    """

    indexes: tuple[int, ...]
    reason: str

    def sentence(self) -> str:
        """For the person."""
        return f"{', '.join(str(index) for index in self.indexes)} ({self.reason})"


def choose(scene: str, wanted: Sequence[str], found: Sequence[str | None], given: Sequence[str]) -> Choice:
    """Find the model's bands in a scene.

    Args:
        scene: Name of the scene, for messages.
        wanted: Band names of the model, in order.
        found: Name of each band of the scene, or None where it has none.
        given: What the person listed: band numbers from 1, or names as the scene has them; empty to find out.

    Raises:
        SceneError: A wrong number of bands, a listed band that is not there, or names that leave the order open.
    """
    if given and len(given) != len(wanted):
        return _refuse(scene, f"--bands lists {len(given)} bands", wanted)
    if given:
        return Choice(tuple(_listed(scene, item, found) for item in given), "as listed")
    names = [_canonical(name) for name in found]
    places = [_place(_canonical(name), names) for name in wanted]
    if all(place is not None for place in places):
        return Choice(tuple(place + 1 for place in places if place is not None), "by name")
    named = ", ".join(f"{number} {name}" if name else f"{number}" for number, name in enumerate(found, start=1))
    if len(found) != len(wanted):
        return _refuse(scene, f"has {len(found)} bands ({named})", wanted)
    if any(names):
        return _refuse(scene, f"has the bands {named}, whose order is not certain", wanted)
    return Choice(tuple(range(1, len(wanted) + 1)), "in order, the scene does not name them")


def _refuse(scene: str, found: str, wanted: Sequence[str]) -> Choice:
    raise SceneError(
        f"{scene}: {found}",
        f"{len(wanted)} bands ({', '.join(wanted)})",
        "List their numbers in the model's order, such as -P bands=3,2,1",
    )


def _listed(scene: str, item: str, found: Sequence[str | None]) -> int:
    if item.isdecimal() and 1 <= int(item) <= len(found):
        return int(item)
    names = [_canonical(name) for name in found]
    if not item.isdecimal() and _canonical(item) in names:
        return names.index(_canonical(item)) + 1
    has = ", ".join(name for name in found if name) or "no names"
    raise SceneError(f"{scene}: --bands lists {item}", f"1 to {len(found)}, or a name that it has ({has})")


def _place(wanted: str, names: Sequence[str]) -> int | None:
    """Where a name stands: alone, or as a word of exactly one name such as ``B4_RED``."""
    if wanted in names:
        return names.index(wanted)
    holding = [place for place, name in enumerate(names) if wanted in re.split(r"[\W_]+", name)]
    return holding[0] if len(holding) == 1 else None


def _canonical(name: str | None) -> str:
    """Upper case, without leading zeros (B02 is B2); empty for what only counts, such as ``Band 1``."""
    text = re.sub(r"^B0+", "B", (name or "").strip().upper())
    return "" if re.fullmatch(r"(BAND)?[\W_]*\d*", text) else text
