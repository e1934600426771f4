"""Deliver what runs could not tell their tracking store: metrics, files, the registration, how they ended.

    python src/sync.py
    mlflow run . -e sync --env-manager local

It may run twice, and beside runs that are under way: those deliver by themselves.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from segmint.errors import TrackingError, one_line_errors
from segmint.parameters import read


@dataclass(frozen=True)
class Request:
    """Deliver what runs could not tell their tracking store.

    Attributes:
        runs: Folder of the run folders.
    """

    runs: str = ".segmint/runs"


def sync(request: Request) -> None:
    """Every journal that nobody else delivers, the oldest run first."""
    from segmint.console import quieten_libraries
    from segmint.tracking.arrears import Arrears
    from segmint.tracking.store import require_store

    quieten_libraries()
    found = Arrears.of(Path(request.runs))
    if not found:
        print("nothing is pending")
        return
    store, left = require_store(), []
    for arrears in found:
        told = arrears.deliver(store)
        print(f"run {arrears.run_id}: {told}", flush=True)
        if arrears.pending:
            left.append(arrears)
    if left:
        runs = f"run {left[0].run_id}" if len(left) == 1 else f"{len(left)} runs, the first is {left[0].run_id}"
        raise TrackingError(f"pending is {left[0].pending} of {runs}", remedy="Run sync again when that is mended")


if __name__ == "__main__":
    with one_line_errors():
        sync(read(Request, sys.argv[1:]))
