"""The whole stack on this machine: services in their order, health awaited, everything stopped at the end.

Example:
    >>> with Stack(REPOSITORY, variables, folder=Path(".stack")) as stack:
    ...     print(stack.url)
    http://127.0.0.1:5000
"""

import os
import socket
import sys
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from stack.composition import LOOPBACK, Service, StackError, read
from stack.process import Process
from stack.programs import build_minio, make_database, postgres_account, postgres_programs


class Stack:
    """The services of a compose file as processes.

    Args:
        repository: Folder of ``docker-compose.yml`` and ``docker/``.
        variables: As from ``.env``.
        folder: Where data (``volumes/``) and logs (``logs/``) are.
        only: Names of services; all of them if None.

    Raises:
        StackError: A variable, a program, a port or a service of that name is not to be had.
    """

    def __init__(
        self,
        repository: Path,
        variables: Mapping[str, str],
        folder: Path,
        only: Collection[str] | None = None,
    ) -> None:
        self.folder = folder.resolve()
        given = {"POSTGRES_HOST": LOOPBACK} | dict(variables)
        services = read(repository / "docker-compose.yml", given, self.folder, _free_port)
        if unknown := set(only or ()) - set(services):
            raise StackError(f"there is no service {', '.join(unknown)}", ", ".join(services))
        self._ports = {number: port for service in services.values() for number, port in service.ports.items()}
        self.services = {name: service for name, service in services.items() if only is None or name in only}
        minio = build_minio(repository / "docker" / "minio.dockerfile", repository / ".stack" / "bin")
        own = (Path(sys.executable).parent, minio.resolve(), postgres_programs())
        self.path = os.pathsep.join([*map(str, own), os.environ.get("PATH", os.defpath)])
        self.processes = {name: self._process(service) for name, service in self.services.items()}

    @property
    def url(self) -> str:
        """The address that clients use."""
        return f"http://{LOOPBACK}:{self._ports[5000]}"

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> None:
        _refuse_ports_in_use(self.services.values())
        for service in self.services.values():
            for volume in service.volumes:
                volume.mkdir(0o700, parents=True, exist_ok=True)
        (self.folder / "logs").mkdir(0o700, exist_ok=True)
        needs = [need for service in self.services.values() for need in service.after.items()]
        once = {name for name, condition in needs if condition == "service_completed_successfully"}
        for name, process in self.processes.items():
            if name == "postgres":
                make_database(process.environment(), postgres_account())
            if name in once:
                process.complete()
            else:
                process.start()

    def stop(self) -> None:
        """Stop what runs, dependants first."""
        for process in reversed(self.processes.values()):
            process.stop()

    def watch(self) -> None:
        """Wait until a service ends by itself.

        Raises:
            StackError: When that happens.
        """
        lasting = [process for process in self.processes.values() if process.service.health]
        while not (ended := [process for process in lasting if process.ended()]):
            time.sleep(1)
        raise ended[0].failure()

    def _process(self, service: Service) -> Process:
        log = self.folder / "logs" / f"{service.name}.log"
        if service.name != "postgres":
            return Process(service, log, self.path)
        # no socket file: its folder belongs to the system's own Postgres, and its path may be too long elsewhere
        extra = ("-p", str(service.ports[5432]), "-c", "unix_socket_directories=")
        return Process(service, log, self.path, postgres_account(), extra)


def _free_port(wanted: int) -> int:
    """``wanted``, or any other where that is taken, as 5432 often is by the system's own Postgres."""
    for port in (wanted, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.bind((LOOPBACK, port))
            return int(probe.getsockname()[1])
    raise StackError("no port on loopback is free")


def _refuse_ports_in_use(services: Iterable[Service]) -> None:
    for service in services:
        for port in service.ports.values():
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((LOOPBACK, port))
                except OSError:
                    remedy = "Is the stack running already? MLFLOW_PORT and MINIO_CONSOLE_PORT name others"
                    found = f"port {port} of {service.name} is in use"
                    raise StackError(found, remedy=remedy) from None
