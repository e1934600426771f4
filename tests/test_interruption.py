import contextlib
import os
import signal
import time

import pytest

from segmint.interruption import Interrupted, interruptible


@pytest.fixture(autouse=True)
def handlers():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_interrupts_once_and_nothing_disturbs_what_follows(number):
    with pytest.raises(Interrupted, match=number.name), interruptible():
        os.kill(os.getpid(), number)
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)


def test_an_exit_that_a_library_makes_of_the_signal_is_the_interruption():
    def like_a_library():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except Interrupted:
            raise SystemExit(0) from None

    with pytest.raises(Interrupted), interruptible():
        like_a_library()


def test_an_interruption_that_was_dropped_is_raised_at_the_end():
    with pytest.raises(Interrupted), interruptible(), contextlib.suppress(Interrupted):
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interruption_that_was_dropped_does_not_let_the_body_go_on():
    class Dropping:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGINT)

    def body():
        Dropping()
        until = time.monotonic() + 30
        while time.monotonic() < until:
            time.sleep(0.01)
        pytest.fail("the body went on")

    with pytest.raises(Interrupted), interruptible():
        body()


def test_a_second_signal_does_not_disturb_the_clean_up():
    steps = []

    def body():
        try:
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            steps.append("begun")
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1.2)  # longer than an interruption waits until it is raised again
            steps.append("ended")

    with pytest.raises(Interrupted), interruptible():
        body()
    assert steps == ["begun", "ended"]


def test_without_a_signal_errors_pass_and_the_handlers_return():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ValueError, match="own"), interruptible():
        raise ValueError("own")
    assert signal.getsignal(signal.SIGTERM) is before
