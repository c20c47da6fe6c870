"""`.pt`: what `torch.save` made of a PyG `Data`, a `HeteroData` or a plain `edge_index`.

Such a file is a pickle, and a pickle can run code. It is read by torch's restricted unpickler,
which builds tensors, PyG's storage classes and numpy arrays and calls nothing else. A file that
needs more is refused unless the caller trusts it.
"""

from __future__ import annotations

import copy
import io
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from wis.errors import GraphFormatError, OptionError, UnsafePickleError, WisError
from wis.graph import edge_stores
from wis.io.graph_file import NAMES, GraphFile, checked_arcs, is_hetero, names_in
from wis.io.source import ReadOptions, open_input, parsing

_EXPECTED = "a PyG Data or HeteroData, or an edge_index tensor of shape [2, num_arcs]"


class PlainTensor:
    """The layout of a file that holds nothing but an `edge_index`."""


def read(path: Path, options: ReadOptions) -> GraphFile:
    """Read a graph.

    Raises:
        UnsafePickleError: The file needs more than the allowed classes, and is not trusted.
        GraphFormatError: It is damaged, or holds something else.
    """
    with open_input(path, options) as file, parsing(path, "a file of torch.save"):
        content = _load(file, path, options.trust_pickle)
    if isinstance(content, Tensor):
        return _from_tensor(content, path, options)
    with parsing(path, "a PyG graph"):  # a class may have been given any state
        data = _unwrapped(content, path)
        _check(data, path, options)
        return GraphFile(data, path, "pt", names_in(data))


def _load(file: BinaryIO, path: Path, trusted: bool) -> Any:
    known = torch.serialization.get_safe_globals()  # PyG's own must survive the block
    missing = [allowed for allowed in _allowed_classes() if allowed not in known]
    with torch.serialization.safe_globals(missing):
        try:
            return torch.load(file, map_location="cpu", weights_only=not trusted)
        except pickle.UnpicklingError as error:
            file.seek(0)
            wanted = _wanted(str(error), is_whole=zipfile.is_zipfile(file))
            if trusted or wanted is None:
                raise GraphFormatError(f"{path}: damaged, or not a file of torch.save") from None
            raise UnsafePickleError(
                f"{path}: needs {wanted}, which is neither a tensor nor a storage class of "
                "PyG and could run code; pass --trust-pickle (trust_pickle=True) if you "
                "trust where the file came from"
            ) from None


def _wanted(message: str, *, is_whole: bool) -> str | None:
    """What a pickle asked for, from the words of torch; None if it is only damaged."""
    found = re.search(r"(?:GLOBAL|class|type|function|import|global)\s+`?([\w.]+\.[\w.]+)", message)
    if found is not None:
        return found[1].removesuffix(".")
    return "Python objects of its own" if is_whole or "Trying to" in message else None


def _allowed_classes() -> list[Any]:
    """Classes that hold graphs, and the functions that pickles of numpy arrays call."""
    import torch_geometric.data as pyg
    from torch_geometric.data import data as plain
    from torch_geometric.data import feature_store, graph_store, storage

    named = [
        (storage, ("BaseStorage", "NodeStorage", "EdgeStorage", "GlobalStorage")),
        (plain, ("DataEdgeAttr", "DataTensorAttr")),
        (feature_store, ("TensorAttr", "_FieldStatus")),
        (graph_store, ("EdgeAttr", "EdgeLayout")),
    ]
    classes = [
        getattr(module, name) for module, names in named for name in names if hasattr(module, name)
    ]
    return [pyg.Data, pyg.HeteroData, *classes, *_numpy_classes()]


def _numpy_classes() -> list[Any]:
    numbers = (np.bool_, np.integer, np.floating, np.complexfloating, np.str_)
    kinds = {type(np.dtype(kind)) for kind in np.sctypeDict.values() if issubclass(kind, numbers)}
    internal: Any = np._core.multiarray  # type: ignore[attr-defined]
    functions = [internal._reconstruct, internal.scalar]
    old_names = [(function, f"numpy.core.multiarray.{function.__name__}") for function in functions]
    return [np.ndarray, np.dtype, *kinds, *functions, *old_names]


def _from_tensor(edge_index: Tensor, path: Path, options: ReadOptions) -> GraphFile:
    from torch_geometric.data import Data

    size = checked_arcs(edge_index, options.num_nodes, str(path))
    return GraphFile(Data(edge_index=edge_index, num_nodes=size), path, "pt", layout=PlainTensor())


def _unwrapped(content: Any, path: Path) -> Any:
    """The graph, also out of what a PyG data set of one graph keeps below ``processed/``."""
    from torch_geometric.data import Data, HeteroData

    if isinstance(content, tuple) and len(content) >= 2:
        content = _only_graph(content, path)
    if not isinstance(content, (Data, HeteroData)):
        raise GraphFormatError(f"{path}: holds a {type(content).__name__}; expected {_EXPECTED}")
    return content


def _only_graph(content: tuple[Any, ...], path: Path) -> Any:
    from torch_geometric.data import Data, HeteroData

    graph, slices = content[:2]
    if slices is not None:
        raise GraphFormatError(f"{path}: holds a data set of several graphs; save one of them")
    if not isinstance(graph, dict):
        return graph
    kind = content[2] if len(content) > 2 and content[2] is HeteroData else Data
    return kind.from_dict(graph)


def _check(data: Any, path: Path, options: ReadOptions) -> None:
    """Raise unless the graph is sound; a number of vertices that was given goes into it."""
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
    stated = _stated_num_nodes(data)
    if stated is None:
        data.num_nodes = checked_arcs(data.edge_index, options.num_nodes, str(path))
    else:
        options.resolved_num_nodes(stated, path)
        checked_arcs(data.edge_index, stated, str(path))


def _stated_num_nodes(data: Any) -> int | None:
    """What the data say about the number of vertices other than by their arcs."""
    without = type(data).from_dict({key: data[key] for key in data.keys() if key != "edge_index"})  # noqa: SIM118
    size = without.num_nodes
    if size is not None and not isinstance(size, int):
        raise GraphFormatError(f"num_nodes is a {type(size).__name__}; expected an integer")
    return size


def _check_typed_arcs(data: Any, store: Any, path: Path) -> None:
    source, relation, target = store._key
    where = f"{path}: {source} {relation} {target}"
    checked_arcs(store.edge_index, None, where)
    for end, kind in enumerate((source, target)):
        size = data[kind].num_nodes if kind in data.node_types else None
        ids = store.edge_index[end]
        if size is not None and ids.numel() and int(ids.max()) >= size:
            raise GraphFormatError(
                f"{where}: vertex id {int(ids.max())} of type {kind!r}, which has {size} vertices; "
                f"ids run from 0 to {size - 1}"
            )


def write(file: GraphFile, path: Path, stream: BinaryIO, dropped: list[str]) -> None:
    """Write a graph, a plain `edge_index` if that is what the file held."""
    content = file.data
    if isinstance(file.layout, PlainTensor) and not is_hetero(content):
        names = set(content.keys()) - {"edge_index", "num_nodes"}
        content = content if names else content.edge_index
    elif not is_hetero(content):
        dropped.extend(file.unread)
        content = _with_names(file)
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


def _with_names(file: GraphFile) -> Any:
    if file.vertex_names is None or NAMES in file.data:
        return file.data
    named = copy.copy(file.data)
    named[NAMES] = list(file.vertex_names)
    return named
