"""How soon does `--help` answer, and how soon has `train` made its first step, beside the bare calls?

    python benchmarks/start.py
    python benchmarks/start.py --rounds 5

Every script of `src/` is asked for `--help`. Then `train` starts on the built-in sample in an empty folder, as people
do, and the end of its first step is read from the run that it logs. The bare side starts a process that imports the
same libraries, makes a run in an empty store, builds the same network and takes one step with the same batch in the
precision of `train`, of made-up pixels: it reads no chip, measures no dataset and checks nothing. Both take turns.
"""

import argparse
import contextlib
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import describe
from runs import PROJECT, sample, train

sys.path.insert(0, str(PROJECT / "src"))

BATCH, EDGE = 32, 256
"""What the recipe `refugee-camp` asks for."""


def asked_for_help(script: Path) -> float:
    """Seconds until a script has explained itself."""
    started = time.perf_counter()
    subprocess.run([sys.executable, str(script), "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def first_step(room: Path, folders: list[str]) -> float:
    """Seconds from the start of `train` to the end of its first step."""
    started = time.time()
    train(room, ["epochs=1", "training.step_metrics=1", f"batch_size={BATCH}", "network.weights=null", *folders])
    with sqlite3.connect(room / "mlflow.db") as logged:
        ((ended,),) = logged.execute("select min(timestamp) from metrics where key = 'train_loss_step'")
    return float(ended) / 1000 - started


def bare_step(room: Path) -> float:
    """Seconds from the start of a process to the end of a step, with nothing else around it."""
    store = os.environ | {"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}
    started = time.perf_counter()
    command = [sys.executable, __file__, "--bare"]
    with subprocess.Popen(command, cwd=room, env=store, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        seconds = time.perf_counter() - started
    if process.returncode or said != b"stepped\n":
        raise SystemExit(f"the bare step ended with status {process.returncode}")
    return seconds


def bare() -> None:
    """What nobody can leave out."""
    import mlflow
    import pytorch_lightning  # noqa: F401
    import rasterio  # noqa: F401
    import segmentation_models_pytorch as smp
    import torch
    import torchmetrics  # noqa: F401
    import torchvision  # noqa: F401
    from torch.nn import functional

    from segmint.processor import has_amx

    device = "cuda" if torch.cuda.is_available() else "cpu"
    bf16 = torch.cuda.is_bf16_supported() if device == "cuda" else has_amx()
    with mlflow.start_run():
        network = smp.Unet("resnet34", encoder_weights=None).to(device, memory_format=torch.channels_last)
        optimizer = torch.optim.Adam(network.parameters(), fused=True)
        images = torch.rand(BATCH, 3, EDGE, EDGE).to(device, memory_format=torch.channels_last)
        target = (torch.rand(BATCH, 1, EDGE, EDGE) > 0.5).float().to(device)
        with torch.autocast(device, torch.bfloat16) if bf16 else contextlib.nullcontext():
            logits = network(images)
        functional.binary_cross_entropy_with_logits(logits.float(), target).backward()
        optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()
        print("stepped", flush=True)


def main() -> None:
    """Print the seconds of every `--help`, those of both sides, and the ratio with its spread."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=3, help="(%(default)s)")
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.bare:
        bare()
        return
    print(f"on {describe()}")
    scripts = sorted((PROJECT / "src").glob("*.py"))
    for script in scripts:
        seconds = [asked_for_help(script) for _ in range(given.rounds + 1)][1:]
        print(f"{script.name} --help: {statistics.median(seconds):.2f} s, at most {max(seconds):.2f} s", flush=True)
    with tempfile.TemporaryDirectory(prefix="segmint-start-") as name:
        folders = [f"{folder.name}_dir={folder}" for folder in sample(Path(name))]
        pairs = []
        for number in range(given.rounds + 1):
            rooms = Path(name, f"ours{number}"), Path(name, f"bare{number}")
            for room in rooms:
                room.mkdir()
            pairs.append((first_step(rooms[0], folders), bare_step(rooms[1])))
            print("first step after {:.1f} s, bare {:.1f} s".format(*pairs[-1]), flush=True)
    ratios = [ours / theirs for ours, theirs in pairs[1:]]
    print(f"ratio {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
