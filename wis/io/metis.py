"""METIS adjacency lists: a line for each vertex with its neighbours, counted from 1.

The first line says the number of vertices, of edges, and what weights there are; see the manual of
METIS 5, section 4.1. Every edge stands in two lines, so that both its arcs are read. Edge weights
become `edge_weight`, vertex weights `node_weight`, vertex sizes `node_size`. The format has no
self-loops, no repeated edges and no directions.
"""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from wis.base.source import ReadOptions, read_utf8
from wis.errors import GraphFormatError
from wis.io.edge_table import as_array, edge_table
from wis.io.graph_file import GraphFile
from wis.io.located import Edit, Located, LocatedLayout
from wis.io.text_columns import whole_numbers

_COPIES = 3  # each number is a Python text for a while
_FIELD = re.compile(r"\S+")
_WEIGHTS = ("node_size", "node_weight", "edge_weight")


@dataclass(frozen=True)
class _Header:
    """The first line."""

    num_nodes: int
    num_edges: int
    has_sizes: bool
    num_weights: int
    has_edge_weights: bool

    @property
    def num_before(self) -> int:
        """Numbers in a vertex's line before its neighbours."""
        return self.has_sizes + self.num_weights


def read(path: Path, options: ReadOptions) -> GraphFile:
    """Read adjacency lists.

    Raises:
        GraphFormatError: They are malformed, not symmetric, or not as many as the first line says.
    """
    from torch_geometric.data import Data

    raw, mark = read_utf8(path, options)
    options.check_text(path, raw, "the lists that the text holds", copies=_COPIES)
    text = raw.decode()
    if "\n" not in text:
        text = text.replace("\r", "\n")
    everything = text.removesuffix("\n").split("\n")
    lines = [
        (number, line)
        for number, line in enumerate(everything, start=1)
        if not line.startswith("%")
    ]
    header = _header(*lines[0], path) if lines else _header(1, "", path)
    options.resolved_num_nodes(header.num_nodes, path)
    rows = _rows(lines[1:], header, path)
    values, owner = _numbers(rows, path)
    before, targets, weights = _parted(values, owner, header, rows, path)
    arcs = np.stack([owner[targets], values[targets] - 1])
    _check_arcs(arcs, weights, header, rows, path)
    data = Data(edge_index=torch.from_numpy(arcs), num_nodes=header.num_nodes)
    if header.has_sizes:
        data.node_size = torch.from_numpy(before[:, 0].copy())
    if header.num_weights:
        weight = before[:, header.has_sizes :]
        data.node_weight = torch.from_numpy(
            weight[:, 0].copy() if weight.shape[1] == 1 else weight.copy()
        )
    if weights is not None:
        data.edge_weight = torch.from_numpy(weights)
    begins = np.cumsum([0, *(len(line) + 1 for line in everything)])
    places = _Places(
        [
            (int(begins[number - 1]), line)
            for number, line in [lines[0], *rows]
            if number <= len(everything)
        ],
        header,
        arcs,
    )
    located = Located(text, places.edits, mark=mark)
    layout = LocatedLayout(located, "metis", places.edge_of_arc, header.num_edges)
    return GraphFile(data, path, "metis", layout=layout, undirected=True)


class _Places:
    """Where the first line and the neighbours of each vertex stand.

    Attributes:
        lines: Beginning and text of the first line and of that of each vertex.
        header: What the first line says.
        arcs: The arcs in the order of the file.
        edge_of_arc: The number of the edge of each arc.
    """

    def __init__(self, lines: list[tuple[int, str]], header: _Header, arcs: np.ndarray) -> None:
        self.lines = lines
        self.header = header
        self.arcs = arcs
        keys = arcs.min(axis=0) * header.num_nodes + arcs.max(axis=0)
        self.edge_of_arc = np.unique(keys, return_inverse=True)[1].reshape(-1)

    def edits(self, kept: np.ndarray) -> Iterator[Edit]:
        """What takes edges out of the text."""
        begin, line = self.lines[0]
        count = list(_FIELD.finditer(line))[1]
        yield begin + count.start(), begin + count.end(), str(int(kept.sum()))
        step = 1 + self.header.has_edge_weights
        first = np.searchsorted(self.arcs[0], np.arange(self.header.num_nodes))
        gone = np.flatnonzero(~kept[self.edge_of_arc])
        owners, begins = np.unique(self.arcs[0, gone], return_index=True)
        for owner, arcs in zip(owners.tolist(), np.split(gone, begins[1:]), strict=True):
            begin, line = self.lines[owner + 1]
            fields = list(_FIELD.finditer(line))
            for arc in arcs.tolist():
                field = self.header.num_before + step * (arc - int(first[owner]))
                before = fields[field - 1].end() if field else 0
                yield begin + before, begin + fields[field + step - 1].end(), ""


def _header(number: int, line: str, path: Path) -> _Header:
    fields = line.split()
    sound = 2 <= len(fields) <= 4 and all(re.fullmatch("[0-9]{1,18}", field) for field in fields)
    code = fields[2].zfill(3) if sound and len(fields) > 2 else "000"
    if not sound or not re.fullmatch("[01]{3}", code):
        raise GraphFormatError(
            f"{path} line {number}: {line[:60]!r}; expected 'vertices edges [fmt [ncon]]', "
            "fmt of digits 0 and 1"
        )
    num_weights = (int(fields[3]) if len(fields) > 3 else 1) if code[1] == "1" else 0
    return _Header(int(fields[0]), int(fields[1]), code[0] == "1", num_weights, code[2] == "1")


def _rows(lines: list[tuple[int, str]], header: _Header, path: Path) -> list[tuple[int, str]]:
    rows = lines[: header.num_nodes]
    rest = [number for number, line in lines[header.num_nodes :] if line.strip()]
    if len(rows) == header.num_nodes - 1:  # an editor may have stripped an empty line
        rows = [*rows, (rows[-1][0] + 1 if rows else 2, "")]
    if len(rows) < header.num_nodes or rest:
        raise GraphFormatError(
            f"{path}: {header.num_nodes} vertices announced, {len(lines)} lines found; "
            f"expected a line for each vertex, an empty one where it has no neighbours"
        )
    return rows


def _numbers(rows: list[tuple[int, str]], path: Path) -> tuple[np.ndarray, np.ndarray]:
    """All numbers, and for each of them the vertex in whose line it stands."""
    fields = [line.split() for _, line in rows]
    owner = np.repeat(np.arange(len(rows)), [len(row) for row in fields])
    flat = [field for row in fields for field in row]
    try:
        if not all(map(str.isdecimal, flat)):
            raise ValueError
        return np.array(flat, dtype="U18" if not flat else None).astype(np.int64), owner
    except (ValueError, OverflowError):
        wrong = next(i for i, field in enumerate(flat) if not re.fullmatch("[0-9]{1,18}", field))
        raise GraphFormatError(
            f"{path} line {rows[owner[wrong]][0]}: {flat[wrong][:40]!r}; expected "
            "non-negative integers"
        ) from None


def _parted(
    values: np.ndarray, owner: np.ndarray, header: _Header, rows: list[tuple[int, str]], path: Path
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Numbers before the neighbours [n, num_before]; positions of the neighbours; weights."""
    counts = np.bincount(owner, minlength=header.num_nodes)
    step = 1 + header.has_edge_weights
    wrong = (counts < header.num_before) | ((counts - header.num_before) % step != 0)
    for vertex in np.flatnonzero(wrong)[:1]:
        raise GraphFormatError(
            f"{path} line {rows[vertex][0]}: {counts[vertex]} numbers; expected "
            f"{header.num_before} for the vertex and {step} for each neighbour"
        )
    place = np.arange(values.size) - np.repeat(np.cumsum(counts) - counts, counts)
    before = values[place < header.num_before].reshape(header.num_nodes, header.num_before)
    offset = place - header.num_before
    targets = np.flatnonzero((offset >= 0) & (offset % step == 0))
    return before, targets, values[targets + 1] if header.has_edge_weights else None


def _check_arcs(
    arcs: np.ndarray,
    weights: np.ndarray | None,
    header: _Header,
    rows: list[tuple[int, str]],
    path: Path,
) -> None:
    n = header.num_nodes
    for arc in np.flatnonzero((arcs[1] < 0) | (arcs[1] >= n))[:1]:
        raise GraphFormatError(
            f"{path} line {rows[arcs[0, arc]][0]}: neighbour {arcs[1, arc] + 1}; vertices "
            f"count from 1 to {n}"
        )
    for arc in np.flatnonzero(arcs[0] == arcs[1])[:1]:
        raise GraphFormatError(
            f"{path} line {rows[arcs[0, arc]][0]}: vertex {arcs[0, arc] + 1} is its own neighbour; "
            f"METIS has no self-loops"
        )
    there, back = arcs[0] * n + arcs[1], arcs[1] * n + arcs[0]
    for arc in np.flatnonzero(_differ(there, back, weights))[:1]:
        u, v = arcs[:, arc] + 1
        raise GraphFormatError(
            f"{path}: the lines of vertices {u} and {v} do not agree about their edge; "
            f"expected it once in each, with the same weight"
        )
    if arcs.shape[1] != 2 * header.num_edges:
        raise GraphFormatError(
            f"{path}: {header.num_edges} edges announced, {arcs.shape[1] / 2:g} found; "
            f"expected every edge in two lines"
        )


def _differ(there: np.ndarray, back: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """For each arc whether it is repeated, or has no reverse with the same weight."""
    order = np.argsort(there, kind="stable")
    keys = there[order]
    if not keys.size:
        return np.zeros(0, dtype=bool)
    found = np.searchsorted(keys, back).clip(max=keys.size - 1)
    wrong: np.ndarray = keys[found] != back
    repeated = np.flatnonzero(keys[1:] == keys[:-1])
    wrong[order[repeated]] = True
    if weights is not None:
        wrong |= weights[order[found]] != weights
    return wrong


def write(file: GraphFile, path: Path, stream: BinaryIO, dropped: list[str]) -> None:
    """Write adjacency lists.

    Raises:
        GraphFormatError: The graph has several types of vertices.
    """
    notes: list[str] = []
    layout = file.layout
    kept = layout.surviving_edges(file) if isinstance(layout, LocatedLayout) else None
    if kept is not None and layout.format == "metis":
        _compress(layout.located.without(kept), path, stream)
        return
    table = edge_table(file, notes, keeps_vertices=True)
    lists = _AdjacencyLists(table.arcs, table.num_nodes, _edge_weight(table.attributes))
    before = _vertex_numbers(file.data, table.num_nodes)
    held = set(before) | ({"weight"} if lists.weights is not None else set())
    dropped.extend(note for note in notes if note not in held)
    dropped.extend(name for name in table.attributes if name not in held)
    dropped.extend(["the names of the vertices"] if table.names is not None else [])
    dropped.extend(lists.lost)
    _compress(lists.as_text(before).encode(), path, stream)


def _compress(text: bytes, path: Path, stream: BinaryIO) -> None:
    stream.write(gzip.compress(text, 6, mtime=0) if path.suffix.lower() == ".gz" else text)


def _edge_weight(attributes: Any) -> np.ndarray | None:
    """Positive integers, also where they are written as floats."""
    weight = attributes.get("weight")
    whole = whole_numbers(weight) if isinstance(weight, np.ndarray) else None
    return whole if whole is not None and (whole > 0).all() else None


def _vertex_numbers(data: Any, num_nodes: int) -> dict[str, np.ndarray]:
    """The vertex sizes and weights that METIS can hold, each of shape [n, k]."""
    numbers: dict[str, np.ndarray] = {}
    for name in _WEIGHTS[:2]:
        values = as_array(data[name]) if name in data else None
        if values is None or values.dtype.kind not in "iu" or values.shape[:1] != (num_nodes,):
            continue
        if values.ndim <= (1 if name == "node_size" else 2) and (values >= 0).all():
            numbers[name] = values.reshape(num_nodes, -1)
    return numbers


class _AdjacencyLists:
    """Every edge once in the lists of both its ends, neighbours in ascending order."""

    def __init__(self, arcs: np.ndarray, num_nodes: int, weights: np.ndarray | None) -> None:
        self.num_nodes = num_nodes
        self.lost: list[str] = []
        loops = int((arcs[0] == arcs[1]).sum())
        proper = np.flatnonzero(arcs[0] != arcs[1])
        low, high = arcs[:, proper].min(axis=0), arcs[:, proper].max(axis=0)
        keys, first, edge = np.unique(
            low * num_nodes + high, return_index=True, return_inverse=True
        )
        arc_keys = arcs[0, proper] * num_nodes + arcs[1, proper]
        repeats = proper.size - np.unique(arc_keys).size
        one_way = 2 * keys.size - (proper.size - repeats)
        self._note(loops, "self-loops")
        self._note(repeats, "repeated arcs")
        self._note(one_way, "directions of one-way arcs")
        self.edges = np.stack([keys // max(num_nodes, 1), keys % max(num_nodes, 1)])
        self.weights = None
        if weights is not None:
            chosen = weights[proper][first]
            if (chosen[edge] == weights[proper]).all():
                self.weights = chosen

    def _note(self, count: int, what: str) -> None:
        if count:
            self.lost.append(f"{count} {what}")

    def as_text(self, before: dict[str, np.ndarray]) -> str:
        """The whole file."""
        owner, target = np.concatenate([self.edges, self.edges[::-1]], axis=1)
        order = np.lexsort((target, owner))
        parts = [target[order] + 1]
        if self.weights is not None:
            parts.append(np.tile(self.weights, 2)[order])
        numbers = np.stack(parts, axis=1)
        bounds = np.searchsorted(owner[order], np.arange(self.num_nodes + 1))
        leading = [before[name] for name in _WEIGHTS[:2] if name in before]
        head = np.concatenate(leading, axis=1) if leading else None
        stream = io.StringIO()
        stream.write(self._first_line(before))
        for vertex in range(self.num_nodes):
            row = [] if head is None else head[vertex].tolist()
            row += numbers[bounds[vertex] : bounds[vertex + 1]].reshape(-1).tolist()
            stream.write(" ".join(map(str, row)) + "\n")
        return stream.getvalue()

    def _first_line(self, before: dict[str, np.ndarray]) -> str:
        has = [name in before for name in _WEIGHTS[:2]] + [self.weights is not None]
        code = "".join(str(int(flag)) for flag in has)
        fields = [str(self.num_nodes), str(self.edges.shape[1])]
        if code != "000":
            fields.append(code)
        if "node_weight" in before and before["node_weight"].shape[1] != 1:
            fields.append(str(before["node_weight"].shape[1]))
        return " ".join(fields) + "\n"
