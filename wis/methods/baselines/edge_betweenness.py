"""The method ``edge-betweenness``: keep the edges that most shortest paths run along.

Brandes' algorithm from a sample of sources: a breadth-first search counts the shortest paths from
the source, and a sweep back adds up which share of them each edge carries. Many sources are
searched at once, level by level, so that a level costs a few array operations, not a few for each
source. In the k-th of these searches, vertex v is number k · n + v.

The number of paths can be larger than any float, on a grid for example. So it is kept as a float in
[1/2, 1) times a power of two.

Source: U. Brandes, "A Faster Algorithm for Betweenness Centrality", Journal of Mathematical
Sociology 25, 2001, and "On Variants of Shortest-Path Betweenness Centrality and their Generic
Computation", Social Networks 30, 2008 (edges); U. Brandes, C. Pich, "Centrality Estimation in Large
Networks", International Journal of Bifurcation and Chaos 17, 2007 (sampling); M. Girvan, M. E. J.
Newman, "Community Structure in Social and Biological Networks", PNAS 99, 2002 (edge betweenness).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from wis.base.checks import checked_integer
from wis.base.progress import Progress
from wis.graph import UndirectedGraph
from wis.methods.baselines.ranking import (
    Floats,
    Ints,
    Share,
    lowest_first,
    neighbour_lists,
    share_of,
    tie_classes,
)
from wis.methods.registry import register

ENTRIES_AT_A_TIME = 1 << 22


def _resolve(graph: UndirectedGraph, options: dict[str, Any]) -> dict[str, Any]:
    expected = "a number of vertices, 1 or more"
    checked_integer("num_samples", options["num_samples"], 1, expected=expected)
    return options


@register(
    "edge-betweenness",
    summary="edges that the fewest shortest paths run along, from sampled sources",
    uses_seed=True,
    resolve=_resolve,
)
def edge_betweenness_order(
    graph: UndirectedGraph, *, count: int, seed: int, progress: Progress, num_samples: int = 128
) -> Tensor:
    """Edges by betweenness, the lowest first: bridges between regions stay, detours go.

    `num_samples` sources are drawn by `seed` without replacement. The betweenness is exact if there
    are no more vertices than that. Edges whose betweenness is the same up to rounding go in random
    order.

    Cost: O(m · num_samples); memory O(m), a few hundred MiB at most beyond that.

    References:
        Brandes 2001 and 2008; Brandes and Pich 2007.
    """
    score = edge_betweenness(graph, num_samples, seed, share_of(progress, count))
    return lowest_first(tie_classes(score), graph, count, seed)


def edge_betweenness(
    graph: UndirectedGraph, num_samples: int, seed: int, report: Share = lambda share: None
) -> Floats:
    """An estimate of the edge betweenness, exact if every vertex is a source.

    Returns:
        float64 [m]: the sum over unordered pairs of vertices of the share of their shortest paths
        that run along the edge. From a sample of sources it is estimated by the sum over pairs with
        a sampled end, times n / number of sources.
    """
    n, m = graph.num_nodes, graph.num_edges
    score = np.zeros(m)
    if not m:
        return score
    sources = np.arange(n)
    if num_samples < n:
        sources = np.sort(np.random.default_rng(seed).choice(n, num_samples, replace=False))
    search = _Search(graph)
    at_once = max(1, ENTRIES_AT_A_TIME // (n + 2 * m))
    for start in range(0, sources.size, at_once):
        search.add_dependencies(sources[start : start + at_once], score)
        report(min(1.0, (start + at_once) / sources.size))
    return score * (n / sources.size / 2)


class _Search:
    """Breadth-first searches in one graph."""

    def __init__(self, graph: UndirectedGraph) -> None:
        self.num_nodes = graph.num_nodes
        self.starts, self.neighbour, self.edge = neighbour_lists(graph)

    def add_dependencies(self, sources: Ints, score: Floats) -> None:
        """Add to `score` the share of the shortest paths from each source on each edge."""
        size = sources.size * self.num_nodes
        dependency = np.zeros(size)
        for tail, head, edge, share in reversed(self._levels(sources, size)):
            carried = share * (1 + dependency[head])
            np.add.at(dependency, tail, carried)
            np.add.at(score, edge, carried)

    def _levels(self, sources: Ints, size: int) -> list[tuple[Ints, Ints, Ints, Floats]]:
        """For each level the arcs that lead to the next one: tail, head, edge, share.

        The share is that of the shortest paths to the head which come along the arc.
        """
        found = np.zeros(size, dtype=np.bool_)
        paths = _Counts(size)
        level = np.arange(sources.size) * self.num_nodes + sources
        found[level] = True
        paths.set_to_one(level)
        levels = []
        while level.size:
            tail, head, edge = self._arcs(level)
            new = ~found[head]
            tail, head, edge = tail[new], head[new], edge[new]
            level = np.unique(head)
            found[level] = True
            if level.size:
                levels.append((tail, head, edge, paths.add(tail, head, level)))
        return levels

    def _arcs(self, level: Ints) -> tuple[Ints, Ints, Ints]:
        """All arcs out of the vertices of a level."""
        vertex = level % self.num_nodes
        start = self.starts[vertex]
        length = self.starts[vertex + 1] - start
        ends = np.cumsum(length)
        position = np.arange(length.sum()) + np.repeat(start - ends + length, length)
        tail = np.repeat(level, length)
        head = tail - np.repeat(vertex, length) + self.neighbour[position]
        return tail, head, self.edge[position]


class _Counts:
    """Numbers of any size, fraction · 2^power; all are zero at the beginning."""

    def __init__(self, size: int) -> None:
        self.fraction = np.zeros(size)
        self.power = np.zeros(size, dtype=np.int64)

    def set_to_one(self, where: Ints) -> None:
        """Set the numbers at some places to 1."""
        self.fraction[where], self.power[where] = 0.5, 1

    def add(self, tail: Ints, head: Ints, heads: Ints) -> Floats:
        """Add the number at each tail to that at its head; returns the share of each tail in it.

        `heads` lists each head once; the numbers there are 0 before.
        """
        np.maximum.at(self.power, head, self.power[tail])
        part = np.ldexp(self.fraction[tail], self.power[tail] - self.power[head])
        np.add.at(self.fraction, head, part)
        share: Floats = part / self.fraction[head]
        self.fraction[heads], extra = np.frexp(self.fraction[heads])
        self.power[heads] += extra
        return share
