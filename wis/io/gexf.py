"""GEXF, the format of Gephi: an XML file of nodes and edges, versions 1.1draft to 1.3.

Read are the direction (of the graph, and of edges that differ), weights, labels, ids of edges, and
attributes with their types and defaults. A weight that is left out is 1 where other edges have one.
Colours, positions and sizes stay in the file, and so do the times of a dynamic graph. The format is
that of gexf.net.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from wis.base.source import ReadOptions, shown
from wis.errors import GraphFormatError, echo
from wis.io.graph_file import GraphFile
from wis.io.labelled import Column, Columns, LabelledGraph, ends_of, graph_file
from wis.io.labelled_values import convert, spelt, typed_columns
from wis.io.labelled_writer import free_name, unique_ids, write_labelled
from wis.io.xml_parsing import Count, XmlReader, XmlText
from wis.io.xml_writing import attribute

_TYPES = {"boolean": "boolean", "integer": "long", "real": "double", "text": "string"}
_TIMES = {"start", "end", "startopen", "endopen", "timestamp", "timestamps", "intervals"}
_TIME_ELEMENTS = {"spells", "spell", "slices", "slice"}
_KNOWN = {
    "node": {"id", "label"} | _TIMES,
    "edge": {"id", "source", "target", "type", "label", "weight"} | _TIMES,
}
_BOTH_WAYS = {"directed": False, "undirected": True, "mutual": True}
_WHEN = "the times of nodes and edges"


def read(path: Path, options: ReadOptions) -> GraphFile:
    """Read a graph.

    Raises:
        GraphFormatError: It is malformed, or has nodes within nodes.
    """
    source = XmlText(path, options)
    reader = _Reader(source)
    reader.parse()
    located = source.located(reader.edge_spans, reader.counts)
    return graph_file(reader.graph(), located, path, "gexf", options)


class _Attribute:
    """A declared attribute."""

    def __init__(self, title: str, kind: str) -> None:
        self.title = title
        self.kind = kind
        self.default: str | None = None
        self.column = Column()
        self.changes = False


class _Reader(XmlReader):
    """Collects what a GEXF file says."""

    kind = "a GEXF file"

    def __init__(self, source: XmlText) -> None:
        super().__init__(source)
        self.attributes: dict[str, dict[str, _Attribute]] = {"node": {}, "edge": {}}
        self.names: dict[Any, int] = {}
        self.node_begins: list[int] = []
        self.ends: tuple[list[str], list[str]] = ([], [])
        self.edge_spans: list[tuple[int, int]] = []
        self.counts: list[Count] = []
        self.both: list[bool] = []
        self.own: dict[str, Columns] = {"node": Columns(), "edge": Columns()}
        self.default_type: str | None = None
        self.private: dict[str, None] = {}
        self._class = ""
        self._declared: _Attribute | None = None
        self._text: list[str] | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if not self.path:
            if name != "gexf":
                raise GraphFormatError(
                    f"{shown(self.source.path)}: damaged, or not a GEXF file: begins with "
                    f"<{echo(name)}>; expected <gexf>"
                )
            return
        parent = self.path[-1]
        if name == "graph":
            self._start_graph(attributes)
        elif name == "attributes" and parent == "graph":
            self._class = attributes.get("class", "node")
        elif name == "attribute" and parent == "attributes":
            self._start_attribute(attributes)
        elif name == "default" and parent == "attribute":
            self._text = []
        elif name == "node" and parent == "nodes":
            self._start_node(attributes)
        elif name == "edge" and parent == "edges":
            self._start_edge(attributes)
        elif name == "edges" and "count" in attributes:
            self.counts.append(Count(self.offset, "count"))
        elif name == "attvalue":
            self._start_value(attributes)
        elif name in _TIME_ELEMENTS:
            self.private[_WHEN] = None
        elif parent in ("node", "edge") and name != "attvalues":
            self._start_other(name)

    def _start_graph(self, attributes: dict[str, str]) -> None:
        if self.default_type is not None:
            raise GraphFormatError(f"{self.place}: a second graph; expected one in a file")
        self.default_type = attributes.get("defaultedgetype", "undirected").lower()
        self._check_type(self.default_type)
        if attributes.get("mode") == "dynamic":
            self.private[_WHEN] = None

    def _check_type(self, kind: str) -> None:
        if kind not in _BOTH_WAYS:
            raise GraphFormatError(
                f"{self.place}: edges of type '{echo(kind)}'; expected directed, undirected or "
                "mutual"
            )

    def _start_attribute(self, attributes: dict[str, str]) -> None:
        name = attributes.get("id")
        if name is None or self._class not in self.attributes:
            raise GraphFormatError(
                f"{self.place}: an attribute without an id, or of a class other than node and edge"
            )
        title = attributes.get("title") or name
        self._declared = _Attribute(title, attributes.get("type", "string"))
        self.attributes[self._class][name] = self._declared

    def _start_node(self, attributes: dict[str, str]) -> None:
        if "node" in self.path:
            raise GraphFormatError(
                f"{self.place}: a node within a node; expected a flat graph: take the groups out"
            )
        self._note_others("node", attributes)
        name = attributes.get("id")
        if name is None:
            raise GraphFormatError(f"{self.place}: a <node> without an id")
        if name in self.names:
            raise GraphFormatError(f"{self.place}: a second node with the id '{echo(name)}'")
        self.names[name] = len(self.names)
        self.node_begins.append(self.offset)
        self.own["node"].put(len(self.names) - 1, "label", attributes.get("label"))

    def _start_edge(self, attributes: dict[str, str]) -> None:
        self._note_others("edge", attributes)
        for column, end in zip(self.ends, ("source", "target"), strict=True):
            if end not in attributes:
                raise GraphFormatError(f"{self.place}: an <edge> without a {end}")
            column.append(attributes[end])
        kind = attributes.get("type", self.default_type or "undirected").lower()
        self._check_type(kind)
        self.both.append(_BOTH_WAYS[kind])
        for name in ("id", "label", "weight"):
            self.own["edge"].put(len(self.edge_spans), name, attributes.get(name))
        self.edge_spans.append((self.offset, 0))

    def _note_others(self, level: str, attributes: dict[str, str]) -> None:
        for name in attributes.keys() - _KNOWN[level]:
            self.private[f"the XML attribute '{echo(name)}' of {level}s"] = None
        if attributes.keys() & _TIMES:
            self.private[_WHEN] = None

    def _start_value(self, attributes: dict[str, str]) -> None:
        level = next((name for name in ("edge", "node") if name in self.path), "")
        key = attributes.get("for", attributes.get("id", ""))
        declared = self.attributes.get(level, {}).get(key)
        if declared is None:
            raise GraphFormatError(
                f"{self.place}: a value of the attribute '{echo(key)}', which is not declared"
            )
        row = (len(self.names) if level == "node" else len(self.edge_spans)) - 1
        rows = declared.column.rows
        if attributes.keys() & _TIMES or (rows and rows[-1] == row):
            declared.changes = True
        if "value" in attributes and not (rows and rows[-1] == row):
            declared.column.put(row, attributes["value"])

    def _start_other(self, name: str) -> None:
        if name == "nodes":
            return  # an empty list of nodes within a node is no group
        known = {"*": "Gephi's colours, positions, sizes and shapes", "parents": "parents of nodes"}
        self.private[known.get(name, f"<{echo(name)}> elements")] = None

    def characters(self, text: str) -> None:
        """Text of a default."""
        if self._text is not None:
            self._text.append(text)

    def end(self, name: str) -> None:
        """An element ends."""
        if name == "edge" and self.path[-1] == "edges":
            self.edge_spans[-1] = (self.edge_spans[-1][0], self.offset)
        elif name == "default" and self._declared is not None:
            self._declared.default = "".join(self._text or [])
            self._text = None

    def graph(self) -> LabelledGraph:
        """The graph, once the file was read."""
        if self.default_type is None:
            raise GraphFormatError(
                f"{shown(self.source.path)}: damaged, or not a GEXF file: holds no <graph>"
            )
        sources, targets = (
            ends_of(column, self.names, end, lambda row: self._place_of("edge", row))
            for column, end in zip(self.ends, ("source", "target"), strict=True)
        )
        notes = self._notes()
        return LabelledGraph(
            list(self.names), sources, targets, np.array(self.both, dtype=bool),
            self.default_type == "directed",
            self._columns("node", len(self.names)), self._columns("edge", sources.size, notes),
            private=list(self.private), notes=notes,
        )  # fmt: skip

    def _notes(self) -> list[str]:
        where, notes = shown(self.source.path), []
        one_way = self.both.count(False)
        if 0 < one_way < len(self.both):
            notes.append(
                f"{where}: {one_way} edges are directed and {len(self.both) - one_way} undirected; "
                "of an undirected one both arcs are taken"
            )
        if _WHEN in self.private:
            notes.append(
                f"{where}: a dynamic graph; every edge is taken whenever it exists, and the times "
                "are kept only in a GEXF output"
            )
        return notes

    def _place_of(self, level: str, row: int) -> str:
        begin = self.node_begins[row] if level == "node" else self.edge_spans[row][0]
        return self.source.line(begin)

    def _columns(self, level: str, size: int, notes: list[str] | None = None) -> Columns:
        columns = self._own_columns(level, size, notes)
        declared_here = self.attributes[level].values()
        defaults = sum(declared.default is not None for declared in declared_here)
        values = sum(len(declared.column.rows) for declared in declared_here)
        self.source.check_table(size, defaults, values)
        for key, declared in self.attributes[level].items():
            column, word = declared.column, "vertex" if level == "node" else "edge"
            if declared.changes:
                self.private[
                    f"{word} attribute '{echo(declared.title)}', which changes in time"
                ] = None
                continue
            if declared.default is not None:
                column = column.filled(size, declared.default)
            name = declared.title if declared.title not in columns else f"{declared.title} ({key})"
            convert(column, declared.kind, name, lambda row: self._place_of(level, row))
            if column.rows:
                columns[name] = column
        return columns

    def _own_columns(self, level: str, size: int, notes: list[str] | None) -> Columns:
        columns = self.own[level]
        label = columns.get("label")
        if level == "node" and label is not None and label.dense(size) == list(self.names):
            del columns["label"]
        weight = columns.get("weight")
        if level == "edge" and weight is not None and notes is not None:
            left_out = size - len(weight.rows)
            whole = all(text.strip().lstrip("+-").isdecimal() for text in weight.values)
            convert(
                weight,
                "long" if whole else "double",
                "weight",
                lambda row: self._place_of(level, row),
            )
            if left_out:
                notes.append(
                    f"{shown(self.source.path)}: weights that are left out ({left_out} of {size}) "
                    "are 1, as GEXF says"
                )
                columns["weight"] = weight.filled(size, 1 if whole else 1.0)
        return columns


def write(file: GraphFile, path: Path, stream: BinaryIO, dropped: list[str]) -> None:
    """Write a graph.

    Raises:
        GraphFormatError: The graph has several types of vertices, or a text has a character that
            XML has not.
    """
    write_labelled(file, path, stream, dropped, "gexf", as_text)


def as_text(graph: LabelledGraph, dropped: list[str]) -> str:
    """A GEXF file of version 1.2, which most programs read."""
    dropped.extend(f"graph attribute '{name}'" for name in graph.about)
    ids = unique_ids(graph) or [str(edge) for edge in range(graph.num_edges)]
    own_edges = {name: graph.edges.get(name) for name in ("id", "label", "weight")}
    taken = {
        "id": unique_ids(graph) is not None,
        "label": _is_text(own_edges["label"]),
        "weight": _is_weight(own_edges["weight"], graph.num_edges),
    }
    label = graph.vertices.get("label")
    labels = label.dense(len(graph.names)) if label is not None and _is_text(label) else graph.names
    edges = Columns({n: column for n, column in graph.edges.items() if not taken.get(n)})
    if "id" in edges:
        key = free_name("id", edges)
        dropped.append(f"the name of edge attribute 'id' (now {key})")
        edges = Columns({key if n == "id" else n: column for n, column in edges.items()})
    vertices = Columns(graph.vertices)
    if _is_text(label):
        del vertices["label"]
    default = "undirected" if graph.is_undirected else "directed"
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<gexf xmlns="http://www.gexf.net/1.2draft" version="1.2">',
        f'  <graph defaultedgetype="{default}" mode="static">',
    ]
    values = {
        "node": _declare(vertices, "node", lines, dropped),
        "edge": _declare(edges, "edge", lines, dropped),
    }
    lines.append("    <nodes>")
    for vertex, (name, text) in enumerate(zip(graph.names, labels, strict=True)):
        tag = f"      <node id={attribute(name)}"
        tag += "" if text is None else f" label={attribute(text)}"
        lines.append(_element(tag, values["node"].get(vertex), "node"))
    lines += ["    </nodes>", "    <edges>"]
    names = [attribute(name) for name in graph.names]
    extra = {
        name: own_edges[name].dense(graph.num_edges)  # type: ignore[union-attr]
        for name in ("label", "weight")
        if taken[name]
    }
    ends = zip(graph.sources.tolist(), graph.targets.tolist(), graph.both.tolist(), strict=True)
    for edge, (u, v, both) in enumerate(ends):
        tag = f"      <edge id={attribute(ids[edge])} source={names[u]} target={names[v]}"
        if both and default == "directed":
            tag += ' type="undirected"'
        for name, column in extra.items():
            if column[edge] is not None:
                text = column[edge]
                text = text if isinstance(text, str) else spelt(text, _number_kind(text))
                tag += f" {name}={attribute(text)}"
        lines.append(_element(tag, values["edge"].get(edge), "edge"))
    return "\n".join([*lines, "    </edges>", "  </graph>", "</gexf>", ""])


def _number_kind(value: Any) -> str:
    return "integer" if isinstance(value, int) else "real"


def _is_text(column: Column | None) -> bool:
    return column is not None and all(type(value) is str for value in column.values)


def _is_weight(column: Column | None, size: int) -> bool:
    """Whether every edge has a number: a weight that is left out means 1."""
    return (
        column is not None
        and len(column.rows) == size
        and all(type(value) in (int, float) for value in column.values)
    )


def _declare(
    columns: Columns, level: str, lines: list[str], dropped: list[str]
) -> dict[int, list[str]]:
    """Declare attributes, and give the values of each row."""
    typed = typed_columns(columns, "vertex" if level == "node" else "edge", dropped)
    rows: dict[int, list[str]] = {}
    if not typed:
        return rows
    lines.append(f'    <attributes class="{level}">')
    for number, (name, kind, column) in enumerate(typed):
        lines.append(
            f'      <attribute id="{number}" title={attribute(name)} type="{_TYPES[kind]}"/>'
        )
        for row, value in zip(column.rows, column.values, strict=True):
            text = attribute(spelt(value, kind))
            rows.setdefault(row, []).append(f'<attvalue for="{number}" value={text}/>')
    lines.append("    </attributes>")
    return rows


def _element(tag: str, values: list[str] | None, name: str) -> str:
    return f"{tag}/>" if not values else f"{tag}><attvalues>{''.join(values)}</attvalues></{name}>"
