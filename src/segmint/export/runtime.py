"""What a format is made of, what it is, and what it is once reopened: a function from raw values to probabilities.

Example:
    >>> onnx.write(Exportable(model, contract), Path("meta/best_model.onnx"))
    >>> predict = onnx.reopen(Path("meta/best_model.onnx"), contract)
    >>> predict(chips.astype(np.float32)).shape
    (8, 1, 256, 256)
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from segmint.contract import ModelContract

Predict = Callable[..., NDArray[np.float32]]
"""One array of raw values, float32 in stored units, per input of the contract to ``[N, K, H, W]`` in 0..1."""


class Runtime(Protocol):
    """What opens a model again."""

    RUNTIME: str

    def reopen(self, path: Path, contract: ModelContract) -> Predict:
        """Open what lies at the path as its users do."""


@dataclass(frozen=True)
class Exportable:
    """What every format of a model is made of.

    Attributes:
        model: The deployed module, in evaluation mode.
        contract: Its interface.
    """

    model: nn.Module
    contract: ModelContract

    @cached_property
    def program(self) -> torch.export.ExportedProgram:
        """Its graph, captured once: a dynamic batch, dynamic steps, and the contract's height and width."""
        inputs = self.contract.inputs
        steps = max((item.steps or 1 for item in inputs), default=1)
        free = {"batch": torch.export.Dim("batch", min=1), "time": torch.export.Dim("time", min=1, max=max(steps, 2))}
        axes = tuple({axis: free[name] for axis, name in self.contract.free_axes(item).items()} for item in inputs)
        return torch.export.export(self.model, example_inputs(self.contract), dynamic_shapes=axes)


class Format(Runtime, Protocol):
    """A file format: one module each."""

    FILE: str

    def write(self, exportable: Exportable, path: Path) -> None:
        """Write the deployed model."""


_EXAMPLE_SIZE = 2
"""Size of every free axis; an example of one would freeze it."""


def torch_predict(model: Callable[..., torch.Tensor]) -> Predict:
    """Wrap anything that takes and gives tensors."""

    def predict(*raw: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            return np.asarray(model(*(torch.from_numpy(array) for array in raw)).numpy())

    return predict


def example_inputs(contract: ModelContract) -> tuple[torch.Tensor, ...]:
    """Raw values within the value range of each input: a batch of two, two steps of time."""
    generator = torch.Generator().manual_seed(0)
    examples = []
    for item in contract.inputs:
        low, high = item.value_range
        shape = [_EXAMPLE_SIZE if size == -1 else size for size in contract.shape(item)]
        examples.append(torch.rand(shape, generator=generator) * (high - low) + low)
    return tuple(examples)
