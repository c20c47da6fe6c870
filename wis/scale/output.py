"""The rows that are left: found by the cuts of all phases, and written with all their columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wis.scale.files import EdgeFiles, OutputFolder, pyarrow
from wis.scale.phases import Phase, edges_of_rows, left_after
from wis.scale.vertices import Vertices

Bools = NDArray[np.bool_]


def kept_rows(
    files: EdgeFiles,
    index: int,
    vertices: Vertices,
    phases: Callable[[], Iterator[Phase]],
    *,
    seed: int,
    block: int,
) -> Bools:
    """Which rows of a file stay: loops, and rows of edges that no phase took.

    Args:
        files: The edge files.
        index: Which of them.
        vertices: What ids mean.
        phases: All phases, from the first on; asked for once for each block.
        seed: Seed of the priorities.
        block: Rows to look at together.

    Returns:
        bool array of shape [rows].
    """
    masks = [np.zeros(0, np.bool_)]
    waiting: list[tuple[Any, Any]] = []
    size = 0
    for a, b in files.pairs(index):
        waiting.append((vertices.number(a), vertices.number(b)))
        size += len(a)
        if size >= block:
            masks.append(_kept(waiting, vertices, phases(), seed))
            waiting, size = [], 0
    if waiting:
        masks.append(_kept(waiting, vertices, phases(), seed))
    return np.concatenate(masks)


def _kept(
    pairs: list[tuple[Any, Any]], vertices: Vertices, phases: Iterator[Phase], seed: int
) -> Bools:
    a, b = (np.concatenate(ends) for ends in zip(*pairs, strict=True))
    edges, proper = edges_of_rows(a, b, seed)
    return ~proper | left_after(phases, edges, vertices.num_nodes)


def write_kept(files: EdgeFiles, index: int, mask: Bools, target: OutputFolder) -> None:
    """Write the rows of a file that stay."""
    batches = files.batches(index)
    first = next(batches, None)
    schema = files.schema(index) if first is None else first.schema
    target.write(files.names[index], _selected(first, batches, mask), schema)


def _selected(first: Any, batches: Iterator[Any], mask: Bools) -> Iterator[Any]:
    row, batch = 0, first
    while batch is not None:
        part = mask[row : row + batch.num_rows]
        yield batch.filter(pyarrow().array(part))
        row += batch.num_rows
        batch = next(batches, None)
