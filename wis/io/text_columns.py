"""Parse the columns of an edge list with pyarrow, or line by line.

pyarrow parses a list if the result is the one that `scan` gives. The others go to `scan`, line by
line: lists with unusual quotes, with missing fields between blanks, or with an error, since it
names the line.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from wis.base.tables import (
    integer_id,
    integer_ids,
    is_integer_id,
    numbers_of_arrow,
    whole_numbers,
)
from wis.errors import GraphFormatError, echo
from wis.io.dialects import BLANKS, data_lines, split_line
from wis.io.headers import Column, Columns, TextLayout, is_number

_FIRST_LINE = re.compile(rb"(?:[ \t]*\n)*[^\n]*\n?")
_NOT_BLANK = re.compile(rb"\S")
_COMMENT = re.compile(rb"^[ \t]*[#%].*\n?", flags=re.M)
_QUOTE_BESIDE_BLANK = re.compile(rb'[ \t]"|"[ \t]')
_ODD = r"\A[+-]?0[0-9xX]"
_CHUNK = 1 << 17  # bytes examined at once, so that they and their masks fit into the CPU caches
_EXACT = 2**53
SIGNED = re.compile(r"[+-]?(?:0|[1-9][0-9]*)", flags=re.ASCII)
TRUE, FALSE = ["true", "True", "TRUE"], ["false", "False", "FALSE"]
_DECIMAL = re.compile(
    r"[+-]?(?:(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?|nan|inf(?:inity)?)",
    flags=re.ASCII | re.IGNORECASE,
)
_INT64 = range(-(2**63), 2**63)


def parse(text: bytes, layout: TextLayout, where: str, *, as_names: bool) -> Columns:
    """Read the columns of an edge list.

    Args:
        text: The list, in UTF-8.
        layout: The separator, the header and the columns.
        where: The file, for errors.
        as_names: Whether the endpoints are names; otherwise they are integers.

    Raises:
        GraphFormatError: A line has too many or too few columns, or an id that is missing or not an
            integer.
    """
    for body, separator, quoted in _bodies(text, layout):
        columns = _with_pyarrow(body, replace(layout, separator=separator), as_names, quoted)
        if columns is None or (quoted and columns.num_arcs != _num_lines(body)):
            continue
        if layout.separator != " " or not columns.has_gaps:
            return columns
    return scan(text, layout, where, as_names=as_names)


def _num_lines(body: memoryview) -> int:
    """Number of lines; it differs from the number of rows if a quote is not closed in its line."""
    body = body[:-1]
    starts = range(0, len(body), _CHUNK)
    return 1 + sum(bytes(body[start : start + _CHUNK]).count(b"\n") for start in starts)


def _bodies(text: bytes, layout: TextLayout) -> Iterator[tuple[memoryview, str, bool]]:
    """Yield texts for pyarrow to try: the lines with edges, the separator, whether quotes occur.

    A list with white space is tried as it is, and then with each run of white space as one blank.
    """
    if len(layout.separator) != 1:
        return
    text = without_comments(text)
    is_white = layout.separator == " "
    if not is_white or b"\t" not in text or b" " not in text:
        separator = "\t" if is_white and b"\t" in text else layout.separator
        yield from _body(text, layout, separator)
    if is_white:
        narrow = re.sub(rb"^ | $", b"", re.sub(rb"[ \t]+", b" ", text), flags=re.M)
        yield from _body(narrow, layout, " ")


def _body(text: bytes, layout: TextLayout, mark: str) -> Iterator[tuple[memoryview, str, bool]]:
    """The text after the header, unless it is empty or pyarrow would misread it."""
    header = _FIRST_LINE.match(text) if layout.header is not None else None
    start = header.end() if header else 0
    quoted = text.find(b'"', start) >= 0
    if text.startswith(codecs.BOM_UTF8, start):  # pyarrow would drop it
        return
    if quoted and (layout.separator == " " or _QUOTE_BESIDE_BLANK.search(text, start)):
        return
    if _NOT_BLANK.search(text, start):
        yield memoryview(text)[start:], mark, quoted


def without_comments(text: bytes) -> bytes:
    """The text without comments; those at its beginning are cut without searching the rest."""
    start = 0
    while (found := _COMMENT.match(text, start)) is not None:
        start = found.end()
    text = text[start:] if start else text
    if (b"#" in text or b"%" in text) and _COMMENT.search(text):
        return _COMMENT.sub(b"", text)
    return text


def has_odd_integers(body: bytes | memoryview, separator: str) -> bool:
    """Whether some field begins with a zero and another digit (``007``, ``0x1F``), or with ``-0``.

    pyarrow takes such fields for numbers, and `wis.base.tables` does not. The answer may be true
    for a text such as ``0:30``; the caller then checks each field. Cost: one pass over the bytes.
    """
    text = np.frombuffer(body, dtype=np.uint8)
    begins = np.zeros(256, dtype=bool)
    begins[[*b'\n \t"+-', ord(separator)]] = True
    return any(
        _is_odd(_with_context(text, start), ord(separator), begins)
        for start in range(0, text.size, _CHUNK)
    )


def _with_context(text: np.ndarray, start: int) -> np.ndarray:
    """A chunk with the two bytes before and the one after it; line ends replace missing bytes."""
    if start >= 2 and start + _CHUNK < text.size:
        return text[start - 2 : start + _CHUNK + 1]
    line_end = np.full(2, ord("\n"), dtype=np.uint8)
    before = text[start - 2 : start] if start >= 2 else line_end
    return np.concatenate((before, text[start : start + _CHUNK + 1], line_end))


def _is_odd(piece: np.ndarray, separator: int, begins: np.ndarray) -> bool:
    before, zero, after = piece[1:-2], piece[2:-1], piece[3:]
    # First a fast filter: a zero after a mark and not before a point. All marks except some
    # separators have smaller codes than the digits.
    odd = zero == ord("0")
    odd &= (
        before < ord("0") if separator < ord("0") else (before < ord("0")) | (before == separator)
    )
    odd &= after != ord(".")
    if not odd.any():
        return False
    # Then an exact check of the few zeros left: the sign or separator before, the digit after.
    places = np.flatnonzero(odd)
    last, behind = before[places], after[places]
    is_signed = (last == ord("+")) | (last == ord("-"))
    is_longer = (behind >= ord("0")) & (behind != separator) | (last == ord("-"))
    return bool((is_longer & begins[last] & (~is_signed | begins[piece[places]])).any())


def _with_pyarrow(
    body: memoryview, layout: TextLayout, as_names: bool, quoted: bool
) -> Columns | None:
    """The columns; None if pyarrow fails, or if blanks may stand inside quotes."""
    import pyarrow as pa

    is_odd = has_odd_integers(body, layout.separator)
    for kind in [pa.string()] if as_names or is_odd else [pa.int64(), pa.string()]:
        types = {str(end): kind for end in layout.endpoints}
        try:
            if kind == pa.int64() and not layout.attributes:
                return _pairs(body, layout, types)
            table = _arrow_table(body, layout, types)
            if is_odd:
                table = _arrow_table(body, layout, types | _spelt_oddly(body, layout, table, types))
        except pa.ArrowInvalid:
            continue
        ends = [_arrow_end(table.column(end), as_names, quoted) for end in layout.endpoints]
        columns = [_trimmed(table.column(column), quoted) for column in layout.attributes]
        if any(column is None for column in (*ends, *columns)):
            return None
        return Columns((ends[0], ends[1]), [_arrow_attribute(column) for column in columns])
    return None


def _arrow_table(body: memoryview, layout: TextLayout, types: dict[str, Any]) -> Any:
    """A table whose columns are int64, float64, bool or string; ArrowInvalid if it cannot be."""
    import pyarrow as pa

    table = _parsed(body, layout, types)
    texts = {
        name: pa.string()
        for name in table.column_names
        if name not in types and not _is_plain(table.column(name))
    }
    return _arrow_table(body, layout, types | texts) if texts else table


def _pairs(body: memoryview, layout: TextLayout, types: dict[str, Any]) -> Columns | None:
    """Two columns of integers, block by block: their table would take as much memory again."""
    from pyarrow import csv as arrow_csv

    ends, done = np.empty((2, _num_lines(body)), np.int64), 0
    for batch in arrow_csv.open_csv(*_csv(body, layout, types)):
        for end, position in zip(ends, layout.endpoints, strict=True):
            if batch.column(position).null_count:
                return None
            end[done : done + len(batch)] = numbers_of_arrow(batch.column(position))
        done += len(batch)
    return Columns((ends[0, :done], ends[1, :done]), [])


def _parsed(body: memoryview, layout: TextLayout, types: dict[str, Any]) -> Any:
    from pyarrow import csv as arrow_csv

    return arrow_csv.read_csv(*_csv(body, layout, types))


def _csv(body: memoryview, layout: TextLayout, types: dict[str, Any]) -> tuple[Any, ...]:
    """The arguments of pyarrow's readers."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    return (
        pa.BufferReader(body),
        arrow_csv.ReadOptions(column_names=[str(column) for column in range(layout.width)]),
        arrow_csv.ParseOptions(delimiter=layout.separator),
        arrow_csv.ConvertOptions(
            column_types=types, null_values=[""], true_values=TRUE, false_values=FALSE
        ),
    )


def _spelt_oddly(
    body: memoryview, layout: TextLayout, table: Any, types: dict[str, Any]
) -> dict[str, Any]:
    """The string type for each column of numbers that holds a field such as ``007``."""
    import pyarrow as pa
    from pyarrow import compute

    numbers = [
        name
        for name in table.column_names
        if name not in types and table.column(name).type in (pa.int64(), pa.float64())
    ]
    texts = _parsed(body, layout, types | dict.fromkeys(numbers, pa.string()))
    found = {name: compute.match_substring_regex(texts.column(name), _ODD) for name in numbers}
    return {name: pa.string() for name in numbers if compute.any(found[name]).as_py()}


def _is_plain(column: Any) -> bool:
    """Whether pyarrow found numbers, truth values or texts, and lost nothing of them."""
    import pyarrow as pa
    from pyarrow import compute

    if column.type == pa.bool_():
        return bool(column.null_count == 0)
    # Long integers are rounded among floats, and so are integers that become floats for gaps.
    if column.type == pa.float64() or (column.type == pa.int64() and column.null_count):
        extremes = compute.min_max(column)
        low, high = extremes["min"].as_py(), extremes["max"].as_py()
        return low is None or not (low <= -_EXACT or high >= _EXACT)
    return bool(column.type in (pa.int64(), pa.string()))


def _trimmed(column: Any, quoted: bool) -> Any:
    """A column of texts without blanks around them; None if the blanks may stand in quotes."""
    import pyarrow as pa
    from pyarrow import compute

    if column.type != pa.string():
        return column
    texts = compute.utf8_trim(column, BLANKS)
    if quoted and compute.any(compute.not_equal(texts, column)).as_py():
        return None
    return texts


def _arrow_end(column: Any, as_names: bool, quoted: bool) -> Any:
    """Integers or names; None if an id is missing, or if blanks may stand inside quotes."""
    import pyarrow as pa
    from pyarrow import compute

    if column.null_count:
        return None
    if column.type != pa.string():
        return whole_numbers(numbers_of_arrow(column))
    names = _trimmed(column, quoted)
    if names is None or compute.min_max(compute.binary_length(names))["min"].as_py() == 0:
        return None
    return names if as_names else integer_ids(names)


def _arrow_attribute(column: Any) -> Column:
    import pyarrow as pa

    return typed(column.to_pylist()) if column.type == pa.string() else numbers_of_arrow(column)


def scan(text: bytes, layout: TextLayout, where: str, *, as_names: bool) -> Columns:
    """`parse`, line by line."""
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
