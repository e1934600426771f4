"""A prediction as an MLflow run: its parameters, the model it used, and the maps as artifacts.

Example:
    >>> log_prediction(request.parameters(), job.model, {"north": [Path("output/north_classes.tif")]})
    'd56f6a8bd20f415baa5b960c0d38da16'
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segmint.tracking.folder import RUNS, Identity
from segmint.tracking.run import TrackedRun
from segmint.tracking.store import require_store

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
    run = TrackedRun.start(EXPERIMENT, RUNS, Identity(EXPERIMENT, "", require_store()))
    with run.closing():
        run.log_params({key: value for key, value in parameters.items() if value is not None})
        run.log_tags({f"model.{key}": str(value) for key, value in model.items()})
        run.log_metrics({"scenes": len(files)})
        for stem, written in files.items():
            sidecars = (Path(f"{path}.aux.xml") for path in written)  # class names, which GeoTIFF has no place for
            run.log_files([*written, *(path for path in sidecars if path.is_file())], stem)
    return run.run_id
