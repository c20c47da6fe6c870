"""Edge lists that may have been misread: notes on them, or an error that asks for an option."""

from __future__ import annotations

import re

import numpy as np

from wis.errors import GraphFormatError, echo
from wis.io.columns import Numbered
from wis.io.dialects import doubtful_header
from wis.io.headers import Columns, TextLayout
from wis.io.text_columns import without_comments

_WIDEST_TABLE = 8  # columns of an edge list that happens to have as many rows
_EMPTY_LINE = re.compile(rb"\n[ \t]*(?=\n)")
_NO_COMMENT = re.compile(rb"^[ \t]*[^#%\s]", re.MULTILINE)


def odd_looks(text: bytes, layout: TextLayout) -> list[str]:
    """Notes on blanks and comments that parsing ignores and that may matter."""
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
