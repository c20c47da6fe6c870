"""What `bench_gpu.py` finds: checks, counts and times of its sections, and their tables."""

from __future__ import annotations

import importlib.util
import os
import platform
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from common import load_graph
from launches import Launches
from torch import Tensor

from wis import UndirectedGraph

TOLERANCE = {"float64": 1e-9, "float32": 1e-3}
"""Largest difference of losses and logits: sums on a GPU have another order."""
CORA_SMALL = "barabasi-albert:n=300,degree=4,seed=0"


class OutOfTimeError(Exception):
    """A section's share of the time is used up."""


@dataclass
class Bench:
    """What the sections share, and one section's findings.

    Attributes:
        device: The device that is measured.
        data_root: Folder of the real data sets, if there is one.
        speed: Bytes and operations per second of the device, by the probe.
        found: Checks, counts, times and notes of the section.
    """

    device: torch.device
    data_root: str | None
    speed: dict[str, float] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)

    @property
    def is_small(self) -> bool:
        """Whether this is a rehearsal on a CPU."""
        return self.device.type == "cpu"

    def graph(self, name: str) -> UndirectedGraph:
        """A graph of `common` by name; one of Cora's size in its place without data."""
        if name == "cora" and (self.is_small or self.data_root is None):
            name = CORA_SMALL if self.is_small else "barabasi-albert:n=2708,degree=2,seed=0"
            self.note(f"{name} in place of Cora")
        return load_graph(name, self.data_root)

    def note(self, text: str) -> None:
        """Say something in the file and on stderr."""
        if text not in self.found["notes"]:
            self.found["notes"].append(text)
            print(f"  {text}", file=sys.stderr, flush=True)

    def check(self, name: str, passed: bool, detail: str = "") -> None:
        """Record a check."""
        self.found["checks"].append({"name": name, "passed": passed, "detail": detail})
        if not passed:
            self.note(f"FAILED: {name} {detail}")

    def check_close(self, name: str, ours: Tensor, theirs: Tensor, dtype: str) -> None:
        """Record whether floats agree within `TOLERANCE`, relative to the largest."""
        differs = (ours.cpu() - theirs).abs().max() / theirs.abs().max().clamp(min=1e-30)
        self.check(name, bool(differs <= TOLERANCE[dtype]), f"differs by {float(differs):.1e}")

    def count(self, name: str, action: Callable[[], Any], unit: str) -> dict[str, Any]:
        """Launches and waits of an action, which returns its number of units."""
        with Launches() as counted:
            number = action()
        self.found["counts"][name] = found = counted.summary(**{unit: number})
        return found

    def time(
        self,
        name: str,
        there: Callable[[], Any],
        here: Callable[[], Any] | None,
        counted: dict[str, Any] | None = None,
        repeats: int = 5,
        target: str = "",
    ) -> None:
        """Record the median times of an action on the device and on the CPU."""
        row: dict[str, Any] = {"name": name, **self.seconds(there, repeats), "target": target}
        if here is not None:
            row["cpu_s"] = row["median_s"] if self.is_small else clock(here)
            row["times_the_cpu"] = row["cpu_s"] / row["median_s"]
        if counted is not None and self.speed:
            row["bytes_floor_s"] = counted["bytes"] / self.speed["bytes_per_s"]
            row["operations_floor_s"] = counted["operations"] / self.speed["operations_per_s"]
            row["launches_floor_s"] = counted["launches"] * self.speed["launch_s"]
        self.found["times"].append(row)

    def seconds(self, action: Callable[[], Any], repeats: int) -> dict[str, float]:
        """Median, least and most seconds of an action, by events on a GPU, after a warm-up."""
        action()
        measured = [self.once(action) for _ in range(repeats)]
        least, most = min(measured), max(measured)
        return {"median_s": statistics.median(measured), "least_s": least, "most_s": most}

    def once(self, action: Callable[[], Any]) -> float:
        """Seconds of one call."""
        if self.device.type != "cuda":
            return clock(action)
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        action()
        end.record()
        torch.cuda.synchronize(self.device)
        return start.elapsed_time(end) / 1e3


def clock(action: Callable[[], Any]) -> float:
    """Wall seconds of one call."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise `OutOfTimeError` in the block once the time is up."""

    def stop(*_: object) -> None:
        raise OutOfTimeError(f"{seconds:.0f} s are used up; what was measured until then is kept")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def machine(device: torch.device) -> dict[str, Any]:
    """Where this ran, and with what."""
    optional = ("click", "pyarrow", "pandas", "rich")
    found: dict[str, Any] = {
        "device": str(device),
        "cpu": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "not_installed": [name for name in optional if importlib.util.find_spec(name) is None],
    }
    if device.type == "cuda":
        facts = torch.cuda.get_device_properties(device)
        found |= {"gpu": facts.name, "gpu_bytes": facts.total_memory, "cuda": torch.version.cuda}
    return found


def table(sections: dict[str, Any]) -> str:
    """The times and the waits as lines of Markdown."""
    lines = ["| | median, ms | CPU, ms | times | bytes floor, ms | operations floor, ms |"]
    lines.append("|---|---|---|---|---|---|")
    keys = ("median_s", "cpu_s", "times_the_cpu", "bytes_floor_s", "operations_floor_s")
    for row in (row for found in sections.values() for row in found["times"]):
        cells = [
            "" if key not in row else f"{row[key] * (1 if key == 'times_the_cpu' else 1e3):.3g}"
            for key in keys
        ]
        lines.append(f"| {row['name']} | {' | '.join(cells)} |")
    lines += ["", "| | launches | waits | units |", "|---|---|---|---|"]
    for found in sections.values():
        for name, counted in found["counts"].items():
            unit = next(key for key in counted if key.startswith("launches_per_"))[13:]
            each = f"{counted[f'launches_per_{unit}']:.0f} | {counted[f'waits_per_{unit}']:.1f}"
            lines.append(f"| {name}, per {unit} | {each} | {counted[f'{unit}s']} |")
    return "\n".join(lines)
