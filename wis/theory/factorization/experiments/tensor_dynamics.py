"""Figures 2.2, B.1, B.2 and B.3: components of a tensor factorization are learned one by one.

At every record the component norms' speeds are measured and compared with Theorem 3. Source:
Sections 2.5.1 and B.2.2.1.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wis.theory.factorization.cp_rank import cp_rank
from wis.theory.factorization.dynamics import component_speeds, within_bounds
from wis.theory.factorization.experiments.outcome import Outcome, Request, Row, number, share
from wis.theory.factorization.experiments.pictures import norms_over_time
from wis.theory.factorization.experiments.registry import register
from wis.theory.factorization.ground_truth import low_rank_tensor
from wis.theory.factorization.initialization import gaussian_weights
from wis.theory.factorization.measures import largest, reconstruction_error
from wis.theory.factorization.model import Weights
from wis.theory.factorization.optimization import AdaptiveRate, Run, Stop
from wis.theory.factorization.tasks import (
    Completion,
    Loss,
    Sensing,
    gaussian_sensing,
    random_entries,
)
from wis.theory.factorization.tensor import TensorFactorization

NOTICEABLE = 0.02
"""A component counts when its norm is at least this part of the largest."""

SPEED_STEP = 1e-4

PER_DECADE = 250


@dataclass(frozen=True)
class DynamicsSize:
    """Of Figures 2.2 and B.1 to B.3.

    Attributes:
        shape: Of the ground truth.
        rank: Of the ground truth.
        num_observations: Entries or measurements.
        deviations: Of the initial weights.
        loss: At which a run ends.
        max_steps: At which it ends anyway.
        huber: Transition point of Huber's loss; None for the square loss. The loss at which a run
            ends is then multiplied by it: 1e-8 is the square of a residual of 1e-4, for which
            Huber's loss is 1e-4 times the transition point. (The thesis gives 1e-8 for Huber's loss
            too, which it would be below at the start.)
        sensing: Linear measurements instead of entries.
    """

    shape: tuple[int, ...]
    rank: int
    num_observations: int
    deviations: tuple[float, ...]
    loss: float
    max_steps: int
    huber: float | None = None
    sensing: bool = False


def dynamics(size: DynamicsSize, request: Request) -> Outcome:
    """All initialization scales run as one batch."""
    generator = torch.Generator().manual_seed(request.seed)
    truth = low_rank_tensor(size.shape, size.rank, 1.0, generator)
    loss = Loss("square") if size.huber is None else Loss("huber", size.huber)
    task: Completion | Sensing
    if size.sensing:
        task = gaussian_sensing(truth, size.num_observations, generator, loss=loss)
    else:
        observed = random_entries(size.shape, size.num_observations, generator)
        task = Completion(observed[None], truth[None], loss)
    model = TensorFactorization.unconstrained(size.shape)
    start = gaussian_weights(model, size.deviations, [request.seed] * len(size.deviations))
    end_loss = size.loss if size.huber is None else size.loss**0.5 * size.huber
    run = request.train(
        "dynamics",
        model,
        task,
        start,
        rate=AdaptiveRate(),
        stop=Stop(end_loss, size.max_steps),
        measure=functools.partial(_measure, model, task, truth),
        per_decade=PER_DECADE,
    )
    drift = model.unbalancedness(run.weights) - model.unbalancedness(start)
    rows = [
        _row(model, run, element, deviation, size, float(drift[element]))
        for element, deviation in enumerate(size.deviations)
    ]
    curves = {
        f"init {deviation:g}/{name}": values
        for element, deviation in enumerate(size.deviations)
        for name, values in run.trajectory.of(element).items()
    }
    return Outcome(rows, _verdict(rows), functools.partial(_draw, size.deviations, curves), curves)


def _measure(
    model: TensorFactorization,
    task: Completion | Sensing,
    truth: Tensor,
    weights: Weights,
    end: Tensor,
) -> dict[str, Tensor]:
    speeds = component_speeds(model, task, weights, step=SPEED_STEP)
    return {
        "norms": largest(model.component_norms(weights), 10),
        "error": reconstruction_error(end, truth, normalized=False),
        **speeds.summary(),
        "unbalancedness": model.unbalancedness(weights),
    }


def _row(
    model: TensorFactorization,
    run: Run,
    element: int,
    deviation: float,
    size: DynamicsSize,
    drift: float,
) -> Row:
    curve = run.trajectory.of(element)
    norms = model.component_norms(run.weights)[element]
    return {
        "deviation": deviation,
        "true_rank": size.rank,
        "components": model.num_components,
        "noticeable_components": int((norms >= NOTICEABLE * norms.max()).sum()),
        "tensor_rank": cp_rank(run.end[element], max_rank=2 * size.rank + 1, restarts=0),
        "largest_norms": largest(norms[None], 10)[0].tolist(),
        "error": float(curve["error"][-1]),
        "lowest_error": float(curve["error"].min()),
        "step_of_lowest_error": int(curve["step"][curve["error"].argmin()]),
        "loss": float(run.loss[element]),
        "steps": int(run.steps[element]),
        "converged": bool(run.converged[element]),
        "speed_error": float(np.median(curve["speed_error"])),
        "speed_discretization": float(np.median(curve["speed_discretization"])),
        "within_bounds_of_theorem_3": within_bounds(
            curve["least_unbalancedness"], curve["unbalancedness"]
        ),
        "least_unbalancedness": float(curve["least_unbalancedness"].max()),
        "unbalancedness_start": float(curve["unbalancedness"][0]),
        "unbalancedness_drift": drift,
        "seconds": run.seconds,
    }


def _verdict(rows: list[Row]) -> str:
    few, many = (pick(rows, key=lambda row: row["deviation"]) for pick in (min, max))
    text = (
        f"From the smallest initialization ({few['deviation']:g}), "
        f"{few['noticeable_components']} of {few['components']} components ended with a norm of at "
        f"least {NOTICEABLE:.0%} of the largest, and the end tensor with rank {few['tensor_rank']} "
        f"(the ground truth has rank {few['true_rank']}), at a reconstruction error of "
        f"{number(few['error'])} (lowest {number(few['lowest_error'])}, at step "
        f"{few['step_of_lowest_error']}); from the largest ({many['deviation']:g}) it was "
        f"{many['noticeable_components']} and rank {many['tensor_rank']}, at an error of "
        f"{number(many['error'])}. Ranks are estimated by alternating least squares, up to twice "
        "the true one and one more. "
    )
    return text + (
        f"{share([row['converged'] for row in rows])} runs reached the loss they were to reach. "
        f"With the unbalancedness of the start, the bounds of Theorem 3 held at every record in "
        f"{share([row['within_bounds_of_theorem_3'] for row in rows])} runs; a gradient step of "
        f"{SPEED_STEP:g} measured the formula with a relative error of "
        f"{number(max(row['speed_error'] for row in rows))} (median over the records; the estimate "
        "of its discretization error is "
        f"{number(max(row['speed_discretization'] for row in rows))}). The unbalancedness "
        f"magnitude moved by at most {number(max(abs(r['unbalancedness_drift']) for r in rows))}."
    )


def _draw(deviations: tuple[float, ...], curves: dict[str, np.ndarray], figure: object) -> None:
    panels = [
        (
            f"init {deviation:g}",
            "component norms",
            curves[f"init {deviation:g}/step"],
            curves[f"init {deviation:g}/norms"],
        )
        for deviation in deviations
    ]
    errors = {
        f"init {deviation:g}": (
            curves[f"init {deviation:g}/step"],
            curves[f"init {deviation:g}/error"],
        )
        for deviation in deviations
    }
    norms_over_time(figure, panels, errors, "reconstruction error")


SHOWN = (0.05, 0.01, 0.005)
QUICK = DynamicsSize((5, 5, 5, 5), 2, 250, SHOWN, 1e-7, 6_000)
ORDER_3 = DynamicsSize((10, 10, 10), 3, 300, SHOWN, 1e-8, 1_000_000)
ORDER_4 = DynamicsSize((10, 10, 10, 10), 5, 2000, SHOWN, 1e-8, 1_000_000)

register(
    "fig2_2",
    "incremental learning of components: order 4 tensor completion",
    quick=QUICK,
    thesis=ORDER_4,
    runner=dynamics,
)
register(
    "figB_1",
    "the same with Huber's loss",
    quick=DynamicsSize((5, 5, 5, 5), 2, 250, (0.05, 0.03, 0.02), 1e-7, 12_000, huber=5e-3),
    thesis=DynamicsSize((10, 10, 10, 10), 5, 2000, SHOWN, 1e-8, 1_000_000, huber=5e-7),
    runner=dynamics,
)
register(
    "figB_2",
    "the same for order 3 and rank 3",
    quick=DynamicsSize((7, 7, 7), 2, 150, SHOWN, 1e-7, 6_000),
    thesis=ORDER_3,
    runner=dynamics,
)
register(
    "figB_3",
    "the same for tensor sensing",
    quick=DynamicsSize((5, 5, 5, 5), 2, 250, SHOWN, 1e-7, 6_000, sensing=True),
    thesis=DynamicsSize((10, 10, 10, 10), 5, 2000, SHOWN, 1e-8, 1_000_000, sensing=True),
    runner=dynamics,
)
