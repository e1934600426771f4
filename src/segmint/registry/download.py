"""The files of a registered model or of a run, on this machine.

Example:
    >>> folder, facts = download("models:/refugee-camp@candidate", scratch)
    >>> facts
    {'registered_model': 'refugee-camp', 'version': '3', 'run_id': '09e0...'}
"""

from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from segmint.errors import TrackingError
from segmint.tracking.store import connect

_IN_RUN = ("metadata/contract.json", "models")


def download(address: str, folder: Path) -> tuple[Path, dict[str, str]]:
    """Fetch what ``models:/name@alias``, ``models:/name/version`` or ``runs:/id`` names into a folder.

    Returns:
        The folder that holds the files, and what identifies them.

    Raises:
        TrackingError: The store cannot be reached, or does not have it.
    """
    store = connect()
    try:
        if address.startswith("models:"):
            version = _version(address)
            path = mlflow.artifacts.download_artifacts(
                artifact_uri=f"models:/{version.name}/{version.version}", dst_path=str(folder)
            )
            facts = {"registered_model": version.name, "version": str(version.version), "run_id": version.run_id or ""}
            return Path(path), facts
        run_id, _, inside = address.removeprefix("runs:").strip("/").partition("/")
        for part in [inside] if inside else _IN_RUN:
            path = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=part, dst_path=str(folder))
        return Path(path) if inside else folder, {"run_id": run_id}
    except (MlflowException, OSError) as error:
        raise TrackingError(
            f"{address} in {store}: {error}", "a registered model or a run", "Check the name and MLFLOW_TRACKING_URI"
        ) from error


def download_run(run_id: str, folder: Path) -> Path:
    """Fetch all artifacts of a run but its dataset into a folder.

    Raises:
        TrackingError: The store cannot be reached, or does not have the run.
    """
    store = connect()
    try:
        for item in MlflowClient().list_artifacts(run_id):
            if item.path != "datasets":
                mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=item.path, dst_path=str(folder))
    except (MlflowException, OSError) as error:
        raise TrackingError(
            f"run {run_id} in {store}: {error}", "a run and its artifacts", "Check the id and MLFLOW_TRACKING_URI"
        ) from error
    return folder


def _version(address: str) -> ModelVersion:
    client, name = MlflowClient(), address.removeprefix("models:").strip("/")
    if "@" in name:
        return client.get_model_version_by_alias(*name.split("@", 1))
    if "/" in name:
        return client.get_model_version(*name.split("/", 1))
    raise TrackingError(f"{address} names no version", "models:/name@candidate or models:/name/1")
