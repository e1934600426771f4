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

    ``mlflow run`` sends both: SIGINT reaches the whole terminal, then the parent terminates its child. Whatever the
    body raises after a signal counts as the interruption: Lightning makes an exit of its own of SIGTERM, and Python
    drops what a signal raises inside a finaliser.
    """
    received: list[str] = []

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(signal.Signals(number).name)
        if len(received) == 1:
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
        for number, handler in before.items():
            # once interrupted, nothing may disturb the closing of the run, to the end of the process
            signal.signal(number, signal.SIG_IGN if received else handler)
