"""Common neighbours in a dense graph whose edges go, for `wis.methods.k_wis.two_wis_dense`.

`wis.methods.k_wis.two_wis` says how an edge's loss changes the closed walks of length 3. The
adjacency matrix is kept twice: as booleans, to ask about one vertex and many edges, and as bits, to
find the common neighbours of the ends of many edges at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wis.graph import UndirectedGraph
from wis.methods.k_wis.two_wis import closed_walks_of_length_3

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
FAR = 1 << 40
"""Above any value."""
LOOK_AT_A_TIME = 512
"""Edges whose rows of bits are in memory at once: 1 MiB for the most vertices that are allowed."""


@dataclass(frozen=True)
class Fall:
    """The effect of the loss of an edge.

    Attributes:
        ends: The two ends of the edge.
        common: int64 [c], its common neighbours.
        sides: Edge ids, int64 [c] each: from the first end to `common`, and from the second.
        vertices: int64 [c + 2], `common` and both ends; `before` and `after` are their values.
    """

    ends: tuple[int, int]
    common: Ints
    sides: tuple[Ints, Ints]
    vertices: Ints
    before: Ints
    after: Ints


class DenseNeighbours:
    """A graph whose edges go.

    Attributes:
        ends: int64 [2, m].
        adjacent: bool [n, n]; `bits` the same in bits, vertex v in bit v % 8 of byte v // 8.
        num_common: int64 [m], common neighbours of the ends of each edge.
        value: int64 [n + 1], (A³)_tt, 0 if isolated; `FAR` for a vertex n, which stands for none.
        degree: int64 [n].
    """

    def __init__(self, graph: UndirectedGraph, num_common: Ints) -> None:
        n, edges = graph.num_nodes, graph.edges.cpu().numpy()
        self.num_nodes, self.ends, self.num_common = n, edges, num_common
        self.value = np.append(closed_walks_of_length_3(edges, self.num_common, n), FAR)
        self.degree = np.bincount(edges.reshape(-1), minlength=n)
        self.adjacent = np.zeros((n, n), dtype=bool)
        self.adjacent[edges[0], edges[1]] = self.adjacent[edges[1], edges[0]] = True
        self.bits = np.packbits(self.adjacent, axis=1, bitorder="little")
        self.keys = edges[0] * n + edges[1]

    def end_values(self, edges: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """Values that the ends of some edges would take, and those that they have; [k] each."""
        drop = 3 + 2 * self.num_common[edges]
        now = [self.value[end[edges]] for end in self.ends]
        alone = [self.degree[end[edges]] == 1 for end in self.ends]
        then = [np.where(gone, 0, value - drop) for gone, value in zip(alone, now, strict=True)]
        return then[0], then[1], now[0], now[1]

    def lowest_common(self, edges: Ints) -> Ints:
        """For some edges the common neighbour of lowest value, n if there is none; int64 [k]."""
        n = self.num_nodes
        lowest = np.full(edges.size, n, dtype=np.int64)
        for start in range(0, edges.size, LOOK_AT_A_TIME):
            u, v = self.ends[:, edges[start : start + LOOK_AT_A_TIME]]
            shared = self.bits[u]
            shared &= self.bits[v]
            place = np.flatnonzero(shared)
            if place.size:
                row, vertex = self._members(place, shared.reshape(-1)[place])
                first = np.flatnonzero(np.r_[True, row[1:] != row[:-1]])
                ranked = self.value[vertex] * n + vertex
                lowest[start + row[first]] = np.minimum.reduceat(ranked, first) % n
        return lowest

    def _members(self, place: Ints, byte: NDArray[np.uint8]) -> tuple[Ints, Ints]:
        """Row and vertex of each bit that is set in bytes at some places, in rows of `bits`."""
        row, column = np.divmod(place, self.bits.shape[1])
        at, bit = np.nonzero(np.unpackbits(byte[:, None], axis=1, bitorder="little"))
        return row[at], 8 * column[at] + bit

    def remove(self, edge: int) -> Fall:
        """Take an edge out."""
        i, j = self.ends[:, edge].tolist()
        common = np.flatnonzero(self.adjacent[i] & self.adjacent[j])
        for u, v in ((i, j), (j, i)):
            self.adjacent[u, v] = False
            self.bits[u, v >> 3] ^= 1 << (v & 7)
        sides = (self._edges_at(i, common), self._edges_at(j, common))
        for side in sides:
            self.num_common[side] -= 1
        vertices = np.append(common, (i, j))
        before = self.value[vertices]
        after = before - 2
        after[-2:] -= 1 + 2 * common.size
        self.degree[[i, j]] -= 1
        after[-2:][self.degree[[i, j]] == 0] = 0
        self.value[vertices] = after
        return Fall((i, j), common, sides, vertices, before, after)

    def _edges_at(self, vertex: int, others: Ints) -> Ints:
        keys = np.minimum(others, vertex) * self.num_nodes + np.maximum(others, vertex)
        return np.searchsorted(self.keys, keys)
