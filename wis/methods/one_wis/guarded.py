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
  tells. The rest is ordered anew, edge by edge, by `peel_one_by_one`.

Ties: as those of the engine up to the first bridge, as those of ``bitset`` from then on.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wis.base.progress import Progress
from wis.graph import UndirectedGraph
from wis.methods.guard import Guard
from wis.methods.one_wis.levels import labels_by_degree

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
    bridge about a microsecond in Python for each edge between vertices whose degree was k or more,
    for each level k that is left.
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
    """The edges that the greedy rule takes from now on, each after the guard was asked.

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
    spent = [0] * graph.num_nodes
    order: list[int] = []
    live, joined = entering[:0], 0
    for k in range(int(entry.max(initial=0)), floor, -1):
        end = int(np.searchsorted(-entry[entering], -k, side="right"))
        live, joined = np.concatenate([live, entering[joined:end]]), end
        live = live[guard.open[live]]
        taken = _peel_level(k, live, ends[:, live], degree, spent, guard)
        degree -= np.bincount(ends[:, taken].reshape(-1), minlength=degree.size)
        order += taken
        progress(len(order))
    return np.array(order, dtype=np.int64)


def _peel_level(
    k: int, ids: Ints, ends: Ints, degree: Ints, spent: list[int], guard: Guard
) -> list[int]:
    """The edges that go at level k, by labels of their ends, int64 [2, edges].

    Args:
        k: The level.
        ids: int64 [edges], the candidates inside A_k.
        ends: int64 [2, edges], labels of their ends.
        degree: int64 [n], degrees by label when the level begins.
        spent: For each label the level in which it was the light end of a removal last.
        guard: Asked about each edge; each is asked about once.
    """
    # for each heavy vertex its light neighbours, the one with the smallest label last
    tall = degree[ends] > k
    mixed = np.flatnonzero(tall[0] != tall[1])
    heavy = np.where(tall[0], *ends)[mixed]
    light = np.where(tall[0], *ends[::-1])[mixed]
    by_heavy = np.lexsort((-light, heavy))
    pairs = list(zip(light[by_heavy].tolist(), ids[mixed][by_heavy].tolist(), strict=True))
    takers, starts = np.unique(heavy[by_heavy], return_index=True)
    stops = np.append(starts, len(pairs))[1:].tolist()
    choices = {
        v: pairs[start:stop]
        for v, start, stop in zip(takers.tolist(), starts.tolist(), stops, strict=True)
    }
    waiting: dict[int, list[int]] = {}
    for v, height in zip(takers.tolist(), degree[takers].tolist(), strict=True):
        waiting.setdefault(height, []).append(v)
    # the tallest takes one, and becomes one shorter
    order: list[int] = []
    height = max(waiting, default=k)
    sunk: list[int] = []
    while height > k:
        tallest, sunk = sunk + waiting.pop(height, []), []
        for v in tallest:
            choice = choices[v]
            while choice:
                w, edge = choice.pop()
                if spent[w] != k and guard.removes(edge):
                    spent[w] = k
                    order.append(edge)
                    sunk.append(v)
                    break
        height = height - 1 if sunk else max(waiting, default=k)
    # edges between unspent vertices of degree k, by rising labels
    both = np.flatnonzero((degree[ends] == k).all(axis=0))
    last = list(zip(*np.sort(ends[:, both], axis=0).tolist(), ids[both].tolist(), strict=True))
    last += [(min(v, w), max(v, w), edge) for v in sunk for w, edge in choices[v]]
    for v, w, edge in sorted(last):
        if spent[v] != k and spent[w] != k and guard.removes(edge):
            spent[v] = spent[w] = k
            order.append(edge)
    return order
