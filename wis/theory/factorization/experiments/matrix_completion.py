"""Figures 1.1, A.1 and A.2: the unobserved entry grows as the loss falls, if the sign allows it.

Runs are gradient flow (`wis.theory.factorization.matrix_flow`), the limit of the thesis' gradient
descent for small rates. From a balanced start it keeps the sign of the determinant. Each run has a
control of the other sign, which must not show the effect, and a run from an unbalanced start as in
the thesis. They go on to a loss of 1e-6, where the thesis stops at 1e-4. Source: Sections 1.3.2,
1.3.3, 1.4.1, A.1 and A.2.2.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from wis.theory.experiments.claims import where
from wis.theory.experiments.experiment import Experiment, Outcome, Request, Row, share
from wis.theory.experiments.registry import add_experiments
from wis.theory.factorization.experiments.norm_claims import (
    FIGURE_1_1,
    FIGURE_A_1,
    FIGURE_A_2,
    ROUNDING,
    span,
)
from wis.theory.factorization.initialization import balanced_matrices, unbalanced_matrices
from wis.theory.factorization.matrix_flow import Flow, matrix_flow
from wis.theory.factorization.measures import distance_from_rank, effective_rank, schatten_norm
from wis.theory.factorization.model import MatrixFactorization
from wis.theory.factorization.tasks import norm_divergence_problem
from wis.theory.factorization.theorems import theorem_1_margins, theorem_2_margins

SCHATTEN = (0.5, 1.0, 2.0, float("inf"))
DRAWN = 150


@dataclass(frozen=True)
class DepthSize:
    """Size of Figure 1.1.

    Attributes:
        depths: Depths, and for each the standard deviations of the entries of the initial matrix.
        loss: Loss at which a run ends.
    """

    depths: tuple[tuple[int, tuple[float, ...]], ...]
    loss: float


@dataclass(frozen=True)
class DimensionSize:
    """Size of Figure A.1: dimensions, and one scale for all."""

    problems: tuple[tuple[int, int], ...]
    scale: float
    loss: float


@dataclass(frozen=True)
class PerturbationSize:
    """Size of Figure A.2: unobserved positions, adjacent observations, opposite observations."""

    problems: tuple[tuple[tuple[int, int], tuple[float, float], tuple[float, ...]], ...]
    scale: float
    loss: float


@dataclass(frozen=True)
class Case:
    """A start and a problem.

    Attributes:
        panel: Row of panels of the figure.
        label: Label of the curve.
        scale: Standard deviation of the entries of the initial matrix.
        adjacent: The observations adjacent to the unobserved entry.
        opposite: The observation diagonally opposite to it.
        right_sign: Whether the start's determinant has the sign that the theorems ask for.
    """

    panel: str
    label: str
    depth: int
    scale: float
    draw: int = 0
    shape: tuple[int, int] = (2, 2)
    unobserved: tuple[int, int] = (0, 0)
    adjacent: tuple[float, float] = (1.0, 1.0)
    opposite: float = 0.0
    balanced: bool = True
    right_sign: bool = True

    def flow(self, loss: float, seed: int) -> Flow:
        """Draw the start and follow gradient flow."""
        model = MatrixFactorization.unconstrained(*self.shape, self.depth)
        sign = np.sign(np.prod(self.adjacent)) * (-1) ** sum(self.unobserved)
        problem = norm_divergence_problem(
            *self.shape,
            unobserved=self.unobserved,
            adjacent=self.adjacent,
            opposite=self.opposite,
        )
        matrices = balanced_matrices if self.balanced else unbalanced_matrices
        start = matrices(
            model,
            [self.scale],
            [1000 * seed + self.draw],
            determinant_sign=int(sign if self.right_sign else -sign),
        )
        limit = 2 * abs(self.adjacent[0] * self.adjacent[1]) / (2 * loss) ** 0.5 + sum(self.shape)
        return matrix_flow(model, problem, start, loss=loss, limit=limit)


STARTS: tuple[dict[str, Any], ...] = ({}, {"right_sign": False}, {"balanced": False})


def fig1_1(size: DepthSize, request: Request) -> Outcome:
    """Figure 1.1: several depths and scales."""
    cases = [
        Case(f"depth {depth}", f"init {scale:g}", depth, scale, draw, **start)
        for depth, scales in size.depths
        for draw, scale in enumerate(scales)
        for start in STARTS
    ]
    return _outcome(cases, size.loss, request)


def fig_a_1(size: DimensionSize, request: Request) -> Outcome:
    """Figure A.1: matrices of other dimensions."""
    cases = [
        Case("depth 3", f"{rows} by {columns}", 3, size.scale, shape=(rows, columns), **start)
        for rows, columns in size.problems
        for start in STARTS
    ]
    return _outcome(cases, size.loss, request)


def fig_a_2(size: PerturbationSize, request: Request) -> Outcome:
    """Figure A.2: perturbed and repositioned observations."""
    cases = [
        Case(
            f"entry ({at[0] + 1}, {at[1] + 1}), beside {adjacent[0]:g} and {adjacent[1]:g}",
            f"opposite {opposite:g}", 3, size.scale, unobserved=at, adjacent=adjacent,
            opposite=opposite, **start,
        )
        for at, adjacent, opposites in size.problems
        for opposite in opposites
        for start in STARTS
    ]  # fmt: skip
    return _outcome(cases, size.loss, request)


def _outcome(cases: Sequence[Case], loss: float, request: Request) -> Outcome:
    """Rows, and curves with the columns loss, absolute unobserved entry and its bound."""
    rows, curves = [], {}
    for case in request.each("gradient flow", cases):
        flow = case.flow(loss, request.seed)
        row = _row(case, flow)
        rows.append(row)
        losses, entries = flow.losses.numpy(), flow.ends[(slice(None), *case.unobserved)]
        grid = np.geomspace(losses[0], losses[-1], DRAWN)
        shown = np.unique(np.searchsorted(-losses, -grid).clip(max=len(losses) - 1))
        curve = losses, entries.abs().numpy(), entry_bound(losses, case.adjacent, case.opposite)
        curves[row["curve"]] = np.stack(curve, axis=1)[shown]
    return Outcome(rows, _summary(rows), curves)


def entry_bound(
    losses: np.ndarray, adjacent: tuple[float, float] = (1.0, 1.0), opposite: float = 0.0
) -> np.ndarray:
    """Lower bound of the absolute unobserved entry of a 2-by-2 matrix of the right sign; 0 if none.

    >>> entry_bound(np.array([1e-4])).round(2)
    array([68.72])

    The determinant z z' - w w_opposite keeps its sign, and no observed entry is further than the
    root of twice the loss from its observation.

    References:
        Lemma 13 and the proof of Theorem 2 (Appendix A.3.8).
    """
    root = np.sqrt(2 * losses)
    first, second = (np.maximum(abs(each) - root, 0) for each in adjacent)
    bound: np.ndarray = first * second / (abs(opposite) + root)
    return bound


def _row(case: Case, flow: Flow) -> Row:
    """Summary of a run; `_tenfold` quantities compare the end with a loss ten times as large."""
    middle = flow.last_tenfold()
    ends, losses = flow.ends[[middle, -1]], flow.losses[[middle, -1]]
    entry = ends[(slice(None), *case.unobserved)].abs()
    norms = {f"{p:g}": schatten_norm(ends, p) for p in SCHATTEN}
    rank, infimal = effective_rank(ends), min(case.shape) - 1
    distance = distance_from_rank(ends, infimal)
    signs = flow.signs
    row = {
        "curve": f"{case.panel}/{case.label}/{case.balanced}/{case.right_sign}",
        **{key: value for key, value in vars(case).items() if key not in ("draw", "shape")},
        "unobserved": list(case.unobserved),
        "adjacent": list(case.adjacent),
        "shape": list(case.shape),
        "reached": flow.reached,
        "steps": len(flow.losses) - 1,
        "loss": float(losses[1]),
        "entry": float(entry[1]),
        "growth": flow.growth(case.unobserved) / abs(case.adjacent[0] * case.adjacent[1]),
        "effective_rank": float(rank[1]),
        "distance_from_infimal_rank": float(distance[1]),
        **{f"schatten_{p}": float(norm[1]) for p, norm in norms.items()},
        "norms_tenfold": min(float(norm[1] / norm[0]) for norm in norms.values()),
        "rank_tenfold": _ratio(rank - 1),
        "distance_tenfold": _ratio(distance, float(ends[1].norm())),
        "sign_kept": None if signs is None else bool((signs == signs[0]).all()),
        "drift": flow.drift,
    }
    if case.shape == (2, 2):
        row["margin"] = _least_margin(case, flow)
    return row


def _ratio(values: torch.Tensor, scale: float = 1.0) -> float:
    """The last value as a share of the first; 0 if it is zero up to rounding."""
    return float(values[1] / values[0]) if values[1] > ROUNDING * scale else 0.0


def _least_margin(case: Case, flow: Flow) -> float:
    """The smallest margin of the bounds of Theorem 1 or 2; negative if a bound is violated."""
    ends, losses = flow.ends, flow.losses
    original = case.adjacent == (1.0, 1.0) and case.opposite == 0
    margins: list[torch.Tensor] = []
    for p in SCHATTEN:
        found = theorem_1_margins(ends, losses, p) if original else theorem_2_margins(
            ends, losses, adjacent=case.adjacent, opposite=case.opposite, p=p
        )  # fmt: skip
        margins += found.values()
    return float(torch.stack(margins).min())


def _summary(rows: Sequence[Row]) -> str:
    parts = []
    for title, chosen in (
        ("of the right sign", {"balanced": True, "right_sign": True}),
        ("of the wrong sign", {"balanced": True, "right_sign": False}),
        ("of the right sign, but unbalanced", {"balanced": False}),
    ):
        entries = [row["entry"] for row in where(rows, opposite=0, **chosen)]
        if entries:
            parts.append(f"from starts {title} the unobserved entry ended {span(entries)}")
    text = "; ".join(parts) + f" ({share([row['reached'] for row in rows])} runs reached the goal."
    return f"{text[:1].upper()}{text[1:]})"


SCALES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
QUICK_PROBLEMS = (
    ((1, 1), (1.0, -1.0), (0.0, 0.1, 0.5)),
    ((0, 1), (1.0, 1.0), (0.0, 0.1, 0.5)),
    ((1, 0), (2.0, 0.5), (0.0, 0.1, 0.5)),
)
THESIS_PROBLEMS = tuple(
    (unobserved, adjacent, (0.0, 0.01, 0.05, 0.1, 0.5, 1.0))
    for unobserved, adjacent, _ in (*QUICK_PROBLEMS, ((0, 0), (-3.0, 1.0), ()))
)
DIMENSIONS = ((2, 2), (3, 3), (5, 5), (10, 10), (2, 4), (5, 3))

add_experiments(
    Experiment(
        "fig1_1",
        "2-by-2 completion drives all norms to infinity: depths 2 to 4, balanced and not",
        fig1_1,
        DepthSize(((2, SCALES[:3]), (3, SCALES[:3]), (4, (1e-1, 1e-2, 1e-3))), 1e-6),
        DepthSize(((2, SCALES), (3, SCALES), (4, (1e-1, 1e-2, 1e-3, 1e-4, 1e-5))), 1e-6),
        FIGURE_1_1,
    ),
    Experiment(
        "figA_1",
        "the same for matrices of other dimensions, depth 3",
        fig_a_1,
        DimensionSize((*DIMENSIONS[:3], DIMENSIONS[4]), 1e-3, 1e-6),
        DimensionSize(DIMENSIONS, 1e-7, 1e-6),
        FIGURE_A_1,
    ),
    Experiment(
        "figA_2",
        "the same with perturbed and repositioned observations, depth 3",
        fig_a_2,
        PerturbationSize(QUICK_PROBLEMS, 1e-3, 1e-6),
        PerturbationSize(THESIS_PROBLEMS, 1e-7, 1e-6),
        FIGURE_A_2,
    ),
)
