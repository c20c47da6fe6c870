"""(L-1)-WIS with dense matrices of walk counts: tensor operations alone, on any device.

The powers A^0, ..., A^{L-1} of the adjacency matrix (all self-loops included) are kept. For a batch
of edges {i, j} their rows i and j say everything: with p_q = A^q e_i and r_q = A^q e_j, walks that
do without the edge follow from

    p'_q = p_q - Σ_{l<q} p'_l[j] p_{q-1-l} + p'_l[i] r_{q-1-l},   r'_q likewise,

and the closed walks of length L that each vertex t loses are Σ_q p'_q[t] r_{L-1-q}[t] + r'_q[t]
p_{L-1-q}[t] (see `wis.methods.k_wis.closed_walks`). Once an edge goes, A^q loses the outer products
Σ_{l<q} p'_l r_{q-1-l}ᵀ + r'_l p_{q-1-l}ᵀ.

The best edges of a batch are found by their signatures (`wis.methods.k_wis.ranking_by_signature`),
and compete with those of the next batch. `wis.methods.k_wis.dense_arc_walks` does the same for
directed graphs.

Everything is an integer below 2^53 in float64, or else int64, so the result is exact and the same
on every device. For small dense graphs and long walks; each round looks at every edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from wis.base.progress import Progress
from wis.errors import OptionError
from wis.graph import CanonicalGraph, DirectedGraph, UndirectedGraph
from wis.methods.k_wis.dense_arc_walks import DenseArcWalks, walk_counts
from wis.methods.k_wis.ranking_by_signature import Ranked

ENTRIES_ON_CPU = 1 << 17
ENTRIES_ELSEWHERE = 1 << 24


@dataclass(frozen=True)
class DensePlan:
    """What the engine will need.

    Attributes:
        matrix_bytes: The walk-count matrices.
        edge_bytes: Working memory for each edge that is looked at at a time.
        edges_at_a_time: How many that are.
    """

    matrix_bytes: int
    edge_bytes: int
    edges_at_a_time: int

    @classmethod
    def of(cls, graph: CanonicalGraph, depth: int, limit_bytes: int) -> DensePlan:
        """Divide a memory limit up; on a CPU no more edges at a time than its caches hold.

        Raises:
            OptionError: The matrices alone, or with one edge, do not fit.
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
        return cls(matrix_bytes, edge_bytes, max(1, min(num_edges, room // edge_bytes, fastest)))

    @property
    def total_bytes(self) -> int:
        """Peak memory above the input."""
        return self.matrix_bytes + self.edge_bytes * self.edges_at_a_time


def dense_order(
    graph: UndirectedGraph | DirectedGraph,
    depth: int,
    count: int,
    batch_size: int,
    limit_bytes: int,
    progress: Progress,
) -> Tensor:
    """The first `count` edges of the greedy order; ties go to the smallest edge id.

    Args:
        graph: The graph, undirected or directed, on the device where to compute.
        depth: L, 2 or more.
        count: Length of the order.
        batch_size: How many go at a time, by the graph at the beginning of the round; 1 is exact.
        limit_bytes: Memory that may be used, see `DensePlan`.
        progress: Told the number of edges removed.

    Returns:
        int64 tensor of shape [count] on the graph's device.

    Raises:
        OptionError: Too little memory, or numbers of walks that could pass 2^61.

    Cost: count / batch_size rounds of O(m n L²) operations.
    """
    plan = DensePlan.of(graph, depth, limit_bytes)
    state = _state_of(graph, depth)
    left = torch.arange(graph.num_edges, device=graph.device)
    order: list[Tensor] = []
    done = 0
    while done < count:
        size = min(batch_size, count - done)
        best = Ranked.none(graph.device)
        for chunk in torch.split(left, plan.edges_at_a_time):
            best = best.joined(state.changes(chunk)).first(size)
        state.remove(best.edge.tolist())
        left = left[~torch.isin(left, best.edge)]
        order.append(best.edge)
        done += size
        progress(done)
    return torch.cat(order) if order else left[:0]


def _state_of(graph: UndirectedGraph | DirectedGraph, depth: int) -> DenseWalks | DenseArcWalks:
    if isinstance(graph, DirectedGraph):
        return DenseArcWalks(graph, depth)
    return DenseWalks(graph, depth)


class DenseWalks:
    """The walk-count matrices.

    Attributes:
        powers: A^0, ..., A^{L-1}, each [n, n].
        value: [n], closed walks of length L at each vertex, 0 where isolated.
    """

    def __init__(self, graph: UndirectedGraph, depth: int) -> None:
        self.powers, self.value = walk_counts(graph, depth)
        self.degree = graph.degree.clone()
        self.edges, self.depth = graph.edges, depth

    def changes(self, edge: Tensor) -> Ranked:
        """What the loss of each of some edges, int64 [c], would do."""
        i, j = self.edges[:, edge]
        p, r, q_p, q_r = self._walks(i, j)
        loss = torch.zeros_like(p[0])
        for q in range(self.depth):
            back = self.depth - 1 - q
            loss.addcmul_(q_p[q], r[back]).addcmul_(q_r[q], p[back])
        row = torch.arange(edge.numel(), device=edge.device)
        for end in (i, j):
            alone = self.degree[end] == 1  # isolated: down to 0
            loss[row[alone], end[alone]] = self.value[end[alone]]
        row, vertex = loss.nonzero(as_tuple=True)
        old = self.value[vertex].long()
        new = old - loss[row, vertex].long()
        return Ranked.of_entries(edge, row, new, old)

    def _walks(
        self, i: Tensor, j: Tensor
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]:
        """p_q, r_q, p'_q, r'_q for each q and edge, [c, n]."""
        p = [power[i] for power in self.powers]
        r = [power[j] for power in self.powers]
        return p, r, self._without(p, r, p, i, j), self._without(p, r, r, i, j)

    def _without(
        self, p: list[Tensor], r: list[Tensor], start: list[Tensor], i: Tensor, j: Tensor
    ) -> list[Tensor]:
        """Walks from one end that do without the edge."""
        without: list[Tensor] = []
        at_i: list[Tensor] = []
        at_j: list[Tensor] = []
        for q in range(self.depth):
            walks = start[q].clone() if q else start[q]
            for step in range(q):
                walks.addcmul_(at_j[step], p[q - 1 - step], value=-1)
                walks.addcmul_(at_i[step], r[q - 1 - step], value=-1)
            without.append(walks)
            at_i.append(walks.gather(1, i[:, None]))
            at_j.append(walks.gather(1, j[:, None]))
        return without

    def remove(self, edges: list[int]) -> None:
        """Take edges out, one after the other."""
        for edge in edges:
            i, j = self.edges[:, edge]
            p, r, q_p, q_r = self._walks(i[None], j[None])
            self._lower_value(p, r, q_p, q_r, i, j)
            near = (p[-1][0] + r[-1][0]).nonzero()[:, 0]
            for q in range(self.depth - 1, 0, -1):
                block = self.powers[q][near[:, None], near]
                for step in range(q):
                    back = q - 1 - step
                    block -= torch.outer(q_p[step][0, near], r[back][0, near])
                    block -= torch.outer(q_r[step][0, near], p[back][0, near])
                self.powers[q][near[:, None], near] = block

    def _lower_value(
        self,
        p: list[Tensor],
        r: list[Tensor],
        q_p: list[Tensor],
        q_r: list[Tensor],
        i: Tensor,
        j: Tensor,
    ) -> None:
        for q in range(self.depth):
            back = self.depth - 1 - q
            self.value -= (q_p[q] * r[back] + q_r[q] * p[back])[0]
        for end in (i, j):
            self.degree[end] -= 1
            if not self.degree[end]:
                self.value[end] = 0
