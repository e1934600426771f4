"""What this process may use: cores, memory, and a processor that multiplies bf16 in hardware.

Example:
    >>> cores() >= 1
    True
"""

import os
from pathlib import Path

import psutil


def cores() -> int:
    """CPU cores this process may use: its affinity, capped by the container's quota."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = Path("/sys/fs/cgroup/cpu.max")
    if quota.is_file():
        limit, period = quota.read_text(encoding="ascii").split()
        if limit != "max":
            available = min(available, max(1, int(limit) // int(period)))
    return available


def memory_limit() -> int:
    """Bytes of main memory that this process may use: what there is, capped by the container's limit."""
    total: int = psutil.virtual_memory().total
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text(encoding="ascii").strip() if limit.is_file() else "max"
    return total if text == "max" else min(total, int(text))


def has_amx() -> bool:
    """Whether the processor multiplies bf16 tiles in hardware (Linux only)."""
    flags = Path("/proc/cpuinfo")
    return flags.is_file() and "amx_bf16" in flags.read_text(encoding="utf-8", errors="replace")
