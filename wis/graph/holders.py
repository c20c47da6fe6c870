"""The kinds of objects that hold a graph: how to read each of them, and how to cut it.

PyG objects and an `edge_index` are used as they are. Every other kind has a row in `KINDS`:
`opened` reads it as a `Data` (`wis.graph.held`), and `wis.graph.cut.drop_edges` gives back an
object of the same kind that lacks the removed edges. The object is never changed. Its library is
not imported before there is such an object.

- **networkx** graphs of the four classes. An edge of an undirected graph is one arc. Vertices are
  numbered in the graph's order, unless they are the integers 0 to n - 1, which keep their numbers.
  Attributes that all vertices or all edges have can be read by methods, `weight` as `edge_weight`,
  `type` as `edge_type`.
- **Sparse matrices and tensors** of scipy and torch: every stored entry (i, j) is an arc from i to
  j, an explicit zero too; entries of removed edges are no longer stored. The values are the
  `edge_weight`.
- **Square matrices**, torch tensors or numpy arrays: entries other than zero are arcs, and become
  zero. An integer array of shape [2, 2] is an `edge_index`.
- **numpy** arrays of integers of shape [2, num_arcs].
- **Tables** of pandas, pyarrow or polars, one row for each arc: the endpoints are two columns with
  names such as ``source`` and ``target`` or ``src`` and ``dst``, or the only two columns. Integers
  from 0 on are vertex ids. All other ids, such as texts, are numbered in ascending order. Other
  columns can be read by their names, `weight` as `edge_weight` too, and `type` as `edge_type`.
- **TemporalData** of PyG: the events between two vertices are the arcs of their edge.

A list or a tuple of graphs, or a dataset of PyG, holds several graphs (`several`): `wis.sparsify`
cuts each by itself.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wis.base.tables import named_endpoints
from wis.errors import GraphFormatError, OptionError, echo
from wis.graph.arc_values import select_arcs
from wis.graph.matrices import entries, is_sparse_matrix, values_of, without

if TYPE_CHECKING:
    from wis.graph.held import Without

Mask = NDArray[np.bool_]
WEIGHTS = "edge_weight"
"""The attribute of the read graph with one weight for each arc, if the object has weights."""
_USUAL = {"weight": WEIGHTS, "type": "edge_type"}  # where methods look if no name is given
_FREE_IDS, _IDS_PER_ARC = 1_000_000, 10  # larger integers are names, as in `wis.io.columns`


@dataclass(frozen=True)
class Kind:
    """A kind of objects that hold one graph.

    Attributes:
        owns: Whether an object is of this kind.
        read: Its arcs, its number of vertices, perhaps names, and attributes: the arguments of
            `Held`. The second argument is `num_nodes`, None for the object's own.
        without: How to cut it.
        is_bare: Whether the object does not know its number of vertices.
    """

    owns: Callable[[Any], bool]
    read: Callable[[Any, int | None], dict[str, Any]]
    without: Without
    is_bare: bool = False


def opened(graph: Any, num_nodes: int | None = None, *, usual: int | None = None) -> Any:
    """Read an object of one of the `KINDS` as a `Data`; all others are returned as they are.

    Args:
        graph: The object.
        num_nodes: Number of vertices, for a kind that does not know it.
        usual: The number of such a kind if `num_nodes` is not given.

    Raises:
        GraphFormatError: The object is of a kind, but not a graph.
        OptionError: `num_nodes` is given for an object that has its own.

    >>> import networkx as nx
    >>> opened(nx.path_graph(["a", "b", "c"])).edge_index.tolist()
    [[0, 1], [1, 2]]
    """
    kind = None if is_held(graph) else kind_of(graph)
    if kind is None:
        return graph
    if num_nodes is not None and not kind.is_bare:
        raise OptionError("num_nodes is for a bare edge_index; this graph has its own")
    from wis.graph.held import Held

    if isinstance(graph, Tensor) and graph.requires_grad and graph.layout == torch.sparse_coo:
        graph = graph.coalesce()  # the values of other COO tensors have no gradient
    parts = kind.read(graph, usual if num_nodes is None and kind.is_bare else num_nodes)
    return Held(graph, kind.without, **parts)


def kind_of(graph: Any) -> Kind | None:
    """The row of an object in `KINDS`, None for PyG's graphs, an `edge_index` and no graphs."""
    if type(graph).__name__ == "Data":  # saves time where there are many
        return None
    return next((kind for kind in KINDS.values() if kind.owns(graph)), None)


def is_held(data: Any) -> bool:
    """Whether `opened` read this object; PyG need not be imported to tell."""
    return type(data).__module__ == "wis.graph.held"


def vertex_ids(data: Any, names: Any, option: str) -> Any:
    """Vertex ids for names of vertices, or pairs of them, of an object that `opened` read.

    Args:
        data: The graph.
        names: Names, or tuples of names; ids if the graph has no names.
        option: The name of the option in errors.

    Raises:
        OptionError: A name is not that of a vertex.
    """
    if option == "protect" and hasattr(names, "itertuples"):  # a table of pairs
        names = list(names.itertuples(index=False, name=None))
    if names is None or not is_held(data) or data.ids is None:
        return names
    if option == "protect":
        names = names.T if hasattr(names, "T") else names  # arrays of pairs have the shape [2, k]
    try:
        if option == "protect":
            return [tuple(data.id_of(name, option) for name in pair) for pair in names]
        return [data.id_of(name, option) for name in names]
    except TypeError:  # no names, or no pairs: their readers say so
        return names


def several(graphs: Any) -> list[Any] | None:
    """The graphs in a list, a tuple or a dataset of PyG; None for any other object.

    Raises:
        GraphFormatError: Some in the list are graphs, but not all.
    """
    if isinstance(graphs, (list, tuple)):
        others = [place for place, graph in enumerate(graphs) if not _is_graph(graph)]
        if 0 < len(others) < len(graphs):
            kind = type(graphs[others[0]]).__name__
            raise GraphFormatError(f"item {others[0]} of the {len(graphs)} is no graph: got {kind}")
        return None if others else list(graphs)
    if "Dataset" in _names(graphs) and callable(getattr(graphs, "indices", None)):
        return [graphs.get(index) for index in graphs.indices()]
    return None


def put_back(graphs: Any, cut: list[Any]) -> Any:
    """The cut graphs in a collection of the kind that `several` read.

    A dataset that is not in memory becomes a list.
    """
    if isinstance(graphs, tuple):
        return tuple(cut)
    if "InMemoryDataset" not in _names(graphs):
        return cut
    if any("num_nodes" in graph for graph in cut):  # all graphs of a dataset have the same keys
        for graph in cut:
            graph.num_nodes = graph.num_nodes
    result = copy.copy(graphs)
    result._indices, result._data_list = None, None
    result._data, result.slices = graphs.collate(cut) if cut else (graphs._data, graphs.slices)
    return result


def _is_graph(value: Any) -> bool:
    is_index = isinstance(value, Tensor) and value.dim() == 2 and value.size(0) == 2
    return is_index or hasattr(value, "edge_stores") or kind_of(value) is not None


def _names(value: Any) -> list[str]:
    return [kind.__name__ for kind in type(value).__mro__]


def _is_of(package: str, name: str) -> Callable[[Any], bool]:
    """A test whether an object is of a class of a package, which is not imported for it."""

    def owns(value: Any) -> bool:
        kinds = type(value).__mro__
        return any(k.__name__ == name and k.__module__.split(".")[0] == package for k in kinds)

    return owns


# networkx


def _read_networkx(graph: Any, num_nodes: int | None) -> dict[str, Any]:
    nodes = list(graph)
    is_numbered = all(type(node) is int for node in nodes) and set(nodes) == set(range(len(nodes)))
    if is_numbered:
        nodes.sort()
    ids = {node: number for number, node in enumerate(nodes)}
    edges = list(graph.edges(data=True))
    arcs = np.array([(ids[u], ids[v]) for u, v, _ in edges], dtype=np.int64).reshape(-1, 2)
    of_nodes = _shared([graph.nodes[node] for node in nodes])
    of_edges = _shared([attributes for *_, attributes in edges])
    of_edges = _with_usual(of_edges)
    renamed = {f"edge_{key}" if key in of_nodes else key: of_edges[key] for key in of_edges}
    parts = _parts(arcs.T, len(nodes), None if is_numbered else ids, of_nodes | renamed)
    return {**parts, "is_undirected_kind": not graph.is_directed()}


def _shared(records: Sequence[Mapping[Any, Any]]) -> dict[str, Any]:
    """The attributes that all vertices, or all edges, have."""
    keys = [key for key in records[0] if isinstance(key, str)] if records else []
    shared = [key for key in keys if all(key in record for record in records)]
    return {key: _column([record[key] for record in records]) for key in shared}


def _networkx_without(graph: Any, kept: Mask) -> Any:
    edges = graph.edges(keys=True) if graph.is_multigraph() else graph.edges
    result = graph.copy()
    result.remove_edges_from([edge for edge, stays in zip(edges, kept, strict=True) if not stays])
    return result


# matrices


def _is_square(value: Any) -> bool:
    """Whether a value is a dense square matrix, and not an `edge_index` of two arcs."""
    is_dense = isinstance(value, (Tensor, np.ndarray)) and not is_sparse_matrix(value)
    shape = tuple(value.shape) if is_dense and not getattr(value, "is_nested", False) else ()
    return len(shape) == 2 and shape[0] == shape[1] != 2 and not hasattr(value, "sparse_size")


def _read_matrix(matrix: Any, num_nodes: int | None) -> dict[str, Any]:
    rows, columns = tuple(matrix.shape[:2])
    if rows != columns:
        raise GraphFormatError(
            f"the matrix has the shape {[rows, columns]}; an adjacency matrix is square: put a "
            f"matrix between two kinds of vertices into one of [{rows + columns}, {rows + columns}]"
        )
    values = values_of(matrix)
    if isinstance(values, np.ndarray):
        values = _column(values)
    weights = {} if values is None else {WEIGHTS: values}
    return _parts(torch.stack(entries(matrix, "the matrix")), rows, None, weights)


def _matrix_without(matrix: Any, kept: Mask) -> Any:
    return without(matrix, torch.from_numpy(~kept))


# arrays of arcs, tables, events


def _is_edge_array(value: Any) -> bool:
    is_array = isinstance(value, np.ndarray) and value.ndim == 2
    return is_array and value.shape[0] == 2 and value.dtype.kind in "iu"


def _is_table(value: Any) -> bool:
    tables = (("pandas", "DataFrame"), ("pyarrow", "Table"), ("pyarrow", "RecordBatch"))
    return any(_is_of(*table)(value) for table in (*tables, ("polars", "DataFrame")))


def _read_table(table: Any, num_nodes: int | None) -> dict[str, Any]:
    if hasattr(table, "iloc"):
        titles = [str(title) for title in table.columns]
        columns = [table.iloc[:, place].to_numpy() for place in range(len(titles))]
    else:
        import pyarrow as pa

        plain = pa.table(table)
        titles = plain.column_names
        columns = [column.to_numpy() for column in plain.columns]
    ends = (0, 1) if len(titles) == 2 else named_endpoints(titles)
    if ends is None:
        raise GraphFormatError(
            f"the table has the columns {echo(', '.join(titles) or 'none', 200)}; expected one row "
            f"for each arc, with its ends in columns such as source and target: rename the two"
        )
    arcs, size, ids = _numbered([columns[end] for end in ends], num_nodes)
    others = {
        title: _column(column)
        for place, (title, column) in enumerate(zip(titles, columns, strict=True))
        if place not in ends and column.dtype.kind in "biufOU"
    }
    return _parts(arcs, size, ids, _with_usual(others))


def _numbered(
    ends: Sequence[NDArray[Any]], num_nodes: int | None
) -> tuple[NDArray[np.int64], int, dict[Any, int] | None]:
    """The arcs, the number of vertices, and the ids of names."""
    ends = [np.array(end.tolist()) if _holds_integers(end) else end for end in ends]
    if all(end.dtype.kind in "iu" for end in ends):
        arcs = np.stack([end.astype(np.int64) for end in ends])
        low, high = (int(arcs.min()), int(arcs.max())) if arcs.size else (0, -1)
        if low >= 0 and (num_nodes is not None or high < _FREE_IDS + _IDS_PER_ARC * arcs.shape[1]):
            return arcs, high + 1 if num_nodes is None else num_nodes, None
    listed = [end.tolist() for end in ends]
    try:
        known = set(listed[0]).union(listed[1])
        for name in known:
            if name is None or type(name).__name__ in ("NAType", "NaTType") or name != name:
                raise GraphFormatError("an end of an arc is missing in the table: drop such rows")
        ids = {name: number for number, name in enumerate(sorted(known))}
    except TypeError as error:
        raise GraphFormatError(
            f"the ends of the arcs in the table cannot be sorted ({error}); expected integers, or "
            f"texts: convert both columns to texts"
        ) from None
    if num_nodes not in (None, len(ids)):
        raise OptionError(
            f"num_nodes is {num_nodes}, but the table names {len(ids)} vertices; leave it out"
        )
    arcs = np.array([[ids[name] for name in end] for end in listed], dtype=np.int64)
    return arcs, len(ids), ids


def _holds_integers(values: NDArray[Any]) -> bool:
    """Whether an array of objects seems to hold integers, as columns with gaps do."""
    return values.dtype.kind == "O" and values.size > 0 and isinstance(values[0], int)


def _table_without(table: Any, kept: Mask) -> Any:
    return table[kept] if hasattr(table, "iloc") else table.filter(kept)


def _read_events(data: Any, num_nodes: int | None) -> dict[str, Any]:
    ends = [data._store.get(key) for key in ("src", "dst")]
    sizes = [list(end.shape) if isinstance(end, Tensor) else None for end in ends]
    if sizes[0] is None or sizes[0] != sizes[1] or len(sizes[0]) != 1:
        raise GraphFormatError(
            f"src and dst of the TemporalData have the shapes {sizes[0]} and {sizes[1]}; expected "
            f"two tensors with a vertex id for each event"
        )
    arcs = torch.stack(ends)
    others = {key: value for key, value in data._store.items() if key not in ("src", "dst")}
    return _parts(arcs, num_nodes, None, others)


def _events_without(data: Any, kept: Mask) -> Any:
    """Like PyG's `index_select`, which takes tensors only."""
    result, mask = copy.copy(data), torch.from_numpy(kept)
    for key, value in data._store.items():
        if (getattr(value, "shape", ()) or isinstance(value, list)) and len(value) == len(kept):
            result[key] = select_arcs(value, mask)
    return result


def _with_usual(attributes: dict[str, Any]) -> dict[str, Any]:
    """Attributes of arcs, those of usual names under the names in `_USUAL` too."""
    return {_USUAL[key]: attributes[key] for key in _USUAL if key in attributes} | attributes


def _parts(
    arcs: Tensor | NDArray[np.int64],
    num_nodes: int | None,
    ids: Mapping[Any, int] | None,
    attributes: Mapping[str, Any],
) -> dict[str, Any]:
    """The arguments of `Held`; names that are texts are the attribute `name`."""
    index = arcs if isinstance(arcs, Tensor) else torch.from_numpy(np.array(arcs, order="C"))
    named = {"name": list(ids)} if ids and all(isinstance(name, str) for name in ids) else {}
    if num_nodes is None:
        num_nodes = int(index.max()) + 1 if index.numel() else 0
    return {**attributes, **named, "ids": ids, "edge_index": index, "num_nodes": num_nodes}


def _column(values: Any) -> Any:
    """Numbers as a tensor, other values as a list."""
    try:
        array = np.array(values)
    except ValueError:  # of different lengths
        return list(values)
    if array.dtype.kind not in "biuf" or array.dtype == np.longdouble:
        return list(values)
    return torch.from_numpy(array.astype(array.dtype.newbyteorder("=")))


KINDS: dict[str, Kind] = {
    "networkx": Kind(_is_of("networkx", "Graph"), _read_networkx, _networkx_without),
    "sparse matrix": Kind(is_sparse_matrix, _read_matrix, _matrix_without),
    "square matrix": Kind(_is_square, _read_matrix, _matrix_without),
    "array of arcs": Kind(
        _is_edge_array,
        lambda array, num_nodes: _parts(array, num_nodes, None, {}),
        lambda array, kept: array[:, kept],
        is_bare=True,
    ),
    "table": Kind(_is_table, _read_table, _table_without, is_bare=True),
    "events": Kind(_is_of("torch_geometric", "TemporalData"), _read_events, _events_without),
}
"""The kinds by name; the first that owns an object reads it."""
