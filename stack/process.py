"""A service as a process: started, asked for its health, stopped with all its children.

Example:
    >>> process = Process(service, log=Path("minio.log"), path="/usr/bin")
    >>> process.start()
    >>> process.stop()
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack.composition import Service, StackError

KEPT = ("HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
"""What a service sees of the caller's environment, beside PATH: a container would see nothing at all."""
GRACE = 30.0
"""Seconds that a service has to end by itself."""


@dataclass(frozen=True)
class Account:
    """Another user than the caller, to run a process as."""

    user: int
    group: int

    def options(self) -> dict[str, Any]:
        """For :class:`subprocess.Popen`."""
        return {"user": self.user, "group": self.group, "extra_groups": []}


class Process:
    """One running service.

    Args:
        service: What to run.
        log: File that its output is added to.
        path: Where programs are looked for, as in ``PATH``.
        account: Another user than the caller.
        extra: Arguments that only this machine needs, after those of the compose file.
    """

    def __init__(
        self, service: Service, log: Path, path: str, account: Account | None = None, extra: tuple[str, ...] = ()
    ) -> None:
        self.service, self.log = service, log
        self._path, self._account, self._extra = path, account, extra
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it is healthy.

        Raises:
            StackError: The program is missing, it ends at once, or it does not become healthy.
        """
        self._process = self._begin(self.service.command + self._extra)
        if self.service.health:
            self._wait_until_healthy(self._process)

    def complete(self) -> None:
        """Run it to its end.

        Raises:
            StackError: Its exit status is not 0.
        """
        self._process = self._begin(self.service.command)
        if self._process.wait():
            raise self._failure(f"it ended with status {self._process.returncode}")

    def ended(self) -> bool:
        """Whether it was started and is not running any more."""
        return self._process is not None and self._process.poll() is not None

    def failure(self) -> StackError:
        """What to tell about a process that ended by itself."""
        return self._failure("it ended")

    def stop(self) -> None:
        """Ask it to end, then end it and whatever it started."""
        if self._process is None:
            return
        group = self._process.pid
        if self._process.poll() is None:
            os.kill(group, self.service.stop_signal)
            try:
                self._process.wait(GRACE)
            except subprocess.TimeoutExpired:
                os.killpg(group, signal.SIGKILL)
                self._process.wait()
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)  # children that outlived it
        self._process = None

    def _begin(self, command: tuple[str, ...]) -> subprocess.Popen[bytes]:
        environment = self.environment()
        program = shutil.which(command[0], path=environment["PATH"])
        if program is None:
            raise StackError(f"{command[0]} is not installed", remedy=f"Install it; {self.service.name} needs it")
        with self.log.open("ab") as log:
            process: subprocess.Popen[bytes] = subprocess.Popen(
                [program, *command[1:]],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                start_new_session=True,  # Ctrl-C is for the caller, who stops services in their order
                **(self._account.options() if self._account else {}),
            )
        return process

    def environment(self) -> Mapping[str, str]:
        """What the service sees."""
        kept = {key: os.environ[key] for key in KEPT if key in os.environ}
        return kept | {"PATH": self._path} | self.service.environment

    def _wait_until_healthy(self, process: subprocess.Popen[bytes]) -> None:
        health = self.service.health
        assert health is not None
        until = time.monotonic() + health.patience
        while not self._healthy(health.command, health.timeout):
            if process.poll() is not None:
                raise self._failure(f"it ended with status {process.returncode}")
            if time.monotonic() > until:
                raise self._failure(f"it did not become healthy within {health.patience:.0f} seconds")
            time.sleep(0.5)

    def _healthy(self, command: tuple[str, ...], timeout: float) -> bool:
        environment = self.environment()
        if shutil.which(command[0], path=environment["PATH"]) is None:
            raise StackError(
                f"{command[0]} is not installed", remedy=f"Install it; {self.service.name}'s healthcheck needs it"
            )
        try:
            return not subprocess.run(
                command, env=environment, capture_output=True, timeout=timeout, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            return False

    def _failure(self, what: str) -> StackError:
        lines = [line for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        said = f": {lines[-1].strip()[:300]}" if lines else ""
        return StackError(f"{self.service.name} does not run, {what}{said}", remedy=f"Read {self.log}")
