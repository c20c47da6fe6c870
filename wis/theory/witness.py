"""Weights and template vectors with which the proof of Theorem 8 attains its lower bound.

Let C be an admissible subset of the boundary with P walks from it, and D the smaller of width and
number of features. With the weights of the proof the network computes a power of an inner product.
If the variables of I' are z, those of J' are z' and all others are ones, the output is <z, z'>^P
times a positive function of z and a positive function of z'. If z and z' run over a set of C(D + P
- 1, P) vectors, the matrix of these values has full rank (Lemmas 54, 55 and 57). A polynomial that
is not zero everywhere is zero almost nowhere (Lemma 59), so almost all weights attain that rank
too.

All numbers are integers, so ranks are exact. Entries are powers of gamma = 7 modulo a prime of
which 7 is a primitive root.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

from wis.errors import OptionError
from wis.theory.bounds import SeparationBounds
from wis.theory.generic_rank import check_memory
from wis.theory.network_values import Plan
from wis.theory.residues import PRIME, Ints

GAMMA = 7
MAX_TEMPLATES = 1000


def witness_templates(dim: int, power: int, *, gamma: int = GAMMA) -> Ints:
    """The matrix Z of Lemma 57: a row gamma^q for each composition q of P into D terms.

    >>> witness_templates(2, 2, gamma=2).tolist()
    [[1, 4], [2, 2], [4, 1]]

    Args:
        dim: D, the smaller of width and number of features.
        power: P, the number of walks from the admissible subset.
        gamma: The base.

    Returns:
        Residues modulo 2^31 - 1, of shape [C(D + P - 1, P), D].

    Raises:
        OptionError: The matrix would have more than 1,000 rows.
    """
    number = math.comb(dim + power - 1, power)
    if number > MAX_TEMPLATES:
        raise OptionError(
            f"Lemma 57 takes {number} template vectors for D = {dim} and P = {power}, more than "
            f"{MAX_TEMPLATES}; take a smaller width, in_dim or depth"
        )
    rows = [[pow(gamma, q, PRIME) for q in parts] for parts in compositions(power, dim)]
    return np.array(rows, dtype=np.int64)


def compositions(total: int, num_parts: int) -> Iterator[tuple[int, ...]]:
    """All ways to write a number as an ordered sum of non-negative integers."""
    for bars in itertools.combinations(range(total + num_parts - 1), num_parts - 1):
        marks = (-1, *bars, total + num_parts - 1)
        yield tuple(later - one - 1 for one, later in itertools.pairwise(marks))


def witness_weights(depth: int, width: int, in_dim: int) -> tuple[list[Ints], Ints]:
    """The weights of the proof of Theorem 8, the same for all edge types.

    Returns:
        An integer matrix for each layer, and W^(o). The first layer is a padded identity; the
        second has a first row of ones; all later ones have a single one in the corner. W^(o) sums
        all entries for L = 1 and takes the first entry for L >= 2.

    References:
        Appendix D.7.3.1, Lemma 54.
    """
    weights = [np.eye(width, in_dim, dtype=np.int64)]
    for layer in range(2, depth + 1):
        weight = np.zeros((width, width), dtype=np.int64)
        weight[0, : width if layer == 2 else 1] = 1
        weights.append(weight)
    output = np.ones(width, dtype=np.int64)
    output[1:] = int(depth == 1)
    return weights, output


def witness_matrix(bounds: SeparationBounds) -> Ints:
    """The submatrix U of the matricized grid tensor; its rank proves Theorem 8 for L >= 2.

    >>> import torch
    >>> from wis.theory.typed_graph import TypedGraph
    >>> edge = TypedGraph.from_any(torch.tensor([[0], [1]]))
    >>> witness_matrix(SeparationBounds(edge, [0], 2, 2)).shape
    (5, 5)

    `wis theory bounds --witness` takes its rank. The matrix is that of the admissible subset C, and
    of the P walks from it, of the lower bound.

    Returns:
        Residues modulo 2^31 - 1 of shape [M, M], M = C(D + P - 1, P). Its rank is M unless the
        prime happens to divide a determinant.

    Raises:
        OptionError: The depth is 1, M is more than 1,000, or a row takes more than a gibibyte.

    Cost: M² evaluations of the network.

    References:
        Lemmas 54 and 55; Appendix D.7.5 for directed graphs and edge types.
    """
    if bounds.depth < 2:
        raise OptionError("depth is 1; the matrix of the proof needs a depth of at least 2")
    graph, in_dim, chosen = bounds.graph, bounds.in_dim, bounds.lower.admissible
    dim = min(bounds.width, in_dim)
    vectors = witness_templates(dim, bounds.lower.num_walks)
    number = len(vectors)
    check_memory(bounds, number)
    weights, output = witness_weights(bounds.depth, bounds.width, in_dim)
    typed = [np.broadcast_to(weight, (graph.num_types, *weight.shape)) for weight in weights]
    inside = np.zeros(graph.num_nodes, dtype=bool)
    inside[list(chosen.inner)] = True
    x = np.ones((number, graph.num_nodes, in_dim), dtype=np.int64)
    x[:, [*chosen.inner, *chosen.outer]] = np.pad(vectors, ((0, 0), (0, in_dim - dim)))[:, None]
    return Plan.of(graph, bounds.depth, bounds.target).values(typed, output, x, x, inside)
