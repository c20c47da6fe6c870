"""Admissible subsets of a boundary; the lower bounds of Theorems 8 and 11 count walks from them.

A set C of boundary vertices is admissible if there are a set I' inside I and a set J' outside with
two properties: C holds exactly the vertices with neighbours in both, and each vertex of C has only
one neighbour in I' and only one in J' (Definitions 12 and 13; 16 and 17 with outgoing neighbours).
The lower bounds grow with the number of walks from C. If the weight of a vertex is its number of
walks, the best C is the heaviest one.

scipy's integer programming solver finds it on small graphs. On large graphs, and where the solver
gives up, the constructions of Appendix D.1 are tried: one pair of vertices (enough for complete
graphs), every third edge of a chain, pairs without common neighbours, and a greedy choice of the
heaviest pairs that satisfy Definition 12, which generalises the two before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from wis.errors import OptionError, UnknownNameError
from wis.theory.typed_graph import TypedGraph, check_members

Method = Literal["auto", "exact", "single-pair", "chain", "disjoint-pairs", "greedy"]
Pair = tuple[int, int]

MAX_EXACT_ENTRIES = 20_000
MAX_SOLVER_NODES = 2_000
"""Both limits trade optimality for time: beyond them the solver takes minutes."""


@dataclass(frozen=True)
class AdmissibleSubset:
    """An admissible subset C with its sets I' and J'.

    Attributes:
        vertices: C, ascending.
        inner: I', within I.
        outer: J', outside I.
        method: Name of the method that found it.
        is_optimal: Whether the solver proved that no admissible subset is heavier, up to its
            tolerance of 1e-6 times the heaviest vertex.
    """

    vertices: tuple[int, ...]
    inner: tuple[int, ...]
    outer: tuple[int, ...]
    method: str
    is_optimal: bool


def admissible_subset(
    graph: TypedGraph, subset: Iterable[int], weights: Sequence[int], method: Method = "auto"
) -> AdmissibleSubset:
    """The heaviest admissible subset of the boundary of I that the method finds.

    >>> import torch
    >>> chain = TypedGraph.from_any(torch.tensor([[0, 1, 2], [1, 2, 3]]))
    >>> admissible_subset(chain, [0, 1], [1, 1, 1, 1]).vertices
    (1, 2)

    Args:
        graph: The graph; outgoing neighbours count if it is directed.
        subset: The set I, ids in 0 ... n - 1.
        weights: A non-negative number for each vertex, such as its walks of length L - 1.
        method: ``"exact"``, one of the constructions ``"single-pair"``, ``"chain"``,
            ``"disjoint-pairs"`` and ``"greedy"``, or ``"auto"``: exact where the programme has at
            most 20,000 entries, otherwise the best construction.

    Returns:
        The subset, empty if no edge crosses the partition.

    Raises:
        OptionError: The subset is invalid; the graph is not a chain (``"chain"``); or the graph is
            too large or the solver stopped early (``"exact"``).
        UnknownNameError: The method is unknown.

    Cost: exact: exponential in the worst case, at most 2,000 nodes of branch and bound.
    Constructions: O(sum of squared degrees).

    References:
        Definitions 12, 13, 16, 17; Appendix D.1.
    """
    members = set(check_members("subset", subset, graph.num_nodes))
    problem = _Problem(graph, members, weights)
    if method == "auto":
        return _best_of_all(problem)
    if method == "exact":
        return _exact_or_raise(problem)
    if method not in CONSTRUCTIONS:
        known = ["auto", "exact", *CONSTRUCTIONS]
        raise UnknownNameError.among("construction of admissible subsets", str(method), known)
    return problem.found(CONSTRUCTIONS[method](problem), method)


def has_no_repeating_shared_neighbours(
    graph: TypedGraph, one: Iterable[int], other: Iterable[int]
) -> bool:
    """Whether each shared outgoing neighbour of two sets has one in each (Definitions 12, 16)."""
    first, second = set(one), set(other)
    for vertex in range(graph.num_nodes):
        near = set(graph.in_neighbours[vertex])
        counts = len(near & first), len(near & second)
        if min(counts) and counts != (1, 1):
            return False
    return True


class _Problem:
    """A partition of a graph, and weights of its vertices."""

    def __init__(self, graph: TypedGraph, members: set[int], weights: Sequence[int]) -> None:
        self.graph = graph
        self.weights = weights
        self.inside = np.array([i in members for i in range(graph.num_nodes)], dtype=bool)
        self.into, self.out = graph.in_neighbours, graph.out_neighbours

    def sides(self, vertex: int) -> tuple[list[int], list[int]]:
        """Incoming neighbours of a vertex in I, and the others."""
        inner = [tail for tail in self.into[vertex] if self.inside[tail]]
        return inner, [tail for tail in self.into[vertex] if not self.inside[tail]]

    def shared(self, pair: Pair) -> list[int]:
        """Shared outgoing neighbours of two vertices."""
        return sorted(set(self.out[pair[0]]) & set(self.out[pair[1]]))

    def weight(self, vertices: Iterable[int]) -> int:
        return sum(self.weights[vertex] for vertex in vertices)

    @cached_property
    def crossing(self) -> list[Pair]:
        """Crossing arcs as (i, j) with i in I, heaviest shared neighbours first, then by id."""
        arcs = self.graph.arcs.numpy()
        cut = arcs[:, self.inside[arcs[0]] != self.inside[arcs[1]]]
        turned = np.where(self.inside[cut[0]], cut, cut[::-1])
        pairs = {(i, j) for i, j in turned.T.tolist()}
        return sorted(pairs, key=lambda pair: (-self.weight(self.shared(pair)), pair))

    def found(self, pairs: Iterable[Pair], method: str) -> AdmissibleSubset:
        """The admissible subset for the I' and J' that consist of these pairs."""
        chosen = list(pairs)
        return self.of_sets({i for i, _ in chosen}, {j for _, j in chosen}, method)

    def of_sets(
        self, inner: set[int], outer: set[int], method: str, *, is_optimal: bool = False
    ) -> AdmissibleSubset:
        reached = [{head for tail in side for head in self.out[tail]} for side in (inner, outer)]
        shared = sorted(reached[0] & reached[1])
        witness = tuple(sorted(inner)), tuple(sorted(outer))
        return AdmissibleSubset(tuple(shared), *witness, method, is_optimal)


def single_pair(problem: _Problem) -> Iterator[Pair]:
    """The crossing edge with the heaviest shared neighbours; all vertices, in a complete graph."""
    yield from problem.crossing[:1]


def disjoint_pairs(problem: _Problem) -> Iterator[Pair]:
    """Crossing edges without common neighbours, chosen heaviest first ("general graph")."""
    taken: set[int] = set()
    for pair in problem.crossing:
        near = set(problem.out[pair[0]]) | set(problem.out[pair[1]])
        if not near & taken:
            taken |= near
            yield pair


def greedy_pairs(problem: _Problem) -> Iterator[Pair]:
    """Crossing edges, heaviest first, as long as Definition 12 holds."""
    count = np.zeros((2, problem.graph.num_nodes), dtype=np.int64)
    chosen: tuple[set[int], set[int]] = (set(), set())
    for pair in problem.crossing:
        new = [(side, pair[side]) for side in (0, 1) if pair[side] not in chosen[side]]
        for side, vertex in new:
            count[side, problem.out[vertex]] += 1
        near = count[:, [head for _, vertex in new for head in problem.out[vertex]]]
        if ((near.min(axis=0) >= 1) & (near.max(axis=0) >= 2)).any():
            for side, vertex in new:
                count[side, problem.out[vertex]] -= 1
            continue
        for side, vertex in new:
            chosen[side].add(vertex)
        yield pair


def chain_pairs(problem: _Problem) -> Iterator[Pair]:
    """Edges of a chain that cross the partition, with two vertices skipped after each."""
    chain = _chain(problem)
    position = 0
    while position + 1 < len(chain):
        one, other = chain[position], chain[position + 1]
        if problem.inside[one] != problem.inside[other]:
            yield (one, other) if problem.inside[one] else (other, one)
            position += 3
        else:
            position += 1


CONSTRUCTIONS: dict[str, Callable[[_Problem], Iterator[Pair]]] = {
    "single-pair": single_pair,
    "chain": chain_pairs,
    "disjoint-pairs": disjoint_pairs,
    "greedy": greedy_pairs,
}


def _chain(problem: _Problem) -> list[int]:
    """The vertices of a chain graph in a row, from the end with the smaller id."""
    near = [sorted(set(out) - {vertex}) for vertex, out in enumerate(problem.out)]
    ends = [vertex for vertex, others in enumerate(near) if len(others) == 1]
    if problem.graph.directed or len(ends) != 2 or any(len(others) > 2 for others in near):
        raise OptionError("the graph is not a chain; expected an undirected path, or take 'greedy'")
    row, before = [ends[0]], -1
    while len(row) == 1 or len(near[row[-1]]) == 2:
        before, row = row[-1], [*row, next(v for v in near[row[-1]] if v != before)]
    if len(row) != len(near):
        raise OptionError("the graph is not a chain: it is not connected; take 'greedy'")
    return row


def _best_of_all(problem: _Problem) -> AdmissibleSubset:
    found = []
    for name, construction in CONSTRUCTIONS.items():
        with contextlib.suppress(OptionError):  # one of them is for chains only
            found.append(problem.found(construction(problem), name))
    if _num_entries(problem) <= MAX_EXACT_ENTRIES and (best := _solve(problem)) is not None:
        found.append(best)
    return max(found, key=lambda one: (problem.weight(one.vertices), one.is_optimal))


def _exact_or_raise(problem: _Problem) -> AdmissibleSubset:
    entries = _num_entries(problem)
    if entries > MAX_EXACT_ENTRIES:
        raise OptionError(
            f"the integer programme would have {entries} entries, more than {MAX_EXACT_ENTRIES}; "
            f"take method='auto' or a construction"
        )
    best = _solve(problem)
    if best is None or not best.is_optimal:
        raise OptionError(
            f"no proof of optimality within {MAX_SOLVER_NODES} nodes; take method='auto'"
        )
    return best


def _num_entries(problem: _Problem) -> int:
    """An estimate of the number of non-zeros in the programme's constraints."""
    sides = (map(len, problem.sides(vertex)) for vertex in range(problem.graph.num_nodes))
    return sum(2 * (a * b + a + b) for a, b in sides if a and b)


def _solve(problem: _Problem) -> AdmissibleSubset | None:
    """The heaviest admissible subset; x_v is 1 if v is in I' or J', c_k is 1 if k is in C."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import coo_array

    n = problem.graph.num_nodes
    inequalities = list(_inequalities(problem))
    if not inequalities:
        return problem.of_sets(set(), set(), "exact", is_optimal=True)
    entries = [
        (value, row, column)
        for row, (terms, _) in enumerate(inequalities)
        for column, value in terms
    ]
    values, rows, columns = zip(*entries, strict=True)
    matrix = coo_array((values, (rows, columns)), shape=(len(inequalities), 2 * n)).tocsr()
    # Maximise the weight of C, scaled to 1, over integer x and continuous c.
    in_reach = np.array([all(problem.sides(vertex)) for vertex in range(n)])
    top = max([1, *problem.weights])
    gain = np.array([weight / top for weight in problem.weights]) * in_reach
    result = milp(
        np.concatenate([np.zeros(n), -gain]),
        integrality=np.concatenate([np.ones(n), np.zeros(n)]),
        bounds=Bounds(0, np.concatenate([np.ones(n), in_reach])),
        constraints=LinearConstraint(matrix, -np.inf, [limit for _, limit in inequalities]),
        options={"mip_rel_gap": 0, "node_limit": MAX_SOLVER_NODES},
    )
    if result.x is None:
        return None
    chosen = set(np.flatnonzero(np.round(result.x[:n])).tolist())
    inner = {vertex for vertex in chosen if problem.inside[vertex]}
    if not has_no_repeating_shared_neighbours(problem.graph, inner, chosen - inner):
        return None
    return problem.of_sets(inner, chosen - inner, "exact", is_optimal=result.status == 0)


def _inequalities(problem: _Problem) -> Iterator[tuple[list[tuple[int, int]], int]]:
    """Terms (column, factor) and limit of each inequality; x_v is column v, c_k column n + k."""
    n = problem.graph.num_nodes
    for vertex in range(n):
        sides = problem.sides(vertex)
        if not all(sides):
            continue
        for here, there in (sides, sides[::-1]):
            # c_k is at most the number of its neighbours in I', and in J'.
            yield [(n + vertex, 1), *((tail, -1) for tail in here)], 0
            # Each neighbour in J' allows at most one neighbour in I', and the other way round.
            if len(here) > 1:
                for tail in there:
                    yield [*((other, 1) for other in here), (tail, len(here) - 1)], len(here)
