"""GraphML, GML and GEXF, read and written by networkx.

An edge of an undirected graph becomes one arc. Attributes that every edge has become edge
attributes, those that every vertex has vertex attributes; others stay in the file. A graph that was
only cut is written back as what it was, minus edges.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from wis.errors import GraphFormatError
from wis.io.edge_table import as_array, edge_table
from wis.io.graph_file import NAMES, GraphFile, attribute_name
from wis.io.object_columns import as_column, column_values
from wis.io.source import ReadOptions, parsing, read_bytes
from wis.io.text_layout import ending_of


@dataclass(frozen=True, eq=False)
class NetworkxLayout:
    """The graph as networkx read it.

    Attributes:
        graph: It.
        edges: The edges in the order of the arcs, as `graph.remove_edges_from` takes them.
        ending: The ending of its file.
    """

    graph: Any
    edges: list[Any]
    ending: str


def read(path: Path, options: ReadOptions) -> GraphFile:
    """Read a graph.

    Raises:
        GraphFormatError: It is malformed.
    """
    ending = ending_of(path)
    raw = read_bytes(path, options)
    with parsing(path, f"a {ending[1:].upper()} file"):
        graph = _READERS[ending](raw)
        graph.number_of_edges()
    options.resolved_num_nodes(graph.number_of_nodes(), path)
    return _graph_file(graph, path, ending, options)


def _read_graphml(raw: bytes) -> Any:
    import networkx as nx

    return nx.read_graphml(io.BytesIO(raw))


def _read_gexf(raw: bytes) -> Any:
    import networkx as nx

    return nx.read_gexf(io.BytesIO(raw))


def _read_gml(raw: bytes) -> Any:
    import networkx as nx

    try:
        return nx.read_gml(io.BytesIO(raw))
    except nx.NetworkXError as error:
        if "label" not in str(error):
            raise
    return nx.read_gml(io.BytesIO(raw), label="id")  # labels that are missing or not distinct


_READERS: dict[str, Callable[[bytes], Any]] = {
    ".graphml": _read_graphml,
    ".gml": _read_gml,
    ".gexf": _read_gexf,
}


def _graph_file(graph: Any, path: Path, ending: str, options: ReadOptions) -> GraphFile:
    from torch_geometric.data import Data

    vertices, names = _numbered(graph)
    position = {vertex: index for index, vertex in enumerate(vertices)}
    rows = list(
        graph.edges(keys=True, data=True) if graph.is_multigraph() else graph.edges(data=True)
    )
    arcs = [[position[row[end]] for row in rows] for end in (0, 1)]
    data = Data(
        edge_index=torch.tensor(arcs, dtype=torch.int64).reshape(2, -1), num_nodes=len(vertices)
    )
    edge_values = column_values([row[-1] for row in rows], path, options)
    columns, unread = _add_edge_attributes(data, edge_values)
    vertex_values = column_values([graph.nodes[vertex] for vertex in vertices], path, options)
    unread += _add_vertex_attributes(data, vertex_values)
    layout = NetworkxLayout(graph, [row[:-1] for row in rows], ending)
    undirected = not graph.is_directed()
    return GraphFile(
        data, path, ending[1:], names, layout, columns, tuple(unread), undirected=undirected
    )


def _numbered(graph: Any) -> tuple[list[Any], list[str] | None]:
    """The vertices in their order; names unless they are called 0 to n - 1."""
    vertices = list(graph)
    names = [str(vertex) for vertex in vertices]
    if set(names) == set(map(str, range(len(vertices)))):
        return sorted(vertices, key=int), None
    return vertices, names


def _add_edge_attributes(
    data: Any, values_of: dict[str, list[Any]]
) -> tuple[dict[str, str], list[str]]:
    columns: dict[str, str] = {}
    unread = []
    for key, values in values_of.items():
        column = as_column(values)
        if column is None:
            unread.append(f"edge attribute {key!r}")
            continue
        name = attribute_name(str(key), columns)
        columns[name] = str(key)
        data[name] = torch.from_numpy(column) if isinstance(column, np.ndarray) else column
    return columns, unread


def _add_vertex_attributes(data: Any, values_of: dict[str, list[Any]]) -> list[str]:
    from torch_geometric.data import Data

    unread = []
    for key, values in values_of.items():
        column = as_column(values)
        taken = key in data or "edge" in key or key == NAMES or not key.isidentifier()
        own = key in ("x", "y", "pos") or not hasattr(Data, key)
        if (
            column is None
            or taken
            or not own
            or (len(values) == data.num_edges and isinstance(column, list))
        ):
            unread.append(f"vertex attribute {key!r}")
        else:
            data[key] = torch.from_numpy(column) if isinstance(column, np.ndarray) else column
    return unread


def write(file: GraphFile, path: Path, stream: BinaryIO, dropped: list[str]) -> None:
    """Write a graph.

    Raises:
        GraphFormatError: The graph has several types of vertices, or an attribute that the format
            cannot hold.
    """
    ending = ending_of(path)
    graph = _surviving(file, ending)
    if graph is None:
        graph = _new_graph(file, ending, dropped)
    buffer = io.BytesIO()
    try:
        _write(graph, buffer, ending)
    except Exception as error:  # networkx refuses types and names, each writer others
        raise GraphFormatError(
            f"{path}: cannot be written as {ending[1:].upper()}: {error}"
        ) from None
    raw = buffer.getvalue()
    stream.write(gzip.compress(raw, 6, mtime=0) if path.suffix.lower() == ".gz" else raw)


def _write(graph: Any, stream: BinaryIO, ending: str) -> None:
    import networkx as nx

    if ending == ".graphml":
        nx.write_graphml(graph, stream)
    elif ending == ".gexf":
        nx.write_gexf(graph, stream)
    else:
        nx.write_gml(graph, stream, stringizer=str)


def _surviving(file: GraphFile, ending: str) -> Any:
    source = file.layout
    if not isinstance(source, NetworkxLayout) or source.ending != ending:
        return None
    kept = file.surviving_arcs()
    if kept is None:
        return None
    graph = source.graph.copy()
    graph.remove_edges_from(
        edge for edge, keep in zip(source.edges, kept.tolist(), strict=True) if not keep
    )
    return graph


def _new_graph(file: GraphFile, ending: str, dropped: list[str]) -> Any:
    """A networkx graph with what it can hold."""
    notes: list[str] = []
    table = edge_table(file, notes, keeps_vertices=True, any_text=True)
    vertex_columns = _vertex_columns(file, table.num_nodes)
    dropped.extend(note for note in notes if note not in vertex_columns)
    names: list[Any] = table.names if table.names is not None else list(range(table.num_nodes))
    columns = {key: _plain(values, ending) for key, values in table.attributes.items()}
    keys = [_key(key, ending) for key in columns]
    rows = [dict(zip(keys, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    rows = rows or [{} for _ in range(table.num_arcs)]
    graph, chosen = _empty_graph(file, table.arcs, rows)
    for vertex, name in enumerate(names):
        here = {_key(key, ending): values[vertex] for key, values in vertex_columns.items()}
        graph.add_node(name, **here)
    for arc in chosen:
        u, v = table.arcs[:, arc]
        graph.add_edge(names[u], names[v], **rows[arc])
    return graph


def _vertex_columns(file: GraphFile, num_nodes: int) -> Mapping[str, list[Any]]:
    """Vertex attributes with one number for each vertex."""
    columns = {}
    for key in file.data.keys():  # noqa: SIM118
        values = as_array(file.data[key])
        if key in ("edge_index", NAMES) or "edge" in key or values is None:
            continue
        if values.shape == (num_nodes,) and values.dtype.kind in "biuf":
            columns[key] = values.tolist()
    return columns


def _plain(values: Any, ending: str) -> list[Any]:
    plain: list[Any] = values if isinstance(values, list) else values.tolist()
    if ending == ".gml":
        return [int(value) if isinstance(value, bool) else value for value in plain]
    return plain


def _key(name: str, ending: str) -> str:
    """GML's keys are letters, digits and underscores."""
    if ending != ".gml":
        return name
    key = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)
    return key if key[:1].isalpha() else f"a{key}"


def _empty_graph(
    file: GraphFile, arcs: np.ndarray, rows: list[dict[str, Any]]
) -> tuple[Any, list[int]]:
    """A graph of the right class, and the arcs that are its edges.

    Undirected are a graph that was read as such, whose edges are one arc each, and one in which
    every arc has its reverse with the same attributes; of these two the one with the smaller end
    first stays.
    """
    import networkx as nx

    chosen = list(range(arcs.shape[1]))
    ends = list(zip(*arcs.tolist(), strict=True)) if chosen else []
    undirected = isinstance(file.layout, NetworkxLayout) and not file.layout.graph.is_directed()
    if undirected:
        ends = [(min(u, v), max(u, v)) for u, v in ends]
    elif _is_symmetric(ends, rows):
        undirected = True
        chosen = [arc for arc in chosen if ends[arc][0] <= ends[arc][1]]
    repeated = len(set(ends)) != len(ends)
    if undirected:
        return (nx.MultiGraph() if repeated else nx.Graph()), chosen
    return (nx.MultiDiGraph() if repeated else nx.DiGraph()), chosen


def _is_symmetric(ends: list[tuple[int, int]], rows: list[dict[str, Any]]) -> bool:
    texts = [repr(list(row.values())) for row in rows]
    there = sorted((u, v, text) for (u, v), text in zip(ends, texts, strict=True))
    return there == sorted((v, u, text) for (u, v), text in zip(ends, texts, strict=True))
