"""``best_model.pt2``: the program of ``torch.export``, the successor of TorchScript.

Example:
    >>> exported = program.capture(model, contract)
    >>> program.write(model, contract, Path("meta/best_model.pt2"))
"""

from pathlib import Path

import torch
from torch import nn

from segmint.contract import ModelContract
from segmint.export.runtime import Predict, example_inputs, torch_predict

FILE = "best_model.pt2"
RUNTIME = "torch.export.load"


def capture(model: nn.Module, contract: ModelContract) -> torch.export.ExportedProgram:
    """The graph with a dynamic batch, a dynamic number of steps, and the contract's height and width."""
    steps = max((item.steps or 1 for item in contract.inputs), default=1)
    free = {"batch": torch.export.Dim("batch", min=1), "time": torch.export.Dim("time", min=1, max=max(steps, 2))}
    axes = tuple({axis: free[name] for axis, name in contract.free_axes(item).items()} for item in contract.inputs)
    return torch.export.export(model, example_inputs(contract), dynamic_shapes=axes)


def write(model: nn.Module, contract: ModelContract, path: Path) -> None:
    """Capture and save; the contract travels inside as ``contract.json``."""
    torch.export.save(capture(model, contract), str(path), extra_files={"contract.json": contract.model_dump_json()})


def load(path: Path, contract: ModelContract) -> nn.Module:
    """Load with ``torch.export.load``."""
    return torch.export.load(str(path)).module()


def reopen(path: Path, contract: ModelContract) -> Predict:
    """Load on the CPU."""
    return torch_predict(load(path, contract))
