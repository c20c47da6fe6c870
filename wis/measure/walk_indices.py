"""The sum of the log walk indices of single vertices.

The walk index of {t} with target t and walks of length l is the number of closed walks of length
l + 1 at t (0 if no edge reaches t), the tuple entry of Algorithm 1. The product of walk indices
bounds the interactions that a network can model. So the measure is the sum of log WI_{l,t}({t})
over all vertices, in nats. The log of 0 counts as 0, the lowest log of a positive number of walks.

For l = 1 the index is the degree plus 1. For l = 2 it is twice the number of triangles plus three
times the degree plus 1. Longer walks are counted by sparse products, from a seeded sample of
vertices if all would take too long. The sample is the same before and after a cut.

Source: Definition 11, Theorem 8, Algorithm 1; Appendix D.2 for directed graphs.
"""

from __future__ import annotations

import numpy as np

from wis.graph import CanonicalGraph
from wis.graph.walks import adjacency, most_walks, num_closed_walks
from wis.measure.values import Measure

EXACT_WORK = 2e8
"""Most walks of half the length over all vertices; sparse products of them take some seconds."""


def walk_index_measure(
    graph: CanonicalGraph,
    length: int,
    triangles: np.ndarray | None,
    seed: int,
    sample: int,
    *,
    exact_work: float = EXACT_WORK,
) -> Measure:
    """The sum over all vertices of log WI_{l,t}({t}), for walks of `length` l.

    `triangles` has those at each vertex of the graph without directions, if they are known. If the
    work for all vertices exceeds `exact_work`, `sample` vertices are drawn.
    """
    label = f"Σ log WI_{length} of single vertices"
    n, edges = graph.num_nodes, graph.edges.cpu().numpy()
    into = np.bincount(edges[1] if graph.directed else edges.reshape(-1), minlength=n)
    if length == 1 and not graph.directed:
        return Measure(label, _sum_of_logs(np.where(into > 0, into + 1, 0)))
    if length == 2 and not graph.directed and triangles is not None:
        return Measure(label, _sum_of_logs(np.where(into > 0, 2 * triangles + 3 * into + 1, 0)))
    most_walks(edges, n, length + 1, directed=graph.directed)
    if _work(graph, edges, length) <= exact_work or sample >= n:
        return Measure(
            label, _sum_of_logs(num_closed_walks(edges, n, length + 1, directed=graph.directed))
        )
    drawn = np.random.default_rng([seed, 2]).choice(n, sample, replace=False)
    counts = num_closed_walks(edges, n, length + 1, directed=graph.directed, vertices=drawn)
    logs = np.log(np.maximum(counts, 1))
    error = float(n * logs.std(ddof=1) / np.sqrt(sample) * np.sqrt(1 - sample / n))
    return Measure(label, float(n * logs.mean()), f"from {sample:,} sampled vertices", error)


def _sum_of_logs(counts: np.ndarray) -> float:
    return float(np.log(np.maximum(counts, 1)).sum())


def _work(graph: CanonicalGraph, edges: np.ndarray, length: int) -> float:
    """The number of entries in the products: walks of half the length from all vertices."""
    matrix = adjacency(edges, graph.num_nodes, directed=graph.directed).astype(np.float64)
    walks = np.ones(graph.num_nodes)
    for _ in range((length + 2) // 2):
        walks = matrix @ walks
    return float(walks.sum())
