"""Losses on logits, summed with the recipe's weights; ignored pixels take no part.

Their shapes do not depend on how many pixels are ignored, so that a GPU is never waited for.

Example:
    >>> loss = WeightedLoss(LossRecipe(bce=1, dice=1), (1.0, 1.0))
    >>> loss(torch.zeros(2, 1, 8, 8), torch.ones(2, 8, 8, dtype=torch.uint8))
    tensor(1.1931)
"""

from collections.abc import Callable, Sequence

import torch
from segmentation_models_pytorch import losses as smp
from torch import nn
from torch.nn import functional

from segmint.data.chips import IGNORE
from segmint.data.statistics import Statistics
from segmint.recipe import LossRecipe, Recipe

_GAMMA = 2.0
_OVERLAP: dict[str, Callable[[str], nn.Module]] = {
    "dice": lambda mode: smp.DiceLoss(mode, ignore_index=IGNORE),
    "tversky": lambda mode: smp.TverskyLoss(mode, alpha=0.3, beta=0.7, ignore_index=IGNORE),
    "jaccard": lambda mode: smp.JaccardLoss(mode, ignore_index=IGNORE),
}


class WeightedLoss(nn.Module):
    """Sum of weighted losses over the pixels that count.

    Args:
        recipe: Weight of each loss.
        class_weights: Weight of each class in ``bce`` and ``focal``, 1 or more.
    """

    def __init__(self, recipe: LossRecipe, class_weights: Sequence[float]) -> None:
        super().__init__()
        self.weights = {name: weight for name, weight in recipe.weights.items() if weight > 0}
        of_class = torch.zeros(IGNORE + 1)
        of_class[: len(class_weights)] = torch.tensor(class_weights)
        self.register_buffer("weight_of_class", of_class, persistent=False)
        self.weight_of_class: torch.Tensor
        """``[256]``: what a pixel weighs, by its class value; nothing where it is ignored."""

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Scalar loss of logits ``[B, K, H, W]`` and target ``[B, H, W]`` (class values, 255 ignored)."""
        return self.total(self.parts(logits, target))

    def parts(self, logits: torch.Tensor, target: torch.Tensor) -> dict[str, torch.Tensor]:
        """Each loss by its name, without its weight."""
        scores = logits.float()
        return {name: self._part(name, scores, target) for name in self.weights}

    def total(self, parts: dict[str, torch.Tensor]) -> torch.Tensor:
        """The weighted sum of the losses, a scalar."""
        return torch.stack([self.weights[name] * part for name, part in parts.items()]).sum()

    def _part(self, name: str, scores: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """One loss of fp32 logits ``[B, K, H, W]``."""
        binary = scores.shape[1] == 1
        if name in _OVERLAP:
            loss: torch.Tensor = _OVERLAP[name]("binary" if binary else "multiclass")(scores, target)
            return loss
        if binary:
            truth = (target == 1).float()
            entropy = functional.binary_cross_entropy_with_logits(scores[:, 0], truth, reduction="none")
        else:
            entropy = functional.cross_entropy(scores, target.long(), ignore_index=IGNORE, reduction="none")
        pixel_weights = self.weight_of_class.index_select(0, target.flatten().int()).view_as(target)
        if name == "focal":  # Lin et al. 2017 (arXiv 1708.02002), equation 4
            known = (target != IGNORE).sum().clamp(min=1)
            return (pixel_weights * (1 - torch.exp(-entropy)) ** _GAMMA * entropy).sum() / known
        return (pixel_weights * entropy).sum() / pixel_weights.sum().clamp(min=1)


def class_weights(recipe: Recipe, statistics: Statistics) -> tuple[float, ...]:
    """Weight of each class: 1, or the inverse of its share of the training pixels with the smallest weight 1.

    A class that does not occur weighs 1, so that no weight is beyond measure.
    """
    shares = [statistics.class_share[item.name] for item in recipe.data.classes]
    if recipe.loss.class_weights == "none":
        return (1.0,) * len(shares)
    most = max(shares)
    return tuple(most / share if share > 0 else 1.0 for share in shares)
