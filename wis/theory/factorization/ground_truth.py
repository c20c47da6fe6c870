"""Ground truths of a given rank. Source: Appendices A.2.2.2, B.2.2.1 and C.4.2.1."""

from __future__ import annotations

import torch
from torch import Tensor

from wis.errors import NumericalError
from wis.theory.factorization.hierarchical import HierarchicalFactorization
from wis.theory.factorization.measures import (
    RANK_TOLERANCE,
    hierarchical_rank,
    matricization,
    matrix_rank,
)
from wis.theory.factorization.mode_tree import ModeTree
from wis.theory.factorization.model import Factorization, end_tensor
from wis.theory.factorization.tensor import TensorFactorization

ATTEMPTS = 1000


def low_rank_matrix(
    num_rows: int, num_columns: int, rank: int, norm: float, generator: torch.Generator
) -> Tensor:
    """The product of two Gaussian matrices, scaled to a Frobenius norm.

    References:
        Appendix C.4.2.1, Figure 3.1 (left).
    """
    return low_rank_tensor((num_rows, num_columns), rank, norm, generator)


def low_rank_tensor(
    shape: tuple[int, ...], rank: int, norm: float, generator: torch.Generator
) -> Tensor:
    """The sum of `rank` outer products of Gaussian vectors, scaled to a Frobenius norm.

    Drawn again until the tensor rank cannot be smaller: until some matricization has that rank.
    (The thesis estimates the rank by alternating least squares instead; a matricization's rank is a
    lower bound of it, so this test is the stricter one.)

    Raises:
        NumericalError: No draw had that rank; then no matricization can.

    References:
        Appendices A.2.2.2, B.2.2.1 and C.4.2.1.
    """
    model = TensorFactorization(shape, rank)
    halves = [(mode,) for mode in range(len(shape))] + [tuple(range(len(shape) // 2))]
    for _ in range(ATTEMPTS):
        truth = _drawn(model, norm, generator)
        if max(int(matrix_rank(matricization(truth, half))) for half in halves) >= rank:
            return truth
    raise NumericalError(
        f"no tensor of {shape} was drawn whose matricizations show that its rank is {rank}; ask "
        "for a smaller rank"
    )


def low_hierarchical_rank_tensor(
    shape: tuple[int, ...],
    tree: ModeTree,
    rank: int,
    norm: float,
    generator: torch.Generator,
    *,
    tolerance: float = RANK_TOLERANCE,
) -> Tensor:
    """A hierarchical factorization with Gaussian weights, scaled to a Frobenius norm.

    Drawn again until every entry of the hierarchical tensor rank is `rank`, counting singular
    values above `tolerance` times the largest.

    Raises:
        NumericalError: No draw had that rank.

    References:
        Appendix C.4.2.1, Figure 3.1 (right).
    """
    model = HierarchicalFactorization(shape, tree, rank)
    for _ in range(ATTEMPTS):
        truth = _drawn(model, norm, generator)
        if set(hierarchical_rank(truth, tree, tolerance).values()) == {rank}:
            return truth
    raise NumericalError(
        f"no tensor of {shape} with hierarchical rank {rank} at every node was drawn; ask for a "
        "smaller rank"
    )


def _drawn(model: Factorization, norm: float, generator: torch.Generator) -> Tensor:
    weights = [
        torch.randn(1, *shape, dtype=torch.float64, generator=generator, device="cpu")
        for shape in model.weight_shapes
    ]
    truth = end_tensor(model, weights)[0]
    return truth * (norm / float(truth.norm()))
