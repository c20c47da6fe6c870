"""The layout of an edge list: its lines, their fields, and the columns.

`wis.io.dialects` recognises a layout from the first lines of a file. These rules hold for all
lists:

- a line that begins with ``#`` or ``%``, possibly after blanks, is a comment; blank lines are
  skipped;
- in a list separated by white space, each run of blanks and tabs separates two fields;
- blanks around a field do not belong to it, unless they stand inside quotes.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SEPARATORS = {".csv": ",;\t|", ".tsv": "\t,;|"}
BLANKS = " \t"
COMMENTS = ("#", "%")
COMPRESSED = (".gz", ".bz2", ".xz")
_GAP = re.compile("[ \t]+")
_QUOTED = re.compile(r'[ \t]*"((?:[^"]|"")*)"[ \t]*')
_QUOTED_BESIDE_TABS = re.compile(r' *"((?:[^"]|"")*)" *')


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


def ending_of(path: Path) -> str:
    """The ending in lower case, without ``.gz``, ``.bz2`` or ``.xz``."""
    path = path.with_suffix("") if path.suffix.lower() in COMPRESSED else path
    return path.suffix.lower() or path.name
