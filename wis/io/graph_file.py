"""A graph with the vertex names, the column names and the text layout of its file.

A file is written back word for word, without the lines or elements of removed arcs, if the
remaining arcs are known. `GraphFile.keep` takes a mask of them. `GraphFile.with_data` takes a graph
that `wis.graph.cut` cut, which recorded the mask. Other data, and data changed in place, are
written anew.
"""

from __future__ import annotations

import copy
import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from wis.errors import GraphFormatError, OptionError, counted
from wis.graph import MAX_NUM_NODES
from wis.graph.cut import arcs_left, edge_attribute_names
from wis.graph.parts import Part, parts_of
from wis.graph.stores import checked_arcs, edge_stores, is_hetero, num_nodes_of_store

_METHODS = frozenset({"edge_attrs", "edge_stores", "edge_subgraph"})  # of a PyG `Data`
_OWN_EDGE_NAMES = frozenset({"edge_attr", "edge_weight", "edge_type", "edge_time"})


class DroppedDataWarning(UserWarning):
    """A file format has no place for a part of the graph."""


class PlainTensor:
    """The layout of a `.pt` file that holds nothing but an `edge_index`."""


@dataclass(frozen=True, eq=False)
class ArcTable:
    """The attributes of a graph with one type of vertices, without PyG.

    Attributes:
        arcs: The arcs, [2, num_arcs]; int32 if the ids fit, which takes half the memory of int64.
        values: The other attributes by name, among them `num_nodes`: tensors, numpy arrays, lists
            of texts or single values.
        edge_level: Names of those with one entry for each arc.
    """

    arcs: np.ndarray
    values: Mapping[str, Any]
    edge_level: frozenset[str]

    @classmethod
    def of(cls, data: Any) -> ArcTable:
        """A copy of the attributes of a `Data`."""
        values = {name: _copied(value) for name, value in data._store.items()}
        arcs = narrow(values.pop("edge_index").numpy(), num_nodes_of_store(data) or 0)
        return cls(arcs, values, frozenset(edge_attribute_names(data._store)) - {"edge_index"})

    @property
    def edge_index(self) -> Tensor:
        """A copy of the arcs, int64 [2, num_arcs]."""
        return torch.from_numpy(self.arcs.astype(np.int64))

    def keep(self, mask: np.ndarray) -> ArcTable:
        """The table of the arcs for which a bool array is true."""
        cut = {name: _where(name, self.values[name], mask) for name in self.edge_level}
        return ArcTable(self.arcs[:, mask], {**self.values, **cut}, self.edge_level)

    def as_data(self) -> Any:
        """A PyG `Data` with copied attributes."""
        from torch_geometric.data import Data

        copies = {name: _copied(value) for name, value in self.values.items()}
        return Data(edge_index=self.edge_index, **copies)

    def is_held_by(self, data: Any) -> bool:
        """Whether a `Data` holds these attributes with these values, and no others."""
        held, own = data._store.to_dict(), {"edge_index": self.edge_index, **self.values}
        return own.keys() == held.keys() and all(
            _same(value, held[name]) for name, value in own.items()
        )


@dataclass(frozen=True, eq=False)
class GraphFile:
    """A graph as it was read.

    >>> from torch_geometric.data import Data
    >>> data = Data(edge_index=torch.tensor([[0, 1, 2], [1, 2, 0]]), num_nodes=3)
    >>> GraphFile(data).keep(torch.tensor([True, False, True])).data.edge_index.tolist()
    [[0, 2], [1, 0]]

    Attributes:
        content: The `Data`, `HeteroData` or `ArcTable` that the reader made. Use `data` instead.
        path: The file that it was read from, None for a graph that was made in memory.
        format: Name of its format in `wis.io.graph_io`.
        vertex_names: The name of each vertex, None if vertices are numbers.
        layout: Private to the format: the original text or structure of the file.
        columns: Edge attribute of `data` → its name in the file, where the two differ.
        unread: A phrase for each part of the file that `data` lacks. These parts are kept when the
            graph is written to the same format.
        undirected: Whether the edges of the file have no direction; `data` holds both arcs of each.
        notes: Guesses of the reader, one line each; the command line prints them on stderr.
        original: The graph of the file, None if the file cannot be written back.
        kept: bool array over the arcs of `original`, true for the remaining ones; None if the graph
            is not the original without some arcs.
    """

    content: Any
    path: Path | None = None
    format: str = "pt"
    vertex_names: Sequence[str] | None = None
    layout: Any = None
    columns: Mapping[str, str] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    undirected: bool = False
    notes: tuple[str, ...] = ()
    original: ArcTable | None = field(default=None, repr=False)
    kept: np.ndarray | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Keep the arcs of a file that can be written back."""
        if self.original is not None:
            return
        table = self.content if isinstance(self.content, ArcTable) else None
        if hasattr(self.layout, "located"):  # a text that knows where its edges are
            table = ArcTable.of(self.content)
        elif hasattr(self.layout, "flat"):  # two kinds of vertices
            table = self.layout.flat.original
        if table is not None:
            object.__setattr__(self, "original", table)
            object.__setattr__(self, "kept", np.ones(table.arcs.shape[1], dtype=bool))

    @cached_property
    def data(self) -> Any:
        """The graph, a `Data` or `HeteroData`; for a list or table it is made on first use."""
        return self.content.as_data() if isinstance(self.content, ArcTable) else self.content

    @property
    def table(self) -> ArcTable | None:
        """The graph of a list or table until `data` is made from it; None for other formats."""
        is_untouched = isinstance(self.content, ArcTable) and "data" not in self.__dict__
        return self.content if is_untouched else None

    @property
    def edge_index(self) -> Tensor:
        """The arcs of a graph with one type of edges, int64 [2, num_arcs]; not to be changed."""
        arcs: Tensor = self.table.edge_index if self.table else edge_stores(self.data)[0].edge_index
        return arcs

    @property
    def num_nodes(self) -> int:
        """Number of vertices."""
        table = self.table
        return int(table.values["num_nodes"] if table else num_nodes_of_store(self.data) or 0)

    @property
    def flat(self) -> GraphFile:
        """The same edges over one set of vertices, if the file is a table with two kinds."""
        flat = self.layout.flattened(self) if hasattr(self.layout, "flattened") else self
        return cast(GraphFile, flat)

    def lost_vertices(self, *, named: bool | None = None) -> list[str]:
        """A phrase for the vertices that a list of edges does not show."""
        named = self.vertex_names is not None if named is None else named
        arcs = self.table.arcs if self.table else self.edge_index.detach().cpu().numpy()
        if named:
            lost = self.num_nodes - np.unique(arcs).size
            return [f"{counted(lost, 'vertex')} without edges"] if lost else []
        lost = self.num_nodes - (int(arcs.max()) + 1 if arcs.size else 0)
        if lost <= 0:
            return []
        how = f"read it with --num-nodes {self.num_nodes}"
        return [f"{counted(lost, 'vertex')} without edges at the end ({how})"]

    def with_data(self, data: Any) -> GraphFile:
        """The same file with another graph over the same vertices.

        Args:
            data: A `Data` or `HeteroData`. If `wis.sparsify`, a transform or `RemovalOrder.apply`
                made it from `self.data`, the file is written back word for word, without the
                removed arcs; otherwise it is written anew.
        """
        mask = None if self.table or self.kept is None else _left(self.data, data)
        kept = None if mask is None else _narrowed(self.kept, mask)
        return dataclasses.replace(self, content=data, kept=kept)

    def keep(self, mask: Tensor | np.ndarray) -> GraphFile:
        """The same file with some of its arcs; no `Data` is made.

        Args:
            mask: bool of shape [num_arcs], true for each column of `edge_index` that stays.

        Raises:
            OptionError: The mask has another shape or type.
            GraphFormatError: The graph has several types of edges, or attributes that a mask of
                arcs cannot cut.
        """
        mask = mask.detach().cpu().numpy() if isinstance(mask, Tensor) else np.asarray(mask)
        num_arcs = self.table.arcs.shape[1] if self.table else self.edge_index.size(1)
        if mask.dtype != bool or mask.shape != (num_arcs,):
            raise OptionError(
                f"mask is an array of {mask.dtype} of shape {list(mask.shape)}; expected bool of "
                f"shape [{num_arcs}], one entry for each arc"
            )
        content = self.table.keep(mask) if self.table else _cut(self.data, mask)
        kept = None if self.kept is None else _narrowed(self.kept, mask)
        return dataclasses.replace(self, content=content, kept=kept)

    def surviving_arcs(self) -> np.ndarray | None:
        """The remaining arcs, as a bool array over the arcs that were read.

        None if the graph is not the original without some arcs, or was changed in place.
        """
        if self.original is None or self.kept is None:
            return None
        if self.table or is_hetero(self.data):
            return self.kept
        return self.kept if self.original.keep(self.kept).is_held_by(self.data) else None


def _left(before: Any, after: Any) -> np.ndarray | None:
    """The mask of the arcs that a cut left; None if `wis.graph.cut` recorded no cut."""
    stores = [store for data in (before, after) for store in getattr(data, "edge_stores", ())]
    arcs = [store.get("edge_index") for store in stores]
    if len(arcs) != 2 or not all(isinstance(part, Tensor) for part in arcs):
        return None
    mask = arcs_left(arcs[0], arcs[1])
    return None if mask is None else mask.cpu().numpy()


def _narrowed(kept: np.ndarray | None, mask: np.ndarray) -> np.ndarray | None:
    """`kept` without the arcs for which a mask over the kept arcs is false."""
    if kept is None:
        return None
    left = kept.copy()
    left[kept] = mask
    return left


def _cut(data: Any, mask: np.ndarray) -> Any:
    """A `Data` with some of its arcs."""
    stores = edge_stores(data)
    parts = parts_of(stores[0])
    odd = [name for name, part in parts.items() if part not in (Part.ARCS, Part.OTHER)]
    if is_hetero(data) or odd:
        what = odd[0] if odd else "a HeteroData"
        raise GraphFormatError(
            f"{what} cannot be cut by a mask of arcs; cut the graph with wis.sparsify, and pass "
            "the result to with_data"
        )
    result = copy.copy(data)
    for name, part in parts.items():
        if part is Part.ARCS:
            result[name] = _where(name, data[name], mask)
    result.num_nodes = num_nodes_of_store(data) or 0
    return result


def narrow(ends: Iterable[np.ndarray], num_nodes: int) -> np.ndarray:
    """The ids of the ends of arcs as one array [2, num_arcs]: int32 if they fit, else int64."""
    kind = np.int32 if num_nodes < 1 << 31 else np.int64
    return np.stack(tuple(ends), dtype=kind, casting="unsafe")


def _where(name: str, value: Any, mask: np.ndarray) -> Any:
    """The entries of the arcs that stay; names with ``index`` hold them in columns, as in PyG."""
    if isinstance(value, Tensor):
        kept = torch.from_numpy(mask).to(value.device)
        return value[..., kept] if "index" in name else value[kept]
    if isinstance(value, np.ndarray):
        return value[mask]
    return [item for item, keep in zip(value, mask.tolist(), strict=True) if keep]


def _copied(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().clone()
    return copy.copy(value) if isinstance(value, (np.ndarray, list)) else value


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        a, b = a.detach().cpu().numpy(), b.detach().cpu().numpy()
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
    return type(a) is type(b) and bool(a == b)


def attribute_name(column: str, taken: Iterable[str] = ()) -> str:
    """Name in a `Data` for the edge attribute of a column or key of a file.

    The name begins with ``edge_``, because PyG and `wis.graph.cut` recognise edge attributes by it
    where the length is ambiguous; ``weight`` becomes ``edge_weight``. Names with a meaning in PyG,
    ``edge_label`` and ``edge_index``, become ``edge_attr_label`` and ``edge_attr_index``. If the
    name is among `taken`, a number is appended.
    """
    short = re.sub(r"\W+", "_", column).strip("_").lower().removeprefix("edge_") or "attr"
    name = f"edge_{short}"
    means_another = "edge_label" in name or name.endswith("edge_index") or name in _METHODS
    if means_another and name not in _OWN_EDGE_NAMES:
        name = f"edge_attr_{short}".replace("edge_label", "label").replace("edge_index", "index")
    if name not in (used := set(taken)):
        return name
    return next(f"{name}_{i}" for i in range(2, len(used) + 3) if f"{name}_{i}" not in used)


def column_name(attribute: str, columns: Mapping[str, str]) -> str:
    """Name of an edge attribute in a file: as in the file read, or without ``edge_``."""
    if attribute in columns:
        return columns[attribute]
    short = attribute.removeprefix("edge_")
    return short if attribute != "edge_attr" and attribute_name(short) == attribute else attribute


def checked_size(edge_index: Tensor, num_nodes: int | None, where: str) -> int:
    """Check the arcs of a graph, and return its number of vertices.

    Args:
        edge_index: The arcs; expected is an integer tensor of shape [2, num_arcs].
        num_nodes: Number of vertices, if it is known.
        where: The file, for errors.

    Raises:
        GraphFormatError: Wrong shape or dtype, an id that is negative or not below `num_nodes`.
    """
    try:
        arcs = checked_arcs(edge_index, num_nodes, "edge_index")
    except GraphFormatError as error:
        raise GraphFormatError(f"{where}: {error}") from None
    size = num_nodes
    if size is None:
        size = int(arcs.max()) + 1 if arcs.numel() else 0
    if size > MAX_NUM_NODES:
        raise GraphFormatError(f"{where}: {size} vertices; at most {MAX_NUM_NODES} are supported")
    return size
