"""What the gradients of a transposed 2x2 convolution cost: torch's own operation beside the matrix product of `train`.

    python benchmarks/transposed.py
    python benchmarks/transposed.py --batch 8 --rounds 5

The three of the documents' network and the four of the paper's U-Net, forward and backward, in channels_last and in the
precision that `train` takes here; both sides take turns. Where `train` takes contiguous memory, it takes torch's.
"""

import argparse
import contextlib
import statistics
import time

import torch
from machine import describe
from torch import nn

from segmint.models.transposed import TransposedConvolution
from segmint.processor import cores, has_amx

SHAPES = {
    "classic": ((512, 256, 32), (256, 128, 64), (128, 64, 128)),
    "unet_classic": ((1024, 512, 16), (512, 256, 32), (256, 128, 64), (128, 64, 128)),
}
"""Channels in, channels out, edge in pixels of the input, for tiles of 256 px."""


def seconds(layer: nn.Module, features: torch.Tensor) -> float:
    """Of one pass there and back."""
    half = torch.autocast("cpu", torch.bfloat16) if has_amx() else contextlib.nullcontext()
    own = features.detach().requires_grad_()
    started = time.perf_counter()
    with half:
        answer = layer(own)
    answer.backward(torch.ones_like(answer))
    return time.perf_counter() - started


def main() -> None:
    """Print a line for every layer, and the median of their ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--batch", type=int, default=16, help="tiles (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="passes of each side (%(default)s)")
    given = parser.parse_args()
    torch.set_num_threads(cores())
    dtype = torch.bfloat16 if has_amx() else torch.float32
    print(f"on {describe()}; {dtype}, channels last, batch {given.batch}")
    print("| layer | torch, ms | ours, ms | ratio |\n|---|--:|--:|--:|")
    ratios = []
    for name, shapes in SHAPES.items():
        for inputs, outputs, edge in shapes:
            features = torch.randn(given.batch, inputs, edge, edge).to(dtype, memory_format=torch.channels_last)
            sides = nn.ConvTranspose2d(inputs, outputs, 2, stride=2), TransposedConvolution(inputs, outputs)
            layers = [side.train().to(memory_format=torch.channels_last) for side in sides]
            took = [[seconds(layer, features) for layer in layers] for _ in range(given.rounds + 1)][1:]
            own = [theirs / ours for theirs, ours in took]
            theirs, ours = (1000 * statistics.median(side) for side in zip(*took, strict=True))
            ratios.append(statistics.median(own))
            print(f"| {name}, {inputs} to {outputs} at {edge} px | {theirs:.0f} | {ours:.0f} | {ratios[-1]:.2f} |")
    print(f"ratio {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
