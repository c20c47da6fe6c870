"""Goals: what a cut graph costs. Of the amounts that are allowed, the cheapest one is advised.

Add a goal by a row of `GOALS`: a function of the cut graphs and the depth of the network. A
`Budget` is what the search itself may spend: wall time, or a number of training runs.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from wis.errors import OptionError, UnknownNameError, echo
from wis.graph import canonical_graph
from wis.measure.serving import edges_read

SAMPLE = 300
"""Vertices whose predictions are counted, the same before and after a cut."""


@dataclass(frozen=True)
class Goal:
    """A row of the table.

    Attributes:
        name: Its name.
        unit: What the cost counts.
        cost: ``cost(graphs, depth)``; less is better.
    """

    name: str
    unit: str
    cost: Callable[[Sequence[Any], int], float]


def arcs(graphs: Sequence[Any], depth: int = 1) -> float:
    """The number of arcs, each of which carries a message in each layer."""
    return float(sum(graph.num_edges for graph in graphs))


def mean_edges_read(graphs: Sequence[Any], depth: int) -> float:
    """Mean number of arcs that the prediction of a vertex, or of a graph of a list, reads."""
    if len(graphs) != 1:
        return arcs(graphs) / max(1, len(graphs))
    graph = canonical_graph(graphs[0]) if hasattr(graphs[0], "edge_types") else graphs[0]
    drawn = np.random.default_rng(0).permutation(int(graph.num_nodes))[:SAMPLE]
    read = edges_read(graph, torch.from_numpy(drawn), depth=depth)
    return float(read.double().mean()) if drawn.size else 0.0


def arc_bytes(graphs: Sequence[Any], depth: int = 1) -> float:
    """Bytes of the arcs and of their attributes."""
    stores = (store for graph in graphs for store in graph.edge_stores)
    values = (store[name] for store in stores for name in ("edge_index", *store.edge_attrs()))
    tensors = {id(value): value for value in values if torch.is_tensor(value)}.values()
    return float(sum(t.numel() * t.element_size() for t in tensors if t.layout == torch.strided))


GOALS = {
    goal.name: goal
    for goal in (
        Goal("serving", "arcs read by a prediction", mean_edges_read),
        Goal("training", "arcs that carry messages", arcs),
        Goal("memory", "bytes of arcs and their attributes", arc_bytes),
    )
}
"""The table of goals."""


def checked_goal(name: str) -> Goal:
    """A goal by its name; raises `UnknownNameError` if there is none."""
    if name not in GOALS:
        raise UnknownNameError.among("goal", name, GOALS)
    return GOALS[name]


UNITS = {"s": 1, "sec": 1, "min": 60, "h": 3600}
FORM = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) *(runs?|[a-z]+)", re.ASCII)
FOR_THE_END = 0.95
"""Share of the time for training runs; the rest is for measuring what is saved."""


@dataclass
class Budget:
    """A limit, and what was spent of it."""

    text: str  # the limit as it was given
    seconds: float | None  # the most wall time; None for a limit in runs
    # The most training runs, with which a search is repeatable; None for a limit in time
    runs: int | None
    spent_runs: int = 0  # training runs so far
    run_s: float = 0.0  # mean time of a run so far, its cut included
    # The clock of the limit: wall time, or `time.process_time` on a busy machine
    clock: Callable[[], float] = time.monotonic
    start: float = field(init=False)

    def __post_init__(self) -> None:
        self.start = self.clock()

    @classmethod
    def of(cls, text: str, clock: Callable[[], float] = time.monotonic) -> Budget:
        """Parse a limit.

        Raises:
            OptionError: The text is not a positive number with a unit.

        >>> Budget.of("5min").seconds, Budget.of("40runs").runs
        (300.0, 40)
        """
        found = FORM.fullmatch(str(text).strip().lower())
        number, unit = (float(found[1]), found[2]) if found else (0.0, "")
        if unit.startswith("run") and number >= 1 and number == int(number):
            return cls(str(text), None, int(number), clock=clock)
        if number <= 0 or unit not in UNITS:
            raise OptionError(
                f"budget is {echo(str(text))!r}; expected a time such as 90s, 5min or 2h, or a "
                "number of training runs such as 40runs"
            )
        return cls(str(text), number * UNITS[unit], None, clock=clock)

    @property
    def elapsed(self) -> float:
        """Seconds since the budget was made."""
        return self.clock() - self.start

    @property
    def share(self) -> float:
        """The share that is spent, in [0, 1]."""
        if self.runs is not None:
            return min(1.0, self.spent_runs / self.runs)
        return min(1.0, self.elapsed / (self.seconds or 1.0))

    def affords(self, runs: int) -> bool:
        """Whether so many further runs fit."""
        if self.runs is not None:
            return self.spent_runs + runs <= self.runs
        assert self.seconds is not None
        return self.elapsed + runs * self.run_s <= FOR_THE_END * self.seconds

    def num_affordable(self) -> int:
        """The number of further runs that fit, at the mean time so far."""
        if self.runs is not None:
            return self.runs - self.spent_runs
        assert self.seconds is not None
        return int((FOR_THE_END * self.seconds - self.elapsed) / max(self.run_s, 1e-3))

    def spend(self, seconds: float) -> None:
        """Count a run."""
        self.run_s += (seconds - self.run_s) / (self.spent_runs + 1)
        self.spent_runs += 1
