"""Goals: what a cut graph costs. Of the amounts that are allowed, the cheapest one is advised.

Add a goal by a row of `GOALS`: a function of the cut graphs and the depth of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from wis.errors import UnknownNameError
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
