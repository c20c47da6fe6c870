"""Edges drawn with replacement: which of them come first, and weights that make up for the others.

Each draw is edge e with probability p_e = r_e / Σ r. A removal order needs only the first draw of
each edge: the edge that is drawn for the first time last is removed first. If the draws come at the
times of a Poisson process, those of e are one of rate r_e, independent of the others, and its first
draw is an exponential variable T_e. That is as quick for edges that are hardly ever drawn.

A cut that keeps k edges stops at the draw that would bring another one, after Q draws. The weight
of a kept edge is count_e / (Q p_e). Its mean is 1: where the draws stop does not depend on the
sequence of the Q draws before, so each of these is e with probability p_e. So the mean of every sum
over edges, such as the Laplacian, is that of the whole graph, for every k from 1 on.

Source: D. A. Spielman, N. Srivastava, "Graph Sparsification by Effective Resistances", SIAM Journal
on Computing 40, 2011, for draws whose number Q is chosen first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MANY = 1e15
"""A number of draws that differs from its mean by less than a millionth."""
COUNTS = 0xC0047
"""Part of the seed of counts, so that they are independent of the first draws."""


@dataclass(frozen=True, eq=False)
class Draws:
    """The first draw of each edge of a sample with replacement.

    Attributes:
        rate: float64 [m], positive: how often an edge is drawn, up to a common factor.
        arrival: float64 [m], positive: T_e, the time of its first draw.
        seed: Seed of the counts.

    >>> draws = Draws.of(np.ones(4), seed=0)
    >>> kept = draws.arrival < np.median(draws.arrival)
    >>> draws.weights(~kept).round(2).tolist()  # 3 draws: 2 of one edge, 1 of another
    [0.0, 0.0, 2.67, 1.33]
    """

    rate: Floats
    arrival: Floats
    seed: int = 0

    @classmethod
    def of(cls, rate: Floats, seed: int) -> Draws:
        """Draw edges with probabilities proportional to `rate`."""
        arrival = np.random.default_rng(seed).standard_exponential(rate.size) / rate
        return cls(rate, arrival, seed)

    def weights(self, removed: NDArray[np.bool_]) -> Floats:
        """The weights of the kept edges of a cut; 0 for the others.

        Args:
            removed: bool [m]: the edges that were drawn last. The counts of each cut are drawn by
                `seed` for its first draws; those of two cuts need not agree.

        Returns:
            float64 [m]; 1 for all edges if none is removed.
        """
        if not removed.any():
            return np.ones(self.rate.size)
        mean = self.rate * (self.arrival[removed].min() - self.arrival).clip(0)
        further = np.random.default_rng([self.seed, COUNTS]).poisson(mean.clip(max=MANY))
        count = np.where(removed, 0.0, 1 + np.where(mean < MANY, further, mean))
        weights: Floats = count / (self.rate * (max(count.sum(), 1.0) / self.rate.sum()))
        return weights
