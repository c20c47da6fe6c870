"""Closed walks, and those that edges are part of, by sparse products alone: for the certificate.

Nothing is shared with the engines of `wis.methods.walk_index`. With A the adjacency matrix with all
self-loops, the walks of length L through an edge are parted where they take it for the first time:
until then a walk does without the edge, afterwards it may take it again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from wis.errors import OptionError

Ints = NDArray[np.int64]
EDGES_AT_A_TIME = 1 << 12
SAFE = 2.0**62


@dataclass(frozen=True)
class WalksByProducts:
    """A graph at one step of an order.

    Attributes:
        matrix: A, int64.
        backward: Aᵀ, which is A unless the graph is directed.
        entering: Edges that each vertex has, or arcs that enter it, int64 [n]: what it takes to
            have walks counted at all.
        value: (A^L)_tt, 0 where nothing enters t.
        depth: L.
        directed: Whether edges are arcs.
    """

    matrix: sparse.csr_array
    backward: sparse.csr_array
    entering: Ints
    value: Ints
    depth: int
    directed: bool

    @classmethod
    def of(cls, edges: Ints, n: int, depth: int, *, directed: bool) -> WalksByProducts:
        """Count for these edges, int64 [2, m]."""
        (u, v), loops = edges, np.arange(n)
        row = np.concatenate([u, loops] if directed else [u, v, loops])
        column = np.concatenate([v, loops] if directed else [v, u, loops])
        ones = np.ones(row.size, dtype=np.int64)
        matrix = sparse.csr_array((ones, (row, column)), shape=(n, n))
        matrix.sort_indices()
        entering = np.bincount(v if directed else edges.reshape(-1), minlength=n)
        value = np.where(entering > 0, _closed_walks(matrix, depth, loops), 0)
        backward = matrix.T.tocsr() if directed else matrix
        backward.sort_indices()
        return cls(matrix, backward, entering, value, depth, directed)

    @staticmethod
    def check_range(edges: Ints, n: int, depth: int) -> None:
        """Raise `OptionError` where numbers of walks might pass 2^62, where int64 is not enough."""
        walks = np.ones(n)
        with np.errstate(over="ignore"):
            for _ in range(depth):
                onward = np.bincount(edges[0], walks[edges[1]], minlength=n)
                back = np.bincount(edges[1], walks[edges[0]], minlength=n)
                walks = walks + onward + back  # at least (A 1) of arcs, too
        if walks.max(initial=0) >= SAFE:
            raise OptionError(
                f"there may be more than 2^62 walks of length {depth}, more than the certificate "
                f"can count; give a smaller walk_length"
            )

    def recount(self, vertices: Ints) -> None:
        """Count the walks that the matrix, changed in place, now has at some vertices."""
        counts = _closed_walks(self.matrix, self.depth, vertices)
        self.value[vertices] = np.where(self.entering[vertices] > 0, counts, 0)

    def losses(self, edges: Ints) -> tuple[Ints, Ints, Ints]:
        """Edge, vertex, and by how much the loss of the edge lowers the vertex' walk index."""
        i, j = edges
        total = self._through(i, j)
        if not self.directed:
            total = total + self._through(j, i)
        for end in (j,) if self.directed else (i, j):
            rows = np.flatnonzero(self.entering[end] == 1)
            if not rows.size:
                continue
            ends = end[rows]  # which nothing enters any more: their entries fall to 0
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
        """Walks to i with one step more at their beginning, never along the row's own edge."""
        rows = np.arange(i.size)
        at_j = np.asarray(walks[rows, j]).ravel()
        ends, counts, row = i, at_j, rows
        if not self.directed:
            at_i = np.asarray(walks[rows, i]).ravel()
            ends, counts = np.concatenate([i, j]), np.concatenate([at_j, at_i])
            row = np.concatenate([rows, rows])
        along = sparse.csr_array((counts, (row, ends)), shape=walks.shape)
        return walks @ self.backward - along


def _closed_walks(matrix: sparse.csr_array, depth: int, vertices: Ints) -> Ints:
    """(A^depth)_tt for some vertices t."""
    counts = np.zeros(vertices.size, dtype=np.int64)
    for start in range(0, vertices.size, EDGES_AT_A_TIME):
        some = vertices[start : start + EDGES_AT_A_TIME]
        walks = _unit_rows(some, matrix.shape[0])
        for _ in range(depth):
            walks = walks @ matrix
        counts[start : start + some.size] = walks[np.arange(some.size), some]
    return counts


def _unit_rows(vertices: Ints, n: int) -> sparse.csr_array:
    ones = np.ones(vertices.size, dtype=np.int64)
    return sparse.csr_array((ones, (np.arange(vertices.size), vertices)), shape=(vertices.size, n))
