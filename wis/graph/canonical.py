"""The graphs that every method works on, undirected and directed.

PyTorch Geometric stores arcs: columns of `edge_index`, in any order, perhaps one-way, repeated, or
loops. The thesis sparsifies edges: unordered pairs of different vertices (Section 5.2.1, where
every vertex has exactly one self-loop that is never removed). `UndirectedGraph` connects the two.
It holds the edges in one canonical order, so that nothing depends on the order of the arcs. It
knows the edge of each arc, so that an edge is removed with all its arcs.

In `DirectedGraph` (Appendix D.2) the edges are the distinct arcs: (u, v) and (v, u) are two edges,
each removed without the other. Everything else is the same and is in `CanonicalGraph`.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from wis.base.arrays import searchsorted, select, sort_in_place
from wis.errors import GraphFormatError, OptionError
from wis.graph.holders import is_held, opened
from wis.graph.stores import (
    check_is_graph,
    checked_arcs,
    checked_num_nodes,
    node_ranges,
    offset_arcs,
    stated_size,
    store_name,
)
from wis.graph.stores import edge_stores as edge_stores

LOOKED_UP_AT_ONCE = 1 << 18
"""Pairs whose edges are looked up at once on a CPU, which bounds the working memory."""

MAX_NUM_NODES = 3_037_000_499  # u * n + v must fit in int64


@dataclass(frozen=True, eq=False)
class CanonicalGraph(ABC):
    """The edges of a graph in canonical order, and the arcs that they came from.

    Attributes:
        num_nodes: Number n of vertices; ids run from 0 to n - 1. For a HeteroData, the vertices of
            all types in the order of `node_types`.
        edges: int64 tensor of shape [2, m], no repeats, columns sorted by (u, v). The position of a
            column is its edge id.
        arcs: int64 tensors of shape [2, num_arcs], one for each edge store, vertex ids as in
            `edges`.
    """

    num_nodes: int
    edges: Tensor
    arcs: tuple[Tensor, ...] = ()

    directed: ClassVar[bool]
    noun: ClassVar[str]
    """The word for one of its edges in messages."""
    _prefix: ClassVar[str]

    @staticmethod
    @abstractmethod
    def _keys(pairs: Tensor, num_nodes: int) -> Tensor:
        """One int64 per pair, the same for pairs that are one edge, in the order of the list."""

    @property
    def num_edges(self) -> int:
        """Number m of edges."""
        return self.edges.size(1)

    @property
    def num_arcs(self) -> int:
        """Number of columns of `edge_index`, over all edge types."""
        return sum(arcs.size(1) for arcs in self.arcs)

    @property
    def device(self) -> torch.device:
        """The device of the edges."""
        return self.edges.device

    @cached_property
    def arc_to_edge(self) -> tuple[Tensor, ...]:
        """For each edge store the edge id of each arc, int64 [num_arcs]; -1 for a loop."""
        return tuple(self.edge_ids(arcs) for arcs in self.arcs)

    @cached_property
    def fingerprint(self) -> str:
        """Hexadecimal digest of n and the canonical edges, the same on any machine."""
        digest = hashlib.sha256(f"{self._prefix} {self.num_nodes} {self.num_edges} ".encode())
        for endpoint in self.edges.cpu():
            digest.update(np.ascontiguousarray(endpoint.numpy(), dtype="<i8").data)
        return digest.hexdigest()[:32]

    def edge_ids(self, pairs: Tensor) -> Tensor:
        """Look up edges by their endpoints.

        Args:
            pairs: int64 tensor of shape [2, k]. Either endpoint may come first in an undirected
                graph; in a directed one a pair is an arc from the first to the second.

        Returns:
            int64 tensor of shape [k]: edge ids, -1 where the graph has no such edge (or u = v).
            Costs O(k log m).
        """
        if self.num_edges == 0:
            return torch.full((pairs.size(1),), -1, dtype=torch.int64, device=pairs.device)
        step = LOOKED_UP_AT_ONCE if pairs.device.type == "cpu" else max(pairs.size(1), 1)
        starts = range(0, max(pairs.size(1), 1), step)
        return torch.cat([self._edge_ids(pairs[:, first : first + step]) for first in starts])

    def arcs_kept(self, removed: Tensor, arcs: np.ndarray) -> Tensor:
        """`kept_arcs` for arcs, integers [2, num_arcs]; takes little memory beside the result."""
        starts = range(0, max(arcs.shape[1], 1), LOOKED_UP_AT_ONCE)
        parts = (torch.from_numpy(arcs[:, start : start + LOOKED_UP_AT_ONCE]) for start in starts)
        return torch.cat([kept_arcs(removed, self.edge_ids(part.long())) for part in parts])

    def _edge_ids(self, pairs: Tensor) -> Tensor:
        keys = self._keys(pairs, self.num_nodes)
        position = searchsorted(self._sorted_keys, keys).clamp_(max=self.num_edges - 1)
        return torch.where(self._sorted_keys[position] == keys, position, -1)

    @cached_property
    def _sorted_keys(self) -> Tensor:
        return self.edges[0].mul(self.num_nodes).add_(self.edges[1])

    def to(self, device: torch.device | str) -> Self:
        """The same graph on another device."""
        arcs = tuple(arcs.to(device) for arcs in self.arcs)
        return type(self)(self.num_nodes, self.edges.to(device), arcs)

    def without_isolated(self) -> Self:
        """The same edges, by their ids, between vertices that are numbered anew, in their order.

        For methods by walks, which need not hold isolated vertices in memory: such a vertex is on
        no walk but those along its own self-loop and its boundary is empty, so its walk index is 0
        with and without any edge.

        Returns:
            A graph without `arcs`, or the graph itself where fewer vertices are isolated than there
            are edges, since the copy of the edges would take more than the vertices do.

        Cost: O(n + m); 5 bytes for a vertex and 24 for an edge.
        """
        n, m = self.num_nodes, self.num_edges
        if n <= m:
            return self
        has_edge = torch.zeros(n, dtype=torch.bool, device=self.device)
        for end in self.edges:
            has_edge[end] = True
        num_left = int(has_edge.sum())
        if n - num_left < m:
            return self
        number = has_edge.cumsum(0, dtype=torch.int32 if n < 2**31 else torch.int64).sub_(1)
        return type(self)(num_left, number[self.edges].to(torch.int64))

    @classmethod
    def empty(cls) -> Self:
        """The graph without vertices."""
        return cls(0, torch.empty((2, 0), dtype=torch.int64, device="cpu"))

    @classmethod
    def from_any(cls, graph: Any, num_nodes: int | None = None) -> Self:
        """Canonicalise a graph in any form that wis takes.

        Args:
            graph: A `Data`, a `HeteroData` (walk indices are those of the union of its edge types),
                an integer tensor of shape [2, num_arcs], an object of another kind
                (`wis.graph.holders`), or a canonical graph, which is returned as it is if it is of
                this class.
            num_nodes: Number of vertices, for a bare `edge_index` only; the largest id + 1 if not
                given.

        Raises:
            GraphFormatError: The object is not a graph: wrong shape or dtype, ids that are negative
                or not below `num_nodes`.
            OptionError: `num_nodes` is given for an object that states its own, or a canonical
                graph of the other class has edges but no arcs.

        Cost: one sort of the arcs.
        """
        graph = opened(graph, num_nodes)
        if isinstance(graph, Tensor):
            return cls.from_arcs([graph], stated_size(graph) if num_nodes is None else num_nodes)
        if is_held(graph):
            num_nodes = None  # `opened` used it
            graph.check_takes(directed=cls.directed)
        if num_nodes is not None:
            raise OptionError("num_nodes is for a bare edge_index; this graph has its own")
        if isinstance(graph, cls):
            return graph
        if isinstance(graph, CanonicalGraph):
            return cls._from_other(graph)
        check_is_graph(graph)
        stores = edge_stores(graph)
        if not hasattr(graph, "edge_types"):
            checked_arcs(graph.edge_index, None, "edge_index")
        ranges = node_ranges(graph)
        total = sum(size for _, size in ranges.values())
        arcs = [offset_arcs(store, ranges) for store in stores]
        return cls.from_arcs(arcs, total, names=[store_name(store) for store in stores])

    @classmethod
    def from_arcs(
        cls,
        arcs: Iterable[Tensor],
        num_nodes: int | None = None,
        *,
        names: Iterable[str] | None = None,
    ) -> Self:
        """Canonicalise lists of arcs over one set of vertices.

        Args:
            arcs: Integer tensors of shape [2, num_arcs] on one device.
            num_nodes: Number of vertices; the largest id + 1 if not given.
            names: The name of each tensor in errors; ``edge_index`` if not given.

        Raises:
            GraphFormatError: See `from_any`.
        """
        given = list(arcs)
        num_nodes = checked_num_nodes(num_nodes)
        labels = list(names) if names is not None else ["edge_index"] * len(given)
        parts = tuple(
            checked_arcs(part, num_nodes, label) for part, label in zip(given, labels, strict=True)
        )
        if num_nodes is None:
            num_nodes = max((int(part.max()) + 1 for part in parts if part.numel()), default=0)
        if num_nodes > MAX_NUM_NODES:
            raise GraphFormatError(f"{num_nodes} vertices; at most {MAX_NUM_NODES} are supported")
        return cls.of_checked(parts, num_nodes)

    @classmethod
    def of_checked(cls, parts: tuple[Tensor, ...], num_nodes: int) -> Self:
        """`from_arcs` for int64 tensors whose ids were checked when their file was read."""
        return cls(num_nodes, cls._canonical_edges(parts, num_nodes), parts)

    @classmethod
    def _from_other(cls, graph: CanonicalGraph) -> Self:
        if graph.num_edges and not graph.arcs:
            raise OptionError(
                f"this {type(graph).__name__} has edges only and its arcs are needed; make it with "
                f"from_any, or pass the edge_index"
            )
        return cls.from_arcs(graph.arcs, graph.num_nodes)

    @classmethod
    def _canonical_edges(cls, parts: tuple[Tensor, ...], num_nodes: int) -> Tensor:
        device = parts[0].device if parts else torch.device("cpu")
        proper = [select(cls._keys(part, num_nodes), part[0] != part[1]) for part in parts]
        keys = torch.cat(proper) if proper else torch.empty(0, dtype=torch.int64, device=device)
        del proper  # each of these has eight bytes for each arc
        keys = sort_in_place(keys)
        first = torch.ones_like(keys, dtype=torch.bool)
        first[1:] = keys[1:] != keys[:-1]
        keys = keys if bool(first.all()) else keys[first]
        edges = torch.empty((2, keys.numel()), dtype=torch.int64, device=device)
        if keys.numel():
            torch.div(keys, num_nodes, rounding_mode="floor", out=edges[0])
            torch.remainder(keys, num_nodes, out=edges[1])
        return edges


@dataclass(frozen=True, eq=False)
class UndirectedGraph(CanonicalGraph):
    """A graph whose edges are unordered pairs: each column of `edges` has u < v.

    Both arcs of a pair, and all their repeats, are one edge. See `CanonicalGraph`.
    """

    directed: ClassVar[bool] = False
    noun: ClassVar[str] = "edge"
    _prefix: ClassVar[str] = "wis-graph-1"

    @staticmethod
    def _keys(pairs: Tensor, num_nodes: int) -> Tensor:
        low, high = torch.minimum(pairs[0], pairs[1]), torch.maximum(pairs[0], pairs[1])
        return low.mul_(num_nodes).add_(high)

    @cached_property
    def degree(self) -> Tensor:
        """int64 tensor of shape [n]: neighbours of each vertex, itself not counted."""
        return torch.bincount(self.edges.reshape(-1), minlength=self.num_nodes)


@dataclass(frozen=True, eq=False)
class DirectedGraph(CanonicalGraph):
    """A graph whose edges are its distinct arcs from u to v, u != v (Appendix D.2).

    Repeats of an arc are one edge; an arc and its reverse are two. See `CanonicalGraph`.
    """

    directed: ClassVar[bool] = True
    noun: ClassVar[str] = "arc"
    _prefix: ClassVar[str] = "wis-directed-graph-1"

    @staticmethod
    def _keys(pairs: Tensor, num_nodes: int) -> Tensor:
        return pairs[0].mul(num_nodes).add_(pairs[1])

    @cached_property
    def in_degree(self) -> Tensor:
        """int64 tensor of shape [n]: incoming neighbours of each vertex, itself not counted."""
        return torch.bincount(self.edges[1], minlength=self.num_nodes)

    @cached_property
    def out_degree(self) -> Tensor:
        """int64 tensor of shape [n]: outgoing neighbours of each vertex, itself not counted."""
        return torch.bincount(self.edges[0], minlength=self.num_nodes)


def kept_arcs(removed: Tensor, edge_of_arc: Tensor) -> Tensor:
    """Mark the arcs that a cut keeps, bool [num_arcs]: loops, and the arcs of kept edges."""
    if removed.numel() == 0:
        return torch.ones_like(edge_of_arc, dtype=torch.bool)
    return (edge_of_arc < 0) | ~removed[edge_of_arc.clamp(min=0)]


def canonical_graph(
    graph: Any, num_nodes: int | None = None, *, directed: bool = False
) -> UndirectedGraph | DirectedGraph:
    """The `DirectedGraph` of a graph if `directed`, or if it is one; else its `UndirectedGraph`.

    >>> import torch
    >>> arcs = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 2]])  # both arcs of one edge, a loop
    >>> canonical_graph(arcs).edges.tolist(), canonical_graph(arcs, directed=True).num_edges
    ([[0, 1], [1, 2]], 3)

    Args:
        graph: As for `CanonicalGraph.from_any`.
        num_nodes: Number of vertices, for a bare `edge_index` only.
        directed: Whether each distinct arc is an edge of its own.

    Raises:
        GraphFormatError: As for `CanonicalGraph.from_any`.
        OptionError: As for `CanonicalGraph.from_any`; or `directed` is not a truth value.
    """
    if not isinstance(directed, (bool, np.bool_)):
        raise OptionError(f"directed is {directed!r}; expected True or False")
    if directed or isinstance(graph, DirectedGraph):
        return DirectedGraph.from_any(graph, num_nodes)
    return UndirectedGraph.from_any(graph, num_nodes)
