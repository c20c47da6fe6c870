"""Walk Index Sparsification by walks: the engines for ``walk_length`` above 1 and for arcs.

- ``local`` (`wis.methods.k_wis.lazy_greedy`) looks at an edge only when an upper bound says that
  the edge could be next. It counts walks in the neighbourhood of the edge, on the CPU; longer walks
  are counted in balls (`wis.methods.k_wis.closed_walks`). 2-WIS needs only common neighbours
  (`wis.methods.k_wis.two_wis`); while there are many, the leading edges are kept in arrays
  (`wis.methods.k_wis.two_wis_front`). Walks of length 1 in directed graphs have an engine of their
  own (`wis.methods.k_wis.one_step_arcs`).
- ``dense`` (`wis.methods.k_wis.dense_walks`) keeps matrices of walk counts and looks at all edges
  in each round, with tensor operations on the graph's device. It suits small dense graphs, long
  walks and large batches.
- ``auto`` takes the engine with the lower estimate. Let d be the mean degree of the end of an edge.
  The ball around an edge has about k = min(n, 2·d^⌊(L-1)/2⌋) vertices. The estimate for ``local``
  is 11·m·(10⁻⁴ + 4·10⁻⁹·L·k²) seconds, or 11·m·(2·10⁻⁵ + 10⁻⁷·d) for L = 3. The estimate for
  ``dense`` is m / batch_size · (10⁻³ + 3·10⁻⁹·m·n·L²), with a hundredth of the second term on a
  GPU. ``dense`` is excluded if it needs more than the memory limit. Each term is the cost of the
  algorithm times a factor that was fitted by hand; 11 is the number of looks at an edge in a whole
  order. The estimates are right in order of magnitude, which is enough to choose an engine: for
  Cora and L = 3, 4, 5 the estimate for ``local`` is 1.2, 6.3, 72 s, and the measured time 0.2, 2,
  4 s (`benchmarks/README.md`); the estimate for ``dense`` is over half an hour.

Orders among the edges that may go (`wis.methods.guard`) are made by ``local`` alone, whatever the
engine: it asks about its best edge, and if that may not go it is never looked at again.

In directed graphs ``auto`` always takes ``local`` for walks of length 1. For longer walks it uses
the same estimate, with d the mean degree at which a circuit through an arc goes on. The estimate
for ``local`` is up to ten times too high where most arcs are on no circuit, since the engine looks
at such arcs about once.

Source: Algorithm 1, Appendices D.2 and D.5 of the thesis; arXiv:2211.16494.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
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
from wis.methods.k_wis.lazy_greedy import lazy_steps
from wis.methods.k_wis.one_step_arcs import one_step_arcs
from wis.methods.k_wis.two_wis import TwoWisChanges
from wis.methods.k_wis.two_wis_front import MOST_VERTICES, Front, overlaps


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
    if batch_size == 1 and guard is None:
        for edge in _front_edges(graph, num_common):
            yield [edge]
            begun.append(edge)
    left = np.delete(np.arange(graph.num_edges), begun)
    rest = UndirectedGraph(graph.num_nodes, graph.edges[:, left])
    for batch in lazy_steps(TwoWisChanges(rest, num_common[left]), batch_size, guard):
        yield left[batch].tolist()


def _front_edges(graph: UndirectedGraph, num_common: NDArray[np.int64]) -> Iterator[int]:
    """The first edges while the rest is dense; `num_common` is updated for those left."""
    if graph.num_nodes > MOST_VERTICES or not overlaps(num_common, graph.num_nodes):
        return
    front = Front(graph, num_common)
    while not front.is_empty() or front.renew():
        yield front.pop()
