"""Edge lists of `networkx.write_edgelist`: two endpoints and a dictionary of attributes in a line.

0 1 {'weight': 3.0}

A value may be any Python literal, or a scalar in the spelling of numpy 2: ``np.float64(0.5)``,
``np.True_``, ``np.str_('x')``.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wis.base.source import ReadOptions, parsing
from wis.errors import GraphFormatError, echo
from wis.io.dialects import BLANKS, data_lines
from wis.io.edge_table import EdgeTable, as_column
from wis.io.headers import Columns, TextLayout, is_number
from wis.io.text_columns import checked_id

_BYTES_PER_CHARACTER = 30  # a dictionary of one number takes 600 bytes, its line 20
_MARKS = " \t,;|"
_SEPARATED = {
    " ": re.compile(r"[ \t]*([^ \t]+)[ \t]+([^ \t]+)[ \t]+(\{.*\})[ \t]*"),
    **{
        mark: re.compile(rf"([^{mark}]+)[{mark}]([^{mark}]+)[{mark}][ \t]*(\{{.*\}})[ \t]*")
        for mark in _MARKS[1:]
    },
}
_SCALAR = re.compile(r"(?:u?int|float|bool|str|complex)[0-9]*_?|u?(?:short|long|longlong)|double")
_NAMES: Mapping[str, Any] = {
    "nan": math.nan, "inf": math.inf, "True_": True, "False_": False,
}  # fmt: skip


Row = tuple[str, str, dict[str, Any]]


def dictionary_separator(text: bytes, delimiter: str | None, where: str) -> str | None:
    """The separator of a list (a space for white space); None if it has no dictionaries.

    Raises:
        GraphFormatError: The first line has a dictionary, but not two endpoints before it.
    """
    number, first = next(data_lines(text), (0, ""))
    before, brace, rest = first.partition("{")
    if not before.strip(BLANKS) or before[-1] not in _MARKS or not _is_dictionary(brace + rest):
        return None
    marks = list(_SEPARATED) if delimiter is None else [delimiter]
    for mark in marks:
        if mark in _SEPARATED and _SEPARATED[mark].fullmatch(first):
            return mark
    raise GraphFormatError(
        f"{where} line {number}: ends with a dictionary, but does not have two ids before it; "
        f"names that hold blanks cannot be told apart: write the list with another separator, as "
        f"networkx.write_edgelist(graph, path, delimiter=';') does"
    )


def _is_dictionary(text: str) -> bool:
    """Whether a text is a Python dictionary, with any expressions as values."""
    try:
        tree = ast.parse(text.strip(BLANKS), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return isinstance(tree.body, ast.Dict)


def read_dictionaries(
    text: bytes, layout: TextLayout, where: str, options: ReadOptions
) -> tuple[Columns, list[str], tuple[str, ...]]:
    """Read the columns, the names of the attributes, and a phrase for each unread attribute.

    Raises:
        GraphFormatError: A line is malformed.
    """
    options.check_size(where, len(text) * _BYTES_PER_CHARACTER, "the dictionaries in the text")
    lines = list(data_lines(text))
    rows = [_row(line, layout.separator, f"{where} line {number}") for number, line in lines]
    try:
        ends = _ends(lines, rows, where, as_names=False)
    except GraphFormatError:
        if not options.relabel and all(map(is_number, rows[0][:2])):
            raise
        ends = _ends(lines, rows, where, as_names=True)
    keys = dict.fromkeys(key for row in rows for key in row[2])
    options.check_table(where, len(rows), len(keys), sum(len(row[2]) for row in rows))
    columns = [(str(key), as_column([row[2].get(key) for row in rows])) for key in keys]
    held = [(key, column) for key, column in columns if column is not None]
    unread = tuple(f"edge attribute {key!r}" for key, column in columns if column is None)
    return Columns(ends, [column for _, column in held]), [key for key, _ in held], unread


def _ends(
    lines: list[tuple[int, str]], rows: list[Row], where: str, *, as_names: bool
) -> tuple[Any, Any]:
    ends: tuple[list[Any], list[Any]] = ([], [])
    for (number, _), row in zip(lines, rows, strict=True):
        for end, text_id in zip(ends, row[:2], strict=True):
            end.append(checked_id(text_id, f"{where} line {number}", as_names=as_names))
    return ends if as_names else (np.array(ends[0], np.int64), np.array(ends[1], np.int64))


def _row(line: str, separator: str, place: str) -> Row:
    found = _SEPARATED[separator].fullmatch(line)
    if found is None:
        raise GraphFormatError(f"{place}: expected two ids and a dictionary, as in the first line")
    with parsing(Path(place), "a dictionary of attributes"):
        attributes = _literal(found[3])
    if not isinstance(attributes, dict):
        raise GraphFormatError(f"{place}: {echo(found[3], 40)!r} is no dictionary")
    return found[1].strip(BLANKS), found[2].strip(BLANKS), attributes


def _literal(text: str) -> Any:
    """The value of a Python literal that may contain numpy scalars."""
    try:
        return ast.literal_eval(text)
    except ValueError:
        tree = _Numpy().visit(ast.parse(text, mode="eval"))
    return ast.literal_eval(tree)


class _Numpy(ast.NodeTransformer):
    """Replaces numpy scalars by plain numbers and texts, and runs no code."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """``np.float64(0.5)``."""
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        is_scalar = _is_numpy(node.func) and _SCALAR.fullmatch(name) is not None
        if not is_scalar or len(node.args) != 1 or node.keywords:
            raise ValueError(
                f"{echo(ast.unparse(node), 60)} is not a number, text or truth value; convert "
                f"it before the list is written"
            )
        value: ast.expr = self.visit(node.args[0])
        is_integer = isinstance(value, ast.Constant) and isinstance(value.value, int)
        if is_integer and name.startswith(("float", "double")):
            return ast.Constant(float(ast.literal_eval(value)))
        return value

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """``np.True_``, ``np.nan``."""
        is_known = node.attr in _NAMES and _is_numpy(node)
        return ast.Constant(_NAMES[node.attr]) if is_known else node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """``nan`` and ``inf``, as Python prints floats."""
        return ast.Constant(_NAMES[node.id]) if node.id in ("nan", "inf") else node


def _is_numpy(node: ast.expr) -> bool:
    is_attribute = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    return is_attribute and node.value.id in ("np", "numpy")  # type: ignore[attr-defined]


def as_dictionaries(table: EdgeTable) -> bytes | None:
    """The text of a list; None for odd names, infinite numbers, or no arcs."""
    names = table.names or [str(vertex) for vertex in range(table.num_nodes)]
    columns = [
        [str(value) for value in values] if isinstance(values, list) else values.tolist()
        for values in table.attributes.values()
    ]
    if not table.num_arcs or any(re.search(r"[\s{]|^[#%<*]", name) for name in names):
        return None
    unreadable = (math.inf, -math.inf)  # Python prints no literal for these, nor for NaN
    if any(value in unreadable or value != value for column in columns for value in column):
        return None
    rows = (dict(zip(table.attributes, row, strict=True)) for row in zip(*columns, strict=True))
    lines = (
        f"{names[u]} {names[v]} {row}\n"
        for (u, v), row in zip(table.arcs.T.tolist(), rows, strict=True)
    )
    return "".join(lines).encode()
