"""Champions follow each other without tearing, with real processes, on sqlite and through a server."""

import json
import os
import subprocess
import sys

import mlflow
import pytest
from mlflow import MlflowClient
from places import REPOSITORY
from registered import NAME
from servers import served

from segmint.errors import RegistryError
from segmint.registry.succession import Change, Succession

PROMOTERS = 6
WHO = {"by": "asha", "at": "2026-01-02T03:04:05Z", "reason": "a test"}

CONTEND = """
import sys, time
from pathlib import Path
name, version, room = sys.argv[1:4]
from segmint.errors import RegistryError
from segmint.registry.succession import Change, Succession
succession = Succession.open(name)
reign = succession.reign()
Path(room, f"ready {version}").touch()
while not Path(room, "go").exists():
    time.sleep(0.001)
try:
    change = Change("promotion", version, reign.champion, "contender " + version, "2026-01-02T03:04:05Z", "a race")
    succession.change(reign, change)
    print("won")
except RegistryError as error:
    print(error)
"""
"""Everybody decides on the same reign, and all change it at once."""


@pytest.fixture(scope="module", params=["sqlite", "server"])
def store(request, empty_store, tmp_path_factory):
    """Address of a sqlite store, then of a server in front of one."""
    room = tmp_path_factory.mktemp("a store")
    (room / "mlflow.db").write_bytes(empty_store.read_bytes())
    uri = f"sqlite:///{room / 'mlflow.db'}"
    if request.param == "sqlite":
        yield uri
        return
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri, "--workers", "1"]
    with served([*command, "--artifacts-destination", str(room / "artifacts")], room, "/health") as address:
        yield address


@pytest.fixture
def versions(store, tmp_path, monkeypatch):
    """A client of the store; the model has a champion, version 1, and as many more versions as there are promoters."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    mlflow.set_tracking_uri(store)
    client = MlflowClient()
    if client.search_registered_models(f"name='{NAME}'"):
        client.delete_registered_model(NAME)
    client.create_registered_model(NAME)
    experiment = client.create_experiment(tmp_path.name)
    for _ in range(PROMOTERS + 1):
        run = client.create_run(experiment).info
        client.create_model_version(NAME, f"{run.artifact_uri}/model", run.run_id)
    succession = Succession.open(NAME)
    succession.change(succession.reign(), Change("promotion", "1", None, **WHO))
    return client


def aliases(client):
    return {alias: str(version) for alias, version in client.get_registered_model(NAME).aliases.items()}


def contend(room, numbers):
    """What each of several processes says that promote at the same moment, by version."""
    room.mkdir()
    processes = {
        version: subprocess.Popen(
            [sys.executable, "-c", CONTEND, NAME, version, str(room)],
            env=os.environ | {"PYTHONPATH": str(REPOSITORY / "src")},
            stdout=subprocess.PIPE,
            text=True,
        )
        for version in numbers
    }
    while len(list(room.glob("ready *"))) < len(processes):
        assert all(process.poll() is None for process in processes.values())
    (room / "go").touch()
    return {version: process.communicate(timeout=120)[0].strip() for version, process in processes.items()}


def test_of_many_promotions_at_once_one_wins_and_the_others_name_it(versions, tmp_path):
    numbers = [str(number) for number in range(2, PROMOTERS + 2)]
    said = contend(tmp_path / "race", numbers)
    winners = [version for version, words in said.items() if words == "won"]
    assert len(winners) == 1, said
    assert aliases(versions) == {"champion": winners[0], "previous": "1"}
    for version, words in said.items():
        if version != winners[0]:
            assert words.startswith(f"version {winners[0]} became champion meanwhile: promotion by contender"), words
            assert f"nothing was changed for version {version}" in words


def test_a_process_that_dies_between_the_aliases_is_repaired_by_whoever_comes_next(versions):
    """Torn at every place: before the aliases, between them, and before the word that they were moved."""
    for number, moved in enumerate([(), ("previous",), ("previous", "champion")], start=2):
        succession = Succession.open(NAME)
        over = succession.reign().champion
        entry = Change("promotion", str(number), over, **WHO)
        versions.log_param(succession.run_id, f"champion.{number:04d}", json.dumps(vars(entry)))
        for alias in moved:
            versions.set_registered_model_alias(NAME, alias, getattr(entry, alias))
        reign = Succession.open(NAME).reign()
        assert (reign.champion, reign.previous) == (str(number), over)
        assert aliases(versions) == {"champion": str(number), "previous": over}


def test_a_champion_that_was_moved_by_hand_is_taken_as_it_is(versions):
    versions.set_registered_model_alias(NAME, "champion", "4")
    reign = Succession.open(NAME).reign()
    assert reign.champion == "4"
    Succession.open(NAME).change(reign, Change("promotion", "5", "4", **WHO))
    assert aliases(versions) == {"champion": "5", "previous": "4"}


def test_a_decision_on_a_reign_that_has_ended_changes_nothing(versions):
    succession = Succession.open(NAME)
    early = succession.reign()
    succession.change(early, Change("promotion", "2", "1", **WHO))
    with pytest.raises(RegistryError, match=r"version 2 became champion meanwhile: promotion by asha"):
        Succession.open(NAME).change(early, Change("promotion", "3", "1", **WHO))
    assert aliases(versions) == {"champion": "2", "previous": "1"}


def test_a_version_that_is_gone_does_not_become_champion(versions):
    succession = Succession.open(NAME)
    versions.delete_model_version(NAME, "3")
    with pytest.raises(RegistryError, match="has no version 3"):
        succession.change(succession.reign(), Change("promotion", "3", "1", **WHO))
    assert aliases(versions) == {"champion": "1"}


def test_rollbacks_go_back_through_the_champions_and_never_forward(versions):
    """Also where a version was champion twice, and where one in between was deleted."""
    succession = Succession.open(NAME)
    for version, over in (("2", "1"), ("3", "2"), ("4", "3"), ("3", "4")):
        succession.change(succession.reign(), Change("promotion", version, over, **WHO))
    versions.delete_model_version(NAME, "2")
    restored = []
    while (previous := succession.reign().previous) is not None:
        succession.change(succession.reign(), Change("rollback", previous, succession.below(previous), **WHO))
        restored.append(succession.reign().champion)
    assert restored == ["4", "3", "1"]


def test_a_version_that_was_deleted_while_its_promotion_waited_stops_nobody(versions):
    succession = Succession.open(NAME)
    entry = Change("promotion", "5", "1", **WHO)
    versions.log_param(succession.run_id, "champion.0002", json.dumps(vars(entry)))
    versions.delete_model_version(NAME, "5")
    succession.change(succession.reign(), Change("promotion", "6", "1", **WHO))
    assert aliases(versions) == {"champion": "6", "previous": "1"}
