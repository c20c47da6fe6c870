"""A fast path of `wis.sparsify` for data sets of small graphs, of a few hundred arcs each.

The general path takes about a millisecond for each graph: the fixed cost of a hundred small tensor
operations and of rules about attributes with unusual names. This module cuts a graph by exact 1-WIS
in plain Python if all its attributes have the usual names of PyG. The result is the same. All other
graphs, and all errors, are left to the general path. `first_removed` is the engine ``bitset``
(`wis.methods.one_wis.bitset`) with its layout made of lists; the order is the same, ties included.
"""

from __future__ import annotations

import copy
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor

from wis.base.progress import progress_bar
from wis.errors import WisError
from wis.graph.cut import remember_cut
from wis.graph.holders import opened, put_back, several
from wis.methods.one_wis.bitset import heavy_phase, light_phase
from wis.order.cut import Cut
from wis.order.ranking import Ranking, sparsified

MOST_ARCS = 1000
"""A bound on the time in Python. Measured on random graphs of 3 edges for each vertex, on this path
and on the general one: 0.13 and 1.1 ms at 100 arcs, 0.6 and 1.6 at 800, 1.3 and 2.0 at 1,600."""

OF_VERTICES = frozenset({"x", "pos"})
OF_ARCS = frozenset({"edge_index", "edge_attr", "edge_weight"})
OTHERS = frozenset({"y", "num_nodes", "train_mask", "val_mask", "test_mask"})


def cut_small(data: Any, ranking: Ranking, cut: Cut) -> Any:
    """The sparser graph, or None if the graph needs the general path."""
    if not (ranking.is_plain and cut.is_plain) or type(data).__name__ != "Data":
        return None
    if "_num_nodes" in data._store.__dict__:  # the storage of a dataset
        return None
    held = data._store._mapping
    arcs = held.get("edge_index")
    if not _is_plain(arcs) or arcs.dtype != torch.int64 or arcs.shape[:1] != (2,):
        return None
    num_arcs, num_nodes = arcs.size(-1), _num_nodes(held)
    if num_nodes is None or num_arcs == num_nodes or not _is_usual(held, num_nodes, num_arcs):
        return None
    tails, heads = arcs.tolist()
    if num_arcs and not (min(*tails, *heads) >= 0 and max(*tails, *heads) < num_nodes):
        return None
    pairs = [(u, v) if u < v else (v, u) for u, v in zip(tails, heads, strict=True)]
    edges = {pair for pair in pairs if pair[0] != pair[1]}
    gone = set(first_removed(edges, num_nodes, cut.num_edges_of(len(edges))))
    kept = torch.tensor([pair not in gone for pair in pairs], dtype=torch.bool, device="cpu")
    left = kept.nonzero().view(-1)
    result = copy.copy(data)
    cut_held = result._store._mapping
    for name in OF_ARCS & held.keys():
        cut_held[name] = held[name].index_select(1 if name == "edge_index" else 0, left)
    result._store.__dict__.pop("_cached_attr", None)  # PyG's cache of a classification by length
    remember_cut(arcs, cut_held["edge_index"], kept)
    return result


def cut_any(
    data: Any,
    ranking: Ranking,
    cut: Cut,
    *,
    num_nodes: int | None = None,
    progress: bool | None = None,
) -> Any:
    """The sparser graph, by whichever path; each graph of a list or a dataset by itself.

    Args:
        data: The graph in any form, or several (`wis.graph.holders`); not changed.
        ranking: How to order its edges.
        cut: The amount to remove.
        num_nodes: Number of vertices, for a bare `edge_index` only.
        progress: See `Ranking.order`; for several graphs one bar counts them.
    """
    graphs = several(data)
    if graphs is None:
        small = cut_small(data, ranking, cut) if num_nodes is None and not progress else None
        if small is not None:
            return small
        held = opened(data, num_nodes)
        graph = ranking.graph(held, num_nodes)
        return sparsified(held, graph, ranking, cut, progress=progress)
    with progress_bar("graphs", len(graphs), show=progress) as report:
        sparse = []
        for number, graph in enumerate(graphs):
            try:
                sparse.append(cut_any(graph, ranking, cut, num_nodes=num_nodes, progress=False))
            except WisError as error:
                error.args = (f"graph {number} of {len(graphs)}: {error}",)
                raise
            report(number + 1)
    return put_back(data, sparse)


def _is_plain(value: Any) -> bool:
    """Whether a value is an ordinary tensor on the CPU with at least one dimension."""
    return (
        type(value) is Tensor
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and not value.is_nested
        and value.dim() > 0
    )


def _num_nodes(held: dict[str, Any]) -> int | None:
    """Number of vertices: the stated one, or the rows of `x`; None if neither is there."""
    stated = held.get("num_nodes")
    if stated is None and _is_plain(held.get("x")):
        stated = held["x"].size(0)
    return stated if type(stated) is int and stated >= 0 else None


def _is_usual(held: dict[str, Any], num_nodes: int, num_arcs: int) -> bool:
    """Whether every attribute has a usual name and the length of such an attribute."""
    if num_arcs > MOST_ARCS:
        return False
    for name, value in held.items():
        if name == "num_nodes":
            continue
        if not _is_plain(value):
            return False
        length = value.size(0)
        if name in OF_VERTICES:
            fits = length == num_nodes
        elif name in OF_ARCS:
            fits = name == "edge_index" or length == num_arcs
        else:
            fits = name in OTHERS and length != num_arcs
        if not fits:
            return False
    return True


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
