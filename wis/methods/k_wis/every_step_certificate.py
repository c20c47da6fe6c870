"""The certificate of ``wis`` at every step of an order, for walks of any length.

To look at all edges anew at each step, as `wis.methods.k_wis.certificate` does for a sample,
takes hours where there are thousands. Here an edge is looked at again only when that could matter:

1. *Codes.* The loss of an edge lowers the walk indices of some vertices. The tuples of two edges
   agree in all other entries, and of the values that they do not hold equally often the smallest
   decides. So each edge has a *code*: for each value, by rising value, whether the tuple without
   the edge holds more or fewer entries of it than the present tuple, and how many. To compare codes
   number by number is to compare sorted tuples (`codes_of`).
2. *When a code can change.* Only if an edge that goes lowers the walk index of one of these
   vertices. As edges go, an edge is on closed walks of fewer and fewer vertices, its own ends
   excepted. So one list for each vertex, of the edges whose losses lower its walk index at the
   beginning, serves all steps.
3. *When that matters.* The loss of an undirected edge lowers the walk index of both ends, and the
   values left there only fall as other edges go. So the smallest value in its code is at most the
   smaller one of these two values when it was last looked at, which bounds from above how good the
   code can have become. The edge is looked at again only if this bound beats the edge that went. A
   directed graph has no such bound: an arc that is on no closed walk costs nothing.

Nothing is shared with the engines.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush

import numpy as np
from numpy.typing import NDArray

from wis.graph import CanonicalGraph
from wis.methods.certificates import Fault, first_fault_by_keys
from wis.methods.k_wis.certificate_walks import EDGES_AT_A_TIME, walks_of

Ints = NDArray[np.int64]
Code = tuple[int, ...]


def codes_of(num_edges: int, row: Ints, new: Ints, old: Ints) -> Iterator[Code]:
    """The codes of some edges; a smaller code is better.

    Three numbers for each value that the tuple would hold more or less often than before, by
    rising value, and one for the end. At the first difference:

    - more entries of a small value are worse: 1, -value, how many;
    - fewer of them are better: -1, value, minus how many;
    - the end, 0, is in between: no entry is more or less from there on.

    Args:
        num_edges: Number of edges.
        row: int64 [k], the edge, from 0 on, of each walk index that falls.
        new: int64 [k], its value afterwards.
        old: int64 [k], its value before.
    """
    rows, values = np.concatenate([row, row]), np.concatenate([new, old])
    order = np.lexsort((values, rows))
    rows, values = rows[order], values[order]
    # how many more entries each value of each row has
    starts = np.flatnonzero(np.diff(rows, prepend=-1) | np.diff(values, prepend=-1))
    signs = np.where(order < row.size, 1, -1)
    more = np.add.reduceat(signs, starts) if row.size else signs
    held = more != 0
    rows, values, more = rows[starts][held], values[starts][held], more[held]
    numbers = np.stack([np.sign(more), -np.sign(more) * values, more], axis=1).ravel().tolist()
    ends = 3 * np.cumsum(np.bincount(rows, minlength=num_edges))
    start = 0
    for end in ends.tolist():
        yield (*numbers[start:end], 0)
        start = end


class CodesAsEdgesGo:
    """The codes of edges as others go: the `Replay` of an order of ``wis``.

    Cost: for each step the products of `wis.methods.k_wis.certificate_walks` for the edges looked
    at again, some milliseconds, or for L = 3 of an undirected graph sets of common neighbours, a
    fraction of one; memory for the vertices whose walk index each edge lowers.

    Attributes:
        code: For each edge its code when last looked at, or the bound on it since it is stale.
        stale: bool [m], whether the code may have changed.
        listed: Whether the edge has come up in the order.
        heap: (code or bound, edge id): entries whose code is another one by now count no more.
        concerned: By vertex, the edges whose codes may change with its walk index.
    """

    def __init__(self, graph: CanonicalGraph, depth: int) -> None:
        self.edges = graph.edges.cpu().numpy()
        self.directed = graph.directed
        m = self.edges.shape[1]
        self.walks = walks_of(self.edges, graph.num_nodes, depth, directed=graph.directed)
        self.stale = np.zeros(m, dtype=bool)
        self.listed = [False] * m
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
        return first_fault_by_keys(codes, batch, self._better_than, self.listed)

    def remove(self, batch: list[int]) -> None:
        """Take the edges of a batch away; the codes of others become bounds."""
        changed = self.walks.remove(batch)
        vertices = np.unique(np.concatenate([changed, self.edges[:, batch].reshape(-1)]))
        start, edge = self.concerned
        around = np.concatenate([edge[start[v] : start[v + 1]] for v in vertices.tolist()])
        for stale in np.unique(around[~self.stale[around]]).tolist():
            if self.listed[stale]:
                continue
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
        """Find the codes of edges; returns the rows and vertices of their losses."""
        row, vertex, loss = self.walks.losses(ids)
        old = self.walks.value[vertex]
        new = old - loss
        if not self.directed:
            at_end = (vertex == self.edges[0, ids[row]]) | (vertex == self.edges[1, ids[row]])
            least = np.full(ids.size, np.iinfo(np.int64).max)
            np.minimum.at(least, row[at_end], new[at_end])
            self.bound[ids] = least
        for edge, code in zip(ids.tolist(), codes_of(ids.size, row, new, old), strict=True):
            self.code[edge] = code
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
