"""Baselines that rank an edge by the degrees of its ends, or by its place among its neighbours.

They cost little more than a sort. None is adaptive: degrees are those of the whole graph.

- ``dspar``: Z. Liu, K. Zhou, Z. Jiang, L. Li, R. Chen, S.-H. Choi, X. Hu, "DSpar: An Embarrassingly
  Simple Strategy for Efficient GNN Training and Inference via Degree-based Sparsification", TMLR
  2023.
- ``teddy``: H. Seo, J. Yun, E. Yang, "TEDDY: Trimming Edges with Degree-based Discrimination
  Strategy", ICLR 2024, arXiv:2402.01261.
- ``local-degree``: M. Hamann, G. Lindner, H. Meyerhenke, C. L. Staudt, D. Wagner, "Structure-
  preserving sparsification methods for social networks", Social Network Analysis and Mining 6,
  2016.
- ``k-neighbor``: V. Sadhanala, Y.-X. Wang, R. J. Tibshirani, "Graph Sparsification Approaches for
  Laplacian Smoothing", AISTATS 2016; as in Y. Chen, H. Ye, S. Vedula, A. Bronstein, R. Dreslinski,
  T. Mudge, N. Talati, "Demystifying Graph Sparsification Algorithms in Graph Properties
  Preservation", PVLDB 17, 2024.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from wis.base.progress import Progress
from wis.errors import OptionError
from wis.graph import UndirectedGraph
from wis.methods.baselines.ranking import (
    Floats,
    Ints,
    drawn_last_first,
    lowest_first,
    neighbour_lists,
    tie_classes,
    tie_ranks,
)
from wis.methods.draws import Draws
from wis.methods.registry import register


def _resolve_dspar(graph: UndirectedGraph, options: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(options["sample"], bool):
        raise OptionError(f"sample is {options['sample']!r}; expected true or false")
    return options


@register(
    "dspar",
    summary="edges between vertices of high degree: the lowest 1/d_u + 1/d_v (DSpar)",
    uses_seed=True,
    resolve=_resolve_dspar,
    reweights="sample",
)
def dspar_order(
    graph: UndirectedGraph, *, count: int, seed: int, progress: Progress, sample: bool = False
) -> Tensor | tuple[Tensor, Draws]:
    """Edges by 1/d_u + 1/d_v, the lowest first: edges between hubs go, those of leaves stay.

    Up to factors of the spectral gap, the score bounds the effective resistance from above and
    below, so DSpar takes it in place of that. Costs O(m log m).

    With `sample`, as published, edges are drawn with replacement, with a probability p proportional
    to the score. The edge that is drawn for the first time last is removed first, and `reweight`
    gives the others the published weights count / (Q p) (`wis.methods.draws`). `seed` is then the
    seed of the draws.

    References:
        Liu et al., TMLR 2023.
    """
    degree = graph.degree.cpu().numpy()
    u, v = graph.edges.cpu().numpy()
    score = (degree[u] + degree[v]) / (degree[u] * degree[v])  # one rounding: equal where equal
    if sample:
        return drawn_last_first(score, graph, count, seed)
    return lowest_first(score, graph, count, seed)


@register(
    "teddy",
    summary="edges to neighbours of high degree: the lowest g(u)/d_u * g(v)/d_v (TEDDY)",
    uses_seed=True,
)
def teddy_order(graph: UndirectedGraph, *, count: int, seed: int, progress: Progress) -> Tensor:
    """TEDDY: edges by g(u)/d_u · g(v)/d_v, the lowest first.

    g(v) = 1/d_v Σ_w 1/√d_w over the neighbours w of v, d being the degree: an edge goes early if
    both its ends have many neighbours and these have many, too. Only the removal of edges is taken
    from the source, not its training. Scores that differ by no more than a factor of 1 + 2^-30 are
    ties, which go in random order. Costs O(m log m).

    References:
        Seo, Yun, Yang, ICLR 2024.
    """
    degree = graph.degree.cpu().numpy().clip(1)
    ends = graph.edges.cpu().numpy()
    from_ends = np.concatenate([ends[1], ends[0]])
    g = np.bincount(ends.reshape(-1), degree[from_ends] ** -0.5, minlength=degree.size) / degree
    u, v = g[ends] / degree[ends]
    return lowest_first(tie_classes(u * v), graph, count, seed)


@register(
    "local-degree",
    summary="edges that lead to no hub: neither end has the other among its strongest neighbours",
    uses_seed=True,
)
def local_degree_order(
    graph: UndirectedGraph, *, count: int, seed: int, progress: Progress
) -> Tensor:
    """Local Degree: each vertex keeps its edges to neighbours of highest degree.

    For an exponent a in [0, 1] a vertex of degree d keeps its edges to the floor(d^a) neighbours of
    highest degree, at least one. An edge stays if either end keeps it. So it is removed as soon as
    a falls below the least a at which an end keeps it: the smaller of log r / log d at both ends,
    where r = 1, ..., d is the place of the edge at that end. The edge with the largest such a goes
    first. Edges that are the first choice of an end go last, so every vertex keeps one until then.

    One shuffle settles all ties: of two neighbours of the same degree, and of two edges that go at
    the same a, the one whose edge comes first in it goes first. Costs O(m log m).

    References:
        Hamann et al., SNAM 2016, "Local Degree".
    """
    degree = graph.degree.cpu().numpy()
    starts, neighbour, edge = neighbour_lists(graph)
    return by_exponent(graph, starts, edge, -degree[neighbour], count, seed)


def by_exponent(
    graph: UndirectedGraph, starts: Ints, edge: Ints, worse: Ints | Floats, count: int, seed: int
) -> Tensor:
    """Edges by the least exponent a for which one of their ends keeps them, the largest first.

    `starts` and `edge` are those of `neighbour_lists`; `worse`, [2m], ranks the neighbours within a
    row, the smallest first.
    """
    place = places(starts, worse, tie_ranks(graph.num_edges, seed)[edge])
    least = exponent(starts, edge, place, graph.num_edges)
    return lowest_first(-tie_classes(least), graph, count, seed)


def places(starts: Ints, worse: Ints | Floats, rank: Ints) -> Ints:
    """The place of each neighbour in its row, 1 for the best; int64 [2m].

    The neighbour with the smallest `worse` is the best. Of equal ones the largest `rank` of the
    edge is the best, since the edge of the smallest rank shall go first.
    """
    length = np.diff(starts)
    row = np.repeat(np.arange(length.size), length)
    sequence = np.lexsort((-rank, worse, row))
    place = np.empty(rank.size, dtype=np.int64)
    place[sequence] = np.arange(rank.size) - np.repeat(starts[:-1], length) + 1
    return place


def exponent(starts: Ints, edge: Ints, place: Ints, num_edges: int) -> Floats:
    """The least a for which an edge is among the first d^a at one of its ends; float64 [m]."""
    length = np.repeat(np.diff(starts), np.diff(starts))
    at_end = np.zeros(edge.size)
    several = length > 1
    at_end[several] = np.log(place[several]) / np.log(length[several])
    least = np.full(num_edges, np.inf)
    np.minimum.at(least, edge, at_end)
    return least


@register(
    "k-neighbor",
    summary="edges that neither end drew among its first k random neighbours, k falling",
    uses_seed=True,
)
def k_neighbor_order(
    graph: UndirectedGraph, *, count: int, seed: int, progress: Progress
) -> Tensor:
    """K-Neighbor: each vertex draws k of its edges, and k falls.

    Every vertex puts its edges into a random sequence, drawn by `seed`, and keeps the first k. An
    edge stays if either end keeps it. So the edge whose better place at its two ends is the
    furthest back goes first. Edges of equal place, nearly as many as there are vertices, go in
    random order, too. Costs O(m log m).

    References:
        Sadhanala et al., AISTATS 2016; Chen et al., PVLDB 2024.
    """
    rng = np.random.default_rng(seed)
    starts, _, edge = neighbour_lists(graph)
    place = places(starts, rng.random(edge.size), tie_ranks(graph.num_edges, seed)[edge])
    better = np.full(graph.num_edges, edge.size, dtype=np.int64)
    np.minimum.at(better, edge, place)
    order = np.lexsort((rng.random(graph.num_edges), -better))[:count]
    return torch.from_numpy(order).to(graph.device)
