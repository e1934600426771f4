"""A finished model that a training starts from: its weights, with the normalisation that they were learned with.

Example:
    >>> parent = Parent.open(Path("meta/best_model.pth"))
    >>> source, origin = parent.start(network, source, ("background", "building"))
    >>> origin.reason
    'weights and normalisation of refugee-camp (best_model.pth, sha256 3f2a91bc)'
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import nn

from segmint.contract import ModelContract
from segmint.errors import ModelError
from segmint.interface import Input
from segmint.models.factory import WeightsOrigin

_PREFIX = "network."


@dataclass(frozen=True)
class Parent:
    """A finished model.

    Attributes:
        path: Its ``best_model.pth``.
        contract: The ``contract.json`` beside it.
        weights: State of its network.
    """

    path: Path
    contract: ModelContract
    weights: dict[str, torch.Tensor]

    @classmethod
    def open(cls, path: Path) -> "Parent":
        """Read the weights of a model, without running code of the file, and its contract.

        Raises:
            ModelError: Not the ``best_model.pth`` of a model.
            ContractError: No contract lies beside it.
        """
        expected = "the best_model.pth of a finished model, with its contract.json beside it"
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except (RuntimeError, EOFError, OSError, ValueError, KeyError, UnpicklingError) as error:
            raise ModelError(f"network.weights: {path} cannot be opened ({type(error).__name__})", expected) from error
        named = state if isinstance(state, dict) else {}
        if "state_dict" in named:
            found, remedy = f"network.weights: {path} is a checkpoint", "--resume carries one of segmint on"
            raise ModelError(found, expected, f"{remedy}, python src/export.py --target {path} makes a best_model.pth")
        weights = {str(name).removeprefix(_PREFIX): value for name, value in named.items() if _PREFIX in str(name)}
        if not weights:
            raise ModelError(f"network.weights: {path} has no weights of a network", expected)
        return cls(path, ModelContract.read(path.with_name("contract.json")), weights)

    def start(self, network: nn.Module, source: Input, classes: tuple[str, ...]) -> tuple[Input, WeightsOrigin]:
        """Give its weights to a network of the same kind.

        Args:
            network: The network, which is changed.
            source: The raster that the training takes.
            classes: Names of its classes by value.

        Returns:
            The raster with the parent's normalisation, and where the weights came from.

        Raises:
            ModelError: Other bands, classes or data type than the parent's, or another network.
        """
        parent = self.contract
        pairs = {
            "bands": (parent.input.channels, source.channels),
            "classes": (parent.class_names, classes),
            "stored values": ((parent.input.source_dtype,), (source.source_dtype,)),
        }
        remedy = "Start from a model of the same bands, classes and network, or set network.weights=null"
        for what, (theirs, ours) in pairs.items():
            if theirs != ours:
                found = f"network.weights: {what} of {self.path} are {', '.join(theirs)}"
                raise ModelError(found, ", ".join(ours), remedy)
        try:
            network.load_state_dict(self.weights)
        except RuntimeError as error:
            first = str(error).splitlines()[-1].strip()
            found = f"network.weights: {self.path} is a {parent.network.title}, whose weights do not fit ({first})"
            raise ModelError(found, remedy=remedy) from error
        with self.path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()[:8]
        name = f"{parent.name} ({self.path.name}, sha256 {digest})"
        normalisation = parent.normalisation.model_copy(update={"source": "parent model"})
        origin = WeightsOrigin(name, f"weights and normalisation of {name}")
        return source.model_copy(update={"normalisation": normalisation}), origin
