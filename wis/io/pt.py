"""`.pt`: a PyG `Data`, a `HeteroData` or a plain `edge_index`, saved by `torch.save`.

Such a file is a pickle, and a pickle can run code. `wis.base.unpickle` reads it: it makes tensors,
numpy arrays, plain containers and PyG's data objects, and calls nothing that the file names. A file
that needs more is refused unless the caller trusts it.
"""

from __future__ import annotations

import copy
import io
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from wis.base import unpickle
from wis.base.source import ReadOptions, open_input, parsing
from wis.errors import GraphFormatError, OptionError, UnsafePickleError, WisError, echo
from wis.graph import edge_stores
from wis.graph.stores import NAMES, is_hetero, names_in
from wis.io.graph_file import GraphFile, PlainTensor, checked_size

_EXPECTED = "a PyG Data or HeteroData, or an edge_index tensor of shape [2, num_arcs]"
_HINTS = {
    "TemporalData": "make a graph of its events: Data(edge_index=torch.stack([events.src, "
    "events.dst]), edge_time=events.t, edge_attr=events.msg)",
    "dict": f"expected {_EXPECTED}, such as Data.from_dict makes of a dict",
    "list": f"expected {_EXPECTED}; save one of the list, or Batch.from_data_list of it",
}


def read(path: Path, options: ReadOptions) -> GraphFile:
    """Read a graph.

    Raises:
        UnsafePickleError: The file needs classes that are not allowed, and is not trusted.
        GraphFormatError: The file is damaged, or holds something else.
    """
    from torch_geometric.data import Data

    with open_input(path, options) as file:
        content = _load(file, path, options)
    if isinstance(content, Tensor):
        size = checked_size(content, options.num_nodes, str(path))
        data = Data(edge_index=content, num_nodes=size)
        return GraphFile(data, path, "pt", layout=PlainTensor())
    with parsing(path, "a PyG graph"):  # a pickle can give an object any state
        data = _unwrapped(content, path)
        _check(data, path, options)
        return GraphFile(data, path, "pt", names_in(data))


def _load(file: BinaryIO, path: Path, options: ReadOptions) -> Any:
    if options.trust_pickle:
        with parsing(path, "a file of torch.save"):
            return torch.load(file, map_location="cpu", weights_only=False)
    try:
        return unpickle.load(file, limit=options.limit)
    except (UnsafePickleError, GraphFormatError) as error:
        kind = UnsafePickleError if isinstance(error, UnsafePickleError) else GraphFormatError
        raise kind(f"{path}: {error}") from None
    except MemoryError:
        raise GraphFormatError(
            f"{path}: does not fit into memory; expected a file of torch.save"
        ) from None


def _unwrapped(content: Any, path: Path) -> Any:
    """The graph itself, or the only graph of a data set that PyG saved below ``processed/``."""
    from torch_geometric.data import Data, HeteroData
    from torch_geometric.data.hypergraph_data import HyperGraphData

    if isinstance(content, tuple) and len(content) >= 2:
        content = _only_graph(content, path)
    if not isinstance(content, (Data, HeteroData)):
        hint = _HINTS.get(type(content).__name__, f"expected {_EXPECTED}")
        raise GraphFormatError(f"{path}: holds a {type(content).__name__}; {hint}")
    if isinstance(content, HyperGraphData):
        raise GraphFormatError(
            f"{path}: holds a HyperGraphData, whose edge_index says which vertex is in which "
            "hyperedge; expected a graph. Join the vertices of each hyperedge first"
        )
    return content


def _only_graph(content: tuple[Any, ...], path: Path) -> Any:
    from torch_geometric.data import Data, HeteroData

    graph, slices = content[:2]
    if slices is not None:
        raise GraphFormatError(f"{path}: holds a data set of several graphs; save one of them")
    if not isinstance(graph, dict):
        return graph
    if len(content) > 2 and content[2] is HeteroData:
        for key, attributes in graph.items():
            _check_names(attributes, path)
            is_edge_type = isinstance(key, tuple) and [type(part) for part in key] == 3 * [str]
            if not isinstance(key, str) and not is_edge_type:
                raise GraphFormatError(f"{path}: holds a data set with a type {echo(key)}")
        return HeteroData.from_dict(graph)
    _check_names(graph, path)
    return Data.from_dict(graph)


def _check_names(attributes: Any, path: Path) -> None:
    """Refuse names that begin with an underscore: they would overwrite PyG's own attributes."""
    names = attributes if isinstance(attributes, dict) else [None]
    odd = [name for name in names if not isinstance(name, str) or name[:1] == "_"]
    if set(odd) - {"_num_nodes"}:
        raise GraphFormatError(f"{path}: holds a data set with an attribute {echo(odd[0])}")


def _check(data: Any, path: Path, options: ReadOptions) -> None:
    """Check the arcs of a graph, and set its number of vertices."""
    try:
        stores = edge_stores(data)
    except GraphFormatError as error:
        raise GraphFormatError(f"{path}: {error}") from None
    if is_hetero(data):
        if options.num_nodes is not None:
            raise OptionError(
                f"num_nodes is for graphs with one type of vertices; {path} has several"
            )
        for store in stores:
            _check_typed_arcs(data, store, path)
        return
    stated = _stated_num_nodes(data, path)
    if stated is None:
        data.num_nodes = checked_size(data.edge_index, options.num_nodes, str(path))
    else:
        options.resolved_num_nodes(stated, path)
        checked_size(data.edge_index, stated, str(path))


def _stated_num_nodes(data: Any, path: Path) -> int | None:
    """The number of vertices according to the attributes other than the arcs, or None."""
    without = type(data).from_dict({key: data[key] for key in data.keys() if key != "edge_index"})  # noqa: SIM118
    size = without.num_nodes
    if size is not None and not isinstance(size, int):
        raise GraphFormatError(f"{path}: num_nodes is a {type(size).__name__}; expected an integer")
    return size


def _check_typed_arcs(data: Any, store: Any, path: Path) -> None:
    source, relation, target = store._key
    where = f"{path}: {source} {relation} {target}"
    checked_size(store.edge_index, None, where)
    for end, kind in enumerate((source, target)):
        size = data[kind].num_nodes if kind in data.node_types else None
        ids = store.edge_index[end]
        if size is not None and ids.numel() and int(ids.max()) >= size:
            raise GraphFormatError(
                f"{where}: vertex id {int(ids.max())} of type {kind!r}, which has {size} vertices; "
                f"ids run from 0 to {size - 1}"
            )


def write(file: GraphFile, path: Path, stream: BinaryIO, dropped: list[str]) -> None:
    """Write a graph, or its `edge_index` alone if it was read from such a file."""
    content = file.data
    if isinstance(file.layout, PlainTensor) and not is_hetero(content):
        names = set(content.keys()) - {"edge_index", "num_nodes"}
        content = content if names else content.edge_index
    elif not is_hetero(content):
        dropped.extend(file.unread)
        if file.vertex_names is not None and NAMES not in content:
            content = copy.copy(content)
            content[NAMES] = list(file.vertex_names)
    buffer = io.BytesIO()  # torch aborts the whole process if the disk is full
    try:
        torch.save(content, buffer)
    except WisError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        origin = f" of {file.path}" if file.path is not None else ""
        raise GraphFormatError(f"{path}: the graph{origin} cannot be pickled: {reason}") from None
    stream.write(buffer.getbuffer())
