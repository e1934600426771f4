"""The transposed 2x2 convolution of stride 2, which doubles height and width, trained as the matrix product it is.

Its windows do not overlap: every pixel of the input gives four of the answer by itself, each a product with one of four
matrices. On a processor, where the channels of a pixel lie side by side, oneDNN computes the gradients of the general
operation up to three times slower than those of that product (``benchmarks/transposed.py``). In prediction and in what
is exported it stays the operation that every runtime knows by name.

Example:
    >>> TransposedConvolution(16, 8)(torch.zeros(2, 16, 32, 32)).shape
    torch.Size([2, 8, 64, 64])
"""

import torch
from torch import nn
from torch.nn.functional import linear


class TransposedConvolution(nn.ConvTranspose2d):
    """``[B, inputs, H, W]`` to ``[B, outputs, 2 H, 2 W]``, with the parameters of ``nn.ConvTranspose2d``.

    Args:
        inputs: Channels that come in.
        outputs: Channels that go out.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, kernel_size=2, stride=2)

    def forward(self, features: torch.Tensor, output_size: list[int] | None = None) -> torch.Tensor:
        """The features at twice the resolution, in their own memory layout; ``output_size`` can only say the same."""
        trained_here = self.training and features.device.type == "cpu"
        if not (trained_here and features.is_contiguous(memory_format=torch.channels_last)):
            return super().forward(features, output_size)
        assert self.bias is not None
        batch, inputs, height, width = features.shape
        matrices = self.weight.permute(2, 3, 1, 0).reshape(-1, inputs)  # rows, columns and channels of the answer
        quarters = linear(features.permute(0, 2, 3, 1), matrices, self.bias.repeat(4))
        placed = quarters.reshape(batch, height, width, 2, 2, -1).transpose(2, 3)
        return placed.reshape(batch, 2 * height, 2 * width, -1).permute(0, 3, 1, 2)
