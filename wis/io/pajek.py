"""Pajek's `.net`: a section of vertices with labels, then sections of arcs, edges, lists, matrices.

Read are labels, coordinates (`x`, `y`, `z`), weights (a value that is left out is 1 where other
lines have one), the labels of lines and the names of relations. Arcs are directed, edges are not; a
file may have both. Vertices without labels go by their numbers, which count from 1 in the file and
from 0 in wis. The rest (shapes, colours, times) stays in the file. The format is that of the manual
of Pajek, section 5.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from wis.base.source import ReadOptions, read_utf8, shown
from wis.errors import GraphFormatError, echo
from wis.io.graph_file import GraphFile
from wis.io.labelled import Column, Columns, LabelledGraph, graph_file
from wis.io.labelled_values import without_entities
from wis.io.labelled_writer import write_labelled
from wis.io.located import Edit, Located

_BYTES_PER_BYTE = 24  # of Python objects for each byte of short lines: measured 21
_TOKEN = re.compile(r'"[^"]*"|\S+')
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+\Z")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WHEN = "the times of vertices and lines"
_DRAWING = "Pajek's shapes and colours"
Tokens = list[re.Match[str]]


def read(path: Path, options: ReadOptions) -> GraphFile:
    """Read a network.

    Raises:
        GraphFormatError: It is malformed, or the file holds several.
    """
    raw, mark = read_utf8(path, options)
    options.check_size(path, _BYTES_PER_BYTE * len(raw), "the graph")
    reader = _Reader(path, raw.decode(), options)
    reader.parse()
    return graph_file(reader.graph(), reader.located(mark), path, "pajek", options)


class _Reader:
    """Collects what a Pajek file says."""

    def __init__(self, path: Path, text: str, options: ReadOptions) -> None:
        self.path = path
        self.text = text
        self.options = options
        self.num_nodes: int | None = None
        self.labels = Column()
        self.vertices = Columns()
        self.ends: tuple[list[int], list[int]] = ([], [])
        self.both: list[bool] = []
        self.edges = Columns()
        self.pieces: list[Edit] = []
        self.private: dict[str, None] = {}
        self.notes: list[str] = []
        self._line = 0
        self._section = ""
        self._relation: str | None = None
        self._row = 0
        self._seen: set[int] = set()

    @property
    def place(self) -> str:
        """The file and the line that is being read."""
        return f"{shown(self.path)} line {self._line}"

    def parse(self) -> None:
        """Go through the lines."""
        begin = 0
        for number, found in enumerate(_LINE.finditer(self.text), start=1):
            self._line, line = number, found[0]
            stripped = line.strip()
            if stripped.startswith("*"):
                self._start_section(stripped)
            elif stripped and not stripped.startswith("%"):
                self._read_line(line, begin)
            begin += len(line)
        if self.num_nodes is None:
            raise GraphFormatError(
                f"{shown(self.path)}: damaged, or not a Pajek file: holds no *Vertices"
            )
        self._check_matrix()

    def _start_section(self, line: str) -> None:
        self._check_matrix()
        word, *rest = line[1:].split(None, 1)[:2] or [""]
        self._section = word.lower().partition(":")[0]
        self._row = 0
        arguments = rest[0] if rest else ""
        if ":" in word:
            arguments = f":{word.partition(':')[2]} {arguments}"
        if self._section == "vertices":
            self._start_vertices(arguments)
        elif self._section in ("arcs", "edges", "arcslist", "edgeslist", "matrix"):
            if self.num_nodes is None:
                raise GraphFormatError(f"{self.place}: *{echo(word)} before *Vertices")
            relation = re.match(r"\s*:\s*([0-9]+)\s*(.*)", arguments)
            self._relation = None
            if relation is not None:
                self._relation = relation[2].strip().strip('"') or relation[1]
        elif self._section != "network":
            raise GraphFormatError(
                f"{self.place}: a section *{echo(word)}; expected *Network, *Vertices, *Arcs, "
                "*Edges, *Arcslist, *Edgeslist or *Matrix"
            )

    def _start_vertices(self, arguments: str) -> None:
        sizes = arguments.split()
        sound = 1 <= len(sizes) <= 2 and all(re.fullmatch("[0-9]{1,18}", size) for size in sizes)
        if not sound:
            raise GraphFormatError(
                f"{self.place}: '*Vertices {echo(arguments)}'; expected the number of vertices"
            )
        if self.num_nodes is not None:
            raise GraphFormatError(f"{self.place}: a second network; expected one in a file")
        self.num_nodes = int(sizes[0])
        self.options.check_num_nodes(self.path, self.num_nodes)
        if len(sizes) == 2:
            self.private["which vertices are of the first mode"] = None
            self.notes.append(
                f"{shown(self.path)}: a two-mode network; its two sides are taken as one set of "
                f"{self.num_nodes} vertices, the first {sizes[1]} of the first side"
            )

    def _read_line(self, line: str, begin: int) -> None:
        tokens = list(_TOKEN.finditer(line))
        if self._section == "vertices":
            self._read_vertex([token[0] for token in tokens])
        elif self._section in ("arcs", "edges"):
            self._read_edge([token[0] for token in tokens])
            self.pieces.append((begin, begin + len(line), ""))
        elif self._section in ("arcslist", "edgeslist"):
            self._read_list(tokens, begin)
        elif self._section == "matrix":
            self._read_row(tokens, begin)
        elif self._section != "network":
            raise GraphFormatError(
                f"{self.place}: damaged, or not a Pajek file: '{echo(line.strip())}'; expected "
                "*Vertices"
            )

    def _vertex(self, text: str) -> int:
        if not re.fullmatch("[0-9]{1,18}", text) or not 1 <= int(text) <= (self.num_nodes or 0):
            raise GraphFormatError(
                f"{self.place}: vertex '{echo(text)}'; vertices count from 1 to {self.num_nodes}"
            )
        return int(text) - 1

    def _read_vertex(self, fields: list[str]) -> None:
        vertex = self._vertex(fields[0])
        if vertex in self._seen:
            raise GraphFormatError(f"{self.place}: a second line for vertex {vertex + 1}")
        self._seen.add(vertex)
        if len(fields) > 1:
            self.labels.put(vertex, _plain(fields[1]))
        for name, text in zip(("x", "y", "z"), fields[2:5], strict=False):
            if not _NUMBER.fullmatch(text):
                break
            self.vertices.put(vertex, name, float(text))
            fields = fields[:2] + fields[3:]
        self._note_rest(fields[2:])

    def _note_rest(self, fields: list[str]) -> None:
        for field in fields:
            self.private[_WHEN if field.startswith("[") else _DRAWING] = None
            if field.startswith("[") and _WHEN not in "".join(self.notes):
                self.notes.append(
                    f"{shown(self.path)}: a network in time; every line is taken whenever it "
                    f"exists, and {_WHEN} are kept only in a Pajek output"
                )

    def _add_edge(self, source: int, target: int, *, both: bool) -> int:
        self.ends[0].append(source)
        self.ends[1].append(target)
        self.both.append(both)
        edge = len(self.both) - 1
        self.edges.put(edge, "relation", self._relation)
        return edge

    def _read_edge(self, fields: list[str]) -> None:
        if len(fields) < 2:
            raise GraphFormatError(f"{self.place}: one field; expected two vertices")
        ends = self._vertex(fields[0]), self._vertex(fields[1])
        edge = self._add_edge(*ends, both=self._section == "edges")
        rest = fields[2:]
        if rest and _NUMBER.fullmatch(rest[0]):
            self.edges.put(edge, "weight", rest[0])
            rest = rest[1:]
        while rest:
            if rest[0] == "l" and len(rest) > 1:
                if edge not in self.edges.get("label", Column()).rows[-1:]:
                    self.edges.put(edge, "label", _plain(rest[1]))
                rest = rest[2:]
            else:
                self._note_rest(rest[:1])
                rest = rest[1:]

    def _read_list(self, tokens: Tokens, begin: int) -> None:
        source = self._vertex(tokens[0][0])
        for token, before in zip(tokens[1:], tokens, strict=False):
            self._add_edge(source, self._vertex(token[0]), both=self._section == "edgeslist")
            self.pieces.append((begin + before.end(), begin + token.end(), ""))

    def _read_row(self, tokens: Tokens, begin: int) -> None:
        if len(tokens) != self.num_nodes or self._row >= len(tokens):
            raise GraphFormatError(
                f"{self.place}: {len(tokens)} numbers in row {self._row + 1} of a matrix; expected "
                f"{self.num_nodes} rows of {self.num_nodes}"
            )
        for column, token in enumerate(tokens):
            if not _NUMBER.fullmatch(token[0]):
                raise GraphFormatError(f"{self.place}: '{echo(token[0])}'; expected a number")
            if float(token[0]) != 0:
                edge = self._add_edge(self._row, column, both=False)
                self.edges.put(edge, "weight", token[0])
                self.pieces.append((begin + token.start(), begin + token.end(), "0"))
        self._row += 1

    def _check_matrix(self) -> None:
        if self._section == "matrix" and self._row != self.num_nodes:
            raise GraphFormatError(
                f"{shown(self.path)}: a matrix of {self._row} rows; expected {self.num_nodes}"
            )

    def located(self, mark: bytes) -> Located:
        """The text and its edges."""

        def edits(kept: np.ndarray) -> Iterator[Edit]:
            gone = np.flatnonzero(~kept).tolist()
            return (self.pieces[edge] for edge in gone)

        return Located(self.text, edits, mark=mark)

    def graph(self) -> LabelledGraph:
        """The graph, once the file was read."""
        size = self.num_nodes or 0
        self._convert_weights()
        labels = self.labels.take(range(size)).values
        if len(labels) == size and len(set(labels)) == size and all(labels):
            names = labels
        elif not labels:
            names = [str(vertex) for vertex in range(size)]
        else:
            names = [str(vertex + 1) for vertex in range(size)]
            self.vertices["label"] = self.labels.take(range(size))
            self.notes.append(
                f"{shown(self.path)}: the labels of the vertices are not distinct, or some are "
                "missing; vertices go by their numbers, and the labels are the attribute 'label'"
            )
        vertices = self.vertices.take(range(size))
        return LabelledGraph(
            names, np.array(self.ends[0], dtype=np.int64), np.array(self.ends[1], dtype=np.int64),
            np.array(self.both, dtype=bool), False, vertices, self.edges,
            private=list(self.private), notes=self.notes,
        )  # fmt: skip

    def _convert_weights(self) -> None:
        weight = self.edges.get("weight")
        if weight is None:
            return
        whole = all(re.fullmatch("[+-]?[0-9]{1,18}", text) for text in weight.values)
        weight.values = [int(text) if whole else float(text) for text in weight.values]
        left_out = len(self.both) - len(weight.rows)
        if left_out:
            self.edges["weight"] = weight.filled(len(self.both), 1 if whole else 1.0)
            self.notes.append(
                f"{shown(self.path)}: values that are left out ({left_out} of {len(self.both)}) "
                "are 1, as Pajek says"
            )


def _plain(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    return without_entities(text)


def write(file: GraphFile, path: Path, stream: BinaryIO, dropped: list[str]) -> None:
    """Write a network.

    Raises:
        GraphFormatError: The graph has several types of vertices.
    """
    write_labelled(file, path, stream, dropped, "pajek", as_text)


def as_text(graph: LabelledGraph, dropped: list[str]) -> str:
    """A Pajek file: labels, coordinates, weights and labels of lines."""
    size, numbers = len(graph.names), [str(vertex) for vertex in range(len(graph.names))]
    labels: list[Any] = graph.names
    own = graph.vertices.get("label")
    by_label = (
        own is not None
        and graph.names == numbers
        and len(own.rows) == size
        and all(type(text) is str and text for text in own.values)
    )
    if own is not None and by_label:
        labels = own.values
    places = _coordinates(graph)
    passed = {"label", *places} if by_label else set(places)
    dropped.extend(f"vertex attribute '{name}'" for name in graph.vertices if name not in passed)
    dropped.extend(f"graph attribute '{name}'" for name in graph.about)
    lines = [f"*Vertices {size}"]
    columns = [graph.vertices[name].values for name in places]
    for vertex, label in enumerate(labels):
        fields = [str(vertex + 1), _quoted(label), *(repr(float(c[vertex])) for c in columns)]
        lines.append(" ".join(fields))
    ends = _edge_lines(graph, dropped)
    for title, wanted in (("*Arcs", False), ("*Edges", True)):
        chosen = np.flatnonzero(graph.both == wanted).tolist()
        if chosen or (not graph.num_edges and wanted == graph.is_undirected):
            lines += [title, *(ends[edge] for edge in chosen)]
    return "\n".join([*lines, ""])


def _coordinates(graph: LabelledGraph) -> list[str]:
    places: list[str] = []
    for name in ("x", "y", "z"):
        column = graph.vertices.get(name)
        if column is None or len(column.rows) != len(graph.names):
            break
        if not all(type(value) in (int, float) and abs(value) < 1e300 for value in column.values):
            break
        places.append(name)
    return places if len(places) > 1 else []


def _edge_lines(graph: LabelledGraph, dropped: list[str]) -> list[str]:
    weight, label = graph.edges.get("weight"), graph.edges.get("label")
    if weight is not None and (
        len(weight.rows) != graph.num_edges
        or not all(type(v) in (int, float) and abs(v) < float("inf") for v in weight.values)
    ):
        weight = None
    if label is not None and not all(type(text) is str for text in label.values):
        label = None
    held = {"weight": weight is not None, "label": label is not None}
    dropped.extend(f"edge attribute '{name}'" for name in graph.edges if not held.get(name))
    weights = weight.dense(graph.num_edges) if weight is not None else [None] * graph.num_edges
    labels = label.dense(graph.num_edges) if label is not None else [None] * graph.num_edges
    rows = zip(graph.sources.tolist(), graph.targets.tolist(), weights, labels, strict=True)
    return [
        f"{u + 1} {v + 1}"
        + ("" if value is None else f" {value!r}")
        + ("" if text is None else f" l {_quoted(text)}")
        for u, v, value, text in rows
    ]


def _quoted(text: str) -> str:
    return '"' + re.sub('["&\r\n]', lambda found: f"&#{ord(found[0])};", text) + '"'
