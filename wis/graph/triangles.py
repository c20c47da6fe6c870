"""Common neighbours of the two ends of every edge, that is, the triangles on the edge.

Each edge is directed from the end of lower degree to the other, so that no vertex has more than
√(2m) out-neighbours even where hubs have many neighbours. A triangle a → b, a → c, b → c is found
once, at its edge a → b, because c is an out-neighbour of both a and b. It counts for its three
edges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
ENTRIES_AT_A_TIME = 1 << 22
"""Entries of sparse rows that are in memory at once."""


@dataclass(frozen=True)
class _Triangles:
    """A batch of k triangles: their sides as edge ids, and the corner opposite to each side."""

    sides: tuple[Ints, Ints, Ints]
    opposite: tuple[Ints, Ints, Ints]
    share: float
    """The share of all work that is done after this batch."""


def num_common_neighbours(
    edges: Ints, num_nodes: int, *, report: Callable[[float], None] = lambda share: None
) -> Ints:
    """Number of common neighbours of the two ends of each edge.

    Args:
        edges: int64 [2, m], each column an edge of its own, no loops.
        num_nodes: Number n of vertices.
        report: Called with the share of work done, in (0, 1].

    Returns:
        int64 [m].

    Cost: O(Σ over edges of the out-degrees of its ends), at most O(m √m); memory O(m).

    >>> num_common_neighbours(np.array([[0, 0, 1, 2], [1, 2, 2, 3]]), 4).tolist()
    [1, 1, 1, 0]
    """
    counts = np.zeros(edges.shape[1], dtype=np.int64)
    for found in _triangles(edges, num_nodes):
        for side in found.sides:
            counts += np.bincount(side, minlength=counts.size)
        report(found.share)
    return counts


def lowest_common_neighbours(edges: Ints, value: Ints) -> Ints:
    """The common neighbour of lowest value of the two ends of each edge.

    Args:
        edges: int64 [2, m], each column an edge of its own, no loops.
        value: int64 [n], the value of each vertex, at most 2^62 / n; ties go to the smallest id.

    Returns:
        int64 [m]; n if the ends have no common neighbour.

    Cost: as `num_common_neighbours`.
    """
    n = value.size
    key = np.append(value * n + np.arange(n), np.iinfo(np.int64).max)
    lowest = np.full(edges.shape[1], key[n])
    for found in _triangles(edges, n):
        for side, corner in zip(found.sides, found.opposite, strict=True):
            np.minimum.at(lowest, side, key[corner])
    return np.where(lowest == key[n], n, lowest % max(n, 1))


def _triangles(edges: Ints, num_nodes: int) -> Iterator[_Triangles]:
    """All triangles, in batches of bounded memory."""
    num_edges = edges.shape[1]
    if not num_edges:
        return
    narrow = np.int32 if max(num_edges, num_nodes) < 2**31 - 1 else np.int64
    tail, head = (end.astype(narrow) for end in _from_low_to_high_degree(edges, num_nodes))
    from scipy import sparse

    ids = np.arange(1, num_edges + 1, dtype=np.int64)  # from 1, because a sparse matrix drops zeros
    there, shape = (tail, head), (num_nodes, num_nodes)
    id_of = sparse.csr_array((ids, there), shape=shape)
    is_edge = sparse.csr_array((np.ones_like(ids), there), shape=shape)
    out_degree = np.bincount(tail, minlength=num_nodes)
    work = np.cumsum(out_degree[tail] + out_degree[head] + 1, dtype=np.int64)
    cuts = np.arange(ENTRIES_AT_A_TIME, work[-1] + ENTRIES_AT_A_TIME, ENTRIES_AT_A_TIME)
    start = 0
    for stop in np.searchsorted(work, cuts, side="right").tolist():
        stop = min(max(stop, start + 1), num_edges)
        if start == num_edges:
            break
        a, b = tail[start:stop], head[start:stop]
        from_a = id_of[a].multiply(is_edge[b]).tocsr()
        from_b = is_edge[a].multiply(id_of[b]).tocsr()
        first = np.repeat(np.arange(start, stop), np.diff(from_a.indptr))
        sides = (first, from_a.data - 1, from_b.data - 1)
        yield _Triangles(
            sides, (from_a.indices, head[first], tail[first]), float(work[stop - 1] / work[-1])
        )
        start = stop


def _from_low_to_high_degree(edges: Ints, num_nodes: int) -> tuple[Ints, Ints]:
    degree = np.bincount(edges.reshape(-1), minlength=num_nodes)
    u, v = edges
    falls = degree[u] > degree[v]  # equal degrees: the smaller id is the tail
    rises = (degree[u] == degree[v]) & (u > v)
    swap = falls | rises
    return np.where(swap, v, u), np.where(swap, u, v)
