"""The common part of the readers of labelled formats: collect nodes and edges, make the `Data`.

An undirected edge becomes two arcs, as in PyG. The `Data` holds one arc for each edge in the order
of the file, then the reverse arcs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from html.entities import html5
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wis.base.source import ReadOptions, read_utf8, shown
from wis.errors import GraphFormatError, echo
from wis.graph.part_names import has_edge_word
from wis.graph.parts import Part, parts_of
from wis.graph.stores import NAMES
from wis.io.edge_table import as_column
from wis.io.graph_file import GraphFile, attribute_name
from wis.io.labelled import Columns, LabelledGraph, LabelledLayout
from wis.io.located import Located

_ENTITY = re.compile("&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]*);")
_SHOWN_PHRASES = 20
_GAPS, _GAPS_PER_VALUE = 1_000_000, 20  # NaN for missing numbers: 8 MB, or 160 B each


class GraphReader:
    """The base of the readers: it holds the elements read so far and raises errors with places.

    Attributes:
        path: The file.
        ends: The ids of the sources and of the targets of the edges.
        both: Whether each edge goes both ways.
        spans: Begin and end of each edge in the text.
        vertices: Attributes of the vertices.
        edges: Attributes of the edges.
        private: A phrase for each piece of content that only this format can hold; values are None.
        notes: One line for each guess.
    """

    format = ""
    kind = "a file"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ends: tuple[list[Any], list[Any]] = ([], [])
        self.both: list[bool] = []
        self.spans: list[tuple[int, int]] = []
        self.vertices, self.edges = Columns(), Columns()
        self.private: dict[str, None] = {}
        self.notes: list[str] = []

    @property
    def place(self) -> str:
        """The file and, if known, the current line."""
        return shown(self.path)

    def error(self, text: str, place: str | None = None) -> GraphFormatError:
        """An error at a place, by default at the current one."""
        return GraphFormatError(f"{place or self.place}: {text}")

    def damaged(self, text: str, place: str | None = None) -> GraphFormatError:
        """An error in a file that may have another format."""
        return self.error(f"damaged, or not {self.kind}: {text}", place or shown(self.path))

    def note(self, text: str) -> None:
        """Note a guess once."""
        line = f"{shown(self.path)}: {text}"
        if line not in self.notes:
            self.notes.append(line)

    def note_directions(self) -> None:
        """Note first, if so, that some edges are directed and others undirected."""
        one_way = self.both.count(False)
        if 0 < one_way < len(self.both):
            self.note(
                f"{one_way} edges are directed and {len(self.both) - one_way} undirected; an "
                "undirected edge becomes two arcs"
            )
            self.notes.insert(0, self.notes.pop())

    def fill_weights(self, what: str, program: str, *, whole: bool) -> None:
        """Set missing weights to 1, and note it."""
        size, weight = len(self.both), self.edges["weight"]
        left_out = size - len(weight.rows)
        if left_out:
            self.edges["weight"] = weight.filled(size, 1 if whole else 1.0)
            self.note(f"missing {what} ({left_out} of {size}) are 1, as in {program}")

    def distinct(self, names: list[str]) -> list[str]:
        """Check that the names of the vertices are distinct, and return them."""
        if len(set(names)) != len(names):
            raise self.error("some id occurs both as a number and as a text")
        return names

    def graph(self) -> LabelledGraph:
        """The graph of the file, after all of it was read."""
        raise NotImplementedError

    def labelled(
        self,
        names: list[str],
        position: Mapping[Any, int] | range,
        place_of: Callable[[int], str],
        directed: bool,
        about: dict[str, Any] | None = None,
    ) -> LabelledGraph:
        """The graph of the collected elements.

        `position` is the number of each vertex by its id, a range if `ends` are numbers; `place_of`
        maps the number of an edge to its place in the file, for errors.

        Raises:
            GraphFormatError: An end of an edge does not exist.
        """
        sources, targets = (
            self._positions(ends, position, what, place_of)
            for ends, what in zip(self.ends, ("source", "target"), strict=True)
        )
        return LabelledGraph(
            names, sources, targets, np.array(self.both, dtype=bool), directed, self.vertices,
            self.edges, about or {}, list(self.private), self.notes,
        )  # fmt: skip

    def _positions(
        self,
        ends: list[Any],
        position: Mapping[Any, int] | range,
        what: str,
        place_of: Callable[[int], str],
    ) -> np.ndarray:
        try:
            return np.array([position[end] for end in ends], dtype=np.int64)
        except KeyError:
            edge = next(i for i, end in enumerate(ends) if end not in position)
            raise self.error(
                f"the {what} of an edge is '{echo(str(ends[edge]))}', but the file has no such "
                "node",
                place_of(edge),
            ) from None

    def file(self, located: Located, options: ReadOptions) -> GraphFile:
        """The `GraphFile` with the `Data`, and with the `LabelledGraph` in its layout."""
        from torch_geometric.data import Data

        graph = self.graph()
        options.resolved_num_nodes(len(graph.names), self.path)
        names = _number(graph)
        edge, unread = graph.edge_of_arc, list(graph.private)
        data = Data(edge_index=torch.from_numpy(graph.arcs()), num_nodes=len(graph.names))
        columns = _add_edge_attributes(data, graph, edge, unread)
        _add_vertex_attributes(data, graph, unread)
        unread += [f"graph attribute '{echo(name)}'" for name in graph.about]
        layout = LabelledLayout(located, self.format, edge, graph.num_edges, graph)
        return GraphFile(
            data, self.path, self.format, names, layout, columns, _shortened(unread),
            undirected=graph.is_undirected, notes=tuple(graph.notes),
        )  # fmt: skip


def text_of(path: Path, options: ReadOptions, bytes_per_byte: int) -> tuple[str, bytes]:
    """Read a text in UTF-8, and its byte order mark.

    `bytes_per_byte` is the memory of the Python objects for one byte of the text.
    """
    raw, mark = read_utf8(path, options)
    options.check_size(path, bytes_per_byte * len(raw), "the graph")
    return raw.decode(), mark


def _shortened(phrases: Sequence[str]) -> tuple[str, ...]:
    """The first phrases, and the number of the others."""
    distinct = list(dict.fromkeys(phrases))
    more = len(distinct) - _SHOWN_PHRASES
    if more <= 1:
        return tuple(distinct)
    return (*distinct[:_SHOWN_PHRASES], f"{more} more")


def _number(graph: LabelledGraph) -> list[str] | None:
    """Number vertices by their names if these are 0 to n - 1, and return None; else the names."""
    size = len(graph.names)
    if set(graph.names) != set(map(str, range(size))):
        return graph.names
    number = np.array([int(name) for name in graph.names], dtype=np.int64)
    if (number != np.arange(size)).any():
        graph.sources, graph.targets = number[graph.sources], number[graph.targets]
        graph.vertices = graph.vertices.take(number.tolist())
        graph.names = list(map(str, range(size)))
    return None


def _add_edge_attributes(
    data: Any, graph: LabelledGraph, edge: np.ndarray, unread: list[str]
) -> dict[str, str]:
    """Give each arc the attributes of its edge; return the file's name of each attribute."""
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
    """Yield each column as an array or a list of texts; None if a `Data` cannot hold it.

    Missing numbers become NaN up to a limit, since a file in which each row has its own attribute
    would become a huge table.
    """
    cells = 0
    allowed = _GAPS + _GAPS_PER_VALUE * sum(len(column.rows) for column in columns.values())
    for key, column in columns.items():
        gaps = size - len(column.rows)
        if gaps and (cells + gaps > allowed or not column.consists_of(int, float)):
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
    """Whether an attribute of this name can be a vertex attribute of a `Data`."""
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


def without_entities(text: str) -> str:
    """Replace HTML entities in a text by their characters; unknown entities stay.

    >>> without_entities("R&D &#233; &lt;")
    'R&D é <'
    """
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(found: re.Match[str]) -> str:
    name = found[1]
    if not name.startswith("#"):
        return html5.get(f"{name};", found[0])
    number = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
    is_character = 0 < number <= 0x10FFFF and not 0xD800 <= number < 0xE000
    return chr(number) if is_character else found[0]
