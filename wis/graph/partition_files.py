"""Partitions given one by one in a list, a JSON file or a csv file.

A JSON file holds a list of partitions. Each is a list of vertices, or an object with `subset` and
an optional `target`::

    [[0, 1, 2], {"subset": [7, 8], "target": 3}]

A csv file has a line for each vertex of each partition, and an optional header::

    partition,vertex,target
    left,0,
    left,1,
    right,7,3

Lines with the same first entry are one partition. The target is optional, and all targets of a
partition must agree. Vertices are ids, 0 to n - 1, or names, if the graph has names. If names are
numbers, a number in quotes in a JSON file is a name, and every vertex in a csv file is a name.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wis.base.source import ReadOptions, read_bytes
from wis.base.tables import integer_id
from wis.errors import GraphFormatError, OptionError, WisError, echo
from wis.graph import CanonicalGraph
from wis.graph.stores import names_in

_BYTES_PER_CHARACTER = 40  # a small Python integer and its entry in a list

Ints = NDArray[np.int64]
Item = tuple[Ints, int | None]
"""A subset as ascending vertex ids, and the target or None."""

COLUMNS = ["partition", "vertex", "target"]


@dataclass(frozen=True)
class VertexIds:
    """Ids and names of the vertices of a graph.

    Attributes:
        num_nodes: Number of vertices.
        names: The id of each name; empty if the graph has none.
    """

    num_nodes: int
    names: Mapping[str, int]

    @classmethod
    def of(cls, graph: CanonicalGraph, data: Any = None) -> VertexIds:
        """The vertices of a graph, with names from the attribute ``name`` of its `Data`."""
        if data is None or isinstance(data, (Tensor, CanonicalGraph)):
            return cls(graph.num_nodes, {})
        names = names_in(data) or ()
        return cls(graph.num_nodes, {name: k for k, name in enumerate(names)})

    def id_of(self, vertex: Any) -> int:
        """The id of a vertex.

        Raises:
            OptionError: The graph has no such vertex.
        """
        if isinstance(vertex, str):
            return self._id_of_name(vertex)
        if isinstance(vertex, (bool, np.bool_)) or not isinstance(vertex, (int, np.integer)):
            raise OptionError(f"{_quoted(vertex)} is not a vertex; expected an integer id")
        return self._checked(int(vertex))

    def id_of_text(self, text: str) -> int:
        """The id of a vertex in a csv file: a name if the graph has names, else a number."""
        if self.names:
            return self._id_of_name(text)
        number = integer_id(text)
        return self._id_of_name(text) if number is None else self._checked(number)

    def _checked(self, vertex: int) -> int:
        if not 0 <= vertex < self.num_nodes:
            raise OptionError(
                f"vertex {echo(vertex)} is not in the graph; ids run from 0 to {self.num_nodes - 1}"
            )
        return vertex

    def _id_of_name(self, name: str) -> int:
        if name not in self.names:
            known = "has no vertex of that name" if self.names else "has no vertex names, but ids"
            raise OptionError(f"vertex {echo(name)!r}: the graph {known}")
        return self.names[name]


def listed_items(partitions: Iterable[Any], vertices: VertexIds) -> list[Item]:
    """Subsets and targets of a list, as `wis.graph.partitions.resolve_partitions` describes it.

    Raises:
        OptionError: A partition is malformed; the message gives its position.
    """
    items = []
    for position, listed in enumerate(partitions):
        try:
            items.append(_item(listed, vertices))
        except OptionError as error:
            raise OptionError(f"partition {position}: {error}") from None
    return items


def read_partitions(path: Path, vertices: VertexIds) -> list[Item]:
    """Subsets and targets of a `.json` or `.csv` file.

    Raises:
        GraphFileError: The file cannot be read.
        GraphFormatError: The file is malformed, or needs more memory than reading may take; the
            message names the line or the item.
        OptionError: The file has another ending.
    """
    if path.suffix.lower() not in (".json", ".csv"):
        raise OptionError(f"{path}: unknown ending {path.suffix!r}; expected .json or .csv")
    text = _text(path, ReadOptions())
    items = _from_json if path.suffix.lower() == ".json" else _from_csv
    found = items(path, text, vertices)
    if not found:
        raise GraphFormatError(f"{path}: holds no partition")
    return found


def _text(path: Path, options: ReadOptions) -> str:
    raw = read_bytes(path, options, "a file of partitions")
    options.check_size(path, len(raw) * _BYTES_PER_CHARACTER, "the list of partitions")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise GraphFormatError(f"{path}: is not text in UTF-8") from None
    if "\0" in text:
        raise GraphFormatError(f"{path}: holds zero bytes; expected text")
    return text


def _item(listed: Any, vertices: VertexIds) -> Item:
    """One partition of a list: a subset, a pair, or a mapping with subset and target."""
    if isinstance(listed, Mapping):
        extra = sorted(map(str, listed.keys() - {"subset", "target"}))
        if extra or "subset" not in listed:
            what = f"has {echo(extra[0])!r}" if extra else "has no 'subset'"
            raise OptionError(f"{what}; expected 'subset' and optionally 'target'")
        return _subset(listed["subset"], vertices), _target(listed.get("target"), vertices)
    if isinstance(listed, tuple) and len(listed) == 2 and _is_collection(listed[0]):
        return _subset(listed[0], vertices), _target(listed[1], vertices)
    return _subset(listed, vertices), None


def _quoted(value: Any) -> str:
    return repr(echo(value)) if isinstance(value, str) else echo(value)


def _is_collection(value: Any) -> bool:
    return isinstance(value, (list, tuple, set, frozenset, range, np.ndarray, Tensor))


def _subset(vertices_of: Any, vertices: VertexIds) -> np.ndarray:
    listed = vertices_of.tolist() if hasattr(vertices_of, "tolist") else vertices_of
    if not _is_collection(listed):
        raise OptionError(f"{_quoted(vertices_of)} is not a subset; expected a list of vertices")
    return np.array(sorted({vertices.id_of(vertex) for vertex in listed}), dtype=np.int64)


def _target(target: Any, vertices: VertexIds) -> int | None:
    if isinstance(target, Tensor) and target.dim() == 0:
        target = target.item()
    return None if target is None else vertices.id_of(target)


def _from_json(path: Path, text: str, vertices: VertexIds) -> list[Item]:
    try:
        listed = json.loads(text, object_pairs_hook=_once_each)
        if not isinstance(listed, list):
            raise GraphFormatError(f"{path}: holds a {type(listed).__name__}; expected a list")
        return listed_items(listed, vertices)
    except json.JSONDecodeError as error:
        raise GraphFormatError(f"{path} line {error.lineno}: not JSON: {error.msg}") from None
    except RecursionError:
        raise GraphFormatError(f"{path}: not JSON: nested too deeply") from None
    except OptionError as error:
        raise GraphFormatError(f"{path}: {error}") from None
    except ValueError as error:
        if isinstance(error, WisError):
            raise
        raise GraphFormatError(f"{path}: holds an integer of too many digits") from None


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; raises `OptionError` if a key is repeated."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise OptionError(f"an object holds {echo(twice)!r} twice")
    return found


def _from_csv(path: Path, text: str, vertices: VertexIds) -> list[Item]:
    subsets: dict[str, set[int]] = {}
    targets: dict[str, int] = {}
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in lines:
            cells = [cell.strip() for cell in row]
            if not any(cells) or (not subsets and [cell.lower() for cell in cells] in _HEADERS):
                continue
            _add_line(cells, vertices, subsets, targets)
    except (OptionError, csv.Error) as error:
        raise GraphFormatError(f"{path} line {max(lines.line_num, 1)}: {error}") from None
    return [(np.array(sorted(subset)), targets.get(key)) for key, subset in subsets.items()]


_HEADERS = (COLUMNS, COLUMNS[:2])


def _add_line(
    cells: list[str], vertices: VertexIds, subsets: dict[str, set[int]], targets: dict[str, int]
) -> None:
    if len(cells) not in (2, 3):
        raise OptionError(f"{len(cells)} entries; expected partition,vertex or with a target")
    key, vertex, target = (*cells, "")[:3]
    subsets.setdefault(key, set()).add(vertices.id_of_text(vertex))
    if target:
        end = vertices.id_of_text(target)
        if targets.setdefault(key, end) != end:
            raise OptionError(
                f"partition {echo(key)!r} has another target, {echo(target)!r}, than above"
            )
