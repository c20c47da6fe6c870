"""Write a graph as a new edge list, so that reading it gives the same graph.

The list has a header that cannot be taken for an edge. pyarrow writes its rows, unless a text needs
quotes.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from wis.base.source import STANDARD
from wis.base.tables import is_integer_id
from wis.errors import GraphFormatError, echo
from wis.io.dialects import COMMENTS, refuse_other_formats, sniff
from wis.io.dictionaries import as_dictionaries
from wis.io.edge_table import EdgeTable, edge_table
from wis.io.graph_file import GraphFile
from wis.io.headers import TextLayout, is_number
from wis.io.text_columns import typed
from wis.io.two_sided import TwoSided, two_sided_table

DICTIONARIES = ".edgelist"  # the ending that networkx uses
_WRITTEN = ",;\t |"
_HEADERS = (
    ("source", "target"), ("src", "dst"), ("from", "to"), ("head", "tail"),
    ("citing", "cited"), ("source_node", "target_node"), ("src_node_id", "dst_node_id"),
)  # fmt: skip
_ARE_NAMES = "that the names of the vertices are not their numbers (read it with --relabel)"


def new_list(file: GraphFile, ending: str, dropped: list[str], old: TextLayout | None) -> bytes:
    """The graph as a new list, with the first header that the reader recognises.

    `old` is the layout of the list that it was read from, if any.

    Raises:
        GraphFormatError: The graph has several types of vertices and was not read from a list.
    """
    is_two_sided = isinstance(file.layout, TwoSided)
    if is_two_sided:
        table = two_sided_table(file, dropped)
    else:
        table = edge_table(file, dropped, quotes_blanks=ending != DICTIONARIES, row_is_edge=True)
        table = _with_plain_names(table, dropped)
    if ending == DICTIONARIES and table.attributes and not is_two_sided:
        dictionaries = as_dictionaries(table)
        if dictionaries is not None:
            if table.names and all(is_number(table.names[v]) for v in table.arcs[:, 0].tolist()):
                dropped.append(_ARE_NAMES)
            return dictionaries
    dropped.extend(_read_otherwise(table))
    separator = {".csv": ",", ".tsv": "\t", STANDARD: ","}.get(ending, " ")
    if old is not None and old.ending == ending and old.separator in _WRITTEN:
        separator = old.separator
    rows = _rows(table, separator)
    for ends in _headers(file, old, ending, table):
        header = None if ends is None else [*ends, *table.column_names]
        text = rows
        if header is not None:
            columns = [[name] for name in header]
            text = _with_csv(columns, separator, _need_quotes(header, separator)) + rows
        found = _recognised(text, ending, header, separator)
        if found is not None:
            break
    else:
        dropped.append(f"how to read its columns (say --header and --delimiter {separator!r})")
    is_misread = found is not None and found.numbered and bool(table.num_arcs)
    if table.names and (is_misread or _are_integers(table)):
        dropped.append(_ARE_NAMES)
    return text


def _read_otherwise(table: EdgeTable) -> Iterator[str]:
    """A phrase for each column of texts that a reader of the list takes for numbers."""
    for name, values in table.attributes.items():
        if not isinstance(values, list) or not values:
            continue
        column = typed(values)
        if not isinstance(column, list):
            kind = "truth values" if column.dtype == bool else "numbers"
            yield f"that the {kind} in the column {echo(name, 40)!r} are texts"


def _with_plain_names(table: EdgeTable, dropped: list[str]) -> EdgeTable:
    """The table without its names if all of them are integers and one is written as ``3.0``."""
    names = _used_names(table)
    if not any(name.endswith(".0") for name in names) or not all(map(is_integer_id, names)):
        return table
    dropped.append("the names of the vertices")
    return replace(table, names=None)


def _used_names(table: EdgeTable) -> list[str]:
    """The names that some row has."""
    if table.names is None:
        return []
    return [table.names[vertex] for vertex in np.unique(table.arcs).tolist()]


def _are_integers(table: EdgeTable) -> bool:
    names = _used_names(table)
    return bool(names) and all(map(is_integer_id, names))


def _headers(
    file: GraphFile, old: TextLayout | None, ending: str, table: EdgeTable
) -> Iterator[tuple[str, str] | None]:
    """Names of the endpoints for the first line, the best ones first; None for no such line."""
    is_plain = ending not in (".csv", ".tsv", STANDARD) or (
        old is not None and old.ending == ending and old.header is None
    )
    if isinstance(file.layout, TwoSided):
        yield file.layout.ends
        return
    if is_plain and table.num_arcs and not table.column_names:
        yield None
    if old is not None and old.header is not None:
        source, target = (old.header[end] for end in old.endpoints)
        yield source, target
    yield from _HEADERS


def _recognised(
    text: bytes, ending: str, header: list[str] | None, separator: str
) -> TextLayout | None:
    """The layout of a new list; None if the reader would have to guess or would misread it."""
    if text.startswith(codecs.BOM_UTF8):  # part of a name, which readers would drop
        return None
    try:
        refuse_other_formats(text, "")
        found = sniff(text, ending, "")
    except GraphFormatError:
        return None
    layout = found.layout
    is_meant = (
        layout.header == (None if header is None else tuple(header))
        and layout.endpoints == (0, 1)
        and layout.separator == separator
    )
    is_sure = not (found.is_doubtful or found.is_matrix or found.notes)
    return layout if is_meant and is_sure else None


def _rows(table: EdgeTable, separator: str) -> bytes:
    """One line for each arc."""
    ends: list[Any] = list(table.arcs)
    if table.names is not None:
        ends = [[table.names[vertex] for vertex in end.tolist()] for end in ends]
    columns = [*ends, *map(_column, table.attributes.values())]
    if not len(ends[0]):
        return b""
    texts = [column for column in columns if _is_text(column)]
    quoted = any(_need_quotes(column, separator) for column in texts)
    rows = None if quoted else _with_pyarrow(columns, separator)
    return _with_csv(columns, separator, quoted) if rows is None else rows


def _column(values: Any) -> Any:
    """The entries of a column in the form in which pyarrow and csv write them correctly."""
    if isinstance(values, list):
        return values
    if values.dtype.kind == "b":
        return np.where(values, "true", "false").tolist()
    if values.dtype.kind == "f" and (values[np.isfinite(values)] % 1 == 0).all():
        return values.tolist()  # pyarrow would write 1.0 as 1
    return values


def _is_text(column: Any) -> bool:
    return isinstance(column, list) and isinstance(column[0], str)


def _need_quotes(texts: Sequence[str], separator: str) -> bool:
    """Whether a reader would misread a text without quotes."""
    others = [mark for mark in ",;\t|" if mark != separator]
    return any(
        text.startswith(COMMENTS)
        or text != text.strip()
        or (separator == " " and not text)
        or any(mark in text for mark in others)
        for text in texts
    )


def _with_pyarrow(columns: list[Any], separator: str) -> bytes | None:
    """The rows; None if a text holds a separator or a quote."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    table = pa.table({str(i): _for_pyarrow(column) for i, column in enumerate(columns)})
    stream = io.BytesIO()
    options = arrow_csv.WriteOptions(
        include_header=False, delimiter=separator, quoting_style="none"
    )
    try:
        arrow_csv.write_csv(table, stream, options)
    except pa.ArrowInvalid:
        return None
    return stream.getvalue()


def _for_pyarrow(column: Any) -> Any:
    if isinstance(column, list) and not _is_text(column):
        return [repr(value) for value in column]
    return column.astype(np.float32) if getattr(column, "dtype", None) == np.float16 else column


def _with_csv(columns: list[Any], separator: str, quoted: bool) -> bytes:
    """The rows, with quotes around all texts if `quoted`."""
    stream = io.StringIO()
    writer = csv.writer(
        stream,
        delimiter=separator,
        lineterminator="\n",
        quoting=csv.QUOTE_NONNUMERIC if quoted else csv.QUOTE_MINIMAL,
    )
    plain = [column if isinstance(column, list) else column.tolist() for column in columns]
    writer.writerows(zip(*plain, strict=True))
    return stream.getvalue().encode()
