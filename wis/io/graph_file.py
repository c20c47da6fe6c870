"""A graph together with what its file said besides: names, columns, and how it was laid out.

Data that were only cut are written back to their format word for word: the surviving lines, rows or
elements of the original, in their old order. Data that were changed in another way, or that go to
another format, are written anew. `GraphFile.surviving_arcs` tells the two cases apart.
"""

from __future__ import annotations

import copy
import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wis.errors import GraphFormatError
from wis.graph import MAX_NUM_NODES, UndirectedGraph
from wis.graph.cut import edge_attribute_names
from wis.graph.vertex_names import is_hetero

_OWN_EDGE_NAMES = frozenset({"edge_attr", "edge_weight", "edge_type", "edge_time"})


class DroppedDataWarning(UserWarning):
    """A file format has no place for a part of the graph."""


@dataclass(frozen=True, eq=False)
class GraphFile:
    """A graph as it was read.

    Attributes:
        data: The graph, a `Data` or `HeteroData`. In what was read from a text or a table, one line
            is one arc.
        path: Where it came from, None for a graph that was made in memory.
        format: Name of its format in `wis.io.formats`.
        vertex_names: The name of each vertex, None where vertices are numbers.
        layout: What the format needs to write the file back as it was; its own affair.
        columns: For each edge attribute of `data` its name in the file, where that differs.
        unread: What the file holds beyond `data`. It is kept when writing to the same format.
        original: The data as they were read.
        undirected: Whether the file says that its edges have no direction; `data` holds both arcs
            of each.
        notes: What the reader guessed or has to tell, a line each; the command line prints them on
            standard error.
    """

    data: Any
    path: Path | None = None
    format: str = "pt"
    vertex_names: Sequence[str] | None = None
    layout: Any = None
    columns: Mapping[str, str] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    original: _Snapshot | None = field(default=None, repr=False)
    undirected: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Remember the data, so that a later cut can be told from other changes."""
        if self.original is None and self.layout is not None:
            object.__setattr__(self, "original", _Snapshot(self.data))

    def with_data(self, data: Any) -> GraphFile:
        """The same file with other data over the same vertices."""
        return dataclasses.replace(self, data=data)

    def surviving_arcs(self) -> np.ndarray | None:
        """Which arcs of the file are left.

        Returns:
            bool array with one entry for each arc that was read; None if `data` is anything but the
            original without some of its arcs.
        """
        if self.original is None or is_hetero(self.data) or "edge_index" not in self.data:
            return None
        return self.original.surviving_arcs(self.data)


class _Snapshot:
    """Data as they were at one moment, without a copy of the tensors."""

    def __init__(self, data: Any) -> None:
        self.data = copy.copy(data)
        self._versions = {
            key: value._version
            for key, value in _items(self.data).items()
            if isinstance(value, Tensor) and not value.is_inference()
        }

    def surviving_arcs(self, data: Any) -> np.ndarray | None:
        old, new = _items(self.data), _items(data)
        if old.keys() != new.keys() or self._was_changed_in_place():
            return None
        kept = _kept_columns(old["edge_index"], new["edge_index"])
        if kept is None:
            return None
        edge_level = frozenset(edge_attribute_names(self.data._store))
        for key in old.keys() - {"edge_index"}:
            expected = _where(old[key], kept) if key in edge_level else old[key]
            if not _same(expected, new[key]):
                return None
        return kept

    def _was_changed_in_place(self) -> bool:
        items = _items(self.data)
        return any(items[key]._version != version for key, version in self._versions.items())


def _items(data: Any) -> dict[str, Any]:
    return {} if is_hetero(data) else data._store.to_dict()


def _kept_columns(old: Tensor, new: Tensor) -> np.ndarray | None:
    """The mask that turns `old` into `new` if some set of arcs, with all repeats, was taken out."""
    before, after = old.detach().cpu().numpy(), new.detach().cpu().numpy()
    if before.shape == after.shape:
        kept = np.ones(before.shape[1], dtype=bool)
    elif before.dtype != after.dtype or before.shape[:1] != after.shape[:1]:
        return None
    else:
        size = int(before.max(initial=0)) + 1
        kept = _occur(_keys(before, size), np.sort(_keys(after, size)))
    if int(kept.sum()) != after.shape[1]:
        return None
    return kept if np.array_equal(before[:, kept], after) else None


def _keys(arcs: np.ndarray, size: int) -> np.ndarray:
    keys: np.ndarray = arcs[0].astype(np.int64) * size + arcs[1]
    return keys


def _occur(keys: np.ndarray, among: np.ndarray) -> np.ndarray:
    """For each key whether it occurs among sorted ones, in a third of the time of `numpy.isin`."""
    found = np.zeros(keys.size, dtype=bool)
    if among.size:
        order = np.argsort(keys)  # searching for keys in ascending order spares the caches
        ascending = keys[order]
        position = np.searchsorted(among, ascending)
        found[order] = among[np.minimum(position, among.size - 1)] == ascending
    return found


def _where(value: Any, kept: np.ndarray) -> Any:
    if isinstance(value, Tensor):
        return value[torch.from_numpy(kept).to(value.device)]
    if isinstance(value, np.ndarray):
        return value[kept]
    return [item for item, keep in zip(value, kept.tolist(), strict=True) if keep]


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        a, b = a.cpu().numpy(), b.cpu().numpy()
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
    return type(a) is type(b) and bool(a == b)


def attribute_name(column: str, taken: Iterable[str] = ()) -> str:
    """Name of the edge attribute in a `Data` that a column or key of a file becomes.

    It begins with ``edge_``, since by that PyG's users and `wis.graph.cut` know an edge attribute
    where its length cannot tell; ``weight`` becomes ``edge_weight``. Names with a meaning of their
    own, such as ``edge_label`` and ``edge_index``, become ``edge_attr_label`` and
    ``edge_attr_index``.

    Args:
        column: Its name in the file.
        taken: Names that are in use; a number is appended where needed.
    """
    from torch_geometric.data import Data

    short = re.sub(r"\W+", "_", column).strip("_").lower().removeprefix("edge_") or "attr"
    name = f"edge_{short}"
    means_another = "edge_label" in name or name.endswith("edge_index") or hasattr(Data, name)
    if means_another and name not in _OWN_EDGE_NAMES:
        name = f"edge_attr_{short}".replace("edge_label", "label").replace("edge_index", "index")
    if name not in (used := set(taken)):
        return name
    return next(f"{name}_{i}" for i in range(2, len(used) + 3) if f"{name}_{i}" not in used)


def column_name(attribute: str, columns: Mapping[str, str]) -> str:
    """Name of an edge attribute in a file: its old one, or the attribute's without ``edge_``."""
    if attribute in columns:
        return columns[attribute]
    short = attribute.removeprefix("edge_")
    return short if attribute != "edge_attr" and attribute_name(short) == attribute else attribute


def checked_arcs(edge_index: Tensor, num_nodes: int | None, where: str) -> int:
    """Number of vertices of a graph, once its arcs are known to be sound.

    Args:
        edge_index: What should be an integer tensor of shape [2, num_arcs].
        num_nodes: Number of vertices as far as it was said.
        where: The file, for the error.

    Raises:
        GraphFormatError: Wrong shape or dtype, an id that is negative or not below `num_nodes`.
    """
    try:
        largest = _largest_id(edge_index, num_nodes)
    except GraphFormatError as error:
        raise GraphFormatError(f"{where}: {error}") from None
    size = largest + 1 if num_nodes is None else num_nodes
    if size > MAX_NUM_NODES:
        raise GraphFormatError(f"{where}: {size} vertices; at most {MAX_NUM_NODES} are supported")
    return size


def _largest_id(edge_index: Tensor, num_nodes: int | None) -> int:
    if isinstance(edge_index, Tensor) and edge_index.layout != torch.strided:
        raise GraphFormatError(
            "edge_index is a sparse matrix; expected an integer tensor [2, num_arcs], such as "
            "torch_geometric.utils.to_edge_index makes of it"
        )
    if not isinstance(edge_index, Tensor) or edge_index.dim() != 2 or edge_index.size(0) != 2:
        UndirectedGraph.from_arcs([edge_index], num_nodes)
    if edge_index.dtype not in (torch.int64, torch.int32) or not edge_index.numel():
        UndirectedGraph.from_arcs([edge_index], num_nodes)
    if not edge_index.numel():
        return -1
    if type(edge_index) is not Tensor and hasattr(edge_index, "as_tensor"):
        edge_index = edge_index.as_tensor()
    smallest, largest = (int(value) for value in torch.aminmax(edge_index.detach()))
    if smallest < 0 or (num_nodes is not None and largest >= num_nodes):
        UndirectedGraph.from_arcs([edge_index], num_nodes)
    return largest
