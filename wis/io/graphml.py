"""GraphML: an XML file of nodes and edges whose attributes are declared as keys.

wis reads one graph with its default direction, the directions and ids of edges, and attributes with
their types and defaults. The text of a drawing by yEd becomes the attribute `label`. A GraphML
output keeps everything else. Source of the format: graphml.graphdrawing.org/specification.html.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from wis.base.source import ReadOptions
from wis.errors import echo
from wis.io.graph_file import GraphFile
from wis.io.labelled import Column, Columns, LabelledGraph
from wis.io.labelled_writer import unique_ids, writer
from wis.io.xml_graph import (
    Declared,
    XmlGraphReader,
    attribute,
    content,
    declared,
    edge_tags,
    element,
)
from wis.io.xml_parsing import XmlText


def read(path: Path, options: ReadOptions) -> GraphFile:
    """Read a graph.

    Raises:
        GraphFormatError: The file is malformed, or has hyperedges, ports or nested graphs.
    """
    return _Reader(XmlText(path, options)).read(options)


class _Reader(XmlGraphReader):
    """Collects the content of a GraphML file."""

    format, kind, root = "graphml", "a GraphML file", "graphml"
    levels = ("node", "edge", "graph")
    known: ClassVar[dict[str, set[str]]] = {
        "node": {"id"},
        "edge": {"id", "source", "target", "directed"},
    }

    def __init__(self, source: XmlText) -> None:
        super().__init__(source)
        self.ids = Column()
        self.labels = {"node": Column(), "edge": Column()}
        self._begin = {
            "key": self._start_key,
            "default": self._start_text,
            "graph": self._start_graph,
            "node": self._start_node,
            "edge": self._start_edge,
            "data": self._start_data,
        }
        self._key = ""  # the id of the open <key> or <data>
        self._has_markup = False  # whether the open <data> holds elements

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Handle a start tag."""
        begin = self._begin.get(name)
        if not self.outer:
            self.check_root(name)
        elif self._key and self.outer[-1] != "key":
            self._start_markup()
        elif begin is not None:
            begin(attributes)
        elif name in ("hyperedge", "port"):
            raise self.error(f"a <{name}>; wis reads only edges between two nodes")
        elif self.outer[-1] in ("node", "edge"):
            self.private[f"<{echo(name)}> elements" if name != "*" else "foreign elements"] = None

    def _start_key(self, attributes: dict[str, str]) -> None:
        key = attributes.get("id")
        if key is None:
            raise self.error("a <key> without an id")
        for level in self.levels:
            self.declared[level][key] = Declared(
                attributes.get("attr.name", key),
                attributes.get("attr.type", "string"),
                is_drawing="yfiles.type" in attributes,
            )
        self._key = key
        level = attributes.get("for", "all")
        self._levels_of_default = [name for name in self.levels if level in (name, "all")]

    def _start_text(self, attributes: dict[str, str]) -> None:
        self.text = []

    def _start_graph(self, attributes: dict[str, str]) -> None:
        if self.outer[-1] != "graphml":
            raise self.error(
                "a graph within a graph (yEd: a group); expected a flat graph: ungroup it, or "
                "remove it"
            )
        self.check_first_graph()
        default = attributes.get("edgedefault", "")
        if default not in ("directed", "undirected"):
            raise self.error(f"edgedefault is '{echo(default)}'; expected directed or undirected")
        self.directed = default == "directed"
        self._note_degrees(attributes)
        if "parse.edges" in attributes:
            self.add_count("parse.edges")

    def _note_degrees(self, names: Iterable[str]) -> None:
        if any(name.startswith("parse.") and "degree" in name for name in names):
            self.note(
                "states degrees of nodes for parsers (such as parse.indegree), which a GraphML "
                "output copies although a cut changes them"
            )

    def _start_node(self, attributes: dict[str, str]) -> None:
        self._check_known("node", attributes)
        self.add_node(attributes)

    def _start_edge(self, attributes: dict[str, str]) -> None:
        self._check_known("edge", attributes)
        directed = attributes.get("directed", "true" if self.directed else "false")
        if directed not in ("true", "false"):
            raise self.error(f"directed is '{echo(directed)}'; expected true or false")
        self.add_edge(attributes, both=directed == "false")
        if "id" in attributes:
            self.ids.put(self.row("edge"), attributes["id"])

    def _check_known(self, level: str, attributes: dict[str, str]) -> None:
        unknown = self.unknown(level, attributes)
        if any("port" in name for name in unknown):
            raise self.error("an edge between ports; wis does not read ports")
        self._note_degrees(unknown)

    def _start_data(self, attributes: dict[str, str]) -> None:
        if self.outer[-1] not in self.levels:
            return
        self._key = attributes.get("key", "")
        if self._key not in self.declared["graph"]:
            raise self.error(f"data for the key '{echo(self._key)}', which is not declared")
        self.text, self._has_markup = [], False

    def _start_markup(self) -> None:
        self._has_markup = True
        if self.text and "".join(self.text).strip():
            self._end_label()  # in yEd's files elements follow the text of a label
        self.text = []

    def end(self, name: str) -> None:
        """Handle the end of an element."""
        outer = self.outer[-1] if self.outer else ""
        if name == "edge" and outer == "graph":
            self.close_edge()
        elif name == "default" and outer == "key":
            for level in self._levels_of_default:
                self.declared[level][self._key].default = "".join(self.text or [])
            self.text = None
        elif name == "key":
            self._key = ""
        elif name == "data" and outer in self.levels and self._key:
            self._end_data(outer)
        elif self._has_markup:
            self._end_label()
            self.text = []

    def _end_label(self) -> None:
        """Keep the text of the first label of a drawing."""
        level = self.outer[2] if len(self.outer) > 2 else ""
        text = "".join(self.text or []).strip()
        if not text or level not in self.labels or not self.declared[level][self._key].is_drawing:
            return
        column, row = self.labels[level], self.row(level)
        if not column.rows or column.rows[-1] != row:
            column.put(row, text)

    def _end_data(self, level: str) -> None:
        key, row = self._key, self.row(level)
        attribute = self.declared[level][key]
        if attribute.is_drawing:
            self.private["yEd's drawing"] = None
        elif self._has_markup:
            self.private[f"the elements in '{echo(key)}'"] = None
        else:
            if attribute.column.rows and attribute.column.rows[-1] == row:
                raise self.error(f"a second value for the key '{echo(key)}'")
            attribute.column.put(row, "".join(self.text or []))
        self._key, self.text, self._has_markup = "", None, False

    def graph(self) -> LabelledGraph:
        """The graph of the file."""
        self.note_directions()
        about = self.add_declared("graph", Columns(), 1)
        edges = self.add_declared("edge", Columns(), len(self.both))
        if self.ids.rows and "id" in edges:
            self.private["the ids of edges"] = None
        elif self.ids.rows:
            edges = Columns({"id": self.ids, **edges})
        self.edges, self.vertices = edges, self.add_declared("node", Columns(), len(self.positions))
        for columns, level in ((self.vertices, "node"), (self.edges, "edge")):
            if self.labels[level].rows:
                columns.setdefault("label", self.labels[level])
        return self.as_labelled(
            {name: column.values[0] for name, column in about.items() if column.values != [""]}
        )


def as_text(graph: LabelledGraph, dropped: list[str]) -> str:
    """The text of a GraphML file."""
    ids = unique_ids(graph)
    edges = graph.edges.without("id") if ids else graph.edges
    about = Columns({name: Column([0], [value]) for name, value in graph.about.items()})
    keys: list[str] = []
    data: dict[str, dict[int, list[str]]] = {}
    for level, word, columns in (
        ("node", "vertex", graph.vertices), ("edge", "edge", edges), ("graph", "graph", about)
    ):  # fmt: skip
        key = f'<key id="d{{}}" for="{level}" attr.name={{}} attr.type="{{}}"/>'
        lines, data[level] = declared(columns, word, dropped, key.format, _data, len(keys))
        keys += lines
    default = "undirected" if graph.is_undirected else "directed"
    tags = {
        "node": (f"<node id={attribute(name)}" for name in graph.names),
        "edge": edge_tags(graph, ids, 'directed="false"'),
    }
    elements = (
        element(tag, data[level].get(row), level)
        for level in tags
        for row, tag in enumerate(tags[level])
    )
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">',
            *(f"  {key}" for key in keys),
            f'  <graph edgedefault="{default}">',
            *(f"    {line}" for line in (*data["graph"].get(0, []), *elements)),
            "  </graph>",
            "</graphml>",
            "",
        ]
    )


write = writer("graphml", as_text)


def _data(number: int, text: str) -> str:
    return f'<data key="d{number}">{content(text)}</data>'
