"""The certificate of relaxed 1-WIS: the first step that takes an edge too far below the best.

A step keeps to the rule if both ends of the edge that goes have degree k / (1 + epsilon) or more,
k being the largest smaller degree of an edge that is left. With s the smaller degree at a step,
read off the order by one sort, that is k <= (1 + epsilon)·s. Since k never rises, only steps at
which s is lower than at all steps before need a look at the graph: a step with a larger s allows
what the lowest one before it, where k was at least as large, was found to allow. A look goes over
the edges left between vertices whose original degree is above (1 + epsilon)·s, a prefix that grows,
and asks whether one has both degrees above it. Nothing is shared with the code that makes orders.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wis.errors import NotGreedyError
from wis.graph import UndirectedGraph
from wis.methods.one_wis_certificate import LiveEdges, Steps
from wis.progress import Progress, silent

Ints = NDArray[np.int64]


def check_relaxed_steps(
    graph: UndirectedGraph, edge_ids: Tensor, factor: Fraction, progress: Progress = silent
) -> None:
    """Check every step of an order, or of the beginning of one.

    Args:
        graph: The graph.
        edge_ids: int64 tensor of shape [count], distinct edge ids, first removed first.
        factor: 1 + epsilon, exactly.
        progress: Told the number of steps that are checked.

    Raises:
        NotGreedyError: Some step breaks the rule; it names the first one.

    Cost: O(m log m) for sorts, and for each of the lowest steps so far (several for each threshold)
        the edges left among vertices of higher degrees.
    """
    if edge_ids.numel() == 0:
        return
    steps = Steps.of(graph, edge_ids)
    live = LiveEdges.of(graph, edge_ids, steps.label)
    degree = np.sort(graph.degree.cpu().numpy())[::-1].copy()
    falling = -degree
    seen = 0
    for step in _lowest_so_far(steps.smaller).tolist():
        degree -= np.bincount(steps.ends[seen:step].reshape(-1), minlength=degree.size)
        seen = step
        allowed = int(factor * int(steps.smaller[step]))  # rounds down
        size = int(np.searchsorted(falling, -allowed))  # original degree above it
        live.admit(size, step)
        best = _best_above(live, degree, allowed, step)
        if best is not None:
            raise _error(graph, steps, edge_ids, step, best, factor)
        progress(step + 1)


def _lowest_so_far(smaller: Ints) -> Ints:
    """Steps whose smaller degree is below that of all steps before."""
    lowest = np.minimum.accumulate(smaller)
    return np.flatnonzero(np.diff(lowest, prepend=lowest[:1] + 1))


def _best_above(live: LiveEdges, degree: Ints, allowed: int, step: int) -> tuple[int, int] | None:
    """Labels of an edge that is left at a step and has the largest smaller degree, if too large."""
    left = np.flatnonzero(live.step[: live.size] >= step)
    a, b = live.a[left], live.b[left]
    smaller = np.minimum(degree[a], degree[b])
    if smaller.size == 0 or smaller.max() <= allowed:
        return None
    best = int(smaller.argmax())
    return int(a[best]), int(b[best])


def _error(
    graph: UndirectedGraph,
    steps: Steps,
    edge_ids: Tensor,
    step: int,
    best: tuple[int, int],
    factor: Fraction,
) -> NotGreedyError:
    vertex = np.argsort(steps.label)
    other = tuple(sorted(int(vertex[label]) for label in best))
    u, v = graph.edges[:, int(edge_ids[step])].tolist()
    gone = edge_ids[:step].cpu().numpy()
    left = np.delete(graph.edges.cpu().numpy(), gone, axis=1)
    degree = np.bincount(left.reshape(-1), minlength=graph.num_nodes)
    largest = int(np.minimum(degree[other[0]], degree[other[1]]))
    return NotGreedyError(
        f"step {step + 1} of {edge_ids.numel()} removes edge {(u, v)}, the smaller of whose "
        f"degrees is {int(steps.smaller[step])}, although edge {other} with {largest} is left, "
        f"more than {float(factor):g} times as much",
        step=step,
        edge=(u, v),
    )
