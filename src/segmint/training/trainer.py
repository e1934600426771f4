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
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint

from segmint.recipe import Recipe
from segmint.training.bar import EpochBar
from segmint.training.checkpoints import WholeCheckpoints
from segmint.training.hardware import Hardware

BEST, LAST = "best.ckpt", "last.ckpt"


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
    best = ModelCheckpoint(
        checkpoints,
        BEST.removesuffix(".ckpt"),
        monitor=training.monitor,
        mode=training.monitor_mode,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )
    last = ModelCheckpoint(
        checkpoints, LAST.removesuffix(".ckpt"), save_on_train_epoch_end=True, enable_version_counter=False
    )
    callbacks: list[lightning.Callback] = [*logs, best, last]
    if training.checkpoint_every:
        callbacks.append(
            ModelCheckpoint(
                checkpoints,
                "epoch_{epoch:04d}",
                every_n_epochs=training.checkpoint_every,
                save_top_k=-1,
                save_on_train_epoch_end=True,
                auto_insert_metric_name=False,
            )
        )
    if training.patience:
        callbacks.append(
            EarlyStopping(
                training.monitor,
                training.min_delta,
                training.patience,
                mode=training.monitor_mode,
                check_on_train_epoch_end=True,
            )
        )
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
