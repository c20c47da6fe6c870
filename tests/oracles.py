"""Slow twins of what wis does fast, written to be compared with the thesis line by line.

A graph is a number of vertices and a list of edges, pairs (u, v); nothing of wis is imported. Where
several edges attain a maximum, the oracles return all of them: the thesis leaves ties open.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

Edge = tuple[int, int]
Key = tuple[int, int]


def canonical_edges(arcs: Iterable[Edge]) -> list[Edge]:
    """Unordered pairs of different vertices, each once, u < v, sorted by (u, v)."""
    return sorted({(min(u, v), max(u, v)) for u, v in arcs if u != v})


# Definition 11 and Algorithm 1


def neighbours(num_nodes: int, edges: Iterable[Edge]) -> list[set[int]]:
    """N(i), which holds i itself: every vertex has exactly one self-loop (Section 5.2.1)."""
    result = [{vertex} for vertex in range(num_nodes)]
    for u, v in edges:
        result[u].add(v)
        result[v].add(u)
    return result


def boundary(adjacent: list[set[int]], subset: set[int]) -> set[int]:
    """C_I: vertices with an edge crossing the partition (I, complement of I)."""
    outside = set(range(len(adjacent))) - subset
    inner = {i for i in subset if adjacent[i] & outside}
    outer = {j for j in outside if adjacent[j] & subset}
    return inner | outer


def num_walks(adjacent: list[set[int]], length: int, sources: set[int], target: int) -> int:
    """rho_l(C, {t}): the number of walks of a length from any vertex of C to t."""
    ending_at = [int(vertex in sources) for vertex in range(len(adjacent))]
    for _ in range(length):
        ending_at = [sum(ending_at[i] for i in adjacent[j]) for j in range(len(adjacent))]
    return ending_at[target]


def walk_index_of_vertex(adjacent: list[set[int]], length: int, t: int) -> int:
    """WI_{l, t}({t}) of Definition 11."""
    return num_walks(adjacent, length, boundary(adjacent, {t}), t)


def algorithm_1_argmax(num_nodes: int, edges: list[Edge], depth: int) -> list[Edge]:
    """The edges that an iteration of Algorithm 1 may prune, `edges` being those that are left."""
    tuples = algorithm_1_tuples(num_nodes, edges, depth)
    best = max(tuples.values())
    return [e for e in edges if tuples[e] == best]


def algorithm_1_tuples(num_nodes: int, edges: list[Edge], depth: int) -> dict[Edge, list[int]]:
    """s^(e) of Algorithm 1 for each edge e that is left, sorted ascending."""
    tuples = {}
    for e in edges:
        adjacent = neighbours(num_nodes, [other for other in edges if other != e])
        s = [walk_index_of_vertex(adjacent, depth - 1, t) for t in range(num_nodes)]
        tuples[e] = sorted(s)
    return tuples


def algorithm_1(
    num_nodes: int, edges: list[Edge], num_removed: int, depth: int, batch_size: int = 1
) -> list[Edge]:
    """The edges that Algorithm 1 prunes, in order; ties go to the first in the list.

    With a batch size, the batches of Appendix D.6.2.2: in each iteration the best edges by the same
    walk indices go.
    """
    left, pruned = list(edges), []
    while left and len(pruned) < num_removed:
        batch: list[Edge] = []
        others = list(left)
        tuples = algorithm_1_tuples(num_nodes, left, depth)
        for _ in range(min(batch_size, len(left))):
            e = max(others, key=lambda edge: tuples[edge])  # the first of several
            others.remove(e)
            batch.append(e)
        left = others
        pruned += batch
    return pruned[:num_removed]


# Appendix D.2: directed graphs


def arcs_with_loops(num_nodes: int, arcs: Iterable[Edge]) -> set[Edge]:
    """The edges (i, j) of a directed graph, a set, in which all self-loops exist."""
    return set(arcs) | {(i, i) for i in range(num_nodes)}


def incoming_neighbours(num_nodes: int, edges: set[Edge]) -> list[set[int]]:
    """N_in(i) = {j : (j, i) is an edge}."""
    return [{j for j in range(num_nodes) if (j, i) in edges} for i in range(num_nodes)]


def directed_boundary(num_nodes: int, edges: set[Edge], subset: set[int]) -> set[int]:
    """C_I^->: vertices with an incoming edge from the other side of the partition."""
    n_in = incoming_neighbours(num_nodes, edges)
    outside = set(range(num_nodes)) - subset
    return {i for i in subset if n_in[i] & outside} | {j for j in outside if n_in[j] & subset}


def shared_outgoing_neighbours(num_nodes: int, edges: set[Edge], subset: set[int]) -> set[int]:
    """The intersection of N_out(I) and N_out(complement of I), which the thesis says is C_I^->."""
    outside = set(range(num_nodes)) - subset
    return {j for i, j in edges if i in subset} & {j for i, j in edges if i in outside}


def walks_one_by_one(edges: set[Edge], length: int, sources: set[int]) -> list[tuple[int, ...]]:
    """All sequences i_0, ..., i_l that begin in a set and step along (i_{l'-1}, i_{l'})."""
    walks = [(i,) for i in sorted(sources)]
    for _ in range(length):
        walks = [(*walk, j) for walk in walks for i, j in sorted(edges) if i == walk[-1]]
    return walks


# Algorithm 3

Tuple = tuple[int, ...]
Argmax = Callable[[dict[Edge, Tuple]], Edge]


def walk_index(
    adjacent: list[set[int]], length: int, subset: set[int], target: int | None = None
) -> int:
    """WI_l(I) of Definition 11, or WI_{l, t}(I) with a target t."""
    sources = boundary(adjacent, subset)
    ends = range(len(adjacent)) if target is None else [target]
    return sum(num_walks(adjacent, length, sources, t) for t in ends)


def algorithm_3_tuples(
    num_nodes: int,
    edges: list[Edge],
    depth: int,
    subsets: Sequence[set[int]],
    targeted: Sequence[tuple[set[int], int]],
) -> dict[Edge, Tuple]:
    """s^(e) for every edge: the walk indices if it was removed, without targets first."""
    tuples = {}
    for e in edges:
        adjacent = neighbours(num_nodes, [other for other in edges if other != e])
        s = [walk_index(adjacent, depth - 1, subset) for subset in subsets]
        s += [walk_index(adjacent, depth - 1, subset, t) for subset, t in targeted]
        tuples[e] = tuple(s)
    return tuples


def argmax_by(key: Callable[[Tuple], Any]) -> Argmax:
    """The ARGMAX for an order that a key of tuples defines; ties go to the first edge."""
    return lambda tuples: max(tuples, key=lambda e: key(tuples[e]))


ARGMAX = {
    "lexicographic": argmax_by(sorted),
    "min": argmax_by(lambda s: min(s, default=0)),
    "sum": argmax_by(sum),
    "max": argmax_by(lambda s: max(s, default=0)),
}


def algorithm_3(
    num_nodes: int,
    edges: list[Edge],
    depth: int,
    num_removed: int,
    subsets: Sequence[set[int]],
    targeted: Sequence[tuple[set[int], int]],
    argmax: Argmax,
) -> list[Edge]:
    """The edges that Algorithm 3 prunes, in order."""
    left, pruned = list(edges), []
    for _ in range(num_removed):
        e = argmax(algorithm_3_tuples(num_nodes, left, depth, subsets, targeted))
        left.remove(e)
        pruned.append(e)
    return pruned


def algorithm_3_in_batches(
    num_nodes: int,
    edges: list[Edge],
    depth: int,
    batch_size: int,
    subsets: Sequence[set[int]],
    targeted: Sequence[tuple[set[int], int]],
    argmax: Argmax,
) -> list[Edge]:
    """The same in the batches of Appendix D.6.2.2: the best edges by the same tuples go at once."""
    left, pruned = list(edges), []
    while left:
        tuples = algorithm_3_tuples(num_nodes, left, depth, subsets, targeted)
        for _ in range(min(batch_size, len(left))):
            e = argmax(tuples)
            del tuples[e]
            left.remove(e)
            pruned.append(e)
    return pruned


# Algorithm 2


def degrees(num_nodes: int, edges: Iterable[Edge]) -> list[int]:
    """Number of neighbours of each vertex, itself not counted, which changes no comparison."""
    result = [0] * num_nodes
    for u, v in edges:
        result[u] += 1
        result[v] += 1
    return result


def key_of(degree: Sequence[int], edge: Edge) -> Key:
    """(deg_min, deg_max) of Algorithm 2."""
    return min(degree[i] for i in edge), max(degree[i] for i in edge)


def algorithm_2_argmax(num_nodes: int, edges: list[Edge]) -> list[Edge]:
    """The edges that an iteration of Algorithm 2 may prune, `edges` being those that are left."""
    degree = degrees(num_nodes, edges)
    best = max(key_of(degree, e) for e in edges)
    return [e for e in edges if key_of(degree, e) == best]


def algorithm_2(num_nodes: int, edges: list[Edge], num_removed: int) -> list[Edge]:
    """The edges that Algorithm 2 prunes, in order; ties go to the first in the list."""
    left, pruned = list(edges), []
    for _ in range(num_removed):
        e = algorithm_2_argmax(num_nodes, left)[0]
        left.remove(e)
        pruned.append(e)
    return pruned


def algorithm_2_in_batches(
    num_nodes: int, edges: list[Edge], num_removed: int, batch_size: int
) -> list[Edge]:
    """The batches of Appendix D.6.2.2: in each iteration the best edges by the same degrees go.

    Ties go to the first in the list.
    """
    left, pruned = list(edges), []
    while left and len(pruned) < num_removed:
        degree = degrees(num_nodes, left)
        batch = sorted(left, key=lambda e: key_of(degree, e), reverse=True)[:batch_size]
        left = [e for e in left if e not in batch]
        pruned += batch
    return pruned[:num_removed]


# Certificates


def first_violation(num_nodes: int, edges: list[Edge], order: Sequence[Edge]) -> int | None:
    """The first step of an order, counted from 0, that Algorithm 2 would not take; naively."""
    left = list(edges)
    for step, e in enumerate(order):
        if e not in algorithm_2_argmax(num_nodes, left):
            return step
        left.remove(e)
    return None


def first_violation_by_heap(num_nodes: int, edges: list[Edge], order: Sequence[Edge]) -> int | None:
    """The same with a heap; keys only fall, so a key is brought up to date when it is on top."""
    degree = degrees(num_nodes, edges)
    heap = [(tuple(-part for part in key_of(degree, e)), e) for e in edges]
    heapq.heapify(heap)
    gone: set[Edge] = set()
    for step, e in enumerate(order):
        while True:
            stale, top = heap[0]
            now = tuple(-part for part in key_of(degree, top))
            if top in gone:
                heapq.heappop(heap)
            elif now != stale:
                heapq.heapreplace(heap, (now, top))
            else:
                break
        if key_of(degree, e) != key_of(degree, top):
            return step
        gone.add(e)
        for i in e:
            degree[i] -= 1
    return None


def first_violation_by_halving(num_nodes: int, edges: np.ndarray, order: np.ndarray) -> int | None:
    """The same for large graphs, by halving the interval of steps.

    Keys only fall, so an edge whose key at the beginning of an interval of steps is at most the
    smallest key that goes in it cannot beat any of its steps: only the others are looked at in the
    halves.

    Args:
        num_nodes: Number of vertices.
        edges: int array of shape [2, m].
        order: int array of shape [count], positions in `edges`, first removed first.
    """
    return _Halving(num_nodes, edges, order).search()


class _Halving:
    def __init__(self, num_nodes: int, edges: np.ndarray, order: np.ndarray) -> None:
        self.u, self.v = edges.astype(np.int64)
        self.order = order
        self.base = num_nodes + 1
        self.degree = np.bincount(edges.reshape(-1), minlength=num_nodes)
        self.gone_at = np.full(self.u.size, order.size)
        self.gone_at[order] = np.arange(order.size)
        self.key = self.keys_at_removal()

    def keys_of(self, edges: np.ndarray) -> np.ndarray:
        a, b = self.degree[self.u[edges]], self.degree[self.v[edges]]
        return np.minimum(a, b) * self.base + np.maximum(a, b)

    def keys_at_removal(self) -> np.ndarray:
        degree, keys = self.degree.tolist(), []
        ends = zip(self.u[self.order].tolist(), self.v[self.order].tolist(), strict=True)
        for u, v in ends:
            a, b = degree[u], degree[v]
            keys.append(min(a, b) * self.base + max(a, b))
            degree[u] -= 1
            degree[v] -= 1
        return np.array(keys, dtype=np.int64)

    def search(self, width: int = 1024) -> int | None:
        for first in range(0, self.order.size, width):
            last = min(first + width, self.order.size)
            left = np.flatnonzero(self.gone_at >= first)
            found = self.inside(first, last, left)
            if found is not None:
                return found
        return None

    def inside(self, first: int, last: int, rivals: np.ndarray) -> int | None:
        """The first violation among steps first ... last - 1; without one, moves the degrees on."""
        rivals = rivals[self.gone_at[rivals] >= first]
        rivals = rivals[self.keys_of(rivals) > self.key[first:last].min()]
        if rivals.size and last - first == 1:
            return first
        if rivals.size == 0:
            gone = self.order[first:last]
            np.subtract.at(self.degree, self.u[gone], 1)
            np.subtract.at(self.degree, self.v[gone], 1)
            return None
        middle = (first + last) // 2
        found = self.inside(first, middle, rivals)
        return self.inside(middle, last, rivals) if found is None else found


def assert_greedy(num_nodes: int, edges: list[Edge], order: Sequence[Edge]) -> None:
    """Every step of the order is one that Algorithm 2 may take."""
    step = first_violation(num_nodes, edges, order)
    assert step is None, f"step {step} removes {order[step]}, which is no argmax"


# Protections


def connects(start: int, goal: int, edges: Iterable[Edge]) -> bool:
    """Whether a path leads from one vertex to another."""
    adjacent: dict[int, list[int]] = {}
    for u, v in edges:
        adjacent.setdefault(u, []).append(v)
        adjacent.setdefault(v, []).append(u)
    seen, front = {start}, [start]
    while front:
        new = [v for v in adjacent.get(front.pop(), ()) if v not in seen]
        seen.update(new)
        front += new
    return goal in seen


def protected_order(
    num_nodes: int,
    ranking: Sequence[Edge],
    *,
    keep_connected: bool,
    min_degree: int,
    protect: Iterable[Edge],
) -> list[Edge]:
    """The edges that go, in order: at its turn an edge goes unless a protection forbids it."""
    left, gone = set(ranking), []
    never = set(canonical_edges(protect))
    degree = degrees(num_nodes, ranking)
    for e in ranking:
        too_low = min_degree > 0 and min(degree[i] for i in e) <= min_degree
        if e in never or too_low or (keep_connected and not connects(*e, left - {e})):
            continue
        left.remove(e)
        gone.append(e)
        for i in e:
            degree[i] -= 1
    return gone


def allowed_edges(
    num_nodes: int,
    left: set[Edge],
    *,
    keep_connected: bool = False,
    min_degree: int = 0,
    protect: Iterable[Edge] = (),
) -> list[Edge]:
    """The edges of a graph that the protections allow to go next."""
    degree, never = degrees(num_nodes, left), set(canonical_edges(protect))
    return [
        e
        for e in left
        if e not in never
        and (not min_degree or min(degree[i] for i in e) > min_degree)
        and not (keep_connected and not connects(*e, left - {e}))
    ]


def assert_greedy_among_allowed(
    num_nodes: int, edges: Iterable[Edge], order: Sequence[Edge], **protections: Any
) -> None:
    """Algorithm 2 on the graph as it is, among the edges that may go, until none may."""
    left = set(edges)
    for step, gone in enumerate(order):
        degree = degrees(num_nodes, left)
        keys = {
            e: tuple(sorted(degree[i] for i in e))
            for e in allowed_edges(num_nodes, left, **protections)
        }
        assert gone in keys, f"step {step} removes {gone}, which has to stay"
        assert keys[gone] == max(keys.values()), f"step {step} removes {gone}, not the best"
        left.remove(gone)
    assert allowed_edges(num_nodes, left, **protections) == []
