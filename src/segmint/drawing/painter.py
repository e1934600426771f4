r"""A process of its own that draws figures, which takes seconds of one core, while this one goes on.

It ignores Ctrl-C, since whoever started it decides, and ends by itself when nobody is there to take what it drew.

Example:
    >>> painter = Painter.start({"curves": partial(figures.curves, history)})
    >>> painter.finish()["curves"].png
    b'\x89PNG...'
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection

from matplotlib.figure import Figure

from segmint.drawing.figures import Drawing, drawn


@dataclass(frozen=True)
class Painter:
    """Figures in work.

    Attributes:
        answers: Where the drawings come from.
    """

    answers: Connection

    @classmethod
    def start(cls, sketches: Mapping[str, Callable[[], Figure]]) -> Painter:
        """Begin; each sketch is a function of a module, or a ``partial`` of one, and makes a figure."""
        context = multiprocessing.get_context("spawn")
        answers, theirs = context.Pipe(duplex=False)
        with _no_interrupt():
            context.Process(target=_draw, args=(theirs, dict(sketches)), daemon=True).start()
        theirs.close()
        return cls(answers)

    def finish(self) -> dict[str, Drawing]:
        """Wait for the drawings, by the names of their sketches.

        Raises:
            Exception: What a sketch raised.
            EOFError: The process was ended from outside.
        """
        with self.answers:
            answer = self.answers.recv()
        if isinstance(answer, Exception):
            raise answer
        drawings: dict[str, Drawing] = answer
        return drawings


def _draw(answers: Connection, sketches: dict[str, Callable[[], Figure]]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(BrokenPipeError):
        try:
            answers.send({name: drawn(sketch()) for name, sketch in sketches.items()})
        except Exception as error:  # for the process that waits
            answers.send(error)


@contextlib.contextmanager
def _no_interrupt() -> Iterator[None]:
    """What is started inside never hears of Ctrl-C, not even before it can say so; Windows has no such mask."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
