"""The certificate of 1-WIS among the edges that may go.

Nothing here follows the code that computes orders. Degrees at all steps are read off the order, as
in `wis.methods.one_wis.certificate`. Then:

1. No protected edge goes, and no edge whose smaller degree is the least degree or below it. To keep
   components connected, the edges that stay for good must connect all that the graph connects; this
   is enough, since every earlier graph has them and more.
2. The *last* step at which each edge may go is found. For one that goes that is its own step: it
   could have gone before, as degrees only fall and a bridge stays a bridge. For one that stays it
   is the step before a degree of its ends comes down to the least, or before it becomes a bridge.
   That is found backwards: take a spanning forest of the edges that stay, and put the edges that
   went back, the last one first. Each lies on a cycle with a path of the forest, whose edges are no
   bridges up to its step. Joined vertices are merged, so each edge of the forest is met once.
3. No edge has a larger key than one that goes at or before its last step
   (`wis.methods.one_wis.certificate`). An order that is complete leaves none that may still go.

Source: offline bridges by merging, as in Tarjan, "Applications of path compression on balanced
trees", JACM 26, 1979.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import (
    breadth_first_order,
    connected_components,
    minimum_spanning_tree,
)
from torch import Tensor

from wis.base.progress import Progress, silent
from wis.errors import NotGreedyError
from wis.graph import UndirectedGraph
from wis.methods.one_wis.certificate import NEVER, Steps, first_non_greedy_step

Ints = NDArray[np.int64]


def check_guarded_order(
    graph: UndirectedGraph,
    order: Tensor,
    *,
    edge_ids: tuple[int, ...] = (),
    min_degree: int = 0,
    keep_connected: bool = False,
    is_complete: bool = True,
    progress: Progress = silent,
) -> None:
    """Check that each step of an order takes an edge that may go, the best of these.

    Args:
        graph: The graph.
        order: int64 tensor of shape [count], distinct edge ids, first removed first.
        edge_ids: The edges that stay.
        min_degree: The degree below which removals take no vertex.
        keep_connected: Whether components stay connected.
        is_complete: Whether no edge may go after the last step.
        progress: Called with the number of steps that are checked.

    Raises:
        NotGreedyError: A step is wrong; or one more edge could go.

    Cost: that of `first_non_greedy_step`, and some microseconds in Python for each edge to keep
    components connected.
    """
    ids, count = order.cpu().numpy(), order.numel()
    edges = graph.edges.cpu().numpy()
    last = _last_by_degree(graph, order, min_degree)
    last[list(edge_ids)] = -1
    too_late = np.flatnonzero(last[ids] < np.arange(count))
    if too_late.size:
        raise _stays(graph, ids, int(too_late[0]), "which has to stay")
    if keep_connected and graph.num_edges:
        last = np.minimum(last, _last_before_bridge(edges, graph.num_nodes, ids))
        too_late = np.flatnonzero(last[ids] < np.arange(count))
        if too_late.size:
            raise _stays(graph, ids, int(too_late[0]), "although its component falls apart")
    last[ids] = np.arange(count)
    first_non_greedy_step(graph, order, progress, last)
    more = np.flatnonzero(last >= count)
    if is_complete and more.size:
        edge = tuple(edges[:, more[0]].tolist())
        raise NotGreedyError(
            f"the order ends after step {count}, although edge {edge} can still go",
            step=count,
            edge=edge,
        )


def _stays(graph: UndirectedGraph, ids: Ints, step: int, why: str) -> NotGreedyError:
    edge = tuple(graph.edges[:, int(ids[step])].tolist())
    return NotGreedyError(
        f"step {step + 1} of {ids.size} removes edge {edge}, {why}", step=step, edge=edge
    )


def _last_by_degree(graph: UndirectedGraph, order: Tensor, min_degree: int) -> Ints:
    """For each edge the last step before which both its ends have more than the least degree."""
    degree = graph.degree.cpu().numpy()
    until = np.where(degree > min_degree, NEVER, -1)  # by vertex
    if min_degree and order.numel():
        steps = Steps.of(graph, order)
        vertex = np.argsort(steps.label)
        step, end = np.nonzero(steps.before == min_degree + 1)
        until[vertex[steps.ends[step, end]]] = step
    found: Ints = until[graph.edges.cpu().numpy()].min(axis=0)
    return found


def _last_before_bridge(edges: Ints, num_nodes: int, ids: Ints) -> Ints:
    """For each edge the last step before which it is no bridge; -1 if it always is one."""
    went = np.full(edges.shape[1], NEVER)
    went[ids] = np.arange(ids.size)
    latest = np.argsort(-went, kind="stable")
    order, parent, link = _forest(edges, num_nodes, latest)
    up, by, depth = parent.tolist(), link.tolist(), [0] * (num_nodes + 1)
    for x in order.tolist()[1:]:
        depth[x] = depth[up[x]] + 1
    # other edges, the latest first: those of the forest on a cycle with it are merged into one end
    in_forest = np.zeros(went.size, dtype=bool)
    in_forest[link[link >= 0]] = True
    rest = latest[~in_forest[latest]]
    found = np.where(in_forest, -1, NEVER).tolist()
    merged = list(range(num_nodes + 1))
    for u, v, step in zip(*edges[:, rest].tolist(), went[rest].tolist(), strict=True):
        a, b = _top(merged, u), _top(merged, v)
        while a != b:
            if depth[a] < depth[b]:
                a, b = b, a
            found[by[a]] = step
            merged[a] = up[a]
            a = _top(merged, a)
    return np.array(found, dtype=np.int64)


def _top(merged: list[int], x: int) -> int:
    """The uppermost vertex of those that x is merged with."""
    while merged[x] != x:
        merged[x] = merged[merged[x]]
        x = merged[x]
    return x


def _forest(edges: Ints, n: int, latest: Ints) -> tuple[Ints, Ints, Ints]:
    """A spanning forest of the edges that come first in `latest`, below a root n.

    Returns:
        The vertices from the root on, int64 [n + 1]; the parent of each, int64 [n + 1]; and the
        edge to it, int64 [n + 1], -1 for the root and its children.
    """
    place = np.empty(latest.size)
    place[latest] = np.arange(1, latest.size + 1)
    matrix = coo_array((place, tuple(edges)), shape=(n, n)).tocsr()
    chosen = latest[minimum_spanning_tree(matrix).data.astype(np.int64) - 1]
    u, v = edges[:, chosen]
    kind = connected_components(matrix, directed=False)[1]
    tops = np.unique(kind, return_index=True)[1]
    whole = np.append(u, tops), np.append(v, np.full(tops.size, n))
    tree = coo_array((np.ones(whole[0].size), whole), shape=(n + 1, n + 1))
    order, parent = breadth_first_order(tree, n, directed=False)
    link = np.full(n + 1, -1)
    link[np.where(parent[v] == u, v, u)] = chosen
    return order.astype(np.int64), parent.astype(np.int64), link
