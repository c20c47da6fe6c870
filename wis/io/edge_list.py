"""Edge lists: one line for each arc, two endpoints and perhaps more columns.

`wis.io.dialects` recognises the layout of a list. Further columns become edge attributes: integers,
float64, truth values, or lists of texts.

A list that only lost edges keeps its other lines, comments included. `wis.io.edge_list_writer`
writes it anew if the remaining lines would be read in another way: a single edge between ``A`` and
``B`` looks like a header.

A text whose first line repeats its first column is an adjacency matrix with labels. A nonzero entry
in row u and column v is an arc from u to v, an empty entry is 0, and entries other than 1 become
`edge_weight`. A cut matrix is written as a list.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch

from wis.base.source import STANDARD, ReadOptions, read_text, shown
from wis.base.tables import integer_ids, named_endpoints
from wis.errors import GraphFormatError, echo
from wis.io.columns import (
    WITHOUT_0,
    AttributeColumns,
    Numbered,
    attribute_columns,
    number_vertices,
    with_arcs,
    with_points,
)
from wis.io.dialects import (
    HEAD_LINES,
    Dialect,
    delimiter,
    doubtful_header,
    refuse_other_formats,
    sniff,
)
from wis.io.graph_file import GraphFile, narrow
from wis.io.headers import Kind, kind_of, kinds_of_list
from wis.io.text_columns import parse, typed, without_comments
from wis.io.text_layout import (
    Columns,
    OpenFile,
    TextFile,
    TextLayout,
    data_lines,
    ending_of,
    kept_text,
    split_line,
)

_WIDEST_TABLE = 8  # columns of an edge list that happens to have as many rows
_EMPTY_LINE = re.compile(rb"\n[ \t]*(?=\n)")
_NO_COMMENT = re.compile(rb"^[ \t]*[^#%\s]", re.MULTILINE)


def read(path: Path, options: ReadOptions) -> GraphFile:
    """Read an edge list.

    Raises:
        GraphFormatError: The list is malformed or ambiguous.
        OptionError: The list lacks a column that an option names.
    """
    where = shown(path)
    opened = OpenFile.of(path)
    text, line_ends, order_mark = read_text(path, options)
    refuse_other_formats(text, where)
    ending = options.ending or ending_of(path)
    mark = _dictionary_separator(text, options, where)
    unread: tuple[str, ...] = ()
    if mark is not None:
        from wis.io.dictionaries import read_dictionaries

        dialect = Dialect(TextLayout(ending, mark))
        columns, titles, unread = read_dictionaries(text, dialect.layout, where, options)
        positions = list(range(2, 2 + len(titles)))
    else:
        dialect = sniff(text, ending, where, options.table)
        if dialect.is_matrix:
            return _read_matrix(text, dialect.layout, path, where, options)
        columns = _columns(text, dialect.layout, where, options)
        titles, positions = dialect.layout.column_names(), dialect.layout.attributes
    layout = dialect.layout
    names = None if layout.header is None else [layout.header[end] for end in layout.endpoints]
    attributes = attribute_columns(
        titles,
        columns.attributes,
        positions,
        where,
        weight=layout.weight,
        index=layout.index,
        unnamed=[i for i, name in enumerate(layout.header or ()) if not name],
        must_count=names is not None and named_endpoints(names) is None,
    )

    def place_of(arc: int) -> str:
        number, _ = next(islice(data_lines(text), arc + (layout.header is not None), None))
        return f"{where} line {number}"

    kept = kept_text(text, opened, line_ends.mark)
    keep = TextFile(layout, kept, line_ends.mark, options.table, mark is not None, order_mark)
    file = GraphFile(None, path, "edge-list", layout=keep, unread=unread)
    if options.table.bipartite:
        from wis.io.two_sided import two_sided

        doubts = _doubts(text, None, columns, dialect, where, options)
        file = two_sided(file, attributes, columns.ends, names, options, where, place_of)
    else:
        numbered = number_vertices(columns.ends, options, where, place_of)
        doubts = _doubts(text, numbered, columns, dialect, where, options)
        file = with_arcs(file, attributes, numbered)
    notes = (*line_ends.note(), *dialect.notes, *doubts, *attributes.notes)
    return replace(file, notes=notes)


def _dictionary_separator(text: bytes, options: ReadOptions, where: str) -> str | None:
    """The separator before the dictionaries of attributes; None if the list has none."""
    _, first = next(data_lines(text), (0, ""))
    if "{" not in first:
        return None
    from wis.io.dictionaries import dictionary_separator

    return dictionary_separator(text, delimiter(options.table), where)


def _columns(text: bytes, layout: TextLayout, where: str, options: ReadOptions) -> Columns:
    if not layout.numbered:
        return parse(text, layout, where, as_names=True)
    try:
        return parse(text, layout, where, as_names=False)
    except GraphFormatError:
        if not options.relabel:
            raise
    return parse(text, layout, where, as_names=True)


def _doubts(
    text: bytes,
    numbered: Numbered | None,
    columns: Columns,
    dialect: Dialect,
    where: str,
    options: ReadOptions,
) -> list[str]:
    """Notes on guesses that may be wrong.

    Raises:
        GraphFormatError: The first line may be a header, the list may be a matrix, or its vertices
            may be of two kinds.
    """
    layout, table = dialect.layout, options.table
    if table.is_checked:
        return []
    notes = odd_looks(text, layout)
    is_named = layout.header is not None and named_endpoints(layout.header) is not None
    if not is_named and layout.width > 2 and not table.given():
        refuse_matrix(columns, where)
    if numbered is None:
        return notes
    if dialect.is_doubtful:
        notes += first_line(numbered, where)
    names = None if layout.header is None else [layout.header[end] for end in layout.endpoints]
    kinds = kinds_of_list(text, names)
    if kinds is not None and table.bipartite is None:
        from wis.io.two_sided import refuse_merging

        refuse_merging(*kinds, numbered.arcs, where)
    if numbered.smallest > 0 and options.num_nodes is None:
        notes.append(WITHOUT_0)
    return notes


def odd_looks(text: bytes, layout: TextLayout) -> list[str]:
    """Notes on blanks and comments that `wis.io.text_layout` ignores and that may matter."""
    return _blanks(text, layout) + _edges_like_comments(text, layout)


def _blanks(text: bytes, layout: TextLayout) -> list[str]:
    """A note on blanks around some fields and not around others."""
    if layout.separator == " " or b" " not in text or b'"' in text:
        return []
    text = _EMPTY_LINE.sub(b"", b"\n%s\n" % without_comments(text).strip(b"\n"))
    mark, num_lines = layout.separator.encode(), text.count(b"\n") - 1 or 1
    places = (mark + b" ", b" " + mark, b"\n ", b" \n")
    uneven = any(text.count(place) % num_lines for place in places)
    return ["blanks around fields are no part of them, here around some of them"] if uneven else []


def _edges_like_comments(text: bytes, layout: TextLayout) -> list[str]:
    """A note on comments below the first line that look like edges between names with a ``#``."""
    if layout.separator == " " or not (b"#" in text or b"%" in text):
        return []
    begin = _NO_COMMENT.search(text)
    if begin is None:
        return []
    mark = re.escape(layout.separator.encode())
    field = rb"[^\n%s]*" % mark
    pattern = rb"^[#%%](?![\s#%%])(?:%s%s){%d}%s$" % (field, mark, layout.width - 1, field)
    found = re.compile(pattern, re.MULTILINE).search(text, begin.end())
    if found is None:
        return []
    line = echo(found[0].decode(), 40)
    return [f"lines that begin with # or %, such as {line!r}, are comments; quote such names"]


def first_line(numbered: Numbered, where: str) -> list[str]:
    """A note on a first line that may be a header, if it is the only line.

    Raises:
        GraphFormatError: Other lines follow, and none of them has one of its ids.
    """
    arcs = numbered.arcs
    if not arcs.size:
        return []
    names = numbered.names or range(numbered.num_nodes)
    first, second = (str(names[int(end)]) for end in arcs[:, 0])
    if arcs.shape[1] == 1:
        if len(first) == len(second) == 1:
            return []
        return [
            f"took the only line for an edge between {echo(first, 40)!r} and "
            f"{echo(second, 40)!r}; --header says that these are names of columns"
        ]
    if np.isin(arcs[:, 1:], arcs[:, 0]).any():
        return []
    raise doubtful_header(first, second, where)


def refuse_matrix(columns: Columns, where: str) -> None:
    """Raise `GraphFormatError` if there are as many columns of numbers as rows."""
    table = [*columns.ends, *columns.attributes]
    size = columns.num_arcs
    if len(table) != size or not all(isinstance(column, np.ndarray) for column in table):
        return
    matrix = np.stack(table)
    is_binary = size > 2 and bool(np.isin(matrix, (0, 1)).all())
    if size >= _WIDEST_TABLE or is_binary or np.array_equal(matrix, matrix.T):
        raise GraphFormatError(
            f"{where}: {size} rows of {size} numbers may be an adjacency matrix; write its "
            f"labels into the first line and the first column, or pass --source 1 --target 2 "
            f"if each line is an edge"
        )


def _read_matrix(
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


def write(file: GraphFile, path: Path, stream: BinaryIO, dropped: list[str]) -> None:
    """Write a graph as an edge list.

    Raises:
        GraphFormatError: The graph has several types of vertices and was not read from a list.
    """
    ending = ending_of(path)
    flat = file.flat
    source = flat.layout if isinstance(flat.layout, TextFile) else None
    lines = None if source is None else _lines_left(source, flat, ending)
    if source is None or lines is None:
        from wis.io.edge_list_writer import new_list

        lines = iter([new_list(file, ending, dropped)])
    else:
        dropped.extend(flat.lost_vertices())
        stream.write(source.order_mark)
    line_end = b"\n" if source is None else source.line_end
    for piece in lines:
        stream.write(piece if line_end == b"\n" else piece.replace(b"\n", line_end))


def _lines_left(source: TextFile, file: GraphFile, ending: str) -> Iterator[bytes] | None:
    """The text without the removed edges, in pieces.

    None if the graph is not a cut of the text, or if the text would be read in another way.
    """
    kept = file.surviving_arcs() if ending in (source.layout.ending, STANDARD) else None
    if kept is None:
        return None
    pieces = source.pieces() if kept.all() else source.without(kept)
    head = b""
    for piece in pieces:
        head += piece
        if sum(1 for _ in islice(data_lines(head), HEAD_LINES)) == HEAD_LINES:
            break
    return chain([head], pieces) if head.strip() and _reads_as_it_was(head, file) else None


def _reads_as_it_was(text: bytes, file: GraphFile) -> bool:
    """Whether the first remaining lines are recognised like the list, with the same options."""
    source: TextFile = file.layout
    old = source.layout
    if source.is_dictionary:
        return True
    try:
        refuse_other_formats(text, "")
        found = sniff(text, old.ending, "", source.options)
    except GraphFormatError:
        return False
    if found.is_matrix or replace(found.layout, numbered=old.numbered) != old:
        return False
    if source.options.is_checked or not found.is_doubtful:
        return True
    arcs = file.edge_index
    return arcs.size(1) > 1 and bool(torch.isin(arcs[:, 1:], arcs[:, 0]).any())
