"""Chooses accelerator, precision, layout, threads and workers, and says why.

Example:
    >>> choose(Recipe()).reason
    'cpu, 2 threads; fp32: this CPU has no AMX; channels_last; data loaded in the training process: ...'
"""

from dataclasses import dataclass
from typing import Literal

import torch

from segmint.errors import RecipeError
from segmint.processor import cores, has_amx
from segmint.recipe import Recipe, TrainingRecipe

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]

_CONTIGUOUS = ("unet_classic", "unetplusplus", "upernet")
"""Architectures that channels_last slows down by a fifth in fp32 on a processor (``benchmarks/precision.py``)."""


@dataclass(frozen=True)
class Hardware:
    """What a run trains on.

    Attributes:
        accelerator: Lightning's name: cuda, mps or cpu.
        precision: Lightning's name.
        channels_last: Memory layout of network and images.
        threads: CPU threads of torch.
        workers: Data loader processes.
        reason: The choice in words.
        gpu: The one to use, or None to let Lightning choose.
    """

    accelerator: Literal["cuda", "mps", "cpu"]
    precision: Precision
    channels_last: bool
    threads: int
    workers: int
    reason: str
    gpu: int | None = None


def choose(recipe: Recipe) -> Hardware:
    """Choose by what this machine really has; ``training.precision`` and ``training.workers`` override."""
    training, threads = recipe.training, cores()
    if torch.cuda.is_available():
        accelerator: Literal["cuda", "mps", "cpu"] = "cuda"
        precision, why = _cuda_precision()
        if training.gpu is not None and training.gpu >= torch.cuda.device_count():
            raise RecipeError(f"training.gpu {training.gpu}", f"0 to {torch.cuda.device_count() - 1}, the GPUs here")
        place = f"cuda, {torch.cuda.device_count()} x {torch.cuda.get_device_name(training.gpu or 0)}"
    elif torch.backends.mps.is_available():
        accelerator, precision, why, place = "mps", "32-true", "fp32: mixed precision is unproven on MPS", "mps"
    else:
        accelerator, place = "cpu", f"cpu, {threads} threads"
        precision, why = _cpu_precision()
    if training.precision != "auto":
        precision, why = training.precision, f"{training.precision}: the recipe asks for it"
    workers, loading = _workers(training, accelerator, threads)
    if training.gpu is not None and accelerator != "cuda":
        place = f"{place} (no GPU {training.gpu} here)"
    contiguous = (accelerator, precision) == ("cpu", "32-true") and recipe.network.architecture in _CONTIGUOUS
    layout = f"contiguous: {recipe.network.architecture} is faster so" if contiguous else "channels_last"
    reason = f"{place}; {why}; {layout}; {loading}"
    gpu = training.gpu if accelerator == "cuda" else None
    return Hardware(accelerator, precision, not contiguous, threads, workers, reason, gpu)


def _cpu_precision() -> tuple[Precision, str]:
    if has_amx():
        return "bf16-mixed", "bf16: this CPU has AMX"
    return "32-true", "fp32: this CPU has no AMX"


def _cuda_precision() -> tuple[Precision, str]:
    if torch.cuda.is_bf16_supported(including_emulation=False):
        return "bf16-mixed", "bf16: this GPU computes it"
    return "16-mixed", "fp16: this GPU has no bf16"


def _workers(recipe: TrainingRecipe, accelerator: str, threads: int) -> tuple[int, str]:
    if recipe.workers != "auto":
        return recipe.workers, f"{recipe.workers} data workers: the recipe asks for them"
    if accelerator == "cpu":
        return 0, "data loaded in the training process: the network needs every core"
    workers = max(0, min(threads - 1, 8))
    return workers, f"{workers} data workers: {threads} cores"
