"""Relaxed 1-WIS in memory, by tensor operations on any device; see `relaxed_rule`.

Vertices are relabelled by falling degree and edges put in the order of their hashes. The vertices
that take part in a phase with threshold t are those whose *original* degree is t or more: a vertex
that lost edges was brought to t' - 1 >= t at most, t' being the threshold before. So they are the
first labels, the edges between them enter one after the other, and an edge that has entered is
looked at in each phase until it goes. Whether one is left after a phase says what k is then: t - 1,
as it has an end with its budget spent; otherwise the next edge to enter decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wis.base.arrays import sort_values, stable_argsort
from wis.base.checks import checked_factor
from wis.base.progress import Progress
from wis.graph import UndirectedGraph
from wis.methods.one_wis.levels import at_least, labels_by_degree
from wis.methods.one_wis.relaxed_rule import (
    BITS,
    MASK,
    degree_class,
    edge_hash,
    hash_order,
    match,
    threshold,
)

CLASSES = 64


def relaxed_order(
    graph: UndirectedGraph, epsilon: float, count: int, seed: int, progress: Progress
) -> Tensor:
    """The removal order of relaxed 1-WIS.

    Args:
        graph: The graph; the work is done on its device.
        epsilon: How far below the best an edge may be, more than 0; 0 keeps the smaller degree to
            that of the exact rule and the larger one only to its class.
        count: Length of the order; a shorter one is the beginning of the whole one.
        seed: Seed of the priorities.
        progress: Called with the number of edges removed.

    Returns:
        int64 tensor of shape [count] on the graph's device.

    Cost: about log(largest degree) / log(1 + epsilon) phases, each a sort of the edges that have
    entered and are left, and the rounds of `wis.methods.one_wis.relaxed_rule.match`; some 60 bytes
    for an edge.
    """
    layout = _Layout.of(graph, seed)
    factor = checked_factor(epsilon)
    pieces: list[Tensor] = []
    live = layout.entering[:0]
    joined = done = 0
    k = layout.next_level(joined)
    while done < count:
        t = threshold(k, factor)
        end = int(layout.num_edges[t])
        live = layout.by_priority(torch.cat([live, layout.entering[joined:end]]), t)
        joined = end
        taken = layout.peel(live, t)
        pieces.append(live[taken])
        done += pieces[-1].numel()
        live = live[~taken]
        k = t - 1 if live.numel() else layout.next_level(joined)
        progress(min(done, count))
    positions = torch.cat(pieces)[:count] if pieces else live
    return layout.edge_id[positions]


@dataclass
class _Layout:
    """A graph laid out for the phases.

    Attributes:
        original: int64 [n], degrees by label, descending; never changes.
        degree: int64 [n], current degrees by label.
        stronger: int32 [m], the smaller label of each edge, edges by rising hash.
        weaker: int32 [m], the larger one.
        edge_id: int64 [m], edge ids by rising hash.
        entering: int64 [m], edges (positions in the arrays above) in the order of their entry.
        num_vertices: int64 [top + 2], for each threshold t the size of A_t, the vertices of
            original degree t or more.
        num_edges: int64 [top + 2], for each t the number of edges inside A_t, which are the first
            ones of `entering`.
    """

    original: Tensor
    degree: Tensor
    stronger: Tensor
    weaker: Tensor
    edge_id: Tensor
    entering: Tensor
    num_vertices: np.ndarray
    num_edges: np.ndarray

    @classmethod
    def of(cls, graph: UndirectedGraph, seed: int) -> _Layout:
        original, label = labels_by_degree(graph)
        top = int(original[0]) if graph.num_nodes else 0
        edge_id = hash_order(edge_hash(graph.edges[0], graph.edges[1], seed))
        u, v = (label[end.index_select(0, edge_id)] for end in graph.edges)
        stronger, weaker = torch.minimum(u, v), torch.maximum(u, v)
        del u, v
        entering = stable_argsort(top - original[weaker])
        num_edges = at_least(original[weaker], top)
        num_vertices = at_least(original, top)
        return cls(
            original,
            original.clone(),
            stronger,
            weaker,
            edge_id,
            entering,
            num_vertices,
            num_edges,
        )

    def next_level(self, joined: int) -> int:
        """The largest smaller degree of the edges that have not entered; 0 if all have."""
        if joined == self.entering.numel():
            return 0
        return int(self.original[self.weaker[self.entering[joined]]])

    def by_priority(self, positions: Tensor, t: int) -> Tensor:
        """The same edges by falling priority: class of the larger degree, then hash."""
        kind = degree_class(self.degree[: int(self.num_vertices[t])])
        edge_kind = torch.maximum(
            kind.index_select(0, self.stronger[positions]),
            kind.index_select(0, self.weaker[positions]),
        )
        keys = edge_kind.neg_().add_(CLASSES).bitwise_left_shift_(BITS).bitwise_or_(positions)
        return sort_values(keys).bitwise_and_(MASK)

    def peel(self, positions: Tensor, t: int) -> Tensor:
        """The edges that the phase takes of these, as bool, shaped like `positions`."""
        degree = self.degree[: int(self.num_vertices[t])]
        budget = degree - (t - 1)
        left = budget.clone()
        taken = match(self.stronger[positions].long(), self.weaker[positions].long(), left)
        degree -= budget - left
        return taken
