"""From training to a champion that survives a restore, by a trainer's name and password alone."""

import os
import shutil
import subprocess

import mlflow
import numpy as np
import psutil
import pytest
from browser import look, window
from e2e_settings import SMALL
from places import REPOSITORY
from playwright.sync_api import Error as PageError
from team import SCHEMAS, Team

from stack.native import Stack
from stack.trial import free_ports

pytestmark = pytest.mark.stack
NAME = "refugee-camp"


def answers(room):
    """The champion, loaded in one line, on the chips of the proof; and what the proof says."""
    sample = np.load(room / "meta" / "parity_sample.npz")
    model = mlflow.pyfunc.load_model(f"models:/{NAME}@champion")
    return model.predict(sample["chips"][:2].astype(np.float32)), sample["probabilities"][:2]


def facts(client):
    """What a restored stack has to show again."""
    runs = client.search_runs([item.experiment_id for item in client.search_experiments()])
    metrics = {run.info.run_id: dict(run.data.metrics) for run in runs}
    assert any("test_iou" in values for values in metrics.values())
    return metrics, dict(client.get_registered_model(NAME).aliases)


def dump(team, *arguments):
    """``pg_dump`` of the stack's database."""
    environment = team.stack.processes["mlflow"].environment()
    command = ["pg_dump", "--no-owner", *arguments, "--dbname=mlflow"]
    return subprocess.run(command, env=environment, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def room(team, bright_squares, tmp_path_factory):
    """Where a trainer trained, made that champion, and promoted a copy over it; the output is there too."""
    room = tmp_path_factory.mktemp("a trainer's room")
    chips, labels = bright_squares
    team.script(room, "train", *SMALL, f"--chips_dir={chips}", f"--labels_dir={labels}", "--epochs=1")
    with team.signed_in(team.trainer) as client:
        trained = client.get_model_version_by_alias(NAME, "candidate")
        client.set_registered_model_alias(NAME, "champion", trained.version)
        client.create_model_version(
            NAME, trained.source, trained.run_id, model_id=trained.source.removeprefix("models:/")
        )
    if SCHEMAS.is_dir():  # without them the gate refuses
        accepted = "--accept_below_baseline=bright squares are found by their brightness alone"
        team.script(room, "promote", "--version=2", "--approve=true", "--reason=a test", accepted)
    return room


@pytest.mark.skipif(not SCHEMAS.is_dir(), reason="the published schemas of ../shared/stac-schemas are not here")
def test_promotion_moves_the_champion_and_names_the_person_who_signed_in(team, room):
    with team.signed_in(team.reader) as client:
        champion = client.get_model_version_by_alias(NAME, "champion")
        assert champion.tags["promoted_by"] == team.trainer.name
        assert str(champion.version) == "2"
        assert str(client.get_model_version_by_alias(NAME, "previous").version) == "1"


@pytest.mark.browser
def test_the_champion_is_found_in_the_browser_by_who_has_a_password(team, room, tmp_path):
    """Chromium missing is a failure here, as every part of the stack's tests."""
    with team.signed_in(team.reader) as client:
        version = client.get_model_version_by_alias(NAME, "champion")
    pages = {
        "stack_model": (f"models/{NAME}", ["champion", "candidate"]),
        "stack_version": (f"models/{NAME}/versions/{version.version}", ["champion", "promoted_by"]),
        "stack_run": (f"experiments/{_experiment(team, version.run_id)}/runs/{version.run_id}", ["test_iou"]),
    }
    with window({"username": team.reader.name, "password": team.reader.password}) as page:
        for name, (address, words) in pages.items():
            look(page, f"{team.stack.url}/#/{address}?workspace=default", words, tmp_path / f"{name}.png")
    with window() as page, pytest.raises(PageError, match="ERR_INVALID_AUTH_CREDENTIALS"):
        page.goto(f"{team.stack.url}/#/models/{NAME}")


def _experiment(team, run_id):
    with team.signed_in(team.reader) as client:
        return client.get_run(run_id).info.experiment_id


def test_the_champion_answers_as_it_was_proven(team, room):
    with team.signed_in(team.reader) as client:
        version = client.get_model_version_by_alias(NAME, "champion")
        assert client.get_run(version.run_id).info.status == "FINISHED"
        given, proven = answers(room)
    np.testing.assert_allclose(given, proven, atol=1e-4)
    stored = team.stack.folder / "volumes" / "minio" / "mlflow"
    assert list(stored.rglob("best_model.onnx")), "the exports are not in MinIO's bucket"


def test_no_secret_is_left_in_logs_runs_artifacts_or_command_lines(team, room):
    hidden = [value.encode() for value in team.secrets()]
    places = {"the database": dump(team)}
    processes = psutil.process_iter(["cmdline"])  # a process that ended meanwhile has none
    places["command lines"] = " ".join(word for process in processes for word in process.info["cmdline"] or ()).encode()
    bucket = team.stack.folder / "volumes" / "minio" / "mlflow"
    for top in (team.stack.folder / "logs", bucket, room):
        places |= {str(path): path.read_bytes() for path in top.rglob("*") if path.is_file()}
    assert len(places) > 30
    assert b"dataset.digest" in places["the database"]  # parameters are looked at
    assert b"artifacts-destination" in places["command lines"]
    assert [place for place, content in places.items() if any(secret in content for secret in hidden)] == []


def test_a_restored_stack_shows_the_same_runs_and_serves_the_same_champion(team, room, folder):
    with team.signed_in(team.reader) as client:
        before = facts(client)
        expected, _ = answers(room)
    # the backup of docs/stack.md: the database first, so that every run in it has its artifacts
    saved = folder / "mlflow.dump"
    saved.write_bytes(dump(team, "--format=custom"))
    other = folder / "restored"
    team.stack.processes["minio"].stop()
    shutil.copytree(team.stack.folder / "volumes" / "minio", other / "volumes" / "minio")
    team.stack.processes["minio"].start()

    variables = team.variables | free_ports()
    with Stack(REPOSITORY, variables, other, only={"postgres"}) as stack:
        environment = os.environ | {"PGPASSWORD": variables["POSTGRES_PASSWORD"]}
        port = stack.services["postgres"].ports[5432]
        address = ["--host=127.0.0.1", f"--port={port}", "--username=mlflow", "--dbname=mlflow"]
        subprocess.run(["pg_restore", "--no-owner", *address, str(saved)], env=environment, check=True)
    with Stack(REPOSITORY, variables, other) as stack:
        restored = Team(stack, variables, team.trainer, team.reader)
        with restored.signed_in(restored.reader) as client:
            assert facts(client) == before
            np.testing.assert_array_equal(answers(room)[0], expected)
