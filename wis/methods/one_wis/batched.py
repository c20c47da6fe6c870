"""1-WIS in batches: an approximation that removes the B best edges by the same degrees.

The thesis computes the removal order of 2-WIS so, with B = 100 (Appendix D.6.2.2): in each round
the B edges with the largest keys go at once, and degrees are brought up to date only then. Ties go
to the smallest edge id.

An edge's key never exceeds the smaller original degree of its endpoints, so a round looks only at
the edges for which that is large: a prefix of the edges, which grows until at least B of its edges
have a key that no edge outside it can reach.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from wis.base.progress import Progress
from wis.errors import OptionError
from wis.graph import UndirectedGraph
from wis.methods.guard import Guard
from wis.methods.one_wis.guarded import free_edges
from wis.methods.one_wis.levels import Peeling


def batched_order(
    graph: UndirectedGraph,
    batch_size: int,
    count: int,
    progress: Progress,
    guard: Guard | None = None,
) -> Tensor:
    """Order edges in rounds of the `batch_size` best ones.

    Args:
        graph: The graph.
        batch_size: B, edges that go in each round.
        count: Length of the order; the last round is cut.
        progress: Called with the number of edges removed.
        guard: Which edges may go; it is asked about one after the other within a round, too.

    Returns:
        int64 tensor of shape [count], shorter if no more may go, on the graph's device: within a
        round by falling key, then by edge id.

    Raises:
        OptionError: The graph is too large for packed keys (degrees and edges of 2^63 in product).

    Cost: m / B rounds, each a few passes over the edges inside A_k and a selection of B of them.
    """
    free, candidates = (graph, None) if guard is None else free_edges(graph, guard)
    state = Peeling.of(free, graph.degree)
    if candidates is not None:
        state.edge_id = candidates[state.edge_id]
    packing = _Packing.of(state, graph.num_edges)
    pool = torch.empty(0, dtype=torch.int64, device=graph.device)
    while state.num_removed < count:
        size = min(batch_size, count - state.num_removed)
        chosen = pool[:0]
        while chosen.numel() < size and (pool.numel() or state.joined < free.num_edges):
            wanted = size - chosen.numel()
            pool = _fill_pool(state, pool, wanted)
            best = torch.topk(packing.keys(state, pool), min(wanted, pool.numel())).indices
            chosen = torch.cat([chosen, _that_go(state, pool[best], guard)])
            left = torch.ones_like(pool, dtype=torch.bool)
            left[best] = False
            pool = pool[left]
        if not chosen.numel():
            break
        minus = torch.full_like(chosen, -1)
        state.degree.scatter_add_(0, state.stronger[chosen].long(), minus)
        state.degree.scatter_add_(0, state.weaker[chosen].long(), minus)
        state.record(chosen)
        progress(state.num_removed)
    return state.result(count)


def _that_go(state: Peeling, chosen: Tensor, guard: Guard | None) -> Tensor:
    """Those of the chosen edges that may go, one after the other."""
    if guard is None:
        return chosen
    may_go = [guard.removes(edge) for edge in state.edge_id[chosen].tolist()]
    return chosen[torch.tensor(may_go, device=chosen.device)]


def _smaller_degree(state: Peeling, pool: Tensor) -> Tensor:
    return torch.minimum(state.degree[state.stronger[pool]], state.degree[state.weaker[pool]])


def _fill_pool(state: Peeling, pool: Tensor, batch_size: int) -> Tensor:
    """Add edges by falling original level until the best B of the pool are the best B of all."""
    total = state.edge_id.numel()
    while state.joined < total:
        outside = state.next_entry()  # no edge outside the pool has a larger smaller degree
        if pool.numel() and int((_smaller_degree(state, pool) > outside).sum()) >= batch_size:
            return pool
        end = int(state.edges_at[outside])
        entering = torch.arange(state.joined, end, device=pool.device)
        pool = torch.cat([pool, entering])
        state.joined = end
    return pool


@dataclass(frozen=True)
class _Packing:
    """Keys and edge ids in one int64, larger for the edges that go first."""

    larger_bits: int
    id_bits: int

    @classmethod
    def of(cls, state: Peeling, num_edges: int) -> _Packing:
        top = int(state.original[0]) if state.original.numel() else 0
        larger_bits, id_bits = top.bit_length(), num_edges.bit_length()
        if state.level.bit_length() + larger_bits + id_bits > 63:
            raise OptionError("the graph is too large for batch_size > 1; use batch_size=1")
        return cls(larger_bits, id_bits)

    def keys(self, state: Peeling, pool: Tensor) -> Tensor:
        a, b = state.degree[state.stronger[pool]], state.degree[state.weaker[pool]]
        key = (torch.minimum(a, b) << self.larger_bits) | torch.maximum(a, b)
        return (key << self.id_bits) | ((1 << self.id_bits) - 1 - state.edge_id[pool])
