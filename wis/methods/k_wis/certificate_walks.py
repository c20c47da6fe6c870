"""Closed walks, and those that edges are part of, by sparse products alone: for the certificate.

Nothing is shared with the engines of `wis.methods.walk_index`. With A the adjacency matrix with all
self-loops, the walks of length L through an edge are counted by the step that takes it first:
before that step a walk avoids the edge, afterwards it may take the edge again.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from wis.errors import OptionError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
EDGES_AT_A_TIME = 1 << 12
"""Edges whose rows of sparse products are in memory at once."""
SAFE = 2.0**62


class WalksByProducts:
    """Walks counted by products of the matrix, as edges go.

    Args:
        edges: int64 [2, m].
        num_nodes: Number n of vertices.
        depth: L.
        directed: Whether edges are arcs.
        left: Ids of the edges that are there; all if not given.

    Attributes:
        matrix: A, int64; `backward` is Aᵀ, the same object in an undirected graph.
        value: (A^L)_tt, 0 where nothing enters t.
    """

    def __init__(
        self, edges: Ints, num_nodes: int, depth: int, *, directed: bool, left: Ints | None = None
    ) -> None:
        self.edges, self.depth, self.directed = edges, depth, directed
        u, v = edges if left is None else edges[:, left]
        self.matrix = with_self_loops(u, v, num_nodes, directed=directed)
        self.matrix.sort_indices()
        self.backward = self.matrix.T.tocsr() if directed else self.matrix
        self.backward.sort_indices()
        walks = _closed_walks(self.matrix, depth)
        self.value: Ints = np.where(self._entering() > 0, walks, 0)

    def _entering(self) -> Ints:
        """Edges at each vertex, or arcs into it, int64 [n]."""
        arcs: Ints = np.diff(self.backward.indptr)
        return arcs - 1

    def remove(self, batch: list[int]) -> Ints:
        """Take edges away, one by one; returns the vertices whose walk index falls."""
        changed = []
        for edge in batch:
            _, vertex, loss = self.losses(np.array([edge]))
            self.value[vertex] -= loss
            changed.append(vertex)
            u, v = self.edges[:, [edge]]
            self.matrix[u, v] = self.backward[v, u] = 0  # undirected: both in the same matrix
            self.matrix.eliminate_zeros()
            self.backward.eliminate_zeros()
        return np.concatenate(changed)

    def losses(self, ids: Ints) -> tuple[Ints, Ints, Ints]:
        """Position in `ids`, vertex, and by how much that edge lowers its walk index."""
        i, j = self.edges[:, ids]
        total = self._through(i, j)
        if not self.directed:
            total = total + self._through(j, i)
        for end in (j,) if self.directed else (i, j):
            rows = np.flatnonzero(self._entering()[end] == 1)
            if not rows.size:
                continue
            ends = end[rows]  # nothing enters these any more: their entries fall to 0
            missing = self.value[ends] - np.asarray(total[rows, ends]).ravel()
            total = total + sparse.csr_array((missing, (rows, ends)), shape=total.shape)
        found = total.tocoo()
        held = found.data > 0
        return found.row[held].astype(np.int64), found.col[held].astype(np.int64), found.data[held]

    def _through(self, i: Ints, j: Ints) -> sparse.csr_array:
        """Closed walks at each vertex whose first step along the edge is from i to j."""
        n = self.value.size
        onward, until = [_unit_rows(j, n)], [_unit_rows(i, n)]
        for _ in range(1, self.depth):
            onward.append(onward[-1] @ self.matrix)
            until.append(self._step_back(until[-1], i, j))
        total = sparse.csr_array((i.size, n), dtype=np.int64)
        for q in range(self.depth):
            total = total + until[q].multiply(onward[self.depth - 1 - q])
        return total

    def _step_back(self, walks: sparse.csr_array, i: Ints, j: Ints) -> sparse.csr_array:
        """Prolong walks to i by one step at their beginning, not along the edge of their row."""
        rows = np.arange(i.size)
        at_j = np.asarray(walks[rows, j]).ravel()
        ends, counts, row = i, at_j, rows
        if not self.directed:
            at_i = np.asarray(walks[rows, i]).ravel()
            ends, counts = np.concatenate([i, j]), np.concatenate([at_j, at_i])
            row = np.concatenate([rows, rows])
        along = sparse.csr_array((counts, (row, ends)), shape=walks.shape)
        return walks @ self.backward - along


class CommonNeighbours:
    """`WalksByProducts` of an undirected graph for L = 3, many times faster.

    With all self-loops (A^3)_tt = 2·(triangles at t) + 3·(degree of t) + 1. The loss of an edge
    takes a neighbour from both ends, and a triangle for each common neighbour.
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
        """As of `WalksByProducts`."""
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
        """As of `WalksByProducts`."""
        changed = []
        for edge in batch:
            _, vertex, loss = self.losses(np.array([edge]))
            self.value[vertex] -= loss
            changed.append(vertex)
            i, j = self.ends[edge]
            self.around[i].discard(j)
            self.around[j].discard(i)
        return np.concatenate(changed)


def check_range(edges: Ints, n: int, depth: int) -> None:
    """Raise `OptionError` where numbers of walks might pass 2^62, where int64 is not enough."""
    if most_walks(edges, n, depth).max(initial=0) >= SAFE:
        raise OptionError(
            f"there may be more than 2^62 walks of length {depth}, more than the certificate "
            f"can count; give a smaller walk_length"
        )


def most_walks(edges: Ints, n: int, length: int, *, directed: bool = False) -> Floats:
    """Walks from each vertex, [n]; along arcs there are no more than along edges."""
    walks = np.ones(n)
    with np.errstate(over="ignore"):
        for _ in range(length):
            onward = np.bincount(edges[0], walks[edges[1]], minlength=n)
            back = np.bincount(edges[1], walks[edges[0]], minlength=n)
            walks = walks + onward + (0 if directed else back)
    return walks


def with_self_loops(u: Ints, v: Ints, n: int, *, directed: bool) -> sparse.csr_array:
    """The adjacency matrix of edges from u to v, and back unless directed, with all self-loops."""
    loops = np.arange(n)
    row = np.concatenate([u, loops] if directed else [u, v, loops])
    column = np.concatenate([v, loops] if directed else [v, u, loops])
    return sparse.csr_array((np.ones(row.size, dtype=np.int64), (row, column)), shape=(n, n))


def _closed_walks(matrix: sparse.csr_array, depth: int) -> Ints:
    """(A^depth)_tt for all vertices t."""
    counts = np.zeros(matrix.shape[0], dtype=np.int64)
    for start in range(0, counts.size, EDGES_AT_A_TIME):
        some = np.arange(start, min(start + EDGES_AT_A_TIME, counts.size))
        walks = _unit_rows(some, counts.size)
        for _ in range(depth):
            walks = walks @ matrix
        counts[some] = walks[np.arange(some.size), some]
    return counts


def _unit_rows(vertices: Ints, n: int) -> sparse.csr_array:
    ones = np.ones(vertices.size, dtype=np.int64)
    return sparse.csr_array((ones, (np.arange(vertices.size), vertices)), shape=(vertices.size, n))
