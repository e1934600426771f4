"""The progress bar of a terminal: the training batches of an epoch, then its validation batches.

It is cleared before the epoch's line is printed, and counts epochs from 1 as that line does.

Example:
    >>> lightning.Trainer(callbacks=[EpochBar()], enable_progress_bar=False)
"""

import sys
from typing import Any

import pytorch_lightning as lightning
import torch
from tqdm import tqdm  # type: ignore[import-untyped]

_FORM = "{desc} {percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"


class EpochBar(lightning.Callback):
    """One bar at a time, on standard error, with the loss of the newest batch."""

    def __init__(self) -> None:
        self._bar: Any = None

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Begin the bar of the training batches."""
        self._begin(trainer, "train", int(trainer.num_training_batches))

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move it on; Lightning has divided the loss by the batches of a step."""
        self._advance(outputs["loss"], trainer.accumulate_grad_batches)

    def on_validation_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Begin the bar of the validation batches in its place."""
        self._begin(trainer, "val", int(sum(trainer.num_val_batches)))

    def on_validation_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Move it on."""
        self._advance(outputs)

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Clear the bar: the line of the epoch follows."""
        self._clear()

    def on_exception(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, exception: BaseException
    ) -> None:
        """Clear the bar: a line about the exception follows."""
        self._clear()

    def _begin(self, trainer: lightning.Trainer, split: str, batches: int) -> None:
        self._clear()
        title = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs} {split}"
        self._bar = tqdm(total=batches, desc=title, leave=False, dynamic_ncols=True, file=sys.stderr, bar_format=_FORM)

    def _advance(self, loss: torch.Tensor, times: int = 1) -> None:
        """Count a batch; its loss is fetched from the device only when the bar is drawn anew."""
        if self._bar.update():
            self._bar.set_postfix_str(f"loss {float(loss) * times:.4f}")

    def _clear(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
