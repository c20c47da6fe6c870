"""Dense matrices of walk counts for directed graphs, as in `wis.methods.k_wis.dense_walks`.

For a batch of arcs (i, j) what counts are row j and column i of the powers of A: w_q = (A^q)ᵀ e_j,
the walks from the head, and u_q = A^q e_i, those to the tail. The numbers g_q = (A^q)_ji say how
often a walk returns from the head to the tail. Walks to the tail that do without the arc follow by

    u'_q = u_q - Σ_{l<q} g_{q-1-l} u'_l,

the closed walks of length L that a vertex t loses are Σ_q u'_q[t] w_{L-1-q}[t], and once an arc
goes, A^q loses the outer products Σ_{l<q} u'_l w_{q-1-l}ᵀ: corrections of rank one where an
undirected edge takes rank two. `wis.methods.k_wis.closed_arc_walks` derives what a tuple's entries
are.
"""

from __future__ import annotations

import torch
from torch import Tensor

from wis.graph import CanonicalGraph, DirectedGraph
from wis.methods.k_wis.closed_walks import FLOAT_EXACT, adjacency, most_walks, num_closed_walks
from wis.methods.k_wis.ranking_by_signature import Ranked


def walk_counts(graph: CanonicalGraph, depth: int) -> tuple[list[Tensor], Tensor]:
    """The powers A^0, ..., A^{L-1}, each [n, n], and the entries of the tuple, [n].

    They are float64 while all are below 2^53, else int64; on the graph's device.
    """
    n, directed = graph.num_nodes, graph.directed
    edges = graph.edges.cpu().numpy()
    most = most_walks(edges, n, depth, directed=directed)
    kind = torch.float64 if most < FLOAT_EXACT else torch.int64
    matrix = adjacency(edges, n, directed=directed)
    power = torch.eye(n, dtype=torch.int64, device="cpu").numpy()
    powers = [torch.from_numpy(power).to(graph.device, kind)]
    for _ in range(1, depth):
        power = matrix @ power
        powers.append(torch.from_numpy(power).to(graph.device, kind))
    value = num_closed_walks(edges, n, depth, directed=directed)
    return powers, torch.from_numpy(value).to(graph.device, kind)


class DenseArcWalks:
    """The walk-count matrices of a directed graph.

    Attributes:
        powers: A^0, ..., A^{L-1}, each [n, n].
        value: [n], closed walks of length L at each vertex, 0 where no arc enters it.
    """

    def __init__(self, graph: DirectedGraph, depth: int) -> None:
        self.powers, self.value = walk_counts(graph, depth)
        self.in_degree = graph.in_degree.clone()
        self.edges, self.depth = graph.edges, depth

    def changes(self, edge: Tensor) -> Ranked:
        """What the loss of each of some arcs, int64 [c], would do."""
        i, j = self.edges[:, edge]
        onward, without = self._walks(i, j)
        loss = self._losses(onward, without)
        row = torch.arange(edge.numel(), device=edge.device)
        alone = self.in_degree[j] == 1  # no arc enters it any more: down to 0
        loss[row[alone], j[alone]] = self.value[j[alone]]
        row, vertex = loss.nonzero(as_tuple=True)
        old = self.value[vertex].long()
        new = old - loss[row, vertex].long()
        return Ranked.of_entries(edge, row, new, old)

    def remove(self, edges: list[int]) -> None:
        """Take arcs out, one after the other."""
        for edge in edges:
            i, j = self.edges[:, edge]
            onward, without = self._walks(i[None], j[None])
            self.value -= self._losses(onward, without)[0]
            self.in_degree[j] -= 1
            if not self.in_degree[j]:
                self.value[j] = 0
            rows, columns = (part[-1][0].nonzero()[:, 0] for part in (without, onward))
            for q in range(1, self.depth):
                block = self.powers[q][rows[:, None], columns]
                for step in range(q):
                    back = q - 1 - step
                    block -= torch.outer(without[step][0, rows], onward[back][0, columns])
                self.powers[q][rows[:, None], columns] = block

    def _walks(self, i: Tensor, j: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """w_q and u'_q for each q and arc, [c, n]."""
        onward = [power[j] for power in self.powers]
        returns = [walks.gather(1, i[:, None]) for walks in onward]
        without: list[Tensor] = []
        for q, power in enumerate(self.powers):
            walks = power[:, i].T.contiguous()
            for step in range(q):
                walks.addcmul_(returns[q - 1 - step], without[step], value=-1)
            without.append(walks)
        return onward, without

    def _losses(self, onward: list[Tensor], without: list[Tensor]) -> Tensor:
        """Closed walks that each vertex would lose, [c, n]."""
        loss = torch.zeros_like(onward[0])
        for q in range(self.depth):
            loss.addcmul_(without[q], onward[self.depth - 1 - q])
        return loss
