"""The columns beside the endpoints: weights, row numbers, directions, decimal commas."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from wis.errors import GraphFormatError, OptionError, echo
from wis.graph.cut import edge_attribute_names
from wis.graph.stores import edge_stores
from wis.io.graph_file import ArcTable, GraphFile, attribute_name, column_name
from wis.io.headers import is_number
from wis.io.numbering import Numbered
from wis.io.text_scan import Column

_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+(?:,[0-9]+)?", flags=re.ASCII)
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})?", flags=re.ASCII)
_DIRECTIONS = frozenset(("directed", "undirected"))


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


def with_arcs(
    file: GraphFile, attributes: AttributeColumns, numbered: Numbered, ends: tuple[Any, Any]
) -> GraphFile:
    """A file with the graph of a table: one arc for each row, between the ids in `ends`."""
    values, columns = attributes.named()
    values = {"edge_index": numbered.edge_index, "num_nodes": numbered.num_nodes, **values}
    narrow = np.int32 if numbered.num_nodes < 1 << 31 else np.int64
    kept = None if numbered.names is not None else (ends[0].astype(narrow), ends[1].astype(narrow))
    table = ArcTable(values, frozenset(values) - {"num_nodes"}, kept)
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
