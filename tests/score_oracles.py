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


def teddy(num_nodes: int, edges: Sequence[Edge]) -> list[float]:
    """Seo et al. 2024: g(u)/d_u · g(v)/d_v with g(v) = 1/d_v · Σ over neighbours w of 1/√d_w."""
    adjacent = around(num_nodes, edges)
    degree = [len(near) for near in adjacent]
    g = [
        math.fsum(1 / math.sqrt(degree[w]) for w in near) / len(near) if near else 0.0
        for near in adjacent
    ]
    return [g[u] / degree[u] * g[v] / degree[v] for u, v in edges]


def forman(num_nodes: int, edges: Sequence[Edge]) -> list[int]:
    """Fesser and Weber 2023: 4 - d_u - d_v + 3 · triangles."""
    degree = [len(near) for near in around(num_nodes, edges)]
    common = common_neighbours(num_nodes, edges)
    return [
        4 - degree[u] - degree[v] + 3 * triangles
        for (u, v), triangles in zip(edges, common, strict=True)
    ]


def goku(num_nodes: int, edges: Sequence[Edge], x: Sequence[Sequence[float]]) -> list[float]:
    """Liang et al. 2025: (1 + s/2) · R, s = (1 + cos) / 2; the cosine with a vector of 0 is 0."""
    rates = []
    for (u, v), resistance in zip(edges, resistances(num_nodes, edges), strict=True):
        dot = math.fsum(a * b for a, b in zip(x[u], x[v], strict=True))
        lengths = math.hypot(*x[u]) * math.hypot(*x[v])
        similarity = (1 + (dot / lengths if lengths else 0.0)) / 2
        rates.append((1 + similarity / 2) * float(resistance))
    return rates


def component_of(num_nodes: int, edges: Sequence[Edge], vertex: int) -> list[int]:
    """The vertices that can be reached from a vertex, sorted."""
    adjacent, found, queue = around(num_nodes, edges), {vertex}, [vertex]
    while queue:
        for w in adjacent[queue.pop()] - found:
            found.add(w)
            queue.append(w)
    return sorted(found)


def laplacian_and_degrees(
    vertices: Sequence[int], weighted: dict[Edge, float]
) -> tuple[np.ndarray, np.ndarray]:
    """L and D of a component with a self-loop of weight 1 at each vertex."""
    place = {v: i for i, v in enumerate(vertices)}
    laplacian, degrees = np.zeros((len(place), len(place))), np.eye(len(place))
    for (u, v), weight in weighted.items():
        if u in place:
            i, j = place[u], place[v]
            laplacian[[i, j], [i, j]] += weight
            laplacian[[i, j], [j, i]] -= weight
            degrees[[i, j], [i, j]] += weight
    return laplacian, degrees


def gap_changes(num_nodes: int, edges: Sequence[Edge]) -> dict[Edge, float]:
    """Jamadandi et al. 2024: the change of the gap by the loss of each edge, to first order.

    The gap λ is that of L f = λ D f on the component of the edge, fᵀ D f = 1. If λ is multiple, the
    least eigenvalue of the change on its space counts.
    """
    changes = {}
    todo = list(edges)
    while todo:
        vertices = component_of(num_nodes, edges, todo[0][0])
        laplacian, degrees = laplacian_and_degrees(vertices, dict.fromkeys(edges, 1.0))
        scale = np.diag(degrees.diagonal() ** -0.5)
        values, vectors = np.linalg.eigh(scale @ laplacian @ scale)
        chosen = np.abs(values - values[1]) < 1e-8
        chosen[0] = False
        f, gap = scale @ vectors[:, chosen], values[1]
        for edge in [edge for edge in todo if edge[0] in vertices]:
            u, v = (f[vertices.index(end)] for end in edge)
            loss = gap * (np.outer(u, u) + np.outer(v, v)) - np.outer(u - v, u - v)
            changes[edge] = float(np.linalg.eigvalsh(loss)[0])
            todo.remove(edge)
    return changes


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
