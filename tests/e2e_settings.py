"""How the end-to-end tests run the entry points."""

import os
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
_SHORT = [
    "--network.weights=null",
    "--data.tile_size=64",
    "--training.batch_size=8",
    "--training.patience=0",
    "--training.scheduler=cosine",
]
SMALL = ["--network.encoder=resnet18", *_SHORT]
"""A network of segmentation_models_pytorch that learns the bright squares in seconds."""

TINY = ["--network.architecture=unet_small", *_SHORT]
"""Our own, which is exported in half the time."""


def environment(room: Path) -> dict[str, str]:
    """A store in ``room``, whatever the caller's environment says."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])  # `mlflow run` calls `python`
    return kept | {"PATH": path, "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db", "GIT_PYTHON_REFRESH": "quiet"}


def start_training(room: Path, folders: tuple[Path, Path], *arguments: str, fault: str = "") -> subprocess.Popen[str]:
    """Start src/train.py in ``room`` on the chips and labels of ``folders``, in a process group of its own.

    ``fault`` is Python that runs first, to plant a defect in the real code.
    """
    chips, labels = folders
    script = str(REPOSITORY / "src" / "train.py")
    planted = f"import runpy, sys; sys.path.insert(0, {str(REPOSITORY / 'src')!r})\n{fault}"
    planted += f"\nrunpy.run_path({script!r}, run_name='__main__')"
    start = ["-c", planted] if fault else [script]
    command = [sys.executable, *start, *TINY, f"--chips_dir={chips}"]
    return subprocess.Popen(
        [*command, f"--labels_dir={labels}", *arguments],
        cwd=room,
        env=environment(room),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(room: Path, checkpoint: str, seconds: float = 300) -> None:
    """Wait until the only run in ``room`` has written a checkpoint."""
    until = time.monotonic() + seconds
    while not list(room.glob(f".segmint/runs/*/checkpoints/{checkpoint}")):
        assert time.monotonic() < until, f"no {checkpoint} in {room}"
        time.sleep(0.05)
