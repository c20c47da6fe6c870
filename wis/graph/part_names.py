"""Names of attributes with a fixed meaning, and lengths; `wis.graph.parts` has the rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from wis.graph.stores import num_nodes_of_store

EDGE_KEYS = frozenset({"edge_index", "edge_weight", "edge_attr", "edge_type", "e_id"})
VERTEX_KEYS = frozenset({"x", "feat", "pos", "batch", "node_type", "n_id", "tf"})
SIZED_VERTEX_KEYS = frozenset({"x", "feat", "pos", "batch", "node_type"})
OWN_NAMES = frozenset(
    {"edge_label_index", "pos_edge_label_index", "neg_edge_label_index", "hyperedge_index"}
    | {"src_index", "dst_index", "dst_pos_index", "dst_neg_index", "input_id", "seed_time"}
    | {"batch_size", "num_sampled_nodes", "root_n_id", "ptr"}
)
GRAPH_NAMES = frozenset({"y"})
SPLIT_WORDS = frozenset(
    {"train", "val", "valid", "validation", "test", "pos", "neg", "positive", "negative"}
)
MATRIX_NAMES = frozenset({"adj", "adj_t", "adjacency", "adj_matrix", "adjacency_matrix", "adj_mat"})
COUNTER_NAMES = frozenset({"num_edges", "num_arcs", "n_edges", "n_arcs"})
SAMPLED = "num_sampled_edges"
ARC_POINTERS = frozenset({"rowptr", "row_ptr", "colptr", "col_ptr", "indptr"})
STALE_NAMES: Mapping[str, str] = {
    "face": "triangles",
    "triangles": "triangles",
    "tri_index": "triangles",
    "triangle_index": "triangles",
    "triplets": "pairs of arcs",
    "triplet_index": "pairs of arcs",
    "angle_index": "pairs of arcs",
    "idx_kj": "positions of arcs",
    "idx_ji": "positions of arcs",
    "line_graph": "a graph of the arcs",
    "sub_edge_index": "subgraphs",
    "e_sub_batch": "subgraphs",
    "laplacian": "a matrix with the degrees",
    "lambda_max": "an eigenvalue of the graph",
}
DESCRIPTION_WORDS = frozenset(
    {"name", "names", "types", "classes", "columns", "vocab", "categories", "dim", "dims"}
    | {"count", "counts", "size", "sizes", "mean", "std", "min", "max"}
)
EDGE_WORDS = frozenset({"edge", "edges", "arc", "arcs"})
JOINED = re.compile(
    r"(?<![a-z])(edge|arc)"
    r"((?:weight|attr|type|label|feat|feature|kind|cost|length|mask|time|name|id)s?|index)(?![a-z])"
)


def words_of(name: str) -> list[str]:
    """The words of a name in lower case; those that `JOINED` matches are split in two.

    >>> words_of("my_edgeKind2"), words_of("my_edgekind"), words_of("knowledge")
    (['my', 'edge', 'kind'], ['my', 'edge', 'kind'], ['knowledge'])
    """
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    return " ".join(JOINED.sub(r"\1 \2", word.lower()) for word in words).split()


def has_edge_word(name: str) -> bool:
    """Whether one of the words of a name is edge or arc."""
    return not EDGE_WORDS.isdisjoint(words_of(name))


@dataclass(frozen=True, eq=False)
class StoreSizes:
    """The lengths in an edge store.

    Attributes:
        store: The store of a `Data`, or of an edge type of a `HeteroData`.
        num_arcs: Columns of `edge_index`.
        num_nodes: Vertices of a `Data`; None for an edge type of a `HeteroData`.
        slices: First position of each graph of a `Batch` in each attribute; empty otherwise.
        arcs_of_graph: Number of arcs of each graph of a `Batch`.
        nodes_of_graph: Number of vertices of each graph of a `Batch` of `Data`.
    """

    store: Any
    num_arcs: int
    num_nodes: int | None
    slices: Mapping[str, Any]
    arcs_of_graph: tuple[int, ...] | None = None
    nodes_of_graph: tuple[int, ...] | None = None

    @classmethod
    def of(cls, store: Any) -> StoreSizes:
        """The sizes of a store that has an `edge_index`."""
        num_arcs = int(store["edge_index"].shape[1])
        num_nodes = num_nodes_of_store(store) if store._key is None else None
        slices = _slices(store)
        if "edge_index" not in slices:
            return cls(store, num_arcs, num_nodes, {})
        arcs, nodes = _lengths(slices["edge_index"]), None
        if store._key is None:
            stated = store.__dict__.get("_num_nodes")
            nodes = stated if stated is not None else _lengths(store.get("ptr"))
        return cls(store, num_arcs, num_nodes, slices, arcs, None if nodes is None else (*nodes,))

    def has_arc_entries(self, name: str, value: Any) -> bool:
        """Whether a value, or a value inside it, has an entry for each arc."""
        return next(self._leaves(name, value, self.slices.get(name)), None) is not None

    def arc_leaves(self, name: str) -> list[tuple[Any, ...]]:
        """The paths to the values with an entry for each arc; the empty path is the attribute."""
        return list(self._leaves(name, self.store[name], self.slices.get(name))) or [()]

    def is_per_graph(self, value: Any) -> bool:
        """Whether a value is a list with one list or array for each graph of a `Batch`.

        PyG makes such lists of attributes that it does not concatenate.
        """
        graphs = self.arcs_of_graph
        if graphs is None or not isinstance(value, list) or len(value) != len(graphs):
            return False
        return all(isinstance(item, (list, tuple, np.ndarray)) for item in value) and bool(value)

    def _leaves(self, name: str, value: Any, slices: Any) -> Iterator[tuple[Any, ...]]:
        if isinstance(value, Mapping):
            for key, item in value.items():
                below = slices.get(key) if isinstance(slices, Mapping) else None
                inner = f"{name}_{key}" if isinstance(key, str) else name
                yield from ((key, *path) for path in self._leaves(inner, item, below))
        elif self.is_per_graph(value):
            lengths = tuple(num_entries(self.store, name, item) for item in value)
            in_doubt = lengths == self.nodes_of_graph
            if lengths == self.arcs_of_graph and (not in_doubt or _names_edges(name)):
                yield ()
        elif self._is_per_arc(name, num_entries(self.store, name, value), slices):
            yield ()
        elif isinstance(value, (list, tuple)) and holds_arrays(value):
            for position, item in enumerate(value):
                below = slices[position] if isinstance(slices, list) else None
                yield from ((position, *path) for path in self._leaves(name, item, below))

    def _is_per_arc(self, name: str, length: int | None, slices: Any) -> bool:
        """Whether `length` entries, divided as in `slices`, are one for each arc."""
        if length != self.num_arcs:
            return False
        lengths = _lengths(slices)
        if lengths is None or self.arcs_of_graph is None:
            in_doubt = length == self.num_nodes or (length == 1 and name in GRAPH_NAMES)
        elif lengths != self.arcs_of_graph:
            return False
        else:
            in_doubt = lengths == self.nodes_of_graph or set(lengths) == {1}
        return not in_doubt or _names_edges(name)


def num_entries(store: Any, name: str, value: Any) -> int | None:
    """Length of a value along PyG's `__cat_dim__`, None for a value without a length."""
    if isinstance(value, Tensor) and value.is_nested:
        return int(value.size(0))
    if isinstance(value, (Tensor, np.ndarray)):
        dim = store._parent().__cat_dim__(name, value, store) if value.ndim else None
        return int(value.shape[dim]) if isinstance(dim, int) and dim < value.ndim else None
    if isinstance(value, (list, tuple)) or hasattr(value, "iloc") or hasattr(value, "num_rows"):
        return len(value)
    return None


def holds_arrays(value: Any) -> bool:
    """Whether a list is not empty and holds only tensors and arrays."""
    return bool(value) and all(isinstance(item, (Tensor, np.ndarray)) for item in value)


def is_nested(value: Any) -> bool:
    """Whether a value is a nested tensor, which has no single shape."""
    return isinstance(value, Tensor) and bool(value.is_nested)


def shape_of(value: Any) -> str:
    """Describe a value in an error: its shape and dtype, or its type and length."""
    if is_nested(value):
        return f"a nested tensor of {value.size(0)}"
    if isinstance(value, (Tensor, np.ndarray)) or hasattr(value, "shape"):
        dtype = str(getattr(value, "dtype", type(value).__name__)).removeprefix("torch.")
        return f"{list(value.shape)} of {dtype}"
    return f"a {type(value).__name__} of {len(value)}" if hasattr(value, "__len__") else repr(value)


def _names_edges(name: str) -> bool:
    return name in EDGE_KEYS or has_edge_word(name)


def _slices(store: Any) -> Mapping[str, Any]:
    """The first position of each graph of a `Batch` in each attribute of a store."""
    try:
        slices = store._parent()._slice_dict
    except (AttributeError, KeyError):
        return {}
    found = slices if store._key is None else slices.get(store._key, {})
    return found if isinstance(found, Mapping) else {}


def _lengths(slices: Any) -> tuple[int, ...] | None:
    """The length of each part, from the first positions of the parts."""
    if not isinstance(slices, Tensor) or slices.dim() != 1:
        return None
    return tuple(slices.diff().tolist())
