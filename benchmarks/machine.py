"""The machine that a figure was measured on, in words for a table.

Example:
    >>> describe()
    '2 cores of AMD EPYC (avx2), no GPU'
"""

import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "src"))

from segmint.processor import cores  # noqa: E402

EXTENSIONS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
"""What decides which arithmetic is fast, under the names that Linux gives it."""


def describe() -> str:
    """Cores, processor with its vector extensions, and GPU; what cannot be found out is left out."""
    import torch

    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8", errors="replace").splitlines() if facts.is_file() else []
    said = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = said.get("flags", "").split()
    known = ", ".join(name for name in EXTENSIONS if name in flags)
    processor = said.get("model name", "an unnamed processor") + (f" ({known})" if known else "")
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{cores()} cores of {processor}, {gpu}"
