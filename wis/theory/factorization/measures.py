"""How large, and of what rank, a matrix or a tensor is.

All functions take leading batch dimensions for matrices. Source: Definitions 1, 2, 6 and 7,
footnote 5 of Chapter 1, Appendix A.2.2.2.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from wis.errors import OptionError
from wis.theory.factorization.mode_tree import ModeTree, Node

RANK_TOLERANCE = 1e-10
"""Singular values below this part of the largest count as zero."""


def singular_values(matrix: Tensor) -> Tensor:
    """In descending order, float64 [..., min(D, D')]."""
    values: Tensor = torch.linalg.svdvals(matrix)
    return values


def effective_rank(matrix: Tensor) -> Tensor:
    """The exponential of the entropy of the normalized singular values; NaN for a zero matrix.

    Args:
        matrix: float64 [..., D, D'].

    References:
        Definition 1.
    """
    values = singular_values(matrix)
    shares = values / values.sum(dim=-1, keepdim=True)
    entropy: Tensor = torch.special.entr(shares).sum(dim=-1)
    return entropy.exp()


def schatten_norm(matrix: Tensor, p: float) -> Tensor:
    """The Schatten-p norm, a quasi-norm for p below 1.

    Args:
        matrix: float64 [..., D, D'].
        p: Positive, or infinity for the spectral norm.

    References:
        Footnote 5 of Chapter 1.
    """
    if not p > 0:
        raise OptionError(f"Schatten norm: p is {p}; it must be positive, infinity included")
    values = singular_values(matrix)
    if math.isinf(p):
        return values.amax(dim=-1)
    return values.pow(p).sum(dim=-1).pow(1 / p)


def distance_from_rank(matrix: Tensor, rank: int) -> Tensor:
    """Frobenius distance from the matrices of at most that rank.

    The distance from the infimal rank of a solution set (Definition 2) is that for its infimal
    rank, which is 1 for all problems of Section 1.3 and D - 1 for D-by-D ones (Appendix A.1).
    """
    return singular_values(matrix)[..., rank:].square().sum(dim=-1).sqrt()


def matrix_rank(matrix: Tensor, tolerance: float = RANK_TOLERANCE) -> Tensor:
    """How many singular values exceed `tolerance` times the largest, int64 [...]."""
    values = singular_values(matrix)
    return (values > tolerance * values[..., :1]).sum(dim=-1)


def matricization(tensor: Tensor, modes: Sequence[int]) -> Tensor:
    """The tensor as a matrix, the given modes as rows, the others as columns.

    Args:
        tensor: float64 [D_1, ..., D_N].
        modes: From 0; a non-empty proper subset.

    Returns:
        float64 [product of the given D_n, product of the others]; the order of rows and columns is
        row-major, a permutation of the thesis', which no rank, norm or singular value feels.

    References:
        Definition 6.
    """
    chosen = sorted(set(modes))
    rest = [mode for mode in range(tensor.dim()) if mode not in chosen]
    if not chosen or not rest or chosen[0] < 0 or chosen[-1] >= tensor.dim():
        raise OptionError(
            f"matricization with respect to {tuple(modes)}; expected some, but not all, of the "
            f"modes 0 to {tensor.dim() - 1}"
        )
    rows = math.prod(tensor.shape[mode] for mode in chosen)
    return tensor.permute(*chosen, *rest).reshape(rows, -1)


def hierarchical_rank(
    tensor: Tensor, tree: ModeTree, tolerance: float = RANK_TOLERANCE
) -> dict[Node, int]:
    """Rank of the matricization with respect to every node but the root.

    References:
        Definition 7.
    """
    return {
        node: int(matrix_rank(matricization(tensor, node), tolerance)) for node in tree.nodes[:-1]
    }


def reconstruction_error(end: Tensor, truth: Tensor, *, normalized: bool) -> Tensor:
    """Frobenius distance from the ground truth, [B]; divided by its norm if `normalized`.

    References:
        Figure 1.2 (not normalized), Appendix C.4.2.1 (normalized).
    """
    distance: Tensor = torch.linalg.vector_norm((end - truth).flatten(1), dim=1)
    return distance / torch.linalg.vector_norm(truth) if normalized else distance


def largest(values: Tensor, count: int) -> Tensor:
    """The `count` largest entries of each row in descending order, padded with zeros."""
    top = values.topk(min(count, values.shape[-1]), dim=-1).values
    padded: Tensor = torch.nn.functional.pad(top, (0, count - top.shape[-1]))
    return padded


def unbalancedness_of_matrices(weights: list[Tensor]) -> Tensor:
    """Largest Frobenius norm of W_l W_l^T - W_(l+1)^T W_(l+1), [B]; 0 when balanced.

    References:
        Equation (1.5), Section 3.2.1.
    """
    gaps = [
        (lower @ lower.mT - upper.mT @ upper).flatten(1).norm(dim=1)
        for lower, upper in itertools.pairwise(weights)
    ]
    return torch.stack(gaps).amax(dim=0)
