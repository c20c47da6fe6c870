"""Facts about a graph: counts, degrees, components, attributes, memory.

PyG stores arcs, and wis sparsifies edges. The facts count both. An edge is one-way if only one of
its two arcs is stored. An arc is a repeat if an earlier arc has the same source and target. A
vertex is isolated if it has no neighbour other than itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from wis.base.checks import usual_defaults
from wis.graph import CanonicalGraph, DirectedGraph, UndirectedGraph
from wis.graph.holders import opened
from wis.graph.part_names import is_nested, num_entries
from wis.graph.parts import Part, check_lengths, parts_of
from wis.graph.stores import edge_stores, num_nodes_of_store

if TYPE_CHECKING:
    from torch_geometric.data import Data, HeteroData

MAX_CLASSES = 1_000


@dataclass(frozen=True)
class DegreeSummary:
    """Degrees over all vertices, without self-loops; zeros for a graph without vertices."""

    min: int  # lowest degree
    median: int  # half of the vertices, rounded up, have at most this degree
    mean: float  # 2m / n
    p90: int  # 90 % of the vertices have at most this degree
    p99: int  # 99 % of the vertices have at most this degree
    max: int  # highest degree


@dataclass(frozen=True)
class Attribute:
    """An attribute of a graph."""

    level: str  # ``"vertex"``, ``"edge"`` or ``"graph"``
    store: str | None  # vertex or edge type of a HeteroData, None for a Data
    name: str
    type: str  # its dtype, or the type of an object without a dtype
    shape: tuple[int, ...] | None  # its shape, None for an object without a shape
    note: str | None  # a short description of its values, such as ``"10 classes"``, or None


@dataclass(frozen=True)
class GraphFacts:
    """The facts about a graph.

    Attributes:
        kind: ``"Data"``, ``"HeteroData"`` or ``"edge_index"``.
        num_nodes: Number of vertices.
        num_edges: Number of edges, without loops and repeats.
        num_arcs: Number of columns of `edge_index`.
        num_loops: Arcs from a vertex to itself.
        num_repeats: Arcs that equal an earlier arc, including loops.
        num_one_way: Edges with only one stored arc.
        direction: ``"undirected"`` (no edge is one-way), ``"one-way"`` (all edges are one-way) or
            ``"mixed"``.
        num_isolated: Vertices without a neighbour.
        num_components: Connected components, including isolated vertices.
        largest_component: Vertices of the largest component.
        degree: Summary of the degrees.
        num_nodes_by_type: Vertices of each type of a HeteroData.
        num_arcs_by_type: Arcs of each edge type of a HeteroData.
        attributes: The attributes of vertices, of edges and of the graph.
        memory_bytes: Size of all tensors and arrays.
    """

    kind: str
    num_nodes: int
    num_edges: int
    num_arcs: int
    num_loops: int
    num_repeats: int
    num_one_way: int
    direction: str
    num_isolated: int
    num_components: int
    largest_component: int
    degree: DegreeSummary
    num_nodes_by_type: dict[str, int]
    num_arcs_by_type: dict[str, int]
    attributes: tuple[Attribute, ...]
    memory_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """The facts as values for JSON."""
        return asdict(self)


@usual_defaults()
def graph_facts(data: Any) -> GraphFacts:
    """Collect the facts about a graph.

    Args:
        data: A `Data`, a `HeteroData` (its edge types count together), an `edge_index`, or another
            kind (`wis.graph.holders`).

    Raises:
        GraphFormatError: The argument is not a graph.

    Cost: one sort of the arcs.

    >>> import torch
    >>> facts = graph_facts(torch.tensor([[0, 1, 1], [1, 0, 2]]))
    >>> facts.num_edges, facts.num_arcs, facts.num_one_way, facts.direction
    (2, 3, 1, 'mixed')
    """
    given, data = data, opened(data)
    graph = UndirectedGraph.from_any(data)
    check_lengths(data)
    num_loops, num_repeats, num_one_way = _arc_counts(graph)
    sizes = component_sizes(graph)
    stored = () if isinstance(data, Tensor) else data.stores
    values = [value for store in stored for value in store.values()] or [data]
    return GraphFacts(
        kind="edge_index" if isinstance(data, Tensor) else type(given).__name__,
        num_nodes=graph.num_nodes,
        num_edges=graph.num_edges,
        num_arcs=graph.num_arcs,
        num_loops=num_loops,
        num_repeats=num_repeats,
        num_one_way=num_one_way,
        direction=_direction(num_one_way, graph.num_edges),
        num_isolated=int((graph.degree == 0).sum()),
        num_components=sizes.size,
        largest_component=int(sizes.max(initial=0)),
        degree=_degree_summary(graph.degree.cpu().numpy()),
        num_nodes_by_type=_sizes_by_type(data, "node"),
        num_arcs_by_type=_sizes_by_type(data, "edge"),
        attributes=() if isinstance(data, Tensor) else tuple(_attributes(data)),
        memory_bytes=sum(map(_num_bytes, values)),
    )


def message_degrees(graph: CanonicalGraph) -> np.ndarray:
    """int64 [n]: the degree of each vertex, or its in-degree in a directed graph."""
    if isinstance(graph, DirectedGraph):
        return np.asarray(graph.in_degree.cpu().numpy())
    assert isinstance(graph, UndirectedGraph)
    return np.asarray(graph.degree.cpu().numpy())


def component_sizes(graph: CanonicalGraph) -> np.ndarray:
    """int64 array with the number of vertices of each connected component, in any order."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    heads, tails = graph.edges.cpu().numpy()
    ones = np.ones(heads.size, dtype=np.int8)
    shape = (graph.num_nodes, graph.num_nodes)
    _, label = connected_components(coo_array((ones, (heads, tails)), shape=shape), directed=False)
    sizes: np.ndarray = np.bincount(label)
    return sizes


def _arc_counts(graph: UndirectedGraph) -> tuple[int, int, int]:
    """The numbers of loops, of repeats and of one-way edges over all edge types."""
    if not graph.arcs:
        return 0, 0, 0
    arcs, edge = torch.cat(graph.arcs, dim=1), torch.cat(graph.arc_to_edge)
    looped = arcs[0, arcs[0] == arcs[1]]
    forward = _occurs(edge[arcs[0] < arcs[1]], graph.num_edges)
    backward = _occurs(edge[arcs[0] > arcs[1]], graph.num_edges)
    distinct = int(forward.sum()) + int(backward.sum()) + np.unique(looped.cpu().numpy()).size
    return looped.numel(), arcs.size(1) - distinct, int((forward ^ backward).sum())


def _occurs(ids: Tensor, size: int) -> Tensor:
    found = torch.zeros(size, dtype=torch.bool, device=ids.device)
    found[ids] = True
    return found


def _direction(num_one_way: int, num_edges: int) -> str:
    if num_one_way == 0:
        return "undirected"
    return "one-way" if num_one_way == num_edges else "mixed"


def _degree_summary(degree: np.ndarray) -> DegreeSummary:
    if degree.size == 0:
        return DegreeSummary(0, 0, 0.0, 0, 0, 0)
    levels = np.percentile(degree, [0, 50, 90, 99, 100], method="inverted_cdf")
    low, median, p90, p99, high = (int(level) for level in levels)
    return DegreeSummary(low, median, float(degree.mean()), p90, p99, high)


def _sizes_by_type(data: Any, level: str) -> dict[str, int]:
    if not hasattr(data, "edge_types"):
        return {}
    stores = data.node_stores if level == "node" else edge_stores(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyG warns if it infers the number of vertices
        return {_type_name(store): int(getattr(store, f"num_{level}s") or 0) for store in stores}


def _type_name(store: Any) -> str:
    return " ".join(store._key) if isinstance(store._key, tuple) else str(store._key)


def _attributes(data: Data | HeteroData) -> Iterator[Attribute]:
    """Yield all attributes except `edge_index` and `num_nodes`, in the order of storage."""
    for store in data.stores:
        edge_level = _edge_level(data, store)
        for name in store.keys():  # noqa: SIM118  (a store iterates over its values)
            if name not in ("edge_index", "num_nodes"):
                level = "edge" if name in edge_level else _other_level(store, name)
                yield _attribute(level, store, name)


def _edge_level(data: Data | HeteroData, store: Any) -> frozenset[str]:
    holds_arcs = any(store is other for other in edge_stores(data))
    parts = parts_of(store) if holds_arcs else {}
    return frozenset(name for name, part in parts.items() if part in (Part.ARCS, Part.MATRIX))


def _other_level(store: Any, name: str) -> str:
    if not hasattr(store, "is_node_attr") or isinstance(store._key, tuple):
        return "graph"
    is_as_long = num_entries(store, name, store[name]) == num_nodes_of_store(store)
    return "vertex" if is_as_long else "graph"


def _attribute(level: str, store: Any, name: str) -> Attribute:
    value = store[name]
    shape: tuple[int, ...] | None = None
    kind = type(value).__name__
    if is_nested(value):
        shape, kind = (value.size(0),), f"nested {value.dtype}".replace("torch.", "")
    elif isinstance(value, (Tensor, np.ndarray)):
        shape, kind = tuple(value.shape), str(value.dtype).removeprefix("torch.")
    elif isinstance(value, (list, tuple)):
        shape = (len(value),)
    where = None if getattr(store, "_key", None) is None else _type_name(store)
    return Attribute(level, where, name, kind, shape, _note(name, value))


def _note(name: str, value: Any) -> str | None:
    if isinstance(value, (bool, int, float)):
        return str(value)
    if not isinstance(value, Tensor) or value.dim() != 1 or value.numel() == 0 or value.is_meta:
        return None
    if value.dtype == torch.bool:
        return f"{int(value.sum())} true"
    if name == "y" and not value.is_floating_point():
        num_classes = np.unique(value.cpu().numpy()).size
        return f"{num_classes} classes" if num_classes <= MAX_CLASSES else None
    return None


def _num_bytes(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if isinstance(value, Tensor) and (value.layout == torch.strided or is_nested(value)):
        return value.element_size() * value.nelement()
    return 0
