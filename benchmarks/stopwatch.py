"""Seconds and memory of one call, on top of what the process held before it; standard library alone, Linux.

Every environment that takes part in a comparison can import it.

Example:
    >>> measured(lambda: bytearray(2**20)).extra >= 2**20
    True
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """What a call took.

    Attributes:
        seconds: Wall-clock time.
        extra: Most bytes of memory during it, above those held when it began.
    """

    seconds: float
    extra: int


def measured(work: Callable[[], object]) -> Cost:
    """Call and measure; the peak so far is forgotten first."""
    Path("/proc/self/clear_refs").write_text("5")
    before = _held("VmRSS")
    started = time.perf_counter()
    work()
    return Cost(time.perf_counter() - started, _held("VmHWM") - before)


def _held(figure: str) -> int:
    found = re.search(rf"^{figure}:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return 1024 * int(found[1])
