"""A clean end when somebody asks a run to stop.

Example:
    >>> with interruptible():
    ...     trainer.fit(task)
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_AGAIN = 1.0  # seconds


class Interrupted(BaseException):
    """Somebody asked the run to stop (SIGINT or SIGTERM)."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into :class:`Interrupted`; those that follow do not disturb its clean-up.

    ``mlflow run`` sends both: SIGINT reaches the whole terminal, then the parent terminates its child. Whatever the
    body raises after a signal counts as the interruption: Lightning makes an exit of its own of SIGTERM. What a
    signal raises inside a finaliser or a C callback is dropped by Python, so it is raised again every second until
    the body ends.
    """
    received: list[str] = []
    reminders: list[threading.Timer] = []

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(signal.Signals(number).name)
        reminders.append(threading.Timer(_AGAIN, signal.raise_signal, (signal.SIGINT,)))
        reminders[-1].daemon = True
        reminders[-1].start()
        if not _under_way():
            raise Interrupted(received[0])

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except BaseException as error:
        if received and not isinstance(error, Interrupted):
            raise Interrupted(received[0]) from error
        raise
    else:
        if received:
            raise Interrupted(received[0])
    finally:
        for reminder in reminders:
            reminder.cancel()
        for number, handler in before.items():
            # once interrupted, nothing may disturb the closing of the run, to the end of the process
            signal.signal(number, signal.SIG_IGN if received else handler)


def _under_way() -> bool:
    """Whether an interruption is being handled just now: a ``finally`` or ``with`` cleans up after it."""
    error = sys.exception()
    while error is not None and not isinstance(error, Interrupted):
        error = error.__context__
    return error is not None
