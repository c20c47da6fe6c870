"""`.npz`: numpy arrays by name, or a sparse matrix of `scipy.sparse.save_npz`.

`edge_index` has shape [2, num_arcs]; `num_nodes` is a number; the other arrays become attributes of
the same name. The texts in `name` are the names of the vertices. An array of a type that torch
lacks stays a numpy array. The entries of a sparse matrix become arcs with an `edge_weight`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from wis.base.archive import read_archive, total_bytes
from wis.base.limits import BYTES_PER_NAME
from wis.base.source import ReadOptions, open_input, parsing
from wis.errors import GraphFormatError, echo
from wis.graph.stores import NAMES, names_in, num_nodes_of_store
from wis.io.edge_table import as_array, edge_table, require_one_type, vertex_names
from wis.io.graph_file import GraphFile, checked_size

_TENSOR_KINDS = frozenset(
    np.dtype(name).str
    for name in ("?", "u1", "i1", "i2", "i4", "i8", "f2", "f4", "f8", "c8", "c16")
)
_SPARSE_KEYS = {"format", "shape", "data"}
_SPARSE_IDS = ("row", "col", "indices", "indptr", "offsets", "coords")
_COPIES = 3  # of a sparse matrix: scipy's, its coordinates, and the arcs


@dataclass(frozen=True)
class Archive:
    """Whether the arrays were compressed, and the type of `edge_index`."""

    compressed: bool
    index_dtype: str = "<i8"


@dataclass(frozen=True)
class SparseMatrix:
    """How a sparse matrix was stored: ``csr``, ``coo``, ..., as an array or as a matrix."""

    kind: str
    is_array: bool
    compressed: bool


def read(path: Path, options: ReadOptions) -> GraphFile:
    """Read arrays.

    Raises:
        UnsafePickleError: An array holds Python objects, and the file is not trusted.
        GraphFormatError: The arrays are damaged, or not a graph.
    """
    with open_input(path, options) as file:
        arrays, compressed = read_archive(file, path, options)
        if arrays.keys() >= _SPARSE_KEYS and "edge_index" not in arrays:
            return _from_sparse(file, arrays, compressed, path, options)
    if "edge_index" not in arrays:
        raise GraphFormatError(
            f"{path}: holds {echo(', '.join(sorted(arrays)) or 'nothing')}; expected the key "
            f"edge_index, or a sparse matrix of scipy.sparse.save_npz"
        )
    return _from_arrays(arrays, compressed, path, options)


def _from_arrays(
    arrays: dict[str, np.ndarray], compressed: bool, path: Path, options: ReadOptions
) -> GraphFile:
    from torch_geometric.data import Data

    edge_index = _edge_index(arrays["edge_index"], path)
    stated = _num_nodes(arrays, path)
    texts = arrays.get(NAMES)
    if texts is not None and texts.dtype.kind == "U" and texts.ndim == 1:
        needed = total_bytes(arrays) + texts.size * BYTES_PER_NAME
        options.check_size(path, needed, f"a list of {texts.size} names")
    for key in ("x", "pos", "batch", "adj", "adj_t"):
        if key in arrays and not arrays[key].ndim:
            raise GraphFormatError(f"{path}: {key} is a single value; expected an array")
    data = Data()
    for key in [key for key in arrays if key not in ("edge_index", "num_nodes")]:
        data[key] = _value(arrays[key])
    if stated is None:
        with parsing(path, "a graph"):
            stated = data.num_nodes
    size = options.num_nodes if stated is None else options.resolved_num_nodes(stated, path)
    data.num_nodes = checked_size(edge_index, size, str(path))
    data.edge_index = edge_index
    names = names_in(data)
    if names is not None:
        data[NAMES] = names
    layout = Archive(compressed, arrays["edge_index"].dtype.str)
    return GraphFile(data, path, "npz", names, layout)


def _edge_index(array: np.ndarray, path: Path) -> Tensor:
    if array.dtype.kind not in "iu":
        raise GraphFormatError(
            f"{path}: edge_index has dtype {array.dtype}; vertex ids are integers"
        )
    if array.dtype.kind == "u" and array.size and array.max() >= 2**63:
        raise GraphFormatError(
            f"{path}: edge_index holds vertex id {array.max()}, which is too large"
        )
    wide = array.dtype.newbyteorder("=")
    if wide not in (np.int32, np.int64):
        wide = np.dtype(np.int64)
    return torch.from_numpy(np.ascontiguousarray(array, dtype=wide))


def _num_nodes(arrays: Mapping[str, np.ndarray], path: Path) -> int | None:
    if "num_nodes" not in arrays:
        return None
    array = arrays["num_nodes"]
    if array.size != 1 or array.dtype.kind not in "iu":
        raise GraphFormatError(
            f"{path}: num_nodes has shape {list(array.shape)} and dtype {array.dtype}; "
            "expected one integer"
        )
    return int(array.reshape(-1)[0])


def _value(array: np.ndarray) -> Any:
    """A tensor if torch has the dtype, a text for a single text, else the array."""
    if array.dtype.kind == "U" and array.ndim == 0:
        return str(array)
    native = array.dtype.newbyteorder("=")
    if native.str not in _TENSOR_KINDS:
        return array
    return torch.from_numpy(np.array(array, dtype=native, copy=None, order="C"))


def _from_sparse(
    file: BinaryIO,
    arrays: Mapping[str, np.ndarray],
    compressed: bool,
    path: Path,
    options: ReadOptions,
) -> GraphFile:
    from scipy import sparse
    from torch_geometric.data import Data

    options.check_size(path, _COPIES * total_bytes(arrays), "a sparse matrix of that size")
    for key in arrays.keys() & set(_SPARSE_IDS):
        if arrays[key].dtype.kind not in "iu":
            raise GraphFormatError(
                f"{path}: {key!r} has dtype {arrays[key].dtype}; rows and columns are integers"
            )
    file.seek(0)
    with parsing(path, "a sparse matrix of scipy.sparse.save_npz"):
        matrix = sparse.load_npz(file)
        if hasattr(matrix, "check_format"):
            matrix.check_format(full_check=True)
        entries = matrix.tocoo(copy=False)
    if len(matrix.shape) != 2 or matrix.shape[0] != matrix.shape[1]:
        raise GraphFormatError(
            f"{path}: the matrix has shape {matrix.shape}; expected a square one"
        )
    size = options.resolved_num_nodes(int(matrix.shape[0]), path)
    edge_index = torch.from_numpy(np.stack([entries.row, entries.col]).astype(np.int64))
    checked_size(edge_index, size, str(path))
    data = Data(edge_index=edge_index, edge_weight=_value(entries.data), num_nodes=size)
    is_array = bool(np.asarray(arrays.get("_is_array", False)).any())
    return GraphFile(data, path, "npz", layout=SparseMatrix(matrix.format, is_array, compressed))


def write(file: GraphFile, path: Path, stream: BinaryIO, dropped: list[str]) -> None:
    """Write arrays, or a sparse matrix if the graph was read from one.

    Raises:
        GraphFormatError: The graph has several types of vertices.
    """
    require_one_type(file)
    is_plain = set(file.data.keys()) <= {"edge_index", "edge_weight", "num_nodes"}
    if isinstance(file.layout, SparseMatrix) and is_plain:
        _write_sparse(file, file.layout, stream)
        return
    compressed = isinstance(file.layout, Archive) and file.layout.compressed
    arrays = _as_arrays(file, dropped)
    (np.savez_compressed if compressed else np.savez)(stream, **arrays)  # type: ignore[arg-type]


def _as_arrays(file: GraphFile, dropped: list[str]) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    for key, value in file.data._store.items():
        array = _array_of(value)
        if key in ("file", "args", "kwds", "allow_pickle") or array is None:
            dropped.append(key)
        else:
            arrays[key] = array
    dropped.extend(file.unread)
    if isinstance(file.layout, Archive):
        arrays["edge_index"] = arrays["edge_index"].astype(file.layout.index_dtype, copy=False)
    names = vertex_names(file)
    if names is not None:
        arrays[NAMES] = np.array(names, dtype=np.str_)
        dropped[:] = [note for note in dropped if note != NAMES]
    arrays["num_nodes"] = np.asarray(num_nodes_of_store(file.data) or 0)
    return arrays


def _array_of(value: Any) -> np.ndarray | None:
    if isinstance(value, (bool, int, float, str)):
        array = np.asarray(value)
        return array if array.dtype.kind != "O" else None
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        texts = np.array(value, dtype=np.str_)
        return texts if texts.tolist() == value else None  # numpy cuts zero bytes off
    return as_array(value)


def _write_sparse(file: GraphFile, layout: SparseMatrix, stream: BinaryIO) -> None:
    from scipy import sparse

    table = edge_table(file, [], keeps_vertices=True)
    shape = (table.num_nodes, table.num_nodes)
    values = table.attributes.get("weight", np.ones(table.num_arcs))
    kind = sparse.coo_array if layout.is_array else sparse.coo_matrix
    matrix = kind((values, (table.arcs[0], table.arcs[1])), shape=shape)
    sparse.save_npz(stream, matrix.asformat(layout.kind), compressed=layout.compressed)
