"""What a run was trained on: processor, memory, GPUs, versions. Goes into run parameters and the contract.

Example:
    >>> information()["torch"]
    '2.15.0+cu128'
"""

import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import psutil
import torch

_GIB = 1024**3


def information() -> dict[str, str]:
    """Facts by name; memory in GiB at the time of the call."""
    memory = psutil.virtual_memory()
    facts = {
        "platform": platform.platform(),
        "processor": platform.machine(),
        "cpu_model": _cpu_model(),
        "cpu_count": str(os.cpu_count()),
        "memory_total_gib": f"{memory.total / _GIB:.1f}",
        "memory_available_gib": f"{memory.available / _GIB:.1f}",
        "python": platform.python_version(),
        "python_environment": _environment(),
        "torch": torch.__version__,
        "torchvision": version("torchvision"),
        "pytorch_lightning": version("pytorch-lightning"),
        "mlflow": version("mlflow"),
        "cuda": torch.version.cuda if torch.cuda.is_available() and torch.version.cuda else "not available",
        "gpu_count": str(torch.cuda.device_count()),
    }
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        facts |= {
            f"gpu_{index}_name": torch.cuda.get_device_name(index),
            f"gpu_{index}_memory_total_gib": f"{total / _GIB:.1f}",
            f"gpu_{index}_memory_free_gib": f"{free / _GIB:.1f}",
            f"gpu_{index}_memory_used_gib": f"{(total - free) / _GIB:.1f}",
        }
    return facts


def _cpu_model() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _environment() -> str:
    """Kind and name of the Python environment; never its path, which would travel with the model."""
    if os.environ.get("CONDA_DEFAULT_ENV"):
        return f"conda {Path(os.environ['CONDA_DEFAULT_ENV']).name}"
    return f"venv {Path(sys.prefix).name}" if sys.prefix != sys.base_prefix else "system"
