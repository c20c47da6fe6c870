"""Statements about hierarchical tensor rank that concern no trajectory. Source: Section 3.4."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from wis.errors import OptionError
from wis.theory.factorization.hierarchical import HierarchicalFactorization
from wis.theory.factorization.measures import matricization, matrix_rank
from wis.theory.factorization.mode_tree import Node
from wis.theory.factorization.model import Weights, end_tensor
from wis.theory.factorization.tasks import Completion


def rank_bounds(model: HierarchicalFactorization) -> dict[Node, int]:
    """What the local components allow: an upper bound of the rank at every node but the root.

    References:
        Lemma 2.
    """
    return {node: model.width(model.tree.parent(node)) for node in model.nodes[:-1]}


@dataclass(frozen=True)
class Pruning:
    """An end tensor and what is left of it when small local components go.

    Attributes:
        distance: Frobenius distance between the two.
        bound: Epsilon of Proposition 5, the smallest for which its condition holds.
        ranks: Of the pruned tensor's matricizations, at every node but the root.
        allowed: R' of the parents, which these ranks must not exceed.
    """

    distance: float
    bound: float
    ranks: dict[Node, int]
    allowed: dict[Node, int]


def prune(model: HierarchicalFactorization, weights: Weights, kept: dict[Node, int]) -> Pruning:
    """Keep the largest local components at every interior node and drop the others.

    Args:
        model: The factorization.
        weights: Of a single one, float64 [1, ., .] each.
        kept: R', how many to keep at each interior node.

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

    Args:
        shape: D_1, ..., D_N, N at least 3, all at least 2.

    Returns:
        The task and the solutions W and W', float64 [*shape].

    References:
        Proposition 6, Equation (C.27).
    """
    if len(shape) < 3 or min(shape) < 2:
        raise OptionError(f"dimensions {shape}; Proposition 6 is about three or more, all above 1")
    corner = (0,) * (len(shape) - 3) + (slice(2), slice(2), slice(2))
    observed = torch.zeros(shape, dtype=torch.bool, device="cpu")
    seen = torch.zeros(2, 2, 2, dtype=torch.bool, device="cpu")
    seen[0, 0] = seen[1, 1] = True
    observed[corner] = seen
    first, second = (torch.zeros(shape, dtype=torch.float64, device="cpu") for _ in range(2))
    one, two = (
        torch.tensor([1.0, 0.0], device="cpu").double(),
        torch.tensor([0.0, 1.0], device="cpu").double(),
    )
    first[corner] = torch.stack([torch.stack([one, one]), torch.stack([two, two])])
    second[corner] = torch.stack([torch.stack([one, two]), torch.stack([one, two])])
    return Completion(observed[None], first[None]), first, second
