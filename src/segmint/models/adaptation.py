"""Encoders that learned from red, green and blue, given to any bands by name.

The filters of red, green and blue go to the bands of these names, wherever they stand; every other band gets the mean
of the three. The whole kernel is then multiplied by 3 / number of bands: a filter adds up its answers over the bands,
which are normalised to the same spread and correlated, so that the sum would grow with their number, away from the
statistics that the batch normalisation behind the layer learned. Red, green and blue in any other order are thus an
exact permutation. smp itself repeats the filters by position, which hands the blue band of a blue-green-red image the
filter of red.

Names are the common names of STAC (``red``, ``green``, ``blue``, ``nir``, ``nir08``, ``swir16``, ...).

Example:
    >>> by_name(torch.rand(64, 3, 7, 7), ("blue", "green", "red", "nir")).shape
    torch.Size([64, 4, 7, 7])
"""

import torch
from torch import nn

from segmint.errors import ModelError

RGB = ("red", "green", "blue")
"""The bands that ImageNet weights were learned from, in their order."""


def by_name(filters: torch.Tensor, bands: tuple[str, ...]) -> torch.Tensor:
    """Filters ``[O, len(bands), h, w]`` of filters ``[O, 3, h, w]`` that were learned from :data:`RGB`."""
    colours = dict(zip(RGB, filters.unbind(dim=1), strict=True))
    mean = filters.mean(dim=1)
    return torch.stack([colours.get(band, mean) for band in bands], dim=1) * (len(RGB) / len(bands))


def first_layers(encoder: nn.Module) -> list[str]:
    """Names of the convolutions that read the image: those with three input channels.

    It is one in every encoder of smp but mobileone, which reads the image by two parallel convolutions.

    Args:
        encoder: Encoder built for three bands.

    Raises:
        ModelError: It has none.
    """
    names = [
        name
        for name, module in encoder.named_modules()
        if isinstance(module, nn.Conv2d) and module.in_channels == len(RGB) and module.groups == 1
    ]
    if not names:
        raise ModelError(
            f"{type(encoder).__name__} has no convolution of three bands",
            "one, whose filters can be given to other bands",
            "Set network.weights to null, or choose another network.encoder",
        )
    return names


def adapt(learned: nn.Module, encoder: nn.Module, bands: tuple[str, ...]) -> None:
    """Put the weights of one encoder into another, the layers that read the image adapted by name.

    Args:
        learned: Encoder of :data:`RGB`, whose weights are taken.
        encoder: The same encoder, built for ``len(bands)`` bands; changed in place.
        bands: Names of its bands in order.

    Raises:
        ModelError: The encoder has no layer that could be adapted.
    """
    weights = learned.state_dict()
    for layer in first_layers(learned):
        weights[f"{layer}.weight"] = by_name(weights[f"{layer}.weight"], bands)
    encoder.load_state_dict(weights)
