"""``best_model.pt2``: the program of ``torch.export``, the successor of TorchScript.

Example:
    >>> exported = program.capture(model, contract)
    >>> program.write(model, contract, Path("meta/best_model.pt2"))
"""

from pathlib import Path

import torch

from segmint.contract import ModelContract
from segmint.export.runtime import Predict, torch_predict
from segmint.export.torchscript import example_input
from segmint.models.deployed import DeployedModel

FILE = "best_model.pt2"
RUNTIME = "torch.export.load"


def capture(model: DeployedModel, contract: ModelContract) -> torch.export.ExportedProgram:
    """The graph with a dynamic batch and the contract's height and width."""
    batch = {0: torch.export.Dim("batch", min=1)}
    return torch.export.export(model, (example_input(contract),), dynamic_shapes=(batch,))


def write(model: DeployedModel, contract: ModelContract, path: Path) -> None:
    """Capture and save; the contract travels inside as ``contract.json``."""
    torch.export.save(capture(model, contract), str(path), extra_files={"contract.json": contract.model_dump_json()})


def reopen(path: Path, contract: ModelContract) -> Predict:
    """Load with ``torch.export.load``."""
    return torch_predict(torch.export.load(str(path)).module())
