"""Baselines by common neighbours: Jaccard coefficients and the Forman curvature.

The similarity of the ends of an edge is the Jaccard coefficient of their sets of neighbours, here
exactly, from common neighbours (`wis.graph.triangles`), where the source estimates it by min-wise
hashes.

Source: V. Satuluri, S. Parthasarathy, Y. Ruan, "Local Graph Sparsification for Scalable
Clustering", SIGMOD 2011 (G-Spar and L-Spar); as edge scores in M. Hamann, G. Lindner, H.
Meyerhenke, C. L. Staudt, D. Wagner, "Structure-preserving sparsification methods for social
networks", Social Network Analysis and Mining 6, 2016.

The augmented Forman curvature of {u, v} is 4 - d_u - d_v + 3 t, where t is the number of triangles
on the edge. It is low between vertices of high degree without common neighbours, the bottlenecks of
over-squashing, and high inside dense groups, where over-smoothing begins. So its authors add edges
beside those of lowest curvature and remove those of highest curvature, here ``highest_first``.

Source: L. Fesser, M. Weber, "Mitigating Over-Smoothing and Over-Squashing using Augmentations of
Forman-Ricci Curvature", LoG 2023, arXiv:2309.09384; A. Samal, R. P. Sreejith, J. Gu, S. Liu, E.
Saucan, J. Jost, "Comparative analysis of two discretizations of Ricci curvature for complex
networks", Scientific Reports 8, 2018.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from wis.base.progress import Progress
from wis.errors import OptionError
from wis.graph import UndirectedGraph
from wis.graph.triangles import num_common_neighbours
from wis.methods.baselines.degree_scores import by_exponent
from wis.methods.baselines.ranking import Floats, Share, lowest_first, neighbour_lists, share_of
from wis.methods.registry import register


def jaccard_similarity(graph: UndirectedGraph, report: Share = lambda share: None) -> Floats:
    """Common neighbours of the two ends of each edge over all their neighbours.

    The neighbours of a vertex do not include itself, so that both ends of an edge are among the
    neighbours of both together: the coefficient is at most (n - 2) / n.

    Returns:
        float64 [m], each the nearest float to the exact fraction. Costs O(m √m) at most.
    """
    edges = graph.edges.cpu().numpy()
    degree = graph.degree.cpu().numpy()
    common = num_common_neighbours(edges, graph.num_nodes, report=report)
    similarity: Floats = common / (degree[edges[0]] + degree[edges[1]] - common)
    return similarity


@register(
    "jaccard", summary="edges whose ends have the least similar neighbours (G-Spar)", uses_seed=True
)
def jaccard_order(graph: UndirectedGraph, *, count: int, seed: int, progress: Progress) -> Tensor:
    """Edges by the Jaccard coefficient of their ends' neighbours, the least similar first.

    Edges in no triangle have 0 and go before all others; edges inside dense groups stay. Costs
    O(m √m) at most.

    References:
        Satuluri et al., SIGMOD 2011, G-Spar.
    """
    return lowest_first(jaccard_similarity(graph, share_of(progress, count)), graph, count, seed)


@register(
    "local-similarity",
    summary="edges that are not among the most similar ones of either end (L-Spar)",
    uses_seed=True,
)
def local_similarity_order(
    graph: UndirectedGraph, *, count: int, seed: int, progress: Progress
) -> Tensor:
    """L-Spar: each vertex keeps its edges of highest Jaccard similarity.

    The order is that of `local_degree_order` in `wis.methods.baselines.degree_scores`, with the
    similarity of an edge in place of the degree of the neighbour. So sparse regions keep edges that
    ``jaccard`` would remove first. Costs O(m √m) at most.

    References:
        Satuluri et al., SIGMOD 2011, L-Spar; Hamann et al., SNAM 2016, "Local Similarity".
    """
    similarity = jaccard_similarity(graph, share_of(progress, count))
    starts, _, edge = neighbour_lists(graph)
    return by_exponent(graph, starts, edge, -similarity[edge], count, seed)


def _resolve(graph: UndirectedGraph, options: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(options["highest_first"], bool):
        raise OptionError(f"highest_first is {options['highest_first']!r}; expected true or false")
    return options


@register(
    "forman",
    summary="the lowest augmented Forman curvature 4 - d_u - d_v + 3 * triangles, or the highest",
    uses_seed=True,
    resolve=_resolve,
)
def forman_order(
    graph: UndirectedGraph,
    *,
    count: int,
    seed: int,
    progress: Progress,
    highest_first: bool = False,
) -> Tensor:
    """Edges by augmented Forman curvature, an integer, computed once on the whole graph.

    With `highest_first` edges of high curvature go first, as the authors of the source have it.
    Costs O(m √m) at most.

    References:
        Fesser and Weber, LoG 2023, "AF3".
    """
    degree = graph.degree.cpu().numpy()
    edges = graph.edges.cpu().numpy()
    triangles = num_common_neighbours(edges, graph.num_nodes, report=share_of(progress, count))
    curvature = 4 - degree[edges].sum(axis=0) + 3 * triangles
    return lowest_first(-curvature if highest_first else curvature, graph, count, seed)
