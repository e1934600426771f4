"""Optimisers and learning-rate schedules by their recipe names.

Example:
    >>> configure(network, TrainingRecipe(optimizer="adamw", scheduler="cosine"))["optimizer"]
    AdamW (...)
"""

import math
from collections.abc import Sequence
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
            return {"optimizer": optimizer, "lr_scheduler": Cosine(optimizer, recipe.epochs)}


class Cosine(lr_scheduler.LRScheduler):
    """Half a cosine from the learning rate to 0: ``(1 + cos(pi * epoch / epochs)) / 2`` of it (Loshchilov and Hutter
    2017, arXiv 1608.03983, equation 5).

    Torch's own computes each rate from the one before: a training that is carried on with more epochs would stay at 0.

    Args:
        optimizer: The optimiser.
        epochs: Epochs until 0.
    """

    def __init__(self, optimizer: Optimizer, epochs: int) -> None:
        self._epochs = epochs
        super().__init__(optimizer)

    def get_lr(self) -> list[float | torch.Tensor]:
        """The rate of each group in the epoch that begins."""
        share = (1 + math.cos(math.pi * self.last_epoch / self._epochs)) / 2
        return [rate * share for rate in self.base_lrs]

    def state_dict(self) -> dict[str, Any]:
        """How far it came."""
        return {"last_epoch": self.last_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there, by the rates and epochs of this one."""
        self.last_epoch = state_dict["last_epoch"]
        self._last_lr = self.get_lr()
        for group, rate in zip(self.optimizer.param_groups, self._last_lr, strict=True):
            group["lr"] = rate


def plateau_after(
    network: torch.nn.Module, recipe: TrainingRecipe, monitored: Sequence[float]
) -> tuple[list[float], dict[str, Any]]:
    """The learning rate of each group, and the state of the plateau schedule, after epochs with these monitors."""
    made = configure(network, recipe)
    schedule = made["lr_scheduler"]["scheduler"]
    for value in monitored:
        schedule.step(value)
    return [group["lr"] for group in made["optimizer"].param_groups], schedule.state_dict()


def optimisation_of(recipe: TrainingRecipe) -> dict[str, Any]:
    """The values that the state of an optimiser belongs to, for the checkpoint."""
    return {key: getattr(recipe, key) for key in ("optimizer", "scheduler", "lr", "lr_temporal", "weight_decay")}


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
