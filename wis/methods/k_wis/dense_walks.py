"""(L-1)-WIS with dense matrices of walk counts: tensor operations alone, on any device.

The powers A^1, ..., A^{L-1} of the adjacency matrix (all self-loops included) are kept. An edge is
r arcs (i, j), as in `wis.methods.k_wis.closed_walks`, and its loss is an update of rank r. For a
batch of edges the rows j and the columns i of the powers are enough: w_q = (A^q)ᵀ e_j, the walks
from each head, and u_q = A^q e_i, those to each tail. With E = Σ_a e_i e_jᵀ, from A'^q = A^q -
Σ_{l<q} A'^l E A^{q-1-l} follow the walks to the tail of arc a that do without the edge,

    u'_q = u_q - Σ_b Σ_{l<q} g_{q-1-l} u'_l of arc b,   g_s = (A^s) from the head of b to that tail.

The closed walks of length L that each vertex t loses are Σ_a Σ_q u'_q[t] w_{L-1-q}[t], and once
edges go, A^q loses the outer products Σ_a Σ_{l<q} u'_l w_{q-1-l}ᵀ over the arcs of all of them: a
few products of matrices for a whole round. Walks of length 0 are at one vertex, so those terms are
one entry, row or column. The host waits for the device some times a round, not once for each edge.

The best edges of a batch are found by their signatures (`wis.methods.k_wis.signatures`),
and compete with those of the next batch.

Everything is an integer below 2^53 in float64, or else int64, so the result is exact and the same
on every device. For small dense graphs and long walks; each round looks at every edge.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from wis.errors import OptionError
from wis.graph import CanonicalGraph
from wis.graph.walks import adjacency, most_walks
from wis.methods.k_wis.closed_walks import FLOAT_EXACT
from wis.methods.k_wis.signatures import Ranked

_LOG = logging.getLogger(__name__)
ENTRIES_ON_CPU = 1 << 17
"""Entries of a [c, n] tensor on a CPU: 1 MiB, so that the tensors in use stay in its cache."""
ENTRIES_ELSEWHERE = 1 << 24
"""Entries on a GPU: 128 MiB, so that few kernels are started."""
DIGIT = 21
MOST_TERMS = 1 << 11
"""Products of two digits are below 2^42, and sums of this many below 2^53."""


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


def dense_steps(
    graph: CanonicalGraph, depth: int, batch_size: int, limit_bytes: int
) -> Iterator[list[int]]:
    """The greedy order, `batch_size` edges at a time, as `lazy_steps`.

    Raises:
        OptionError: More memory than `limit_bytes`, or numbers of walks that could pass 2^61.

    Cost: a round for each batch, O(m n L²) operations.
    """
    at_a_time, total_bytes = dense_plan(graph, depth, limit_bytes)
    _LOG.info("engine dense: will use up to %.2g GiB", total_bytes / 2**30)
    state = DenseWalks(graph, depth)
    left = torch.arange(graph.num_edges, device=graph.device)
    is_left = torch.ones_like(left, dtype=torch.bool)
    while left.numel():
        rivals = (state.changes(chunk) for chunk in torch.split(left, at_a_time))
        best = functools.reduce(lambda a, b: a.joined(b).first(batch_size), rivals)
        best = best.first(batch_size)
        yield best.edge.tolist()
        state.remove(best.edge)
        is_left[best.edge] = False
        left = is_left.nonzero()[:, 0]


class DenseWalks:
    """The walk-count matrices.

    Attributes:
        powers: A^q for q = 1, ..., L-1, each [n, n]; A^0 is known.
        into: The same, transposed in a directed graph.
        value: [n], closed walks of length L at each vertex, 0 where nothing enters it.
        entering: int64 [n], edges at each vertex, or arcs into it.
        arcs: For each of the r arcs of an edge its tails and heads, int64 [m] each.
    """

    def __init__(self, graph: CanonicalGraph, depth: int) -> None:
        self.depth = depth
        self.powers = self.into = _walk_counts(graph, depth)
        u, v = graph.edges
        self.arcs = [(u, v), (v, u)]
        if graph.directed:
            self.arcs = [(u, v)]
            self.into = {q: power.T for q, power in self.powers.items()}
        heads = torch.cat([head for _, head in self.arcs])
        self.entering = torch.bincount(heads, minlength=graph.num_nodes)
        self.value = self._closed_walks()

    def changes(self, edge: Tensor) -> Ranked:
        """The signatures of some edges, int64 [c]."""
        loss = self._losses([(tail[edge, None], head[edge, None]) for tail, head in self.arcs])
        row, vertex = loss.nonzero(as_tuple=True)
        old = self.value[vertex].long()
        return Ranked.of_entries(edge, row, old - loss[row, vertex].long(), old)

    def remove(self, edges: Tensor) -> None:
        """Remove edges, int64 [b]: an update of rank r b, by products of matrices."""
        tails, heads = (torch.cat([arc[end][edges] for arc in self.arcs]) for end in (0, 1))
        back = {q: self._returns(q, heads[:, None], tails) for q in range(self.depth)}
        onward = {q: power[heads] for q, power in self.powers.items()}
        # A'^q e_i as columns, and the walks w_q from each head as rows
        without: dict[int, Tensor] = {}
        for q in range(1, self.depth):
            without[q] = self.into[q][tails].T.contiguous()
            without[q].index_add_(0, tails, back[q - 1], alpha=-1)
            for step in range(1, q):
                without[q] -= _product(without[step], back[q - 1 - step])
        self._lower_powers(tails, heads, onward, without)
        self.entering.index_add_(0, heads, torch.ones_like(heads), alpha=-1)
        self.value = self._closed_walks()

    def _closed_walks(self) -> Tensor:
        """(A^L)_tt by row t of a power of A and of one of Aᵀ; 0 where nothing enters."""
        half = self.depth // 2
        walks = (self.powers[self.depth - half] * self.into[half]).sum(1)
        return walks.masked_fill_(self.entering == 0, 0)

    def _returns(self, q: int, start: Tensor, end: Tensor) -> Tensor:
        """(A^q)_{start, end}."""
        return self.powers[q][start, end] if q else (start == end).to(self.value.dtype)

    def _losses(self, arcs: list[tuple[Tensor, Tensor]]) -> Tensor:
        """Closed walks that each vertex would lose, [c, n], by edges whose ends are [c, 1] each."""
        depth = self.depth
        # w_q and u'_q; those of length 0 are at one vertex
        onward = [{q: self.powers[q][head[:, 0]] for q in range(1, depth - 1)} for _, head in arcs]
        without: list[dict[int, Tensor]] = [{} for _ in arcs]
        back = {
            (a, b, q): self._returns(q, head, tail)
            for a, (tail, _) in enumerate(arcs)
            for b, (_, head) in enumerate(arcs)
            for q in range(depth)
        }
        loss = self.value.new_zeros(arcs[0][0].size(0), self.value.numel())
        for q in range(1, depth - 1):
            for a, (tail, _) in enumerate(arcs):
                walks = without[a][q] = self.into[q][tail[:, 0]]
                for b, (other, _) in enumerate(arcs):
                    walks.scatter_add_(1, other, -back[a, b, q - 1])
                    for step in range(1, q):
                        walks.addcmul_(back[a, b, q - 1 - step], without[b][step], value=-1)
                loss.addcmul_(walks, onward[a][depth - 1 - q])
        for a, (tail, head) in enumerate(arcs):
            last = back[a, a, depth - 1].clone()
            for b, (other, _) in enumerate(arcs):
                last -= back[a, b, depth - 2] * (other == head)
                for step in range(1, depth - 1):
                    last -= back[a, b, depth - 2 - step] * without[b][step].gather(1, head)
            loss.scatter_add_(1, tail, back[a, a, depth - 1]).scatter_add_(1, head, last)
        for _, head in arcs:  # where nothing else enters, down to 0
            lost = torch.where(self.entering[head] == 1, self.value[head], loss.gather(1, head))
            loss.scatter_(1, head, lost)
        return loss

    def _lower_powers(
        self, tails: Tensor, heads: Tensor, onward: dict[int, Tensor], without: dict[int, Tensor]
    ) -> None:
        """A^q loses Σ_a Σ_{l<q} u'_l w_{q-1-l}ᵀ; walks of length 0 touch one row or column."""
        minus = self.value.new_full(tails.shape, -1)
        self.powers[1].index_put_((tails, heads), minus, accumulate=True)
        for q in range(2, self.depth):
            self.powers[q].index_add_(0, tails, onward[q - 1], alpha=-1)
            self.powers[q].index_add_(1, heads, without[q - 1], alpha=-1)
        if self.depth > 3:  # the others start and end near the edges
            longest = self.depth - 3
            near = without[longest].any(1) | onward[longest].any(0)
            near = near.nonzero()[:, 0]
            onward = {q: onward[q][:, near] for q in range(1, longest + 1)}
            without = {q: without[q][near] for q in range(1, longest + 1)}
        for q in range(3, self.depth):
            block = self.powers[q][near[:, None], near]
            for step in range(1, q - 1):
                block -= _product(without[step], onward[q - 1 - step])
            self.powers[q][near[:, None], near] = block


def _product(a: Tensor, b: Tensor) -> Tensor:
    """The matrix product; of int64 by products of 21-bit digits, as GPUs have none of int64.

    All numbers are 0 or more, and the sums below 2^61.
    """
    if a.is_floating_point():
        return a @ b
    total = a.new_zeros(a.size(0), b.size(1))
    pieces = torch.split(a, MOST_TERMS, 1), torch.split(b, MOST_TERMS, 0)
    for left, right in zip(*pieces, strict=True):
        digits = [
            [(x >> DIGIT * k & (1 << DIGIT) - 1).double() for k in range(3)] for x in (left, right)
        ]
        for i, x in enumerate(digits[0]):
            for j, y in enumerate(digits[1][: 3 - i]):
                total += (x @ y).long() << DIGIT * (i + j)
    return total


def _walk_counts(graph: CanonicalGraph, depth: int) -> dict[int, Tensor]:
    """A^1, ..., A^{L-1}: float64 if all numbers of walks are below 2^53, else int64."""
    n, directed = graph.num_nodes, graph.directed
    edges = graph.edges.cpu().numpy()
    most = most_walks(edges, n, depth, directed=directed)
    kind = torch.float64 if most < FLOAT_EXACT else torch.int64
    matrix = adjacency(edges, n, directed=directed)
    power = np.eye(n, dtype=np.int64)
    powers: dict[int, Tensor] = {}
    for q in range(1, depth):
        power = matrix @ power
        powers[q] = torch.from_numpy(power).to(graph.device, kind)
    return powers
