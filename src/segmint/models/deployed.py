"""The module that every exported format is: raw values in, probabilities out.

Example:
    >>> model = DeployedModel.from_contract(contract)
    >>> model(torch.full((2, 3, 256, 256), 128.0)).shape
    torch.Size([2, 1, 256, 256])
"""

import torch
from torch import nn

from segmint.contract import ModelContract
from segmint.models.factory import build
from segmint.models.normalisation import Normalisation


class DeployedModel(nn.Module):
    """A trained network with its normalisation in front and its activation behind.

    Logits are divided by the temperature (Guo et al. 2017, arXiv 1706.04599).

    Args:
        network: Channels ``[B, C, H, W]`` to logits ``[B, K, H, W]``.
        contract: Gives normalisation, temperature and activation.
    """

    def __init__(self, network: nn.Module, contract: ModelContract) -> None:
        super().__init__()
        self.normalisation = Normalisation(contract.input)
        self.network = network
        self.activation = contract.output.activation
        self.register_buffer("temperature", torch.tensor(contract.output.temperature, dtype=torch.float32))
        self.temperature: torch.Tensor

    @classmethod
    def from_contract(cls, contract: ModelContract) -> "DeployedModel":
        """The untrained module of a contract, ready for ``load_state_dict`` of ``best_model.pth``."""
        network, _ = build(
            contract.network.architecture,
            contract.network.encoder or "",
            None,
            contract.input.channels,
            contract.output.channels,
        )
        return cls(network, contract)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Probabilities ``[B, K, H, W]`` in 0..1 of raw values ``[B, C, H, W]`` (stored units)."""
        logits = self.network(self.normalisation(image)) / self.temperature
        return torch.sigmoid(logits) if self.activation == "sigmoid" else torch.softmax(logits, dim=1)
