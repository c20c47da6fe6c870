"""Pajek's `.net`: a section of vertices with labels, then sections of arcs, edges, lists, matrices.

wis reads labels, coordinates (`x`, `y`, `z`), weights, the labels of lines and the names of
relations. A missing weight is 1 if other lines have one. Arcs are directed and edges undirected; a
file may have both. The name of a vertex without a label is its number, which counts from 1 in the
file and from 0 in wis. Only a Pajek output keeps shapes, colours and times. Source of the format:
the manual of Pajek, section 5.3.
"""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path
from typing import TypeGuard

import numpy as np

from wis.base.source import ReadOptions, shown
from wis.errors import echo
from wis.io.graph_file import GraphFile
from wis.io.labelled import Column, LabelledGraph
from wis.io.labelled_reader import GraphReader, text_of, without_entities
from wis.io.labelled_writer import writer
from wis.io.located import Edit, Located

_BYTES_PER_BYTE = 24  # memory per byte of short lines; measured 21
_TOKEN = re.compile(r'"[^"]*"|\S+')
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+\Z")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WHEN = "the times of vertices and lines"
_DRAWING = "Pajek's shapes and colours"
Tokens = list[re.Match[str]]


def read(path: Path, options: ReadOptions) -> GraphFile:
    """Read a network.

    Raises:
        GraphFormatError: The file is malformed, or holds several networks.
    """
    text, mark = text_of(path, options, _BYTES_PER_BYTE)
    reader = _Reader(path, options)
    reader.parse(text)
    return reader.file(Located(text, reader.edits, mark=mark), options)


class _Reader(GraphReader):
    """Collects the content of a Pajek file."""

    format, kind = "pajek", "a Pajek file"

    def __init__(self, path: Path, options: ReadOptions) -> None:
        super().__init__(path)
        self.options = options
        self.num_nodes: int | None = None
        self.labels = Column()
        self.pieces: list[Edit] = []  # the edit that removes each edge
        self._line = 0
        self._section = ""
        self._relation: str | None = None
        self._row = 0  # the current row of a matrix
        self._seen: set[int] = set()

    @property
    def place(self) -> str:
        """The file and the line that is being read."""
        return f"{shown(self.path)} line {self._line}"

    def parse(self, text: str) -> None:
        """Read the lines."""
        begin = 0
        for number, found in enumerate(_LINE.finditer(text), start=1):
            self._line, line = number, found[0]
            stripped = line.strip()
            if stripped.startswith("*"):
                self._start_section(stripped)
            elif stripped and not stripped.startswith("%"):
                self._read_line(line, begin)
            begin += len(line)
        if self.num_nodes is None:
            raise self.damaged("holds no *Vertices")
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
                raise self.error(f"*{echo(word)} before *Vertices")
            relation = re.match(r"\s*:\s*([0-9]+)\s*(.*)", arguments)
            self._relation = None
            if relation is not None:
                self._relation = relation[2].strip().strip('"') or relation[1]
        elif self._section != "network":
            raise self.error(
                f"a section *{echo(word)}; expected *Network, *Vertices, *Arcs, *Edges, *Arcslist, "
                "*Edgeslist or *Matrix"
            )

    def _start_vertices(self, arguments: str) -> None:
        sizes = arguments.split()
        sound = 1 <= len(sizes) <= 2 and all(re.fullmatch("[0-9]{1,18}", size) for size in sizes)
        if not sound:
            raise self.error(f"'*Vertices {echo(arguments)}'; expected the number of vertices")
        if self.num_nodes is not None:
            raise self.error("a second network; expected one in a file")
        self.num_nodes = int(sizes[0])
        self.options.check_num_nodes(self.path, self.num_nodes)
        if len(sizes) == 2:
            self.private["which vertices are of the first mode"] = None
            self.note(
                f"a two-mode network; its two sides are read as one set of {self.num_nodes} "
                f"vertices, of which the first {sizes[1]} are the first side"
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
            raise self.damaged(f"'{echo(line.strip())}'; expected *Vertices", self.place)

    def _vertex(self, text: str) -> int:
        if not re.fullmatch("[0-9]{1,18}", text) or not 1 <= int(text) <= (self.num_nodes or 0):
            raise self.error(f"vertex '{echo(text)}'; vertices count from 1 to {self.num_nodes}")
        return int(text) - 1

    def _read_vertex(self, fields: list[str]) -> None:
        vertex = self._vertex(fields[0])
        if vertex in self._seen:
            raise self.error(f"a second line for vertex {vertex + 1}")
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
            phrase = _WHEN if field.startswith("[") else _DRAWING
            if phrase == _WHEN and phrase not in self.private:
                self.note(
                    f"a network in time; wis takes the lines of all times, and only a Pajek output "
                    f"keeps {_WHEN}"
                )
            self.private[phrase] = None

    def _add_edge(self, source: int, target: int, *, both: bool) -> int:
        self.ends[0].append(source)
        self.ends[1].append(target)
        self.both.append(both)
        edge = len(self.both) - 1
        self.edges.put(edge, "relation", self._relation)
        return edge

    def _read_edge(self, fields: list[str]) -> None:
        if len(fields) < 2:
            raise self.error("one field; expected two vertices")
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
            raise self.error(
                f"{len(tokens)} numbers in row {self._row + 1} of a matrix; expected "
                f"{self.num_nodes} rows of {self.num_nodes}"
            )
        for column, token in enumerate(tokens):
            if not _NUMBER.fullmatch(token[0]):
                raise self.error(f"'{echo(token[0])}'; expected a number")
            if float(token[0]) != 0:
                edge = self._add_edge(self._row, column, both=False)
                self.edges.put(edge, "weight", token[0])
                self.pieces.append((begin + token.start(), begin + token.end(), "0"))
        self._row += 1

    def _check_matrix(self) -> None:
        if self._section == "matrix" and self._row != self.num_nodes:
            text = f"a matrix of {self._row} rows; expected {self.num_nodes}"
            raise self.error(text, shown(self.path))

    def edits(self, kept: np.ndarray) -> list[Edit]:
        """The edits that remove edges."""
        return [self.pieces[edge] for edge in np.flatnonzero(~kept).tolist()]

    def graph(self) -> LabelledGraph:
        """The graph of the file."""
        vertices = range(self.num_nodes or 0)
        self._convert_weights()
        self.vertices, self.labels = self.vertices.take(vertices), self.labels.take(vertices)
        names = self.labels.values
        if len(names) != len(vertices) or len(set(names)) != len(names) or not all(names):
            names = [str(vertex + bool(names)) for vertex in vertices]
            if self.labels.rows:
                self.vertices["label"] = self.labels
                self.note(
                    "the labels of the vertices are not distinct, or some are missing; the names "
                    "of the vertices are their numbers, and the labels are the attribute 'label'"
                )
        return self.labelled(names, vertices, lambda _: shown(self.path), False)

    def _convert_weights(self) -> None:
        weight = self.edges.get("weight")
        if weight is not None:
            whole = all(re.fullmatch("[+-]?[0-9]{1,18}", text) for text in weight.values)
            weight.values = [int(text) if whole else float(text) for text in weight.values]
            self.fill_weights("values", "Pajek", whole=whole)


def _plain(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    return without_entities(text)


def as_text(graph: LabelledGraph, dropped: list[str]) -> str:
    """The text of a Pajek file: labels, coordinates, weights and labels of lines."""
    size, labels = len(graph.names), graph.names
    own, places = graph.vertices.get("label"), _coordinates(graph)
    held = set(places)
    is_numbered = graph.names == [str(vertex) for vertex in range(size)]
    if is_numbered and _is_whole(own, size, str) and all(own.values):
        labels = own.values
        held.add("label")
    dropped.extend(f"vertex attribute '{name}'" for name in graph.vertices if name not in held)
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


write = writer("pajek", as_text)


def _is_whole(column: Column | None, size: int, *kinds: type) -> TypeGuard[Column]:
    """Whether every row has a value of one of these types."""
    return column is not None and len(column.rows) == size and column.consists_of(*kinds)


def _are_numbers(column: Column | None, size: int, bound: float) -> bool:
    """Whether every row has a number below a bound."""
    return _is_whole(column, size, int, float) and all(abs(x) < bound for x in column.values)


def _coordinates(graph: LabelledGraph) -> list[str]:
    """The names of the coordinates of the vertices, in order; empty if `y` is missing."""
    size = len(graph.names)
    names = ("x", "y", "z")
    places = takewhile(lambda name: _are_numbers(graph.vertices.get(name), size, 1e300), names)
    found = list(places)
    return found if len(found) > 1 else []


def _edge_lines(graph: LabelledGraph, dropped: list[str]) -> list[str]:
    size = graph.num_edges
    fields = {}
    if _are_numbers(graph.edges.get("weight"), size, float("inf")):
        fields["weight"] = [f" {value!r}" for value in graph.edges["weight"].values]
    if "label" in graph.edges and graph.edges["label"].consists_of(str):
        texts = graph.edges["label"].dense(size)
        fields["label"] = ["" if text is None else f" l {_quoted(text)}" for text in texts]
    dropped.extend(f"edge attribute '{name}'" for name in graph.edges if name not in fields)
    ends = zip(graph.sources.tolist(), graph.targets.tolist(), strict=True)
    lines = [f"{u + 1} {v + 1}" for u, v in ends]
    for texts in fields.values():
        lines = [line + text for line, text in zip(lines, texts, strict=True)]
    return lines


def _quoted(text: str) -> str:
    return '"' + re.sub('["&\r\n]', lambda found: f"&#{ord(found[0])};", text) + '"'
