"""A matrix with labels in place of an edge list: the first line repeats the first column.

,A,B,C
A,0,1,1
B,1,0,0
C,1,0,0

An entry other than 0 in row u and column v is an arc from u to v; an empty one is 0. Entries other
than 1 become `edge_weight`. A cut graph is written as a list.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import torch

from wis.base.ids import integer_ids
from wis.base.source import ReadOptions
from wis.errors import GraphFormatError, echo
from wis.io.edge_attributes import with_points
from wis.io.graph_file import ArcTable, GraphFile
from wis.io.headers import Kind, kind_of
from wis.io.numbering import Numbered
from wis.io.text_layout import TextLayout, data_lines, split_line
from wis.io.text_scan import typed


def read_matrix(
    text: bytes, layout: TextLayout, path: Path, where: str, options: ReadOptions
) -> GraphFile:
    """Read a matrix whose first lines look like one.

    Raises:
        GraphFormatError: It is not square, or an entry is no number.
    """
    rows = _rows(text, layout, where)
    labels = rows[0][1][1:]
    options.check_table(where, len(labels), len(labels))
    body = rows[1:]
    if [fields[0] for _, fields in body] != labels or len(set(labels)) != len(labels):
        raise GraphFormatError(
            f"{where}: begins like an adjacency matrix, but its first line and its first column "
            f"differ ({len(labels)} and {len(body)} labels); expected the same in both, or say "
            f"which columns hold the endpoints with --source and --target"
        )
    entries = [[_entry(field, where, number) for field in row[1:]] for number, row in body]
    flat, notes = with_points("entries", [entry for row in entries for entry in row])
    matrix = typed(flat) if isinstance(flat, list) else flat
    if isinstance(matrix, list) and notes:
        raise GraphFormatError(f"{where}: {notes[0]}")
    if isinstance(matrix, list) or not np.isfinite(matrix).all():
        raise GraphFormatError(f"{where}: a matrix with entries that are no finite numbers")
    matrix = matrix.reshape(len(labels), len(labels))
    numbered = _numbered(labels, np.stack(np.nonzero(matrix)))
    values = {"edge_index": numbered.edge_index, "num_nodes": numbered.num_nodes}
    weights = matrix[matrix != 0]
    if not (weights == 1).all():
        values["edge_weight"] = torch.from_numpy(weights)
    note = (
        f"took the file for an adjacency matrix of {len(labels)} vertices; --source and --target "
        f"say that it is a list of edges"
    )
    data = ArcTable(values, frozenset(values) - {"num_nodes"})
    return GraphFile(data, path, "edge-list", numbered.names, notes=(note, *notes))


def _rows(text: bytes, layout: TextLayout, where: str) -> list[tuple[int, list[str]]]:
    rows: list[tuple[int, list[str]]] = []
    for number, line in data_lines(text):
        try:
            fields = split_line(line, layout.separator)
        except csv.Error as error:
            raise GraphFormatError(f"{where} line {number}: {error}") from None
        if not rows and len(fields) == layout.width - 1:
            fields = ["", *fields]
        if len(fields) != layout.width:
            raise GraphFormatError(
                f"{where} line {number}: {len(fields)} columns; expected {layout.width}, as in the "
                f"first line of the matrix"
            )
        rows.append((number, fields))
    return rows


def _entry(field: str, where: str, number: int) -> str:
    kind = kind_of(field)
    if kind is Kind.MISSING:
        return "0"
    if kind is not Kind.NUMBER:
        raise GraphFormatError(
            f"{where} line {number}: entry {echo(field)!r} of an adjacency matrix; expected a "
            f"number"
        )
    return field


def _numbered(labels: list[str], arcs: np.ndarray) -> Numbered:
    """Labels 0 to n - 1 are the vertices themselves; others are names, in the order of readers."""
    size = len(labels)
    if labels == [str(i) for i in range(size)]:
        return Numbered(torch.from_numpy(arcs), size)
    values = integer_ids(labels)
    order = np.argsort(values).tolist() if values is not None else None
    order = order or sorted(range(size), key=labels.__getitem__)
    rank = np.empty(size, dtype=np.int64)
    rank[order] = np.arange(size)
    return Numbered(torch.from_numpy(rank[arcs]), size, [labels[i] for i in order])
