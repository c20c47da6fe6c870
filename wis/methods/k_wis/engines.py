"""Walk Index Sparsification by walks: the engines for ``walk_length`` above 1 and for arcs.

- ``local`` looks at an edge only when an upper bound says that it could be next, on the CPU
  (`wis.methods.k_wis.lazy_greedy`). 2-WIS needs only common neighbours, and walks of length 1 in
  directed graphs only degrees (`one_step_arcs`).
- ``dense`` (`wis.methods.k_wis.dense_walks`) looks at all edges in each round, with matrices on the
  graph's device. It suits small dense graphs, long walks and large batches.
- ``auto`` takes the engine with the lower estimate. Let d be the mean degree of the end of an edge.
  The ball around an edge has about k = min(n, 2·d^⌊(L-1)/2⌋) vertices. The estimate for ``local``
  is 11·m·(10⁻⁴ + 4·10⁻⁹·L·k²) seconds, or 11·m·(2·10⁻⁵ + 10⁻⁷·d) for L = 3. The estimate for
  ``dense`` is m / batch_size · (10⁻³ + 3·10⁻⁹·m·n·L²), with a hundredth of the second term on a
  GPU. ``dense`` is excluded if it needs more than the memory limit. Each term is the cost of the
  algorithm times a factor that was fitted by hand; 11 is the number of looks at an edge in a whole
  order. The estimates are right in order of magnitude, which is enough to choose an engine: for
  Cora and L = 3, 4, 5 the estimate for ``local`` is 1.2, 6.3, 72 s, and the measured time 0.2, 2,
  4 s (`benchmarks/README.md`); the estimate for ``dense`` is over half an hour.

Orders among the edges that may go (`wis.methods.guard`) are made by ``local`` alone.

In directed graphs ``auto`` always takes ``local`` for walks of length 1. For longer walks it uses
the same estimate, with d the mean degree at which a circuit through an arc goes on. The estimate
for ``local`` is up to ten times too high where most arcs are on no circuit, since the engine looks
at such arcs about once.

Source: Algorithm 1, Appendices D.2 and D.5 of the thesis; arXiv:2211.16494.

`one_step_arcs` is 1-WIS of a directed graph: the arcs that cost nothing, then 1-WIS of reciprocal
pairs. With all self-loops, (A²)_tt = 1 + r_t, where r_t is the number of reciprocal neighbours of
t, which t has arcs to and from. The entry of t in the tuple is v_t = 1 + r_t, or 0 if no arc enters
t (`wis.methods.k_wis.closed_walks`). So the loss of an arc (i, j) takes 1 from v_i and from v_j if
its reverse is there, and all that is left of v_j if it is the last arc into j. There are four kinds
of arcs, each better than the next:

1. neither reciprocal nor last: costs nothing;
2. reciprocal, not last: leaves v_i - 1 and v_j - 1, which are 1 or more; first the larger min(v_i,
   v_j), then the larger max(v_i, v_j), as in Algorithm 2;
3. last, not reciprocal: v_j falls from 1 to 0;
4. both: v_j falls from 2 to 0 and v_i by 1; first the larger v_i.

Within a kind ties go to the smallest edge id. Values and in-degrees only fall, and the loss of an
arc makes no arc better but its reverse, which is no longer reciprocal and is filed anew at once;
others are filed anew when they come up. Arcs of the second kind are grouped by the smaller value
and the end with the larger one, so that the fall of a hub changes one entry, not one for each arc.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wis.base.arrays import single_threaded
from wis.base.progress import Progress
from wis.errors import OptionError
from wis.graph import CanonicalGraph, DirectedGraph, UndirectedGraph
from wis.graph.triangles import num_common_neighbours
from wis.methods.checkpoints import Checkpoint, GraphT, in_steps
from wis.methods.guard import Guard
from wis.methods.k_wis.closed_walks import ClosedWalkChanges
from wis.methods.k_wis.dense_walks import dense_plan, dense_steps
from wis.methods.k_wis.lazy_greedy import in_batches, lazy_steps
from wis.methods.k_wis.two_wis import TwoWisChanges
from wis.methods.k_wis.two_wis_front import MOST_VERTICES, Front, overlaps

Group = tuple[int, int, int]
Top = tuple[int, int, int, int, Group]


def resolve(graph: CanonicalGraph, options: dict[str, Any]) -> dict[str, Any]:
    """Replace ``auto`` by the cheaper engine, and check that ``dense`` has enough memory."""
    graph = graph.without_isolated()
    depth, limit = options["walk_length"] + 1, int(options["memory_gib"] * 2**30)
    if options["engine"] == "auto":
        cheaper = _cheaper_engine(graph, depth, options["batch_size"], limit)
        options = {**options, "engine": cheaper}
    if options["engine"] == "local":
        return {name: value for name, value in options.items() if name != "memory_gib"}
    dense_plan(graph, depth, limit)
    return options


def _cheaper_engine(graph: CanonicalGraph, depth: int, batch_size: int, limit: int) -> str:
    """The engine with the lower estimate in the module's docstring."""
    n, m = graph.num_nodes, graph.num_edges
    if not m or (graph.directed and depth == 2):
        return "local"
    try:
        dense_plan(graph, depth, limit)
    except OptionError:
        return "local"
    degree, radius = _mean_degree_of_ends(graph), (depth - 1) // 2
    is_far = radius * math.log(max(degree, 1)) > math.log(n)  # logarithms do not overflow
    near = float(n) if is_far else min(float(n), 2 * degree**radius)
    fast_path = depth == 3 and not graph.directed
    per_look = 2e-5 + 1e-7 * degree if fast_path else 1e-4 + 4e-9 * depth * near**2
    speed = 1.0 if graph.device.type == "cpu" else 0.01
    dense_s = m / batch_size * (1e-3 + speed * 3e-9 * m * n * depth**2)
    return "dense" if dense_s < 11 * m * per_look else "local"


def _mean_degree_of_ends(graph: CanonicalGraph) -> float:
    """Mean degree of the end of an edge: of an arc, where its circuits go on at either end."""
    tails, heads = graph.edges
    if isinstance(graph, DirectedGraph):
        both = graph.in_degree[tails], graph.out_degree[heads]
    else:
        degree = torch.bincount(graph.edges.reshape(-1), minlength=graph.num_nodes)
        both = degree[tails], degree[heads]
    return float(torch.stack(both).double().mean())


def order_by_walks(
    graph: GraphT,
    engine: str,
    depth: int,
    *,
    count: int,
    batch_size: int,
    memory_gib: float,
    progress: Progress,
    checkpoint: Checkpoint | None = None,
    guard: Guard | None = None,
) -> Tensor:
    """The order of `wis.methods.walk_index.wis_order`."""

    def steps(rest: GraphT, guard: Guard | None) -> Iterator[list[int]]:
        rest = rest.without_isolated()
        if engine == "dense" and guard is None:
            return dense_steps(rest, depth, batch_size, int(memory_gib * 2**30))
        return local_steps(rest, depth, batch_size, guard)

    with single_threaded():
        return in_steps(
            graph,
            steps,
            count=count,
            progress=progress,
            batch_size=batch_size,
            checkpoint=checkpoint,
            guard=guard,
        )


def local_steps(
    graph: CanonicalGraph, depth: int, batch_size: int = 1, guard: Guard | None = None
) -> Iterator[list[int]]:
    """The order of the engine ``local`` in a graph without isolated vertices, step by step."""
    if isinstance(graph, UndirectedGraph) and depth == 3:
        return two_wis_steps(graph, batch_size, guard)
    if isinstance(graph, DirectedGraph) and depth == 2:
        return one_step_arcs(graph, batch_size, guard)
    changes = ClosedWalkChanges(graph, depth)
    return lazy_steps(changes, batch_size, guard, smallest_may_rise=graph.directed)


def two_wis_steps(
    graph: UndirectedGraph, batch_size: int = 1, guard: Guard | None = None
) -> Iterator[list[int]]:
    """2-WIS: by the front while the graph is dense, then by lazy bounds.

    Only lazy bounds serve a guard, and batches.
    """
    num_common = num_common_neighbours(graph.edges.cpu().numpy(), graph.num_nodes)
    begun: list[int] = []
    is_small, alone = graph.num_nodes <= MOST_VERTICES, batch_size == 1 and guard is None
    if is_small and alone and overlaps(num_common, graph.num_nodes):
        front = Front(graph, num_common)  # updates `num_common` for the edges that are left
        while not front.is_empty() or front.renew():
            begun.append(front.pop())
            yield begun[-1:]
        del front  # its matrices are large
    left = np.delete(np.arange(graph.num_edges), begun)
    rest = UndirectedGraph(graph.num_nodes, graph.edges[:, left])
    for batch in lazy_steps(TwoWisChanges(rest, num_common[left]), batch_size, guard):
        yield left[batch].tolist()


def one_step_arcs(
    graph: DirectedGraph, batch_size: int = 1, guard: Guard | None = None
) -> Iterator[list[int]]:
    """The greedy order of 1-WIS, as `wis.methods.k_wis.lazy_greedy.lazy_steps`.

    Cost: O(log m) for each time that an arc is looked at: once where few arcs are reciprocal, else
    at most once for each value that its weaker end has while it comes up. Memory O(n + m).
    """
    arcs = _Arcs(graph)
    for batch in in_batches(arcs.pop, graph.num_edges, batch_size, guard):
        yield batch
        for edge in batch:
            arcs.remove(edge)


class _Arcs:
    """The arcs that are left, in groups whose arcs are equally good but for their ids.

    A group is a kind, the smaller value of the two ends, and the end with the larger one; where a
    value does not count it is 0, and where an end does not, the vertex is n, of value 0.

    Attributes:
        reverse: For each arc the reverse one, -1 if it is not or no longer there.
        value: v_t of each vertex.
        taken: Whether each arc was popped.
        groups: For each group a heap of ids; some may have moved to another group meanwhile.
        tops: Heap of (kind, -smaller value, -larger value, smallest id, group).
        top: For each group its entry in `tops` that counts.
    """

    def __init__(self, graph: DirectedGraph) -> None:
        self.ends: list[tuple[int, int]] = list(zip(*graph.edges.cpu().tolist(), strict=True))
        self.reverse: list[int] = graph.edge_ids(graph.edges.flip(0)).tolist()
        self.in_degree: list[int] = graph.in_degree.tolist()
        self.value = [int(degree > 0) for degree in [*self.in_degree, 0]]
        for edge, (_, head) in enumerate(self.ends):
            self.value[head] += self.reverse[edge] >= 0
        self.taken = [False] * len(self.ends)
        self.groups: dict[Group, list[int]] = {}
        self.tops: list[Top] = []
        self.top: dict[Group, Top] = {}
        for edge in range(len(self.ends)):
            self._file(edge)

    def pop(self) -> int:
        """Take the best arc out; the graph is not changed."""
        while True:
            entry = heappop(self.tops)
            *key, edge, group = entry
            if self.top.get(group) is not entry:
                continue
            heappop(self.groups[group])
            del self.top[group]
            if self.groups[group]:
                self._announce(group)
            if self.taken[edge]:
                continue
            kind, smaller, strong = self._group_of(edge)
            if key == [kind, -smaller, -self.value[strong]]:
                self.taken[edge] = True
                return edge
            self._file(edge)

    def remove(self, edge: int) -> None:
        """Take the arc from the graph; its reverse is no longer reciprocal."""
        i, j = self.ends[edge]
        reverse = self.reverse[edge]
        if reverse >= 0:
            self.value[i] -= 1
            self.value[j] -= 1
            self.reverse[reverse] = -1
        self.in_degree[j] -= 1
        if not self.in_degree[j]:
            self.value[j] = 0
        if reverse >= 0 and not self.taken[reverse]:
            self._file(reverse)

    def _group_of(self, edge: int) -> Group:
        i, j = self.ends[edge]
        is_last = self.in_degree[j] == 1
        if self.reverse[edge] < 0:
            return (3 if is_last else 1), 0, len(self.in_degree)
        if is_last:
            return 4, 0, i
        weak, strong = (j, i) if self.value[i] >= self.value[j] else (i, j)
        return 2, self.value[weak], strong

    def _file(self, edge: int) -> None:
        """Put an arc into its present group."""
        group = self._group_of(edge)
        heappush(self.groups.setdefault(group, []), edge)
        self._announce(group)

    def _announce(self, group: Group) -> None:
        """Enter a group into `tops` with its smallest id and present value."""
        kind, smaller, strong = group
        entry = (kind, -smaller, -self.value[strong], self.groups[group][0], group)
        if self.top.get(group) != entry:
            self.top[group] = entry
            heappush(self.tops, entry)
