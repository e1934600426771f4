"""``best_model.pt``: TorchScript by tracing, for C++, ArcGIS and everything that has torch and not our code.

TorchScript is deprecated in torch; ``.pt2`` is its successor. It stays because ArcGIS Pro's torch 2.0 reads it.

Example:
    >>> torchscript.write(Exportable(model, contract), Path("meta/best_model.pt"))
"""

import warnings
from pathlib import Path

import torch
from torch import nn

from segmint.contract import ModelContract
from segmint.export.runtime import Exportable, Predict, example_inputs, torch_predict

FILE = "best_model.pt"
RUNTIME = "torch.jit.load"


def write(exportable: Exportable, path: Path) -> None:
    """Trace the module; the contract travels inside as ``contract.json``."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # torch says on every call that TorchScript is deprecated
        example = example_inputs(exportable.contract)
        traced = torch.jit.trace(exportable.model, example, check_trace=False)  # type: ignore[no-untyped-call]
        torch.jit.save(traced, str(path), _extra_files={"contract.json": exportable.contract.model_dump_json()})


def load(path: Path, contract: ModelContract) -> nn.Module:
    """Load with ``torch.jit.load``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says on every call that TorchScript is deprecated
        model: nn.Module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    return model


def reopen(path: Path, contract: ModelContract) -> Predict:
    """Load on the CPU."""
    return torch_predict(load(path, contract))
