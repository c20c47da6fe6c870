"""The separation rank of product networks for almost all weights, without rounding.

A product network with integer weights gives integers at integer features, and the rank of an
integer matrix can be computed exactly. This module computes it modulo the prime 2^31 - 1, with
weights and features drawn at random from all residues. Then

- the rank is never above the separation rank for almost all weights: the rank modulo a prime is at
  most the rank of the integers, and no weights have a higher separation rank than almost all
  weights (Lemma 59);
- it is lower only if a minor of the matrix, a non-zero polynomial, vanishes at the random numbers.
  Unless all its coefficients are multiples of the prime, the probability is at most its degree over
  the prime (Schwartz and Zippel), which is part of the result.

Rows are random points for the variables in I, and columns are random points for the others. They
need no grid: the matrix only has to be larger than the rank.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wis.errors import OptionError
from wis.theory.tensor_network import network_size
from wis.theory.typed_graph import Ints, TypedGraph, check_members, check_size, check_target

PRIME = (1 << 31) - 1
FIRST_SIDE = 32
MAX_SIDE = 512
BATCH_ENTRIES = 1 << 22
"""Residues of hidden embeddings held at a time: 32 MiB, which is fast and fits everywhere."""
MAX_ENTRIES = 1 << 27
"""Residues in an array, a gibibyte: weights of a layer, or messages for a row of the matrix."""


@dataclass(frozen=True)
class GenericRank:
    """A separation rank computed modulo a prime.

    Attributes:
        rank: The rank of the matrix.
        side: Rows, and columns, of the matrix.
        error_bound: Bound of the probability that the separation rank for almost all weights is
            higher; meaningless if the rank is saturated.
    """

    rank: int
    side: int
    error_bound: float

    @property
    def log_rank(self) -> float:
        """Natural logarithm of the rank, -inf of 0."""
        return math.log(self.rank) if self.rank else -math.inf

    @property
    def is_saturated(self) -> bool:
        """Whether the rank is the side of the matrix, so that it is only a lower bound."""
        return self.rank == self.side


def generic_separation_rank(
    graph: TypedGraph,
    subset: Iterable[int] | Tensor,
    depth: int,
    width: int,
    *,
    in_dim: int,
    target: int | None = None,
    seed: int = 0,
    max_side: int = MAX_SIDE,
) -> GenericRank:
    """The separation rank of a product network for almost all weights.

    >>> from wis.datasets import load
    >>> karate = TypedGraph.from_any(load("karate"))
    >>> generic_separation_rank(karate, [0, 1, 2], 2, 2, in_dim=2, target=8).rank
    14

    Args:
        graph: The graph, with directions and edge types if it has them.
        subset: The set I of vertices, ids in 0 ... n - 1; may be empty.
        depth: Number L of layers.
        width: Width D_h.
        in_dim: Number D_x of features.
        target: Vertex t for vertex prediction; graph prediction if not given.
        seed: Seed of weights and features.
        max_side: Largest number of rows and of columns. The matrix starts with 32, and is doubled
            as long as it has full rank.

    Raises:
        OptionError: A size, the subset or the target is invalid; or the weights of a layer, or the
            messages for a row of the matrix, would take more than a gibibyte.

    Cost: about max_side² evaluations of the network and max_side³ operations, less where the rank
    is small.

    References:
        Definition 10; Lemmas 53 and 59; Theorems 8 and 11 are about this number.
    """
    members = check_members("subset", subset, graph.num_nodes)
    check_target(target, graph.num_nodes)
    check_size("max_side", max_side)
    if not graph.num_nodes:
        raise OptionError("the graph has no vertices; expected at least one")
    draw = np.random.default_rng(seed)
    side = min(FIRST_SIDE, max_side)
    check_memory(graph, width, in_dim, side)
    weights, output = random_weights(graph, depth, width, in_dim, draw)
    inside = np.zeros(graph.num_nodes, dtype=bool)
    inside[members] = True
    points = draw.integers(PRIME, size=(2, max_side, graph.num_nodes, in_dim))
    while True:
        matrix = _values(graph, weights, output, points[:, :side], inside, target)
        rank = rank_modulo(matrix)
        if rank < side or side == max_side:
            break
        side = min(2 * side, max_side)
        check_memory(graph, width, in_dim, side)
    # If the separation rank were higher, a minor of rank + 1 rows would have vanished by chance.
    # The degree of the output is the number of feature and weight nodes of Equation (D.6).
    size = network_size(graph, depth, target=target)
    top = (rank + 1) * (size.num_features + size.num_weights)
    return GenericRank(rank, side, 1.0 if top >= PRIME else top / PRIME)


def random_weights(
    graph: TypedGraph, depth: int, width: int, in_dim: int, draw: Any
) -> tuple[list[Ints], Ints]:
    """Random weight matrices [num_types, width, fan-in] of each layer, and W^(o), [width]."""
    fan_in = [check_size("in_dim", in_dim)] + [width] * (check_size("depth", depth) - 1)
    check_size("width", width)
    weights = [draw.integers(PRIME, size=(graph.num_types, width, size)) for size in fan_in]
    return weights, draw.integers(PRIME, size=width)


def evaluate_modulo(
    graph: TypedGraph, weights: Sequence[Ints], output: Ints, x: Ints, target: int | None
) -> Ints:
    """Output of a product network modulo 2^31 - 1, residues of shape [batch].

    Args:
        graph: The graph.
        weights: Residues, for each layer of shape [num_types, width, fan-in].
        output: W^(o), of shape [width].
        x: Residues of shape [batch, n, in_dim].
        target: Vertex t, or None for graph prediction.

    References:
        Equations (5.3), (5.4) and (D.1).
    """
    hidden = x
    tails, types = graph.arcs[0].numpy(), graph.types.numpy()
    for weight in weights:
        mapped = _linear(hidden[:, :, None, :], weight)  # [batch, n, types, width]
        hidden = _products(mapped[:, tails, types], graph.first_arc)
    if target is None:
        hidden = _products(hidden, np.array([0, graph.num_nodes]))[:, 0]
    else:
        hidden = hidden[:, target]
    values: Ints = _linear(hidden, output[None])[:, 0]
    return values


def rank_modulo(matrix: Ints) -> int:
    """Rank of a matrix of residues modulo 2^31 - 1, by elimination.

    >>> rank_modulo(np.array([[1, 2], [2, 4]]))
    1

    Args:
        matrix: int64 array of shape [rows, columns], values in 0 ... 2^31 - 2.

    Cost: O(rows · columns · rank).
    """
    left = matrix.copy()
    rank = 0
    for column in range(left.shape[1]):
        pivots = np.flatnonzero(left[rank:, column])
        if not pivots.size:
            continue
        pivot = rank + int(pivots[0])
        left[[rank, pivot]] = left[[pivot, rank]]
        inverse = pow(int(left[rank, column]), -1, PRIME)
        row = left[rank, column:] * inverse % PRIME
        below = left[rank + 1 :, column:]
        below -= below[:, :1].copy() * row % PRIME
        below %= PRIME
        rank += 1
        if rank == left.shape[0]:
            break
    return rank


def check_memory(graph: TypedGraph, width: int, in_dim: int, side: int) -> None:
    """Raise `OptionError` if weights, or messages for a row of the matrix, exceed a gibibyte."""
    widest = max(check_size("width", width), check_size("in_dim", in_dim))
    entries = max(graph.num_types * width * widest, side * graph.arcs.size(1) * widest)
    if entries > MAX_ENTRIES:
        raise OptionError(
            f"width {width}, in_dim {in_dim} and a matrix of {side} rows take arrays of {entries} "
            f"numbers, more than {MAX_ENTRIES}; take a smaller width, in_dim or max_side"
        )


def _values(
    graph: TypedGraph,
    weights: Sequence[Ints],
    output: Ints,
    points: Ints,
    inside: NDArray[np.bool_],
    target: int | None,
) -> Ints:
    """Matrix of the function's values, [side, side], rows for the points of I."""
    side, width = points.shape[1], output.shape[0]
    arcs = graph.arcs.size(1)
    at_a_time = max(1, BATCH_ENTRIES // max(1, side * arcs * max(width, points.shape[-1])))
    parts = []
    for start in range(0, side, at_a_time):
        rows = points[0, start : start + at_a_time, None]
        x = np.where(inside[:, None], rows, points[1][None])
        flat = x.reshape(-1, *x.shape[2:])
        parts.append(evaluate_modulo(graph, weights, output, flat, target).reshape(-1, side))
    return np.concatenate(parts)


def _linear(hidden: Ints, weight: Ints) -> Ints:
    """Sums of products of residues: hidden [..., fan-in] by weight [..., width, fan-in]."""
    total = np.zeros(1, dtype=np.int64)
    for position in range(weight.shape[-1]):
        total = total + hidden[..., position, None] * weight[..., position] % PRIME
    return total % PRIME


def _products(factors: Ints, first: Ints) -> Ints:
    """Products over the arcs into each vertex: [batch, k, width] to [batch, n, width]."""
    count = np.diff(first)
    product = factors[:, first[:-1]]
    for position in range(1, int(count.max(initial=0))):
        longer = np.flatnonzero(count > position)
        product[:, longer] = product[:, longer] * factors[:, first[longer] + position] % PRIME
    return product
