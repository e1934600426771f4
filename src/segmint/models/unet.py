"""The classic U-Net (Ronneberger, Fischer and Brox 2015, arXiv 1505.04597), in the two sizes that the sources document.

Per level two 3x3 convolutions, each followed by batch normalisation and ReLU; 2x2 max-pooling on the way down,
transposed 2x2 convolutions on the way up, the level's features concatenated, a 1x1 head. Unlike in the paper the
convolutions are padded, so that the answer has the size of the image, and normalised.

Example:
    >>> UNet(8, 2, SMALL)(torch.zeros(2, 8, 64, 64)).shape
    torch.Size([2, 2, 64, 64])
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn.functional import max_pool2d

from segmint.models.transposed import TransposedConvolution

SMALL = (16, 32, 64)
"""Widths of the burned-area network: 118,098 parameters for 8 bands and 2 classes; sizes are multiples of 4."""

LARGE = (64, 128, 256, 512, 1024)
"""Widths of the paper and of the lateral-flow network: 31,037,633 parameters for 3 bands, 1 class; multiples of 16."""


class UNet(nn.Module):
    """U-Net, ``[B, bands, H, W]`` normalised values to ``[B, channels, H, W]`` logits.

    Args:
        bands: Input bands.
        channels: Output channels.
        widths: Features per level, from the image's own resolution down; each level halves height and width.
    """

    def __init__(self, bands: int, channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        upwards = list(pairwise(reversed(widths)))
        self.contracting = nn.ModuleList(self._stage(*pair) for pair in pairwise((bands, *widths)))
        self.enlarging = nn.ModuleList(TransposedConvolution(deep, shallow) for deep, shallow in upwards)
        self.expanding = nn.ModuleList(self._stage(2 * shallow, shallow) for _, shallow in upwards)
        self.head = nn.Conv2d(widths[0], channels, 1)

    @staticmethod
    def _stage(inputs: int, outputs: int) -> nn.Sequential:
        """Two convolutions, without a bias because the batch normalisation behind them has one."""
        layers: list[nn.Module] = []
        for width in (inputs, outputs):
            layers += [nn.Conv2d(width, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        return nn.Sequential(*layers)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits ``[B, channels, H, W]``; H and W must be multiples of 2 to the power of ``len(widths) - 1``."""
        levels: list[torch.Tensor] = []
        for stage in self.contracting:
            levels.append(stage(max_pool2d(levels[-1], 2) if levels else image))
        features = levels.pop()
        for enlarge, stage in zip(self.enlarging, self.expanding, strict=True):
            features = stage(torch.cat((levels.pop(), enlarge(features)), dim=1))
        logits: torch.Tensor = self.head(features)
        return logits
