"""Checkpoints that are whole: Lightning writes over the last one in place, and a process that is killed then, or a disk
that is full, leaves nothing to carry on from. What is the best and the last is written once.

Example:
    >>> lightning.Trainer(plugins=[WholeCheckpoints()])
"""

import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins import TorchCheckpointIO

from segmint.files import draft_beside, write_beside


class WholeCheckpoints(TorchCheckpointIO):
    """Writes each checkpoint beside the one that it replaces, then renames it.

    Training goes on during the renaming, before which a file system may bring all of the new file to the disk.
    """

    def __init__(self) -> None:
        super().__init__()
        self._moment: tuple[int, int] | None = None
        self._newest = Path()
        self._renamer = ThreadPoolExecutor(1)
        self._renamed: Future[object] = Future()
        self._renamed.set_result(None)

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None) -> None:
        """Save to a file of this machine; of the same epoch and step as the file before, to another name of that file.

        Args:
            checkpoint: What Lightning made of trainer, task and callbacks.
            path: Where to.
            storage_options: Not used.

        Raises:
            OSError: The one before could not be renamed.
        """
        target, moment = Path(path), (checkpoint["epoch"], checkpoint["global_step"])
        if moment == self._moment:
            self._renamed = self._renamer.submit(_name_too, self._renamed, self._newest, target)
            return
        self._renamed.result()
        target.parent.mkdir(parents=True, exist_ok=True)
        for half in target.parent.glob(".*.part"):
            half.unlink()  # of a process that was killed while it wrote; nobody else writes into a run's folder
        draft = draft_beside(target, lambda beside: torch.save(checkpoint, beside))
        self._renamed = self._renamer.submit(draft.replace, target)
        self._moment, self._newest = moment, target

    def teardown(self) -> None:
        """Wait until every checkpoint has its name; Lightning calls it when the training ends or fails.

        Raises:
            OSError: One could not be renamed.
        """
        self._renamed.result()


def _name_too(renamed: Future[object], newest: Path, target: Path) -> None:
    """Once the newest file has its name, give it a second one, or copy it where the disk knows no second names."""
    renamed.result()
    if target.exists() and target.samefile(newest):
        return
    try:
        write_beside(target, lambda beside: beside.hardlink_to(newest))
    except OSError:
        write_beside(target, lambda beside: shutil.copyfile(newest, beside))
