"""Checkpoints that are whole: Lightning writes over the last one in place, and a process that is killed then, or a disk
that is full, leaves nothing to carry on from. What is the best and the last is written once.

Example:
    >>> lightning.Trainer(plugins=[WholeCheckpoints()])
"""

import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins import TorchCheckpointIO
from torch.utils.serialization import config

from segmint.files import write_beside, written_beside


class WholeCheckpoints(TorchCheckpointIO):
    """Writes each checkpoint beside the one that it replaces, then renames it.

    Training does not wait for the renaming, before which a file system may bring all of the new file to the disk.
    """

    def __init__(self) -> None:
        super().__init__()
        self._moment: tuple[int, int] | None = None
        self._newest = Path()
        self._renamer = ThreadPoolExecutor(1)
        self._renamed: list[Future[object]] = []

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None) -> None:
        """Save to a file of this machine; of the same epoch and step as the file before, to another name of that file.

        Args:
            checkpoint: What Lightning made of trainer, task and callbacks.
            path: Where to.
            storage_options: Not used.

        Raises:
            OSError: The one before could not be renamed.
        """
        target = Path(path)
        moment = checkpoint["epoch"], checkpoint["global_step"]
        if moment == self._moment:
            self._later(_name_too, self._newest, target)
            return
        self.teardown()
        target.parent.mkdir(parents=True, exist_ok=True)
        for half in target.parent.glob(f".{target.name}.*.part"):
            half.unlink()  # of a process that was killed while it wrote; nobody else writes into a run's folder
        with config.patch("save.compute_crc32", False):  # type: ignore[attr-defined]
            # torch.load does not look at that sum, which takes half of the time
            written = written_beside(target, lambda beside: torch.save(checkpoint, beside))
        self._later(written.replace, target)
        self._moment, self._newest = moment, target

    def _later(self, rename: Callable[..., object], *paths: Path) -> None:
        self._renamed.append(self._renamer.submit(rename, *paths))

    def teardown(self) -> None:
        """Wait until every checkpoint has its name; Lightning calls it when the training ends or fails.

        Raises:
            OSError: One could not be renamed.
        """
        renamed, self._renamed = self._renamed, []
        for future in renamed:
            future.result()


def _name_too(newest: Path, target: Path) -> None:
    """Give the newest file a second name, or a copy where the disk knows no second names."""
    if target.exists() and target.samefile(newest):
        return
    try:
        write_beside(target, lambda beside: beside.hardlink_to(newest))
    except OSError:
        write_beside(target, lambda beside: shutil.copyfile(newest, beside))
