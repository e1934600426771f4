"""Test IoU on a folder of chips for several seeds at a fixed number of steps, default and classic recipe.

    python benchmarks/buildings.py --chips_dir CHIPS --labels_dir LABELS --steps 200 --batch_size 8 --seeds 0 1 2 \
        --options training.scheduler=cosine

Each seed is one ``python src/train.py`` in a store of its own; seconds are those of the stage ``fit`` on this machine.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from runs import train


def main() -> None:
    """Train, read the figures from the store, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chips_dir", required=True, type=Path)
    parser.add_argument("--labels_dir", required=True, type=Path)
    parser.add_argument("--recipe", default="refugee-camp")
    parser.add_argument("--steps", type=int, default=200, help="optimiser steps per seed")
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--train_tiles", type=int, default=112, help="tiles of the training split, for steps per epoch")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--options", nargs="*", default=[], help="further recipe values, key=value")
    given = parser.parse_args()
    epochs = max(1, round(given.steps / -(-given.train_tiles // given.batch_size)))
    rows = []
    for seed in given.seeds:
        options = [
            *(f"recipe={given.recipe}", f"epochs={epochs}", f"batch_size={given.batch_size}"),
            *(f"training.seed={seed}", "training.patience=0"),
            *(f"chips_dir={given.chips_dir.resolve()}", f"labels_dir={given.labels_dir.resolve()}"),
            *given.options,
        ]
        with tempfile.TemporaryDirectory() as room:
            figures = train(Path(room), options).metrics
        rows.append((seed, figures["test_iou"], figures["test_baseline_iou"], figures["stage_seconds_fit"]))
        print(json.dumps(dict(zip(("seed", "test_iou", "baseline", "fit_seconds"), rows[-1], strict=True))), flush=True)
    scores = [row[1] for row in rows]
    spread = f" (standard deviation {statistics.stdev(scores):.3f})" if len(scores) > 1 else ""
    mean = statistics.mean(scores)
    print(f"{given.recipe}: {epochs} epochs of batch {given.batch_size}, mean test IoU {mean:.3f}{spread}")


if __name__ == "__main__":
    main()
