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


@contextmanager
def served(command: list[str], room: Path, health: str, seconds: float = 120) -> Iterator[str]:
    """Start ``command`` with ``--host`` and ``--port`` in ``room`` and give its address once it answers ``health``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    log = (room / "server.log").open("w")
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        cwd=room,
        env=environment(room),
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        until = time.monotonic() + seconds
        while True:
            try:
                urllib.request.urlopen(address + health, timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                if process.poll() is not None or time.monotonic() > until:
                    raise AssertionError((room / "server.log").read_text()[-3000:]) from None
                time.sleep(0.5)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)
        log.close()
