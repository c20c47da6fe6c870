"""Matrix Market: a sparse square matrix in coordinate form, one line for each stored entry.

An entry is an arc from its row to its column, its value the `edge_weight`. Of a symmetric matrix
only one triangle is stored; it stays that way, since a one-way arc is an edge all the same. Ids
count from 1 in the file. The format is that of math.nist.gov/MatrixMarket/formats.html.
"""

from __future__ import annotations

import dataclasses
import gzip
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from wis.errors import GraphFormatError
from wis.graph import MAX_NUM_NODES
from wis.io.edge_list import cut_lines, graph_file
from wis.io.edge_table import EdgeTable, edge_table
from wis.io.graph_file import GraphFile
from wis.io.numbering import Numbered, number_vertices
from wis.io.source import ReadOptions, read_text
from wis.io.text_columns import Column, parse
from wis.io.text_layout import TextLayout, data_lines
from wis.io.text_writer import table_as_text

_BANNER = re.compile(
    r"%%MatrixMarket\s+matrix\s+(coordinate|array)\s+(real|double|integer|unsigned-integer|complex|pattern)\s+"
    r"(general|symmetric|skew-symmetric|hermitian)\s*",
    re.I,
)
_NUM_VALUES = {"pattern": 0, "complex": 2}


@dataclass(frozen=True, eq=False)
class MatrixMarketFile:
    """The file as it was read.

    Attributes:
        head: The banner and the comments before the line of sizes.
        num_nodes: Rows and columns of the matrix.
        body: The entries.
        layout: How they are written down.
    """

    head: bytes
    num_nodes: int
    body: bytes
    layout: TextLayout


def read(path: Path, options: ReadOptions) -> GraphFile:
    """Read a matrix.

    Raises:
        GraphFormatError: It is malformed, dense, or not square.
    """
    text = read_text(path, options)[0]
    field = _field(text, path)
    layout = TextLayout(".mtx", " ", width=2 + _NUM_VALUES.get(field, 1))
    place, num_nodes, num_entries, start = _sizes(text, layout, path)
    body = text[start:]
    padded = (
        b"\n" * text.count(b"\n", 0, start) + body
    )  # so that line numbers are those of the file
    columns = parse(padded, layout, str(path), as_names=False)
    if columns.num_arcs != num_entries:
        raise GraphFormatError(
            f"{place}: {num_entries} entries announced, {columns.num_arcs} found; is the "
            "file whole?"
        )
    numbered = _numbered(columns.ends, padded, layout, num_nodes, path, options)
    head = text[: text.rindex(b"\n", 0, max(start - 1, 1)) + 1]
    keep = MatrixMarketFile(head, num_nodes, body, layout)
    values = _values(columns.attributes, field, path)
    file = graph_file(path, "matrix-market", numbered, ["weight"] * len(values), values, keep)
    symmetry = text.partition(b"\n")[0].split()[-1].lower()
    return dataclasses.replace(file, undirected=symmetry != b"general")


def _field(text: bytes, path: Path) -> str:
    line = text.partition(b"\n")[0].decode()
    banner = _BANNER.fullmatch(line)
    if banner is None:
        raise GraphFormatError(
            f"{path} line 1: {line[:60]!r}; expected '%%MatrixMarket matrix coordinate FIELD "
            "SYMMETRY'"
        )
    if banner[1].lower() == "array":
        raise GraphFormatError(
            f"{path} line 1: a dense matrix (array); expected a sparse one (coordinate)"
        )
    return banner[2].lower()


def _sizes(text: bytes, layout: TextLayout, path: Path) -> tuple[str, int, int, int]:
    """Place of the line of sizes, numbers of rows and of entries, and where the entries begin."""
    number, line = next(data_lines(text, layout), (1, ""))
    place = f"{path} line {number}"
    sizes = line.split()
    if len(sizes) != 3 or not all(re.fullmatch("[0-9]{1,18}", size) for size in sizes):
        raise GraphFormatError(
            f"{place}: {line[:60]!r}; expected the numbers of rows, columns and entries"
        )
    rows, columns, entries = map(int, sizes)
    if rows != columns:
        raise GraphFormatError(
            f"{place}: the matrix has {rows} rows and {columns} columns; expected a square one"
        )
    if rows > MAX_NUM_NODES:
        raise GraphFormatError(f"{place}: {rows} vertices; at most {MAX_NUM_NODES} are supported")
    start = 0
    for _ in range(number):
        start = text.find(b"\n", start) + 1 or len(text)
    return place, rows, entries, start


def _numbered(
    ends: tuple[Column, Column],
    text: bytes,
    layout: TextLayout,
    num_nodes: int,
    path: Path,
    options: ReadOptions,
) -> Numbered:
    options.resolved_num_nodes(num_nodes, path)
    for arc in np.flatnonzero((np.minimum(*ends) < 1) | (np.maximum(*ends) > num_nodes))[:1]:
        lines = [number for number, _ in data_lines(text, layout)]
        found = [end[arc] for end in ends]
        raise GraphFormatError(
            f"{path} line {lines[arc]}: entry ({found[0]}, {found[1]}) in a matrix of "
            f"{num_nodes} rows; rows and columns count from 1 to {num_nodes}"
        )
    shifted = (np.asarray(ends[0]) - 1, np.asarray(ends[1]) - 1)
    return number_vertices(shifted, ReadOptions(num_nodes=num_nodes), str(path), str)


def _values(columns: list[Column], field: str, path: Path) -> list[Column]:
    if not all(isinstance(column, np.ndarray) and column.dtype.kind in "if" for column in columns):
        if columns and len(columns[0]):
            raise GraphFormatError(f"{path}: values that are no numbers; expected {field} values")
        columns = [np.empty(0) for _ in columns]
    if field == "complex":
        return [np.asarray(columns[0]) + 1j * np.asarray(columns[1])]
    kind = np.int64 if "integer" in field else np.float64
    return [np.asarray(column).astype(kind) for column in columns]


def write(file: GraphFile, path: Path, stream: BinaryIO, dropped: list[str]) -> None:
    """Write a matrix.

    Raises:
        GraphFormatError: The graph has several types of vertices.
    """
    text = _surviving(file)
    if text is None:
        text = _new_text(file, dropped)
    stream.write(gzip.compress(text, 6, mtime=0) if path.suffix.lower() == ".gz" else text)


def _surviving(file: GraphFile) -> bytes | None:
    source = file.layout
    kept = file.surviving_arcs() if isinstance(source, MatrixMarketFile) else None
    if kept is None:
        return None
    body = cut_lines(source.body, source.layout, kept)
    n = source.num_nodes
    return None if body is None else source.head + f"{n} {n} {kept.sum()}\n".encode() + body


def _new_text(file: GraphFile, dropped: list[str]) -> bytes:
    table = edge_table(file, dropped, keeps_vertices=True)
    if table.names is not None:
        dropped.append("the names of the vertices")
    weight, field = _weight(table)
    dropped.extend(name for name in table.attributes if name != "weight" or weight is None)
    attributes = {} if weight is None else {"weight": weight}
    counted = EdgeTable(table.arcs + 1, table.num_nodes, None, attributes)
    head = f"%%MatrixMarket matrix coordinate {field} general\n"
    sizes = f"{table.num_nodes} {table.num_nodes} {table.num_arcs}\n"
    return (head + sizes).encode() + table_as_text(counted, None, " ")


def _weight(table: EdgeTable) -> tuple[np.ndarray | None, str]:
    weight = table.attributes.get("weight")
    if isinstance(weight, np.ndarray) and weight.dtype.kind in "iuf":
        return weight, "real" if weight.dtype.kind == "f" else "integer"
    return None, "pattern"
