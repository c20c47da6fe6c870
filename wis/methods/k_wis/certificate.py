"""The certificate of ``wis``: no edge that was left was better than the one that went.

For walks of length 1 in undirected graphs every step is checked, whatever is asked for: edge by
edge by `wis.methods.one_wis.certificate`, in batches by `wis.methods.one_wis.batched_certificate`,
for the relaxed rule by `wis.methods.one_wis.relaxed_certificate`. These take about as long as the
order itself.

Else a step is checked by Algorithm 1 as it stands: the walk indices that the loss of each remaining
edge would leave are computed by sparse products with the adjacency matrix of the graph as it is
then (for several thousand edges at a time), and the sorted tuple of each edge is compared with that
of the edge that went: of the values that two sorted tuples do not hold equally often the smallest
one decides. A whole look at the graph for each step is too much for long orders. So a seeded sample
of their steps is checked, or, on demand, all of them by `wis.methods.k_wis.every_step_certificate`,
which looks again only at the edges for which that matters.

In batches an edge is compared, by the graph at the beginning of its batch, with all edges that are
left and were not listed before it; edges of the same tuple are listed by their ids within a batch.

Nothing of that is shared with the engines.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wis.base.checks import checked_factor, checked_integer
from wis.base.progress import Progress, silent
from wis.errors import OptionError
from wis.graph import CanonicalGraph, UndirectedGraph
from wis.graph.walks import check_walk_length
from wis.methods.certificates import (
    MOST_STEPS,
    Checked,
    Fault,
    StepChoice,
    in_batches,
)
from wis.methods.isolated import without_isolated
from wis.methods.k_wis.certificate_walks import EDGES_AT_A_TIME, WalksByProducts
from wis.methods.k_wis.every_step_certificate import first_fault
from wis.methods.one_wis import certificate as one_wis_certificate
from wis.methods.one_wis.batched_certificate import check_batches
from wis.methods.one_wis.relaxed_certificate import check_relaxed_order

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
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
        progress: Told the number of steps that are checked.
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
        one_wis_certificate.first_non_greedy_step(graph, edge_ids, progress=progress)
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
    WalksByProducts.check_range(compact.edges.cpu().numpy(), compact.num_nodes, depth)
    if steps.size == ids.size > MOST_STEPS:
        fault = first_fault(compact, ids, depth, batch_size, progress)
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
        left = np.ones(graph.num_edges, dtype=bool)
        left[ids[:start]] = False  # G at the beginning of the batch
        walks = WalksByProducts.of(edges[:, left], graph.num_nodes, depth, directed=graph.directed)
        left[ids[start:step]] = False
        fault = _fault_at(walks, edges, left, ids, step, ids[step + 1 : start + batch_size])
        if fault is not None:
            return fault
        progress((done + 1) * ids.size // steps.size)
    return None


def _fault_at(
    walks: WalksByProducts, edges: Ints, left: Bools, ids: Ints, step: int, mates: Ints
) -> Fault | None:
    """What is wrong with a step; `mates` go after it in the same batch."""
    value = walks.value
    taken = int(ids[step])
    _, vertex, loss = walks.losses(edges[:, [taken]])
    mine = (value[vertex] - loss, value[vertex])
    rivals = np.flatnonzero(left)
    smaller_mates = mates[mates < taken]
    tied = rivals[:0]
    for start in range(0, rivals.size, EDGES_AT_A_TIME):
        chunk = rivals[start : start + EDGES_AT_A_TIME]
        row, vertex, loss = walks.losses(edges[:, chunk])
        sign = compared(chunk.size, row, value[vertex] - loss, value[vertex], mine)
        better = np.flatnonzero(sign > 0)
        if better.size:
            return Fault(step, int(chunk[better[0]]))
        tied = np.concatenate([tied, np.intersect1d(chunk[sign == 0], smaller_mates)])
    return Fault(step, int(tied[0]), is_tie=True) if tied.size else None


def compared(
    num_edges: int, row: Ints, new: Ints, old: Ints, mine: tuple[Ints, Ints]
) -> NDArray[Any]:
    """For each edge whether its sorted tuple is larger (1), as large (0) or smaller than `mine`.

    Args:
        num_edges: Number of edges.
        row: int64 [k], the edge, from 0 on, of each walk index that falls.
        new: int64 [k], what that falls to.
        old: int64 [k], what it was.
        mine: The same two for the edge that all are compared with.
    """
    my_new, my_old = mine
    everyone = np.arange(num_edges)
    rows = np.concatenate(
        [row, row, np.repeat(everyone, my_new.size), np.repeat(everyone, my_old.size)]
    )
    values = np.concatenate([new, old, np.tile(my_new, num_edges), np.tile(my_old, num_edges)])
    weights = np.repeat(
        np.array([1, -1, -1, 1]),
        [row.size, row.size, num_edges * my_new.size, num_edges * my_old.size],
    )
    sign = np.zeros(num_edges, dtype=np.int8)
    if rows.size == 0:  # neither mine nor another one changes a walk index
        return sign
    order = np.lexsort((values, rows))
    rows, values, weights = rows[order], values[order], weights[order]
    starts = np.flatnonzero(np.r_[True, (np.diff(rows) != 0) | (np.diff(values) != 0)])
    more = np.add.reduceat(weights, starts)  # entries of this value beyond those of mine
    differs = more != 0
    of_row, more = rows[starts][differs], more[differs]
    first = np.flatnonzero(np.diff(of_row, prepend=-1))  # the smallest such value of each edge
    sign[of_row[first]] = -np.sign(more[first])
    return sign
