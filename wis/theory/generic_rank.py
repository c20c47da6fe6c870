"""The separation rank of product networks for almost all weights, without rounding.

First comes an interval that the graph proves (`wis.theory.rank_bounds`). If its ends differ and are
within reach, a matrix of outputs is computed modulo the prime 2^31 - 1, with weights and features
drawn at random from all residues. Then

- its rank is never above the separation rank for almost all weights: the rank modulo a prime is at
  most the rank of the integers, and no weights have a higher separation rank than almost all
  weights (Lemma 59);
- it is lower only if a minor of the matrix, a non-zero polynomial, vanishes at the random numbers.
  Unless all its coefficients are multiples of the prime, the probability is at most its degree over
  the prime (Schwartz and Zippel), which is part of the result.

Rows are random points for the variables in I, and columns are random points for the others. They
need no grid: the matrix only has to be larger than the rank. Vertices that receive the same vectors
have the same embeddings, so each layer computes one embedding for each such class.
"""

from __future__ import annotations

import functools
import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wis.base.progress import Progress, shifted, silent
from wis.errors import OptionError
from wis.theory.bounds import SeparationBounds
from wis.theory.forecasts import Forecast, best_time
from wis.theory.network_values import BATCH_ENTRIES, Plan
from wis.theory.partitioned_network import PartitionedNetwork
from wis.theory.rank_bounds import RankBound, rank_interval
from wis.theory.residues import BLOCK, PRIME, matmul, product, rank_modulo
from wis.theory.tensor_network import network_size
from wis.theory.typed_graph import Ints, check_size

FIRST_SIDE = 32
MAX_SIDE = 512
MAX_HOPEFUL_SIDE = 8192
"""A matrix of this side takes a few minutes and 2 GiB."""
State = Literal["proven", "almost surely", "interval"]
MAX_ENTRIES = 1 << 27
"""Residues in an array, a gibibyte: weights of a layer, or embeddings for a row of the matrix."""


@dataclass(frozen=True)
class GenericRank:
    """The separation rank of almost all networks, or an interval.

    Attributes:
        rank: The highest proven lower bound: the rank of the matrix, or the bound from the graph.
        lower: The lower bound from the graph.
        upper: The upper bound from the graph.
        side: Rows, and columns, of the matrix; 0 if the bounds made it needless.
        error_bound: Bound of the probability that the separation rank for almost all weights is
            higher: 0 if the rank is proven; meaningless if it is saturated.
    """

    rank: int
    lower: RankBound
    upper: RankBound
    side: int
    error_bound: float

    @property
    def log_rank(self) -> float:
        """Natural logarithm of the rank, -inf of 0."""
        return math.log(self.rank) if self.rank else -math.inf

    @property
    def is_proven(self) -> bool:
        """Whether the rank equals the upper bound, so that it is exact with certainty."""
        return self.rank == self.upper.count

    @property
    def is_saturated(self) -> bool:
        """Whether the rank is only a lower bound, because the matrix was too small or needless."""
        return not self.is_proven and self.rank >= self.side

    @property
    def state(self) -> State:
        """How sure the rank is; with ``"interval"`` it lies between `rank` and `upper`."""
        if self.is_proven:
            return "proven"
        return "interval" if self.is_saturated else "almost surely"

    @property
    def missing(self) -> str:
        """What would settle an interval, in a sentence; empty if nothing is missing."""
        if self.state != "interval":
            return ""
        if self.rank > MAX_HOPEFUL_SIDE:
            return "A matrix that settles it has more rows than fit into memory."
        if self.upper.count is None or self.upper.count > max(4 * self.rank, MAX_SIDE):
            return "The upper end is out of reach of a matrix."
        return f"A matrix of more than {self.rank} rows may settle it: raise --max-side."

    def as_record(self) -> dict[str, Any]:
        """The result for JSON."""
        return {
            **asdict(self),
            "state": self.state,
            "is_proven": self.is_proven,
            "is_lower_bound_only": self.is_saturated,
            "error_bound": None if self.is_saturated else self.error_bound,
            "log_rank": self.log_rank,
        }


class RankProblem:
    """The separation rank of a product network for almost all weights, and a forecast of its cost.

    >>> from wis.datasets import load
    >>> from wis.theory.typed_graph import TypedGraph
    >>> karate = TypedGraph.from_any(load("karate"))
    >>> RankProblem(SeparationBounds(karate, [0, 1, 2], 2, 2, target=8)).rank().rank
    14

    The matrix starts with 32 rows and columns, and is doubled as long as it has full rank, at most
    to the upper bound and to `max_side`. There is no matrix if the bounds are equal, or if the
    lower bound is `max_side` or more. `seed` is that of weights and features.

    Attributes:
        bounds: The network, and the bounds of the theorems.
        lower: A lower bound for almost all weights.
        upper: An upper bound for all weights.

    Raises:
        OptionError: `max_side` is invalid.

    Cost: `forecast`; about max_side² evaluations of the network on classes of vertices and
    max_side³ operations, less where the rank is small.

    References:
        Definition 10; Lemmas 53 and 59; Theorems 8 and 11 are about this number.
    """

    def __init__(
        self, bounds: SeparationBounds, *, seed: int = 0, max_side: int = MAX_SIDE
    ) -> None:
        self.bounds, self.seed = bounds, seed
        self.max_side = check_size("max_side", max_side)
        self.lower, self.upper = rank_interval(bounds)

    @functools.cached_property
    def plan(self) -> Plan:
        """How to evaluate the network."""
        return Plan.of(self.bounds.graph, self.bounds.depth, self.bounds.target)

    @property
    def sides(self) -> list[int]:
        """Sides of the matrices to try until one has not full rank; none if the bounds suffice."""
        low, high = self.lower.count, self.upper.count
        if low is None or low in (high, self.max_side) or low > self.max_side:
            return []
        most = self.max_side if high is None else min(self.max_side, high)
        number = max(0, math.ceil(math.log2(most / FIRST_SIDE)))
        return [*(FIRST_SIDE << doubling for doubling in range(number)), most]

    def forecast(self) -> Forecast:
        """The cost if all matrices but the last one have full rank; takes a few milliseconds.

        Operations are products of residues, multiplications in products of matrices, and entries
        of their results.
        """
        if not (sides := self.sides):
            return Forecast((0, 0, 0), 0, 0.0)
        network = self.bounds
        check_memory(network, sides[-1])
        shape = network.width, network.in_dim, network.inside
        costs = [self.plan.cost(side, *shape) + elimination_cost(side) for side in sides]
        total = np.sum(costs, axis=0)
        held = 4 * max(BATCH_ENTRIES, self.plan.num_classes * sides[-1] * network.width)
        points = 2 * sides[-1] * network.graph.num_nodes * (network.in_dim + 2 * network.width)
        num_bytes = 8 * (held + points + 4 * sides[-1] ** 2)
        products, multiplications, entries = (int(number) for number in total)
        seconds = float(_seconds_each() @ total)
        return Forecast((products, multiplications, entries), num_bytes, seconds)

    def rank(self, progress: Progress = silent) -> GenericRank:
        """The rank or an interval; the progress counts rows of matrices, of `sum(sides)` in all.

        Raises:
            OptionError: The weights of a layer, or the embeddings for a row of the matrix, would
                take more than a gibibyte.
        """
        network = self.bounds
        rank = side = done = 0
        if sides := self.sides:
            check_memory(network, sides[-1])
            draw = np.random.default_rng(self.seed)
            weights, output = random_weights(network, draw)
            shape = 2, sides[-1], network.graph.num_nodes, network.in_dim
            rows, columns = draw.integers(PRIME, size=shape)
        for side in sides:
            matrix = self.plan.values(
                weights, output, rows[:side], columns[:side], network.inside,
                progress=shifted(progress, done),
            )  # fmt: skip
            done += side
            rank = rank_modulo(matrix)
            if rank < side:
                break
        best = max(rank, self.lower.count or 0)
        found = GenericRank(best, self.lower, self.upper, side, 0.0)
        return found if found.is_proven else replace(found, error_bound=self._error(rank))

    def _error(self, rank: int) -> float:
        """Bound of the probability that a minor of rank + 1 rows vanished by chance."""
        # The degree of the output is the number of feature and weight nodes of Equation (D.6).
        network = self.bounds
        size = network_size(network.graph, network.depth, target=network.target)
        degree = (rank + 1) * (size.num_features + size.num_weights)
        return 1.0 if degree >= PRIME else degree / PRIME


def random_weights(network: PartitionedNetwork, draw: Any) -> tuple[list[Ints], Ints]:
    """Random weight matrices [num_types, width, fan-in] of each layer, and W^(o), [width]."""
    types, width = network.graph.num_types, network.width
    fan_in = [network.in_dim] + [width] * (network.depth - 1)
    weights = [draw.integers(PRIME, size=(types, width, size)) for size in fan_in]
    return weights, draw.integers(PRIME, size=width)


def check_memory(network: PartitionedNetwork, side: int) -> None:
    """Raise `OptionError` if weights, or embeddings for a row of the matrix, exceed a gibibyte."""
    graph, width, in_dim = network.graph, network.width, network.in_dim
    entries = max(graph.num_types * width, side * graph.num_nodes) * max(width, in_dim)
    if entries > MAX_ENTRIES:
        raise OptionError(
            f"width {width}, in_dim {in_dim} and a matrix of {side} rows take arrays of {entries} "
            f"numbers, more than {MAX_ENTRIES}; take a smaller width, in_dim or max_side"
        )


def elimination_cost(side: int) -> Ints:
    """Products, multiplications in products of matrices, and their entries, for full rank."""
    total = np.zeros(3, dtype=np.int64)
    for start in range(0, side, BLOCK):
        rows, block = side - start, min(BLOCK, side - start)
        rest, below = rows - block, rows - block
        pairs = block * (block - 1) // 2
        # Column c eliminates rows - c - 1 entries of it and of the block - c columns from it on.
        panel = sum((rows - c - 1) * (block - c + 1) for c in range(block))
        total += [panel + pairs * rest, below * block * rest, below * rest]
    return total


@functools.cache
def _seconds_each() -> NDArray[np.float64]:
    """Seconds for a product, a multiplication in a product of matrices, and an entry of its result.

    The trial takes a few milliseconds.
    """
    draw = np.random.default_rng(0)
    many = draw.integers(PRIME, size=(1 << 16, 1))
    narrow, wide = draw.integers(PRIME, size=(2, 1 << 13, BLOCK))
    with_one = best_time(lambda: product(many, many)) / many.size
    thin = best_time(lambda: matmul(narrow[:, :1], wide[:1])) / wide.size
    thick = best_time(lambda: matmul(narrow, wide[:BLOCK])) / wide.size
    slope = max(0.0, thick - thin) / (BLOCK - 1)
    return np.array([with_one, slope, max(thin - slope, 0.0)])
