"""Read a graph from any format, write it to any other; the table of formats.

The ending of a file decides its format; the module of the format is imported on first use.
"""

from __future__ import annotations

import bz2
import functools
import gzip
import io
import lzma
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from torch import Tensor

from wis.base.atomic import atomic_write
from wis.base.checks import user_path, usual_defaults
from wis.base.limits import BYTES_PER_VERTEX, SMALL, parse_size, remedy, shown_size
from wis.base.source import COMPRESSED, STANDARD, ReadOptions, ending_of, open_input, shown
from wis.base.tables import TableOptions
from wis.errors import GraphFileError, GraphFormatError, OptionError, UnknownNameError, echo
from wis.graph import MAX_NUM_NODES
from wis.graph.parts import check_lengths
from wis.graph.stores import is_hetero, names_in
from wis.io.graph_file import DroppedDataWarning, GraphFile, PlainTensor, checked_size

if TYPE_CHECKING:
    from torch_geometric.data import Data, HeteroData

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


def known_endings() -> list[str]:
    """All endings, those that may be compressed also with ``.gz``."""
    plain = [(row, ending) for row in _FORMATS for ending in row.endings]
    return [ending for _, ending in plain] + [end + ".gz" for row, end in plain if row.is_text]


_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": functools.partial(gzip.compress, compresslevel=6, mtime=0),
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


def read_graph(
    path: str | Path,
    *,
    trust_pickle: bool = False,
    relabel: bool = False,
    num_nodes: int | None = None,
    max_memory: int | str | None = None,
    format: str | None = None,
    source: str | int | None = None,
    target: str | int | None = None,
    weight: str | int | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
    bipartite: bool | None = None,
) -> GraphFile:
    r"""Read a graph; the ending of the file decides the format.

    The layout of a table is guessed from its first lines. `GraphFile.notes` lists the guesses, and
    an ambiguous table is refused. The options from `source` on replace the guesses.

    Args:
        path: The file; ``-`` is an edge list on standard input. `formats` lists the endings.
        trust_pickle: Let a `.pt` or `.npz` file run code.
        relabel: Take the ids of an edge list as names, and number the vertices in the order of
            their names: integers by value, texts by code point. Texts are always names.
        num_nodes: Number of vertices of a file that does not state it; by default the largest
            id + 1.
        max_memory: Limit of the memory for reading: bytes, or a text such as ``"4GiB"``; by default
            half of the machine's memory. See `wis.base.limits`.
        format: The format, if the ending of the file is not that of the format: an ending such as
            ``"csv"``, or the name of a format.
        source: The column of the first endpoint in an edge list or table: its name, or its number
            counted from 1. If a name is a number, the name counts.
        target: The column of the second endpoint.
        weight: The column of the weights, which become `edge_weight`.
        header: Whether the first line of an edge list names the columns.
        delimiter: The mark between the columns of an edge list, or one of the words ``tab``,
            ``space``, ``comma``, ``semicolon``, ``pipe``.
        bipartite: True if the endpoints are of two kinds, each with ids of its own; the graph is
            then a `HeteroData` with two types of vertices. False if they are one set. None refuses
            a table that could be either.

    Returns:
        The graph, with the layout of its file. A row of a table is one arc; an undirected edge of
        another format becomes two arcs.

    Raises:
        GraphFileError: The file cannot be read.
        GraphFormatError: It is damaged, not a graph, has an unknown ending, or needs more than
            `max_memory`.
        UnsafePickleError: The file could run code.
        OptionError: An option does not fit the file.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "path.csv")
    >>> _ = path.write_text("source,target,weight\n0,1,0.5\n1,2,2.0\n")
    >>> read_graph(path).data
    Data(edge_index=[2, 2], num_nodes=3, edge_weight=[2])
    """
    path = user_path(path)
    if num_nodes is not None and (isinstance(num_nodes, bool) or num_nodes < 0):
        raise OptionError(f"num_nodes is {num_nodes}; expected at least 0")
    limit = None if max_memory is None else parse_size(max_memory)
    table = TableOptions(source, target, weight, header, delimiter, bipartite)
    return read_with(path, ReadOptions(trust_pickle, relabel, num_nodes, limit, table), format)


@usual_defaults()
def read_with(path: Path, options: ReadOptions, format_name: str | None = None) -> GraphFile:
    """`read_graph` with its options in one object."""
    if options.num_nodes is not None:
        _check_num_nodes(options.num_nodes, options)
    if format_name is None:
        row = _readable(path)
    else:
        row, ending = format_of_name(format_name)
        options = replace(options, ending=ending)
    _check_table_options(row, path, options)
    with warnings.catch_warnings():  # parsers warn about future versions of their formats
        warnings.simplefilter("ignore")
        file = row.read(path, options)
    if file.table is None:
        try:
            check_lengths(file.data)
        except GraphFormatError as error:
            raise GraphFormatError(f"{shown(path)}: {error}") from None
    if file.table is not None or not is_hetero(file.data):
        options.check_num_nodes(path, file.num_nodes)
    return file


def _check_num_nodes(num_nodes: int, options: ReadOptions) -> None:
    needed = num_nodes * BYTES_PER_VERTEX
    # the reader itself refuses a number above MAX_NUM_NODES
    if num_nodes <= MAX_NUM_NODES and needed > max(options.limit, SMALL * BYTES_PER_VERTEX):
        raise OptionError(
            f"num_nodes is {echo(num_nodes)}: as many vertices take {shown_size(needed)} of "
            f"memory, and reading may take {shown_size(options.limit)}; {remedy(needed)}"
        )


def _check_table_options(row: Format, path: Path, options: ReadOptions) -> None:
    """Raise `OptionError` for an option of tables with a file that is not a table."""
    if options.relabel and not row.is_edge_table:
        raise OptionError(
            f"relabel is for edge lists; {shown(path)} already numbers its vertices from 0"
        )
    given = options.table.given()
    if given and not row.is_edge_table:
        raise OptionError(f"{given[0]} is for edge lists and tables; {shown(path)} is {row.name}")
    texts = [name for name in given if name in ("header", "delimiter")]
    if texts and not row.is_text:
        raise OptionError(f"{texts[0]} is for edge lists; {shown(path)} is {row.name}")


def _readable(path: Path) -> Format:
    try:
        return format_of_path(path)
    except UnknownNameError:
        with open_input(path):  # raises if there is no such file
            pass
        found = f"unknown ending {echo(path.suffix)!r}" if path.suffix else "no ending"
        raise GraphFormatError(
            f"{shown(path)}: {found}; expected one of {', '.join(known_endings())}; or say what it "
            f"holds with --format, such as --format csv"
        ) from None


@usual_defaults()
def write_graph(
    graph: GraphFile | Data | HeteroData | Tensor,
    path: str | Path,
    *,
    force: bool = False,
    dropped: list[str] | None = None,
) -> Path:
    """Write a graph, whole or not at all; the ending of the file decides the format.

    A graph that was read from the same format and only lost arcs (`GraphFile.keep`,
    `GraphFile.with_data`) is written back word for word, without those arcs. A `HeteroData` can
    only be written as `.pt`.

    Args:
        graph: A `GraphFile`, a PyG object, or an `edge_index`.
        path: The file to write; ``-`` is an edge list on standard output.
        force: Replace a file that exists.
        dropped: A list; a phrase is appended for each part of the graph that the format cannot
            hold. Without it, a `DroppedDataWarning` lists these parts.

    Returns:
        The path.

    Raises:
        UnknownNameError: No format has that ending.
        OutputExistsError: The file exists and `force` is false.
        GraphFileError: The file cannot be written.
        GraphFormatError: The format cannot hold this graph at all.

    >>> import tempfile, torch
    >>> out = Path(tempfile.mkdtemp(), "triangle.csv")
    >>> write_graph(torch.tensor([[0, 1, 2], [1, 2, 0]]), out).read_text().splitlines()
    ['source,target', '0,1', '1,2', '2,0']
    """
    path = user_path(path)
    row = format_of_path(path)
    file = _as_graph_file(graph)
    notes: list[str] = []
    if str(path) == STANDARD:
        _write_to_stdout(row, file, path, notes)
    else:
        with atomic_write(path, force=force) as stream:
            _write(row, file, path, stream, notes)
    notes = list(dict.fromkeys(notes))
    if dropped is not None:
        dropped.extend(notes)
    elif notes:
        warnings.warn("; ".join(left_out(file, path, notes)), DroppedDataWarning, stacklevel=3)
    return path


def left_out(file: GraphFile, path: Path, dropped: Sequence[str]) -> list[str]:
    """One line for each reason why `write_graph` dropped parts of a graph."""
    where = "standard output" if str(path) == STANDARD else path
    unread = [phrase for phrase in dropped if phrase in file.unread]
    others = [phrase for phrase in dropped if phrase not in file.unread]
    reasons = {
        "the format has no place for it": others,
        "wis does not carry it over from the format of the input to this one": unread,
    }
    return [
        f"{where}: left out {', '.join(phrases)}; {reason}"
        for reason, phrases in reasons.items()
        if phrases
    ]


def _as_graph_file(graph: GraphFile | Data | HeteroData | Tensor) -> GraphFile:
    if isinstance(graph, GraphFile):
        return graph
    if isinstance(graph, Tensor):
        from torch_geometric.data import Data

        size = checked_size(graph, None, "edge_index")
        return GraphFile(Data(edge_index=graph, num_nodes=size), layout=PlainTensor())
    if not hasattr(graph, "edge_stores"):
        raise GraphFormatError(
            f"got a {type(graph).__name__}; expected a PyG Data or HeteroData, an "
            "edge_index, or a GraphFile"
        )
    return GraphFile(graph, vertex_names=names_in(graph))


def _write(row: Format, file: GraphFile, path: Path, stream: BinaryIO, notes: list[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pack = _PACKERS.get(path.suffix.lower()) if row.is_text else None
        if pack is None:
            row.write(file, path, stream, notes)
        else:
            content = io.BytesIO()
            row.write(file, path, content, notes)
            stream.write(pack(content.getvalue()))


def _write_to_stdout(row: Format, file: GraphFile, path: Path, notes: list[str]) -> None:
    buffer = io.BytesIO()
    _write(row, file, path, buffer, notes)
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(buffer.getbuffer())
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise GraphFileError(f"standard output: cannot be written: {error.strerror}") from None
