"""(L-1)-WIS with dense matrices of walk counts: tensor operations alone, on any device.

The powers A^0, ..., A^{L-1} of the adjacency matrix (all self-loops included) are kept. An edge is
r arcs (i, j), as in `wis.methods.k_wis.closed_walks`, and its loss is an update of rank r. For a
batch of edges the rows j and the columns i of the powers are enough: w_q = (A^q)ᵀ e_j, the walks
from each head, and u_q = A^q e_i, those to each tail. With E = Σ_a e_i e_jᵀ, from A'^q = A^q -
Σ_{l<q} A'^l E A^{q-1-l} follow the walks to the tail of arc a that do without the edge,

    u'_q = u_q - Σ_b Σ_{l<q} g_{q-1-l} u'_l of arc b,   g_s = (A^s) from the head of b to that tail.

The closed walks of length L that each vertex t loses are Σ_a Σ_q u'_q[t] w_{L-1-q}[t], and once an
edge goes, A^q loses the outer products Σ_a Σ_{l<q} u'_l w_{q-1-l}ᵀ.

The best edges of a batch are found by their signatures (`wis.methods.k_wis.signatures`),
and compete with those of the next batch.

Everything is an integer below 2^53 in float64, or else int64, so the result is exact and the same
on every device. For small dense graphs and long walks; each round looks at every edge.
"""

from __future__ import annotations

import logging

import numpy as np
import torch
from torch import Tensor

from wis.base.progress import Progress
from wis.errors import OptionError
from wis.graph import CanonicalGraph
from wis.graph.walks import adjacency, most_walks, num_closed_walks
from wis.methods.k_wis.closed_walks import FLOAT_EXACT
from wis.methods.k_wis.signatures import Ranked

_LOG = logging.getLogger(__name__)
ENTRIES_ON_CPU = 1 << 17
"""Entries of a [c, n] tensor on a CPU: 1 MiB, so that the tensors in use stay in its cache."""
ENTRIES_ELSEWHERE = 1 << 24
"""Entries on a GPU: 128 MiB, so that few kernels are started."""
Walks = list[list[Tensor]]
"""For each arc of an edge and each q a tensor [c, n]."""


def dense_plan(graph: CanonicalGraph, depth: int, limit_bytes: int) -> tuple[int, int]:
    """How many edges are looked at at a time, and the peak memory above the input in bytes.

    On a CPU these are no more edges than its caches hold.

    Raises:
        OptionError: The matrices, with room for one edge, do not fit into the limit.
    """
    num_nodes, num_edges = graph.num_nodes, graph.num_edges
    matrix_bytes = 8 * num_nodes**2 * (depth + 1)
    edge_bytes = 8 * max(num_nodes, 1) * (4 * depth + 12)
    room = limit_bytes - matrix_bytes
    if room < edge_bytes and num_edges:
        need = (matrix_bytes + edge_bytes) / 2**30
        raise OptionError(
            f"engine 'dense' needs {need:.2g} GiB for {num_nodes} vertices and walk_length="
            f"{depth - 1}; memory_gib is {limit_bytes / 2**30:.2g}: raise it, or take "
            f"engine='local'"
        )
    entries = ENTRIES_ON_CPU if graph.device.type == "cpu" else ENTRIES_ELSEWHERE
    fastest = entries // max(num_nodes, 1) + 1
    at_a_time = max(1, min(num_edges, room // edge_bytes, fastest))
    return at_a_time, matrix_bytes + edge_bytes * at_a_time


def dense_order(
    graph: CanonicalGraph,
    depth: int,
    count: int,
    batch_size: int,
    limit_bytes: int,
    progress: Progress,
) -> Tensor:
    """The first `count` edges of the greedy order, int64 on the graph's device, as `lazy_order`.

    Raises:
        OptionError: More memory than `limit_bytes`, or numbers of walks that could pass 2^61.

    Cost: count / batch_size rounds of O(m n L²) operations.
    """
    at_a_time, total_bytes = dense_plan(graph, depth, limit_bytes)
    _LOG.info("engine dense: will use up to %.2g GiB", total_bytes / 2**30)
    state = DenseWalks(graph, depth)
    left = torch.arange(graph.num_edges, device=graph.device)
    order: list[Tensor] = []
    done = 0
    while done < count:
        size = min(batch_size, count - done)
        best = Ranked.none(graph.device)
        for chunk in torch.split(left, at_a_time):
            best = best.joined(state.changes(chunk)).first(size)
        state.remove(best.edge.tolist())
        left = left[~torch.isin(left, best.edge)]
        order.append(best.edge)
        done += size
        progress(done)
    return torch.cat(order) if order else left[:0]


class DenseWalks:
    """The walk-count matrices.

    Attributes:
        powers: A^0, ..., A^{L-1}, each [n, n].
        value: [n], closed walks of length L at each vertex, 0 where nothing enters it.
        entering: int64 [n], edges at each vertex, or arcs into it.
        arcs: For each of the r arcs of an edge its tails and heads, int64 [m] each.
    """

    def __init__(self, graph: CanonicalGraph, depth: int) -> None:
        self.powers, self.value = _walk_counts(graph, depth)
        u, v = graph.edges
        self.arcs = [(u, v)] if graph.directed else [(u, v), (v, u)]
        heads = torch.cat([head for _, head in self.arcs])
        self.entering = torch.bincount(heads, minlength=graph.num_nodes)
        self.depth = depth

    def changes(self, edge: Tensor) -> Ranked:
        """The signatures of some edges, int64 [c]."""
        arcs = [(tail[edge], head[edge]) for tail, head in self.arcs]
        loss = self._losses(*self._walks(arcs))
        row = torch.arange(edge.numel(), device=edge.device)
        for _, head in arcs:
            last = self.entering[head] == 1  # nothing enters it any more: down to 0
            loss[row[last], head[last]] = self.value[head[last]]
        row, vertex = loss.nonzero(as_tuple=True)
        old = self.value[vertex].long()
        new = old - loss[row, vertex].long()
        return Ranked.of_entries(edge, row, new, old)

    def remove(self, edges: list[int]) -> None:
        """Remove edges, one after the other."""
        for edge in edges:
            arcs = [(tail[edge, None], head[edge, None]) for tail, head in self.arcs]
            onward, without = self._walks(arcs)
            self.value -= self._losses(onward, without)[0]
            for _, head in arcs:
                self.entering[head] -= 1
                if not self.entering[head]:
                    self.value[head] = 0
            self._lower_powers(onward, without)

    def _lower_powers(self, onward: Walks, without: Walks) -> None:
        """A^q loses Σ_a Σ_{l<q} u'_l w_{q-1-l}ᵀ, where these are not 0."""
        rows, columns = (
            torch.stack([walks[-1][0] for walks in part]).any(dim=0).nonzero()[:, 0]
            for part in (without, onward)
        )
        for q in range(self.depth - 1, 0, -1):
            block = self.powers[q][rows[:, None], columns]
            for to_tail, from_head in zip(without, onward, strict=True):
                for step in range(q):
                    after = from_head[q - 1 - step][0, columns]
                    block -= torch.outer(to_tail[step][0, rows], after)
            self.powers[q][rows[:, None], columns] = block

    def _walks(self, arcs: list[tuple[Tensor, Tensor]]) -> tuple[Walks, Walks]:
        """w_q and u'_q for each arc of some edges and each q, [c, n]."""
        onward = [[power[head] for power in self.powers] for _, head in arcs]
        # (A^q)_ji, from the head of arc b to the tail of arc a
        returns = [
            [[walks.gather(1, tail[:, None]) for walks in from_head] for from_head in onward]
            for tail, _ in arcs
        ]
        if len(arcs) == 2:  # the walks to a tail are those from the head of the reverse arc
            to_tail = [onward[1], onward[0]]
        else:
            to_tail = [[power[:, tail].T for power in self.powers] for tail, _ in arcs]
        without: Walks = [[] for _ in arcs]
        for q in range(self.depth):
            for place, all_walks in enumerate(to_tail):
                walks = all_walks[q].clone(memory_format=torch.contiguous_format)
                for other, back in zip(without, returns[place], strict=True):
                    for step in range(q):
                        walks.addcmul_(back[q - 1 - step], other[step], value=-1)
                without[place].append(walks)
        return onward, without

    def _losses(self, onward: Walks, without: Walks) -> Tensor:
        """Closed walks that each vertex would lose, [c, n]."""
        loss = torch.zeros_like(onward[0][0])
        for from_head, to_tail in zip(onward, without, strict=True):
            for q in range(self.depth):
                loss.addcmul_(to_tail[q], from_head[self.depth - 1 - q])
        return loss


def _walk_counts(graph: CanonicalGraph, depth: int) -> tuple[list[Tensor], Tensor]:
    """A^0, ..., A^{L-1} and the entries of the tuple: float64 if all are below 2^53, else int64."""
    n, directed = graph.num_nodes, graph.directed
    edges = graph.edges.cpu().numpy()
    most = most_walks(edges, n, depth, directed=directed)
    kind = torch.float64 if most < FLOAT_EXACT else torch.int64
    matrix = adjacency(edges, n, directed=directed)
    power = np.eye(n, dtype=np.int64)
    powers = [torch.from_numpy(power).to(graph.device, kind)]
    for _ in range(1, depth):
        power = matrix @ power
        powers.append(torch.from_numpy(power).to(graph.device, kind))
    value = num_closed_walks(edges, n, depth, directed=directed)
    return powers, torch.from_numpy(value).to(graph.device, kind)
