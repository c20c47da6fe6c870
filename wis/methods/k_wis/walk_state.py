"""Walk indices under deletion: what each edge would cost, brought up to date as edges go.

Let A be the 0/1 adjacency with all self-loops, p = L - 1, and for a subset I let c be the 0/1
vector of its boundary (Definition 11). With the end b, which is 1 for graph prediction and e_t for
the target t, its walk index is c' A^p b. The state: X_l = A^l c for l < p, a column for each
subset, and Y_l = A^l b for l <= p, a column for each different end.

Taking the edge {i, j} away gives B = A - E with E = e_i e_j' + e_j e_i', and

    A^q - B^q = sum over l < q of A^l E B^(q-1-l).

Read at the rows i and j, this yields the numbers of walks that are left there, f_q(v) = (B^q b)_v,
one q after another, from Y at i and j and the scalars (A^l)_ii, (A^l)_ij, (A^l)_jj for l < p, which
are constants for l < 2. Read between c and b, it yields what the edge costs:

    sum over l < p of X_l(i) f_(p-1-l)(j) + X_l(j) f_(p-1-l)(i).

Where the edge is the last one that i has across a partition, i leaves the boundary and f_p(i) is
lost besides; likewise for j.

All of this is sums and products of integers, so wrap-around inside is harmless as long as the walk
indices themselves fit into int64; where they might not, all arrays hold Python's integers instead.
Walk counts never rise as edges go, so this is decided once.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wis.errors import OptionError
from wis.graph import UndirectedGraph
from wis.graph.partitions import Partitions

Ints = NDArray[np.int64]
Counts = NDArray[Any]
"""int64, or object with Python's integers."""

CHUNK_BYTES = 2**26
MAX_STATE_BYTES = 2**34
SAFE = 2.0**62


class Adjacency:
    """Arcs of a graph and the self-loop of every vertex, by source, from which edges can go.

    An undirected edge is two arcs, an edge of a directed graph is one.

    Attributes:
        start: int64 [n + 1], where the arcs of each vertex begin.
        head: int64 [2m + n], or [m + n], the other end of each arc, ascending for each vertex.
        edge: int64 like `head`, its edge id, m for a self-loop.
        left: bool [m + 1], whether the edge is left; true for self-loops.
    """

    def __init__(self, num_nodes: int, edges: Ints, *, directed: bool = False) -> None:
        u, v = edges
        every, ids = np.arange(num_nodes), np.arange(u.size)
        source = np.concatenate([u, every] if directed else [u, v, every])
        head = np.concatenate([v, every] if directed else [v, u, every])
        order = np.lexsort((head, source))
        degree = np.bincount(source, minlength=num_nodes)
        self.start = np.concatenate([[0], np.cumsum(degree)])
        self.head = head[order]
        loops = np.full(num_nodes, u.size)
        self.edge = np.concatenate([ids, loops] if directed else [ids, ids, loops])[order]
        self.left = np.ones(u.size + 1, dtype=bool)

    @property
    def num_nodes(self) -> int:
        """Number of vertices."""
        return self.start.size - 1

    def arcs_of(self, rows: Ints) -> tuple[Ints, Ints]:
        """Positions of the arcs that are left at some vertices, and where those of each begin."""
        size = self.start[rows + 1] - self.start[rows]
        first = np.cumsum(size) - size
        arcs = np.arange(int(size.sum())) + np.repeat(self.start[rows] - first, size)
        left = self.left[self.edge[arcs]]
        kept_before = np.cumsum(left) - left
        return arcs[left], kept_before[first]

    def ball(self, centres: Ints, radius: int) -> Ints:
        """Vertices at most `radius` steps away from any of the centres, ascending."""
        inside = np.zeros(self.num_nodes, dtype=bool)
        inside[centres] = True
        for _ in range(radius):
            size = int(inside.sum())
            inside[self.head[self.arcs_of(np.flatnonzero(inside))[0]]] = True
            if int(inside.sum()) == size:
                break
        return np.flatnonzero(inside)

    def times(self, rows: Ints, vectors: Counts) -> Counts:
        """Rows of A times `vectors`, [n, k] -> [len(rows), k]."""
        result = np.empty((rows.size, vectors.shape[1]), dtype=vectors.dtype)
        width = int((self.start[1:] - self.start[:-1]).mean()) + 1 if rows.size else 1
        for part in chunks(rows.size, 8 * width * vectors.shape[1]):
            arcs, first = self.arcs_of(rows[part])
            result[part] = np.add.reduceat(vectors[self.head[arcs]], first, axis=0)
        return result

    def matrix(self) -> Any:
        """A as a scipy matrix of int64."""
        from scipy.sparse import csr_array

        left = self.left[self.edge].astype(np.int64)
        shape = (self.num_nodes, self.num_nodes)
        return csr_array((left, self.head, self.start), shape=shape)


@dataclass
class WalkState:
    """The walk indices of some partitions, and what the loss of each edge would take from them.

    Attributes:
        adjacency: The graph that is left.
        edges: int64 [2, m].
        walk_length: p = L - 1.
        inside: bool [n, K], which vertices each subset holds.
        crossing: int32 [n, K], edges that each vertex has across each partition.
        started: X_l for l = 0 ... p - 1, at least X_0, each [n, K].
        ended: Y_l for l = 0 ... p, each [n, T] for T different ends.
        column: int64 [K], the column of `ended` that belongs to each subset.
        index: [K], the walk indices.
        loss: [m, K], by how much each falls if the edge goes; rows of gone edges are stale.
    """

    adjacency: Adjacency
    edges: Ints
    walk_length: int
    inside: NDArray[np.bool_]
    crossing: NDArray[np.int32]
    started: list[Counts]
    ended: list[Counts]
    column: Ints
    index: Counts
    loss: Counts

    @classmethod
    def of(cls, graph: UndirectedGraph, partitions: Partitions, walk_length: int) -> WalkState:
        """The state before any edge goes.

        Raises:
            OptionError: It would take too much memory.
        """
        edges = graph.edges.cpu().numpy()
        n, num = graph.num_nodes, len(partitions)
        column, ends = ends_of(partitions)
        check_size(n, edges.shape[1], num, len(ends), walk_length)
        adjacency = Adjacency(n, edges)
        inside = partitions.membership(n)
        crossing = np.zeros((n, num), dtype=np.int32)
        for part in chunks(edges.shape[1], 3 * num):
            u, v = edges[:, part]
            across = inside[u] ^ inside[v]
            np.add.at(crossing, u, across)
            np.add.at(crossing, v, across)
        every = np.arange(n)
        dtype: Any = np.int64 if fit_in_int64(adjacency, crossing, walk_length) else object
        started = [(crossing > 0).astype(dtype)]
        for _ in range(walk_length - 1):
            started.append(adjacency.times(every, started[-1]))
        ended = [indicators(n, ends, dtype)]
        for _ in range(walk_length):
            ended.append(adjacency.times(every, ended[-1]))
        index = np.zeros(num, dtype=dtype)
        loss = np.zeros((edges.shape[1], num), dtype=dtype)
        args = (adjacency, edges, walk_length, inside, crossing, started, ended, column)
        state = cls(*args, index, loss)
        state.index += state._counted_at(every)
        state._refresh(np.arange(edges.shape[1]))
        return state

    def remove(self, gone: Ints) -> Ints:
        """Take edges away and bring everything up to date that can have changed.

        Returns:
            Ids of the edges whose rows of `loss` were computed anew.
        """
        ends = np.unique(self.edges[:, gone])
        near = self.adjacency.ball(ends, max(self.walk_length - 1, 0))
        self.index -= self._counted_at(near)
        self.adjacency.left[gone] = False
        u, v = self.edges[:, gone]
        across = self.inside[u] ^ self.inside[v]
        np.subtract.at(self.crossing, u, across)
        np.subtract.at(self.crossing, v, across)
        self.started[0][ends] = self.crossing[ends] > 0
        for counts in (self.started, self.ended):
            for before, after in itertools.pairwise(counts):
                after[near] = self.adjacency.times(near, before)
        self.index += self._counted_at(near)
        touched = self.adjacency.edge[self.adjacency.arcs_of(near)[0]]
        stale = np.unique(touched[touched < self.edges.shape[1]])
        self._refresh(stale)
        return stale

    def _counted_at(self, rows: Ints) -> Counts:
        """Walks of length p that start at boundary vertices among `rows`, for each partition."""
        total = np.zeros_like(self.index)
        for part in chunks(rows.size, 16 * total.size):
            ended = self._per_partition(self.ended[-1][rows[part]])
            total += (self.started[0][rows[part]] * ended).sum(axis=0)
        return total

    def _per_partition(self, ended: Counts) -> Counts:
        """Columns of ends as columns of partitions; one common end is left to broadcasting."""
        return ended if self._same_columns else ended[:, self.column]

    @functools.cached_property
    def _same_columns(self) -> bool:
        num_ends = self.ended[0].shape[1]
        return num_ends == 1 or np.array_equal(self.column, np.arange(num_ends))

    def _refresh(self, ids: Ints) -> None:
        """Compute the rows of `loss` of these edges."""
        width = 8 * (self.index.size + self.ended[0].shape[1]) * (2 * self.walk_length + 4)
        for part in chunks(ids.size, width):
            self.loss[ids[part]] = self._loss_of(ids[part])

    def _loss_of(self, ids: Ints) -> Counts:
        p, (i, j) = self.walk_length, self.edges[:, ids]
        at_i, at_j = self._walks_left(ids)
        last = self.inside[i] ^ self.inside[j]
        loss = np.where(last & (self.crossing[i] == 1), at_i[p], 0)
        loss += np.where(last & (self.crossing[j] == 1), at_j[p], 0)
        for step in range(p):
            from_i, from_j = self.started[step][i], self.started[step][j]
            loss += from_i * at_j[p - 1 - step] + from_j * at_i[p - 1 - step]
        return loss

    def _walks_left(self, ids: Ints) -> tuple[list[Counts], list[Counts]]:
        """f_q(i) and f_q(j) for q = 0 ... p, a column for each partition."""
        p, (i, j) = self.walk_length, self.edges[:, ids]
        back = self._returns(ids)
        at_i: list[Counts] = []
        at_j: list[Counts] = []
        for q in range(p + 1):
            left_i, left_j = self.ended[q][i], self.ended[q][j]
            for step in range(q):
                ii, ij, jj = back[step]
                then_i, then_j = at_i[q - 1 - step], at_j[q - 1 - step]
                left_i = left_i - ii * then_j - ij * then_i
                left_j = left_j - jj * then_i - ij * then_j
            at_i.append(left_i)
            at_j.append(left_j)
        return [self._per_partition(f) for f in at_i], [self._per_partition(f) for f in at_j]

    def _returns(self, ids: Ints) -> list[tuple[Any, Any, Any]]:
        """The scalars (A^l)_ii, (A^l)_ij, (A^l)_jj for l = 0 ... p - 1, each [len(ids), 1]."""
        known: list[tuple[Any, Any, Any]] = [(1, 0, 1), (1, 1, 1)]
        if self.walk_length < 3:
            return known
        count = _returns_by_products if self.index.dtype == np.int64 else _returns_by_columns
        return known + count(self.adjacency, self.edges[:, ids], self.walk_length - 1)


def _returns_by_products(
    adjacency: Adjacency, edges: Ints, longest: int
) -> list[tuple[Counts, Counts, Counts]]:
    """The scalars for l = 2 ... longest: products of rows of sparse powers up to half of that."""
    vertices, position = np.unique(edges, return_inverse=True)
    i, j = position.reshape(edges.shape)
    matrix = adjacency.matrix()
    powers = [None, matrix[vertices]]
    for _ in range((longest + 1) // 2 - 1):
        powers.append(powers[-1] @ matrix)
    found = []
    for length in range(2, longest + 1):
        a, b = powers[(length + 1) // 2], powers[length // 2]
        ij = np.empty(i.size, dtype=np.int64)
        for part in chunks(i.size, 16 * (a.nnz // max(vertices.size, 1) + 1)):
            ij[part] = a[i[part]].multiply(b[j[part]]).sum(axis=1)
        closed = np.asarray(a.multiply(b).sum(axis=1))
        found.append((closed[i][:, None], ij[:, None], closed[j][:, None]))
    return found


def _returns_by_columns(
    adjacency: Adjacency, edges: Ints, longest: int
) -> list[tuple[Counts, Counts, Counts]]:
    """The same in Python's integers, by columns of the powers of A."""
    vertices, position = np.unique(edges, return_inverse=True)
    i, j = position.reshape(edges.shape)
    every = np.arange(adjacency.num_nodes)
    power = indicators(every.size, vertices.tolist(), object)
    found = []
    for length in range(1, longest + 1):
        power = adjacency.times(every, power)
        closed = power[vertices, np.arange(vertices.size)]
        if length > 1:
            ij = power[edges[0], j]
            found.append((closed[i][:, None], ij[:, None], closed[j][:, None]))
    return found


def ends_of(partitions: Partitions) -> tuple[Ints, list[int | None]]:
    """For each partition the position of its target among the different ones, and these."""
    ends = list(dict.fromkeys(partitions.targets))
    position = {end: column for column, end in enumerate(ends)}
    column = np.array([position[target] for target in partitions.targets], dtype=np.int64)
    return column, ends


def indicators(num_nodes: int, ends: list[int | None] | list[int], dtype: Any) -> Counts:
    """e_t for each target t, and the vector of ones for None; [n, T]."""
    result = np.zeros((num_nodes, len(ends)), dtype=dtype)
    for column, end in enumerate(ends):
        result[slice(None) if end is None else end, column] = 1
    return result


def fit_in_int64(adjacency: Adjacency, crossing: NDArray[np.int32], walk_length: int) -> bool:
    """Whether even the sum of all walk indices does: bounded by walks to anywhere, in float64."""
    every, walks = np.arange(adjacency.num_nodes), np.ones((adjacency.num_nodes, 1))
    with np.errstate(over="ignore"):
        for _ in range(walk_length):
            walks = adjacency.times(every, walks)
        bound = float((np.count_nonzero(crossing, axis=1) * walks[:, 0]).sum()) if every.size else 0
    return bound < SAFE


def check_size(n: int, m: int, num: int, num_ends: int, walk_length: int) -> None:
    """Raise `OptionError` if the tables of so many partitions would not fit."""
    rows = 8 * num * (m + n * max(walk_length, 1)) + 8 * n * num_ends * (walk_length + 1)
    needed = rows + 5 * n * num
    if needed > MAX_STATE_BYTES:
        raise OptionError(
            f"gwis with {num} partitions of {n} vertices and {m} edges would take "
            f"{needed / 2**30:.0f} GiB; it is limited to {MAX_STATE_BYTES >> 30}: give fewer "
            f"partitions or a smaller walk_length"
        )


def chunks(size: int, bytes_per_row: int) -> Iterator[slice]:
    """Slices of 0 ... size - 1 that take about `CHUNK_BYTES` each."""
    step = max(CHUNK_BYTES // max(bytes_per_row, 1), 1)
    return (slice(first, min(first + step, size)) for first in range(0, size, step))
