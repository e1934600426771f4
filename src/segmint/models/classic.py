"""The encoder-decoder that the source documents describe, kept for comparison.

Four 3x3 convolutions (64, 128, 256, 512) with ReLU, three of them followed by 2x2 max-pooling, then three transposed
2x2 convolutions and a 1x1 head. No skip connections, no normalisation, 2,239,617 parameters for 3 bands and 1 class.

Example:
    >>> ClassicNetwork(3, 1)(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 1, 64, 64])
"""

import torch
from torch import nn

from segmint.models.transposed import TransposedConvolution


class ClassicNetwork(nn.Module):
    """Plain encoder-decoder, ``[B, bands, H, W]`` normalised values to ``[B, channels, H, W]`` logits.

    Args:
        bands: Input bands.
        channels: Output channels.
    """

    def __init__(self, bands: int, channels: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            *self._stage(bands, 64), *self._stage(64, 128), *self._stage(128, 256), nn.Conv2d(256, 512, 3, padding=1)
        )
        self.decoder = nn.Sequential(
            nn.ReLU(),
            TransposedConvolution(512, 256),
            TransposedConvolution(256, 128),
            TransposedConvolution(128, 64),
        )
        self.head = nn.Conv2d(64, channels, 1)

    @staticmethod
    def _stage(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits ``[B, channels, H, W]``; H and W must be multiples of 8."""
        logits: torch.Tensor = self.head(self.decoder(self.encoder(image)))
        return logits
