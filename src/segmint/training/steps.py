"""What is recorded within an epoch: the loss and its parts at every step, running scores every so many.

Example:
    >>> trainer = lightning.Trainer(callbacks=[StepLog(every=50, recorder=run)])
"""

from collections.abc import Callable
from typing import Any

import pytorch_lightning as lightning
import torch

from segmint.records import Recorder
from segmint.training.task import SegmentationTask

_RUNNING = ("precision", "recall", "f1", "iou", "acc")


class StepLog(lightning.Callback):
    """Hands on ``train_loss_step``, ``train_<part>_step`` and, every so many steps, ``train_f1_step`` and its like.

    Losses stay where they were computed until they are handed on, so that no step waits for them.

    A network that reads histories of different lengths also gives ``train_history_step``, the mean length of a batch,
    and ``train_history``, that of the epoch.

    Args:
        every: Steps between running scores; records are handed on then and at the end of the epoch.
        recorder: Receives the records.
    """

    def __init__(self, every: int, recorder: Recorder) -> None:
        self.every, self.recorder = every, recorder
        self._last = 0
        self._records: list[tuple[int, dict[str, float | torch.Tensor]]] = []
        self._lengths: list[torch.Tensor] = []

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Steps of an earlier process are recorded."""
        self._last = trainer.global_step

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Record a step, which several batches may make together, with the figures of the last of them."""
        assert isinstance(pl_module, SegmentationTask)
        record: dict[str, float | torch.Tensor] = {"train_loss_step": outputs["loss"].detach()}
        record |= {f"train_{name}_step": part.detach() for name, part in pl_module.loss_parts.items()}
        measure: Callable[[torch.Tensor], torch.Tensor] | None = getattr(pl_module.network, "history_lengths", None)
        if measure is not None:
            lengths = measure(batch["image"])
            record["train_history_step"] = lengths.mean()
            self._lengths.append(lengths)
        if trainer.global_step == self._last:
            return
        self._last = trainer.global_step
        if trainer.global_step % self.every == 0:
            scores = pl_module.train_scores.compute()
            record |= {f"train_{name}_step": scores[name] for name in _RUNNING}
        self._records.append((trainer.global_step, record))
        if len(self._records) >= self.every:
            self._hand_on()

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Hand on what is left."""
        if self._lengths:
            trainer.callback_metrics["train_history"] = torch.cat(self._lengths).mean()
        self._lengths = []
        self._hand_on()

    def _hand_on(self) -> None:
        if self._records:
            steps = [(step, {key: float(value) for key, value in told.items()}) for step, told in self._records]
            self.recorder.log_steps(steps)
        self._records = []
