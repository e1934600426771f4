"""Brings a journal to its store: from a thread while the run goes on, from the caller at its end.

Lines go in their order, each until the store has it. While it is away they are tried again, less and less often;
training goes on. A line whose answer was lost is told a second time, which the store takes as the same. A line that
the store refuses is set aside, so that those behind it arrive, and tried again when somebody waits.

Example:
    >>> courier = Courier(journal, deliver)
    >>> courier.start()
    >>> courier.settle(60.0)
    True
"""

import os
import sys
import threading
import time
from collections.abc import Callable

from segmint.console import say
from segmint.errors import TrackingError
from segmint.tracking.faults import FAULTS, is_passing, reason
from segmint.tracking.journal import Entry, Journal

_SOON, _LATE = 0.5, 15.0
"""Seconds between attempts: the first, doubled every time, and the longest."""

_CLOSING = 5.0
"""Seconds that an attempt under way has to end when nobody wants to wait."""


def patience() -> float:
    """Seconds that the end of a run waits for a store that is away: ``SEGMINT_STORE_PATIENCE``, 60 unless set.

    Raises:
        TrackingError: It is not a number.
    """
    given = os.environ.get("SEGMINT_STORE_PATIENCE") or "60"
    try:
        return float(given)
    except ValueError as error:
        raise TrackingError(f"SEGMINT_STORE_PATIENCE: '{given}'", "a number of seconds", "Correct it") from error


class Courier:
    """Delivers one journal.

    Attributes:
        journal: What is delivered.

    Args:
        journal: What to deliver.
        deliver: Tells the store one line; may raise any of ``FAULTS``.
    """

    def __init__(self, journal: Journal, deliver: Callable[[Entry], None]) -> None:
        self.journal, self._away, self._refusal = journal, "", ""
        self._deliver = deliver
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="courier", daemon=True)
        self._until: float | None = None
        self._told: set[str] = set()
        self._console = sys.stdout  # as it is now: exporters silence it for a while, for every thread

    @property
    def fault(self) -> str:
        """Why the store is away or, if it is not, why it refused a line; empty while it takes everything."""
        return self._away or self._refusal

    def start(self) -> None:
        """Deliver in the background from now on."""
        self._thread.start()

    def settle(self, patience: float) -> bool:
        """Deliver everything from this thread, and from now on only so.

        Args:
            patience: Seconds to wait for a store that is away. Once they have passed, it is asked only once more at
                every call until it answers.

        Returns:
            Whether the store has everything; ``fault`` says why not.
        """
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(None if patience else _CLOSING)
            if self._thread.is_alive():
                return False
        pause, self._refusal = _SOON, ""
        self.journal.reconsider()
        while (entry := self.journal.first()) is not None:
            if self._attempt(entry):
                self._until, pause = None, _SOON
                continue
            if self._until is None:
                self._until = time.monotonic() + patience
            left = self._until - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(pause, left))
            pause = min(2 * pause, _LATE)
        return not self._refusal

    def _work(self) -> None:
        pause = _SOON
        while not self._ending.is_set():
            entry = self.journal.wait(_SOON)
            if entry is None or self._attempt(entry):
                pause = _SOON
            else:
                self._ending.wait(pause)
                pause = min(2 * pause, _LATE)

    def _attempt(self, entry: Entry) -> bool:
        """Tell a line; False while the store is away."""
        away, refusal = "", ""
        try:
            self._deliver(entry)
        except FAULTS as error:
            if is_passing(error):
                away = reason(error)
            else:
                refusal = reason(error)
        if away and not self._away:
            self._say(f"does not answer since {_now()} ({away}); {self._kept()}")
        if self._away and not away:
            self._say(f"answers again since {_now()}")
        self._away = away
        if away:
            return False
        if refusal:
            if refusal not in self._told:
                self._say(f"refuses since {_now()} ({refusal}); {self._kept()}")
                self._told.add(refusal)
            self._refusal = refusal
            self.journal.refused(entry)
        else:
            self.journal.delivered(entry)
        return True

    def _kept(self) -> str:
        return f"what it should know is kept in {self.journal.folder}"

    def _say(self, sentence: str) -> None:
        say(f"store:    {sentence}", self._console)


def _now() -> str:
    return time.strftime("%H:%M:%S")
