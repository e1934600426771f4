"""How much of the bare computation's speed does `train` reach, with everything logged?

    python benchmarks/training.py
    python benchmarks/training.py --scenes 20    # the built-in sample, an epoch of four steps
    python benchmarks/training.py --recipe wildfire-del --epochs 4 --options training.batch_size=8

Trains a recipe as `train` does, on camps drawn as those of the built-in sample are, twice as many so that an epoch has
seven steps instead of four, or on another recipe's own sample: tiles read and augmented, metrics of steps and epochs, a
record in MLflow (sqlite), checkpoints. A plain PyTorch loop has the same network, batch, precision and memory layout,
tensors that lie in memory, no metrics and the plainest loss; it takes a step after each step of `train` and validates
after each epoch, so that a machine that is faster at one time than at another is that for both. Both count the same
training and validation images. The first epoch warms up; the ratio is stated for each of the others, and beside it the
share of an epoch that goes into noting what MLflow is to be told. (A thread tells MLflow, in the turns of both.)
"""

import argparse
import contextlib
import copy
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "src"))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from torch.nn import functional  # noqa: E402

from segmint.command_line import parse  # noqa: E402
from segmint.console import quieten_libraries  # noqa: E402
from segmint.data.preparation import prepare  # noqa: E402
from segmint.data.sample_layouts import write_camp  # noqa: E402
from segmint.records import Steps  # noqa: E402
from segmint.tracking.folder import Identity  # noqa: E402
from segmint.tracking.run import TrackedRun  # noqa: E402
from segmint.tracking.store import connect  # noqa: E402
from segmint.training import hardware  # noqa: E402
from segmint.training.banner import banner  # noqa: E402
from segmint.training.hardware import Hardware  # noqa: E402
from segmint.training.resume import recipe_digest  # noqa: E402
from segmint.training.session import Session  # noqa: E402

Batches = list[tuple[torch.Tensor, torch.Tensor]]


class BareLoop:
    """The same computation without anything around it, timed.

    Args:
        session: Network, batches and hardware of the run that it is measured beside.

    Attributes:
        seconds: What it has taken since it was last set to 0.
    """

    def __init__(self, session: Session) -> None:
        self.hardware, self.device = session.hardware, session.hardware.accelerator
        self.layout = torch.channels_last if session.hardware.channels_last else torch.contiguous_format
        self.network = copy.deepcopy(session.task.network).to(self.device, memory_format=self.layout)
        fused = True if self.device == "cpu" else None  # as `train` does
        self.optimizer = torch.optim.AdamW(self.network.parameters(), session.recipe.training.lr, fused=fused)
        self.train, self.val = (self._batches(session, split) for split in ("train", "val"))
        self.seconds = 0.0

    def _batches(self, session: Session, split: str) -> Batches:
        return [
            (batch["image"].to(self.device).contiguous(memory_format=self.layout), batch["target"].to(self.device))
            for batch in session.loaders[split]
        ]

    @contextlib.contextmanager
    def _timed(self) -> Iterator[None]:
        """Count the seconds of the body, which computes as torch does by default."""
        wait()
        torch.use_deterministic_algorithms(False)
        started = time.perf_counter()
        yield
        wait()
        self.seconds += time.perf_counter() - started
        torch.use_deterministic_algorithms(True, warn_only=True)

    def step(self, place: int) -> None:
        """Train on the batch at a place of the epoch."""
        image, target = self.train[place]
        with self._timed():
            self.network.train()
            self.optimizer.zero_grad(set_to_none=True)
            with autocast(self.hardware):
                logits = self.network(image)
            plainest(logits.float(), target).backward()
            self.optimizer.step()

    def validate(self) -> None:
        """Compute every validation batch."""
        with self._timed(), torch.no_grad(), autocast(self.hardware):
            self.network.eval()
            for image, _ in self.val:
                self.network(image)


def wait() -> None:
    """Until a GPU has done what it was told."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def autocast(chosen: Hardware) -> contextlib.AbstractContextManager[None]:
    """What computes in the precision of a choice."""
    if chosen.precision == "32-true":
        return contextlib.nullcontext()
    return torch.autocast(chosen.accelerator, torch.bfloat16 if chosen.precision == "bf16-mixed" else torch.float16)


def plainest(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Cross-entropy by torch alone."""
    if logits.shape[1] == 1:
        return functional.binary_cross_entropy_with_logits(logits[:, 0], (target == 1).float())
    return functional.cross_entropy(logits, target.long(), ignore_index=255)


def draw(recipe: str, scenes: int) -> list[str]:
    """The options that name so many camps, eight chips each, drawn here; none of another recipe."""
    if recipe != "refugee-camp":
        return []
    folders = Path("chips"), Path("labels")
    for folder in folders:
        folder.mkdir()
    write_camp(*folders, seed=62, scenes=scenes)
    return [f"--{folder}_dir={folder}" for folder in folders]


class Stopwatch:
    """Records to the run, timed, and lets the bare loop take its turns, whose time is left out.

    Args:
        bare: The bare loop.
        run: The run.

    Attributes:
        pairs: Seconds of each epoch: of `train`, and of the bare loop.
        logging: Seconds in which the run was told something.
    """

    def __init__(self, bare: BareLoop, run: TrackedRun) -> None:
        self.bare, self.run, self.pairs, self.logging = bare, run, [], 0.0
        self.since, self.beside = time.perf_counter(), 0.0

    def after_step(self, outputs: object, batch: object, place: int) -> None:
        """The hook of Lightning at the end of a step."""
        wait()
        started = time.perf_counter()
        self.bare.step(place)
        self.beside += time.perf_counter() - started

    def log_params(self, values: Mapping[str, Any]) -> None:
        """Parameters, timed."""
        self._timed(lambda: self.run.log_params(values))

    def log_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """An epoch, timed; then note the pair of seconds."""
        self._timed(lambda: self.run.log_epoch(epoch, metrics))
        ours = time.perf_counter() - self.since - self.beside
        self.bare.validate()
        self.pairs.append((ours, self.bare.seconds))
        print(f"epoch {epoch}: train {ours:.2f} s, bare {self.bare.seconds:.2f} s", flush=True)
        self.since, self.beside, self.bare.seconds = time.perf_counter(), 0.0, 0.0

    def log_steps(self, steps: Steps) -> None:
        """Steps, timed."""
        self._timed(lambda: self.run.log_steps(steps))

    def log_picture(self, epoch: int, drawn: NDArray[np.uint8]) -> None:
        """A picture, timed."""
        self._timed(lambda: self.run.log_picture(epoch, drawn))

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Final scores, timed."""
        self._timed(lambda: self.run.log_metrics(metrics))

    def _timed(self, record: Callable[[], None]) -> None:
        started = time.perf_counter()
        record()
        self.logging += time.perf_counter() - started


def main() -> None:
    """Print images per second of both and the ratio with its spread."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--recipe", default="refugee-camp", help="a recipe (%(default)s)")
    parser.add_argument("--scenes", type=int, default=40, help="camps that are drawn for refugee-camp (%(default)s)")
    parser.add_argument("--epochs", type=int, default=5, help="epochs, the first of which warms up (%(default)s)")
    parser.add_argument("--options", nargs="*", default=[], help="recipe keys such as training.batch_size=8")
    arguments = parser.parse_args()
    quieten_libraries()
    with tempfile.TemporaryDirectory(prefix="segmint-training-") as scratch:
        os.chdir(scratch)
        options = draw(arguments.recipe, arguments.scenes) + [f"--{item}" for item in arguments.options]
        recipe = parse([f"--recipe={arguments.recipe}", f"--epochs={arguments.epochs}", *options])
        prepared = prepare(recipe)
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{scratch}/mlflow.db"
        identity = Identity(recipe_digest(recipe), prepared.fingerprint.digest, connect())
        run = TrackedRun.start(recipe.recipe, Path(scratch) / "runs", identity)
        with run.closing():
            session = Session.open(recipe, prepared, hardware.choose(recipe))
            print(banner(session), flush=True)
            watch = Stopwatch(BareLoop(session), run)
            session.task.on_train_batch_end = watch.after_step  # type: ignore[assignment,method-assign]
            session.fit(Path(scratch) / "checkpoints", watch)
        images = sum(len(session.dataset(split)) for split in ("train", "val"))
    ratios = [bare / ours for ours, bare in watch.pairs[1:]]
    ours, bare = (statistics.median(side) for side in zip(*watch.pairs[1:], strict=True))
    print(f"{images} images an epoch: train {images / ours:.2f} images/s, bare {images / bare:.2f} images/s")
    print(f"logging {100 * watch.logging / sum(pair[0] for pair in watch.pairs):.2f} % of an epoch")
    print(f"ratio {statistics.median(ratios):.3f} (from {min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main()
