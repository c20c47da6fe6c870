"""Relaxed 1-WIS taken literally, edge by edge, in Python's integers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

from oracles import Edge, degrees

WORD = 2**64
MayGo = Callable[[set[Edge]], Iterable[Edge]]
"""The edges that protections allow to go next, of those that are left."""


def splitmix64(x: int) -> int:
    """The finalizer, as published."""
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % WORD
    return x ^ (x >> 31)


def hash_of(edge: Edge, seed: int) -> int:
    start = splitmix64((seed + 1) * 0x9E3779B97F4A7C15 % WORD)
    x = splitmix64(start ^ (edge[0] * 2**32 + edge[1]))
    return x - WORD if x >= WORD // 2 else x


def first_step_too_low(
    num_nodes: int,
    edges: Sequence[Edge],
    order: Sequence[Edge],
    epsilon: str,
    may_go: MayGo = list,
) -> int | None:
    """The rule at every step: both degrees are k / (1 + epsilon) or more."""
    left = set(edges)
    for step, edge in enumerate(order):
        degree = degrees(num_nodes, left)
        k = max(min(degree[u], degree[v]) for u, v in may_go(left))
        if any(degree[end] * (1 + Fraction(epsilon)) < k for end in edge):
            return step
        left.remove(edge)
    return None


def relaxed_order(
    num_nodes: int, edges: Sequence[Edge], epsilon: str, seed: int, may_go: MayGo = list
) -> list[tuple[int, list[Edge]]]:
    """Threshold and edges of each phase, the edges one after the other by priority.

    An edge that may not go at its turn is out of all phases from then on.
    """
    left, phases = set(edges), []
    choice = set(may_go(left))
    while choice:
        degree = degrees(num_nodes, left)
        k = max(min(degree[u], degree[v]) for u, v in choice)
        t = math.ceil(k / (1 + Fraction(epsilon)))
        begin = list(degree)

        def priority(edge: Edge, begin: list[int] = begin) -> tuple[int, int]:
            return -max(begin[end] for end in edge).bit_length(), hash_of(edge, seed)

        goes = []
        for u, v in sorted(choice, key=priority):
            if degree[u] >= t and degree[v] >= t:
                choice.remove((u, v))
                if (u, v) in may_go(left):
                    left.remove((u, v))
                    goes.append((u, v))
                    degree[u] -= 1
                    degree[v] -= 1
        phases.append((t, goes))
    return phases
