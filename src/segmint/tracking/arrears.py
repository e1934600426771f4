"""What a run that nobody works on any more still owes its tracking store.

Example:
    >>> for arrears in Arrears.of(RUNS):
    ...     print(arrears.deliver(store))
    delivered 12 metrics, 3 files, the registration and the status
"""

from collections.abc import Iterator
from pathlib import Path

from segmint.tracking.courier import Courier, patience
from segmint.tracking.delivery import Delivery
from segmint.tracking.folder import RunFolder
from segmint.tracking.journal import Journal


class Arrears:
    """The arrears of one run, whose folder this process holds until they are delivered.

    Attributes:
        run_id: The run.

    Args:
        folder: Its folder, held.
        journal: What it has to tell.
    """

    def __init__(self, folder: RunFolder, journal: Journal) -> None:
        self.run_id = folder.run_id
        self._folder, self._journal = folder, journal

    @classmethod
    def of(cls, root: Path) -> Iterator["Arrears"]:
        """Those of every run under ``root`` that is not under way, the oldest run first, each held while it is used."""
        for folder in reversed(RunFolder.all(root)):
            if folder.hold():
                try:
                    journal = Journal.open(folder.path)
                    if journal.first():
                        yield cls(folder, journal)
                finally:
                    folder.release()

    @property
    def pending(self) -> str:
        """What the store does not have; empty when it has everything."""
        return self._journal.pending()

    def deliver(self, store: str) -> str:
        """Tell the store, and say what was told or why not.

        Args:
            store: Address of the store that is connected.
        """
        wanted, owed = self._folder.identity.store, self.pending
        if wanted != store:
            return f"lives in {wanted}, not in {store}: set MLFLOW_TRACKING_URI to it"
        delivery = Delivery(self._folder.path)
        courier = Courier(self._journal, delivery)
        done = courier.settle(patience())
        if done:
            self._folder.clear()
        version = f": {delivery.registered.sentence()}" if delivery.registered else ""
        return f"delivered {owed}{version}" if done else f"{courier.fault}"
