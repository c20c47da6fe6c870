"""How an edge list is written down: separator, header, comments, which columns are the endpoints.

All of it is found out from the first lines:

- the separator is the first of comma, semicolon and tab (tab first in a ``.tsv``) that occurs
  outside quotes, else white space;
- lines that begin with ``#`` or ``%`` are comments, except in ``.csv`` and ``.tsv``;
- the first line is a header if it names two endpoints (``source,target``, ``src,dst``, ``from,to``,
  ``u,v``, ``node1,node2``, ``id_1,id_2``, ...), or if it holds no number and the second line does,
  in both of its first columns or in a later one. A header of other words over columns of words
  cannot be told from an edge, nor single letters over words;
- the endpoints are the first two columns unless a header names others.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wis.errors import GraphFormatError

SEPARATORS = {".csv": ",;\t", ".tsv": "\t,;"}
_GAP = re.compile("[ \t]+")
COMMENTS = ("#", "%")
_ENDPOINTS = (
    ("source", "target"), ("source", "destination"), ("src", "dst"), ("src", "dest"),
    ("src", "tgt"), ("from", "to"), ("1", "2"), ("start", "end"), ("head", "tail"),
    ("citing", "cited"), ("u", "v"), ("i", "j"),
)  # fmt: skip


@dataclass(frozen=True)
class TextLayout:
    """What the first lines of an edge list say about the others.

    Attributes:
        ending: The ending of the file without ``.gz``; ``-`` for a stream.
        separator: What stands between columns, a space for any white space.
        header: The names of the columns, None if there is no such line.
        width: Number of columns.
        endpoints: Positions of the two endpoints.
        numbered: Whether the first line's endpoints are numbers, so that all have to be.
    """

    ending: str
    separator: str
    header: tuple[str, ...] | None = None
    width: int = 2
    endpoints: tuple[int, int] = (0, 1)
    numbered: bool = True

    @property
    def has_comments(self) -> bool:
        """Whether a line that begins with ``#`` or ``%`` is a comment."""
        return self.ending not in SEPARATORS

    @property
    def attributes(self) -> list[int]:
        """Positions of the columns that are no endpoints."""
        return [column for column in range(self.width) if column not in self.endpoints]

    def column_names(self) -> list[str]:
        """A name for each attribute column; without a header ``weight``, or ``attr_1``, ..."""
        positions = self.attributes
        if self.header is not None:
            return [self.header[column] or f"column_{column + 1}" for column in positions]
        if len(positions) == 1:
            return ["weight"]
        return [f"attr_{i}" for i in range(1, len(positions) + 1)]


def data_lines(text: bytes, layout: TextLayout) -> Iterator[tuple[int, str]]:
    """The lines that hold edges or the header, with their numbers counted from 1."""
    start, number = 0, 0
    while start < len(text):
        end = text.find(b"\n", start)
        end = len(text) if end < 0 else end
        raw, start, number = text[start:end], end + 1, number + 1
        line = raw.decode()
        if raw.strip() and not (layout.has_comments and line.startswith(COMMENTS)):
            yield number, line


def split_line(line: str, separator: str) -> list[str]:
    """The fields of a line.

    Raises:
        csv.Error: A quote is not closed.
    """
    if '"' in line:
        reader = csv.reader(
            [line.strip(" ")], delimiter=separator, strict=True, skipinitialspace=True
        )
        return next(reader)
    return _GAP.split(line.strip(" \t")) if separator == " " else line.split(separator)


def sniff(text: bytes, ending: str, where: str) -> TextLayout:
    """Find out how an edge list is written down.

    Args:
        text: The list, in UTF-8.
        ending: The ending of its file.
        where: The file, for the error.

    Raises:
        GraphFormatError: The first line does not hold two columns.
    """
    lines = data_lines(text, TextLayout(ending, " "))
    first = next(lines, None)
    if first is None:
        return TextLayout(ending, SEPARATORS.get(ending, " ")[0])
    separator = _separator(first[1], ending)
    fields = _fields(first, separator, where)
    if len(fields) < 2:
        raise GraphFormatError(
            f"{where} line {first[0]}: one column ({fields[0][:40]!r}); expected the two "
            f"endpoints of an edge, separated by a comma, a semicolon, a tab or spaces"
        )
    second = next(lines, None)
    below = None if second is None else _fields(second, separator, where)
    header = tuple(fields) if is_header(fields, below) else None
    endpoints = named_endpoints(fields) if header else None
    endpoints = endpoints or (0, 1)
    sample = below if header else fields
    numbered = (
        sample is None
        or len(sample) <= max(endpoints)
        or all(is_number(sample[end]) for end in endpoints)
    )
    return TextLayout(ending, separator, header, len(fields), endpoints, numbered)


def _separator(line: str, ending: str) -> str:
    bare = re.sub(r'"[^"]*"', "", line)
    return next((mark for mark in SEPARATORS.get(ending, ",;\t") if mark in bare), " ")


def _fields(line: tuple[int, str], separator: str, where: str) -> list[str]:
    try:
        return [item.strip() for item in split_line(line[1], separator)]
    except csv.Error as error:
        raise GraphFormatError(f"{where} line {line[0]}: {error}") from None


def is_header(first: Sequence[str], second: Sequence[str] | None) -> bool:
    """Whether the first line names the columns; `second` is the next one, if there is one."""
    named = named_endpoints(first)
    if second is None or any(map(is_number, filter(None, first))):
        return named is not None
    numbers = [is_number(item) for item in second]
    if named is not None and any(len(first[end]) > 1 for end in named):
        return True
    return all(numbers[:2]) or any(numbers[2:])


def named_endpoints(header: Sequence[str]) -> tuple[int, int] | None:
    """Positions of the two columns whose names say that they are endpoints."""
    plain = [_plain(name) for name in header]
    for source, target in _ENDPOINTS:
        if source in plain and target in plain:
            return plain.index(source), plain.index(target)
    return None


def _plain(name: str) -> str:
    """``FromNodeId``, ``from_id`` and ``from`` are the same; a bare number is no name."""
    letters = re.sub(r"[^a-z0-9]", "", name.lower())
    if not re.search("[a-z]", letters):
        return ""
    return re.sub(r"node|vertex|id", "", letters)


def is_number(text: str) -> bool:
    """Whether a field is written as a number, be it negative, a fraction or NaN."""
    try:
        float(text)
    except ValueError:
        return not text.strip()
    return True


def ending_of(path: Path) -> str:
    """The ending in lower case, without ``.gz``."""
    if path.suffix.lower() == ".gz":
        path = path.with_suffix("")
    return path.suffix.lower() or path.name
