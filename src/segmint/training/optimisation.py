"""Optimisers and learning-rate schedules by their recipe names.

Example:
    >>> configure(network.parameters(), TrainingRecipe(optimizer="adamw", scheduler="cosine"))["optimizer"]
    AdamW (...)
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch.optim import lr_scheduler

from segmint.recipe import TrainingRecipe


def configure(parameters: Iterable[torch.nn.Parameter], recipe: TrainingRecipe) -> dict[str, Any]:
    """The dictionary that ``LightningModule.configure_optimizers`` returns."""
    optimizer = _optimizer(parameters, recipe)
    match recipe.scheduler:
        case "none":
            return {"optimizer": optimizer}
        case "plateau":
            plateau = lr_scheduler.ReduceLROnPlateau(optimizer, mode=recipe.monitor_mode, factor=0.5, patience=5)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": plateau, "monitor": recipe.monitor}}
        case "cosine":
            return {"optimizer": optimizer, "lr_scheduler": lr_scheduler.CosineAnnealingLR(optimizer, recipe.epochs)}


def _optimizer(parameters: Iterable[torch.nn.Parameter], recipe: TrainingRecipe) -> torch.optim.Optimizer:
    match recipe.optimizer:
        case "adam":
            return torch.optim.Adam(parameters, lr=recipe.lr, weight_decay=recipe.weight_decay)
        case "adamw":
            return torch.optim.AdamW(parameters, lr=recipe.lr, weight_decay=recipe.weight_decay)
        case "sgd":
            return torch.optim.SGD(parameters, lr=recipe.lr, momentum=0.9, weight_decay=recipe.weight_decay)
