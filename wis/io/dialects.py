"""Find out how an edge list is written down, from its first few hundred lines.

All of these lines have to agree with the guess: a separator is one that cuts each of them into the
same number of fields. Where two guesses fit, the list is refused with the option that decides
(``delimiter``, ``header``, ``source`` and ``target``); where one fits that is not the plain one, a
note says what was taken for what.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from wis.base.table_options import GUESS, TableOptions
from wis.errors import GraphFormatError, OptionError, echo
from wis.io.column_choice import choose_columns
from wis.io.headers import Kind, Verdict, is_number, kind_of, named_endpoints, verdict
from wis.io.text_layout import SEPARATORS, TextLayout, data_lines, split_line

HEAD_LINES = 300
_MARKS = {",": "commas", ";": "semicolons", "\t": "tabs", " ": "blanks", "|": "bars"}
_DELIMITERS = {
    "comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|", "bar": "|",
    "space": " ", "blank": " ", "whitespace": " ",
}  # fmt: skip
_OTHER_FORMATS = {
    "%%matrixmarket": "mtx", "<?xml": "graphml or --format gexf", "<graphml": "graphml",
    "<gexf": "gexf", "graph [": "gml", "graph\n[": "gml", "*vertices": "net", "{": "json",
}  # fmt: skip
_FOREIGN_COMMENTS = ("//", "/*", "--", ";", "!")
_OF_EXCEL = re.compile(r'"?sep=(.)"?[ \t]*(?:\n|\Z)')
_IN_QUOTES = re.compile(r'"[^"]*"')

Line = tuple[int, str]
Rows = list[list[str]]


@dataclass(frozen=True)
class Dialect:
    """What was found out.

    Attributes:
        layout: How the list is written down.
        notes: What was guessed, for people.
        is_doubtful: Whether the first line, which was taken for an edge, may be a header.
        is_matrix: Whether it is an adjacency matrix with labels, and no list at all.
    """

    layout: TextLayout
    notes: tuple[str, ...] = ()
    is_doubtful: bool = False
    is_matrix: bool = False


def sniff(text: bytes, ending: str, where: str, options: TableOptions = GUESS) -> Dialect:
    """Find out how an edge list is written down.

    Args:
        text: The list, in UTF-8.
        ending: The ending of its file.
        where: The file, for the error.
        options: What the caller says about it.

    Raises:
        GraphFormatError: The first line does not hold two columns, or two guesses fit.
        OptionError: The list has no such column.
    """
    lines = list(islice(data_lines(text), HEAD_LINES))
    if not lines:
        return Dialect(TextLayout(ending, delimiter(options) or SEPARATORS.get(ending, " ")[0]))
    separator = delimiter(options) or _separator(lines, ending, where)
    rows = [_fields(line, separator, where) for line in lines]
    if len(rows[0]) < 2:
        raise GraphFormatError(
            f"{where} line {lines[0][0]}: one column ({echo(rows[0][0], 40)!r}); expected the two "
            f"endpoints of an edge, separated by a comma, a semicolon, a tab or spaces; "
            f"--delimiter names another separator"
        )
    layout = TextLayout(ending, separator)
    rows = _with_whole_header(rows)
    if options.header is None and rows[0][0].startswith(_FOREIGN_COMMENTS):
        raise GraphFormatError(
            f"{where} line {lines[0][0]}: {echo(lines[0][1], 40)!r} looks like a comment of "
            f"another kind; comments begin with # or %. Delete it, or pass --header or "
            f"--no-header if it is a row of the list"
        )
    if _is_matrix(rows, options):
        return Dialect(replace(layout, width=len(rows[0])), is_matrix=True)
    found = _is_header(rows, options)
    if found is Verdict.DOUBTFUL and not options.is_checked and _are_words(rows[0]):
        first, second = rows[0][:2]
        raise doubtful_header(first, second, where, "and other lines have these ids as well")
    header = tuple(rows[0]) if found is Verdict.HEADER else None
    below = rows[1:] if header else rows
    place = f"{where} line {lines[0][0]}"
    picked = choose_columns(header, below, place, options, is_white=separator == " ")
    width = len(rows[0])
    sample = next(iter(below), None)
    layout = replace(
        layout,
        header=header,
        width=width,
        endpoints=picked.endpoints,
        numbered=_is_numbered(sample, picked.endpoints),
        weight=picked.weight,
        index=picked.index,
        titles=picked.titles,
    )
    return Dialect(layout, picked.notes, is_doubtful=found is Verdict.DOUBTFUL)


def settle(text: bytes, ending: str, where: str, options: TableOptions = GUESS) -> Dialect:
    """`sniff` for who only has the beginning of a list; what that leaves open is refused.

    Raises:
        GraphFormatError: As `sniff`; or the first line may be a header, the list a matrix.
        OptionError: The list has no such column.
    """
    found = sniff(text, ending, where, options)
    if found.is_matrix:
        raise GraphFormatError(
            f"{where}: begins like an adjacency matrix; expected a list of edges"
        )
    if found.is_doubtful:
        rows = [split_line(line, found.layout.separator) for _, line in data_lines(text)]
        ends = [[row[end] for end in found.layout.endpoints if end < len(row)] for row in rows]
        below = {name for row in ends[1:] for name in row}
        if len(rows) > 1 and below.isdisjoint(ends[0]):
            raise doubtful_header(ends[0][0], ends[0][-1], where)
    return found


def _are_words(first: Sequence[str]) -> bool:
    """Whether two columns are called as endpoints are, by more than a letter."""
    named = named_endpoints(first)
    return named is not None and any(len(first[end]) > 1 for end in named)


def doubtful_header(
    first: str, second: str, where: str, reason: str = "since no other line has these ids"
) -> GraphFormatError:
    """The error for a first line that may be either."""
    return GraphFormatError(
        f"{where}: the first line ({echo(first, 40)!r}, {echo(second, 40)!r}) may name the columns "
        f"or be an edge, {reason}; pass --header or --no-header"
    )


def refuse_other_formats(text: bytes, where: str) -> None:
    """Raise `GraphFormatError` for a text that begins as files of another format do.

    A line for Excel (``sep=;``) is none of an edge list, whatever the columns are.
    """
    head = text[:64].decode(errors="replace").lstrip().lower()
    told = _OF_EXCEL.match(head)
    if told is not None:
        raise GraphFormatError(
            f"{where}: the first line tells Excel that {echo(told[1])!r} separates columns, and "
            f"is no row of the list; delete it, or save the file without it"
        )
    for mark, name in _OTHER_FORMATS.items():
        if head.startswith(mark):
            raise GraphFormatError(
                f"{where}: begins like a file of another format; pass --format {name}"
            )


def _is_numbered(sample: Sequence[str] | None, endpoints: tuple[int, int]) -> bool:
    if sample is None or len(sample) <= max(endpoints):
        return True
    return all(is_number(sample[end]) for end in endpoints)


def delimiter(options: TableOptions) -> str | None:
    """The separator that the caller names, None if he does not.

    Raises:
        OptionError: It cannot be one.
    """
    if options.delimiter is None:
        return None
    mark = _DELIMITERS.get(options.delimiter.strip().lower(), options.delimiter)
    if mark and not mark.strip(" \t"):
        mark = "\t" if mark == "\t" else " "
    if not mark or any(c.isalnum() or c in '"\r\n#%' for c in mark):
        raise OptionError(
            f"delimiter is {echo(options.delimiter)!r}; expected a mark such as ',' or ';', or "
            f"one of the words tab, space, comma, semicolon, pipe"
        )
    return mark


def _fields(line: Line, separator: str, where: str) -> list[str]:
    try:
        return split_line(line[1], separator)
    except csv.Error as error:
        raise GraphFormatError(f"{where} line {line[0]}: {error}") from None


def _separator(lines: Sequence[Line], ending: str, where: str) -> str:
    """The separator that cuts all lines alike, and leaves no other one in their first fields."""
    is_white = ending not in SEPARATORS
    marks = SEPARATORS.get(ending, ",;\t").replace("|", "")
    bare = [_IN_QUOTES.sub("", line) for _, line in lines[:2]]
    present = [mark for mark in marks if any(mark in line for line in bare)]
    if is_white or not present:
        present.append(" ")
    cut = {mark: rows for mark in present if (rows := _rows_alike(lines, mark)) is not None}
    if not cut and _rows_alike(lines, "|") is not None:
        return "|"
    if not cut:
        return next((mark for mark in present if mark in bare[0] and mark != "\t"), present[-1])
    if is_white and "\t" in cut and (" " not in cut or not _agree(cut["\t"], cut[" "])):
        return _tab_or_blank(cut, lines[0][0], where)
    cut.pop("\t" if is_white else "", None)
    others = [*present, " "] if is_white else present
    clean = [mark for mark in cut if not _holds(cut[mark], [m for m in others if m != mark])]
    if len(cut) == 1 or clean:
        return (clean or list(cut))[0]
    raise _several(list(cut), lines[0][0], where)


def _rows_alike(lines: Sequence[Line], mark: str) -> Rows | None:
    """The fields of all lines, None if these are not two or more and equally many everywhere."""
    try:
        rows = [split_line(line, mark) for _, line in lines]
    except csv.Error:
        return None
    width = len(rows[-1])
    is_first_shorter = len(rows) > 2 and 2 <= len(rows[0]) == width - 1
    if width < 2 or not (len(rows[0]) == width or is_first_shorter):
        return None
    return rows if all(len(row) == width for row in rows[1:]) else None


def _agree(one: Rows, other: Rows) -> bool:
    return one == other


def _tab_or_blank(cut: dict[str, Rows], number: int, where: str) -> str:
    """Between tabs stand names with blanks, or the blanks are separators as well."""
    if " " not in cut:
        return "\t"
    split = [field for row in cut["\t"] for field in row if " " in field]
    if all(is_number(part) for field in split for part in field.split()):
        return " "
    raise _several(["\t", " "], number, where)


def _holds(rows: Rows, marks: Sequence[str]) -> bool:
    return any(mark in field for row in rows for field in row[:2] for mark in marks)


def _several(marks: Sequence[str], number: int, where: str) -> GraphFormatError:
    names = [_MARKS[mark] for mark in marks]
    return GraphFormatError(
        f"{where} line {number}: its columns may be separated by {' or by '.join(names)}; say "
        f"which with --delimiter, such as --delimiter {_name(marks[0])}"
    )


def _name(mark: str) -> str:
    return next((name for name, held in _DELIMITERS.items() if held == mark), mark)


def _with_whole_header(rows: Rows) -> Rows:
    """A header that lacks a name, of the row names before it or of nothing behind it, gets one."""
    first = rows[0]
    alike = len(rows) > 1 and all(len(row) == len(first) + 1 for row in rows[1:])
    if not alike or any(kind_of(name) is Kind.NUMBER for name in first):
        return rows
    if all(not row[-1] for row in rows[1:]):
        return [[*first, ""], *rows[1:]]
    return [["", *first], *rows[1:]]


def _is_header(rows: Rows, options: TableOptions) -> Verdict:
    first = rows[0]
    if options.header is not None:
        return Verdict.HEADER if options.header else Verdict.EDGE
    said = [name for name in (options.source, options.target) if isinstance(name, str)]
    if said and any(name in first and not is_number(name) for name in said):
        return Verdict.HEADER
    below = [row for row in rows[1:] if len(row) == len(first)]
    found = verdict(first, below)
    if found is not Verdict.HEADER and _names_all_but_the_first(first, below):
        return Verdict.HEADER
    return found


def _names_all_but_the_first(first: Sequence[str], rows: Rows) -> bool:
    """Whether the first field alone is empty, as above row numbers: an edge has two endpoints."""
    return not first[0] and all(row[0] for row in rows) and bool(rows)


def _is_matrix(rows: Rows, options: TableOptions) -> bool:
    """Whether the first line repeats the first column, and all the rest are numbers.

    Labels have a corner without a number: `1 2 1`, `2 3 1`, `1 3 2` are three weighted edges.
    """
    labels, body = rows[0][1:], rows[1:]
    if kind_of(rows[0][0]) is Kind.NUMBER:
        return False
    is_said = options.source is not None or options.header is not None
    if is_said or len(labels) < 2 or not body or len(body) > len(labels):
        return False
    if len(set(labels)) < len(labels):
        return False
    if len(body) < min(len(labels), HEAD_LINES - 1) or named_endpoints(rows[0]) is not None:
        return False
    numbers = (Kind.NUMBER, Kind.MISSING)
    return all(
        len(row) == len(rows[0]) and row[0] == label and all(kind_of(x) in numbers for x in row[1:])
        for label, row in zip(labels, body, strict=False)
    )
