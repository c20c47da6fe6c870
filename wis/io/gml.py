"""GML: nested lists of keys and values, one `node` and one `edge` list for each.

Read are direction, labels, ids and attributes, of any type; repeated edges need no `multigraph 1`.
Where labels are missing or not distinct, vertices go by their ids. An attribute that repeats in one
list is a list of values, a nested list a record; both stay in the file unless the other format has
them. The format is that of Himsolt, GML: A portable Graph File Format (1997).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from wis.base.source import ReadOptions, parsing, read_utf8, shown
from wis.errors import GraphFormatError, echo
from wis.io.gml_writer import as_text
from wis.io.graph_file import GraphFile
from wis.io.labelled import Columns, LabelledGraph, ends_of, graph_file
from wis.io.labelled_values import without_entities
from wis.io.labelled_writer import write_labelled
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
    raw, mark = read_utf8(path, options)
    options.check_size(path, _BYTES_PER_BYTE * len(raw), "the graph")
    reader = _Reader(path, raw.decode())
    with parsing(path, "a GML file"):
        reader.parse()
    return graph_file(reader.graph(), reader.located(mark), path, "gml", options)


class _Reader:
    """Collects what a GML file says."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.text = text
        self.about: dict[str, Any] | None = None
        self.nodes: list[_List] = []
        self.ends: tuple[list[Any], list[Any]] = ([], [])
        self.edge_spans: list[tuple[int, int]] = []
        self.edges = Columns()

    def place(self, offset: int) -> str:
        """The file and a line."""
        line = self.text.count("\n", 0, offset) + 1
        return f"{shown(self.path)} line {line}"

    def parse(self) -> None:
        """Go through the text."""
        stack = [_List("", 0, {})]
        key, begin = None, 0
        for token in _TOKEN.finditer(self.text):
            kind = token.lastgroup
            if kind is None:
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
                    raise GraphFormatError(
                        f"{self.place(begin)}: lists nested more than {MAX_DEPTH} deep"
                    )
            else:
                _put(stack[-1].content, key, self._value(token, kind))
                key = None
        if key is not None or len(stack) > 1:
            raise GraphFormatError(
                f"{shown(self.path)}: damaged, or not a GML file: ends within "
                f"'{echo(key if key is not None else stack[-1].key)}'"
            )
        if self.about is None:
            raise GraphFormatError(
                f"{shown(self.path)}: damaged, or not a GML file: holds no graph [ ... ]"
            )

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
                raise GraphFormatError(
                    f"{self.place(token.start())}: a number of {len(text)} digits"
                ) from None
            return float(text)

    def _unexpected(self, token: re.Match[str], expected: str) -> GraphFormatError:
        return GraphFormatError(
            f"{self.place(token.start())}: damaged, or not a GML file: '{echo(token[0])}'; "
            f"expected {expected}"
        )

    def _close(self, stack: list[_List], end: int) -> None:
        item = stack.pop()
        parents = [outer.key for outer in stack[1:]]
        if item.key == "graph" and not parents:
            if self.about is not None:
                raise GraphFormatError(
                    f"{self.place(item.begin)}: a second graph; expected one in a file"
                )
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
                raise GraphFormatError(
                    f"{self.place(item.begin)}: an edge without a {name}, or with several"
                )
            column.append(item.content.pop(name))
        for key, value in item.content.items():
            self.edges.put(len(self.edge_spans), key, value)
        self.edge_spans.append((item.begin, end))

    def located(self, mark: bytes) -> Located:
        """The text and its edges."""

        def edits(kept: np.ndarray) -> list[Edit]:
            spans = [self.edge_spans[edge] for edge in np.flatnonzero(~kept).tolist()]
            return [(without_blanks_before(self.text, begin), end, "") for begin, end in spans]

        return Located(self.text, edits, mark=mark)

    def graph(self) -> LabelledGraph:
        """The graph, once the file was read."""
        about = self.about or {}
        position: dict[Any, int] = {}
        for number, node in enumerate(self.nodes):
            name = node.content.get("id")
            if type(name) not in (int, str):
                raise GraphFormatError(
                    f"{self.place(node.begin)}: a node without an id, or with several"
                )
            if name in position:
                raise GraphFormatError(
                    f"{self.place(node.begin)}: a second node with the id {echo(str(name))}"
                )
            position[name] = number
        sources, targets = (
            ends_of(column, position, end, lambda edge: self.place(self.edge_spans[edge][0]))
            for column, end in zip(self.ends, ("source", "target"), strict=True)
        )
        directed = about.get("directed", 0)
        if directed not in (0, 1):
            raise GraphFormatError(
                f"{shown(self.path)}: directed is '{echo(str(directed))}'; expected 0 or 1"
            )
        notes: list[str] = []
        by_label = self._labels()
        names = by_label if by_label is not None else self._ids(position, notes)
        vertices = Columns()
        for number, node in enumerate(self.nodes):
            for key, value in node.content.items():
                if key != "id" and not (key == "label" and by_label is not None):
                    vertices.put(number, key, value)
        both = np.full(sources.size, directed == 0)
        kept = {key: value for key, value in about.items() if key not in _SKIPPED}
        return LabelledGraph(
            names, sources, targets, both, directed == 1, vertices, self.edges, kept, notes=notes
        )

    def _labels(self) -> list[str] | None:
        """The labels of the nodes if each has one of its own."""
        labels = [node.content.get("label") for node in self.nodes]
        texts = [str(label) for label in labels if type(label) in (str, int, float)]
        return texts if len(set(texts)) == len(labels) and all(texts) else None

    def _ids(self, position: dict[Any, int], notes: list[str]) -> list[str]:
        ids = [str(name) for name in position]
        if len(set(ids)) != len(ids):
            raise GraphFormatError(
                f"{shown(self.path)}: some ids are numbers and others the same as texts"
            )
        if any("label" in node.content for node in self.nodes):
            notes.append(
                f"{shown(self.path)}: the labels of the nodes are not distinct, or some are "
                "missing; vertices go by their ids, and the labels are the attribute 'label'"
            )
        return ids


def _put(content: dict[str, Any], key: str, value: Any) -> None:
    """Set a key; the values of one that repeats become a list."""
    if key not in content:
        content[key] = value
    elif isinstance(content[key], _Several):
        content[key].append(value)
    else:
        content[key] = _Several([content[key], value])


def write(file: GraphFile, path: Path, stream: BinaryIO, dropped: list[str]) -> None:
    """Write a graph.

    Raises:
        GraphFormatError: The graph has several types of vertices.
    """
    write_labelled(file, path, stream, dropped, "gml", as_text)
