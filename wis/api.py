"""Graph in, order or sparser graph out: the calls that most users need."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from wis.base.amount import Amount, num_edges_to_remove
from wis.base.checks import checked_device, checked_integer, checked_seed
from wis.base.defaults import usual_defaults
from wis.base.progress import progress_bar
from wis.graph import CanonicalGraph, canonical_graph
from wis.graph.edge_types import EdgeClasses, checked_per_type, type_attribute
from wis.graph.part_names import checked_names
from wis.graph.parts import check_lengths
from wis.methods import Method, get_method
from wis.methods.keywords import check_keywords
from wis.order import Provenance, RemovalOrder
from wis.order.protections import Pairs, Protections

if TYPE_CHECKING:
    from torch_geometric.data import Data, HeteroData


@usual_defaults()
def removal_order(
    data: Data | HeteroData | Tensor | CanonicalGraph,
    method: str = "wis",
    *,
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

    Args:
        data: The graph: a PyG `Data` or `HeteroData`, or an `edge_index` of shape [2, num_arcs].
        method: A name of `wis.available_methods`.
        directed: Take each distinct arc (u, v), u != v, as an edge of its own, that is removed
            without its reverse, and walk along arcs (Appendix D.2); for the methods that can. A
            `DirectedGraph` is always taken so.
        num_nodes: Number of vertices, for a bare `edge_index` only.
        count: Stop after so many edges, which is cheaper unless some are protected; all that can go
            if not given.
        seed: Seed of the method's randomness; 0 if not given.
        device: Where to compute; the graph's own device if not given. It never changes the result.
        progress: Show a bar (true), never (false), or where it takes long on a terminal (None).
        keep_connected: Remove no edge whose loss would disconnect its component.
        min_degree: Let no vertex fall below so many neighbours (incoming ones if directed).
        protect: Pairs of vertices whose edges stay: an integer tensor [2, k] or a list of pairs
            (see `wis.order.protections`, also for what these three mean together).
        vertex_data: Where a method finds attributes and names of vertices; `data` if not given.
        **options: The method's own, such as `walk_length`, `engine` and `batch_size` of ``"wis"``.

    Returns:
        The order, on the CPU.

    Raises:
        GraphFormatError: `data` is not a graph.
        UnknownNameError: There is no such method.
        OptionError: An option does not exist or has an impossible value, or the method does not
            take directed graphs.
        ProtectionError: A protected pair is no edge, or fewer than `count` edges can go.
    """
    chosen = get_method(method)
    check_keywords(removal_order, chosen, options)
    graph = canonical_graph(data, num_nodes, directed=directed)
    check_lengths(data)
    check_lengths(vertex_data)
    protections = Protections.of(
        graph, keep_connected=keep_connected, min_degree=min_degree, protect=protect
    )
    return _order(
        graph,
        data if vertex_data is None else vertex_data,
        chosen,
        protections,
        count=count,
        seed=seed,
        device=device,
        progress=progress,
        **options,
    )


def _order(
    graph: CanonicalGraph,
    data: Any,
    method: Method,
    protections: Protections,
    *,
    count: int | None,
    seed: int | None,
    device: torch.device | str | None,
    progress: bool | None,
    **given: Any,
) -> RemovalOrder:
    options = method.resolved_options(graph, given)
    total = graph.num_edges
    if count is not None:
        total = checked_integer("count", count, 0, total)
    seed = checked_seed(seed)
    there = graph if device is None else graph.to(checked_device(device))
    to_rank = graph.num_edges if protections else total  # some of them will be passed over
    arguments, record = method.prepare(graph, data, options, seed)
    with progress_bar(f"{method.name} order", to_rank, show=progress) as report:
        ids = method.order(there, count=to_rank, seed=seed, progress=report, **arguments)
    num_removable = None
    if protections:
        ids = protections.removable(graph, ids)
        num_removable = ids.numel()
        total = num_removable if count is None else total
        protections.check_enough(total, num_removable, graph.num_edges, graph.noun)
    provenance = Provenance(
        method=method.name,
        options=record,
        seed=seed if method.is_seeded(record) else None,
        fingerprint=graph.fingerprint,
        protections=protections,
        num_removable=num_removable,
        directed=graph.directed,
    )
    edges = graph.edges[:, ids[:total].to(graph.device)].cpu()
    return RemovalOrder(edges, graph.num_nodes, graph.num_edges, provenance)


@usual_defaults()
def sparsify(
    data: Data | HeteroData | Tensor,
    *,
    remove: Amount | None = None,
    keep: Amount | None = None,
    method: str = "wis",
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
    **options: Any,
) -> Any:
    """Remove the edges of a graph that a method ranks first.

    Args:
        data: The graph: a PyG `Data` or `HeteroData`, or an `edge_index`. It is not changed.
        remove: What to take away: a number of edges (`int`), a fraction in [0, 1] (`float`), or a
            text such as ``"50%"``. Self-loops are no edges and always stay.
        keep: What to keep instead, in the same forms.
        method: A name of `wis.available_methods`.
        directed: Take each distinct arc as an edge of its own, see `removal_order`; then `remove`
            and `keep` are about arcs.
        per_type: Remove the same fraction of the edges of each type, of a `HeteroData` or a `Data`
            with an `edge_type`, an integer or a text for each arc; a name takes the types from that
            attribute (see `wis.graph.edge_types`). It takes the order of all edges.
        num_nodes: Number of vertices, for a bare `edge_index` only.
        seed: Seed of the method's randomness; 0 if not given.
        device: Where to compute; the graph's own device if not given. It never changes the result.
        progress: Show a bar (true), never (false), or where it takes long on a terminal (None).
        edge_attrs: Attributes that are edge-level whatever their name and length suggest; needed
            only where the number of vertices equals the number of arcs and the name does not
            contain the word edge (see `wis.graph.parts`).
        keep_connected: Remove no edge whose loss would disconnect its component.
        min_degree: Let no vertex fall below so many neighbours (incoming ones if directed).
        protect: Pairs of vertices whose edges stay: an integer tensor [2, k] or a list of pairs
            (see `wis.order.protections`, also for what these three mean together).
        **options: The method's own, such as `walk_length=1`.

    Returns:
        An object of the same type with fewer arcs; all vertex data, the edge attributes and the
        order of the surviving arcs, dtypes and devices are kept. Matrices, counters and pointers
        that repeat the edges are cut with them (see `wis.graph.parts`).

    Raises:
        GraphFormatError: `data` is not a graph, an attribute has another length than its name says,
            or a part of it follows from the edges and could not be cut.
        UnknownNameError: There is no such method.
        OptionError: An option or amount is impossible, the method does not take directed graphs, or
            `per_type` is wanted of a graph without edge types.
        ProtectionError: A protected pair is no edge, or fewer edges can go than were asked for.
    """
    chosen = get_method(method)
    check_keywords(sparsify, chosen, options)
    graph = canonical_graph(data, num_nodes, directed=directed)
    per_type, edge_attrs = checked_per_type(per_type), checked_names(edge_attrs)
    check_lengths(data, to_be_cut=True, edge_attrs=edge_attrs)
    count = num_edges_to_remove(graph.num_edges, remove=remove, keep=keep, noun=graph.noun)
    if per_type:
        EdgeClasses.of(
            data, graph, type_attribute(per_type)
        )  # raises where there are no types, before the work
    protections = Protections.of(
        graph, keep_connected=keep_connected, min_degree=min_degree, protect=protect
    )
    order = _order(
        graph,
        data,
        chosen,
        protections,
        count=None if per_type else count,
        seed=seed,
        device=device,
        progress=progress,
        **options,
    )
    steps = order.steps_of_cut(data, graph, remove=remove, keep=keep, per_type=per_type)
    return order.cut(data, graph, steps, edge_attrs=edge_attrs)
