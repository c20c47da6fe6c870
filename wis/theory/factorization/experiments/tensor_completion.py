"""Figures 1.2 and A.3: tensor factorization compared with completion by zeros.

The thesis stops at a mean squared error of 1e-6, which leaves a reconstruction error of up to
sqrt(512e-6) = 0.023 in a tensor of 512 entries and hides what the initialization does. Here runs go
on to 1e-10, or until the reconstruction error has settled. Steps of nearly constant length, as the
adaptive rate of the thesis makes them, swing about a minimum at a loss of 1e-7; so the base rate is
halved where the loss stops falling. Alternating least squares estimates the ranks of solutions.
This is slow for the high ranks of the baseline, so the quick sizes cap the rank. Source: Sections
1.4.2 and A.2.2.2.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wis.theory.experiments.claims import (
    Claim,
    Judgement,
    Rule,
    each_seed,
    grouped,
    log_slope,
    share_of,
    where,
)
from wis.theory.experiments.experiment import Experiment, Outcome, Request, Row, number, share
from wis.theory.experiments.registry import add_experiments
from wis.theory.factorization.draws import low_rank_tensor
from wis.theory.factorization.initialization import gaussian_weights
from wis.theory.factorization.measures import cp_rank, reconstruction_error
from wis.theory.factorization.model import TensorFactorization
from wis.theory.factorization.optimization import AdaptiveRate, Stop
from wis.theory.factorization.tasks import Completion, Loss, random_entries

ZEROS = "completion with zeros"

PATIENCE = 100
"""Steps without a lower loss before the base rate is halved: the memory of the moving average."""


@dataclass(frozen=True)
class CompletionSize:
    """Size of Figures 1.2 and A.3.

    Attributes:
        tensors: For each ground truth its dimensions and the numbers of observed entries.
        deviations: Standard deviations of the initial weights.
        trials: Number of initializations for each deviation.
        loss: Mean squared error at which a run ends.
        settled: Change of the reconstruction error in the second half of the steps, as a share of
            it, at which a run ends (`Stop.settled`).
        max_rank: Largest tensor rank to try; None for no limit.
        restarts: Number of random restarts of alternating least squares.
    """

    tensors: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    rank: int
    deviations: tuple[float, ...]
    trials: int
    loss: float
    settled: float
    max_steps: int
    max_rank: int | None
    restarts: int


def completion(size: CompletionSize, request: Request) -> Outcome:
    """Figures 1.2 and A.3; all runs of a ground truth are one batch."""
    rows = [row for shape, counts in size.tensors for row in _rows(shape, counts, size, request)]
    return Outcome(rows, _summary(rows, size))


def _rows(
    shape: tuple[int, ...], counts: tuple[int, ...], size: CompletionSize, request: Request
) -> list[Row]:
    generator = torch.Generator().manual_seed(request.seed)
    truth = low_rank_tensor(shape, size.rank, 1.0, generator)[0]
    masks = torch.stack([random_entries(shape, count, generator) for count in counts])
    runs = list(itertools.product(range(len(counts)), size.deviations, range(size.trials)))
    observed = masks[[position for position, _, _ in runs]]
    model = TensorFactorization.unconstrained(shape)
    # The thesis minimizes (1.16) and stops by the mean squared error. They differ by a factor,
    # which the adaptive rate cancels, because it divides by the norm of the gradient.
    run = request.train(
        f"order{len(shape)}",
        model,
        Completion(observed, truth.expand_as(observed), Loss("square")),
        gaussian_weights(
            model,
            [deviation for _, deviation, _ in runs],
            [1000 * request.seed + trial for _, _, trial in runs],
        ),
        rate=AdaptiveRate(patience=PATIENCE),
        stop=Stop(size.loss, size.max_steps, settled=size.settled),
        measure=lambda weights, end: {"error": reconstruction_error(end, truth, normalized=False)},
        per_decade=10,
    )
    common = {"order": len(shape), "shape": list(shape), "true_rank": size.rank}
    rows = [
        {
            **common,
            "method": f"factorization, init {deviation:g}",
            "deviation": deviation,
            "trial": trial,
            "observations": counts[position],
            **_quality(run.end[element], truth, size),
            "steps": int(run.steps[element]),
            "loss": float(run.loss[element]),
            "converged": bool(run.converged[element]),
            "settled": bool(run.converged[element]) or int(run.steps[element]) < size.max_steps,
        }
        for element, (position, deviation, trial) in enumerate(runs)
    ]
    for mask, count in zip(masks, counts, strict=True):
        zeros = torch.where(mask, truth, 0.0)
        linear = {"method": ZEROS, "observations": count, **_quality(zeros, truth, size)}
        rows.append({**common, **linear})
    return rows


def _quality(end: Tensor, truth: Tensor, size: CompletionSize) -> Row:
    error = float(reconstruction_error(end[None], truth, normalized=False))
    return {"error": error, "rank": cp_rank(end, max_rank=size.max_rank, restarts=size.restarts)}


def _summary(rows: list[Row], size: CompletionSize) -> str:
    text = []
    for order in sorted({row["order"] for row in rows}):
        fitted = [row for row in where(rows, order=order) if row["method"] != ZEROS]
        medians = (
            f"{_median_error(where(fitted, deviation=deviation))} from {deviation:g}"
            for deviation in size.deviations
        )
        text.append(
            f"Order {order}, ground truth of rank {size.rank}: median errors {', '.join(medians)}; "
            f"with zeros {_median_error(where(rows, order=order, method=ZEROS))}. "
            f"{share([row['converged'] for row in fitted])} runs reached the loss, "
            f"{share([row['settled'] for row in fitted])} did or settled."
        )
    return " ".join(text)


def _median_error(rows: Sequence[Row]) -> str:
    return number(statistics.median(row["error"] for row in rows))


def _fitted(rows: Sequence[Row]) -> list[Row]:
    """The rows of factorizations, with the error of the seed's completion with zeros."""
    keys = ("seed", "order", "observations")
    zeros = {at: own[0]["error"] for at, own in grouped(where(rows, method=ZEROS), *keys).items()}
    return [
        row | {"zeros": zeros[tuple(row[key] for key in keys)]}
        for row in rows
        if row["method"] != ZEROS
    ]


def _gain(own: Sequence[Row]) -> float:
    """Mean of the log10 of the error as a share of that with zeros, from the smallest start."""
    smallest = where(own, deviation=min(row["deviation"] for row in own))
    return float(np.mean([np.log10(row["error"] / row["zeros"]) for row in smallest]))


def _slope(column: str, least: float) -> Callable[[Sequence[Row]], float]:
    """Mean over tasks of the exponent of the deviation in a column of one trial."""

    def slope(own: Sequence[Row]) -> float:
        rows = [row | {column: max(row[column], least)} for row in own]
        tasks = grouped(rows, "order", "observations").values()
        return float(np.mean([log_slope(task, "deviation", column) for task in tasks]))

    return slope


def _over_trials(value: Callable[[Sequence[Row]], float], label: str, **limits: float) -> Rule:
    """A rule: the mean over seeds and trials of a value lies within limits."""
    rule = each_seed(value, label, by=("seed", "trial"), unit="trials", **limits)
    return lambda rows: rule(_fitted(rows))


def _rank_is_low(rows: Sequence[Row]) -> Judgement:
    fitted = [row for row in rows if row["method"] != ZEROS]
    smallest = where(fitted, deviation=min((row["deviation"] for row in fitted), default=0.0))
    flags = [row["settled"] and row["rank"] <= row["true_rank"] for row in smallest]
    return share_of(flags, "settled solutions of at most the rank of the ground truth")


CLAIMS = (
    Claim(
        "low-error",
        "Section 1.4.2",
        "From a small initialization, tensor factorization reconstructs a tensor of low rank more "
        "accurately than completion with zeros.",
        "For each seed and trial the mean log10 of the error as a share of that of zeros, over all "
        "numbers of observations, from the smallest initialization; its mean is below 0 by the "
        "95 % interval.",
        _over_trials(_gain, "log10 of the share of the error", below=0),
    ),
    Claim(
        "low-rank",
        "Section 1.4.2",
        "From a small initialization, the solutions have low tensor rank.",
        "More than half of the solutions from the smallest initialization have settled and have at "
        "most the rank of the ground truth, by the 95 % interval of the share.",
        _rank_is_low,
    ),
    Claim(
        "smaller-start-lower-error",
        "Caption of Figure 1.2",
        "A smaller initialization leads to a lower reconstruction error.",
        "For each seed and trial the slope of the log of the error in the log of the deviation, "
        "averaged over numbers of observations; its mean is above 0 by the 95 % interval.",
        _over_trials(_slope("error", 1e-12), "slope of the error", above=0),
    ),
    Claim(
        "smaller-start-lower-rank",
        "Caption of Figure 1.2",
        "The tendency towards low rank is stronger with a smaller initialization.",
        "As for the error, with the tensor rank.",
        _over_trials(_slope("rank", 1), "slope of the rank", above=0),
    ),
)

COUNTS_3 = (50, 100, 150, 200, 250, 300, 350, 400, 450, 511)
COUNTS_4 = (100, 500, 1000, 1500, 2000, 2500, 3000, 3500, 4095)
COMPLETED = (((8,) * 3, COUNTS_3), ((8,) * 4, COUNTS_4))
COMPLETED_RANK_3 = (((8,) * 3, COUNTS_3[2:]), ((8,) * 4, (300, *COUNTS_4[1:])))
DEVIATIONS = (1e-1, 1e-2, 1e-3, 1e-4)

add_experiments(
    Experiment(
        "fig1_2",
        "tensor completion: low reconstruction error and low tensor rank, ground truths of rank 1",
        completion,
        CompletionSize(
            (((5, 5, 5), (50, 75, 100, 124)), ((4,) * 4, (100, 200))),
            1, (1e-1, 1e-2, 1e-3), 3, 1e-10, 1e-2, 10_000, 9, 0,
        ),
        CompletionSize(COMPLETED, 1, DEVIATIONS, 5, 1e-10, 1e-2, 100_000, None, 2),
        CLAIMS,
    ),
    Experiment(
        "figA_3",
        "the same with ground truths of rank 3",
        completion,
        CompletionSize(
            (((6, 6, 6), (100, 150, 215)),), 3, (1e-1, 1e-2), 3, 1e-10, 1e-2, 10_000, 10, 0
        ),
        CompletionSize(COMPLETED_RANK_3, 3, DEVIATIONS, 5, 1e-10, 1e-2, 100_000, None, 2),
        CLAIMS,
    ),
)  # fmt: skip
