"""A clean end when somebody asks a run to stop.

Example:
    >>> with interruptible():
    ...     trainer.fit(task)
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(BaseException):
    """Somebody asked the run to stop (SIGINT or SIGTERM)."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into :class:`Interrupted`; those that follow change nothing.

    ``mlflow run`` sends both: SIGINT reaches the whole terminal, then the parent terminates its child.
    """
    seen = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal seen
        if not seen:
            seen = True
            raise Interrupted(signal.Signals(number).name)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
        if seen:  # the exception was raised where Python drops it, in a finaliser for example
            raise Interrupted(signal.SIGINT.name)
    finally:
        if not seen:  # after an interruption the handlers stay, so that the run can be closed in peace
            for number, handler in before.items():
                signal.signal(number, handler)
