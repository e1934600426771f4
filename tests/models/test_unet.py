import pytest
import torch
from torch import nn

from segmint.models.unet import LARGE, SMALL, UNet


@pytest.mark.parametrize(
    ("bands", "channels", "widths", "parameters"), [(8, 2, SMALL, 118_098), (3, 1, LARGE, 31_037_633)]
)
def test_the_documented_sizes_have_the_documented_number_of_parameters(bands, channels, widths, parameters):
    assert sum(p.numel() for p in UNet(bands, channels, widths).parameters()) == parameters


@pytest.mark.parametrize(("widths", "size"), [(SMALL, (12, 20)), ((4, 8, 12, 16, 20), (32, 16)), ((4,), (5, 7))])
def test_logits_have_the_size_of_the_image(widths, size):
    assert UNet(5, 3, widths).eval()(torch.zeros(2, 5, *size)).shape == (2, 3, *size)


def test_the_finest_skip_reaches_the_answer_without_the_way_through_the_depth():
    network = UNet(1, 1, SMALL).eval()
    for layer in network.enlarging:
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    image = torch.rand(1, 1, 16, 16)
    other = image.clone()
    other[..., 8, 8] += 10
    changed = (network(image) != network(other)).any(dim=1)[0].nonzero()
    # four 3x3 convolutions stand between the image and the answer at full resolution
    assert len(changed) > 0
    assert (changed - 8).abs().max() <= 4


def test_every_parameter_takes_part():
    network = UNet(2, 2, SMALL)
    network(torch.rand(2, 2, 16, 16)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())
