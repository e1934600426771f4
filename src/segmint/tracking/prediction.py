"""A prediction as an MLflow run: its parameters, the model it used, and the maps as artifacts.

Example:
    >>> log_prediction(request.parameters(), job.model, {"north": [Path("output/north_classes.tif")]})
    'd56f6a8bd20f415baa5b960c0d38da16'
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mlflow

from segmint.tracking.run import TrackedRun, connect

EXPERIMENT = "predictions"


def log_prediction(parameters: Mapping[str, Any], model: Mapping[str, Any], files: Mapping[str, Sequence[Path]]) -> str:
    """Log to the run that ``mlflow run`` made, or to a new one, and return its id.

    Args:
        parameters: What was asked for.
        model: What identifies the model; become tags.
        files: Name of each scene's results -> its files; become a folder of artifacts each.

    Raises:
        TrackingError: The store cannot be reached or refuses.
    """
    connect()
    run = TrackedRun.start(EXPERIMENT, resumed=None)
    with run.closing():
        run.log_params({key: value for key, value in parameters.items() if value is not None})
        run.log_tags({f"model.{key}": str(value) for key, value in model.items()})
        run.log_metrics({"scenes": len(files)})
        for stem, written in files.items():
            for path in written:
                mlflow.log_artifact(str(path), stem)
                if (names := Path(f"{path}.aux.xml")).is_file():  # class names, which GeoTIFF has no place for
                    mlflow.log_artifact(str(names), stem)
    return run.run_id
