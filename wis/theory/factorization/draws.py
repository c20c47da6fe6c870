"""Random ground truths of a given rank, and properties of the problems that are made of them.

The properties are about which draws gradient flow solves: how different the components are in size,
how close to each other, how concentrated on few entries, and how much the observations see of all
small changes of the ground truth.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from wis.errors import NumericalError
from wis.theory.factorization.hierarchical import HierarchicalFactorization, ModeTree
from wis.theory.factorization.measures import (
    RANK_TOLERANCE,
    hierarchical_rank,
    matricization,
    matrix_rank,
)
from wis.theory.factorization.model import (
    Factorization,
    TensorFactorization,
    Weights,
    end_tensor,
    khatri_rao,
)
from wis.theory.factorization.tasks import Completion, Sensing

ATTEMPTS = 1000


def low_rank_tensor(
    shape: tuple[int, ...], rank: int, norm: float, generator: torch.Generator
) -> tuple[Tensor, Weights]:
    """The sum of `rank` outer products of Gaussian vectors, scaled to a Frobenius norm.

    The tensor is redrawn until some matricization has rank `rank`, so that the tensor rank is
    exact. (The thesis estimates the rank by alternating least squares, which is less strict.)

    >>> truth, vectors = low_rank_tensor((4, 5), 2, 3.0, torch.Generator().manual_seed(0))
    >>> int(matrix_rank(truth)), round(float(truth.norm()), 9), vectors[0].shape
    (2, 3.0, torch.Size([1, 4, 2]))

    Returns:
        The tensor, and the vectors as they were drawn, float64 [1, D_n, rank] each.

    Raises:
        NumericalError: No draw had a matricization of this rank.

    References:
        Appendices A.2.2.2, B.2.2.1 and C.4.2.1; Figure 3.1 (left) for matrices.
    """
    parts = [(mode,) for mode in range(len(shape))] + [tuple(range(len(shape) // 2))]
    return _drawn_until(
        lambda truth: max(int(matrix_rank(matricization(truth, part))) for part in parts) >= rank,
        TensorFactorization(shape, rank),
        norm,
        generator,
        f"no tensor of {shape} was drawn whose matricizations show that its rank is {rank}",
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

    The tensor is redrawn until every entry of its hierarchical tensor rank is `rank`. Singular
    values above `tolerance` times the largest count.

    Raises:
        NumericalError: No draw had this rank.

    References:
        Appendix C.4.2.1, Figure 3.1 (right).
    """
    return _drawn_until(
        lambda truth: set(hierarchical_rank(truth, tree, tolerance).values()) == {rank},
        HierarchicalFactorization(shape, tree, rank),
        norm,
        generator,
        f"no tensor of {shape} with hierarchical rank {rank} at every node was drawn",
    )[0]


def _drawn_until(
    fits: Callable[[Tensor], bool],
    model: Factorization,
    norm: float,
    generator: torch.Generator,
    failure: str,
) -> tuple[Tensor, Weights]:
    for _ in range(ATTEMPTS):
        weights = [
            torch.randn(1, *shape, dtype=torch.float64, generator=generator, device="cpu")
            for shape in model.weight_shapes
        ]
        truth = end_tensor(model, weights)[0]
        truth = truth * (norm / float(truth.norm()))
        if fits(truth):
            return truth, weights
    raise NumericalError(f"{failure}; ask for a smaller rank")


def observed_norms(task: Completion | Sensing, tensors: Tensor) -> Tensor:
    """Squared norm of the observations of each tensor, in units of its expectation, float64 [K].

    The expectation is over uniformly chosen entries, or over Gaussian measurements of expected
    squared norm 1.

    >>> ones = torch.ones(1, 2, 2, dtype=torch.float64)
    >>> observed_norms(Completion(ones > 0, ones), ones).tolist()
    [4.0]

    The tensors are float64 [K, *shape], and share the task.
    """
    seen: Tensor = _observed(task, tensors.flatten(1).T).square().sum(dim=0)
    return seen


def _observed(task: Completion | Sensing, columns: Tensor) -> Tensor:
    """Observations of flattened tensors, [entries, K] to [observations, K], of unit expectation."""
    if isinstance(task, Sensing):
        seen = task.measured(columns.T.reshape(-1, *task.shape)).T
    else:
        seen = columns[task.observed.flatten()]
    scaled: Tensor = seen * (len(columns) / len(seen)) ** 0.5
    return scaled


def draw_facts(task: Completion | Sensing, truth: Tensor, drawn: Weights) -> dict[str, float]:
    """Properties of a problem whose ground truth is a sum of drawn components.

    >>> truth, drawn = low_rank_tensor((4, 4, 4), 2, 1.0, torch.Generator().manual_seed(0))
    >>> facts = draw_facts(Completion(truth[None].abs() >= 0, truth[None]), truth, drawn)
    >>> round(facts["tangent_leverage"], 6)
    1.0

    `drawn` are the vectors of the components, float64 [1, D_n, R] each, up to a common factor.

    Returns:
        ``"largest_true"`` and ``"smallest_true"``: norms of the components at the ground truth's
        scale. ``"condition"``: condition number of the matrix of normalized components.
        ``"coherence"``: the largest share of a component's squared norm in one entry.
        ``"component_leverage"`` and ``"tangent_leverage"``: the least squared norm of the
        observations of a tensor, in units of its expectation (1 if all entries are observed), over
        the normalized components, and over the tangent space at the ground truth.
    """
    scale = float(truth.norm() / khatri_rao(drawn)[0].sum(dim=1).norm())
    norms = torch.stack([vectors.norm(dim=1) for vectors in drawn]).prod(dim=0)[0]
    units = [vectors / vectors.norm(dim=1, keepdim=True) for vectors in drawn]
    matrix = khatri_rao(units)[0]  # [entries, R]
    tangents = []
    for mode, dimension in enumerate(truth.shape):
        # Replacing one vector of a component by any other spans the tangent space.
        identity = torch.eye(dimension, dtype=torch.float64, device="cpu")
        for component in range(matrix.shape[1]):
            factors = [unit[:, :, [component]].expand(-1, -1, dimension) for unit in units]
            factors[mode] = identity[None]
            tangents.append(khatri_rao(factors)[0])
    left, values, _ = torch.linalg.svd(torch.cat(tangents, dim=1), full_matrices=False)
    basis = left[:, values > 1e-9 * values[0]]
    seen = _observed(task, basis)
    return {
        "largest_true": scale * float(norms.max()),
        "smallest_true": scale * float(norms.min()),
        "condition": float(torch.linalg.cond(matrix)),
        "coherence": float(matrix.square().max()),
        "component_leverage": float(_observed(task, matrix).square().sum(dim=0).min()),
        "tangent_leverage": max(float(torch.linalg.eigvalsh(seen.T @ seen)[0]), 0.0),  # rounding
    }
