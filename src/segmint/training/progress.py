"""What a person sees while a run trains, and what is kept of it: one line and one record per epoch.

Example:
    >>> trainer = lightning.Trainer(callbacks=[EpochLog(epochs=50, sink=run.log_epoch)])
"""

import time
from collections.abc import Callable
from typing import Any

import pytorch_lightning as lightning
import torch
from torch.optim import Optimizer

Sink = Callable[[int, dict[str, float]], None]


class EpochLog(lightning.Callback):
    """Prints one summary line per epoch, hands the metrics on, and keeps the history in the checkpoint.

    Args:
        epochs: Most epochs of the run.
        sink: Receives the number of the epoch, from 1, and its metrics.
        monitor: Metric whose best value the line marks.
        gradient_norm: Also record the mean gradient norm.
    """

    def __init__(self, epochs: int, sink: Sink, monitor: str, gradient_norm: bool) -> None:
        self.epochs, self.sink, self.monitor, self.gradient_norm = epochs, sink, monitor, gradient_norm
        self.history: list[dict[str, float]] = []
        self._norms: list[float] = []
        self._started = 0.0

    def state_dict(self) -> dict[str, Any]:
        """The history, for the checkpoint."""
        return {"history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the history of a checkpoint."""
        self.history = [dict(record) for record in state_dict["history"]]

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Start the clock."""
        self._started = time.monotonic()
        self._norms = []

    def on_before_optimizer_step(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, optimizer: Optimizer
    ) -> None:
        """Measure the gradient, before it is clipped, where asked."""
        if self.gradient_norm:
            gradients = [p.grad for p in pl_module.parameters() if p.grad is not None]
            self._norms.append(float(torch.nn.utils.get_total_norm(gradients)))

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Record, hand on and print the epoch."""
        epoch = trainer.current_epoch + 1
        record = {name: float(value) for name, value in trainer.callback_metrics.items()}
        record["learning_rate"] = float(trainer.optimizers[0].param_groups[0]["lr"])
        if self._norms:
            record["gradient_norm"] = sum(self._norms) / len(self._norms)
        best = all(_better(record[self.monitor], past[self.monitor], self.monitor) for past in self.history)
        self.history.append(record | {"epoch": float(epoch)})
        self.sink(epoch, record)
        shown = "  ".join(f"{name} {record[name]:.4f}" for name in ("train_loss", "val_loss", "val_iou", "val_f1"))
        print(
            f"epoch {epoch:>3}/{self.epochs}  {shown}  lr {record['learning_rate']:.2g}  "
            f"{time.monotonic() - self._started:.0f} s{'  best' if best else ''}",
            flush=True,
        )


def _better(value: float, than: float, monitor: str) -> bool:
    return value < than if monitor.endswith("loss") else value > than
