import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import psutil
import pytest
from matplotlib.figure import Figure

from segmint.drawing import figures
from segmint.drawing.painter import Painter

SRC = Path(__file__).resolve().parents[2] / "src"
SKETCHES = {
    title: partial(figures.reliability, [(0.1, 0.2, 10), (0.6, 0.5, 20)], "a model", title) for title in ("one", "two")
}
LEFT_ALONE = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # commands in the background begin without it
from functools import partial
from segmint.drawing import figures
from segmint.drawing.painter import Painter
painter = Painter.start({"one": partial(figures.reliability, [(0.1, 0.2, 10)], "a", "b")})
print(painter.process.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def expected():
    return {title: figures.drawn(sketch()) for title, sketch in SKETCHES.items()}


def test_what_another_process_draws_is_what_this_one_would_draw(expected):
    painter = Painter.start(SKETCHES)
    assert painter.finish() == expected
    assert painter.process.returncode == 0
    assert expected["two"].words == "two"


def test_what_is_wrong_with_a_sketch_is_said_here():
    with pytest.raises(AttributeError, match="precision"):
        Painter.start({"one": partial(Figure, precision=3)}).finish()


def test_figures_are_drawn_although_the_process_was_ended(expected):
    painter = Painter.start(SKETCHES)
    painter.process.kill()
    assert painter.finish() == expected


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no groups of processes here")
def test_interrupting_a_command_does_not_interrupt_the_drawing():
    given = os.environ | {"PYTHONPATH": str(SRC)}
    command = [sys.executable, "-c", LEFT_ALONE]
    asking = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=given,
                              start_new_session=True)  # fmt: skip
    assert asking.stdout is not None
    painter = psutil.Process(int(asking.stdout.readline()))
    assert os.getpgid(painter.pid) != asking.pid
    os.killpg(asking.pid, signal.SIGINT)
    assert asking.wait(60) != 0
    asking.stdout.close()
    gone, alive = psutil.wait_procs([painter], timeout=100)
    assert gone, alive  # nobody draws on for ever
