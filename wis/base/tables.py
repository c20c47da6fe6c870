"""Tables of edges: the options that say how to read one, and the integer ids in its columns.

An id is a text, or an integer in its canonical spelling. Python's `int` and `float`, numpy and
pyarrow accept more: ``1_0``, ``007``, ``+5``, ``1e3``, ``0x1F``, ``-0``, a number between blanks,
digits of other scripts. Two ids that differ in spelling only are two vertices, and an id keeps its
spelling. So all readers use these rules:

- an integer is ``0``, or digits that do not begin with 0, perhaps behind a minus;
- ``3.0`` is 3, since programs write integers in this way if their column once had a gap. Exactly
  one zero must follow the point, and the number must be below 2^53, where floats are exact;
- if any id of a file is spelt otherwise, then all its ids are texts, or the file is refused.

Blanks around a field of a text file do not belong to the field; `wis.io.dialects` removes them.
In a column of a Parquet table they belong to the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wis.errors import OptionError, echo

Column = str | int
_ENDPOINTS = (
    ("source", "target"), ("source", "destination"), ("source", "dest"), ("src", "dst"),
    ("src", "dest"), ("src", "tgt"), ("src", "target"), ("from", "to"), ("1", "2"),
    ("start", "end"), ("head", "tail"), ("citing", "cited"), ("subject", "object"),
    ("follower", "followee"), ("follower", "followed"), ("sender", "receiver"),
    ("sender", "recipient"), ("caller", "callee"), ("origin", "destination"), ("parent", "child"),
    ("u", "v"), ("i", "j"),
)  # fmt: skip
_INTEGER = r"(?:0|-?[1-9][0-9]*)(?:\.0)?"
_PATTERN = re.compile(_INTEGER, flags=re.ASCII)
_LONGEST = 20  # characters of an integer of 64 bits
_EXACT = 2**53
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True)
class TableOptions:
    """How to read a table of edges; the reader guesses each option that is None.

    Attributes:
        source: The column of the first endpoint: its name, or its number counted from 1. If a name
            is a number, the name counts.
        target: The column of the second endpoint.
        weight: The column of the weights, which become `edge_weight`.
        header: Whether the first line names the columns.
        delimiter: The mark between columns, or a word for it such as ``tab``.
        bipartite: Whether the two endpoints are of two kinds, each with ids of its own.
        is_checked: Whether the caller looks each edge up in a graph; a doubtful first line is then
            read as an edge, since the caller finds out if it is a header.
    """

    source: Column | None = None
    target: Column | None = None
    weight: Column | None = None
    header: bool | None = None
    delimiter: str | None = None
    bipartite: bool | None = None
    is_checked: bool = False

    def given(self) -> list[str]:
        """Names of the options that were given."""
        names = [field.name for field in fields(self) if field.name != "is_checked"]
        return [name for name in names if getattr(self, name) is not None]

    def position(self, option: str, header: Sequence[str] | None, width: int, where: str) -> int:
        """Position of the column that an option names; `OptionError` if there is none."""
        wanted = getattr(self, option)
        names = list(header or ())
        if isinstance(wanted, str) and names.count(wanted) == 1:
            return names.index(wanted)
        number = _number(wanted)
        if number is not None and 1 <= number <= width and wanted not in names:
            return number - 1
        known = ", ".join(echo(name, 40) for name in names if name)
        there_are = f"columns {known}" if known else f"{width} columns without names"
        expected = f"a number from 1 to {width}" + (", or a name" if known else "")
        raise OptionError(
            f"{option} is {echo(wanted)!r}, but {where} has {echo(there_are, 400)}; expected "
            f"{expected}"
        )


GUESS = TableOptions()


def _number(wanted: Column) -> int | None:
    if isinstance(wanted, bool):
        return None
    if isinstance(wanted, int):
        return wanted
    is_short = wanted.isascii() and wanted.isdigit() and len(wanted) < 10
    return int(wanted) if is_short else None


def named_endpoints(header: Sequence[str]) -> tuple[int, int] | None:
    """Positions of the two columns with the names of endpoints, None if there are none."""
    plain = [_plain(name) for name in header]
    for source, target in _ENDPOINTS:
        if source in plain and target in plain:
            return plain.index(source), plain.index(target)
    return None


def _plain(name: str) -> str:
    """A name in the spelling of `_ENDPOINTS`: ``from`` for ``FromNodeId``; empty for a number."""
    letters = re.sub(r"[^a-z0-9]", "", name.lower())
    if not re.search("[a-z]", letters):
        return ""
    return re.sub(r"node|vertex|id", "", letters)


def is_integer_id(text: str) -> bool:
    """Whether a text is an integer in its canonical spelling, of any size.

    >>> [text for text in ("7", "-7", "7.0", "007", "+7", "7e0", " 7") if is_integer_id(text)]
    ['7', '-7', '7.0']
    """
    return _PATTERN.fullmatch(text) is not None


def integer_id(text: str) -> int | None:
    """The integer that a text spells; None for other texts and beyond 64 bits.

    >>> integer_id("12.0"), integer_id("012"), integer_id("9" * 30)
    (12, None, None)
    """
    if _PATTERN.fullmatch(text) is None:
        return None
    digits = text.removesuffix(".0")
    if len(digits) > _LONGEST:
        return None
    value = int(digits)
    if value not in _INT64 or (len(digits) < len(text) and abs(value) >= _EXACT):
        return None
    return value


def integer_ids(texts: Any) -> NDArray[np.int64] | None:
    """The integers that a column of texts holds.

    Args:
        texts: Strings as a pyarrow array, chunked or not, a numpy array or a sequence.

    Returns:
        int64 array; None if any text is missing, not an integer id, or does not fit into 64 bits.

    Cost: one regular expression over the column, by pyarrow if the column is of pyarrow.
    """
    if hasattr(texts, "null_count"):
        return _integers_of_arrow(texts)
    listed = texts.tolist() if isinstance(texts, np.ndarray) else texts
    values = [integer_id(text) if isinstance(text, str) else None for text in listed]
    return None if None in values else np.array(values, dtype=np.int64)


def _integers_of_arrow(texts: Any) -> NDArray[np.int64] | None:
    import pyarrow as pa
    from pyarrow import compute

    if texts.null_count:
        return None
    if pa.types.is_dictionary(texts.type):
        texts = texts.cast(texts.type.value_type)
    if not len(texts):
        return np.zeros(0, dtype=np.int64)
    if not compute.all(compute.match_substring_regex(texts, rf"\A{_INTEGER}\z")).as_py():
        return None
    whole = compute.ends_with(texts, ".0")
    any_floats = compute.any(whole).as_py()
    if any_floats:
        texts = compute.replace_substring_regex(texts, r"\.0\z", "")
    try:
        values: NDArray[np.int64] = numbers_of_arrow(texts.cast(pa.int64()))
    except pa.ArrowInvalid:  # one has more than 64 bits
        return None
    if any_floats:
        in_range = (values < _EXACT) & (values > -_EXACT)
        if not (in_range | ~numbers_of_arrow(whole)).all():
            return None
    return values


def numbers_of_arrow(column: Any) -> NDArray[Any]:
    """A copy of a column of numbers or truth values of pyarrow, chunked or not; gaps become NaN.

    pyarrow's own `to_numpy` imports pandas, which takes half a second, as do its scalars.
    """
    import pyarrow as pa

    is_bool = column.type == pa.bool_()
    column = column.cast(pa.uint8()) if is_bool else column
    gaps = numbers_of_arrow(column.is_null()) if column.null_count else None
    column = column if gaps is None else column.cast(pa.float64())
    kind = np.dtype(np.bool_ if is_bool else column.type.to_pandas_dtype())
    chunks = [part for part in getattr(column, "chunks", [column]) if len(part)]
    parts = [
        np.frombuffer(part.buffers()[1], kind, len(part), part.offset * kind.itemsize)
        for part in chunks
    ]
    values: NDArray[Any] = np.concatenate([np.empty(0, kind), *parts])
    if gaps is not None:
        values[gaps] = np.nan
    return values


def whole_numbers(values: NDArray[Any]) -> NDArray[np.int64] | None:
    """int64 from integers below 2^63 or from whole floats below 2^53; None for other values."""
    if values.dtype == np.uint64 and values.size and values.max() > np.iinfo(np.int64).max:
        return None
    if values.dtype.kind in "iu":
        return values.astype(np.int64, copy=False)
    if values.dtype.kind != "f" or not (np.abs(values) < _EXACT).all():
        return None
    return values.astype(np.int64) if (values == np.floor(values)).all() else None
