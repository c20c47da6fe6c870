"""Slow twins of the baselines by score, written to be compared with their sources.

As in `oracles`, a graph is a number of vertices and a list of edges (u, v), u < v, sorted: the
position of an edge is its id. Nothing of wis is imported.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from oracles import Edge


def around(num_nodes: int, edges: Sequence[Edge]) -> list[set[int]]:
    """The neighbours of each vertex, itself not among them."""
    result: list[set[int]] = [set() for _ in range(num_nodes)]
    for u, v in edges:
        result[u].add(v)
        result[v].add(u)
    return result


def by_score(scores: Sequence[Fraction | float], rank: Sequence[int]) -> list[int]:
    """Edge ids by ascending score, ties to the smallest rank."""
    return sorted(range(len(scores)), key=lambda e: (scores[e], rank[e]))


def common_neighbours(num_nodes: int, edges: Sequence[Edge]) -> list[int]:
    adjacent = around(num_nodes, edges)
    return [len(adjacent[u] & adjacent[v]) for u, v in edges]


def jaccard(num_nodes: int, edges: Sequence[Edge]) -> list[Fraction]:
    """Satuluri et al. 2011: |Adj(i) and Adj(j)| / |Adj(i) or Adj(j)|."""
    adjacent = around(num_nodes, edges)
    return [
        Fraction(len(adjacent[u] & adjacent[v]), len(adjacent[u] | adjacent[v])) for u, v in edges
    ]


def dspar(num_nodes: int, edges: Sequence[Edge]) -> list[Fraction]:
    """Liu et al. 2023: 1/d_u + 1/d_v."""
    degree = [len(near) for near in around(num_nodes, edges)]
    return [Fraction(1, degree[u]) + Fraction(1, degree[v]) for u, v in edges]


def sequences(
    num_nodes: int,
    edges: Sequence[Edge],
    value: dict[tuple[int, int], Fraction | int],
    rank: Sequence[int],
) -> list[list[int]]:
    """For each vertex its edges, best first; value[edge, vertex] is high for good ones.

    Among equals the edge of the larger rank is better, since the smaller one shall go first.
    """
    at: list[list[int]] = [[] for _ in range(num_nodes)]
    for e, edge in enumerate(edges):
        for vertex in edge:
            at[vertex].append(e)
    return [
        sorted(at[v], key=lambda e: (value[e, v], rank[e]), reverse=True) for v in range(num_nodes)
    ]


def degree_values(num_nodes: int, edges: Sequence[Edge]) -> dict[tuple[int, int], int]:
    """Local degree: to a vertex an edge is worth the degree of its other end."""
    degree = [len(near) for near in around(num_nodes, edges)]
    worth = {}
    for e, (u, v) in enumerate(edges):
        worth[e, u], worth[e, v] = degree[v], degree[u]
    return worth


def jaccard_values(num_nodes: int, edges: Sequence[Edge]) -> dict[tuple[int, int], Fraction]:
    """L-Spar: to both of its ends an edge is worth their similarity."""
    scores = jaccard(num_nodes, edges)
    return {(e, vertex): scores[e] for e, edge in enumerate(edges) for vertex in edge}


def kept_by_local_filter(in_sequence: list[list[int]], exponent: float) -> set[int]:
    """Every vertex keeps its best d^exponent edges, at least one; what any of them keeps stays."""
    kept = set()
    for best_first in in_sequence:
        number = math.floor(len(best_first) ** exponent + 1e-9)
        kept.update(best_first[: max(1, number)])
    return kept


def k_neighbor(
    num_nodes: int, edges: Sequence[Edge], at_ends: Sequence[float], ties: Sequence[float]
) -> list[int]:
    """The order for given random numbers: one for each edge at each vertex, and one for each edge.

    For k from large to small the edges go that no vertex has among its first k any more.
    """
    numbers = iter(at_ends)
    first: list[list[int]] = []
    for vertex, near in enumerate(around(num_nodes, edges)):
        own = [edges.index((min(vertex, w), max(vertex, w))) for w in sorted(near)]
        drawn = {e: next(numbers) for e in own}
        first.append(sorted(own, key=lambda e: drawn[e]))
    left, order = set(range(len(edges))), []
    for k in range(len(edges), -1, -1):
        kept = {e for sequence in first for e in sequence[:k]}
        order += sorted(left - kept, key=lambda e: ties[e])
        left &= kept
    return order


def forest_fire_counts(
    num_nodes: int, edges: Sequence[Edge], probability: float, num_fires: int, seed: int
) -> list[int]:
    """How often each edge burns in so many fires, coin by coin."""
    rng, adjacent = random.Random(seed), around(num_nodes, edges)
    ids = {edge: e for e, edge in enumerate(edges)}
    counts = [0] * len(edges)
    for _ in range(num_fires):
        start = rng.choice([v for v in range(num_nodes) if adjacent[v]])
        burnt, queue = {start}, [start]
        while queue:
            vertex = queue.pop(0)
            while rng.random() < probability and adjacent[vertex] - burnt:
                target = rng.choice(sorted(adjacent[vertex] - burnt))
                burnt.add(target)
                queue.append(target)
                counts[ids[min(vertex, target), max(vertex, target)]] += 1
    return counts


def resistances(
    num_nodes: int, edges: Sequence[Edge], weights: Sequence[float] | None = None
) -> np.ndarray:
    """(e_u - e_v) L+ (e_u - e_v) by the dense pseudo-inverse of the Laplacian."""
    laplacian = np.zeros((num_nodes, num_nodes))
    for (u, v), weight in zip(edges, weights or [1.0] * len(edges), strict=True):
        laplacian[u, u] += weight
        laplacian[v, v] += weight
        laplacian[u, v] -= weight
        laplacian[v, u] -= weight
    inverse = np.linalg.pinv(laplacian, hermitian=True) if num_nodes else laplacian
    return np.array(
        [inverse[u, u] + inverse[v, v] - inverse[u, v] - inverse[v, u] for u, v in edges]
    )
