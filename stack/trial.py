"""What a stack for a trial is told in place of `.env`: secrets made for it, and free ports.

Example:
    >>> sorted(variables())[:2]
    ['MINIO_CONSOLE_PORT', 'MLFLOW_ADMIN_PASSWORD']
"""

import secrets
import socket

SECRETS = (
    "POSTGRES_PASSWORD",
    "S3_ACCESS_KEY_ID",
    "S3_SECRET_ACCESS_KEY",
    "MLFLOW_ADMIN_PASSWORD",
    "MLFLOW_SECRET_KEY",
)
"""Variables that the compose file refuses to start without."""


def variables() -> dict[str, str]:
    """Every secret, new, and free ports."""
    return {name: secrets.token_hex(12) for name in SECRETS} | free_ports()


def free_ports() -> dict[str, str]:
    """A free port on loopback for each one that the stack publishes."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return {"MLFLOW_PORT": str(one.getsockname()[1]), "MINIO_CONSOLE_PORT": str(other.getsockname()[1])}
