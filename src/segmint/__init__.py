"""segmint mints segmentation models: chips and masks in, one proven model in every format out."""

import os
from pathlib import Path

__version__ = "0.1.0"

# Where the kernel has pages of 2 MiB, torch then keeps large tensors in them; it reads this once, at its first tensor.
# A step takes and returns the memory of its activations, and in pages of 4 KiB spends about a sixth of its time on that
if Path("/sys/kernel/mm/transparent_hugepage").is_dir():
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
