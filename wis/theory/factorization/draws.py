"""Properties of a random completion or sensing problem, and of a component that leaves it.

They are about which draws gradient flow solves: how different the components are in size, how close
to each other, how concentrated on few entries, and how much the observations see of all small
changes of the ground truth.
"""

from __future__ import annotations

import torch
from torch import Tensor

from wis.theory.factorization.model import Weights, khatri_rao
from wis.theory.factorization.tasks import Completion, Sensing


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

    >>> from wis.theory.factorization.tasks import low_rank_tensor
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
        "tangent_leverage": float(torch.linalg.eigvalsh(seen.T @ seen)[0]),
    }
