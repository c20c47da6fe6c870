"""A graph as a table with one row for each arc, and columns of such a table.

The writers of all table formats call `edge_table`, which lists the parts that a table cannot hold.
An undirected format gives each edge two arcs with the same attributes (`both_directions`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wis.errors import GraphFormatError, echo
from wis.graph import edge_stores
from wis.graph.cut import edge_attribute_names
from wis.graph.stores import NAMES, is_hetero, names_in
from wis.io.graph_file import GraphFile, column_name

_BREAKS = re.compile(r"[\r\n\0]")
_EXACT = 2**53  # beyond it a float64 skips integers


@dataclass(frozen=True, eq=False)
class EdgeTable:
    """The arcs of a graph with their attributes.

    Attributes:
        arcs: int64 array of shape [2, num_arcs].
        num_nodes: Number of vertices.
        names: The name of each vertex, None if they have none.
        attributes: For each column its entries, an array or a list of texts.
    """

    arcs: np.ndarray
    num_nodes: int
    names: list[str] | None
    attributes: Mapping[str, Any]

    @property
    def num_arcs(self) -> int:
        """Number of rows."""
        return int(self.arcs.shape[1])

    @property
    def column_names(self) -> list[str]:
        """Names of the columns beside the endpoints."""
        return list(self.attributes)


def edge_table(
    file: GraphFile,
    dropped: list[str],
    *,
    keeps_vertices: bool = False,
    any_text: bool = False,
    quotes_blanks: bool = False,
    row_is_edge: bool = False,
) -> EdgeTable:
    """Bring the arcs of a graph into a table.

    Args:
        file: The graph.
        dropped: A phrase is appended for each part that the table cannot hold.
        keeps_vertices: Whether the format states the number of vertices.
        any_text: Whether a text may be longer than a line.
        quotes_blanks: Whether a name may begin or end with blanks.
        row_is_edge: Whether a graph that its file calls undirected has one row for each edge
            instead of two arcs.

    Raises:
        GraphFormatError: The graph has several types of vertices.
    """
    require_one_type(file)
    store: Any = file.table.values if file.table else edge_stores(file.data)[0]
    edge_level = file.table.edge_level if file.table else edge_attribute_names(store)
    keys = list(store.keys())
    attributes = columns_of(store, (k for k in keys if k in edge_level), file, dropped, any_text)
    names = vertex_names(file)
    is_held = {"num_nodes", *edge_level, *([NAMES] if names_of_data(file) is not None else [])}
    dropped.extend(key for key in keys if key not in is_held)
    dropped.extend(file.unread)
    if names is not None and (reason := _unusable(names, any_text, quotes_blanks)) is not None:
        dropped.append(f"the names of the vertices ({reason})")
        names = None
    arcs: np.ndarray = file.edge_index.detach().cpu().numpy().astype(np.int64, copy=False)
    if row_is_edge and file.undirected:
        arcs, attributes = _one_row_of_each_edge(arcs, attributes, dropped)
    if not keeps_vertices:
        dropped.extend(file.lost_vertices(named=names is not None))
    return EdgeTable(arcs, file.num_nodes, names, attributes)


def columns_of(
    store: Any, names: Iterable[str], file: GraphFile, dropped: list[str], any_text: bool
) -> dict[str, Any]:
    """The columns of the edge attributes of a store; names that do not fit go to `dropped`."""
    attributes: dict[str, Any] = {}
    for name in names:
        if name != "edge_index":
            column = column_name(name, file.columns)
            if not _add_columns(attributes, column, store[name], any_text):
                dropped.append(column)
    return attributes


def _one_row_of_each_edge(
    arcs: np.ndarray, attributes: dict[str, Any], dropped: list[str]
) -> tuple[np.ndarray, dict[str, Any]]:
    chosen = one_arc_of_each_edge(arcs, attributes)
    if chosen is None:  # the two arcs of an edge were given different attributes
        return arcs, attributes
    dropped.append("that edges have no direction (each is one line)")
    rows = chosen.tolist()
    columns = {
        name: values[chosen] if isinstance(values, np.ndarray) else [values[i] for i in rows]
        for name, values in attributes.items()
    }
    return arcs[:, chosen], columns


def require_one_type(file: GraphFile) -> None:
    """Raise `GraphFormatError` for a `HeteroData`."""
    if file.table is None and is_hetero(file.data):
        raise GraphFormatError(
            "a graph with several types of vertices or edges (HeteroData) can only be "
            "written as .pt; one that was read from a table, also as a table such as .csv"
        )


def vertex_names(file: GraphFile) -> list[str] | None:
    """The names of the vertices: those of the file, else those in the data."""
    return names_of_data(file) if file.vertex_names is None else list(file.vertex_names)


def names_of_data(file: GraphFile) -> list[str] | None:
    """The names of the vertices in the data."""
    return None if file.table else names_in(file.data)


def _unusable(names: Sequence[str], any_text: bool, quotes_blanks: bool) -> str | None:
    """Why names cannot be written down, or do not tell vertices apart; None if they can."""
    if len(set(names)) != len(names):
        twice, _ = Counter(names).most_common(1)[0]
        return f"two are {echo(repr(twice), 40)}"
    for name in names:
        if not name.strip(" \t"):
            return "one is empty"
        has_blanks = name != name.strip() and not quotes_blanks
        if not any_text and (has_blanks or _BREAKS.search(name)):
            return f"one is {echo(repr(name), 40)}"
    return None


def _add_columns(attributes: dict[str, Any], name: str, value: Any, any_text: bool) -> bool:
    """Add an attribute as one column, or as k for k numbers per arc; false if it does not fit."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "U" and value.ndim == 1:
        value = value.tolist()
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        if not any_text and any(_BREAKS.search(item) for item in value):
            return False
        attributes[_free(name, attributes)] = value
        return True
    array = as_array(value)
    if array is None or array.ndim not in (1, 2) or array.dtype.kind not in "biuf":
        return False
    if array.ndim == 1:
        attributes[_free(name, attributes)] = array
        return True
    for i in range(array.shape[1]):
        attributes[_free(f"{name}_{i}", attributes)] = array[:, i]
    return True


def _free(name: str, taken: Mapping[str, Any]) -> str:
    return name if name not in taken else _free(f"{name}_", taken)


def as_array(value: Any) -> np.ndarray | None:
    """A tensor or a list of numbers as an array, None if numpy has no such type."""
    if isinstance(value, Tensor):
        if value.layout != torch.strided:
            return None
        try:
            return np.asarray(value.detach().cpu().numpy())
        except (TypeError, RuntimeError):
            return None
    if isinstance(value, np.ndarray):
        return value if value.dtype.kind != "O" else None
    if isinstance(value, (list, tuple)) and len({type(item) for item in value}) == 1:
        kinds = (bool, int, float)
        try:
            return np.array(value) if type(value[0]) in kinds else None
        except OverflowError:
            return None
    return None


def as_column(values: Sequence[Any]) -> np.ndarray | list[str] | None:
    """Python values of one kind as a column.

    Returns:
        An array of truth values, int64 or float64 (NaN for a missing number), or a list of texts;
        None if the values are of another kind or of several, or integers that a float would round.
    """
    kinds = {type(value) for value in values}
    if kinds == {str}:
        return list(values)
    if kinds == {bool}:
        return np.array(values)
    try:
        if kinds == {int}:
            return np.array(values, dtype=np.int64)
        if kinds <= {int, float, type(None)} and kinds & {int, float}:
            if any(type(value) is int and abs(value) > _EXACT for value in values):
                return None
            numbers = [np.nan if value is None else value for value in values]
            return np.array(numbers, dtype=np.float64)
    except OverflowError:
        return None
    return None


def one_arc_of_each_edge(arcs: np.ndarray, attributes: Mapping[str, Any]) -> np.ndarray | None:
    """Choose the first of the two arcs of each edge of an undirected graph; a loop is one arc.

    Args:
        arcs: int64 array of shape [2, num_arcs].
        attributes: Columns with one entry for each arc, arrays or lists of texts.

    Returns:
        Positions of the chosen arcs in ascending order. None if some arc lacks a reverse with the
        same attributes; a repeated arc needs as many reverses. Cost: a sort of the arcs.

    >>> one_arc_of_each_edge(np.array([[0, 1, 1, 2], [1, 0, 2, 1]]), {}).tolist()
    [0, 2]
    """
    low, high = arcs.min(axis=0), arcs.max(axis=0)
    codes = [_codes(values) for values in attributes.values()]
    # Group the arcs with the same pair of vertices and the same attributes.
    order = np.lexsort([*codes, high, low])
    keys = np.stack([low, high, *codes])[:, order]
    begins = np.ones(order.size, dtype=bool)
    begins[1:] = (keys[:, 1:] != keys[:, :-1]).any(axis=0)
    group = np.cumsum(begins) - 1
    # In each group there must be as many arcs in one direction as in the other.
    forward = (arcs[0] < arcs[1])[order]
    loops = (low == high)[order]
    size = int(begins.sum())
    sign = np.where(loops, 0, np.where(forward, 1, -1))
    balance = np.bincount(group, weights=sign, minlength=size)
    if balance.any():
        return None
    # Keep the arcs in the direction of the first arc of the group.
    first = np.full(size, order.size)
    np.minimum.at(first, group, order)
    goes_forward = arcs[0, first] < arcs[1, first] if size else np.zeros(0, dtype=bool)
    chosen: np.ndarray = order[loops | (forward == goes_forward[group])]
    chosen.sort()
    return chosen


def _codes(values: Any) -> np.ndarray:
    """Number the entries so that equal entries have equal numbers; NaN equals itself."""
    if isinstance(values, np.ndarray):
        codes: np.ndarray = np.unique(values, return_inverse=True)[1].reshape(-1)
        return codes
    numbers: dict[Any, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], dtype=np.int64)
