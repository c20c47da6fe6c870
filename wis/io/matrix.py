"""Adjacency matrices with labels: texts whose first line repeats their first column.

A nonzero entry in row u and column v is an arc from u to v, an empty entry is 0, and entries other
than 1 become `edge_weight`. A cut matrix is written as a list.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np

from wis.base.source import ReadOptions
from wis.base.tables import integer_ids
from wis.errors import GraphFormatError, echo
from wis.io.columns import AttributeColumns, Numbered, with_arcs, with_points
from wis.io.dialects import data_lines, split_line
from wis.io.graph_file import GraphFile, narrow
from wis.io.headers import Kind, TextLayout, kind_of
from wis.io.text_columns import typed


def read_matrix(
    text: bytes, layout: TextLayout, path: Path, where: str, options: ReadOptions
) -> GraphFile:
    """Read an adjacency matrix; `GraphFormatError` if it is not square, or not of numbers."""
    rows = _matrix_rows(text, layout, where)
    labels, body = rows[0][1][1:], rows[1:]
    options.check_table(where, len(labels), len(labels))
    if [fields[0] for _, fields in body] != labels or len(set(labels)) != len(labels):
        raise GraphFormatError(
            f"{where}: begins like an adjacency matrix, but its first line and its first column "
            f"differ ({len(labels)} and {len(body)} labels); expected the same in both, or say "
            f"which columns hold the endpoints with --source and --target"
        )
    entries = [_entry(field, f"{where} line {number}") for number, row in body for field in row[1:]]
    flat, notes = with_points("entries", entries)
    matrix = typed(flat) if isinstance(flat, list) else flat
    if isinstance(matrix, list) and notes:
        raise GraphFormatError(f"{where}: {notes[0]}")
    if isinstance(matrix, list) or not np.isfinite(matrix).all():
        raise GraphFormatError(f"{where}: a matrix with entries that are not finite numbers")
    matrix = matrix.reshape(len(labels), len(labels))
    weights = matrix[matrix != 0]
    is_plain = bool((weights == 1).all())
    attributes = AttributeColumns(*(([], []) if is_plain else (["weight"], [weights])))
    note = (
        f"took the file for an adjacency matrix of {len(labels)} vertices; --source and --target "
        f"say that it is a list of edges"
    )
    file = GraphFile(None, path, "edge-list", notes=(note, *notes))
    numbered = _in_order(labels, np.stack(np.nonzero(matrix)))
    return replace(with_arcs(file, attributes, numbered), columns={})


def _matrix_rows(text: bytes, layout: TextLayout, where: str) -> list[tuple[int, list[str]]]:
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


def _entry(field: str, place: str) -> str:
    kind = kind_of(field)
    if kind not in (Kind.MISSING, Kind.NUMBER):
        raise GraphFormatError(
            f"{place}: entry {echo(field)!r} of an adjacency matrix; expected a number"
        )
    return "0" if kind is Kind.MISSING else field


def _in_order(labels: list[str], arcs: np.ndarray) -> Numbered:
    """Labels 0 to n - 1 in this order are ids; other labels are names, numbered in sorted order."""
    size = len(labels)
    if labels == [str(i) for i in range(size)]:
        return Numbered(narrow(arcs, size), size)
    values = integer_ids(labels)
    order = np.argsort(values).tolist() if values is not None else None
    order = order or sorted(range(size), key=labels.__getitem__)
    rank = np.empty(size, dtype=np.int64)
    rank[order] = np.arange(size)
    return Numbered(narrow(rank[arcs], size), size, [labels[i] for i in order])
