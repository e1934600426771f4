"""A running stack with its people, and how a client of it sees the world."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from e2e_settings import environment
from mlflow import MlflowClient
from mlflow.server import get_app_client
from places import REPOSITORY, SHARED

from stack import trial
from stack.native import Stack

SCHEMAS = Path(os.environ.get("SEGMINT_STAC_SCHEMAS", SHARED / "stac-schemas"))
"""The published STAC schemas, which promotion wants."""


@dataclass(frozen=True)
class Person:
    """A user of the server."""

    name: str
    password: str = field(default_factory=lambda: secrets.token_hex(12))


@dataclass
class Team:
    """A stack and its people.

    Attributes:
        stack: What runs.
        variables: What its ``.env`` would say.
        trainer: Has the role that may create and register.
        reader: Has no role.
    """

    stack: Stack
    variables: dict[str, str]
    trainer: Person = field(default_factory=lambda: Person("tina"))
    reader: Person = field(default_factory=lambda: Person("rene"))

    @property
    def administrator(self) -> Person:
        return Person("admin", self.variables["MLFLOW_ADMIN_PASSWORD"])

    def secrets(self) -> list[str]:
        return [self.trainer.password, self.reader.password, *(self.variables[name] for name in trial.SECRETS)]

    def environment(self, room: Path, person: Person) -> dict[str, str]:
        """All that a client's process knows: the address, a name and a password."""
        kept = {key: value for key, value in environment(room).items() if not key.startswith(("AWS_", "PG", "S3_"))}
        given = {"URI": self.stack.url, "USERNAME": person.name, "PASSWORD": person.password}
        return kept | {f"MLFLOW_TRACKING_{key}": value for key, value in given.items()}

    def script(self, room: Path, name: str, *arguments: str) -> None:
        """Run an entry point as the trainer; what it prints is kept in ``room``."""
        given = self.environment(room, self.trainer)
        if SCHEMAS.is_dir():
            given["SEGMINT_STAC_SCHEMAS"] = str(SCHEMAS)
        command = [sys.executable, str(REPOSITORY / "src" / f"{name}.py"), *arguments]
        done = subprocess.run(command, cwd=room, env=given, capture_output=True, text=True, check=False)
        (room / f"{name}.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    @contextmanager
    def signed_in(self, person: Person) -> Iterator[MlflowClient]:
        """Make this process a client, as a person."""
        with pytest.MonkeyPatch.context() as patch:
            for key in [key for key in os.environ if key.startswith(("AWS_", "MLFLOW_"))]:
                patch.delenv(key)
            patch.setenv("MLFLOW_TRACKING_URI", self.stack.url)
            patch.setenv("MLFLOW_TRACKING_USERNAME", person.name)
            patch.setenv("MLFLOW_TRACKING_PASSWORD", person.password)
            yield MlflowClient(self.stack.url)

    def let_people_in(self) -> None:
        """What docs/stack.md has the administrator do."""
        with self.signed_in(self.administrator):
            users = get_app_client("basic-auth", self.stack.url)
            role = users.create_role("default", "trainer")
            users.add_role_permission(role.id, "workspace", "*", "USE")
            users.add_role_permission(role.id, "experiment", "*", "EDIT")
            users.add_role_permission(role.id, "registered_model", "*", "EDIT")
            for person in (self.trainer, self.reader):
                users.create_user(person.name, person.password)
            users.assign_role(self.trainer.name, role.id)


def made_variables() -> dict[str, str]:
    """What a test tells a stack: fewer processes of the server than it has by default."""
    return trial.variables() | {"MLFLOW_WORKERS": "2"}
