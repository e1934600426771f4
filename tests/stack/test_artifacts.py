"""Large artifacts, through the server and back."""

import hashlib
import time
from pathlib import Path

import mlflow
import pytest

pytestmark = pytest.mark.stack
SIZE = 520 * 1024**2
"""Above 500 MiB, where MLflow would send clients to the S3 store itself."""


def digest(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def test_an_artifact_over_500_mb_comes_back_as_it_went(team, tmp_path):
    large = tmp_path / "weights.bin"
    block = bytes(range(256)) * 4096
    with large.open("wb") as target:
        for number in range(SIZE // len(block)):  # no two blocks alike, so that a swapped part is seen
            target.write(number.to_bytes(8) + block[8:])
    expected = digest(large)
    with team.signed_in(team.trainer):
        mlflow.set_experiment("large")
        begun = time.monotonic()
        with mlflow.start_run() as run:
            mlflow.log_artifact(str(large))
        uploaded = time.monotonic()
        large.unlink()
        back = mlflow.artifacts.download_artifacts(f"runs:/{run.info.run_id}/weights.bin", dst_path=str(tmp_path / "b"))
        downloaded = time.monotonic()
    print(f"{SIZE} bytes: up in {uploaded - begun:.1f} s, back in {downloaded - uploaded:.1f} s")
    assert digest(Path(back)) == expected
    bucket = team.stack.folder / "volumes" / "minio" / "mlflow"
    assert len(list(bucket.rglob("weights.bin/*/part.*"))) > 1, "the server did not upload it in parts"
