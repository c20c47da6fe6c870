"""Read a graph from any format, write it to any other."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from torch import Tensor

from wis.defaults import usual_defaults
from wis.errors import GraphFileError, GraphFormatError, OptionError, UnknownNameError, echo
from wis.graph import MAX_NUM_NODES
from wis.io.atomic import atomic_write, check_writable
from wis.io.formats import Format, format_of_path, known_endings
from wis.io.graph_file import (
    DroppedDataWarning,
    GraphFile,
    checked_arcs,
    is_hetero,
    names_in,
    num_nodes_of,
)
from wis.io.limits import BYTES_PER_VERTEX, SMALL, parse_size, remedy, shown_size
from wis.io.pt import PlainTensor
from wis.io.source import STANDARD, ReadOptions

if TYPE_CHECKING:
    from torch_geometric.data import Data, HeteroData


@usual_defaults()
def read_graph(
    path: str | Path,
    *,
    trust_pickle: bool = False,
    relabel: bool = False,
    num_nodes: int | None = None,
    max_memory: int | str | None = None,
) -> GraphFile:
    """Read a graph; its format is that of the ending.

    Args:
        path: The file; ``-`` is an edge list on standard input. See `wis.io.formats` for the
            endings.
        trust_pickle: Let a `.pt` or `.npz` file run code, if it wants to.
        relabel: Take the ids of an edge list as names and number the vertices in the order of
            these: integers by value, texts by code point. Texts are always taken so.
        num_nodes: Number of vertices where the file does not say; the largest id + 1 if not given.
        max_memory: What reading may take: bytes, or a text such as ``"4GiB"``; half of the
            machine's memory if not given. See `wis.io.limits`.

    Returns:
        The graph, and what is needed to write it back. In text and tables a line is an arc; in
        networkx's formats an undirected edge is one arc.

    Raises:
        GraphFileError: The file cannot be read.
        GraphFormatError: It is damaged, no graph, has an unknown ending, or needs more memory
            than reading may take.
        UnsafePickleError: It could run code.
        MissingDependencyError: The format needs an optional package.
        OptionError: An option does not go with the file.
    """
    path = Path(path)
    if num_nodes is not None and (isinstance(num_nodes, bool) or num_nodes < 0):
        raise OptionError(f"num_nodes is {num_nodes}; expected at least 0")
    limit = None if max_memory is None else parse_size(max_memory)
    options = ReadOptions(trust_pickle, relabel, num_nodes, limit)
    _check_num_nodes(num_nodes, options)
    row = _readable(path)
    if relabel and not row.is_edge_table:
        raise OptionError(f"relabel is for edge lists; {path} already numbers its vertices from 0")
    with warnings.catch_warnings():  # those of parsers, about what their own formats will become
        warnings.simplefilter("ignore")
        file = row.read(path, options)
    if not is_hetero(file.data):
        options.check_num_nodes(path, num_nodes_of(file.data))
    return file


def _check_num_nodes(num_nodes: int | None, options: ReadOptions) -> None:
    needed = (num_nodes or 0) * BYTES_PER_VERTEX
    if num_nodes is not None and num_nodes > MAX_NUM_NODES:
        return  # readers refuse that, however much memory there is
    if needed > max(options.limit, SMALL * BYTES_PER_VERTEX):
        raise OptionError(
            f"num_nodes is {echo(num_nodes)}: as many vertices take {shown_size(needed)} of "
            f"memory, and reading may take {shown_size(options.limit)}; {remedy(needed)}"
        )


def _readable(path: Path) -> Format:
    try:
        return format_of_path(path)
    except UnknownNameError:
        if path.is_dir():
            raise GraphFileError(f"{path}: is a folder; expected a graph file") from None
        if not path.exists():
            raise GraphFileError(f"{path}: no such file") from None
        raise GraphFormatError(
            f"{path}: unknown ending {path.suffix!r}; expected one of {', '.join(known_endings())}"
        ) from None


@usual_defaults()
def write_graph(
    graph: GraphFile | Data | HeteroData | Tensor,
    path: str | Path,
    *,
    force: bool = False,
    dropped: list[str] | None = None,
) -> Path:
    """Write a graph, whole or not at all; its format is that of the ending.

    A graph that was read from the same format and since then only lost edges is written back word
    for word, without these. A `HeteroData` can only be written as `.pt`.

    Args:
        graph: What `read_graph` gave, with other data perhaps, or a PyG object, or an `edge_index`.
        path: Where to; ``-`` is an edge list on standard output.
        force: Replace a file that is already there.
        dropped: Gets a phrase for each part of the graph that the format has no place for. Without
            it, such parts are told by a `DroppedDataWarning`.

    Returns:
        The path.

    Raises:
        UnknownNameError: No format has that ending.
        OutputExistsError: The file exists and `force` is false.
        GraphFileError: It cannot be written.
        GraphFormatError: The format cannot hold this graph at all.
        MissingDependencyError: The format needs an optional package.
    """
    path = Path(path)
    row = format_of_path(path)
    file = _as_graph_file(graph)
    check_writable(path, force=force)
    notes: list[str] = []
    if str(path) == STANDARD:
        _write_to_stdout(row, file, path, notes)
    else:
        with atomic_write(path, force=force) as stream:
            _write(row, file, path, stream, notes)
    _tell(path, notes, dropped)
    return path


def _as_graph_file(graph: GraphFile | Data | HeteroData | Tensor) -> GraphFile:
    if isinstance(graph, GraphFile):
        return graph
    if isinstance(graph, Tensor):
        from torch_geometric.data import Data

        size = checked_arcs(graph, None, "edge_index")
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
        row.write(file, path, stream, notes)


def _write_to_stdout(row: Format, file: GraphFile, path: Path, notes: list[str]) -> None:
    import io
    import sys

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


def _tell(path: Path, notes: list[str], dropped: list[str] | None) -> None:
    notes = list(dict.fromkeys(notes))
    if dropped is not None:
        dropped.extend(notes)
    elif notes:
        warnings.warn(
            f"{path}: left out {', '.join(notes)}; the format has no place for it",
            DroppedDataWarning,
            stacklevel=3,
        )
