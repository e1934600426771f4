"""What a callback logs by MLflow's own functions."""

import os

import mlflow
import pytest
from mlflow import MlflowClient

from segmint.tracking.folder import RUNS, Identity
from segmint.tracking.run import TrackedRun
from segmint.tracking.store import connect, require_store


@pytest.fixture
def room(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    require_store()
    yield tmp_path
    mlflow.set_tracking_uri(None)


@pytest.mark.states(145)
@pytest.mark.parametrize(("fault", "status"), [(None, "FINISHED"), (RuntimeError, "FAILED"), (SystemExit, "FAILED")])
def test_a_metric_of_a_callback_lands_in_the_run_which_ends_as_the_training_does(room, fault, status):
    run = TrackedRun.start("callbacks", RUNS, Identity("recipe", "data", connect()))

    def train():
        with run.closing():
            mlflow.log_metric("grad_mean", 0.25, step=3)
            if fault is not None:
                raise fault

    if fault is None:
        train()
    else:
        with pytest.raises(fault):
            train()
    client = MlflowClient()
    (only,) = client.search_runs([item.experiment_id for item in client.search_experiments()])
    assert only.info.run_id == run.run_id
    assert [(item.value, item.step) for item in client.get_metric_history(run.run_id, "grad_mean")] == [(0.25, 3)]
    assert only.info.status == status
    assert mlflow.active_run() is None
    assert "MLFLOW_RUN_ID" not in os.environ
