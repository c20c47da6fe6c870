"""A graph as GraphML, GML, GEXF, Pajek and JSON describe it: names, attributes of any kind, gaps.

These formats hold more than a `Data` can: an attribute that some elements lack, values of several
kinds, lists. So a reader makes a `LabelledGraph` of its file, and the `GraphFile` keeps it beside
the `Data`. As long as the graph is only cut, another format of this family is written from it, and
nothing is lost on the way through the `Data`. The same format is written from the text of the file,
see `wis.io.located`.

An undirected edge becomes two arcs of the `Data`, as PyG has it: first one arc for each edge in the
order of the file, then the reverse ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wis.base.source import ReadOptions
from wis.errors import GraphFormatError, echo
from wis.graph.part_names import has_edge_word
from wis.graph.parts import Part, parts_of
from wis.graph.vertex_names import NAMES
from wis.io.graph_file import GraphFile, attribute_name
from wis.io.located import Located, LocatedLayout
from wis.io.object_columns import as_column

_SHOWN_PHRASES = 20
_GAPS, _GAPS_PER_VALUE = 1_000_000, 20  # how many missing numbers become NaN: 8 MB, and 160 B each


@dataclass(eq=False)
class Column:
    """One attribute: the rows that have it, in ascending order, and their values."""

    rows: Sequence[int] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def put(self, row: int, value: Any) -> None:
        """Set the value of a row behind all others."""
        self.rows.append(row)  # type: ignore[attr-defined]
        self.values.append(value)

    def filled(self, size: int, default: Any) -> Column:
        """The column with a value for each row."""
        values = [default if value is None else value for value in self.dense(size)]
        return Column(range(size), values)

    def dense(self, size: int) -> list[Any]:
        """The value of each row, None where it has none."""
        if len(self.rows) == size:
            return self.values
        values: list[Any] = [None] * size
        for row, value in zip(self.rows, self.values, strict=True):
            values[row] = value
        return values

    def take(self, position: Sequence[int]) -> Column:
        """The column after its rows were dropped (-1) or moved."""
        pairs = [(position[row], value) for row, value in zip(self.rows, self.values, strict=True)]
        kept = sorted((pair for pair in pairs if pair[0] >= 0), key=lambda pair: pair[0])
        return Column([row for row, _ in kept], [value for _, value in kept])


class Columns(dict[str, Column]):
    """The attributes of the vertices or of the edges."""

    def put(self, row: int, name: str, value: Any) -> None:
        """Set one value; rows come in ascending order. None is no value."""
        if value is None:
            return
        column = self.get(name)
        if column is None:
            column = self[name] = Column()
        column.put(row, value)

    def take(self, position: Sequence[int]) -> Columns:
        """The columns after rows were dropped (-1) or moved, without those that are empty now."""
        taken = ((name, column.take(position)) for name, column in self.items())
        return Columns({name: column for name, column in taken if column.rows})


@dataclass(eq=False)
class LabelledGraph:
    """What a file says.

    Attributes:
        names: What it calls each vertex; distinct.
        sources: int64 array [m]: where each edge begins, a position in `names`.
        targets: Where it ends.
        both: bool array [m]: whether the edge goes both ways.
        directed: Whether edges are directed unless they say otherwise.
        vertices: Attributes of the vertices.
        edges: Attributes of the edges.
        about: Attributes of the graph.
        private: A phrase for each thing that only its own format has a place for.
        notes: What the reader guessed, a line each.
    """

    names: list[str]
    sources: np.ndarray
    targets: np.ndarray
    both: np.ndarray
    directed: bool
    vertices: Columns = field(default_factory=Columns)
    edges: Columns = field(default_factory=Columns)
    about: dict[str, Any] = field(default_factory=dict)
    private: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def num_edges(self) -> int:
        """Number of edges, repeats and loops counted."""
        return int(self.sources.size)

    @property
    def is_undirected(self) -> bool:
        """Whether no edge has a direction."""
        return bool(self.both.all()) if self.num_edges else not self.directed

    @property
    def has_repeats(self) -> bool:
        """Whether an edge occurs twice."""
        low, high = self.sources, self.targets
        if self.is_undirected:
            low, high = np.minimum(low, high), np.maximum(low, high)
        return bool(np.unique(low * max(len(self.names), 1) + high).size < low.size)

    def minus(self, kept: np.ndarray) -> LabelledGraph:
        """The same graph with some of its edges only."""
        if kept.all():
            return self
        position = np.where(kept, np.cumsum(kept) - 1, -1).tolist()
        return LabelledGraph(
            self.names, self.sources[kept], self.targets[kept], self.both[kept],
            not self.is_undirected, self.vertices, self.edges.take(position), self.about,
            self.private,
        )  # fmt: skip

    def one_way(self) -> LabelledGraph:
        """The same graph with two arcs for each edge that goes both ways, unless all of them do."""
        if self.is_undirected or not self.both.any():
            return self
        edge = _edge_of_arc(self)
        forward = np.arange(edge.size) < self.num_edges
        sources = np.where(forward, self.sources[edge], self.targets[edge])
        targets = np.where(forward, self.targets[edge], self.sources[edge])
        edges = Columns()
        for name, column in self.edges.items():
            dense = column.dense(self.num_edges)
            for arc, of in enumerate(edge.tolist()):
                edges.put(arc, name, dense[of])
        both = np.zeros(edge.size, dtype=bool)
        return LabelledGraph(
            self.names, sources, targets, both, True, self.vertices, edges, self.about, self.private
        )


@dataclass(frozen=True, eq=False)
class LabelledLayout(LocatedLayout):
    """The text of a file, and what it says.

    Attributes:
        graph: The graph; its vertices are numbered as in the `Data`.
    """

    graph: LabelledGraph


def ends_of(ends: Sequence[Any], position: dict[Any, int], what: str, place_of: Any) -> np.ndarray:
    """The vertices that edges name as their ends.

    Args:
        ends: The id at one end of each edge.
        position: The number of each vertex by its id.
        what: ``"source"`` or ``"target"``.
        place_of: Tells the place of an edge by its number, for the error.

    Raises:
        GraphFormatError: There is no such vertex.
    """
    try:
        return np.array([position[end] for end in ends], dtype=np.int64)
    except KeyError:
        edge = next(i for i, end in enumerate(ends) if end not in position)
        raise GraphFormatError(
            f"{place_of(edge)}: the {what} of an edge is '{echo(str(ends[edge]))}', and the file "
            "has no such node"
        ) from None


def graph_file(
    graph: LabelledGraph, located: Located, path: Path, format_name: str, options: ReadOptions
) -> GraphFile:
    """The `Data` of a graph, and what it has no place for."""
    from torch_geometric.data import Data

    options.resolved_num_nodes(len(graph.names), path)
    names = _number(graph)
    edge = _edge_of_arc(graph)
    back = np.arange(edge.size) >= graph.num_edges
    heads = np.where(back, graph.targets[edge], graph.sources[edge])
    tails = np.where(back, graph.sources[edge], graph.targets[edge])
    data = Data(edge_index=torch.from_numpy(np.stack([heads, tails])), num_nodes=len(graph.names))
    unread = list(graph.private)
    columns = _add_edge_attributes(data, graph, edge, unread)
    _add_vertex_attributes(data, graph, unread)
    unread += [f"graph attribute '{echo(name)}'" for name in graph.about]
    layout = LabelledLayout(located, format_name, edge, graph.num_edges, graph)
    return GraphFile(
        data, path, format_name, names, layout, columns, shortened(unread),
        undirected=graph.is_undirected, notes=tuple(graph.notes),
    )  # fmt: skip


def shortened(phrases: Sequence[str]) -> tuple[str, ...]:
    """The first phrases, and how many more there are."""
    distinct = list(dict.fromkeys(phrases))
    more = len(distinct) - _SHOWN_PHRASES
    if more <= 1:
        return tuple(distinct)
    return (*distinct[:_SHOWN_PHRASES], f"{more} more such things")


def _number(graph: LabelledGraph) -> list[str] | None:
    """Let vertices that are called 0 to n - 1 have these numbers; the names, None for those."""
    size = len(graph.names)
    if set(graph.names) != set(map(str, range(size))):
        return graph.names
    number = np.array([int(name) for name in graph.names], dtype=np.int64)
    if (number != np.arange(size)).any():
        graph.sources, graph.targets = number[graph.sources], number[graph.targets]
        graph.vertices = graph.vertices.take(number.tolist())
        graph.names = list(map(str, range(size)))
    return None


def _edge_of_arc(graph: LabelledGraph) -> np.ndarray:
    back = np.flatnonzero(graph.both & (graph.sources != graph.targets))
    return np.concatenate([np.arange(graph.num_edges), back])


def _add_edge_attributes(
    data: Any,
    graph: LabelledGraph,
    edge: np.ndarray,
    unread: list[str],
) -> dict[str, str]:
    columns: dict[str, str] = {}
    for key, values in _whole_columns(graph.edges, graph.num_edges):
        if values is None:
            unread.append(f"edge attribute '{echo(key)}'")
            continue
        name = attribute_name(key, columns)
        columns[name] = key
        if isinstance(values, list):
            data[name] = [values[i] for i in edge.tolist()]
        else:
            data[name] = torch.from_numpy(values[edge])
    return columns


def _whole_columns(
    columns: Columns, size: int
) -> Iterator[tuple[str, np.ndarray | list[str] | None]]:
    """Each column as a `Data` can hold it, or None.

    Numbers that some rows lack get NaN there, as long as that does not blow up a file in which
    each row has an attribute of its own.
    """
    cells = 0
    allowed = _GAPS + _GAPS_PER_VALUE * sum(len(column.rows) for column in columns.values())
    for key, column in columns.items():
        gaps = size - len(column.rows)
        if gaps and (cells + gaps > allowed or not set(map(type, column.values)) <= {int, float}):
            yield key, None
            continue
        cells += gaps
        yield key, as_column(column.dense(size))


def _add_vertex_attributes(data: Any, graph: LabelledGraph, unread: list[str]) -> None:
    for key, values in _whole_columns(graph.vertices, len(graph.names)):
        value = torch.from_numpy(values) if isinstance(values, np.ndarray) else values
        name = "".join(letter if letter.isalnum() else "_" for letter in key)
        if value is None or name in data or not _is_free(name, value, data):
            unread.append(f"vertex attribute '{echo(key)}'")
        else:
            data[name] = value


def _is_free(name: str, value: Any, data: Any) -> bool:
    """Whether a `Data` takes a value of this name for nothing but an attribute of its vertices."""
    from torch_geometric.data import Data

    own = name in ("x", "y", "pos") or not hasattr(Data, name)
    if not own or not name.isidentifier() or name == NAMES or has_edge_word(name):
        return False
    probe = Data(edge_index=data.edge_index, num_nodes=data.num_nodes)
    probe[name] = value
    try:
        return parts_of(probe._store)[name] is Part.OTHER
    except GraphFormatError:
        return False
