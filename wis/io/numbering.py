"""Number the vertices of an edge list from 0 to n - 1.

Integers are their own numbers, and n is the largest of them + 1. Names, and integers that are to be
relabelled, are numbered in ascending order: integers by value, texts by code point. So the numbers
do not depend on the order of the lines. The names are kept beside the graph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wis.base.ids import numbers_of_arrow
from wis.base.source import ReadOptions
from wis.errors import GraphFormatError, OptionError
from wis.graph import MAX_NUM_NODES

_FREE_IDS = 1_000_000  # ids below this need no explanation; above, there are at most
_IDS_PER_ARC = 10  # as many per arc, or one stray number would ask for a billion vertices
_NO_ID = 2**63 - 1


@dataclass(frozen=True)
class Numbered:
    """Arcs over vertices 0 to n - 1.

    Attributes:
        edge_index: int64 tensor of shape [2, num_arcs].
        num_nodes: Number n of vertices.
        names: The name of each vertex in the file, None if the file uses these numbers.
        smallest: The smallest number of a vertex with an edge, 0 if there is none.
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
        options: Whether to relabel, and the number of vertices if the caller gave it.
        where: The file, for errors.
        place_of: The file and the line of an arc, for errors.

    Raises:
        GraphFormatError: An id is negative, not below `num_nodes`, or absurdly large.
        OptionError: `num_nodes` is given for names, and is not their number.
    """
    if not isinstance(ends[0], np.ndarray):
        return _named(*_factorized(*ends), options, where)
    arcs = np.stack(ends)
    if options.relabel:
        ids, positions = np.unique(arcs, return_inverse=True)
        return _named([str(i) for i in ids.tolist()], positions.reshape(2, -1), options, where)
    smallest, largest = int(arcs.min(initial=_NO_ID)), int(arcs.max(initial=-1))
    if arcs.size:
        _check_ids(arcs, smallest, largest, options.num_nodes, place_of)
    size = largest + 1 if options.num_nodes is None else options.num_nodes
    if size > MAX_NUM_NODES:
        raise GraphFormatError(f"{where}: {size} vertices; at most {MAX_NUM_NODES} are supported")
    return Numbered(torch.from_numpy(arcs), size, smallest=smallest if arcs.size else 0)


def _factorized(sources: Any, targets: Any) -> tuple[list[str], np.ndarray]:
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


def _named(names: list[str], arcs: np.ndarray, options: ReadOptions, where: str) -> Numbered:
    if options.num_nodes not in (None, len(names)):
        raise OptionError(
            f"num_nodes is {options.num_nodes}, but {where} calls its vertices by "
            f"{len(names)} names; leave it out"
        )
    return Numbered(torch.from_numpy(arcs.astype(np.int64, copy=False)), len(names), names)


def _check_ids(
    arcs: np.ndarray,
    smallest: int,
    largest: int,
    num_nodes: int | None,
    place_of: Callable[[int], str],
) -> None:
    if smallest < 0:
        arc = _first_arc(arcs < 0)
        raise GraphFormatError(
            f"{place_of(arc)}: vertex id {arcs[:, arc].min()} is negative; ids run from 0 to "
            f"num_nodes - 1. Renumber, or pass --relabel."
        )
    if num_nodes is not None:
        if largest >= num_nodes:
            arc = _first_arc(arcs >= num_nodes)
            raise GraphFormatError(
                f"{place_of(arc)}: vertex id {arcs[:, arc].max()}, but num_nodes is "
                f"{num_nodes}; ids run from 0 to num_nodes - 1"
            )
    elif largest >= _FREE_IDS + _IDS_PER_ARC * arcs.shape[1]:
        arc = _first_arc(arcs == largest)
        raise GraphFormatError(
            f"{place_of(arc)}: vertex id {largest} is very large for {arcs.shape[1]} "
            "edges, and every number up to it would be a vertex; pass --relabel, or "
            "--num-nodes if that is meant; --source and --target name the columns with the ids"
        )


def _first_arc(wrong: np.ndarray) -> int:
    return int(wrong.any(axis=0).argmax())
