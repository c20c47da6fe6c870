"""The certificate of ``wis``: no edge that was left was better than the one that went.

For walks of length 1 in undirected graphs, edge by edge, it is `wis.methods.one_wis_certificate`,
or `wis.methods.relaxed_certificate` for the relaxed rule; both are near-linear and complete. Else a
step is checked by computing the walk indices that each remaining edge would leave, by sparse
products with the adjacency matrix of the graph as it is then (for several thousand edges at a
time), and comparing each edge's sorted tuple with that of the edge that went: of the values in
which two sorted tuples differ as multisets the smallest one decides. Nothing of that is shared with
the engines. A whole look at the graph for each step is too much for long orders, of which a seeded
sample of steps is checked. In batches an edge is compared, in the graph at the beginning of its
round, with those that are left after the round.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wis.errors import NotGreedyError, OptionError
from wis.graph import CanonicalGraph, UndirectedGraph
from wis.methods import one_wis_certificate
from wis.methods.certificate_walks import EDGES_AT_A_TIME, WalksByProducts
from wis.methods.relaxed import checked_epsilon
from wis.methods.relaxed_certificate import check_relaxed_steps
from wis.progress import Progress, silent

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
MOST_STEPS = 256
SAMPLE = 32


def first_non_greedy_step(
    graph: CanonicalGraph,
    edge_ids: Tensor,
    *,
    progress: Progress = silent,
    seed: int = 0,
    walk_length: int = 1,
    batch_size: int = 1,
    epsilon: float = 0.0,
    **options: object,
) -> int | None:
    """Check that the steps of an order, or the beginning of one, are greedy.

    Args:
        graph: The graph, undirected or directed.
        edge_ids: int64 tensor of shape [count], distinct edge ids, first removed first.
        progress: Told the number of steps that are checked.
        seed: Seed of the sample of steps.
        walk_length: L - 1 for a GNN of depth L.
        batch_size: How many edges went at a time.
        epsilon: How far below the best an edge may be (`wis.methods.relaxed`).
        **options: Other options of the order; how it was computed does not matter.

    Returns:
        The number of steps checked: all of at most 256, else a sample of 32, the first and the last
        among them. None where all were checked by a certificate of 1-WIS.

    Raises:
        NotGreedyError: Some step is not; it names the first one of those checked.
        OptionError: `walk_length` or `epsilon` is impossible.

    Cost: of a step, 4·walk_length sparse products of m rows; see the module.
    """
    if isinstance(walk_length, bool) or not isinstance(walk_length, int) or walk_length < 1:
        raise OptionError(f"walk_length is {walk_length!r}; expected a number of steps, 1 or more")
    factor = checked_epsilon(epsilon)
    if factor > 1:
        if walk_length != 1 or not isinstance(graph, UndirectedGraph):
            raise OptionError("epsilon is for walk_length=1 in undirected graphs; leave it out")
        check_relaxed_steps(graph, edge_ids, factor, progress)
        return None
    if walk_length == 1 and batch_size == 1 and isinstance(graph, UndirectedGraph):
        one_wis_certificate.first_non_greedy_step(graph, edge_ids, progress=progress)
        return None
    ids = edge_ids.cpu().numpy()
    edges = graph.edges.cpu().numpy()
    steps = _steps_to_check(ids.size, seed)
    for done, step in enumerate(steps.tolist()):
        start = step - step % batch_size
        left = np.ones(graph.num_edges, dtype=bool)
        left[ids[:start]] = False
        rivals = left.copy()
        rivals[ids[start : start + batch_size]] = False
        taken = int(ids[step])
        walks = WalksByProducts.of(
            edges[:, left], graph.num_nodes, walk_length + 1, directed=graph.directed
        )
        better = _better_edge(walks, edges, rivals, taken)
        if better is not None:
            raise _error(edges, step, taken, better, graph.noun)
        progress((done + 1) * ids.size // steps.size)
    return int(steps.size)


def _steps_to_check(num_steps: int, seed: int) -> Ints:
    if num_steps <= MOST_STEPS:
        return np.arange(num_steps)
    inner = np.random.default_rng(seed).choice(num_steps - 2, SAMPLE - 2, replace=False) + 1
    return np.sort(np.concatenate([[0, num_steps - 1], inner]))


def _error(edges: Ints, step: int, taken: int, better: int, noun: str) -> NotGreedyError:
    (u, v), (x, y) = edges[:, taken].tolist(), edges[:, better].tolist()
    return NotGreedyError(
        f"step {step + 1} removes {noun} ({u}, {v}), although {noun} ({x}, {y}) is left, whose "
        f"loss leaves larger walk indices",
        step=step,
        edge=(u, v),
    )


def _better_edge(walks: WalksByProducts, edges: Ints, rivals: Bools, taken: int) -> int | None:
    """A rival whose loss leaves a larger tuple than that of the edge taken, None without one."""
    value = walks.value
    _, vertex, loss = walks.losses(edges[:, [taken]])
    mine = (value[vertex] - loss, value[vertex])
    ids = np.flatnonzero(rivals)
    for start in range(0, ids.size, EDGES_AT_A_TIME):
        chunk = ids[start : start + EDGES_AT_A_TIME]
        row, vertex, loss = walks.losses(edges[:, chunk])
        better = _first_better(chunk.size, row, value[vertex] - loss, value[vertex], mine)
        if better is not None:
            return int(chunk[better])
    return None


def _first_better(
    num_edges: int, row: Ints, new: Ints, old: Ints, mine: tuple[Ints, Ints]
) -> int | None:
    """The first edge whose sorted tuple is larger than that with `mine`; None without one."""
    my_new, my_old = mine
    everyone = np.arange(num_edges)
    rows = np.concatenate(
        [row, row, np.repeat(everyone, my_new.size), np.repeat(everyone, my_old.size)]
    )
    values = np.concatenate([new, old, np.tile(my_new, num_edges), np.tile(my_old, num_edges)])
    weights = np.concatenate(
        [
            np.ones(row.size, dtype=np.int64),
            -np.ones(row.size, dtype=np.int64),
            -np.ones(num_edges * my_new.size, dtype=np.int64),
            np.ones(num_edges * my_old.size, dtype=np.int64),
        ]
    )
    order = np.lexsort((values, rows))
    rows, values, weights = rows[order], values[order], weights[order]
    starts = np.flatnonzero(np.r_[True, (np.diff(rows) != 0) | (np.diff(values) != 0)])
    more = np.add.reduceat(weights, starts)  # entries of this value beyond those of mine
    differs = more != 0
    of_row, more = rows[starts][differs], more[differs]
    first = np.flatnonzero(np.r_[True, np.diff(of_row) != 0][: of_row.size])
    better = of_row[first][more[first] < 0]
    return int(better[0]) if better.size else None
