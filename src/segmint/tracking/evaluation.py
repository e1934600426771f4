"""An evaluation as an MLflow run: its figures, the model and the data by their digests, and the report.

Example:
    >>> log_evaluation(parameters, model, outcome.metrics(), digest, Path("evaluation"), files)
    'd56f6a8bd20f415baa5b960c0d38da16'
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mlflow

from segmint.tracking.run import TrackedRun, connect

EXPERIMENT = "evaluations"


def log_evaluation(
    parameters: Mapping[str, Any],
    model: Mapping[str, str],
    metrics: Mapping[str, float],
    digest: str,
    folder: Path,
    files: Sequence[str],
) -> str:
    """Log to the run that ``mlflow run`` made, or to a new one, and return its id.

    Args:
        parameters: What was asked for.
        model: What identifies the model; become tags.
        metrics: Figures by their MLflow names.
        digest: SHA-256 of the labelled data; becomes a tag.
        folder: Where the files are.
        files: What was written; become artifacts under ``evaluation``.

    Raises:
        TrackingError: The store cannot be reached or refuses.
    """
    connect()
    run = TrackedRun.start(EXPERIMENT, resumed=None)
    with run.closing():
        run.log_params({key: value for key, value in parameters.items() if value is not None})
        run.log_tags({f"model.{key}": value for key, value in model.items()} | {"dataset.digest": digest})
        run.log_metrics(metrics)
        for name in files:
            mlflow.log_artifact(str(folder / name), "evaluation")
    return run.run_id
