"""Nodes, edges and declared attributes as XML elements, for GraphML and GEXF.

`XmlGraphReader` reads the elements, and `convert` converts values to their declared types.
`declared`, `edge_tags`, `element`, `content` and `attribute` write elements.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar
from xml.sax.saxutils import escape

import numpy as np

from wis.base.source import ReadOptions, shown
from wis.errors import GraphFormatError, echo
from wis.io.graph_file import GraphFile
from wis.io.labelled import Column, Columns, LabelledGraph
from wis.io.located import Edit, Located, without_blanks_before
from wis.io.xml_parsing import XmlReader, XmlText

_TYPES = {"boolean": "boolean", "integer": "long", "real": "double", "text": "string"}
_IMPOSSIBLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INTEGER = re.compile(r"\s*[+-]?[0-9]+\s*")
_LARGEST = 2**63
_EXACT = 2**53  # beyond it a float64 skips integers
_IN_CONTENT = {"\r": "&#13;"}
_IN_QUOTES = {'"': "&quot;", "\t": "&#9;", "\n": "&#10;", **_IN_CONTENT}


@dataclass(eq=False)
class Declared:
    """An attribute that the file declares for vertices, for edges or for the graph."""

    name: str
    kind: str
    default: str | None = None
    is_drawing: bool = False
    changes: bool = False
    column: Column = field(default_factory=Column)


class XmlGraphReader(XmlReader):
    """Collects the nodes, edges and attributes of a graph in XML.

    Attributes:
        declared: For each level (``"node"``, ``"edge"``, ...) its declared attributes by id.
        positions: The number of each node by its id.
        node_begins: The position of each node in the text.
        counts: The places in the text that state the number of edges.
        directed: Whether edges are directed by default; None before the start of the graph.
    """

    root = ""
    levels: ClassVar[tuple[str, ...]] = ("node", "edge")
    known: ClassVar[dict[str, set[str]]] = {}

    def __init__(self, source: XmlText) -> None:
        super().__init__(source)
        self.declared: dict[str, dict[str, Declared]] = {level: {} for level in self.levels}
        self.positions: dict[Any, int] = {}
        self.node_begins: list[int] = []
        self.counts: list[re.Match[bytes]] = []
        self.directed: bool | None = None
        self.text: list[str] | None = None  # the text of the current element

    def characters(self, text: str) -> None:
        """Collect the text between tags."""
        if self.text is not None:
            self.text.append(text)

    def read(self, options: ReadOptions) -> GraphFile:
        """Read the file."""
        self.parse()
        if self.directed is None:
            raise self.damaged("holds no <graph>")
        located = Located(self.source.text, self._edits, self.source.encoding, self.source.mark)
        return self.file(located, options)

    def check_root(self, name: str) -> None:
        """Raise `GraphFormatError` for a file whose outermost element is another one."""
        if name != self.root:
            raise self.damaged(f"begins with <{echo(name)}>; expected <{self.root}>")

    def check_first_graph(self) -> None:
        """Raise `GraphFormatError` for a second graph."""
        if self.directed is not None:
            raise self.error("a second graph; expected one in a file")

    def add_node(self, attributes: dict[str, str]) -> None:
        """Add a node at its start tag."""
        name = attributes.get("id")
        if name is None:
            raise self.error("a <node> without an id")
        if name in self.positions:
            raise self.error(f"a second node with the id '{echo(name)}'")
        self.positions[name] = len(self.positions)
        self.node_begins.append(self.offset)

    def add_edge(self, attributes: dict[str, str], *, both: bool) -> None:
        """Add an edge at its start tag."""
        for column, end in zip(self.ends, ("source", "target"), strict=True):
            if end not in attributes:
                raise self.error(f"an <edge> without a {end}")
            column.append(attributes[end])
        self.both.append(both)
        self.spans.append((self.offset, 0))

    def close_edge(self) -> None:
        """Note the position of the end of the last edge."""
        self.spans[-1] = (self.spans[-1][0], self.offset)

    def unknown(self, level: str, attributes: dict[str, str]) -> list[str]:
        """Note and return the XML attributes of an element that the reader does not know."""
        if attributes.keys() <= self.known[level]:
            return []
        names = [name for name in attributes if name not in self.known[level]]
        for name in names:
            self.private[f"the XML attribute '{echo(name)}' of {level}s"] = None
        return names

    def add_count(self, attribute: str) -> None:
        """Note that the current start tag states the number of edges in an attribute."""
        pattern = rb"""(<(?:[^<>"']|"[^"]*"|'[^']*')*?\s%s\s*=\s*["'])(\d+)"""
        name = re.escape(attribute).encode()
        found = re.compile(pattern % name).match(self.source.text, self.offset)
        if found is not None:
            self.counts.append(found)

    def row(self, level: str) -> int:
        """The number of the last element of a level."""
        return {"node": len(self.positions), "edge": len(self.both)}.get(level, 1) - 1

    def place_of(self, level: str, row: int) -> str:
        """The file and the line of a node or an edge; for other levels the file."""
        if level == "node":
            return self.source.line(self.node_begins[row])
        return self.source.line(self.spans[row][0]) if level == "edge" else shown(self.path)

    def add_declared(self, level: str, columns: Columns, size: int) -> Columns:
        """Add the declared attributes of a level to its columns, with defaults and types."""
        declared = self.declared[level]
        defaults = sum(attribute.default is not None for attribute in declared.values())
        values = sum(len(attribute.column.rows) for attribute in declared.values())
        self.source.check_table(size, defaults, values)
        for key, attribute in declared.items():
            column, name = attribute.column, attribute.name
            if attribute.changes:
                word = "vertex" if level == "node" else level
                self.private[f"{word} attribute '{echo(name)}', which changes in time"] = None
                continue
            if attribute.default is not None:
                column = column.filled(size, attribute.default)
            if not column.rows:
                continue
            name = name if name not in columns else f"{name} ({key})"
            convert(column, attribute.kind, name, lambda row: self.place_of(level, row))
            if column.rows:
                columns[name] = column
        return columns

    def as_labelled(self, about: dict[str, Any] | None = None) -> LabelledGraph:
        """`labelled` with the ids as names."""
        return self.labelled(
            list(self.positions),
            self.positions,
            lambda edge: self.place_of("edge", edge),
            bool(self.directed),
            about,
        )

    def _edits(self, kept: np.ndarray) -> list[Edit]:
        """The edits that remove edges and correct the numbers of edges in the text."""
        number, text = str(int(kept.sum())), self.source.text
        edits = [(count.start(2), count.end(2), number) for count in self.counts]
        for edge in np.flatnonzero(~kept).tolist():
            begin, end = self.spans[edge]
            edits.append((without_blanks_before(text, begin), self.source.end(begin, end), ""))
        return sorted(edits)


def declared(
    columns: Columns,
    what: str,
    dropped: list[str],
    declaration: Callable[[int, str, str], str],
    element_of: Callable[[int, str], str],
    first: int = 0,
) -> tuple[list[str], dict[int, list[str]]]:
    """Declare attributes, and write their values.

    `declaration` gets a number from `first` on, a name in quotes and a type; `element_of` gets the
    number and the text of a value. Attributes with values of mixed types are `dropped`.

    Returns:
        The declarations, and the elements of the values of each row.
    """
    lines: list[str] = []
    rows: dict[int, list[str]] = {}
    for name, column in columns.items():
        kind, number = kind_of(column.values), first + len(lines)
        if kind == "other":
            dropped.append(f"{what} attribute '{name}'")
            continue
        lines.append(declaration(number, attribute(name), _TYPES[kind]))
        for row, value in zip(column.rows, column.values, strict=True):
            rows.setdefault(row, []).append(element_of(number, spelt(value, kind)))
    return lines, rows


def edge_tags(graph: LabelledGraph, ids: list[str] | None, both_ways: str) -> Iterator[str]:
    """Yield the start tag of each edge, without the closing bracket.

    `both_ways` is the XML attribute of an edge that goes both ways in a directed graph.
    """
    names = [attribute(name) for name in graph.names]
    mark = "" if graph.is_undirected else f" {both_ways}"
    ends = zip(graph.sources.tolist(), graph.targets.tolist(), graph.both.tolist(), strict=True)
    for edge, (u, v, both) in enumerate(ends):
        identity = "" if ids is None else f" id={attribute(ids[edge])}"
        yield f"<edge{identity} source={names[u]} target={names[v]}{mark if both else ''}"


def element(tag: str, inner: list[str] | None, name: str, around: str = "{}") -> str:
    """An element from its open start tag and its inner elements in the template `around`."""
    return f"{tag}>{around.format(''.join(inner))}</{name}>" if inner else f"{tag}/>"


def content(text: str) -> str:
    """Escape a text between tags."""
    return escape(_checked(text), _IN_CONTENT)


def attribute(text: str) -> str:
    """Quote and escape the value of an XML attribute."""
    return f'"{escape(_checked(text), _IN_QUOTES)}"'


def _checked(text: str) -> str:
    found = _IMPOSSIBLE.search(text)
    if found is not None:
        raise GraphFormatError(
            f"a text holds the character U+{ord(found[0]):04X}, which XML cannot hold; remove it "
            "or write another format"
        )
    return text


def integer(text: str) -> int:
    """An integer, which may be spelt with a point: 3.0."""
    if _INTEGER.fullmatch(text):
        return int(text)
    number = float(text)
    if not number.is_integer():
        raise ValueError
    return int(number)


def real(text: str) -> float:
    """A number, which may be ``INF``, ``NaN`` or hexadecimal as in C and graph-tool."""
    text = text.strip()
    if "_" in text:
        raise ValueError
    return float.fromhex(text) if "0x" in text.lower() else float(text)


def truth(text: str) -> bool:
    """A truth value."""
    known = {"true": True, "false": False, "1": True, "0": False}
    return known[text.strip().lower()]


CONVERTERS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("int", "integer", "long", "short", "byte", "biginteger"), integer),
    **dict.fromkeys(("float", "double", "bigdecimal"), real),
    **dict.fromkeys(("boolean", "bool"), truth),
}
"""The conversion of each declared type; values of other types stay texts."""


def convert(column: Column, kind: str, name: str, place_of: Callable[[int], str]) -> None:
    """Convert the texts of a column to its declared type; blank numbers are missing.

    Raises:
        GraphFormatError: A text does not have the declared type.
    """
    read = CONVERTERS.get(kind.lower())
    if read is None:
        return
    rows, values = [], []
    for row, text in zip(column.rows, column.values, strict=True):
        if not text.strip():
            continue
        try:
            values.append(read(text))
        except (ValueError, KeyError, OverflowError):
            raise GraphFormatError(
                f"{place_of(row)}: '{echo(text)}' is the value of '{echo(name)}', whose declared "
                f"type is {echo(kind)}"
            ) from None
        rows.append(row)
    column.rows, column.values = rows, values


def kind_of(values: Sequence[Any]) -> str:
    """The common type of values: boolean, integer, real, text or other."""
    kinds = set(map(type, values))
    if kinds == {bool}:
        return "boolean"
    if kinds == {int}:
        small = all(-_LARGEST <= value < _LARGEST for value in values)
        return "integer" if small else "other"
    if kinds <= {int, float}:
        exact = all(type(value) is float or abs(value) <= _EXACT for value in values)
        return "real" if exact else "other"
    return "text" if kinds == {str} else "other"


def spelt(value: Any, kind: str) -> str:
    """A value in the spelling of XML Schema."""
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "real":
        number = float(value)
        if number != number:
            return "NaN"
        if number in (float("inf"), float("-inf")):
            return "INF" if number > 0 else "-INF"
        return repr(number)
    return str(value)
