"""What a prediction of one vertex reads and multiplies.

To predict a vertex, a network of L layers reads the arcs that end at a vertex within L - 1 hops of
it, hops taken against the arcs. These arcs are the edges read: each counts once, although several
layers use it, since it is fetched from storage once. PyTorch Geometric's `NeighborLoader` gathers
the same arcs if it draws all neighbours. The number depends on the graph alone, not on the machine,
so it is the first measure of the cost of serving; seconds are in `wis.measure.latency`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from wis.base.checks import checked_integer
from wis.errors import GraphFormatError, OptionError, echo
from wis.graph import CanonicalGraph

if TYPE_CHECKING:
    from torch_geometric.data import Data

    from wis.models import GraphNetwork

BITS = 64
"""Vertices that are searched from at once, a bit for each."""


def edges_read(graph: Data | CanonicalGraph, vertices: Tensor, *, depth: int) -> Tensor:
    """Count the arcs that a full-neighbourhood prediction of each vertex reads.

    These are the arcs u → w, without self-loops, such that at most depth - 1 arcs lead from w to
    the vertex. An arc that is stored twice is read twice.

    Args:
        graph: A graph whose arcs carry messages from their first to their second end. In an
            `UndirectedGraph` each edge is two arcs.
        vertices: int64 tensor of shape [k].
        depth: Number of layers L of the network, at least 1.

    Returns:
        int64 tensor of shape [k]. Costs O((n + num_arcs) L ⌈k / 64⌉) time and O(n + num_arcs)
        memory.

    Raises:
        OptionError: `depth` is not an integer of at least 1, or a vertex does not exist.
        GraphFormatError: The graph has several types of edges.

    >>> from torch_geometric.data import Data
    >>> path = Data(edge_index=torch.tensor([[0, 1, 2], [1, 2, 3]]), num_nodes=4)
    >>> edges_read(path, torch.tensor([0, 3]), depth=2).tolist()
    [0, 2]
    """
    depth = checked_integer("depth", depth, 1)
    (sources, ends), n = _arcs(graph)
    chosen = vertices.cpu().numpy()
    if chosen.size and not 0 <= chosen.min() <= chosen.max() < n:
        raise OptionError(f"vertices has an id outside 0 to {n - 1}; give ids of the graph")
    in_degree = np.bincount(ends, minlength=n)
    order = np.argsort(sources, kind="stable")
    ends = ends[order]
    heads, starts = np.unique(sources[order], return_index=True)
    counts = np.zeros(chosen.size, dtype=np.int64)
    for first in range(0, chosen.size, BITS):
        some = chosen[first : first + BITS]
        bits = np.left_shift(np.uint64(1), np.arange(some.size, dtype=np.uint64))
        reached = np.zeros(n, dtype=np.uint64)
        np.bitwise_or.at(reached, some, bits)
        for _hop in range(depth - 1 if heads.size else 0):
            reached[heads] |= np.bitwise_or.reduceat(reached[ends], starts)
        for place, bit in enumerate(bits):
            counts[first + place] = in_degree[(reached & bit) > 0].sum()
    return torch.from_numpy(counts)


def _arcs(graph: Any) -> tuple[np.ndarray, int]:
    """The arcs as int64 [2, k] without self-loops, and the number of vertices."""
    if isinstance(graph, CanonicalGraph):
        edges = graph.edges.cpu().numpy()
        both = edges if graph.directed else np.concatenate([edges, edges[::-1]], axis=1)
        return both, graph.num_nodes
    if not isinstance(getattr(graph, "edge_index", None), Tensor):
        raise GraphFormatError(
            f"a {echo(type(graph).__name__)} has no single edge_index; give a Data or one of the "
            "graphs of wis.graph"
        )
    arcs = graph.edge_index.cpu().numpy()
    return arcs[:, arcs[0] != arcs[1]], int(graph.num_nodes)


def multiply_adds(network: GraphNetwork, *, num_nodes: int, num_arcs: int) -> int:
    """Count the multiply-adds of a forward pass: in dense products, and in sums of messages.

    A sum over neighbours costs one multiply-add for each arc and coordinate; so do degrees, which
    are sums of weights. Operations on single numbers (activations, normalisation, softmax) are not
    counted. The counts of two tiny graphs give the cost of a vertex and of an arc, so that the
    graph itself is not needed; features count as dense.

    Args:
        network: The network, with a cost that is linear in vertices and arcs; it does not change.
        num_nodes: Number of vertices that it computes.
        num_arcs: Number of arcs between different vertices.

    >>> from wis.models import build_model
    >>> network = build_model("sage", 5, 3, depth=1, width=8, seed=0)
    >>> multiply_adds(network, num_nodes=4, num_arcs=2)  # 4 (2 · 5 · 8 + 8 · 3) + 2 (8 + 1)
    434
    """
    alone, pair = _counted(network, 1, []), _counted(network, 2, [[0, 1]])
    return num_nodes * alone + num_arcs * (pair - 2 * alone)


def _counted(network: GraphNetwork, num_nodes: int, arcs: list[list[int]]) -> int:
    """The multiply-adds of a pass over a tiny graph."""
    from torch.utils.flop_counter import FlopCounterMode

    like = next(network.parameters())
    edge_index = torch.tensor(arcs, dtype=torch.int64, device=like.device).reshape(-1, 2).t()
    x = torch.zeros(num_nodes, network.in_dim, dtype=like.dtype, device=like.device)
    scatter = torch.ops.aten.scatter_add_, torch.ops.aten.scatter_add
    counted = dict.fromkeys(scatter, lambda *shapes, **_: 2 * int(np.prod(shapes[3])))
    was_training = network.training
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=counted) as counter:
        network.eval()(x, edge_index)
    network.train(was_training)
    return int(counter.get_total_flops()) // 2
