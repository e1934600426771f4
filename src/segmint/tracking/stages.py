"""Wall-clock time of the stages of a run, printed as they end and kept for the report.

Example:
    >>> stages = Stages()
    >>> with stages("exports"):
    ...     ...
    exports: 12.3 s
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stages:
    """Seconds per stage, in the order in which the stages ran."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Time a stage; a stage that runs again adds up."""
        started = time.perf_counter()
        yield
        took = time.perf_counter() - started
        self.seconds[name] = self.seconds.get(name, 0.0) + took
        print(f"{name}: {took:.1f} s", flush=True)

    def metrics(self) -> dict[str, float]:
        """Seconds under their MLflow names, ``stage_seconds_<name>``."""
        return {f"stage_seconds_{name.replace(' ', '_')}": seconds for name, seconds in self.seconds.items()}
