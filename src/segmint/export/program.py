"""``best_model.pt2``: the program of ``torch.export``, the successor of TorchScript.

Example:
    >>> program.write(Exportable(model, contract), Path("meta/best_model.pt2"))
"""

from pathlib import Path

import torch
from torch import nn

from segmint.contract import ModelContract
from segmint.export.runtime import Exportable, Predict, torch_predict

FILE = "best_model.pt2"
RUNTIME = "torch.export.load"


def write(exportable: Exportable, path: Path) -> None:
    """Save the captured graph; the contract travels inside as ``contract.json``."""
    inside = {"contract.json": exportable.contract.model_dump_json()}
    torch.export.save(exportable.program, str(path), extra_files=inside)


def load(path: Path, contract: ModelContract) -> nn.Module:
    """Load with ``torch.export.load``."""
    return torch.export.load(str(path)).module()


def reopen(path: Path, contract: ModelContract) -> Predict:
    """Load on the CPU."""
    return torch_predict(load(path, contract))
