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
    store, runs, left = require_store(), 0, []
    for runs, arrears in enumerate(Arrears.of(Path(request.runs)), 1):  # noqa: B007 - how many there were
        print(f"run {arrears.run_id}: {arrears.deliver(store)}", flush=True)
        if arrears.pending:
            left.append(f"{arrears.pending} of run {arrears.run_id}")
    if left:
        raise TrackingError(f"still pending: {'; '.join(left)}", remedy="Run sync again when that is mended")
    if not runs:
        print("nothing is pending")


if __name__ == "__main__":
    with one_line_errors():
        sync(read(Request, sys.argv[1:]))
