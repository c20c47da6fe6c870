"""The edges that may go, as edges go: protections as a greedy method sees them.

A method that chooses each edge by the graph as it is asks a `Guard` about its best edge. If that
edge may not go, it may not go later either: degrees only fall, and a bridge stays a bridge. So it
is out of the choice for good, stays in the graph and counts in all degrees and walks.

Whether an edge is a bridge is seldom looked up. Edges that connect whatever the whole graph
connects are *kept*: at first a spanning forest of those that are expected to go last. An edge that
is not kept is no bridge. For one that is, two breadth-first searches start at its ends, the one
that has seen fewer edges first. If they meet, the edges of their path are kept from then on; if one
ends, the edge is a bridge. From then on the searches do without it, so its two sides are apart, and
all searches that end take O(m log m) steps, as the smaller side pays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from wis.graph import CanonicalGraph, DirectedGraph

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Guard:
    """Tells which edges of a graph may go, and takes them away.

    In a directed graph the edges are arcs, `min_degree` is about incoming ones and `keep_connected`
    about weak components.

    Attributes:
        min_degree: The degree below which removals take no vertex.
        keep_connected: Whether components stay connected.
        open: bool [m]: whether the edge is left and was not refused.
    """

    def __init__(
        self,
        graph: CanonicalGraph,
        *,
        edge_ids: Sequence[int] = (),
        min_degree: int = 0,
        keep_connected: bool = False,
    ) -> None:
        m, self.edges = graph.num_edges, graph.edges.cpu().numpy()
        self.min_degree, self.keep_connected = min_degree, keep_connected
        self.open = np.ones(m, dtype=bool)
        self.open[list(edge_ids)] = False
        both = self.edges[1:] if isinstance(graph, DirectedGraph) else self.edges
        self._degree: list[int] = np.bincount(both.reshape(-1), minlength=graph.num_nodes).tolist()
        self._counted = both.T.tolist() if min_degree else [()] * m
        self._links = _Links(graph) if keep_connected else None

    def refuse_bridges(self) -> None:
        """Take the bridges of the graph as it was at the beginning out of the choice."""
        if self._links is not None:
            self.open &= ~self._links.bridges()[self._links.of_edge]

    def expect(self, order: Ints) -> Bools:
        """Prepare for removals in about this order of edge ids, before the first removal.

        Returns:
            bool, shaped like `order`: whether the edge would be a bridge at its turn, if all others
            went at theirs and the edges that are not listed stayed.
        """
        if self._links is None:
            return np.zeros(order.size, dtype=bool)
        turn = np.full(self.open.size, order.size)
        turn[order] = np.arange(order.size)
        last = self._links.expect(turn)
        kept: Bools = last[order]
        return kept

    def removes(self, edge: int) -> bool:
        """Remove an edge if it may go; an edge that may not is refused for good."""
        if not self.open[edge]:
            return False
        self.open[edge] = False
        for end in self._counted[edge]:
            if self._degree[end] <= self.min_degree:
                return False
        if self._links is not None and not self._links.removes(edge):
            return False
        for end in self._counted[edge]:
            self._degree[end] -= 1
        return True

    def remove(self, edges: Ints) -> None:
        """Remove edges that are known to be free to go: none of them is kept."""
        self.open[edges] = False
        for edge in edges.tolist() if self.min_degree else ():
            for end in self._counted[edge]:
                self._degree[end] -= 1
        if self._links is not None:
            self._links.remove(edges)


class _Links:
    """The pairs of vertices that are joined by an edge or by arcs.

    Attributes:
        of_edge: int64 [m], the link of each edge; the same as its id in an undirected graph.
        ends: int64 [2, links].
        num_edges: How many edges are left in each link.
        there: Whether each link is left and not known as a bridge.
        kept: Whether each link is kept; these connect whatever `there` connects. Empty at first.
        spare: How many are kept beyond a forest.
        turn: int64 [links], when each is expected to go.
        near: For each vertex its neighbours along `there` and the link to each; empty before the
            first search.
    """

    def __init__(self, graph: CanonicalGraph) -> None:
        self.num_nodes, self.ends = graph.num_nodes, graph.edges.cpu().numpy()
        self.of_edge, number = np.arange(graph.num_edges), np.ones(graph.num_edges, dtype=int)
        if graph.directed:
            low, high = np.sort(self.ends, axis=0)
            keys, self.of_edge, number = np.unique(
                low * self.num_nodes + high, return_inverse=True, return_counts=True
            )
            self.ends = np.stack(np.divmod(keys, max(self.num_nodes, 1)))
        self.num_edges = number.tolist()
        self.there = bytearray(b"\1" * number.size)
        self.kept = bytearray()
        self.spare = 0
        self.near: list[dict[int, int]] = []
        # low degrees are expected to go last
        degree = np.bincount(self.ends.reshape(-1), minlength=self.num_nodes)
        smaller, larger = np.sort(degree[self.ends], axis=0)
        self.turn = np.empty(number.size, dtype=np.int64)
        self.turn[np.lexsort((-larger, -smaller))] = np.arange(number.size)

    def expect(self, turn: Ints) -> Bools:
        """Keep the links whose last edges go last by `turn`, int64 [m]; tells these edges."""
        self.turn = np.full(self.ends.shape[1], -1)
        np.maximum.at(self.turn, self.of_edge, turn)
        self._keep_a_forest()
        kept = np.frombuffer(self.kept, dtype=np.bool_)[self.of_edge]
        last: Bools = kept & (turn == self.turn[self.of_edge])
        return last

    def removes(self, edge: int) -> bool:
        """Remove an edge unless it is a bridge."""
        link = int(self.of_edge[edge])
        if self.num_edges[link] > 1:
            self.num_edges[link] -= 1
            return True
        if not self.kept:
            self._keep_a_forest()
        kept, self.there[link] = self.kept[link], False
        if not (kept or self.near):
            return True
        u, v = self.ends[:, link].tolist()
        if self.near:
            del self.near[u][v], self.near[v][u]
        else:
            self.near = self._neighbours()
        if not kept:
            return True
        path = self._path(u, v)
        for other in path:
            self.spare += not self.kept[other]
            self.kept[other] = True
        if self.spare > 1000 + len(self.there) // 8:
            self._keep_a_forest()
        return bool(path)

    def remove(self, edges: Ints) -> None:
        """Remove edges of which none is kept."""
        if self.near or len(self.of_edge) > len(self.there):
            for edge in edges.tolist():
                self.removes(edge)
        else:
            np.frombuffer(self.there, dtype=np.bool_)[edges] = False

    def bridges(self) -> Bools:
        """Whether each link of the whole graph is a bridge; before the first removal."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import breadth_first_order, connected_components

        n, (u, v) = self.num_nodes, self.ends
        matrix = coo_array((np.ones(u.size), (u, v)), shape=(n + 1, n + 1))
        first = np.unique(connected_components(matrix, directed=False)[1][:n], return_index=True)[1]
        # a tree from a root n that is joined to each component
        whole = (np.append(u, first), np.append(v, np.full(first.size, n)))
        matrix = coo_array((np.ones(whole[0].size), whole), shape=(n + 1, n + 1))
        order, parent = breadth_first_order(matrix, n, directed=False)
        above = list(zip(order[1:].tolist(), parent[order[1:]].tolist(), strict=True))
        # place[x]: preorder; the vertices below x have places from place[x] to place[x] + size[x]
        size, place, free = [1] * (n + 1), [0] * (n + 1), [1] * (n + 1)
        for x, p in reversed(above):
            size[p] += size[x]
        for x, p in above:
            place[x] = free[p]
            free[p] += size[x]
            free[x] = place[x] + 1
        # the least and the greatest place that other edges reach from x and below
        at = np.array(place)
        least, most = at.copy(), at.copy()
        other = (parent[u] != v) & (parent[v] != u)
        for a, b in ((u[other], v[other]), (v[other], u[other])):
            np.minimum.at(least, a, at[b])
            np.maximum.at(most, a, at[b])
        low, high = least.tolist(), most.tolist()
        for x, p in reversed(above):
            low[p], high[p] = min(low[p], low[x]), max(high[p], high[x])
        alone = (np.array(low) >= at) & (np.array(high) < at + np.array(size))
        down = np.where(parent[v] == u, v, u)
        bridge: Bools = ~other & alone[down]
        return bridge

    def _keep_a_forest(self) -> None:
        """Keep a spanning forest of the links with the latest turns, and nothing else."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import minimum_spanning_tree

        n, there = self.num_nodes, np.flatnonzero(np.frombuffer(self.there, dtype=np.bool_))
        place = np.empty(there.size)  # 1, 2, ... by falling turn, as zero is no edge to scipy
        latest = np.argsort(-self.turn[there], kind="stable")
        place[latest] = np.arange(1, there.size + 1)
        matrix = coo_array((place, tuple(self.ends[:, there])), shape=(n, n)).tocsr()
        chosen = minimum_spanning_tree(matrix).data.astype(np.int64) - 1
        kept = np.zeros(len(self.there), dtype=np.bool_)
        kept[there[latest[chosen]]] = True
        self.kept, self.spare = bytearray(kept), 0

    def _neighbours(self) -> list[dict[int, int]]:
        link = np.flatnonzero(np.frombuffer(self.there, dtype=np.bool_))
        u, v = self.ends[:, link]
        row = np.concatenate([u, v])
        by_row = np.argsort(row, kind="stable")
        column = np.concatenate([v, u])[by_row].tolist()
        links = np.concatenate([link, link])[by_row].tolist()
        starts = np.searchsorted(row[by_row], np.arange(self.num_nodes + 1)).tolist()
        return [
            dict(zip(column[start:stop], links[start:stop], strict=True))
            for start, stop in pairwise(starts)
        ]

    def _path(self, u: int, v: int) -> list[int]:
        """The links of a path between two vertices that are not neighbours, empty without one."""
        near = self.near
        seen: tuple[dict[int, int], dict[int, int]] = ({u: u}, {v: v})
        front, done, work = ([u], [v]), [0, 0], [0, 0]
        while done[0] < len(front[0]) and done[1] < len(front[1]):
            ahead = [work[s] + len(near[front[s][done[s]]]) for s in (0, 1)]
            side = int(ahead[1] < ahead[0])
            x, mine, others = front[side][done[side]], seen[side], seen[1 - side]
            work[side] = ahead[side] + 1
            done[side] += 1
            for y in near[x].keys() & others.keys():
                return [near[x][y], *self._back(x, mine), *self._back(y, others)]
            for y in near[x]:
                if y not in mine:
                    mine[y] = x
                    front[side].append(y)
        return []

    def _back(self, x: int, came_from: dict[int, int]) -> Iterable[int]:
        """The links from a vertex back to the start of its search."""
        while came_from[x] != x:
            yield self.near[x][came_from[x]]
            x = came_from[x]
