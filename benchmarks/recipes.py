"""Does every recipe beat the answers that need no network, on its own built-in sample?

    python benchmarks/recipes.py
    python benchmarks/recipes.py --recipes fire-spread lateral-flow --options training.seed=1

Each recipe is one ``python src/train.py --recipe NAME`` with nothing else, in a folder and a store of its own: the
first command of a new user. The table gives the test IoU (the mean over classes where there are more than two), that of
every rival, the seconds of the stage ``fit`` on this machine, and the largest difference of a probability in any
format.
"""

import argparse
import json
import tempfile
from pathlib import Path

from runs import Run, train

RECIPES = ("refugee-camp", "wildfire-del", "wildfire-gra", "fire-spread", "lateral-flow")


def main() -> None:
    """Train each recipe and print its row as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES))
    parser.add_argument("--options", nargs="*", default=[], help="recipe values for all of them, key=value")
    given = parser.parse_args()
    print("| recipe | epochs | test IoU | constant class | rivals | fit | largest difference |")
    print("|---|--:|--:|--:|---|--:|--:|")
    for recipe in given.recipes:
        with tempfile.TemporaryDirectory() as room:
            print(row(recipe, train(Path(room), [f"recipe={recipe}", *given.options])), flush=True)


def row(recipe: str, run: Run) -> str:
    """One recipe's line of the table."""
    metrics = run.metrics
    prefix = "test_baseline_iou_"
    rivals = [f"{key.removeprefix(prefix).replace('_', ' ')} {metrics[key]:.3f}" for key in metrics if prefix in key]
    proofs = json.loads((run.output / "parity.json").read_text())["formats"]
    worst = max(proof["max_abs"] for proof in proofs if proof["max_abs"] is not None)
    scores = [f"{metrics[key]:.3f}" for key in ("test_iou", "test_baseline_iou")]
    epochs, fit = f"{metrics['epochs_trained']:.0f}", f"{metrics['stage_seconds_fit']:.0f} s"
    cells = [recipe, epochs, *scores, ", ".join(rivals), fit, f"{worst:.1e}"]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
