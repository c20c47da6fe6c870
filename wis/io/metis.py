"""METIS adjacency lists: a line for each vertex with its neighbours, counted from 1.

The first line holds the numbers of vertices and edges, and a code for the weights; see the manual
of METIS 5, section 4.1. Every edge stands in two lines, so both its arcs are read. Edge weights
become `edge_weight`, vertex weights `node_weight`, vertex sizes `node_size`. The format has no
self-loops, repeated edges or directions.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from wis.base.source import ReadOptions, read_utf8
from wis.base.tables import whole_numbers
from wis.errors import GraphFormatError
from wis.io.edge_table import as_array, edge_table
from wis.io.graph_file import GraphFile
from wis.io.located import Edit, Located, LocatedLayout

_COPIES = 3  # the text, its lines and its fields are in memory at once
_FIELD = re.compile(r"\S+")
_INTEGER = re.compile("[0-9]{1,18}")
_VERTEX_NUMBERS = ("node_size", "node_weight")

Lines = list[tuple[int, str]]


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

    @property
    def step(self) -> int:
        """Numbers for each neighbour."""
        return 1 + self.has_edge_weights


def read(path: Path, options: ReadOptions) -> GraphFile:
    """Read adjacency lists.

    Raises:
        GraphFormatError: The lists are malformed or not symmetric, or the first line has a wrong
            count.
    """
    from torch_geometric.data import Data

    raw, mark = read_utf8(path, options)
    options.check_text(path, raw, "the lists that the text holds", copies=_COPIES)
    text = raw.decode()
    if "\n" not in text:
        text = text.replace("\r", "\n")
    everything = text.removesuffix("\n").split("\n")
    lines = [each for each in enumerate(everything, start=1) if not each[1].startswith("%")]
    header = _header(*(lines[0] if lines else (1, "")), path)
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
        weight = weight[:, 0] if weight.shape[1] == 1 else weight
        data.node_weight = torch.from_numpy(weight.copy())
    if weights is not None:
        data.edge_weight = torch.from_numpy(weights)
    begins = np.cumsum([0, *(len(line) + 1 for line in everything)]).tolist()
    there = [each for each in (lines[0], *rows) if each[0] <= len(everything)]
    keys = arcs.min(axis=0) * header.num_nodes + arcs.max(axis=0)
    edge = np.unique(keys, return_inverse=True)[1].reshape(-1)
    places = [(begins[number - 1], line) for number, line in there]
    located = Located(text, _edits(places, header, arcs, edge), mark=mark)
    layout = LocatedLayout(located, "metis", edge, header.num_edges)
    return GraphFile(data, path, "metis", layout=layout, undirected=True)


def _edits(
    lines: list[tuple[int, str]], header: _Header, arcs: np.ndarray, edge_of_arc: np.ndarray
) -> Callable[[np.ndarray], Iterator[Edit]]:
    """The edits that remove edges, given offset and text of the header and of each vertex."""
    step = header.step
    first = np.searchsorted(arcs[0], np.arange(header.num_nodes))

    def edits(kept: np.ndarray) -> Iterator[Edit]:
        begin, line = lines[0]
        count = list(_FIELD.finditer(line))[1]
        yield begin + count.start(), begin + count.end(), str(int(kept.sum()))
        gone = np.flatnonzero(~kept[edge_of_arc])
        owners, begins = np.unique(arcs[0, gone], return_index=True)
        for owner, removed in zip(owners.tolist(), np.split(gone, begins[1:]), strict=True):
            begin, line = lines[owner + 1]
            fields = list(_FIELD.finditer(line))
            for arc in removed.tolist():
                field = header.num_before + step * (arc - int(first[owner]))
                before = fields[field - 1].end() if field else 0
                yield begin + before, begin + fields[field + step - 1].end(), ""

    return edits


def _header(number: int, line: str, path: Path) -> _Header:
    fields = line.split()
    sound = 2 <= len(fields) <= 4 and all(map(_INTEGER.fullmatch, fields))
    code = fields[2].zfill(3) if sound and len(fields) > 2 else "000"
    if not sound or not re.fullmatch("[01]{3}", code):
        raise GraphFormatError(
            f"{path} line {number}: {line[:60]!r}; expected 'vertices edges [fmt [ncon]]', "
            "fmt of digits 0 and 1"
        )
    num_weights = (int(fields[3]) if len(fields) > 3 else 1) if code[1] == "1" else 0
    return _Header(int(fields[0]), int(fields[1]), code[0] == "1", num_weights, code[2] == "1")


def _rows(lines: Lines, header: _Header, path: Path) -> Lines:
    """The line of each vertex."""
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


def _numbers(rows: Lines, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """All numbers, and the vertex whose line holds each."""
    fields = [line.split() for _, line in rows]
    owner = np.repeat(np.arange(len(rows)), [len(row) for row in fields])
    flat = [field for row in fields for field in row]
    try:
        if not all(map(str.isdecimal, flat)):
            raise ValueError
        return np.array(flat, dtype="U18" if not flat else None).astype(np.int64), owner
    except (ValueError, OverflowError):
        wrong = next(i for i, field in enumerate(flat) if not _INTEGER.fullmatch(field))
        raise GraphFormatError(
            f"{path} line {rows[owner[wrong]][0]}: {flat[wrong][:40]!r}; expected "
            "non-negative integers"
        ) from None


def _parted(
    values: np.ndarray, owner: np.ndarray, header: _Header, rows: Lines, path: Path
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Numbers before the neighbours [n, num_before]; positions of the neighbours; weights."""
    counts = np.bincount(owner, minlength=header.num_nodes)
    step = header.step
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
    arcs: np.ndarray, weights: np.ndarray | None, header: _Header, rows: Lines, path: Path
) -> None:
    """Raise for an impossible neighbour, an edge without its reverse, or a wrong count."""
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
    """True for each arc that is repeated, or has no reverse arc of the same weight."""
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
    layout = file.layout
    kept = layout.surviving_edges(file) if isinstance(layout, LocatedLayout) else None
    if kept is not None and layout.format == "metis":
        stream.write(layout.located.without(kept))
        return
    notes: list[str] = []
    table = edge_table(file, notes, keeps_vertices=True)
    arcs, weights, lost = _undirected(table.arcs, table.num_nodes, table.attributes.get("weight"))
    before = _vertex_numbers(file.data, table.num_nodes)
    held = set(before) | ({"weight"} if weights is not None else set())
    dropped.extend(name for name in (*notes, *table.attributes) if name not in held)
    dropped.extend(["the names of the vertices"] if table.names is not None else [])
    dropped.extend(lost)
    stream.write(_text(arcs, weights, before, table.num_nodes).encode())


def _vertex_numbers(data: Any, num_nodes: int) -> dict[str, np.ndarray]:
    """The vertex sizes and weights that METIS can hold, each of shape [n, k]."""
    numbers: dict[str, np.ndarray] = {}
    for name in _VERTEX_NUMBERS:
        values = as_array(data[name]) if name in data else None
        if values is None or values.dtype.kind not in "iu" or values.shape[:1] != (num_nodes,):
            continue
        if values.ndim <= (1 if name == "node_size" else 2) and (values >= 0).all():
            numbers[name] = values.reshape(num_nodes, -1)
    return numbers


def _undirected(
    arcs: np.ndarray, num_nodes: int, weights: Any
) -> tuple[np.ndarray, np.ndarray | None, list[str]]:
    """Both arcs of each edge, by owner and neighbour; their weights; phrases for what is lost."""
    proper = np.flatnonzero(arcs[0] != arcs[1])
    low, high = arcs[:, proper].min(axis=0), arcs[:, proper].max(axis=0)
    keys, first, edge = np.unique(low * num_nodes + high, return_index=True, return_inverse=True)
    repeats = proper.size - np.unique(arcs[0, proper] * num_nodes + arcs[1, proper]).size
    counts = {
        "self-loops": arcs.shape[1] - proper.size,
        "repeated arcs": repeats,
        "directions of one-way arcs": 2 * keys.size - (proper.size - repeats),
    }
    edges = np.stack([keys // max(num_nodes, 1), keys % max(num_nodes, 1)])
    both = np.concatenate([edges, edges[::-1]], axis=1)
    order = np.lexsort((both[1], both[0]))
    # METIS needs positive integer weights (whole floats count), equal for both arcs of an edge.
    whole = whole_numbers(weights) if isinstance(weights, np.ndarray) else None
    chosen = whole[proper][first] if whole is not None and (whole > 0).all() else None
    if chosen is not None and whole is not None and (chosen[edge] == whole[proper]).all():
        chosen = np.tile(chosen, 2)[order]
    else:
        chosen = None
    return both[:, order], chosen, [f"{count} {what}" for what, count in counts.items() if count]


def _text(
    arcs: np.ndarray, weights: np.ndarray | None, before: dict[str, np.ndarray], num_nodes: int
) -> str:
    """The whole file; `before` holds the sizes and weights of the vertices."""
    code = "".join(str(int(name in before)) for name in _VERTEX_NUMBERS)
    code += str(int(weights is not None))
    first = [str(num_nodes), str(arcs.shape[1] // 2), *([code] if code != "000" else [])]
    num_weights = before["node_weight"].shape[1] if "node_weight" in before else 1
    first += [str(num_weights)] if num_weights != 1 else []
    numbers = np.stack([arcs[1] + 1, *([] if weights is None else [weights])], axis=1)
    bounds = np.searchsorted(arcs[0], np.arange(num_nodes + 1))
    leading = [before[name] for name in _VERTEX_NUMBERS if name in before]
    head = np.concatenate(leading, axis=1) if leading else np.zeros((num_nodes, 0), dtype=np.int64)
    stream = io.StringIO()
    stream.write(" ".join(first) + "\n")
    for vertex in range(num_nodes):
        neighbours = numbers[bounds[vertex] : bounds[vertex + 1]].reshape(-1).tolist()
        stream.write(" ".join(map(str, head[vertex].tolist() + neighbours)) + "\n")
    return stream.getvalue()
