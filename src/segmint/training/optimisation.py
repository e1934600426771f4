"""Optimisers and learning-rate schedules by their recipe names.

Example:
    >>> configure(network, TrainingRecipe(optimizer="adamw", scheduler="cosine"))["optimizer"]
    AdamW (...)
"""

from typing import Any

import torch
from torch.optim import Optimizer, lr_scheduler

from segmint.recipe import TrainingRecipe


def configure(network: torch.nn.Module, recipe: TrainingRecipe) -> dict[str, Any]:
    """The dictionary that ``LightningModule.configure_optimizers`` returns."""
    optimizer = _optimizer(_groups(network, recipe), recipe)
    _resume_anywhere(optimizer)
    match recipe.scheduler:
        case "none":
            return {"optimizer": optimizer}
        case "plateau":
            plateau = lr_scheduler.ReduceLROnPlateau(
                optimizer, mode=recipe.monitor_mode, factor=recipe.plateau_factor, patience=recipe.plateau_patience
            )
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": plateau, "monitor": recipe.monitor}}
        case "cosine":
            return {"optimizer": optimizer, "lr_scheduler": lr_scheduler.CosineAnnealingLR(optimizer, recipe.epochs)}


def _groups(network: torch.nn.Module, recipe: TrainingRecipe) -> list[dict[str, Any]]:
    """One group, or those that a network with a temporal part declares, each with its learning rate."""
    if recipe.lr_temporal is None or not hasattr(network, "groups"):
        return [{"params": list(network.parameters())}]
    rates = {"temporal": recipe.lr_temporal, "spatial": recipe.lr}
    parts: dict[str, list[torch.nn.Parameter]] = network.groups()  # type: ignore[operator]
    return [{"params": part, "lr": rates[name], "name": name} for name, part in parts.items()]


def _optimizer(groups: list[dict[str, Any]], recipe: TrainingRecipe) -> Optimizer:
    """A step reads and writes every parameter once on a processor (fused); on a GPU torch chooses.

    Lightning does not clip the gradients of a fused optimiser in mixed precision (its issue 21435).
    """
    fused = True if groups[0]["params"][0].device.type == "cpu" and not recipe.gradient_clip else None
    match recipe.optimizer:
        case "adam":
            return torch.optim.Adam(groups, lr=recipe.lr, weight_decay=recipe.weight_decay, fused=fused)
        case "adamw":
            return torch.optim.AdamW(groups, lr=recipe.lr, weight_decay=recipe.weight_decay, fused=fused)
        case "sgd":
            return torch.optim.SGD(groups, lr=recipe.lr, momentum=0.9, weight_decay=recipe.weight_decay, fused=fused)


def _resume_anywhere(optimizer: Optimizer) -> None:
    """Have the checkpoint of another machine carried on in this one's way.

    A fused step pairs numbers by their place in memory, and moments keep the layout of the machine they come from.
    Optimisers that cannot be fused have no such default.
    """
    here = {name: value for name, value in optimizer.defaults.items() if name == "fused"}

    def compute_as_here(_: Optimizer, state: dict[str, Any]) -> None:
        for group in state["param_groups"]:
            group.update(here)

    def lie_as_here(loaded: Optimizer) -> None:
        for parameter, moments in loaded.state.items():
            for name, moment in moments.items():
                if isinstance(moment, torch.Tensor) and moment.shape == parameter.shape:
                    moments[name] = torch.empty_like(parameter).copy_(moment)

    optimizer.register_load_state_dict_pre_hook(compute_as_here)
    optimizer.register_load_state_dict_post_hook(lie_as_here)
