"""GEXF, the format of Gephi: an XML file of nodes and edges, versions 1.1draft to 1.3.

wis reads the direction of the graph and of edges, weights, labels, ids of edges, and attributes
with their types and defaults. A missing weight is 1 if other edges have one. Only a GEXF output
keeps colours, positions, sizes, and the times of a dynamic graph. Source of the format: gexf.net.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

from wis.base.source import ReadOptions
from wis.errors import echo
from wis.io.graph_file import GraphFile
from wis.io.labelled import Column, Columns, LabelledGraph
from wis.io.labelled_writer import free_name, unique_ids, writer
from wis.io.xml_graph import (
    Declared,
    XmlGraphReader,
    attribute,
    convert,
    declared,
    edge_tags,
    element,
    kind_of,
    spelt,
)
from wis.io.xml_parsing import XmlText

_TIMES = {"start", "end", "startopen", "endopen", "timestamp", "timestamps", "intervals"}
_TIME_ELEMENTS = {"spells", "spell", "slices", "slice"}
_BOTH_WAYS = {"directed": False, "undirected": True, "mutual": True}
_WHEN = "the times of nodes and edges"
_OTHERS = {"*": "Gephi's colours, positions, sizes and shapes", "parents": "parents of nodes"}


def read(path: Path, options: ReadOptions) -> GraphFile:
    """Read a graph.

    Raises:
        GraphFormatError: The file is malformed, or has nested nodes.
    """
    return _Reader(XmlText(path, options)).read(options)


class _Reader(XmlGraphReader):
    """Collects the content of a GEXF file."""

    format, kind, root = "gexf", "a GEXF file", "gexf"
    known: ClassVar[dict[str, set[str]]] = {
        "node": {"id", "label"} | _TIMES,
        "edge": {"id", "source", "target", "type", "label", "weight"} | _TIMES,
    }

    def __init__(self, source: XmlText) -> None:
        super().__init__(source)
        self.default_type = "undirected"
        self._class = ""  # the level of the open <attributes>
        self._declared: Declared | None = None  # the open <attribute>

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Handle a start tag."""
        if not self.outer:
            self.check_root(name)
            return
        parent = self.outer[-1]
        if name == "graph":
            self._start_graph(attributes)
        elif name == "attributes" and parent == "graph":
            self._class = attributes.get("class", "node")
        elif name == "attribute" and parent == "attributes":
            self._start_attribute(attributes)
        elif name == "default" and parent == "attribute":
            self.text = []
        elif name == "node" and parent == "nodes":
            self._start_node(attributes)
        elif name == "edge" and parent == "edges":
            self._start_edge(attributes)
        elif name == "edges" and "count" in attributes:
            self.add_count("count")
        elif name == "attvalue":
            self._start_value(attributes)
        elif name in _TIME_ELEMENTS:
            self.private[_WHEN] = None
        elif parent in ("node", "edge") and name not in ("attvalues", "nodes"):
            self.private[_OTHERS.get(name, f"<{echo(name)}> elements")] = None

    def _start_graph(self, attributes: dict[str, str]) -> None:
        self.check_first_graph()
        self.default_type = self._type(attributes, "defaultedgetype")
        self.directed = self.default_type == "directed"
        if attributes.get("mode") == "dynamic":
            self.private[_WHEN] = None

    def _type(self, attributes: dict[str, str], key: str) -> str:
        kind = attributes.get(key, self.default_type).lower()
        if kind not in _BOTH_WAYS:
            raise self.error(
                f"edges of type '{echo(kind)}'; expected directed, undirected or mutual"
            )
        return kind

    def _start_attribute(self, attributes: dict[str, str]) -> None:
        key = attributes.get("id")
        if key is None or self._class not in self.declared:
            raise self.error("an attribute without an id, or of a class other than node and edge")
        title = attributes.get("title") or key
        self._declared = Declared(title, attributes.get("type", "string"))
        self.declared[self._class][key] = self._declared

    def _start_node(self, attributes: dict[str, str]) -> None:
        if "node" in self.outer:
            raise self.error("a node within a node; expected a flat graph: remove the groups")
        self._note_others("node", attributes)
        self.add_node(attributes)
        self.vertices.put(self.row("node"), "label", attributes.get("label"))

    def _start_edge(self, attributes: dict[str, str]) -> None:
        self._note_others("edge", attributes)
        self.add_edge(attributes, both=_BOTH_WAYS[self._type(attributes, "type")])
        for name in ("id", "label", "weight"):
            self.edges.put(self.row("edge"), name, attributes.get(name))

    def _note_others(self, level: str, attributes: dict[str, str]) -> None:
        self.unknown(level, attributes)
        if attributes.keys() & _TIMES:
            self.private[_WHEN] = None

    def _start_value(self, attributes: dict[str, str]) -> None:
        level = next((name for name in ("edge", "node") if name in self.outer), "")
        key = attributes.get("for", attributes.get("id", ""))
        declared = self.declared.get(level, {}).get(key)
        if declared is None:
            raise self.error(f"a value of the attribute '{echo(key)}', which is not declared")
        rows, row = declared.column.rows, self.row(level)
        is_second = bool(rows) and rows[-1] == row
        declared.changes |= is_second or bool(attributes.keys() & _TIMES)
        if "value" in attributes and not is_second:
            declared.column.put(row, attributes["value"])

    def end(self, name: str) -> None:
        """Handle the end of an element."""
        if name == "edge" and self.outer[-1] == "edges":
            self.close_edge()
        elif name == "default" and self._declared is not None:
            self._declared.default = "".join(self.text or [])
            self.text = None

    def graph(self) -> LabelledGraph:
        """The graph of the file."""
        self.note_directions()
        if _WHEN in self.private:
            self.note(
                "a dynamic graph; wis takes the edges of all times, and only a GEXF output keeps "
                "the times"
            )
        label = self.vertices.get("label")
        if label is not None and label.dense(len(self.positions)) == list(self.positions):
            del self.vertices["label"]
        self.add_declared("node", self.vertices, len(self.positions))
        if "weight" in self.edges:
            weight = self.edges["weight"]
            whole = all(text.strip().lstrip("+-").isdecimal() for text in weight.values)
            kind = "long" if whole else "double"
            is_left_out = len(weight.rows) < len(self.both)
            convert(weight, kind, "weight", lambda row: self.place_of("edge", row))
            if is_left_out:
                self.fill_weights("weights", "GEXF", whole=whole)
        self.add_declared("edge", self.edges, len(self.both))
        return self.as_labelled()


def as_text(graph: LabelledGraph, dropped: list[str]) -> str:
    """The text of a GEXF file of version 1.2, which most programs read."""
    dropped.extend(f"graph attribute '{name}'" for name in graph.about)
    ids, own = unique_ids(graph), _own_columns(graph)
    edges = graph.edges.without(*own, *(["id"] if ids else []))
    if "id" in edges:
        key = free_name("id", edges)
        dropped.append(f"the name of edge attribute 'id' (now {key})")
        edges = Columns({key if name == "id" else name: c for name, c in edges.items()})
    label = graph.vertices.get("label")
    vertices, labels = graph.vertices, graph.names
    if label is not None and label.consists_of(str):
        vertices, labels = vertices.without("label"), label.dense(len(graph.names))
    lines, values = _declare(vertices, "node", dropped)
    edge_lines, edge_values = _declare(edges, "edge", dropped)
    default = "undirected" if graph.is_undirected else "directed"
    names = zip(graph.names, labels, strict=True)
    nodes = (f"<node id={attribute(name)}{_optional('label', text)}" for name, text in names)
    links = edge_tags(graph, ids or [str(edge) for edge in range(graph.num_edges)],
                      'type="undirected"')  # fmt: skip
    extra = {name: column.dense(graph.num_edges) for name, column in own.items()}
    links = (
        tag + "".join(_optional(name, values[edge]) for name, values in extra.items())
        for edge, tag in enumerate(links)
    )
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<gexf xmlns="http://www.gexf.net/1.2draft" version="1.2">',
            f'  <graph defaultedgetype="{default}" mode="static">',
            *lines,
            *edge_lines,
            "    <nodes>",
            *_elements(nodes, "node", values),
            "    </nodes>",
            "    <edges>",
            *_elements(links, "edge", edge_values),
            "    </edges>",
            "  </graph>",
            "</gexf>",
            "",
        ]
    )


write = writer("gexf", as_text)


def _own_columns(graph: LabelledGraph) -> dict[str, Column]:
    """The attributes of edges that become XML attributes in GEXF.

    A weight does only if every edge has a number, since a missing weight means 1.
    """
    own = {name: graph.edges[name] for name in ("label", "weight") if name in graph.edges}
    if "label" in own and not own["label"].consists_of(str):
        del own["label"]
    weight = own.get("weight")
    if weight is not None and (
        len(weight.rows) != graph.num_edges or not weight.consists_of(int, float)
    ):
        del own["weight"]
    return own


def _optional(name: str, value: str | float | None) -> str:
    """An XML attribute, or nothing if the value is None."""
    return "" if value is None else f" {name}={attribute(spelt(value, kind_of([value])))}"


def _declare(
    columns: Columns, level: str, dropped: list[str]
) -> tuple[list[str], dict[int, list[str]]]:
    lines, rows = declared(
        columns,
        "vertex" if level == "node" else level,
        dropped,
        lambda number, name, kind: f'<attribute id="{number}" title={name} type="{kind}"/>',
        lambda number, text: f'<attvalue for="{number}" value={attribute(text)}/>',
    )
    if lines:
        begin, end = f'    <attributes class="{level}">', "    </attributes>"
        lines = [begin, *(f"      {line}" for line in lines), end]
    return lines, rows


def _elements(tags: Iterable[str], name: str, values: dict[int, list[str]]) -> Iterator[str]:
    for row, tag in enumerate(tags):
        yield "      " + element(tag, values.get(row), name, "<attvalues>{}</attvalues>")
