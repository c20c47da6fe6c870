"""Is a removal order one that the greedy rule of its method could have made?

The rule leaves ties open, so many orders are right; a certificate accepts all of them and names the
first step of a wrong one. It looks at the order alone, not at the code that made it. An approximate
order (``batch_size`` above 1) is not greedy and fails.

A protected order (`wis.protections`) leaves out edges that the greedy rule would take, so that no
certificate applies. It is computed again, with the method, options, seed and protections of its
provenance, and must be the same step by step; that goes for every method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from wis.errors import NotGreedyError, OptionError, OrderMismatchError
from wis.graph import UndirectedGraph
from wis.methods import Method, available_methods, get_method
from wis.order import RemovalOrder
from wis.progress import progress_bar

if TYPE_CHECKING:
    from torch_geometric.data import Data, HeteroData

Check = Literal["certificate", "recomputation"]


def verify_order(
    data: Data | HeteroData | Tensor | UndirectedGraph,
    order: RemovalOrder,
    method: str | None = None,
    *,
    walk_length: int | None = None,
    num_nodes: int | None = None,
    progress: bool | None = None,
) -> Check:
    """Check every step of an order against the greedy rule, whatever way ties are broken.

    A protected order is computed again instead and compared.

    Args:
        data: The graph that the order was made for: a PyG `Data` or `HeteroData`, or an
            `edge_index`.
        order: The order; it may have been stopped early.
        method: The method whose rule is checked; the one that made the order if not given.
        walk_length: Length of the walks that the rule counts; the order's own if not given.
        num_nodes: Number of vertices, for a bare `edge_index` only; the order's own if not given.
        progress: Show a bar (true), never (false), or where it takes long on a terminal (None).

    Returns:
        Which check the order passed: ``"certificate"``, or ``"recomputation"`` for a protected one.

    Raises:
        NotGreedyError: Some step takes an edge although a better one is left, or another one than
            when computed again; it names the first such step.
        OrderMismatchError: The order was made for another graph, or does not list edges of it, each
            once.
        OptionError: The method, or it with this `walk_length`, has no certificate, or did not make
            this protected order.
        UnknownNameError: There is no such method.

    Cost: see the certificate of the method, for 1-WIS `wis.methods.one_wis_certificate`; that of
    the whole order for a protected one.
    """
    chosen = get_method(order.provenance.method if method is None else method)
    protected = bool(order.provenance.protections)
    if chosen.verify is None and not protected:
        raise OptionError(
            f"method {chosen.name!r} has no certificate; methods that have one: {_certified()}"
        )
    options = _options(chosen, order, walk_length)
    if protected:
        _check_own(chosen, options, order)
    if isinstance(data, Tensor) and num_nodes is None:
        num_nodes = order.num_nodes
    graph = UndirectedGraph.from_any(data, num_nodes)
    order.check_made_for(graph)
    ids = _edge_ids(graph, order)
    if protected:
        _compare(graph, order, ids.cpu(), _made_again(graph, order, chosen, options, progress))
        return "recomputation"
    assert chosen.verify is not None
    with progress_bar(f"{chosen.name} certificate", len(order), show=progress) as report:
        chosen.verify(graph, ids, progress=report, **options)
    return "certificate"


def _check_own(method: Method, options: dict[str, Any], order: RemovalOrder) -> None:
    made_by = order.provenance.method, dict(order.provenance.options)
    if (method.name, options) != made_by:
        raise OptionError(
            f"the order is protected ({order.provenance.protections.describe()}), so it can only "
            f"be checked against what made it: method {made_by[0]!r} with options {made_by[1]}"
        )
    for name in options.keys() - method.options.keys():
        raise OptionError(f"method {method.name!r} has no option {name!r}; was it of another wis?")


def _made_again(
    graph: UndirectedGraph,
    order: RemovalOrder,
    method: Method,
    options: dict[str, Any],
    progress: bool | None,
) -> Tensor:
    """The edge ids of the order as its provenance says; the options were resolved already."""
    seed = order.provenance.seed or 0
    with progress_bar(f"{method.name} order", graph.num_edges, show=progress) as report:
        ids = method.order(graph, count=graph.num_edges, seed=seed, progress=report, **options)
    return order.provenance.protections.removable(graph, ids)


def _compare(graph: UndirectedGraph, order: RemovalOrder, found: Tensor, again: Tensor) -> None:
    """Raise `NotGreedyError` at the first step that differs."""
    shared = min(found.numel(), again.numel())
    differs = (found[:shared] != again[:shared]).nonzero().view(-1)
    if differs.numel() == 0 and found.numel() <= again.numel():
        return
    step = int(differs[0]) if differs.numel() else shared
    u, v = order.edges[:, step].tolist()
    instead = "no edge can go any more"
    if step < again.numel():
        instead = f"edge {tuple(graph.edges[:, int(again[step])].tolist())} goes"
    provenance = order.provenance
    raise NotGreedyError(
        f"step {step + 1} of {len(order)} removes edge ({u}, {v}); computed again by "
        f"{provenance.method} with {provenance.protections.describe()}, {instead} there",
        step=step,
        edge=(u, v),
    )


def _options(method: Method, order: RemovalOrder, walk_length: int | None) -> dict[str, Any]:
    """The order's options where it was made by this method, its defaults otherwise."""
    options = dict(method.options)
    if order.provenance.method == method.name:
        options.update(order.provenance.options)
    if walk_length is not None:
        if "walk_length" not in options:
            raise OptionError(f"method {method.name!r} has no option 'walk_length'")
        options["walk_length"] = walk_length
    return options


def _edge_ids(graph: UndirectedGraph, order: RemovalOrder) -> Tensor:
    ids = graph.edge_ids(order.edges.to(graph.device))
    if ids.numel() and int(ids.min()) < 0:
        step = int((ids < 0).nonzero()[0])
        edge = tuple(order.edges[:, step].tolist())
        raise OrderMismatchError(f"step {step + 1} removes {edge}, which is no edge of the graph")
    if ids.numel() and int(torch.bincount(ids).max()) > 1:
        raise OrderMismatchError("the order removes an edge twice; compute a new one")
    return ids


def _certified() -> str:
    return ", ".join(name for name in available_methods() if get_method(name).verify is not None)
