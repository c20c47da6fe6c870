"""The last step at which each edge of a protected order may go, found from the order alone.

A certificate of an order among the edges that may go compares each edge that goes with those whose
last step has not passed. Nothing here follows the code that computes orders.

1. No protected edge goes, and no edge of a vertex whose degree is the least degree or below it: the
   smaller degree of an edge counts, or in a directed graph the number of arcs into its head. To
   keep components connected, the edges that stay for good must connect all that the graph connects;
   this is enough, since every earlier graph has them and more.
2. For an edge that goes the last step is its own: it could have gone before, as degrees only fall
   and a bridge stays a bridge. For one that stays it is the step before a degree of its ends comes
   down to the least, or before it becomes a bridge. That is found backwards: take a spanning forest
   of the edges that stay, and put the edges that went back, the last one first. Each lies on a
   cycle with a path of the forest, whose edges are no bridges up to its step. Joined vertices are
   merged, so each edge of the forest is met once. An arc and its reverse lie on a cycle, too.
3. An order that is complete leaves no edge that may still go.

Source: offline bridges by merging, as in Tarjan, "Applications of path compression on balanced
trees", JACM 26, 1979.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree
from torch import Tensor

from wis.errors import NotGreedyError
from wis.graph import CanonicalGraph

Ints = NDArray[np.int64]
NEVER = np.iinfo(np.int64).max


def last_steps(
    graph: CanonicalGraph,
    order: Tensor,
    *,
    edge_ids: tuple[int, ...] = (),
    min_degree: int = 0,
    keep_connected: bool = False,
    is_complete: bool = True,
) -> Ints:
    """Check that each step of an order takes an edge that may go.

    Args:
        graph: The graph.
        order: int64 tensor of shape [count], distinct edge ids, first removed first.
        edge_ids: The edges that stay.
        min_degree: The degree below which removals take no vertex.
        keep_connected: Whether components stay connected.
        is_complete: Whether no edge may go after the last step.

    Returns:
        int64 [m], the last step at which each edge may go, that of its removal if it goes; -1 if
        it never may.

    Raises:
        NotGreedyError: An edge may not go at its step; or one more edge could go at the end.

    Cost: O(m log m), and some microseconds in Python for each edge to keep components connected.
    """
    ids, edges = order.cpu().numpy(), graph.edges.cpu().numpy()
    steps = np.arange(ids.size)
    last = _last_by_degree(edges[1:] if graph.directed else edges, graph.num_nodes, ids, min_degree)
    last[list(edge_ids)] = -1
    has_to_stay = last[ids] < steps
    if keep_connected and graph.num_edges:
        last = np.minimum(last, _last_before_bridge(edges, graph.num_nodes, ids))
    wrong = last[ids] < steps
    if wrong.any():
        step = int(wrong.argmax())
        edge = tuple(edges[:, ids[step]].tolist())
        why = "which has to stay" if has_to_stay[step] else "although its component falls apart"
        raise NotGreedyError(
            f"step {step + 1} of {ids.size} removes {graph.noun} {edge}, {why}",
            step=step,
            edge=edge,
        )
    last[ids] = steps
    more = np.flatnonzero(last >= ids.size)
    if is_complete and more.size:
        edge = tuple(edges[:, more[0]].tolist())
        raise NotGreedyError(
            f"the order ends after step {ids.size}, although {graph.noun} {edge} can still go",
            step=ids.size,
            edge=edge,
        )
    return last


def _last_by_degree(ends: Ints, num_nodes: int, ids: Ints, min_degree: int) -> Ints:
    """For each edge the last step before which its ends have more than the least degree.

    `ends`, int64 [1 or 2, m], holds the ends that count.
    """
    degree = np.bincount(ends.reshape(-1), minlength=num_nodes)
    until = np.where(degree > min_degree, NEVER, -1)  # by vertex
    vertex, step = ends[:, ids].T.reshape(-1), np.repeat(np.arange(ids.size), len(ends))
    by_vertex = np.argsort(vertex, kind="stable")
    vertex, step = vertex[by_vertex], step[by_vertex]
    before = degree[vertex] - (np.arange(vertex.size) - np.searchsorted(vertex, vertex))
    comes_down = before == min_degree + 1
    if min_degree:
        until[vertex[comes_down]] = step[comes_down]
    found: Ints = until[ends].min(axis=0)
    return found


def _last_before_bridge(edges: Ints, num_nodes: int, ids: Ints) -> Ints:
    """For each edge the last step before which it is no bridge; -1 if it always is one."""
    went = np.full(edges.shape[1], NEVER)
    went[ids] = np.arange(ids.size)
    latest = np.argsort(-went, kind="stable")
    low, high = np.sort(edges[:, latest], axis=0)  # arcs in both directions join the same vertices
    first = np.unique(low * num_nodes + high, return_index=True)[1]
    order, parent, link = _forest(edges, num_nodes, latest[np.sort(first)])
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
    place = np.arange(1.0, latest.size + 1)
    matrix = coo_array((place, tuple(edges[:, latest])), shape=(n, n)).tocsr()
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
