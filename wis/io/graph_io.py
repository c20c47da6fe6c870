"""Read a graph, or pairs of its vertices, from any format; write a graph to any other.

Pairs in an edge list are names of vertices if the graph has names, and their numbers otherwise.
Other formats number vertices from 0 on, as the graph does.
"""

from __future__ import annotations

import bz2
import functools
import gzip
import io
import logging
import lzma
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import torch
from torch import Tensor

from wis.base.atomic import atomic_write, check_writable
from wis.base.checks import user_path, usual_defaults
from wis.base.limits import BYTES_PER_VERTEX, SMALL, parse_size, remedy, shown_size
from wis.base.source import STANDARD, ReadOptions, open_input, shown
from wis.base.tables import GUESS, TableOptions, integer_id
from wis.errors import (
    GraphFileError,
    GraphFormatError,
    OptionError,
    ProtectionError,
    UnknownNameError,
    echo,
)
from wis.graph import MAX_NUM_NODES, canonical_graph
from wis.graph.parts import check_lengths
from wis.graph.stores import is_hetero, names_in
from wis.io.edge_table import require_one_type, vertex_names
from wis.io.formats import Format, format_of_name, format_of_path, known_endings
from wis.io.graph_file import DroppedDataWarning, GraphFile, PlainTensor, checked_size
from wis.order.protections import first_non_edge

if TYPE_CHECKING:
    from torch_geometric.data import Data, HeteroData


_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": functools.partial(gzip.compress, compresslevel=6, mtime=0),
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


@usual_defaults()
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
        path: The file; ``-`` is an edge list on standard input. `wis.io.formats` lists the endings.
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
    check_writable(path, force=force)
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


_LOG = logging.getLogger(__name__)


def read_pairs(path: str | Path, file: GraphFile, *, directed: bool = False) -> Tensor:
    r"""Read pairs of vertices, each of which is an edge of a graph.

    Args:
        path: The file with the pairs; further columns are ignored.
        file: The graph.
        directed: Whether a pair is an arc from the first vertex to the second.

    Returns:
        int64 tensor of shape [2, k] of vertex ids, in the order of the file.

    Raises:
        GraphFileError: The file cannot be read.
        GraphFormatError: The file is damaged, or names a vertex that the graph does not have.
        ProtectionError: A pair is not an edge of the graph.
        UnknownNameError: No format has that ending.

    Cost: that of reading the file, and one sort of the arcs of the graph.

    >>> from pathlib import Path
    >>> from wis.io import read_graph
    >>> written = [Path(name).write_text(lines) for name, lines in
    ...            {"all.csv": "a,b\na,c\nb,c\n", "stay.csv": "c,a\n"}.items()]
    >>> read_pairs("stay.csv", read_graph("all.csv", header=False)).tolist()
    [[2], [0]]
    """
    graph = canonical_graph(file.data, directed=directed)
    names = None if hasattr(file.data, "edge_types") else vertex_names(file)
    path = user_path(path)
    pairs, listed = _listed(path, TableOptions(is_checked=True))
    known = _positions(listed, names, graph.num_nodes)
    if listed is not None and pairs.size(1) > 1 and _is_header(pairs, listed, known):
        pairs, listed = _listed(path, TableOptions(is_checked=True, header=True))
        known = _positions(listed, names, graph.num_nodes)
    if listed is not None:
        pairs = _ids(listed, known, names, graph.num_nodes, path)[pairs]
    wrong = first_non_edge(graph, pairs)
    if wrong is not None:
        u, v = wrong if names is None else (dict(enumerate(names)).get(i, i) for i in wrong)
        between = "->" if directed else "-"
        raise ProtectionError(
            f"{path}: {echo(u)} {between} {echo(v)} is no {graph.noun} of the graph"
        )
    return pairs


def _listed(path: Path, table: TableOptions) -> tuple[Tensor, Sequence[str] | None]:
    """The pairs of a file, and the ids of their vertices as the file spells them."""
    relabel = format_of_path(path).is_edge_table
    options = ReadOptions(relabel=relabel, table=table if relabel else GUESS)
    listed = read_with(path, options)
    require_one_type(listed)
    for note in listed.notes:
        _LOG.info("Note: %s: %s", path, note)
    return listed.data.edge_index, listed.vertex_names


def _is_header(pairs: Tensor, listed: Sequence[str], known: Mapping[str, int]) -> bool:
    """Whether only the first line holds unknown vertices; it then names the columns."""
    unknown = [name for name in listed if name not in known]
    return bool(unknown) and {listed[int(i)] for i in pairs[:, 0]} == set(unknown)


def _positions(
    listed: Sequence[str] | None, names: Sequence[str] | None, num_nodes: int
) -> Mapping[str, int]:
    """Map each id of a vertex of the graph to the vertex."""
    if names is not None:
        return {name: vertex for vertex, name in enumerate(names)}
    found = {name: integer_id(name) for name in listed or ()}
    return {name: i for name, i in found.items() if i is not None and 0 <= i < num_nodes}


def _ids(
    listed: Sequence[str],
    known: Mapping[str, int],
    names: Sequence[str] | None,
    num_nodes: int,
    path: Path | str,
) -> Tensor:
    """The vertex of the graph for each vertex of the file, int64 [num_listed]."""
    for name in listed:
        if name not in known:
            have = f"have names, such as {echo(names[0])!r}" if names else "are numbered from 0"
            raise GraphFormatError(
                f"{path}: the graph has no vertex {echo(name)!r}; its {num_nodes} vertices {have}"
            )
    return torch.tensor([known[name] for name in listed], dtype=torch.int64, device="cpu")
