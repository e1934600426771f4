import os
import signal
import subprocess
import sys
import time
from functools import partial
from multiprocessing import active_children
from pathlib import Path

import psutil
import pytest
from matplotlib.figure import Figure

from segmint.drawing import figures
from segmint.drawing.painter import Painter

SRC = Path(__file__).resolve().parents[2] / "src"
BINS = [(0.1, 0.2, 10), (0.6, 0.5, 20)]
LEFT_ALONE = """
import time
from functools import partial
from multiprocessing import active_children
from segmint.drawing import figures
from segmint.drawing.painter import Painter
painter = Painter.start({str(n): partial(figures.reliability, [(0.1, 0.2, 10)], "a", "b") for n in range(8)})
print(active_children()[0].pid, flush=True)
time.sleep(60)
"""


def test_what_another_process_draws_is_what_this_one_would_draw():
    sketches = {title: partial(figures.reliability, BINS, "a model", title) for title in ("one", "two")}
    drawings = Painter.start(sketches).finish()
    assert drawings == {title: figures.drawn(sketch()) for title, sketch in sketches.items()}
    assert drawings["two"].words == "two"


def test_what_goes_wrong_there_is_said_here():
    with pytest.raises(AttributeError, match="precision"):
        Painter.start({"one": partial(Figure, precision=3)}).finish()


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="no masks of signals here")
def test_interrupting_everything_does_not_interrupt_the_drawing():
    painter = Painter.start({"one": partial(figures.reliability, BINS, "a model", "one")})
    for process in active_children():
        assert process.pid is not None
        os.kill(process.pid, signal.SIGINT)
    assert painter.finish()["one"].png.startswith(b"\x89PNG")


def test_nobody_draws_on_for_a_process_that_was_killed():
    given = os.environ | {"PYTHONPATH": str(SRC)}
    killed = subprocess.Popen([sys.executable, "-c", LEFT_ALONE], stdout=subprocess.PIPE, text=True, env=given)
    assert killed.stdout is not None
    painter = psutil.Process(int(killed.stdout.readline()))
    killed.kill()
    killed.wait()
    killed.stdout.close()
    started = time.monotonic()
    while painter.is_running() and painter.status() != psutil.STATUS_ZOMBIE and time.monotonic() < started + 100:
        time.sleep(0.2)
    assert not painter.is_running() or painter.status() == psutil.STATUS_ZOMBIE
