"""The module that every exported format is: raw pixel values in, probabilities out.

Example:
    >>> model = DeployedModel.from_contract(contract)
    >>> model(torch.full((2, 3, 256, 256), 128.0)).shape
    torch.Size([2, 1, 256, 256])
"""

import math

import torch
from torch import nn

from segmint.contract import ModelContract
from segmint.models.factory import build


class DeployedModel(nn.Module):
    """A trained network with its scaling in front and its activation behind.

    A pixel whose every band is the nodata value, and any value that is not finite, becomes the band mean, which is 0
    after normalisation, as in training. Logits are divided by the temperature (Guo et al. 2017, arXiv 1706.04599).

    Args:
        network: Normalised values ``[B, C, H, W]`` to logits ``[B, K, H, W]``.
        contract: Gives scale, mean, std, nodata, temperature and activation.
    """

    def __init__(self, network: nn.Module, contract: ModelContract) -> None:
        super().__init__()
        self.network = network
        self.activation = contract.output.activation
        bands = (1, len(contract.input.bands), 1, 1)
        self.register_buffer("scale", torch.tensor(contract.normalisation.scale, dtype=torch.float32))
        self.register_buffer("mean", torch.tensor(contract.normalisation.mean, dtype=torch.float32).reshape(bands))
        self.register_buffer("std", torch.tensor(contract.normalisation.std, dtype=torch.float32).reshape(bands))
        nodata = math.nan if contract.input.nodata is None else contract.input.nodata
        self.register_buffer("nodata", torch.tensor(nodata, dtype=torch.float32))
        self.register_buffer("temperature", torch.tensor(contract.output.temperature, dtype=torch.float32))
        self.scale: torch.Tensor
        self.mean: torch.Tensor
        self.std: torch.Tensor
        self.nodata: torch.Tensor
        self.temperature: torch.Tensor

    @classmethod
    def from_contract(cls, contract: ModelContract) -> "DeployedModel":
        """The untrained module of a contract, ready for ``load_state_dict`` of ``best_model.pth``."""
        network, _ = build(
            contract.network.architecture,
            contract.network.encoder or "",
            None,
            contract.band_names,
            contract.output.channels,
        )
        return cls(network, contract)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Probabilities ``[B, K, H, W]`` in 0..1 of raw values ``[B, C, H, W]`` (stored units)."""
        empty = (image == self.nodata).all(dim=1, keepdim=True) | ~torch.isfinite(image)
        normalised = (image / self.scale - self.mean) / self.std
        logits = self.network(torch.where(empty, torch.zeros_like(normalised), normalised)) / self.temperature
        return torch.sigmoid(logits) if self.activation == "sigmoid" else torch.softmax(logits, dim=1)
