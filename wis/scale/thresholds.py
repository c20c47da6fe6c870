"""How k falls from phase to phase, read off one histogram.

A phase with threshold t concerns the edges whose smaller *original* degree, their level, is t or
more (`wis.methods.one_wis.relaxed` says why). So one count of edges by level tells how many take
part in each phase, and what k is next, without another look at the edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from wis.methods.one_wis.relaxed_rule import threshold


@dataclass(frozen=True)
class Levels:
    """How many edges there are of each level.

    Attributes:
        at_least: int64 [top + 2], the number of edges of level t or more, for each t.
        factor: 1 + epsilon.
    """

    at_least: NDArray[np.int64]
    factor: Fraction

    @classmethod
    def of_counts(cls, counts: NDArray[np.int64], factor: Fraction) -> Levels:
        """From the number of edges of each level, from 0 on."""
        padded = np.append(counts, 0)
        return cls(padded[::-1].cumsum()[::-1], factor)

    def next_threshold(self, last: int | None, num_removed: int) -> int | None:
        """The threshold of the next phase, None if no edge is left.

        Args:
            last: The threshold of the phase before, None at the beginning.
            num_removed: Edges removed so far, in phases carried to their ends.
        """
        if last is not None and self.num_live(last, num_removed):
            return threshold(last - 1, self.factor)
        below = self.at_least if last is None else self.at_least[:last]
        entering = np.flatnonzero(below > num_removed)
        return threshold(int(entering[-1]), self.factor) if entering.size else None

    def num_live(self, t: int, num_removed: int) -> int:
        """Edges that take part at threshold t and are left."""
        return int(self.at_least[t]) - num_removed

    def lowest_with(self, most: int, num_removed: int) -> int:
        """The lowest threshold at which at most so many edges take part and are left."""
        fits = np.flatnonzero(self.at_least - num_removed <= most)
        return max(1, int(fits[0])) if fits.size else self.at_least.size
