"""The ARGMAX of Algorithm 3: which edge, or which few, leave the best walk indices behind.

A candidate is a row: the walk indices that would be left if its edge went, one for each partition.

- ``lexicographic``: rows with their entries sorted in ascending order are compared entry by entry,
  as in Algorithm 1: the smallest walk index counts first, then the second smallest, ...
- ``min``, ``max``, ``sum``: rows are compared by that of their entries.
- a function of all rows, [num_candidates, num_partitions], that returns one key for each row, or
  several in columns, the first of which counts first.

Larger is better, and ties go to the first row, which is the smallest edge id.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wis.errors import OptionError

Ints = NDArray[np.int64]
Counts = NDArray[Any]
Rows = Callable[[Ints], Counts]
"""Rows of candidates by their positions: int64 or object, [len(positions), num_partitions]."""

Argmax = str | Callable[[Counts], Any]
NAMED = ("lexicographic", "min", "sum", "max")
FIRST_WIDTH = 16
"""Factor by which more columns are compared when rows are still tied."""
CHUNK_CELLS = 2**22
"""Entries of rows that are in memory at once: 32 MiB."""


def best_rows(rows: Rows, shape: tuple[int, int], argmax: Argmax, size: int) -> Ints:
    """Positions of the `size` best candidates, best first.

    `shape` holds the numbers of candidates and of partitions.

    Raises:
        OptionError: The function does not return keys.
    """
    if not isinstance(argmax, str):
        every = np.arange(shape[0])
        keys = _checked_keys(argmax(rows(every)), shape[0])
        return best_by_columns(lambda positions, width: keys[positions, :width], keys.shape, size)
    if argmax == "lexicographic":
        return best_by_columns(lambda at, width: _smallest(rows, at, width, shape[1]), shape, size)
    reduce: Any = {"min": np.min, "max": np.max, "sum": np.sum}[argmax]
    if shape[1] == 0:
        return np.arange(size)
    key = _in_chunks(rows, np.arange(shape[0]), lambda part: reduce(part, axis=1), shape[1])
    return best_by_columns(lambda positions, width: key[positions, None], (shape[0], 1), size)


def best_by_columns(
    columns: Callable[[Ints, int], Counts], shape: tuple[int, int], size: int
) -> Ints:
    """The first `size` rows in descending order; columns are computed only while rows are tied.

    `columns` gives the first columns of some rows, given their positions and how many columns.
    """
    chosen: list[Ints] = []
    tied, need, done, width = np.arange(shape[0]), size, 0, 1
    # rows that are tied for the last places so far, and how many of these places are open
    while done < shape[1] and 0 < need < tied.size:
        block = columns(tied, width)[:, done:]
        while need < tied.size:
            differ = np.flatnonzero((block != block[0]).any(axis=0))
            if differ.size == 0:
                break
            values = block[:, differ[0]]
            least = values.max() if need == 1 else np.sort(values)[values.size - need]
            chosen.append(tied[values > least])
            need -= chosen[-1].size
            tied, block = tied[values == least], block[values == least]
        done, width = width, min(FIRST_WIDTH * width, shape[1])
    chosen.append(tied[:need])
    found: Ints = np.sort(np.concatenate(chosen))
    if size == 1:
        return found
    keys = columns(found, shape[1]).tolist()
    order = sorted(range(found.size), key=keys.__getitem__, reverse=True)  # keeps ties in order
    return found[order]


def _smallest(rows: Rows, positions: Ints, width: int, num_columns: int) -> Counts:
    """The `width` smallest of the `num_columns` entries of each row, ascending."""

    def of_chunk(part: Counts) -> Counts:
        if width == 1:
            return np.asarray(part.min(axis=1))
        if width < num_columns:
            part = np.partition(part, width - 1, axis=1)[:, :width]
        return np.sort(part, axis=1)

    if width == 0:
        return np.empty((positions.size, 0), dtype=np.int64)
    return _in_chunks(rows, positions, of_chunk, num_columns).reshape(positions.size, width)


def _in_chunks(
    rows: Rows, positions: Ints, reduce: Callable[[Counts], Counts], num_columns: int
) -> Counts:
    step = max(CHUNK_CELLS // max(num_columns, 1), 1)
    parts = [reduce(rows(positions[a : a + step])) for a in range(0, positions.size, step)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _checked_keys(keys: Any, num_rows: int) -> Counts:
    """The keys that a function returned, as [num_rows, num_columns]."""
    found = np.asarray(keys)
    expected = f"one key for each of the {num_rows} candidates"
    if found.ndim not in (1, 2) or found.shape[0] != num_rows:
        raise OptionError(
            f"argmax returned an array of shape {list(found.shape)}; expected {expected}"
        )
    if found.dtype.kind not in "biufO":
        raise OptionError(f"argmax returned keys of dtype {found.dtype}; expected numbers")
    if found.dtype.kind == "f" and np.isnan(found).any():
        raise OptionError("argmax returned nan, which is no key: nothing is above or below it")
    return found.reshape(num_rows, -1)
