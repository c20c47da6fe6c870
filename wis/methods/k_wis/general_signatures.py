"""Sorted tuples compared without being built, where an edge touches few of many walk indices.

All tuples of a round are one common tuple, that of the present walk indices, but for the entries
that the edge lowers. Entries that two tuples share cancel, so an edge is represented by its
signature: the values of which its tuple has more or fewer than the common one, ascending, each with
that number. At the smallest value where two signatures differ, the tuple that has fewer entries of
it is the larger one. So a signature is better at a position if it has fewer of a value: then the
smaller the value the better; next comes a signature that has ended; then those that have more of a
value, where the larger one is better.

The first position alone, the least value that the loss of the edge would bring about, rules out
most edges; only for the others are signatures made.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wis.methods.k_wis.argmax import best_by_columns

Ints = NDArray[np.int64]

MIN_PARTITIONS = 32
MAX_SHARE = 1 / 8
TOP = 2**62
"""Above every walk index."""


class Signatures:
    """The walk indices that each edge touches, as rows padded to the longest.

    Attributes:
        column: int64 [m, w], the partitions that the loss of an edge touches, 0 where there are no
            more.
        loss: int64 [m, w], by how much, 0 where there are no more.
    """

    def __init__(self, loss: Ints) -> None:
        self.column = self.loss = np.zeros((loss.shape[0], 0), dtype=np.int64)
        self.update(loss, np.arange(loss.shape[0]))

    @staticmethod
    def pay_off(loss: NDArray[Any]) -> bool:
        """Whether edges touch few enough of the walk indices, given what each edge costs."""
        if loss.dtype != np.int64 or loss.shape[1] < MIN_PARTITIONS or not loss.size:
            return False
        longest = int(np.count_nonzero(loss, axis=1).max())
        return bool(longest <= MAX_SHARE * loss.shape[1])

    def update(self, loss: Ints, ids: Ints) -> None:
        """Read the rows of some edges anew from the whole table, [m, K]."""
        rows = loss[ids]
        row, column = np.nonzero(rows)
        size = np.bincount(row, minlength=ids.size)
        self._widen(int(size.max(initial=0)))
        place = np.arange(row.size) - np.repeat(np.cumsum(size) - size, size)
        self.column[ids] = 0
        self.loss[ids] = 0
        self.column[ids[row], place] = column
        self.loss[ids[row], place] = rows[row, column]

    def _widen(self, width: int) -> None:
        missing = width - self.column.shape[1]
        if missing <= 0:
            return
        self.column, self.loss = (
            np.pad(part, ((0, 0), (0, missing))) for part in (self.column, self.loss)
        )

    def best(self, index: Ints, left: Ints, size: int) -> Ints:
        """Positions in `left` of the best edges, best first; ties go to the first.

        Args:
            index: The walk indices, int64 [K].
            left: Ids of the edges that are left.
            size: How many to choose.
        """
        loss = self.loss[left]
        before = np.where(loss > 0, index[self.column[left]], TOP)
        after = before - loss
        least = after.min(axis=1, initial=TOP)
        bound = least.max() if size == 1 else np.sort(least)[least.size - size]
        rivals = np.flatnonzero(least >= bound)
        keys = _keys(before[rivals], after[rivals])
        chosen = best_by_columns(lambda at, width: keys[at, :width], keys.shape, size)
        return rivals[chosen]


def _keys(before: Ints, after: Ints) -> Ints:
    """Signatures as rows to be compared column by column, larger is better.

    Args:
        before: int64 [k, w], the values that the tuples lose, `TOP` where there are no more.
        after: int64 [k, w], the values that they gain instead.
    """
    value = np.concatenate([before, after], axis=1)
    more = np.concatenate([np.full_like(before, -1), np.ones_like(after)], axis=1)
    by_value = np.argsort(value, axis=1)
    value = np.take_along_axis(value, by_value, axis=1)
    total = np.cumsum(np.take_along_axis(more, by_value, axis=1), axis=1)
    last = np.ones(value.shape, dtype=bool)  # the last one of equal values
    last[:, :-1] = value[:, :-1] != value[:, 1:]
    until = np.maximum.accumulate(np.where(last, np.arange(value.shape[1]) + 1, 0), axis=1)
    until = np.pad(until, ((0, 0), (1, 0)))[:, :-1]
    more = total - np.take_along_axis(np.pad(total, ((0, 0), (1, 0))), until, axis=1)
    counts = last & (more != 0) & (value < TOP)
    kind = np.where(counts, np.where(more > 0, value - TOP, TOP - value), 0)
    front = np.argsort(~counts, axis=1, kind="stable")
    pairs = np.stack([kind, np.where(counts, -more, 0)], axis=2)
    pairs = np.take_along_axis(pairs, front[:, :, None], axis=1)
    return pairs.reshape(len(before), -1)
