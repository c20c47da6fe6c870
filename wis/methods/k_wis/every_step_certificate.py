"""The certificate of ``wis`` at every step of an order, for walks of any length.

To look at all edges anew at each step, as `wis.methods.k_wis.certificate` does for a sample,
takes hours where there are thousands. Here an edge is looked at again only when that could matter:

1. *What the loss of an edge does* is the list of vertices whose walk index it lowers, with the old
   and the new values. The tuples of two edges agree but for these, and of the values that they do
   not hold equally often the smallest decides. So edges are compared by their *codes*: for each
   value, ascending, whether there are more or fewer entries of it, and how many. Comparing codes
   number by number is comparing sorted tuples (`code_of`).
2. *When a code can change.* It does only if an edge that goes lowers the walk index of one of these
   vertices. The vertices whose walk index hangs on an edge become fewer as others go, but for the
   ends of the edge itself, so that one list for each vertex, of the edges that it may have to do
   with, serves all steps.
3. *When that matters.* Each end of an undirected edge loses walks when the edge goes, and what the
   loss would leave there only falls as other edges go. So the smallest value in its code is at most
   the smaller one of what it left at its ends when it was last looked at: a bound, from above, on
   how good it can have become. Only if that beats the edge that went is it looked at again. A
   directed graph has no such bound: an arc of which no walk makes use costs nothing.

Nothing is shared with the engines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from wis.base.progress import Progress, silent
from wis.graph import CanonicalGraph
from wis.methods.certificates import Fault, first_of, first_tie_out_of_place
from wis.methods.k_wis.certificate_walks import EDGES_AT_A_TIME, WalksByProducts

Ints = NDArray[np.int64]
Code = tuple[int, ...]
COMPACT_EVERY = 256
"""Edges that go before the matrix leaves its explicit zeros out: a copy of it, so not each time."""


def first_fault(
    graph: CanonicalGraph,
    edge_ids: Ints,
    depth: int,
    batch_size: int,
    progress: Progress = silent,
) -> Fault | None:
    """The first wrong step of an order, or of the beginning of one; None if there is none.

    Args:
        graph: The graph.
        edge_ids: int64 [count], distinct edge ids, first removed first.
        depth: L.
        batch_size: How many edges go at a time.
        progress: Told the number of steps that are checked.

    Cost: for each step the products of `wis.methods.k_wis.certificate_walks` for the edges looked
        at again, some milliseconds, or for L = 3 of an undirected graph sets of common neighbours,
        a fraction of one; memory for the vertices that each edge has to do with.
    """
    state = _State(graph, depth)
    for start in range(0, edge_ids.size, batch_size):
        batch = edge_ids[start : start + batch_size].tolist()
        fault = state.fault_in(batch)
        if fault is not None:
            return Fault(start + fault.step, fault.better, fault.is_tie)
        state.remove(batch)
        progress(min(start + batch_size, edge_ids.size))
    return None


def code_of(new: Iterable[int], old: Iterable[int]) -> Code:
    """The code of an edge whose loss replaces some values by others; a smaller code is better.

    Three numbers for each value that the tuple then holds more or less often than before, by
    rising value, and one for the end. At the first difference:

    - more entries of a small value are worse: 1, -value, how many;
    - fewer of them are better: -1, value, minus how many;
    - the end, 0, is in between: no entry is more or less from there on.
    """
    change = Counter(new)
    change.subtract(old)
    code: list[int] = []
    for value in sorted(value for value, number in change.items() if number):
        code += (1, -value, change[value]) if change[value] > 0 else (-1, value, change[value])
    return (*code, 0)


class _Walks(Protocol):
    """Walk indices as edges go."""

    @property
    def value(self) -> Ints:
        """The walk index of each vertex."""

    def losses(self, ids: Ints) -> tuple[Ints, Ints, Ints]:
        """Row in `ids`, vertex, and by how much the loss of that edge lowers its walk index."""

    def remove(self, batch: list[int]) -> Ints:
        """Take edges away; returns the vertices whose walk index that can lower."""


class _State:
    """Codes of edges as others go.

    Attributes:
        code: For each edge its code when last looked at, or the bound on it since it is stale.
        stale: bool [m], whether the code may have changed.
        listed: bool [m], whether the edge has come up in the order.
        heap: (code or bound, edge id): entries whose code is another one by now count no more.
        concerned: By vertex, the edges whose codes may change with its walk index.
    """

    def __init__(self, graph: CanonicalGraph, depth: int) -> None:
        self.edges = graph.edges.cpu().numpy()
        self.directed = graph.directed
        m = self.edges.shape[1]
        self.walks = _walks_of(self.edges, graph.num_nodes, depth, directed=graph.directed)
        self.stale = np.zeros(m, dtype=bool)
        self.listed = np.zeros(m, dtype=bool)
        self.bound = np.zeros(m, dtype=np.int64)
        self.code: list[Code] = [()] * m
        rows: list[Ints] = []
        vertices: list[Ints] = []
        for start in range(0, m, EDGES_AT_A_TIME):
            chunk = np.arange(start, min(start + EDGES_AT_A_TIME, m))
            row, vertex = self._look_at(chunk)
            rows.append(chunk[row])
            vertices.append(vertex)
        self.concerned = _lists(rows, vertices, self.edges, graph.num_nodes)
        self.heap = [(code, edge) for edge, code in enumerate(self.code)]
        heapify(self.heap)

    def fault_in(self, batch: list[int]) -> Fault | None:
        """The first wrong place of a batch, by the graph as it is at its beginning."""
        self._refresh([edge for edge in batch if self.stale[edge]])
        codes = [self.code[edge] for edge in batch]
        fault = None
        for place, edge in enumerate(batch):
            better = self._better_than(codes[place])
            if better is not None:
                fault = Fault(place, better)
                break
            self.listed[edge] = True
        return first_of(fault, first_tie_out_of_place(codes, batch))

    def remove(self, batch: list[int]) -> None:
        """Take the edges of a batch away; the codes of others become bounds."""
        changed = self.walks.remove(batch)
        vertices = np.unique(np.concatenate([changed, self.edges[:, batch].reshape(-1)]))
        start, edge = self.concerned
        around = np.concatenate([edge[start[v] : start[v + 1]] for v in vertices.tolist()])
        around = around[~(self.stale[around] | self.listed[around])]
        for stale in np.unique(around).tolist():
            self.stale[stale] = True
            self.code[stale] = () if self.directed else (1, -int(self.bound[stale]))
            heappush(self.heap, (self.code[stale], stale))

    def _better_than(self, code: Code) -> int | None:
        """An edge that is left and not listed with a better code."""
        while True:
            again = []
            while self.heap and self.heap[0][0] < code:
                known, edge = self.heap[0]
                if self.listed[edge] or known != self.code[edge]:
                    heappop(self.heap)
                elif self.stale[edge]:
                    heappop(self.heap)
                    again.append(edge)
                else:
                    return edge
            if not again:
                return None
            self._refresh(again)

    def _refresh(self, ids: list[int]) -> None:
        for start in range(0, len(ids), EDGES_AT_A_TIME):
            self._look_at(np.array(ids[start : start + EDGES_AT_A_TIME]))
        for edge in ids:
            self.stale[edge] = False
            heappush(self.heap, (self.code[edge], edge))

    def _look_at(self, ids: Ints) -> tuple[Ints, Ints]:
        """Find the codes of edges; returns the rows and vertices of what their losses do."""
        row, vertex, loss = self.walks.losses(ids)
        by_row = np.argsort(row, kind="stable")
        row, vertex, loss = row[by_row], vertex[by_row], loss[by_row]
        old = self.walks.value[vertex]
        new = old - loss
        if not self.directed:
            at_end = (vertex == self.edges[0, ids[row]]) | (vertex == self.edges[1, ids[row]])
            least = np.full(ids.size, np.iinfo(np.int64).max)
            np.minimum.at(least, row[at_end], new[at_end])
            self.bound[ids] = least
        starts = np.searchsorted(row, np.arange(ids.size + 1)).tolist()
        new_list, old_list = new.tolist(), old.tolist()
        for place, edge in enumerate(ids.tolist()):
            part = slice(starts[place], starts[place + 1])
            self.code[edge] = code_of(new_list[part], old_list[part])
        return row, vertex


def _lists(
    rows: list[Ints], vertices: list[Ints], edges: Ints, num_nodes: int
) -> tuple[Ints, Ints]:
    """For each vertex the edges that concern it, their ends among these: starts, and edge ids."""
    every = np.arange(edges.shape[1])
    row = np.concatenate([*rows, every, every])
    vertex = np.concatenate([*vertices, edges[0], edges[1]])
    by_vertex = np.argsort(vertex, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(vertex, minlength=num_nodes))])
    return starts, row[by_vertex]


def _walks_of(edges: Ints, num_nodes: int, depth: int, *, directed: bool) -> _Walks:
    if depth == 3 and not directed:
        return _CommonNeighbours(edges, num_nodes)
    return _Products.of(edges, num_nodes, depth, directed=directed)


@dataclass
class _Products:
    """Walks counted by the matrix; an edge that is gone is an explicit zero in it.

    Attributes:
        edges: int64 [2, m].
        left: bool [m].
        walks: The counts for the graph that is left.
        depth: L.
        directed: Whether edges are arcs.
        num_zeros: Edges that are explicit zeros.
    """

    edges: Ints
    left: NDArray[np.bool_]
    walks: WalksByProducts
    depth: int
    directed: bool
    num_zeros: int = 0

    @classmethod
    def of(cls, edges: Ints, num_nodes: int, depth: int, *, directed: bool) -> _Products:
        """Count for all edges."""
        walks = WalksByProducts.of(edges, num_nodes, depth, directed=directed)
        return cls(edges, np.ones(edges.shape[1], dtype=bool), walks, depth, directed)

    @property
    def value(self) -> Ints:
        """The walk index of each vertex."""
        return self.walks.value

    def losses(self, ids: Ints) -> tuple[Ints, Ints, Ints]:
        """See `_Walks`."""
        return self.walks.losses(self.edges[:, ids])

    def remove(self, batch: list[int]) -> Ints:
        """See `_Walks`."""
        walks, (u, v) = self.walks, self.edges[:, batch]
        _, vertex, loss = self.losses(np.array(batch))
        self.left[batch] = False
        _set_to_zero(walks.matrix, u, v)
        if self.directed:
            _set_to_zero(walks.backward, v, u)
            np.subtract.at(walks.entering, v, 1)
        else:
            _set_to_zero(walks.matrix, v, u)
            np.subtract.at(walks.entering, np.concatenate([u, v]), 1)
        if len(batch) == 1:
            walks.value[vertex] -= loss
        else:
            walks.recount(np.unique(np.concatenate([vertex, v])))
        self.num_zeros += len(batch)
        if self.num_zeros >= COMPACT_EVERY:
            self.num_zeros = 0
            walks.matrix.eliminate_zeros()
            walks.backward.eliminate_zeros()
        return vertex


def _set_to_zero(matrix: sparse.csr_array, rows: Ints, columns: Ints) -> None:
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        start, end = matrix.indptr[row], matrix.indptr[row + 1]
        place = start + int(np.searchsorted(matrix.indices[start:end], column))
        matrix.data[place] = 0


class _CommonNeighbours:
    """L = 3: with all self-loops (A^3)_tt = 2·(triangles at t) + 3·(degree of t) + 1.

    It is 0 where t is isolated, whose boundary is empty (Definition 11). The loss of an edge with c
    common neighbours takes c triangles and a neighbour from both ends, and from each of the common
    neighbours one triangle.
    """

    def __init__(self, edges: Ints, num_nodes: int) -> None:
        self.ends: list[tuple[int, int]] = list(zip(*edges.tolist(), strict=True))
        self.around: list[set[int]] = [set() for _ in range(num_nodes)]
        for i, j in self.ends:
            self.around[i].add(j)
            self.around[j].add(i)
        triangles = np.zeros(num_nodes, dtype=np.int64)
        for i, j in self.ends:  # each triangle once for each edge that is opposite
            np.add.at(triangles, list(self.around[i] & self.around[j]), 1)
        degree = np.array([len(near) for near in self.around], dtype=np.int64)
        self.value: Ints = np.where(degree > 0, 2 * triangles + 3 * degree + 1, 0)

    def losses(self, ids: Ints) -> tuple[Ints, Ints, Ints]:
        """See `_Walks`."""
        rows: list[int] = []
        vertices: list[int] = []
        lost: list[int] = []
        for row, edge in enumerate(ids.tolist()):
            i, j = self.ends[edge]
            common = self.around[i] & self.around[j]
            for end in (i, j):
                last = len(self.around[end]) == 1
                lost.append(int(self.value[end]) if last else 3 + 2 * len(common))
            lost += [2] * len(common)
            vertices += (i, j, *common)
            rows += [row] * (len(common) + 2)
        found = np.array([rows, vertices, lost], dtype=np.int64)
        return found[0], found[1], found[2]

    def remove(self, batch: list[int]) -> Ints:
        """See `_Walks`."""
        changed = []
        for edge in batch:
            _, vertex, loss = self.losses(np.array([edge]))
            self.value[vertex] -= loss
            changed.append(vertex)
            i, j = self.ends[edge]
            self.around[i].discard(j)
            self.around[j].discard(i)
        return np.concatenate(changed)
