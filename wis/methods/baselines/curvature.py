"""The method ``forman``: edges by the augmented Forman curvature, lowest or highest first.

The curvature of {u, v} is 4 - d_u - d_v + 3 t, where t is the number of triangles on the edge. It
is low between vertices of high degree without common neighbours, the bottlenecks of over-squashing,
and high inside dense groups, where over-smoothing begins. So its authors add edges beside those of
lowest curvature and remove those of highest curvature, here ``highest_first``.

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
from wis.methods.baselines.ranking import lowest_first, share_of
from wis.methods.registry import register


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

    Args:
        graph: The graph.
        count: Length of the order.
        seed: Seed of the shuffle in which edges of equal curvature go.
        progress: Called as the work is done.
        highest_first: Remove edges of high curvature first, as the authors of the source do.

    Costs O(m √m) at most.

    References:
        Fesser and Weber, LoG 2023, "AF3".
    """
    degree = graph.degree.cpu().numpy()
    edges = graph.edges.cpu().numpy()
    triangles = num_common_neighbours(edges, graph.num_nodes, report=share_of(progress, count))
    curvature = 4 - degree[edges].sum(axis=0) + 3 * triangles
    return lowest_first(-curvature if highest_first else curvature, graph, count, seed)
