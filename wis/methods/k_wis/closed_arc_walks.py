"""(L-1)-WIS of a directed graph: what the loss of an arc does to the closed walks of length L.

In a directed graph the entry of a vertex t in the tuple of Algorithm 1 is WI_{L-1, t}({t}) with the
boundary C_I^-> of Appendix D.2: of I = {t} it holds t, if an arc enters t, and the vertices that
arcs from t lead to. If no arc enters t, none of these can reach it and the entry is 0. Else they
are the vertices to which A, the adjacency matrix with all self-loops, has an entry in row t, so
that the walks of length L - 1 from them to t are the closed walks (A^L)_tt. So the entry falls to 0
when the last arc *into* t goes; what leaves t does not matter for that.

An arc e = (i, j) is part of closed walks of length L at t only if d(j, t) + d(t, i) <= L - 1, d
being the distance along arcs. These vertices, the circuit of e, hold all closed walks through e;
one half of such a walk is at most ⌈(L-1)/2⌉ steps behind j and the other ⌊(L-1)/2⌋ steps before i,
so two short searches find them. With M the adjacency matrix of the circuit, M' the same without e,
w_q = (M^q)ᵀ e_j and u'_q = M'^q e_i,

    (M^L - M'^L)_tt = Σ_{q=0}^{L-1} u'_q[t] w_{L-1-q}[t].

For `wis.methods.k_wis.lazy_greedy`: the signature of another arc f = (x, y) gets better by the loss
of e only if a closed walk of length L runs through both, that is, d(j, x) + d(y, i) <= L - 2 (walk
along e, to x, along f, and back to i; self-loops fill up). For suppose none does. What f takes from
a vertex t it takes by closed walks through f, all of which are left, unless an end of arcs is what
counts: (1) e was the last arc into t; then closed walks through f at t enter it by e, so there are
none, and f took nothing. (2) f is the last arc into y and takes all that y has; e lowered that only
by closed walks at y, which enter it by f, so again there are none; and if f has just become the
last, it takes more than before. So each entry that f lowers it still lowers, by as much or more and
from the same value or a lower one. At the smallest value where the new signature differs from the
old it then has more entries: it is worse. But unlike in undirected graphs the smallest value that f
would create *can* rise as edges go one by one: on a directed triangle every arc is on the only
circuit, and with one arc gone the others cost nothing but a last arc. So it is computed anew.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wis.graph import DirectedGraph
from wis.methods.k_wis.closed_walks import (
    FLOAT_EXACT,
    KEPT_ENTRIES,
    SHORT,
    Ints,
    most_walks,
    num_closed_walks,
)
from wis.methods.k_wis.signatures import WHOLE, Scale, Signature


class ClosedArcWalkChanges:
    """`wis.methods.k_wis.lazy_greedy.EdgeChanges` for directed graphs and walks of any length.

    Args:
        graph: The graph; its arcs go, the object does not change.
        depth: L, 2 or more.

    Raises:
        OptionError: Numbers of walks could pass 2^61.

    Cost: of an arc's losses O(L k²) with k vertices in its circuit, after two searches; memory O(n
    + m), and 16 bytes for each vertex that an arc changes, at most 512 MiB in all (the rest is
    computed anew).
    """

    def __init__(self, graph: DirectedGraph, depth: int) -> None:
        n = graph.num_nodes
        arcs = graph.edges.cpu().numpy()
        self.depth = depth
        self.ends: list[tuple[int, int]] = list(zip(*arcs.tolist(), strict=True))
        self.edge_at = {arc: edge for edge, arc in enumerate(self.ends)}
        most = most_walks(arcs, n, depth, directed=True)
        self.kind = np.float64 if most < FLOAT_EXACT else np.int64
        self.value = num_closed_walks(arcs, n, depth, directed=True)
        self.scale = Scale.for_values(int(self.value.max(initial=0)), n)
        self.ahead = _grouped(arcs[0], arcs[1], n)
        self.behind = _grouped(arcs[1], arcs[0], n)
        self.losses: dict[int, tuple[Ints, Ints]] = {}
        self.num_kept = 0

    def is_short(self, edge: int) -> bool:
        """Whether the arc changes few vertices."""
        return self._losses(edge)[0].size <= SHORT

    def first_bounds(self) -> list[int]:
        """The smallest value that the loss of each edge would create, at the beginning."""
        return [self.smallest(edge) for edge in range(len(self.ends))]

    def smallest(self, edge: int) -> int:
        """The smallest value that the loss of the arc would create; of none, one above all."""
        vertices, loss = self._losses(edge)
        if not vertices.size:
            return self.scale.above
        return int((self.value[vertices] - loss).min())

    def ceiling(self, edge: int) -> int:
        """Nothing is known at the cost of a glance."""
        return self.scale.above

    def signature(self, edge: int, limit: int) -> Signature:
        """The signature of the arc, codes of values below `limit` only."""
        vertices, loss = self._losses(edge)
        old = self.value[vertices]
        new = old - loss
        if limit != WHOLE:
            low = new < limit
            new, old = new[low], old[low]
        return self.scale.signature(new.tolist(), old.tolist(), limit)

    def remove(self, edge: int) -> list[tuple[int, int]]:
        """Remove the arc; those that shared a closed walk with it may have become better."""
        i, j = self.ends[edge]
        circuit = _Circuit.through(self, i, j)
        vertices, loss = self._losses(edge)
        self.value[vertices] -= loss
        self.ahead[i] = self.ahead[i][self.ahead[i] != j]
        self.behind[j] = self.behind[j][self.behind[j] != i]
        met = [self.edge_at[arc] for arc in circuit.arcs_met()] if circuit else []
        last = [self.edge_at[int(self.behind[j][0]), j]] if self.behind[j].size == 1 else []
        for other in (edge, *met, *last):
            kept = self.losses.pop(other, None)
            if kept is not None:
                self.num_kept -= kept[0].size
        return [(other, 0) for other in met if other != edge]

    def _losses(self, edge: int) -> tuple[Ints, Ints]:
        """Vertices whose entries the arc is part of, and how much each would lose."""
        kept = self.losses.get(edge)
        if kept is None:
            kept = self._counted(*self.ends[edge])
            if self.num_kept > KEPT_ENTRIES:
                self.losses.clear()
                self.num_kept = 0
            self.losses[edge] = kept
            self.num_kept += kept[0].size
        return kept

    def _counted(self, i: int, j: int) -> tuple[Ints, Ints]:
        circuit = _Circuit.through(self, i, j)
        nothing = np.empty(0, dtype=np.int64)
        vertices, loss = circuit.losses(self.kind) if circuit else (nothing, nothing)
        if self.behind[j].size == 1:  # the last arc into j, whose entry falls to 0
            others = vertices != j
            vertices = np.append(vertices[others], j)
            loss = np.append(loss[others], self.value[j])
        return vertices, loss


class _Circuit:
    """The vertices that closed walks of length L through an arc visit.

    Attributes:
        vertices: int64 [k], at least both ends of the arc.
        row: int64, tails of the arcs between them as positions in `vertices`; `column`: heads.
        ends: Positions of the arc's tail and head.
        after: int64 [k], distance of each vertex from the head.
        before: int64 [k], distance of each vertex to the tail.
    """

    def __init__(
        self,
        vertices: Ints,
        arcs: Ints,
        ends: tuple[int, int],
        after: Ints,
        before: Ints,
        depth: int,
    ) -> None:
        self.vertices = vertices
        self.row, self.column = arcs
        self.ends = ends
        self.after, self.before = after, before
        self.depth = depth

    @classmethod
    def through(cls, graph: ClosedArcWalkChanges, i: int, j: int) -> _Circuit | None:
        """The circuit of the arc (i, j), None if no closed walk of length L runs through it."""
        depth = graph.depth
        near_head = _search(graph.ahead, j, depth // 2)
        near_tail = _search(graph.behind, i, (depth - 1) // 2)
        if near_head.keys().isdisjoint(near_tail):
            return None
        inside = near_head.keys() | near_tail.keys()
        after = _search(graph.ahead, j, depth - 1, near_head, inside)
        before = _search(graph.behind, i, depth - 1, near_tail, inside)
        found = [t for t in after if t in before and after[t] + before[t] < depth]
        position = {t: place for place, t in enumerate(found)}
        arcs = [
            (place, position[t])
            for place, v in enumerate(found)
            for t in graph.ahead[v].tolist()
            if t in position
        ]
        return cls(
            np.array(found, dtype=np.int64),
            np.array(arcs, dtype=np.int64).reshape(-1, 2).T,
            (position[i], position[j]),
            np.array([after[t] for t in found], dtype=np.int64),
            np.array([before[t] for t in found], dtype=np.int64),
            depth,
        )

    def losses(self, kind: type) -> tuple[Ints, Ints]:
        """Vertices, and how many closed walks each would lose."""
        depth, size = self.depth, self.vertices.size
        i, j = self.ends
        matrix: NDArray[Any] = np.eye(size, dtype=kind)
        matrix[self.row, self.column] = 1
        onward: NDArray[Any] = np.zeros((depth, size), dtype=kind)  # w_q
        without: NDArray[Any] = np.zeros((depth, size), dtype=kind)  # u'_q
        onward[0, j] = without[0, i] = 1
        for q in range(1, depth):
            onward[q] = onward[q - 1] @ matrix
            without[q] = matrix @ without[q - 1]
            without[q, i] -= without[q - 1, j]
        loss = (without * onward[::-1]).sum(axis=0)
        changed = np.flatnonzero(loss)
        return self.vertices[changed], loss[changed].astype(np.int64)

    def arcs_met(self) -> list[tuple[int, int]]:
        """Arcs that share a closed walk of length L with this one."""
        met = self.after[self.row] + self.before[self.column] <= self.depth - 2
        tails, heads = self.vertices[self.row[met]], self.vertices[self.column[met]]
        return list(zip(tails.tolist(), heads.tolist(), strict=True))


def _search(
    neighbours: list[Ints],
    start: int,
    most: int,
    known: dict[int, int] | None = None,
    inside: set[int] | None = None,
) -> dict[int, int]:
    """Vertices at most so many steps away, with their distances.

    Args:
        neighbours: For each vertex those that one step leads to.
        start: Where to begin.
        most: Steps.
        known: What a shorter search found.
        inside: The vertices to stay in, all if not given.
    """
    distance = {start: 0} if known is None else dict(known)
    step = max(distance.values())
    fringe = [v for v, d in distance.items() if d == step]
    while fringe and step < most:
        step += 1
        fresh = []
        for v in fringe:
            for t in neighbours[v].tolist():
                if t not in distance and (inside is None or t in inside):
                    distance[t] = step
                    fresh.append(t)
        fringe = fresh
    return distance


def _grouped(by: Ints, values: Ints, n: int) -> list[Ints]:
    """For each vertex the values at the positions where it stands in `by`."""
    order = np.argsort(by, kind="stable")
    starts = np.searchsorted(by[order], np.arange(1, n))
    return np.split(values[order], starts)[:n]
