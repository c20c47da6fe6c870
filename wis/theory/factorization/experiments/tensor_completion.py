"""Figures 1.2 and A.3: tensor factorization compared with completion by zeros.

Alternating least squares estimates the ranks of solutions. This is slow for the high ranks of the
baseline, so the quick sizes cap the rank. Source: Sections 1.4.2 and
A.2.2.2.
"""

from __future__ import annotations

import itertools
import statistics
from dataclasses import dataclass

import torch
from torch import Tensor

from wis.theory.experiments.experiment import Experiment, Outcome, Request, Row, number
from wis.theory.experiments.registry import add_experiments
from wis.theory.factorization.initialization import gaussian_weights
from wis.theory.factorization.measures import cp_rank, reconstruction_error
from wis.theory.factorization.model import TensorFactorization
from wis.theory.factorization.optimization import AdaptiveRate, Stop
from wis.theory.factorization.tasks import Completion, Loss, low_rank_tensor, random_entries


@dataclass(frozen=True)
class CompletionSize:
    """Size of Figures 1.2 and A.3.

    Attributes:
        tensors: For each ground truth its dimensions and the numbers of observed entries.
        rank: Rank of the ground truths.
        deviations: Standard deviations of the initial weights.
        trials: Number of seeds for each deviation.
        loss: Mean squared error at which a run ends.
        max_steps: Largest number of steps.
        max_rank: Largest tensor rank to try; None for no limit.
        restarts: Number of random restarts of alternating least squares.
    """

    tensors: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    rank: int
    deviations: tuple[float, ...]
    trials: int
    loss: float
    max_steps: int
    max_rank: int | None
    restarts: int


def completion(size: CompletionSize, request: Request) -> Outcome:
    """Figures 1.2 and A.3; all runs of a ground truth are one batch."""
    rows = [row for shape, counts in size.tensors for row in _rows(shape, counts, size, request)]
    return Outcome(rows, _verdict(rows, size))


def _rows(
    shape: tuple[int, ...], counts: tuple[int, ...], size: CompletionSize, request: Request
) -> list[Row]:
    generator = torch.Generator().manual_seed(request.seed)
    truth = low_rank_tensor(shape, size.rank, 1.0, generator)
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
            [request.seed + trial for _, _, trial in runs],
        ),
        rate=AdaptiveRate(),
        stop=Stop(size.loss, size.max_steps),
        per_decade=10,
    )
    common = {"order": len(shape), "shape": list(shape), "true_rank": size.rank}
    rows = [
        {
            **common,
            "method": f"tf, init {deviation:g}",
            "deviation": deviation,
            "trial": trial,
            "observations": counts[position],
            **_quality(run.end[element], truth, size),
            "steps": int(run.steps[element]),
            "converged": bool(run.converged[element]),
        }
        for element, (position, deviation, trial) in enumerate(runs)
    ]
    for mask, count in zip(masks, counts, strict=True):
        zeros = torch.where(mask, truth, 0.0)
        linear = {"method": "linear", "observations": count, **_quality(zeros, truth, size)}
        rows.append({**common, **linear})
    return rows


def _quality(end: Tensor, truth: Tensor, size: CompletionSize) -> Row:
    error = float(reconstruction_error(end[None], truth, normalized=False))
    return {"error": error, "rank": cp_rank(end, max_rank=size.max_rank, restarts=size.restarts)}


def _verdict(rows: list[Row], size: CompletionSize) -> str:
    rank, text = size.rank, []
    for order in sorted({row["order"] for row in rows}):
        of_order = [row for row in rows if row["order"] == order]
        trivial = {row["observations"]: row for row in of_order if row["method"] == "linear"}
        ours = [row for row in of_order if row["method"] != "linear"]
        smallest = min(row["deviation"] for row in ours)
        best = [row for row in ours if row["deviation"] == smallest]
        low = sum(row["rank"] <= rank for row in best)
        better = sum(row["error"] < 0.5 * trivial[row["observations"]]["error"] for row in best)
        errors = [row["error"] for row in best]
        zeros = trivial[min(trivial)]
        capped = " or more" if zeros["rank"] == size.max_rank else ""
        few = [row["error"] for row in best if row["observations"] == min(trivial)]
        text.append(
            f"Order {order}, ground truth of rank {rank}: from the smallest initialization "
            f"({smallest:g}), {low} of {len(best)} solutions had a tensor rank of at most {rank}, "
            f"and {better} of {len(best)} less than half the error of completing with zeros; the "
            f"median error was {number(statistics.median(errors))}, with the fewest observations "
            f"{number(statistics.median(few))} (zeros: {number(zeros['error'])}, rank "
            f"{zeros['rank']}{capped})."
        )
    return " ".join(text)


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
            (((5, 5, 5), (50, 75, 100, 124)),), 1, (1e-1, 1e-2, 1e-3), 2, 1e-6, 10_000, 9, 0
        ),
        CompletionSize(COMPLETED, 1, DEVIATIONS, 5, 1e-6, 1_000_000, None, 2),
    ),
    Experiment(
        "figA_3",
        "the same with ground truths of rank 3",
        completion,
        CompletionSize((((6, 6, 6), (100, 150, 215)),), 3, (1e-1, 1e-2), 2, 1e-6, 10_000, 10, 0),
        CompletionSize(COMPLETED_RANK_3, 3, DEVIATIONS, 5, 1e-6, 1_000_000, None, 2),
    ),
)
