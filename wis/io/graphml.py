"""GraphML: an XML file of nodes and edges whose attributes are declared as keys.

Read are one graph, its direction (also where edges differ from its default), the ids of edges, and
attributes with their types and defaults. Of yEd's drawings the texts are read as `label`; all else
stays in the file. The format is that of graphml.graphdrawing.org/specification.html.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from wis.base.source import ReadOptions, shown
from wis.errors import GraphFormatError, echo
from wis.io.graph_file import GraphFile
from wis.io.labelled import Column, Columns, LabelledGraph, ends_of, graph_file
from wis.io.labelled_values import convert, spelt, typed_columns
from wis.io.labelled_writer import unique_ids, write_labelled
from wis.io.xml_parsing import Count, XmlReader, XmlText
from wis.io.xml_writing import attribute, content

_TYPES = {"boolean": "boolean", "integer": "long", "real": "double", "text": "string"}
_KNOWN = {
    "node": {"id"},
    "edge": {"id", "source", "target", "directed"},
}


def read(path: Path, options: ReadOptions) -> GraphFile:
    """Read a graph.

    Raises:
        GraphFormatError: It is malformed, or has hyperedges, ports, or graphs within graphs.
    """
    source = XmlText(path, options)
    reader = _Reader(source)
    reader.parse()
    located = source.located(reader.edge_spans, reader.counts)
    return graph_file(reader.graph(), located, path, "graphml", options)


@dataclass
class _Key:
    """A declared attribute."""

    level: str
    name: str | None
    kind: str
    is_drawing: bool
    default: str | None = None


class _Reader(XmlReader):
    """Collects what a GraphML file says."""

    kind = "a GraphML file"

    def __init__(self, source: XmlText) -> None:
        super().__init__(source)
        self.keys: dict[str, _Key] = {}
        self.names: dict[Any, int] = {}
        self.node_begins: list[int] = []
        self.ends: tuple[list[str], list[str]] = ([], [])
        self.edge_spans: list[tuple[int, int]] = []
        self.counts: list[Count] = []
        self.undirected: list[bool] = []
        self.ids = Column()
        self.directed: bool | None = None
        self.texts: dict[str, dict[str, Column]] = {"node": {}, "edge": {}, "graph": {}}
        self.labels = {"node": Column(), "edge": Column()}
        self.private: dict[str, None] = {}
        self.states_degrees = False
        self._begin = {
            "key": self._start_key,
            "default": self._start_default,
            "graph": self._start_graph,
            "node": self._start_node,
            "edge": self._start_edge,
            "data": self._start_data,
        }
        self._text: list[str] | None = None
        self._key = ""
        self._has_markup = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if not self.path:
            if name != "graphml":
                raise GraphFormatError(
                    f"{shown(self.source.path)}: damaged, or not a GraphML file: begins with "
                    f"<{echo(name)}>; expected <graphml>"
                )
            return
        if self._key and self.path[-1] != "key":
            self._start_markup()
            return
        begin = self._begin.get(name)
        if begin is not None:
            begin(attributes)
        elif name in ("hyperedge", "port"):
            raise GraphFormatError(
                f"{self.place}: a <{name}>; wis reads edges between two nodes, as graphs have them"
            )
        elif self.path[-1] in ("node", "edge"):
            self.private[f"<{echo(name)}> elements" if name != "*" else "foreign elements"] = None

    def _start_key(self, attributes: dict[str, str]) -> None:
        drawing = "yfiles.type" in attributes
        name = attributes.get("attr.name")
        if name is None and not drawing:
            name = attributes.get("id")
        key = _Key(
            attributes.get("for", "all"), name, attributes.get("attr.type", "string"), drawing
        )
        if attributes.get("id") is None:
            raise GraphFormatError(f"{self.place}: a <key> without an id")
        self.keys[attributes["id"]] = key
        self._key = attributes["id"]

    def _start_default(self, attributes: dict[str, str]) -> None:
        self._text = []

    def _start_graph(self, attributes: dict[str, str]) -> None:
        if self.path[-1] != "graphml":
            raise GraphFormatError(
                f"{self.place}: a graph within a graph (yEd: a group); expected a flat graph: "
                "ungroup it, or take it out"
            )
        if self.directed is not None:
            raise GraphFormatError(f"{self.place}: a second graph; expected one in a file")
        default = attributes.get("edgedefault", "")
        if default not in ("directed", "undirected"):
            raise GraphFormatError(
                f"{self.place}: edgedefault is '{echo(default)}'; expected directed or undirected"
            )
        self.directed = default == "directed"
        self.states_degrees |= any("degree" in name for name in attributes)
        if "parse.edges" in attributes:
            self.counts.append(Count(self.offset, "parse.edges"))

    def _start_node(self, attributes: dict[str, str]) -> None:
        self._note_unknown("node", attributes)
        name = attributes.get("id")
        if name is None:
            raise GraphFormatError(f"{self.place}: a <node> without an id")
        if name in self.names:
            raise GraphFormatError(f"{self.place}: a second node with the id '{echo(name)}'")
        self.names[name] = len(self.names)
        self.node_begins.append(self.offset)

    def _start_edge(self, attributes: dict[str, str]) -> None:
        self._note_unknown("edge", attributes)
        for column, end in zip(self.ends, ("source", "target"), strict=True):
            if end not in attributes:
                raise GraphFormatError(f"{self.place}: an <edge> without a {end}")
            column.append(attributes[end])
        edge = len(self.edge_spans)
        directed = attributes.get("directed", "true" if self.directed else "false")
        if directed not in ("true", "false"):
            raise GraphFormatError(
                f"{self.place}: directed is '{echo(directed)}'; expected true or false"
            )
        self.undirected.append(directed == "false")
        if "id" in attributes:
            self.ids.put(edge, attributes["id"])
        self.edge_spans.append((self.offset, 0))

    def _start_data(self, attributes: dict[str, str]) -> None:
        if self.path[-1] not in ("node", "edge", "graph"):
            return
        self._key = attributes.get("key", "")
        if self._key not in self.keys:
            raise GraphFormatError(
                f"{self.place}: data for the key '{echo(self._key)}', which is not declared"
            )
        self._text, self._has_markup = [], False

    def _note_unknown(self, level: str, attributes: dict[str, str]) -> None:
        if len(attributes) > len(_KNOWN[level]) or attributes.keys() - _KNOWN[level]:
            for name in attributes.keys() - _KNOWN[level]:
                self.states_degrees |= name.startswith("parse.") and "degree" in name
                if "port" in name:
                    raise GraphFormatError(f"{self.place}: an edge between ports; wis reads none")
                self.private[f"the XML attribute '{echo(name)}' of {level}s"] = None

    def _start_markup(self) -> None:
        self._has_markup = True
        if self._text and "".join(self._text).strip():
            self._end_label()  # yEd puts elements behind the text of a label
        self._text = []

    def characters(self, text: str) -> None:
        """Text of a value, or of one of yEd's labels."""
        if self._text is not None:
            self._text.append(text)

    def end(self, name: str) -> None:
        """An element ends."""
        if name == "edge" and self.path[-1] == "graph":
            self.edge_spans[-1] = (self.edge_spans[-1][0], self.offset)
        elif name == "default" and self.path[-1] == "key":
            self.keys[self._key].default = "".join(self._text or [])
            self._text = None
        elif name == "key":
            self._key = ""
        elif name == "data" and self.path[-1] in ("node", "edge", "graph") and self._key:
            self._end_data(self.path[-1])
        elif self._has_markup:
            self._end_label()
            self._text = []

    def _end_label(self) -> None:
        """Keep the text of an element below a drawing, of the first that has one."""
        level = self.path[2] if len(self.path) > 2 else ""
        text = "".join(self._text or []).strip()
        if not text or level not in self.labels or not self.keys[self._key].is_drawing:
            return
        column, row = self.labels[level], self._row(level)
        if not column.rows or column.rows[-1] != row:
            column.put(row, text)

    def _row(self, level: str) -> int:
        return {"node": len(self.names), "edge": len(self.edge_spans)}.get(level, 1) - 1

    def _end_data(self, level: str) -> None:
        key, row = self._key, self._row(level)
        if self._has_markup or self.keys[key].is_drawing:
            drawing = self.keys[key].is_drawing
            self.private["yEd's drawing" if drawing else f"the elements in '{echo(key)}'"] = None
        else:
            column = self.texts[level].setdefault(key, Column())
            if column.rows and column.rows[-1] == row:
                raise GraphFormatError(f"{self.place}: a second value for the key '{echo(key)}'")
            column.put(row, "".join(self._text or []))
        self._key, self._text, self._has_markup = "", None, False

    def graph(self) -> LabelledGraph:
        """The graph, once the file was read."""
        if self.directed is None:
            raise GraphFormatError(
                f"{shown(self.source.path)}: damaged, or not a GraphML file: holds no <graph>"
            )
        place = self._place_of
        sources, targets = (
            ends_of(column, self.names, end, lambda row: place("edge", row))
            for column, end in zip(self.ends, ("source", "target"), strict=True)
        )
        about = self._columns("graph", 1)
        edges = self._columns("edge", sources.size)
        if self.ids.rows and "id" in edges:
            self.private["the ids of edges"] = None
        elif self.ids.rows:
            edges = Columns({"id": self.ids, **edges})
        return LabelledGraph(
            list(self.names), sources, targets, np.array(self.undirected, dtype=bool),
            self.directed, self._columns("node", len(self.names)), edges,
            {name: column.values[0] for name, column in about.items() if column.values != [""]},
            list(self.private), self._notes(),
        )  # fmt: skip

    def _notes(self) -> list[str]:
        where, notes = shown(self.source.path), []
        one_way = self.undirected.count(False)
        if 0 < one_way < len(self.undirected):
            notes.append(
                f"{where}: {one_way} edges are directed and {len(self.undirected) - one_way} "
                "undirected; of an undirected one both arcs are taken"
            )
        if self.states_degrees:
            notes.append(
                f"{where}: states degrees of nodes for parsers (parse.indegree and the like), "
                "which stay as they are in a GraphML output, whatever is cut"
            )
        return notes

    def _place_of(self, level: str, row: int) -> str:
        begins = {"node": self.node_begins, "edge": [begin for begin, _ in self.edge_spans]}
        offsets = begins.get(level)
        return shown(self.source.path) if not offsets else self.source.line(offsets[row])

    def _columns(self, level: str, size: int) -> Columns:
        columns = Columns()
        defaults = sum(key.default is not None for key in self.keys.values())
        texts = sum(len(column.rows) for column in self.texts[level].values())
        self.source.check_table(size, defaults, texts)
        for key_id, key in self.keys.items():
            column = self.texts[level].get(key_id, Column())
            if key.default is not None and key.level in (level, "all") and not key.is_drawing:
                column = column.filled(size, key.default)
            if not column.rows:
                continue
            name = key.name if key.name not in (None, *columns) else f"{key.name} ({key_id})"
            name = str(name)
            convert(column, key.kind, name, lambda row: self._place_of(level, row))
            if column.rows:
                columns[name] = column
        if level in self.labels and self.labels[level].rows and "label" not in columns:
            columns["label"] = self.labels[level]
        return columns


def write(file: GraphFile, path: Path, stream: BinaryIO, dropped: list[str]) -> None:
    """Write a graph.

    Raises:
        GraphFormatError: The graph has several types of vertices, or a text has a character that
            XML has not.
    """
    write_labelled(file, path, stream, dropped, "graphml", as_text)


def as_text(graph: LabelledGraph, dropped: list[str]) -> str:
    """A GraphML file."""
    ids = unique_ids(graph)
    edges = Columns(graph.edges)
    if ids:
        del edges["id"]
    typed = {
        "node": typed_columns(graph.vertices, "vertex", dropped),
        "edge": typed_columns(edges, "edge", dropped),
        "graph": typed_columns(
            Columns({name: Column([0], [value]) for name, value in graph.about.items()}),
            "graph",
            dropped,
        ),
    }
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">',
    ]
    data: dict[str, dict[int, list[str]]] = {level: {} for level in typed}
    number = 0
    for level, columns in typed.items():
        for name, kind, column in columns:
            lines.append(
                f'  <key id="d{number}" for="{level}" attr.name={attribute(name)} '
                f'attr.type="{_TYPES[kind]}"/>'
            )
            rows = data[level]
            for row, value in zip(column.rows, column.values, strict=True):
                text = content(spelt(value, kind))
                rows.setdefault(row, []).append(f'<data key="d{number}">{text}</data>')
            number += 1
    default = "undirected" if graph.is_undirected else "directed"
    lines.append(f'  <graph edgedefault="{default}">')
    lines += [f"    {element}" for element in data["graph"].get(0, [])]
    names = [attribute(name) for name in graph.names]
    for vertex, name in enumerate(names):
        lines.append(_element(f"    <node id={name}", data["node"].get(vertex), "node"))
    ends = zip(graph.sources.tolist(), graph.targets.tolist(), graph.both.tolist(), strict=True)
    for edge, (u, v, both) in enumerate(ends):
        tag = f"    <edge source={names[u]} target={names[v]}"
        if ids:
            tag = f"    <edge id={attribute(ids[edge])} source={names[u]} target={names[v]}"
        if both and default == "directed":
            tag += ' directed="false"'
        lines.append(_element(tag, data["edge"].get(edge), "edge"))
    return "\n".join([*lines, "  </graph>", "</graphml>", ""])


def _element(tag: str, inner: list[str] | None, name: str) -> str:
    return f"{tag}/>" if not inner else f"{tag}>{''.join(inner)}</{name}>"
