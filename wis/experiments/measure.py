"""What a run takes: memory of this process alone, and the machine and program it ran on."""

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


class PeakMemory:
    """Context manager: `bytes` is the largest memory within its block.

    On a GPU that is allocated there, else the resident memory of the process. None where the
    system cannot start the measurement anew (it can on Linux), or has no such GPU.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self.bytes: int | None = None

    def __enter__(self) -> PeakMemory:
        import torch

        self.on_gpu = self.device.startswith("cuda") and torch.cuda.is_available()
        if self.on_gpu:
            torch.cuda.reset_peak_memory_stats(self.device)
        self.is_reset = not self.on_gpu and _write("/proc/self/clear_refs", "5")
        return self

    def __exit__(self, *_: object) -> None:
        import torch

        if self.on_gpu:
            self.bytes = int(torch.cuda.max_memory_allocated(self.device))
        elif self.is_reset:
            found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
            self.bytes = int(found.group(1)) * 1024 if found else None


def _write(path: str, text: str) -> bool:
    try:
        Path(path).write_text(text)
    except OSError:
        return False
    return True


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
