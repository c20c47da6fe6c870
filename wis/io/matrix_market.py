"""Matrix Market: a sparse square matrix in coordinate form, one line for each stored entry.

An entry is an arc from its row to its column; its value is the `edge_weight`. The file of a
symmetric matrix holds one triangle, and the `Data` holds both, as an undirected graph. Ids count
from 1 in the file. `scipy.io` reads and writes the numbers. The lines are checked first, because
scipy misreads `1.5abc` and `1d5`. A matrix that only lost entries keeps its other lines. Format:
math.nist.gov/MatrixMarket/formats.html.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from wis.base.source import ReadOptions, parsing, read_utf8, shown
from wis.errors import GraphFormatError, echo
from wis.graph import MAX_NUM_NODES
from wis.io.edge_table import EdgeTable, edge_table, one_arc_of_each_edge
from wis.io.graph_file import GraphFile
from wis.io.located import Edit, Located, LocatedLayout

_BANNER = re.compile(
    r"%%MatrixMarket\s+matrix\s+(coordinate|array)\s+(real|double|integer|unsigned-integer|complex|pattern)\s+"
    r"(general|symmetric|skew-symmetric|hermitian)\s*",
    re.I,
)
_BYTES_PER_BYTE = 7  # of arrays for each byte of text: measured 6.6
_REAL = rb"[ \t]+[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?|(?i:inf|infinity|nan))"
_VALUES = {  # type of values: pattern, count and name of the values of an entry
    "pattern": (b"", 0, "no value"),
    "integer": (rb"[ \t]+[+-]?\d+", 1, "an integer"),
    "unsigned-integer": (rb"[ \t]+\+?\d+", 1, "an integer"),
    "real": (_REAL, 1, "a number"),
    "double": (_REAL, 1, "a number"),
    "complex": (_REAL + _REAL, 2, "two numbers"),
}
_ASIDE = rb"[ \t\r]*(?:%[^\n]*)?\n"


@dataclass(frozen=True, eq=False)
class _Matrix:
    """The text of a matrix, and the content of its banner and its line of sizes.

    Attributes:
        text: The whole text; the last line has a line end.
        where: The file, for errors.
        field: The type of the values, a key of `_VALUES`.
        symmetry: ``general``, ``symmetric``, ``skew-symmetric`` or ``hermitian``.
        number: Number of the line of sizes.
        num_nodes: Rows of the matrix.
        num_entries: Entries of the file.
        sizes: Begin and end of the number of entries in the text.
        begin: Offset of the first line after the sizes.
    """

    text: bytes
    where: str
    field: str
    symmetry: str
    number: int
    num_nodes: int
    num_entries: int
    sizes: tuple[int, int]
    begin: int

    def place(self, begin: int) -> str:
        """The file and the line of an offset."""
        return f"{self.where} line {self.text.count(bytes([10]), 0, begin) + 1}"


def read(path: Path, options: ReadOptions) -> GraphFile:
    """Read a matrix.

    Raises:
        GraphFormatError: It is malformed, dense, or not square.
    """
    from torch_geometric.data import Data

    raw, mark = read_utf8(path, options)
    options.check_size(path, _BYTES_PER_BYTE * len(raw), "the matrix")
    if b"\r" in raw and b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    head = _head(raw if raw.endswith(b"\n") else raw + b"\n", shown(path))
    options.resolved_num_nodes(head.num_nodes, path)
    options.check_num_nodes(path, head.num_nodes)
    lines = _lines_of_entries(head)
    with parsing(path, "a Matrix Market file"):
        matrix = _parsed(head, lines)
    edge = np.arange(lines.shape[0])
    if head.symmetry != "general":  # scipy appends the mirror images of entries off the diagonal
        stored = slice(0, edge.size)
        edge = np.concatenate([edge, np.flatnonzero(matrix.row[stored] != matrix.col[stored])])
    arcs = np.stack([matrix.row, matrix.col]).astype(np.int64)
    data = Data(edge_index=torch.from_numpy(arcs), num_nodes=head.num_nodes)
    columns = {}
    if head.field != "pattern":
        data.edge_weight = _weights(matrix.data, head.where)
        columns = {"edge_weight": "weight"}
    located = Located(raw, _edits(raw, head, lines), mark=mark)
    layout = LocatedLayout(located, "matrix-market", edge, lines.shape[0])
    undirected = head.symmetry == "symmetric"
    notes = _notes(matrix, head) if head.symmetry != "general" else ()
    return GraphFile(
        data, path, "matrix-market", None, layout, columns, undirected=undirected, notes=notes
    )


def _notes(matrix: Any, head: _Matrix) -> tuple[str, ...]:
    """A note on a symmetric matrix that stores both of its triangles."""
    rows, columns = (ends[: head.num_entries] for ends in (matrix.row, matrix.col))
    keys = rows.astype(np.int64) * head.num_nodes + columns
    mirrored = columns.astype(np.int64) * head.num_nodes + rows
    twice = int(np.isin(keys[rows < columns], mirrored[rows > columns]).sum())
    if not twice:
        return ()
    return (
        f"{head.where}: {twice} entries stand on both sides of the diagonal of a matrix that is "
        f"{head.symmetry}, where one is expected; each counts together with its mirror image",
    )


def _weights(values: np.ndarray, where: str) -> torch.Tensor:
    if values.dtype == np.uint64:
        if values.size and values.max() >= 2**63:
            raise GraphFormatError(
                f"{where}: holds the value {values.max()}; values end at 2^63 - 1"
            )
        values = values.astype(np.int64)
    return torch.from_numpy(np.ascontiguousarray(values))


def _head(text: bytes, where: str) -> _Matrix:
    """Read the banner and the line with the sizes."""
    line = text.partition(b"\n")[0].decode().rstrip("\r")
    banner = _BANNER.fullmatch(line)
    if banner is None:
        raise GraphFormatError(
            f"{where} line 1: '{echo(line)}'; expected '%%MatrixMarket matrix coordinate FIELD "
            "SYMMETRY'"
        )
    if banner[1].lower() == "array":
        raise GraphFormatError(
            f"{where} line 1: a dense matrix (array); expected a sparse one (coordinate): "
            "scipy.io.mmwrite(path, scipy.sparse.coo_array(scipy.io.mmread(path))) makes it one"
        )
    aside = re.compile(rb"(?:" + _ASIDE + rb")*").match(text)
    begin = 0 if aside is None else aside.end()
    number = text.count(b"\n", 0, begin) + 1
    end = text.find(b"\n", begin) + 1 or len(text)
    place = f"{where} line {number if begin < len(text) else 1}"
    sizes = list(re.finditer(rb"\S+", text[begin:end]))
    if len(sizes) != 3 or not all(re.fullmatch(rb"[0-9]{1,18}", size[0]) for size in sizes):
        raise GraphFormatError(
            f"{place}: '{echo(text[begin:end].decode().strip())}'; expected the numbers of rows, "
            "columns and entries"
        )
    rows, columns, entries = (int(size[0]) for size in sizes)
    if rows != columns:
        raise GraphFormatError(
            f"{place}: the matrix has {rows} rows and {columns} columns; expected a square one. "
            "Where rows and columns are two kinds of vertices, write its entries as an edge list "
            "and pass --bipartite."
        )
    if rows > MAX_NUM_NODES:
        raise GraphFormatError(f"{place}: {rows} vertices; at most {MAX_NUM_NODES} are supported")
    span = begin + sizes[2].start(), begin + sizes[2].end()
    kinds = banner[2].lower(), banner[3].lower()
    return _Matrix(text, where, *kinds, number, rows, entries, span, end)


def _lines_of_entries(head: _Matrix) -> np.ndarray:
    """Begin and end of each line with an entry, int64 [num_entries, 2]; checks all lines."""
    text, begin = head.text, head.begin
    entry = rb"[ \t]*\d+[ \t]+\d+" + _VALUES[head.field][0] + rb"[ \t\r]*\n"
    found = re.compile(rb"(?:" + entry + rb"|" + _ASIDE + rb")*+").match(text, begin)
    end = begin if found is None else found.end()
    if end < len(text):
        raise _bad_line(head, end)
    characters = np.frombuffer(text, dtype=np.uint8)[begin:]
    ends = np.flatnonzero(characters == ord("\n")) + 1 + begin
    begins = np.concatenate([[begin], ends[:-1]])[: ends.size]
    lines = np.stack([begins, ends], axis=1)
    # A line that begins with a digit is an entry; the few others are checked one by one.
    is_entry = np.isin(characters[begins - begin], np.frombuffer(b"0123456789", np.uint8))
    for i in np.flatnonzero(~is_entry):
        is_entry[i] = text[begins[i] : ends[i]].strip()[:1].isdigit()
    lines = lines[is_entry]
    if lines.shape[0] != head.num_entries:
        raise GraphFormatError(
            f"{head.where} line {head.number}: {head.num_entries} entries announced, "
            f"{lines.shape[0]} found; is the file whole?"
        )
    return lines


def _bad_line(head: _Matrix, begin: int) -> GraphFormatError:
    place = head.place(begin)
    fields = head.text[begin : head.text.index(b"\n", begin)].decode().split()
    _, width, expected = _VALUES[head.field]
    for field in fields[:2]:
        if not (field.isascii() and field.isdigit()):
            return GraphFormatError(f"{place}: vertex id '{echo(field)}' is not an integer")
    if len(fields) != 2 + width:
        return GraphFormatError(
            f"{place}: {len(fields)} columns; expected {2 + width}: row, column and {expected}"
        )
    return GraphFormatError(f"{place}: '{echo(' '.join(fields[2:]))}'; expected {expected}")


def _parsed(head: _Matrix, lines: np.ndarray) -> Any:
    """The matrix as scipy reads it; the entries implied by symmetry come last."""
    import scipy.io

    banner = (
        f"%%MatrixMarket matrix coordinate {head.field} {head.symmetry}\n"
        f"{head.num_nodes} {head.num_nodes} {head.num_entries}\n"
    )
    body = head.text[head.begin :]
    if int((lines[:, 1] - lines[:, 0]).sum()) < len(body):
        body = b"".join(head.text[begin:end] for begin, end in lines.tolist())
    if head.field in ("real", "double", "complex"):  # scipy does not know Fortran's 1d5
        body = re.sub(rb"(?<=[0-9.])[dD](?=[+\-0-9])", b"e", body)
    if b"+" in body:
        body = re.sub(rb"(?<=[ \t])\+", b"", body)
    try:
        return scipy.io.mmread(io.BytesIO(banner.encode() + body), spmatrix=False)
    except (ValueError, OverflowError):
        _check_entries(head, lines)
        raise


def _check_entries(head: _Matrix, lines: np.ndarray) -> None:
    """Raise for the first entry that is outside the matrix, or too large a number."""
    size = head.num_nodes
    for begin, end in lines.tolist():
        fields = head.text[begin:end].split()
        row, column = int(fields[0]), int(fields[1])
        if not (1 <= row <= size and 1 <= column <= size):
            raise GraphFormatError(
                f"{head.place(begin)}: entry ({row}, {column}) in a matrix of {size} rows; rows "
                f"and columns count from 1 to {size}"
            )
        if head.field.endswith("integer") and not -(2**63) <= int(fields[2]) < 2**63:
            raise GraphFormatError(
                f"{head.place(begin)}: '{echo(fields[2].decode())}'; expected an integer below 2^63"
            )


def _edits(raw: bytes, head: _Matrix, lines: np.ndarray) -> Any:
    def edits(kept: np.ndarray) -> Iterator[Edit]:
        yield *head.sizes, str(int(kept.sum()))
        for begin, end in lines[~kept].tolist():
            yield begin, min(end, len(raw)), ""

    return edits


def write(file: GraphFile, path: Path, stream: BinaryIO, dropped: list[str]) -> None:
    """Write a matrix, a symmetric one if the graph was read as undirected.

    Raises:
        GraphFormatError: The graph has several types of vertices.
    """
    layout = file.layout
    kept = layout.surviving_edges(file) if isinstance(layout, LocatedLayout) else None
    is_cut = kept is not None and layout.format == "matrix-market"
    stream.write(layout.located.without(kept) if is_cut else _new_text(file, dropped))


def _new_text(file: GraphFile, dropped: list[str]) -> bytes:
    import scipy.io
    from scipy.sparse import coo_array

    table = edge_table(file, dropped, keeps_vertices=True)
    if table.names is not None:
        dropped.append("the names of the vertices")
    weight = _weight(table)
    dropped.extend(name for name in table.attributes if name != "weight" or weight is None)
    attributes = {} if weight is None else {"weight": weight}
    chosen = one_arc_of_each_edge(table.arcs, attributes) if file.undirected else None
    arcs = table.arcs
    if chosen is not None:
        arcs = arcs[:, chosen]
        arcs = np.stack([arcs.max(axis=0), arcs.min(axis=0)])  # the lower triangle is stored
        weight = None if weight is None else weight[chosen]
    values = np.ones(arcs.shape[1]) if weight is None else weight
    matrix = coo_array((values, (arcs[0], arcs[1])), shape=(table.num_nodes, table.num_nodes))
    stream = io.BytesIO()
    symmetry = "general" if chosen is None else "symmetric"
    field = "pattern" if weight is None else None
    scipy.io.mmwrite(stream, matrix, field=field, symmetry=symmetry)
    text = stream.getvalue()
    if weight is None:  # scipy writes "real" for a matrix without entries
        text = text.replace(b" coordinate real ", b" coordinate pattern ", 1)
    return text


def _weight(table: EdgeTable) -> np.ndarray | None:
    weight = table.attributes.get("weight")
    if not isinstance(weight, np.ndarray) or weight.dtype.kind not in "iufc":
        return None
    wide = {"i": np.int64, "u": np.uint64, "f": np.float64, "c": np.complex128}[weight.dtype.kind]
    return weight.astype(wide)
