"""Edge lists: one line for each arc, two endpoints and perhaps more columns.

`wis.io.dialects` says how lists are recognised, `wis.io.edge_list_writer` how they are written.
More columns become edge attributes: integers, floats (in float64, so that nothing is lost), truth
values, or lists of texts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wis.base.source import ReadOptions, read_text, shown
from wis.errors import GraphFormatError, echo
from wis.io.adjacency import read_matrix
from wis.io.dialects import Dialect, delimiter, doubtful_header, refuse_other_formats, sniff
from wis.io.dictionaries import dictionary_separator, read_dictionaries
from wis.io.edge_attributes import attribute_columns, directions_told
from wis.io.edge_list_writer import TextFile, cut_lines, surviving_text, write
from wis.io.graph_file import ArcTable, GraphFile, attribute_name
from wis.io.headers import named_endpoints
from wis.io.numbering import Numbered, number_vertices
from wis.io.text_columns import parse, without_comments
from wis.io.text_layout import TextLayout, data_lines, ending_of
from wis.io.text_scan import Column, Columns
from wis.io.two_sided import kinds_of, refuse_merging, two_sided

__all__ = [
    "TextFile",
    "cut_lines",
    "graph_file",
    "read",
    "refuse_other_formats",
    "surviving_text",
    "write",
]

_WEIGHT = "edge_weight"
_WIDEST_TABLE = 8  # columns of an edge list that happens to have as many rows
_EMPTY_LINE = re.compile(rb"\n[ \t]*(?=\n)")
_NO_COMMENT = re.compile(rb"^[ \t]*[^#%\s]", re.MULTILINE)
KONECT_BIPARTITE = re.compile(rb"% *bip\b")


def read(path: Path, options: ReadOptions) -> GraphFile:
    """Read an edge list.

    Raises:
        GraphFormatError: It is malformed, or may mean two things.
        OptionError: It has no such column as the options name.
    """
    where = shown(path)
    text, line_ends, order_mark = read_text(path, options)
    refuse_other_formats(text, where)
    ending = options.ending or ending_of(path)
    mark = dictionary_separator(text, delimiter(options.table), where)
    if mark is not None:
        dialect = Dialect(TextLayout(ending, mark))
        columns, titles, unread = read_dictionaries(text, dialect.layout, where, options)
        positions = list(range(2, 2 + len(titles)))
    else:
        dialect = sniff(text, ending, where, options.table)
        if dialect.is_matrix:
            return read_matrix(text, dialect.layout, path, where, options)
        columns, unread = _columns(text, dialect.layout, where, options), ()
        titles, positions = dialect.layout.column_names(), dialect.layout.attributes
    layout = dialect.layout
    names = None if layout.header is None else [layout.header[end] for end in layout.endpoints]
    table = attribute_columns(
        titles,
        columns.attributes,
        positions,
        where,
        weight=layout.weight,
        index=layout.index,
        unnamed=[i for i, name in enumerate(layout.header or ()) if not name],
        must_count=names is not None and named_endpoints(names) is None,
    )
    is_two_sided = options.table.bipartite is True
    place_of = _PlaceOf(text, layout, where)
    if is_two_sided:
        numbered = Numbered(torch.zeros((2, columns.num_arcs), dtype=torch.int64, device="cpu"), 1)
    else:
        numbered = number_vertices(columns.ends, options, where, place_of)
    doubts = _doubts(text, numbered, columns, dialect, where, options)
    keep = TextFile(
        layout,
        text,
        line_ends.mark,
        options.table,
        is_dictionary=mark is not None,
        order_mark=order_mark,
    )
    file = graph_file(
        path,
        "edge-list",
        numbered,
        table.titles,
        table.values,
        keep,
        unread,
        weight=table.weight,
    )
    notes = (*line_ends.note(), *dialect.notes, *doubts, *table.notes, *directions_told(file))
    file = replace(file, notes=notes)
    if is_two_sided:
        return two_sided(file, columns.ends, names, options, where, place_of)
    return file


@dataclass(frozen=True)
class _PlaceOf:
    """The file and the line of an arc, for errors."""

    text: bytes
    layout: TextLayout
    where: str

    def __call__(self, arc: int) -> str:
        lines = data_lines(self.text)
        number, _ = next(islice(lines, arc + (self.layout.header is not None), None))
        return f"{self.where} line {number}"


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
    numbered: Numbered,
    columns: Columns,
    dialect: Dialect,
    where: str,
    options: ReadOptions,
) -> list[str]:
    """Notes on what may have been read wrongly; in doubt the list is refused.

    Raises:
        GraphFormatError: The first line may be a header, the list a matrix, its vertices of two
            kinds.
    """
    layout, said = dialect.layout, options.table
    if said.is_checked:
        return []
    notes = odd_looks(text, layout)
    is_named = layout.header is not None and named_endpoints(layout.header) is not None
    if not is_named and layout.width > 2 and not said.given():
        refuse_matrix(columns, where)
    if said.bipartite:
        return notes
    if dialect.is_doubtful:
        notes += first_line(numbered, where)
    names = None if layout.header is None else [layout.header[end] for end in layout.endpoints]
    kinds = kinds_of(names)
    if names is None and KONECT_BIPARTITE.match(text):
        names, kinds = ["column 1", "column 2"], ("the first", "the second")
    if kinds is not None and names is not None and said.bipartite is None:
        refuse_merging(names, kinds, numbered.edge_index, where)
    if numbered.smallest > 0 and options.num_nodes is None:
        notes.append(
            "no edge has the vertex 0, which is there without neighbours; --relabel leaves it out, "
            "as is right where ids count from 1"
        )
    return notes


def odd_looks(text: bytes, layout: TextLayout) -> list[str]:
    """Notes on what the rules of `wis.io.text_layout` pass over, where it may have been meant."""
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
    """A note on a first line that may be a header, where it is the only one.

    Raises:
        GraphFormatError: Other lines follow, and none of them has one of its ids.
    """
    arcs = numbered.edge_index
    if not arcs.numel():
        return []
    names = numbered.names or range(numbered.num_nodes)
    first, second = (str(names[int(end)]) for end in arcs[:, 0])
    if arcs.size(1) == 1:
        if len(first) == len(second) == 1:
            return []
        return [
            f"took the only line for an edge between {echo(first, 40)!r} and "
            f"{echo(second, 40)!r}; --header says that these are names of columns"
        ]
    if torch.isin(arcs[:, 1:], arcs[:, 0]).any():
        return []
    raise doubtful_header(first, second, where)


def refuse_matrix(columns: Columns, where: str) -> None:
    """Raise `GraphFormatError` if all columns are numbers, and as many as rows."""
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


def graph_file(
    path: Path,
    format_name: str,
    numbered: Numbered,
    column_names: list[str],
    attributes: list[Column],
    layout: Any,
    unread: tuple[str, ...] = (),
    *,
    weight: int | None = None,
) -> GraphFile:
    """Put a graph together from the columns of a table; that at `weight` is `edge_weight`."""
    table: dict[str, Any] = {"edge_index": numbered.edge_index, "num_nodes": numbered.num_nodes}
    columns: dict[str, str] = {} if weight is None else {_WEIGHT: column_names[weight]}
    for place, (column, values) in enumerate(zip(column_names, attributes, strict=True)):
        name = _WEIGHT if place == weight else attribute_name(column, columns)
        columns[name] = column
        is_array = isinstance(values, np.ndarray)
        table[name] = torch.from_numpy(_writable(values)) if is_array else list(values)
    arcs = ArcTable(table, frozenset(table) - {"num_nodes"})
    return GraphFile(arcs, path, format_name, numbered.names, layout, columns, unread)


def _writable(values: Any) -> np.ndarray:
    """A copy where pyarrow or numpy do not give the memory away."""
    array = np.ascontiguousarray(values)
    return array if array.flags.writeable else array.copy()
