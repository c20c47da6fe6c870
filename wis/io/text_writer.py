"""Edge lists as text, by pyarrow where it is installed."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from wis.io.edge_table import EdgeTable
from wis.io.text_layout import COMMENTS


def table_as_text(table: EdgeTable, header: Sequence[str] | None, separator: str) -> bytes:
    """Write a table down, one line for each arc.

    Args:
        table: The arcs.
        header: Names of all columns for the first line, None for no such line.
        separator: What goes between columns.
    """
    head = b"" if header is None else header_as_text(header, separator)
    return head + rows_as_text(table, separator)


def header_as_text(names: Sequence[str], separator: str) -> bytes:
    """The first line, with the names of all columns."""
    return _with_csv([[name] for name in names], separator, _need_quotes(list(names), separator))


def rows_as_text(table: EdgeTable, separator: str) -> bytes:
    """One line for each arc."""
    columns = [_end(table, 0), _end(table, 1), *map(_column, table.attributes.values())]
    return _rows(columns, separator)


def _end(table: EdgeTable, end: int) -> Any:
    if table.names is None:
        return table.arcs[end]
    return [table.names[vertex] for vertex in table.arcs[end].tolist()]


def _column(values: Any) -> Any:
    """The entries as they are to be written."""
    if isinstance(values, list):
        return values
    if values.dtype.kind == "b":
        return np.where(values, "true", "false").tolist()
    if values.dtype.kind == "f" and (values[np.isfinite(values)] % 1 == 0).all():
        return values.tolist()  # pyarrow would leave out the point that makes it a float
    return values


def _rows(columns: list[Any], separator: str) -> bytes:
    if not len(columns[0]):
        return b""
    texts = [column for column in columns if isinstance(column, list) and _are_texts(column)]
    quoted = any(_need_quotes(column, separator) for column in texts)
    if not quoted:
        rows = _with_pyarrow(columns, separator)
        if rows is not None:
            return rows
    return _with_csv(columns, separator, quoted)


def _are_texts(values: list[Any]) -> bool:
    return isinstance(values[0], str)


def _need_quotes(texts: list[str], separator: str) -> bool:
    """Whether a text would be taken for something else, such as another separator."""
    others = [mark for mark in ",;\t|" if mark != separator]
    return any(
        text.startswith(COMMENTS)
        or text != text.strip()
        or (separator == " " and not text)
        or any(mark in text for mark in others)
        for text in texts
    )


def _with_pyarrow(columns: list[Any], separator: str) -> bytes | None:
    try:
        import pyarrow as pa
        from pyarrow import csv as arrow_csv
    except ImportError:
        return None
    table = pa.table({str(i): _for_pyarrow(column) for i, column in enumerate(columns)})
    stream = io.BytesIO()
    options = arrow_csv.WriteOptions(
        include_header=False, delimiter=separator, quoting_style="none"
    )
    try:
        arrow_csv.write_csv(table, stream, options)
    except pa.ArrowInvalid:  # a text holds a separator or a quote
        return None
    return stream.getvalue()


def _for_pyarrow(column: Any) -> Any:
    if isinstance(column, list) and not _are_texts(column):
        return [repr(value) for value in column]
    return column.astype(np.float32) if getattr(column, "dtype", None) == np.float16 else column


def _with_csv(columns: list[Any], separator: str, quoted: bool) -> bytes:
    """Line by line; `quoted` puts quotes around all texts."""
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
