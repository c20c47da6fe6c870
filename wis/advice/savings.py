"""What a cut saves: counts, and times and memory measured on this machine."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from wis.advice.goals import GOALS, arcs
from wis.advice.tasks import Task
from wis.measure.latency import Load, serve
from wis.measure.serving import multiply_adds
from wis.training.engine import FullBatch
from wis.training.record import forget_peak, peak_bytes
from wis.training.run import Run

MEASURE_S = 2.0
"""Seconds for the epochs that are timed."""
LEAST_EPOCHS = 3
ONE_BY_ONE = Load(batch_sizes=(1,), repeats=50)


@dataclass(frozen=True)
class Saving:
    """A cost before and after the cut.

    Attributes:
        name: Its name, with the unit.
        before: The cost with all edges.
        after: The cost after the cut.
        measured: Whether it is a measurement on this machine; otherwise it is an exact count.
    """

    name: str
    before: float
    after: float
    measured: bool = False

    @property
    def factor(self) -> float:
        """Before divided by after; infinite if nothing is left, 1 if there was nothing."""
        if self.before == self.after:
            return 1.0
        return self.before / self.after if self.after else float("inf")


def savings(task: Task, full: Sequence[Any], cut: Sequence[Any]) -> Iterator[Saving]:
    """Compare the costs of two lists of graphs; epochs are timed alternately, in one process."""
    depth = task.config.depth or 1
    yield Saving("arcs", arcs(full), arcs(cut))
    for name in ("serving", "memory"):
        goal = GOALS[name]
        yield Saving(goal.unit, goal.cost(full, depth), goal.cost(cut, depth))
    if not task.trains:
        return
    peaks = [_peak_bytes(task, graphs) for graphs in (full, cut)]
    engines = [Run(task.prepared(graphs, 0), task.config).start() for graphs in (full, cut)]
    before, after = (_multiply_adds(engine) for engine in engines)
    yield Saving("multiply-adds of a forward pass", before, after)
    before, after = epoch_seconds(engines, MEASURE_S)
    yield Saving("seconds of an epoch", before, after, measured=True)
    if peaks[0] and peaks[1]:
        yield Saving(f"bytes at the peak of {_owner(task)}", peaks[0], peaks[1], measured=True)
    if len(full) == 1:
        served = serve(engines[0].network.eval(), [full[0], cut[0]], depth=depth, load=ONE_BY_ONE)
        before, after = (found["full_1"]["median_s"] for found in served)
        yield Saving("seconds of a prediction", before, after, measured=True)


def _owner(task: Task) -> str:
    """What a peak of memory belongs to; a CPU shares it with everything in the process."""
    return "the GPU" if task.config.device.startswith("cuda") else "the process"


def _peak_bytes(task: Task, graphs: Sequence[Any]) -> int:
    """Peak memory while a network is made and trained for two epochs; 0 if it is not known."""
    device = torch.device(task.config.device)
    gc.collect()
    if not forget_peak(device):
        return 0
    engine = Run(task.prepared(graphs, 0), task.config).start()
    for number in (1, 2):
        engine.epoch(number)
    return peak_bytes(device) or 0


def _multiply_adds(engine: Any) -> float:
    problem = engine.problem
    loops = int((problem.edge_index[0] == problem.edge_index[1]).sum())
    num_arcs = problem.edge_index.size(1) - loops
    return float(multiply_adds(engine.network, num_nodes=len(problem.x), num_arcs=num_arcs))


def epoch_seconds(engines: Sequence[FullBatch], measure_s: float) -> list[float]:
    """Median seconds of an epoch of each engine, taken in turns for about `measure_s`."""
    seconds: list[list[float]] = [[] for _ in engines]
    start, number = time.perf_counter(), 0
    while number <= LEAST_EPOCHS or time.perf_counter() - start < measure_s:
        number += 1
        for engine, taken in zip(engines, seconds, strict=True):
            began = time.perf_counter()
            engine.epoch(number)
            if engine.problem.x.is_cuda:
                torch.cuda.synchronize(engine.problem.x.device)
            taken.append(time.perf_counter() - began)
    return [statistics.median(taken[1:]) for taken in seconds]  # the first one warms up
