"""The table of graph formats: which ending is read and written by what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from wis.base.source import STANDARD, ReadOptions
from wis.errors import UnknownNameError, echo
from wis.io import (
    edge_list,
    gexf,
    gml,
    graphml,
    matrix_market,
    metis,
    node_link,
    npz,
    pajek,
    parquet,
    pt,
)
from wis.io.graph_file import GraphFile
from wis.io.text_layout import COMPRESSED, ending_of

GZIP = ".gz"
Reader = Callable[[Path, ReadOptions], GraphFile]
Writer = Callable[[GraphFile, Path, BinaryIO, list[str]], None]


@dataclass(frozen=True)
class Format:
    """A row of the table.

    Attributes:
        name: Its name.
        endings: The endings that it goes by, lower case, without ``.gz``.
        summary: One line: what it holds.
        read: Reads a file.
        write: Writes a graph into an open file; all that does not fit is noted in the list.
        is_edge_table: Whether vertices are known from the edges alone, so that ids can be
            relabelled.
        is_text: Whether it may be compressed, with ``.gz`` behind the ending.
    """

    name: str
    endings: tuple[str, ...]
    summary: str
    read: Reader
    write: Writer
    is_edge_table: bool = False
    is_text: bool = True


_FORMATS = (
    Format("pt", (".pt", ".pth"), "PyG Data or HeteroData, or a plain edge_index tensor",
           pt.read, pt.write, is_text=False),
    Format("npz", (".npz",), "numpy arrays edge_index, num_nodes, ..., or a sparse matrix of scipy",
           npz.read, npz.write, is_text=False),
    Format("edge-list", (".csv", ".tsv", ".txt", ".edgelist", ".edges"),
           "one edge a line, more columns are edge attributes; also with .gz",
           edge_list.read, edge_list.write, is_edge_table=True),
    Format("parquet", (".parquet",), "edge table of pyarrow, more columns are edge attributes",
           parquet.read, parquet.write, is_edge_table=True, is_text=False),
    Format("matrix-market", (".mtx",), "sparse matrix in coordinate form; also with .gz",
           matrix_market.read, matrix_market.write),
    Format("graphml", (".graphml",), "GraphML, with types and defaults of keys; also with .gz",
           graphml.read, graphml.write),
    Format("gml", (".gml",), "GML, attributes of any kind; also with .gz",
           gml.read, gml.write),
    Format("gexf", (".gexf",), "GEXF of Gephi, versions 1.1draft to 1.3; also with .gz",
           gexf.read, gexf.write),
    Format("pajek", (".net",), "Pajek: vertices, arcs, edges, lists, matrices; also with .gz",
           pajek.read, pajek.write),
    Format("node-link", (".json",), "node-link JSON of networkx and D3; also with .gz",
           node_link.read, node_link.write),
    Format("metis", (".graph", ".metis"), "adjacency lists of METIS and KaHIP; also with .gz",
           metis.read, metis.write),
)  # fmt: skip


def formats() -> dict[str, str]:
    """What can be read and written: for each ending a line."""
    return {ending: row.summary for row in _FORMATS for ending in row.endings}


def format_of_path(path: str | Path) -> Format:
    """The format that an ending stands for; ``-`` is an edge list.

    Raises:
        UnknownNameError: There is no such format.
    """
    path = Path(path)
    if str(path) == STANDARD:
        return _by_name("edge-list")
    ending = ending_of(path)
    compressed = path.suffix.lower() in COMPRESSED
    for row in _FORMATS:
        if ending in row.endings and (row.is_text or not compressed):
            return row
    raise UnknownNameError.among("ending", echo(path.suffix or path.name), known_endings())


def format_of_name(name: str) -> tuple[Format, str]:
    """The format that a user names, by its own name or by an ending with or without its point.

    Returns:
        The format, and the ending: that of the name, or the first one of the format.

    Raises:
        UnknownNameError: There is no such format.
    """
    plain = name.strip().lower().lstrip(".")
    for row in _FORMATS:
        if f".{plain}" in row.endings:
            return row, f".{plain}"
        if plain == row.name:
            return row, ".txt" if row.name == "edge-list" else row.endings[0]
    names = [ending[1:] for row in _FORMATS for ending in row.endings]
    raise UnknownNameError.among("format", echo(name), [*names, *(row.name for row in _FORMATS)])


def is_edge_table(name: str) -> bool:
    """Whether a format knows vertices from the edges alone, so that isolated ones are missing."""
    return any(row.name == name and row.is_edge_table for row in _FORMATS)


def known_endings() -> list[str]:
    """All endings, those that may be compressed also with ``.gz``."""
    plain = [ending for row in _FORMATS for ending in row.endings]
    return [
        *plain,
        *(ending + GZIP for row in _FORMATS if row.is_text for ending in row.endings),
    ]


def _by_name(name: str) -> Format:
    return next(row for row in _FORMATS if row.name == name)
