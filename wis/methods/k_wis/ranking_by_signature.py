"""The best of many edges by their signatures, with tensor operations alone.

Signatures (`wis.methods.k_wis.signatures`) are compared column by column: each column splits the
candidates further, and those that cannot be among the best any more are left out. The best of one
batch of edges compete with the next batch.

`LossTable` does that for a table of losses of which a round changes a few rows. The first position
of a signature, the least value that the loss of the edge would create, rules out most edges; only
the others get whole signatures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Ints = NDArray[np.int64]

MIN_PARTITIONS = 32
"""Rows of fewer columns are short enough to be sorted whole."""
MAX_SHARE = 1 / 8
"""Signatures are used if no edge touches more than this share of the columns."""
TOP = 2**62
"""Above every walk index."""


@dataclass(frozen=True)
class Ranked:
    """Edges and their signatures, (value, change in the number of entries) by row and value.

    Attributes:
        edge: int64 [c].
        row: int64 [k], position in `edge`, ascending.
        value: int64 [k], ascending within a row.
        change: int64 [k], not 0.
    """

    edge: Tensor
    row: Tensor
    value: Tensor
    change: Tensor

    @classmethod
    def none(cls, device: torch.device) -> Ranked:
        """No edges."""
        empty = torch.empty(0, dtype=torch.int64, device=device)
        return cls(empty, empty, empty, empty)

    @classmethod
    def of_entries(cls, edge: Tensor, row: Tensor, new: Tensor, old: Tensor) -> Ranked:
        """Count entries that change from `old` to `new`, each in a row."""
        rows, values = torch.cat([row, row]), torch.cat([new, old])
        ones = torch.ones_like(row)
        by_value = torch.argsort(values, stable=True)
        order = by_value[torch.argsort(rows[by_value], stable=True)]
        rows, values = rows[order], values[order]
        starts = torch.ones_like(rows, dtype=torch.bool)
        starts[1:] = (rows[1:] != rows[:-1]) | (values[1:] != values[:-1])
        group = starts.long().cumsum(0) - 1
        change = torch.zeros(int(starts.sum()), dtype=torch.int64, device=edge.device)
        change.scatter_add_(0, group, torch.cat([ones, -ones])[order])
        held = change != 0
        return cls(edge, rows[starts][held], values[starts][held], change[held])

    def joined(self, other: Ranked) -> Ranked:
        """Both together."""
        return Ranked(
            torch.cat([self.edge, other.edge]),
            torch.cat([self.row, other.row + self.edge.numel()]),
            torch.cat([self.value, other.value]),
            torch.cat([self.change, other.change]),
        )

    def first(self, size: int) -> Ranked:
        """The `size` best edges, best first; ties go to the smallest edge id."""
        code = self._codes()
        length = torch.bincount(self.row, minlength=self.edge.numel())
        start = length.cumsum(0) - length
        pick = torch.argsort(self.edge)
        rank = torch.zeros_like(pick)
        column = 0
        while pick.numel() > 1 and bool((length[pick] >= column).any()):
            here = torch.zeros_like(pick)
            more = length[pick] > column
            here[more] = code[start[pick[more]] + column]
            order = torch.argsort(here, stable=True)
            order = order[torch.argsort(rank[order], stable=True)]
            pick, rank, here = pick[order], rank[order], here[order]
            fresh = torch.zeros_like(rank)
            fresh[1:] = (rank[1:] != rank[:-1]) | (here[1:] != here[:-1])
            rank = fresh.cumsum(0)
            if pick.numel() > size:
                enough = rank <= rank[size - 1]
                pick, rank = pick[enough], rank[enough]
            if int(rank[-1]) == rank.numel() - 1:
                break
            column += 1
        return self._only(pick[:size])

    def _codes(self) -> Tensor:
        """Codes that compare as in `wis.methods.k_wis.signatures`, of ranks of values."""
        if not self.value.numel():
            return self.value
        rank = torch.unique(self.value, return_inverse=True)[1]
        unit = 2 * int(self.change.abs().max()) + 4
        offset = (int(rank.max()) + 2) * unit
        packed = offset - rank * unit
        return torch.where(self.change > 0, packed + self.change, -packed + self.change)

    def _only(self, pick: Tensor) -> Ranked:
        """Some of the edges, in a new order."""
        position = torch.full_like(self.edge, -1)
        position[pick] = torch.arange(pick.numel(), device=pick.device)
        row = position[self.row]
        held = (row >= 0).nonzero()[:, 0]
        order = held[torch.argsort(row[held], stable=True)]
        return Ranked(self.edge[pick], row[order], self.value[order], self.change[order])


class LossTable:
    """The walk indices that each edge touches, as rows padded to the longest.

    Attributes:
        column: int64 [m, w], the partitions that the loss of an edge touches, 0 where padded.
        loss: int64 [m, w], by how much, 0 where padded.
    """

    def __init__(self, loss: Ints) -> None:
        self.column = self.loss = np.zeros((loss.shape[0], 0), dtype=np.int64)
        self.update(loss, np.arange(loss.shape[0]))

    @staticmethod
    def pays_off(loss: NDArray[Any]) -> bool:
        """Whether edges touch few enough of the walk indices, given all losses, [m, K]."""
        if loss.dtype != np.int64 or loss.shape[1] < MIN_PARTITIONS or not loss.size:
            return False
        longest = int(np.count_nonzero(loss, axis=1).max())
        return bool(longest <= MAX_SHARE * loss.shape[1])

    def update(self, loss: Ints, ids: Ints) -> None:
        """Read the rows of some edges anew from the whole table, [m, K]."""
        rows = loss[ids]
        row, column = np.nonzero(rows)
        size = np.bincount(row, minlength=ids.size)
        missing = int(size.max(initial=0)) - self.column.shape[1]
        if missing > 0:
            self.column, self.loss = (
                np.pad(part, ((0, 0), (0, missing))) for part in (self.column, self.loss)
            )
        place = np.arange(row.size) - np.repeat(np.cumsum(size) - size, size)
        self.column[ids] = 0
        self.loss[ids] = 0
        self.column[ids[row], place] = column
        self.loss[ids[row], place] = rows[row, column]

    def best(self, index: Ints, left: Ints, size: int) -> Ints:
        """Positions in `left` of the best edges, best first; ties go to the first.

        Args:
            index: The walk indices, int64 [K].
            left: Ids of the edges that are left.
            size: How many to choose.
        """
        loss = self.loss[left]
        before = np.where(loss > 0, index[self.column[left]], TOP)
        least = (before - loss).min(axis=1, initial=TOP)
        bound = least.max() if size == 1 else np.sort(least)[least.size - size]
        rivals = np.flatnonzero(least >= bound)
        row, column = np.nonzero(loss[rivals])
        old = before[rivals[row], column]
        new = old - loss[rivals[row], column]
        ranked = Ranked.of_entries(*map(torch.from_numpy, (rivals, row, new, old)))
        return ranked.first(size).edge.numpy()
