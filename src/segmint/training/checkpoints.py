"""Which checkpoints a training keeps, and that each of them is whole.

Lightning writes over the last one in place, and a process that is killed then, or a disk that is full, leaves nothing
to carry on from. If best and last are the same step, the file is written once.

Example:
    >>> callbacks = [BestCheckpoint(folder, recipe.training), Checkpoint(folder, LAST), Stop(recipe.training)]
    >>> lightning.Trainer(callbacks=callbacks, plugins=[WholeCheckpoints()])
"""

import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytorch_lightning as lightning
import torch
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from pytorch_lightning.plugins import TorchCheckpointIO

from segmint.files import draft_beside, write_beside
from segmint.recipe import TrainingRecipe

BEST, LAST, EVERY = "best.ckpt", "last.ckpt", "epoch_{epoch:04d}.ckpt"


class Checkpoint(ModelCheckpoint):
    """A checkpoint at the end of epochs.

    Its state is the best score alone, and no path, so that a checkpoint tells nothing of the machine and is carried on
    in any folder.

    Args:
        folder: Where it goes.
        name: Its file; ``{epoch}`` is the number that the console counts, from 1.
        options: As :class:`~pytorch_lightning.callbacks.ModelCheckpoint` takes them.
    """

    def __init__(self, folder: Path, name: str, **options: Any) -> None:
        super().__init__(
            folder,
            name.removesuffix(".ckpt"),
            save_on_train_epoch_end=True,
            enable_version_counter=False,
            auto_insert_metric_name=False,
            **options,
        )

    @property
    def state_key(self) -> str:
        """Name of the state in a checkpoint: a best score is that of its monitor."""
        return f"{self.filename} by {self.monitor}"

    def state_dict(self) -> dict[str, Any]:
        """The best score so far, or None."""
        return {"best_model_score": self.best_model_score}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the best score over, where the file that it belongs to lies in the folder."""
        score, file = state_dict["best_model_score"], Path(str(self.dirpath), f"{self.filename}.ckpt")
        if score is not None and file.is_file():
            self.best_model_score = self.kth_value = score
            self.best_model_path = self.kth_best_model_path = str(file)
            self.best_k_models = {str(file): score}

    def format_checkpoint_name(self, metrics: dict[str, torch.Tensor], *args: Any, **options: Any) -> str:
        """Path of the file, whose epoch is counted from 1."""
        return super().format_checkpoint_name(metrics | {"epoch": metrics["epoch"] + 1}, *args, **options)


class BestCheckpoint(Checkpoint):
    """The checkpoint of the best epoch by the recipe's monitor."""

    def __init__(self, folder: Path, training: TrainingRecipe) -> None:
        self._training = training
        super().__init__(folder, BEST, monitor=training.monitor, mode=training.monitor_mode)

    def check_monitor_top_k(self, trainer: lightning.Trainer, current: torch.Tensor | None = None) -> bool:
        """Whether an epoch is progress, as early stopping has it."""
        if current is None or self.best_model_score is None:
            return super().check_monitor_top_k(trainer, current)
        return self._training.improves(float(current), float(self.best_model_score))


class Stop(EarlyStopping):
    """The end of a training without progress; with the recipe's patience, not that of a checkpoint it carries on."""

    def __init__(self, training: TrainingRecipe) -> None:
        super().__init__(
            training.monitor,
            training.min_delta,
            training.patience,
            mode=training.monitor_mode,
            check_on_train_epoch_end=True,
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over how long there was no progress."""
        super().load_state_dict(state_dict | {"patience": self.patience})


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
