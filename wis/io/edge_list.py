"""Edge lists: one line for each arc, two endpoints and perhaps more columns.

`wis.io.dialects` recognises the layout of a list. Further columns become edge attributes: integers,
float64, truth values, or lists of texts.

A list that only lost edges keeps its other lines, comments included. `wis.io.edge_list_writer`
writes it anew if the remaining lines would be read in another way: a single edge between ``A`` and
``B`` looks like a header.
"""

from __future__ import annotations

import io
import os
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from wis.base.source import STANDARD, ReadOptions, ending_of, read_text, shown, unpacked
from wis.base.tables import GUESS, TableOptions, named_endpoints
from wis.errors import GraphFileError, GraphFormatError
from wis.io.columns import WITHOUT_0, Numbered, attribute_columns, number_vertices, with_arcs
from wis.io.dialects import (
    COMMENTS,
    HEAD_LINES,
    Dialect,
    data_lines,
    delimiter,
    refuse_other_formats,
    sniff,
)
from wis.io.graph_file import GraphFile
from wis.io.headers import Columns, TextLayout
from wis.io.text_columns import parse

CUT_AT_ONCE = 1 << 20
LONG = 1 << 24
"""Bytes of a text that is read again rather than kept: less would save little memory."""
_COMMENT_BYTES = tuple(mark.encode() for mark in COMMENTS)


def read(path: Path, options: ReadOptions) -> GraphFile:
    """Read an edge list.

    Raises:
        GraphFormatError: The list is malformed or ambiguous.
        OptionError: The list lacks a column that an option names.
    """
    where = shown(path)
    opened = OpenFile.of(path)
    text, line_ends, order_mark = read_text(path, options)
    refuse_other_formats(text, where)
    ending = options.ending or ending_of(path)
    mark = _dictionary_separator(text, options, where)
    unread: tuple[str, ...] = ()
    if mark is not None:
        from wis.io.dictionaries import read_dictionaries

        dialect = Dialect(TextLayout(ending, mark))
        columns, titles, unread = read_dictionaries(text, dialect.layout, where, options)
        positions = list(range(2, 2 + len(titles)))
    else:
        dialect = sniff(text, ending, where, options.table)
        if dialect.is_matrix:
            from wis.io.matrix import read_matrix

            return read_matrix(text, dialect.layout, path, where, options)
        columns = _columns(text, dialect.layout, where, options)
        titles, positions = dialect.layout.column_names(), dialect.layout.attributes
    layout = dialect.layout
    names = None if layout.header is None else [layout.header[end] for end in layout.endpoints]
    attributes = attribute_columns(
        titles,
        columns.attributes,
        positions,
        where,
        weight=layout.weight,
        index=layout.index,
        unnamed=[i for i, name in enumerate(layout.header or ()) if not name],
        must_count=names is not None and named_endpoints(names) is None,
    )

    def place_of(arc: int) -> str:
        number, _ = next(islice(data_lines(text), arc + (layout.header is not None), None))
        return f"{where} line {number}"

    kept = kept_text(text, opened, line_ends.mark)
    keep = TextFile(layout, kept, line_ends.mark, options.table, mark is not None, order_mark)
    file = GraphFile(None, path, "edge-list", layout=keep, unread=unread)
    if options.table.bipartite:
        from wis.io.two_sided import two_sided

        doubts = _doubts(text, None, columns, dialect, where, options)
        file = two_sided(file, attributes, columns.ends, names, options, where, place_of)
    else:
        numbered = number_vertices(columns.ends, options, where, place_of)
        doubts = _doubts(text, numbered, columns, dialect, where, options)
        file = with_arcs(file, attributes, numbered)
    notes = (*line_ends.note(), *dialect.notes, *doubts, *attributes.notes)
    return replace(file, notes=notes)


def _dictionary_separator(text: bytes, options: ReadOptions, where: str) -> str | None:
    """The separator before the dictionaries of attributes; None if the list has none."""
    _, first = next(data_lines(text), (0, ""))
    if "{" not in first:
        return None
    from wis.io.dictionaries import dictionary_separator

    return dictionary_separator(text, delimiter(options.table), where)


def _columns(text: bytes, layout: TextLayout, where: str, options: ReadOptions) -> Columns:
    if not layout.numbered:
        return parse(text, layout, where, as_names=True)
    try:
        return parse(text, layout, where, as_names=False)
    except GraphFormatError:
        if not options.relabel:
            raise
    return parse(text, layout, where, as_names=True)


def _doubts(
    text: bytes,
    numbered: Numbered | None,
    columns: Columns,
    dialect: Dialect,
    where: str,
    options: ReadOptions,
) -> list[str]:
    """Notes on guesses that may be wrong.

    Raises:
        GraphFormatError: The first line may be a header, the list may be a matrix, or its vertices
            may be of two kinds.
    """
    layout, table = dialect.layout, options.table
    if table.is_checked:
        return []
    notes: list[str] = []
    if any(mark in text for mark in (b" ", b"#", b"%")):
        from wis.io.doubts import odd_looks

        notes += odd_looks(text, layout)
    is_named = layout.header is not None and named_endpoints(layout.header) is not None
    if not is_named and layout.width > 2 and not table.given():
        from wis.io.doubts import refuse_matrix

        refuse_matrix(columns, where)
    if numbered is None:
        return notes
    if dialect.is_doubtful:
        from wis.io.doubts import first_line

        notes += first_line(numbered, where)
    names = None if layout.header is None else [layout.header[end] for end in layout.endpoints]
    if table.bipartite is None and (names is None or named_endpoints(names) is None):
        from wis.io.two_sided import kinds_of_list, refuse_merging

        kinds = kinds_of_list(text, names)
        if kinds is not None:
            refuse_merging(*kinds, numbered.arcs, where)
    if numbered.smallest > 0 and options.num_nodes is None:
        notes.append(WITHOUT_0)
    return notes


def write(file: GraphFile, path: Path, stream: BinaryIO, dropped: list[str]) -> None:
    """Write a graph as an edge list.

    Raises:
        GraphFormatError: The graph has several types of vertices and was not read from a list.
    """
    ending = ending_of(path)
    flat = file.flat
    source = flat.layout if isinstance(flat.layout, TextFile) else None
    lines = None if source is None else _lines_left(source, flat, ending)
    if source is None or lines is None:
        from wis.io.edge_list_writer import new_list

        old = None if source is None else source.layout
        lines = iter([new_list(file, ending, dropped, old)])
    else:
        dropped.extend(flat.lost_vertices())
        stream.write(source.order_mark)
    line_end = b"\n" if source is None else source.line_end
    for piece in lines:
        stream.write(piece if line_end == b"\n" else piece.replace(b"\n", line_end))


def _lines_left(source: TextFile, file: GraphFile, ending: str) -> Iterator[bytes] | None:
    """The text without the removed edges, in pieces.

    None if the graph is not a cut of the text, or if the text would be read in another way.
    """
    kept = file.surviving_arcs() if ending in (source.layout.ending, STANDARD) else None
    if kept is None:
        return None
    pieces = source.pieces() if kept.all() else source.without(kept)
    head = b""
    for piece in pieces:
        head += piece
        if sum(1 for _ in islice(data_lines(head), HEAD_LINES)) == HEAD_LINES:
            break
    return chain([head], pieces) if head.strip() and _reads_as_it_was(head, file) else None


def _reads_as_it_was(text: bytes, file: GraphFile) -> bool:
    """Whether the first remaining lines are recognised like the list, with the same options."""
    source: TextFile = file.layout
    old = source.layout
    if source.is_dictionary:
        return True
    try:
        refuse_other_formats(text, "")
        found = sniff(text, old.ending, "", source.options)
    except GraphFormatError:
        return False
    if found.is_matrix or replace(found.layout, numbered=old.numbered) != old:
        return False
    if source.options.is_checked or not found.is_doubtful:
        return True
    arcs = file.edge_index
    return arcs.size(1) > 1 and bool(torch.isin(arcs[:, 1:], arcs[:, 0]).any())


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
