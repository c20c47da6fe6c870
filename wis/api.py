"""Graph in, order or sparser graph out: the calls that most users need."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from wis.base.checks import Amount, auto_budget, checked_amount, usual_defaults
from wis.graph.holders import opened, vertex_ids
from wis.graph.parts import check_lengths
from wis.methods import get_method
from wis.methods.registry import check_keywords, method_named, named_options
from wis.order import RemovalOrder
from wis.order.cut import Cut, GraphT
from wis.order.protections import Pairs
from wis.order.ranking import Ranking
from wis.order.small import cut_any


@usual_defaults()
def removal_order(
    data: Any,
    method: str | None = None,
    *,
    walk_length: int | None = None,
    epsilon: float | None = None,
    batch_size: int | None = None,
    engine: str | None = None,
    scores: Any = None,
    directed: bool = False,
    num_nodes: int | None = None,
    count: int | None = None,
    seed: int | None = None,
    device: torch.device | str | None = None,
    progress: bool | None = None,
    keep_connected: bool = False,
    min_degree: int = 0,
    protect: Pairs | None = None,
    vertex_data: Any = None,
    **options: Any,
) -> RemovalOrder:
    """Order the edges of a graph for removal.

    >>> import wis
    >>> order = wis.removal_order(wis.datasets.load("karate"), walk_length=2)
    >>> order
    RemovalOrder(78 of 78 edges, 34 vertices, method='wis', options={'walk_length': 2, \
'engine': 'local', 'batch_size': 1})
    >>> order.edges[:, 0].tolist()  # the edge that goes first
    [13, 33]

    Args:
        data: The graph: a PyG `Data` or `HeteroData`, an `edge_index` of shape [2, num_arcs], a
            networkx graph, a matrix, a table, ...: `wis.graph.holders` lists the kinds.
        method: A name of `wis.available_methods`; ``"wis"`` if neither this nor `scores` is given.
        walk_length: Length of the walks that ``"wis"`` and ``"gwis"`` count: L - 1 for a network of
            depth L; 1 if not given.
        epsilon: For ``"wis"`` with ``walk_length=1``: an edge may go if both its ends have at least
            1 / (1 + epsilon) of the degree that the exact rule requires. Many edges then go at
            once, which is faster. 0, the exact rule, if not given.
        batch_size: Number of edges that ``"wis"`` and ``"gwis"`` remove before they rank the others
            again; 1, which is exact, if not given.
        engine: The engine of ``"wis"``: ``"auto"`` if not given. Engines differ in speed and in how
            they break ties (see `wis.methods.walk_index`).
        scores: Numbers that rank the edges, for the method ``"scores"``: low scores go first. A
            number for each arc or for each edge, the name of an attribute of the arcs, or a
            function of `data` (see `wis.graph.edge_weights.edge_scores`).
        directed: Treat each distinct arc (u, v), u != v, as an edge of its own: it is removed
            without its reverse, and walks follow arcs (Appendix D.2). Not all methods support this.
            A `DirectedGraph` is always treated so.
        num_nodes: Number of vertices, for a bare `edge_index` only.
        count: Rank only so many edges, which takes less time unless some are protected; all edges
            that can be removed if not given.
        seed: Seed of the method's randomness; 0 if not given.
        device: Device to compute on; that of the graph if not given. It does not change the result.
        progress: Show a bar always (true), never (false), or if it takes long, with a line every
            minute where stderr is no terminal (None).
        keep_connected: Remove no edge whose loss would disconnect its component.
        min_degree: Leave every vertex at least so many neighbours (incoming ones if directed).
        protect: Pairs of vertices whose edges stay: an integer tensor [2, k] or a list of pairs
            (see `wis.order.protections`, also for combinations of these three). Pairs of names,
            where the vertices of `data` have names, as in networkx.
        vertex_data: Object with the attributes and names of vertices; `data` if not given.
        **options: Further options of the method, as `wis methods` lists them, such as
            `checkpoint` for orders that take hours: a file from which the same call goes on.

    Returns:
        The order, on the CPU.

    Raises:
        GraphFormatError: `data` is not a graph.
        UnknownNameError: There is no such method.
        OptionError: An option does not exist or has an impossible value, or the method does not
            take directed graphs.
        ProtectionError: A protected pair is not an edge, or fewer than `count` edges can go.
    """
    options |= named_options(
        walk_length=walk_length,
        epsilon=epsilon,
        batch_size=batch_size,
        engine=engine,
        scores=scores,
    )
    method = method_named(method, scores)
    check_keywords(removal_order, get_method(method), options)
    data, vertex_data = opened(data, num_nodes), opened(vertex_data)
    protect = vertex_ids(data, protect, "protect")
    ranking = Ranking(
        method, options, directed, seed, device, keep_connected, min_degree, protect
    )  # fmt: skip
    graph = ranking.graph(data, num_nodes)
    check_lengths(data)
    check_lengths(vertex_data)
    source = data if vertex_data is None else vertex_data
    return RemovalOrder.of(*ranking.made(graph, source, count=count, progress=progress))


@usual_defaults()
def sparsify(
    data: GraphT,
    *,
    remove: Amount | None = None,
    keep: Amount | None = None,
    method: str | None = None,
    walk_length: int | None = None,
    epsilon: float | None = None,
    batch_size: int | None = None,
    engine: str | None = None,
    scores: Any = None,
    directed: bool = False,
    per_type: bool | str = False,
    num_nodes: int | None = None,
    seed: int | None = None,
    device: torch.device | str | None = None,
    progress: bool | None = None,
    edge_attrs: Iterable[str] = (),
    keep_connected: bool = False,
    min_degree: int = 0,
    protect: Pairs | None = None,
    reweight: bool = False,
    **options: Any,
) -> GraphT:
    """Remove the edges of a graph that a method ranks first.

    >>> import wis
    >>> wis.sparsify(wis.datasets.load("karate"), remove="50%", keep_connected=True)
    Data(edge_index=[2, 78], edge_weight=[78], num_nodes=34, y=[34], x=[34, 34])

    Args:
        data: The graph, in any form that `removal_order` takes; or a list or a dataset of graphs,
            each of which is cut by itself. It is not changed.
        remove: Edges to remove: a number (`int`), a fraction in [0, 1] (`float`), or a text such as
            ``"50%"``. Self-loops are not edges and always stay. ``"auto"`` takes the advice of
            `wis.advise`, with its defaults, or ``"auto:40runs"`` with this budget; the method is
            the advised one too unless it is named.
        keep: Edges to keep, in the same forms, in place of `remove`.
        method: A name of `wis.available_methods`; ``"wis"`` if neither this nor `scores` is given.
        walk_length: Length of the walks that ``"wis"`` and ``"gwis"`` count: L - 1 for a network of
            depth L; 1 if not given.
        epsilon: For ``"wis"`` with ``walk_length=1``: an edge may go if both its ends have at least
            1 / (1 + epsilon) of the degree that the exact rule requires. Many edges then go at
            once, which is faster. 0, the exact rule, if not given.
        batch_size: Number of edges that ``"wis"`` and ``"gwis"`` remove before they rank the others
            again; 1, which is exact, if not given.
        engine: The engine of ``"wis"``: ``"auto"`` if not given. Engines differ in speed and in how
            they break ties (see `wis.methods.walk_index`).
        scores: Numbers that rank the edges, for the method ``"scores"``: low scores go first. A
            number for each arc or for each edge, the name of an attribute of the arcs, or a
            function of `data` (see `wis.graph.edge_weights.edge_scores`).
        directed: Treat each distinct arc as an edge of its own (see `removal_order`); `remove` and
            `keep` then count arcs.
        per_type: Remove the same fraction of the edges of each type. The types are those of a
            `HeteroData`, or the integers or texts in the attribute `edge_type` of a `Data`, or in
            the attribute that is named here (see `wis.graph.edge_types`). All edges are then
            ranked.
        num_nodes: Number of vertices, for a bare `edge_index` only.
        seed: Seed of the method's randomness; 0 if not given.
        device: Device to compute on; that of the graph if not given. It does not change the result.
        progress: Show a bar always (true), never (false), or if it takes long, with a line every
            minute where stderr is no terminal (None).
        edge_attrs: Attributes with an entry for each arc. Needed only if the graph has as many
            vertices as arcs and the name does not contain the word edge (see `wis.graph.parts`).
        keep_connected: Remove no edge whose loss would disconnect its component.
        min_degree: Leave every vertex at least so many neighbours (incoming ones if directed).
        protect: Pairs of vertices whose edges stay: an integer tensor [2, k] or a list of pairs
            (see `wis.order.protections`, also for combinations of these three). Pairs of names,
            where the vertices of `data` have names, as in networkx.
        reweight: Write `edge_weight`: what it was, or 1, times count / (Q p) of the edge, so that
            the mean of the Laplacian over seeds is that of the whole graph. For methods that draw
            edges, without protections (see `wis.methods.draws`).
        **options: Further options of the method, as `wis methods` lists them.

    Returns:
        An object of the same type with fewer arcs; all vertex data, the edge attributes and the
        order of the surviving arcs, dtypes and devices are kept. Matrices, counters and pointers
        that repeat the edges are cut with them (see `wis.graph.parts`).

    Raises:
        GraphFormatError: `data` is not a graph, an attribute has another length than its name says,
            or a part of it follows from the edges and could not be cut.
        UnknownNameError: There is no such method.
        OptionError: An option or amount is impossible, the method does not take directed graphs,
            `per_type` is given for a graph without edge types, or `reweight` for a method without
            weights.
        ProtectionError: A protected pair is not an edge, or too few edges can be removed.
    """
    options |= named_options(
        walk_length=walk_length,
        epsilon=epsilon,
        batch_size=batch_size,
        engine=engine,
        scores=scores,
    )
    named = None if method is None and not options else method_named(method, scores)
    method = method_named(method, scores)
    check_keywords(sparsify, get_method(method), options)
    held = opened(data, num_nodes)
    protect = vertex_ids(held, protect, "protect")
    if (budget := auto_budget(remove)) is not None:
        from wis.advice.advising import automatic

        checked_amount("0%", keep)
        more = {
            "directed": directed, "keep_connected": keep_connected, "min_degree": min_degree,
            "protect": protect, "per_type": per_type, "edge_attrs": tuple(edge_attrs),
            "seed": seed or 0,
        }  # fmt: skip
        advice = automatic(held, budget, named, options, num_nodes=num_nodes, **more)
        remove, method, options = advice.remove, advice.method or method, dict(advice.options)
    cut = Cut(remove, keep, per_type, edge_attrs, reweight)
    ranking = Ranking(
        method, options, directed, seed, device, keep_connected, min_degree, protect
    )  # fmt: skip
    sparse: GraphT = cut_any(held, ranking, cut, num_nodes=num_nodes, progress=progress)
    return sparse
