"""Slow twins for directed graphs: Algorithms 1 and 3 with the definitions of Appendix D.2.

As in `oracles`, a graph is a number of vertices and a list of arcs, and nothing of wis is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from oracles import (
    Edge,
    Tuple,
    arcs_with_loops,
    connects,
    directed_boundary,
    incoming_neighbours,
)

Target = int | None


def distinct_arcs(arcs: Iterable[Edge]) -> list[Edge]:
    """Ordered pairs of different vertices, each once, sorted by (u, v)."""
    return sorted({(u, v) for u, v in arcs if u != v})


def directed_walk_index(
    num_nodes: int, arcs: Iterable[Edge], length: int, subset: set[int], target: Target = None
) -> int:
    """rho_l(C_I^->, V), or rho_l(C_I^->, {t}) with a target t, along arcs."""
    edges = arcs_with_loops(num_nodes, arcs)
    n_in = incoming_neighbours(num_nodes, edges)
    starts = directed_boundary(num_nodes, edges, subset)
    ending_at = [int(vertex in starts) for vertex in range(num_nodes)]
    for _ in range(length):
        ending_at = [sum(ending_at[i] for i in n_in[j]) for j in range(num_nodes)]
    return sum(ending_at) if target is None else ending_at[target]


def directed_tuples(
    num_nodes: int, arcs: list[Edge], length: int, partitions: Sequence[tuple[set[int], Target]]
) -> dict[Edge, Tuple]:
    """s^(e) of Algorithm 3 for each arc e: the walk indices without it."""
    return {
        e: tuple(
            directed_walk_index(num_nodes, [a for a in arcs if a != e], length, subset, target)
            for subset, target in partitions
        )
        for e in arcs
    }


def directed_algorithm_3(
    num_nodes: int,
    arcs: list[Edge],
    length: int,
    partitions: Sequence[tuple[set[int], Target]],
    key: Callable[[Tuple], Any],
    batch_size: int = 1,
) -> list[Edge]:
    """All arcs in the order in which Algorithm 3 prunes them; ties go to the first in the list."""
    left, pruned = list(arcs), []
    while left:
        tuples = directed_tuples(num_nodes, left, length, partitions)
        for _ in range(min(batch_size, len(left))):
            e = max(left, key=lambda arc: key(tuples[arc]))  # the first of several
            left.remove(e)
            pruned.append(e)
    return pruned


def directed_algorithm_1(
    num_nodes: int, arcs: list[Edge], depth: int, batch_size: int = 1
) -> list[Edge]:
    """The same for Algorithm 1: ({t}, t) for all vertices t, sorted tuples."""
    singletons: list[tuple[set[int], Target]] = [({t}, t) for t in range(num_nodes)]
    return directed_algorithm_3(num_nodes, arcs, depth - 1, singletons, sorted, batch_size)


def algorithm_1_by_matrix_powers(
    num_nodes: int,
    edges: list[Edge],
    depth: int,
    batch_size: int = 1,
    count: int = 10**9,
    *,
    directed: bool,
) -> list[Edge]:
    """Algorithm 1 with dense matrix powers, for graphs that are too large for the oracles."""
    left, order = list(edges), []
    matrix = np.eye(num_nodes, dtype=np.int64)

    def put(u: int, v: int, value: int) -> None:
        matrix[u, v] = value
        if not directed:
            matrix[v, u] = value

    for edge in left:
        put(*edge, 1)
    while left and len(order) < count:
        tuples = []
        for edge in left:
            put(*edge, 0)
            # from the boundary of {t}, which is row t of A if an arc enters t
            walks = np.linalg.matrix_power(matrix, depth)
            entered = matrix.sum(axis=0) > 1
            put(*edge, 1)
            tuples.append(tuple(-np.sort(np.where(entered, np.diag(walks), 0))))
        ranked = sorted(range(len(left)), key=lambda e: (tuples[e], e))[:batch_size]
        gone = [left[e] for e in ranked]
        for edge in gone:
            put(*edge, 0)
        order += gone
        left = [edge for edge in left if edge not in set(gone)]
    return order


def protected_arcs(
    ranking: Sequence[Edge],
    *,
    keep_connected: bool,
    min_degree: int,
    protect: Iterable[Edge],
) -> list[Edge]:
    """The arcs that go, in order: at its turn an arc goes unless a protection forbids it."""
    left, gone, never = set(ranking), [], set(protect)
    for tail, head in ranking:
        arc = (tail, head)
        in_degree = len({u for u, v in left if v == head})
        too_low = min_degree > 0 and in_degree <= min_degree
        if arc in never or too_low:
            continue
        if keep_connected and not connects(tail, head, left - {arc}):
            continue
        left.remove(arc)
        gone.append(arc)
    return gone


def allowed_arcs(
    left: set[Edge],
    *,
    keep_connected: bool = False,
    min_degree: int = 0,
    protect: Iterable[Edge] = (),
) -> list[Edge]:
    """The arcs of a graph that the protections allow to go next."""
    never = set(protect)
    return [
        arc
        for arc in left
        if arc not in never
        and (not min_degree or sum(v == arc[1] for _, v in left) > min_degree)
        and not (keep_connected and not connects(*arc, left - {arc}))
    ]
