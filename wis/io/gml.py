"""GML: nested lists of keys and values, one `node` and one `edge` list for each.

wis reads direction, labels, ids and attributes of any type. Repeated edges do not need
`multigraph 1`. If labels are missing or not distinct, the names of the vertices are their ids. A
key that repeats in one list is a list of values, and a nested list is a record; only formats with
such values keep them. Source of the format: Himsolt, GML: A portable Graph File Format (1997).

GML has no truth values (they become 1 and 0), and its keys are ASCII letters and digits. NaN is
left out, since few programs read it. The writer reports these changes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wis.base.source import ReadOptions, parsing, shown
from wis.errors import GraphFormatError, echo
from wis.io.graph_file import GraphFile
from wis.io.labelled import Column, Columns, LabelledGraph
from wis.io.labelled_reader import GraphReader, text_of, without_entities
from wis.io.labelled_writer import free_name, writer
from wis.io.located import Edit, Located, without_blanks_before

MAX_DEPTH = 100
_BYTES_PER_BYTE = 8  # memory per byte of text; measured 7.4
_TOKEN = re.compile(
    r"""\s+
    | \#[^\n]*
    | (?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?=[\s\[\]\#]|\Z)
      |[+-]?(?i:inf|infinity|nan)(?=[\s\[\]\#]|\Z))
    | (?P<word>[A-Za-z_][^\s\[\]"\#]*)
    | "(?P<text>[^"]*)"
    | (?P<open>\[)
    | (?P<close>\])
    | (?P<bad>.)""",
    re.VERBOSE,
)
# Other libraries join the lines of a text by blanks, so a line break is written as an entity.
_SPECIAL = re.compile('[^\t\x20-\x7e]|["&]')
_FOR_ITSELF = {"vertex": ("id", "label"), "edge": ("source", "target"), "graph": ("node", "edge")}
_SKIPPED = {"node", "edge", "directed", "multigraph"}


@dataclass
class _List:
    """A list that is being read."""

    key: str
    begin: int
    content: dict[str, Any]


class _Several(list[Any]):
    """The values of a key that repeats."""


def read(path: Path, options: ReadOptions) -> GraphFile:
    """Read a graph.

    Raises:
        GraphFormatError: The file is malformed.
    """
    text, mark = text_of(path, options, _BYTES_PER_BYTE)
    reader = _Reader(path, text)
    with parsing(path, reader.kind):
        reader.parse()
    return reader.file(Located(text, reader.edits, mark=mark), options)


class _Reader(GraphReader):
    """Collects the content of a GML file."""

    format, kind = "gml", "a GML file"

    def __init__(self, path: Path, text: str) -> None:
        super().__init__(path)
        self.text = text
        self.about: dict[str, Any] | None = None
        self.nodes: list[_List] = []

    def line(self, offset: int) -> str:
        """The file and a line."""
        return f"{shown(self.path)} line {self.text.count(chr(10), 0, offset) + 1}"

    def parse(self) -> None:
        """Read the text with a stack of the open lists."""
        stack = [_List("", 0, {})]
        key, begin = None, 0
        for token in _TOKEN.finditer(self.text):
            kind = token.lastgroup
            if kind is None:  # blanks or a comment
                continue
            if key is None:
                if kind == "word":
                    key, begin = token["word"], token.start()
                elif kind == "close" and len(stack) > 1:
                    self._close(stack, token.end())
                else:
                    raise self._unexpected(token, "a key")
            elif kind == "open":
                stack.append(_List(key, begin, {}))
                key = None
                if len(stack) > MAX_DEPTH:
                    raise self.error(f"lists nested more than {MAX_DEPTH} deep", self.line(begin))
            else:
                _put(stack[-1].content, key, self._value(token, kind))
                key = None
        if key is not None or len(stack) > 1:
            within = key if key is not None else stack[-1].key
            raise self.damaged(f"ends within '{echo(within)}'")
        if self.about is None:
            raise self.damaged("holds no graph [ ... ]")

    def _value(self, token: re.Match[str], kind: str) -> Any:
        if kind == "text":
            return without_entities(token["text"])
        if kind != "number":
            raise self._unexpected(token, "a number, a text in quotes or a list")
        text = token["number"]
        try:
            return int(text)
        except ValueError:
            if text.lstrip("+-").isdigit():
                where = self.line(token.start())
                raise self.error(f"a number of {len(text)} digits", where) from None
            return float(text)

    def _unexpected(self, token: re.Match[str], expected: str) -> GraphFormatError:
        where = self.line(token.start())
        return self.damaged(f"'{echo(token[0])}'; expected {expected}", where)

    def _close(self, stack: list[_List], end: int) -> None:
        item = stack.pop()
        parents = [outer.key for outer in stack[1:]]
        if item.key == "graph" and not parents:
            if self.about is not None:
                raise self.error("a second graph; expected one in a file", self.line(item.begin))
            self.about = item.content
        elif item.key == "node" and parents == ["graph"]:
            self.nodes.append(item)
        elif item.key == "edge" and parents == ["graph"]:
            self._add_edge(item, end)
        else:
            _put(stack[-1].content, item.key, item.content)

    def _add_edge(self, item: _List, end: int) -> None:
        for column, name in zip(self.ends, ("source", "target"), strict=True):
            if type(item.content.get(name)) not in (int, str):
                raise self.error(
                    f"an edge without a {name}, or with several", self.line(item.begin)
                )
            column.append(item.content.pop(name))
        for key, value in item.content.items():
            self.edges.put(len(self.spans), key, value)
        self.spans.append((item.begin, end))

    def edits(self, kept: np.ndarray) -> list[Edit]:
        """The edits that remove edges."""
        spans = [self.spans[edge] for edge in np.flatnonzero(~kept).tolist()]
        return [(without_blanks_before(self.text, begin), end, "") for begin, end in spans]

    def graph(self) -> LabelledGraph:
        """The graph of the file."""
        about = self.about or {}
        position = self._positions_of_nodes()
        directed = about.get("directed", 0)
        if directed not in (0, 1):
            raise self.error(f"directed is '{echo(str(directed))}'; expected 0 or 1")
        self.both = [directed == 0] * len(self.spans)
        labels = self._labels()
        names = labels if labels is not None else self._ids(position)
        skipped = {"id"} if labels is None else {"id", "label"}
        self.vertices = Columns.of_rows([node.content for node in self.nodes], skipped)
        kept = {key: value for key, value in about.items() if key not in _SKIPPED}
        return self.labelled(names, position, self._line_of_edge, directed == 1, kept)

    def _line_of_edge(self, edge: int) -> str:
        return self.line(self.spans[edge][0])

    def _positions_of_nodes(self) -> dict[Any, int]:
        position: dict[Any, int] = {}
        for number, node in enumerate(self.nodes):
            name = node.content.get("id")
            if type(name) not in (int, str):
                raise self.error("a node without an id, or with several", self.line(node.begin))
            if name in position:
                where = self.line(node.begin)
                raise self.error(f"a second node with the id {echo(str(name))}", where)
            position[name] = number
        return position

    def _labels(self) -> list[str] | None:
        """The labels of the nodes if all are distinct, else None."""
        labels = [node.content.get("label") for node in self.nodes]
        texts = [str(label) for label in labels if type(label) in (str, int, float)]
        return texts if len(set(texts)) == len(labels) and all(texts) else None

    def _ids(self, position: dict[Any, int]) -> list[str]:
        if any("label" in node.content for node in self.nodes):
            self.note(
                "the labels of the nodes are not distinct, or some are missing; the names of the "
                "vertices are their ids, and the labels are the attribute 'label'"
            )
        return self.distinct([str(name) for name in position])


def _put(content: dict[str, Any], key: str, value: Any) -> None:
    """Set a key; the values of a repeated key become a list."""
    if key not in content:
        content[key] = value
    elif isinstance(content[key], _Several):
        content[key].append(value)
    else:
        content[key] = _Several([content[key], value])


def as_text(graph: LabelledGraph, dropped: list[str]) -> str:
    """The text of a GML file; names of vertices that are numbers become ids."""
    graph = graph.one_way()
    numbers = _numbers(graph.names)
    ids = list(range(len(graph.names))) if numbers is None else numbers
    rows = {"vertex": _rows(_labelled(graph, numbers, dropped), "vertex", dropped)}
    rows["edge"] = _rows(graph.edges, "edge", dropped)
    about = Columns()
    for name, value in graph.about.items():
        about.put(0, name, value)
    lines = ["graph ["]
    lines += [] if graph.is_undirected else ["  directed 1"]
    lines += ["  multigraph 1"] if graph.has_repeats else []
    lines += [f"  {line}" for line in _rows(about, "graph", dropped).get(0, [])]
    for vertex, number in enumerate(ids):
        lines += ["  node [", f"    id {number}"]
        lines += [f"    {line}" for line in rows["vertex"].get(vertex, [])]
        lines.append("  ]")
    for edge, (u, v) in enumerate(zip(graph.sources.tolist(), graph.targets.tolist(), strict=True)):
        lines += ["  edge [", f"    source {ids[u]}", f"    target {ids[v]}"]
        lines += [f"    {line}" for line in rows["edge"].get(edge, [])]
        lines.append("  ]")
    return "\n".join([*lines, "]", ""])


write = writer("gml", as_text)


def _numbers(names: list[str]) -> list[int] | None:
    if all(name.isascii() and name.isdigit() and len(name) < 10 for name in names):
        numbers = [int(name) for name in names]
        if list(map(str, numbers)) == names:
            return numbers
    return None


def _labelled(graph: LabelledGraph, numbers: list[int] | None, dropped: list[str]) -> Columns:
    """The attributes of the vertices with a label for each: its attribute `label`, or its name.

    Names that are numbers are also ids, so any labels may be written. Other names are replaced by
    labels only if the labels are distinct, and then become another attribute.
    """
    own = graph.vertices.get("label")
    rows = list(range(len(graph.names)))
    names = Column(rows, list(graph.names))
    if own is None:
        return Columns({"label": names, **graph.vertices})
    if numbers is not None:
        return graph.vertices
    texts = [text for text in own.values if type(text) is str and text]
    if len(set(texts)) == len(graph.names):
        key = free_name("name", graph.vertices)
        dropped.append(f"the use of '{key}' as vertex names (now the labels)")
        return Columns({key: names, **graph.vertices})
    key = free_name("label", graph.vertices)
    dropped.append(f"the name of vertex attribute 'label' (now {key})")
    return Columns({"label": names, key: own, **graph.vertices.without("label")})


def _rows(columns: Columns, what: str, dropped: list[str]) -> dict[int, list[str]]:
    """The lines of the attributes of each row."""
    rows: dict[int, list[str]] = {}
    keys: dict[str, str] = {}
    for name, column in columns.items():
        reserved = _FOR_ITSELF[what] if name != "label" else ("id",)
        key = free_name(_key(name), [*keys.values(), *reserved])
        keys[name] = key
        if key != name:
            dropped.append(f"the name of {what} attribute '{name}' (now {key})")
        if any(type(value) is bool for value in column.values):
            dropped.append(f"the type of {what} attribute '{name}' (true is 1, false is 0)")
        whole = True
        for row, value in zip(column.rows, column.values, strict=True):
            lines = _lines(key, value)
            whole &= bool(lines) or value != value
            rows.setdefault(row, []).extend(lines)
        if not whole:
            dropped.append(f"values of {what} attribute '{name}'")
        if any(value != value for value in column.values):
            dropped.append(f"the NaN of {what} attribute '{name}'")
    return rows


def _key(name: str) -> str:
    key = re.sub("[^A-Za-z0-9_]", "_", name)
    return key if key[:1].isalpha() else f"a{key}"


def _lines(key: str, value: Any) -> list[str]:
    """The lines of a value, empty for a value that GML cannot hold; a list repeats its key."""
    if isinstance(value, dict):
        inner = [line for name, item in value.items() for line in _lines(_key(str(name)), item)]
        return [f"{key} [", *(f"  {line}" for line in inner), "]"]
    if isinstance(value, (list, tuple)):
        lines = [line for item in value for line in _lines(key, item)]
        return lines if len(value) > 1 else []
    text = _spelt(value)
    return [] if text is None else [f"{key} {text}"]


def _spelt(value: Any) -> str | None:
    if isinstance(value, str):
        return '"' + _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", value) + '"'
    if isinstance(value, int):
        return str(int(value))
    if not isinstance(value, float) or value != value:
        return None
    if value in (float("inf"), float("-inf")):
        return "+INF" if value > 0 else "-INF"
    mantissa, mark, exponent = repr(value).partition("e")
    if mark and "." not in mantissa:
        mantissa += ".0"
    return mantissa + (f"E{exponent}" if mark else "")
