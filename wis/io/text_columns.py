"""Columns from the text of an edge list.

Three parsers give the same columns. pyarrow's is the fastest, numpy's does for numbers where
pyarrow is not installed, and that of `wis.io.text_scan` reads line by line: it is exact, copes
with all that the other two do not, and finds the line that an error has to name. A fast parser that
stumbles gives way to it.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from wis.base.ids import integer_ids
from wis.io.text_layout import BLANKS, TextLayout, data_lines, split_line
from wis.io.text_scan import FALSE, SIGNED, TRUE, Column, Columns, scan, typed

_FIRST_LINE = re.compile(rb"(?:[ \t]*\n)*[^\n]*\n?")
_NOT_BLANK = re.compile(rb"\S")
_COMMENT = re.compile(rb"^[ \t]*[#%].*\n?", flags=re.M)
_ODD = r"\A[+-]?0[0-9xX]"
_CHUNK = 1 << 17  # bytes that are looked at in one go: they and their masks fit into the caches
_EXACT = 2**53


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
    quoted = b'"' in text
    for body, separator in _fast_bodies(text, layout, quoted):
        for parser in (_with_pyarrow, _with_numpy):
            columns = parser(body, replace(layout, separator=separator), as_names, quoted)
            if columns is None or (quoted and columns.num_arcs != _num_lines(body)):
                continue
            if layout.separator != " " or not columns.has_gaps:
                return columns
    return scan(text, layout, where, as_names=as_names)


def _num_lines(body: memoryview) -> int:
    """Number of lines; with it, a quote that is not closed shows, as does a blank line."""
    return int((np.frombuffer(body, np.uint8)[:-1] == ord("\n")).sum()) + 1


def _fast_bodies(text: bytes, layout: TextLayout, quoted: bool) -> Iterator[tuple[memoryview, str]]:
    """The lines with edges as a fast parser needs them, and what separates their fields.

    White space is first taken for a single blank or tab between columns. Where that fails, it is
    made so. Nothing comes of a list for which neither is easily done.
    """
    if len(layout.separator) != 1 or (quoted and _has_quotes_beside_blanks(text, layout)):
        return
    text = without_comments(text)
    if layout.separator != " ":
        yield from _body(text, layout, layout.separator)
    elif b"\t" not in text or b" " not in text:
        yield from _body(text, layout, " " if b"\t" not in text else "\t")
    if layout.separator == " ":
        narrow = re.sub(rb"^ | $", b"", re.sub(rb"[ \t]+", b" ", text), flags=re.M)
        yield from _body(narrow, layout, " ")


def _body(text: bytes, layout: TextLayout, separator: str) -> Iterator[tuple[memoryview, str]]:
    """The text behind the header, if there is any."""
    header = _FIRST_LINE.match(text) if layout.header is not None else None
    start = header.end() if header else 0
    if text.startswith(codecs.BOM_UTF8, start):  # which pyarrow would leave out
        return
    if _NOT_BLANK.search(text, start):
        yield memoryview(text)[start:], separator


def _has_quotes_beside_blanks(text: bytes, layout: TextLayout) -> bool:
    return layout.separator == " " or re.search(rb'[ \t]"|"[ \t]', text) is not None


def without_comments(text: bytes) -> bytes:
    """The text without comments; those at its beginning cost no look at the rest."""
    start = 0
    while (found := _COMMENT.match(text, start)) is not None:
        start = found.end()
    text = text[start:] if start else text
    if (b"#" in text or b"%" in text) and _COMMENT.search(text):
        return _COMMENT.sub(b"", text)
    return text


def has_odd_integers(body: bytes | memoryview, separator: str) -> bool:
    """Whether a field is written as fast parsers take for a number and `wis.base.ids` does not.

    That is a field which begins with a zero and another digit (``007``, ``0x1F``), or ``-0``. A
    text such as ``0:30`` counts as well; then the fields are looked at one by one.
    """
    text = np.frombuffer(body, dtype=np.uint8)
    begins = np.zeros(256, dtype=bool)
    begins[[*b'\n \t"+-', ord(separator)]] = True
    return any(
        _is_odd(_with_context(text, start), ord(separator), begins)
        for start in range(0, text.size, _CHUNK)
    )


def _with_context(text: np.ndarray, start: int) -> np.ndarray:
    """A piece of a text with two bytes before and one behind it; line ends beyond the text."""
    if start >= 2 and start + _CHUNK < text.size:
        return text[start - 2 : start + _CHUNK + 1]
    line_end = np.full(2, ord("\n"), dtype=np.uint8)
    before = text[start - 2 : start] if start >= 2 else line_end
    return np.concatenate((before, text[start : start + _CHUNK + 1], line_end))


def _is_odd(piece: np.ndarray, separator: int, begins: np.ndarray) -> bool:
    before, zero, after = piece[1:-2], piece[2:-1], piece[3:]
    odd = zero == ord("0")
    odd &= (
        before < ord("0") if separator < ord("0") else (before < ord("0")) | (before == separator)
    )
    odd &= after != ord(".")
    if not odd.any():
        return False
    places = np.flatnonzero(odd)
    last, behind = before[places], after[places]
    is_signed = (last == ord("+")) | (last == ord("-"))
    is_longer = (behind >= ord("0")) & (behind != separator) | (last == ord("-"))
    return bool((is_longer & begins[last] & (~is_signed | begins[piece[places]])).any())


def _with_pyarrow(
    body: memoryview, layout: TextLayout, as_names: bool, quoted: bool
) -> Columns | None:
    try:
        import pyarrow as pa
    except ImportError:
        return None
    is_odd = has_odd_integers(body, layout.separator)
    for kind in [pa.string()] if as_names or is_odd else [pa.int64(), pa.string()]:
        types = {str(end): kind for end in layout.endpoints}
        try:
            table = _arrow_table(body, layout, types)
            if is_odd:
                table = _arrow_table(body, layout, types | _spelt_oddly(body, layout, table, types))
        except pa.ArrowInvalid:
            continue
        return _from_arrow(table, layout, as_names=as_names, quoted=quoted)
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


def _parsed(body: memoryview, layout: TextLayout, types: dict[str, Any]) -> Any:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    names = [str(column) for column in range(layout.width)]
    convert = arrow_csv.ConvertOptions(
        column_types=types, null_values=[""], true_values=TRUE, false_values=FALSE
    )
    return arrow_csv.read_csv(
        pa.BufferReader(body),
        arrow_csv.ReadOptions(column_names=names),
        arrow_csv.ParseOptions(delimiter=layout.separator),
        convert,
    )


def _spelt_oddly(
    body: memoryview, layout: TextLayout, table: Any, types: dict[str, Any]
) -> dict[str, Any]:
    """Those columns of numbers that are texts, since they hold a ``007``."""
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

    if column.type == pa.bool_():
        return bool(column.null_count == 0)
    if column.type == pa.float64():  # long integers are among the floats, rounded
        return not (np.abs(column.drop_null().to_numpy()) >= _EXACT).any()
    if column.type == pa.int64() and column.null_count:  # gaps make floats of them
        values = column.drop_null().to_numpy()
        return not ((values >= _EXACT) | (values <= -_EXACT)).any()
    return bool(column.type in (pa.int64(), pa.string()))


def _from_arrow(table: Any, layout: TextLayout, *, as_names: bool, quoted: bool) -> Columns | None:
    ends = [_arrow_end(table.column(end), as_names, quoted) for end in layout.endpoints]
    if ends[0] is None or ends[1] is None:
        return None
    columns = [_trimmed(table.column(column), quoted) for column in layout.attributes]
    if any(column is None for column in columns):
        return None
    return Columns((ends[0], ends[1]), [_arrow_attribute(column) for column in columns])


def _trimmed(column: Any, quoted: bool) -> Any:
    """A column of texts without blanks around them; None where these may be in quotes."""
    import pyarrow as pa
    from pyarrow import compute

    if column.type != pa.string():
        return column
    texts = compute.utf8_trim(column, BLANKS)
    if quoted and compute.any(compute.not_equal(texts, column)).as_py():
        return None
    return texts


def _arrow_end(column: Any, as_names: bool, quoted: bool) -> Any:
    """Integers or names; None where an id is missing, or where it matters what is in quotes."""
    import pyarrow as pa
    from pyarrow import compute

    if column.null_count:
        return None
    if column.type != pa.string():
        return whole_numbers(column.to_numpy())
    names = _trimmed(column, quoted)
    if names is None or compute.any(compute.equal(names, "")).as_py():
        return None
    return names if as_names else integer_ids(names)


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
    if as_names or not _is_plain_text(body) or has_odd_integers(body, layout.separator):
        return None
    try:
        first = next(data_lines(bytes(body)))[1]
        kinds = [
            "i8" if SIGNED.fullmatch(item) else "f8" for item in split_line(first, layout.separator)
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
    if len(kinds) != layout.width or any(kinds[end] != "i8" for end in layout.endpoints):
        return None
    columns = [np.ascontiguousarray(table[f"c{i}"]) for i in range(layout.width)]
    ends = [whole_numbers(columns[end]) for end in layout.endpoints]
    if ends[0] is None or ends[1] is None or any(_may_be_inexact(column) for column in columns):
        return None
    return Columns((ends[0], ends[1]), [columns[column] for column in layout.attributes])


def _is_plain_text(body: memoryview) -> bool:
    """Whether no sign and no blank is there that numpy takes for a part of an integer."""
    text = np.frombuffer(body, np.uint8)
    is_blank = (text == ord("\n")) | (text == ord("\t"))
    return bool((((text >= ord(" ")) | is_blank) & (text < 127) & (text != ord("+"))).all())


def _may_be_inexact(values: np.ndarray) -> bool:
    """Whether floats could stand for long integers, or for integers and gaps."""
    if values.dtype.kind != "f":
        return False
    finite = values[np.isfinite(values)]
    return bool((finite == np.floor(finite)).all() or (np.abs(finite) >= _EXACT).any())
