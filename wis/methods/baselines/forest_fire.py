"""The method ``forest-fire``: keep the edges that random fires run along most often.

A fire starts at a random vertex. A vertex that catches fire ignites neighbours that do not burn
yet, one after the other: before each it tosses a coin, and goes on with probability p. The edges
along which fires spread are counted over many fires.

NetworKit's `ForestFireScore` is not used, since it has one generator for each thread: scores would
depend on the number of threads.

Source: J. Leskovec, J. Kleinberg, C. Faloutsos, "Graphs over Time", KDD 2005, and J. Leskovec, C.
Faloutsos, "Sampling from Large Graphs", KDD 2006, for the fires; M. Hamann, G. Lindner, H.
Meyerhenke, C. L. Staudt, D. Wagner, "Structure-preserving sparsification methods for social
networks", Social Network Analysis and Mining 6, 2016, for the score.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from torch import Tensor

from wis.base.checks import TINY, checked_number
from wis.base.progress import Progress
from wis.graph import UndirectedGraph
from wis.methods.baselines.ranking import (
    Ints,
    Share,
    lowest_first,
    neighbour_lists,
    share_of,
    uniform_numbers,
)
from wis.methods.registry import register

LISTED_AT_ONCE = 12
BELOW_ONE = math.nextafter(1.0, 0.0)
LEAST_PROBABILITY = 0.01
"""Below this nearly all fires go out at once, and it takes too long until enough edges burnt."""


def _resolve(graph: UndirectedGraph, options: dict[str, Any]) -> dict[str, Any]:
    for name, low, high, expected in (
        ("burn_probability", LEAST_PROBABILITY, BELOW_ONE, "a number from 0.01 on, below 1"),
        ("burnt_ratio", TINY, math.inf, "a positive number"),
    ):
        checked_number(name, options[name], low, high, expected=expected)
    return options


@register(
    "forest-fire",
    summary="edges along which random fires spread least often",
    uses_seed=True,
    resolve=_resolve,
)
def forest_fire_order(
    graph: UndirectedGraph,
    *,
    count: int,
    seed: int,
    progress: Progress,
    burn_probability: float = 0.6,
    burnt_ratio: float = 5.0,
) -> Tensor:
    """Edges by the number of times that a fire spread along them, the fewest first.

    With p the `burn_probability`, at least 0.01 and below 1, a burning vertex ignites p / (1 - p)
    neighbours on average, if so many do not burn yet. New fires start until `burnt_ratio` · m edges
    have burnt in all. `seed` is that of the fires, too.

    Cost: 5 to 10 µs for each edge that burns, about a minute for a million edges.

    References:
        Hamann et al., SNAM 2016, "Edge Forest Fire".
    """
    report = share_of(progress, count)
    burnt = times_burnt(graph, burn_probability, burnt_ratio, seed, report)
    return lowest_first(burnt, graph, count, seed)


def times_burnt(
    graph: UndirectedGraph,
    burn_probability: float,
    burnt_ratio: float,
    seed: int,
    report: Share = lambda share: None,
) -> Ints:
    """How often fires spread along each edge until `burnt_ratio` · m have burnt; int64 [m]."""
    if not graph.num_edges:
        return np.zeros(0, dtype=np.int64)
    total, wanted = 0, burnt_ratio * graph.num_edges
    fires = _Fires(graph.without_isolated(), seed, burn_probability)
    while total < wanted:
        total += fires.burn()
        report(min(1.0, total / wanted))
    return np.array(fires.times_burnt, dtype=np.int64)


class _Fires:
    """One fire after the other.

    Attributes:
        times_burnt: How often each edge has burnt.
    """

    def __init__(self, graph: UndirectedGraph, seed: int, burn_probability: float) -> None:
        starts, neighbour, edge = neighbour_lists(graph)
        rows = zip(neighbour.tolist(), edge.tolist(), strict=True)
        length = np.diff(starts).tolist()
        self.around = [[next(rows) for _ in range(size)] for size in length]
        self.burnable = [vertex for vertex, size in enumerate(length) if size]
        self.times_burnt = [0] * graph.num_edges
        self.last_fire = [0] * graph.num_nodes
        self.num_fires = 0
        self.probability = burn_probability
        self.numbers: Iterator[float] = uniform_numbers(seed)

    def burn(self) -> int:
        """Start a fire at a random vertex with neighbours; returns how many edges burn."""
        self.num_fires += 1
        start = self.burnable[int(next(self.numbers) * len(self.burnable))]
        self.last_fire[start] = self.num_fires
        burning = [start]
        for vertex in burning:  # grows as it spreads
            self._spread(vertex, burning)
        return len(burning) - 1

    def _spread(self, vertex: int, burning: list[int]) -> None:
        """Ignite random neighbours that do not burn yet, as many as the coin says.

        If a drawn neighbour burns already, another one is drawn. After a few such draws the others
        are listed, since late in a fire a hub has few of them.
        """
        row, numbers, last_fire, now = (
            self.around[vertex],
            self.numbers,
            self.last_fire,
            self.num_fires,
        )
        wanted = 0
        while next(numbers) < self.probability and wanted < len(row):
            wanted += 1
        draws = 2 * wanted + 2 if len(row) > LISTED_AT_ONCE else 0
        while wanted and draws:
            draws -= 1
            target, edge = row[int(next(numbers) * len(row))]
            if last_fire[target] != now:
                wanted -= 1
                last_fire[target] = now
                self.times_burnt[edge] += 1
                burning.append(target)
        left = [pair for pair in row if last_fire[pair[0]] != now] if wanted else []
        while wanted and left:
            at = int(next(numbers) * len(left))
            left[at], left[-1] = left[-1], left[at]
            target, edge = left.pop()
            wanted -= 1
            last_fire[target] = now
            self.times_burnt[edge] += 1
            burning.append(target)
