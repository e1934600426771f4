r"""A process of its own that draws figures, which takes seconds of one core, while this one goes on.

What it is asked and what it answers lies in files without a name: nothing is left behind, whoever ends first, and
Ctrl-C reaches only the process that asked.

Example:
    >>> painter = Painter.start({"curves": partial(figures.curves, history)})
    >>> painter.finish()["curves"].png
    b'\x89PNG...'
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from matplotlib.figure import Figure

from segmint.drawing.figures import Drawing, drawn

Sketches = Mapping[str, Callable[[], Figure]]

_SOURCES = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Painter:
    """Figures in work.

    Attributes:
        sketches: What is drawn.
        process: Who draws it.
        answer: Where the drawings will be.
    """

    sketches: Sketches
    process: subprocess.Popen[bytes]
    answer: IO[bytes]

    @classmethod
    def start(cls, sketches: Sketches) -> Painter:
        """Begin; each sketch is a ``partial`` of a module's function, and makes a figure."""
        answer = tempfile.TemporaryFile()  # noqa: SIM115  finish closes it
        known = os.pathsep.join(filter(None, (str(_SOURCES), os.environ.get("PYTHONPATH"))))
        with tempfile.TemporaryFile() as question:
            pickle.dump(dict(sketches), question)
            question.seek(0)
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__],
                stdin=question,
                stdout=answer,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env=os.environ | {"PYTHONPATH": known},
            )
        return cls(sketches, process, answer)

    def finish(self) -> dict[str, Drawing]:
        """Wait for the drawings, by the names of their sketches.

        Where the other process was ended or failed, they are drawn here, and what is wrong with one is raised.
        """
        with self.answer:
            if self.process.wait():
                return _drawings(self.sketches)
            self.answer.seek(0)
            found: dict[str, Drawing] = pickle.load(self.answer)
        return found


def _drawings(sketches: Sketches) -> dict[str, Drawing]:
    return {name: drawn(sketch()) for name, sketch in sketches.items()}


if __name__ == "__main__":  # the process that draws
    pickle.dump(_drawings(pickle.load(sys.stdin.buffer)), sys.stdout.buffer)
