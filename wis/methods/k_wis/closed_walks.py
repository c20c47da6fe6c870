"""(L-1)-WIS for any depth L: the closed walks of length L that the loss of an edge breaks.

Let A be the adjacency matrix with all self-loops. The entry of a vertex t in the tuple of Algorithm
1 is WI_{L-1, t}({t}) = (A^L)_tt, the number of closed walks of length L at t. It is 0 if no edge
enters t, because the boundary of {t} is empty then (Definition 11; in a directed graph the boundary
C_I^-> of Appendix D.2 holds t only if an arc enters t).

**An edge is r arcs**: one in a directed graph, (i, j); two in an undirected one, (i, j) and (j, i).
Its loss subtracts E = Σ_a e_i e_jᵀ over its arcs a = (i, j) from A, a matrix of rank r. With A' =
A - E, the walks u'_q = A'^q e_i to the tail and w_q = (A^q)ᵀ e_j from the head,

    (A^L - A'^L)_tt = Σ_a Σ_{q=0}^{L-1} u'_q[t] w_{L-1-q}[t],

which takes 2 r (L-1) products of a matrix and a vector.

**The circuit** of an edge holds the vertices on closed walks of length L through it: those t with
d(j, t) + d(t, i) <= L - 1, where d is the distance along arcs. One of the two distances is at most
⌊(L-1)/2⌋, so two short searches find all of them, and the sum above needs no other vertex.

**Which signatures get better** when e = (i, j) goes (`wis.methods.k_wis.lazy_greedy` must know):
only those of arcs f = (x, y) on a common closed walk of length L, that is, with d(j, x) + d(y, i)
<= L - 2: along e, on to x, along f, back to i; self-loops fill up. The argument is in that module.
Two cases are special because the last arc into a vertex takes all that the vertex has. (1) e was
the last arc into t. Closed walks through f at t would enter t by e, so f took nothing from t. (2) f
is the last arc into y. The loss of e lowers the entry of y only by closed walks at y, which enter y
by f; f is on no such walk with e. If f becomes the last arc, it takes more than before: it is
worse.

In an undirected graph the smallest value that f would create never rises while edges go one by one.
In a directed graph it *can*: on a directed triangle every arc is on the only circuit, and once an
arc is gone, the loss of another one costs nothing, unless it is the last arc into a vertex. So that
value is computed anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wis.graph import CanonicalGraph
from wis.graph.walks import most_walks, num_closed_walks
from wis.methods.k_wis.signatures import WHOLE, Scale, Signature

Ints = NDArray[np.int64]
Losses = tuple[Ints, Ints]
"""Vertices, and how much each would lose."""

FLOAT_EXACT = 2.0**53
"""Integers below this are exact in float64, in which matrix products are many times faster."""
KEPT_ENTRIES = 1 << 25
"""Entries of losses that are kept, 16 bytes each: 512 MiB. Beyond that all are forgotten."""
SHORT = 24
"""An edge that changes at most so many vertices gets its whole signature at once."""


class ClosedWalkChanges:
    """`wis.methods.k_wis.lazy_greedy.EdgeChanges` for walks of any length, in any graph.

    `depth` is L, 2 or more. Edges go from here, not from the object `graph`.

    Raises:
        OptionError: Numbers of walks could pass 2^61.

    Cost: of an edge's losses O(L k²) with k vertices in its circuit, after two searches; memory
    O(n + m), and 16 bytes for each vertex that an edge changes, at most 512 MiB in all.
    """

    def __init__(self, graph: CanonicalGraph, depth: int) -> None:
        n, directed = graph.num_nodes, graph.directed
        edges = graph.edges.cpu().numpy()
        self.depth, self.directed, self.num_edges = depth, directed, graph.num_edges
        self.ends: list[tuple[int, int]] = list(zip(*edges.tolist(), strict=True))
        self.edge_at = {pair: edge for edge, pair in enumerate(self.ends)}
        most = most_walks(edges, n, depth, directed=directed)
        self.kind = np.float64 if most < FLOAT_EXACT else np.int64
        self.value = num_closed_walks(edges, n, depth, directed=directed)
        self.scale = Scale.for_values(int(self.value.max(initial=0)), n)
        tails, heads = edges if directed else np.concatenate([edges, edges[::-1]], axis=1)
        self.ahead = _grouped(tails, heads, n)
        self.behind = _grouped(heads, tails, n) if directed else self.ahead
        self.losses: dict[int, Losses] = {}
        self.num_kept = 0
        self.label = np.full(n, -1, dtype=np.int64)  # positions in a circuit; -1 between two uses

    def is_short(self, edge: int) -> bool:
        """Whether the edge changes few vertices."""
        return self._losses(edge)[0].size <= SHORT

    def smallest(self, edge: int) -> int:
        """The smallest value that the loss of the edge would create; `Scale.above` if none."""
        vertices, loss = self._losses(edge)
        return int((self.value[vertices] - loss).min()) if vertices.size else self.scale.above

    first_bound = smallest

    def ceiling(self, edge: int) -> int:
        """No bound of that is known without any computation."""
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
        """Remove the edge; those on a common closed walk with it may have become better."""
        circuit = _Circuit.through(self, edge)
        vertices, loss = self._losses(edge)
        self.value[vertices] -= loss
        for tail, head in self._arcs(edge):
            self.ahead[tail] = self.ahead[tail][self.ahead[tail] != head]
            if self.directed:
                self.behind[head] = self.behind[head][self.behind[head] != tail]
        met = {self._edge_of(*arc) for arc in circuit.arcs_met()} if circuit else set()
        # edges that are now the only one into an end of this one take more than before
        last = [
            self._edge_of(int(self.behind[head][0]), head)
            for _, head in self._arcs(edge)
            if self.behind[head].size == 1
        ]
        for other in (edge, *met, *last):
            kept = self.losses.pop(other, None)
            if kept is not None:
                self.num_kept -= kept[0].size
        return [(other, 0) for other in met if other != edge]

    def _arcs(self, edge: int) -> list[tuple[int, int]]:
        i, j = self.ends[edge]
        return [(i, j)] if self.directed else [(i, j), (j, i)]

    def _edge_of(self, tail: int, head: int) -> int:
        edge = self.edge_at.get((tail, head))
        return self.edge_at[head, tail] if edge is None else edge

    def _losses(self, edge: int) -> Losses:
        """The vertices whose entries the edge is part of, and how much each would lose."""
        kept = self.losses.get(edge)
        if kept is None:
            kept = self._counted(edge)
            if self.num_kept > KEPT_ENTRIES:
                self.losses.clear()
                self.num_kept = 0
            self.losses[edge] = kept
            self.num_kept += kept[0].size
        return kept

    def _counted(self, edge: int) -> Losses:
        circuit = _Circuit.through(self, edge)
        nothing = np.empty(0, dtype=np.int64)
        vertices, loss = circuit.losses(self.kind) if circuit else (nothing, nothing)
        for _, head in self._arcs(edge):
            if self.behind[head].size == 1:  # nothing enters it any more: its entry falls to 0
                others = vertices != head
                vertices = np.append(vertices[others], head)
                loss = np.append(loss[others], self.value[head])
        return vertices, loss


@dataclass(frozen=True)
class _Circuit:
    """The vertices near an edge, which hold its circuit, and the arcs between them.

    Attributes:
        vertices: int64 [k], both ends of the edge among them.
        row: int64, tails of the arcs between them as positions in `vertices`; `column`: heads.
        arcs: Positions of tail and head of each of the edge's r arcs.
        depth: L.
    """

    vertices: Ints
    row: Ints
    column: Ints
    arcs: list[tuple[int, int]]
    depth: int

    @classmethod
    def through(cls, graph: ClosedWalkChanges, edge: int) -> _Circuit | None:
        """The circuit of the edge, None if no closed walk of length L runs through it."""
        most, label, (i, j) = graph.depth - 1, graph.label, graph.ends[edge]
        if graph.directed:
            vertices = _ball(graph.ahead, [j], graph.depth // 2, label)
            behind = _ball(graph.behind, [i], most // 2, label)
            label[vertices] = 0
            apart = behind[label[behind] < 0]
            label[vertices] = -1
            if apart.size == behind.size:
                return None
            vertices = np.concatenate([vertices, apart])
        else:
            vertices = _ball(graph.ahead, [i, j], most // 2, label)
        # the arcs between them, by positions
        label[vertices] = np.arange(vertices.size)
        lists = [graph.ahead[v] for v in vertices.tolist()]
        column = label[np.concatenate(lists)]
        row = np.repeat(np.arange(vertices.size), [heads.size for heads in lists])
        inside = column >= 0
        first, second = int(label[i]), int(label[j])
        label[vertices] = -1
        arcs = [(first, second)] if graph.directed else [(first, second), (second, first)]
        return cls(vertices, row[inside], column[inside], arcs, graph.depth)

    def losses(self, kind: type) -> Losses:
        """The vertices, and how many closed walks each would lose."""
        depth, size, r = self.depth, self.vertices.size, len(self.arcs)
        matrix: NDArray[Any] = np.eye(size, dtype=kind)
        matrix[self.row, self.column] = 1
        # rows 0 to r - 1 hold w_q of each arc, rows r to 2r - 1 hold u'_q
        walks: NDArray[Any] = np.zeros((depth, 2 * r, size), dtype=kind)
        for arc, (tail, head) in enumerate(self.arcs):
            walks[0, arc, head] = walks[0, r + arc, tail] = 1
        for q in range(1, depth):
            last, now = walks[q - 1], walks[q]
            if r == 2:  # the matrix is symmetric: one product for all rows
                np.matmul(last, matrix, out=now)
            else:
                np.matmul(last[0], matrix, out=now[0])
                np.matmul(matrix, last[1], out=now[1])
            for tail, head in self.arcs:  # u'_q does without the edge
                now[r:, tail] -= last[r:, head]
        loss = np.einsum("qat,qat->t", walks[:, r:], walks[::-1, :r])
        changed = np.flatnonzero(loss)
        return self.vertices[changed], loss[changed].astype(np.int64)

    def arcs_met(self) -> list[tuple[int, int]]:
        """Arcs that share a closed walk of length L with the edge, its own ones included."""
        size, (tail, head) = self.vertices.size, self.arcs[0]
        # d(j, t) from the head of the first arc, and d(t, i) to its tail
        after = _distances(self.row, self.column, size, head, self.depth)
        before = _distances(self.column, self.row, size, tail, self.depth)
        met = after[self.row] + before[self.column] <= self.depth - 2
        tails, heads = self.vertices[self.row[met]], self.vertices[self.column[met]]
        return list(zip(tails.tolist(), heads.tolist(), strict=True))


def _ball(neighbours: list[Ints], centres: list[int], radius: int, label: Ints) -> Ints:
    """The vertices that at most `radius` steps lead to; `label` is all -1 before and after."""
    fringe = np.array(centres)
    label[fringe] = 0
    found = [fringe]
    for _ in range(radius):
        if not fringe.size:
            break
        near = np.concatenate([neighbours[v] for v in fringe.tolist()])
        fresh = near[label[near] < 0]
        places = np.arange(fresh.size)
        label[fresh] = places  # of a vertex that is met several times one place stays
        fringe = fresh[label[fresh] == places]
        found.append(fringe)
    vertices = np.concatenate(found)
    label[vertices] = -1
    return vertices


def _distances(row: Ints, column: Ints, size: int, start: int, far: int) -> Ints:
    """Distances from `start` along arcs from `row` to `column`, `far` if more; int64 [size]."""
    distance = np.full(size, far, dtype=np.int64)
    distance[start] = 0
    for step in range(1, far):
        reached = column[distance[row] == step - 1]
        fresh = reached[distance[reached] == far]
        if not fresh.size:
            break
        distance[fresh] = step
    return distance


def _grouped(by: Ints, values: Ints, n: int) -> list[Ints]:
    """For each vertex the values at the positions where it stands in `by`."""
    order = np.argsort(by, kind="stable")
    starts = np.searchsorted(by[order], np.arange(1, n))
    return np.split(values[order], starts)[:n]
