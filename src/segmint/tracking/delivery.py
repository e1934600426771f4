"""Tells the store one line of a journal. Telling it twice is as telling it once, for every kind:

==========  ==========================================  ===============================================
kind        content                                     told twice
==========  ==========================================  ===============================================
metrics     [[key, value, step], ...], time: the        one row: run, key, time, step and value are the
            line's own                                  primary key of MLflow's SQL store
params      {key: value}                                MLflow takes a value that is already there
tags        {key: value}                                overwritten by the same
input       {"dataset": ..., "tags": ...}               MLflow keeps one edge per dataset and run
file        {"path": ..., "folder": ...}                overwritten by the same
model       {"staging", "description", "move_alias"}    the version of the run is found and completed
status      {"status", "runs"}, end: the line's own     overwritten by the same
==========  ==========================================  ===============================================

Example:
    >>> deliver = Delivery(Path(".segmint/runs/3f2a"))
    >>> deliver(journal.first())
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_TIMEOUT

from segmint.tracking.journal import Entry

if TYPE_CHECKING:
    from segmint.registry.registration import Registered

_BYTES_PER_SECOND = 1_000_000
"""A server answers an upload when it has put the file away; slower storage than this wants a longer timeout."""


class Delivery:
    """Tells the store about one run.

    Attributes:
        registered: The version of the run's model, once the registry has it.

    Args:
        folder: The run's folder; its name is the run's id.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.run_id = folder, folder.name
        self.registered: Registered | None = None
        self._client = MlflowClient()

    def __call__(self, entry: Entry) -> None:
        """Tell one line.

        Raises:
            MlflowException: The store is away or refuses.
            OSError: Likewise, on the way of files.
        """
        content = entry.content
        match entry.kind:
            case "metrics":
                told = [Metric(key, value, entry.at, step) for key, value, step in content]
                self._client.log_batch(self.run_id, metrics=told)
            case "params":
                self._client.log_batch(self.run_id, params=[Param(*item) for item in content.items()])
            case "tags":
                self._client.log_batch(self.run_id, tags=[RunTag(*item) for item in content.items()])
            case "input":
                tags = [InputTag(*item) for item in content["tags"].items()]
                self._client.log_inputs(self.run_id, [DatasetInput(Dataset(**content["dataset"]), tags)])
            case "file":
                path = self.folder / content["path"]
                with _time_to_store(path):
                    self._client.log_artifact(self.run_id, str(path), content["folder"] or None)
            case "model":
                from segmint.registry.registration import register

                staging = self.folder / content["staging"]
                with _time_to_store(staging / "models" / "best_model.pth"):
                    asked = content["move_alias"]
                    self.registered = register(self.run_id, staging, content["description"], asked)
            case "status":
                for run_id in content["runs"]:
                    self._client.set_terminated(run_id, content["status"], entry.at)


@contextmanager
def _time_to_store(path: Path) -> Iterator[None]:
    """Wait longer for the answer to a large file; deliveries are made one at a time."""
    name, before = MLFLOW_HTTP_REQUEST_TIMEOUT.name, MLFLOW_HTTP_REQUEST_TIMEOUT.get()
    os.environ[name] = str(max(before, path.stat().st_size // _BYTES_PER_SECOND))
    try:
        yield
    finally:
        os.environ[name] = str(before)
