"""A method: the edges whose ends have the closest ids go first."""

import torch

from wis.methods import register


@register("closest-first", summary="edges whose ends have the closest ids")
def closest_first(graph, *, count, seed, progress, power=1.0):
    """Rank edges by |u - v| ** power, smallest first."""
    distance = (graph.edges[1] - graph.edges[0]).double() ** power
    return torch.argsort(distance, stable=True)[:count]
