"""2-WIS: the closed walks of length 3 that the loss of an edge breaks.

With all self-loops, (A³)_tt = 2·(triangles at t) + 3·(degree of t) + 1, and 0 for an isolated
vertex, whose boundary is empty (Definition 11). The loss of an edge {i, j} with c common neighbours
takes 3 + 2c from i and from j, and 2 from each common neighbour; 1 more from i or j that becomes
isolated. So common neighbours determine everything. They come from sets, or, where degrees are
high and the graph is not too large, from Python's big integers as bit sets: then the common
neighbours whose value is small, which usually decide, are one more ``&`` away.

Another edge f = {i, w} whose triangle with e = {i, j} is gone loses the entry of j from its
signature, and w starts from 2 less without ending lower: codes of values below s_j - 2 and s_w - 2
hold.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wis.graph import UndirectedGraph
from wis.graph.triangles import lowest_common_neighbours
from wis.methods.k_wis.signatures import WHOLE, Scale, Signature

Ints = NDArray[np.int64]
FEW = 8
"""With so few common neighbours a whole signature is taken to be as cheap as a part of it."""
MOST_BITS = 1 << 15
"""Vertices up to which bit sets, n² / 8 bytes or 128 MiB, are affordable."""
DENSE_FROM = 24
"""Bit sets are used from this mean of the lower degree of an edge's ends on: an ``&`` of n bits
costs the same whatever the degrees, the intersection of two sets grows with them."""


class TwoWisChanges:
    """`wis.methods.k_wis.lazy_greedy.EdgeChanges` for walks of length 2.

    Args:
        graph: The graph; its edges go, the object does not change.
        num_common: int64 [m], the number of common neighbours of the ends of each edge.

    Cost: time Σ over edges of the smaller degree to begin with; memory O(n + m), and n²/8 bytes
    for bit sets where those are used.
    """

    def __init__(self, graph: UndirectedGraph, num_common: Ints) -> None:
        n = graph.num_nodes
        edges = graph.edges.cpu().numpy()
        self.num_nodes = n
        self.ends: list[tuple[int, int]] = list(zip(*edges.tolist(), strict=True))
        self.degree: list[int] = np.bincount(edges.reshape(-1), minlength=n).tolist()
        self.num_common: list[int] = num_common.tolist()
        self.edge_at = {u * n + v: edge for edge, (u, v) in enumerate(self.ends)}
        value = closed_walks_of_length_3(edges, num_common, n)
        self.scale = Scale.for_values(int(value.max(initial=0)), n)
        self.near = _neighbours(self.ends, self.degree, value)
        self.value = self.near.value
        self.value.append(self.scale.above)  # of no vertex
        self.witness: list[int] = lowest_common_neighbours(edges, value).tolist()

    def is_short(self, edge: int) -> bool:
        """Whether there are few common neighbours."""
        return self.num_common[edge] <= FEW

    def ceiling(self, edge: int) -> int:
        """The least value at its ends and at the vertex where it last created the smallest one."""
        i, j = self.ends[edge]
        drop = 3 + 2 * self.num_common[edge]
        at_witness = self.value[self.witness[edge]] - 2
        return min(self._without(i, drop), self._without(j, drop), at_witness)

    def first_bounds(self) -> list[int]:
        """The smallest value that the loss of each edge would create, at the beginning."""
        return [self.ceiling(edge) for edge in range(len(self.ends))]

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
        vertices, values = self.near.common_values(*self.ends[edge], limit)
        if values:
            self.witness[edge] = int(vertices[values.index(min(values))])
        return values

    def _without(self, vertex: int, drop: int) -> int:
        return self.value[vertex] - drop if self.degree[vertex] > 1 else 0

    def remove(self, edge: int) -> list[tuple[int, int]]:
        """Remove the edge; those that shared a triangle with it may have become better."""
        i, j = self.ends[edge]
        at_i, at_j = self.value[i], self.value[j]
        drop = 3 + 2 * self.num_common[edge]
        common = self.near.common(i, j)
        fallen = [(i, self._without(i, drop)), (j, self._without(j, drop))]
        self.near.disconnect(i, j)
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
        self.near.fell(fallen)
        return loosened


def closed_walks_of_length_3(edges: Ints, num_common: Ints, n: int) -> Ints:
    """(A³)_tt with all self-loops, 0 where isolated; int64 [n]."""
    counts = np.zeros(n, dtype=np.int64)
    for end in edges:
        np.add.at(counts, end, num_common + 3)
    return counts + (counts > 0)


def _neighbours(
    ends: list[tuple[int, int]], degree: list[int], value: np.ndarray
) -> _Sets | _BitSets:
    """Bit sets where the lower degree of an edge's ends is high on average and n is not."""
    total = sum(min(degree[i], degree[j]) for i, j in ends)
    if len(degree) <= MOST_BITS and total >= DENSE_FROM * len(ends) > 0:
        return _BitSets(ends, value)
    return _Sets(ends, value)


class _Sets:
    """The neighbours and the value of each vertex; neighbours as sets."""

    def __init__(self, ends: list[tuple[int, int]], value: np.ndarray) -> None:
        self.value: list[int] = value.tolist()
        self.around: list[set[int]] = [set() for _ in self.value]
        for i, j in ends:
            self.around[i].add(j)
            self.around[j].add(i)

    def common(self, i: int, j: int) -> list[int]:
        """The common neighbours."""
        return list(self.around[i] & self.around[j])

    def common_values(self, i: int, j: int, limit: int) -> tuple[list[int], list[int]]:
        """Common neighbours and their values; those of `limit` + 2 or more may be missing."""
        vertices = list(self.around[i] & self.around[j])
        return vertices, list(map(self.value.__getitem__, vertices))

    def disconnect(self, i: int, j: int) -> None:
        """Remove an edge."""
        self.around[i].discard(j)
        self.around[j].discard(i)

    def fell(self, changes: list[tuple[int, int]]) -> None:
        """Give vertices lower values."""
        for vertex, value in changes:
            self.value[vertex] = value


class _BitSets:
    """`_Sets` with neighbours as big integers, bit v for vertex v.

    Attributes:
        low: For some limits, the vertices with a value below limit + 2.
    """

    def __init__(self, ends: list[tuple[int, int]], value: np.ndarray) -> None:
        self.value: list[int] = value.tolist()
        self.array = value.copy()
        self.bit = [1 << vertex for vertex in range(value.size)]
        self.around = [0] * value.size
        self.num_bytes = (value.size + 7) // 8
        self.low: dict[int, int] = {}
        for i, j in ends:
            self.around[i] |= self.bit[j]
            self.around[j] |= self.bit[i]

    def common(self, i: int, j: int) -> list[int]:
        return self._members(self.around[i] & self.around[j])

    def common_values(self, i: int, j: int, limit: int) -> tuple[list[int] | Ints, list[int]]:
        members = self.around[i] & self.around[j]
        if limit != WHOLE:
            members &= self._low(limit)
        if members.bit_count() >= 16:
            positions = self._positions(members)
            values: list[int] = self.array[positions].tolist()
            return positions, values
        vertices = self._members(members)
        return vertices, list(map(self.value.__getitem__, vertices))

    def _low(self, limit: int) -> int:
        low = self.low.get(limit)
        if low is None:
            if len(self.low) >= 6:
                del self.low[max(self.low)]
            bits = np.packbits(self.array < limit + 2, bitorder="little")
            low = self.low[limit] = int.from_bytes(bits.tobytes(), "little")
        return low

    def _members(self, members: int) -> list[int]:
        if members.bit_count() >= 16:
            vertices: list[int] = self._positions(members).tolist()
            return vertices
        found = []
        bit = self.bit
        while members:
            vertex = members.bit_length() - 1
            members ^= bit[vertex]
            found.append(vertex)
        return found

    def _positions(self, members: int) -> Ints:
        data = np.frombuffer(members.to_bytes(self.num_bytes, "little"), dtype=np.uint8)
        return np.flatnonzero(np.unpackbits(data, bitorder="little"))

    def disconnect(self, i: int, j: int) -> None:
        self.around[i] ^= self.bit[j]
        self.around[j] ^= self.bit[i]

    def fell(self, changes: list[tuple[int, int]]) -> None:
        vertices, values = zip(*changes, strict=True)
        for vertex, value in changes:
            self.value[vertex] = value
        self.array[list(vertices)] = values
        for limit, low in self.low.items():
            more = 0
            for vertex, value in changes:
                if value < limit + 2:
                    more |= self.bit[vertex]
            self.low[limit] = low | more
