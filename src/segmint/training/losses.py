"""Losses on logits, summed with the recipe's weights; ignored pixels take no part.

Example:
    >>> loss = WeightedLoss(LossRecipe(bce=1, dice=1))
    >>> loss(torch.zeros(2, 1, 8, 8), torch.ones(2, 8, 8, dtype=torch.uint8))
    tensor(1.1931)
"""

from collections.abc import Callable
from dataclasses import asdict

import torch
from segmentation_models_pytorch import losses as smp
from torch import nn

from segmint.data.labels import IGNORE
from segmint.recipe import LossRecipe

_Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def _cross_entropy(mode: str) -> _Loss:
    if mode == "binary":
        return nn.BCEWithLogitsLoss()
    return nn.CrossEntropyLoss()


_BUILDERS: dict[str, Callable[[str], _Loss]] = {
    "bce": _cross_entropy,
    "dice": lambda mode: smp.DiceLoss(mode),
    "focal": lambda mode: smp.FocalLoss(mode, gamma=2.0),
    "tversky": lambda mode: smp.TverskyLoss(mode, alpha=0.3, beta=0.7),
    "jaccard": lambda mode: smp.JaccardLoss(mode),
}


class WeightedLoss(nn.Module):
    """Sum of weighted losses over the pixels that count.

    Args:
        recipe: Weight of each loss.
    """

    def __init__(self, recipe: LossRecipe) -> None:
        super().__init__()
        self.weights = {name: weight for name, weight in asdict(recipe).items() if weight > 0}

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Scalar loss of logits ``[B, K, H, W]`` and target ``[B, H, W]`` (class values, 255 ignored)."""
        channels = logits.shape[1]
        by_pixel = logits.float().permute(1, 0, 2, 3).reshape(channels, -1)
        labels = target.reshape(-1)
        counts = labels != IGNORE
        if not bool(counts.all()):
            by_pixel, labels = by_pixel[:, counts], labels[counts]
        if labels.numel() == 0:
            return by_pixel.sum() * 0.0
        mode = "binary" if channels == 1 else "multiclass"
        scores = by_pixel[None]  # [1, K, pixels], the shape that serves every loss
        truth = labels[None, None].float() if channels == 1 else labels[None].long()
        parts = [weight * _BUILDERS[name](mode)(scores, truth) for name, weight in self.weights.items()]
        return torch.stack(parts).sum()
