"""2-WIS in dense graphs: which edges the front holds, so that it lasts for many removals.

Where many edges share their lowest common neighbour, each removal lowers that vertex, and with it
the smallest values of all of them at once. A front that holds only the best of them
(`wis.methods.k_wis.two_wis_dense`) is empty after a few removals, and thousands of edges have to be
looked at for the next. So the floor lies lower here, as long as that does not double the front, and
a look at an edge reads only the vertices of low value, which alone can lower its bound.
"""

from __future__ import annotations

import numpy as np

from wis.graph.triangles import lowest_common_neighbours
from wis.methods.k_wis import two_wis_dense
from wis.methods.k_wis.two_wis import FAR, LOOK_AT_A_TIME, Ints
from wis.methods.k_wis.two_wis_dense import Front, _overlap

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
        low = np.packbits(graph.value[:-1] <= top + 2, bitorder="little")
        first, second, _, _ = graph.end_values(edges)
        at_ends = np.minimum(first, second)
        for start in range(0, edges.size, LOOK_AT_A_TIME):
            part = edges[start : start + LOOK_AT_A_TIME]
            witness = graph.lowest_common(part, low)
            found = witness < graph.num_nodes
            self.witness[part[found]] = witness[found]
            at_witness = np.where(found, graph.value[witness] - 2, FAR)
            self.bound[part] = np.minimum(at_ends[start : start + LOOK_AT_A_TIME], at_witness)
