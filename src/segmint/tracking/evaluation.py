"""An evaluation as an MLflow run: its figures, the model and the data by their digests, and the report.

Example:
    >>> log_evaluation(parameters, model, outcome.metrics(), digest, Path("evaluation"), files)
    'd56f6a8bd20f415baa5b960c0d38da16'
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segmint.tracking.folder import RUNS, Identity
from segmint.tracking.run import TrackedRun
from segmint.tracking.store import require_store

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
    run = TrackedRun.start(EXPERIMENT, RUNS, Identity(EXPERIMENT, digest, require_store()))
    with run.closing():
        run.log_params({key: value for key, value in parameters.items() if value is not None})
        run.log_tags({f"model.{key}": value for key, value in model.items()} | {"dataset.digest": digest})
        run.log_metrics(metrics)
        run.log_files([folder / name for name in files], "evaluation")
    return run.run_id
