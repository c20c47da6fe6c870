"""Compare the loss of two edges without building a tuple of n walk indices for each.

Algorithm 1 compares edges by the walk indices that would be left without them, sorted ascending,
lexicographically; the larger tuple wins. All these tuples stem from one: that of the present graph,
of which an edge changes a few entries. So an edge is represented by its *signature*: for each
value, in how many more (or fewer) entries it would occur. At the smallest value where two
signatures differ, the one with fewer entries of that value belongs to the larger tuple.

A signature becomes a Python tuple of integers, one for each value whose number of entries changes,
from the smallest value on and closed by `END`, such that the tuples compare as the edges do, the
better edge *first*:

- d > 0 more entries of value v: worse than no change, the more so the smaller v and the larger d;
- `END`: no further change;
- d < 0, fewer entries of value v: better than no change, the more so the smaller v and the larger
  -d.

A tuple cut short is an upper bound: Python ranks it before all its extensions. So is
`Scale.at_least`, the code of a smallest value alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Signature = tuple[int, ...]
END = 0
WHOLE = 1 << 200
"""A limit that no value reaches: the signature is computed completely."""


@dataclass(frozen=True)
class Scale:
    """How values and numbers of entries are packed into one integer.

    Attributes:
        unit: Above any number of entries.
        offset: `unit` times a number above any value.
    """

    unit: int
    offset: int

    @classmethod
    def for_values(cls, largest: int, num_entries: int) -> Scale:
        """Room for values up to `largest` of so many entries."""
        unit = 2 * num_entries + 4
        return cls(unit, (largest + 2) * unit)

    def signature(self, new: Iterable[int], old: Iterable[int], limit: int) -> Signature:
        """The codes of all values below `limit`.

        Args:
            new: Values of the entries that the edge changes, as they would become.
            old: Values of these entries as they are.
            limit: Values from here on are left out; complete and closed if it is `WHOLE`.
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
        """A value above all: the smallest one that an edge without effect would create."""
        return self.offset // self.unit

    def at_least(self, smallest: int) -> Signature:
        """An upper bound of all signatures whose smallest value is `smallest` or less."""
        return (self.offset - smallest * self.unit,)

    def value(self, code: int) -> int:
        """The value that a code is about."""
        return -((abs(code) - self.offset) // self.unit)

    def below(self, signature: Signature, limit: int) -> Signature:
        """The codes of values below `limit`, without `END`."""
        for position, code in enumerate(signature):
            if code == END or self.value(code) >= limit:
                return signature[:position]
        return signature
