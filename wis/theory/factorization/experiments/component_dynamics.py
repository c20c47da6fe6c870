"""Figures 2.2 and B.1 to B.3: components of tensor factorizations grow one by one.

At every record the speeds of the component norms are measured and compared with Theorem 3. Source:
Sections 2.5.1 and B.2.2.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wis.theory.experiments.experiment import Experiment, Outcome, Request, Row, number, share
from wis.theory.experiments.registry import add_experiments
from wis.theory.factorization.dynamics import component_speeds, within_bounds
from wis.theory.factorization.initialization import gaussian_weights
from wis.theory.factorization.measures import (
    cp_rank,
    largest,
    reconstruction_error,
)
from wis.theory.factorization.model import (
    TensorFactorization,
    Weights,
)
from wis.theory.factorization.optimization import AdaptiveRate, Run, Stop
from wis.theory.factorization.tasks import (
    Completion,
    Loss,
    Sensing,
    gaussian_sensing,
    low_rank_tensor,
    random_entries,
)

EFFECTIVE = 0.02
"""A singular value or norm counts if it is at least this share of the largest."""

TENSOR_STEP, HIERARCHICAL_STEP = 1e-4, 1e-6
"""Lengths of the measured steps. A shorter step has less discretization error but more rounding
error; here rounding is small."""

PER_DECADE = 250

Curve = dict[str, np.ndarray]


@dataclass(frozen=True)
class DynamicsSize:
    """Size of Figures 2.2 and B.1 to B.3.

    Attributes:
        shape: Dimensions of the ground truth.
        rank: Rank of the ground truth.
        num_observations: Number of entries or measurements.
        deviations: Standard deviations of the initial weights.
        loss: Loss at which a run ends.
        max_steps: Largest number of steps.
        huber: Transition point of Huber's loss; None for the square loss. With it a run ends at the
            Huber loss of a residual sqrt(loss), that is, about sqrt(loss) times the transition
            point. (The thesis gives 1e-8 for Huber's loss, but the initial loss is lower than
            that.)
        sensing: Whether observations are linear measurements instead of entries.
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
    """Figures 2.2 and B.1 to B.3; all initialization scales are one batch."""
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

    def measure(weights: Weights, end: Tensor) -> dict[str, Tensor]:
        return {
            "norms": largest(model.component_norms(weights), 10),
            "error": reconstruction_error(end, truth, normalized=False),
            **component_speeds(model, task, weights, step=TENSOR_STEP).summary(),
            "unbalancedness": model.unbalancedness(weights),
        }

    run = request.train(
        "dynamics",
        model,
        task,
        gaussian_weights(model, size.deviations, [request.seed] * len(size.deviations)),
        rate=AdaptiveRate(),
        stop=Stop(size.loss if size.huber is None else size.loss**0.5 * size.huber, size.max_steps),
        measure=measure,
        per_decade=PER_DECADE,
    )
    rows, curves = [], {}
    for element, deviation in enumerate(size.deviations):
        curve = run.trajectory.of(element)
        rows.append(_dynamics_row(model, run, element, curve, size))
        curves.update({f"init {deviation:g}/{name}": values for name, values in curve.items()})
    return Outcome(rows, _dynamics_verdict(rows), curves)


def _dynamics_row(
    model: TensorFactorization, run: Run, element: int, curve: Curve, size: DynamicsSize
) -> Row:
    norms = model.component_norms(run.weights)[element]
    return {
        "deviation": size.deviations[element],
        "true_rank": size.rank,
        "components": model.num_components,
        "noticeable_components": int((norms >= EFFECTIVE * norms.max()).sum()),
        "tensor_rank": cp_rank(run.end[element], max_rank=2 * size.rank + 1, restarts=0),
        "largest_norms": largest(norms[None], 10)[0].tolist(),
        "error": float(curve["error"][-1]),
        "lowest_error": float(curve["error"].min()),
        "step_of_lowest_error": int(curve["step"][curve["error"].argmin()]),
        **ending(run, element),
        **speeds_of(curve, "within_bounds_of_theorem_3"),
    }


def ending(run: Run, element: int) -> Row:
    """Loss, steps and seconds of a run, and whether it reached its goal."""
    return {
        "loss": float(run.loss[element]),
        "steps": int(run.steps[element]),
        "converged": bool(run.converged[element]),
        "seconds": run.seconds,
    }


def speeds_of(curve: Curve, within: str) -> Row:
    """Errors of the measured speeds, bounds of the theorem, and drift of the unbalancedness."""
    start, end = curve["unbalancedness"][[0, -1]]
    return {
        "speed_error": float(np.median(curve["speed_error"])),
        "speed_discretization": float(np.median(curve["speed_discretization"])),
        within: within_bounds(curve["least_unbalancedness"], curve["unbalancedness"]),
        "least_unbalancedness": float(curve["least_unbalancedness"].max()),
        "unbalancedness_start": float(start),
        "unbalancedness_drift": float(end - start),
    }


def _dynamics_verdict(rows: list[Row]) -> str:
    few, many = (pick(rows, key=lambda row: row["deviation"]) for pick in (min, max))
    text = (
        f"From the smallest initialization ({few['deviation']:g}), "
        f"{few['noticeable_components']} of {few['components']} components ended with a norm of at "
        f"least {EFFECTIVE:.0%} of the largest, and the end tensor with rank {few['tensor_rank']} "
        f"(the ground truth has rank {few['true_rank']}), at a reconstruction error of "
        f"{number(few['error'])} (lowest {number(few['lowest_error'])}, at step "
        f"{few['step_of_lowest_error']}); from the largest ({many['deviation']:g}) it was "
        f"{many['noticeable_components']} and rank {many['tensor_rank']}, at an error of "
        f"{number(many['error'])}. Ranks are estimated by alternating least squares, up to twice "
        "the true one and one more. "
    )
    return text + (
        f"{share([row['converged'] for row in rows])} runs reached the goal of the loss. "
        f"With the unbalancedness of the start, the bounds of Theorem 3 held at every record in "
        f"{share([row['within_bounds_of_theorem_3'] for row in rows])} runs; a gradient step of "
        f"{TENSOR_STEP:g} measured the formula with a relative error of "
        f"{number(max(row['speed_error'] for row in rows))} (median over the records; the estimate "
        "of its discretization error is "
        f"{number(max(row['speed_discretization'] for row in rows))}). The unbalancedness "
        f"magnitude moved by at most {number(max(abs(r['unbalancedness_drift']) for r in rows))}."
    )


SHOWN = (0.05, 0.01, 0.005)
QUICK_4 = ((5, 5, 5, 5), 2, 250, SHOWN, 1e-7, 6_000)
THESIS_4 = ((10, 10, 10, 10), 5, 2000, SHOWN, 1e-8, 1_000_000)

add_experiments(
    Experiment(
        "fig2_2",
        "incremental learning of components: order 4 tensor completion",
        dynamics,
        DynamicsSize(*QUICK_4),
        DynamicsSize(*THESIS_4),
    ),
    Experiment(
        "figB_1",
        "the same with Huber's loss",
        dynamics,
        DynamicsSize((5, 5, 5, 5), 2, 250, (0.05, 0.03, 0.02), 1e-7, 12_000, huber=5e-3),
        DynamicsSize(*THESIS_4, huber=5e-7),
    ),
    Experiment(
        "figB_2",
        "the same for order 3 and rank 3",
        dynamics,
        DynamicsSize((7, 7, 7), 2, 150, SHOWN, 1e-7, 6_000),
        DynamicsSize((10, 10, 10), 3, 300, SHOWN, 1e-8, 1_000_000),
    ),
    Experiment(
        "figB_3",
        "the same for tensor sensing",
        dynamics,
        DynamicsSize(*QUICK_4, sensing=True),
        DynamicsSize(*THESIS_4, sensing=True),
    ),
)
