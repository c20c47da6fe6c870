"""Peak memory: of torch's allocator on a GPU, else the resident memory of the process.

Linux can reset the peak of a process. Even then it includes memory that the allocator kept from
earlier work. To measure a piece of work alone, run it in a process of its own
(`wis.experiments.own_process`).
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import torch


def forget_peak(device: torch.device) -> bool:
    """Reset the peak; returns whether the system allows that."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return True
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def peak_bytes(device: torch.device) -> int | None:
    """The peak since `forget_peak`, or since the process began; None if unknown."""
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
