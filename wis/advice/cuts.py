"""Cut graphs of a search: the order of a method is computed once and cut many times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from wis.advice.search import NOTHING
from wis.advice.tasks import Task
from wis.errors import OptionError, ProtectionError
from wis.graph import canonical_graph
from wis.methods import get_method
from wis.order.cut import Cut, Ranked
from wis.order.ranking import Ranking

MOST_PATHS = 1e7
"""Paths of two edges up to which 2-WIS is tried unasked: its order of Chameleon (6.6 million)
takes 6 s, that of Squirrel (166 million) minutes."""
MOST_SOLVED = 30_000
"""Edges up to which `spectral` is tried unasked: its order of actor (26,659) takes 19 s."""

DEFAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("wis", {}),
    ("wis", {"walk_length": 2, "batch_size": 100}),
    ("k-neighbor", {}),
    ("local-degree", {}),
    ("random", {}),
    ("spectral", {}),
    ("dspar", {}),
    ("teddy", {}),
)
"""The methods that are tried if none are named; the first ones if the budget is small."""

Method = str | tuple[str, Mapping[str, Any]]


class Cuts:
    """The methods of a search, their orders and the graphs that they leave, cut with `cut`."""

    def __init__(self, task: Task, rankings: Sequence[Ranking], cut: Mapping[str, Any]) -> None:
        self.task, self.rankings, self.options = task, tuple(rankings), cut
        self.whichever = replace(rankings[0], method="random", options={})  # if all edges go
        self.orders: dict[tuple[int | None, int | None], list[Ranked]] = {}
        self.last: tuple[Any, tuple[Any, ...]] | None = None

    def labels(self) -> list[str]:
        """The methods with their options, such as ``wis (walk_length=2)``."""
        return [label_of(ranking.method, ranking.options) for ranking in self.rankings]

    def graphs(self, method: int | None, percent: int, seed: int) -> tuple[Any, ...] | None:
        """The graphs of a seed after a cut; None if the protections do not allow it."""
        inputs = self.task.inputs(seed)
        if percent == NOTHING:
            return inputs
        key = (method, percent, seed)
        if self.last is None or self.last[0] != key:
            cut = Cut(f"{percent}%", **self.options)
            try:
                ranked = self._ranked(method, seed)
                left = [cut.apply(*each) for each in zip(ranked, inputs, strict=True)]
            except ProtectionError:
                return None
            self.last = key, tuple(left)
        return self.last[1]

    def _ranked(self, method: int | None, seed: int) -> list[Ranked]:
        """The order of each graph; one for all seeds if neither method nor graphs are random."""
        inputs = self.task.inputs(seed)
        ranking = self.whichever if method is None else self.rankings[method]
        options = {**ranking.chosen.options, **ranking.options}
        is_seeded = ranking.chosen.is_seeded(options) or ranking.chosen.needs
        key = (method, seed if is_seeded or self.task.inputs_vary else None)
        if key not in self.orders:
            own = replace(ranking, seed=(ranking.seed or 0) + seed)
            graphs = [own.graph(data) for data in inputs]
            self.orders[key] = [
                own.ranked(graph, data, count=None, progress=False)[0]
                for graph, data in zip(graphs, inputs, strict=True)
            ]
        return self.orders[key]


def label_of(method: str, options: Mapping[str, Any]) -> str:
    """A method and its options on one line."""
    listed = ", ".join(f"{key}={value}" for key, value in options.items())
    return f"{method} ({listed})" if listed else method


def rankings_of(
    methods: Sequence[Method] | None, graphs: Sequence[Any], depth: int, **common: Any
) -> tuple[list[Ranking], dict[str, str]]:
    """The methods to try, and why others are left out.

    Args:
        methods: A name, or names and pairs of a name and options; None for those of `DEFAULTS`
            that suit the graphs.
        graphs: The graphs.
        depth: Depth of the network.
        **common: Further fields of all rankings.
    """
    left_out: dict[str, str] = {}
    if methods is None:
        left_out = _unsuitable(graphs, depth, directed=common["directed"])
        chosen = [row for row in DEFAULTS if label_of(*row) not in left_out]
    else:
        given = [methods] if isinstance(methods, str) else methods
        chosen = [(m, {}) if isinstance(m, str) else (m[0], dict(m[1])) for m in given]
    rankings = [Ranking(name, options, **common) for name, options in chosen]
    for ranking in rankings:
        ranking.check()
    labels = [label_of(ranking.method, ranking.options) for ranking in rankings]
    if not labels or len(set(labels)) < len(labels):
        raise OptionError(f"methods is {labels}; expected different methods, at least one")
    return rankings, left_out


def _unsuitable(graphs: Sequence[Any], depth: int, *, directed: bool) -> dict[str, str]:
    """Methods of `DEFAULTS` that would take too long for these graphs, or do not fit."""
    canonical = [canonical_graph(graph, directed=directed) for graph in graphs]
    degrees = [graph.edges.reshape(-1).bincount().double() for graph in canonical]
    paths = sum(float(torch.dot(degree, degree)) for degree in degrees)
    num_edges = sum(graph.num_edges for graph in canonical)
    found = {}
    for name, options in DEFAULTS:
        if directed and not get_method(name).supports_directed:
            found[label_of(name, options)] = "for undirected graphs"
        elif "walk_length" in options and depth < 3:
            found[label_of(name, options)] = f"for networks deeper than {depth}"
        elif "walk_length" in options and paths > MOST_PATHS:
            found[label_of(name, options)] = f"slow on {paths:.1e} paths of two edges"
        elif name == "spectral" and num_edges > MOST_SOLVED:
            found[label_of(name, options)] = f"slow on {num_edges:,} edges"
    return found
