"""Theorem 4 on a small problem: small initializations follow a rank one trajectory.

A factorization with one leading component is trained under Huber's loss from a balanced start
scaled by alpha. Once its end tensor reaches a reference sphere, it is compared with the trajectory
of the leading component alone, started on the same sphere. By the theorem their distance goes to
zero with alpha, for any duration. Gradient flow is approximated by small gradient steps. Source:
Section 2.4.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from wis.errors import NumericalError, OptionError
from wis.theory.experiments.claims import Claim, Rule, each_seed, log_slope
from wis.theory.experiments.experiment import Experiment, Outcome, Request, Row, number, share
from wis.theory.experiments.registry import add_experiments
from wis.theory.factorization.dynamics import gradients_of, stepped
from wis.theory.factorization.model import TensorFactorization, Weights
from wis.theory.factorization.tasks import Completion, Loss, random_entries


def rank_one_distances(
    model: TensorFactorization,
    task: Completion,
    start: Weights,
    *,
    leading: int,
    radius: float,
    duration: float,
    scales: Sequence[float],
    step: float = 1e-3,
    max_steps: int = 2_000_000,
) -> list[dict[str, float]]:
    """Measure the distance from the rank one trajectory for each initialization scale.

    >>> model, task, start, leading = small_problem()
    >>> options = {"leading": leading, "radius": 0.3, "duration": 2.0, "step": 0.2}
    >>> near, far = rank_one_distances(model, task, start, scales=[0.1, 0.4], **options)
    >>> near["largest"] < far["largest"]
    True

    Args:
        model: Tensor factorization of order at least 3.
        task: Completion under Huber's loss.
        start: Balanced weights, float64 [1, D_n, R], before scaling.
        leading: Index of the leading component of Assumption 3.
        radius: rho, the radius of the reference sphere; below the smallest observation minus the
            transition point.
        duration: T, the time of the comparison after the sphere is reached.
        scales: Values of alpha, positive.
        step: Step of the explicit Euler method, in units of time.
        max_steps: Largest number of steps before the sphere is reached.

    Returns:
        For each scale alpha the ``"scale"``; the time at which the reference sphere is
        ``"reached_at"``; the ``"largest"`` distance during the comparison; and the norm of the
        largest of the ``"other_components"`` on the sphere.

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
    _check_assumptions(model, task, start, leading)
    found = []
    alone = TensorFactorization(model.shape, 1)
    for scale in scales:
        scaled = [scale * each for each in start]
        flow = model, task, leading, radius, step
        weights, reached_at = _on_sphere(scaled, *flow, scale=scale, max_steps=max_steps)
        others = _largest_other(model.component_norms(weights)[0], leading)
        # The leading component alone, from the same sphere.
        single = [weight[:, :, [leading]] for weight in weights]
        factor = (radius / _norm(alone, single)) ** (1 / model.order)
        single = [factor * each for each in single]
        largest = 0.0
        for _ in range(int(duration / step)):
            difference: Tensor = model.forward(weights)[0] - alone.forward(single)[0]
            largest = max(largest, float(difference.norm()))
            weights = _moved(model, task, weights, step)
            single = _moved(alone, task, single, step)
        row = {"scale": scale, "reached_at": reached_at}
        found.append({**row, "largest": largest, "other_components": others})
    return found


def _norm(model: TensorFactorization, weights: Weights) -> float:
    return float(model.forward(weights)[0].norm())


def _moved(model: TensorFactorization, task: Completion, weights: Weights, step: float) -> Weights:
    """The weights after a step of explicit Euler."""
    return stepped(weights, gradients_of(model, task, weights), step)


def _on_sphere(
    weights: Weights,
    model: TensorFactorization,
    task: Completion,
    leading: int,
    radius: float,
    step: float,
    *,
    scale: float,
    max_steps: int,
) -> tuple[Weights, float]:
    """Follow the flow until the end tensor has norm `radius`; returns weights and time."""
    if _norm(model, weights) >= radius:
        raise OptionError(
            f"from scale {scale:g} the start is not inside the reference sphere of radius "
            f"{radius:g}; choose smaller scales"
        )
    time = 0.0
    for _ in range(max_steps):
        # The escape takes a time of order scale^(2 - N), so steps are longer while little moves.
        length = step / float(weights[0][:, :, leading].norm()) ** (model.order - 2)
        onward = _moved(model, task, weights, length)
        if _norm(model, onward) < radius:
            weights, time = onward, time + length
            continue
        # Bisection finds the length of the last step, which ends on the sphere.
        short, long = 0.0, length
        for _ in range(50):
            middle = (short + long) / 2
            onward = _moved(model, task, weights, middle)
            short, long = (middle, long) if _norm(model, onward) < radius else (short, middle)
        return onward, time + long
    raise NumericalError(
        f"the reference sphere was not reached in {max_steps} steps from scale {scale:g}"
    )


def _check_assumptions(
    model: TensorFactorization, task: Completion, start: Weights, leading: int
) -> None:
    """Raise `OptionError` for a problem that Theorem 4 does not cover."""
    values = task.values[task.observed]
    if task.loss.kind != "huber" or task.loss.transition >= float(values.abs().min()):
        raise OptionError(
            "Assumption 1: expected Huber's loss with a transition point below every observation"
        )
    if float(model.unbalancedness(start).max()) > 1e-12:
        raise OptionError("Assumption 2: the start's unbalancedness magnitude is not zero")
    zero = torch.zeros(1, *model.shape, dtype=torch.float64, device="cpu")
    gradient = task.loss_and_gradient(zero)[1]
    norms = start[0][0].norm(dim=0)
    unit = [weight[:, :, [leading]] / norms[leading] for weight in start]
    projection = -float((gradient * TensorFactorization(model.shape, 1).forward(unit)[0]).sum())
    ratio = float(gradient.norm()) / projection if projection > 0 else float("inf")
    least = _largest_other(norms, leading) * ratio ** (1 / (model.order - 2))
    if projection <= 0 or not float(norms[leading]) > least:
        raise OptionError("Assumption 3: the component does not lead; enlarge it or turn it")


def _largest_other(norms: Tensor, leading: int) -> float:
    """The largest norm of the components other than the leading one."""
    return float(torch.cat([norms[:leading], norms[leading + 1 :], norms.new_zeros(1)]).max())


def small_problem(
    seed: int = 0, *, num_observations: int = 27
) -> tuple[TensorFactorization, Completion, Weights, int]:
    """A 3-by-3-by-3 problem with a rank one solution and a start that satisfies Assumptions 1 to 3.

    Args:
        seed: Seed of the ground truth, the smaller components and the observed entries.
        num_observations: Number of observed entries of the 27.

    Returns:
        Model (4 components), task, start, and index of the leading component.
    """
    generator = torch.Generator().manual_seed(seed)
    shape = (3, 3, 3)
    vectors = [
        1 + 0.5 * torch.rand(size, 1, dtype=torch.float64, generator=generator, device="cpu")
        for size in shape
    ]
    truth = TensorFactorization(shape, 1).forward([vector[None] for vector in vectors])[0]
    seen = random_entries(shape, num_observations, torch.Generator().manual_seed(seed))
    task = Completion(seen[None], truth, Loss("huber", 0.1))
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


@dataclass(frozen=True)
class RankOneSize:
    """Size of Theorem 4's check: initialization scales, reference sphere, duration, time step."""

    scales: tuple[float, ...]
    radius: float = 0.3
    duration: float = 30.0
    step: float = 0.2


def rank_one(size: RankOneSize, request: Request) -> Outcome:
    """Measure the distance from a rank one trajectory for several initialization scales."""
    model, task, start, leading = small_problem(request.seed)
    rows: list[Row] = [*rank_one_distances(model, task, start, leading=leading, **vars(size))]
    ordered = sorted(rows, key=lambda row: -row["scale"])
    distances = [row["largest"] for row in ordered]
    falls = [after < before for before, after in itertools.pairwise(distances)]
    verdict = (
        f"Within a time of {size.duration:g} after the end tensor reached the reference sphere of "
        f"radius {size.radius:g}, it strayed from the rank one trajectory by at most "
        f"{number(distances[0])} from the scale {ordered[0]['scale']:g} and by at most "
        f"{number(distances[-1])} from the scale {ordered[-1]['scale']:g}; the distance fell in "
        f"{share(falls)} steps to a smaller scale."
    )
    return Outcome(rows, verdict)


def falls_with_scale(column: str, label: str) -> Rule:
    """A rule: a column is a positive power of the initialization scale."""
    return each_seed(
        lambda own: log_slope(own, "scale", column) if len(own) > 1 else None,
        f"exponent of the scale in the {label}",
        above=0,
    )


add_experiments(
    Experiment(
        "theorem4",
        "smaller initializations keep a tensor factorization closer to a rank one trajectory",
        rank_one,
        RankOneSize((0.4, 0.2, 0.1)),
        RankOneSize((0.4, 0.2, 0.1, 0.05, 0.025), step=0.05),
        (
            Claim(
                "closer",
                "Theorem 4",
                "The smaller the initialization, the closer the end tensor follows a rank one "
                "trajectory from the reference sphere.",
                "Interval over seeds of the slope of log largest distance against log scale: "
                "above 0.",
                falls_with_scale("largest", "largest distance"),
            ),
        ),
    ),
)
