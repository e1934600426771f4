"""The champions of a registered model, one after the other, so that concurrent promotions cannot tear each other.

MLflow's registry has no compare-and-swap: the last writer of an alias wins. But a parameter of a run can be written
only once, the store itself refuses the second writer. So every change of champion is first written as the parameter
``champion.<number>`` of the run of the model's oldest version: the first of N concurrent promotions gets the number,
the others read who did. Only then are the aliases moved, and read again; whoever comes next repairs what a process that
died in between left torn.

Example:
    >>> succession = Succession.open("refugee-camp")
    >>> reign = succession.reign()
    >>> succession.change(reign, Change("promotion", "3", reign.champion, "jo", "2026-01-02T03:04:05Z", "better"))
"""

import json
import time
import uuid
from dataclasses import asdict, dataclass, field
from typing import Literal

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from segmint.errors import RegistryError, TrackingError
from segmint.registry.store import ABSENT, answering
from segmint.tracking.store import connect

CHAMPION, PREVIOUS = "champion", "previous"
_KEY = "champion."
_DONE = ".aliases"
"""Behind the key of a change whose aliases were moved."""

_SECOND_LOOK = 1.0
"""Seconds until aliases that are not where the last change put them are looked at again."""


@dataclass(frozen=True)
class Change:
    """A change of champion.

    Attributes:
        kind: ``promotion`` or ``rollback``.
        champion: Version that becomes champion.
        previous: Version that a rollback would restore then, or None.
        by: Who.
        at: When, ISO 8601 UTC.
        reason: Why.
        accepted: Why the champion may be below a baseline; empty where it is above all.
        token: Tells two changes apart that say the same.
    """

    kind: Literal["promotion", "rollback"]
    champion: str
    previous: str | None
    by: str
    at: str
    reason: str
    accepted: str = ""
    token: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(frozen=True)
class Reign:
    """Who is champion.

    Attributes:
        number: Changes so far.
        champion: Version, or None before the first promotion.
        previous: Version that a rollback restores, or None.
    """

    number: int
    champion: str | None
    previous: str | None


class Succession:
    """The changes of champion of one registered model.

    Args:
        name: The registered model.
        run_id: The run whose parameters hold the changes.
    """

    def __init__(self, name: str, run_id: str) -> None:
        self.name, self.run_id = name, run_id
        self._client = MlflowClient()

    @classmethod
    def open(cls, name: str) -> "Succession":
        """Find the model.

        Raises:
            RegistryError: There is no such model, or no version of it has a run.
            TrackingError: The store cannot be reached.
        """
        store, client = connect(), MlflowClient()
        with answering(f"registry in {store}"):
            if not client.search_registered_models(f"name='{name}'"):
                known = [model.name for model in client.search_registered_models(max_results=8)]
                raise RegistryError(
                    f"there is no registered model {name} in {store}", _listed(known), "Train one first"
                )
            for version in client.search_model_versions(f"name='{name}'", order_by=["version_number ASC"]):
                if version.run_id and client.get_run(version.run_id).info.lifecycle_stage == "active":
                    return cls(name, version.run_id)
        raise RegistryError(f"no version of {name} has a run", "one that segmint trained", "Train one first")

    def version(self, wanted: str) -> str:
        """The number of a version that is given as a number or an alias.

        Raises:
            RegistryError: There is none.
        """
        try:
            if wanted.isdigit():
                return str(self._client.get_model_version(self.name, wanted).version)
            return str(self._client.get_model_version_by_alias(self.name, wanted).version)
        except MlflowException as error:
            if error.error_code not in ABSENT:
                raise TrackingError(f"{self.name}: {error}", remedy="Check MLFLOW_TRACKING_URI") from error
            raise RegistryError(
                f"{self.name} has no version {wanted}", "a version number or an alias", "Look into the registry"
            ) from error

    def changes(self) -> dict[int, Change]:
        """Every change so far, by number."""
        with answering(self.name):
            return self._read()[0]

    def below(self, version: str) -> str | None:
        """The version that a rollback restores once one to ``version`` is done, or None.

        Promotions pile up those who were champion; a rollback takes off all down to whom it restores.
        """
        pile: list[str] = []
        for _, change in sorted(self.changes().items()):
            if change.kind == "rollback":
                pile = _under(change.champion, pile)
            elif change.previous:
                pile.append(change.previous)
        return next((former for former in reversed(_under(version, pile)) if self._stands(former)), None)

    def reign(self) -> Reign:
        """Who is champion now; aliases that a change left torn are repaired first, moved by hand they count.

        Changes are read before aliases: a change in between then makes the number too small, which :meth:`change`
        refuses, and never pairs a new number with an old champion.
        """
        with answering(self.name):
            number, wanted = self._last()
            aliases = self._aliases()
            if wanted and _named(aliases) != (wanted.champion, wanted.previous):
                time.sleep(_SECOND_LOOK)  # a late writer puts right what it tore, what a person moved stays
                number, _ = self._last()
                aliases = self._aliases()
        return Reign(number, *_named(aliases))

    def change(self, reign: Reign, change: Change) -> None:
        """Make a change to the reign that it was decided on, and move the aliases.

        Raises:
            RegistryError: Somebody else changed the champion since; says who and to what.
            TrackingError: The store refused or cannot be reached.
        """
        for version in filter(None, (change.champion, change.previous)):
            self.version(version)
        number = reign.number + 1
        refusal: MlflowException | None = None
        try:
            self._client.log_param(self.run_id, f"{_KEY}{number:04d}", json.dumps(asdict(change)))
        except MlflowException as error:
            refusal = error  # whether it was written decides, below: an answer can be lost on the way
        made = self.changes().get(number)
        if made is None:
            raise TrackingError(f"{self.name}: {refusal}", remedy="Nothing was changed, run it again") from refusal
        if made != change:
            raise RegistryError(
                f"version {made.champion} became champion meanwhile: {made.kind} by {made.by} at {made.at}, "
                f"'{made.reason}'; nothing was changed for version {change.champion}",
                remedy="Run it again to compare with the new champion",
            ) from refusal
        with answering(self.name, "The change is recorded: the next promote or rollback moves the aliases"):
            self._settle()

    def _last(self) -> tuple[int, Change | None]:
        """The last change and its number, after its aliases were moved."""
        changes, done = self._read()
        number = max(changes, default=0)
        if number and number not in done:
            number = self._settle()
            changes, _ = self._read()
        return number, changes.get(number)

    def _settle(self) -> int:
        """Move the aliases to where the last change wants them, and look again until they stand; gives its number."""
        while True:
            changes, _ = self._read()
            last = max(changes)
            wanted = changes[last]
            previous = wanted.previous if wanted.previous and self._stands(wanted.previous) else None
            if previous is None:
                self._client.delete_registered_model_alias(self.name, PREVIOUS)
            else:
                self._client.set_registered_model_alias(self.name, PREVIOUS, previous)
            if self._stands(wanted.champion):  # a version can be deleted while its change waits to be settled
                self._client.set_registered_model_alias(self.name, CHAMPION, wanted.champion)
                stand = _named(self._aliases()) == (wanted.champion, previous)
            else:
                stand = True
            if stand and max(self._read()[0]) == last:
                self._client.log_param(self.run_id, f"{_KEY}{last:04d}{_DONE}", "moved")
                return last

    def _stands(self, version: str) -> bool:
        """Whether nobody deleted a version."""
        try:
            self._client.get_model_version(self.name, version)
        except MlflowException as error:
            if error.error_code not in ABSENT:
                raise
            return False
        return True

    def _read(self) -> tuple[dict[int, Change], set[int]]:
        """Changes by number, and the numbers of those whose aliases were moved."""
        parameters = self._client.get_run(self.run_id).data.params
        ours = {key.removeprefix(_KEY): value for key, value in parameters.items() if key.startswith(_KEY)}
        changes = {int(key): Change(**json.loads(value)) for key, value in ours.items() if not key.endswith(_DONE)}
        return changes, {int(key.removesuffix(_DONE)) for key in ours if key.endswith(_DONE)}

    def _aliases(self) -> dict[str, str]:
        return {alias: str(version) for alias, version in self._client.get_registered_model(self.name).aliases.items()}


def _under(version: str, pile: list[str]) -> list[str]:
    """What lies under the uppermost ``version`` of a pile; all of it where it is not there."""
    return pile[: len(pile) - 1 - pile[::-1].index(version)] if version in pile else pile


def _named(aliases: dict[str, str]) -> tuple[str | None, str | None]:
    return aliases.get(CHAMPION), aliases.get(PREVIOUS)


def _listed(names: list[str]) -> str:
    return f"one of {', '.join(names[:8])}" if names else "a registered model; there is none yet"
