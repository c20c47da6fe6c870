"""Edge tables in Parquet: a row for each arc, two columns of endpoints and perhaps more.

A table that was only cut keeps its columns and their types, whatever these are. The number of
vertices is kept in the metadata of the schema, where it is looked for too. pyarrow does the work.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from wis.errors import GraphFormatError, MissingDependencyError
from wis.io.edge_list import graph_file
from wis.io.edge_table import edge_table, lost_vertices, vertex_names
from wis.io.graph_file import GraphFile, num_nodes_of
from wis.io.numbering import number_vertices
from wis.io.parquet_limits import check_table_size
from wis.io.source import ReadOptions, open_input, parsing
from wis.io.text_columns import Column, whole_numbers
from wis.io.text_layout import named_endpoints

_NUM_NODES = b"num_nodes"


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MissingDependencyError(
            "a .parquet file needs pyarrow: pip install 'wis-sparsify[tables]'"
        ) from None
    return pyarrow, parquet


def read(path: Path, options: ReadOptions) -> GraphFile:
    """Read an edge table.

    Raises:
        MissingDependencyError: pyarrow is not installed.
        GraphFormatError: The table is malformed.
    """
    _, parquet = _pyarrow()
    with open_input(path, options) as file, parsing(path, "a Parquet table"):
        check_table_size(file, path, options)
        file.seek(0)
        table = parquet.read_table(file)
        table.validate(full=True)
    if table.num_columns < 2:
        raise GraphFormatError(
            f"{path}: {table.num_columns} columns; expected two with the endpoints"
        )
    names = [str(name) for name in table.column_names]
    positions = named_endpoints(names) or (0, 1)
    ends = [_ids(table.column(end), names[end], path) for end in positions]
    if isinstance(ends[0], np.ndarray) != isinstance(ends[1], np.ndarray):
        ends = [
            list(map(str, end.tolist())) if isinstance(end, np.ndarray) else end for end in ends
        ]
    stated = _stated_num_nodes(table)
    if stated is not None and isinstance(ends[0], np.ndarray) and not options.relabel:
        options = replace(options, num_nodes=options.resolved_num_nodes(stated, path))
    numbered = number_vertices(
        (ends[0], ends[1]), options, str(path), lambda arc: f"{path} row {arc + 1}"
    )
    others = [i for i in range(len(names)) if i not in positions]
    columns = [(names[i], _attribute(table.column(i))) for i in others]
    held = [(name, values) for name, values in columns if values is not None]
    unread = tuple(f"column {name!r}" for name, values in columns if values is None)
    titles = [name for name, _ in held]
    values = [column for _, column in held]
    return graph_file(path, "parquet", numbered, titles, values, table, unread)


def _stated_num_nodes(table: Any) -> int | None:
    text = (table.schema.metadata or {}).get(_NUM_NODES, b"")
    return int(text) if text.isdigit() and len(text) < 19 else None


def _ids(column: Any, name: str, path: Path) -> Any:
    """An int64 array, or the column itself if it holds names."""
    pa, _ = _pyarrow()
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if column.null_count:
        row = column.is_null().to_pylist().index(True) + 1
        raise GraphFormatError(
            f"{path} row {row}: vertex id in column {name!r} is missing; every edge needs "
            "two endpoints"
        )
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return column
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        values = whole_numbers(column.to_numpy())
        if values is not None:
            return values
    found = "numbers that are no integers" if pa.types.is_floating(column.type) else column.type
    raise GraphFormatError(
        f"{path}: column {name!r} holds {found}; expected text, or integers below 2^63"
    )


def _texts(column: Any) -> list[str]:
    values: list[str] = column.to_pylist()
    return values


def _attribute(column: Any) -> Column | None:
    """Numbers, truth values or texts; None for another type."""
    pa, _ = _pyarrow()
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return None if column.null_count else _texts(column)
    signed = pa.types.is_signed_integer(kind) or kind == pa.uint8()
    if column.null_count:
        is_number = signed or pa.types.is_floating(kind)
        return np.asarray(column.cast(pa.float64()).to_numpy()) if is_number else None
    if signed or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        return np.asarray(column.to_numpy())
    return None


def write(file: GraphFile, path: Path, stream: BinaryIO, dropped: list[str]) -> None:
    """Write an edge table.

    Raises:
        MissingDependencyError: pyarrow is not installed.
        GraphFormatError: The graph has several types of vertices.
    """
    pa, parquet = _pyarrow()
    kept = file.surviving_arcs() if isinstance(file.layout, pa.Table) else None
    if kept is None:
        table, num_nodes = _new_table(file, dropped)
    else:
        table = file.layout.filter(pa.array(kept))
        num_nodes = num_nodes_of(file.data) if file.vertex_names is None else None
        dropped.extend(lost_vertices(file) if num_nodes is None else [])
    if num_nodes is not None:
        metadata = {**(table.schema.metadata or {}), _NUM_NODES: str(num_nodes).encode()}
        table = table.replace_schema_metadata(metadata)
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink)
    stream.write(sink.getvalue())


def _new_table(file: GraphFile, dropped: list[str]) -> tuple[Any, int | None]:
    pa, _ = _pyarrow()
    table = edge_table(file, dropped, keeps_vertices=vertex_names(file) is None, any_text=True)
    ends = table.arcs
    if table.names is not None:
        ends = np.array(table.names, dtype=object)[table.arcs]
    columns = {"source": ends[0], "target": ends[1]}
    for name, values in table.attributes.items():
        columns[name if name not in columns else f"{name}_"] = values
    kinds = {name: pa.string() for name, values in columns.items() if isinstance(values, list)}
    if table.names is not None:
        kinds |= {"source": pa.string(), "target": pa.string()}
    arrays = {name: pa.array(values, kinds.get(name)) for name, values in columns.items()}
    return pa.table(arrays), None if table.names is not None else table.num_nodes
