"""Does `train` keep up with TorchGeo's trainer, in images per second and in test IoU?

    uv venv --python 3.12 .rivals && uv pip install --python .rivals -r benchmarks/rivals.txt
    python benchmarks/rivals.py
    python benchmarks/rivals.py --chips_dir CHIPS --labels_dir LABELS --epochs 20 --seeds 0 1 2

Both train a U-Net with the same encoder from random weights, in fp32, with the same learning rate, batch and epochs, on
the same tiles of the same chips, the built-in sample unless folders are given: TorchGeo is handed the split that our
run wrote. Everything else is each one's own: reading, augmentation, loss, optimiser, metrics, logging. The sides take
turns, seed by seed. Images per second count training and validation tiles over the time between the ends of two epochs,
from the second epoch on. Test IoU is that of the foreground at a threshold of 0.5, of the weights with the best
validation loss.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "src"))

from machine import describe  # noqa: E402
from runs import train, watched  # noqa: E402

from segmint.dataset_recipe import SAMPLE_CHIPS, SAMPLE_LABELS  # noqa: E402

TRAINER = PROJECT / "benchmarks" / "theirs" / "torchgeo_trainer.py"


@dataclass(frozen=True)
class Side:
    """One finished training.

    Attributes:
        rate: Images per second of a steady epoch, median.
        iou: Test IoU of the foreground.
        peak: Most bytes of memory that the process held.
    """

    rate: float
    iou: float
    peak: int


def ours(room: Path, given: argparse.Namespace, seed: int) -> tuple[Side, Path, Path, Path]:
    """Our training, and what it trained on: chips, labels and split."""
    options = [f"epochs={given.epochs}", f"batch_size={given.batch}", f"lr={given.lr}", f"training.seed={seed}"]
    options += [f"network.encoder={given.encoder}", "network.weights=null", "training.precision=32-true"]
    options += ["training.patience=0", "training.threshold=0.5", *given.options]
    chips, labels = room / SAMPLE_CHIPS, room / SAMPLE_LABELS
    if given.chips_dir:
        chips, labels = given.chips_dir.resolve(), given.labels_dir.resolve()
        options += [f"chips_dir={chips}", f"labels_dir={labels}"]
    run = train(room, options)
    (split,) = room.glob("mlruns/**/split.json")
    side = Side(run.images / statistics.median(run.epochs), run.metrics["test_iou"], run.peak)
    return side, chips, labels, split


def theirs(given: argparse.Namespace, seed: int, chips: Path, labels: Path, split: Path) -> Side:
    """TorchGeo's training."""
    asked = {"chips": chips, "labels": labels, "split": split, "seed": seed}
    asked |= {name: getattr(given, name) for name in ("encoder", "loss", "lr", "batch", "epochs")}
    command = [str(given.python.absolute()), str(TRAINER), *(f"--{name}={value}" for name, value in asked.items())]
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as complained:
        process = subprocess.Popen(command, stdout=said, stderr=complained, env=os.environ)
        peak, _ = watched(process)
        for stream in (said, complained):
            stream.seek(0)
        if process.returncode:
            raise SystemExit(f"torchgeo ended with status {process.returncode}:\n{complained.read()}")
        found = json.loads(said.read().strip().splitlines()[-1])
    rate = found["images"] / statistics.median(found["epochs"])
    return Side(rate, found["scores"]["test_OverallJaccardIndex"], peak)


def line(label: str, own: Side, other: Side) -> str:
    """A line of the table."""
    cells = [f"{own.rate:.2f}", f"{other.rate:.2f}", f"{own.rate / other.rate:.2f}"]
    cells += [f"{own.iou:.3f}", f"{other.iou:.3f}", f"{own.peak / 2**30:.1f}", f"{other.peak / 2**30:.1f}"]
    return f"| {label} | {' | '.join(cells)} |"


def main() -> None:
    """Print a line for each seed, then the ratio with its spread."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--chips_dir", type=Path)
    parser.add_argument("--labels_dir", type=Path)
    parser.add_argument("--encoder", default="resnet34", help="of the U-Net (%(default)s)")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--loss", default="bce", help="of TorchGeo's task (%(default)s)")
    parser.add_argument("--options", nargs="*", default=[], help="further recipe values of our side, key=value")
    parser.add_argument("--python", type=Path, default=PROJECT / ".rivals" / "bin" / "python", help="their environment")
    given = parser.parse_args()
    print(f"on {describe()}; {given.epochs} epochs, batch {given.batch}")
    print("| seed | images/s, segmint | torchgeo | ratio | test IoU, segmint | torchgeo | GiB, segmint | torchgeo |")
    print("|--:|--:|--:|--:|--:|--:|--:|--:|", flush=True)
    pairs = []
    for seed in given.seeds:
        with tempfile.TemporaryDirectory(prefix="segmint-rivals-") as room:
            own, *data = ours(Path(room), given, seed)
            pairs.append((own, theirs(given, seed, *data)))
        print(line(str(seed), *pairs[-1]), flush=True)
    ratios = [own.rate / other.rate for own, other in pairs]
    gains = [own.iou - other.iou for own, other in pairs]
    print(f"images/s: ratio {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")
    print(f"test IoU: difference {statistics.mean(gains):+.3f} (from {min(gains):+.3f} to {max(gains):+.3f})")


if __name__ == "__main__":
    main()
