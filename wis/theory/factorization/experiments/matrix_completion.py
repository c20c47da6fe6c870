"""Figures 1.1, A.1 and A.2: the unobserved entry grows as the loss falls.

Where the thesis leaves a choice open (which sizes, values and positions Figures A.1 and A.2 show),
the one made here is in the sizes below. Source: Sections 1.4.1, A.1 and A.2.2.1.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from wis.theory.factorization.experiments.outcome import Outcome, Request, Row, number, share
from wis.theory.factorization.experiments.pictures import entry_against_loss
from wis.theory.factorization.experiments.registry import register
from wis.theory.factorization.initialization import balanced_matrices, unbalanced_matrices
from wis.theory.factorization.matrix import MatrixFactorization
from wis.theory.factorization.measures import (
    distance_from_rank,
    effective_rank,
    schatten_norm,
    unbalancedness_of_matrices,
)
from wis.theory.factorization.model import Weights
from wis.theory.factorization.optimization import FixedRate, Run, Stop
from wis.theory.factorization.tasks import Completion, norm_divergence_problem
from wis.theory.factorization.theorems import theorem_1_bounds, theorem_2_bounds

SCHATTEN = (0.5, 1.0, 2.0, float("inf"))
ROUNDING = 1e-9
WIDE_RATES = (6e-2, 3e-2, 9e-3, 6e-3, 3e-3, 9e-4)
WIDE_SCALES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)


@dataclass(frozen=True)
class DepthSize:
    """Of Figure 1.1: learning rates and scales of each depth, and when to stop."""

    depths: tuple[tuple[int, tuple[float, ...], tuple[float, ...]], ...]
    loss: float
    max_steps: int


@dataclass(frozen=True)
class DimensionSize:
    """Of Figure A.1: rows and columns, and the learning rate and scale for all of them."""

    problems: tuple[tuple[int, int], ...]
    rate: float
    scale: float
    loss: float
    max_steps: int


@dataclass(frozen=True)
class PerturbationSize:
    """Of Figure A.2: unobserved position, adjacent and several opposite observations; the rest."""

    problems: tuple[tuple[tuple[int, int], tuple[float, float], tuple[float, ...]], ...]
    rate: float
    scale: float
    loss: float
    max_steps: int


def fig1_1(size: DepthSize, request: Request) -> Outcome:
    """Depths side by side, balanced and unbalanced starts, the determinant positive."""
    rows, panels = [], []
    problem = norm_divergence_problem()
    for depth, rates, scales in size.depths:
        model = MatrixFactorization.unconstrained(2, 2, depth)
        seeds = [request.seed + position for position in range(len(scales))]
        starts = [
            draw(model, scales, seeds, determinant_sign=1)
            for draw in (unbalanced_matrices, balanced_matrices)
        ]
        start = [torch.cat(pair) for pair in zip(*starts, strict=True)]
        run = _descend(f"depth{depth}", model, problem, start, rates * 2, size, request)
        panel = {}
        for element in range(2 * len(scales)):
            rate, scale = rates[element % len(scales)], scales[element % len(scales)]
            balanced = element >= len(scales)
            label = f"lr {rate:g} init {scale:g}" + (" (b)" if balanced else "")
            about = {"depth": depth, "rate": rate, "scale": scale, "balanced": balanced}
            rows.append(_row(run, element, about, start, 1.0, 1.0, 0.0))
            panel[label] = _curve(run, element)
        panels.append((f"depth {depth}", panel))
    return _outcome(rows, panels, "unobserved entry |W₁₁|")


def fig_a_1(size: DimensionSize, request: Request) -> Outcome:
    """Matrices of other dimensions."""
    rows, panel = [], {}
    for num_rows, num_columns in size.problems:
        model = MatrixFactorization.unconstrained(num_rows, num_columns, 3)
        problem = norm_divergence_problem(num_rows, num_columns)
        start = unbalanced_matrices(model, [size.scale], [request.seed], determinant_sign=1)
        name = f"{num_rows}-by-{num_columns}"
        run = _descend(name, model, problem, start, (size.rate,), size, request)
        about = {"num_rows": num_rows, "num_columns": num_columns}
        rows.append({**about, **_row(run, 0, {}, start, None, None, 0.0)})
        panel[name] = _curve(run, 0)
    return _outcome(rows, [("depth 3", panel)], "unobserved entry |W₁₁|")


def fig_a_2(size: PerturbationSize, request: Request) -> Outcome:
    """Observations perturbed and repositioned, the determinant negative."""
    rows, panels = [], []
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
        seeds = [request.seed] * len(tasks)
        start = unbalanced_matrices(model, [size.scale] * len(tasks), seeds, determinant_sign=-1)
        name = (
            f"unobserved {unobserved[0] + 1}{unobserved[1] + 1}, z {adjacent[0]:g} {adjacent[1]:g}"
        )
        label = name.replace(" ", "_").replace(",", "")
        run = _descend(label, model, problem, start, (size.rate,), size, request)
        panel = {}
        for element, opposite in enumerate(opposites):
            about = {
                "unobserved": list(unobserved),
                "adjacent": list(adjacent),
                "opposite": opposite,
            }
            first, second = adjacent
            row = _row(run, element, about, start, first, second, opposite, unobserved)
            rows.append(row)
            panel[f"opposite {opposite:g}"] = _curve(run, element, unobserved)
        panels.append((name, panel))
    outcome = _outcome(rows, panels, "unobserved entry, absolute")
    return Outcome(rows, outcome.verdict + _recedes(rows), outcome.draw, outcome.curves)


def _descend(
    label: str,
    model: MatrixFactorization,
    problem: Completion,
    start: Weights,
    rates: tuple[float, ...],
    size: DepthSize | DimensionSize | PerturbationSize,
    request: Request,
) -> Run:
    return request.train(
        label,
        model,
        problem,
        start,
        rate=FixedRate(tuple(rates)),
        stop=Stop(size.loss, size.max_steps),
        measure=_measure,
        per_decade=120,
    )


def _measure(weights: Weights, end: torch.Tensor) -> dict[str, torch.Tensor]:
    """End matrices, and the signs of their determinants from the layers'.

    The determinant of the end matrix itself drowns in rounding once the rank is nearly minimal.
    """
    size = min(end.shape[1:])
    signs = [torch.linalg.slogdet(weight[:, :size, :size])[0] for weight in weights]
    return {"end": end, "sign": torch.stack(signs).prod(dim=0)}


def _curve(run: Run, element: int, unobserved: tuple[int, int] = (0, 0)) -> np.ndarray:
    """Columns: step, loss, absolute unobserved entry."""
    curve = run.trajectory.of(element)
    entry = np.abs(curve["end"][(slice(None), *unobserved)])
    return np.stack([curve["step"], curve["loss"], entry], axis=1)


def _row(
    run: Run,
    element: int,
    about: Row,
    start: Weights,
    first: float | None,
    second: float | None,
    opposite: float,
    unobserved: tuple[int, int] = (0, 0),
) -> Row:
    """Summary of a run, and the theorem's margins where the matrix is 2-by-2."""
    curve = run.trajectory.of(element)
    ends = torch.from_numpy(curve["end"])
    entries = ends[(slice(None), *unobserved)].abs()
    infimal = min(ends.shape[1:]) - 1
    fitted = torch.from_numpy(curve["loss"]) < 0.1 * float(curve["loss"][0])
    row = {
        **about,
        "steps": int(run.steps[element]),
        "converged": bool(run.converged[element]),
        "loss": float(run.loss[element]),
        "entry_start": float(entries[0]),
        "entry_when_loss_fell_tenfold": float(entries[fitted][0]) if fitted.any() else None,
        "entry": float(entries[-1]),
        "effective_rank": float(effective_rank(ends[-1])),
        "distance_from_infimal_rank": float(distance_from_rank(ends[-1], infimal)),
        "determinant_kept_its_sign": bool((curve["sign"] == curve["sign"][0]).all()),
        "unbalancedness_start": float(unbalancedness_of_matrices(start)[element]),
        "unbalancedness": float(unbalancedness_of_matrices(run.weights)[element]),
    }
    for p in SCHATTEN:
        row[f"schatten_{p:g}"] = float(schatten_norm(ends[-1], p))
    if first is not None and second is not None:
        losses = torch.from_numpy(curve["loss"])
        margins = _margins(ends, losses, first, second, opposite)
        worst = torch.stack(list(margins.values())).amin(dim=0)
        kept = torch.from_numpy(curve["sign"] == curve["sign"][0])
        row["margins"] = {name: float(margin.min()) for name, margin in margins.items()}
        row["bounds_held_down_to_loss"] = float(losses[: _until(worst >= -ROUNDING)].min())
        row["bounds_held_while_sign_was_kept"] = bool((worst[kept] >= -ROUNDING).all())
    return row


def _until(held: torch.Tensor) -> int:
    """Length of the leading run of true values, at least 1."""
    return max(1, int(held.to(torch.int64).cumprod(dim=0).sum()))


def _margins(
    ends: torch.Tensor, losses: torch.Tensor, first: float, second: float, opposite: float
) -> dict[str, torch.Tensor]:
    """Margin of every bound at the recorded steps; negative where one is violated."""
    margins: dict[str, torch.Tensor] = {}
    for p in SCHATTEN:
        if (first, second, opposite) == (1.0, 1.0, 0.0):
            bounds = theorem_1_bounds(ends, losses, p)
        else:
            bounds = theorem_2_bounds(
                ends, losses, adjacent=(first, second), opposite=opposite, p=p
            )
        for name, bound in bounds.items():
            key = f"norm_schatten_{p:g}" if name == "norm" else name.replace(" ", "_")
            margins[key] = bound.margin
    return margins


def _outcome(rows: list[Row], panels: list[tuple[str, Any]], title: str) -> Outcome:
    curves = {
        f"{panel}/{label}": curve for panel, content in panels for label, curve in content.items()
    }
    return Outcome(
        rows, _verdict(rows), lambda figure: entry_against_loss(figure, panels, title), curves
    )


def _verdict(rows: list[Row]) -> str:
    """What the rows say about the phenomenon and the theorems."""
    started = [row for row in rows if row["entry_when_loss_fell_tenfold"] is not None]
    grew = [row["entry"] > row["entry_when_loss_fell_tenfold"] for row in started]
    text = (
        f"{share([row['converged'] for row in rows])} runs reached the loss they were to reach. In "
        f"{share(grew)} runs whose loss fell tenfold, the unobserved entry was larger at the end "
        f"than when it had; it ended between {number(min(r['entry'] for r in rows))} and "
        f"{number(max(r['entry'] for r in rows))}, with an effective rank between "
        f"{number(min(r['effective_rank'] for r in rows))} and "
        f"{number(max(r['effective_rank'] for r in rows))}. The determinant kept its sign in "
        f"{share([row['determinant_kept_its_sign'] for row in rows])}."
    )
    tested = [row for row in rows if "margins" in row]
    if tested:
        throughout = [min(row["margins"].values()) >= -ROUNDING for row in tested]
        while_kept = [row["bounds_held_while_sign_was_kept"] for row in tested]
        left = [
            row["bounds_held_down_to_loss"]
            for row, held in zip(tested, throughout, strict=True)
            if not held
        ]
        text += (
            f" All bounds of the theorem held in {share(throughout)} runs at every recorded step, "
            f"and in {share(while_kept)} at every one at which the determinant had kept its sign, "
            "as it does under gradient flow from a balanced start"
        )
        text += (
            f"; the others left them at a loss between {number(min(left))} and {number(max(left))}."
            if left
            else "."
        )
    return text


def _recedes(rows: list[Row]) -> str:
    """Whether the entry shrinks as the opposite observation grows, among finished runs."""
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


QUICK_PROBLEMS = (
    ((1, 1), (1.0, -1.0), (0.0, 0.1, 0.5)),
    ((0, 1), (1.0, 1.0), (0.0, 0.1, 0.5)),
    ((1, 0), (2.0, 0.5), (0.0, 0.1, 0.5)),
)
THESIS_PROBLEMS = tuple(
    (unobserved, adjacent, (0.0, 0.01, 0.05, 0.1, 0.5, 1.0))
    for unobserved, adjacent, _ in (*QUICK_PROBLEMS, ((0, 0), (-3.0, 1.0), ()))
)

register(
    "fig1_1",
    "2-by-2 completion drives all norms to infinity: depths 2 to 4, balanced and not",
    quick=DepthSize(
        (
            (2, WIDE_RATES[:3], WIDE_SCALES[:3]),
            (3, (3e-2, 1.5e-2, 9e-3), WIDE_SCALES[:3]),
            (4, (6e-3, 6e-3, 4.5e-3), (1e-1, 1e-2, 1e-3)),
        ),
        1e-4,
        20_000,
    ),
    thesis=DepthSize(
        (
            (2, WIDE_RATES, WIDE_SCALES),
            (3, WIDE_RATES, WIDE_SCALES),
            (4, (6e-3, 4.5e-3, 3e-3, 1.5e-3, 1e-3), (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)),
        ),
        1e-4,
        5_000_000,
    ),
    runner=fig1_1,
)
register(
    "figA_1",
    "the same for matrices of other dimensions, depth 3",
    quick=DimensionSize(((2, 2), (3, 3), (5, 5), (2, 4)), 3e-2, 1e-3, 1e-4, 20_000),
    thesis=DimensionSize(
        ((2, 2), (3, 3), (5, 5), (10, 10), (2, 4), (5, 3)), 9e-4, 1e-7, 1e-4, 5_000_000
    ),
    runner=fig_a_1,
)
register(
    "figA_2",
    "the same with perturbed and repositioned observations, depth 3",
    quick=PerturbationSize(QUICK_PROBLEMS, 2e-2, 1e-3, 1e-4, 20_000),
    thesis=PerturbationSize(THESIS_PROBLEMS, 9e-4, 1e-7, 1e-4, 5_000_000),
    runner=fig_a_2,
)
