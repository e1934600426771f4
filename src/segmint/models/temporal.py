"""A transformer over time, one sequence per patch of ground, that answers with the state of the last step.

Positions are counted back from the last step and padding can be neither seen nor read, so that an answer depends on a
sample's own history alone: not on the padding in front of it, nor on the samples it shares a batch with.

Pre-norm layers (Vaswani et al. 2017, arXiv 1706.03762; Xiong et al. 2020, arXiv 2002.04745), which train without
warm-up, with GELU and a hidden layer of four times the width.

Example:
    >>> network = TemporalTransformer(wind_channels=3, static_channels=5, steps=32, width=96, heads=8, layers=4)
    >>> fire, wind, static = torch.rand(2, 6, 25, 25), torch.randn(2, 6, 3), torch.randn(2, 5, 25, 25)
    >>> network(fire, wind, static, torch.ones(2, 6)).shape
    torch.Size([2, 96, 25, 25])
"""

import math

import torch
from torch import nn
from torch.nn.functional import dropout

from segmint.errors import ModelError


class TemporalLayer(nn.Module):
    """Attention of steps to all real ones, and a hidden layer, each added to what it reads.

    Args:
        width: Features per step.
        heads: Attention heads; a divisor of ``width``.
        dropout: Share of features and attention that training leaves out.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm = nn.LayerNorm(width)
        # without a bias, because softmax takes no notice of one in the keys
        self.attention = nn.Linear(width, 3 * width, bias=False)
        self.projection = nn.Sequential(nn.Linear(width, width), nn.Dropout(dropout))
        self.hidden = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(4 * width, width),
            nn.Dropout(dropout),
        )

    def forward(self, steps: torch.Tensor, real: torch.Tensor, last: bool = False) -> torch.Tensor:
        """Features ``[B, N, T, width]`` of steps ``[B, N, T, width]``.

        Args:
            steps: Features of every patch at every step.
            real: The steps that may be read, ``[B, T]`` bool.
            last: Compute the last step only, ``[B, N, 1, width]``.
        """
        batch, patches, length, width = steps.shape
        # [3, B, N * heads, T, width / heads]: with the patches among the heads, a sample needs one mask
        split = self.attention(self.norm(steps)).reshape(batch, patches, length, 3, self.heads, width // self.heads)
        queries, keys, values = split.permute(3, 0, 1, 4, 2, 5).flatten(2, 3).unbind()
        if last:
            queries, steps = queries[:, :, -1:], steps[:, :, -1:]
        # written out: the fused operator is unknown to the torch 1.13 that TorchScript files still meet
        scores = queries @ keys.transpose(-2, -1) * queries.shape[-1] ** -0.5
        scores = scores.masked_fill(~real[:, None, None, :], torch.finfo(scores.dtype).min)
        read = dropout(scores.softmax(dim=-1), self.dropout, self.training) @ values
        read = read.reshape(batch, patches, self.heads, -1, width // self.heads).transpose(2, 3).flatten(3)
        steps = steps + self.projection(read)
        result: torch.Tensor = steps + self.hidden(steps)
        return result


class TemporalTransformer(nn.Module):
    """Histories on a grid of patches to what they say about the last step.

    Args:
        wind_channels: Channels of the weather, which is the same for every patch.
        static_channels: Channels of the landscape, which is the same at every step.
        steps: Longest history.
        width: Features per patch; even.
        heads: Attention heads; a divisor of ``width``.
        layers: Layers; the last one computes the last step only.
        dropout: Share of features and attention that training leaves out.

    Raises:
        ModelError: A width that is odd or that the heads do not divide.
    """

    def __init__(
        self,
        wind_channels: int,
        static_channels: int,
        steps: int,
        width: int,
        heads: int,
        layers: int,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if width % 2 or width % heads:
            raise ModelError(f"width {width} with {heads} heads", "an even width that the heads divide")
        self.steps = steps
        self.fire = nn.Linear(1, width, bias=False)
        self.wind = nn.Sequential(nn.Linear(wind_channels, width // 2), nn.GELU(), nn.Linear(width // 2, width))
        self.static = nn.Linear(static_channels, width, bias=False)
        self.layers = nn.ModuleList(TemporalLayer(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.register_buffer("positions", _positions(steps, width), persistent=False)
        self.positions: torch.Tensor

    def forward(
        self, fire: torch.Tensor, wind: torch.Tensor, static: torch.Tensor, valid: torch.Tensor
    ) -> torch.Tensor:
        """Features ``[B, width, Gy, Gx]`` of the last step.

        Args:
            fire: Share of each patch that burns, ``[B, T, Gy, Gx]``, oldest step first.
            wind: Normalised weather, ``[B, T, wind_channels]``.
            static: Mean normalised landscape of each patch, ``[B, static_channels, Gy, Gx]``.
            valid: 1 for a real step and 0 for padding, ``[B, T]``; padding stands on the left, and the last step is
                real. What padded steps hold is never used.

        Raises:
            ModelError: More steps than the network was built for.
        """
        if fire.shape[1] > self.steps:
            raise ModelError(f"a history of {fire.shape[1]} steps", f"at most {self.steps}, the most recent ones")
        real = valid > 0.5
        fire = torch.where(real[:, :, None, None], fire, 0.0)
        wind = torch.where(real[:, :, None], wind, 0.0)
        steps = self.fire(fire.flatten(2).transpose(1, 2).unsqueeze(3))
        steps = steps + self.static(static.flatten(2).transpose(1, 2)).unsqueeze(2)
        steps = steps + (self.wind(wind) + self.positions[-fire.shape[1] :]).unsqueeze(1)
        for place, layer in enumerate(self.layers, start=1):
            steps = layer(steps, real, last=place == len(self.layers))
        features: torch.Tensor = self.norm(steps.squeeze(2)).transpose(1, 2)
        return features.reshape(static.shape[0], -1, *static.shape[2:])


def _positions(steps: int, width: int) -> torch.Tensor:
    """Sines and cosines ``[steps, width]`` of the steps until the last one, which is the last row and counts 0."""
    back = torch.arange(steps - 1, -1, -1, dtype=torch.float32)[:, None]
    angles = back * torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    return torch.stack((angles.sin(), angles.cos()), dim=2).flatten(1)
