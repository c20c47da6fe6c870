"""GML: nested lists of keys and values, one `node` and one `edge` list for each.

wis reads direction, labels, ids and attributes of any type; repeated edges need no `multigraph 1`.
Where labels are missing or not distinct, vertices go by their ids. An attribute that repeats in one
list is a list of values, and a nested list is a record; both stay in the file unless the format of
the output has them. The format is that of Himsolt, GML: A portable Graph File Format (1997).

`wis.io.gml_writer` writes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wis.base.source import ReadOptions, parsing, shown
from wis.errors import GraphFormatError, echo
from wis.io.gml_writer import as_text
from wis.io.graph_file import GraphFile
from wis.io.labelled import Columns, LabelledGraph
from wis.io.labelled_reader import GraphReader, text_of
from wis.io.labelled_values import without_entities
from wis.io.labelled_writer import writer
from wis.io.located import Edit, Located, without_blanks_before

MAX_DEPTH = 100
_BYTES_PER_BYTE = 8  # of Python objects for each byte of text: measured 7.4
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
        GraphFormatError: It is malformed.
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
        """Go through the text with a stack of the lists that are open."""
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
        """The edits that take edges out."""
        spans = [self.spans[edge] for edge in np.flatnonzero(~kept).tolist()]
        return [(without_blanks_before(self.text, begin), end, "") for begin, end in spans]

    def graph(self) -> LabelledGraph:
        """The graph, once the file was read."""
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
        places = lambda edge: self.line(self.spans[edge][0])  # noqa: E731
        return self.labelled(names, position, places, directed == 1, kept)

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
        """The labels of the nodes if each has one of its own."""
        labels = [node.content.get("label") for node in self.nodes]
        texts = [str(label) for label in labels if type(label) in (str, int, float)]
        return texts if len(set(texts)) == len(labels) and all(texts) else None

    def _ids(self, position: dict[Any, int]) -> list[str]:
        if any("label" in node.content for node in self.nodes):
            self.note(
                "the labels of the nodes are not distinct, or some are missing; vertices go by "
                "their ids, and the labels are the attribute 'label'"
            )
        return self.distinct([str(name) for name in position])


def _put(content: dict[str, Any], key: str, value: Any) -> None:
    """Set a key; the values of one that repeats become a list."""
    if key not in content:
        content[key] = value
    elif isinstance(content[key], _Several):
        content[key].append(value)
    else:
        content[key] = _Several([content[key], value])


write = writer("gml", as_text)
