"""Where the time of a training step goes: milliseconds of a tile for every part, and for what it took the place of.

    python benchmarks/parts.py
    python benchmarks/parts.py --recipe wildfire-del --options training.batch_size=8
    THP_MEM_ALLOC_ENABLE=0 python benchmarks/parts.py    # memory in pages of 4 KiB

The shortest of several passes counts. Beside reading decoded tiles stands reading them from their chips, beside our
scores torchmetrics' collection of the same ones, beside the recipe's loss the plainest one.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable

import numpy as np
import torch
from machine import PROJECT, describe
from torchmetrics import MetricCollection, classification
from training import autocast, plainest

from segmint.command_line import parse
from segmint.data.augmentation import Augmentation
from segmint.data.preparation import prepare
from segmint.data.reader import TileReader
from segmint.evaluation.metrics import activate
from segmint.models.foreground import segmentation
from segmint.training import hardware
from segmint.training.scores import Scores
from segmint.training.session import Session

PASSES = 3


def milliseconds(work: Callable[[], object], tiles: int) -> float:
    """Of one tile, of the fastest pass; one before it warms up."""
    times = []
    for _ in range(1 + PASSES):
        started = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return 1000 * min(times[1:]) / tiles


def collection(classes: int) -> MetricCollection:
    """The headline scores as torchmetrics has them."""
    each = {"num_classes": classes, "average": "none", "ignore_index": 255, "validate_args": False}
    names = ("JaccardIndex", "F1Score", "Precision", "Recall", "StatScores")
    found = {name: getattr(classification, f"Multiclass{name}")(**each) for name in names}
    accuracy = classification.MulticlassAccuracy(classes, average="micro", ignore_index=255, validate_args=False)
    return MetricCollection(found | {"Accuracy": accuracy})


def parts(session: Session, readers: TileReader) -> dict[str, float]:
    """Milliseconds of a tile by part."""
    dataset, task, batch = session.dataset("train"), session.task, session.batch_size
    positions = range(min(len(dataset), 4 * batch))
    found = {"read from the chip": milliseconds(lambda: [readers.read(at) for at in positions], len(positions))}
    found["read, decoded"] = milliseconds(lambda: [dataset.read(at) for at in positions], len(positions))
    raw = [dataset.read(at) for at in positions]
    found["normalise"] = milliseconds(lambda: [dataset.normaliser(values) for values, _ in raw], len(raw))
    change = dataset.augmentation
    assert isinstance(change, Augmentation)
    items = [(torch.from_numpy(dataset.normaliser(values)), torch.from_numpy(target)) for values, target in raw]
    draw = np.random.default_rng
    found["augment"] = milliseconds(lambda: [change(*item, draw([1, at])) for at, item in enumerate(items)], len(items))
    device, batch = session.hardware.accelerator, len(items[:batch])
    image, target = (torch.stack([item[place] for item in items[:batch]]).to(device) for place in (0, 1))
    task.to(device).train()
    optimizer = torch.optim.AdamW(task.network.parameters(), session.recipe.training.lr)

    def step(loss: Callable[[torch.Tensor], torch.Tensor]) -> None:
        optimizer.zero_grad(set_to_none=True)
        with autocast(session.hardware):
            logits = task(image)
        loss(logits).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    found["network, forward and backward"] = milliseconds(
        lambda: step(lambda logits: logits.float().square().mean()), batch
    )
    with autocast(session.hardware):
        logits = task(image).detach().requires_grad_()
    found["loss"] = milliseconds(lambda: task.loss(logits, target).backward(), batch)
    found["loss, plainest"] = milliseconds(lambda: plainest(logits.float(), target).backward(), batch)
    chosen = segmentation(activate(logits.detach().float()), 0.5)
    scores = Scores(task.classes, session.recipe.data.pooled).to(device)
    found["scores"] = milliseconds(lambda: scores.update(chosen, target), batch)
    theirs = collection(len(task.classes)).to(device)
    found["scores, torchmetrics"] = milliseconds(lambda: theirs.update(chosen, target.long()), batch)
    return found


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
        os.chdir(PROJECT)
    print(f"on {describe()}; {recipe.recipe}, batch {session.batch_size}, {session.hardware.precision}")
    print("| part | ms a tile |\n|---|--:|")
    for name, took in found.items():
        print(f"| {name} | {took:.2f} |")


if __name__ == "__main__":
    main()
