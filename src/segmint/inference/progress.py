"""How far a scene is: a bar on a terminal, otherwise a line now and then.

Example:
    >>> with Progress("scene.tif", height=10980, width=10980, done=0) as progress:
    ...     progress(192)
"""

import sys
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm  # type: ignore[import-untyped]

_EVERY = 15.0
"""Seconds between lines."""


class Progress:
    """Told how many rows are finished.

    Args:
        name: Of the scene.
        height: Rows of the scene.
        width: Columns.
        done: Rows that an earlier attempt finished.
    """

    def __init__(self, name: str, height: int, width: int, done: int = 0) -> None:
        self.name, self.height, self.width, self.first = name, height, width, done
        self._started = self._said = time.monotonic()
        self._bar = None
        if sys.stderr.isatty():
            size, first = height * width / 1e6, done * width / 1e6
            form = "{desc} {percentage:3.0f}% |{bar}| {n:.0f} of {total:.0f} Mpx, {rate_fmt}, {remaining} left"
            self._bar = tqdm(total=size, initial=first, desc=name, unit="Mpx", bar_format=form, leave=False)

    def __call__(self, rows: int) -> None:
        """``rows`` rows from the top are finished."""
        megapixels = (rows - self.first) * self.width / 1e6
        if self._bar is not None:
            self._bar.update(self.first * self.width / 1e6 + megapixels - self._bar.n)
            return
        now = time.monotonic()
        if now - self._said >= _EVERY:
            self._said = now
            rate = megapixels / (now - self._started)
            left = (self.height - rows) * self.width / 1e6 / rate
            share = 100 * rows / self.height
            print(f"{self.name}: {share:.0f} %, {rate:.2f} Mpx/s, about {_span(left)} left", flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
