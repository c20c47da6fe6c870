"""Matrices of residues modulo the prime 2^31 - 1: products and ranks, exact and in BLAS.

Products of residues fit int64. A product of matrices runs in float64: one factor is split into 15
high and 16 low bits, so that sums of 32 products stay below 2^53 and are exact.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

PRIME = (1 << 31) - 1
BLOCK = 32
"""Columns that are eliminated at a time, and terms of a sum in float64; at most 63."""


def product(one: Ints, other: Ints) -> Ints:
    """Products of residues, element by element."""
    result: Ints = one * other % PRIME
    return result


def power(base: Ints, exponent: int) -> Ints:
    """Powers of residues, exponent at least 1; `num_products` says how many products it takes."""
    result = base
    for bit in bin(exponent)[3:]:
        result = product(result, result)
        result = product(result, base) if bit == "1" else result
    return result


def num_products(exponent: int) -> int:
    """Number of products of `power`."""
    return exponent.bit_length() + exponent.bit_count() - 2


def matmul(one: Ints, other: Ints) -> Ints:
    """Product of matrices of residues, [..., k] by [k, m].

    >>> matmul(np.array([[PRIME - 1, 2]]), np.array([[PRIME - 1], [3]])).tolist()
    [[7]]

    Cost: two float64 products of matrices for each 32 columns of the first factor.
    """
    flat = one.reshape(math.prod(one.shape[:-1]), one.shape[-1]).astype(np.float64)
    total = np.zeros((len(flat), other.shape[1]), dtype=np.int64)
    for start in range(0, flat.shape[1], BLOCK):
        left, right = flat[:, start : start + BLOCK], other[start : start + BLOCK]
        high = (left @ (right >> 16).astype(np.float64)).astype(np.int64) % PRIME
        low = (left @ (right & 0xFFFF).astype(np.float64)).astype(np.int64)
        total += ((high << 16) + low) % PRIME
    return (total % PRIME).reshape(*one.shape[:-1], other.shape[1])


def rank_modulo(matrix: Ints) -> int:
    """Rank of a matrix of residues modulo 2^31 - 1.

    >>> rank_modulo(np.array([[1, 2], [2, 4]]))
    1

    Args:
        matrix: int64 array of shape [rows, columns], values in 0 ... 2^31 - 2.

    Cost: O(rows · columns · rank), most of it in products of matrices: 32 columns are eliminated
    by themselves, and then from all columns to their right at once.
    """
    left = matrix.copy()
    rank = 0
    for start in range(0, left.shape[1], BLOCK):
        if rank == len(left):
            break
        columns = left[rank:, start : start + BLOCK]
        rank += _eliminate(columns, left[rank:, start + BLOCK :])
    return rank


def _eliminate(panel: Ints, rest: Ints) -> int:
    """Eliminate the columns of a panel from the matrix [panel, rest], in place; their rank."""
    lower = np.zeros_like(panel)
    found = 0
    for column in range(panel.shape[1]):
        pivots = np.flatnonzero(panel[found:, column])
        if not pivots.size:
            continue
        swap, back = [found, found + int(pivots[0])], [found + int(pivots[0]), found]
        for part in (panel, lower, rest):
            part[swap] = part[back]
        inverse = pow(int(panel[found, column]), -1, PRIME)
        factors = product(panel[found + 1 :, column], np.array(inverse))
        lower[found + 1 :, found] = factors
        below = panel[found + 1 :, column:]
        below[:] = (below - product(factors[:, None], panel[found, column:])) % PRIME
        found += 1
        if found == len(panel):
            break
    for row in range(found - 1):
        below = rest[row + 1 : found]
        below[:] = (below - product(lower[row + 1 : found, row, None], rest[row])) % PRIME
    rest[found:] = (rest[found:] - matmul(lower[found:, :found], rest[:found])) % PRIME
    return found
