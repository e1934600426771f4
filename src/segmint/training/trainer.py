"""The Lightning trainer of a run: checkpoints, early stopping and progress.

Example:
    >>> trainer = build_trainer(recipe, hardware, folder / "checkpoints", [log])
    >>> trainer.fit(task, train_loader, val_loader, ckpt_path=last)
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytorch_lightning as lightning
import torch

from segmint.recipe import Recipe
from segmint.training.bar import EpochBar
from segmint.training.checkpoints import EVERY, LAST, BestCheckpoint, Checkpoint, Stop, WholeCheckpoints
from segmint.training.hardware import Hardware


def build_trainer(
    recipe: Recipe, hardware: Hardware, checkpoints: Path, logs: Sequence[lightning.Callback], accumulate: int = 1
) -> lightning.Trainer:
    """A trainer that leaves ``best.ckpt`` and ``last.ckpt`` in ``checkpoints``.

    Args:
        recipe: The recipe.
        hardware: The hardware choice.
        checkpoints: Where they go.
        logs: Callbacks, called in their order.
        accumulate: Batches whose gradients make one step.
    """
    training = recipe.training
    torch.set_num_threads(hardware.threads)
    # else `deterministic` fills every new tensor with NaN before it is computed
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    callbacks: list[lightning.Callback] = [*logs, BestCheckpoint(checkpoints, training), Checkpoint(checkpoints, LAST)]
    if training.checkpoint_every:
        callbacks.append(Checkpoint(checkpoints, EVERY, every_n_epochs=training.checkpoint_every, save_top_k=-1))
    if training.patience:
        callbacks.append(Stop(training))
    if sys.stderr.isatty():
        callbacks.append(EpochBar())
    return lightning.Trainer(
        accelerator=hardware.accelerator,
        devices=1 if hardware.gpu is None else [hardware.gpu],
        precision=hardware.precision,
        max_epochs=training.epochs,
        accumulate_grad_batches=accumulate,
        gradient_clip_val=training.gradient_clip or None,
        deterministic="warn",  # on a GPU adaptive pooling (pspnet, upernet) has no gradient that is the same every time
        callbacks=callbacks,
        plugins=[WholeCheckpoints()],
        logger=False,
        enable_progress_bar=False,  # EpochBar is ours
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
