"""Exact 1-WIS among the edges that may go, on the graph as it is.

Algorithm 2, restricted at each step to the edges that a protection does not forbid
(`wis.methods.guard`); all edges that are left count in the degrees.

- *Protected edges* are never candidates. What `wis.methods.one_wis.levels` says of levels, heavy
  and light vertices holds for the candidates alone, with degrees in the whole graph. So the engines
  get the candidates, and degrees that are larger than their numbers of edges.
- *Least degree* d: an edge may go if its smaller degree is above d. That is its level, so levels
  down to d are left out. `keep_connected` leaves out level 1, whose edges are bridges.
- *Bridges.* Those of the whole graph are no candidates. Others come up late: when an edge goes,
  vertices of lower degree still have all of theirs, and connect its ends. Of real and R-MAT graphs
  85 to 95 % of the edges are gone before the first. So an engine orders all candidates at first.
  Its order is right up to the first edge that is a bridge at its turn, which a spanning forest
  tells. The rest is ordered anew, level by level, by `peel_one_by_one`.

Ties: as those of the engine up to the first bridge, as those of ``bitset`` from then on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wis.base.progress import Progress
from wis.graph import UndirectedGraph
from wis.methods.guard import Guard
from wis.methods.one_wis.levels import labels_by_degree

GUESSES = 3
"""After so many wrong guesses of the bridges of a level the guard is asked edge by edge."""

Ints = NDArray[np.int64]
Exact = Callable[[UndirectedGraph, int, Tensor, int], Tensor]
"""An engine: of a graph the first so many edges, with these degrees, down to a least degree."""


def guarded_order(
    graph: UndirectedGraph, guard: Guard, exact: Exact, count: int, progress: Progress
) -> Tensor:
    """The removal order of exact 1-WIS among the edges that may go.

    Args:
        graph: The graph.
        guard: What may go, before any removal; used up.
        exact: The engine.
        count: Most edges in the order.
        progress: Called with the number of edges removed.

    Returns:
        int64 tensor of shape [k] on the graph's device; fewer than `count` if no more may go.

    Cost: that of the engine, and a spanning forest to keep components connected. After the first
    bridge, for each level k that is left, up to `GUESSES` times about a microsecond in Python for
    each edge between vertices whose degree was k or more, and a spanning forest of all that is
    left; then some microseconds for each of these edges if no guess was right.
    """
    free, candidates = free_edges(graph, guard)
    floor = max(guard.min_degree, int(guard.keep_connected))
    order = candidates[exact(free, min(count, free.num_edges), graph.degree, floor)]
    ids = order.cpu().numpy()
    bridges = np.flatnonzero(guard.expect(ids))
    if not bridges.size:
        return order
    begun = ids[: bridges[0]]
    guard.remove_together(begun)
    rest = peel_one_by_one(
        graph.to("cpu"), guard, floor, lambda done: progress(min(begun.size + done, count))
    )
    return torch.from_numpy(np.concatenate([begun, rest])[:count]).to(graph.device)


def free_edges(graph: UndirectedGraph, guard: Guard) -> tuple[UndirectedGraph, Tensor]:
    """The graph of the edges that may go at first, and the ids of these edges, int64."""
    guard.refuse_bridges()
    ids = torch.from_numpy(np.flatnonzero(guard.open)).to(graph.device)
    return UndirectedGraph(graph.num_nodes, graph.edges[:, ids]), ids


def peel_one_by_one(graph: UndirectedGraph, guard: Guard, floor: int, progress: Progress) -> Ints:
    """The edges that the greedy rule takes from now on.

    Args:
        graph: The whole graph, on the CPU; edges that are gone or stay are not `open`.
        guard: What may go, and what is gone.
        floor: The degree below which no vertex falls.
        progress: Called with the number of edges removed.
    """
    ends = labels_by_degree(graph)[1].numpy()[guard.edges]
    degree = np.bincount(ends[:, ~guard.gone].reshape(-1), minlength=graph.num_nodes)
    entry = np.where(guard.open, degree[ends].min(axis=0), 0)
    entering = np.argsort(-entry, kind="stable")
    order: list[int] = []
    live, joined = entering[:0], 0
    for k in range(int(entry.max(initial=0)), floor, -1):
        end = int(np.searchsorted(-entry[entering], -k, side="right"))
        live, joined = np.concatenate([live, entering[joined:end]]), end
        live = live[guard.open[live]]
        taken = _taken_at(_Level.of(k, live, ends[:, live], degree), guard)
        degree -= np.bincount(ends[:, taken].reshape(-1), minlength=degree.size)
        order += taken
        progress(len(order))
    return np.array(order, dtype=np.int64)


def _taken_at(level: _Level, guard: Guard) -> list[int]:
    """The edges that go at a level; the guard takes them away.

    A guess of the bridges gives the edges that the level asks about, in order. One spanning forest
    tells which of these are bridges at their turns. If it agrees with the guess, all is right. Else
    both are right up to the first difference, and the forest gives the next guess. When guesses run
    out, the guard is asked about edge after edge.
    """
    asked: list[int] = []
    refused: set[int] = set()

    def goes(edge: int) -> bool:
        asked.append(edge)
        return edge not in refused

    for _ in range(GUESSES):
        asked.clear()
        taken = level.taken(goes)
        ids = np.array(asked, dtype=np.int64)
        bridges = set(ids[guard.expect(ids)].tolist())
        if len(taken) + len(bridges) == len(asked) and bridges.isdisjoint(taken):
            guard.remove_together(np.array(taken, dtype=np.int64))
            guard.open[ids] = False
            return taken
        refused = bridges
    return level.taken(guard.removes)


@dataclass
class _Level:
    """The candidates of level k, by labels of their ends.

    Attributes:
        k: The level.
        pairs: Light neighbours of heavy vertices and the edges to them, by heavy vertex, the light
            one with the smallest label last.
        spans: For each heavy vertex its part of `pairs`.
        waiting: The heavy vertices of each degree.
        light: Both ends and the id of each edge between light vertices.
    """

    k: int
    pairs: list[tuple[int, int]]
    spans: dict[int, slice]
    waiting: dict[int, list[int]]
    light: list[tuple[int, int, int]]

    @classmethod
    def of(cls, k: int, ids: Ints, ends: Ints, degree: Ints) -> _Level:
        """The level of the edges `ids` with `ends`, int64 [2, edges]; `degree` is by label."""
        tall = degree[ends] > k
        mixed = np.flatnonzero(tall[0] != tall[1])
        heavy = np.where(tall[0], *ends)[mixed]
        light = np.where(tall[0], *ends[::-1])[mixed]
        by_heavy = np.lexsort((-light, heavy))
        pairs = list(zip(light[by_heavy].tolist(), ids[mixed][by_heavy].tolist(), strict=True))
        takers, starts = np.unique(heavy[by_heavy], return_index=True)
        bounds = [*starts.tolist(), len(pairs)]
        spans = dict(zip(takers.tolist(), map(slice, bounds, bounds[1:]), strict=False))
        waiting: dict[int, list[int]] = {}
        for v, height in zip(takers.tolist(), degree[takers].tolist(), strict=True):
            waiting.setdefault(height, []).append(v)
        both = np.flatnonzero(~tall.any(axis=0))
        columns = (*np.sort(ends[:, both], axis=0).tolist(), ids[both].tolist())
        return cls(k, pairs, spans, waiting, list(zip(*columns, strict=True)))

    def taken(self, goes: Callable[[int], bool]) -> list[int]:
        """The edges that go if `goes` allows it; each edge is asked about at most once."""
        choices = {v: self.pairs[span] for v, span in self.spans.items()}
        heights = [self.k, *sorted(self.waiting)]
        spent: set[int] = set()
        order: list[int] = []
        sunk: list[int] = []
        height = heights[-1]
        # the tallest takes one, and becomes one shorter
        while height > self.k:
            tallest, sunk = sunk + self.waiting.get(height, []), []
            for v in tallest:
                choice = choices[v]
                while choice:
                    w, edge = choice.pop()
                    if w not in spent and goes(edge):
                        spent.add(w)
                        order.append(edge)
                        sunk.append(v)
                        break
            while heights[-1] >= height:
                heights.pop()
            height = height - 1 if sunk else heights[-1]
        # edges between unspent vertices of degree k, by rising labels
        last = [(min(v, w), max(v, w), edge) for v in sunk for w, edge in choices[v]]
        for v, w, edge in sorted(self.light + last):
            if v not in spent and w not in spent and goes(edge):
                spent.update((v, w))
                order.append(edge)
        return order
