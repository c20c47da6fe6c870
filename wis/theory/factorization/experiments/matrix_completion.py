"""Figures 1.1, A.1 and A.2: the unobserved entry grows as the loss falls.

Source: Sections 1.4.1, A.1 and A.2.2.1.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from wis.theory.experiments.experiment import Experiment, Outcome, Request, Row, number, share
from wis.theory.experiments.registry import add_experiments
from wis.theory.factorization.initialization import balanced_matrices, unbalanced_matrices
from wis.theory.factorization.measures import (
    distance_from_rank,
    effective_rank,
    schatten_norm,
    unbalancedness_of_matrices,
)
from wis.theory.factorization.model import MatrixFactorization, Weights
from wis.theory.factorization.optimization import FixedRate, Run, Stop
from wis.theory.factorization.tasks import Completion, norm_divergence_problem
from wis.theory.factorization.theorems import theorem_1_bounds, theorem_2_bounds

SCHATTEN = (0.5, 1.0, 2.0, float("inf"))
ROUNDING = 1e-9


@dataclass(frozen=True)
class DepthSize:
    """Size of Figure 1.1: learning rates and scales for each depth, and the stopping rule."""

    depths: tuple[tuple[int, tuple[float, ...], tuple[float, ...]], ...]
    loss: float
    max_steps: int


@dataclass(frozen=True)
class DimensionSize:
    """Size of Figure A.1: dimensions, and one learning rate and scale for all."""

    problems: tuple[tuple[int, int], ...]
    rate: float
    scale: float
    loss: float
    max_steps: int


@dataclass(frozen=True)
class PerturbationSize:
    """Size of Figure A.2: unobserved positions, adjacent observations, opposite observations."""

    problems: tuple[tuple[tuple[int, int], tuple[float, float], tuple[float, ...]], ...]
    rate: float
    scale: float
    loss: float
    max_steps: int


@dataclass(frozen=True)
class Batch:
    """Runs that are trained in one batch.

    Attributes:
        label: Name of the checkpoint.
        panel: Panel of the figure.
        problem: The task of each run.
        start: Initial weights.
        rates: Learning rates.
        curves: Label of each run's curve.
        about: Settings of each run, which its row repeats.
        opposites: For each run the observation diagonally opposite to the unobserved entry; None if
            the theorems do not apply.
        adjacent: The observations adjacent to the unobserved entry.
        unobserved: Position of the unobserved entry.
    """

    label: str
    panel: str
    model: MatrixFactorization
    problem: Completion
    start: Weights
    rates: tuple[float, ...]
    curves: Sequence[str]
    about: Sequence[Row]
    opposites: Sequence[float] | None
    adjacent: tuple[float, float] = (1.0, 1.0)
    unobserved: tuple[int, int] = (0, 0)


def fig1_1(size: DepthSize, request: Request) -> Outcome:
    """Figure 1.1: several depths, balanced and unbalanced starts, positive determinant."""
    return _outcome(_depths(size, request.seed), size, request)


def fig_a_1(size: DimensionSize, request: Request) -> Outcome:
    """Figure A.1: matrices of other dimensions."""
    return _outcome(_dimensions(size, request.seed), size, request)


def fig_a_2(size: PerturbationSize, request: Request) -> Outcome:
    """Figure A.2: perturbed and repositioned observations, negative determinant."""
    outcome = _outcome(_perturbations(size, request.seed), size, request)
    outcome.summary += _recedes(outcome.rows)
    return outcome


def _depths(size: DepthSize, seed: int) -> Iterator[Batch]:
    for depth, rates, scales in size.depths:
        model = MatrixFactorization.unconstrained(2, 2, depth)
        seeds = [seed + position for position in range(len(scales))]
        starts = [
            draw(model, scales, seeds, determinant_sign=1)
            for draw in (unbalanced_matrices, balanced_matrices)
        ]
        runs = [
            {"depth": depth, "rate": rate, "scale": scale, "balanced": balanced}
            for balanced in (False, True)
            for rate, scale in zip(rates, scales, strict=True)
        ]
        curves = [
            f"lr {run['rate']:g} init {run['scale']:g}" + (" (b)" if run["balanced"] else "")
            for run in runs
        ]
        start = [torch.cat(pair) for pair in zip(*starts, strict=True)]
        yield Batch(
            f"depth{depth}", f"depth {depth}", model, norm_divergence_problem(), start, rates * 2,
            curves, runs, [0.0] * len(runs),
        )  # fmt: skip


def _dimensions(size: DimensionSize, seed: int) -> Iterator[Batch]:
    for num_rows, num_columns in size.problems:
        model = MatrixFactorization.unconstrained(num_rows, num_columns, 3)
        problem = norm_divergence_problem(num_rows, num_columns)
        start = unbalanced_matrices(model, [size.scale], [seed], determinant_sign=1)
        name = f"{num_rows}-by-{num_columns}"
        about = {"num_rows": num_rows, "num_columns": num_columns}
        yield Batch(name, "depth 3", model, problem, start, (size.rate,), [name], [about], None)


def _perturbations(size: PerturbationSize, seed: int) -> Iterator[Batch]:
    model = MatrixFactorization.unconstrained(2, 2, 3)
    for unobserved, adjacent, opposites in size.problems:
        tasks = [
            norm_divergence_problem(unobserved=unobserved, adjacent=adjacent, opposite=opposite)
            for opposite in opposites
        ]
        problem = Completion(
            torch.cat([task.observed for task in tasks]),
            torch.cat([task.values for task in tasks]),
            tasks[0].loss,
            mean=False,
        )
        scales, seeds = [size.scale] * len(tasks), [seed] * len(tasks)
        start = unbalanced_matrices(model, scales, seeds, determinant_sign=-1)
        row, column = unobserved
        name = f"unobserved {row + 1}{column + 1}, z {adjacent[0]:g} {adjacent[1]:g}"
        about = [
            {"unobserved": list(unobserved), "adjacent": list(adjacent), "opposite": opposite}
            for opposite in opposites
        ]
        curves = [f"opposite {opposite:g}" for opposite in opposites]
        yield Batch(
            name.replace(" ", "_").replace(",", ""), name, model, problem, start, (size.rate,),
            curves, about, opposites, adjacent, unobserved,
        )  # fmt: skip


def _outcome(
    batches: Iterable[Batch], size: DepthSize | DimensionSize | PerturbationSize, request: Request
) -> Outcome:
    """Train the batches; columns of a curve are step, loss and absolute unobserved entry."""
    rows, curves = [], {}
    for batch in batches:
        run = request.train(
            batch.label,
            batch.model,
            batch.problem,
            batch.start,
            rate=FixedRate(batch.rates),
            stop=Stop(size.loss, size.max_steps),
            measure=_measure,
            per_decade=120,
        )
        for element, label in enumerate(batch.curves):
            curve = run.trajectory.of(element)
            entry = np.abs(curve["end"][(slice(None), *batch.unobserved)])
            drawn = np.stack([curve["step"], curve["loss"], entry], axis=1)
            curves[f"{batch.panel}/{label}"] = drawn
            rows.append(_row(batch, run, element, curve))
    return Outcome(rows, _verdict(rows), curves)


def _measure(weights: Weights, end: torch.Tensor) -> dict[str, torch.Tensor]:
    """End matrices, and the signs of their determinants.

    Signs come from the layers, because rounding hides the determinant of a nearly singular matrix.
    """
    size = min(end.shape[1:])
    signs = [torch.linalg.slogdet(weight[:, :size, :size])[0] for weight in weights]
    return {"end": end, "sign": torch.stack(signs).prod(dim=0)}


def _row(batch: Batch, run: Run, element: int, curve: dict[str, np.ndarray]) -> Row:
    """Summary of a run, with the margins of the theorem if the matrix is 2-by-2."""
    ends, losses = torch.from_numpy(curve["end"]), torch.from_numpy(curve["loss"])
    entries = ends[(slice(None), *batch.unobserved)].abs()
    fitted = losses < 0.1 * float(losses[0])
    kept = torch.from_numpy(curve["sign"] == curve["sign"][0])
    row = {
        **batch.about[element],
        "steps": int(run.steps[element]),
        "converged": bool(run.converged[element]),
        "loss": float(run.loss[element]),
        "entry_start": float(entries[0]),
        "entry_when_loss_fell_tenfold": float(entries[fitted][0]) if fitted.any() else None,
        "entry": float(entries[-1]),
        "effective_rank": float(effective_rank(ends[-1])),
        "distance_from_infimal_rank": float(distance_from_rank(ends[-1], min(ends.shape[1:]) - 1)),
        "determinant_kept_its_sign": bool(kept.all()),
        "unbalancedness_start": float(unbalancedness_of_matrices(batch.start)[element]),
        "unbalancedness": float(unbalancedness_of_matrices(run.weights)[element]),
        **{f"schatten_{p:g}": float(schatten_norm(ends[-1], p)) for p in SCHATTEN},
    }
    if batch.opposites is not None:
        margins = _margins(ends, losses, batch.adjacent, batch.opposites[element])
        worst = torch.stack(list(margins.values())).amin(dim=0)
        # The number of records before the first violation of a bound, at least one.
        until = max(1, int((worst >= -ROUNDING).to(torch.int64).cumprod(dim=0).sum()))
        row["margins"] = {name: float(margin.min()) for name, margin in margins.items()}
        row["bounds_held_down_to_loss"] = float(losses[:until].min())
        row["bounds_held_while_sign_was_kept"] = bool((worst[kept] >= -ROUNDING).all())
    return row


def _margins(
    ends: torch.Tensor, losses: torch.Tensor, adjacent: tuple[float, float], opposite: float
) -> dict[str, torch.Tensor]:
    """Margin of every bound at the recorded steps; negative if the bound is violated."""
    margins: dict[str, torch.Tensor] = {}
    for p in SCHATTEN:
        if (*adjacent, opposite) == (1.0, 1.0, 0.0):
            bounds = theorem_1_bounds(ends, losses, p)
        else:
            bounds = theorem_2_bounds(ends, losses, adjacent=adjacent, opposite=opposite, p=p)
        for name, bound in bounds.items():
            key = f"norm_schatten_{p:g}" if name == "norm" else name.replace(" ", "_")
            margins[key] = bound.margin
    return margins


def _verdict(rows: list[Row]) -> str:
    """The verdict on the growth of the unobserved entry and on the bounds of the theorems."""
    started = [row for row in rows if row["entry_when_loss_fell_tenfold"] is not None]
    grew = [row["entry"] > row["entry_when_loss_fell_tenfold"] for row in started]
    entries, ranks = ([row[key] for row in rows] for key in ("entry", "effective_rank"))
    text = (
        f"{share([row['converged'] for row in rows])} runs reached the goal of the loss. In "
        f"{share(grew)} runs whose loss fell tenfold, the unobserved entry was larger at the end "
        f"than when it had; it ended between {number(min(entries))} and {number(max(entries))}, "
        f"with an effective rank between {number(min(ranks))} and {number(max(ranks))}. The "
        f"determinant kept its sign in {share([row['determinant_kept_its_sign'] for row in rows])}."
    )
    tested = [row for row in rows if "margins" in row]
    if not tested:
        return text
    throughout = [min(row["margins"].values()) >= -ROUNDING for row in tested]
    left = [
        row["bounds_held_down_to_loss"]
        for row, held in zip(tested, throughout, strict=True)
        if not held
    ]
    text += (
        f" All bounds of the theorem held in {share(throughout)} runs at every recorded step, and "
        f"in {share([row['bounds_held_while_sign_was_kept'] for row in tested])} at every one at "
        "which the determinant had kept its sign, as it does under gradient flow from a balanced "
        "start"
    )
    if not left:
        return text + "."
    others = f"between {number(min(left))} and {number(max(left))}"
    return text + f"; the others left them at a loss {others}."


def _recedes(rows: list[Row]) -> str:
    """For each setting whether the entry shrinks as the opposite observation grows."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(f"{row['unobserved']}{row['adjacent']}", []).append(row)
    falling = []
    for group in groups.values():
        ordered = sorted(group, key=lambda row: abs(row["opposite"]))
        entries = [row["entry"] for row in ordered]
        falling.append(all(a > b for a, b in itertools.pairwise(entries)))
    return (
        " The larger the opposite observation, the smaller the unobserved entry, in "
        f"{share(falling)} settings."
    )


WIDE_RATES = (6e-2, 3e-2, 9e-3, 6e-3, 3e-3, 9e-4)
WIDE_SCALES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
QUICK_PROBLEMS = (
    ((1, 1), (1.0, -1.0), (0.0, 0.1, 0.5)),
    ((0, 1), (1.0, 1.0), (0.0, 0.1, 0.5)),
    ((1, 0), (2.0, 0.5), (0.0, 0.1, 0.5)),
)
THESIS_PROBLEMS = tuple(
    (unobserved, adjacent, (0.0, 0.01, 0.05, 0.1, 0.5, 1.0))
    for unobserved, adjacent, _ in (*QUICK_PROBLEMS, ((0, 0), (-3.0, 1.0), ()))
)
QUICK_DEPTHS = (
    (2, WIDE_RATES[:3], WIDE_SCALES[:3]),
    (3, (3e-2, 1.5e-2, 9e-3), WIDE_SCALES[:3]),
    (4, (6e-3, 6e-3, 4.5e-3), (1e-1, 1e-2, 1e-3)),
)
THESIS_DEPTHS = (
    (2, WIDE_RATES, WIDE_SCALES),
    (3, WIDE_RATES, WIDE_SCALES),
    (4, (6e-3, 4.5e-3, 3e-3, 1.5e-3, 1e-3), (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)),
)

add_experiments(
    Experiment(
        "fig1_1",
        "2-by-2 completion drives all norms to infinity: depths 2 to 4, balanced and not",
        fig1_1,
        DepthSize(QUICK_DEPTHS, 1e-4, 20_000),
        DepthSize(THESIS_DEPTHS, 1e-4, 5_000_000),
    ),
    Experiment(
        "figA_1",
        "the same for matrices of other dimensions, depth 3",
        fig_a_1,
        DimensionSize(((2, 2), (3, 3), (5, 5), (2, 4)), 3e-2, 1e-3, 1e-4, 20_000),
        DimensionSize(
            ((2, 2), (3, 3), (5, 5), (10, 10), (2, 4), (5, 3)), 9e-4, 1e-7, 1e-4, 5_000_000
        ),
    ),
    Experiment(
        "figA_2",
        "the same with perturbed and repositioned observations, depth 3",
        fig_a_2,
        PerturbationSize(QUICK_PROBLEMS, 2e-2, 1e-3, 1e-4, 20_000),
        PerturbationSize(THESIS_PROBLEMS, 9e-4, 1e-7, 1e-4, 5_000_000),
    ),
)
