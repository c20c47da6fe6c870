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
import io
import os
import re
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from wis.base.source import STANDARD, shown, unpacked
from wis.base.tables import GUESS, TableOptions
from wis.errors import GraphFileError, GraphFormatError

Column = np.ndarray | list[str]
SEPARATORS = {".csv": ",;\t|", ".tsv": "\t,;|"}
BLANKS = " \t"
COMMENTS = ("#", "%")
COMPRESSED = (".gz", ".bz2", ".xz")
CUT_AT_ONCE = 1 << 20
LONG = 1 << 24
"""Bytes of a text that is read again rather than kept: less would save little memory."""
_COMMENT_BYTES = tuple(mark.encode() for mark in COMMENTS)
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


@dataclass(frozen=True, eq=False)
class TextFile:
    r"""An edge list as it was read.

    Attributes:
        layout: The separator, the header and the columns.
        text: The whole text, with line ends ``\n``, or the file that holds it.
        line_end: The line end of the file.
        options: The options that it was read with.
        is_dictionary: Whether its lines end with dictionaries of attributes.
        order_mark: The byte order mark of the file (Excel writes one), or empty.
    """

    layout: TextLayout
    text: bytes | OpenFile
    line_end: bytes
    options: TableOptions = GUESS
    is_dictionary: bool = False
    order_mark: bytes = b""

    def pieces(self) -> Iterator[bytes]:
        r"""The text in pieces of whole lines, with line ends ``\n``."""
        is_file = isinstance(self.text, OpenFile)
        stream = self.text.again() if isinstance(self.text, OpenFile) else io.BytesIO(self.text)
        stream.read(len(self.order_mark) if is_file else 0)
        while piece := stream.read(CUT_AT_ONCE):
            piece += stream.readline()
            yield piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if is_file else piece

    def without(self, kept: np.ndarray) -> Iterator[bytes]:
        """The text without the edges for which a bool array is false, in pieces."""
        marks = np.append(True, kept) if self.layout.header is not None else kept
        done = 0
        for piece in self.pieces():
            whole = piece + b"\n" * (piece[-1:] != b"\n")
            left, num_edges = _cut_piece(whole, marks[done:])
            done += num_edges
            yield left
        if done != marks.size:
            raise GraphFormatError(f"the list has {done} lines of edges; expected {marks.size}")

    def __getstate__(self) -> dict[str, Any]:
        """The fields, with the text itself: another process cannot use the open file."""
        return {**self.__dict__, "text": b"".join(self.pieces())}


def _cut_piece(text: bytes, kept: np.ndarray) -> tuple[bytes, int]:
    """The lines without the edges that go, and how many lines are edges."""
    characters = np.frombuffer(text, dtype=np.uint8)
    ends = np.flatnonzero(characters == ord("\n")) + 1
    starts = np.concatenate(([0], ends[:-1]))
    stays = _are_not_edges(text, characters, starts, ends)
    edges = np.flatnonzero(~stays)
    stays[edges[: kept.size]] = kept[: edges.size]
    return characters[np.repeat(stays, ends - starts)].tobytes(), edges.size


def _are_not_edges(
    text: bytes, characters: np.ndarray, starts: np.ndarray, ends: np.ndarray
) -> np.ndarray:
    """Which lines are blank or comments."""
    first = characters[starts]
    apart: np.ndarray = (first == ord("\n")) | np.isin(first, [ord(mark) for mark in COMMENTS])
    for i in np.flatnonzero((first == ord(" ")) | (first == ord("\t"))):
        line = text[starts[i] : ends[i]].strip(b" \t\n")
        apart[i] = not line or line.startswith(_COMMENT_BYTES)
    return apart


class OpenFile:
    """A file that stays open: its content can be read again after another took its place."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._number = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._number)
        self._state = _state(os.fstat(self._number))

    @classmethod
    def of(cls, path: Path) -> OpenFile | None:
        """The file at a path, None if there is none that can be opened and read twice.

        On Windows there is none: no other file could take the place of an open one.
        """
        can_stay_open = hasattr(os, "pread") and str(path) != STANDARD
        try:
            return cls(path) if can_stay_open and path.is_file() else None
        except OSError:
            return None

    def is_unchanged(self) -> bool:
        """Whether the file is still at its path, and has not been written to."""
        try:
            return self._state == _state(self._path.stat())
        except OSError:
            return False

    def again(self) -> BinaryIO:
        """The unpacked content.

        Raises:
            GraphFileError: The content has changed.
        """
        if self._state != _state(os.fstat(self._number)):
            raise GraphFileError(
                f"{shown(self._path)}: was changed after it was read, and its lines are needed to "
                f"write the graph; read it again"
            )
        return unpacked(io.BufferedReader(_Reader(self._number)), str(self._path))


class _Reader(io.RawIOBase):
    """Reads an open file at a position of its own, which no other thread or process moves."""

    def __init__(self, number: int) -> None:
        self._number, self._position = number, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._position = offset + (self._position if whence == os.SEEK_CUR else 0)
        return self._position

    def readinto(self, buffer: Any) -> int:
        data = os.pread(self._number, len(buffer), self._position)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def _state(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def kept_text(text: bytes, file: OpenFile | None, line_end: bytes) -> bytes | OpenFile:
    r"""The file that a long text was just read from, opened before; the text in other cases."""
    is_long = len(text) >= LONG and line_end != b"\r"
    return file if is_long and file is not None and file.is_unchanged() else text
