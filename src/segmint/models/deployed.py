"""The modules that every exported format is: raw values in, probabilities out.

Example:
    >>> model = DeployedModel.from_contract(contract)
    >>> model(torch.full((2, 3, 256, 256), 128.0)).shape
    torch.Size([2, 1, 256, 256])
"""

from copy import deepcopy
from typing import Self

import torch
from torch import nn

from segmint.contract import ModelContract
from segmint.models.factory import build
from segmint.models.history import PackedEmberFormer, history_channels
from segmint.models.normalisation import Normalisation

_WHOLE = 1e-3
"""How far from a whole number fp32 leaves one that was divided by 255 and multiplied again, and much more."""


class _Deployed(nn.Module):
    """A trained network with its activation behind.

    Logits are divided by the temperature (Guo et al. 2017, arXiv 1706.04599).
    """

    def __init__(self, network: nn.Module, contract: ModelContract) -> None:
        super().__init__()
        self.network = network
        self.activation = contract.output.activation
        self.register_buffer("temperature", torch.tensor(contract.output.temperature, dtype=torch.float32))
        self.temperature: torch.Tensor

    def _probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        logits = logits / self.temperature
        return torch.sigmoid(logits) if self.activation == "sigmoid" else torch.softmax(logits, dim=1)


class DeployedModel(_Deployed):
    """A trained network with its normalisation in front and its activation behind.

    Args:
        network: Channels ``[B, C, H, W]`` to logits ``[B, K, H, W]``.
        contract: Gives normalisation, temperature and activation.
    """

    def __init__(self, network: nn.Module, contract: ModelContract) -> None:
        super().__init__(network, contract)
        self.normalisation = Normalisation(contract.input)

    @classmethod
    def from_contract(cls, contract: ModelContract) -> Self:
        """The untrained module of a contract, ready for ``load_state_dict`` of ``best_model.pth``."""
        described, channels = contract.network, contract.output.channels
        bands, encoder, options = contract.input.channels, described.encoder or "", described.options
        network, _ = build(described.architecture, encoder, None, bands, channels, options)
        return cls(network, contract)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Probabilities ``[B, K, H, W]`` in 0..1 of raw values ``[B, C, H, W]`` (stored units)."""
        return self._probabilities(self.network(self.normalisation(image)))


class DeployedSeries(_Deployed):
    """A trained spread network that takes a fire's history as tensors of their own, of any length.

    Args:
        network: The network inside a :class:`~segmint.models.history.PackedEmberFormer`.
        contract: Has the inputs ``fire``, ``wind``, ``static`` and ``valid_t``.
    """

    def __init__(self, network: nn.Module, contract: ModelContract) -> None:
        super().__init__(network, contract)
        _, wind, static, _ = contract.inputs
        self.wind, self.static = Normalisation(wind), Normalisation(static)

    @classmethod
    def from_contract(cls, contract: ModelContract) -> Self:
        """The untrained module of a contract, ready for ``load_state_dict`` of ``best_model.pth``."""
        fire, _, static, _ = contract.inputs
        channels = (*history_channels(fire.steps or 1), *static.channels)
        packed = PackedEmberFormer(channels, **contract.network.options)
        return cls(packed.series, contract)

    def forward(
        self, fire: torch.Tensor, wind: torch.Tensor, static: torch.Tensor, valid_t: torch.Tensor
    ) -> torch.Tensor:
        """Probabilities ``[B, 1, H, W]`` of the next frame.

        Args:
            fire: 1 burned, anything else not, ``[B, T, H, W]``, oldest first.
            wind: Speed, and sine and cosine of the direction, ``[B, T, 3]``.
            static: The landscape as stored, ``[B, S, H, W]``.
            valid_t: 1 for a real step and 0 for padding, ``[B, T]``; padding stands on the left.
        """
        burned = (fire == 1).to(fire.dtype)
        return self._probabilities(self.network(burned, self.wind(wind), self.static(static), valid_t))


class DeployedHalf(DeployedModel):
    """A deployed model whose network computes in half precision; normalisation and activation stay in fp32.

    Args:
        model: The model; it is left as it is.
        contract: Its contract.
    """

    def __init__(self, model: DeployedModel, contract: ModelContract) -> None:
        super().__init__(deepcopy(model.network).half(), contract)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Probabilities ``[B, K, H, W]`` in fp32 of raw values ``[B, C, H, W]``."""
        return self._probabilities(self.network(self.normalisation(image).half()).float())


class DeployedUnit(nn.Module):
    """A deployed model for tools that divide every pixel by 255 and take the class of the largest channel.

    Whole values are made whole again, so that the value of nodata is found; what a tool has resampled stays. Where the
    model has one sigmoid, its odds are divided by those of the threshold: ``p (1 - t) / (p (1 - t) + (1 - p) t)`` is
    0.5 where p is t, so that the largest of the two channels is the foreground from the threshold on.

    Args:
        model: Stored values ``[B, 3, H, W]`` to probabilities.
        contract: That of ``model``.
    """

    def __init__(self, model: nn.Module, contract: ModelContract) -> None:
        super().__init__()
        self.model = model
        self.activation, self.threshold = contract.output.activation, contract.output.threshold

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Probabilities ``[B, K, H, W]``, a channel per class, of stored values / 255 ``[B, 3, H, W]``."""
        stored = image * 255
        whole = torch.round(stored)
        probability: torch.Tensor = self.model(torch.where((stored - whole).abs() < _WHOLE, whole, stored))
        if self.activation == "softmax":
            return probability
        present, absent = probability * (1 - self.threshold), (1 - probability) * self.threshold
        foreground = present / (present + absent)
        return torch.cat([1 - foreground, foreground], dim=1)


def rebuilt(contract: ModelContract) -> DeployedModel | DeployedSeries:
    """The untrained module of a contract, whichever form it describes."""
    return (DeployedModel if len(contract.inputs) == 1 else DeployedSeries).from_contract(contract)
