"""The common part of the writers of labelled formats.

If a graph was only cut, its own format is written as the text of its file without the removed
edges, and another format from its `LabelledGraph`. All other graphs are made from their `Data`. A
graph is undirected if every arc has its reverse with the same attributes; then one arc of the two
is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from wis.errors import GraphFormatError
from wis.graph import edge_stores
from wis.graph.cut import edge_attribute_names
from wis.graph.stores import NAMES, names_in
from wis.io.edge_table import as_array, edge_table, one_arc_of_each_edge, require_one_type
from wis.io.graph_file import GraphFile
from wis.io.labelled import Column, Columns, LabelledGraph, LabelledLayout
from wis.io.located import LocatedLayout

AsText = Callable[[LabelledGraph, list[str]], str]


def writer(
    format_name: str, as_text: AsText
) -> Callable[[GraphFile, Path, BinaryIO, list[str]], None]:
    """Make the function that writes a format, for the table in `wis.io.graph_io`.

    It raises `GraphFormatError` if the format cannot hold the graph. `as_text` makes the text of a
    graph, and adds a phrase to a list for all lost content.
    """

    def write(file: GraphFile, path: Path, stream: BinaryIO, dropped: list[str]) -> None:
        require_one_type(file)
        stream.write(_raw(file, path, dropped, format_name, as_text))

    return write


def _raw(
    file: GraphFile, path: Path, dropped: list[str], format_name: str, as_text: AsText
) -> bytes:
    layout = file.layout
    kept = layout.surviving_edges(file) if isinstance(layout, LocatedLayout) else None
    if kept is not None and layout.format == format_name:
        return bytes(layout.located.without(kept))
    if kept is not None and isinstance(layout, LabelledLayout):
        dropped.extend(layout.graph.private)
        graph = layout.graph.minus(kept)
    else:
        graph = _from_data(file, dropped)
    try:
        return as_text(graph, dropped).encode()
    except UnicodeEncodeError as error:
        raise GraphFormatError(
            f"{path}: a text holds half of a character (U+{ord(error.object[error.start]):04X})"
            ", which UTF-8 cannot hold"
        ) from None
    except GraphFormatError as error:
        raise GraphFormatError(f"{path}: {error}") from None


def _from_data(file: GraphFile, dropped: list[str]) -> LabelledGraph:
    notes: list[str] = []
    table = edge_table(file, notes, keeps_vertices=True, any_text=True)
    vertices = _vertex_columns(file, table.num_nodes)
    dropped.extend(note for note in notes if note not in vertices)
    arcs, chosen = table.arcs, one_arc_of_each_edge(table.arcs, table.attributes)
    both = chosen is not None
    if chosen is not None:
        arcs = arcs[:, chosen]
    edges = Columns()
    for name, values in table.attributes.items():
        plain = values if isinstance(values, list) else values.tolist()
        if chosen is not None:
            plain = [plain[arc] for arc in chosen.tolist()]
        if plain:
            edges[name] = Column(list(range(len(plain))), plain)
    names = table.names
    if names is None:
        names = [str(vertex) for vertex in range(table.num_nodes)]
    return LabelledGraph(
        names, arcs[0], arcs[1], np.full(arcs.shape[1], both), not both, vertices, edges
    )


def _vertex_columns(file: GraphFile, num_nodes: int) -> Columns:
    """Vertex attributes with one number, truth value or text for each vertex."""
    store = edge_stores(file.data)[0]
    passed = {*edge_attribute_names(store), "num_nodes"}
    if names_in(file.data) is not None:
        passed.add(NAMES)
    columns = Columns()
    for key in store.keys():  # noqa: SIM118  (a store iterates over its values)
        values = None if key in passed else _plain(store[key], num_nodes)
        if values:
            columns[key] = Column(list(range(num_nodes)), values)
    return columns


def _plain(value: Any, num_nodes: int) -> list[Any] | None:
    if isinstance(value, (list, tuple)):
        texts = list(value)
        return texts if len(texts) == num_nodes and all(type(v) is str for v in texts) else None
    array = as_array(value)
    if array is None or array.shape != (num_nodes,) or array.dtype.kind not in "biufU":
        return None
    plain: list[Any] = array.tolist()
    return plain


def unique_ids(graph: LabelledGraph) -> list[str] | None:
    """The ids of the edges if all are distinct, else None."""
    column = graph.edges.get("id")
    if column is None or len(column.rows) != graph.num_edges:
        return None
    ids = list(map(str, column.values))
    sound = all(type(value) in (str, int) for value in column.values)
    return ids if sound and len(set(ids)) == len(ids) else None


def free_name(name: str, taken: Mapping[str, Any] | Sequence[str]) -> str:
    """The name, with a number after it if it is in use."""
    if name not in taken:
        return name
    return next(f"{name}_{i}" for i in range(2, len(taken) + 3) if f"{name}_{i}" not in taken)
