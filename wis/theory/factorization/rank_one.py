"""Theorem 4 on a small problem: from ever smaller starts, ever closer to a rank one trajectory.

A factorization with one leading component is trained under Huber's loss from a balanced start
scaled by alpha. From the moment at which its end tensor reaches a reference sphere it is compared
with the trajectory of that component alone, started on the same sphere. The theorem says that their
distance vanishes with alpha for any time. Gradient flow is solved by steps that are small against
its time scale. Source: Section 2.4.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from wis.errors import NumericalError, OptionError
from wis.theory.factorization.model import Weights
from wis.theory.factorization.tasks import Completion, Loss
from wis.theory.factorization.tensor import TensorFactorization


@dataclass(frozen=True)
class RankOneDistance:
    """How far a run strayed from its rank one trajectory.

    Attributes:
        scale: alpha.
        reached_at: Time at which the reference sphere was reached.
        largest: Largest distance within the duration.
        other_components: Norm of the largest other component on the sphere.
    """

    scale: float
    reached_at: float
    largest: float
    other_components: float


def check_assumptions(
    model: TensorFactorization, task: Completion, start: Weights, leading: int
) -> None:
    """Refuse what Theorem 4 does not cover.

    Raises:
        OptionError: Assumption 1, 2 or 3 is violated, or the loss is not Huber's.
    """
    values = task.values[task.observed]
    if task.loss.kind != "huber" or task.loss.transition >= float(values.abs().min()):
        raise OptionError(
            "Assumption 1: expected Huber's loss with a transition point below every observation"
        )
    if float(model.unbalancedness(start).max()) > 1e-12:
        raise OptionError("Assumption 2: the start's unbalancedness magnitude is not zero")
    gradient = task.loss_and_gradient(
        torch.zeros(1, *model.shape, dtype=torch.float64, device="cpu")
    )[1]
    norms = start[0][0].norm(dim=0)
    unit = [weight[:, :, [leading]] / norms[leading] for weight in start]
    projection = -float((gradient * TensorFactorization(model.shape, 1).forward(unit)[0]).sum())
    others = float(torch.cat([norms[:leading], norms[leading + 1 :], norms.new_zeros(1)]).max())
    if projection <= 0 or not float(norms[leading]) > others * (
        float(gradient.norm()) / projection
    ) ** (1 / (model.order - 2)):
        raise OptionError("Assumption 3: the component does not lead; enlarge it or turn it")


def rank_one_distances(
    model: TensorFactorization,
    task: Completion,
    start: Weights,
    *,
    leading: int,
    radius: float,
    duration: float,
    scales: list[float],
    step: float = 1e-3,
    max_steps: int = 2_000_000,
) -> list[RankOneDistance]:
    """Distance between factorization and rank one trajectory, for each initialization scale.

    Args:
        model: Of order at least 3.
        task: Completion under Huber's loss.
        start: Balanced weights, float64 [1, D_n, R], before scaling.
        leading: The component that Assumption 3 is about.
        radius: rho, of the reference sphere; below the smallest observation less the transition.
        duration: T, how long to compare after the sphere is reached.
        scales: Values of alpha, positive.
        step: Of the explicit Euler method, in units of time.
        max_steps: Before the sphere is reached.

    Returns:
        One result for each scale.

    Raises:
        OptionError: An assumption is violated, or a start is not inside the sphere.
        NumericalError: The sphere was not reached.

    Cost: two gradients for each step.

    References:
        Theorem 4, Assumptions 1 to 3, Equations (2.10) and (2.11).
    """
    smallest = float(task.values[task.observed].abs().min()) - task.loss.transition
    if model.order < 3 or not 0 < radius < smallest or step <= 0:
        raise OptionError(
            f"order {model.order}, radius {radius}, step {step}; expected order 3 or more, a "
            f"radius between 0 and {smallest:g}, a positive step"
        )
    check_assumptions(model, task, start, leading)
    return [
        _distance(model, task, [scale * each for each in start], leading, radius, duration, step,
                  max_steps, scale)
        for scale in scales
    ]  # fmt: skip


def _distance(
    model: TensorFactorization,
    task: Completion,
    weights: Weights,
    leading: int,
    radius: float,
    duration: float,
    step: float,
    max_steps: int,
    scale: float,
) -> RankOneDistance:
    weights, time = _on_sphere(model, task, weights, leading, radius, step, max_steps, scale)
    norms = model.component_norms(weights)[0]
    others = torch.cat([norms[:leading], norms[leading + 1 :], norms.new_zeros(1)])
    alone = TensorFactorization(model.shape, 1)
    single = [weight[:, :, [leading]] for weight in weights]
    factor = (radius / float(alone.forward(single)[0].norm())) ** (1 / model.order)
    single = [factor * each for each in single]
    largest = 0.0
    for _ in range(int(duration / step)):
        difference: Tensor = model.forward(weights)[0] - alone.forward(single)[0]
        largest = max(largest, float(difference.norm()))
        weights, single = _euler(model, task, weights, step), _euler(alone, task, single, step)
    return RankOneDistance(scale, time, largest, float(others.max()))


def _on_sphere(
    model: TensorFactorization,
    task: Completion,
    weights: Weights,
    leading: int,
    radius: float,
    step: float,
    max_steps: int,
    scale: float,
) -> tuple[Weights, float]:
    """Follow the flow until the end tensor's norm is the radius; the last step is cut to fit."""
    if float(model.forward(weights)[0].norm()) >= radius:
        raise OptionError(
            f"from scale {scale:g} the start is not inside the reference sphere of radius "
            f"{radius:g}; choose smaller scales"
        )
    time = 0.0
    for _ in range(max_steps):
        # Escaping takes a time that grows like scale^(2 - N); longer steps while little moves.
        length = step / float(weights[0][:, :, leading].norm()) ** (model.order - 2)
        onward = _euler(model, task, weights, length)
        if float(model.forward(onward)[0].norm()) >= radius:
            short, long = 0.0, length
            for _ in range(50):
                middle = (short + long) / 2
                onward = _euler(model, task, weights, middle)
                inside = float(model.forward(onward)[0].norm()) < radius
                short, long = (middle, long) if inside else (short, middle)
            return onward, time + long
        weights, time = onward, time + length
    raise NumericalError(
        f"the reference sphere was not reached in {max_steps} steps from scale {scale:g}"
    )


def _euler(
    model: TensorFactorization, task: Completion, weights: Weights, length: float
) -> Weights:
    end, saved = model.forward(weights)
    gradients = model.backward(saved, task.loss_and_gradient(end)[1])
    return [weight - length * slope for weight, slope in zip(weights, gradients, strict=True)]


def small_problem(
    seed: int = 0,
) -> tuple[TensorFactorization, Completion, Weights, int]:
    """A 3-by-3-by-3 problem with a rank one solution and a start that fulfils Assumptions 1 to 3.

    Args:
        seed: Of the ground truth and the smaller components.

    Returns:
        Model (4 components), task (every entry observed), start, and which component leads.
    """
    generator = torch.Generator().manual_seed(seed)
    shape = (3, 3, 3)
    vectors = [
        1 + 0.5 * torch.rand(size, 1, dtype=torch.float64, generator=generator, device="cpu")
        for size in shape
    ]
    truth = TensorFactorization(shape, 1).forward([vector[None] for vector in vectors])[0]
    task = Completion(
        torch.ones(1, *shape, dtype=torch.bool, device="cpu"), truth, Loss("huber", 0.1)
    )
    start = []
    for vector in vectors:
        columns = torch.randn(
            vector.shape[0], 4, dtype=torch.float64, generator=generator, device="cpu"
        )
        columns[:, 0] = vector[:, 0] + 0.2 * columns[:, 0]
        columns /= columns.norm(dim=0)
        columns[:, 1:] *= 0.5
        start.append(columns[None])
    return TensorFactorization(shape, 4), task, start, 0
