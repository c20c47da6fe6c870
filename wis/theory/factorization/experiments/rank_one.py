"""Theorem 4: smaller initializations follow a rank one trajectory more closely."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from wis.theory.experiments.claims import Claim, Rule, each_seed, log_slope
from wis.theory.experiments.experiment import Experiment, Outcome, Request, Row, number, share
from wis.theory.experiments.registry import add_experiments
from wis.theory.factorization.rank_one import rank_one_distances, small_problem


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
