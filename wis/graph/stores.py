"""Check that an object is one of PyG, and its arcs, vertices and their names.

An edge store is the only store of a `Data`, or the store of an edge type of a `HeteroData`. The
user's object is checked before anything is computed from it, and is never changed.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from wis.errors import GraphFormatError, echo

if TYPE_CHECKING:
    from torch_geometric.data import Data, HeteroData


NAMES = "name"  # the attribute of a Data that holds the vertex names
_NO_ARCS = {
    "train_pos_edge_index": "set data.edge_index = data.train_pos_edge_index to sparsify that",
    "face": "make edges of the triangles with torch_geometric.transforms.FaceToEdge",
    "pos": "make edges between points with torch_geometric.transforms.KNNGraph, for example",
}
EXPECTED = (
    "expected a PyG Data or HeteroData, an edge_index of shape [2, num_arcs], a graph of networkx, "
    "a square matrix or a table of edges"
)

_BY_PACKAGE: Mapping[str, str] = {
    "networkit": "convert it with torch_geometric.utils.from_networkit(graph)",
    "dgl": "convert it with torch_geometric.utils.from_dgl(graph)",
    "igraph": "take torch.tensor(graph.get_edgelist()).T and num_nodes=graph.vcount()",
    "numpy": "arcs are integers of shape [2, num_arcs], and an adjacency matrix is square; one of "
    "shape [2, 2] only as scipy.sparse.coo_array(array)",
}
_BY_TYPE: Mapping[str, str] = {
    "HyperGraphData": "its edge_index joins vertices to hyperedges, which are no edges; expand it "
    "to pairs first",
    "GraphFile": "pass its data: file.data",
    "RemovalOrder": "an order is applied to a graph: order.apply(data, remove=...)",
}


def check_is_graph(graph: Any) -> None:
    """Raise unless an object is a PyG `Data` or `HeteroData`.

    Raises:
        GraphFormatError: The object is something else; the message tells how to convert it.
    """
    kinds = [kind.__name__ for kind in type(graph).__mro__]
    known = next((kind for kind in kinds if kind in _BY_TYPE), None)
    if known is None and hasattr(graph, "edge_stores"):
        sizes = getattr(graph, "_num_nodes", None)
        if isinstance(sizes, list) and "Batch" not in kinds:
            raise GraphFormatError(
                f"this {kinds[0]} holds the {len(sizes)} graphs of a dataset, and the vertices of "
                f"each count from 0; pass the dataset, or Batch.from_data_list(list(dataset))"
            )
        return
    hint = _BY_TYPE[known] if known is not None else _hint(graph, kinds)
    ending = f"; {hint}" if hint else ""
    raise GraphFormatError(f"got a {type(graph).__name__}; {EXPECTED}{ending}")


def _hint(graph: Any, kinds: list[str]) -> str:
    if isinstance(graph, (str, Path)):
        return (
            f"load it first: wis.datasets.load({echo(str(graph), 40)!r}) for a named graph, "
            f"wis.io.read_graph(path).data for a file"
        )
    if "Subset" in kinds:
        return "index the dataset itself, dataset[indices], to get a dataset of PyG"
    if "Dataset" in kinds:
        return "take a graph of it, dataset[0]; wis.sparsify cuts each graph of a dataset of PyG"
    if "DataLoader" in kinds:
        return "cut what it loads: dataset.transform = wis.transforms.Sparsify(...)"
    for kind in type(graph).__mro__:
        hint = _BY_PACKAGE.get(kind.__module__.partition(".")[0])
        if hint is not None:
            return hint
    if not isinstance(graph, (list, tuple)):
        return ""
    if len(graph) and hasattr(graph[0], "edge_stores"):
        return "take one graph of it; wis.sparsify cuts each graph of a list"
    return "take torch.tensor(pairs).T for a list of pairs of vertex ids"


def edge_stores(data: Data | HeteroData) -> list[Any]:
    """The edge stores of a PyG object that hold an `edge_index`, in PyG's order.

    Raises:
        GraphFormatError: No store holds an `edge_index`, or an edge type has only a matrix, for
            example after `ToSparseTensor`.

    >>> from wis import datasets
    >>> len(edge_stores(datasets.load("karate")))
    1
    """
    for store in data.edge_stores:
        if store.get("edge_index") is None and ("adj_t" in store or "adj" in store):
            raise _matrix_only(store)
    stores = [store for store in data.edge_stores if store.get("edge_index") is not None]
    if stores or hasattr(data, "edge_types"):
        return stores
    hint = next((f": {hint}" for name, hint in _NO_ARCS.items() if data.get(name) is not None), "")
    raise GraphFormatError(
        f"the graph has no edge_index; expected an integer tensor [2, num_arcs]{hint}"
    )


def _matrix_only(store: Any) -> GraphFormatError:
    """The error for edges that are only in a matrix, with the code that restores `edge_index`."""
    name = "adj_t" if "adj_t" in store else "adj"
    where = "" if store._key is None else f" of {store._key}"
    turn = ".flip(0)" if name == "adj_t" else ""
    value = store[name]
    dense = isinstance(value, Tensor) and value.layout == torch.strided
    make = "dense_to_sparse" if dense else "to_edge_index"
    return GraphFormatError(
        f"the graph holds {name}{where} and no edge_index: sparsify before "
        f"{'ToDense' if dense else 'ToSparseTensor'}, or set edge_index = "
        f"torch_geometric.utils.{make}({name})[0]{turn} and delete {name}"
    )


def store_name(store: Any) -> str:
    """The name of the arcs of a store in errors."""
    return "edge_index" if store._key is None else f"edge_index of {store._key}"


def node_ranges(data: Data | HeteroData) -> dict[str | None, tuple[int, int]]:
    """First vertex id and number of vertices of each node type; the type of a `Data` is None."""
    if not hasattr(data, "edge_types"):
        return {None: (0, num_nodes_of_store(data))}
    ranges: dict[str | None, tuple[int, int]] = {}
    total = 0
    for node_type in _all_node_types(data):
        size = num_nodes_of_type(data, node_type)
        size = _largest_id(data, node_type) + 1 if size is None else size
        ranges[node_type] = total, size
        total += size
    return ranges


def num_nodes_of_store(store: Any) -> Any:
    """Number of vertices by PyG's own rule, without PyG's warning about an inferred number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not is_hetero(store) and "num_nodes" in store:
            # A `Data` would add up a value that is not a number, or None.
            checked_num_nodes(store["num_nodes"])
        return checked_num_nodes(store.num_nodes)


def checked_num_nodes(number: Any) -> int | None:
    """A number of vertices as a Python integer, None for None.

    Raises `GraphFormatError` if it is not an integer, or negative.
    """
    if number is None:
        return None
    try:
        size = -1 if isinstance(number, bool) else operator.index(number)
    except (TypeError, RuntimeError):  # a tensor on the device meta raises RuntimeError
        size = -1
    if size < 0:
        raise GraphFormatError(f"num_nodes is {echo(number)}; expected an integer from 0 on")
    return size


def num_nodes_of_type(data: HeteroData, node_type: str) -> Any:
    """Number of vertices of a type, None if PyG does not know it; does not add a type to `data`."""
    found = [store for store in data.node_stores if store._key == node_type]
    return num_nodes_of_store(found[0]) if found else None


def _all_node_types(data: HeteroData) -> list[str]:
    ends = [node_type for src, _, dst in data.edge_types for node_type in (src, dst)]
    return list(dict.fromkeys([*data.node_types, *ends]))


def _largest_id(data: HeteroData, node_type: str) -> int:
    ids = [
        store.edge_index[end]
        for store in edge_stores(data)
        for end, name in ((0, store._key[0]), (1, store._key[2]))
        if name == node_type
    ]
    return max((int(part.max()) for part in ids if part.numel()), default=-1)


def offset_arcs(store: Any, ranges: dict[str | None, tuple[int, int]]) -> Tensor:
    """The arcs of a store with vertex ids over the vertices of all types."""
    if store._key is None:
        arcs: Tensor = store.edge_index
        return arcs
    arcs = checked_arcs(store.edge_index, None, store_name(store))
    ends = (store._key[0], store._key[2])
    for end, node_type in enumerate(ends):
        checked_arcs(
            arcs[end : end + 1].expand(2, -1),
            ranges[node_type][1],
            f"{store_name(store)} ({node_type})",
        )
    first = [[ranges[node_type][0]] for node_type in ends]
    return arcs + torch.tensor(first, dtype=torch.int64, device=arcs.device)


def stated_size(arcs: Tensor) -> int | None:
    """Number of vertices that a PyG `EdgeIndex` states; None for any other tensor."""
    if type(arcs) is Tensor or not hasattr(arcs, "sparse_size"):
        return None
    sizes = [size for size in arcs.sparse_size() if size is not None]
    return max(sizes) if len(sizes) == 2 else None


def plain_tensor(value: Tensor) -> Tensor:
    """The tensor itself, or the tensor inside a PyG `EdgeIndex`."""
    if type(value) is not Tensor and hasattr(value, "as_tensor"):
        plain: Tensor = value.as_tensor()
        return plain
    return value


def checked_arcs(arcs: Any, num_nodes: int | None, name: str) -> Tensor:
    """The arcs as int64; raises `GraphFormatError` if they are not an integer tensor [2, k].

    >>> checked_arcs(torch.tensor([[0], [1]], dtype=torch.int32), 3, "edge_index").dtype
    torch.int64
    """
    problem = _problem_of_kind(arcs) or _problem_of_shape(arcs)
    if problem is not None:
        raise GraphFormatError(f"{name} {problem}")
    checked = plain_tensor(arcs).detach().to(torch.int64)
    if checked.numel():
        smallest, largest = (int(extreme) for extreme in torch.aminmax(checked))
        if smallest < 0:
            raise GraphFormatError(
                f"{name} holds vertex id {smallest}; ids run from 0 to num_nodes - 1"
            )
        if num_nodes is not None and largest >= num_nodes:
            raise GraphFormatError(
                f"{name} holds vertex id {largest}, but the graph has {num_nodes} vertices; "
                f"ids run from 0 to {num_nodes - 1}: raise num_nodes or renumber"
            )
    if num_nodes is not None and num_nodes < 0:
        raise GraphFormatError(f"num_nodes is {num_nodes}; it cannot be negative")
    return checked


def _problem_of_kind(arcs: Any) -> str | None:
    """The reason why a value is not a dense tensor, None for a dense tensor."""
    expected = "expected {} integer tensor [2, num_arcs], for example {}"
    if not isinstance(arcs, Tensor):
        wanted = expected.format("an", "torch.as_tensor(...)")
        return f"is a {type(arcs).__name__}; {wanted}"
    if arcs.is_nested or arcs.layout != torch.strided:
        wanted = expected.format("a dense", "torch_geometric.utils.to_edge_index(...)[0]")
        return f"is a {'nested' if arcs.is_nested else 'sparse'} tensor; {wanted}"
    return None


def _problem_of_shape(arcs: Tensor) -> str | None:
    """The reason why a dense tensor is not a list of arcs, None for a list of arcs."""
    if arcs.dim() != 2 or arcs.size(0) != 2:
        turned = arcs.dim() == 2 and arcs.size(1) == 2
        is_square = arcs.dim() == 2 and arcs.size(0) == arcs.size(1)
        hint = ": transpose it with .t()" if turned else ""
        if is_square:
            hint = ": of an adjacency matrix take torch_geometric.utils.dense_to_sparse(matrix)[0]"
        return f"has shape {list(arcs.shape)}; expected [2, num_arcs]{hint}"
    if arcs.is_floating_point() or arcs.is_complex() or arcs.dtype == torch.bool:
        return f"has dtype {arcs.dtype}; vertex ids are integers: convert with .long()"
    if arcs.is_meta:
        return "is on the device meta, which holds no values: load the graph on a real device"
    return None


def is_hetero(data: Any) -> bool:
    """Whether a PyG object has several types of vertices or edges."""
    return hasattr(data, "edge_types")


def names_in(data: Any) -> list[str] | None:
    """The vertex names of a `Data`: `name` if it is distinct texts, one per vertex; else None."""
    if is_hetero(data) or NAMES not in data:
        return None
    names = data[NAMES]
    if isinstance(names, np.ndarray) and names.ndim == 1 and names.dtype.kind == "U":
        names = names.tolist()
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        return None
    if len(names) != num_nodes_of_store(data) or len(set(names)) != len(names):
        return None
    return list(names)


def called(data: Any, vertices: Sequence[int]) -> tuple[Any, ...]:
    """Vertices as the user calls them: by the names in a `Held`, else by their ids."""
    names = list(getattr(data, "__dict__", {}).get("ids") or ())
    return tuple(names[vertex] if 0 <= vertex < len(names) else vertex for vertex in vertices)


def shown(data: Any, vertices: Sequence[int]) -> tuple[Any, ...]:
    """Vertices in a message: by the names that the graph has, else as `called` does."""
    names = names_in(data) if hasattr(data, "edge_stores") else None
    return tuple(names[vertex] for vertex in vertices) if names else called(data, vertices)
