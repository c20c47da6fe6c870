"""`RunRecord`: the result of a training run; the memory that it took, and where it was made."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import torch

from wis.base.version import VERSION
from wis.training.config import TrainConfig

PARTS = ("test", "val", "train")
PACKAGES = ("torch", "torch-geometric", "numpy", "scipy")


@dataclass(frozen=True)
class Curve:
    """One number for each epoch.

    Attributes:
        loss: Cross-entropy on the training vertices before the step of the epoch.
        val_accuracy: Validation accuracy after the step; the AUC if links are predicted.
        test_accuracy: The same for the test.
    """

    loss: tuple[float, ...]
    val_accuracy: tuple[float, ...]
    test_accuracy: tuple[float, ...]


@dataclass(frozen=True)
class RunRecord:
    """Result of a training run, with everything needed to repeat it except the data.

    Attributes:
        config: The configuration, with the seed.
        test_score: Test score at the best epoch, in [0, 1]: the accuracy, or what `metric` names.
        val_score: The highest validation score.
        train_score: Training score at the best epoch.
        best_epoch: First epoch with the highest validation score, counted from 1.
        num_epochs: Number of epochs.
        stopped_by: ``"patience"`` or ``"max_epochs"``.
        last_loss: Cross-entropy on the training vertices before the last step.
        seconds: Wall time of the epochs.
        num_edges: Undirected edges of the graph.
        fingerprint: `wis.UndirectedGraph.fingerprint` of the graph.
        engine: ``"sparse"`` (products with sparse matrices), ``"modules"`` (a module of another
            author) or ``"mini-batch"``.
        peak_memory_bytes: Peak of the allocated memory on a GPU; on a CPU the peak of the resident
            memory of the whole process (see `wis.training.record`). None if unknown.
        versions: Versions of wis, torch, torch-geometric and Python.
        curve: Loss and accuracies of all epochs, if `config.keep_curve`.
        split: Index of the split; None if the graph has one split.
        metric: ``"accuracy"``; ``"auc"``, the area under the ROC curve, if links are predicted.
        metrics: Further test metrics at the best epoch: those of `wis.training.problem`.
    """

    config: TrainConfig
    test_score: float
    val_score: float
    train_score: float
    best_epoch: int
    num_epochs: int
    stopped_by: Literal["patience", "max_epochs"]
    last_loss: float
    seconds: float
    num_edges: int
    fingerprint: str
    engine: str
    peak_memory_bytes: int | None
    versions: Mapping[str, str] = field(
        default_factory=lambda: {
            "wis": VERSION,
            "torch": torch.__version__,
            "torch-geometric": version("torch-geometric"),
            "python": platform.python_version(),
        }
    )
    curve: Curve | None = None
    split: int | None = None
    metric: Literal["accuracy", "auc"] = "accuracy"
    metrics: Mapping[str, float] = field(default_factory=dict)

    def __getattr__(self, name: str) -> float:
        """`test_accuracy`, `test_auc` and so on: the scores by the name of their metric."""
        part, _, metric = name.partition("_")
        if part not in PARTS or metric not in ("accuracy", "auc"):
            raise AttributeError(f"a RunRecord has no attribute {name!r}")
        if metric != self.metric:
            raise AttributeError(f"the run has no {name}; its {part}_score is the {self.metric}")
        score: float = getattr(self, f"{part}_score")
        return score

    @property
    def epochs_per_second(self) -> float:
        """Epochs per second of wall time."""
        return self.num_epochs / self.seconds if self.seconds > 0 else float("inf")

    def as_dict(self) -> dict[str, Any]:
        """All fields, ready for JSON; `from_dict` is its inverse.

        A score has the name of its metric, such as ``test_accuracy``, which is then left out.
        """
        row = {**asdict(self), "config": self.config.as_dict()}
        if self.metric == "accuracy":
            del row["metric"], row["metrics"]
        return row | {f"{part}_{self.metric}": row.pop(f"{part}_score") for part in PARTS}

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> RunRecord:
        """The inverse of `as_dict`; `TypeError` if fields are missing or unknown."""
        curve = row["curve"]
        parts = {
            "config": TrainConfig(**row["config"]),
            "curve": None if curve is None else Curve(**{k: tuple(v) for k, v in curve.items()}),
        }
        metric = row.get("metric", "accuracy")
        scores = {f"{part}_{metric}": f"{part}_score" for part in PARTS}
        return cls(**{scores.get(name, name): value for name, value in {**row, **parts}.items()})


def forget_peak(device: torch.device) -> bool:
    """Reset the peak of resident memory, or of torch's allocator on a GPU, if the system can.

    Even then it includes memory that the allocator kept from earlier work. To measure a piece of
    work alone, run it in a process of its own (`wis.experiments.own_process`).
    """
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


@functools.cache
def environment() -> dict[str, Any]:
    """Return the versions of packages, the git revision and the machine of this process."""
    versions = {"python": platform.python_version(), "wis-sparsify": VERSION}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            versions[package] = version(package)
    return {
        "versions": versions,
        "git_revision": _git_revision(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "num_cpus": os.cpu_count(),
    }


def _git_revision() -> str | None:
    """Return the commit of the source tree, with ``+`` if files were changed; None without git."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
        return done.stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    found = re.search(r"model name\s*:\s*(.+)", text)
    return found.group(1).strip() if found else platform.processor()
