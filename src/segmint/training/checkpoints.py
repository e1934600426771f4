"""Checkpoints that are whole: Lightning writes over the last one in place, and a process that is killed then, or a disk
that is full, leaves nothing to carry on from. What is the best and the last is written once.

Example:
    >>> lightning.Trainer(plugins=[WholeCheckpoints()])
"""

import contextlib
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins import TorchCheckpointIO

from segmint.files import write_beside


class WholeCheckpoints(TorchCheckpointIO):
    """Writes each checkpoint beside the one that it replaces, then renames it."""

    def __init__(self) -> None:
        super().__init__()
        self._moment: tuple[int, int] | None = None
        self._newest = Path()

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None) -> None:
        """Save to a file of this machine; of the same epoch and step as the file before, to another name of that file.

        Args:
            checkpoint: What Lightning made of trainer, task and callbacks.
            path: Where to.
            storage_options: Not used.
        """
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        for half in target.parent.glob(f".{target.name}.*.part"):
            half.unlink()  # of a process that was killed while it wrote; nobody else writes into a run's folder
        moment = checkpoint["epoch"], checkpoint["global_step"]
        if moment == self._moment:
            if target.exists() and target.samefile(self._newest):
                return
            with contextlib.suppress(OSError):  # a disk that knows no second names
                write_beside(target, lambda beside: beside.hardlink_to(self._newest))
                return
        write_beside(target, lambda beside: torch.save(checkpoint, beside))
        self._moment, self._newest = moment, target
