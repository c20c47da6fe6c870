"""Components and distances by scipy's graph routines, which ignore directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from wis.graph import CanonicalGraph, UndirectedGraph
from wis.graph.laplacian import index_dtype
from wis.measure.values import Measure

EXACT_DIAMETER_NODES = 1_500
NUM_SWEEPS = 4


@dataclass(frozen=True, eq=False)
class Topology:
    """A graph without directions as a scipy matrix, and its components."""

    num_nodes: int  # number n of vertices
    edges: np.ndarray  # int64 [2, m], each pair once
    adjacency: Any  # sparse float64 [n, n], 0/1, symmetric, no loops
    component: np.ndarray  # int [n], the component of each vertex
    # Number of strongly connected components and number of vertices of the largest; None for an
    # undirected graph
    strong: tuple[int, int] | None

    @classmethod
    def of(cls, graph: CanonicalGraph) -> Topology:
        """The topology of a graph without its directions."""
        n = graph.num_nodes
        undirected = UndirectedGraph.from_arcs([graph.edges], n) if graph.directed else graph
        edges = undirected.edges.cpu().numpy()
        adjacency = _matrix(np.concatenate([edges, edges[::-1]], axis=1), n)
        strong = None
        if graph.directed:
            matrix = _matrix(graph.edges.cpu().numpy(), n)
            sizes = np.bincount(_labels(matrix, connection="strong"))
            strong = (sizes.size, int(sizes.max(initial=0)))
        return cls(n, edges, adjacency, _labels(adjacency, connection="weak"), strong)

    def measures(self) -> dict[str, Measure]:
        """The numbers of isolated vertices and of components."""
        sizes = np.bincount(self.component)
        isolated = int((np.diff(self.adjacency.indptr) == 0).sum())
        weak = "" if self.strong is None else "weak "
        found = {
            "isolated": Measure("isolated vertices", isolated),
            "components": Measure(f"{weak}components", sizes.size),
            "largest_component": Measure(
                f"vertices of the largest {weak}component", int(sizes.max(initial=0))
            ),
        }
        if self.strong is not None:
            labels = ("strong components", "vertices of the largest strong component")
            names = ("strong_components", "largest_strong_component")
            for name, label, value in zip(names, labels, self.strong, strict=True):
                found[name] = Measure(label, value)
        return found

    def largest(self) -> np.ndarray:
        """Vertices of the largest component (the first of those), ascending."""
        if not self.num_nodes:
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero(self.component == np.bincount(self.component).argmax())

    def diameter(self, seed: int) -> Measure:
        """The longest distance in the largest component; exact up to 1,500 vertices.

        Beyond that it is the highest eccentricity found by a few double sweeps. A double sweep is a
        breadth-first search from a random vertex, and another from the vertex farthest from it.
        Twice the lowest eccentricity bounds the diameter from above.
        """
        label = "diameter of the largest component"
        members = self.largest()
        if members.size < 2:
            return Measure(label, 0)
        if members.size <= EXACT_DIAMETER_NODES:
            part = self.adjacency[members][:, members]
            return Measure(label, int(csgraph.shortest_path(part, unweighted=True).max()))
        starts = np.random.default_rng(seed).choice(members, NUM_SWEEPS, replace=False)
        found = []
        for start in starts.tolist():
            reach, farthest = eccentricity(self.adjacency, start)
            found += [reach, eccentricity(self.adjacency, farthest)[0]]
        note = f"between {max(found)} and {2 * min(found)}, by {2 * NUM_SWEEPS} searches"
        return Measure(label, max(found), None if max(found) == 2 * min(found) else note)


def eccentricity(adjacency: Any, start: int) -> tuple[int, int]:
    """The distance from `start` to a farthest vertex, and this vertex."""
    order, parent = csgraph.breadth_first_order(adjacency, start, directed=True)
    position = np.empty(adjacency.shape[0], dtype=np.int64)
    position[order] = np.arange(order.size)
    above = position[parent[order[1:]]]  # ascending, as in breadth-first order
    distance, first, stop = 0, 0, 1  # order[first:stop] are the vertices at that distance
    while stop < order.size:
        first, stop = stop, 1 + int(np.searchsorted(above, stop, side="left"))
        distance += 1
    return distance, int(order[first])


def _matrix(arcs: np.ndarray, n: int) -> Any:
    """Sparse float64 [n, n] with a one for each arc."""
    row, column = arcs.astype(index_dtype(max(arcs.shape[1], n)))
    return sparse.csr_array((np.ones(row.size), (row, column)), shape=(n, n))


def _labels(matrix: Any, *, connection: str) -> np.ndarray:
    if not matrix.shape[0]:
        return np.empty(0, dtype=np.int64)
    labels: np.ndarray = csgraph.connected_components(matrix, connection=connection)[1]
    return labels
