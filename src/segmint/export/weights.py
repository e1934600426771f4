"""``best_model.pth``: a plain state dict of the deployed model; no pickle runs when it is loaded.

Example:
    >>> weights.write(Exportable(model, contract), Path("meta/best_model.pth"))
    >>> predict = weights.reopen(Path("meta/best_model.pth"), contract)
"""

from pathlib import Path

import torch
from torch import nn

from segmint.contract import ModelContract
from segmint.export.runtime import Exportable, Predict, torch_predict
from segmint.models.deployed import rebuilt

FILE = "best_model.pth"
RUNTIME = "torch.load(weights_only=True)"


def write(exportable: Exportable, path: Path) -> None:
    """Save network and scaling buffers."""
    torch.save(exportable.model.state_dict(), path)


def load(path: Path, contract: ModelContract) -> nn.Module:
    """Build the module that the contract describes and load the file into it."""
    model = rebuilt(contract)
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return model.eval()


def reopen(path: Path, contract: ModelContract) -> Predict:
    """Load on the CPU."""
    return torch_predict(load(path, contract))
