"""The common part of the engines of exact 1-WIS: a graph laid out by degree, and its peeling.

The key of an edge is the pair (smaller, larger) of its endpoints' degrees; keys only ever fall. Let
k run down from the largest smaller degree, and let A_k be the vertices whose *original* degree is
at least k. When level k begins, each vertex of A_k has degree k or more, and each edge left inside
A_k has a smaller degree of exactly k; no edge outside A_k has one that large. So a level concerns
the edges inside A_k alone:

- *heavy* vertices have degree above k; no two of them are adjacent there;
- *light* vertices have degree k; each loses at most one edge during the level, after which it is
  *spent*: its other edges wait for level k - 1.

The greedy rule (Algorithm 2) thus reads: while some heavy vertex has an unspent light neighbour,
the tallest such takes one, becomes one shorter, and spends it; a heavy vertex that comes down to
degree k is light from then on; at last unspent light vertices are matched with each other until no
two unspent ones are adjacent. Which of several equally good edges goes first is left open, and each
engine has its own deterministic rule for that.

Vertices are relabelled by descending degree, so that A_k is the labels below |A_k|, and edges are
sorted by their weaker endpoint's label, so that the edges inside A_k are a prefix.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from wis.base.arrays import sort_in_place, stable_argsort
from wis.graph import UndirectedGraph


@dataclass
class Peeling:
    """A graph laid out by degree, and how far its peeling has come.

    Attributes:
        original: int64 [n], degrees by label, descending; never changes.
        degree: int64 [n], current degrees by label.
        stronger: int32 [m], label of the endpoint with the higher original degree, edges by
            position; n once the edge is removed.
        weaker: int32 [m], label of the other endpoint, ascending.
        edge_id: int64 [m], edge id by position.
        level: The level k that comes next; 0 when no edge is left.
        floor: Levels down to this one are left out: no vertex falls below so many edges.
        vertices_at: int64 [top + 2], size of A_k for each k; its labels are the smaller ones.
        edges_at: int64 [top + 2], number of edges inside A_k for each k; their positions are the
            smaller ones.
        joined: Number of edges that have entered so far, `edges_at` of the last level.
        removed: Ids of the edges removed so far, in order, in pieces.
        num_removed: How many those are.
    """

    original: Tensor
    degree: Tensor
    stronger: Tensor
    weaker: Tensor
    edge_id: Tensor
    level: int
    vertices_at: np.ndarray
    edges_at: np.ndarray
    floor: int = 0
    joined: int = 0
    removed: list[Tensor] = field(default_factory=list)
    num_removed: int = 0

    @classmethod
    def of(cls, graph: UndirectedGraph, degree: Tensor | None = None, floor: int = 0) -> Peeling:
        """Lay a graph out.

        `degree`, int64 [n], is that of the graph if not given. It may be larger: edges that never
        go are no part of the graph here and count in degrees, so in keys, heights and levels.

        Costs two sorts; the layout takes 16 bytes for each edge, and as much again while it is
        sorted.
        """
        n = graph.num_nodes
        original, label = labels_by_degree(graph, degree)
        top = int(original[0]) if n else 0
        a, b = (label.index_select(0, end) for end in graph.edges)
        stronger, weaker = torch.minimum(a, b), torch.maximum(a, b)
        del a, b
        edge_id = stable_argsort(weaker.to(torch.int64).mul_(n).add_(stronger))
        weaker = weaker[edge_id]
        stronger = stronger[edge_id]
        vertices_at = at_least(original, top)
        edges_at = at_least(original[weaker], top)
        level = int(original[weaker[0]]) if graph.num_edges else 0
        return cls(
            original,
            original.clone(),
            stronger,
            weaker,
            edge_id,
            level,
            vertices_at,
            edges_at,
            floor,
        )

    def next_entry(self) -> int:
        """The highest level at which an edge enters that has not entered yet."""
        return int(self.original[self.weaker[self.joined]])

    def record(self, positions: Tensor) -> None:
        """Append edges to the order, given by position."""
        self.removed.append(self.edge_id[positions])
        self.stronger[positions] = self.degree.numel()
        self.num_removed += positions.numel()

    def result(self, count: int) -> Tensor:
        """The first `count` edge ids of the order."""
        if not self.removed:
            return self.edge_id[:0]
        return torch.cat(self.removed)[:count]


def labels_by_degree(graph: UndirectedGraph, degree: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Degrees in falling order, int64 [n], and the place of each vertex among them, int32 [n].

    Of equal degrees the smaller vertex id comes first; `degree` is that of the graph if not given.
    """
    n, degree = graph.num_nodes, graph.degree if degree is None else degree
    ids = torch.arange(n, device=graph.device)
    top = int(degree.max()) if n else 0
    vertex = sort_in_place((top - degree) * n + ids) % max(n, 1)
    label = torch.empty(n, dtype=torch.int32, device=graph.device)
    label[vertex] = ids.to(torch.int32)
    return degree[vertex], label


def at_least(values: Tensor, top: int) -> np.ndarray:
    """How many of `values` are at least k, for k = 0 ... top + 1."""
    counts = torch.bincount(values, minlength=top + 2)
    return counts.flip(0).cumsum(0).flip(0).cpu().numpy()
