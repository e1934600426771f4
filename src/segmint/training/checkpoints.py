"""Checkpoints that are whole: Lightning writes over the last one in place, and a process that is killed then, or a disk
that is full, leaves nothing to carry on from.

Example:
    >>> lightning.Trainer(plugins=[WholeCheckpoints()])
"""

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins import TorchCheckpointIO

from segmint.files import write_beside


class WholeCheckpoints(TorchCheckpointIO):
    """Writes each checkpoint beside the one that it replaces, then renames it."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None) -> None:
        """Save to a file of this machine.

        Args:
            checkpoint: What Lightning made of trainer, task and callbacks.
            path: Where to.
            storage_options: Not used.
        """
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        for half in target.parent.glob(f".{target.name}.*.part"):
            half.unlink()  # of a process that was killed while it wrote; nobody else writes into a run's folder
        write_beside(target, lambda beside: torch.save(checkpoint, beside))
