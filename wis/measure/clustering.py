"""Clustering: how often two neighbours of a vertex are neighbours.

Transitivity is the share of paths of two edges that close; the average clustering is the mean over
the vertices of at least two neighbours (others have no clustering and do not count) of that share
at the vertex. Both come from exact triangles while listing them takes seconds. Otherwise paths are
drawn: for transitivity uniformly, for the average by a uniform vertex and two of its neighbours.

Source: Schank, Wagner, J. Graph Algorithms Appl. 9, 2005 (sampling of wedges).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wis.graph.triangles import num_common_neighbours
from wis.measure.topology import Topology
from wis.measure.values import Measure

EXACT_WORK = 5e8
"""Sum over the edges of the neighbours that listing triangles looks at; some ten seconds."""
WEDGES_PER_SAMPLE = 20
LABELS = {
    "transitivity": "transitivity",
    "average_clustering": "mean clustering of vertices with two neighbours or more",
}


def clustering_measures(
    topology: Topology, seed: int, sample: int, *, exact_work: float = EXACT_WORK
) -> tuple[np.ndarray | None, dict[str, Measure]]:
    """Triangles at each vertex, int64 [n], None if they were not counted; and both measures.

    Args:
        topology: The graph.
        seed: Seed of the sample.
        sample: A twentieth of the number of paths to draw.
        exact_work: Count triangles if that is at most this much work.
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
    """Entries that `num_common_neighbours` looks at: edges lead from low degrees to high ones."""
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
    """For each centre, whether two of its neighbours, drawn without replacement, are joined."""
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
