"""The MLflow run of a training: where it lives, what it holds, and how it ends.

Example:
    >>> run = TrackedRun.start("refugee-camp", resumed=None)
    >>> with run.closing():
    ...     run.log_epoch(1, {"val_loss": 0.4})
"""

import os
import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from numpy.typing import NDArray

from segmint.errors import TrackingError
from segmint.interruption import Interrupted
from segmint.tracking.verdict import restore_after_parent

DEFAULT_STORE = "sqlite:///mlflow.db"
_LONGEST_PARAMETER = 6000
_MOST_METRICS = 1000
"""What MLflow takes in one call."""


def connect() -> str:
    """Choose the tracking store and return its address without credentials.

    ``MLFLOW_TRACKING_URI`` where it is set, else sqlite in the working folder, named explicitly: MLflow's own default
    is percent-encoded, which is another folder when the path has a space in it.
    """
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        os.environ["MLFLOW_TRACKING_URI"] = DEFAULT_STORE
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    parts = urlsplit(os.environ["MLFLOW_TRACKING_URI"])
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", "")) if parts.netloc else os.environ["MLFLOW_TRACKING_URI"]


def is_remote() -> bool:
    """Whether the store is a server, not a file of this machine."""
    return urlsplit(mlflow.get_tracking_uri()).scheme in ("http", "https", "postgresql", "mysql", "mssql")


class TrackedRun:
    """One active MLflow run.

    Attributes:
        run_id: The run that everything is logged to.
        asked_for: The run that ``mlflow run`` made, where it is another one (resumed).
    """

    def __init__(self, run_id: str, asked_for: str | None) -> None:
        self.run_id, self.asked_for = run_id, asked_for
        self._client = MlflowClient()

    @classmethod
    def start(cls, experiment: str, resumed: str | None) -> "TrackedRun":
        """Join the run that ``mlflow run`` made, or make one, or carry on ``resumed``.

        Raises:
            TrackingError: The store cannot be reached or refuses.
        """
        asked_for = os.environ.get("MLFLOW_RUN_ID")
        try:
            if resumed is not None:
                os.environ.pop("MLFLOW_RUN_ID", None)
                mlflow.start_run(run_id=resumed, log_system_metrics=True)
            elif asked_for:
                mlflow.start_run(run_id=asked_for, log_system_metrics=True)
            else:
                if not (os.environ.get("MLFLOW_EXPERIMENT_NAME") or os.environ.get("MLFLOW_EXPERIMENT_ID")):
                    mlflow.set_experiment(experiment)
                mlflow.start_run(run_name=experiment, log_system_metrics=True)
        except (MlflowException, OSError) as error:
            store = connect()
            raise TrackingError(f"tracking store {store}: {error}", remedy="Check MLFLOW_TRACKING_URI") from error
        active = mlflow.active_run()
        assert active is not None
        run = cls(active.info.run_id, asked_for if asked_for != active.info.run_id else None)
        if run.asked_for:
            run._client.set_tag(run.asked_for, MLFLOW_PARENT_RUN_ID, run.run_id)
            run._client.set_tag(run.asked_for, "resumed_into", run.run_id)
        return run

    @property
    def git_commit(self) -> str | None:
        """Commit of the code, as MLflow found it."""
        tag: str | None = self._client.get_run(self.run_id).data.tags.get("mlflow.source.git.commit")
        return tag

    def log_params(self, values: Mapping[str, Any]) -> None:
        """Log parameters that the run does not have yet; ``mlflow run`` logged its own, spelled as the user did."""
        known = self._client.get_run(self.run_id).data.params
        new = [Param(key, str(value)[:_LONGEST_PARAMETER]) for key, value in values.items() if key not in known]
        for start in range(0, len(new), 100):
            self._client.log_batch(self.run_id, params=new[start : start + 100])

    def log_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Log the metrics of an epoch (from 1) in one call."""
        now = time.time_ns() // 1_000_000
        batch = [Metric(key, value, now, epoch) for key, value in metrics.items()]
        self._client.log_batch(self.run_id, metrics=batch)

    def log_steps(self, steps: list[tuple[int, dict[str, float]]]) -> None:
        """Log metrics of steps (from 1), many to a call."""
        now = time.time_ns() // 1_000_000
        batch = [Metric(key, value, now, step) for step, metrics in steps for key, value in metrics.items()]
        for start in range(0, len(batch), _MOST_METRICS):
            self._client.log_batch(self.run_id, metrics=batch[start : start + _MOST_METRICS])

    def log_picture(self, epoch: int, drawn: NDArray[np.uint8]) -> None:
        """Log the picture ``[H, W, 3]`` of an epoch (from 1); MLflow shows them under ``preview`` with a slider."""
        self._client.log_image(self.run_id, drawn, key="preview", step=epoch)

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Log final figures."""
        self.log_epoch(0, metrics)

    def log_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags."""
        for key, value in tags.items():
            self._client.set_tag(self.run_id, key, value)

    def log_folder(self, path: Path) -> None:
        """Upload the content of a folder as the run's artifacts."""
        self._client.log_artifacts(self.run_id, str(path))

    def facts(self) -> dict[str, str]:
        """What identifies the run, for the report."""
        info = self._client.get_run(self.run_id).info
        return {
            "run_id": self.run_id,
            "experiment": self._client.get_experiment(info.experiment_id).name,
            "tracking_uri": connect(),
            "git_commit": self.git_commit or "unknown",
            "command": shlex.join(["python", "src/train.py", *sys.argv[1:]]),
        }

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Close the run by how the body ends: FINISHED, KILLED when it was interrupted, else FAILED."""
        try:
            yield
        except Interrupted as interruption:
            self.end("KILLED")
            restore_after_parent(self.asked_for or self.run_id, "KILLED")
            print(f"stopped by {interruption}: run {self.run_id} is marked KILLED, the same command carries it on")
            raise SystemExit(130) from None
        except BaseException:
            self.end("FAILED")
            raise
        self.end("FINISHED")

    def end(self, status: str) -> None:
        """Close the run as FINISHED, FAILED or KILLED, and with it the run that was asked for."""
        mlflow.end_run(status)
        if self.asked_for:
            self._client.set_terminated(self.asked_for, status)


def run_exists(run_id: str) -> bool:
    """Whether the store still has a run that is not deleted."""
    try:
        return bool(MlflowClient().get_run(run_id).info.lifecycle_stage == "active")
    except MlflowException:
        return False
