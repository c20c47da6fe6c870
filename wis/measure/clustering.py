"""Clustering: the probability that two neighbours of a vertex are neighbours.

The transitivity is the share of paths of two edges whose ends are joined. The clustering of a
vertex is this share among the paths with the vertex in the middle. The average clustering is its
mean over the vertices with at least two neighbours. Both are computed from a list of all triangles
if listing them takes seconds. Otherwise paths are drawn: uniformly for the transitivity; by a
uniform vertex and two of its neighbours for the average clustering.

Source: Schank, Wagner, J. Graph Algorithms Appl. 9, 2005 (sampling of wedges).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wis.graph.triangles import num_common_neighbours
from wis.measure.topology import Topology
from wis.measure.values import Measure

EXACT_WORK = 5e8
"""Most neighbours that listing triangles may visit, summed over the edges; some ten seconds."""
WEDGES_PER_SAMPLE = 20
LABELS = {
    "transitivity": "transitivity",
    "average_clustering": "mean clustering of vertices with two neighbours or more",
}


def clustering_measures(
    topology: Topology, seed: int, sample: int, *, exact_work: float = EXACT_WORK
) -> tuple[np.ndarray | None, dict[str, Measure]]:
    """The number of triangles at each vertex, int64 [n] (None after sampling), and both measures.

    Triangles are counted if at most `exact_work` neighbours are visited; otherwise twenty times
    `sample` paths are drawn.
    """
    degree = np.diff(topology.adjacency.indptr).astype(np.int64)
    wedges = degree * (degree - 1) // 2
    if _listing_work(topology.edges, degree) > exact_work:
        return None, _sampled(topology, degree, wedges, seed, WEDGES_PER_SAMPLE * sample)
    on_edge = num_common_neighbours(topology.edges, topology.num_nodes)
    at_vertex = np.zeros(topology.num_nodes, dtype=np.int64)
    for end in topology.edges:
        np.add.at(at_vertex, end, on_edge)
    at_vertex //= 2
    return at_vertex, _exact(at_vertex, wedges)


def _listing_work(edges: np.ndarray, degree: np.ndarray) -> float:
    """Number of entries that `num_common_neighbours` visits, with edges from low to high degree."""
    tail = np.where(degree[edges[0]] <= degree[edges[1]], edges[0], edges[1])
    out_degree = np.bincount(tail, minlength=degree.size)
    return float(out_degree[edges].sum())


def _exact(at_vertex: np.ndarray, wedges: np.ndarray) -> dict[str, Measure]:
    has = wedges > 0
    total = int(wedges.sum())
    values = {
        "transitivity": float(at_vertex.sum() / total) if total else None,
        "average_clustering": float((at_vertex[has] / wedges[has]).mean()) if has.any() else None,
    }
    return {name: Measure(LABELS[name], value) for name, value in values.items()}


def _sampled(
    topology: Topology, degree: np.ndarray, wedges: np.ndarray, seed: int, count: int
) -> dict[str, Measure]:
    generator = np.random.default_rng([seed, 1])
    centres = {
        "transitivity": np.searchsorted(
            np.cumsum(wedges), generator.integers(wedges.sum(), size=count), side="right"
        ),
        "average_clustering": generator.choice(np.flatnonzero(wedges), count),
    }
    return {
        name: _share(LABELS[name], _closed(topology.adjacency, degree, centre, generator))
        for name, centre in centres.items()
    }


def _closed(
    adjacency: Any, degree: np.ndarray, centre: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Draw two neighbours of each centre without replacement; mark the pairs that are joined."""
    first = generator.integers(degree[centre])
    second = generator.integers(degree[centre] - 1)
    second += second >= first
    start = adjacency.indptr[centre]
    u, v = adjacency.indices[start + first], adjacency.indices[start + second]
    return np.asarray(adjacency[u, v]).reshape(-1) > 0


def _share(label: str, closed: np.ndarray) -> Measure:
    share = float(closed.mean())
    error = float(np.sqrt(share * (1 - share) / closed.size))
    return Measure(label, share, f"from {closed.size:,} sampled paths", error)
