"""2-WIS: the closed walks of length 3 that the loss of an edge breaks.

With all self-loops, (A³)_tt = 2·(triangles at t) + 3·(degree of t) + 1, and 0 for an isolated
vertex, whose boundary is empty (Definition 11). The loss of an edge {i, j} with c common neighbours
takes 3 + 2c from i and from j, and 2 from each common neighbour; 1 more from i or j that becomes
isolated. So common neighbours determine everything. Where degrees are high, the intersection of two
neighbourhoods begins at the vertices of low value: it takes a look at few of them, and leaves the
common neighbours that usually decide.

When e = {i, j} goes, another edge f = {i, w} of a triangle with it no longer lowers j, and the
value of w is 2 less but would fall no lower: the codes of f below s_j - 2 and s_w - 2 hold.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wis.graph import UndirectedGraph
from wis.graph.triangles import lowest_common_neighbours
from wis.methods.k_wis.signatures import WHOLE, Scale, Signature

Ints = NDArray[np.int64]
FEW = 8
"""An edge with at most so many common neighbours gets its whole signature at once."""
MOST_VERTICES = 1 << 15
DENSE_FROM = 24
"""Common neighbours are sought among the vertices of low value in graphs of no more vertices than
this, and from this mean of the lower degree of an edge's ends on: to list these vertices takes a
look at all, to intersect two neighbourhoods a look at the smaller one."""

FAR = 1 << 40
"""Above any value."""
LOOK_AT_A_TIME = 512
"""Edges whose rows of bits are in memory at once: 1 MiB for n = 2^14."""
KEPT_LIMITS = 12
"""Limits whose vertices of low value are kept. More take longer to update when values fall, fewer
are listed anew more often: R-MAT 14 takes 3.01 s with 6 and 2.97 with 12."""


class TwoWisChanges:
    """`wis.methods.k_wis.lazy_greedy.EdgeChanges` for walks of length 2.

    `num_common`, int64 [m], has the number of common neighbours of the ends of each edge.

    Cost: time Σ over edges of the smaller degree to begin with; memory O(n + m).

    Attributes:
        around: For each vertex its neighbours.
        value: For each vertex its value, and for n, which stands for none, one above all.
        witness: For each edge its lowest common neighbour when last looked at, n if unknown.
        degree: For each vertex its number of neighbours, asked for more often than it changes.
        low: For some limits, the vertices with a value below limit + 2.
        is_dense: Whether common neighbours are sought among these.
    """

    def __init__(self, graph: UndirectedGraph, num_common: Ints) -> None:
        n = graph.num_nodes
        edges = graph.edges.cpu().numpy()
        self.num_nodes, self.num_edges = n, graph.num_edges
        self.ends: list[tuple[int, int]] = list(zip(*edges.tolist(), strict=True))
        self.num_common: list[int] = num_common.tolist()
        self.edge_at = {u * n + v: edge for edge, (u, v) in enumerate(self.ends)}
        value = closed_walks_of_length_3(edges, num_common, n)
        self.scale = Scale.for_values(int(value.max(initial=0)), n)
        self.value: list[int] = [*value.tolist(), self.scale.above]
        self.witness: list[int] = lowest_common_neighbours(edges, value).tolist()
        self.around: list[set[int]] = [set() for _ in range(n)]
        for i, j in self.ends:
            self.around[i].add(j)
            self.around[j].add(i)
        self.degree = [len(near) for near in self.around]
        self.low: dict[int, set[int]] = {}
        lower = sum(min(self.degree[i], self.degree[j]) for i, j in self.ends)
        self.is_dense = n <= MOST_VERTICES and lower >= DENSE_FROM * len(self.ends)

    def is_short(self, edge: int) -> bool:
        """Whether there are few common neighbours."""
        return self.num_common[edge] <= FEW

    def ceiling(self, edge: int) -> int:
        """The least of the values at its ends and at its witness, the lowest common neighbour."""
        i, j = self.ends[edge]
        drop = 3 + 2 * self.num_common[edge]
        at_witness = self.value[self.witness[edge]] - 2
        return min(self._without(i, drop), self._without(j, drop), at_witness)

    first_bound = ceiling

    def smallest(self, edge: int) -> int:
        """The smallest value that the loss of the edge would create."""
        if self.num_common[edge]:
            self._common_values(edge, WHOLE)
        return self.ceiling(edge)

    def signature(self, edge: int, limit: int) -> Signature:
        """The signature of the edge, codes of values below `limit` only."""
        i, j = self.ends[edge]
        drop = 3 + 2 * self.num_common[edge]
        old = self._common_values(edge, limit) if self.num_common[edge] else []
        new = [value - 2 for value in old]
        new += (self._without(i, drop), self._without(j, drop))
        return self.scale.signature(new, [*old, self.value[i], self.value[j]], limit)

    def _common_values(self, edge: int, limit: int) -> list[int]:
        """Values of the common neighbours of the ends below `limit` + 2; notes the lowest."""
        vertices = self._common(*self.ends[edge], limit)
        values = list(map(self.value.__getitem__, vertices))
        if values:
            self.witness[edge] = vertices[values.index(min(values))]
        return values

    def _common(self, i: int, j: int, limit: int = WHOLE) -> list[int]:
        """The common neighbours; those with a value of `limit` + 2 or more may be missing."""
        if limit == WHOLE or not self.is_dense:
            return list(self.around[i] & self.around[j])
        if limit not in self.low:
            # values only fall, so the vertices of a higher limit hold those of a lower one
            above = min((kept for kept in self.low if kept > limit), default=None)
            pool = range(self.num_nodes) if above is None else self.low[above]
            if len(self.low) >= KEPT_LIMITS:
                del self.low[max(self.low)]
            value, most = self.value, limit + 2
            self.low[limit] = {v for v in pool if value[v] < most}
        fewer, more = sorted((self.around[i], self.around[j]), key=len)
        return list(self.low[limit] & fewer & more)

    def _without(self, vertex: int, drop: int) -> int:
        return self.value[vertex] - drop if self.degree[vertex] > 1 else 0

    def remove(self, edge: int) -> list[tuple[int, int]]:
        """Remove the edge; those that shared a triangle with it may have become better."""
        i, j = self.ends[edge]
        at_i, at_j = self.value[i], self.value[j]
        drop = 3 + 2 * self.num_common[edge]
        common = self._common(i, j)
        fallen = [(i, self._without(i, drop)), (j, self._without(j, drop))]
        self.around[i].discard(j)
        self.around[j].discard(i)
        self.degree[i] -= 1
        self.degree[j] -= 1
        # each common neighbour w loses 2; the edges {i, w} and {j, w} lose a common neighbour
        loosened = []
        n, edge_at, num_common = self.num_nodes, self.edge_at, self.num_common
        witness = self.witness
        for w in common:
            at_w = self.value[w]
            fallen.append((w, at_w - 2))
            side_i = edge_at[i * n + w if i < w else w * n + i]
            side_j = edge_at[j * n + w if j < w else w * n + j]
            num_common[side_i] -= 1
            num_common[side_j] -= 1
            if witness[side_i] == j:
                witness[side_i] = n
            if witness[side_j] == i:
                witness[side_j] = n
            loosened.append((side_i, min(at_j, at_w) - 2))
            loosened.append((side_j, min(at_i, at_w) - 2))
        for vertex, value in fallen:
            self.value[vertex] = value
        for limit, low in self.low.items():
            low.update([vertex for vertex, value in fallen if value < limit + 2])
        return loosened


def closed_walks_of_length_3(edges: Ints, num_common: Ints, n: int) -> Ints:
    """(A³)_tt with all self-loops, 0 where isolated; int64 [n]."""
    counts = np.zeros(n, dtype=np.int64)
    for end in edges:
        np.add.at(counts, end, num_common + 3)
    return counts + (counts > 0)


class Fall(NamedTuple):
    """The effect of the loss of an edge: its ends, and what falls with c common neighbours.

    `sides` are edge ids, int64 [c] each, from either end to the common neighbours; `vertices`,
    int64 [c + 2], these and both ends, with their values `before` and `after`.
    """

    ends: tuple[int, int]
    sides: tuple[Ints, Ints]
    vertices: Ints
    before: Ints
    after: Ints


class DenseNeighbours:
    """A dense graph whose edges go, for `wis.methods.k_wis.two_wis_front`.

    The adjacency matrix is kept twice: as booleans, to ask about one vertex and many edges, and as
    bits, to find the common neighbours of the ends of many edges at once.

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
        self.bits = self._in_bits(self.adjacent)
        self.keys = edges[0] * n + edges[1]

    def end_values(self, edges: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """Values that both ends of some edges would take, and that they have; [k] each."""
        drop = 3 + 2 * self.num_common[edges]
        now = [self.value[end[edges]] for end in self.ends]
        alone = [self.degree[end[edges]] == 1 for end in self.ends]
        then = [np.where(gone, 0, value - drop) for gone, value in zip(alone, now, strict=True)]
        return then[0], then[1], now[0], now[1]

    def lowest_common(self, edges: Ints, highest: int = FAR) -> Ints:
        """For some edges the common neighbour of lowest value, int64 [k].

        It is n where there is none of a value up to `highest`.
        """
        n, words = self.num_nodes, self.bits.view(np.uint64)
        low = self._in_bits(self.value[:-1] <= highest).view(np.uint64)
        lowest = np.full(edges.size, n, dtype=np.int64)
        for start in range(0, edges.size, LOOK_AT_A_TIME):
            u, v = self.ends[:, edges[start : start + LOOK_AT_A_TIME]]
            shared = words[u]
            shared &= words[v]
            shared &= low
            place = np.flatnonzero(shared)
            if place.size:
                bytes_there = shared.reshape(-1)[place].view(np.uint8).reshape(-1, 8)
                at, bit = np.nonzero(np.unpackbits(bytes_there, axis=1, bitorder="little"))
                row, word = np.divmod(place[at], low.size)
                vertex = 64 * word + bit
                first = np.flatnonzero(np.r_[True, row[1:] != row[:-1]])
                ranked = self.value[vertex] * n + vertex
                lowest[start + row[first]] = np.minimum.reduceat(ranked, first) % n
        return lowest

    def _in_bits(self, chosen: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """Booleans [..., n] as bits, in whole words of 64."""
        bits = np.packbits(chosen, axis=-1, bitorder="little")
        missing = -bits.shape[-1] % 8
        return np.concatenate([bits, np.zeros((*bits.shape[:-1], missing), np.uint8)], axis=-1)

    def remove(self, edge: int) -> Fall:
        """Remove an edge."""
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
        return Fall((i, j), sides, vertices, before, after)

    def _edges_at(self, vertex: int, others: Ints) -> Ints:
        keys = np.minimum(others, vertex) * self.num_nodes + np.maximum(others, vertex)
        return np.searchsorted(self.keys, keys)
