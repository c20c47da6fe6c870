"""Which columns of a table hold the endpoints, the weights and the numbers of the rows.

Options decide; without them the header may name two endpoints; without such names the endpoints are
the first two columns, and a note says so. That guess is refused where it looks wrong: where the
middle one of three columns seems to be a relation, where the first counts the rows or holds times.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from wis.base.ids import integer_id
from wis.base.table_options import TableOptions
from wis.errors import GraphFormatError, OptionError, echo
from wis.io.headers import Kind, kind_of_column, named_endpoints

_COUNTERS = ("", "unnamed: 0")  # pandas' index, without a name and read back as a column
_OTHER_COUNTERS = ("index", "id", "row", "rowid", "row_id", "rownames", "row_names", "no", "nr")
_TIMES = ((5 * 10**8, 5 * 10**9), (5 * 10**11, 5 * 10**12))  # seconds, milliseconds since 1970
_CLOCKS = frozenset(
    ("time", "date", "datetime", "timestamp", "ts", "day", "year", "created", "createdat")
)
_TITLES = frozenset(("label", "name", "title"))  # of a vertex
_WAY_OUT = "say which columns hold the endpoints with --source and --target"


@dataclass(frozen=True)
class Choice:
    """Positions of columns.

    Attributes:
        endpoints: The two endpoints.
        weight: The weights, if an option names them.
        index: A column that seems to count the rows.
        titles: Names of the other columns where the usual ones are wrong.
        notes: What was guessed.
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
    """Choose the columns.

    Args:
        header: Names of the columns, None if they have none.
        rows: The first rows as texts.
        where: The file and the line, for errors.
        options: Options that replace guesses.
        is_white: Whether columns are separated by blanks, which may as well belong to names.

    Raises:
        GraphFormatError: It is unclear which columns hold the endpoints.
        OptionError: The table lacks a column that an option names.
    """
    width = len(header) if header is not None else len(rows[0]) if rows else 2
    rows = [row for row in rows if len(row) == width]
    weight = None
    if options.weight is not None:
        weight = options.position("weight", header, width, where)
    ends = _said(header, width, where, options)
    index = _counter(header, rows)
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


def _said(
    header: Sequence[str] | None, width: int, where: str, options: TableOptions
) -> tuple[int, int] | None:
    """The endpoints that options name; of two columns it is enough to name one."""
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


def _counter(header: Sequence[str] | None, rows: Sequence[Sequence[str]]) -> int | None:
    """Position of a first column that has no name and counts the rows."""
    if header is None or not rows or header[0].strip().lower() not in _COUNTERS:
        return None
    return 0 if _counts([row[0] for row in rows]) else None


def _counts(fields: Sequence[str]) -> bool:
    """Whether a column is 0, 1, 2, ... or 1, 2, 3, ..."""
    values = [integer_id(field) for field in fields]
    start = values[0] if values else None
    return start in (0, 1) and values == list(range(start, start + len(values)))


def _first_two(
    header: Sequence[str], rows: Sequence[Sequence[str]], index: int | None, where: str
) -> tuple[int, int]:
    """The first two columns, behind the one that counts the rows."""
    name = header[0].strip().lower()
    if index is None and name in _COUNTERS:
        raise GraphFormatError(f"{where}: the first column has no name; {_WAY_OUT}")
    if index is not None and len(header) < 3:
        raise GraphFormatError(
            f"{where}: the first column has no name and counts the rows, and one column is left; "
            f"expected two with the endpoints, or {_WAY_OUT}"
        )
    if index is not None:
        return 1, 2
    is_counter = name in _OTHER_COUNTERS and len(header) > 2
    if is_counter and rows and _counts([row[0] for row in rows]):
        raise GraphFormatError(
            f"{where}: the column {echo(header[0], 40)!r} counts the rows, so it may be no "
            f"endpoint; {_WAY_OUT}"
        )
    _refuse_other_tables(header, rows, where)
    return 0, 1


def _refuse_other_tables(header: Sequence[str], rows: Sequence[Sequence[str]], where: str) -> None:
    """Raise `GraphFormatError` if the first two columns hold times, or vertices and names."""
    first, second = (re.sub("[^a-z]", "", name.lower()) for name in header[:2])
    for place, name in enumerate((first, second)):
        if name in _CLOCKS or kind_of_column([row[place] for row in rows]) is Kind.DATE:
            raise GraphFormatError(
                f"{where}: the column {echo(header[place], 40)!r} seems to hold times; {_WAY_OUT}"
            )
    if first in ("id", "nodeid", "vertexid") and second in _TITLES:
        raise GraphFormatError(
            f"{where}: the columns {echo(header[0], 40)!r} and {echo(header[1], 40)!r} seem to be "
            f"of a table of vertices; expected a list of edges, or {_WAY_OUT}"
        )


def _without_names(
    rows: Sequence[Sequence[str]], width: int, where: str, is_white: bool
) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Titles and notes of three and more columns without names; titles only for triples."""
    first, second, third = ([row[place] for row in rows] for place in range(3))
    kinds = kind_of_column(first), kind_of_column(second), kind_of_column(third)
    if Kind.DATE in kinds[:2] or _are_times(first, second, third):
        place = "second" if kinds[1] is Kind.DATE else "first"
        raise GraphFormatError(f"{where}: the {place} column seems to hold times; {_WAY_OUT}")
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
    """Three columns of texts: an edge with a label, or a triple with a relation in its middle."""
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
    columns = [[integer_id(field) for field in column] for column in (first, second, third)]
    if any(value is None for column in columns for value in column):
        return False
    low, *others = ([value for value in column if value is not None] for column in columns)
    return any(
        all(start <= value < end for value in low)
        and all(value < start for other in others for value in other)
        for start, end in _TIMES
    )
