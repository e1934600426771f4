"""The native stack on free ports, in a folder of its own, with secrets made for it; what is missing is a failure."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from places import REPOSITORY
from team import Team, made_variables

from stack.native import Stack


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder that Postgres can enter where the tests run as root, which Postgres refuses to be."""
    made = Path(tempfile.mkdtemp(prefix="team stack "))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="session")
def team(folder: Path) -> Iterator[Team]:
    """The stack, and two people that its administrator let in."""
    variables = made_variables()
    with Stack(REPOSITORY, variables, folder) as stack:
        team = Team(stack, variables)
        team.let_people_in()
        yield team


@pytest.fixture(autouse=True)
def remembered_address() -> Iterator[None]:
    """MLflow remembers an address that was set in the process; the next test has its own."""
    yield
    mlflow.set_tracking_uri(None)
