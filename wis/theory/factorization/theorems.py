"""Theorems 1 and 2 along a run, and statements about hierarchical tensor rank.

By Theorems 1 and 2, norms grow and ranks fall with the loss in 2-by-2 completion. They hold for
gradient flow from a balanced start. The margin of a bound is negative where it is broken. Source:
Sections 1.3.2, 1.3.4 and 3.4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from wis.errors import OptionError
from wis.theory.factorization.hierarchical import HierarchicalFactorization, Node
from wis.theory.factorization.measures import (
    distance_from_rank,
    effective_rank,
    matricization,
    matrix_rank,
    schatten_norm,
)
from wis.theory.factorization.model import Weights, end_tensor
from wis.theory.factorization.tasks import Completion


def theorem_1_margins(ends: Tensor, losses: Tensor, p: float = 1.0) -> dict[str, Tensor]:
    """Margins of the bounds of Theorem 1, for runs that start with a positive determinant.

    >>> end = torch.tensor([[[100.0, 1.0], [1.0, 0.0]]], dtype=torch.float64)
    >>> margins = theorem_1_margins(end, torch.tensor([1e-4], dtype=torch.float64))
    >>> {name: bool(margin >= 0) for name, margin in margins.items()}
    {'norm': True, 'effective rank': True, 'distance from rank 1': True}

    Args:
        ends: float64 [T, 2, 2], end matrices along a run.
        losses: float64 [T], the sum of half squares over the three observations.
        p: Exponent of the Schatten-p (quasi-)norm.

    Returns:
        float64 [T] each: ``"norm"`` (1.8), ``"effective rank"`` (1.9) and ``"distance from rank
        1"`` (1.10).
    """
    triangle = _weakened_triangle(p)
    factor = 1 / (math.sqrt(2) * triangle)
    offset = max(math.sqrt(2) * factor, 8 * triangle**2)
    root = losses.sqrt()
    rank_bound = 1 + 2 * math.sqrt(12) / math.log(2) * root
    return _margins(ends, losses, p, factor / root - offset, rank_bound, 3 * math.sqrt(2) * root)


def theorem_2_margins(
    ends: Tensor, losses: Tensor, *, adjacent: tuple[float, float], opposite: float, p: float = 1.0
) -> dict[str, Tensor]:
    """Margins of the bounds of Theorem 2, for perturbed observations and any unobserved entry.

    >>> end = torch.tensor([[[50.0, 1.0], [1.0, 0.01]]], dtype=torch.float64)
    >>> loss = torch.tensor([1e-4], dtype=torch.float64)
    >>> margins = theorem_2_margins(end, loss, adjacent=(1.0, 1.0), opposite=0.02)
    >>> bool(margins["norm"] >= 0)
    True

    Other arguments and the result are those of `theorem_1_margins`, by Equations (1.13) to (1.15).
    `adjacent` are z and z', the observations in the row and column of the unobserved entry, which
    must not be zero; `opposite` is the observation diagonally opposite.
    """
    first, second = abs(adjacent[0]), abs(adjacent[1])
    epsilon, smaller = abs(opposite), min(first, second)
    if smaller == 0:
        raise OptionError(f"the adjacent observations are {adjacent}; neither may be zero")
    triangle = _weakened_triangle(p)
    factor = 1 / triangle
    offset = max(
        factor * first * second / (epsilon + smaller), 8 * triangle**2 * max(first, second, epsilon)
    )
    root = (2 * losses).sqrt()
    slope = 4 + math.sqrt(first * second) / smaller
    norm_bound = factor * first * second / (epsilon + root) - offset
    rank_bound = 1 + 16 / smaller * (epsilon + root)
    return _margins(ends, losses, p, norm_bound, rank_bound, 4 * epsilon + slope * root)


def _margins(
    ends: Tensor, losses: Tensor, p: float, norm: Tensor, rank: Tensor, distance: Tensor
) -> dict[str, Tensor]:
    """The margins of a lower bound of the norm, and of upper bounds of the other two."""
    if ends.shape[-2:] != (2, 2) or ends.shape[:-2] != losses.shape:
        raise OptionError(
            f"end matrices {tuple(ends.shape)} with losses {tuple(losses.shape)}; expected "
            "[T, 2, 2] and [T]"
        )
    return {
        "norm": schatten_norm(ends, p) - norm,
        "effective rank": rank - effective_rank(ends),
        "distance from rank 1": distance - distance_from_rank(ends, 1),
    }


def _weakened_triangle(p: float) -> float:
    """The constant c with |A + B| <= c (|A| + |B|) for the Schatten-p (quasi-)norm."""
    return 1.0 if p >= 1 else 2 ** (1 / p - 1)


@dataclass(frozen=True)
class Pruning:
    """Comparison of an end tensor with the end tensor without small local components.

    Attributes:
        distance: Frobenius distance between the two.
        bound: The smallest epsilon for which the condition of Proposition 5 holds.
        ranks: Ranks of the pruned tensor's matricizations, at every node but the root.
        allowed: R' of the parents, the upper bounds of `ranks`.
    """

    distance: float
    bound: float
    ranks: dict[Node, int]
    allowed: dict[Node, int]


def prune(model: HierarchicalFactorization, weights: Weights, kept: dict[Node, int]) -> Pruning:
    """Keep the largest local components at every interior node and drop the others.

    >>> from wis.theory.factorization import perfect_tree
    >>> from wis.theory.factorization.initialization import gaussian_weights
    >>> model = HierarchicalFactorization((3, 3), perfect_tree(2), 2)
    >>> pruned = prune(model, gaussian_weights(model, [1.0], [0]), {(0, 1): 1})
    >>> pruned.distance <= pruned.bound, pruned.ranks
    (True, {(0,): 1, (1,): 1})

    Args:
        model: The factorization.
        weights: Weights of a single factorization, float64 [1, ., .] each.
        kept: R', the number of local components to keep at each interior node.

    References:
        Proposition 5 and its proof.
    """
    tree = model.tree
    if set(kept) != set(tree.interior) or min(kept.values()) < 0 or len(weights[0]) != 1:
        raise OptionError(
            f"kept is {kept} for {len(weights[0])} factorizations; expected a number for each of "
            f"{sorted(tree.interior)}, and one factorization"
        )
    largest = max(float(weight.norm()) for weight in weights)
    by_node = {node: weight.clone() for node, weight in model.by_node(weights).items()}
    bound = 0.0
    for node in tree.interior:
        norms = model.component_norms(weights, node)[0]
        dropped = norms.argsort(descending=True)[kept[node] :]
        power = len(tree.nodes) - 1 - len(tree.children[node])
        tail = float(norms[dropped].sum())
        bound = max(bound, tail * len(tree.interior) * largest**power)
        by_node[node][:, dropped] = 0
        for child in tree.children[node]:
            by_node[child][:, :, dropped] = 0
    pruned = end_tensor(model, [by_node[node] for node in model.nodes])[0]
    return Pruning(
        distance=float((end_tensor(model, weights)[0] - pruned).norm()),
        bound=bound,
        ranks={n: int(matrix_rank(matricization(pruned, n))) for n in model.nodes[:-1]},
        allowed={n: kept[tree.parent(n)] for n in model.nodes[:-1]},
    )


def incomparable_problem(shape: tuple[int, ...]) -> tuple[Completion, Tensor, Tensor]:
    """A completion problem with two solutions of incomparable minimal hierarchical tensor ranks.

    >>> from wis.theory.factorization import shallow_tree
    >>> from wis.theory.factorization.measures import hierarchical_rank
    >>> task, *solutions = incomparable_problem((2, 2, 2))
    >>> [sorted(hierarchical_rank(each, shallow_tree(3)).items()) for each in solutions]
    [[((0,), 2), ((1,), 1), ((2,), 2)], [((0,), 1), ((1,), 2), ((2,), 2)]]

    Args:
        shape: D_1, ..., D_N, N at least 3, all at least 2.

    Returns:
        The task and the solutions W and W', float64 [*shape].

    References:
        Proposition 6, Equation (C.27).
    """
    if len(shape) < 3 or min(shape) < 2:
        raise OptionError(f"dimensions {shape}; Proposition 6 needs three or more, all above 1")
    corner = (0,) * (len(shape) - 3) + (slice(2), slice(2), slice(2))
    observed = torch.zeros(shape, dtype=torch.bool, device="cpu")
    seen = torch.zeros(2, 2, 2, dtype=torch.bool, device="cpu")
    seen[0, 0] = seen[1, 1] = True
    observed[corner] = seen
    first, second = (torch.zeros(shape, dtype=torch.float64, device="cpu") for _ in range(2))
    one, two = torch.eye(2, dtype=torch.float64, device="cpu")
    first[corner] = torch.stack([torch.stack([one, one]), torch.stack([two, two])])
    second[corner] = torch.stack([torch.stack([one, two]), torch.stack([one, two])])
    return Completion(observed[None], first[None]), first, second
