"""How much of the walk indices and bounds a removal order preserves.

For each partition and each share of removed edges, this module computes three numbers relative to
the whole graph: the walk index, the logarithm of the least cut of the tensor network (an upper
bound of the separation rank), and the lower bound of Theorem 8 or 11. It averages them over the
partitions. For the walk index it also gives the smallest ratio and the ratio of the smallest
indices, which WIS maximises. A partition whose number is zero in the whole graph is left out.

The walk index and the cut can only fall when edges are removed. The lower bound may rise, because
more subsets of the boundary become admissible. The quick constructions of Appendix D.1 give the
lower bound; the exact search would take too long.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wis.base.checks import num_edges_to_remove
from wis.errors import OptionError
from wis.graph.partitions import Partitions
from wis.theory.bounds import SeparationBounds
from wis.theory.typed_graph import TypedGraph

if TYPE_CHECKING:
    from wis.order import RemovalOrder

FRACTIONS = tuple(step / 10 for step in range(11))
MAX_WORK = 300_000_000
"""Largest number of partitions times cuts times arcs times layers: about three minutes on one
core."""
QUICK_WORK = MAX_WORK // 10
"""Below this work, about twenty seconds, all partitions are measured by default."""
SAMPLE = 100
"""Default size of a sample where measuring all partitions would take longer."""


@dataclass(frozen=True)
class PreservedRow:
    """Ratios after one cut of one order; NaN where the number is zero for every partition before.

    Attributes:
        walk_index: Mean over the partitions of the ratio of walk indices, after to before.
        least_walk_index: The smallest of these ratios.
        smallest_walk_index: Ratio of the smallest walk indices, after to before.
        cut: Mean ratio of the logarithm of the least cut weight (Lemma 51).
        lower: Mean ratio of the lower bound of Theorem 8 or 11; may exceed 1.
    """

    method: str
    fraction: float
    num_removed: int
    walk_index: float
    least_walk_index: float
    smallest_walk_index: float
    cut: float
    lower: float


def preserved(
    data: Any,
    orders: Mapping[str, RemovalOrder],
    partitions: Partitions,
    *,
    depth: int,
    width: int,
    in_dim: int | None = None,
    fractions: Iterable[float] = FRACTIONS,
) -> list[PreservedRow]:
    """Measure how much of the walk indices and bounds removal orders preserve.

    >>> import wis
    >>> karate = wis.datasets.load("karate")
    >>> order = wis.removal_order(karate)
    >>> both = wis.graph.partitions.resolve_partitions([[0, 1, 2], [33]], order.graph_of(karate))
    >>> row = preserved(karate, {"1-WIS": order}, both, depth=2, width=4, fractions=[0.5])[0]
    >>> row.num_removed, round(row.walk_index, 2)
    (39, 0.27)

    Args:
        data: The graph that the orders were made for: PyG `Data` or `HeteroData`.
        orders: Removal orders by name, either all of a directed graph or none.
        partitions: Partitions whose walk indices to measure, see `wis.graph.partitions`.
        depth: Number L of layers: walks have length L - 1.
        width: Width D_h, for the bounds.
        in_dim: Number D_x of features; the width if not given.
        fractions: Shares of edges to remove, in [0, 1]. An order with protections, or one that was
            stopped early, gets no rows for fractions beyond its end.

    Returns:
        A row for each order and fraction.

    Raises:
        OrderMismatchError: An order was made for another graph.
        OptionError: The work would take too long; only some of the orders are of directed graphs;
            or a size or fraction is invalid.

    Cost: for each row and partition O(depth · m) additions of Python integers and the sum of the
    squared degrees.

    References:
        Definition 11; Lemma 51; Theorems 8 and 11; Section 5.5 for the purpose of WIS.
    """
    steps = list(fractions)
    rows: list[PreservedRow] = []
    if len({order.provenance.directed for order in orders.values()}) > 1:
        raise OptionError("some of the orders are of directed graphs; expected all of them or none")
    for name, order in orders.items():
        whole = TypedGraph.from_any(data, directed=order.provenance.directed)
        order.check_made_for(order.graph_of(data))
        check_work(len(partitions) * len(orders) * len(steps), whole, depth)
        before = _values(whole, partitions, depth, width, in_dim)
        for fraction in steps:
            count = num_edges_to_remove(order.num_edges, remove=float(fraction), noun=order.noun)
            if count > len(order):
                continue
            cut = order.apply(data, remove=count)
            graph = TypedGraph.from_any(cut, directed=order.provenance.directed)
            after = _values(graph, partitions, depth, width, in_dim)
            shares = _shares(after, before)
            rows.append(PreservedRow(name, fraction, count, *shares))
    return rows


def sample_of(
    partitions: Partitions,
    graph: TypedGraph,
    depth: int,
    *,
    num_cuts: int,
    most: int | None = None,
    seed: int = 0,
) -> Partitions:
    """All partitions if measuring them is quick, otherwise a random sample, named in its `choice`.

    >>> import wis
    >>> karate = wis.graph.canonical_graph(wis.datasets.load("karate"))
    >>> every = wis.graph.partitions.resolve_partitions("singletons", karate)
    >>> sample_of(every, TypedGraph.from_any(karate), 3, num_cuts=44, most=10).choice
    '10 of 34 singletons'

    `num_cuts` counts the cuts of all orders. `most` is the largest number of partitions; by default
    100, or as many as take about twenty seconds.
    """
    if most is None:
        most = max(SAMPLE, QUICK_WORK // max(1, num_cuts * depth * graph.arcs.size(1)))
    if len(partitions) <= most:
        return partitions
    drawn = np.random.default_rng(seed).choice(len(partitions), most, replace=False)
    items = [(partitions.subsets[at], partitions.targets[at]) for at in np.sort(drawn).tolist()]
    return Partitions.of(f"{most} of {len(partitions)} {partitions.choice}", items)


def check_work(cuts: int, graph: TypedGraph, depth: int) -> None:
    """Raise `OptionError` for work of many minutes; `cuts` counts pairs of partition and cut."""
    work = cuts * depth * graph.arcs.size(1)
    if work > MAX_WORK:
        raise OptionError(
            f"{cuts} partitions and cuts of a graph with {graph.arcs.size(1)} arcs would take "
            f"{work / MAX_WORK:.1f} times the longest allowed; take fewer partitions, such as "
            f"communities:number=10 or cuts:number=8"
        )


def _values(
    graph: TypedGraph, partitions: Partitions, depth: int, width: int, in_dim: int | None
) -> np.ndarray:
    """Walk index, log cut and lower bound of each partition, float64 [3, number of partitions]."""
    columns = []
    for subset, target in zip(partitions.subsets, partitions.targets, strict=True):
        found = SeparationBounds(
            graph, subset, depth, width, in_dim=in_dim, target=target, method="greedy"
        )
        columns.append((float(found.walk_index), found.cut.log_weight, found.lower.log))
    return np.array(columns).reshape(-1, 3).T


def _shares(after: np.ndarray, before: np.ndarray) -> Iterator[float]:
    """The ratios of a `PreservedRow`."""
    for kind, (new, old) in enumerate(zip(after, before, strict=True)):
        new, old = new[old > 0], old[old > 0]
        yield float((new / old).mean()) if old.size else math.nan
        if kind == 0:
            yield float((new / old).min()) if old.size else math.nan
            yield float(new.min() / old.min()) if old.size else math.nan
