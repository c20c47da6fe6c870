"""Slow twins for the theory: the definitions of Chapter 5 and Appendix D, line by line.

A graph is a number of vertices and a dictionary from arcs (j, i), loops among them, to types;
nothing of wis is imported.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

Arc = tuple[int, int]
Arcs = Mapping[Arc, int]
Node = tuple[Any, ...]
Leg = tuple[Node, Node]


def incoming(num_nodes: int, arcs: Arcs, vertex: int) -> list[int]:
    """N_in(i), ascending."""
    return [j for j in range(num_nodes) if (j, vertex) in arcs]


def outgoing(num_nodes: int, arcs: Arcs, vertices: Iterable[int]) -> set[int]:
    """N_out of a set."""
    return {i for j in vertices for i in range(num_nodes) if (j, i) in arcs}


def walks(num_nodes: int, arcs: Arcs, length: int, starts: Iterable[int], target: Any) -> int:
    """rho_l(C, V) or rho_l(C, {t}), one walk at a time."""
    paths = [[start] for start in starts]
    for _ in range(length):
        paths = [[*p, i] for p in paths for i in range(num_nodes) if (p[-1], i) in arcs]
    return sum(target in (None, p[-1]) for p in paths)


def product_network(
    num_nodes: int, arcs: Arcs, weights: Sequence[Any], output: Any, x: Any, target: Any
) -> Any:
    """Equations (D.1), (5.5) and (5.3) or (5.4), on numpy arrays of any dtype."""
    hidden = {i: x[i] for i in range(num_nodes)}
    for weight in weights:
        new = {}
        for i in range(num_nodes):
            new[i] = 1
            for j in incoming(num_nodes, arcs, i):
                new[i] = new[i] * (weight[arcs[j, i]] @ hidden[j])
        hidden = new
    if target is not None:
        return output @ hidden[target]
    result = 1
    for i in range(num_nodes):
        result = result * hidden[i]
    return output @ result


def tree(num_nodes: int, arcs: Arcs, depth: int, target: Any) -> tuple[list[Leg], dict[Node, Any]]:
    """Legs of the tree of Appendix D.3.3, by unrolling the recursion, and the vertex of leaves."""
    legs: list[Leg] = []
    leaves: dict[Node, int] = {}
    names = itertools.count()

    def embedding(layer: int, vertex: int) -> Node:
        if layer == 0:
            leaf = ("x", vertex, next(names))
            leaves[leaf] = vertex
            return leaf
        delta = ("delta", layer, vertex, next(names))
        for j in incoming(num_nodes, arcs, vertex):
            weight = ("W", layer, j, next(names))
            legs.append((delta, weight))
            legs.append((weight, embedding(layer - 1, j)))
        return delta

    output = ("W_out",)
    if target is not None:
        legs.append((output, embedding(depth, target)))
    else:
        top = ("delta", "output")
        legs.append((output, top))
        legs.extend((top, embedding(depth, i)) for i in range(num_nodes))
    return legs, leaves


def least_cut(
    legs: Sequence[Leg], leaves: Mapping[Node, int], subset: set[int], width: int, in_dim: int
) -> float:
    """Logarithm of the least modified multiplicative cut weight, over all cuts (Definition 19)."""
    inner = sorted({end for leg in legs for end in leg if end not in leaves}, key=str)
    best = math.inf
    for sides in itertools.product((True, False), repeat=len(inner)):
        side = {
            **dict(zip(inner, sides, strict=True)),
            **{n: i in subset for n, i in leaves.items()},
        }
        cut = [leg for leg in legs if side[leg[0]] != side[leg[1]]]
        best = min(best, modified_weight(cut, width, in_dim))
    return best


def modified_weight(cut: Sequence[Leg], width: int, in_dim: int) -> float:
    """Definition 19: no delta-tensor keeps two legs, and a dropped leg shares one with a kept leg.

    Only legs between two delta-tensors leave a choice; the lightest is taken.
    """
    plain = [leg for leg in cut if not any(end[0] == "delta" for end in leg)]
    weight = sum(math.log(in_dim if "x" in (a[0], b[0]) else width) for a, b in plain)
    single = {end for leg in cut for end in leg if end[0] == "delta" and is_single(leg)}
    double = [leg for leg in cut if all(end[0] == "delta" for end in leg)]
    if not double:
        return weight + len(single) * math.log(width)
    choices = []
    for kept in [None, *double]:  # they all meet in the output delta-tensor: at most one is kept
        done = set(kept or ()) | single
        if kept is None and any(not set(leg) & single for leg in double):
            continue
        choices.append((kept is not None) + len(single - set(kept or ())))
        assert all(set(leg) & done for leg in double)
    return weight + min(choices) * math.log(width)


def is_single(leg: Leg) -> bool:
    return sum(end[0] == "delta" for end in leg) == 1


def no_repeating_shared_neighbours(
    num_nodes: int, arcs: Arcs, one: set[int], other: set[int]
) -> bool:
    """Definitions 12 and 16."""
    shared = outgoing(num_nodes, arcs, one) & outgoing(num_nodes, arcs, other)
    return all(
        len(set(incoming(num_nodes, arcs, k)) & side) == 1 for k in shared for side in (one, other)
    )


def admissible_subsets(num_nodes: int, arcs: Arcs, subset: set[int]) -> set[frozenset[int]]:
    """S(I) of Definitions 13 and 17."""
    found = set()
    for one in powerset(subset):
        for other in powerset(set(range(num_nodes)) - subset):
            if no_repeating_shared_neighbours(num_nodes, arcs, one, other):
                shared = outgoing(num_nodes, arcs, one) & outgoing(num_nodes, arcs, other)
                found.add(frozenset(shared))
    return found


def powerset(items: set[int]) -> list[set[int]]:
    return [
        set(part)
        for size in range(len(items) + 1)
        for part in itertools.combinations(sorted(items), size)
    ]


def theorem_8(walks_from: int, depth: int, dim: int, target: Any) -> float:
    """Right hand side of Equations (5.8) and (5.9) for one C, given its number of walks."""
    if not walks_from:
        return 0.0
    if depth == 1:
        alpha = dim if target is not None else dim ** (1 / walks_from)
    else:
        alpha = (dim - 1) / walks_from + 1
    return math.log(alpha) * walks_from


def exact_rank(matrix: Any) -> int:
    """Rank over the rationals, by fraction-free elimination of Python integers."""
    rows = [[int(value) for value in row] for row in np.asarray(matrix)]
    rank = 0
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((r for r in range(rank, len(rows)) if rows[r][column]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        for r in range(rank + 1, len(rows)):
            factor, lead = rows[r][column], rows[rank][column]
            rows[r] = [lead * a - factor * b for a, b in zip(rows[r], rows[rank], strict=True)]
        rank += 1
    return rank
