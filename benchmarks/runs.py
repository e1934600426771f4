"""One `train` in a process of its own, and what it logged, how long its stages took and how much memory it held.

Example:
    >>> done = train(Path("/tmp/room"), ["epochs=2", "network.architecture=unet_small"])
    >>> done.metrics["test_iou"], done.stages["data"], done.peak
    (0.41, 1.2, 812646400)
"""

import os
import re
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
SAMPLED_EVERY = 0.02


@dataclass(frozen=True)
class Run:
    """A finished training.

    Attributes:
        output: Its folder ``meta``.
        metrics: The last value of every metric.
        stages: Seconds of each stage.
        epochs: Seconds between the ends of successive epochs, the first epoch left out.
        tiles: Tiles of each split.
        peak: Most bytes of memory that it held, without the processes it starts for seconds (Esri package, figures).
        private: The same without pages of files, which the system may take back.
        seconds: Wall-clock time of the whole command.
    """

    output: Path
    metrics: dict[str, float]
    stages: dict[str, float]
    epochs: tuple[float, ...]
    tiles: dict[str, int]
    peak: int
    private: int
    seconds: float

    @property
    def images(self) -> int:
        """Tiles that an epoch sees, those of validation too."""
        return self.tiles["train"] + self.tiles["val"]


def train(room: Path, options: list[str]) -> Run:
    """Train in ``room``, an empty folder that receives the store and all files.

    Args:
        room: Working folder of the process.
        options: Recipe keys, ``key=value``.
    """
    command = [sys.executable, str(PROJECT / "src" / "train.py"), *(f"--{option}" for option in options)]
    store = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    store["MLFLOW_TRACKING_URI"] = "sqlite:///mlflow.db"
    started = time.perf_counter()
    with Path(room, "train.log").open("w+", encoding="utf-8") as log:
        process = subprocess.Popen(command, cwd=room, env=store, stdout=log, stderr=subprocess.STDOUT)
        peak, private = watched(process)
        seconds = time.perf_counter() - started
        log.seek(0)
        said = log.read()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}:\n{said}")
    stages = {name: float(took) for name, took in re.findall(r"^([a-z]+): ([\d.]+) s$", said, re.MULTILINE)}
    counted = re.search(r"tiles: (\d+) train, (\d+) val, (\d+) test", said)
    assert counted is not None
    tiles = dict(zip(("train", "val", "test"), map(int, counted.groups()), strict=True))
    with sqlite3.connect(room / "mlflow.db") as logged:
        metrics = dict(logged.execute("select key, value from latest_metrics"))
        ends = logged.execute("select timestamp / 1000.0 from metrics where key = 'val_loss' order by step").fetchall()
    epochs = tuple(later - earlier for (earlier,), (later,) in pairwise(ends))
    return Run(room / "meta", metrics, stages, epochs, tiles, peak, private, seconds)


def sample(room: Path) -> tuple[Path, Path]:
    """Folders of the built-in sample's chips and labels, drawn in ``room``."""
    subprocess.run([sys.executable, str(PROJECT / "src" / "prepare.py")], cwd=room, check=True)
    return room / "data/train/sample/chips", room / "data/train/sample/labels"


def watched(process: "subprocess.Popen[bytes]") -> tuple[int, int]:
    """Wait for a process; the most bytes it held at any time, and the most that are its own (Linux)."""
    status, peak, private = Path(f"/proc/{process.pid}/status"), 0, 0
    while process.poll() is None:
        try:
            held = dict(re.findall(r"^(VmHWM|RssAnon):\s+(\d+) kB$", status.read_text(), re.MULTILINE))
        except OSError:  # it has just ended
            break
        peak = max(peak, 1024 * int(held.get("VmHWM", 0)))
        private = max(private, 1024 * int(held.get("RssAnon", 0)))
        time.sleep(SAMPLED_EVERY)
    process.wait()
    return peak, private
