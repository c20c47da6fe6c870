"""(L-1)-WIS for any depth L: what the loss of an edge does to the closed walks of length L.

With A the adjacency matrix including all self-loops, the entry of a vertex t in the tuple of
Algorithm 1 is WI_{L-1, t}({t}) = (A^L)_tt, the closed walks of length L at t, and 0 if t is
isolated (Definition 11: its boundary is empty then). A closed walk of length L through an edge {i,
j} never leaves the ball of radius ⌊(L-1)/2⌋ around i and j, so all that the loss of the edge
changes can be counted in the subgraph that the ball induces. With M its adjacency matrix, M' the
same without the edge, and p_q = M^q e_i, r_q = M^q e_j, p'_q, r'_q likewise for M',

    (M^L - M'^L)_tt = Σ_{q=0}^{L-1} p'_q[t] r_{L-1-q}[t] + r'_q[t] p_{L-1-q}[t],

which is 4 (L-1) products of a matrix and a vector. How much each vertex loses is kept for each edge
until an edge goes that shares a closed walk of length L with it: f = {x, y} does so with {i, j} if
min(d(i, x) + d(j, y), d(i, y) + d(j, x)) ≤ L - 2, where d is the distance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from wis.errors import OptionError
from wis.graph import UndirectedGraph
from wis.methods.k_wis.signatures import WHOLE, Scale, Signature

Ints = NDArray[np.int64]
FLOAT_EXACT = 2.0**53
LARGEST = 2.0**61
ROWS_AT_A_TIME = 1 << 12
KEPT_ENTRIES = 1 << 25
SHORT = 24


class ClosedWalkChanges:
    """`wis.methods.k_wis.lazy_greedy.EdgeChanges` for walks of any length.

    Args:
        graph: The graph; its edges go, the object does not change.
        depth: L, 2 or more.

    Raises:
        OptionError: Numbers of walks could pass 2^61.

    Cost: of an edge's losses O(L k²) with k vertices in the ball; memory O(n + m), and 16 bytes for
    each vertex that an edge changes, at most 512 MiB in all (the rest is computed anew).
    """

    def __init__(self, graph: UndirectedGraph, depth: int) -> None:
        n = graph.num_nodes
        edges = graph.edges.cpu().numpy()
        self.depth = depth
        self.radius = (depth - 1) // 2
        self.ends: list[tuple[int, int]] = list(zip(*edges.tolist(), strict=True))
        self.edge_at = {(u, v): edge for edge, (u, v) in enumerate(self.ends)}
        most = most_walks(edges, n, depth)
        self.kind = np.float64 if most < FLOAT_EXACT else np.int64
        self.value = num_closed_walks(edges, n, depth)
        self.scale = Scale.for_values(int(self.value.max(initial=0)), n)
        self.around = _neighbours(edges, n)
        self.losses: dict[int, tuple[Ints, Ints]] = {}
        self.num_kept = 0
        self.label = np.full(n, -1, dtype=np.int64)

    def is_short(self, edge: int) -> bool:
        """Whether the edge changes few vertices."""
        return self._losses(edge)[0].size <= SHORT

    def first_bounds(self) -> list[int]:
        """The smallest value that the loss of each edge would create, at the beginning."""
        return [self.smallest(edge) for edge in range(len(self.ends))]

    def smallest(self, edge: int) -> int:
        """The smallest value that the loss of the edge would create."""
        vertices, loss = self._losses(edge)
        return int((self.value[vertices] - loss).min())

    def ceiling(self, edge: int) -> int:
        """Nothing is known at the cost of a glance."""
        return self.scale.above

    def signature(self, edge: int, limit: int) -> Signature:
        """The signature of the edge, codes of values below `limit` only."""
        vertices, loss = self._losses(edge)
        old = self.value[vertices]
        new = old - loss
        if limit != WHOLE:
            low = new < limit
            new, old = new[low], old[low]
        return self.scale.signature(new.tolist(), old.tolist(), limit)

    def remove(self, edge: int) -> list[tuple[int, int]]:
        """Remove the edge; those that shared a closed walk with it may have become better."""
        ball = _Ball.around(self, edge)
        vertices, loss = self._losses(edge)
        self.value[vertices] -= loss
        i, j = self.ends[edge]
        self.around[i] = self.around[i][self.around[i] != j]
        self.around[j] = self.around[j][self.around[j] != i]
        met = [self.edge_at[pair] for pair in ball.edges_met(self.depth)]
        for other in [*met, *self._last_edges(i, j)]:
            kept = self.losses.pop(other, None)
            if kept is not None:
                self.num_kept -= kept[0].size
        return [(other, 0) for other in met if other != edge]

    def _last_edges(self, *ends: int) -> list[int]:
        """Edges that became the only one of an end, which they would now isolate: so worse."""
        alone = [(end, int(self.around[end][0])) for end in ends if self.around[end].size == 1]
        return [self.edge_at[min(pair), max(pair)] for pair in alone]

    def _losses(self, edge: int) -> tuple[Ints, Ints]:
        """Vertices whose closed walks the edge is part of, and how many each would lose."""
        kept = self.losses.get(edge)
        if kept is None:
            kept = _Ball.around(self, edge).losses(self.depth, self.value, self.kind)
            if self.num_kept > KEPT_ENTRIES:
                self.losses.clear()
                self.num_kept = 0
            self.losses[edge] = kept
            self.num_kept += kept[0].size
        return kept


class _Ball:
    """The vertices near an edge and the edges between them.

    Attributes:
        vertices: int64 [k]; the ends of the edge first.
        row: int64, ends of the arcs between them as positions in `vertices`; `column` likewise.
    """

    def __init__(self, vertices: Ints, row: Ints, column: Ints, ends_degree: tuple[int, int]):
        self.vertices, self.row, self.column = vertices, row, column
        self.ends_degree = ends_degree

    @classmethod
    def around(cls, graph: ClosedWalkChanges, edge: int) -> _Ball:
        i, j = graph.ends[edge]
        label, around = graph.label, graph.around
        vertices = np.array([i, j], dtype=np.int64)
        label[vertices] = (0, 1)
        fringe = vertices
        for _ in range(graph.radius):
            if not fringe.size:
                break
            near = np.concatenate([around[v] for v in fringe.tolist()])
            fringe = np.unique(near[label[near] < 0])
            label[fringe] = np.arange(vertices.size, vertices.size + fringe.size)
            vertices = np.concatenate([vertices, fringe])
        lists = [around[v] for v in vertices.tolist()]
        column = label[np.concatenate(lists)]
        row = np.repeat(np.arange(vertices.size), [near.size for near in lists])
        inside = column >= 0
        label[vertices] = -1
        degrees = (around[i].size, around[j].size)
        return cls(vertices, row[inside], column[inside], degrees)

    def losses(self, depth: int, value: Ints, kind: type) -> tuple[Ints, Ints]:
        """See `ClosedWalkChanges._losses`."""
        size = self.vertices.size
        matrix: NDArray[Any] = np.eye(size, dtype=kind)
        matrix[self.row, self.column] = 1
        walks: NDArray[Any] = np.zeros((depth, size, 4), dtype=kind)  # p_q, r_q, p'_q, r'_q
        walks[0, 0, 0::2] = 1
        walks[0, 1, 1::2] = 1
        for q in range(1, depth):
            walks[q] = matrix @ walks[q - 1]
            walks[q, 0, 2:] -= walks[q - 1, 1, 2:]
            walks[q, 1, 2:] -= walks[q - 1, 0, 2:]
        back = walks[::-1]
        loss = (walks[:, :, 2] * back[:, :, 1] + walks[:, :, 3] * back[:, :, 0]).sum(axis=0)
        changed = np.flatnonzero(loss)
        vertices, loss = self.vertices[changed], loss[changed].astype(np.int64)
        for end, degree in enumerate(self.ends_degree):
            if degree == 1:
                loss[end] = value[self.vertices[end]]  # isolated: down to 0
        return vertices, loss

    def edges_met(self, depth: int) -> list[tuple[int, int]]:
        """Edges that share a closed walk of length `depth` with this one, itself included."""
        size = self.vertices.size
        far = depth  # not reached by what is left of a closed walk
        distance = np.full((2, size), far, dtype=np.int64)
        for end in range(2):
            distance[end, end] = 0
            for step in range(1, depth - 1):
                reached = self.column[distance[end, self.row] == step - 1]
                fresh = reached[distance[end, reached] == far]
                distance[end, fresh] = step
        up = self.vertices[self.row] < self.vertices[self.column]
        x, y = self.row[up], self.column[up]
        straight = distance[0, x] + distance[1, y]
        crossed = distance[0, y] + distance[1, x]
        met = np.minimum(straight, crossed) <= depth - 2
        pairs = zip(self.vertices[x[met]].tolist(), self.vertices[y[met]].tolist(), strict=True)
        return list(pairs)


def _neighbours(edges: Ints, n: int) -> list[Ints]:
    """For each vertex its neighbours, int64."""
    row = np.concatenate([edges[0], edges[1]])
    column = np.concatenate([edges[1], edges[0]])
    by_row = np.argsort(row, kind="stable")
    starts = np.searchsorted(row[by_row], np.arange(1, n))
    return np.split(column[by_row], starts)[:n]


def adjacency(edges: Ints, n: int, *, directed: bool = False) -> sparse.csr_array:
    """The 0/1 adjacency matrix with all self-loops, int64; of arcs if `directed`."""
    loops = np.arange(n)
    ends = [edges[0], loops] if directed else [edges[0], edges[1], loops]
    other_ends = [edges[1], loops] if directed else [edges[1], edges[0], loops]
    row, column = np.concatenate(ends), np.concatenate(other_ends)
    ones = np.ones(row.size, dtype=np.int64)
    return sparse.csr_array((ones, (row, column)), shape=(n, n))


def most_walks(edges: Ints, n: int, depth: int, *, directed: bool = False) -> float:
    """The largest number of walks of length `depth` from one vertex.

    Raises:
        OptionError: Twice that could pass 2^61, after which sums no longer fit into 64 bits.
    """
    if not n:
        return 0.0
    matrix = adjacency(edges, n, directed=directed).astype(np.float64)
    walks = np.ones(n)
    for _ in range(depth):
        walks = matrix @ walks
        if 2 * walks.max() > LARGEST:
            raise OptionError(
                f"walk_length={depth - 1} is too long for this graph: numbers of walks pass 2^61, "
                f"which 64-bit integers do not hold; choose a shorter one"
            )
    return float(walks.max())


def num_closed_walks(
    edges: Ints, n: int, depth: int, *, directed: bool = False, vertices: Ints | None = None
) -> Ints:
    """(A^depth)_tt for each vertex t, 0 for an isolated one, or one that no arc enters.

    Args:
        edges: int64 [2, m].
        n: Number of vertices.
        depth: Length of the walks.
        directed: Whether edges are arcs.
        vertices: int64 [k], for which vertices; all if not given.

    Returns:
        int64 [n], or [k].

    Cost: sparse products of a few thousand rows at a time, ⌈depth / 2⌉ of them.
    """
    matrix = adjacency(edges, n, directed=directed)
    backward = matrix.T.tocsr() if directed else matrix
    chosen = np.arange(n) if vertices is None else vertices
    counts = np.zeros(chosen.size, dtype=np.int64)
    identity = sparse.eye_array(n, dtype=np.int64, format="csr")
    for start in range(0, chosen.size, ROWS_AT_A_TIME):
        rows = identity[chosen[start : start + ROWS_AT_A_TIME]]
        half = back = rows
        for _ in range(depth // 2):
            half = half @ matrix
            back = back @ backward if directed else half
        other = back @ backward if depth % 2 else back
        counts[start : start + ROWS_AT_A_TIME] = half.multiply(other).sum(axis=1)
    entered = np.bincount(edges[1] if directed else edges.reshape(-1), minlength=n)
    return np.where(entered[chosen] > 0, counts, 0)
