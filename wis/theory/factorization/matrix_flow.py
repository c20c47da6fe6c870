"""Gradient flow on small matrix factorizations, by a stiff solver with control of its error.

Gradient descent with a fixed rate takes millions of steps where an entry diverges, and one step too
long flips the sign of the determinant, which gradient flow from a balanced start keeps (Lemma 6).
The solver (backward differentiation formulas, scipy) chooses its steps by the error in every
weight. It needs about 1,500 steps for the runs of Figure 1.1.

At depth 2 a tiny unbalancedness grows like the exponential of the squared entry. Rounding makes
one, so that the layers leave the balanced flow where the entry is about 10. For balanced 2-by-2
factorizations of depth 2, `matrix_flow` therefore follows the end matrix. Its flow is

    dW/dt = -(W W^T)^(1/2) G - G (W^T W)^(1/2),  G the gradient of the loss at W,

where (W W^T)^(1/2) = W Q^T and (W^T W)^(1/2) = Q^T W with Q the orthogonal factor of W. Q has the
sign of the determinant, and is proportional to W plus or minus its cofactors. Source: Equations
(1.4), (1.5) and (A.14), Lemmas 4 and 6.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wis.errors import OptionError
from wis.theory.factorization.measures import unbalancedness_of_matrices
from wis.theory.factorization.model import MatrixFactorization, Weights, end_tensor
from wis.theory.factorization.tasks import Completion

Doubles = NDArray[np.float64]

BALANCED = 1e-12
"""Unbalancedness, relative to the largest squared layer, below which a start is balanced."""

END_OF_TIME = 1e18

TOLERANCE = 1e-9
"""Relative error allowed in a step of the solver; the absolute one is 1e-5 of it."""


@dataclass(frozen=True)
class Flow:
    """Gradient flow from one start, at the steps of the solver.

    Attributes:
        times: float64 [T].
        losses: float64 [T], falling.
        ends: float64 [T, D, D'], end matrices.
        signs: float64 [T], signs of the determinants of the end matrices, or of their top left
            square blocks, as the product over layers; None if the flow is that of the end matrix,
            which keeps the sign by construction.
        drift: Largest change of an entry of W_(l+1)^T W_(l+1) - W_l W_l^T, which gradient flow
            conserves, relative to the squared norm of the largest layer; 0 for the end matrix.
        reached: Whether the loss reached its goal.
    """

    times: Tensor
    losses: Tensor
    ends: Tensor
    signs: Tensor | None
    drift: float
    reached: bool

    def last_tenfold(self) -> int:
        """The first step at which the loss is at most ten times the last one."""
        return int((self.losses <= 10 * self.losses[-1]).to(torch.int64).argmax())

    def growth(self, at: tuple[int, int] = (0, 0)) -> float:
        """Slope of an absolute entry in 1 / sqrt(loss), while the loss fell tenfold at last."""
        ends = [self.last_tenfold(), -1]
        rise = self.ends[(ends, *at)].abs().diff() / (1 / self.losses[ends].sqrt()).diff()
        return float(rise)


def matrix_flow(
    model: MatrixFactorization,
    task: Completion,
    weights: Weights,
    *,
    loss: float,
    limit: float = math.inf,
) -> Flow:
    """Follow gradient flow until the loss reaches a goal, or the end matrix a limit.

    >>> from wis.theory.factorization.initialization import balanced_matrices
    >>> from wis.theory.factorization.tasks import norm_divergence_problem
    >>> model = MatrixFactorization.unconstrained(2, 2, depth=3)
    >>> start = balanced_matrices(model, [0.1], [0], determinant_sign=1)
    >>> flow = matrix_flow(model, norm_divergence_problem(), start, loss=1e-4)
    >>> flow.reached, round(abs(flow.ends[-1, 0, 0].item()), 1), set(flow.signs.tolist())
    (True, 70.7, {1.0})

    Args:
        model: The factorization.
        task: Observed entries with a square loss, for one factorization.
        weights: Initial weights, float64 [1, *weight shape] each.
        loss: The goal, positive.
        limit: Frobenius norm of the end matrix at which the flow ends without reaching the goal.

    Raises:
        OptionError: The goal is not positive, or the task or the weights do not fit.

    Cost: some thousands of gradients; for weights with P entries in all, P more for each of some
    hundred Jacobians, and as many decompositions of P-by-P matrices.
    """
    if not loss > 0:
        raise OptionError(f"loss {loss}; expected a positive number")
    if len(weights[0]) != 1 or len(task.observed) != 1 or task.shape != model.shape:
        raise OptionError(
            f"{len(weights[0])} factorizations of {model.shape}, {len(task.observed)} tasks of "
            f"{task.shape}; expected one of each, of the same dimensions"
        )
    if task.loss.kind == "huber":
        raise OptionError("gradient flow needs a square loss, not Huber's")
    largest = max(float(weight.square().sum()) for weight in weights)
    balanced = float(unbalancedness_of_matrices(weights)) <= BALANCED * largest
    follow = _follow_end if balanced and set(model.dimensions) == {2} == {model.depth} else _layers
    return follow(model, _Gradient.of(task), weights, _Goal(loss, limit))


@dataclass(frozen=True)
class _Goal:
    """The loss and the norm of the end matrix at which a flow ends."""

    loss: float
    limit: float


@dataclass(frozen=True)
class _Gradient:
    """The loss and its gradient at an end matrix."""

    slope: Doubles
    values: Doubles

    @classmethod
    def of(cls, task: Completion) -> _Gradient:
        weight, values = (each[0].numpy() for each in task.weighted)
        return cls(weight * (2.0 if task.loss.kind == "square" else 1.0), values)

    def __call__(self, end: Doubles) -> Doubles:
        return self.slope * (end - self.values)

    def loss(self, end: Doubles) -> float:
        return 0.5 * float((self.slope * (end - self.values) ** 2).sum())


def _layers(model: MatrixFactorization, gradient: _Gradient, weights: Weights, goal: _Goal) -> Flow:
    shapes = model.weight_shapes
    cuts = np.cumsum([rows * columns for rows, columns in shapes])[:-1]

    def layers_of(state: Doubles) -> list[Doubles]:
        return [part.reshape(at) for part, at in zip(np.split(state, cuts), shapes, strict=True)]

    def products(state: Doubles) -> tuple[list[Doubles], list[Doubles]]:
        layers = layers_of(state)
        return layers, list(itertools.accumulate(layers, lambda product, layer: layer @ product))

    def speed(_: float, state: Doubles) -> Doubles:
        layers, below = products(state)
        slope, speeds = -gradient(below[-1]), []
        for level in range(len(layers) - 1, 0, -1):
            speeds.append(slope @ below[level - 1].T)
            slope = layers[level].T @ slope
        return np.concatenate([each.ravel() for each in (slope, *reversed(speeds))])

    start = np.concatenate([weight[0].numpy().ravel() for weight in weights])
    times, states, reached = _solve(
        speed, start, lambda state: products(state)[1][-1], gradient.loss, goal
    )
    path = [torch.from_numpy(np.stack(each)) for each in zip(*map(layers_of, states), strict=True)]
    ends, size = end_tensor(model, path), min(model.shape)
    signs = torch.stack([torch.linalg.slogdet(layer[:, :size, :size])[0] for layer in path])
    gaps = [upper.mT @ upper - lower @ lower.mT for lower, upper in itertools.pairwise(path)]
    moved = max(float((gap - gap[0]).abs().max()) for gap in gaps)
    largest = max(float(layer.flatten(1).square().sum(dim=1).max()) for layer in path)
    return _flow(gradient, times, ends, signs.prod(dim=0), moved / largest, reached)


def _follow_end(
    model: MatrixFactorization, gradient: _Gradient, weights: Weights, goal: _Goal
) -> Flow:
    start = end_tensor(model, weights)[0].numpy()
    sign = float(np.prod([np.sign(np.linalg.det(weight[0].numpy())) for weight in weights]))

    def speed(_: float, state: Doubles) -> Doubles:
        end = state.reshape(2, 2)
        cofactors = np.array([[end[1, 1], -end[1, 0]], [-end[0, 1], end[0, 0]]])
        rotation = end + sign * cofactors
        rotation = rotation / np.sqrt(0.5 * (rotation**2).sum())
        slope = gradient(end)
        moved: Doubles = -(end @ rotation.T @ slope + slope @ rotation.T @ end)
        return moved.ravel()

    times, states, reached = _solve(
        speed, start.ravel(), lambda state: state.reshape(2, 2), gradient.loss, goal
    )
    return _flow(gradient, times, torch.from_numpy(states).reshape(-1, 2, 2), None, 0.0, reached)


def _solve(
    speed: Callable[[float, Doubles], Doubles],
    start: Doubles,
    end_of: Callable[[Doubles], Doubles],
    loss: Callable[[Doubles], float],
    goal: _Goal,
) -> tuple[Doubles, Doubles, bool]:
    """Times [T], states [T, P], and whether the loss reached the goal."""
    from scipy.integrate import solve_ivp

    def fitted(_: float, state: Doubles) -> float:
        return float(np.log(max(loss(end_of(state)), 1e-300) / goal.loss))

    def grown(_: float, state: Doubles) -> float:
        return goal.limit - float(np.linalg.norm(end_of(state)))

    if fitted(0.0, start) <= 0:
        return np.zeros(1), start[None], True
    events: list[Any] = [fitted, grown] if math.isfinite(goal.limit) else [fitted]
    for event in events:
        event.terminal = True
    found = solve_ivp(
        speed, (0.0, END_OF_TIME), start, method="BDF", rtol=TOLERANCE, atol=1e-5 * TOLERANCE,
        events=events,
    )  # fmt: skip
    return found.t, np.ascontiguousarray(found.y.T), bool(len(found.t_events[0]))


def _flow(
    gradient: _Gradient,
    times: Doubles,
    ends: Tensor,
    signs: Tensor | None,
    drift: float,
    reached: bool,
) -> Flow:
    losses = torch.tensor(
        [gradient.loss(end) for end in ends.numpy()], dtype=torch.float64, device="cpu"
    )
    return Flow(torch.from_numpy(times), losses, ends, signs, drift, reached)
