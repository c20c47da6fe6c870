"""Walk indices of a directed graph under deletion; the twin of `wis.methods.k_wis.walk_state`.

Edges are arcs, and with the boundary C_I^-> of Appendix D.2, the heads of the arcs that cross the
partition, as the 0/1 vector c, the walk index is c' A^p b as there. The state is X_l = (A')^l c,
the walks from the boundary to each vertex, and Y_l = A^l b, those from each vertex to an end: two
different directions, so that what is near an arc that goes is not the same for both.

Taking the arc (i, j) away gives B = A - E with E = e_i e_j' and A^q - B^q = sum over l < q of A^l E
B^(q-1-l). Read at row j, with f_q = (B^q b)_j and the returns g_l = (A^l)_ji,

    f_q = Y_q(j) - sum over l < q of g_l f_(q-1-l),

and read between c and b it yields what the arc costs, sum over l < p of X_l(i) f_(p-1-l). Where it
is the last arc into j from across a partition, j leaves the boundary and f_p is lost besides.

References: Algorithm 3 with the definitions of Appendix D.2.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wis.graph import DirectedGraph
from wis.graph.partitions import Partitions
from wis.methods.k_wis.walk_state import (
    Adjacency,
    Counts,
    Ints,
    check_size,
    chunks,
    ends_of,
    fit_in_int64,
    indicators,
)


@dataclass
class ArcWalkState:
    """The walk indices of some partitions, and what the loss of each arc would take from them.

    Attributes:
        ahead: The graph that is left, by tails.
        behind: The same by heads.
        arcs: int64 [2, m].
        walk_length: p = L - 1.
        inside: bool [n, K], which vertices each subset holds.
        entering: int32 [n, K], arcs that enter each vertex across each partition.
        started: X_l for l = 0 ... p - 1, at least X_0, each [n, K].
        ended: Y_l for l = 0 ... p, each [n, T] for T different ends.
        column: int64 [K], the column of `ended` that belongs to each subset.
        index: [K], the walk indices.
        loss: [m, K], by how much each falls if the arc goes; rows of gone arcs are stale.
    """

    ahead: Adjacency
    behind: Adjacency
    arcs: Ints
    walk_length: int
    inside: NDArray[np.bool_]
    entering: NDArray[np.int32]
    started: list[Counts]
    ended: list[Counts]
    column: Ints
    index: Counts
    loss: Counts

    @classmethod
    def of(cls, graph: DirectedGraph, partitions: Partitions, walk_length: int) -> ArcWalkState:
        """The state before any arc goes.

        Raises:
            OptionError: It would take too much memory.
        """
        arcs = graph.edges.cpu().numpy()
        n, num = graph.num_nodes, len(partitions)
        column, ends = ends_of(partitions)
        check_size(n, arcs.shape[1], num, len(ends), walk_length)
        ahead = Adjacency(n, arcs, directed=True)
        behind = Adjacency(n, arcs[::-1], directed=True)
        behind.left = ahead.left
        inside = partitions.membership(n)
        entering = np.zeros((n, num), dtype=np.int32)
        for part in chunks(arcs.shape[1], 3 * num):
            tails, heads = arcs[:, part]
            np.add.at(entering, heads, inside[tails] ^ inside[heads])
        every = np.arange(n)
        dtype: Any = np.int64 if fit_in_int64(ahead, entering, walk_length) else object
        started = [(entering > 0).astype(dtype)]
        for _ in range(walk_length - 1):
            started.append(behind.times(every, started[-1]))
        ended = [indicators(n, ends, dtype)]
        for _ in range(walk_length):
            ended.append(ahead.times(every, ended[-1]))
        index = np.zeros(num, dtype=dtype)
        loss = np.zeros((arcs.shape[1], num), dtype=dtype)
        graph_parts = (ahead, behind, arcs, walk_length, inside, entering)
        state = cls(*graph_parts, started, ended, column, index, loss)
        state.index += state._counted_at(every)
        state._refresh(np.arange(arcs.shape[1]))
        return state

    def remove(self, gone: Ints) -> Ints:
        """Take arcs away and bring everything up to date that can have changed.

        Returns:
            Ids of the arcs whose rows of `loss` were computed anew.
        """
        tails, heads = self.arcs[:, gone]
        radius = max(self.walk_length - 1, 0)
        after = self.ahead.ball(heads, radius)  # where walks from the boundary change
        before = np.union1d(self.behind.ball(tails, radius), heads)  # where walks to an end do
        self.index -= self._counted_at(before)
        self.ahead.left[gone] = False
        np.subtract.at(self.entering, heads, self.inside[tails] ^ self.inside[heads])
        self.started[0][heads] = self.entering[heads] > 0
        for last, one_more in itertools.pairwise(self.started):
            one_more[after] = self.behind.times(after, last)
        for last, one_more in itertools.pairwise(self.ended):
            one_more[before] = self.ahead.times(before, last)
        self.index += self._counted_at(before)
        touched = np.concatenate(
            [
                self.ahead.edge[self.ahead.arcs_of(after)[0]],  # arcs whose tails are there
                self.behind.edge[self.behind.arcs_of(before)[0]],  # arcs whose heads are there
            ]
        )
        stale = np.unique(touched[touched < self.arcs.shape[1]])
        self._refresh(stale)
        return stale

    def _counted_at(self, rows: Ints) -> Counts:
        """Walks of length p that start at boundary vertices among `rows`, for each partition."""
        total = np.zeros_like(self.index)
        for part in chunks(rows.size, 16 * total.size):
            ended = self.ended[-1][rows[part]][:, self.column]
            total += (self.started[0][rows[part]] * ended).sum(axis=0)
        return total

    def _refresh(self, ids: Ints) -> None:
        """Compute the rows of `loss` of these arcs."""
        width = 8 * (self.index.size + self.ended[0].shape[1]) * (self.walk_length + 4)
        for part in chunks(ids.size, width):
            self.loss[ids[part]] = self._loss_of(ids[part])

    def _loss_of(self, ids: Ints) -> Counts:
        p, (i, j) = self.walk_length, self.arcs[:, ids]
        onward = self._walks_left(ids)
        last = (self.inside[i] ^ self.inside[j]) & (self.entering[j] == 1)
        loss = np.where(last, onward[p], 0)
        for step in range(p):
            loss += self.started[step][i] * onward[p - 1 - step]
        return loss

    def _walks_left(self, ids: Ints) -> list[Counts]:
        """f_q for q = 0 ... p, a column for each partition."""
        j = self.arcs[1, ids]
        returns = self._returns(ids)
        found: list[Counts] = []
        for q in range(self.walk_length + 1):
            walks = self.ended[q][j]
            for step in range(1, q):  # no walk of no steps leads from j to i
                walks = walks - returns[step] * found[q - 1 - step]
            found.append(walks)
        return [walks[:, self.column] for walks in found]

    def _returns(self, ids: Ints) -> list[Counts]:
        """(A^l)_ji for l = 0 ... p - 1, each [len(ids), 1]."""
        if self.index.dtype == object:
            return self._returns_by_columns(ids)
        i, j = self.arcs[:, ids]
        rows, place = np.unique(j, return_inverse=True)
        found = [np.zeros((ids.size, 1), dtype=np.int64)]
        if self.walk_length < 2:
            return found
        matrix = self.ahead.matrix()
        power = matrix[rows]
        for step in range(1, self.walk_length):
            power = power if step == 1 else power @ matrix
            found.append(np.asarray(power[place, i]).reshape(-1, 1))
        return found

    def _returns_by_columns(self, ids: Ints) -> list[Counts]:
        """The same in Python's integers, by columns of the powers of A."""
        i, j = self.arcs[:, ids]
        columns, place = np.unique(i, return_inverse=True)
        every = np.arange(self.ahead.num_nodes)
        power = indicators(every.size, columns.tolist(), object)
        found = []
        for step in range(max(self.walk_length, 1)):
            power = power if step == 0 else self.ahead.times(every, power)
            found.append(power[j, place][:, None])
        return found
