"""Where a fire burns at the next step, from its frames so far, the weather of each step, and the landscape.

A transformer reads the history of every patch (:mod:`segmint.models.temporal`); its answers are the two coarse levels
of a pyramid whose two fine levels are convolutions of the last frame and the landscape at full resolution. A decoder
brings the four together at a quarter of the resolution, either that of SegFormer (Xie et al. 2021, arXiv 2105.15203)
or that of U-Net (Ronneberger et al. 2015, arXiv 1505.04597). A refinement, which sees the finest convolutions again,
takes that to full resolution. All of it is trained from scratch, and all of it is used.

The logits are added to a multiple of the last frame, minus and plus 4 at first: the untrained network says that what
burns stays as it is (a new cell has a probability of 2 %), which is the answer to beat, and learns the difference. The
multiple is learned, because in some data what has burned remains in the frame and in others it goes out.

1,426,850 parameters (U-Net's decoder: 2,828,642) for 3 channels of wind, 12 of landscape, and all else as it is.

Example:
    >>> network = EmberFormer(wind_channels=3, static_channels=5, steps=32).eval()
    >>> fire, wind, static = torch.zeros(2, 6, 100, 96), torch.randn(2, 6, 3), torch.randn(2, 5, 100, 96)
    >>> network(fire, wind, static, torch.ones(2, 6)).shape
    torch.Size([2, 1, 100, 96])
"""

import math
from typing import Literal

import torch
from segmentation_models_pytorch.decoders.segformer.decoder import SegformerDecoder
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
from torch import nn
from torch.nn.functional import avg_pool2d, interpolate, pad

from segmint.models.temporal import TemporalTransformer
from segmint.recipe import NetworkRecipe

Decoder = Literal["segformer", "unet"]


class Refinement(nn.Module):
    """Features brought to twice their resolution, added to finer ones.

    Args:
        coarse: Features of the coarse image.
        fine: Features of the fine image and of the answer.
    """

    def __init__(self, coarse: int, fine: int) -> None:
        super().__init__()
        self.reduction = nn.Conv2d(coarse, fine, 1, bias=False)
        self.blocks = nn.Sequential(_block(fine, fine), _block(fine, fine))

    def forward(self, features: torch.Tensor, finer: torch.Tensor) -> torch.Tensor:
        """Features ``[B, fine, 2H, 2W]`` of ``[B, coarse, H, W]`` and ``[B, fine, 2H, 2W]``."""
        doubled = interpolate(self.reduction(features), scale_factor=2.0, mode="bilinear", align_corners=False)
        result: torch.Tensor = self.blocks(doubled + finer)
        return result


class EmberFormer(nn.Module):
    """A fire's history to logits of its next frame.

    Height and width are continued at the bottom and the right by their last row and column to multiples of 8 and of
    the patch, and the answer is cut back.

    Args:
        wind_channels: Channels of the normalised weather.
        static_channels: Channels of the normalised landscape, one-hot ones included.
        steps: Longest history.
        d_model: Features per patch; even.
        nhead: Attention heads; a divisor of ``d_model``.
        num_layers: Layers of the temporal transformer.
        spatial_decoder: What brings the pyramid together.
        dropout: Share of the transformer's features that training leaves out.
        patch: Side of a patch in pixels.
        base_channels: Features at half resolution; half of them at full, twice and four times as many at a quarter
            and an eighth. Even.
    """

    def __init__(
        self,
        wind_channels: int,
        static_channels: int,
        steps: int,
        d_model: int = NetworkRecipe.d_model,
        nhead: int = NetworkRecipe.nhead,
        num_layers: int = NetworkRecipe.num_layers,
        spatial_decoder: Decoder = NetworkRecipe.spatial_decoder,
        dropout: float = NetworkRecipe.dropout,
        patch: int = 16,
        base_channels: int = 48,
    ) -> None:
        super().__init__()
        self.patch = patch
        self.temporal = TemporalTransformer(wind_channels, static_channels, steps, d_model, nhead, num_layers, dropout)
        full, half, quarter, eighth = (base_channels * factor // 2 for factor in (1, 2, 4, 8))
        self.pixels = _block(1 + static_channels, full)
        self.halves = nn.Sequential(_block(full, half, stride=2), _block(half, half))
        self.quarters = nn.Sequential(_block(half, quarter, stride=2), _block(quarter, quarter))
        self.eighths = nn.Sequential(_block(quarter, eighth, stride=2), _block(eighth, eighth))
        self.regions = _block(d_model, 2 * d_model, stride=2)
        self.decoder = _decoder(spatial_decoder, (1, quarter, eighth, d_model, 2 * d_model), quarter)
        self.refinements = nn.ModuleList((Refinement(quarter, half), Refinement(half, full)))
        self.head = nn.Conv2d(full, 1, 1)
        self.last_frame = nn.Parameter(torch.tensor(4.0))

    def forward(
        self, fire: torch.Tensor, wind: torch.Tensor, static: torch.Tensor, valid_t: torch.Tensor
    ) -> torch.Tensor:
        """Logits ``[B, 1, H, W]`` of the frame that follows the last one.

        Args:
            fire: Frames of 0 and 1, ``[B, T, H, W]``, oldest first, T up to ``steps``.
            wind: Normalised weather of each frame's step, ``[B, T, wind_channels]``.
            static: Normalised landscape, ``[B, static_channels, H, W]``.
            valid_t: 1 for a real step and 0 for padding, ``[B, T]``; padding stands on the left, and the last step is
                real. What padded steps hold, not-a-number included, is never used.

        Raises:
            ModelError: More steps than the network was built for.
        """
        height, width = fire.shape[2:]
        fire, static = self._continued(fire), self._continued(static)
        patches = self.temporal(avg_pool2d(fire, self.patch), wind, avg_pool2d(static, self.patch), valid_t)
        last = fire[:, -1:]
        pixels = self.pixels(torch.cat((last, static), dim=1))
        halves = self.halves(pixels)
        quarters = self.quarters(halves)
        features = self.decoder([last, quarters, self.eighths(quarters), patches, self.regions(patches)])
        for refinement, finer in zip(self.refinements, (halves, pixels), strict=True):
            features = refinement(features, finer)
        logits: torch.Tensor = self.head(features) + self.last_frame * (2 * last - 1)
        return logits[:, :, :height, :width]

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Every parameter once: ``temporal``, the transformer and its embedding, and ``spatial``, all else."""
        temporal = list(self.temporal.parameters())
        spatial = [parameter for name, parameter in self.named_parameters() if not name.startswith("temporal.")]
        return {"temporal": temporal, "spatial": spatial}

    def _continued(self, image: torch.Tensor) -> torch.Tensor:
        multiple = math.lcm(8, self.patch)
        height, width = image.shape[2:]
        return pad(image, (0, -width % multiple, 0, -height % multiple), mode="replicate")


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """A 3x3 convolution, without a bias because the batch normalisation behind it has one."""
    convolution = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def _decoder(name: Decoder, levels: tuple[int, ...], features: int) -> nn.Module:
    """A decoder of smp from an image (of which it takes the size alone) and four levels to the first level's size."""
    decoder: nn.Module
    match name:
        case "segformer":
            decoder = SegformerDecoder(list(levels), encoder_depth=4, segmentation_channels=features)
        case "unet":
            decoder = UnetDecoder(levels, decoder_channels=(2 * features, features, features), n_blocks=3)
    return decoder
