"""The rows that are left: found by the cuts of all phases, and written with all their columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wis.errors import GraphFormatError
from wis.scale.files import EdgeFiles
from wis.scale.phases import Phase, edges_of_rows, left_after
from wis.scale.storage import pyarrow
from wis.scale.target import OutputFolder
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
    for a, b in files.pairs(index, as_names=vertices.texts):
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


def write_kept(
    files: EdgeFiles, index: int, mask: Bools, target: OutputFolder, *, as_names: bool
) -> None:
    """Write the rows of a file that stay."""
    schema = files.schema(index, as_names=as_names)
    batches = files.batches(index, schema, as_names=as_names)
    target.write(files.names[index], _selected(batches, mask, files.paths[index]), schema)


def _selected(batches: Iterator[Any], mask: Bools, path: str) -> Iterator[Any]:
    row = 0
    for batch in batches:
        part = mask[row : row + batch.num_rows]
        if part.size < batch.num_rows:
            break
        yield batch.filter(pyarrow().array(part))
        row += batch.num_rows
    else:
        if row == mask.size:
            return
    raise GraphFormatError(f"{path}: its rows have become others while it was read; run it again")
