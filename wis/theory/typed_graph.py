"""Graphs for the theory: every vertex has a self-loop, and every arc has one type.

Appendix D.2 describes a graph by its arcs (j, i), along which messages go from j to i, and by a map
from arcs to types. An undirected graph (Section 5.2.1) is the case in which every arc has its
reverse. Data are converted by these rules:

- Undirected is the default, as everywhere in wis. If an arc has no reverse, a reverse of the same
  type is added. If both are given, each keeps its type.
- A given self-loop keeps its type. A missing one gets the only type of a graph without edge types
  (Equation (5.2) treats it like any neighbour). In a graph with edge types, missing self-loops get
  a type of their own (Section 5.3 distinguishes self-loops from other edges).
- Repeated arcs are merged. Two arcs from j to i of different types are an error, because the map of
  the thesis gives each arc one type.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wis.base.checks import checked_integer
from wis.errors import GraphFormatError, OptionError
from wis.graph import CanonicalGraph, canonical_graph
from wis.graph.edge_types import EDGE_TYPE, types_of_arcs
from wis.graph.walks import checked_vertex, checked_vertices

if TYPE_CHECKING:
    from torch_geometric.data import Data, HeteroData

Ints = NDArray[np.int64]
LOOP = "self-loop"
ONLY = "edge"


@dataclass(frozen=True, eq=False)
class TypedGraph:
    """Vertices, arcs with all self-loops, and the type of each arc.

    >>> from wis.datasets import load
    >>> graph = TypedGraph.from_any(load("karate"))
    >>> graph.num_nodes, graph.arcs.size(1), graph.type_names
    (34, 190, ('edge',))

    Attributes:
        arcs: int64 tensor of shape [2, k], tails in row 0 and heads in row 1, distinct, sorted by
            (head, tail), so that the incoming neighbours N_in(i) of a vertex are contiguous and
            ascending.
        types: int64 tensor of shape [k], values in 0 ... num_types - 1.
        directed: Whether the graph is directed; if not, every arc has its reverse.
    """

    num_nodes: int
    arcs: Tensor
    types: Tensor
    type_names: tuple[str, ...]
    directed: bool

    @property
    def num_types(self) -> int:
        """Number Q of edge types, at least 1."""
        return len(self.type_names)

    @cached_property
    def first_arc(self) -> Ints:
        """int64 [n + 1]: the arcs into vertex i are those from first_arc[i] to first_arc[i + 1]."""
        counts = np.bincount(self.arcs[1].numpy(), minlength=self.num_nodes)
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    @cached_property
    def edge_index(self) -> Tensor:
        """The arcs without self-loops, int64 [2, k - n], for functions that take a PyG graph."""
        return self.arcs[:, self.arcs[0] != self.arcs[1]]

    @cached_property
    def in_neighbours(self) -> list[list[int]]:
        """N_in(i) of each vertex, ascending, with i; equal to N(i) in an undirected graph."""
        tails, first = self.arcs[0].tolist(), self.first_arc.tolist()
        return [tails[start:stop] for start, stop in itertools.pairwise(first)]

    @cached_property
    def out_neighbours(self) -> list[list[int]]:
        """N_out(i) of each vertex, ascending, with i."""
        found: list[list[int]] = [[] for _ in range(self.num_nodes)]
        for tail, head in self.arcs.t().tolist():
            found[tail].append(head)
        return found

    def walks_to(self, length: int, target: int | None) -> list[int]:
        """Number of walks from each vertex, rho_l({i}, V), or to a target, rho_l({i}, {t}).

        Args:
            length: Number of steps, at least 0.
            target: Vertex t, None for all of V.

        Returns:
            n exact Python integers. Cost: O(length · k) additions of Python integers.
        """
        *_, last = self.walks_up_to(length, target)
        return last

    def walks_up_to(self, length: int, target: int | None) -> Iterator[list[int]]:
        """`walks_to` for every length from 0 to this one, at the cost of the last alone."""
        counts = np.array([int(target in (None, i)) for i in range(self.num_nodes)], dtype=object)
        by_tail = np.lexsort((self.arcs[1].numpy(), self.arcs[0].numpy()))
        tails, heads = self.arcs.numpy()[:, by_tail]
        first = np.searchsorted(tails, np.arange(self.num_nodes))
        yield [int(count) for count in counts]
        for _ in range(length):
            counts = np.add.reduceat(counts[heads], first) if self.num_nodes else counts
            yield [int(count) for count in counts]

    def sum_over_in_neighbours(self, values: NDArray[Any]) -> NDArray[Any]:
        """For each vertex the sum of a value of shape [n, ...] over its incoming neighbours."""
        return np.add.reduceat(values[self.arcs[0].numpy()], self.first_arc[:-1], axis=0)

    @classmethod
    def from_any(
        cls,
        data: Data | HeteroData | Tensor | CanonicalGraph | TypedGraph,
        num_nodes: int | None = None,
        *,
        directed: bool = False,
    ) -> TypedGraph:
        """Read a graph.

        Args:
            data: A PyG `Data` (types from an integer `edge_type`, if there is one), a `HeteroData`
                (its edge types), an `edge_index`, a canonical graph, or a `TypedGraph`, which is
                returned unchanged.
            num_nodes: Number of vertices, for a bare `edge_index` only.
            directed: Keep the directions of the arcs.

        Raises:
            GraphFormatError: `data` is not a graph, or an arc has two types.
            OptionError: See `wis.graph.canonical_graph`; or `directed` contradicts a `TypedGraph`.

        Cost: one sort of the arcs.
        """
        if isinstance(data, TypedGraph):
            if directed and not data.directed:
                raise OptionError("directed is for data; this TypedGraph was read as undirected")
            return data
        graph = canonical_graph(data, num_nodes, directed=directed)
        if not hasattr(data, "edge_types") and not _has_edge_type(data):
            return cls._of_types(graph, graph.edges.cpu(), None, [ONLY])
        types, names = types_of_arcs(data, graph)
        none = torch.empty((2, 0), dtype=torch.int64, device="cpu")
        return cls._of_types(
            graph, torch.cat([none, *(part.cpu() for part in graph.arcs)], dim=1), types, names
        )

    @classmethod
    def _of_types(
        cls, graph: CanonicalGraph, arcs: Tensor, types: Tensor | None, names: list[str]
    ) -> TypedGraph:
        """Add the missing reverses and self-loops; an arc (j, i) has the sort key i · n + j."""
        n = graph.num_nodes
        kinds = torch.zeros(arcs.size(1), dtype=torch.int64, device="cpu")
        kinds = kinds if types is None else types
        keys, kind = _distinct(arcs[1].numpy() * n + arcs[0].numpy(), kinds.numpy(), n, names)
        if not graph.directed:
            keys, kind = _with(keys, kind, keys % max(n, 1) * n + keys // max(n, 1), kind)
        loops = np.arange(n, dtype=np.int64) * (n + 1)
        loop_type, known = 0, list(names)
        if types is not None and not np.isin(loops, keys).all():
            loop_type, known = len(names), [*names, LOOP]
        keys, kind = _with(keys, kind, loops, np.full(n, loop_type, dtype=np.int64))
        pairs = np.stack([keys % max(n, 1), keys // max(n, 1)])
        return cls(n, torch.from_numpy(pairs), torch.from_numpy(kind), tuple(known), graph.directed)


def check_members(name: str, given: Iterable[int] | Tensor, num_nodes: int) -> list[int]:
    """Ids of distinct vertices, ascending; raises `OptionError` for invalid or repeated ids."""
    return sorted(checked_vertices(name, given, num_nodes).tolist())


def check_target(target: int | None, num_nodes: int) -> int | None:
    """A vertex id, or None for graph prediction; raises `OptionError` for an invalid id."""
    return None if target is None else checked_vertex("target", target, num_nodes)


def check_size(name: str, value: Any) -> int:
    """A depth, width or dimension; raises `OptionError` unless it is an integer of at least 1."""
    return checked_integer(name, value, 1, expected="an integer of at least 1")


def _has_edge_type(data: Any) -> bool:
    return hasattr(data, "edge_stores") and data.get(EDGE_TYPE) is not None


def _distinct(keys: Ints, kinds: Ints, n: int, names: list[str]) -> tuple[Ints, Ints]:
    """Each arc once, sorted, with its type."""
    order = np.lexsort((kinds, keys))
    keys, kinds = keys[order], kinds[order]
    again = keys[1:] == keys[:-1]
    torn = np.flatnonzero(again & (kinds[1:] != kinds[:-1]))
    if torn.size:
        at = torn[0]
        raise GraphFormatError(
            f"the arc from {keys[at] % n} to {keys[at] // n} has the types {names[kinds[at]]} and "
            f"{names[kinds[at + 1]]}; Appendix D.2 gives each arc one type: merge or drop one"
        )
    first = np.concatenate([[True], ~again]) if keys.size else np.zeros(0, dtype=bool)
    return keys[first], kinds[first]


def _with(keys: Ints, kinds: Ints, more: Ints, more_kinds: Ints) -> tuple[Ints, Ints]:
    """Add the arcs that are missing, and sort."""
    new = ~np.isin(more, keys)
    keys, kinds = np.concatenate([keys, more[new]]), np.concatenate([kinds, more_kinds[new]])
    order = np.argsort(keys)
    return keys[order], kinds[order]
