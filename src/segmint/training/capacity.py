"""How many tiles of a batch fit into memory, and what it means when they do not.

What a step keeps for its backward pass is counted tensor by tensor, on a few tiles, by hooks of autograd; the rest is
weights, their gradients and two moments of the optimiser. On a CPU nothing else would do: who takes too much there is
killed, without an error that could be caught.

Example:
    >>> largest_batch(task, tile, 640, hardware, memory_of(hardware)).reason
    'batch 64: 97 MiB a tile, of 11.7 GiB'
"""

import copy
from dataclasses import dataclass

import torch
from torch.autograd.graph import saved_tensors_hooks

from segmint.data.dataset import Batch
from segmint.processor import memory_limit
from segmint.training.hardware import Hardware
from segmint.training.task import SegmentationTask

_SHARES = {"cuda": 0.8, "mps": 0.6, "cpu": 0.5}
"""Share of the memory that a step may take; on a CPU others need some of it."""

_TRANSIENT = 1.5
"""What a step takes at its peak, in terms of what it keeps: gradients and workspaces of a layer come on top."""

_FEW = 2, 4
"""Tiles that are counted; batch normalisation refuses a single one."""

_GIB, _MIB = 2**30, 2**20


@dataclass(frozen=True)
class Capacity:
    """A batch that fits.

    Attributes:
        batch: Tiles.
        reason: Why so many, for the person.
    """

    batch: int
    reason: str


def memory_of(hardware: Hardware) -> int:
    """Bytes that a step may take: a share of all that there is, so that the same machine always says the same."""
    match hardware.accelerator:
        case "cuda":
            total = torch.cuda.get_device_properties(hardware.gpu or 0).total_memory
        case "mps":
            total = torch.mps.recommended_max_memory()
        case "cpu":
            total = memory_limit()
    return int(total * _SHARES[hardware.accelerator])


def largest_batch(task: SegmentationTask, tile: Batch, tiles: int, hardware: Hardware, memory: int) -> Capacity:
    """The largest power of two of tiles whose step fits, and no more than there are.

    Args:
        task: What is trained; it is left as it is.
        tile: Any tile of the training split.
        tiles: How many that split has.
        hardware: Precision of the step.
        memory: Bytes that it may take.
    """
    few, more = (_kept(task, tile, count, hardware) for count in _FEW)
    each = _TRANSIENT * (more - few) / (_FEW[1] - _FEW[0])
    weights = 4 * sum(parameter.nbytes for parameter in task.network.parameters())
    fitting = max(int((memory - weights) / max(each, 1)), 1)
    size = 2 ** (min(fitting, max(tiles, 1)).bit_length() - 1)
    return Capacity(size, f"batch {size}: {each / _MIB:.0f} MiB a tile, of {memory / _GIB:.1f} GiB")


def _kept(task: SegmentationTask, tile: Batch, count: int, hardware: Hardware) -> int:
    """Bytes that a step of ``count`` tiles keeps for its backward pass, weights aside."""
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    image, target = (tile[name].expand(count, *tile[name].shape).clone() for name in ("image", "target"))
    network = copy.deepcopy(task.network).train()
    half = torch.autocast("cpu", torch.bfloat16, enabled=hardware.precision != "32-true")
    with torch.random.fork_rng(devices=[]), saved_tensors_hooks(note, lambda tensor: tensor), half:
        loss = task.loss(network(image.contiguous(memory_format=task.memory_format)), target)
        weights = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    assert loss.requires_grad  # what is kept has lived until here
    return sum(size for place, size in kept.items() if place not in weights)


def is_overflow(error: BaseException) -> bool:
    """Whether an error means that memory is used up, on a GPU or on the CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "allocate memory" in str(error)
