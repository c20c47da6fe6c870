"""Parse an edge list line by line: exact numbers, and errors that name the line.

`wis.io.text_columns` calls this parser for the texts that pyarrow would misread.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from wis.base.ids import integer_id, is_integer_id
from wis.errors import GraphFormatError, echo
from wis.io.headers import is_number
from wis.io.text_layout import BLANKS, TextLayout, data_lines, split_line

Column = np.ndarray | list[str]
SIGNED = re.compile(r"[+-]?(?:0|[1-9][0-9]*)", flags=re.ASCII)
TRUE, FALSE = ["true", "True", "TRUE"], ["false", "False", "FALSE"]
_DECIMAL = re.compile(
    r"[+-]?(?:(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?|nan|inf(?:inity)?)",
    flags=re.ASCII | re.IGNORECASE,
)
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True)
class Columns:
    """The content of an edge list.

    Attributes:
        ends: The two endpoints of each arc: two int64 arrays, or two columns of names (lists, or
            pyarrow's).
        attributes: The other columns: numbers or truth values in an array, texts in a list. An
            empty field is NaN in a column of numbers.
    """

    ends: tuple[Any, Any]
    attributes: list[Column]

    @property
    def num_arcs(self) -> int:
        """Number of lines with an edge."""
        return len(self.ends[0])

    @property
    def has_gaps(self) -> bool:
        """Whether a field may be empty."""
        return any(
            "" in column if isinstance(column, list) else bool(np.isnan(column).any())
            for column in self.attributes
        )


def scan(text: bytes, layout: TextLayout, where: str, *, as_names: bool) -> Columns:
    """`wis.io.text_columns.parse`, line by line."""
    lines = data_lines(text)
    if layout.header is not None:
        next(lines, None)
    ends: tuple[list[Any], list[Any]] = ([], [])
    others: list[list[str]] = [[] for _ in layout.attributes]
    for number, line in lines:
        fields = _checked_fields(line, layout, f"{where} line {number}")
        for column, end in zip(ends, layout.endpoints, strict=True):
            column.append(checked_id(fields[end], f"{where} line {number}", as_names=as_names))
        for values, position in zip(others, layout.attributes, strict=True):
            values.append(fields[position])
    attributes = [typed(values) for values in others]
    if as_names:
        return Columns(ends, attributes)
    return Columns((np.array(ends[0], np.int64), np.array(ends[1], np.int64)), attributes)


def _checked_fields(line: str, layout: TextLayout, place: str) -> list[str]:
    try:
        fields = split_line(line, layout.separator)
    except csv.Error as error:
        raise GraphFormatError(f"{place}: {error}") from None
    if len(fields) != layout.width:
        raise GraphFormatError(
            f"{place}: {len(fields)} columns; expected {layout.width}, as in the first line; "
            f"correct it, or say with --delimiter what stands between columns"
        )
    return fields


def checked_id(text: str, place: str, *, as_names: bool) -> int | str:
    """A vertex id from its field; `GraphFormatError` if it is missing, or not an integer."""
    if not text.strip(BLANKS) or (text.lower() == "nan" and not as_names):
        found = repr(text) if text.strip(BLANKS) else "missing"
        raise GraphFormatError(f"{place}: vertex id is {found}; every edge needs two endpoints")
    if as_names:
        return text
    number = integer_id(text)
    if number is not None:
        return number
    if is_integer_id(text):
        bits = "53 bits, as a float has" if text.endswith(".0") else "64 bits"
        raise GraphFormatError(
            f"{place}: vertex id {echo(text)} does not fit into {bits}; renumber, or pass --relabel"
        )
    is_odd = bool(text.strip()) and is_number(text) and float(text).is_integer()
    spelling = " in its usual spelling" if is_odd else ""
    raise GraphFormatError(
        f"{place}: vertex id {echo(text)!r} is not an integer{spelling}; correct it, or pass "
        f"--relabel to take all ids as names"
    )


def _is_exact(text: str) -> bool:
    """Whether a text is not an integer that float64 would round."""
    if len(text) <= 15 or not SIGNED.fullmatch(text):
        return True
    return len(text) < 100 and int(float(text)) == int(text)


def typed(texts: list[str]) -> Column:
    """A column of integers, of floats or of truth values if all fields are such, else of texts.

    A column with missing fields or fractions stays texts if float64 would round an integer in it.
    """
    given = [text.strip(BLANKS) for text in texts if text.strip(BLANKS)]
    if not given:
        return texts
    if all(text in TRUE or text in FALSE for text in texts):
        return np.array([text in TRUE for text in texts])
    if not all(map(_DECIMAL.fullmatch, given)):
        return texts
    if all(map(SIGNED.fullmatch, given)):
        if not all(len(text) < 100 and int(text) in _INT64 for text in given):
            return texts
        if len(given) == len(texts):
            return np.array([int(text) for text in given], dtype=np.int64)
    if not all(map(_is_exact, given)):
        return texts
    return np.array([float(text) if text.strip(BLANKS) else np.nan for text in texts])
