"""From the columns of a table to a graph: numbers for the vertices, attributes for the edges.

**The endpoints.** Integer ids are vertices, and n is the largest id + 1. Names, and integers with
`relabel`, are numbered in ascending order: integers by value, texts by code point. So the numbers
do not depend on the order of the lines. The names are kept beside the graph.

**The other columns** become edge attributes: weights, directions, numbers with decimal commas. A
column that counts the rows is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from wis.base.source import ReadOptions
from wis.base.tables import numbers_of_arrow
from wis.errors import GraphFormatError, OptionError, echo
from wis.graph import MAX_NUM_NODES
from wis.graph.cut import edge_attribute_names
from wis.graph.stores import edge_stores
from wis.io.graph_file import ArcTable, GraphFile, attribute_name, column_name, narrow
from wis.io.headers import Column, is_number

Ints = NDArray[np.int64]
# The largest id must be below a million + 10 per arc. Otherwise one stray number, such as a
# time stamp, would make a billion isolated vertices.
_FREE_IDS = 1_000_000
_IDS_PER_ARC = 10
WITHOUT_0 = (
    "no edge has the vertex 0, so it is an isolated vertex; if the ids count from 1, pass "
    "--relabel, which leaves it out"
)
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+(?:,[0-9]+)?", flags=re.ASCII)
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})?", flags=re.ASCII)
_DIRECTIONS = frozenset(("directed", "undirected"))


@dataclass(frozen=True)
class Numbered:
    """Arcs over vertices 0 to n - 1.

    Attributes:
        arcs: Integers [2, num_arcs], int32 if the ids fit.
        num_nodes: Number n of vertices.
        names: The name of each vertex in the file, None if the file uses these numbers.
        smallest: The smallest vertex with an arc, 0 without arcs.
    """

    arcs: np.ndarray
    num_nodes: int
    names: list[str] | None = None
    smallest: int = 0


def number_vertices(
    ends: tuple[Any, Any], options: ReadOptions, where: str, place_of: Callable[[int], str]
) -> Numbered:
    """Number the vertices of an edge list.

    Args:
        ends: The endpoints of each arc: two int64 arrays, or two columns of names (lists, or
            pyarrow's).
        options: `relabel`, and `num_nodes` if it is known.
        where: The file, for errors.
        place_of: The file and the line of an arc, for errors.

    Raises:
        GraphFormatError: An id is negative, not below `num_nodes`, or absurdly large.
        OptionError: `num_nodes` is given and is not the number of names.
    """
    if not isinstance(ends[0], np.ndarray):
        return _named(*_factorized(*ends), options, where)
    if options.relabel:
        ids, positions = np.unique(np.stack(ends), return_inverse=True)
        return _named([str(i) for i in ids.tolist()], positions.reshape(2, -1), options, where)
    smallest, largest = check_ids(ends, options.num_nodes, place_of)

    def place() -> str:
        return place_of(_first(ends, largest, largest))

    size = count_vertices(largest, ends[0].size, options.num_nodes, where, place)
    return Numbered(narrow(ends, size), size, smallest=max(0, smallest))


def _factorized(sources: Any, targets: Any) -> tuple[list[str], Ints]:
    """All names in ascending order, and the arcs as positions among them."""
    import pyarrow as pa
    from pyarrow import compute

    chunks = []
    for end in (sources, targets):
        column = end if isinstance(end, pa.ChunkedArray) else pa.chunked_array([end], pa.string())
        chunks += column.cast(pa.large_string()).chunks
    codes = pa.chunked_array(chunks, pa.large_string()).combine_chunks().dictionary_encode()
    order = compute.sort_indices(codes.dictionary)
    by_name = numbers_of_arrow(order)  # UTF-8 sorts by code point
    rank = np.empty(by_name.size, dtype=np.int64)
    rank[by_name] = np.arange(by_name.size)
    names: list[str] = codes.dictionary.take(order).to_pylist()
    return names, rank[numbers_of_arrow(codes.indices)].reshape(2, -1)


def _named(names: list[str], arcs: Ints, options: ReadOptions, where: str) -> Numbered:
    check_num_names(len(names), options.num_nodes, where)
    return Numbered(narrow(arcs, len(names)), len(names), names)


def check_num_names(count: int, num_nodes: int | None, where: str) -> None:
    """Raise `OptionError` if `num_nodes` is given and is not the number of names."""
    if num_nodes not in (None, count):
        raise OptionError(
            f"num_nodes is {num_nodes}, but {where} names {count} vertices; leave num_nodes out"
        )


def check_ids(
    ends: tuple[Ints, Ints], num_nodes: int | None, place_of: Callable[[int], str]
) -> tuple[int, int]:
    """The smallest and the largest id of some arcs; -1 and -1 without arcs.

    Raises `GraphFormatError` if an id is negative or not below `num_nodes`.
    """
    if not ends[0].size:
        return -1, -1
    smallest = min(int(end.min()) for end in ends)
    largest = max(int(end.max()) for end in ends)
    if smallest < 0:
        arc = _first(ends, smallest, -1)
        raise GraphFormatError(
            f"{place_of(arc)}: vertex id {min(end[arc] for end in ends)} is negative; ids run "
            "from 0 to num_nodes - 1. Renumber, or pass --relabel."
        )
    if num_nodes is not None and largest >= num_nodes:
        arc = _first(ends, num_nodes, largest)
        raise GraphFormatError(
            f"{place_of(arc)}: vertex id {max(end[arc] for end in ends)}, but num_nodes is "
            f"{num_nodes}; ids run from 0 to num_nodes - 1"
        )
    return smallest, largest


def _first(ends: tuple[Ints, Ints], low: int, high: int) -> int:
    """The position of the first arc with an id from `low` to `high`."""
    inside = [(low <= end) & (end <= high) for end in ends]
    return int((inside[0] | inside[1]).argmax())


def count_vertices(
    largest: int, num_arcs: int, num_nodes: int | None, where: str, place: Callable[[], str]
) -> int:
    """The number of vertices of integer ids: `num_nodes`, or the largest id + 1.

    Raises `GraphFormatError` if the largest id is too large for the number of arcs; `place` names
    the file and the line for this error.
    """
    size = largest + 1 if num_nodes is None else num_nodes
    if num_nodes is None and largest >= _FREE_IDS + _IDS_PER_ARC * num_arcs:
        raise GraphFormatError(
            f"{place()}: vertex id {largest} is very large for {num_arcs} edges, and every number "
            "up to it would be a vertex; pass --relabel, or --num-nodes if that is meant; --source "
            "and --target name the columns with the ids"
        )
    if size > MAX_NUM_NODES:
        raise GraphFormatError(f"{where}: {size} vertices; at most {MAX_NUM_NODES} are supported")
    return size


@dataclass(frozen=True, eq=False)
class AttributeColumns:
    """The columns that become edge attributes.

    Attributes:
        titles: Their names in the file.
        values: Their entries.
        weight: Position, in these lists, of the column that the option `weight` names.
        notes: The guesses about them, one line of text each.
    """

    titles: list[str]
    values: list[Column]
    weight: int | None = None
    notes: tuple[str, ...] = ()

    def named(self) -> tuple[dict[str, Any], dict[str, str]]:
        """The attributes of a `Data`, and the column of each attribute."""
        columns = {} if self.weight is None else {"edge_weight": self.titles[self.weight]}
        held: dict[str, Any] = {}
        for place, (title, values) in enumerate(zip(self.titles, self.values, strict=True)):
            name = "edge_weight" if place == self.weight else attribute_name(title, columns)
            columns[name] = title
            is_array = isinstance(values, np.ndarray)
            held[name] = torch.from_numpy(_writable(values)) if is_array else list(values)
        return held, columns


def _writable(values: Any) -> np.ndarray:
    """The array, or a copy if its memory is read-only."""
    array = np.ascontiguousarray(values)
    return array if array.flags.writeable else array.copy()


def with_arcs(file: GraphFile, attributes: AttributeColumns, numbered: Numbered) -> GraphFile:
    """A file with the graph of a table: one arc for each row."""
    values, columns = attributes.named()
    table = ArcTable(numbered.arcs, {"num_nodes": numbered.num_nodes, **values}, frozenset(values))
    return replace(file, content=table, vertex_names=numbered.names, columns=columns)


def attribute_columns(
    titles: Sequence[str],
    values: Sequence[Column],
    positions: Sequence[int],
    where: str,
    *,
    weight: int | None,
    index: int | None,
    unnamed: Sequence[int] = (),
    must_count: bool = False,
    commas: bool = True,
) -> AttributeColumns:
    """Choose the columns of a table that become edge attributes.

    Args:
        titles: Names of the columns that are not endpoints.
        values: Their entries.
        positions: Their positions in the table.
        where: The file, for errors.
        weight: Position of the column that an option names as weights.
        index: Position of a column that counts the first rows; it is left out if it counts all.
        unnamed: Positions of the columns without a name; empty ones are left out.
        must_count: Whether the choice of the endpoints depends on `index` counting all rows.
        commas: Whether texts with decimal commas are numbers.

    Raises:
        GraphFormatError: The weights are not numbers, or `index` must count the rows and does not.
    """
    kept_titles: list[str] = []
    kept: list[Column] = []
    notes: list[str] = []
    place = None
    for title, column, position in zip(titles, values, positions, strict=True):
        if position == index and _counts(column):
            if must_count:
                notes.append(f"left out column {position + 1}, which counts the rows")
            continue
        if position == index and must_count:
            raise GraphFormatError(
                f"{where}: the first column has no name, and does not count the rows; say which "
                f"columns hold the endpoints with --source and --target"
            )
        if position in unnamed and isinstance(column, list) and not any(column):
            continue
        if commas and isinstance(column, list):
            column, note = with_points(title, column)
            notes += note
        if position == weight:
            place = len(kept)
            _check_weights(title, column, where)
        kept_titles.append(title)
        kept.append(column)
    notes += _directions(kept_titles, kept)
    return AttributeColumns(kept_titles, kept, place, tuple(notes))


def _directions(titles: Sequence[str], columns: Sequence[Column]) -> list[str]:
    """A note on a column ``Type`` with directions, as Gephi writes it."""
    for title, values in zip(titles, columns, strict=True):
        if title.strip().lower() != "type" or not isinstance(values, list):
            continue
        kinds = {value.strip().lower() for value in values}
        if "undirected" in kinds and kinds <= _DIRECTIONS:
            edges = "edges" if len(kinds) == 1 else "some edges"
            return [
                f"the column {echo(title)!r} says that {edges} have no direction; each line is "
                f"read as one arc all the same"
            ]
    return []


def _counts(column: Column) -> bool:
    if isinstance(column, list) or column.dtype.kind not in "iu" or not column.size:
        return False
    start = int(column[0])
    return start in (0, 1) and bool((column == np.arange(start, start + column.size)).all())


def with_points(title: str, texts: list[str]) -> tuple[Column, list[str]]:
    """Convert decimal commas, unless they may mark thousands; returns a column and notes."""
    given = [text for text in texts if text]
    if not any("," in text for text in given[:1000]):
        return texts, []
    if not all(map(_DECIMAL_COMMA.fullmatch, given)):
        return texts, []
    name = echo(title, 40)
    if all(_THOUSANDS.fullmatch(text) for text in given):
        return texts, [
            f"the column {echo(name)!r} is read as text: its commas may mark thousands or "
            f"decimals; write decimals with points"
        ]
    numbers = np.array([float(text.replace(",", ".")) if text else np.nan for text in texts])
    return numbers, [f"the commas in the column {echo(name)!r} are read as decimal points"]


def _check_weights(title: str, column: Column, where: str) -> None:
    if isinstance(column, np.ndarray) and column.dtype.kind in "iuf":
        return
    found = "truth values" if isinstance(column, np.ndarray) else "texts"
    example = (
        "" if isinstance(column, np.ndarray) else next((t for t in column if not is_number(t)), "")
    )
    shown = f" such as {echo(example, 40)!r}" if example else ""
    raise GraphFormatError(
        f"{where}: weight names the column {echo(title, 40)!r}, which holds {found}{shown}; "
        f"expected numbers"
    )


def attribute_of(file: GraphFile, column: str) -> str:
    """The edge attribute that was read from a column, or that has this name itself.

    Raises:
        OptionError: No column and no attribute has the name.
    """
    stores = [] if file.table else edge_stores(file.data)
    attributes = [name for store in stores for name in edge_attribute_names(store)]
    if file.table:
        attributes = [name for name in file.table.values if name in file.table.edge_level]
    for name in attributes:
        if name != "edge_index" and column_name(name, file.columns) == column:
            return name
    if column in attributes and column != "edge_index":
        return column
    known = [column_name(name, file.columns) for name in attributes if name != "edge_index"]
    listed = ", ".join(echo(name, 40) for name in dict.fromkeys(known)) or "none"
    raise OptionError(
        f"{echo(column)!r} is no edge attribute of the graph; those there are: {echo(listed, 400)}"
    )
