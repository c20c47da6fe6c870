"""Exact 1-WIS of a graph of a few vertices, such as a molecule, in plain Python.

Tensor operations take microseconds each however small the graph is, so that a hundred of them cost
more than the work. This is the engine ``bitset`` (`wis.methods.one_wis.bitset`) with its layout
made of lists; the order of the edges is the same, ties included.
"""

from __future__ import annotations

from collections.abc import Collection

from wis.methods.one_wis.bitset import heavy_phase, light_phase

Pair = tuple[int, int]


def first_removed(edges: Collection[Pair], num_nodes: int, count: int) -> list[Pair]:
    """The edges that 1-WIS removes first.

    Args:
        edges: Pairs (u, v), u < v, each once, in any order.
        num_nodes: Number n of vertices; ids run from 0 to n - 1.
        count: How many edges to return, 0 to m.

    Returns:
        Pairs (u, v), u < v, first removed first.

    Cost: O(n + m) steps in Python and O(n) for each level.
    """
    degree_of = [0] * num_nodes
    for u, v in edges:
        degree_of[u] += 1
        degree_of[v] += 1
    # Places: vertices by rising degree, of equal degrees the largest id first.
    vertex = sorted(range(num_nodes), key=lambda v: (degree_of[v], -v))
    place = [0] * num_nodes
    for position, v in enumerate(vertex):
        place[v] = position
    degree = [degree_of[v] for v in vertex]
    rows = [0] * num_nodes
    for u, v in edges:
        rows[place[u]] |= 1 << place[v]
        rows[place[v]] |= 1 << place[u]
    original = list(degree)
    order: list[Pair] = []
    level = max((min(degree_of[u], degree_of[v]) for u, v in edges), default=0)
    while level > 0 and len(order) < count:
        spent, taker = _peel(rows, degree, original, level)
        order += zip(spent, taker, strict=True)
        level -= 1
    ends = ((vertex[w], vertex[v]) for w, v in order[:count])
    return [(u, v) if u < v else (v, u) for u, v in ends]


def _peel(
    rows: list[int], degree: list[int], original: list[int], k: int
) -> tuple[list[int], list[int]]:
    """Remove what the greedy rule removes at level k; returns the places of both ends of each."""
    unspent, heavy = 0, []
    for v in reversed(range(len(degree))):
        if original[v] < k:  # original degrees rise with places: here A_k ends
            break
        if degree[v] == k:
            unspent |= 1 << v
        elif degree[v] > k:
            heavy.append(v)
    spent: list[int] = []
    taker: list[int] = []
    if not unspent:
        return spent, taker
    heavy.sort(key=lambda v: -degree[v])
    heights = [*(degree[v] for v in heavy), k]
    unspent = heavy_phase(rows, heavy, heights, k, unspent, spent, taker)
    light_phase(rows, unspent, spent, taker)
    for v in (*spent, *taker):
        degree[v] -= 1
    return spent, taker
