"""The edges that may go, as edges go: protections as a greedy method sees them.

A method that chooses each edge by the graph as it is asks a `Guard` about its best edge. If that
edge may not go, it may not go later either: degrees only fall, and a bridge stays a bridge. So it
is out of the choice for good, stays in the graph and counts in all degrees and walks.

Whether an edge is a bridge is seldom looked up: a spanning forest of the edges that are expected to
go last is kept, and an edge outside of it is no bridge. When an edge of the forest is to go, the
smaller of the two trees that it leaves is searched for an edge to the other one. That edge takes
its place. If there is none, it is a bridge, and is left out of the searches from then on: they
concern two graphs. So are, at once, the edges of vertices that have no other one left. Searches
that find bridges take O(m log m) steps in all, as the smaller side is searched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import islice

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
        gone: bool [m]: whether it was removed.
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
        self.gone = np.zeros(m, dtype=bool)
        self._limited = self.edges[1:] if isinstance(graph, DirectedGraph) else self.edges
        degree = np.bincount(self._limited.reshape(-1), minlength=graph.num_nodes)
        self._degree: list[int] = degree.tolist()
        self._ends: list[list[int]] = [end.tolist() for end in self._limited] if min_degree else []
        self._links = _Links(graph) if keep_connected else None

    def after(self, rest: CanonicalGraph, left: Ints) -> Guard:
        """The guard of the graph that is left, of the edges `left`, when all others are gone."""
        stays = np.flatnonzero(~self.open[left]).tolist()
        return Guard(
            rest, edge_ids=stays, min_degree=self.min_degree, keep_connected=self.keep_connected
        )

    def describe(self) -> str:
        """The limits and a digest of the edges that stay; before the first removal."""
        digest = hashlib.sha256(np.packbits(self.open).tobytes()).hexdigest()[:16]
        return (
            f"keep_connected={self.keep_connected}, min_degree={self.min_degree}, protected edges "
            f"{digest if not self.open.all() else 'none'}"
        )

    def refuse_bridges(self) -> None:
        """Take the bridges of the graph as it was at the beginning out of the choice."""
        if self._links is not None:
            bridge = self._links.bridges() & (np.array(self._links.num_edges) == 1)
            self.open &= ~bridge[self._links.of_edge]

    def expect(self, order: Ints) -> Bools:
        """Prepare for removals in about this order of the ids of edges that are left.

        Returns:
            bool, shaped like `order`: whether the edge would be a bridge at its turn, if all others
            that are no bridges went at theirs and the edges that are not listed stayed.
        """
        if self._links is None:
            return np.zeros(order.size, dtype=bool)
        turn = np.full(self.open.size, order.size)
        turn[self.gone] = -1
        turn[order] = np.arange(order.size)
        last = self._links.expect(turn)
        kept: Bools = last[order]
        return kept

    def removes(self, edge: int) -> bool:
        """Remove an edge if it may go; an edge that may not is refused for good."""
        if not self.open[edge]:
            return False
        self.open[edge] = False
        for ends in self._ends:
            if self._degree[ends[edge]] <= self.min_degree:
                return False
        if self._links is not None and not self._links.removes(edge):
            return False
        for ends in self._ends:
            self._degree[ends[edge]] -= 1
        self.gone[edge] = True
        return True

    def remove_together(self, edges: Ints) -> bool:
        """Remove edges of vertices of high enough degree, if no search is needed; else nothing."""
        if self._links is not None and not self._links.remove_together(edges):
            return False
        self.open[edges], self.gone[edges] = False, True
        if self.min_degree:
            gone = np.bincount(self._limited[:, edges].reshape(-1), minlength=len(self._degree))
            self._degree = (np.array(self._degree) - gone).tolist()
        return True


class _Links:
    """The pairs of vertices that are joined by an edge or by arcs.

    Attributes:
        of_edge: int64 [m], the link of each edge; the same as its id in an undirected graph.
        ends: int64 [2, links].
        num_edges: How many edges are left in each link.
        there: Whether each link is left and not known as a bridge.
        kept: Whether each link is in a spanning forest of `there`, or was; empty at first.
        near: For each vertex its links that are `there` and maybe earlier ones; empty before the
            first search.
        tree: The same for the links that are kept; empty before the first search among them.
        left: For each vertex how many of its links are there, from the first search on.
        both: The sum of the ends of each link, from then on.
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
        self.near: list[list[int]] = []
        self.tree: list[list[int]] = []
        self.left: list[int] = []
        self.both: list[int] = []

    def expect(self, turn: Ints) -> Bools:
        """Keep the links whose last edges go last by `turn`, int64 [m].

        Tells these edges, and those that are known as bridges.
        """
        last_turn = np.full(self.ends.shape[1], -1)
        np.maximum.at(last_turn, self.of_edge, turn)
        self._keep_a_forest(last_turn)
        there, kept = (np.frombuffer(x, dtype=np.bool_) for x in (self.there, self.kept))
        last: Bools = (kept | ~there)[self.of_edge] & (turn == last_turn[self.of_edge])
        return last

    def removes(self, edge: int) -> bool:
        """Remove an edge unless it is a bridge."""
        link = int(self.of_edge[edge])
        if self.num_edges[link] > 1:
            self.num_edges[link] -= 1
            return True
        if not self.there[link]:
            return False
        if not self.kept:
            self._keep_those_of_low_degree()
        if not (self.kept[link] or self.near):
            self.there[link] = False
            return True
        if not self.near:
            self.near = self._links_of_vertices(self.there)
            self.left = list(map(len, self.near))
            self.both = self.ends.sum(axis=0).tolist()
            for x in range(self.num_nodes):
                self._prune(x)
            if not self.there[link]:
                return False
        u = int(self.ends[0, link])
        v = self.both[link] - u
        self._drop(link, u, v)
        goes = not self.kept[link] or self._reconnected(u, v)
        self._prune(u)
        self._prune(v)
        return goes

    def _drop(self, link: int, u: int, v: int) -> None:
        self.there[link] = False
        self.left[u] -= 1
        self.left[v] -= 1

    def _prune(self, x: int) -> None:
        """The only link of a vertex is a bridge, so nothing needs to be searched behind it."""
        while self.left[x] == 1:
            link = next(link for link in self.near[x] if self.there[link])
            y = self.both[link] - x
            self._drop(link, x, y)
            x = y

    def _reconnected(self, u: int, v: int) -> bool:
        """Keep a link between the two trees of the forest that hold u and v; false without one."""
        side = self._smaller_tree(u, v)
        for x in side:
            self.near[x] = [link for link in self.near[x] if self.there[link]]
            for link in self.near[x]:
                y = self.both[link] - x
                if y not in side:
                    self.tree[x].append(link)
                    self.tree[y].append(link)
                    self.kept[link] = True
                    return True
        return False

    def _smaller_tree(self, u: int, v: int) -> set[int]:
        """The vertices of the tree of u or of v, whichever takes fewer steps to find."""
        self.tree = self.tree or self._links_of_vertices(self.kept)
        tree, seen, front, work = self.tree, ({u}, {v}), ([u], [v]), [0, 0]
        while True:
            ahead = [work[s] + len(tree[front[s][-1]]) for s in (0, 1)]
            side = int(ahead[1] < ahead[0])
            work[side] = ahead[side] + 1
            x = front[side].pop()
            tree[x] = [link for link in tree[x] if self.there[link]]
            fresh = [y for link in tree[x] if (y := self.both[link] - x) not in seen[side]]
            seen[side].update(fresh)
            front[side].extend(fresh)
            if not front[side]:
                return seen[side]

    def remove_together(self, edges: Ints) -> bool:
        """Remove edges if none of their links is kept; else nothing."""
        if not self.kept:
            self._keep_those_of_low_degree()
        if np.frombuffer(self.kept, dtype=np.bool_)[self.of_edge[edges]].any():
            return False
        if self.near or len(self.of_edge) > len(self.there):
            for edge in edges.tolist():
                self.removes(edge)
        else:
            np.frombuffer(self.there, dtype=np.bool_)[edges] = False
        return True

    def bridges(self) -> Bools:
        """Whether each link of the whole graph is a bridge; before the first removal."""
        import networkx as nx

        links = list(zip(*self.ends.tolist(), strict=True))
        found = {pair for u, v in nx.bridges(nx.Graph(links)) for pair in ((u, v), (v, u))}
        return np.array([link in found for link in links], dtype=bool)

    def _keep_those_of_low_degree(self) -> None:
        """Keep a forest without an order; the edges of low degrees are expected to go last."""
        degree = np.bincount(self.ends.reshape(-1), minlength=self.num_nodes)
        smaller, larger = np.sort(degree[self.ends], axis=0)
        turn = np.empty(smaller.size, dtype=np.int64)
        turn[np.lexsort((-larger, -smaller))] = np.arange(smaller.size)
        self._keep_a_forest(turn)

    def _keep_a_forest(self, turn: Ints) -> None:
        """Keep a spanning forest of the links with the latest turns, and nothing else."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import minimum_spanning_tree

        n, there = self.num_nodes, np.flatnonzero(np.frombuffer(self.there, dtype=np.bool_))
        # distinct weights tell links apart, zero is no edge to scipy
        latest = int(turn.max(initial=0))
        weight = np.where(turn < latest, latest - turn, -1 - np.arange(turn.size))[there]
        matrix = coo_array((weight.astype(float), tuple(self.ends[:, there])), shape=(n, n)).tocsr()
        chosen = minimum_spanning_tree(matrix).data.astype(np.int64)
        kept = np.zeros(len(self.there), dtype=np.bool_)
        kept[-1 - chosen[chosen < 0]] = True
        link_at = np.empty(latest + 1, dtype=np.int64)
        link_at[turn] = np.arange(turn.size)
        kept[link_at[latest - chosen[chosen > 0]]] = True
        self.kept, self.tree = bytearray(kept), []

    def _links_of_vertices(self, chosen: bytearray) -> list[list[int]]:
        link = np.flatnonzero(np.frombuffer(chosen, dtype=np.bool_))
        ends = self.ends[:, link].reshape(-1)
        by_vertex = iter(np.tile(link, 2)[np.argsort(ends, kind="stable")].tolist())
        number = np.bincount(ends, minlength=self.num_nodes).tolist()
        return [list(islice(by_vertex, k)) for k in number]
