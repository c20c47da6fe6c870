"""Chapter 2: speeds from a balanced start (Corollary 2), and convergence to rank one (Corollary 3).

Corollary 2: from a start of unbalancedness zero the norm of a component moves with the speed
N gamma sigma^(2 - 2 / N). Corollary 3: where rank one trajectories converge to a solution of rank
one, small initializations come arbitrarily close to it. Source: Sections 2.3 and 2.4.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wis.theory.experiments.claims import Claim, Row, each_row, over_seeds
from wis.theory.experiments.experiment import Experiment, Outcome, Request, number
from wis.theory.experiments.registry import add_experiments
from wis.theory.factorization.draws import low_rank_tensor
from wis.theory.factorization.dynamics import Speeds, component_speeds
from wis.theory.factorization.flow import GradientFlow
from wis.theory.factorization.initialization import balanced_components
from wis.theory.factorization.measures import reconstruction_error
from wis.theory.factorization.model import Factorization, TensorFactorization, Weights
from wis.theory.factorization.optimization import Stop
from wis.theory.factorization.rank_one import falls_with_scale, small_problem
from wis.theory.factorization.tasks import Completion, random_entries

STEP = 1e-6
"""Length of the gradient step that measures a speed."""

CLOSE = 0.01
"""Largest relative error of a speed, at the speed of the fastest component."""

SLOPE = 0.02
"""Largest difference of an exponent from that of the formula."""


@dataclass(frozen=True)
class SpeedSize:
    """Completion problems from a balanced start.

    Attributes:
        orders: Orders N of the tensors; for trees the numbers of children P, with L = P + 1.
        num_components: Number of components, or of local components at each node.
        norms: Smallest and largest norm of a weight vector at the start.
        loss: Share of the loss of the start at which a run ends.
    """

    orders: tuple[int, ...]
    dimension: int
    num_components: int
    norms: tuple[float, float] = (0.1, 1.0)
    loss: float = 0.1


def corollary_2(size: SpeedSize, request: Request) -> Outcome:
    """Speeds of component norms along gradient flow, from a balanced start."""
    rows, curves = [], {}
    for order in size.orders:
        model = TensorFactorization((size.dimension,) * order, size.num_components)
        start = balanced_components(model, [1.0], [request.seed])
        # Scaling all vectors of a component alike keeps it balanced.
        start = [weight * spread(size.norms, size.num_components) for weight in start]
        task = half_observed(model.shape, request.seed)

        speeds = functools.partial(component_speeds, model, task, step=STEP)
        label = f"order {order}"
        row, curve = follow(request, label, model, task, start, speeds, order, size.loss)
        rows.append(row)
        curves.update({f"{label}/{name}": values for name, values in curve.items()})
    return Outcome(rows, summary_of_speeds(rows), curves)


def spread(norms: tuple[float, float], count: int) -> Tensor:
    """Norms from the smallest to the largest, at equal ratios, float64 [count]."""
    return torch.from_numpy(np.geomspace(*norms, count))


def half_observed(shape: tuple[int, ...], seed: int) -> Completion:
    """A random tensor of rank 2 whose entries are observed by half."""
    generator = torch.Generator().manual_seed(seed)
    norm = float(np.sqrt(np.prod(shape)))
    truth = low_rank_tensor(shape, 2, norm, generator)[0]
    observed = random_entries(shape, int(np.prod(shape)) // 2, generator)
    return Completion(observed[None], truth[None])


def follow(
    request: Request,
    label: str,
    model: Factorization,
    task: Completion,
    start: Weights,
    speeds: Callable[[Weights], Speeds],
    parts: int,
    loss: float,
    *,
    doubled: int = 0,
) -> tuple[Row, dict[str, np.ndarray]]:
    """Compare measured speeds with L <-grad, C> sigma^(2 - 2 / L) along gradient flow.

    `speeds` maps weights to `Speeds`; `parts` is L, the number of vectors of a component, and
    `doubled` the weight that is doubled for a start that is not balanced.
    """

    def measure(weights: Weights, end: Tensor) -> dict[str, Tensor]:
        found = speeds(weights)
        return {
            "error": _error(found),
            "norms": found.norms,
            # speed over L <-grad, C>: what is left is a power of the norm
            "rate": found.measured / (parts * found.projection),
        }

    first = float(task.loss_and_gradient(model.forward(start)[0])[0])
    run = request.train(
        label, model, task, start,
        rate=GradientFlow(1e-6), stop=Stop(loss * first, 2_000), measure=measure, per_decade=40,
    )  # fmt: skip
    curve = run.trajectory.of(0)
    norms, rates = curve["norms"].ravel(), curve["rate"].ravel()
    sound = np.isfinite(rates) & (rates > 0) & (norms > 1e-6)
    slope = np.polyfit(np.log(norms[sound]), np.log(rates[sound]), 1)[0]
    uneven = [weight * (2 if at == doubled else 1) for at, weight in enumerate(start)]
    row = {
        "parts": parts,
        "exponent": float(slope),
        "exponent_of_formula": 2 - 2 / parts,
        "largest_error": float(curve["error"].max()),
        "unbalanced_error": float(_error(speeds(uneven))),
        "records": len(curve["step"]),
        "converged": bool(run.converged[0]),
    }
    return row, {key: curve[key] for key in ("norms", "rate", "error", "step")}


def _error(found: Speeds) -> Tensor:
    """Largest difference between speed and formula, relative to the fastest component, [B]."""
    scale = found.measured.abs().amax(dim=1).clamp_min(1e-300)
    worst: Tensor = (found.measured - found.balanced).abs().amax(dim=1) / scale
    return worst


def summary_of_speeds(rows: Sequence[Row]) -> str:
    """The exponents that were found."""
    texts = [
        f"{number(row['exponent'])} for {row['parts']} vectors "
        f"(formula {number(row['exponent_of_formula'])})"
        for row in rows
    ]
    return f"Exponents of the norm in the measured speeds: {', '.join(texts)}."


def speed_claims(source: str, what: str) -> tuple[Claim, Claim]:
    """Claims about the speed of norms from a balanced start."""
    return (
        Claim(
            "speed",
            source,
            f"From a balanced start the norm of each {what} moves with the speed "
            "L <-grad, C> sigma^(2 - 2/L).",
            f"At every record of every run the measured speed of each {what} differs from the "
            f"formula by at most {CLOSE:.0%} of the fastest one's, and by more if one "
            "vector of every component is doubled at the start.",
            each_row(
                lambda row: row["largest_error"] <= CLOSE < row["unbalanced_error"],
                "runs with the speeds of the formula",
            ),
        ),
        Claim(
            "momentum",
            source,
            "Norms move slower when small and faster when large, with the exponent 2 - 2/L.",
            "Interval over runs of the difference between the fitted exponent of the norm in the "
            f"measured speeds and 2 - 2/L: within {SLOPE:g} of 0.",
            lambda rows: over_seeds(
                [row["exponent"] - row["exponent_of_formula"] for row in rows],
                "difference of exponents",
                above=-SLOPE,
                below=SLOPE,
                unit="runs",
            ),
        ),
    )


@dataclass(frozen=True)
class RankOneCompletion:
    """Completion of a 3-by-3-by-3 tensor of rank one (Corollary 3).

    Attributes:
        num_observations: Number of observed entries of 27.
        loss: Huber loss at which a run ends.
    """

    scales: tuple[float, ...]
    num_observations: int = 16
    loss: float = 1e-9
    max_steps: int = 4_000


def corollary_3(size: RankOneCompletion, request: Request) -> Outcome:
    """The distance to the solution of rank one, for several initialization scales."""
    model, task, start, _ = small_problem(request.seed, num_observations=size.num_observations)
    truth = task.values[0]
    rows, curves = [], {}
    for scale in size.scales:
        run = request.train(
            f"scale {scale:g}", model, task, [scale * weight for weight in start],
            rate=GradientFlow(1e-6), stop=Stop(size.loss, size.max_steps),
            measure=lambda _, end: {"error": reconstruction_error(end, truth, normalized=True)},
        )  # fmt: skip
        curve = run.trajectory.of(0)
        curves.update({f"scale {scale:g}/{name}": values for name, values in curve.items()})
        rows.append(
            {
                "scale": scale,
                "lowest": float(curve["error"].min()),
                "error": float(curve["error"][-1]),
                "converged": bool(run.converged[0]),
            }
        )
    text = ", ".join(f"{number(row['lowest'])} from {row['scale']:g}" for row in rows)
    return Outcome(rows, f"Least distance from the solution of rank one: {text}.", curves)


add_experiments(
    Experiment(
        "corollary2",
        "speeds of component norms from a balanced start",
        corollary_2,
        SpeedSize((3, 4), 4, 6),
        SpeedSize((3, 4, 5), 6, 12),
        speed_claims("Corollary 2", "component"),
    ),
    Experiment(
        "corollary3",
        "smaller initializations come closer to a solution of rank one",
        corollary_3,
        RankOneCompletion((0.4, 0.2, 0.1)),
        RankOneCompletion((0.4, 0.2, 0.1, 0.05, 0.025)),
        (
            Claim(
                "closer",
                "Corollary 3",
                "Tensor factorization comes as close to a solution of rank one as the scale of its "
                "initialization is small.",
                "Interval over seeds of the slope of log least distance against log scale: "
                "above 0.",
                falls_with_scale("lowest", "least distance"),
            ),
        ),
    ),
)
