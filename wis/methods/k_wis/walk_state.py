"""Walk indices of chosen partitions: what the loss of each edge would take, as edges go.

Let A be the 0/1 adjacency with all self-loops, p = L - 1, and for a subset I let c be the 0/1
vector of its boundary (Definition 11; the heads of the arcs that cross the partition, C_I^-> of
Appendix D.2, in a directed graph). With the end b, which is 1 for graph prediction and e_t for the
target t, its walk index is c' A^p b. Kept are X_l = (A')^l c for l < p, the walks from the boundary
to each vertex, a column for each subset; and Y_l = A^l b for l <= p, the walks from each vertex to
an end, a column for each different end.

An edge is r arcs (i, j), as in `wis.methods.k_wis.closed_walks`. Its removal gives B = A - E with E
= sum of e_i e_j' over its arcs, a matrix of rank r, and

    A^q - B^q = sum over l < q of A^l E B^(q-1-l).

The entry of this times b at the head v of each arc yields the number of walks that are left there,
f_q(v) = (B^q b)_v, one q after another:

    f_q(v) = Y_q(v) - sum over l < q and arcs (i, j) of (A^l)_vi f_(q-1-l)(j).

In an undirected graph (A^l)_vi is 1 for l = 1, and 0 or 1 for l = 0. Multiplied by c' and b, it
yields the loss: the sum over l < p and arcs (i, j) of X_l(i) f_(p-1-l)(j). Where an arc is the last
one into j from across a partition, j leaves the boundary and f_p(j) is lost as well.

All of this is sums and products of integers, so an overflow inside is harmless as long as the walk
indices themselves fit into int64; where they might not, all arrays hold Python's integers instead.
Walk counts never rise as edges go, so this is decided once.

References: Algorithm 3; for directed graphs with the definitions of Appendix D.2.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wis.errors import OptionError
from wis.graph import CanonicalGraph
from wis.graph.partitions import Partitions
from wis.graph.walks import adjacency

Ints = NDArray[np.int64]
Counts = NDArray[Any]
"""int64, or object with Python's integers."""

Arcs = list[tuple[Ints, Ints]]
"""Tails and heads of the r arcs of some edges, [c] each."""

CHUNK_BYTES = 2**26
"""Working memory of a vectorised step: 64 MiB, little beside the tables."""
MAX_STATE_BYTES = 2**34
"""Tables beyond 16 GiB are refused before they are made."""
SAFE = 2.0**62
"""The float64 bound on all walk indices may be off by rounding, so it stays a factor of 2 below."""


class WalkState:
    """The walk indices of K partitions, and by how much the loss of each edge lowers them.

    Attributes:
        arcs: Tails and heads of the r arcs of each edge, int64 [m] each.
        left: bool [m], whether the edge is left.
        ahead: A of the graph that is left, a sparse matrix.
        behind: A'; `ahead` itself in an undirected graph.
        inside: bool [n, K], the vertices of each subset.
        crossing: int32 [n, K], arcs into each vertex from across each partition.
        started: X_l for l = 0 ... p - 1, at least X_0, each [n, K].
        ended: Y_l for l = 0 ... p, each [n, T] for T different ends.
        column: int64 [K], the column of `ended` that belongs to each subset.
        index: [K], the walk indices.
        loss: [m, K], by how much each falls if the edge goes; stale for edges that are gone.

    Raises:
        OptionError: It would take too much memory.
    """

    def __init__(self, graph: CanonicalGraph, partitions: Partitions, walk_length: int) -> None:
        self.edges, self.directed = graph.edges.cpu().numpy(), graph.directed
        n, m, num = graph.num_nodes, graph.num_edges, len(partitions)
        self.column, ends = _ends_of(partitions)
        _check_size(n, m, num, len(ends), walk_length)
        self.walk_length = walk_length
        u, v = self.edges
        self.arcs: Arcs = [(u, v)] if self.directed else [(u, v), (v, u)]
        self.left = np.ones(m, dtype=bool)
        self.ahead = adjacency(self.edges, n, directed=self.directed)
        self.behind = self.ahead.T.tocsr() if self.directed else self.ahead
        self.inside = partitions.membership(n)
        self.crossing = np.zeros((n, num), dtype=np.int32)
        for part in _chunks(m, 3 * num):
            for tail, head in self.arcs:
                across = self.inside[tail[part]] ^ self.inside[head[part]]
                np.add.at(self.crossing, head[part], across)
        every = np.arange(n)
        fits = _fit_in_int64(self.ahead, self.crossing, walk_length)
        dtype: Any = np.int64 if fits else object
        self.started: list[Counts] = [(self.crossing > 0).astype(dtype)]
        for _ in range(walk_length - 1):
            self.started.append(_times(self.behind, every, self.started[-1]))
        self.ended = [_indicators(n, ends, dtype)]
        for _ in range(walk_length):
            self.ended.append(_times(self.ahead, every, self.ended[-1]))
        self.index: Counts = np.zeros(num, dtype=dtype)
        self.index += self._counted_at(every)
        self.loss: Counts = np.zeros((m, num), dtype=dtype)
        self._refresh(np.arange(m))

    def remove(self, gone: Ints) -> Ints:
        """Remove edges; returns the ids of those whose rows of `loss` were computed anew."""
        radius = max(self.walk_length - 1, 0)
        heads = np.unique(self.edges[1, gone] if self.directed else self.edges[:, gone])
        after = before = _ball(self.ahead, heads, radius)  # where X, and where Y can change
        if self.directed:
            before = np.union1d(_ball(self.behind, self.edges[0, gone], radius), heads)
        # take the old counts out of the walk indices, bring X and Y up to date, add the new counts
        self.index -= self._counted_at(before)
        self.left[gone] = False
        for tail, head in ((tails[gone], heads[gone]) for tails, heads in self.arcs):
            np.subtract.at(self.crossing, head, self.inside[tail] ^ self.inside[head])
        u, v = self.edges[:, gone]
        self.ahead[u, v] = self.behind[v, u] = 0  # both arcs of an edge: the matrix is the same
        self.ahead.eliminate_zeros()
        self.behind.eliminate_zeros()
        self.started[0][heads] = self.crossing[heads] > 0
        for last, one_more in itertools.pairwise(self.started):
            one_more[after] = _times(self.behind, after, last)
        for last, one_more in itertools.pairwise(self.ended):
            one_more[before] = _times(self.ahead, before, last)
        self.index += self._counted_at(before)
        # losses change for edges with the tail in the one or the head in the other ball
        near = np.zeros((2, self.inside.shape[0]), dtype=bool)
        near[0, after] = near[1, before] = True
        stale = np.flatnonzero(self.left & (near[0, self.edges[0]] | near[1, self.edges[1]]))
        self._refresh(stale)
        return stale

    def _counted_at(self, rows: Ints) -> Counts:
        """Walks of length p that start at boundary vertices among `rows`, for each partition."""
        total = np.zeros_like(self.index)
        for part in _chunks(rows.size, 16 * total.size):
            ended = self._per_partition(self.ended[-1][rows[part]])
            total += (self.started[0][rows[part]] * ended).sum(axis=0)
        return total

    def _per_partition(self, ended: Counts) -> Counts:
        """Columns of ends as columns of partitions; one common end is left to broadcasting."""
        num_ends = ended.shape[1]
        same = num_ends == 1 or np.array_equal(self.column, np.arange(num_ends))
        return ended if same else ended[:, self.column]

    def _refresh(self, ids: Ints) -> None:
        """Compute the rows of `loss` of these edges."""
        width = 8 * (self.index.size + self.ended[0].shape[1]) * (2 * self.walk_length + 4)
        for part in _chunks(ids.size, width):
            self.loss[ids[part]] = self._loss_of(ids[part])

    def _loss_of(self, ids: Ints) -> Counts:
        p, (i, j) = self.walk_length, self.edges[:, ids]
        arcs = [(tails[ids], heads[ids]) for tails, heads in self.arcs]
        across = self.inside[i] ^ self.inside[j]
        loss = np.zeros(across.shape, dtype=self.index.dtype)
        for (tail, head), left in zip(arcs, self._walks_left(arcs), strict=True):
            loss += np.where(across & (self.crossing[head] == 1), left[p], 0)
            for step in range(p):
                loss += self.started[step][tail] * left[p - 1 - step]
        return loss

    def _walks_left(self, arcs: Arcs) -> list[list[Counts]]:
        """f_q at the head of each arc for q = 0 ... p, a column for each partition."""
        back = self._returns(arcs)
        found: list[list[Counts]] = [[] for _ in arcs]
        for q in range(self.walk_length + 1):
            now = []
            for a, (_, head) in enumerate(arcs):
                walks = self.ended[q][head]
                for step, b in itertools.product(range(q), range(len(arcs))):
                    if step or a != b:  # a walk of no steps leads to no other vertex
                        walks = walks - back[step][a][b] * found[b][q - 1 - step]
                now.append(walks)
            for walks, all_walks in zip(now, found, strict=True):
                all_walks.append(walks)
        return [[self._per_partition(walks) for walks in all_walks] for all_walks in found]

    def _returns(self, arcs: Arcs) -> list[list[list[Any]]]:
        """(A^l) from the head of arc a to the tail of arc b, for l = 0 ... p - 1; [c, 1] each."""
        known = [[[int(a != b) for b in range(len(arcs))] for a in range(len(arcs))]]
        if not self.directed:  # by an edge or a self-loop each end is one step from each
            known.append([[1, 1], [1, 1]])
        if self.walk_length <= len(known):
            return known
        # each pair of vertices once; in an undirected graph both directions are the same
        pairs = np.array([(head, tail) for _, head in arcs for tail, _ in arcs])
        if not self.directed:
            pairs.sort(axis=1)
        pairs = pairs.transpose(1, 0, 2).reshape(2, -1)
        keys = pairs[0] * self.inside.shape[0] + pairs[1]
        _, first, place = np.unique(keys, return_index=True, return_inverse=True)
        count = self._powers_by_rows if self.index.dtype == np.int64 else self._powers_by_columns
        place = place.reshape(len(arcs), len(arcs), -1, 1)
        found = count(pairs[0, first], pairs[1, first], self.walk_length - 1)[len(known) - 1 :]
        return known + [[list(power[of_head]) for of_head in place] for power in found]

    def _powers_by_rows(self, v: Ints, w: Ints, longest: int) -> list[Counts]:
        """(A^l)_vw for l = 1 ... longest: products of rows of sparse powers up to half of that."""
        from scipy.sparse import eye_array

        rows, v = np.unique(v, return_inverse=True)
        columns, w = np.unique(w, return_inverse=True)
        identity = eye_array(self.inside.shape[0], dtype=np.int64, format="csr")
        ahead, behind = [identity[rows]], [identity[columns]]
        for powers, matrix in ((ahead, self.ahead), (behind, self.behind)):
            for _ in range((longest + 1) // 2):
                powers.append(powers[-1] @ matrix)
        found = []
        for length in range(1, longest + 1):
            a, b = ahead[(length + 1) // 2], behind[length // 2]
            counts = np.empty(v.size, dtype=np.int64)
            for part in _chunks(v.size, 16 * (a.nnz // max(rows.size, 1) + 1)):
                counts[part] = a[v[part]].multiply(b[w[part]]).sum(axis=1)
            found.append(counts)
        return found

    def _powers_by_columns(self, v: Ints, w: Ints, longest: int) -> list[Counts]:
        """The same in Python's integers, by columns of the powers of A."""
        columns, place = np.unique(w, return_inverse=True)
        every = np.arange(self.inside.shape[0])
        power = _indicators(every.size, columns.tolist(), object)
        found = []
        for _ in range(longest):
            power = _times(self.ahead, every, power)
            found.append(power[v, place])
        return found


def _ends_of(partitions: Partitions) -> tuple[Ints, list[int | None]]:
    """For each partition the position of its target among the different ones, and these."""
    ends = list(dict.fromkeys(partitions.targets))
    position = {end: column for column, end in enumerate(ends)}
    column = np.array([position[target] for target in partitions.targets], dtype=np.int64)
    return column, ends


def _indicators(num_nodes: int, ends: list[int | None] | list[int], dtype: Any) -> Counts:
    """e_t for each target t, and the vector of ones for None; [n, T]."""
    result = np.zeros((num_nodes, len(ends)), dtype=dtype)
    for column, end in enumerate(ends):
        result[slice(None) if end is None else end, column] = 1
    return result


def _fit_in_int64(matrix: Any, crossing: NDArray[np.int32], walk_length: int) -> bool:
    """Whether the sum of all walk indices fits into int64, by a bound in float64."""
    walks = np.ones(matrix.shape[0])
    with np.errstate(over="ignore"):
        for _ in range(walk_length):
            walks = matrix @ walks
        return float((np.count_nonzero(crossing, axis=1) * walks).sum()) < SAFE


def _times(matrix: Any, rows: Ints, vectors: Counts) -> Counts:
    """Rows of A or A', none of which is empty, times `vectors`, [n, k] -> [len(rows), k]."""
    result = np.empty((rows.size, vectors.shape[1]), dtype=vectors.dtype)
    width = matrix.nnz // max(matrix.shape[0], 1) + 1
    for part in _chunks(rows.size, 8 * width * vectors.shape[1]):
        some = matrix[rows[part]]  # scipy multiplies no matrix by Python's integers
        result[part] = np.add.reduceat(vectors[some.indices], some.indptr[:-1], axis=0)
    return result


def _ball(matrix: Any, centres: Ints, radius: int) -> Ints:
    """Vertices to which at most `radius` steps lead from a centre, ascending."""
    inside = np.zeros(matrix.shape[0], dtype=bool)
    inside[centres] = True
    for _ in range(radius):
        size = np.count_nonzero(inside)
        inside[matrix[np.flatnonzero(inside)].indices] = True
        if np.count_nonzero(inside) == size:
            break
    return np.flatnonzero(inside)


def _check_size(n: int, m: int, num: int, num_ends: int, walk_length: int) -> None:
    """Raise `OptionError` if the tables of so many partitions would not fit."""
    rows = 8 * num * (m + n * max(walk_length, 1)) + 8 * n * num_ends * (walk_length + 1)
    needed = rows + 5 * n * num
    if needed > MAX_STATE_BYTES:
        raise OptionError(
            f"gwis with {num} partitions of {n} vertices and {m} edges would take "
            f"{needed / 2**30:.0f} GiB; it is limited to {MAX_STATE_BYTES >> 30}: give fewer "
            f"partitions or a smaller walk_length"
        )


def _chunks(size: int, bytes_per_row: int) -> Iterator[slice]:
    """Slices of 0 ... size - 1 that take about `CHUNK_BYTES` each."""
    step = max(CHUNK_BYTES // max(bytes_per_row, 1), 1)
    return (slice(first, min(first + step, size)) for first in range(0, size, step))
