"""Edge tables in Parquet: a row for each arc, two columns of endpoints and perhaps more.

A table that only lost rows keeps its columns and their types. The metadata of the schema hold the
number of vertices.

The memory of a table is estimated before it is read, since compression hides it. The memory of
numbers follows from the number of rows. Texts and lists have no such bound: a page stores a
repeated text, or the common beginning of texts, once. If their columns could exceed the limit, they
are first read in small batches and measured. The footer's statistics of columns are not used:
pyarrow aborts the process if some of them contradict each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from wis.base.limits import BYTES_PER_FIELD
from wis.base.source import ReadOptions, open_input, parsing
from wis.base.tables import named_endpoints, whole_numbers
from wis.errors import GraphFormatError, echo
from wis.io.columns import Numbered, attribute_columns, number_vertices, with_arcs
from wis.io.dialects import HEAD_LINES
from wis.io.edge_table import edge_table, vertex_names
from wis.io.graph_file import GraphFile
from wis.io.headers import Column, choose_columns
from wis.io.two_sided import TwoSided, kinds_of, refuse_merging, two_sided, two_sided_table

_NUM_NODES = b"num_nodes"
_ROWS_AT_A_TIME = 65_536
_ROWS_AT_LEAST = 16  # with fewer, measuring an honest table takes longer than reading it
_COPIES = 3  # of a text: in the table, as a Python text, and in the list of names


def read(path: Path, options: ReadOptions) -> GraphFile:
    """Read an edge table.

    Raises:
        GraphFormatError: The table is malformed.
    """
    with open_input(path, options) as file, parsing(path, "a Parquet table"):
        _check_size(file, path, options)
        file.seek(0)
        table = parquet.read_table(file)
        table.validate(full=True)
    if table.num_columns < 2:
        raise GraphFormatError(
            f"{path}: {table.num_columns} columns; expected two with the endpoints"
        )
    return _graph(table, path, options)


def _check_size(file: BinaryIO, path: Path, options: ReadOptions) -> None:
    """Raise `GraphFormatError` if a table takes more memory than reading may."""
    with parquet.ParquetFile(file) as table:
        footer = table.metadata
        groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
        leaves = [table.schema.column(number) for number in range(footer.num_columns)]
        rows = max(footer.num_rows, sum(group.num_rows for group in groups))
        lengths = (x.length for x in leaves if x.physical_type == "FIXED_LEN_BYTE_ARRAY")
        fixed = rows * (BYTES_PER_FIELD * len(leaves) + sum(lengths))
        options.check_size(path, fixed, "the table")
        varying = [
            leaf.path
            for leaf in leaves
            if leaf.physical_type == "BYTE_ARRAY" or leaf.max_repetition_level > 0
        ]
        largest = max((group.total_byte_size for group in groups), default=0)
        allowed = (options.limit - fixed) // _COPIES
        if not varying or rows * largest * len(varying) <= allowed:
            return
        # A batch fits into the limit even if each text is as long as the largest row group.
        size = max(allowed // max(1, largest * len(varying)), _ROWS_AT_LEAST)
        size, total = min(size, _ROWS_AT_A_TIME), 0
        for batch in table.iter_batches(batch_size=size, columns=varying, use_threads=False):
            total += batch.nbytes
            options.check_size(path, fixed + _COPIES * total, "the table", so_far=True)


def _graph(table: Any, path: Path, options: ReadOptions) -> GraphFile:
    names = [str(name) for name in table.column_names]
    given = options.table
    rows = table.slice(0, HEAD_LINES).to_pylist()
    head = [["" if value is None else str(value) for value in row.values()] for row in rows]
    choice = choose_columns(names, head, str(path), given)
    end_names = [names[end] for end in choice.endpoints]
    ends = _ends(table, choice.endpoints, path, alike=not given.bipartite)
    columns = {
        i: _attribute(table.column(i)) for i in range(len(names)) if i not in choice.endpoints
    }
    held = {i: values for i, values in columns.items() if values is not None}
    attributes = attribute_columns(
        [names[i] for i in held],
        list(held.values()),
        list(held),
        str(path),
        weight=choice.weight,
        index=choice.index,
        must_count=named_endpoints(names) is None and not given.source,
        commas=False,
    )

    def place_of(arc: int) -> str:
        return f"{path} row {arc + 1}"

    unread = tuple(f"column {echo(names[i], 40)!r}" for i in columns if i not in held)
    notes = (*choice.notes, *attributes.notes)
    file = GraphFile(None, path, "parquet", layout=table, unread=unread, notes=notes)
    if given.bipartite:
        return two_sided(file, attributes, ends, end_names, options, str(path), place_of)
    numbered = _numbered(table, ends, end_names, path, options, place_of)
    return with_arcs(file, attributes, numbered)


def _ends(table: Any, positions: tuple[int, int], path: Path, *, alike: bool) -> tuple[Any, Any]:
    """The ids of both ends; if `alike`, integers become texts where the other end holds texts."""
    ends = [_ids(table.column(end), str(table.column_names[end]), path) for end in positions]
    if alike and isinstance(ends[0], np.ndarray) != isinstance(ends[1], np.ndarray):
        ends = [
            list(map(str, end.tolist())) if isinstance(end, np.ndarray) else end for end in ends
        ]
    return ends[0], ends[1]


def _numbered(
    table: Any,
    ends: tuple[Any, Any],
    names: list[str],
    path: Path,
    options: ReadOptions,
    place_of: Callable[[int], str],
) -> Numbered:
    stated = stated_num_nodes(table.schema)
    if stated is not None and isinstance(ends[0], np.ndarray) and not options.relabel:
        options = replace(options, num_nodes=options.resolved_num_nodes(stated, path))
    numbered = number_vertices(ends, options, str(path), place_of)
    kinds = kinds_of(names)
    if kinds is not None and options.table.bipartite is None and not options.table.is_checked:
        refuse_merging(names, kinds, numbered.arcs, str(path))
    return numbered


def stated_num_nodes(schema: Any) -> int | None:
    """The number of vertices in the metadata of a table."""
    text = (schema.metadata or {}).get(_NUM_NODES, b"")
    return int(text) if text.isdigit() and len(text) < 19 else None


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _ids(column: Any, name: str, path: Path) -> Any:
    """An int64 array, or the column itself if it holds names."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if column.null_count:
        row = column.is_null().to_pylist().index(True) + 1
        raise GraphFormatError(
            f"{path} row {row}: vertex id in column {echo(name)!r} is missing; every edge needs "
            "two endpoints"
        )
    if _is_text(column.type):
        return column
    is_float = pa.types.is_floating(column.type)
    if pa.types.is_integer(column.type) or is_float:
        values = whole_numbers(column.to_numpy())
        if values is not None:
            return values
    found = "numbers that are no integers" if is_float else column.type
    raise GraphFormatError(
        f"{path}: column {echo(name)!r} holds {found}; expected text, or integers below 2^63"
    )


def _attribute(column: Any) -> Column | None:
    """Numbers, truth values or texts; None for another type."""
    kind = column.type
    if _is_text(kind):
        texts: list[str] = column.to_pylist()
        return None if column.null_count else texts
    is_float = pa.types.is_floating(kind)
    signed = pa.types.is_signed_integer(kind) or kind == pa.uint8()
    if not (signed or is_float or (pa.types.is_boolean(kind) and not column.null_count)):
        return None
    if column.null_count:
        try:
            column = column.cast(pa.float64())
        except pa.ArrowInvalid:  # an integer that float64 would round, beside a gap
            return None
    return np.asarray(column.to_numpy())


def write(file: GraphFile, path: Path, stream: BinaryIO, dropped: list[str]) -> None:
    """Write an edge table.

    Raises:
        GraphFormatError: The graph has several types of vertices.
    """
    is_two_sided, flat = isinstance(file.layout, TwoSided), file.flat
    kept = flat.surviving_arcs() if isinstance(flat.layout, pa.Table) else None
    if kept is None:
        table, num_nodes = _new_table(file, dropped)
    else:
        table = flat.layout.filter(pa.array(kept))
        counts = flat.vertex_names is None and not is_two_sided
        num_nodes = flat.num_nodes if counts else None
        dropped.extend([] if counts else flat.lost_vertices())
    if num_nodes is not None:
        metadata = {**(table.schema.metadata or {}), _NUM_NODES: str(num_nodes).encode()}
        table = table.replace_schema_metadata(metadata)
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink)
    stream.write(sink.getvalue())


def _new_table(file: GraphFile, dropped: list[str]) -> tuple[Any, int | None]:
    """A table, and the number of vertices that goes into its metadata."""
    is_two_sided = isinstance(file.layout, TwoSided)
    ends = file.layout.ends if is_two_sided else ("source", "target")
    if is_two_sided:
        table = two_sided_table(file, dropped, any_text=True)
    else:
        table = edge_table(file, dropped, keeps_vertices=vertex_names(file) is None, any_text=True)
    ids = table.arcs if table.names is None else np.array(table.names, dtype=object)[table.arcs]
    columns = dict(zip(ends, ids, strict=True))
    for name, values in table.attributes.items():
        columns[name if name not in columns else f"{name}_"] = values
    texts = {name for name, values in columns.items() if isinstance(values, list)}
    texts |= set() if table.names is None else set(ends)
    arrays = {
        name: pa.array(values, pa.string() if name in texts else None)
        for name, values in columns.items()
    }
    counts = table.names is None and not is_two_sided
    return pa.table(arrays), table.num_nodes if counts else None
