"""2-WIS in dense graphs: which edges the front holds, so that it lasts for many removals.

Where many edges share their lowest common neighbour, each removal lowers that vertex, and with it
the smallest values of all of them at once. A front that holds only the best of them
(`wis.methods.k_wis.two_wis_dense`) is empty after a few removals, and thousands of edges have to be
looked at for the next. So the floor lies lower here, as long as that does not double the front, and
a look at an edge reads only the vertices of low value, which alone can lower its bound.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wis.graph.triangles import lowest_common_neighbours
from wis.methods.k_wis import two_wis_dense
from wis.methods.k_wis.two_wis import Ints
from wis.methods.k_wis.two_wis_dense import Front, _overlap

Counts = NDArray[np.integer]
GROWTH = 2
"""A lower floor may make the front so many times as large: a removal then costs about that much
more, and the front lasts for some 30 removals in place of 4 in the cliques of Squirrel."""


class LastingFront(Front):
    """`wis.methods.k_wis.two_wis_dense.Front` with a lower floor."""

    def _look(self, edges: Ints) -> None:
        """Bounds and witnesses of all edges, at the beginning."""
        witness = lowest_common_neighbours(self.graph.ends, self.graph.value[:-1])
        first, second, _, _ = self.graph.end_values(edges)
        self.witness[edges] = witness[edges]
        at_witness = self.graph.value[witness[edges]] - 2
        self.bound[edges] = np.minimum(np.minimum(first, second), at_witness)

    def renew(self) -> bool:
        """Make a new front of the best edges; False if the edges that are left are sparse."""
        graph = self.graph
        if not _overlap(graph.num_common[self.bound >= 0], graph.num_nodes):
            return False
        chosen = np.empty(0, dtype=np.int64)
        while not chosen.size:
            # edges whose newest bounds reach the floor; a look may lower these bounds
            now = np.minimum(self.bound, graph.value[self.witness] - 2)
            top = int(now.max())
            self.floor = self._low_floor(top, now)
            candidates = np.flatnonzero(now >= self.floor)
            self._look_below(candidates, top)
            chosen = candidates[self.bound[candidates] >= self.floor]
        self._place(chosen)
        return True

    def pop(self) -> int:
        """Remove the best edge from the graph."""
        top = int(self.smallest.max())
        row = self._best_row(top)
        edge = int(self.rows[row])
        self.smallest[row] = self.bound[edge] = -1
        fall = self.graph.remove(edge)
        # each end is no common neighbour of the edges from the other end to a former common one
        for side, other in zip(fall.sides, (1, 0), strict=True):
            self._forget(side, fall.ends[other], int(fall.before[other - 2]))
        # of the vertices that fell, those near the window change the entries of their rows
        values, width = fall.before[:-2], len(self.window)
        low = (values >= self.floor + 2) & (values < self.floor + width + 4)
        by_value: dict[int, list[int]] = {}
        for vertex, value in zip(
            fall.vertices[:-2][low].tolist(), values[low].tolist(), strict=True
        ):
            by_value.setdefault(value, []).append(vertex)
        for value, vertices in by_value.items():
            self._fall_together(vertices, value, top)
        ends = (part[-2:].tolist() for part in (fall.vertices, fall.before, fall.after))
        for vertex, before, after in zip(*ends, strict=True):
            if after < self.floor + width + 2:
                self._fell(vertex, before, after, top)
        self._follow_ends(fall.ends)
        return edge

    def _fall_together(self, vertices: list[int], value: int, top: int) -> None:
        """Lower vertices of one value by 2 in the rows that they are common neighbours of."""
        for vertex in vertices:
            if vertex not in self.common:
                self.common[vertex] = self._members(vertex)
        members = self.common[vertices[0]]
        number: Counts = members.view(np.int8)  # of these vertices, for each row
        if len(vertices) > 1:
            number = np.add.reduce([self.common[vertex] for vertex in vertices], dtype=np.int16)
            members = number > 0
        column, stays = value - self.floor, value >= self.floor + 4
        for place, change in ((column, 1), (column - 2, -1 - stays), (column - 4, int(stays))):
            if change and 0 <= place < len(self.window):
                self.window[place] += change * number
        if stays:
            if value - 4 < top:
                np.minimum(self.smallest, value - 4, out=self.smallest, where=members)
            return
        self._lower(np.flatnonzero(members), value - 4)
        for vertex in vertices:
            del self.common[vertex]

    @staticmethod
    def _low_floor(top: int, now: Ints) -> int:
        """The lowest floor for which the front is not much larger than it has to be."""
        most = min(two_wis_dense.HEIGHT, top)
        # the size of the front for each distance of the floor from the top
        size = np.cumsum(np.bincount(top - now[now >= top - most], minlength=most + 1))
        least = size[min(int(np.searchsorted(size, two_wis_dense.ROWS)), most)]
        return top - int(np.searchsorted(size, GROWTH * least, side="right")) + 1

    def _look_below(self, edges: Ints, top: int) -> None:
        """Bounds of some edges, none of which is above `top`, and witnesses of these bounds."""
        graph = self.graph
        first, second, _, _ = graph.end_values(edges)
        at_ends = np.minimum(first, second)
        witness = graph.lowest_common(edges, top + 2)
        found = witness < graph.num_nodes
        self.witness[edges[found]] = witness[found]
        self.bound[edges] = np.minimum(at_ends, graph.value[witness] - 2)  # `FAR` if not found
