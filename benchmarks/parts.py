"""Where the time of a training step goes: milliseconds of a tile for every part, and for what it took the place of.

    python benchmarks/parts.py
    python benchmarks/parts.py --recipe wildfire-del --options training.batch_size=8
    THP_MEM_ALLOC_ENABLE=0 python benchmarks/parts.py    # memory in pages of 4 KiB

The shortest of several passes counts. Beside reading decoded tiles stands reading them from their chips, beside the
network the same as torch computes it where it has to be repeatable, beside the optimiser the same with what torch
chooses, beside our scores torchmetrics' collection of the same ones, beside the recipe's loss the plainest one. Last
comes what training waits for a checkpoint, ours and Lightning's, which take turns on one disk.
"""

import argparse
import contextlib
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from machine import PROJECT, describe
from pytorch_lightning.plugins import TorchCheckpointIO
from torchmetrics import MetricCollection, classification
from training import autocast, plainest, wait

from segmint.command_line import parse
from segmint.data.augmentation import Augmentation
from segmint.data.preparation import prepare
from segmint.data.reader import TileReader
from segmint.evaluation.metrics import activate
from segmint.models.foreground import segmentation
from segmint.training import hardware
from segmint.training.checkpoints import WholeCheckpoints
from segmint.training.optimisation import configure
from segmint.training.scores import Scores
from segmint.training.session import Session

PASSES = 5


def milliseconds(tiles: int, works: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Of one tile, of the fastest pass of each work; they take turns, and one pass before warms up."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(1 + PASSES):
        for name, work in works.items():
            started = time.perf_counter()
            work()
            wait()
            times[name].append(time.perf_counter() - started)
    return {name: 1000 * min(took[1:]) / tiles for name, took in times.items()}


def collection(classes: int) -> MetricCollection:
    """The headline scores as torchmetrics has them."""
    each = {"num_classes": classes, "average": "none", "ignore_index": 255, "validate_args": False}
    names = ("JaccardIndex", "F1Score", "Precision", "Recall", "StatScores")
    found = {name: getattr(classification, f"Multiclass{name}")(**each) for name in names}
    accuracy = classification.MulticlassAccuracy(classes, average="micro", ignore_index=255, validate_args=False)
    return MetricCollection(found | {"Accuracy": accuracy})


@contextlib.contextmanager
def filled() -> Iterator[None]:
    """What torch does by default where computations have to be repeatable."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = True  # type: ignore[attr-defined]
    yield
    torch.use_deterministic_algorithms(False)


def parts(session: Session, readers: TileReader) -> dict[str, float]:
    """Milliseconds of a tile by part."""
    dataset, task = session.dataset("train"), session.task
    positions = range(min(len(dataset), 4 * session.batch_size))
    raw = [dataset.read(at) for at in positions]
    items = [(dataset.normaliser(values), target) for values, target in raw]
    change, draw = dataset.augmentation, np.random.default_rng
    assert isinstance(change, Augmentation)
    before = {
        "read from the chip": lambda: [readers.read(at) for at in positions],
        "read, decoded": lambda: [dataset.read(at) for at in positions],
        "normalise": lambda: [dataset.normaliser(values) for values, _ in raw],
        "augment": lambda: [change(*item, draw([1, at])) for at, item in enumerate(items)],
    }
    device, shown = session.hardware.accelerator, items[: session.batch_size]
    image, target = (torch.from_numpy(np.stack([item[place] for item in shown])).to(device) for place in (0, 1))
    task.to(device).train()
    optimizer = configure(task.network, session.recipe.training)["optimizer"]
    plain = type(optimizer)(task.network.parameters(), session.recipe.training.lr)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with autocast(session.hardware):
            logits = task(image)
        logits.float().square().mean().backward()

    def filled_step() -> None:
        with filled():
            step()

    with autocast(session.hardware):
        logits = task(image).detach().requires_grad_()
    chosen = segmentation(activate(logits.detach().float()), 0.5)
    scores = Scores(task.classes, session.recipe.data.pooled).to(device)
    theirs = collection(len(task.classes)).to(device)
    network = {
        "network, forward and backward": step,
        "network, every new tensor filled first": filled_step,
        "optimiser": optimizer.step,
        "optimiser, torch's choice": plain.step,
    }
    after = {
        "loss": lambda: task.loss(logits, target).backward(),
        "loss, plainest": lambda: plainest(logits.float(), target).backward(),
        "scores": lambda: scores.update(chosen, target),
        "scores, torchmetrics": lambda: theirs.update(chosen, target.long()),
    }
    return milliseconds(len(items), before) | milliseconds(len(shown), network) | milliseconds(len(shown), after)


def checkpoints(session: Session, folder: Path) -> dict[str, float]:
    """Milliseconds that training waits for a checkpoint, and for Lightning's own, each over the one before."""
    whole, plain, moments = WholeCheckpoints(), TorchCheckpointIO(), itertools.count()
    optimizer = configure(session.task.network, session.recipe.training)["optimizer"]
    for parameter in session.task.network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    state = {"state_dict": session.task.state_dict(), "optimizer_states": [optimizer.state_dict()], "epoch": 0}

    def save(writer: TorchCheckpointIO, name: str) -> None:
        writer.save_checkpoint(state | {"global_step": next(moments)}, folder / name)

    ways = {"ours": lambda: save(whole, "whole.ckpt"), "Lightning's": lambda: save(plain, "plain.ckpt")}
    took = milliseconds(1, ways)
    whole.teardown()
    return took


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--recipe", default="refugee-camp", help="a recipe (%(default)s)")
    parser.add_argument("--options", nargs="*", default=[], help="recipe keys such as training.batch_size=8")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="segmint-parts-") as scratch:
        os.chdir(scratch)
        recipe = parse([f"--recipe={given.recipe}", *(f"--{item}" for item in given.options)])
        prepared = prepare(recipe)
        session = Session.open(recipe, prepared, hardware.choose(recipe))
        torch.set_num_threads(session.hardware.threads)
        data = recipe.data
        found = parts(session, TileReader(prepared.chips, prepared.split.tiles["train"], data.tile_size, data.fit))
        waits = checkpoints(session, Path(scratch))
        os.chdir(PROJECT)
    print(f"on {describe()}; {recipe.recipe}, batch {session.batch_size}, {session.hardware.precision}")
    print("| part | ms a tile |\n|---|--:|")
    for name, took in found.items():
        print(f"| {name} | {took:.2f} |")
    print("a checkpoint: " + ", ".join(f"{name} {took:.0f} ms" for name, took in waits.items()))


if __name__ == "__main__":
    main()
