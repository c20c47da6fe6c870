"""The certificate of 1-WIS in batches: every step, by a heap of keys that only fall.

The B best edges by the degrees at the beginning of a batch go at once (Algorithm 2 with the batches
of Appendix D.6.2.2). They are listed best first, those of equal keys by edge id. So an edge must
have the largest key (smaller, larger degree) of all that are left and not listed before it. Which
of several edges of the same key go is left open; how they are listed is not. Nothing is shared with
the code that makes orders.
"""

from __future__ import annotations

from heapq import heapify, heappop, heapreplace

import numpy as np
from torch import Tensor

from wis.base.progress import Progress, silent
from wis.graph import UndirectedGraph
from wis.methods.certificates import Fault, first_of, first_tie_out_of_place


def check_batches(
    graph: UndirectedGraph, edge_ids: Tensor, batch_size: int, progress: Progress = silent
) -> None:
    """Check every step of an order, or of the beginning of one.

    Args:
        graph: The graph.
        edge_ids: int64 tensor of shape [count], distinct edge ids, first removed first.
        batch_size: B.
        progress: Told the number of steps that are checked.

    Raises:
        NotGreedyError: Some step is wrong; it names the first one.

    Cost: some microseconds for each time that an edge comes up whose key has fallen since it was
        last looked at; about 250 bytes for an edge.
    """
    ids: list[int] = edge_ids.tolist()
    keys = _FallingKeys(graph)
    for start in range(0, len(ids), batch_size):
        fault = keys.fault_in(ids[start : start + batch_size], start)
        if fault is not None:
            raise fault.error(graph, edge_ids, "whose (smaller, larger) degrees are larger")
        progress(min(start + batch_size, len(ids)))


class _FallingKeys:
    """Degrees as edges go, and a heap of the keys that edges had when last looked at.

    Attributes:
        ends: The two vertices of each edge.
        degree: Current degrees, those at the beginning of a batch while it is looked through.
        listed: Whether an edge has come up in the order.
        heap: (-smaller, -larger degree, edge id). A key never rises, so the largest one on the
            heap is an upper bound for all edges that are left.
    """

    def __init__(self, graph: UndirectedGraph) -> None:
        edges = graph.edges.cpu().numpy()
        degree = np.bincount(edges.reshape(-1), minlength=graph.num_nodes)
        self.ends: list[tuple[int, int]] = list(zip(*edges.tolist(), strict=True))
        self.degree: list[int] = degree.tolist()
        self.listed = [False] * len(self.ends)
        self.heap = [(*self.key_of(edge), edge) for edge in range(len(self.ends))]
        heapify(self.heap)

    def key_of(self, edge: int) -> tuple[int, int]:
        """(-smaller degree, -larger degree) now: the least one goes first."""
        a, b = (self.degree[end] for end in self.ends[edge])
        return (-a, -b) if a < b else (-b, -a)

    def fault_in(self, batch: list[int], start: int) -> Fault | None:
        """The first wrong step of a batch that begins at step `start`; then its edges are gone."""
        fault = None
        keys = [self.key_of(edge) for edge in batch]
        for place, (key, edge) in enumerate(zip(keys, batch, strict=True)):
            best = self._best_left()
            if self.key_of(best) < key:
                fault = Fault(start + place, best)
                break
            self.listed[edge] = True
        tie = first_tie_out_of_place(keys, batch)
        for edge in batch:
            for end in self.ends[edge]:
                self.degree[end] -= 1
        return first_of(fault, tie and Fault(start + tie.step, tie.better, is_tie=True))

    def _best_left(self) -> int:
        """An edge with the largest key of those not listed."""
        while True:
            *stale, edge = self.heap[0]
            key = self.key_of(edge)
            if self.listed[edge]:
                heappop(self.heap)
            elif key != tuple(stale):
                heapreplace(self.heap, (*key, edge))
            else:
                return edge
