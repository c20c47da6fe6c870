"""Figures 1.2 and A.3: tensor factorization against the trivial completion with zeros.

The ranks of solutions are estimated by alternating least squares, which for the baseline's high
ranks is by far the slowest part; the sizes cap the rank that is searched for. Source: Sections
1.4.2 and A.2.2.2.
"""

from __future__ import annotations

import functools
import statistics
from dataclasses import dataclass

import torch
from torch import Tensor

from wis.theory.factorization.cp_rank import cp_rank
from wis.theory.factorization.experiments.outcome import Outcome, Request, Row, number
from wis.theory.factorization.experiments.pictures import quartiles_against_observations
from wis.theory.factorization.experiments.registry import register
from wis.theory.factorization.ground_truth import low_rank_tensor
from wis.theory.factorization.initialization import gaussian_weights
from wis.theory.factorization.measures import reconstruction_error
from wis.theory.factorization.optimization import AdaptiveRate, Stop
from wis.theory.factorization.tasks import Completion, Loss, random_entries
from wis.theory.factorization.tensor import TensorFactorization


@dataclass(frozen=True)
class CompletionSize:
    """Of Figures 1.2 and A.3.

    Attributes:
        tensors: Dimensions, and the numbers of observed entries, for each ground truth.
        rank: Of the ground truths.
        deviations: Of the initial weights.
        trials: Seeds for each of them.
        loss: Mean squared error at which a run ends.
        max_steps: Steps at which it ends anyway.
        max_rank: Where the search for tensor ranks gives up; None for no such cap.
        restarts: Random restarts of alternating least squares.
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
    """All trials, deviations and numbers of observations of a ground truth run as one batch."""
    rows: list[Row] = []
    for shape, counts in size.tensors:
        rows += _of_shape(shape, counts, size, request)
    return Outcome(rows, _verdict(rows, size), functools.partial(_draw, rows, size.max_rank))


def _of_shape(
    shape: tuple[int, ...], counts: tuple[int, ...], size: CompletionSize, request: Request
) -> list[Row]:
    generator = torch.Generator().manual_seed(request.seed)
    truth = low_rank_tensor(shape, size.rank, 1.0, generator)
    masks = torch.stack([random_entries(shape, count, generator) for count in counts])
    runs = [
        (position, deviation, trial)
        for position in range(len(counts))
        for deviation in size.deviations
        for trial in range(size.trials)
    ]
    observed = masks[[position for position, _, _ in runs]]
    model = TensorFactorization.unconstrained(shape)
    # The thesis descends on (1.16) and stops by the mean squared error; the adaptive rate divides
    # by the gradient's norm, so that the factor between the two does not matter.
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
    errors = reconstruction_error(run.end, truth, normalized=False)
    common = {"order": len(shape), "shape": list(shape), "true_rank": size.rank}
    rows = []
    for element, (position, deviation, trial) in enumerate(runs):
        rows.append(
            {
                **common,
                "method": f"tf, init {deviation:g}",
                "deviation": deviation,
                "trial": trial,
                "observations": counts[position],
                "error": float(errors[element]),
                "rank": _rank(run.end[element], size),
                "steps": int(run.steps[element]),
                "converged": bool(run.converged[element]),
            }
        )
    for mask, count in zip(masks, counts, strict=True):
        zeros = torch.where(mask, truth, 0.0)
        error = float(reconstruction_error(zeros[None], truth, normalized=False))
        row = {"method": "linear", "observations": count, "error": error}
        rows.append({**common, **row, "rank": _rank(zeros, size)})
    return rows


def _rank(tensor: Tensor, size: CompletionSize) -> int:
    return cp_rank(tensor, max_rank=size.max_rank, restarts=size.restarts)


def _draw(rows: list[Row], max_rank: int | None, figure: object) -> None:
    panels = []
    for order in sorted({row["order"] for row in rows}):
        cap = f" (sought up to {max_rank})" if max_rank else ""
        for quantity, title in (("error", "reconstruction error"), ("rank", f"tensor rank{cap}")):
            methods: dict[str, dict[int, list[float]]] = {}
            for row in rows:
                if row["order"] == order:
                    values = methods.setdefault(row["method"], {})
                    values.setdefault(row["observations"], []).append(row[quantity])
            panels.append((f"{title}, order {order}", methods))
    quartiles_against_observations(figure, panels)


def _verdict(rows: list[Row], size: CompletionSize) -> str:
    rank, text = size.rank, []
    for order in sorted({row["order"] for row in rows}):
        ours = [row for row in rows if row["order"] == order and row["method"] != "linear"]
        smallest = min(row["deviation"] for row in ours)
        best = [row for row in ours if row["deviation"] == smallest]
        trivial = {
            row["observations"]: row for row in rows
            if row["order"] == order and row["method"] == "linear"
        }  # fmt: skip
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


ORDER_3 = (50, 100, 150, 200, 250, 300, 350, 400, 450, 511)
ORDER_4 = (100, 500, 1000, 1500, 2000, 2500, 3000, 3500, 4095)
DEVIATIONS = (1e-1, 1e-2, 1e-3, 1e-4)
SHAPES = ((8, 8, 8), (8, 8, 8, 8))

register(
    "fig1_2",
    "tensor completion: low reconstruction error and low tensor rank, ground truths of rank 1",
    quick=CompletionSize(
        (((5, 5, 5), (50, 75, 100, 124)),), 1, (1e-1, 1e-2, 1e-3), 2, 1e-6, 10_000, 9, 0
    ),
    thesis=CompletionSize(
        tuple(zip(SHAPES, (ORDER_3, ORDER_4), strict=True)), 1, DEVIATIONS, 5, 1e-6, 1_000_000,
        None, 2,
    ),
    runner=completion,
)  # fmt: skip
register(
    "figA_3",
    "the same with ground truths of rank 3",
    quick=CompletionSize(
        (((6, 6, 6), (100, 150, 215)),), 3, (1e-1, 1e-2), 2, 1e-6, 10_000, 10, 0
    ),
    thesis=CompletionSize(
        tuple(zip(SHAPES, (ORDER_3[2:], (300, *ORDER_4[1:])), strict=True)), 3, DEVIATIONS, 5,
        1e-6, 1_000_000, None, 2,
    ),
    runner=completion,
)  # fmt: skip
