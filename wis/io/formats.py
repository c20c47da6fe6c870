"""The table of graph formats, with the endings and the module of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

from wis.base.source import STANDARD, ReadOptions
from wis.errors import UnknownNameError, echo
from wis.io.graph_file import GraphFile
from wis.io.text_layout import COMPRESSED, ending_of

Reader = Callable[[Path, ReadOptions], GraphFile]
Writer = Callable[[GraphFile, Path, BinaryIO, list[str]], None]


@dataclass(frozen=True)
class Format:
    """A row of the table.

    Attributes:
        name: Its name.
        endings: The endings of its files, in lower case, without ``.gz``.
        summary: The content of a file, in one line.
        module: Name of the module in `wis.io` with its `read` and `write`; imported on first use.
        is_edge_table: Whether a file lists edges only, so that ids can be relabelled.
        is_text: Whether a file may be compressed, with ``.gz`` after the ending.
    """

    name: str
    endings: tuple[str, ...]
    summary: str
    module: str
    is_edge_table: bool = False
    is_text: bool = True

    @property
    def read(self) -> Reader:
        """Reads a file."""
        reader: Reader = import_module(f"wis.io.{self.module}").read
        return reader

    @property
    def write(self) -> Writer:
        """Writes a graph into an open file; appends a phrase for each part that does not fit."""
        writer: Writer = import_module(f"wis.io.{self.module}").write
        return writer


_FORMATS = (
    Format("pt", (".pt", ".pth"), "PyG Data or HeteroData, or a plain edge_index tensor",
           "pt", is_text=False),
    Format("npz", (".npz",), "numpy arrays edge_index, num_nodes, ..., or a sparse matrix of scipy",
           "npz", is_text=False),
    Format("edge-list", (".csv", ".tsv", ".txt", ".edgelist", ".edges"),
           "one edge a line, more columns are edge attributes; also with .gz",
           "edge_list", is_edge_table=True),
    Format("parquet", (".parquet",), "edge table of pyarrow, more columns are edge attributes",
           "parquet", is_edge_table=True, is_text=False),
    Format("matrix-market", (".mtx",), "sparse matrix in coordinate form; also with .gz",
           "matrix_market"),
    Format("graphml", (".graphml",), "GraphML, with types and defaults of keys; also with .gz",
           "graphml"),
    Format("gml", (".gml",), "GML, attributes of any kind; also with .gz", "gml"),
    Format("gexf", (".gexf",), "GEXF of Gephi, versions 1.1draft to 1.3; also with .gz", "gexf"),
    Format("pajek", (".net",), "Pajek: vertices, arcs, edges, lists, matrices; also with .gz",
           "pajek"),
    Format("node-link", (".json",), "node-link JSON of networkx and D3; also with .gz",
           "node_link"),
    Format("metis", (".graph", ".metis"), "adjacency lists of METIS and KaHIP; also with .gz",
           "metis"),
)  # fmt: skip


def formats() -> dict[str, str]:
    """The formats that can be read and written: a line for each ending.

    >>> formats()[".mtx"]
    'sparse matrix in coordinate form; also with .gz'
    """
    return {ending: row.summary for row in _FORMATS for ending in row.endings}


def format_of_path(path: str | Path) -> Format:
    """The format that an ending stands for; ``-`` is an edge list.

    Raises:
        UnknownNameError: There is no such format.

    >>> format_of_path("graph.csv.gz").name
    'edge-list'
    """
    path = Path(path)
    if str(path) == STANDARD:
        return next(row for row in _FORMATS if row.name == "edge-list")
    ending = ending_of(path)
    compressed = path.suffix.lower() in COMPRESSED
    for row in _FORMATS:
        if ending in row.endings and (row.is_text or not compressed):
            return row
    raise UnknownNameError.among("ending", echo(path.suffix or path.name), known_endings())


def format_of_name(name: str) -> tuple[Format, str]:
    """Look a format up by its name, or by an ending with or without the point.

    Returns:
        The format, and the given ending or the first one of the format.

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
    """Whether a format lists edges only, so that vertices without edges are missing."""
    return any(row.name == name and row.is_edge_table for row in _FORMATS)


def known_endings() -> list[str]:
    """All endings, those that may be compressed also with ``.gz``."""
    plain = [(row, ending) for row in _FORMATS for ending in row.endings]
    return [ending for _, ending in plain] + [end + ".gz" for row, end in plain if row.is_text]
