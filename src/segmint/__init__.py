"""segmint mints segmentation models: chips and masks in, one proven model in every format out."""

import os

__version__ = "0.1.0"

# On Linux torch then keeps large tensors in pages of 2 MiB; it reads this once, at its first tensor. A step takes and
# returns the memory of its activations, and in pages of 4 KiB it spends up to a sixth of its time doing so
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
