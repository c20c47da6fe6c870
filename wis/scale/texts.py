"""Edge lists as text, read chunk by chunk with the parsers that read them whole.

A file is cut at ends of lines, and each chunk is parsed as a file of that layout would be
(`wis.io.text_columns`), so that a list means the same here and in memory: which texts are integers,
what is a comment, what quotes do. What concerns the whole of a column, its type, is found out by a
pass of its own before the column is written.
"""

from __future__ import annotations

import codecs
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from wis.errors import GraphFormatError
from wis.io.dialects import settle
from wis.io.dictionaries import dictionary_separator
from wis.io.source import unpacked
from wis.io.text_columns import Column, Columns, parse
from wis.io.text_layout import TextLayout, data_lines, ending_of, split_line
from wis.scale.storage import pyarrow

_LOG = logging.getLogger(__name__)

CHUNK_BYTES = 1 << 24
HEAD_BYTES = 1 << 20
LONGEST_LINE = 1 << 26
ENDINGS = (".csv", ".tsv", ".txt", ".edgelist", ".edges")


def chunks(file: BinaryIO, path: str, size: int = CHUNK_BYTES) -> Iterator[tuple[int, bytes]]:
    r"""Whole lines of a text, and how many lines come before them.

    The text is unpacked, without a byte order mark, and its lines end with ``\n``.

    Raises:
        GraphFormatError: It is empty, or no text in UTF-8, or a line is absurdly long.
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
            _check(text[:cut], path, line)
            yield line, text[:cut]
            line += text.count(b"\n", 0, cut)
    if rest:
        rest = rest.replace(b"\r", b"\n")
        _check(rest, path, line)
        yield line, rest
    if not begun:
        raise GraphFormatError(f"{path}: is empty; expected edges")


def _with_line_feeds(text: bytes) -> bytes:
    """Line ends as they shall be; a carriage return at the end may be half of one."""
    if b"\r" not in text:
        return text
    half = text.endswith(b"\r")
    body = text[:-1] if half else text
    return body.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + (b"\r" if half else b"")


def _check(text: bytes, path: str, line: int) -> None:
    if b"\0" in text:
        raise GraphFormatError(f"{path}: holds zero bytes; expected text")
    if text.isascii():
        return
    try:
        text.decode()
    except UnicodeDecodeError as error:
        number = line + text.count(b"\n", 0, error.start) + 1
        raise GraphFormatError(
            f"{path} line {number}: byte 0x{text[error.start]:02x} is not UTF-8; expected text in "
            "UTF-8"
        ) from None


def layout_of(file: BinaryIO, path: str) -> TextLayout:
    """How a list is written down, found out from its head.

    Raises:
        GraphFormatError: It is empty, or does not hold two columns.
    """
    head, is_blank = b"", True
    for _, text in chunks(file, path, HEAD_BYTES):
        head += text
        is_blank = is_blank and text.isspace()
        if next(data_lines(text, TextLayout(ending(path), " ")), None) is not None:
            break
    if is_blank:
        raise GraphFormatError(f"{path}: is empty; expected edges")
    if dictionary_separator(head, None, path) is not None:
        raise GraphFormatError(
            f"{path}: holds attributes as Python dictionaries; expected columns. Convert it, or "
            "read it without --engine"
        )
    found = settle(head[: head.rfind(b"\n") + 1] or head, ending(path), path)
    for note in found.notes:
        _LOG.info("Note: %s: %s", path, note)
    return found.layout


def ending(path: str) -> str:
    """The ending without that of a compressed file."""
    return ending_of(Path(path))


def columns(
    file: BinaryIO, path: str, layout: TextLayout, *, as_names: bool
) -> Iterator[tuple[Columns, bytes, TextLayout]]:
    """The columns of a list, chunk by chunk, each with its text and the layout of that.

    Raises:
        GraphFormatError: A line is malformed.
    """
    for before, text in chunks(file, path):
        if next(data_lines(text, layout), None) is None:
            continue
        try:
            found = parse(text, layout, path, as_names=as_names)
        except GraphFormatError as error:
            raise _further_down(error, before) from None
        if found.num_arcs:
            yield found, text, layout
        layout = replace(layout, header=None)


def _further_down(error: GraphFormatError, lines: int) -> GraphFormatError:
    """An error whose line is counted from the beginning of the file."""
    return GraphFormatError(
        re.sub(r" line (\d+)", lambda found: f" line {int(found[1]) + lines}", str(error), count=1)
    )


def arrow_ids(ids: Any) -> Any:
    """A column of ids: int64 array as it is, names as pyarrow's large strings in one piece."""
    if isinstance(ids, np.ndarray):
        return ids
    pa = pyarrow()
    if isinstance(ids, list):
        return pa.array(ids, pa.large_string())
    whole = ids.cast(pa.large_string())
    return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole


def column_names(layout: TextLayout) -> list[str]:
    """A name for each column, at its place."""
    names = [""] * layout.width
    titles = dict(zip(layout.attributes, layout.column_names(), strict=True))
    ends = dict(zip(layout.endpoints, ("source", "target"), strict=True))
    for place in range(layout.width):
        given = layout.header[place] if layout.header is not None else ""
        names[place] = titles.get(place) or given or ends.get(place, f"column_{place + 1}")
    return names


_NUMBER_KINDS = ("int64", "float64", "empty")


def schema_of(file: BinaryIO, path: str, layout: TextLayout, *, as_names: bool) -> Any:
    """The columns of a list as pyarrow's, each with the type that all its fields have."""
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
    """The type of a column, by the types that its parts have."""
    if len(kinds) == 1 and kinds != {"empty"}:
        return next(iter(kinds))
    if kinds and kinds != {"empty"} and kinds <= set(_NUMBER_KINDS):
        return "float64"
    return "string"


def batches(
    file: BinaryIO, path: str, layout: TextLayout, schema: Any, *, as_names: bool
) -> Iterator[Any]:
    """The record batches of a list, of a schema that `schema_of` found."""
    pa = pyarrow()
    for found, text, here in columns(file, path, layout, as_names=as_names):
        arrays: list[Any] = [None] * layout.width
        for place, ids in zip(layout.endpoints, found.ends, strict=True):
            arrays[place] = pa.array(arrow_ids(ids)).cast(schema.types[place])
        for place, values in zip(layout.attributes, found.attributes, strict=True):
            arrays[place] = _of_type(values, schema.types[place], text, here, place)
        yield pa.record_batch(arrays, schema=schema)


def _of_type(values: Column, kind: Any, text: bytes, layout: TextLayout, place: int) -> Any:
    """A column of a chunk in the type of the whole column."""
    pa = pyarrow()
    if _kind(values) == "empty" and kind == pa.float64():
        return pa.array(np.full(len(values), np.nan))
    if isinstance(values, np.ndarray) and kind == pa.string():  # elsewhere it holds texts
        values = _spelt(text, layout, place)
    return pa.array(values).cast(kind)


def _spelt(text: bytes, layout: TextLayout, place: int) -> list[str]:
    """A column as it is written."""
    lines = data_lines(text, layout)
    if layout.header is not None:
        next(lines)
    return [split_line(line, layout.separator)[place].strip() for _, line in lines]
