"""Columns from the text of an edge list.

Three parsers give the same columns. pyarrow's is the fastest, numpy's does for numbers where
pyarrow is not installed, and the one written here reads line by line: it is exact, copes with all
that the other two do not, and finds the line that an error has to name. A fast parser that stumbles
gives way to it.
"""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wis.errors import GraphFormatError
from wis.io.text_layout import COMMENTS, TextLayout, data_lines, split_line

Column = np.ndarray | list[str]
_SIGNED = re.compile(r"[+-]?[0-9]+")
_FIRST_LINE = re.compile(rb"(?:[ \t]*\n)*[^\n]*\n?")
_NOT_BLANK = re.compile(rb"\S")
_COMMENT_BYTES = [mark.encode() for mark in COMMENTS]
_EXACT = 2**53
_INT64 = range(-(2**63), 2**63)
_TRUE, _FALSE = ["true", "True", "TRUE"], ["false", "False", "FALSE"]


@dataclass(frozen=True)
class Columns:
    """What an edge list holds.

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


def parse(text: bytes, layout: TextLayout, where: str, *, as_names: bool) -> Columns:
    """Read the columns of an edge list.

    Args:
        text: The list, in UTF-8.
        layout: How it is written down.
        where: The file, for errors.
        as_names: Whether the endpoints are names; otherwise they are integers.

    Raises:
        GraphFormatError: A line is malformed: too many or too few columns, an id that is missing or
            no integer.
    """
    body = _fast_body(text, layout)
    quoted = b'"' in text
    for parser in (_with_pyarrow, _with_numpy):
        columns = None if body is None else parser(body, layout, as_names, quoted)
        if columns is not None and (not quoted or columns.num_arcs == _num_lines(body)):
            return columns
    return scan(text, layout, where, as_names=as_names)


def _num_lines(body: memoryview | None) -> int:
    """Number of lines; with it, a quote that is not closed shows, as does a blank line."""
    return int((np.frombuffer(body or b"", np.uint8)[:-1] == ord("\n")).sum()) + 1


def _fast_body(text: bytes, layout: TextLayout) -> memoryview | None:
    """The lines with edges as a fast parser needs them, None if that is not easily done."""
    if layout.has_comments and any(
        text.startswith(mark) or b"\n" + mark in text for mark in _COMMENT_BYTES
    ):
        text = re.sub(rb"^[#%].*\n?", b"", text, flags=re.M)
    if b'"' in text and (layout.separator == " " or b' "' in text):
        return None
    if layout.separator == " " and _has_wide_gaps(text):
        text = re.sub(rb"^ | $", b"", re.sub(rb"[ \t]+", b" ", text), flags=re.M)
    header = _FIRST_LINE.match(text) if layout.header is not None else None
    start = header.end() if header else 0
    return memoryview(text)[start:] if _NOT_BLANK.search(text, start) else None


def _has_wide_gaps(text: bytes) -> bool:
    """Whether columns are separated by more than one space each, or lines begin or end with one."""
    marks = (b"  ", b"\t", b"\n ", b" \n")
    return text[:1] == b" " or text[-1:] == b" " or any(mark in text for mark in marks)


def _with_pyarrow(
    body: memoryview, layout: TextLayout, as_names: bool, quoted: bool
) -> Columns | None:
    try:
        import pyarrow as pa
    except ImportError:
        return None
    for kind in [pa.string()] if as_names else [pa.int64(), pa.float64()]:
        types = {str(end): kind for end in layout.endpoints}
        try:
            table = _arrow_table(body, layout, types)
        except pa.ArrowInvalid:
            continue
        return _from_arrow(table, layout, stripped=not quoted)
    return None


def _arrow_table(body: memoryview, layout: TextLayout, types: dict[str, Any]) -> Any:
    """A table whose columns are int64, float64, bool or string; ArrowInvalid if it cannot be."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    names = [str(column) for column in range(layout.width)]
    convert = arrow_csv.ConvertOptions(
        column_types=types, null_values=[""], true_values=_TRUE, false_values=_FALSE
    )
    table = arrow_csv.read_csv(
        pa.BufferReader(body),
        arrow_csv.ReadOptions(column_names=names),
        arrow_csv.ParseOptions(delimiter=layout.separator),
        convert,
    )
    texts = {
        name: pa.string()
        for name in names
        if name not in types and not _is_plain(table.column(name))
    }
    return _arrow_table(body, layout, types | texts) if texts else table


def _is_plain(column: Any) -> bool:
    """Whether pyarrow found numbers, truth values or texts, and lost nothing of them."""
    import pyarrow as pa

    if column.type == pa.bool_():
        return bool(column.null_count == 0)
    if column.type == pa.float64():  # long integers are among the floats, rounded
        values = np.abs(column.drop_null().to_numpy())
        return bool((values < _EXACT).all() or np.isnan(values).any())
    return bool(column.type in (pa.int64(), pa.string()))


def _from_arrow(table: Any, layout: TextLayout, *, stripped: bool) -> Columns | None:
    ends = [_arrow_end(table.column(end), stripped) for end in layout.endpoints]
    if ends[0] is None or ends[1] is None:
        return None
    attributes = [_arrow_attribute(table.column(column)) for column in layout.attributes]
    return Columns((ends[0], ends[1]), attributes)


def _arrow_end(column: Any, stripped: bool) -> Any:
    import pyarrow as pa
    from pyarrow import compute

    if column.null_count:
        return None
    if column.type == pa.string():
        names = compute.utf8_trim_whitespace(column) if stripped else column
        return None if compute.any(compute.equal(names, "")).as_py() else names
    return whole_numbers(column.to_numpy())


def _arrow_attribute(column: Any) -> Column:
    import pyarrow as pa

    if column.type == pa.string():
        return typed(column.to_pylist())
    if column.null_count:
        column = column.cast(pa.float64())
    values: np.ndarray = column.to_numpy()
    return values


def whole_numbers(values: np.ndarray) -> np.ndarray | None:
    """int64 from integers below 2^63, or from floats that are all whole; None if they are not."""
    if values.dtype == np.uint64 and values.size and values.max() > np.iinfo(np.int64).max:
        return None
    if values.dtype.kind in "iu":
        return values.astype(np.int64, copy=False)
    if values.dtype.kind != "f" or not (np.abs(values) < _EXACT).all():
        return None
    return values.astype(np.int64) if (values == np.floor(values)).all() else None


def _with_numpy(
    body: memoryview, layout: TextLayout, as_names: bool, quoted: bool
) -> Columns | None:
    """Numbers only; None for anything else. Quotes make no difference."""
    if as_names:
        return None
    try:
        first = next(data_lines(bytes(body[: 1 << 16]), layout))[1]
        kinds = [
            "i8" if _SIGNED.fullmatch(item.strip()) else "f8"
            for item in split_line(first, layout.separator)
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            table = np.loadtxt(
                io.BytesIO(body),
                dtype=[(f"c{i}", kind) for i, kind in enumerate(kinds)],
                delimiter=layout.separator,
                comments=None,
                quotechar='"',
                ndmin=1,
                encoding="utf-8",
            )
    except (ValueError, DeprecationWarning, csv.Error):
        return None
    if len(kinds) != layout.width:
        return None
    columns = [np.ascontiguousarray(table[f"c{i}"]) for i in range(layout.width)]
    ends = [whole_numbers(columns[end]) for end in layout.endpoints]
    if ends[0] is None or ends[1] is None or any(_may_be_inexact(column) for column in columns):
        return None
    return Columns((ends[0], ends[1]), [columns[column] for column in layout.attributes])


def _may_be_inexact(values: np.ndarray) -> bool:
    """Whether floats could stand for long integers, or for integers and gaps."""
    if values.dtype.kind != "f":
        return False
    finite = values[np.isfinite(values)]
    return bool((finite == np.floor(finite)).all())


def scan(text: bytes, layout: TextLayout, where: str, *, as_names: bool) -> Columns:
    """`parse`, line by line."""
    lines = data_lines(text, layout)
    if layout.header is not None:
        next(lines)
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
    return Columns((int64(ends[0]), int64(ends[1])), attributes)


def _checked_fields(line: str, layout: TextLayout, place: str) -> list[str]:
    try:
        fields = split_line(line, layout.separator)
    except csv.Error as error:
        raise GraphFormatError(f"{place}: {error}") from None
    if len(fields) != layout.width:
        raise GraphFormatError(
            f"{place}: {len(fields)} columns; expected {layout.width}, as in the first line"
        )
    return fields


def checked_id(text: str, place: str, *, as_names: bool) -> int | str:
    """A vertex id from its field.

    An integer may be written as ``3.0``, as programs do whose columns once held a gap.

    Raises:
        GraphFormatError: It is missing, or no integer where `as_names` is false.
    """
    text = text.strip()
    if not text or (text.lower() == "nan" and not as_names):
        found = repr(text) if text else "missing"
        raise GraphFormatError(f"{place}: vertex id is {found}; every edge needs two endpoints")
    if as_names:
        return text
    number = _whole_number(text)
    if number is None:
        raise GraphFormatError(
            f"{place}: vertex id {text!r} is not an integer; correct it, or pass --relabel "
            f"to take all ids as names"
        )
    if number not in _INT64:
        raise GraphFormatError(
            f"{place}: vertex id {text} does not fit into 64 bits; renumber, or pass --relabel"
        )
    return number


def _whole_number(text: str) -> int | None:
    if _SIGNED.fullmatch(text):
        return int(text) if len(text) < 100 else 10**99
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if value.is_integer() and abs(value) < _EXACT else None


def int64(values: Sequence[int]) -> np.ndarray:
    """Integers as an array."""
    return np.array(values, dtype=np.int64)


def typed(texts: list[str]) -> Column:
    """A column of integers, numbers or truth values if all its fields are such, else of texts."""
    given = [text for text in texts if text.strip()]
    if not given or any("_" in text for text in given):
        return texts
    if all(text in _TRUE or text in _FALSE for text in texts):
        return np.array([text in _TRUE for text in texts])
    if all(_SIGNED.fullmatch(text.strip()) for text in given):
        if not all(len(text) < 100 and int(text) in _INT64 for text in given):
            return texts
        if len(given) == len(texts):
            return int64([int(text) for text in texts])
    try:
        return np.array([float(text) if text.strip() else np.nan for text in texts])
    except ValueError:
        return texts
