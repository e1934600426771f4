"""What a server costs: the same training against sqlite and against Postgres, MinIO and a server.

    python benchmarks/store.py --epochs 2

The stack is started for it, as `make stack` does, in a folder of its own, and stopped again. The trainings are small
ones, of the built-in sample unless chips are named, one after the other; the ratio is of whole commands.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "src")]

from stack.native import Stack  # noqa: E402
from stack.trial import variables  # noqa: E402

STAGES = ("run:", "fit:", "artifacts:", "registration:")


def trained(room: Path, store: dict[str, str], options: list[str]) -> float:
    """Seconds of one training; its stages are printed."""
    room.mkdir()
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    begun = time.perf_counter()
    command = [sys.executable, str(PROJECT / "src" / "train.py"), *options]
    done = subprocess.run(command, cwd=room, env=kept | store, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - begun
    stages = [line for line in done.stdout.splitlines() if line.startswith(STAGES) and line.endswith(" s")]
    print(f"{room.name}: {seconds:.0f} s ({', '.join(stages)})", flush=True)
    return seconds


def main() -> None:
    """Print both times and their ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--chips_dir")
    parser.add_argument("--labels_dir")
    asked = parser.parse_args()
    options = [f"--{key}={value}" for key, value in vars(asked).items() if value is not None]
    options += [
        "--network.encoder=resnet18",
        "--network.weights=null",
        "--data.tile_size=64",
        "--training.batch_size=8",
    ]
    with tempfile.TemporaryDirectory(prefix="stack ") as name:
        folder = Path(name)
        folder.chmod(0o711)  # for Postgres, where this runs as root
        given = variables()
        with Stack(PROJECT, given, folder / "stack") as stack:
            server = {
                "MLFLOW_TRACKING_URI": stack.url,
                "MLFLOW_TRACKING_USERNAME": "admin",
                "MLFLOW_TRACKING_PASSWORD": given["MLFLOW_ADMIN_PASSWORD"],
            }
            remote = trained(folder / "Postgres and MinIO", server, options)
        local = trained(folder / "sqlite", {"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}, options)
    print(f"ratio: {remote / local:.2f}")


if __name__ == "__main__":
    main()
