"""Does every recipe beat the answers that need no network, on its own built-in sample?

    python benchmarks/recipes.py
    python benchmarks/recipes.py --recipes fire-spread lateral-flow --options training.seed=1

Each recipe is one ``python src/train.py --recipe NAME`` with nothing else, in a folder and a store of its own: the
first command of a new user. The table gives the test IoU (the mean over classes where there are more than two), that of
every rival, the seconds of the stage ``fit`` on this machine, and the largest difference of a
probability in any format.
"""

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
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
            command = [sys.executable, str(PROJECT / "src" / "train.py"), f"--recipe={recipe}"]
            store = os.environ | {"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}
            subprocess.run(
                [*command, *(f"--{option}" for option in given.options)],
                cwd=room,
                env=store,
                check=True,
                stdout=sys.stderr,
            )
            print(row(recipe, Path(room, "meta"), Path(room, "mlflow.db")), flush=True)


def row(recipe: str, meta: Path, store: Path) -> str:
    """One recipe's line of the table."""
    metrics = json.loads((meta / "contract.json").read_text())["metrics"]
    with sqlite3.connect(store) as runs:
        logged = dict(runs.execute("select key, value from latest_metrics"))
    prefix = "test_baseline_iou_"
    rivals = [f"{key.removeprefix(prefix).replace('_', ' ')} {metrics[key]:.3f}" for key in metrics if prefix in key]
    proofs = json.loads((meta / "parity.json").read_text())["formats"]
    worst = max(proof["max_abs"] for proof in proofs if proof["max_abs"] is not None)
    cells = (
        *(
            recipe,
            f"{logged['epochs_trained']:.0f}",
            f"{metrics['test_iou']:.3f}",
            f"{metrics['test_baseline_iou']:.3f}",
        ),
        *(", ".join(rivals), f"{logged['stage_seconds_fit']:.0f} s", f"{worst:.1e}"),
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
