"""The certificate of ``wis``: no edge that was left was better than the one that went.

For walks of length 1 in undirected graphs every step is checked: edge by edge or in batches by
`wis.methods.one_wis.certificate`, for the relaxed rule by
`wis.methods.one_wis.relaxed_certificate`. These take about as long as the order itself.

Else a step is checked by Algorithm 1 as it stands. The walk indices that the loss of each remaining
edge would leave are computed by sparse products with the adjacency matrix of the graph at that step
(for several thousand edges at a time), and the sorted tuple of each edge is compared with that of
the edge that went, by their codes (`wis.methods.k_wis.every_step_certificate`). A whole look at the
graph for each step is too much for long orders. So a seeded sample of their steps is checked, or,
on demand, all of them by that module, which looks again only at the edges for which that matters.

In batches an edge is compared, by the graph at the beginning of its batch, with all edges that are
left and were not listed before it; edges of the same tuple are listed by their ids within a batch.

Nothing of that is shared with the engines.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wis.base.checks import check_walk_length, checked_factor, checked_integer
from wis.base.progress import Progress, silent
from wis.errors import OptionError
from wis.graph import CanonicalGraph, UndirectedGraph
from wis.methods.certificates import (
    MOST_STEPS,
    Checked,
    Fault,
    StepChoice,
    fault_of,
    first_fault,
    in_batches,
)
from wis.methods.isolated import without_isolated
from wis.methods.k_wis.certificate_walks import EDGES_AT_A_TIME, WalksByProducts, check_range
from wis.methods.k_wis.every_step_certificate import Code, CodesAsEdgesGo, codes_of
from wis.methods.one_wis.certificate import check_batches, first_non_greedy_step
from wis.methods.one_wis.relaxed_certificate import check_relaxed_order

Ints = NDArray[np.int64]
WHY = "whose loss leaves larger walk indices"


def check_order(
    graph: CanonicalGraph,
    edge_ids: Tensor,
    *,
    progress: Progress = silent,
    choice: StepChoice | None = None,
    made_with: int | None = None,
    walk_length: int = 1,
    batch_size: int = 1,
    epsilon: float = 0.0,
    **options: object,
) -> Checked:
    """Check that the steps of an order, or of the beginning of one, are greedy.

    Args:
        graph: The graph, undirected or directed.
        edge_ids: int64 tensor of shape [count], distinct edge ids, first removed first.
        progress: Called with the number of steps that are checked.
        choice: Which steps, for longer walks and directed graphs; the default of `StepChoice` if
            not given.
        made_with: The seed of the phases of a relaxed order; None to check its rule alone.
        walk_length: L - 1 for a GNN of depth L.
        batch_size: How many edges went at a time.
        epsilon: How far below the best an edge may be (`wis.methods.one_wis.relaxed_rule`).
        **options: Other options of the order; how it was computed does not matter.

    Returns:
        What was found to be right.

    Raises:
        NotGreedyError: Some step is not; it names the first one of those checked.
        OptionError: An option is impossible, or there are more than 2^62 walks.

    Cost: of a step of a sample, 4·walk_length sparse products of m rows; see the modules.
    """
    check_walk_length(walk_length, least=1)
    checked_integer("batch_size", batch_size, 1)
    factor = checked_factor(epsilon)
    if walk_length == 1 and isinstance(graph, UndirectedGraph):
        return _check_by_degrees(graph, edge_ids, batch_size, epsilon, made_with, progress)
    if factor > 1:
        raise OptionError("epsilon is for walk_length=1 in undirected graphs; leave it out")
    num_checked = _check_longer(
        graph, edge_ids, walk_length + 1, batch_size, choice or StepChoice(), progress
    )
    return in_batches(num_checked, graph.num_edges, batch_size, graph.noun)


def _check_by_degrees(
    graph: UndirectedGraph,
    edge_ids: Tensor,
    batch_size: int,
    epsilon: float,
    made_with: int | None,
    progress: Progress,
) -> Checked:
    """1-WIS: every step by Algorithm 2."""
    if epsilon:
        if batch_size != 1:
            raise OptionError("epsilon is for batch_size=1; leave one of them out")
        return check_relaxed_order(graph, edge_ids, epsilon, made_with, progress)
    if batch_size == 1:
        first_non_greedy_step(graph, edge_ids, progress)
    else:
        check_batches(graph, edge_ids, batch_size, progress)
    return in_batches(edge_ids.numel(), graph.num_edges, batch_size, graph.noun)


def _check_longer(
    graph: CanonicalGraph,
    edge_ids: Tensor,
    depth: int,
    batch_size: int,
    choice: StepChoice,
    progress: Progress,
) -> int:
    """The number of steps checked."""
    compact = without_isolated(graph)
    ids = edge_ids.cpu().numpy()
    steps = choice.of(ids.size)
    check_range(compact.edges.cpu().numpy(), compact.num_nodes, depth)
    if steps.size == ids.size > MOST_STEPS:
        replay = CodesAsEdgesGo(compact, depth)
        fault = first_fault(replay, ids.tolist(), batch_size, progress)
    else:
        fault = _first_fault_among(compact, ids, steps, depth, batch_size, progress)
    if fault is not None:
        raise fault.error(graph, edge_ids, WHY)
    return int(steps.size)


def _first_fault_among(
    graph: CanonicalGraph,
    ids: Ints,
    steps: Ints,
    depth: int,
    batch_size: int,
    progress: Progress,
) -> Fault | None:
    """The first of some steps that is wrong."""
    edges = graph.edges.cpu().numpy()
    for done, step in enumerate(steps.tolist()):
        start = step - step % batch_size
        left = np.setdiff1d(np.arange(graph.num_edges), ids[:start])  # G at the batch's beginning
        walks = WalksByProducts.of(
            edges, graph.num_nodes, depth, directed=graph.directed, left=left
        )
        ((_, mine),) = _codes(walks, ids[step : step + 1])
        batch = ids[start : start + batch_size].tolist()
        fault = fault_of(_codes(walks, left), mine, batch, step - start, stop_early=True)
        if fault is not None:
            return Fault(step, fault.better, fault.is_tie)
        progress((done + 1) * ids.size // steps.size)
    return None


def _codes(walks: WalksByProducts, ids: Ints) -> Iterator[tuple[int, Code]]:
    """Edges and their codes; a smaller code is better."""
    for start in range(0, ids.size, EDGES_AT_A_TIME):
        chunk = ids[start : start + EDGES_AT_A_TIME]
        row, vertex, loss = walks.losses(chunk)
        old = walks.value[vertex]
        yield from zip(chunk.tolist(), codes_of(chunk.size, row, old - loss, old), strict=True)
