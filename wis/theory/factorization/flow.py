"""Gradient flow, in steps whose length a tolerance controls.

The theorems of Chapters 1 to 3 are about gradient flow. Gradient descent with the adaptive rate of
Appendix A.2.2.2 takes steps of nearly constant length: on a plateau it swings across the valley, so
quantities that gradient flow conserves drift. Here a step is a Runge-Kutta-Chebyshev step of second
order. Its s gradients buy a step that is 0.65 s^2 times as long as the inverse of the largest
curvature, where s steps of gradient descent get 2 s times. That is what a plateau needs. An error
estimate keeps steps short while components move. The largest curvature comes from power iterations
on differences of gradients.

Source: Sommeijer, Shampine, Verwer, RKC: an explicit solver for parabolic PDEs, Journal of
Computational and Applied Mathematics 88 (1998), 315-326.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wis.theory.factorization.model import Factorization, Weights
from wis.theory.factorization.tasks import Task

Slope = Callable[[Tensor], Tensor]

RENEWAL = 10
"""Number of steps between two estimates of the curvature, which cost two or three gradients."""

SAFETY = 1.2
"""Factor on the estimated curvature: power iterations approach it from below."""


@dataclass(frozen=True)
class GradientFlow:
    """A rate for `optimization.train`: follow gradient flow.

    Attributes:
        tolerance: Largest estimated error of a step, relative to the norm of all weights.
        max_stages: Largest number of gradients in a step.
    """

    tolerance: float = 1e-5
    max_stages: int = 100


def fresh_state(weights: Weights) -> dict[str, Tensor]:
    """What the integrator keeps for each element: ``"time"``, ``"gradients"``, and five more."""
    batch = len(weights[0])
    generator = torch.Generator().manual_seed(0)
    direction = torch.randn(
        sum(weight[0].numel() for weight in weights),
        dtype=torch.float64, generator=generator, device="cpu",
    )  # fmt: skip
    zeros = torch.zeros(batch, dtype=torch.float64, device="cpu")
    state = {name: zeros.clone() for name in ("time", "gradients", "length", "curvature", "age")}
    state["direction"] = direction.expand(batch, -1).clone()
    # The last gradient of a step is the first one of the next; NaN before the first step.
    return {**state, "slope": torch.full_like(state["direction"], torch.nan)}


def flow_step(
    model: Factorization, task: Task, weights: Weights, state: dict[str, Tensor], rate: GradientFlow
) -> None:
    """Try one step of a single element; `weights` and `state` (views, [1, ...]) change in place.

    A step whose estimated error is above the tolerance is not taken; the next one is shorter.
    """
    shapes = [weight.shape for weight in weights]
    sizes = [weight.numel() for weight in weights]
    point = torch.cat([weight.flatten() for weight in weights])
    found, count = torch.empty_like(point), 0

    def slope(point: Tensor) -> Tensor:
        """The negative gradient, in a tensor that the next call overwrites."""
        nonlocal count
        count += 1
        parts = zip(torch.split(point, sizes), shapes, strict=True)
        end, saved = model.forward([part.reshape(shape) for part, shape in parts])
        gradients = model.backward(saved, task.loss_and_gradient(end)[1])
        return torch.cat([each.flatten() for each in gradients], out=found).neg_()

    first = state["slope"][0]
    if bool(first[0].isnan()):
        first.copy_(slope(point))
    if float(state["age"]) % RENEWAL == 0:
        curvature, state["direction"][0] = _curvature(slope, point, first, state["direction"][0])
        state["curvature"][0] = curvature
        if float(state["length"]) == 0:
            state["length"][0] = 1 / curvature
    length, curvature = float(state["length"]), float(state["curvature"])
    stages = max(2, math.ceil(math.sqrt(1 + 1.54 * length * curvature)))
    if stages > rate.max_stages:
        stages = rate.max_stages
        length = (stages**2 - 1) / 1.54 / curvature
    moved = _chebyshev_step(slope, point, first, length, stages)
    last = slope(moved)
    estimate = (point - moved).mul_(0.8).add_(first, alpha=0.4 * length)
    estimate.add_(last, alpha=0.4 * length)
    error = float(estimate.norm()) / (rate.tolerance * float(point.norm()) + 1e-300)
    accepted = error <= 1  # false for NaN
    if accepted:
        first.copy_(last)
        for weight, part in zip(weights, torch.split(moved, sizes), strict=True):
            weight.copy_(part.reshape(weight.shape))
        state["time"] += length
        factor = min(5.0, 0.8 * max(error, 1e-6) ** (-1 / 3))
    else:
        factor = max(0.1, 0.8 * error ** (-1 / 3)) if math.isfinite(error) else 0.1
    state["length"][0] = length * factor
    state["gradients"] += count
    # A step that failed renews the estimate of the curvature, which may have been too low.
    state["age"][0] = float(state["age"]) + 1 if accepted else 0


def _curvature(
    slope: Slope, point: Tensor, first: Tensor, direction: Tensor
) -> tuple[float, Tensor]:
    """Estimate of the largest curvature, with a margin, and its direction."""
    reach = 1e-6 * max(float(point.norm()), 1e-3)
    value = 0.0
    for _ in range(30):
        direction = direction / direction.norm().clamp_min(1e-300)
        direction = (slope(torch.add(point, direction, alpha=reach)) - first).div_(reach)
        before, value = value, float(direction.norm())
        if abs(value - before) < 0.05 * value:
            break
    return max(SAFETY * value, 1e-12), direction


def _chebyshev_step(
    slope: Slope, point: Tensor, first: Tensor, length: float, stages: int
) -> Tensor:
    """One step of the second-order formulas (2.1) to (2.4) of the reference."""
    opening, later = _coefficients(stages)
    before, now = point.clone(), torch.add(point, first, alpha=opening * length)
    for mu, nu, mu_tilde, gamma_tilde in later:
        # Sums in place: a new tensor for each term takes longer than the gradient.
        before.mul_(nu).add_(now, alpha=mu).add_(point, alpha=1 - mu - nu)
        before.add_(slope(now), alpha=length * mu_tilde).add_(first, alpha=length * gamma_tilde)
        before, now = now, before
    return now


@functools.lru_cache(maxsize=256)
def _coefficients(stages: int) -> tuple[float, list[tuple[float, float, float, float]]]:
    """The scaled first step, and mu, nu, mu~ and gamma~ of stages 2, ..., s."""
    start = 1 + 2 / 13 / stages**2
    value, slope, bend = (np.zeros(stages + 1) for _ in range(3))  # T_j, T_j', T_j'' at `start`
    value[:2], slope[1] = (1, start), 1
    for j in range(2, stages + 1):
        value[j] = 2 * start * value[j - 1] - value[j - 2]
        slope[j] = 2 * value[j - 1] + 2 * start * slope[j - 1] - slope[j - 2]
        bend[j] = 4 * slope[j - 1] + 2 * start * bend[j - 1] - bend[j - 2]
    scale = slope[stages] / bend[stages]
    weight = np.zeros(stages + 1)
    weight[2:] = bend[2:] / slope[2:] ** 2
    weight[:2] = weight[2]
    later = []
    for j in range(2, stages + 1):
        mu_tilde = 2 * weight[j] * scale / weight[j - 1]
        gamma_tilde = -(1 - weight[j - 1] * value[j - 1]) * mu_tilde
        mu, nu = 2 * weight[j] * start / weight[j - 1], -weight[j] / weight[j - 2]
        later.append((float(mu), float(nu), float(mu_tilde), float(gamma_tilde)))
    return float(weight[1] * scale), later
