"""What a person sees while a run trains, and what is kept of it: one line and one record per epoch.

Example:
    >>> trainer = lightning.Trainer(callbacks=[EpochLog(recipe.training, [run.log_epoch])])
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import pytorch_lightning as lightning
import torch
from torch.optim import Optimizer

from segmint.recipe import TrainingRecipe

Sink = Callable[[int, dict[str, float]], None]


class EpochLog(lightning.Callback):
    """Prints one summary line per epoch, hands the metrics on, and keeps the history in the checkpoint.

    Args:
        recipe: Epochs, monitor, and what else is recorded.
        sinks: Each receives the number of the epoch, from 1, and its metrics.
    """

    def __init__(self, recipe: TrainingRecipe, sinks: Sequence[Sink]) -> None:
        self.recipe, self.sinks = recipe, sinks
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
        if self.recipe.log_gradient_norm:
            gradients = [p.grad for p in pl_module.parameters() if p.grad is not None]
            self._norms.append(float(torch.nn.utils.get_total_norm(gradients)))

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Record, hand on and print the epoch."""
        epoch = trainer.current_epoch + 1
        record = {name: float(value) for name, value in trainer.callback_metrics.items()} | _rates(trainer)
        if self._norms:
            record["gradient_norm"] = sum(self._norms) / len(self._norms)
        past = self.history[-1] if self.history else None
        record |= progress(past, epoch, record[self.recipe.monitor], self.recipe)
        self.history.append(record | {"epoch": float(epoch)})
        for sink in self.sinks:
            sink(epoch, record)
        chosen = dict.fromkeys(("train_loss", "val_loss", "val_iou", "val_f1", self.recipe.monitor))
        shown = "  ".join(f"{name} {record[name]:.4f}" for name in chosen)
        best = record["early_stop_counter"] == 0
        print(
            f"epoch {epoch:>3}/{self.recipe.epochs}  {shown}  lr {record['learning_rate']:.2g}  "
            f"{time.monotonic() - self._started:.0f} s{'  best' if best else ''}",
            flush=True,
        )


def progress(past: dict[str, float] | None, epoch: int, value: float, recipe: TrainingRecipe) -> dict[str, float]:
    """Best monitor so far, its epoch, and the epochs since then that were no better by ``min_delta``.

    Args:
        past: The record of the epoch before, or None for the first.
        epoch: Number of the epoch, from 1.
        value: Its monitor.
        recipe: Which monitor, and what is better.
    """
    if past is None or recipe.improves(value, past["early_stop_best_value"]):
        return {"early_stop_counter": 0.0, "early_stop_best_value": value, "early_stop_best_epoch": float(epoch)}
    kept = {name: past[name] for name in ("early_stop_best_value", "early_stop_best_epoch")}
    return kept | {"early_stop_counter": past["early_stop_counter"] + 1}


def _rates(trainer: lightning.Trainer) -> dict[str, float]:
    """The learning rate of the first group, and of each that has a name."""
    groups = trainer.optimizers[0].param_groups
    named = {f"lr_{group['name']}": float(group["lr"]) for group in groups if "name" in group}
    return {"learning_rate": float(groups[-1]["lr"])} | named
