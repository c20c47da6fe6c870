"""From scores to an order: lowest first, real ties to the smallest edge id.

A score is a float, and edges that are equal by symmetry come out of a computation with different
last digits. So scores are compared on a logarithmic grid, steps of a factor 2^(2^-30), about
1 + 6.5e-10: what differs by less is a tie, whatever the number of threads. Fractions such as 1/8
lie on the grid, not between two of its points, where a last digit would decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wis.arrays import stable_argsort
from wis.graph import UndirectedGraph
from wis.progress import Progress

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Share = Callable[[float], None]
"""Called with the share of the work that is done, from 0 to 1."""

STEPS_PER_OCTAVE = 1 << 30
DRAWN_AT_ONCE = 1 << 14


def tie_classes(score: Floats) -> Ints:
    """Integers in the order of the scores, equal where these are equal up to rounding.

    Args:
        score: float64 [m], finite, none negative.

    Returns:
        int64 [m], 0 where the score is 0 and positive elsewhere.
    """
    classes = np.zeros(score.size, dtype=np.int64)
    positive = score > 0
    if positive.any():
        steps = np.rint(np.log2(score[positive]) * STEPS_PER_OCTAVE).astype(np.int64)
        classes[positive] = steps - steps.min() + 1
    return classes


def lowest_first(score: Floats, graph: UndirectedGraph, count: int) -> Tensor:
    """The first `count` edges by ascending score; ties go to the smallest edge id. O(m log m)."""
    return _first(tie_classes(score), graph, count)


def highest_first(score: Floats, graph: UndirectedGraph, count: int) -> Tensor:
    """The first `count` edges by descending score; ties go to the smallest edge id."""
    classes = tie_classes(score)
    return _first(classes.max(initial=0) - classes, graph, count)


def _first(classes: Ints, graph: UndirectedGraph, count: int) -> Tensor:
    return stable_argsort(torch.from_numpy(classes))[:count].to(graph.device)


def drawn_last_first(weight: Floats, graph: UndirectedGraph, count: int, seed: int) -> Tensor:
    """Draw all edges without replacement by weight; those drawn last are removed first.

    The next edge drawn is any of those left with a probability proportional to its weight. That is
    the ascending order of independent exponential variables of these rates, one for each edge.

    Args:
        weight: float64 [m], positive.
        graph: The graph.
        count: Length of the order.
        seed: Seed of the draws.

    Returns:
        int64 tensor of shape [count]: the end of the sequence of draws, reversed. O(m log m).
    """
    arrival = np.random.default_rng(seed).standard_exponential(weight.size) / weight
    last_first = np.argsort(-arrival, kind="stable")[:count]
    return torch.from_numpy(last_first).to(graph.device)


def share_of(progress: Progress, count: int) -> Share:
    """Report shares of the work as numbers of edges."""
    return lambda share: progress(int(share * count))


def neighbour_lists(graph: UndirectedGraph) -> tuple[Ints, Ints, Ints]:
    """The graph by rows: where the row of each vertex starts, its neighbours, and the edges there.

    Returns:
        int64 [n + 1], [2m] and [2m]; neighbours ascend within a row. O(m log m).
    """
    edges = graph.edges.cpu()
    ends = torch.cat([edges, edges.flip(0)], dim=1)
    by_row = stable_argsort(ends[0] * graph.num_nodes + ends[1])
    starts = np.zeros(graph.num_nodes + 1, dtype=np.int64)
    np.cumsum(np.bincount(ends[0].numpy(), minlength=graph.num_nodes), out=starts[1:])
    return starts, ends[1, by_row].numpy(), (by_row % max(graph.num_edges, 1)).numpy()


def uniform_numbers(seed: int) -> Iterator[float]:
    """Endless random numbers from [0, 1), drawn in blocks."""
    generator = np.random.default_rng(seed)
    while True:
        yield from generator.random(DRAWN_AT_ONCE).tolist()
