"""Figures 2.2 and B.1 to B.3: components of tensor factorizations grow one by one.

The runs follow gradient flow (`flow`), or take the thesis' gradient steps with the adaptive rate.
Lemma 1 and Theorem 3 are checked at every record. Rows also hold properties of the draw
(`draws`). Source: Sections 2.3, 2.5.1 and B.2.2.1.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wis.theory.experiments.claims import (
    Claim,
    Judgement,
    each_row,
    grouped,
    over_seeds,
    share_of,
)
from wis.theory.experiments.experiment import Experiment, Outcome, Request, Row, number
from wis.theory.experiments.registry import add_experiments
from wis.theory.factorization.draws import draw_facts, low_rank_tensor, observed_norms
from wis.theory.factorization.dynamics import (
    component_speeds,
    conserved,
    conserved_change,
)
from wis.theory.factorization.flow import GradientFlow
from wis.theory.factorization.initialization import gaussian_weights
from wis.theory.factorization.measures import cp_rank, largest, reconstruction_error
from wis.theory.factorization.model import TensorFactorization, Weights
from wis.theory.factorization.optimization import AdaptiveRate, Rate, Run, Stop
from wis.theory.factorization.tasks import (
    Completion,
    Loss,
    Sensing,
    gaussian_sensing,
    random_entries,
)

EFFECTIVE = 0.02
"""A singular value or norm counts if it is at least this share of the largest."""

DRIFT = 0.1
"""Lemmas 1 and 3 hold along a run if no conserved difference changes by more than this share of
the largest difference in its component at the start."""

ACCURATE = 0.1
"""A reconstruction of a ground truth of norm 1 is accurate below this distance."""

TENSOR_STEP, HIERARCHICAL_STEP = 1e-4, 1e-6
"""Lengths of the measured steps. A shorter step has less discretization error but more rounding
error; here rounding is small."""

PER_DECADE = 250

Curve = dict[str, np.ndarray]


@dataclass(frozen=True)
class DynamicsSize:
    """Size of Figures 2.2 and B.1 to B.3.

    Attributes:
        num_observations: Number of entries or measurements.
        deviations: Standard deviations of the initial weights.
        loss: Loss at which a run ends.
        huber: Transition point of Huber's loss; None for the square loss. With it a run ends at the
            Huber loss of a residual sqrt(loss), that is, about sqrt(loss) times the transition
            point. (The thesis gives 1e-8 for Huber's loss, but the initial loss is lower than
            that.)
        sensing: Whether observations are linear measurements instead of entries.
        tolerance: Tolerance of gradient flow (`GradientFlow`); 0 for gradient descent with the
            adaptive rate of Appendix A.2.2.2, which the thesis uses.
    """

    shape: tuple[int, ...]
    rank: int
    num_observations: int
    deviations: tuple[float, ...]
    loss: float
    max_steps: int
    huber: float | None = None
    sensing: bool = False
    tolerance: float = 5e-7


def dynamics(size: DynamicsSize, request: Request) -> Outcome:
    """Figures 2.2 and B.1 to B.3; a run for each initialization scale."""
    generator = torch.Generator().manual_seed(request.seed)
    truth, drawn = low_rank_tensor(size.shape, size.rank, 1.0, generator)
    loss = Loss("square") if size.huber is None else Loss("huber", size.huber)
    task: Completion | Sensing
    if size.sensing:
        task = gaussian_sensing(truth, size.num_observations, generator, loss=loss)
    else:
        observed = random_entries(size.shape, size.num_observations, generator)
        task = Completion(observed[None], truth[None], loss)
    model = TensorFactorization.unconstrained(size.shape)
    facts = draw_facts(task, truth, drawn)
    rows, curves = [], {}
    for deviation in size.deviations:
        start = gaussian_weights(model, [deviation], [request.seed])
        conserved_at_start = conserved(model, start)

        def measure(
            weights: Weights, end: Tensor, at_start: list[Tensor] = conserved_at_start
        ) -> dict[str, Tensor]:
            return {
                "norms": largest(model.component_norms(weights), 10),
                "error": reconstruction_error(end, truth, normalized=False),
                **component_speeds(model, task, weights, step=TENSOR_STEP).summary(),
                "unbalancedness": model.unbalancedness(weights),
                "conserved_change": conserved_change(conserved(model, weights), at_start),
            }

        goal = size.loss if size.huber is None else size.loss**0.5 * size.huber
        run = request.train(
            f"init {deviation:g}",
            model,
            task,
            start,
            rate=rate_of(size.tolerance),
            stop=Stop(goal, size.max_steps),
            measure=measure,
            per_decade=PER_DECADE,
        )
        curve = run.trajectory.of(0)
        rows.append({"deviation": deviation, **_row(model, task, run, curve, size), **facts})
        curves.update({f"init {deviation:g}/{name}": values for name, values in curve.items()})
    return Outcome(rows, _summary(rows), curves)


def rate_of(tolerance: float) -> Rate:
    """Gradient flow of a tolerance, or the thesis' adaptive rate for the tolerance 0."""
    return GradientFlow(tolerance) if tolerance else AdaptiveRate()


def _row(
    model: TensorFactorization,
    task: Completion | Sensing,
    run: Run,
    curve: Curve,
    size: DynamicsSize,
) -> Row:
    norms = model.component_norms(run.weights)[0]
    noticeable = int((norms >= EFFECTIVE * norms.max()).sum())
    top = [weight[:, :, [int(norms.argmax())]] for weight in run.weights]
    return {
        "true_rank": size.rank,
        "components": model.num_components,
        "noticeable_components": noticeable,
        "tensor_rank": cp_rank(run.end[0], max_rank=2 * size.rank + 1, restarts=0),
        "largest_norms": largest(norms[None], 10)[0].tolist(),
        "largest_seen": float(
            observed_norms(task, TensorFactorization(size.shape, 1).forward(top)[0])
            / norms.max().square()
        ),
        "error": float(curve["error"][-1]),
        "lowest_error": float(curve["error"].min()),
        "step_of_lowest_error": int(curve["step"][curve["error"].argmin()]),
        **rises(curve["norms"], noticeable, clock(curve)),
        **ending(run, 0),
        **conservation(curve, "within_bounds_of_theorem_3"),
    }


def clock(curve: Curve) -> np.ndarray:
    """Time of gradient flow, or the number of steps of gradient descent, [T]."""
    return curve["time"] if "time" in curve else curve["step"]


def rises(norms: np.ndarray, count: int, times: np.ndarray) -> Row:
    """When each of the largest norms had grown to half of its end, and whether one by one.

    Norms that start at a tenth of their end or above it do not count as growing: the others are
    learned alone if the next one that grows is below a tenth of its own end when they reach half of
    theirs.

    >>> times = np.arange(4.0)
    >>> rises(np.array([[0, 0], [1, 0], [2, 0.0], [2, 1]]), 2, times)["learned_alone"]
    1.0

    The norms are float64 [T, K], sorted at each record; the first `count` of them count.

    Returns:
        ``"half_grown_at"``; ``"growing"``, how many grow; and ``"learned_alone"``, the share of
        these but the last that were learned alone, NaN for fewer than two.
    """
    own = norms[:, : min(count, norms.shape[1])]
    half = (own >= 0.5 * own[-1]).argmax(axis=0)
    growing = np.flatnonzero(own[0] < 0.1 * own[-1])
    alone = [own[half[j], k] < 0.1 * own[-1, k] for j, k in itertools.pairwise(growing)]
    return {
        "half_grown_at": times[half].tolist(),
        "growing": growing.size,
        "learned_alone": float(np.mean(alone)) if alone else float("nan"),
    }


def ending(run: Run, element: int) -> Row:
    """Loss, steps and seconds of a run, and whether it reached its goal."""
    return {
        "loss": float(run.loss[element]),
        "steps": int(run.steps[element]),
        "converged": bool(run.converged[element]),
        "seconds": run.seconds,
    }


def conservation(curve: Curve, within: str) -> Row:
    """Conserved differences, bounds of the theorem, and errors of the measured speeds.

    The theorems take the unbalancedness of the initialization, which gradient flow conserves.
    """
    start, end = curve["unbalancedness"][[0, -1]]
    return {
        "conserved_change": float(curve["conserved_change"].max()),
        within: bool((curve["least_unbalancedness"] <= start * (1 + 1e-9)).all()),
        "least_unbalancedness": float(curve["least_unbalancedness"].max()),
        "unbalancedness_start": float(start),
        "unbalancedness_drift": float(end - start),
        "speed_error": float(np.median(curve["speed_error"])),
        "speed_discretization": float(np.median(curve["speed_discretization"])),
    }


def _summary(rows: list[Row]) -> str:
    few, many = (pick(rows, key=lambda row: row["deviation"]) for pick in (min, max))
    return " ".join(
        f"From {row['deviation']:g}: {row['noticeable_components']} of {row['components']} "
        f"components of at least {EFFECTIVE:.0%} of the largest, tensor rank {row['tensor_rank']} "
        f"(true {row['true_rank']}; sought up to {2 * row['true_rank'] + 1}), error "
        f"{number(row['error'])} after {row['steps']} steps"
        f"{'' if row['converged'] else ', loss not reached'}."
        for row in (few, many)
    )


def _ends(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """For each seed its rows of the smallest and of the largest initialization."""
    ordered = (
        sorted(own, key=lambda row: row["deviation"]) for own in grouped(rows, "seed").values()
    )
    return [(own[0], own[-1]) for own in ordered if len(own) > 1]


def _alone(rows: Sequence[Row]) -> Judgement:
    # where fewer than two components grow, none is learned after another
    shares = [[own["learned_alone"] for own in pair] for pair in _ends(rows)]
    gains = [few - (0 if math.isnan(many) else many) for few, many in shares if math.isfinite(few)]
    return over_seeds(gains, "gain of the share of components learned alone", above=0)


def _errors(rows: Sequence[Row]) -> Judgement:
    ratios = [float(np.log10(few["error"] / many["error"])) for few, many in _ends(rows)]
    return over_seeds(ratios, "log10 of the error of the smallest over the largest", below=0)


def conservation_claims(lemma: str, theorem: str, within: str) -> tuple[Claim, Claim]:
    """Claims that a lemma's differences are conserved, and that a theorem's bounds hold."""
    return (
        Claim(
            "conserved",
            lemma,
            "Differences of squared norms of vectors in one component stay constant.",
            f"In every run the largest change of a difference is at most {DRIFT:.0%} of the "
            "component's largest difference at the start.",
            each_row(
                lambda row: row["conserved_change"] <= DRIFT,
                f"runs whose differences changed by at most {DRIFT:.0%}",
                given=lambda row: "conserved_change" in row,
            ),
        ),
        Claim(
            "speeds",
            theorem,
            "The speed of each component norm lies between bounds that the unbalancedness of the "
            "start determines.",
            "The bounds hold for every component at every record of every run.",
            each_row(
                lambda row: row[within], "runs within the bounds", given=lambda row: within in row
            ),
        ),
    )


CLAIMS = (
    Claim(
        "one-by-one",
        "Section 2.5.1, Figure 2.2",
        "From a small initialization components are learned one after another, and this effect is "
        "stronger than from a large one.",
        "Interval over seeds of the difference, smallest minus largest initialization, of the "
        "share of the components that grow tenfold which reach half of their end while the next is "
        "below a tenth; 0 for a largest initialization where fewer than two grow: above 0.",
        _alone,
    ),
    Claim(
        "rank",
        "Section 2.5.1, Figure 2.2",
        "From a sufficiently small initialization as many components depart substantially from "
        "zero as the ground truth has rank.",
        f"Share of seeds whose smallest initialization ends with that many components of at least "
        f"{EFFECTIVE:.0%} of the largest: interval above one half.",
        lambda rows: share_of(
            [few["noticeable_components"] == few["true_rank"] for few, _ in _ends(rows)],
            "seeds with as many components as the rank",
        ),
    ),
    Claim(
        "accurate",
        "Section 2.5.1, Figure 2.2",
        "Solutions from a sufficiently small initialization reconstruct the ground truth.",
        f"Share of seeds whose smallest initialization ends at an error below {ACCURATE:g}, for a "
        "ground truth of norm 1: interval above one half.",
        lambda rows: share_of(
            [few["error"] < ACCURATE for few, _ in _ends(rows)],
            f"seeds with an error below {ACCURATE:g}",
        ),
    ),
    Claim(
        "lower-error",
        "Section 2.5.1, Figure 2.2",
        "The smaller the initialization, the lower the reconstruction error.",
        "Interval over seeds of log10 of the ratio of errors, smallest to largest initialization: "
        "below 0.",
        _errors,
    ),
    *conservation_claims("Lemma 1", "Theorem 3", "within_bounds_of_theorem_3"),
)

SHOWN, WIDE = (0.05, 0.01, 0.005), (0.2, 0.05, 0.005)
QUICK_4 = ((5, 5, 5, 5), 2, 200, WIDE, 1e-7, 6_000)
THESIS_4 = ((10, 10, 10, 10), 5, 2000, SHOWN, 1e-8, 6_000)
SIZES = {
    ("fig2_2", "incremental learning of components: order 4 tensor completion"): (
        DynamicsSize(*QUICK_4),
        DynamicsSize(*THESIS_4),
    ),
    ("figB_1", "the same with Huber's loss"): (
        DynamicsSize((5, 5, 5, 5), 2, 200, (0.2, 0.05, 0.02), 1e-8, 6_000, huber=5e-3),
        DynamicsSize(*THESIS_4[:-1], 1_000_000, huber=5e-7, tolerance=0.0),
    ),
    ("figB_2", "the same for order 3 and rank 3"): (
        DynamicsSize((7, 7, 7), 2, 120, WIDE, 1e-7, 6_000),
        DynamicsSize((10, 10, 10), 3, 300, SHOWN, 1e-8, 10_000, tolerance=1e-7),
    ),
    ("figB_3", "the same for tensor sensing"): (
        DynamicsSize(*QUICK_4, sensing=True, tolerance=1e-7),
        DynamicsSize(*THESIS_4, sensing=True),
    ),
}
"""The quick size and the thesis' size of each experiment."""

add_experiments(*(Experiment(*about, dynamics, *sizes, CLAIMS) for about, sizes in SIZES.items()))
