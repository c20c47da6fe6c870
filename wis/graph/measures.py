"""How long the attributes of an edge store are, and which have an entry for each arc."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from wis.graph.part_names import EDGE_KEYS, GRAPH_NAMES, has_edge_word
from wis.graph.stores import num_nodes_of_store


@dataclass(frozen=True, eq=False)
class Measure:
    """How long things are in an edge store.

    Attributes:
        num_arcs: Columns of `edge_index`.
        num_nodes: Vertices of a `Data`; None for an edge type of a `HeteroData`.
        slices: Where each part of a `Batch` begins in each attribute; empty without a `Batch`.
        arcs_of_graph: Arcs of each graph of a `Batch`.
        nodes_of_graph: Vertices of each graph of a `Batch` of `Data`.
    """

    num_arcs: int
    num_nodes: int | None
    slices: Mapping[str, Any]
    arcs_of_graph: tuple[int, ...] | None = None
    nodes_of_graph: tuple[int, ...] | None = None

    @classmethod
    def of(cls, store: Any) -> Measure:
        """Measure a store that has an `edge_index`."""
        num_arcs = int(store["edge_index"].shape[1])
        num_nodes = num_nodes_of_store(store) if store._key is None else None
        slices = _slices(store)
        if "edge_index" not in slices:
            return cls(num_arcs, num_nodes, {})
        arcs = _steps(slices["edge_index"])
        nodes = None
        if store._key is None:
            stated = store.__dict__.get("_num_nodes")
            nodes = stated if stated is not None else _steps(store.get("ptr"))
        return cls(num_arcs, num_nodes, slices, arcs, None if nodes is None else tuple(nodes))

    def is_per_arc(self, name: str, length: int | None, slices: Any = None) -> bool:
        """Whether so many entries, or so many in each graph, are one for each arc."""
        if length != self.num_arcs:
            return False
        found = _steps(slices)
        if found is None or self.arcs_of_graph is None:
            in_doubt = length == self.num_nodes or (length == 1 and name in GRAPH_NAMES)
        elif found != self.arcs_of_graph:
            return False
        else:
            in_doubt = found == self.nodes_of_graph or set(found) == {1}
        return not in_doubt or name in EDGE_KEYS or has_edge_word(name)


def num_entries(store: Any, name: str, value: Any) -> int | None:
    """Length of a value along PyG's dimension, None for what has none."""
    if isinstance(value, Tensor) and value.is_nested:
        return int(value.size(0))
    if isinstance(value, (Tensor, np.ndarray)):
        dim = store._parent().__cat_dim__(name, value, store) if value.ndim else None
        return int(value.shape[dim]) if isinstance(dim, int) and dim < value.ndim else None
    if isinstance(value, (list, tuple)) or hasattr(value, "iloc") or hasattr(value, "num_rows"):
        return len(value)
    return None


def _arc_leaves(
    store: Any, name: str, value: Any, measure: Measure, slices: Any
) -> Iterator[tuple[Any, ...]]:
    """Where in a value there are entries for each arc: the path to each such leaf."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            below = slices.get(key) if isinstance(slices, Mapping) else None
            inner = f"{name}_{key}" if isinstance(key, str) else name
            for path in _arc_leaves(store, inner, item, measure, below):
                yield (key, *path)
    elif is_per_graph(value, measure):
        if _graphs_are_per_arc(store, name, value, measure):
            yield ()
    elif measure.is_per_arc(name, num_entries(store, name, value), slices):
        yield ()
    elif isinstance(value, (list, tuple)) and holds_arrays(value):
        for position, item in enumerate(value):
            below = slices[position] if isinstance(slices, list) else None
            for path in _arc_leaves(store, name, item, measure, below):
                yield (position, *path)


def has_leaf(store: Any, name: str, value: Any, measure: Measure) -> bool:
    """Whether a value, or something in it, has an entry for each arc."""
    found = _arc_leaves(store, name, value, measure, measure.slices.get(name))
    return next(found, None) is not None


def arc_leaves(store: Any, name: str, measure: Measure) -> list[tuple[Any, ...]]:
    """Paths into an attribute that has entries for each arc; the empty path is all of it."""
    found = list(_arc_leaves(store, name, store[name], measure, measure.slices.get(name)))
    return found or [()]


def is_per_graph(value: Any, measure: Measure) -> bool:
    """Whether a value of a `Batch` is a list with an item, that has a length, for each graph."""
    graphs = measure.arcs_of_graph
    if graphs is None or not isinstance(value, list) or len(value) != len(graphs):
        return False
    return all(isinstance(item, (list, tuple, np.ndarray)) for item in value) and bool(value)


def _graphs_are_per_arc(store: Any, name: str, value: list[Any], measure: Measure) -> bool:
    lengths = tuple(num_entries(store, name, item) for item in value)
    if lengths != measure.arcs_of_graph:
        return False
    return lengths != measure.nodes_of_graph or has_edge_word(name) or name in EDGE_KEYS


def holds_arrays(value: Any) -> bool:
    """Whether a list has something in it, and only tensors and arrays."""
    return bool(value) and all(isinstance(item, (Tensor, np.ndarray)) for item in value)


def is_nested(value: Any) -> bool:
    """Whether a value is a nested tensor, which has no one shape."""
    return isinstance(value, Tensor) and bool(value.is_nested)


def shape_of(value: Any) -> str:
    """A value for an error: its shape and dtype, or its type and length."""
    if is_nested(value):
        return f"a nested tensor of {value.size(0)}"
    if isinstance(value, (Tensor, np.ndarray)) or hasattr(value, "shape"):
        dtype = str(getattr(value, "dtype", type(value).__name__)).removeprefix("torch.")
        return f"{list(value.shape)} of {dtype}"
    return f"a {type(value).__name__} of {len(value)}" if hasattr(value, "__len__") else repr(value)


def _slices(store: Any) -> Mapping[str, Any]:
    """Where the graphs of a `Batch` begin in each attribute of a store."""
    try:
        slices = store._parent()._slice_dict
    except (AttributeError, KeyError):
        return {}
    found = slices if store._key is None else slices.get(store._key, {})
    return found if isinstance(found, Mapping) else {}


def _steps(slices: Any) -> tuple[int, ...] | None:
    if not isinstance(slices, Tensor) or slices.dim() != 1:
        return None
    return tuple(slices.diff().tolist())
