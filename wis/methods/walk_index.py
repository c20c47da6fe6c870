"""The method ``wis``: Walk Index Sparsification for any depth.

``walk_length`` is L - 1 for a network of depth L. Algorithm 1 removes, one by one, an edge whose
loss leaves the lexicographically largest tuple of walk indices WI_{L-1, t}({t}), sorted ascending,
t over all vertices. With ``walk_length=1`` that is Algorithm 2, by degrees, which has engines of
its own (`wis.methods.one_wis.engines`). For longer walks ties go to the smallest edge id, so that
the engines give the same order:

- ``local`` (`wis.methods.k_wis.lazy_greedy`) looks at an edge only when an upper bound says that it
  could be next, and counts walks in its neighbourhood, on the CPU; longer walks are counted in
  balls (`wis.methods.k_wis.closed_walks`). 2-WIS needs only common neighbours
  (`wis.methods.k_wis.two_wis`); while there are many, the edges that lead are kept in arrays
  (`wis.methods.k_wis.two_wis_dense`).
- ``dense`` (`wis.methods.k_wis.dense_walks`) keeps matrices of walk counts and looks at all edges
  in each round, with tensor operations on the graph's device; for small dense graphs, long walks
  and large batches.
- ``auto`` takes the cheaper by an estimate. With d the mean degree of the end of an edge, the ball
  around an edge has about k = min(n, 2·d^⌊(L-1)/2⌋) vertices, and ``local`` is put at
  11·m·(10⁻⁴ + 4·10⁻⁹·L·k²) seconds, or 11·m·(2·10⁻⁵ + 10⁻⁷·d) for L = 3; ``dense`` at
  m / batch_size · (10⁻³ + 3·10⁻⁹·m·n·L²), a hundredth of the second part on a GPU. ``dense`` is out
  if it needs more than the memory limit. Each term is the cost of the
  algorithm in its docstring times a factor fitted by hand, 11 being the looks at an edge in a whole
  order. It is right in order of magnitude, which is enough to tell the engines apart: for Cora and
  L = 3, 4, 5 it says 1.2, 6.3, 72 s of ``local``, which takes 0.2, 8, 18 s
  (`benchmarks/README.md`), and over half an hour of ``dense``.

In a directed graph the edges are arcs, and the boundary and the walks are those of Appendix D.2:
`wis.methods.k_wis.closed_walks` derives the entries of the tuple. The same
engines are there for walks of any length, 1 included, for which ``local`` is one of its own
(`wis.methods.k_wis.one_step_arcs`) and what ``auto`` stands for. For longer walks ``auto`` takes
the same estimate, with d the mean of the degrees at which a circuit through an arc goes on. It is
too high for ``local`` where most arcs are on no circuit, up to ten times: these are looked at about
once.

Source: Algorithms 1 and 2, Section 5.5.1, Appendices D.2 and D.5 of the thesis; arXiv:2211.16494.
"""

from __future__ import annotations

import logging
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wis.base.arrays import single_threaded
from wis.base.checks import checked_factor, checked_integer, is_number, shown
from wis.base.progress import Progress
from wis.errors import OptionError, UnknownNameError
from wis.graph import CanonicalGraph, DirectedGraph, UndirectedGraph
from wis.graph.triangles import num_common_neighbours
from wis.graph.walks import check_walk_length
from wis.methods.isolated import without_isolated
from wis.methods.k_wis.certificate import check_order
from wis.methods.k_wis.closed_walks import ClosedWalkChanges
from wis.methods.k_wis.dense_walks import DensePlan, dense_order
from wis.methods.k_wis.lazy_greedy import lazy_order
from wis.methods.k_wis.one_step_arcs import one_step_order
from wis.methods.k_wis.two_wis import TwoWisChanges
from wis.methods.k_wis.two_wis_dense import front_order
from wis.methods.one_wis import engines as one_wis
from wis.methods.registry import register

ENGINES = ("auto", "local", "dense")
FOLDER_ENGINES = ("stream", "dask")
"""Those of `wis.scale`, which work on files and not on a graph in memory."""
_LOG = logging.getLogger(__name__)


def _resolve(graph: CanonicalGraph, options: dict[str, Any]) -> dict[str, Any]:
    """Check the options of `wis_order`; ``auto`` becomes the engine that it stands for."""
    walk_length, engine, batch_size = (options[o] for o in ("walk_length", "engine", "batch_size"))
    check_walk_length(walk_length, least=1)
    checked_integer("batch_size", batch_size, 1, expected="a number of edges, 1 or more")
    limit = options["memory_gib"]
    if not is_number(limit) or not limit > 0:
        raise OptionError(f"memory_gib is {shown(limit)}; expected a positive number of GiB")
    by_degrees = walk_length == 1 and not graph.directed
    if _check_relaxed(options, by_degrees):
        del options["memory_gib"]
        return {**options, "engine": "relaxed"}
    del options["epsilon"]
    engines = one_wis.ENGINES if by_degrees else ENGINES
    if engine not in engines:
        if engine in (*one_wis.ENGINES, *ENGINES, "batched"):
            raise OptionError(
                f"engine {engine!r} does not go with walk_length={walk_length}"
                f"{' of a directed graph' if graph.directed else ''}; "
                f"expected one of {', '.join(engines)}"
            )
        if engine in FOLDER_ENGINES:
            raise OptionError(
                f"engine {engine!r} is for folders of edge files: `wis sparsify FOLDER --engine "
                f"{engine}`, or wis.scale.sparsify_files"
            )
        raise UnknownNameError.among("engine", str(engine), engines)
    if not by_degrees:
        return _resolve_longer(graph, options)
    del options["memory_gib"]
    if batch_size > 1:
        if engine != "auto":
            raise OptionError(
                f"engine {engine!r} is exact and batch_size={batch_size} is an approximation with "
                f"an engine of its own; leave one of them out"
            )
        return {**options, "engine": "batched"}
    return {**options, "engine": "bitset" if engine == "auto" else engine}


def _check_relaxed(options: dict[str, Any], by_degrees: bool) -> bool:
    """Whether the relaxed rule is wanted; raises `OptionError` where it cannot be had."""
    epsilon, engine = options["epsilon"], options["engine"]
    if checked_factor(epsilon) == 1:
        if engine == "relaxed":
            raise OptionError(
                "engine 'relaxed' is for epsilon above 0, such as 0.1; epsilon=0 is the exact rule"
            )
        return False
    for right, what in (
        (by_degrees, "walk_length=1 in undirected graphs"),
        (engine in ("auto", "relaxed"), "engine 'relaxed'"),
        (options["batch_size"] == 1, "batch_size=1"),
    ):
        if not right:
            raise OptionError(f"epsilon is {epsilon!r}; the relaxed rule is for {what} only")
    return True


def _resolve_longer(graph: CanonicalGraph, options: dict[str, Any]) -> dict[str, Any]:
    graph = without_isolated(graph)
    depth = options["walk_length"] + 1
    limit = int(options["memory_gib"] * 2**30)
    if options["engine"] == "auto":
        cheaper = _cheaper_engine(graph, depth, options["batch_size"], limit)
        options = {**options, "engine": cheaper}
    if options["engine"] == "local":
        return {name: value for name, value in options.items() if name != "memory_gib"}
    DensePlan.of(graph, depth, limit)
    return options


def _cheaper_engine(graph: CanonicalGraph, depth: int, batch_size: int, limit: int) -> str:
    """By the estimate in the module's docstring."""
    n, m = graph.num_nodes, graph.num_edges
    if not m or (graph.directed and depth == 2):
        return "local"
    degree = _mean_degree_of_ends(graph)
    radius = (depth - 1) // 2
    is_far = radius * math.log(max(degree, 1)) > math.log(n)  # before a power gets too large
    near = float(n) if is_far else min(float(n), 2 * degree**radius)
    fast_path = depth == 3 and not graph.directed
    per_look = 2e-5 + 1e-7 * degree if fast_path else 1e-4 + 4e-9 * depth * near**2
    local_s = 11 * m * per_look
    speed = 1.0 if graph.device.type == "cpu" else 0.01
    dense_s = m / batch_size * (1e-3 + speed * 3e-9 * m * n * depth**2)
    try:
        DensePlan.of(graph, depth, limit)
    except OptionError:
        return "local"
    return "dense" if dense_s < local_s else "local"


def _mean_degree_of_ends(graph: CanonicalGraph) -> float:
    """Mean degree of the end of an edge: of an arc, where its circuits go on at either end."""
    if isinstance(graph, DirectedGraph):
        tails, heads = graph.edges
        both = graph.in_degree[tails].double().mean() + graph.out_degree[heads].double().mean()
        return float(both) / 2
    assert isinstance(graph, UndirectedGraph)
    return float(graph.degree[graph.edges].double().mean())


@register(
    "wis",
    summary="Walk Index Sparsification: spare the edges whose loss costs walk indices most",
    resolve=_resolve,
    seeded_by=("epsilon",),
    verify=check_order,
    supports_directed=True,
)
def wis_order(
    graph: UndirectedGraph | DirectedGraph,
    *,
    count: int,
    seed: int,
    progress: Progress,
    walk_length: int = 1,
    engine: str = "auto",
    batch_size: int = 1,
    memory_gib: float = 4.0,
    epsilon: float = 0.0,
) -> Tensor:
    """The removal order of (L-1)-WIS.

    Args:
        graph: The graph; in a directed one arcs go, each without its reverse.
        count: Length of the order; a shorter one is the beginning of the whole one.
        seed: Seed of the priorities with `epsilon`; the exact order is deterministic.
        progress: Called with the number of edges removed.
        walk_length: L - 1 for a GNN of depth L.
        engine: ``"auto"``; ``"bitset"`` or ``"rounds"`` for ``walk_length=1``; ``"local"`` or
            ``"dense"`` for longer walks, and for all walks in directed graphs. All are exact. With
            `epsilon` it is ``"relaxed"``.
        batch_size: 1 is exact. B > 1 is an approximation (Appendix D.6.2.2 uses B = 100 for 2-WIS):
            the B best edges of the graph at the beginning of a round go at once.
        memory_gib: How many GiB the engine ``"dense"`` may use.
        epsilon: 0 is exact. With more, for ``walk_length=1``, an edge may go if both its ends have
            at least 1 / (1 + epsilon) of the degree that the exact rule would ask of them, so that
            many edges go at once (`wis.methods.one_wis.relaxed_rule`).

    Returns:
        int64 tensor of shape [count] on the graph's device.

    Raises:
        OptionError: ``"dense"`` needs more memory, or numbers of walks could pass 2^61.

    Cost: see the modules of the engines; an isolated vertex takes a few bytes.
    """
    if not epsilon:
        graph = without_isolated(graph)
    if walk_length == 1 and isinstance(graph, UndirectedGraph):
        return one_wis.one_wis_order(
            graph, engine, batch_size, count, progress, epsilon=epsilon, seed=seed
        )
    depth = walk_length + 1
    if engine == "dense":
        limit = int(memory_gib * 2**30)
        plan = DensePlan.of(graph, depth, limit)
        _LOG.info("engine dense: will use up to %.2g GiB", plan.total_bytes / 2**30)
        with single_threaded():
            return dense_order(graph, depth, count, batch_size, limit, progress)
    with single_threaded():
        order = _local_order(graph, depth, count, batch_size, progress)
    return torch.tensor(order, dtype=torch.int64, device=graph.device)


def _local_order(
    graph: UndirectedGraph | DirectedGraph,
    depth: int,
    count: int,
    batch_size: int,
    progress: Progress,
) -> list[int]:
    """Edge ids, by the engine ``local``."""
    if isinstance(graph, DirectedGraph):
        if depth == 2:
            return one_step_order(graph, count, batch_size, progress)
    elif depth == 3:
        return two_wis_order(graph, count, batch_size, progress)
    changes = ClosedWalkChanges(graph, depth)
    return lazy_order(changes, count, batch_size, progress, smallest_may_rise=graph.directed)


def two_wis_order(
    graph: UndirectedGraph, count: int, batch_size: int, progress: Progress
) -> list[int]:
    """The local order of 2-WIS: by the front while the graph is dense, then by lazy bounds."""
    num_common = num_common_neighbours(graph.edges.cpu().numpy(), graph.num_nodes)
    begun = front_order(graph, num_common, count, progress) if batch_size == 1 else []
    left = np.delete(np.arange(graph.num_edges), begun)
    rest = UndirectedGraph(graph.num_nodes, graph.edges[:, left])
    ended = lazy_order(
        TwoWisChanges(rest, num_common[left]),
        count - len(begun),
        batch_size,
        lambda done: progress(len(begun) + done),
    )
    return [*begun, *left[ended].tolist()]
