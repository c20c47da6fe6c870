"""Text edge lists, read chunk by chunk with the parsers for whole files.

A file is cut at line ends, and `wis.io.text_columns` parses each chunk like a whole file of the
same layout. So integers, comments and quotes mean the same here and in memory. The type of a column
depends on all chunks, so an extra pass finds it before the column is written.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, BinaryIO

import numpy as np

from wis.base.source import ReadOptions, check_utf8, unpacked
from wis.base.tables import TableOptions, named_endpoints
from wis.errors import GraphFormatError
from wis.io.columns import number_vertices
from wis.io.dialects import (
    HEAD_LINES,
    data_lines,
    delimiter,
    refuse_other_formats,
    sniff,
    split_line,
)
from wis.io.dictionaries import dictionary_separator
from wis.io.doubts import first_line, odd_looks, refuse_matrix
from wis.io.headers import Column, Columns, TextLayout
from wis.io.text_columns import parse
from wis.io.two_sided import Kinds, kinds_of_list
from wis.scale.storage import pyarrow

CHUNK_BYTES = 1 << 24
HEAD_BYTES = 1 << 20
LONGEST_LINE = 1 << 26
ENDINGS = (".csv", ".tsv", ".txt", ".edgelist", ".edges")


def chunks(file: BinaryIO, path: str, size: int) -> Iterator[tuple[int, bytes]]:
    r"""Yield chunks of whole lines of a text, each with the number of lines before it.

    The text is decompressed, without a byte order mark, and its lines end with ``\n``.
    """
    stream = unpacked(file, path)
    line, rest, begun = 0, b"", False
    while block := stream.read(size):
        if not begun:
            block = (block + stream.read(len(codecs.BOM_UTF8))).removeprefix(codecs.BOM_UTF8)
            begun = True
        text = _with_line_feeds(rest + block)
        cut = text.rfind(b"\n") + 1
        rest = text[cut:]
        if len(rest) > LONGEST_LINE:
            raise GraphFormatError(
                f"{path} line {line + 1}: is longer than {LONGEST_LINE} bytes; expected an edge"
            )
        if cut:
            check_utf8(text[:cut], path, line)
            yield line, text[:cut]
            line += text.count(b"\n", 0, cut)
    if rest:
        rest = rest.replace(b"\r", b"\n")
        check_utf8(rest, path, line)
        yield line, rest
    if not begun:
        raise GraphFormatError(f"{path}: is empty; expected edges")


def _with_line_feeds(text: bytes) -> bytes:
    r"""End the lines with ``\n``; keep a last ``\r``, which may be half of a line end."""
    if b"\r" not in text:
        return text
    half = text.endswith(b"\r")
    body = text[:-1] if half else text
    return body.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + (b"\r" if half else b"")


@dataclass(frozen=True)
class Head:
    """The layout that the first lines of a list show."""

    layout: TextLayout
    notes: tuple[str, ...] = ()  # one sentence for each guess
    # Names of the columns of endpoints and the two kinds of vertices that these names suggest; None
    # for one kind
    kinds: Kinds | None = None


def head_of(file: BinaryIO, path: str, ending: str, options: TableOptions) -> Head:
    """Guess the layout of a list from its first lines by the rules of `wis.io.edge_list`."""
    head, is_whole = _beginning(file, path)
    refuse_other_formats(head, path)
    if dictionary_separator(head, delimiter(options), path) is not None:
        raise GraphFormatError(
            f"{path}: holds attributes as Python dictionaries; expected columns. Convert it, or "
            "read it without --engine"
        )
    found = sniff(head, ending, path, options)
    if found.is_matrix:
        raise GraphFormatError(
            f"{path}: holds an adjacency matrix; expected a list of edges. Convert it, or read it "
            "without --engine"
        )
    layout, notes = found.layout, found.notes
    if not options.is_checked:
        notes += tuple(odd_looks(head, layout))
    if found.is_doubtful:
        notes += tuple(_first_line(head, path, layout, is_whole))
    names = None if layout.header is None else [layout.header[end] for end in layout.endpoints]
    if is_whole and names is None and layout.width > 2 and not options.given():
        _refuse_matrix(head, path, layout)
    return Head(layout, notes, kinds_of_list(head, names))


def _refuse_matrix(head: bytes, path: str, layout: TextLayout) -> None:
    try:
        found = parse(head, layout, path, as_names=False)
    except GraphFormatError:  # not a matrix; the reader will raise this error
        return
    refuse_matrix(found, path)


def _beginning(file: BinaryIO, path: str) -> tuple[bytes, bool]:
    """Read at least `HEAD_LINES` lines; also return whether they are the whole file."""
    head, lines = b"", 0
    for _, text in chunks(file, path, HEAD_BYTES):
        if lines >= HEAD_LINES:
            return head, False
        head += text
        lines += sum(1 for _ in islice(data_lines(text), HEAD_LINES))
    if not head.strip():
        raise GraphFormatError(f"{path}: is empty; expected edges")
    return head, True


def _first_line(head: bytes, path: str, layout: TextLayout, is_whole: bool) -> list[str]:
    """Notes about a first line that may be a header, by `wis.io.doubts.first_line`."""
    found = parse(head, layout, path, as_names=True)
    numbered = number_vertices(found.ends, ReadOptions(), path, lambda arc: f"{path} row {arc + 1}")
    return first_line(numbered, path) if is_whole or numbered.arcs.shape[1] > 1 else []


def columns(
    file: BinaryIO, path: str, layout: TextLayout, *, as_names: bool
) -> Iterator[tuple[Columns, bytes, TextLayout]]:
    """Yield the columns of each chunk of a list, with its text and its layout."""
    rows, start = 0, None
    for before, text in chunks(file, path, CHUNK_BYTES):
        if next(data_lines(text), None) is None:
            continue
        try:
            found = parse(text, layout, path, as_names=as_names)
        except GraphFormatError as error:
            raise _further_down(error, before) from None
        if found.num_arcs:
            start = _checked_start(found, path, layout, rows, start)
            yield found, text, layout
        rows += found.num_arcs
        layout = replace(layout, header=None)


def _checked_start(
    found: Columns, path: str, layout: TextLayout, rows: int, start: int | None
) -> int | None:
    """The first number of an unnamed first column, which must count the rows.

    If it does not, the two columns after it are not certain to be the endpoints.
    """
    names = [] if layout.header is None else [layout.header[end] for end in layout.endpoints]
    if layout.index is None or not names or named_endpoints(names) is not None:
        return None
    values = found.attributes[layout.attributes.index(layout.index)]
    begins = (0, 1) if start is None else (start,)
    for begin in begins:
        first = begin + rows
        if np.array_equal(values, np.arange(first, first + len(values))):
            return begin
    raise GraphFormatError(
        f"{path}: the first column has no name, and does not count the rows; name the columns "
        "of the endpoints with --source and --target"
    )


def _further_down(error: GraphFormatError, lines: int) -> GraphFormatError:
    """The error of a chunk with the line number of the whole file."""
    return GraphFormatError(
        re.sub(r" line (\d+)", lambda found: f" line {int(found[1]) + lines}", str(error), count=1)
    )


def arrow_ids(ids: Any) -> Any:
    """A column of ids: an int64 array unchanged, names as one array of large strings."""
    if isinstance(ids, np.ndarray):
        return ids
    pa = pyarrow()
    if isinstance(ids, list):
        return pa.array(ids, pa.large_string())
    whole = ids.cast(pa.large_string())
    return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole


def column_names(layout: TextLayout) -> list[str]:
    """The name of each column, in order; columns without a name get one."""
    names = [""] * layout.width
    titles = dict(zip(layout.attributes, layout.column_names(), strict=True))
    ends = dict(zip(layout.endpoints, ("source", "target"), strict=True))
    for place in range(layout.width):
        given = layout.header[place] if layout.header is not None else ""
        names[place] = titles.get(place) or given or ends.get(place, f"column_{place + 1}")
    return names


_NUMBER_KINDS = ("int64", "float64", "empty")


def schema_of(file: BinaryIO, path: str, layout: TextLayout, *, as_names: bool) -> Any:
    """The pyarrow schema of a list: the common type of the fields of each column."""
    pa = pyarrow()
    kinds: list[set[str]] = [set() for _ in layout.attributes]
    if kinds:
        for found, _, _ in columns(file, path, layout, as_names=as_names):
            for seen, values in zip(kinds, found.attributes, strict=True):
                seen.add(_kind(values))
    types = [pa.string() if as_names else pa.int64()] * layout.width
    for place, seen in zip(layout.attributes, kinds, strict=True):
        types[place] = pa.type_for_alias(_common(seen))
    return pa.schema(list(zip(column_names(layout), types, strict=True)))


def _kind(values: Column) -> str:
    if isinstance(values, np.ndarray):
        return str(values.dtype)
    return "string" if any(text.strip() for text in values) else "empty"


def _common(kinds: set[str]) -> str:
    """The type of a column, from the types of its chunks."""
    if len(kinds) == 1 and kinds != {"empty"}:
        return next(iter(kinds))
    if kinds and kinds != {"empty"} and kinds <= set(_NUMBER_KINDS):
        return "float64"
    return "string"


def batches(
    file: BinaryIO, path: str, layout: TextLayout, schema: Any, *, as_names: bool
) -> Iterator[Any]:
    """Yield the record batches of a list; `schema` is the result of `schema_of`."""
    pa = pyarrow()
    for found, text, here in columns(file, path, layout, as_names=as_names):
        arrays: list[Any] = [None] * layout.width
        for place, ids in zip(layout.endpoints, found.ends, strict=True):
            arrays[place] = pa.array(arrow_ids(ids)).cast(schema.types[place])
        for place, values in zip(layout.attributes, found.attributes, strict=True):
            arrays[place] = _of_type(values, schema.types[place], text, here, place)
        yield pa.record_batch(arrays, schema=schema)


def _of_type(values: Column, kind: Any, text: bytes, layout: TextLayout, place: int) -> Any:
    """Convert a column of a chunk to the type of the whole column."""
    pa = pyarrow()
    if _kind(values) == "empty" and kind == pa.float64():
        return pa.array(np.full(len(values), np.nan))
    if isinstance(values, np.ndarray) and kind == pa.string():  # other chunks hold texts
        values = _spelt(text, layout, place)
    return pa.array(values).cast(kind)


def _spelt(text: bytes, layout: TextLayout, place: int) -> list[str]:
    """The fields of a column as text, in their spelling in the file."""
    lines = data_lines(text)
    if layout.header is not None:
        next(lines)
    return [split_line(line, layout.separator)[place].strip() for _, line in lines]
