"""The certificate of ``wis``: no edge that was left was better than the one that went.

For walks of length 1 in undirected graphs every step is checked, by
`wis.methods.one_wis.certificate`, or for the relaxed rule by
`wis.methods.one_wis.relaxed_certificate`. These take about as long as the order itself.

For all others a step is checked by Algorithm 1 as it stands: the walk indices that the loss of each
remaining edge would leave are computed (`wis.methods.k_wis.certificate_walks`), and the sorted
tuple of each edge is compared with that of the edge that went. A seeded sample of steps is checked
that way. To look at all edges anew at every step would take hours where there are thousands. So if
all steps of a long order are asked for, an edge is looked at again only when that could matter:

1. *Codes.* The tuples of two edges agree in all entries that neither lowers, and of the values that
   they do not hold equally often the smallest decides. So each edge has a *code*: for each value,
   by rising value, whether the tuple without the edge holds more or fewer entries of it than the
   present tuple, and how many. Codes compare as the sorted tuples do (`codes_of`).
2. *When a code can change.* Only if an edge that goes lowers the walk index of a vertex whose walk
   index the code's edge lowers. As edges go, these vertices become fewer, the ends of the edge
   excepted. So one list for each vertex, of the edges whose losses lower its walk index at the
   beginning, serves all steps.
3. *When that matters.* The loss of an undirected edge lowers the walk index of both ends, and the
   values left there only fall as other edges go. So the smaller of these two values when the edge
   was last looked at bounds from above how good its code can have become. The edge is looked at
   again only if this bound beats the edge that went. A directed graph has no such bound: an arc
   that is on no closed walk costs nothing.

In batches an edge is compared, by the graph at the beginning of its batch, with all edges that are
left and were not listed before it; edges of the same tuple are listed by their ids within a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heapify, heappop, heappush

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wis.base.checks import check_walk_length, checked_factor, checked_integer
from wis.base.progress import Progress, silent
from wis.errors import OptionError
from wis.graph import CanonicalGraph, UndirectedGraph
from wis.methods.certificates import (
    MOST_STEPS,
    Checked,
    Fault,
    StepChoice,
    check_steps,
    fault_of,
    first_fault_by_keys,
    in_batches,
)
from wis.methods.k_wis.certificate_walks import (
    EDGES_AT_A_TIME,
    CommonNeighbours,
    WalksByProducts,
    check_range,
)
from wis.methods.one_wis.certificate import check_batches, first_non_greedy_step
from wis.methods.one_wis.relaxed_certificate import check_relaxed_order

Ints = NDArray[np.int64]
Code = tuple[int, ...]


def check_order(
    graph: CanonicalGraph,
    edge_ids: Tensor,
    *,
    progress: Progress = silent,
    choice: StepChoice | None = None,
    made_with: int | None = None,
    walk_length: int = 1,
    batch_size: int = 1,
    epsilon: float = 0.0,
    last: Ints | None = None,
    **options: object,
) -> Checked:
    """Check that the steps of an order, or of the beginning of one, are greedy.

    Args:
        graph: The graph.
        edge_ids: int64 tensor of shape [count], distinct edge ids, first removed first.
        progress: Called with the number of steps that are checked.
        choice: Which steps, for longer walks and directed graphs.
        made_with: The seed of the phases of a relaxed order; None to check its rule alone.
        walk_length: L - 1 for a GNN of depth L.
        batch_size: How many edges went at a time.
        epsilon: How far below the best an edge may be (`wis.methods.one_wis.relaxed_rule`).
        last: int64 [m], the last step at which each edge of a protected order may go
            (`wis.methods.last_steps`); all may go at any step if not given.
        **options: Other options of the order; how it was computed does not matter.

    Returns:
        How many steps were checked, by which rule.

    Raises:
        NotGreedyError: At the first of the steps checked that is not greedy.
        OptionError: An option is impossible, or there are more than 2^62 walks.

    Cost: of a step of a sample, 4·walk_length sparse products of m rows. Of every step, these for
    the edges that are looked at again: some milliseconds, or for L = 3 of an undirected graph sets
    of common neighbours, a fraction of one.
    """
    check_walk_length(walk_length, least=1)
    checked_integer("batch_size", batch_size, 1)
    factor = checked_factor(epsilon)
    if walk_length > 1 or not isinstance(graph, UndirectedGraph):
        if factor > 1:
            raise OptionError("epsilon is for walk_length=1 in undirected graphs; leave it out")
        choice = choice or StepChoice()
        return _check_longer(graph, edge_ids, walk_length + 1, batch_size, choice, progress, last)
    if epsilon:
        if batch_size != 1:
            raise OptionError("epsilon is for batch_size=1; leave one of them out")
        return check_relaxed_order(graph, edge_ids, epsilon, made_with, progress, last)
    if batch_size == 1:
        first_non_greedy_step(graph, edge_ids, progress, last)
    else:
        check_batches(graph, edge_ids, batch_size, progress, last)
    return in_batches(edge_ids.numel(), graph.num_edges, batch_size, graph.noun)


def _check_longer(
    graph: CanonicalGraph,
    edge_ids: Tensor,
    depth: int,
    batch_size: int,
    choice: StepChoice,
    progress: Progress,
    last: Ints | None,
) -> Checked:
    compact, count = graph.without_isolated(), edge_ids.numel()
    edges, n = compact.edges.cpu().numpy(), compact.num_nodes
    check_range(edges, n, depth)

    def fault_at(
        left: Ints, open_: Ints, batch: list[int], place: int, looked_at: Progress
    ) -> Fault | None:
        walks = WalksByProducts(edges, n, depth, directed=graph.directed, left=left)
        ((_, mine),) = _codes(walks, np.array(batch[place : place + 1]))
        return fault_of(_codes(walks, open_, looked_at), mine, batch, place, stop_early=True)

    steps = choice.of(count)
    every_step = steps.size == count > MOST_STEPS
    return check_steps(
        graph,
        edge_ids,
        steps,
        batch_size=batch_size,
        fault_at=fault_at,
        replay=(lambda: CodesAsEdgesGo(compact, depth, progress)) if every_step else None,
        why="whose loss leaves larger walk indices",
        progress=progress,
        last=last,
    )


def _codes(
    walks: WalksByProducts, ids: Ints, looked_at: Progress = silent
) -> Iterator[tuple[int, Code]]:
    """Edges and their codes; a smaller code is better."""
    for start in range(0, ids.size, EDGES_AT_A_TIME):
        chunk = ids[start : start + EDGES_AT_A_TIME]
        row, vertex, loss = walks.losses(chunk)
        old = walks.value[vertex]
        yield from zip(chunk.tolist(), codes_of(chunk.size, row, old - loss, old), strict=True)
        looked_at(start + chunk.size)


def codes_of(num_edges: int, row: Ints, new: Ints, old: Ints) -> Iterator[Code]:
    """The codes of edges 0 ... num_edges - 1; a smaller code is better.

    A code has three numbers for each value that the tuple would hold more or less often than
    before, by rising value, and a 0 at its end. At the first difference of two codes:

    - more entries of a small value are worse: 1, -value, how many;
    - fewer of them are better: -1, value, minus how many;
    - the end is in between.

    Each walk index that falls has an edge, `row`, and falls from `old` to `new`; int64 [k] each.
    """
    rows, values = np.concatenate([row, row]), np.concatenate([new, old])
    order = np.lexsort((values, rows))
    rows, values = rows[order], values[order]
    # how many more entries each value of each row has
    starts = np.flatnonzero(np.diff(rows, prepend=-1) | np.diff(values, prepend=-1))
    signs = np.where(order < row.size, 1, -1)
    more = np.add.reduceat(signs, starts) if row.size else signs
    held = more != 0
    rows, values, more = rows[starts][held], values[starts][held], more[held]
    numbers = np.stack([np.sign(more), -np.sign(more) * values, more], axis=1).ravel().tolist()
    ends = 3 * np.cumsum(np.bincount(rows, minlength=num_edges))
    start = 0
    for end in ends.tolist():
        yield (*numbers[start:end], 0)
        start = end


class CodesAsEdgesGo:
    """The codes of edges as others go: the `Replay` of an order of ``wis``.

    Attributes:
        code: For each edge its code when last looked at; a bound of it while it is stale.
        stale: bool [m], whether the code may have changed.
        bound: int64 [m], the smaller value left at the ends when last looked at; undirected only.
        listed: Whether the edge has come up in the order, or may not go any more.
        heap: (code or bound, edge id); an entry counts as long as that is the edge's `code`.
        concerned: For each vertex the edges whose codes may change with its walk index: where each
            list starts, and all lists one after the other.
    """

    def __init__(self, graph: CanonicalGraph, depth: int, progress: Progress = silent) -> None:
        self.edges = graph.edges.cpu().numpy()
        self.directed = graph.directed
        m = self.edges.shape[1]
        n = graph.num_nodes
        self.walks: WalksByProducts | CommonNeighbours = (
            CommonNeighbours(self.edges, n)
            if depth == 3 and not self.directed
            else WalksByProducts(self.edges, n, depth, directed=self.directed)
        )
        self.stale = np.zeros(m, dtype=bool)
        self.listed = [False] * m
        self.bound = np.zeros(m, dtype=np.int64)
        self.code: list[Code] = [()] * m
        # an edge concerns the vertices that it takes walks from, and its own ends
        every = np.arange(m)
        rows, vertices = [every, every], [*self.edges]
        for start in range(0, m, EDGES_AT_A_TIME):
            chunk = every[start : start + EDGES_AT_A_TIME]
            row, vertex = self._look_at(chunk)
            rows.append(chunk[row])
            vertices.append(vertex)
            progress(0)  # no step is done, but a log shows that it goes on
        vertex = np.concatenate(vertices)
        num_edges = np.bincount(vertex, minlength=n)
        starts = np.concatenate([[0], np.cumsum(num_edges)])
        self.concerned = starts, np.concatenate(rows)[np.argsort(vertex, kind="stable")]
        self.heap = [(code, edge) for edge, code in enumerate(self.code)]
        heapify(self.heap)

    def fault_in(self, batch: list[int], before: Callable[[int], None]) -> Fault | None:
        """The first wrong place of a batch, by the graph at its beginning."""
        self._refresh([edge for edge in batch if self.stale[edge]])
        codes = [self.code[edge] for edge in batch]
        return first_fault_by_keys(codes, batch, self._better_than, self.listed, before)

    def remove(self, batch: list[int]) -> None:
        """Take the edges of a batch away; the codes of others become bounds."""
        changed = self.walks.remove(batch)
        vertices = np.unique(np.concatenate([changed, self.edges[:, batch].reshape(-1)]))
        start, edge = self.concerned
        around = np.concatenate([edge[start[v] : start[v + 1]] for v in vertices.tolist()])
        for stale in np.unique(around[~self.stale[around]]).tolist():
            if self.listed[stale]:
                continue
            self.stale[stale] = True
            self.code[stale] = () if self.directed else (1, -int(self.bound[stale]))
            heappush(self.heap, (self.code[stale], stale))

    def close(self, edges: Ints) -> None:
        """Leave edges out of the choice that stay."""
        for edge in edges.tolist():
            self.listed[edge] = True

    def _better_than(self, code: Code) -> int | None:
        """An edge that is left and not listed with a better code."""
        while True:
            again = []
            while self.heap and self.heap[0][0] < code:
                known, edge = self.heap[0]
                if self.listed[edge] or known != self.code[edge]:
                    heappop(self.heap)
                elif self.stale[edge]:
                    heappop(self.heap)
                    again.append(edge)
                else:
                    return edge
            if not again:
                return None
            self._refresh(again)

    def _refresh(self, ids: list[int]) -> None:
        for start in range(0, len(ids), EDGES_AT_A_TIME):
            self._look_at(np.array(ids[start : start + EDGES_AT_A_TIME]))
        for edge in ids:
            self.stale[edge] = False
            heappush(self.heap, (self.code[edge], edge))

    def _look_at(self, ids: Ints) -> tuple[Ints, Ints]:
        """Compute the codes of edges; returns the rows and vertices of their losses."""
        row, vertex, loss = self.walks.losses(ids)
        old = self.walks.value[vertex]
        new = old - loss
        if not self.directed:
            at_end = (vertex == self.edges[0, ids[row]]) | (vertex == self.edges[1, ids[row]])
            least = np.full(ids.size, np.iinfo(np.int64).max)
            np.minimum.at(least, row[at_end], new[at_end])
            self.bound[ids] = least
        for edge, code in zip(ids.tolist(), codes_of(ids.size, row, new, old), strict=True):
            self.code[edge] = code
        return row, vertex
