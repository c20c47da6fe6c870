"""The certificate of ``wis``: no edge that was left was better than the one that went.

For walks of length 1, edge by edge, it is `wis.methods.one_wis_certificate`, near-linear and
complete. Else a step is checked by computing the walk indices that each remaining edge would leave,
by sparse products with the adjacency matrix of the graph as it is then (for several thousand edges
at a time), and comparing each edge's sorted tuple with that of the edge that went: of the values in
which two sorted tuples differ as multisets the smallest one decides. Nothing of that is shared with
the engines. A whole look at the graph for each step is too much for long orders, of which a seeded
sample of steps is checked. In batches an edge is compared, in the graph at the beginning of its
round, with those that are left after the round.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from wis.errors import NotGreedyError, OptionError
from wis.graph import UndirectedGraph
from wis.methods import one_wis_certificate
from wis.progress import Progress, silent

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
MOST_STEPS = 256
SAMPLE = 32
EDGES_AT_A_TIME = 1 << 12


def first_non_greedy_step(
    graph: UndirectedGraph,
    edge_ids: Tensor,
    *,
    progress: Progress = silent,
    seed: int = 0,
    walk_length: int = 1,
    batch_size: int = 1,
    **options: object,
) -> int | None:
    """Check that the steps of an order, or the beginning of one, are greedy.

    Args:
        graph: The graph.
        edge_ids: int64 tensor of shape [count], distinct edge ids, first removed first.
        progress: Told the number of steps that are checked.
        seed: Seed of the sample of steps.
        walk_length: L - 1 for a GNN of depth L.
        batch_size: How many edges went at a time.
        **options: Other options of the order; how it was computed does not matter.

    Returns:
        The number of steps checked: all of at most 256, else a sample of 32, the first and the last
        among them. None where all were checked by the certificate of 1-WIS.

    Raises:
        NotGreedyError: Some step is not; it names the first one of those checked.
        OptionError: `walk_length` is impossible.

    Cost: of a step, 4·walk_length sparse products of m rows; see the module.
    """
    if isinstance(walk_length, bool) or not isinstance(walk_length, int) or walk_length < 1:
        raise OptionError(f"walk_length is {walk_length!r}; expected a number of steps, 1 or more")
    if walk_length == 1 and batch_size == 1:
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
        better = _better_edge(edges, left, rivals, taken, graph.num_nodes, walk_length + 1)
        if better is not None:
            raise _error(edges, step, taken, better)
        progress((done + 1) * ids.size // steps.size)
    return int(steps.size)


def _steps_to_check(num_steps: int, seed: int) -> Ints:
    if num_steps <= MOST_STEPS:
        return np.arange(num_steps)
    inner = np.random.default_rng(seed).choice(num_steps - 2, SAMPLE - 2, replace=False) + 1
    return np.sort(np.concatenate([[0, num_steps - 1], inner]))


def _error(edges: Ints, step: int, taken: int, better: int) -> NotGreedyError:
    (u, v), (x, y) = edges[:, taken].tolist(), edges[:, better].tolist()
    return NotGreedyError(
        f"step {step + 1} removes edge ({u}, {v}), although edge ({x}, {y}) is left, whose loss "
        f"leaves larger walk indices",
        step=step,
        edge=(u, v),
    )


def _better_edge(
    edges: Ints, left: Bools, rivals: Bools, taken: int, n: int, depth: int
) -> int | None:
    """A rival whose loss leaves a larger tuple than that of the edge taken, None without one."""
    matrix = _adjacency(edges[:, left], n)
    degree = np.bincount(edges[:, left].reshape(-1), minlength=n)
    value = _closed_walks(matrix, degree, depth)
    _, vertex, loss = _losses(matrix, degree, value, edges[:, [taken]], depth)
    mine = (value[vertex] - loss, value[vertex])
    ids = np.flatnonzero(rivals)
    for start in range(0, ids.size, EDGES_AT_A_TIME):
        chunk = ids[start : start + EDGES_AT_A_TIME]
        row, vertex, loss = _losses(matrix, degree, value, edges[:, chunk], depth)
        better = _first_better(chunk.size, row, value[vertex] - loss, value[vertex], mine)
        if better is not None:
            return int(chunk[better])
    return None


def _adjacency(edges: Ints, n: int) -> sparse.csr_array:
    row = np.concatenate([edges[0], edges[1], np.arange(n)])
    column = np.concatenate([edges[1], edges[0], np.arange(n)])
    return sparse.csr_array((np.ones(row.size, dtype=np.int64), (row, column)), shape=(n, n))


def _closed_walks(matrix: sparse.csr_array, degree: Ints, depth: int) -> Ints:
    """(A^depth)_tt, 0 where isolated."""
    n = degree.size
    counts = np.zeros(n, dtype=np.int64)
    for start in range(0, n, EDGES_AT_A_TIME):
        vertices = np.arange(start, min(start + EDGES_AT_A_TIME, n))
        walks = _unit_rows(vertices, n)
        for _ in range(depth):
            walks = walks @ matrix
        counts[vertices] = walks[np.arange(vertices.size), vertices]
    return np.where(degree > 0, counts, 0)


def _unit_rows(vertices: Ints, n: int) -> sparse.csr_array:
    ones = np.ones(vertices.size, dtype=np.int64)
    return sparse.csr_array((ones, (np.arange(vertices.size), vertices)), shape=(vertices.size, n))


def _losses(
    matrix: sparse.csr_array, degree: Ints, value: Ints, edges: Ints, depth: int
) -> tuple[Ints, Ints, Ints]:
    """Edge, vertex, and by how much the loss of the edge lowers the vertex' walk index."""
    i, j = edges
    n = degree.size
    all_from_i, all_from_j = [_unit_rows(i, n)], [_unit_rows(j, n)]
    without_i, without_j = [all_from_i[0]], [all_from_j[0]]
    for _ in range(1, depth):
        all_from_i.append(all_from_i[-1] @ matrix)
        all_from_j.append(all_from_j[-1] @ matrix)
        without_i.append(_step_without(without_i[-1], matrix, i, j))
        without_j.append(_step_without(without_j[-1], matrix, i, j))
    total = sparse.csr_array((i.size, n), dtype=np.int64)
    for q in range(depth):
        total = total + without_i[q].multiply(all_from_j[depth - 1 - q])
        total = total + without_j[q].multiply(all_from_i[depth - 1 - q])
    found = total.tocoo()
    row, vertex, loss = found.row.astype(np.int64), found.col.astype(np.int64), found.data
    isolated = (degree[vertex] == 1) & ((vertex == i[row]) | (vertex == j[row]))
    loss = np.where(isolated, value[vertex], loss)
    held = loss > 0
    return row[held], vertex[held], loss[held]


def _step_without(
    walks: sparse.csr_array, matrix: sparse.csr_array, i: Ints, j: Ints
) -> sparse.csr_array:
    """One step more, never along the row's own edge."""
    rows = np.arange(i.size)
    at_i, at_j = np.asarray(walks[rows, i]).ravel(), np.asarray(walks[rows, j]).ravel()
    along = sparse.csr_array(
        (np.concatenate([at_i, at_j]), (np.concatenate([rows, rows]), np.concatenate([j, i]))),
        shape=walks.shape,
    )
    return walks @ matrix - along


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
