"""An S3 store whose files always travel through the MLflow server.

MLflow tells clients of an S3 store to move files by presigned addresses of the store itself. Clients of this stack
reach one address only, the server's. So this store offers what the server needs and no presigned addresses; between
server and S3, boto3 uploads large files in parts.

Example:
    >>> # mlflow server --artifacts-destination proxied-s3://bucket/ with this folder in PYTHONPATH
"""

from typing import Any

from mlflow.entities import FileInfo
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository

SCHEME = "proxied-s3"


class ProxiedS3ArtifactRepository(ArtifactRepository):
    """MLflow's S3 store without its presigned addresses."""

    def __init__(self, artifact_uri: str, *arguments: Any, **options: Any) -> None:
        super().__init__(artifact_uri, *arguments, **options)
        self._store = S3ArtifactRepository("s3" + artifact_uri.removeprefix(SCHEME), *arguments, **options)

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        """Upload a file, in parts where it is large."""
        self._store.log_artifact(local_file, artifact_path)

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        """Upload a folder."""
        self._store.log_artifacts(local_dir, artifact_path)

    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        """List a folder."""
        return self._store.list_artifacts(path)

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        self._store._download_file(remote_file_path, local_path)

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        """Delete a file or a folder."""
        self._store.delete_artifacts(artifact_path)
