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

from wis.base.arrays import AT_ONCE, parts, select, sort_in_place, stable_argsort, where
from wis.base.checks import checked_factor
from wis.base.progress import Progress
from wis.graph import UndirectedGraph
from wis.methods.guard import Guard
from wis.methods.one_wis.guarded import free_edges
from wis.methods.one_wis.levels import at_least, labels_by_degree
from wis.methods.one_wis.relaxed_rule import (
    BITS,
    MASK,
    degree_class,
    edge_class,
    edge_hash,
    hash_order,
    match,
    threshold,
)

CLASSES = 64
PARTS = 8


def relaxed_order(
    graph: UndirectedGraph,
    epsilon: float,
    count: int,
    seed: int,
    progress: Progress,
    guard: Guard | None = None,
) -> Tensor:
    """The removal order of relaxed 1-WIS.

    Args:
        graph: The graph; the work is done on its device.
        epsilon: How far below the best an edge may be, more than 0; 0 keeps the smaller degree to
            that of the exact rule and the larger one only to its class.
        count: Length of the order; a shorter one is the beginning of the whole one.
        seed: Seed of the priorities.
        progress: Called with the number of edges removed.
        guard: Which edges may go; all if not given. No threshold is at or below its least degree.
            An edge that would disconnect its component at its turn in a phase is refused, and
            leaves the budgets of its ends to the edges after it.

    Returns:
        int64 tensor of shape [count], shorter if no more may go, on the graph's device.

    Cost: about log(largest degree) / log(1 + epsilon) phases, each a sort of the edges that have
    entered and are left, and the rounds of `wis.methods.one_wis.relaxed_rule.match`; some 60 bytes
    for an edge.
    """
    free, candidates = (graph, None) if guard is None else free_edges(graph, guard)
    layout = _Layout.of(free, seed, graph.degree)
    if candidates is not None:
        layout.edge_id = candidates[layout.edge_id.long()]
    floor = 0 if guard is None else guard.min_degree
    factor = checked_factor(epsilon)
    pieces = [layout.entering[:0]]
    live = layout.entering[:0]
    joined = done = 0
    k = layout.next_level(joined)
    while done < count and k > floor:
        t = max(threshold(k, factor), floor + 1)
        end = int(layout.num_edges[t])
        if end > joined:
            live = sort_in_place(torch.cat([live, layout.entering[joined:end]]))
            joined = end
        taken, live = layout.peel(live, t, guard)
        pieces.append(taken.to(live.dtype))
        done += taken.numel()
        k = t - 1 if live.numel() else layout.next_level(joined)
        progress(min(done, count))
    edge_id = layout.edge_id
    del layout, live  # the arrays of edges, before the result is made
    return edge_id.index_select(0, torch.cat(pieces)[:count]).long()


@dataclass
class _Layout:
    """A graph laid out for the phases.

    The integers of edges are int32 if there are fewer than 2^31.

    Attributes:
        original: int64 [n], degrees by label, descending; never changes.
        degree: int32 [n], current degrees by label.
        ends: int32 [m, 2], the labels of each edge, edges by rising hash.
        edge_id: [m], edge ids by rising hash.
        entering: [m], edges (positions in the arrays above) in the order of their entry.
        num_vertices: int64 [top + 2], for each threshold t the size of A_t, the vertices of
            original degree t or more.
        num_edges: int64 [top + 2], for each t the number of edges inside A_t, which are the first
            ones of `entering`.
    """

    original: Tensor
    degree: Tensor
    ends: Tensor
    edge_id: Tensor
    entering: Tensor
    num_vertices: np.ndarray
    num_edges: np.ndarray

    @classmethod
    def of(cls, graph: UndirectedGraph, seed: int, degree: Tensor) -> _Layout:
        original, label = labels_by_degree(graph, degree)
        top = int(original[0]) if graph.num_nodes else 0
        integer = torch.int32 if graph.num_edges < 1 << 31 else torch.int64
        edge_id = hash_order(edge_hash(graph.edges[0], graph.edges[1], seed)).to(integer)
        weaker, other = (label.index_select(0, end) for end in graph.edges)
        weaker = torch.maximum(weaker, other, out=other).index_select(0, edge_id)
        del other
        num_vertices = at_least(original, top)
        num_edges = torch.bincount(weaker, minlength=graph.num_nodes).cumsum(0)
        inside = np.append(0, num_edges.cpu().numpy())[num_vertices]
        entering = _by_rising(weaker, num_edges, integer)
        del weaker
        ends = torch.empty((graph.num_edges, 2), dtype=torch.int32, device=graph.device)
        for part in parts(edge_id, AT_ONCE):
            ends[part] = label[graph.edges[:, edge_id[part].long()]].t()
        return cls(original, original.int(), ends, edge_id, entering, num_vertices, inside)

    def next_level(self, joined: int) -> int:
        """The largest smaller degree of the edges that have not entered; 0 if all have."""
        if joined == self.entering.numel():
            return 0
        return int(self.original[self.ends[self.entering[joined]].max()])

    def peel(self, live: Tensor, t: int, guard: Guard | None) -> tuple[Tensor, Tensor]:
        """Run a phase: the edges that it takes of these by priority, and those left as they are."""
        degree = self.degree[: int(self.num_vertices[t])]
        budget = degree - (t - 1)
        ends = self.ends.view(torch.int64).view(-1).index_select(0, live)
        ends = ends.view(torch.int32).view(-1, 2)
        kinds = edge_class(degree_class(degree), ends)
        goes = match(ends, budget, kinds)
        taken = self._by_priority(live, kinds, goes)
        left = ~goes
        if guard is not None and not guard.remove_together(self._ids(taken)):
            by_priority = self._by_priority(live, kinds, torch.ones_like(goes))
            budget = degree - (t - 1)
            taken = self._taken_one_by_one(by_priority, budget, guard)
            left = torch.from_numpy(guard.open[self._ids(live)]).to(live.device)
        degree.copy_(budget.add_(t - 1))
        return taken, select(live, left)

    def _ids(self, positions: Tensor) -> np.ndarray:
        """Edge ids of positions."""
        return self.edge_id[positions.long()].cpu().numpy()

    def _by_priority(self, live: Tensor, kinds: Tensor, chosen: Tensor) -> Tensor:
        """The chosen edges by falling class and then by rising hash."""
        keys = (CLASSES - select(kinds, chosen).long()).bitwise_left_shift_(BITS)
        keys |= select(live, chosen)
        return sort_in_place(keys).bitwise_and_(MASK)

    def _taken_one_by_one(self, edges: Tensor, budget: Tensor, guard: Guard) -> Tensor:
        """Those of the edges that may go and have a budget at both ends; charges the budgets."""
        rest, goes = budget.tolist(), []
        for (u, v), edge in zip(self.ends[edges].tolist(), self._ids(edges).tolist(), strict=True):
            goes.append(rest[u] > 0 and rest[v] > 0 and guard.removes(edge))
            rest[u] -= goes[-1]
            rest[v] -= goes[-1]
        budget.copy_(torch.tensor(rest, device="cpu"))
        return select(edges, torch.tensor(goes, device=edges.device))


def _by_rising(labels: Tensor, ends: Tensor, integer: torch.dtype) -> Tensor:
    """Positions by rising label, equal ones as they stand; `ends`, for each label the last's place.

    A part of the labels at a time on a CPU: the temporary arrays have 8 bytes for a position.
    """
    size, num_parts = labels.numel(), PARTS if labels.device.type == "cpu" else 1
    found = torch.empty(size, dtype=integer, device=labels.device)
    low = done = 0
    for part in range(1, num_parts + 1):
        high = int(torch.searchsorted(ends, part * size // num_parts)) + 1
        places = where((labels >= low).logical_and_(labels < high))
        found[done : done + places.numel()] = places[stable_argsort(labels[places])]
        low, done = high, done + places.numel()
    return found
