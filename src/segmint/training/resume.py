"""Finds the unfinished run that the same command would repeat.

A run whose recipe (epochs aside) and data are equal, which is not finished and which nobody holds, is carried on. One
that its proof refused is not: the same weights would be refused again.

Example:
    >>> identity = Identity(recipe_digest(recipe), fingerprint.digest, store)
    >>> folder = claim(RUNS, identity, run_exists)
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from segmint.recipe import Recipe
from segmint.tracking.folder import Identity, RunFolder
from segmint.training.checkpoints import LAST

_NOT_COMPARED = {
    "training.epochs",
    "output_dir",
    "resume",
    "log_dataset",
    "model_name",
    "data.chips_dir",
    "data.labels_dir",
}


def recipe_digest(recipe: Recipe) -> str:
    """SHA-256 of every recipe value that must be equal for a run to be carried on."""
    compared = {key: value for key, value in recipe.flat().items() if key not in _NOT_COMPARED}
    return hashlib.sha256(json.dumps(compared, sort_keys=True).encode()).hexdigest()


def claim(root: Path, identity: Identity, run_exists: Callable[[str], bool]) -> RunFolder | None:
    """Hold the newest run under ``root`` that can be carried on, or None.

    Args:
        root: Folder of the run folders.
        identity: What the run must be.
        run_exists: Tells whether the tracking store still has a run.
    """
    for folder in RunFolder.all(root):
        if folder.unfinished() != identity or not (folder.checkpoints / LAST).is_file() or not folder.hold():
            continue
        if run_exists(folder.run_id):
            return folder
        folder.release()
    return None


def refused_before(root: Path, identity: Identity) -> str | None:
    """Id of the newest run under ``root`` of this identity, where its proof refused it; else None."""
    newest = next((folder for folder in RunFolder.all(root) if folder.identity == identity), None)
    return newest.run_id if newest is not None and newest.refused else None
