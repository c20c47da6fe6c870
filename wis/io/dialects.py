"""The lines and fields of an edge list, and its layout from the first few hundred lines.

These rules hold for all lists:

- a line that begins with ``#`` or ``%``, possibly after blanks, is a comment; blank lines are
  skipped;
- in a list separated by white space, each run of blanks and tabs separates two fields;
- blanks around a field do not belong to it, unless they stand inside quotes.

A separator fits if it cuts each of these lines into the same number of fields. If two guesses fit,
the list is refused, and the error names the option that decides (``delimiter``, ``header``,
``source`` and ``target``). If only an unusual guess fits, a note reports it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from wis.base.tables import GUESS, TableOptions, named_endpoints
from wis.errors import GraphFormatError, OptionError, echo
from wis.io.headers import (
    Kind,
    TextLayout,
    Verdict,
    choose_columns,
    is_number,
    kind_of,
    verdict,
)

HEAD_LINES = 300
SEPARATORS = {".csv": ",;\t|", ".tsv": "\t,;|"}
BLANKS = " \t"
COMMENTS = ("#", "%")
_GAP = re.compile("[ \t]+")
_QUOTED = re.compile(r'[ \t]*"((?:[^"]|"")*)"[ \t]*')
_QUOTED_BESIDE_TABS = re.compile(r' *"((?:[^"]|"")*)" *')
_MARKS = {  # separator: its name in errors, then the words for it in the option `delimiter`
    ",": ("commas", "comma"),
    ";": ("semicolons", "semicolon"),
    "\t": ("tabs", "tab", "\\t"),
    "|": ("bars", "pipe", "bar"),
    " ": ("blanks", "space", "blank", "whitespace"),
}
_DELIMITERS = {word: mark for mark, (_, *words) in _MARKS.items() for word in words}
_OTHER_FORMATS = {
    "%%matrixmarket": "mtx", "<?xml": "graphml or --format gexf", "<graphml": "graphml",
    "<gexf": "gexf", "graph [": "gml", "graph\n[": "gml", "*vertices": "net", "{": "json",
}  # fmt: skip
_FOREIGN_COMMENTS = ("//", "/*", "--", ";", "!")
_OF_EXCEL = re.compile(r'"?sep=(.)"?[ \t]*(?:\n|\Z)')
_IN_QUOTES = re.compile(r'"[^"]*"')

Line = tuple[int, str]
Rows = list[list[str]]


def data_lines(text: bytes) -> Iterator[tuple[int, str]]:
    """The lines that hold edges or the header, with their numbers counted from 1."""
    start, number = 0, 0
    while start < len(text):
        end = text.find(b"\n", start)
        end = len(text) if end < 0 else end
        raw, start, number = text[start:end], end + 1, number + 1
        line = raw.decode()
        first = line.lstrip(BLANKS)[:1]
        if first and first not in COMMENTS:
            yield number, line


def split_line(line: str, separator: str) -> list[str]:
    """The fields of a line without the blanks around them; `csv.Error` for an open quote."""
    if '"' in line:
        return list(_with_quotes(line, separator))
    if separator == " ":
        return _GAP.split(line.strip(BLANKS))
    return [field.strip(BLANKS) for field in line.split(separator)]


def _with_quotes(line: str, separator: str) -> Iterator[str]:
    """The fields from left to right; a quote counts only at the beginning of a field."""
    white = separator == " "
    pattern = _QUOTED_BESIDE_TABS if "\t" in separator else _QUOTED
    position = len(line) - len(line.lstrip(BLANKS)) if white else 0
    end = len(line.rstrip(BLANKS)) if white else len(line)
    while True:
        quoted = pattern.match(line, position)
        stop = quoted.end() if quoted else _next(line, separator, position, end)
        if quoted is None and line[position:stop].lstrip(BLANKS).startswith('"'):
            raise csv.Error(
                "a quote is not closed in its line; close it, and take line breaks out of fields"
            )
        is_apart = line[stop - 1] in BLANKS if white else line.startswith(separator, stop)
        if quoted is not None and stop < end and not is_apart:
            raise csv.Error(f"'{separator}' expected after '\"'")
        yield quoted[1].replace('""', '"') if quoted else line[position:stop].strip(BLANKS)
        if stop >= end:
            return
        position = stop if white else stop + len(separator)


def _next(line: str, separator: str, position: int, end: int) -> int:
    """Position of the next separator; in white space, the position after it."""
    if separator != " ":
        found = line.find(separator, position)
        return found if found >= 0 else len(line)
    gap = _GAP.search(line, position, end)
    return gap.end() if gap else end


@dataclass(frozen=True)
class Dialect:
    """The result of `sniff`.

    Attributes:
        layout: The separator, the header and the columns.
        notes: The guesses, one line of text each.
        is_doubtful: Whether the first line was taken for an edge, but may be a header.
        is_matrix: Whether the text is an adjacency matrix with labels.
    """

    layout: TextLayout
    notes: tuple[str, ...] = ()
    is_doubtful: bool = False
    is_matrix: bool = False


def sniff(text: bytes, ending: str, where: str, options: TableOptions = GUESS) -> Dialect:
    """Recognise the layout of an edge list.

    Args:
        text: The list, or its beginning, in UTF-8.
        ending: The ending of its file.
        where: The file, for errors.
        options: Options that replace guesses.

    Raises:
        GraphFormatError: The first line has fewer than two columns, or two guesses fit.
        OptionError: The list lacks a column that an option names.
    """
    lines = list(islice(data_lines(text), HEAD_LINES))
    if not lines:
        return Dialect(TextLayout(ending, delimiter(options) or SEPARATORS.get(ending, " ")[0]))
    place = f"{where} line {lines[0][0]}"
    separator = delimiter(options) or _separator(lines, ending, place)
    rows = [_fields(line, separator, where) for line in lines]
    if len(rows[0]) < 2:
        raise GraphFormatError(
            f"{place}: one column ({echo(rows[0][0], 40)!r}); expected the two "
            f"endpoints of an edge, separated by a comma, a semicolon, a tab or spaces; "
            f"--delimiter names another separator"
        )
    rows = _with_whole_header(rows)
    if options.header is None and rows[0][0].startswith(_FOREIGN_COMMENTS):
        raise GraphFormatError(
            f"{place}: {echo(lines[0][1], 40)!r} looks like a comment of "
            f"another kind; comments begin with # or %. Delete it, or pass --header or "
            f"--no-header if it is a row of the list"
        )
    layout = TextLayout(ending, separator, width=len(rows[0]))
    if _is_matrix(rows, options):
        return Dialect(layout, is_matrix=True)
    found = _is_header(rows, options)
    if found is Verdict.DOUBTFUL and not options.is_checked and _are_words(rows[0]):
        first, second = rows[0][:2]
        raise doubtful_header(first, second, where, "and other lines have these ids as well")
    header = tuple(rows[0]) if found is Verdict.HEADER else None
    below = rows[1:] if header else rows
    picked = choose_columns(header, below, place, options, is_white=separator == " ")
    layout = replace(
        layout,
        header=header,
        endpoints=picked.endpoints,
        numbered=_is_numbered(below[0] if below else None, picked.endpoints),
        weight=picked.weight,
        index=picked.index,
        titles=picked.titles,
    )
    return Dialect(layout, picked.notes, is_doubtful=found is Verdict.DOUBTFUL)


def _are_words(first: Sequence[str]) -> bool:
    """Whether two columns have the names of endpoints, at least one longer than a letter."""
    named = named_endpoints(first)
    return named is not None and any(len(first[end]) > 1 for end in named)


def doubtful_header(
    first: str, second: str, where: str, reason: str = "since no other line has these ids"
) -> GraphFormatError:
    """The error for a first line that may be a header or an edge."""
    return GraphFormatError(
        f"{where}: the first line ({echo(first, 40)!r}, {echo(second, 40)!r}) may name the columns "
        f"or be an edge, {reason}; pass --header or --no-header"
    )


def refuse_other_formats(text: bytes, where: str) -> None:
    """Raise `GraphFormatError` if a text begins like another format, or with Excel's ``sep=;``."""
    head = text[:64].decode(errors="replace").lstrip().lower()
    excel = _OF_EXCEL.match(head)
    if excel is not None:
        raise GraphFormatError(
            f"{where}: the first line tells Excel that {echo(excel[1])!r} separates columns, and "
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
    """The separator that the option gives, or None; `OptionError` if it cannot be a separator."""
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


def _separator(lines: Sequence[Line], ending: str, place: str) -> str:
    """The separator that cuts all lines alike, with no other one in their first two fields."""
    is_white = ending not in SEPARATORS
    marks = SEPARATORS.get(ending, ",;\t").replace("|", "")
    bare = [_IN_QUOTES.sub("", line) for _, line in lines[:2]]
    present = [mark for mark in marks if any(mark in line for line in bare)]
    if is_white or not present:
        present.append(" ")
    # The separators that cut all lines into equally many fields; a bar only if no other does.
    cut = {mark: rows for mark in present if (rows := _rows_alike(lines, mark)) is not None}
    if not cut and _rows_alike(lines, "|") is not None:
        return "|"
    if not cut:
        return next((mark for mark in present if mark in bare[0] and mark != "\t"), present[-1])
    # In a list of white space a tab is like a blank, unless tabs separate names with blanks.
    if is_white and "\t" in cut and (" " not in cut or cut["\t"] != cut[" "]):
        return _tab_or_blank(cut, place)
    cut.pop("\t" if is_white else "", None)
    # Of several such separators, the one whose endpoints hold none of the others.
    others = [*present, " "] if is_white else present
    clean = [mark for mark in cut if not _holds(cut[mark], [m for m in others if m != mark])]
    if len(cut) == 1 or clean:
        return (clean or list(cut))[0]
    raise _several(list(cut), place)


def _rows_alike(lines: Sequence[Line], mark: str) -> Rows | None:
    """The fields of all lines; None unless all have equally many, at least two.

    The first line may have one field fewer: the header over a column of row names.
    """
    try:
        rows = [split_line(line, mark) for _, line in lines]
    except csv.Error:
        return None
    width = len(rows[-1])
    is_first_shorter = len(rows) > 2 and 2 <= len(rows[0]) == width - 1
    if width < 2 or not (len(rows[0]) == width or is_first_shorter):
        return None
    return rows if all(len(row) == width for row in rows[1:]) else None


def _tab_or_blank(cut: dict[str, Rows], place: str) -> str:
    """Choose the blank if each tab-separated field with blanks consists of numbers."""
    if " " not in cut:
        return "\t"
    split = [field for row in cut["\t"] for field in row if " " in field]
    if all(is_number(part) for field in split for part in field.split()):
        return " "
    raise _several(["\t", " "], place)


def _holds(rows: Rows, marks: Sequence[str]) -> bool:
    return any(mark in field for row in rows for field in row[:2] for mark in marks)


def _several(marks: Sequence[str], place: str) -> GraphFormatError:
    names = [_MARKS[mark][0] for mark in marks]
    return GraphFormatError(
        f"{place}: its columns may be separated by {' or by '.join(names)}; say "
        f"which with --delimiter, such as --delimiter {_MARKS[marks[0]][1]}"
    )


def _with_whole_header(rows: Rows) -> Rows:
    """Add an empty name to a header one field short: first for row names, last for a last mark."""
    first = rows[0]
    alike = len(rows) > 1 and all(len(row) == len(first) + 1 for row in rows[1:])
    if not alike or any(kind_of(name) is Kind.NUMBER for name in first):
        return rows
    is_last_empty = all(not row[-1] for row in rows[1:])
    return [[*first, ""] if is_last_empty else ["", *first], *rows[1:]]


def _is_header(rows: Rows, options: TableOptions) -> Verdict:
    first = rows[0]
    if options.header is not None:
        return Verdict.HEADER if options.header else Verdict.EDGE
    ends = [name for name in (options.source, options.target) if isinstance(name, str)]
    if any(name in first and not is_number(name) for name in ends):
        return Verdict.HEADER
    below = [row for row in rows[1:] if len(row) == len(first)]
    # An empty first field alone stands above row numbers: an edge has two endpoints.
    if not first[0] and below and all(row[0] for row in below):
        return Verdict.HEADER
    return verdict(first, below)


def _is_matrix(rows: Rows, options: TableOptions) -> bool:
    """Whether the first line repeats the first column, and all other fields are numbers.

    The corner must not be a number: `1 2 1`, `2 3 1`, `1 3 2` are three weighted edges.
    """
    labels, body = rows[0][1:], rows[1:]
    is_given = options.source is not None or options.header is not None
    if is_given or kind_of(rows[0][0]) is Kind.NUMBER or len(set(labels)) < len(labels):
        return False
    if len(labels) < 2 or not body or len(body) > len(labels):
        return False
    if len(body) < min(len(labels), HEAD_LINES - 1) or named_endpoints(rows[0]) is not None:
        return False
    numbers = (Kind.NUMBER, Kind.MISSING)
    return all(
        len(row) == len(rows[0]) and row[0] == label and all(kind_of(x) in numbers for x in row[1:])
        for label, row in zip(labels, body, strict=False)
    )
