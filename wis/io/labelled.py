"""The graph of a GraphML, GML, GEXF, Pajek or JSON file with all its names and attributes.

These formats hold more than a `Data` can: attributes with missing values, values of several types,
lists. So a reader makes a `LabelledGraph`, and the `GraphFile` keeps it beside the `Data`. If the
graph was only cut, another format of this family is written from the `LabelledGraph` without loss.
The same format is written from the text of the file (`wis.io.located`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from wis.io.located import LocatedLayout


@dataclass(eq=False)
class Column:
    """One attribute: the rows that have it, in ascending order, and their values."""

    rows: Sequence[int] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def put(self, row: int, value: Any) -> None:
        """Append the value of a row after the last one."""
        self.rows.append(row)  # type: ignore[attr-defined]
        self.values.append(value)

    def filled(self, size: int, default: Any) -> Column:
        """The column with a value for each row."""
        values = [default if value is None else value for value in self.dense(size)]
        return Column(range(size), values)

    def dense(self, size: int) -> list[Any]:
        """The value of each row, None for a row without a value."""
        if len(self.rows) == size:
            return self.values
        values: list[Any] = [None] * size
        for row, value in zip(self.rows, self.values, strict=True):
            values[row] = value
        return values

    def take(self, position: Sequence[int]) -> Column:
        """Move each row to its `position`, and drop the rows with position -1."""
        pairs = [(position[row], value) for row, value in zip(self.rows, self.values, strict=True)]
        kept = sorted((pair for pair in pairs if pair[0] >= 0), key=lambda pair: pair[0])
        return Column([row for row, _ in kept], [value for _, value in kept])

    def consists_of(self, *kinds: type) -> bool:
        """Whether every value has one of these types; a bool is not an int here."""
        return set(map(type, self.values)) <= set(kinds)


class Columns(dict[str, Column]):
    """The attributes of the vertices or of the edges, by name."""

    def put(self, row: int, name: str, value: Any) -> None:
        """Set one value, in ascending order of the rows; None is a missing value."""
        if value is None:
            return
        column = self.get(name)
        if column is None:
            column = self[name] = Column()
        column.put(row, value)

    def take(self, position: Sequence[int]) -> Columns:
        """Apply `Column.take` to each column, and drop columns that become empty."""
        taken = ((name, column.take(position)) for name, column in self.items())
        return Columns({name: column for name, column in taken if column.rows})

    def without(self, *names: str) -> Columns:
        """The columns without those of these names."""
        return Columns({name: column for name, column in self.items() if name not in names})

    @classmethod
    def of_rows(cls, rows: Sequence[dict[str, Any]], skipped: set[str]) -> Columns:
        """Make columns from the rows of a table."""
        columns = cls()
        for number, row in enumerate(rows):
            for name, value in row.items():
                if name not in skipped:
                    columns.put(number, name, value)
        return columns


@dataclass(eq=False)
class LabelledGraph:
    """The content of a file.

    Attributes:
        names: The distinct name of each vertex.
        sources: int64 array [m]: the source of each edge, a position in `names`.
        targets: int64 array [m]: the target of each edge.
        both: bool array [m]: whether the edge goes both ways.
        directed: Whether edges are directed by default.
        vertices: Attributes of the vertices.
        edges: Attributes of the edges.
        about: Attributes of the graph.
        private: A phrase for each piece of content that only the format of the file can hold.
        notes: One line for each guess of the reader.
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
        """Number of edges, including repeats and loops."""
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

    @property
    def edge_of_arc(self) -> np.ndarray:
        """The edge of each arc: first one arc of every edge, then the reverse arcs."""
        back = np.flatnonzero(self.both & (self.sources != self.targets))
        return np.concatenate([np.arange(self.num_edges), back])

    def arcs(self) -> np.ndarray:
        """int64 array [2, num_arcs], in the order of `edge_of_arc`."""
        edge = self.edge_of_arc
        forward = np.arange(edge.size) < self.num_edges
        ends = self.sources[edge], self.targets[edge]
        return np.stack([np.where(forward, *ends), np.where(forward, *ends[::-1])])

    def minus(self, kept: np.ndarray) -> LabelledGraph:
        """The graph with only the edges for which `kept` is true."""
        if kept.all():
            return self
        position = np.where(kept, np.cumsum(kept) - 1, -1).tolist()
        return replace(
            self, sources=self.sources[kept], targets=self.targets[kept], both=self.both[kept],
            directed=not self.is_undirected, edges=self.edges.take(position), notes=[],
        )  # fmt: skip

    def one_way(self) -> LabelledGraph:
        """Replace each edge that goes both ways by two arcs, unless all edges do."""
        if self.is_undirected or not self.both.any():
            return self
        sources, targets = self.arcs()
        edges = Columns()
        for name, column in self.edges.items():
            dense = column.dense(self.num_edges)
            for arc, edge in enumerate(self.edge_of_arc.tolist()):
                edges.put(arc, name, dense[edge])
        both = np.zeros(sources.size, dtype=bool)
        return replace(
            self, sources=sources, targets=targets, both=both, directed=True, edges=edges, notes=[]
        )


@dataclass(frozen=True, eq=False)
class LabelledLayout(LocatedLayout):
    """The text of a file, and the graph that it describes.

    Attributes:
        graph: The graph; its vertices are numbered as in the `Data`.
    """

    graph: LabelledGraph
