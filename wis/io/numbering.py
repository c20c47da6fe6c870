"""Number the vertices of an edge list from 0 to n - 1.

Integer ids are vertices, and n is the largest id + 1. Names, and integers with `relabel`, are
numbered in ascending order: integers by value, texts by code point. So the numbers do not depend on
the order of the lines. The names are kept beside the graph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wis.base.ids import numbers_of_arrow
from wis.base.source import ReadOptions
from wis.errors import GraphFormatError, OptionError
from wis.graph import MAX_NUM_NODES

Ints = NDArray[np.int64]
# The largest id must be below a million + 10 per arc. Otherwise one stray number, such as a
# time stamp, would make a billion isolated vertices.
_FREE_IDS = 1_000_000
_IDS_PER_ARC = 10
WITHOUT_0 = (
    "no edge has the vertex 0, so it is an isolated vertex; if the ids count from 1, pass "
    "--relabel, which leaves it out"
)


@dataclass(frozen=True)
class Numbered:
    """Arcs over vertices 0 to n - 1.

    Attributes:
        edge_index: int64 tensor of shape [2, num_arcs].
        num_nodes: Number n of vertices.
        names: The name of each vertex in the file, None if the file uses these numbers.
        smallest: The smallest vertex with an arc, 0 without arcs.
    """

    edge_index: Tensor
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
    return Numbered(torch.from_numpy(np.stack(ends)), size, smallest=max(0, smallest))


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
    return Numbered(torch.from_numpy(arcs.astype(np.int64, copy=False)), len(names), names)


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
