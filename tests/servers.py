"""Test servers: on loopback, at a free port, stopped by their own process id."""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e_settings import environment


class Server:
    """A command with ``--host`` and ``--port``, which may be stopped and started again at its address.

    Args:
        command: Without host and port.
        room: Where it runs, and where its ``server.log`` is.
        health: What it answers when it is ready.
        seconds: How long that may take.
    """

    def __init__(self, command: list[str], room: Path, health: str, seconds: float = 120) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        self._command = [*command, "--host", "127.0.0.1", "--port", str(port)]
        self._room, self._health, self._seconds = room, health, seconds

    def start(self) -> None:
        """Start it and wait until it is ready."""
        log = self._room / "server.log"
        with log.open("a") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._room,
                env=environment(self._room) | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},  # twice as fast up
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until = time.monotonic() + self._seconds
        while True:
            try:
                urllib.request.urlopen(self.address + self._health, timeout=5).close()
                return
            except (urllib.error.URLError, OSError):
                if self._process.poll() is not None or time.monotonic() > until:
                    raise AssertionError(log.read_text()[-3000:]) from None
                time.sleep(0.5)

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        """End it and what it started, and wait for that."""
        os.killpg(self._process.pid, by)
        self._process.wait(timeout=30)


@contextmanager
def served(command: list[str], room: Path, health: str, seconds: float = 120) -> Iterator[str]:
    """Start ``command`` with ``--host`` and ``--port`` in ``room`` and give its address once it answers ``health``."""
    server = Server(command, room, health, seconds)
    try:
        server.start()
        yield server.address
    finally:
        server.stop()
