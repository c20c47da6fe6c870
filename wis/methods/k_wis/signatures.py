"""Compare the losses of edges without building a tuple of n walk indices for each.

Algorithm 1 compares edges by the walk indices that would be left without them, sorted ascending,
lexicographically; the larger tuple wins. Each of these tuples is that of the present graph with a
few entries changed. So an edge is represented by its *signature*: for each value, in how many more
(or fewer) entries it would occur. At the smallest value where two signatures differ, the one with
fewer entries of that value belongs to the larger tuple.

A signature becomes a tuple of integers, one for each value whose number of entries changes, from
the smallest value on and closed by `END`, such that the tuples compare as the edges do, the better
edge *first*:

- d > 0 more entries of value v: worse than no change, the more so the smaller v and the larger d;
- `END`: no further change;
- d < 0, fewer entries of value v: better than no change, the more so the smaller v and the larger
  -d.

`Scale` makes Python tuples, for edges that are looked at one by one. A tuple cut short is an upper
bound: Python ranks it before all its extensions. So is `Scale.at_least`, the code of a smallest
value alone.

`Ranked` compares many edges at once, column by column, with tensor operations alone: each column
splits the edges further, and those that cannot be among the best are left out. `LossTable` does
that for a table of losses of which a round changes a few rows. The least value that the loss of an
edge would create rules out most edges; only the others get whole signatures.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Ints = NDArray[np.int64]
Signature = tuple[int, ...]
END = 0
WHOLE = 1 << 200
"""A limit that no value reaches: the signature is computed completely."""
MIN_PARTITIONS = 32
"""Rows of fewer columns are short enough to be sorted whole."""
MAX_SHARE = 1 / 8
"""Signatures are used if no edge touches more than this share of the columns."""
TOP = 2**62
"""Above every walk index."""


@dataclass(frozen=True)
class Scale:
    """How a value and a number of entries are packed into one integer.

    Attributes:
        unit: More than twice any number of entries.
        offset: `unit` times a number above any value.
    """

    unit: int
    offset: int

    @classmethod
    def for_values(cls, largest: int, num_entries: int) -> Scale:
        """A scale for values up to `largest` and up to `num_entries` entries."""
        unit = 2 * num_entries + 4
        return cls(unit, (largest + 2) * unit)

    def signature(self, new: Iterable[int], old: Iterable[int], limit: int) -> Signature:
        """The codes of all values below `limit`, closed by `END` if that is `WHOLE`.

        Args:
            new: Values that the entries changed by the edge would take.
            old: Values that these entries have.
            limit: Codes of this value and larger ones are left out.
        """
        change: dict[int, int] = {}
        for value in new:
            change[value] = change.get(value, 0) + 1
        for value in old:
            change[value] = change.get(value, 0) - 1
        unit, offset = self.unit, self.offset
        codes = [
            offset - value * unit + d if d > 0 else value * unit - offset + d
            for value in sorted(change)
            if (d := change[value]) and value < limit
        ]
        if limit == WHOLE:
            codes.append(END)
        return tuple(codes)

    @property
    def above(self) -> int:
        """A value above all others, which stands for none."""
        return self.offset // self.unit

    def at_least(self, smallest: int) -> Signature:
        """An upper bound of all signatures whose smallest value is `smallest` or less."""
        return (self.offset - smallest * self.unit,)

    def value(self, code: int) -> int:
        """The value that a code stands for."""
        return -((abs(code) - self.offset) // self.unit)

    def below(self, signature: Signature, limit: int) -> Signature:
        """The codes of values below `limit`, without `END`."""
        for position, code in enumerate(signature):
            if code == END or self.value(code) >= limit:
                return signature[:position]
        return signature


@dataclass(frozen=True)
class Ranked:
    """Edges and their signatures: a value and the change in its number of entries at a time.

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
    def of_entries(cls, edge: Tensor, row: Tensor, new: Tensor, old: Tensor) -> Ranked:
        """The signatures of edges whose entries, one for each `row`, change from `old` to `new`."""
        rows, values = torch.cat([row, row]), torch.cat([new, old])
        signs = torch.ones_like(rows)
        signs[row.numel() :] = -1
        by_value = torch.argsort(values, stable=True)
        order = by_value[torch.argsort(rows[by_value], stable=True)]
        rows, values = rows[order], values[order]
        starts = torch.ones_like(rows, dtype=torch.bool)
        starts[1:] = (rows[1:] != rows[:-1]) | (values[1:] != values[:-1])
        change = torch.zeros_like(rows).scatter_add_(0, starts.cumsum(0) - 1, signs[order])
        groups = starts.nonzero()[:, 0]
        held = change[: groups.numel()].nonzero()[:, 0]
        groups = groups[held]
        return cls(edge, rows[groups], values[groups], change[held])

    def joined(self, other: Ranked) -> Ranked:
        """These edges and the others."""
        return Ranked(
            torch.cat([self.edge, other.edge]),
            torch.cat([self.row, other.row + self.edge.numel()]),
            torch.cat([self.value, other.value]),
            torch.cat([self.change, other.change]),
        )

    def first(self, size: int) -> Ranked:
        """The `size` best edges, best first; ties go to the smallest edge id."""
        count = self.edge.numel()
        if count < 2:
            return self
        length = torch.zeros_like(self.edge).scatter_add_(0, self.row, torch.ones_like(self.row))
        start = length.cumsum(0) - length
        code = torch.cat([self._codes(), length.new_full((1,), END)])
        # `pick` is sorted by the columns so far; equal edges have one rank, and stay in id order
        pick = torch.argsort(self.edge)
        rank = torch.zeros_like(pick)
        column, width, longest = 0, 1, 0
        while column <= longest:
            columns = torch.arange(column, column + width, device=pick.device)[:, None]
            place = torch.where(columns < length[pick], start[pick] + columns, code.numel() - 1)
            rank, order = _ranked_by(torch.cat([rank[None], code[place]])).sort(stable=True)
            pick = pick[order]
            # edges behind the last place can be left out; one look at the device for each block
            last = rank[min(size, pick.numel()) - 1]
            enough = rank <= last
            found = torch.stack([enough.sum(), last, (length[pick] * enough).max()])
            kept, distinct, longest = found.tolist()
            pick, rank = pick[:kept], rank[:kept]
            if distinct == kept - 1:
                break
            column, width = column + width, 4 * width
        return self._only(pick[:size])

    def _codes(self) -> Tensor:
        """Codes that compare like those of `Scale`, of ranks of values, which are small."""
        if not self.value.numel():
            return self.value
        rank = torch.unique(self.value, return_inverse=True)[1]
        unit = 2 * self.change.abs().max() + 4
        packed = (rank.max() + 2 - rank) * unit
        return torch.where(self.change > 0, packed + self.change, -packed + self.change)

    def _only(self, pick: Tensor) -> Ranked:
        """Some of the edges, in a new order."""
        position = torch.full_like(self.edge, -1)
        position[pick] = torch.arange(pick.numel(), device=pick.device)
        row = position[self.row]
        held = (row >= 0).nonzero()[:, 0]
        order = held[torch.argsort(row[held], stable=True)]
        return Ranked(self.edge[pick], row[order], self.value[order], self.change[order])


def _ranked_by(keys: Tensor) -> Tensor:
    """Ranks from 0 of columns that are compared entry by entry from the top; equal ones share one.

    Args:
        keys: int64 [w, c], w and c at least 1.

    Ranks of several rows are packed into one number, so that a few sorts of all rows at once do for
    many rows.
    """
    bits = max(keys.size(1) - 1, 1).bit_length()
    together = max(62 // bits, 2)
    shifts = bits * torch.arange(together - 1, -1, -1, device=keys.device)[:, None]
    while True:
        values, order = keys.sort(dim=1)
        steps = torch.zeros_like(order)
        steps[:, 1:] = values[:, 1:] != values[:, :-1]
        ranks = torch.empty_like(order).scatter_(1, order, steps.cumsum(1))
        if ranks.size(0) == 1:
            return ranks[0]
        missing = -ranks.size(0) % together
        ranks = torch.nn.functional.pad(ranks, (0, 0, 0, missing))
        keys = (ranks.view(-1, together, ranks.size(1)) << shifts).sum(1)


class LossTable:
    """The walk indices that the loss of each edge lowers, as rows padded to the longest.

    Attributes:
        column: int64 [m, w], the partitions of these walk indices, 0 where padded.
        loss: int64 [m, w], by how much each falls, 0 where padded.
    """

    def __init__(self, loss: Ints) -> None:
        self.column = self.loss = np.zeros((loss.shape[0], 0), dtype=np.int64)
        self.update(loss, np.arange(loss.shape[0]))

    @staticmethod
    def pays_off(loss: NDArray[Any]) -> bool:
        """Whether each edge lowers few enough of the walk indices, given all losses, [m, K]."""
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
