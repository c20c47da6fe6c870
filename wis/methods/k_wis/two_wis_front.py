"""2-WIS where neighbourhoods overlap much: the edges that lead, side by side in arrays.

In a dense part of a graph most edges share their lowest common neighbours. Each removal then lowers
the values that decide about thousands of edges, and `wis.methods.k_wis.lazy_greedy` would look at
hundreds of them anew before it finds the next. Here those that could be next, the *front*, are rows
of a matrix that is updated for all of them at once.

The front holds every edge whose smallest created value is `floor` or more. By the argument in
`wis.methods.k_wis.lazy_greedy` no other edge joins it while edges go one by one, so it serves until
it is empty. For each row a window of columns counts how many entries of the tuple would take each
of the values floor, floor + 1, ..., less those that have them now: the beginning of the row's
signature (`wis.methods.k_wis.signatures`). An edge changes the entries of its common neighbours,
which lose 2 each, and of its ends. Once a common neighbour falls, all rows that it is common to
change in the same columns, which is a few operations on a boolean vector. The ends are followed row
by row, but only while their values are near the window. Edges that are equal in the whole window
are compared by the neighbours that they do not share.

A front of only the best edges would be empty after a few removals where they share their lowest
common neighbour, and thousands of edges would have to be looked at for the next. So the floor lies
lower, as long as that does not double the front, and a look at an edge reads only the vertices of
low value, which alone can lower its bound. The present value of the common neighbour that was
lowest when an edge was last looked at, its witness, bounds it as well.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wis.graph import UndirectedGraph
from wis.graph.triangles import lowest_common_neighbours
from wis.methods.k_wis.two_wis import FAR, DenseNeighbours, Ints

Bools = NDArray[np.bool_]
Counts = NDArray[np.integer]
MOST_VERTICES = 1 << 14
"""Vertices up to which 9/8 n² bytes of adjacency, 288 MiB, are affordable."""
MANY = 8
BREADTH = 400
"""The front pays off from `MANY` + n / `BREADTH` common neighbours of an edge on average. Chameleon
(n = 2,277) takes 20, 18, 24, 31, 47 s if it ends at 10, 14, 18, 22, 28 (`benchmarks/README.md`)."""
WIDTH = 128
"""Values in the window: more columns settle more ties, fewer take less time to update."""
ROWS = 1024
"""Edges that a new front aims at: with more it lasts longer, with fewer a removal is cheaper."""
HEIGHT = 64
"""Most values from the floor to the best edge: half of the window is left above these."""
GROWTH = 2
"""A lower floor may make the front so many times as large: a removal then costs about that much
more, and the front lasts for some 30 removals in place of 4 in the cliques of Squirrel."""
COLUMNS_AT_A_TIME = 8
"""Columns that are compared at a time while more than 64 rows are tied."""


def overlaps(num_common: Ints, num_nodes: int) -> bool:
    """Whether neighbourhoods overlap so much that the front is worth it."""
    return num_common.size > 0 and bool(num_common.mean() >= MANY + num_nodes / BREADTH)


class Front:
    """The edges that lead, and bounds of the others.

    The graph has at most `MOST_VERTICES` vertices. `num_common`, int64 [m], has the common
    neighbours of the ends of each edge, and is updated in place for the edges that are left.

    Cost: of a removal, O(n + k r) with k common neighbours of low value and r rows in the front;
    memory 9/8 n² bytes, and some 500 for each row.

    Attributes:
        graph: The graph as it is.
        bound: int64 [m], the smallest value that each edge would create when it was last looked at;
            -1 once it is gone.
        witness: int64 [m], the common neighbour of lowest value then, n if unknown.
        floor: Least smallest value of the front.
        rows: Edge ids of the front, int64 [r]; `ends` are theirs, [2, r].
        row_of: int64 [m], the row of each edge, -1 outside of the front.
        smallest: int64 [r], the smallest value that each would create now; -1 if it has left.
        window: int16 [WIDTH, r], entries that would take the value floor + column, less those that
            have it.
        common: For vertices of low value the rows that they are common neighbours of, bool [r].
        end_entries: int64 [4, r], the values of both ends after the loss of the edge, and now.
        near_ends: Rows whose ends have to be looked at after each removal, bool [r].
        slack: How far the ends of all other rows can fall before they would come into the window.
    """

    def __init__(self, graph: UndirectedGraph, num_common: Ints) -> None:
        self.graph = DenseNeighbours(graph, num_common)
        self.witness = lowest_common_neighbours(self.graph.ends, self.graph.value[:-1])
        first, second, _, _ = self.graph.end_values(np.arange(graph.num_edges))
        at_witness = self.graph.value[self.witness] - 2
        self.bound = np.minimum(np.minimum(first, second), at_witness)
        self.row_of = np.full(graph.num_edges, -1, dtype=np.int64)
        self.rows = self.smallest = np.empty(0, dtype=np.int64)

    def is_empty(self) -> bool:
        """Whether no edge of the front is left that would create `floor` or more."""
        return not self.smallest.size or int(self.smallest.max()) < 0

    def renew(self) -> bool:
        """Make a new front of the best edges; False if the edges that are left are sparse."""
        graph = self.graph
        if not overlaps(graph.num_common[self.bound >= 0], graph.num_nodes):
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
        values = fall.before[:-2]
        low = (values >= self.floor + 2) & (values < self.floor + WIDTH + 4)
        by_value: dict[int, list[int]] = {}
        for vertex, value in zip(
            fall.vertices[:-2][low].tolist(), values[low].tolist(), strict=True
        ):
            by_value.setdefault(value, []).append(vertex)
        for value, vertices in by_value.items():
            self._fell(vertices, value, value - 2, top)
        ends = (part[-2:].tolist() for part in (fall.vertices, fall.before, fall.after))
        for vertex, before, after in zip(*ends, strict=True):
            if before >= self.floor + 2 and after < self.floor + WIDTH + 2:
                self._fell([vertex], before, after, top)
        self._follow_ends(fall.ends)
        return edge

    @staticmethod
    def _low_floor(top: int, now: Ints) -> int:
        """The lowest floor for which the front is not much larger than it has to be."""
        most = min(HEIGHT, top)
        # the size of the front for each distance of the floor from the top
        size = np.cumsum(np.bincount(top - now[now >= top - most], minlength=most + 1))
        least = size[min(int(np.searchsorted(size, ROWS)), most)]
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

    def _place(self, edges: Ints) -> None:
        """Make these edges the front."""
        self.row_of[self.rows] = -1
        self.row_of[edges] = np.arange(edges.size)
        self.rows, self.ends = edges, self.graph.ends[:, edges]
        self.smallest = self.bound[edges]
        self.window = np.zeros((WIDTH, edges.size), dtype=np.int16)
        self.end_entries = np.full((4, edges.size), FAR, dtype=np.int64)
        self.near_ends = np.zeros(edges.size, dtype=bool)
        self.common: dict[int, Bools] = {}
        value = self.graph.value
        for vertex in np.flatnonzero((value >= self.floor + 2) & (value < self.floor + WIDTH + 2)):
            self.common[int(vertex)] = members = self._members(int(vertex))
            self._count(slice(None), int(value[vertex]), members.view(np.int8))
        self._follow_all_ends()

    def _members(self, vertex: int) -> Bools:
        """The rows that a vertex is a common neighbour of."""
        around = self.graph.adjacent[vertex]
        members: Bools = around[self.ends[0]] & around[self.ends[1]]
        return members

    def _count(self, rows: Ints | slice, value: int, number: Counts | int) -> None:
        """Add so many common neighbours of a value to rows of the window."""
        column = value - self.floor
        for place, change in ((column - 2, number), (column, -number)):
            if 0 <= place < WIDTH:
                self.window[place, rows] += change

    def _forget(self, side: Ints, vertex: int, value: int) -> None:
        """A vertex is no common neighbour of some edges any more."""
        self.witness[side[self.witness[side] == vertex]] = self.graph.num_nodes
        members = self.common.get(vertex)
        if members is not None:
            rows = self.row_of[side]
            rows = rows[rows >= 0]
            members[rows] = False
            self._count(rows, value, -1)

    def _fell(self, vertices: list[int], before: int, after: int, top: int) -> None:
        """Lower vertices of one value to another in the rows that they are common neighbours of."""
        for vertex in vertices:
            if vertex not in self.common:
                self.common[vertex] = self._members(vertex)
        members = self.common[vertices[0]]
        number: Counts = members.view(np.int8)  # of these vertices, for each row
        if len(vertices) > 1:
            number = np.add.reduce([self.common[vertex] for vertex in vertices], dtype=np.int16)
            members = number > 0
        old, new, stays = before - self.floor, after - self.floor, after >= self.floor + 2
        at_once = stays and new == old - 2  # two changes in one column
        changes = (old, 1), (old - 2, -1 - at_once), (new, at_once - stays), (new - 2, int(stays))
        for place, change in changes:
            if change and 0 <= place < WIDTH:
                self.window[place] += change * number
        if stays:
            if after - 2 < top:
                np.minimum(self.smallest, after - 2, out=self.smallest, where=members)
            return
        self._lower(np.flatnonzero(members), after - 2)
        for vertex in vertices:
            del self.common[vertex]

    def _lower(self, rows: Ints, value: Ints | int) -> None:
        """Lower the smallest values of some rows; rows below the floor leave the front."""
        before = self.smallest[rows]
        smallest = np.minimum(before, value)
        out = (smallest < self.floor) & (before >= 0)
        edges = self.rows[rows[out]]
        self.bound[edges] = np.minimum(self.bound[edges], smallest[out])
        smallest[out] = -1
        self.smallest[rows] = smallest

    def _follow_ends(self, gone: tuple[int, int]) -> None:
        """Bring ends up to date after a removal, which lowers all but its own ends by at most 2."""
        self.slack -= 2
        if self.slack < 0:
            self._follow_all_ends()
            return
        rows = self.near_ends.copy()
        for vertex in gone:
            for end in self.ends:
                rows |= end == vertex
        rows &= self.smallest >= 0
        self._follow(np.flatnonzero(rows))

    def _follow_all_ends(self) -> None:
        self.slack = FAR
        self._follow(np.flatnonzero(self.smallest >= 0))

    def _follow(self, rows: Ints) -> None:
        """Bring the ends of some rows up to date."""
        entries = np.stack(self.graph.end_values(self.rows[rows]))
        lowest = np.minimum(entries[0], entries[1])
        room = lowest - (self.floor + WIDTH)
        self.slack = min(self.slack, int(room[room >= 0].min(initial=FAR)))
        near = np.flatnonzero(room < 0)
        if near.size:
            self._lower(rows[near], lowest[near])
            near = near[lowest[near] >= self.floor]
            self.near_ends[rows[near]] = True
            self._enter_ends(rows[near], entries[:, near])

    def _enter_ends(self, rows: Ints, entries: Ints) -> None:
        old = self.end_entries[:, rows]
        # both ends' values to be count as more entries, their present values as fewer
        for kind, sign in enumerate((1, 1, -1, -1)):
            differs = old[kind] != entries[kind]
            for values, change in ((old[kind], -sign), (entries[kind], sign)):
                seen = differs & (values < self.floor + WIDTH)
                self.window[values[seen] - self.floor, rows[seen]] += change
        self.end_entries[:, rows] = entries

    def _best_row(self, top: int) -> int:
        """The row with the best signature among those that would create no value below `top`."""
        rows = np.flatnonzero(self.smallest == top)
        column = top - self.floor
        while rows.size > 1 and column < WIDTH:
            width = COLUMNS_AT_A_TIME if rows.size > 64 else WIDTH
            rows = rows[_best_columns(self.window[column : column + width][:, rows])]
            column += width
        if rows.size > 1 and int(self.graph.value[:-1].max()) >= self.floor + WIDTH:
            return int(rows[self._best_as_a_whole(self.rows[rows])])
        return int(rows[0])

    def _best_as_a_whole(self, edges: Ints) -> int:
        """Position of the edge with the best signature, by all entries that are not shared."""
        graph, every = self.graph, np.arange(edges.size)
        shared = graph.adjacent[graph.ends[0, edges]]
        shared &= graph.adjacent[graph.ends[1, edges]]
        # neighbours that all edges share change the same entries of all signatures: left out
        vertices = np.flatnonzero(shared.any(axis=0) ^ shared.all(axis=0))
        row, place = np.nonzero(shared[:, vertices])
        value, ends = graph.value[vertices], np.concatenate(graph.end_values(edges))
        levels, level = np.unique(np.concatenate([value - 2, value, ends]), return_inverse=True)
        after, before, created, present = np.split(
            level, np.cumsum([value.size, value.size, 2 * every.size])
        )
        # how many more entries have each value, for each row
        rows = np.tile(np.concatenate([row, every, every]), 2)
        new, old = np.append(after[place], created), np.append(before[place], present)
        signs = np.repeat([1, -1], new.size)
        cells = np.append(new, old) * every.size + rows
        number = np.bincount(cells, signs, levels.size * every.size)
        return int(_best_columns(number.reshape(levels.size, every.size))[0])


def _best_columns(change: NDArray[np.integer]) -> Ints:
    """The columns that are lowest at the first row where some differ, and so on."""
    every = np.arange(change.shape[1])
    while every.size > 1:
        differs = (change != change[:, :1]).any(axis=1)
        first = int(differs.argmax()) if differs.size else 0
        if not differs[first : first + 1].any():
            break
        best = change[first] == change[first].min()
        every, change = every[best], change[first + 1 :, best]
    return every
