"""Edge tables in Parquet: a row for each arc, two columns of endpoints and perhaps more.

A table that was only cut keeps its columns and their types, whatever these are. The number of
vertices is kept in the metadata of the schema, where it is looked for too. pyarrow does the work.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from wis.base.source import ReadOptions, open_input, parsing
from wis.errors import GraphFormatError, MissingDependencyError, echo
from wis.io.column_choice import choose_columns
from wis.io.dialects import HEAD_LINES
from wis.io.edge_attributes import attribute_columns, directions_told
from wis.io.edge_list import graph_file
from wis.io.edge_table import edge_table, lost_vertices, vertex_names
from wis.io.graph_file import GraphFile
from wis.io.headers import named_endpoints
from wis.io.numbering import Numbered, number_vertices
from wis.io.parquet_limits import check_table_size
from wis.io.text_columns import whole_numbers
from wis.io.text_scan import Column
from wis.io.two_sided import TwoSided, kinds_of, refuse_merging, two_sided, two_sided_table

_NUM_NODES = b"num_nodes"


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MissingDependencyError.of("a .parquet file needs pyarrow", "tables") from None
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
    return _graph(table, path, options)


def _graph(table: Any, path: Path, options: ReadOptions) -> GraphFile:
    names = [str(name) for name in table.column_names]
    said = options.table
    head = [list(map(_text, row.values())) for row in table.slice(0, HEAD_LINES).to_pylist()]
    choice = choose_columns(names, head, str(path), said)
    end_names = [names[end] for end in choice.endpoints]
    ends = _ends(table, choice.endpoints, path, alike=not said.bipartite)
    columns = {
        i: _attribute(table.column(i)) for i in range(len(names)) if i not in choice.endpoints
    }
    held = {i: values for i, values in columns.items() if values is not None}
    unread = tuple(f"column {echo(names[i], 40)!r}" for i in columns if i not in held)
    attributes = attribute_columns(
        [names[i] for i in held],
        list(held.values()),
        list(held),
        str(path),
        weight=choice.weight,
        index=choice.index,
        must_count=named_endpoints(names) is None and not said.source,
        commas=False,
    )
    if said.bipartite:
        numbered = Numbered(torch.zeros((2, table.num_rows), dtype=torch.int64, device="cpu"), 1)
    else:
        numbered = _numbered(table, ends, end_names, path, options)
    file = graph_file(
        path,
        "parquet",
        numbered,
        attributes.titles,
        attributes.values,
        table,
        unread,
        weight=attributes.weight,
    )
    notes = (*choice.notes, *attributes.notes, *directions_told(file))
    file = replace(file, notes=notes)
    if said.bipartite:
        return two_sided(file, ends, end_names, options, str(path), _Row(path))
    return file


def _ends(table: Any, positions: tuple[int, int], path: Path, *, alike: bool) -> tuple[Any, Any]:
    """The ids of both ends; if they are to be alike, then as texts where one of them is."""
    names = table.column_names
    ends = [_ids(table.column(end), str(names[end]), path) for end in positions]
    if alike and isinstance(ends[0], np.ndarray) != isinstance(ends[1], np.ndarray):
        ends = [
            list(map(str, end.tolist())) if isinstance(end, np.ndarray) else end for end in ends
        ]
    return ends[0], ends[1]


def _numbered(
    table: Any, ends: tuple[Any, Any], names: list[str], path: Path, options: ReadOptions
) -> Numbered:
    stated = stated_num_nodes(table.schema)
    if stated is not None and isinstance(ends[0], np.ndarray) and not options.relabel:
        options = replace(options, num_nodes=options.resolved_num_nodes(stated, path))
    numbered = number_vertices(ends, options, str(path), _Row(path))
    kinds = kinds_of(names)
    if kinds is not None and options.table.bipartite is None and not options.table.is_checked:
        refuse_merging(names, kinds, numbered.edge_index, str(path))
    return numbered


def _text(value: Any) -> str:
    return "" if value is None else str(value)


@dataclass(frozen=True)
class _Row:
    """The file and the row of an arc, for errors."""

    path: Path

    def __call__(self, arc: int) -> str:
        return f"{self.path} row {arc + 1}"


def stated_num_nodes(schema: Any) -> int | None:
    """The number of vertices that the metadata of a table say."""
    text = (schema.metadata or {}).get(_NUM_NODES, b"")
    return int(text) if text.isdigit() and len(text) < 19 else None


def _ids(column: Any, name: str, path: Path) -> Any:
    """An int64 array, or the column itself if it holds names."""
    pa, _ = _pyarrow()
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if column.null_count:
        row = column.is_null().to_pylist().index(True) + 1
        raise GraphFormatError(
            f"{path} row {row}: vertex id in column {echo(name)!r} is missing; every edge needs "
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
        f"{path}: column {echo(name)!r} holds {found}; expected text, or integers below 2^63"
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
        if not signed and not pa.types.is_floating(kind):
            return None
        try:
            return np.asarray(column.cast(pa.float64()).to_numpy())
        except pa.ArrowInvalid:  # an integer that no float is, beside a gap
            return None
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
    is_two_sided = isinstance(file.layout, TwoSided)
    flat = file.layout.flattened(file) if is_two_sided else file
    kept = flat.surviving_arcs() if isinstance(flat.layout, pa.Table) else None
    if kept is None:
        table, num_nodes = _new_table(file, dropped)
    else:
        table = flat.layout.filter(pa.array(kept))
        counts = flat.vertex_names is None and not is_two_sided
        num_nodes = flat.num_nodes if counts else None
        dropped.extend([] if counts else lost_vertices(flat))
    if num_nodes is not None:
        metadata = {**(table.schema.metadata or {}), _NUM_NODES: str(num_nodes).encode()}
        table = table.replace_schema_metadata(metadata)
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink)
    stream.write(sink.getvalue())


def _new_table(file: GraphFile, dropped: list[str]) -> tuple[Any, int | None]:
    pa, _ = _pyarrow()
    is_two_sided = isinstance(file.layout, TwoSided)
    first, second = file.layout.ends if is_two_sided else ("source", "target")
    if is_two_sided:
        table = two_sided_table(file, dropped, any_text=True)
    else:
        table = edge_table(file, dropped, keeps_vertices=vertex_names(file) is None, any_text=True)
    ends = table.arcs
    if table.names is not None:
        ends = np.array(table.names, dtype=object)[table.arcs]
    columns = {first: ends[0], second: ends[1]}
    for name, values in table.attributes.items():
        columns[name if name not in columns else f"{name}_"] = values
    kinds = {name: pa.string() for name, values in columns.items() if isinstance(values, list)}
    if table.names is not None:
        kinds |= {first: pa.string(), second: pa.string()}
    arrays = {name: pa.array(values, kinds.get(name)) for name, values in columns.items()}
    counts = table.names is None and not is_two_sided
    return pa.table(arrays), table.num_nodes if counts else None
