"""Whether the first line names the columns, and which columns hold endpoints, weights and numbers.

**The header.** A line is a header if it names two endpoints (``source,target``, ``src,dst``,
``from,to``, ...), or if it differs in kind from all lines below it, such as a text over integers. A
line of texts over texts may be a header or an edge; so may single letters (``u,v``). Then the whole
file decides: a first line whose ids occur again below is an edge, unless its names are known ones.
If the ids do not occur again, the list is refused.

**The columns.** Options decide. Without options a header may name two endpoints. Otherwise the
first two columns are the endpoints, and a note reports this guess. The guess is refused where it
looks wrong: the second of three columns may be a relation, the first may count rows or hold times.

`TextLayout` holds what was found of a list, `Columns` the fields of these columns.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from wis.base.tables import TableOptions, integer_id, named_endpoints
from wis.errors import GraphFormatError, OptionError, echo

_MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "-", "?", "\\n"))
_BOOLEANS = frozenset(("true", "false"))
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?(?:[ T].*)?|\d\d?[./]\d\d?[./]\d{2,4}(?: .*)?")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")
_COUNTERS = ("", "unnamed: 0")  # pandas' index, without a name and read back as a column
_OTHER_COUNTERS = ("index", "id", "row", "rowid", "row_id", "rownames", "row_names", "no", "nr")
_TIMES = ((5 * 10**8, 5 * 10**9), (5 * 10**11, 5 * 10**12))  # seconds, milliseconds since 1970
_CLOCKS = frozenset(
    ("time", "date", "datetime", "timestamp", "ts", "day", "year", "created", "createdat")
)
_TITLES = frozenset(("label", "name", "title"))  # of a vertex
_WAY_OUT = "say which columns hold the endpoints with --source and --target"

Column = np.ndarray | list[str]


@dataclass(frozen=True)
class TextLayout:
    """The layout of an edge list.

    Attributes:
        ending: The ending of the file without that of a compressed one; ``-`` for a stream.
        separator: The mark between columns, a space for any white space.
        header: The names of the columns, None without a header.
        width: Number of columns.
        endpoints: Positions of the two endpoints.
        numbered: Whether the endpoints of the first edge are numbers; then all must be.
        weight: Position of the column that the option `weight` names, or None.
        index: Position of a column that seems to count the rows, or None.
        titles: Names for the attribute columns of a list without a header, None for defaults.
    """

    ending: str
    separator: str
    header: tuple[str, ...] | None = None
    width: int = 2
    endpoints: tuple[int, int] = (0, 1)
    numbered: bool = True
    weight: int | None = None
    index: int | None = None
    titles: tuple[str, ...] | None = None

    @property
    def attributes(self) -> list[int]:
        """Positions of the columns that are not endpoints."""
        return [column for column in range(self.width) if column not in self.endpoints]

    def column_names(self) -> list[str]:
        """A name for each attribute column; without a header ``weight``, or ``attr_1``, ..."""
        positions = self.attributes
        if self.header is not None:
            return [self.header[column] or f"column_{column + 1}" for column in positions]
        if self.titles is not None:
            return list(self.titles)
        if len(positions) == 1:
            return ["weight"]
        return [f"attr_{i}" for i in range(1, len(positions) + 1)]


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


class Kind(Enum):
    """Kinds of fields."""

    MISSING = "missing"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    TEXT = "text"


class Verdict(Enum):
    """What the first line of a list is."""

    HEADER = "header"
    EDGE = "edge"
    DOUBTFUL = "doubtful"


def kind_of(field: str) -> Kind:
    """The kind of one field."""
    text = field.strip().lower()
    if text in _MISSING:
        return Kind.MISSING
    if is_number(text) or _DECIMAL_COMMA.fullmatch(text):
        return Kind.NUMBER
    if text in _BOOLEANS:
        return Kind.BOOLEAN
    return Kind.DATE if _DATE.fullmatch(text) else Kind.TEXT


def kind_of_column(fields: Sequence[str]) -> Kind:
    """The kind that all non-missing fields of a column share; text if they differ."""
    kinds = {kind_of(field) for field in fields} - {Kind.MISSING}
    if not kinds:
        return Kind.MISSING
    return kinds.pop() if len(kinds) == 1 else Kind.TEXT


def verdict(first: Sequence[str], rows: Sequence[Sequence[str]]) -> Verdict:
    """Whether the first line names the columns; `rows` are the next lines, of the same width."""
    named = named_endpoints(first)
    ends = named or (0, 1)
    below = {row[end] for row in rows for end in ends}
    recurs = any(first[end] in below for end in ends)
    columns = [[row[place] for row in rows] for place in range(len(first))]
    differs = [_differs(name, column) for name, column in zip(first, columns, strict=True)]
    if named is not None:
        is_word = any(len(first[end]) > 1 for end in named)
        if not rows or any(differs) or (is_word and not recurs):
            return Verdict.HEADER
        return Verdict.DOUBTFUL if is_word or not recurs else Verdict.EDGE
    if any(kind_of(name) is Kind.NUMBER for name in first):
        odd = any(differs[:2]) and not recurs
        return Verdict.DOUBTFUL if odd else Verdict.EDGE
    if any(differs) and not recurs:
        return Verdict.HEADER
    return Verdict.EDGE if recurs else Verdict.DOUBTFUL


def _differs(name: str, column: Sequence[str]) -> bool:
    """Whether a text stands over a column of another kind."""
    if kind_of(name) is not Kind.TEXT:
        return False
    return kind_of_column(column) not in (Kind.TEXT, Kind.MISSING)


def is_number(text: str) -> bool:
    """Whether `float` accepts a field (a fraction or NaN, for example), or the field is blank."""
    try:
        float(text)
    except ValueError:
        return not text.strip()
    return True


@dataclass(frozen=True)
class Choice:
    """Positions of columns.

    Attributes:
        endpoints: The two endpoints.
        weight: The weights, if an option names them.
        index: A column that seems to count the rows.
        titles: Names for the other columns if the default names are wrong.
        notes: The guesses, one line of text each.
    """

    endpoints: tuple[int, int]
    weight: int | None = None
    index: int | None = None
    titles: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


def choose_columns(
    header: Sequence[str] | None,
    rows: Sequence[Sequence[str]],
    where: str,
    options: TableOptions,
    *,
    is_white: bool = False,
) -> Choice:
    """Choose the columns of the endpoints, the weights and the row numbers.

    Args:
        header: Names of the columns, None if they have none.
        rows: The first rows as texts.
        where: The file and the line, for errors.
        options: Options that replace guesses.
        is_white: Whether blanks separate the columns; a name with a blank then looks like two.

    Raises:
        GraphFormatError: It is unclear which columns hold the endpoints.
        OptionError: The table lacks a column that an option names.
    """
    width = len(header) if header is not None else len(rows[0]) if rows else 2
    rows = [row for row in rows if len(row) == width]
    weight = None if options.weight is None else options.position("weight", header, width, where)
    ends = _ends_of_options(header, width, where, options)
    index = None
    if header is not None and rows and header[0].strip().lower() in _COUNTERS:
        index = 0 if _counts([row[0] for row in rows]) else None
    notes: tuple[str, ...] = ()
    titles = None
    if ends is None and header is not None:
        ends = named_endpoints(header)
        if ends is None:
            ends = _first_two(header, rows, index, where)
            source, target = (repr(echo(header[end], 40)) for end in ends)
            notes = (
                f"took the columns {source} and {target} for the endpoints of the edges; --source "
                f"and --target name others, --no-header says that these are no names",
            )
    elif ends is None:
        ends = (0, 1)
        if width > 2:
            titles, notes = _without_names(rows, width, where, is_white)
            ends = (0, 2) if titles is not None else (0, 1)
    if weight in ends:
        raise OptionError(f"weight is {echo(options.weight)!r}, which {where} has for an endpoint")
    return Choice(ends, weight, None if index in (*ends, weight) else index, titles, notes)


def _ends_of_options(
    header: Sequence[str] | None, width: int, where: str, options: TableOptions
) -> tuple[int, int] | None:
    """The endpoints that options name, or None; in a table of two columns one name is enough."""
    given = {
        name: options.position(name, header, width, where)
        for name in ("source", "target")
        if getattr(options, name) is not None
    }
    if not given:
        return None
    if len(given) == 1:
        ((name, position),) = given.items()
        other = "target" if name == "source" else "source"
        if width != 2:
            raise OptionError(
                f"{name} is given and {other} is not; {where} has {width} columns, so give both"
            )
        given[other] = 1 - position
    if given["source"] == given["target"]:
        raise OptionError(f"source and target name the same column of {where}; give two")
    return given["source"], given["target"]


def _counts(fields: Sequence[str]) -> bool:
    """Whether a column is 0, 1, 2, ... or 1, 2, 3, ..."""
    values = [integer_id(field) for field in fields]
    start = values[0] if values else None
    return start in (0, 1) and values == list(range(start, start + len(values)))


def _first_two(
    header: Sequence[str], rows: Sequence[Sequence[str]], index: int | None, where: str
) -> tuple[int, int]:
    """The first two columns after one that counts the rows, unless they look like no endpoints."""
    name = header[0].strip().lower()
    if index is None and name in _COUNTERS:
        raise _unclear(where, "the first column has no name")
    if index is not None and len(header) < 3:
        raise GraphFormatError(
            f"{where}: the first column has no name and counts the rows, and one column is left; "
            f"expected two with the endpoints, or {_WAY_OUT}"
        )
    if index is not None:
        return 1, 2
    is_counter = name in _OTHER_COUNTERS and len(header) > 2
    if is_counter and rows and _counts([row[0] for row in rows]):
        text = f"the column {echo(header[0], 40)!r} counts the rows, so it may be no endpoint"
        raise _unclear(where, text)
    first, second = (re.sub("[^a-z]", "", name.lower()) for name in header[:2])
    for place, name in enumerate((first, second)):
        if name in _CLOCKS or kind_of_column([row[place] for row in rows]) is Kind.DATE:
            raise _unclear(where, f"the column {echo(header[place], 40)!r} seems to hold times")
    if first in ("id", "nodeid", "vertexid") and second in _TITLES:
        raise GraphFormatError(
            f"{where}: the columns {echo(header[0], 40)!r} and {echo(header[1], 40)!r} seem to be "
            f"of a table of vertices; expected a list of edges, or {_WAY_OUT}"
        )
    return 0, 1


def _unclear(where: str, reason: str) -> GraphFormatError:
    return GraphFormatError(f"{where}: {reason}; {_WAY_OUT}")


def _without_names(
    rows: Sequence[Sequence[str]], width: int, where: str, is_white: bool
) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Titles and notes of three or more columns without names; titles only for triples."""
    first, second, third = ([row[place] for row in rows] for place in range(3))
    kinds = kind_of_column(first), kind_of_column(second), kind_of_column(third)
    if Kind.DATE in kinds[:2] or _are_times(first, second, third):
        place = "second" if kinds[1] is Kind.DATE else "first"
        raise _unclear(where, f"the {place} column seems to hold times")
    if kinds[1] is Kind.TEXT and kinds[2] is kinds[0]:
        return _relation(first, second, third, width, where, is_white)
    others = "column 3" if width == 3 else f"columns 3 to {width}"
    note = (
        f"no header: took columns 1 and 2 for the endpoints of the edges, {others} for attributes; "
        f"--source, --target and --weight name others"
    )
    return None, (note,)


def _relation(
    first: list[str], second: list[str], third: list[str], width: int, where: str, is_white: bool
) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Titles and notes of an edge with a label, or of a triple (head, relation, tail)."""
    heads, middles, tails = set(first), set(second), set(third)
    is_edge = bool(heads & middles) and not tails & (heads | middles)
    if is_edge and kind_of_column(first) is Kind.TEXT:
        return None, (
            "no header: took columns 1 and 2 for the endpoints of the edges, which share ids, "
            "the others for attributes; --source and --target name others",
        )
    is_triple = bool(heads & tails) and not middles & (heads | tails)
    if is_triple and width == 3 and not is_white and kind_of_column(first) is Kind.TEXT:
        return ("type",), (
            "no header: took columns 1 and 3 for the endpoints of the edges, which share ids, and "
            "column 2 for their type; --source and --target name others",
        )
    hint = "; a name with blanks needs quotes" if is_white else ""
    raise GraphFormatError(
        f"{where}: {width} columns without names, and the second holds texts: it may be an "
        f"endpoint or a relation; {_WAY_OUT}, such as --source 1 --target 2 or --source 1 "
        f"--target 3{hint}"
    )


def _are_times(first: list[str], second: list[str], third: list[str]) -> bool:
    """Whether the first of three integer columns holds Unix times, larger than all ids."""
    columns = [[integer_id(field) for field in column] for column in (first, second, third)]
    if any(value is None for column in columns for value in column):
        return False
    low, *others = ([value for value in column if value is not None] for column in columns)
    return any(
        all(start <= value < end for value in low)
        and all(value < start for other in others for value in other)
        for start, end in _TIMES
    )
