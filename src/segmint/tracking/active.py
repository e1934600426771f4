"""Which MLflow run this process works on: the one that ``mlflow run`` made, a new one, or one that goes on.

``mlflow.log_metric`` and its like join the run of ``MLFLOW_RUN_ID`` when they are first called, and make one of their
own where there is none.

Example:
    >>> run = make(client, "refugee-camp")
    >>> enter(run.info.run_id)
    >>> mlflow.log_metric("mine", 1.0)
    >>> leave(run.info.run_id, "FINISHED")
"""

import contextlib
import os

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.environment_variables import MLFLOW_RUN_ID
from mlflow.tracking.context.registry import resolve_tags
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME

from segmint.tracking.faults import FAULTS


def asked_for() -> str | None:
    """The run that ``mlflow run`` made for this process; nobody joins it from now on."""
    return os.environ.pop(MLFLOW_RUN_ID.name, None)


def make(client: MlflowClient, name: str) -> Run:
    """A new run in the experiment that the environment names, else in the one called ``name``."""
    if number := os.environ.get("MLFLOW_EXPERIMENT_ID"):
        chosen = mlflow.set_experiment(experiment_id=number)
    else:
        chosen = mlflow.set_experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME") or name)
    return client.create_run(chosen.experiment_id, tags=resolve_tags({MLFLOW_RUN_NAME: name}), run_name=name)


def join(client: MlflowClient, run_id: str) -> Run:
    """A run that is there already, under way again."""
    client.update_run(run_id, status="RUNNING")
    return client.get_run(run_id)


def enter(run_id: str) -> None:
    """Have ``mlflow.log_metric`` and its like log into the run."""
    os.environ[MLFLOW_RUN_ID.name] = run_id


def leave(run_id: str, status: str) -> None:
    """End the run for them; a store that is away gets the status from the journal."""
    os.environ.pop(MLFLOW_RUN_ID.name, None)
    joined = mlflow.active_run()
    if joined is not None and joined.info.run_id == run_id:
        with contextlib.suppress(*FAULTS):
            mlflow.end_run(status)
