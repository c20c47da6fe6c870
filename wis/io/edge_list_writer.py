"""Writing edge lists, so that what is read back is the same graph.

A list that was only cut is written back word for word, comments included, unless what is left would
be read as something else: where only an edge between ``A`` and ``B`` is left, nobody can tell it
from a header. Then it is written anew, with a header that cannot be taken for an edge.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch

from wis.base.ids import is_integer_id
from wis.base.source import STANDARD
from wis.base.table_options import GUESS, TableOptions
from wis.errors import GraphFormatError, echo
from wis.io.dialects import refuse_other_formats, sniff
from wis.io.dictionaries import as_dictionaries
from wis.io.edge_table import EdgeTable, edge_table, lost_vertices
from wis.io.graph_file import GraphFile
from wis.io.headers import is_number
from wis.io.text_layout import COMMENTS, TextLayout, ending_of
from wis.io.text_scan import typed
from wis.io.text_writer import header_as_text, rows_as_text
from wis.io.two_sided import TwoSided, two_sided_table

DICTIONARIES = ".edgelist"  # the ending that networkx uses
_WRITTEN = ",;\t |"
_HEADERS = (
    ("source", "target"), ("src", "dst"), ("from", "to"), ("head", "tail"),
    ("citing", "cited"), ("source_node", "target_node"), ("src_node_id", "dst_node_id"),
)  # fmt: skip
_ARE_NAMES = "that the names of the vertices are not their numbers (read it with --relabel)"
_COMMENT_BYTES = tuple(mark.encode() for mark in COMMENTS)


@dataclass(frozen=True, eq=False)
class TextFile:
    r"""An edge list as it was read.

    Attributes:
        layout: How it is written down.
        text: All of it, line ends as ``\n``.
        line_end: What they were.
        options: What the caller said about it.
        is_dictionary: Whether its lines end with dictionaries of attributes.
        order_mark: The byte order mark before it, as Excel wants it; empty where there is none.
    """

    layout: TextLayout
    text: bytes
    line_end: bytes
    options: TableOptions = GUESS
    is_dictionary: bool = False
    order_mark: bytes = b""


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
    stays = _are_not_edges(text, characters, starts, ends)
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
    text: bytes, characters: np.ndarray, starts: np.ndarray, ends: np.ndarray
) -> np.ndarray:
    """Which lines are blank or comments."""
    first = characters[starts]
    apart: np.ndarray = (first == ord("\n")) | np.isin(first, [ord(mark) for mark in COMMENTS])
    for i in np.flatnonzero((first == ord(" ")) | (first == ord("\t"))):
        line = text[starts[i] : ends[i]].strip(b" \t\n")
        apart[i] = not line or line.startswith(_COMMENT_BYTES)
    return apart


def write(file: GraphFile, path: Path, stream: BinaryIO, dropped: list[str]) -> None:
    """Write a graph as an edge list.

    Raises:
        GraphFormatError: The graph has several types of vertices, and is of no edge list.
    """
    ending = ending_of(path)
    flat = file.layout.flattened(file) if isinstance(file.layout, TwoSided) else file
    text = surviving_text(flat, ending)
    mark = b""
    if text is None or not text.strip() or not _reads_as_it_was(text, flat):
        text = _new_text(file, flat, ending, dropped)
    else:
        dropped.extend(lost_vertices(flat))
        mark = flat.layout.order_mark
    if isinstance(flat.layout, TextFile):
        text = mark + text.replace(b"\n", flat.layout.line_end)
    stream.write(text)


def _reads_as_it_was(text: bytes, file: GraphFile) -> bool:
    """Whether the lines that are left are recognised as the whole list was, with its options."""
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
    arcs = file.edge_index
    is_edge = arcs.size(1) > 1 and bool(torch.isin(arcs[:, 1:], arcs[:, 0]).any())
    return is_edge or source.options.is_checked or not found.is_doubtful


def _new_text(file: GraphFile, flat: GraphFile, ending: str, dropped: list[str]) -> bytes:
    """The graph as a new list, with the first of several headers that is read as one."""
    is_two_sided = isinstance(file.layout, TwoSided)
    if is_two_sided:
        table = two_sided_table(file, dropped)
    else:
        table = edge_table(file, dropped, quotes_blanks=ending != DICTIONARIES, row_is_edge=True)
        table = _with_plain_names(table, dropped)
    if ending == DICTIONARIES and table.attributes and not is_two_sided:
        dictionaries = as_dictionaries(table)
        if dictionaries is not None:
            if table.names and all(is_number(table.names[v]) for v in table.arcs[:, 0].tolist()):
                dropped.append(_ARE_NAMES)
            return dictionaries
    dropped.extend(_read_otherwise(table))
    old = flat.layout.layout if isinstance(flat.layout, TextFile) else None
    separator = {".csv": ",", ".tsv": "\t", STANDARD: ","}.get(ending, " ")
    if old is not None and old.ending == ending and old.separator in _WRITTEN:
        separator = old.separator
    rows = rows_as_text(table, separator)
    for ends in _headers(file, old, ending, table):
        header = None if ends is None else [*ends, *table.column_names]
        text = rows if header is None else header_as_text(header, separator) + rows
        found = _recognised(text, ending, header, separator)
        if found is not None:
            break
    else:
        dropped.append(f"how to read its columns (say --header and --delimiter {separator!r})")
    is_misread = found is not None and found.numbered and bool(table.num_arcs)
    if table.names and (is_misread or _are_integers(table)):
        dropped.append(_ARE_NAMES)
    return text


def _read_otherwise(table: EdgeTable) -> Iterator[str]:
    """A phrase for each column of texts that whoever reads the list takes for numbers."""
    for name, values in table.attributes.items():
        if not isinstance(values, list) or not values:
            continue
        column = typed(values)
        if not isinstance(column, list):
            kind = "truth values" if column.dtype == bool else "numbers"
            yield f"that the {kind} in the column {echo(name, 40)!r} are texts"


def _with_plain_names(table: EdgeTable, dropped: list[str]) -> EdgeTable:
    """The table without its names if all of them are integers and one is written as ``3.0``."""
    names = _used_names(table)
    if not any(name.endswith(".0") for name in names) or not all(map(is_integer_id, names)):
        return table
    dropped.append("the names of the vertices")
    return replace(table, names=None)


def _used_names(table: EdgeTable) -> list[str]:
    """The names that some row has."""
    if table.names is None:
        return []
    return [table.names[vertex] for vertex in np.unique(table.arcs).tolist()]


def _are_integers(table: EdgeTable) -> bool:
    names = _used_names(table)
    return bool(names) and all(map(is_integer_id, names))


def _headers(
    file: GraphFile, old: TextLayout | None, ending: str, table: EdgeTable
) -> Iterator[tuple[str, str] | None]:
    """Names of the endpoints for the first line, the best ones first; None for no such line."""
    is_plain = ending not in (".csv", ".tsv", STANDARD) or (
        old is not None and old.ending == ending and old.header is None
    )
    if isinstance(file.layout, TwoSided):
        yield file.layout.ends
        return
    if is_plain and table.num_arcs and not table.column_names:
        yield None
    if old is not None and old.header is not None:
        source, target = (old.header[end] for end in old.endpoints)
        yield source, target
    yield from _HEADERS


def _recognised(
    text: bytes, ending: str, header: list[str] | None, separator: str
) -> TextLayout | None:
    """The layout of a new list if it is read as it is meant, without a guess."""
    if text.startswith(codecs.BOM_UTF8):  # of a name; whoever reads takes it for a mark of UTF-8
        return None
    try:
        refuse_other_formats(text, "")
        found = sniff(text, ending, "")
    except GraphFormatError:
        return None
    layout = found.layout
    is_meant = (
        layout.header == (None if header is None else tuple(header))
        and layout.endpoints == (0, 1)
        and layout.separator == separator
    )
    is_sure = not (found.is_doubtful or found.is_matrix or found.notes)
    return layout if is_meant and is_sure else None
