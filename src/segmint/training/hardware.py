"""Chooses accelerator, precision, layout, threads and workers, and says why.

Example:
    >>> choose(TrainingRecipe()).reason
    'cpu, 2 threads; fp32: this CPU has no AMX; channels_last; data loaded in the training process: ...'
"""

from dataclasses import dataclass
from typing import Literal

import torch

from segmint.errors import RecipeError
from segmint.processor import cores, has_amx
from segmint.recipe import TrainingRecipe

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


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


def choose(recipe: TrainingRecipe) -> Hardware:
    """Choose by what this machine really has; ``training.precision`` and ``training.workers`` override."""
    threads = cores()
    if torch.cuda.is_available():
        accelerator: Literal["cuda", "mps", "cpu"] = "cuda"
        precision, why = _cuda_precision()
        if recipe.gpu is not None and recipe.gpu >= torch.cuda.device_count():
            raise RecipeError(f"training.gpu {recipe.gpu}", f"0 to {torch.cuda.device_count() - 1}, the GPUs here")
        place = f"cuda, {torch.cuda.device_count()} x {torch.cuda.get_device_name(recipe.gpu or 0)}"
    elif torch.backends.mps.is_available():
        accelerator, precision, why, place = "mps", "32-true", "fp32: mixed precision is unproven on MPS", "mps"
    else:
        accelerator, place = "cpu", f"cpu, {threads} threads"
        precision, why = _cpu_precision()
    if recipe.precision != "auto":
        precision, why = recipe.precision, f"{recipe.precision}: the recipe asks for it"
    workers, loading = _workers(recipe, accelerator, threads)
    if recipe.gpu is not None and accelerator != "cuda":
        place = f"{place} (no GPU {recipe.gpu} here)"
    reason = f"{place}; {why}; channels_last; {loading}"
    gpu = recipe.gpu if accelerator == "cuda" else None
    return Hardware(accelerator, precision, True, threads, workers, reason, gpu)


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
