"""What a run takes: memory of a process of its own, and the machine and program it ran on."""

from __future__ import annotations

import functools
import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("wis-sparsify", "torch", "torch-geometric", "numpy", "scipy")


is_own_process = False
"""Whether this process does one job and ends, see `wis.experiments.own_process`."""


class PeakMemory:
    """Context manager: `bytes` is the largest memory within its block.

    On a GPU that is what is allocated there. On a CPU it is the resident memory of a process of its
    own, and None in any other: that would be the memory of whatever it did before.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self.bytes: int | None = None

    def __enter__(self) -> PeakMemory:
        import torch

        from wis.training.memory import forget_peak

        on_gpu = self.device.startswith("cuda") and torch.cuda.is_available()
        self.place = torch.device(self.device) if on_gpu else torch.device("cpu")
        self.is_known = on_gpu or is_own_process
        if self.is_known:
            forget_peak(self.place)  # where that cannot be, the whole job counts
        return self

    def __exit__(self, *_: object) -> None:
        from wis.training.memory import peak_bytes

        if self.is_known:
            self.bytes = peak_bytes(self.place)


@functools.cache
def environment() -> dict[str, Any]:
    """Versions, git revision and machine of this process."""
    return {
        "versions": {"python": platform.python_version(), **_versions()},
        "git_revision": git_revision(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "num_cpus": os.cpu_count(),
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@functools.cache
def git_revision() -> str | None:
    """Commit of the source tree that wis runs from, with ``+`` if it was changed; None without."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return commit + ("+" if _git(root, "status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    found = re.search(r"model name\s*:\s*(.+)", text)
    return found.group(1).strip() if found else platform.processor()
