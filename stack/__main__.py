"""The team stack without Docker, in the foreground until Ctrl-C.

make stack
PYTHONPATH=src python -m stack postgres     only that service, as for a restore
"""

import os
import signal
import sys
from pathlib import Path
from types import FrameType

from dotenv import dotenv_values

from segmint.errors import one_line_errors
from stack.native import Stack

REPOSITORY = Path(__file__).resolve().parents[1]


def main() -> None:
    """Start, say where everything is, wait, stop."""
    written = {key: value for key, value in dotenv_values(REPOSITORY / ".env", interpolate=False).items() if value}
    variables = written | dict(os.environ)  # as docker compose: the environment wins
    with one_line_errors(), Stack(REPOSITORY, variables, REPOSITORY / ".stack", only=sys.argv[1:] or None) as stack:
        for service in stack.services.values():
            print(f"{service.name}: " + (", ".join(f"127.0.0.1:{port}" for port in service.ports.values()) or "done"))
        if "mlflow" in stack.services:
            administrator = stack.services["mlflow"].environment["MLFLOW_AUTH_ADMIN_USERNAME"]
            print(f"{stack.url}  (first administrator: {administrator}; users and roles: docs/stack.md)")
        print(
            f"data in {stack.folder / 'volumes'}, logs in {stack.folder / 'logs'}; Ctrl-C stops everything", flush=True
        )
        stack.watch()


ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave services behind
    raise KeyboardInterrupt


if __name__ == "__main__":
    for number in ENDING:
        signal.signal(number, _interrupt)
    main()
