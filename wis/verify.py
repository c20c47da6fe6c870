"""Is a removal order one that the greedy rule of its method could have made?

The rule leaves ties open, so many orders are right; a certificate accepts all of them and names the
first step of a wrong one. It looks at the order alone, not at the code that made it. An approximate
order (``batch_size`` above 1) is not greedy and fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from wis.errors import OptionError, OrderMismatchError
from wis.graph import UndirectedGraph
from wis.methods import Method, available_methods, get_method
from wis.order import RemovalOrder
from wis.progress import progress_bar

if TYPE_CHECKING:
    from torch_geometric.data import Data, HeteroData


def verify_order(
    data: Data | HeteroData | Tensor | UndirectedGraph,
    order: RemovalOrder,
    method: str | None = None,
    *,
    walk_length: int | None = None,
    num_nodes: int | None = None,
    progress: bool | None = None,
) -> None:
    """Check every step of an order against the greedy rule, whatever way ties are broken.

    Args:
        data: The graph that the order was made for: a PyG `Data` or `HeteroData`, or an
            `edge_index`.
        order: The order; it may have been stopped early.
        method: The method whose rule is checked; the one that made the order if not given.
        walk_length: Length of the walks that the rule counts; the order's own if not given.
        num_nodes: Number of vertices, for a bare `edge_index` only; the order's own if not given.
        progress: Show a bar (true), never (false), or where it takes long on a terminal (None).

    Raises:
        NotGreedyError: Some step takes an edge although a better one is left; it names the first
            such step.
        OrderMismatchError: The order was made for another graph, or does not list edges of it, each
            once.
        OptionError: The method, or it with this `walk_length`, has no certificate.
        UnknownNameError: There is no such method.

    Cost: see the certificate of the method, for 1-WIS `wis.methods.one_wis_certificate`.
    """
    chosen = get_method(order.provenance.method if method is None else method)
    if chosen.verify is None:
        raise OptionError(
            f"method {chosen.name!r} has no certificate; methods that have one: {_certified()}"
        )
    options = _options(chosen, order, walk_length)
    if isinstance(data, Tensor) and num_nodes is None:
        num_nodes = order.num_nodes
    graph = UndirectedGraph.from_any(data, num_nodes)
    order.check_made_for(graph)
    ids = _edge_ids(graph, order)
    with progress_bar(f"{chosen.name} certificate", len(order), show=progress) as report:
        chosen.verify(graph, ids, progress=report, **options)


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
