"""What sparsification leaves of walk indices and bounds: the theory's measure of a removal order.

For partitions of the vertices and for growing shares of removed edges: the walk index that is left,
the logarithm of the least cut of the tensor network, which bounds the separation rank from above,
and the lower bound of Theorem 8 or 11, each relative to the whole graph and averaged over the
partitions. A partition whose value is zero before anything is removed is left out of the average.

Walk index and cut can only fall when edges go. The lower bound may rise: fewer shared neighbours
repeat, so larger subsets of the boundary are admissible. It is the one found by the constructions
of Appendix D.1, which are quick, not by the exact search.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wis.base.amount import num_edges_to_remove
from wis.errors import OptionError
from wis.theory.bounds import boundary_of, lower_bound
from wis.theory.min_cut import min_cut
from wis.theory.typed_graph import TypedGraph

if TYPE_CHECKING:
    from wis.graph.partitions import Partitions
    from wis.order import RemovalOrder

FRACTIONS = tuple(step / 10 for step in range(11))
MAX_WORK = 300_000_000
"""Partitions times cuts times arcs times layers: some three minutes of one core."""


@dataclass(frozen=True)
class PreservedRow:
    """What is left after one cut of one order.

    Attributes:
        method: Name of the order.
        fraction: Share of the edges that are removed.
        num_removed: Number of edges that are removed.
        walk_index: Mean over the partitions of the walk index after by before; as the others, not
            a number where it is zero before for every partition.
        least_walk_index: The smallest of these ratios.
        cut: Mean ratio of the logarithm of the least cut weight (Lemma 51).
        lower: Mean ratio of the lower bound of Theorem 8 or 11; may exceed 1.
    """

    method: str
    fraction: float
    num_removed: int
    walk_index: float
    least_walk_index: float
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
    """How much of the walk indices and bounds removal orders preserve.

    Args:
        data: The graph that the orders were made for: PyG `Data` or `HeteroData`.
        orders: Removal orders by name, all of a directed graph or none.
        partitions: Which walk indices to look at, see `wis.graph.partitions`.
        depth: Number L of layers: walks have length L - 1.
        width: Width D_h, for the bounds.
        in_dim: Number D_x of features; the width if not given.
        fractions: Shares of edges to remove, in [0, 1]; those that an order with protections, or
            one that was stopped early, does not reach are left out for it.

    Returns:
        A row for each order and fraction.

    Raises:
        OrderMismatchError: An order was made for another graph.
        OptionError: The work would take too long; only some of the orders are of directed graphs;
            or a size or fraction is impossible.

    Cost: for each row and partition O(depth · m) additions of Python integers and the sum of the
    squared degrees.

    References:
        Definition 11; Lemma 51; Theorems 8 and 11. What WIS is for: Section 5.5.
    """
    steps = list(fractions)
    dim = width if in_dim is None else in_dim
    rows: list[PreservedRow] = []
    if len({order.provenance.directed for order in orders.values()}) > 1:
        raise OptionError("some of the orders are of directed graphs; expected all of them or none")
    for name, order in orders.items():
        whole = TypedGraph.from_any(data, directed=order.provenance.directed)
        order.check_made_for(order.graph_of(data))
        check_work(len(partitions) * len(orders) * len(steps), whole, depth)
        before = _values(whole, partitions, depth, width, dim)
        for fraction in steps:
            count = num_edges_to_remove(order.num_edges, remove=float(fraction), noun=order.noun)
            if count > len(order):
                continue
            cut = order.apply(data, remove=count)
            graph = TypedGraph.from_any(cut, directed=order.provenance.directed)
            after = _values(graph, partitions, depth, width, dim)
            means, least = _ratios(after, before)
            rows.append(PreservedRow(name, fraction, count, means[0], least, means[1], means[2]))
    return rows


def _values(
    graph: TypedGraph, partitions: Partitions, depth: int, width: int, in_dim: int
) -> np.ndarray:
    """Walk index, log cut and lower bound of each partition, float64 [3, number of partitions]."""
    columns = []
    for subset, target in zip(partitions.subsets, partitions.targets, strict=True):
        members = subset.tolist()
        weights = graph.walks_to(depth - 1, target)
        walks = sum(weights[vertex] for vertex in boundary_of(graph, members))
        cut = min_cut(graph, members, depth, width, in_dim=in_dim, target=target)
        lower = lower_bound(
            graph, members, depth, width, in_dim=in_dim, target=target, method="greedy"
        )
        columns.append((float(walks), cut.log_weight, lower.log))
    return np.array(columns).reshape(-1, 3).T


def _ratios(after: np.ndarray, before: np.ndarray) -> tuple[list[float], float]:
    """Means of after by before for each kind of value, and the least for the walk index."""
    means, least = [], math.nan
    for kind, (new, old) in enumerate(zip(after, before, strict=True)):
        counted = old > 0
        ratios = new[counted] / old[counted]
        means.append(float(ratios.mean()) if ratios.size else math.nan)
        if kind == 0 and ratios.size:
            least = float(ratios.min())
    return means, least


def check_work(cuts: int, graph: TypedGraph, depth: int) -> None:
    """Refuse what would take many minutes.

    Args:
        cuts: Number of partitions times that of cuts of all orders.
        graph: The graph.
        depth: Number L of layers.

    Raises:
        OptionError: It is more than `MAX_WORK`.
    """
    work = cuts * depth * graph.arcs.size(1)
    if work > MAX_WORK:
        raise OptionError(
            f"{cuts} partitions and cuts of a graph with {graph.arcs.size(1)} arcs would take "
            f"{work / MAX_WORK:.1f} times the longest allowed; take fewer partitions, such as "
            f"communities:number=10 or cuts:number=8"
        )
