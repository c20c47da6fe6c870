"""Edge lists as `networkx.write_edgelist` makes them: two endpoints and a dictionary of attributes.

0 1 {'weight': 3.0}
"""

from __future__ import annotations

import ast
import math
import re
from pathlib import Path
from typing import Any

from wis.errors import GraphFormatError
from wis.io.edge_table import EdgeTable
from wis.io.object_columns import as_column, column_values
from wis.io.source import ReadOptions, parsing
from wis.io.text_columns import Columns, checked_id, int64
from wis.io.text_layout import TextLayout, data_lines, is_number

_BYTES_PER_CHARACTER = 30  # a dictionary of one number takes 600 bytes, its line 20
_NO_LITERALS = (math.inf, -math.inf)
_LINE = re.compile(r"(\S+)\s+(\S+)\s+(\{.*\})\s*")


def holds_dictionaries(text: bytes) -> bool:
    """Whether the first line with an edge ends with a dictionary."""
    first = next(data_lines(text, TextLayout(".edgelist", " ")), (0, ""))
    return _LINE.fullmatch(first[1]) is not None


def read_dictionaries(
    text: bytes, layout: TextLayout, where: str, options: ReadOptions
) -> tuple[Columns, list[str], tuple[str, ...]]:
    """Read the list: its columns, the names of the attributes, and what is left in the file.

    Raises:
        GraphFormatError: A line is malformed.
    """
    options.check_size(where, len(text) * _BYTES_PER_CHARACTER, "the dictionaries in the text")
    lines = list(data_lines(text, layout))
    rows = [_row(line, f"{where} line {number}") for number, line in lines]
    as_names = options.relabel or not all(map(is_number, rows[0][:2]))
    ends: tuple[list[Any], list[Any]] = ([], [])
    for (number, _), row in zip(lines, rows, strict=True):
        for end, text_id in zip(ends, row[:2], strict=True):
            end.append(checked_id(text_id, f"{where} line {number}", as_names=as_names))
    values = column_values([row[2] for row in rows], where, options)
    columns = [(str(key), as_column(column)) for key, column in values.items()]
    held = [(key, column) for key, column in columns if column is not None]
    unread = tuple(f"edge attribute {key!r}" for key, column in columns if column is None)
    numbered = ends if as_names else (int64(ends[0]), int64(ends[1]))
    return Columns(numbered, [column for _, column in held]), [key for key, _ in held], unread


def _row(line: str, place: str) -> tuple[str, str, dict[str, Any]]:
    found = _LINE.fullmatch(line)
    if found is None:
        raise GraphFormatError(f"{place}: expected two ids and a dictionary, as in the first line")
    with parsing(Path(place), "a dictionary of attributes"):
        attributes = ast.literal_eval(found[3])
    if not isinstance(attributes, dict):
        raise GraphFormatError(f"{place}: {found[3][:40]!r} is no dictionary")
    return found[1], found[2], attributes


def as_dictionaries(table: EdgeTable) -> bytes | None:
    """Write the list; None for what it cannot hold: odd names, infinite numbers, no edges."""
    names = table.names or [str(vertex) for vertex in range(table.num_nodes)]
    columns = [
        values if isinstance(values, list) else values.tolist()
        for values in table.attributes.values()
    ]
    if not table.num_arcs or any(re.search(r"\s|^[#%]", name) for name in names):
        return None
    if any(value in _NO_LITERALS or value != value for column in columns for value in column):
        return None
    rows = (dict(zip(table.attributes, row, strict=True)) for row in zip(*columns, strict=True))
    lines = (
        f"{names[u]} {names[v]} {row}\n"
        for (u, v), row in zip(table.arcs.T.tolist(), rows, strict=True)
    )
    return "".join(lines).encode()
