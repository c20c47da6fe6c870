"""The largest memory of some work: on a GPU by its allocator, else resident in the process.

A process resets the measurement where the system lets it, as Linux does. Even then it includes what
the allocator kept of earlier work. To measure the memory of a piece of work alone, run it in a
process of its own (`wis.experiments.own_process`).
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import torch


def forget_peak(device: torch.device) -> bool:
    """Reset the measurement; returns whether that was possible."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return True
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def peak_bytes(device: torch.device) -> int | None:
    """The largest memory since `forget_peak`, or since the process began; None if unknown."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        found = None
    if found is not None:
        return int(found.group(1)) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(largest) * (1 if sys.platform == "darwin" else 1024)
