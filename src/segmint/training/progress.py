"""What a person sees while a run trains, and what is kept of it: one line and one record per epoch.

Example:
    >>> trainer = lightning.Trainer(callbacks=[EpochLog(recipe.training, run)])
"""

import math
import shutil
import time
from typing import Any

import pytorch_lightning as lightning
import torch
from torch.optim import Optimizer

from segmint.recipe import TrainingRecipe
from segmint.records import Recorder

Record = dict[str, float]
"""Metrics of one epoch."""

_FORMS = (
    (("loss", "f1", "precision"), ("loss", "f1", "precision", "iou", "acc")),
    (("loss", "f1", "precision"), ("loss", "f1", "precision", "iou")),
    (("loss",), ("loss", "f1", "iou")),
    (("loss",), ("loss", "iou")),
    (("loss",), ("loss",)),
    ((), ("loss",)),
)
"""What the line of an epoch shows of training and of validation, the widest form first."""

_SHORT = {"precision": "prec"}

_ANY_WIDTH = 1000
"""Columns of a file or a pipe."""


class EpochLog(lightning.Callback):
    """Prints one summary line per epoch, hands the metrics on, and keeps the history in the checkpoint.

    Args:
        recipe: Epochs, monitor, and what else is recorded.
        recorder: Receives the metrics of each epoch.
    """

    def __init__(self, recipe: TrainingRecipe, recorder: Recorder) -> None:
        self.recipe, self.recorder = recipe, recorder
        self.history: list[Record] = []
        self._norms: list[float] = []
        self._rates: Record = {}
        self._started = 0.0

    @classmethod
    def history_of(cls, checkpoint: dict[str, Any]) -> list[Record] | None:
        """The metrics of every epoch behind a checkpoint; None where it is no checkpoint of a training here."""
        callbacks = checkpoint.get("callbacks")
        state = callbacks.get(cls.__name__) if isinstance(callbacks, dict) else None
        return state["history"] if isinstance(state, dict) else None

    def state_dict(self) -> dict[str, Any]:
        """The history, for the checkpoint."""
        return {"history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the history of a checkpoint."""
        self.history = [dict(record) for record in state_dict["history"]]

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Start the clock, and note the learning rates before the schedule moves them on."""
        self._started = time.monotonic()
        self._norms, self._rates = [], _rates(trainer.optimizers[0])

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
        record = {name: float(value) for name, value in trainer.callback_metrics.items()} | self._rates
        if self._norms:
            record["gradient_norm"] = sum(self._norms) / len(self._norms)
        past = self.history[-1] if self.history else None
        record |= progress(past, epoch, record[self.recipe.monitor], self.recipe)
        self.history.append(record | {"epoch": float(epoch)})
        self.recorder.log_epoch(epoch, record)
        columns = shutil.get_terminal_size((_ANY_WIDTH, 0)).columns
        print(epoch_line(self.history[-1], self.recipe, time.monotonic() - self._started, columns), flush=True)


def progress(past: Record | None, epoch: int, value: float, recipe: TrainingRecipe) -> Record:
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


def epoch_line(record: Record, recipe: TrainingRecipe, seconds: float, columns: int) -> str:
    """An epoch for a person: the widest form that the terminal has room for.

    Args:
        record: Metrics of the epoch, with its number.
        recipe: Number of epochs, and the monitor, which every form shows.
        seconds: How long the epoch took.
        columns: Width of the terminal.
    """
    head = f"epoch {record['epoch']:>{len(str(recipe.epochs))}.0f}/{recipe.epochs}"
    tail = f" lr {record['learning_rate']:<7.2g} {seconds:.0f} s"
    room = columns - len(f"{head}  {tail} best")
    forms = [_scores(record, recipe.monitor, *form) for form in _FORMS]
    scores = next((form for form in forms if len(form) <= room), forms[-1])
    return f"{head} {scores} {tail}{' best' if record['early_stop_counter'] == 0 else ''}"


def _scores(record: Record, monitor: str, train: tuple[str, ...], val: tuple[str, ...]) -> str:
    parts = []
    for split, names in (("train", train), ("val", val)):
        kind, _, watched = monitor.partition("_")
        shown = dict.fromkeys((*names, watched) if kind == split else names)
        values = [
            f"{_SHORT.get(name, name)} {record[f'{split}_{name}']:.{4 if name == 'loss' else 3}f}"
            for name in shown
            if f"{split}_{name}" in record
        ]
        if values:
            parts.append(f"{split} {' '.join(values)}")
    return " | ".join(parts)


def stop_line(history: list[Record], recipe: TrainingRecipe) -> str | None:
    """What ended a training before its last epoch, for a person; None where nothing did.

    Args:
        history: Metrics of every epoch.
        recipe: Number of epochs, monitor and ``min_delta``.
    """
    last, monitor = history[-1], recipe.monitor
    if last["epoch"] >= recipe.epochs:
        return None
    waited = last["early_stop_counter"]
    least = f" of more than {recipe.min_delta:g}" if recipe.min_delta else ""
    broken = "" if math.isfinite(last[monitor]) else f", and now it is {last[monitor]}"
    return (
        f"stopped:  early, after epoch {last['epoch']:.0f} of {recipe.epochs}: best {monitor} "
        f"{last['early_stop_best_value']:.4f} at epoch {last['early_stop_best_epoch']:.0f}, no improvement{least} in "
        f"{waited:.0f} epoch{'s' * (waited != 1)} since{broken}"
    )


def _rates(optimizer: Optimizer) -> Record:
    """The learning rate of the last group, and of each that has a name."""
    groups = optimizer.param_groups
    named = {f"lr_{group['name']}": float(group["lr"]) for group in groups if "name" in group}
    return {"learning_rate": float(groups[-1]["lr"])} | named
