"""Edge lists: one line for each arc, two endpoints and perhaps more columns.

`wis.io.text_layout` says how lists are recognised. More columns become edge attributes: integers,
floats (in float64, so that nothing is lost), truth values, or lists of texts. A list that was only
cut is written back word for word, comments included.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from wis.errors import GraphFormatError
from wis.io.dictionaries import as_dictionaries, holds_dictionaries, read_dictionaries
from wis.io.graph_file import GraphFile, attribute_name
from wis.io.ids import is_integer_id
from wis.io.numbering import Numbered, number_vertices
from wis.io.source import STANDARD, ReadOptions, read_text, shown
from wis.io.text_columns import Column, Columns, parse
from wis.io.text_layout import COMMENTS, TextLayout, data_lines, ending_of, is_header, sniff

DICTIONARIES = ".edgelist"  # the ending that networkx uses


@dataclass(frozen=True, eq=False)
class TextFile:
    r"""The list as it was read.

    Attributes:
        layout: How it is written down.
        text: All of it, line ends as ``\n``.
        line_end: What they were.
    """

    layout: TextLayout
    text: bytes
    line_end: bytes


def read(path: Path, options: ReadOptions) -> GraphFile:
    """Read an edge list.

    Raises:
        GraphFormatError: It is malformed.
    """
    where = shown(path)
    text, line_end = read_text(path, options)
    unread: tuple[str, ...] = ()
    if holds_dictionaries(text):
        layout = TextLayout(ending_of(path), " ")
        columns, titles, unread = read_dictionaries(text, layout, where, options)
    else:
        layout = sniff(text, ending_of(path), where)
        titles, columns = layout.column_names(), _columns(text, layout, where, options)
    numbered = number_vertices(
        columns.ends, options, where, lambda arc: f"{where} line {_line_of(text, layout, arc)}"
    )
    keep = TextFile(layout, text, line_end)
    return graph_file(path, "edge-list", numbered, titles, columns.attributes, keep, unread)


def _columns(text: bytes, layout: TextLayout, where: str, options: ReadOptions) -> Columns:
    if not layout.numbered:
        return parse(text, layout, where, as_names=True)
    try:
        return parse(text, layout, where, as_names=False)
    except GraphFormatError:
        if not options.relabel:
            raise
    return parse(text, layout, where, as_names=True)


def _line_of(text: bytes, layout: TextLayout, arc: int) -> int:
    lines = data_lines(text, layout)
    return next(islice(lines, arc + (layout.header is not None), None))[0]


def graph_file(
    path: Path,
    format_name: str,
    numbered: Numbered,
    column_names: list[str],
    attributes: list[Column],
    layout: Any,
    unread: tuple[str, ...] = (),
) -> GraphFile:
    """Put a graph together from the columns of a table."""
    from torch_geometric.data import Data

    data = Data(edge_index=numbered.edge_index, num_nodes=numbered.num_nodes)
    columns: dict[str, str] = {}
    for column, values in zip(column_names, attributes, strict=True):
        name = attribute_name(column, columns)
        columns[name] = column
        data[name] = torch.from_numpy(_writable(values)) if _is_array(values) else list(values)
    return GraphFile(data, path, format_name, numbered.names, layout, columns, unread)


def _is_array(values: Column) -> bool:
    return isinstance(values, np.ndarray)


def _writable(values: Any) -> np.ndarray:
    """A copy where pyarrow or numpy do not give the memory away."""
    array = np.ascontiguousarray(values)
    return array if array.flags.writeable else array.copy()


def surviving_text(file: GraphFile, ending: str) -> bytes | None:
    """The lines of the original that are left; None if they do not say what the graph is now."""
    source = file.layout
    if not isinstance(source, TextFile) or ending not in (source.layout.ending, STANDARD):
        return None
    kept = file.surviving_arcs()
    if kept is None:
        return None
    if kept.all():
        return source.text
    return cut_lines(source.text, source.layout, kept)


def cut_lines(text: bytes, layout: TextLayout, kept: np.ndarray) -> bytes | None:
    """Drop lines with edges, and none of the others.

    Args:
        text: The list.
        layout: How it is written down.
        kept: bool array, one entry for each line with an edge.

    Returns:
        What is left; None if the lines with edges are not as many as `kept` says.
    """
    if not text.endswith(b"\n"):
        text += b"\n"
    characters = np.frombuffer(text, dtype=np.uint8)
    ends = np.flatnonzero(characters == ord("\n")) + 1
    starts = np.concatenate(([0], ends[:-1]))
    stays = _are_not_edges(text, characters, starts, ends, layout)
    edges = np.flatnonzero(~stays)
    if layout.header is not None:
        stays[edges[:1]] = True
        edges = edges[1:]
    if edges.size != kept.size:
        return None
    stays[edges] = kept
    left: bytes = characters[np.repeat(stays, ends - starts)].tobytes()
    return left


def _are_not_edges(
    text: bytes, characters: np.ndarray, starts: np.ndarray, ends: np.ndarray, layout: TextLayout
) -> np.ndarray:
    """Which lines are blank or comments."""
    first = characters[starts]
    apart: np.ndarray = first == ord("\n")
    for i in np.flatnonzero((first <= ord(" ")) & ~apart):
        apart[i] = not text[starts[i] : ends[i]].strip()
    if layout.has_comments:
        apart |= np.isin(first, [ord(mark) for mark in COMMENTS])
    return apart


def write(file: GraphFile, path: Path, stream: BinaryIO, dropped: list[str]) -> None:
    """Write a graph as an edge list.

    Raises:
        GraphFormatError: The graph has several types of vertices.
    """
    ending = ending_of(path)
    text = surviving_text(file, ending)
    if text is None or not text.strip() or _would_be_an_edge(file):
        text = _new_text(file, ending, dropped)
    else:
        _note_lost_vertices(file, dropped)
    if isinstance(file.layout, TextFile):
        text = text.replace(b"\n", file.layout.line_end)
    if path.suffix.lower() == ".gz":
        text = gzip.compress(text, compresslevel=6, mtime=0)
    stream.write(text)


def _would_be_an_edge(file: GraphFile) -> bool:
    """Whether nothing but a header is left, and one that is known only by the lines below it."""
    header = file.layout.layout.header
    return header is not None and not file.data.num_edges and not is_header(header, None)


def _note_lost_vertices(file: GraphFile, dropped: list[str]) -> None:
    from wis.io.edge_table import lost_vertices

    dropped.extend(lost_vertices(file))


def _new_text(file: GraphFile, ending: str, dropped: list[str]) -> bytes:
    from wis.io.edge_table import edge_table
    from wis.io.text_writer import table_as_text

    old = file.layout.layout if isinstance(file.layout, TextFile) else None
    table = edge_table(file, dropped, row_is_edge=True)
    if table.names and all(map(is_integer_id, table.names)):
        dropped.append(
            "that the names of the vertices are not their numbers (read it with --relabel)"
        )
    if ending == DICTIONARIES and table.attributes:
        text = as_dictionaries(table)
        if text is not None:
            return text
    layout = TextLayout(ending, {".csv": ",", ".tsv": "\t", STANDARD: ","}.get(ending, " "))
    if old is not None and old.ending == ending:
        layout = replace(layout, separator=old.separator)
    header = _header(old, ending, table.column_names, bool(table.num_arcs))
    return table_as_text(table, header, layout.separator)


def _header(
    old: TextLayout | None, ending: str, columns: Iterable[str], has_arcs: bool
) -> list[str] | None:
    ends = ["source", "target"]
    if old is not None and old.header is not None and (has_arcs or is_header(old.header, None)):
        ends = [old.header[end] for end in old.endpoints]
    plain = ending not in (".csv", ".tsv", STANDARD) or (
        old is not None and old.ending == ending and old.header is None
    )
    names = list(columns)
    if plain and has_arcs and not names:
        return None
    return [*ends, *names]
