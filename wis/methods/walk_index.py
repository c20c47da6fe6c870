"""The method ``wis``: Walk Index Sparsification for any depth.

``walk_length`` is L - 1 for a network of depth L. Algorithm 1 removes, one by one, an edge whose
loss leaves the lexicographically largest tuple of walk indices WI_{L-1, t}({t}), sorted ascending,
t over all vertices. Longer walks are counted, with ties to the smallest edge id, so that the
engines give the same order (`wis.methods.k_wis.engines`).

With ``walk_length=1`` that is Algorithm 2 (Appendix D.5): at every step a lexicographic argmax of
(smaller, larger) degree of its endpoints goes. Degrees fall as edges go, so the order is adaptive:
sorting once by the initial degrees is another algorithm. Ties are many, and the rule leaves them
open; how each engine breaks them is deterministic, in its docstring, and recorded as the engine in
the provenance.

- ``bitset`` (`wis.methods.one_wis.bitset`): the dense core on the CPU by bit sets, then ``rounds``
  on the graph's device.
- ``rounds`` (`wis.methods.one_wis.rounds`): tensor operations alone, on the graph's device.
- ``relaxed`` (`wis.methods.one_wis.relaxed`): for ``epsilon`` above 0, many edges at once, each at
  most by that factor below the best (`wis.methods.one_wis.relaxed_rule`); on the graph's device.
- ``auto`` is ``bitset`` on every device, so that the result does not depend on the device, and
  ``relaxed`` if there is an ``epsilon``.

In a directed graph the edges are arcs, and the boundary and the walks are those of Appendix D.2:
`wis.methods.k_wis.closed_walks` derives the entries of the tuple. The engines for longer walks
serve directed graphs for walks of any length, 1 included.

Weights of edges have no part in this: the thesis counts walks, so a walk index is a number of walks
and not a sum of products of weights, and the rule by degrees relies on that. An option such as
``weights=`` is refused. For weighted graphs there are the methods of
`wis.methods.baselines.weighted`, and `scores` for an order by any numbers; or drop the edges whose
weight is noise, and rank the others by ``wis``.

Engines and certificates are imported where they are needed, since a command uses only one of them.

Source: Razin, Verbin, Cohen, "On the Ability of Graph Neural Networks to Model Interactions Between
Vertices", NeurIPS 2023, arXiv:2211.16494; Algorithms 1 and 2, Section 5.5.1, Appendices D.2 and D.5
of the thesis.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from wis.base.arrays import single_threaded
from wis.base.checks import check_walk_length, checked_factor, checked_integer, is_number, shown
from wis.base.progress import Progress
from wis.errors import OptionError, UnknownNameError
from wis.graph import CanonicalGraph, DirectedGraph, UndirectedGraph
from wis.methods.one_wis.levels import Peeling
from wis.methods.registry import register

if TYPE_CHECKING:
    from wis.methods.certificates import Checked
    from wis.methods.guard import Guard

BY_DEGREES = ("auto", "bitset", "rounds", "relaxed")
BY_WALKS = ("auto", "local", "dense")
FOLDER_ENGINES = ("stream", "dask", "spark")
"""Engines of `wis.scale`, which read files instead of a graph in memory."""


def _resolve(graph: CanonicalGraph, options: dict[str, Any]) -> dict[str, Any]:
    """Check the options of `wis_order`; ``auto`` becomes the engine that it stands for."""
    options = dict(options)
    walk_length, engine, batch_size = (options[o] for o in ("walk_length", "engine", "batch_size"))
    check_walk_length(walk_length, least=1)
    checked_integer("batch_size", batch_size, 1, expected="a number of edges, 1 or more")
    limit = options["memory_gib"]
    if not is_number(limit) or not limit > 0:
        raise OptionError(f"memory_gib is {shown(limit)}; expected a positive number of GiB")
    by_degrees = not graph.directed and walk_length == 1  # Algorithm 2
    if by_degrees or options["checkpoint"] is None:
        del options["checkpoint"]
    if _check_relaxed(options, by_degrees):
        del options["memory_gib"]
        return {**options, "engine": "relaxed"}
    del options["epsilon"]
    engines = BY_DEGREES if by_degrees else BY_WALKS
    if engine not in engines:
        if engine in (*BY_DEGREES, *BY_WALKS, "batched"):
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
        from wis.methods.k_wis import engines as by_walks

        return by_walks.resolve(graph, options)
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


def _check_order(
    graph: CanonicalGraph, edge_ids: Tensor, *, last: Any = None, **given: Any
) -> Checked:
    from wis.methods.k_wis.certificate import check_order

    return check_order(graph, edge_ids, last=last, **given)


@register(
    "wis",
    summary="Walk Index Sparsification: spare the edges whose loss costs walk indices most",
    resolve=_resolve,
    seeded_by=("epsilon",),
    verify=_check_order,
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
    checkpoint: str | Path | None = None,
    guard: Guard | None = None,
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
            `epsilon` it is ``"relaxed"``. With a guard ``"local"`` works in the place of
            ``"dense"``, which would give the same order.
        batch_size: 1 is exact. B > 1 is an approximation (Appendix D.6.2.2 uses B = 100 for 2-WIS):
            the B best edges of the graph at the beginning of a round go at once.
        memory_gib: How many GiB the engine ``"dense"`` may use.
        epsilon: 0 is exact. With more, for ``walk_length=1``, an edge may go if both its ends have
            at least 1 / (1 + epsilon) of the degree that the exact rule would ask of them, so that
            many edges go at once (`wis.methods.one_wis.relaxed_rule`).
        checkpoint: A file of the edges removed so far, written every minute
            (`wis.methods.checkpoints`). If it exists, the work goes on from it, with any engine.
            1-WIS of undirected graphs is fast and writes none.
        guard: Which edges may go (`wis.methods.guard`); all if not given. Each choice is made among
            these, on the graph as it is.

    Returns:
        int64 tensor of shape [count] on the graph's device; shorter if no more edges may go.

    Raises:
        OptionError: ``"dense"`` needs more memory, or numbers of walks could pass 2^61.
        CheckpointError: The checkpoint is damaged, or of another graph, rule or version.

    Cost: for walks of length 1 O(m log m) for the layout, then for each level k some microseconds
    for each edge that goes (``bitset`` while A_k is small) or ten short passes over the edges left
    inside A_k, the vertices whose degree was at least k, 2m of these over all levels; 16 bytes for
    each edge, 55 at the peak (11 million edges). For longer walks see the modules of the engines.
    An isolated vertex takes a few bytes.
    """
    if walk_length == 1 and isinstance(graph, UndirectedGraph):
        graph = graph if epsilon or guard else graph.without_isolated()
        with single_threaded():
            return _by_degrees(graph, engine, batch_size, count, progress, epsilon, seed, guard)
    from wis.methods.checkpoints import Checkpoint
    from wis.methods.k_wis.engines import order_by_walks

    rule = {"method": "wis", "walk_length": walk_length, "batch_size": batch_size}
    return order_by_walks(
        graph,
        engine,
        walk_length + 1,
        count=count,
        batch_size=batch_size,
        memory_gib=memory_gib,
        progress=progress,
        checkpoint=Checkpoint(checkpoint, graph, guard, **rule) if checkpoint else None,
        guard=guard,
    )


def _by_degrees(
    graph: UndirectedGraph,
    engine: str,
    batch_size: int,
    count: int,
    progress: Progress,
    epsilon: float,
    seed: int,
    guard: Guard | None,
) -> Tensor:
    """`wis_order` for walks of length 1."""
    if batch_size > 1:
        from wis.methods.one_wis.batched import batched_order

        return batched_order(graph, batch_size, count, progress, guard)
    if engine == "relaxed":
        from wis.methods.one_wis.relaxed import relaxed_order

        return relaxed_order(graph, epsilon, count, seed, progress, guard)
    exact = partial(_exact_order, engine, progress)
    if guard is None:
        return exact(graph, count)
    from wis.methods.one_wis.guarded import guarded_order

    return guarded_order(graph, guard, exact, count, progress)


def _exact_order(
    engine: str,
    progress: Progress,
    graph: UndirectedGraph,
    count: int,
    degree: Tensor | None = None,
    floor: int = 0,
) -> Tensor:
    """The order by an exact engine; `degree` and `floor` as for `Peeling`."""
    state = Peeling.of(graph, degree, floor)
    if engine == "rounds":
        from wis.methods.one_wis.rounds import peel_in_rounds

        peel_in_rounds(state, count, progress)
    else:
        from wis.methods.one_wis.bitset import peel_with_bitsets

        peel_with_bitsets(state, count, progress)
    return state.result(count)
