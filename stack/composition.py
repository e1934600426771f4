"""The services of docker-compose.yml, with container addresses and volumes turned into those of this machine.

Only what this project's file uses is read: command, environment, ports, volumes, depends_on, healthcheck and
stop_signal. https://docs.docker.com/reference/compose-file/

Example:
    >>> services = read(Path("docker-compose.yml"), variables, folder=Path(".stack"), inner_port=lambda port: port)
    >>> services["mlflow"].ports
    {5000: 5000}
"""

import re
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

from segmint.errors import SegmintError

LOOPBACK = "127.0.0.1"
_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^{}]*))?\})")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0}


class StackError(SegmintError):
    """A service that cannot be described, started or kept running."""


@dataclass(frozen=True)
class HealthCheck:
    """How a service is asked whether it is ready.

    Attributes:
        command: Ends with status 0 when it is.
        timeout: Seconds that one answer may take.
        patience: Seconds until the service counts as failed.
    """

    command: tuple[str, ...]
    timeout: float
    patience: float


@dataclass(frozen=True)
class Service:
    """One service, as it runs on this machine.

    Attributes:
        name: Its name in the compose file.
        command: Program and arguments.
        environment: What the compose file sets; nothing else of the caller's environment is meant to count.
        ports: Container port to port on loopback.
        volumes: Folders that have to be there.
        after: Services that it needs, each with the condition of the compose file.
        health: None where the file has no healthcheck.
        stop_signal: Asks it to end.
    """

    name: str
    command: tuple[str, ...]
    environment: dict[str, str]
    ports: dict[int, int]
    volumes: tuple[Path, ...]
    after: dict[str, str]
    health: HealthCheck | None
    stop_signal: signal.Signals


def read(
    file: Path, variables: Mapping[str, str], folder: Path, inner_port: Callable[[int], int]
) -> dict[str, Service]:
    """Read the services that start without a profile, each after those that it needs.

    Args:
        file: The compose file; its folder holds the bind mounts.
        variables: Values for ``${NAME}``, as from ``.env``.
        folder: Where named volumes become ``volumes/NAME``.
        inner_port: Gives a port on loopback for one that only containers see (``expose``). Published ports
            (``ports``) are as the file says.

    Raises:
        StackError: A variable with ``:?`` is missing or empty.
    """
    described = yaml.safe_load(file.read_text(encoding="utf-8"))["services"]
    described = {name: item for name, item in described.items() if not item.get("profiles")}
    ports: dict[
        int, int
    ] = {}  # container ports differ from service to service in this file, so a number says whose it is
    for item in described.values():
        ports |= {int(port): inner_port(int(port)) for port in item.get("expose", [])}
        for published in item.get("ports", []):
            _, outer, inner = interpolate(published, variables).rsplit(":", 2)
            ports[int(inner)] = int(outer)
    order = TopologicalSorter({name: item.get("depends_on", {}) for name, item in described.items()}).static_order()
    return {name: _service(name, described, ports, variables, file.parent, folder) for name in order}


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """Fill in ``${NAME}``, ``${NAME:-default}`` and ``${NAME:?message}``; empty counts as missing, ``$$`` is a dollar.

    Raises:
        StackError: A variable with ``:?`` is missing or empty.
    """

    def value(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        given = variables.get(match["name"], "")
        if match["kind"] == "?" and not given:
            raise StackError(
                f"{match['name']} is missing or empty", remedy=match["rest"][:1].upper() + match["rest"][1:]
            )
        return given or (match["rest"] if match["kind"] == "-" else "")

    return _VARIABLE.sub(value, text)


def _service(
    name: str,
    described: Mapping[str, Any],
    ports: Mapping[int, int],
    variables: Mapping[str, str],
    root: Path,
    folder: Path,
) -> Service:
    item = described[name]
    places: dict[str, Path] = {}
    for volume in item.get("volumes", []):
        source, target = volume.split(":")[:2]
        places[target] = (root / source).resolve() if source.startswith(".") else folder / "volumes" / source

    def here(text: object) -> str:
        # addresses first: what a person wrote into .env stays as it is
        return interpolate(_moved(_addressed(str(text), described, ports), places), variables)

    return Service(
        name=name,
        command=tuple(map(here, item["command"])),
        environment={key: here(value) for key, value in item.get("environment", {}).items()},
        ports={number: ports[number] for number in _container_ports(item)},
        volumes=tuple(path for path in places.values() if path.is_relative_to(folder)),
        after={other: wanted["condition"] for other, wanted in item.get("depends_on", {}).items()},
        health=_health(item["healthcheck"], here) if "healthcheck" in item else None,
        stop_signal=signal.Signals[item.get("stop_signal", "SIGTERM")],
    )


def _container_ports(item: Mapping[str, Any]) -> list[int]:
    return [int(port.rpartition(":")[2]) for port in [*item.get("expose", []), *item.get("ports", [])]]


def _addressed(text: str, described: Mapping[str, Any], ports: Mapping[int, int]) -> str:
    """Container addresses, such as ``minio:9000`` or ``0.0.0.0``, on loopback."""
    names = "|".join(map(re.escape, described))
    text = re.sub(rf"(?<![\w.-])(?:{names})(?=:\d)|(?<!\d)0\.0\.0\.0(?!\d)", LOOPBACK, text)
    return re.sub(r"(?<![\w.])\d+(?![\w.])", lambda number: str(ports.get(int(number[0]), number[0])), text)


def _moved(text: str, places: Mapping[str, Path]) -> str:
    """Container paths as folders of this machine."""
    for target, path in places.items():
        text = re.sub(rf"(?<![\w./]){re.escape(target)}(?![\w.-])", lambda _, path=path: str(path), text)  # type: ignore[misc]
    return text


def _health(described: Mapping[str, Any], here: Any) -> HealthCheck:
    kind, *words = map(here, described["test"])
    return HealthCheck(
        command=("sh", "-c", *words) if kind == "CMD-SHELL" else tuple(words),
        timeout=_duration(described["timeout"]),
        patience=_duration(described.get("start_period", "0s"))
        + described["retries"] * (_duration(described["interval"]) + _duration(described["timeout"])),
    )


def _duration(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(ms|s|m)", text).groups()  # type: ignore[union-attr]
    return float(number) * _SECONDS[unit]
