"""Stores with registered versions, made without training."""

from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from places import SHARED
from registered import NAME, Registry, stage

from promote import promote
from rollback import rollback
from segmint.registry.request import PromotionRequest, RollbackRequest, parse


@pytest.fixture(scope="session")
def staged_model(model_folder, tmp_path_factory):
    """Artifacts of a run and their contract."""
    return stage(tmp_path_factory.mktemp("a run") / "staging", model_folder())


@pytest.fixture
def schemas(monkeypatch):
    """The published STAC schemas, where they are at hand."""
    if not (SHARED / "stac-schemas").is_dir():
        pytest.skip("the published schemas of ../shared/stac-schemas are not here")
    monkeypatch.setenv("SEGMINT_STAC_SCHEMAS", str(SHARED / "stac-schemas"))


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory) -> Path:
    """A sqlite store whose tables are made; making them takes seconds."""
    path = tmp_path_factory.mktemp("a store") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_registered_models()
    return path


@pytest.fixture
def registry(staged_model, empty_store, tmp_path, monkeypatch) -> Registry:
    """A registered model without versions, in a store of this process and of those it starts."""
    room = tmp_path / "a room"
    room.mkdir()
    (room / "mlflow.db").write_bytes(empty_store.read_bytes())
    monkeypatch.chdir(room)
    uri = f"sqlite:///{room / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    mlflow.set_tracking_uri(uri)
    client = MlflowClient()
    client.create_registered_model(NAME)
    return Registry(room, *staged_model, client)


@pytest.fixture
def say(registry, schemas, capsys) -> Callable[..., str]:
    """``say(promote, "--approve=true")`` runs an entry point on the registered model and gives what it prints."""
    requests = {promote: PromotionRequest, rollback: RollbackRequest}

    def run(entry: Callable, *arguments: str) -> str:
        capsys.readouterr()
        entry(parse(requests[entry], [f"--model_name={NAME}", *arguments]))
        return capsys.readouterr().out

    return run
