"""Speeds of component norms: formulas of the theorems, and measurements by a gradient step.

For a component with weight vectors w_1, ..., w_L and direction C, gradient flow moves its norm by

    d/dt sigma = <-grad L, C> * sum over n of the product over n' != n of |w_n'|^2.

This speed is sigma^(2 - 2 / L) L <-grad L, C> if the component is balanced, and lies between two
bounds otherwise. A gradient step of length eta changes the norm by eta times the speed plus a term
of order eta^2; steps of length eta and eta / 2 measure that term. The end tensor is linear in each
weight vector, so <grad L, C> sigma is the inner product of a weight vector with its gradient.
Gradient flow conserves the differences between squared norms of the vectors of a component, and
W_l W_l^T - W_(l+1)^T W_(l+1) for matrices.
Source: Theorems 3, 5 and 9, Corollary 2, Lemmas 1 and 3.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from wis.theory.factorization.hierarchical import HierarchicalFactorization, Node
from wis.theory.factorization.measures import gaps_of_matrices
from wis.theory.factorization.model import (
    Factorization,
    MatrixFactorization,
    TensorFactorization,
    Weights,
)
from wis.theory.factorization.tasks import Task


@dataclass(frozen=True)
class Speeds:
    """Derivatives of component norms, float64 [B, R] each.

    Attributes:
        norms: The component norms themselves.
        projection: <-grad L, C>, of the component's direction on that of steepest descent.
        measured: Change of the norm in a gradient step, divided by the length of the step.
        formula: The exact derivative along gradient flow.
        balanced: L sigma^(2 - 2/L) <-grad L, C>, the value of `formula` at unbalancedness 0.
        discretization: Estimated error of `measured`, from steps of full and half length.
        least_unbalancedness: The smallest epsilon for which `formula` is within the bounds of
            Theorem 3 or 9; at most the unbalancedness of the weights. The theorems take the
            unbalancedness of the initialization, which gradient flow conserves.
    """

    norms: Tensor
    projection: Tensor
    measured: Tensor
    formula: Tensor
    balanced: Tensor
    discretization: Tensor
    least_unbalancedness: Tensor

    def summary(self) -> dict[str, Tensor]:
        """Quantities for a trajectory, float64 [B].

        ``"speed_error"`` and ``"speed_discretization"`` are relative to the fastest component;
        ``"least_unbalancedness"`` is the largest over all components.
        """
        scale = self.formula.abs().amax(dim=1).clamp_min(1e-300)
        return {
            "speed_error": (self.measured - self.formula).abs().amax(dim=1) / scale,
            "speed_discretization": self.discretization.amax(dim=1) / scale,
            "least_unbalancedness": self.least_unbalancedness.amax(dim=1),
        }


def component_speeds(
    model: TensorFactorization | HierarchicalFactorization,
    task: Task,
    weights: Weights,
    node: Node | None = None,
    *,
    step: float,
) -> Speeds:
    """Speeds of component norms, or of local component norms at an interior node.

    >>> from wis.theory.factorization import Completion, gaussian_weights
    >>> model, ones = TensorFactorization((2, 2, 2), 2), torch.ones(1, 2, 2, 2, dtype=torch.float64)
    >>> weights = gaussian_weights(model, [0.8], [0])
    >>> speeds = component_speeds(model, Completion(ones > 0, ones), weights, step=1e-6)
    >>> bool((speeds.least_unbalancedness <= model.unbalancedness(weights)).all())
    True

    Args:
        model: The factorization.
        task: The loss.
        weights: float64 [B, *weight shape] each.
        node: The node of the mode tree; None for a tensor factorization.
        step: eta, the length of the measured step; positive.

    Cost: three gradients.

    References:
        Theorem 3, Corollary 2; with a node Theorems 5 and 9.
    """
    gradients = gradients_of(model, task, weights)
    norms_of: Callable[[Weights], Tensor]
    if isinstance(model, HierarchicalFactorization):
        assert node is not None
        at = model.nodes.index(node)
        pull = -(weights[at] * gradients[at]).sum(dim=2)
        squares = model.squared_norms(weights, node)
        norms_of = functools.partial(model.component_norms, node=node)
    else:
        pull = -(weights[0] * gradients[0]).sum(dim=1)
        squares, norms_of = model.squared_norms(weights), model.component_norms
    halves = [norms_of(stepped(weights, gradients, step / part)) for part in (1, 2)]
    return _speeds(squares, pull, halves, step)


def conserved(model: Factorization, weights: Weights) -> list[Tensor]:
    """What gradient flow conserves, float64 [B, groups, values] each.

    >>> from wis.theory.factorization import gaussian_weights
    >>> model = TensorFactorization((2, 3, 2), 4)
    >>> [tuple(each.shape) for each in conserved(model, gaussian_weights(model, [1.0], [0]))]
    [(1, 4, 3)]

    Returns:
        The differences between the squared norms of the vectors of each component; for a
        hierarchical factorization one tensor for each interior node. For a matrix factorization
        the entries of W_l W_l^T - W_(l+1)^T W_(l+1), one tensor for each l.

    References:
        Lemmas 1 and 3, Section 3.2.1.
    """
    if isinstance(model, MatrixFactorization):
        return [gap.flatten(1).unsqueeze(1) for gap in gaps_of_matrices(weights)]
    if isinstance(model, HierarchicalFactorization):
        squares = [model.squared_norms(weights, node) for node in model.tree.interior]
    else:
        assert isinstance(model, TensorFactorization)
        squares = [model.squared_norms(weights)]
    return [
        torch.stack([one - two for one, two in itertools.combinations(each, 2)], dim=-1)
        for each in squares
    ]


def conserved_change(now: list[Tensor], start: list[Tensor]) -> Tensor:
    """Largest |change| in a group, relative to the group's largest |value| at the start, [B]."""
    found = [
        ((after - before).abs().amax(dim=2) / before.abs().amax(dim=2).clamp_min(1e-300)).amax(
            dim=1
        )
        for after, before in zip(now, start, strict=True)
    ]
    return torch.stack(found).amax(dim=0)


def gradients_of(model: Factorization, task: Task, weights: Weights) -> Weights:
    """Gradients of the loss with respect to the weights."""
    end, saved = model.forward(weights)
    return model.backward(saved, task.loss_and_gradient(end)[1])


def stepped(weights: Weights, gradients: Weights, step: float) -> Weights:
    """The weights after a step of gradient descent."""
    return [weight - step * slope for weight, slope in zip(weights, gradients, strict=True)]


def _speeds(squares: Tensor, pull: Tensor, moved: list[Tensor], step: float) -> Speeds:
    """From squared norms [L, B, R] and sigma <-grad L, C>, [B, R]."""
    parts = len(squares)
    # The exact formula: the projection <-grad L, C> times the sum of products of other norms.
    norms = squares.prod(dim=0).sqrt()
    projection = torch.where(norms > 0, pull / norms.clamp_min(1e-300), 0.0)
    others = torch.stack(
        [torch.cat([squares[:n], squares[n + 1 :]]).prod(dim=0) for n in range(parts)]
    ).sum(dim=0)
    # With r = sigma^(2 / L) + epsilon, the bounds of Theorems 3 and 9 are L <-grad L, C> times
    # r^(L - 1) and sigma^2 / r. Both solved for epsilon:
    needed = torch.maximum(
        (others / parts).pow(1 / (parts - 1)), parts * norms.square() / others.clamp_min(1e-300)
    )
    full, half = ((each - norms) / (step / part) for each, part in zip(moved, (1, 2), strict=True))
    return Speeds(
        norms=norms,
        projection=projection,
        measured=full,
        formula=projection * others,
        balanced=parts * projection * norms.pow(2 - 2 / parts),
        discretization=2 * (full - half).abs(),
        least_unbalancedness=(needed - norms.pow(2 / parts)).clamp_min(0.0),
    )
