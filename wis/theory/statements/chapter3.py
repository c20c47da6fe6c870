"""Chapter 3: local components along gradient flow from a balanced start.

Theorem 5 gives the speed of their norms, Equation (3.9) a bound of smaller by larger ones. Source:
Sections 3.4.2 and 3.4.3.1.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wis.theory.experiments.claims import Claim, each_row
from wis.theory.experiments.experiment import Experiment, Outcome, Request, number
from wis.theory.experiments.registry import add_experiments
from wis.theory.factorization.dynamics import component_speeds
from wis.theory.factorization.experiments.incremental_ranks import modes_text
from wis.theory.factorization.flow import GradientFlow
from wis.theory.factorization.hierarchical import (
    HierarchicalFactorization,
    perfect_tree,
)
from wis.theory.factorization.initialization import balanced_tree
from wis.theory.factorization.model import Weights
from wis.theory.factorization.optimization import Stop
from wis.theory.factorization.rank_one import falls_with_scale
from wis.theory.statements.chapter2 import (
    STEP,
    SpeedSize,
    follow,
    half_observed,
    speed_claims,
    spread,
    summary_of_speeds,
)


def theorem_5(size: SpeedSize, request: Request) -> Outcome:
    """Speeds of local component norms along gradient flow, from a balanced start."""
    rows, curves = [], {}
    for arity in size.orders:
        tree = perfect_tree(arity**2, arity)
        model = HierarchicalFactorization((size.dimension,) * tree.order, tree, size.num_components)
        start = balanced_tree(
            model, spread(size.norms, size.num_components).tolist(), [request.seed]
        )
        task = half_observed(model.shape, request.seed)
        for node in (min(tree.interior), tree.root):
            speeds = functools.partial(component_speeds, model, task, node=node, step=STEP)
            label = f"{arity} children, node {modes_text(node)}"
            row, curve = follow(
                request, label, model, task, start, speeds, arity + 1, size.loss,
                doubled=model.nodes.index(node),
            )  # fmt: skip
            rows.append({"node": modes_text(node), **row})
            curves.update({f"{label}/{name}": values for name, values in curve.items()})
    return Outcome(rows, summary_of_speeds(rows), curves)


@dataclass(frozen=True)
class GapSize:
    """Completion of an order 4 tensor from balanced starts of several scales (Equation 3.9).

    Attributes:
        norms: Smallest and largest norm of a weight vector at the scale 1.
        loss: Share of the loss of zero at which a run ends.
    """

    scales: tuple[float, ...]
    dimension: int = 4
    num_local: int = 6
    norms: tuple[float, float] = (0.5, 1.0)
    loss: float = 0.5
    max_steps: int = 4_000


SLACK = 0.01
"""Relative slack of the bound (3.9), for the error of the integrated flow."""


def equation_3_9(size: GapSize, request: Request) -> Outcome:
    """The bound (3.9) on smaller local components at the root, while Equation (3.8) holds."""
    tree = perfect_tree(4)
    model = HierarchicalFactorization((size.dimension,) * 4, tree, size.num_local)
    task = half_observed(model.shape, request.seed)
    unit = balanced_tree(model, spread(size.norms, size.num_local).tolist(), [request.seed])
    zero = torch.zeros(1, *model.shape, dtype=torch.float64, device="cpu")
    goal = size.loss * float(task.loss_and_gradient(zero)[0])

    def measure(weights: Weights, end: Tensor) -> dict[str, Tensor]:
        speeds = component_speeds(model, task, weights, tree.root, step=STEP)
        return {"norms": speeds.norms, "pull": speeds.projection}

    rows, curves = [], {}
    for scale in size.scales:
        run = request.train(
            f"scale {scale:g}", model, task, [scale * weight for weight in unit],
            rate=GradientFlow(1e-5), stop=Stop(goal, size.max_steps), measure=measure,
        )  # fmt: skip
        curve = run.trajectory.of(0)
        leader = size.num_local - 1
        pairs = [
            gap_bound(curve["norms"][:, [leader, other]], curve["pull"][:, [leader, other]])
            for other in range(leader)
        ]
        label = f"scale {scale:g}"
        curves[f"{label}/time"] = curve["time"]
        curves[f"{label}/norms"] = curve["norms"]
        rows.append(
            {
                "scale": scale,
                "aligned_records": sum(len(bound) for bound, _ in pairs),
                "largest_share_of_bound": max(
                    [float((own / bound).max()) for bound, own in pairs if len(bound)], default=0.0
                ),
                "others_at_half": _others_at_half(curve["norms"]),
                "converged": bool(run.converged[0]),
            }
        )
    text = ", ".join(f"{number(row['others_at_half'])} from {row['scale']:g}" for row in rows)
    return Outcome(
        rows,
        "Largest of the other local components at the root, relative to the largest, when that "
        f"reaches half of its end: {text}.",
        curves,
    )


PARTS = 3
"""L_v of a node with two children."""


def gap_bound(norms: np.ndarray, pulls: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The bound (3.9) and the smaller norm, at the records up to which Equation (3.8) holds.

    Args:
        norms: float64 [T, 2], norms of a larger and a smaller local component.
        pulls: float64 [T, 2], their projections on the direction of steepest descent.

    Returns:
        float64 [S] each; S is 0 unless the first norm is larger and better aligned at the start.
    """
    aligned = (pulls[:, 0] >= pulls[:, 1]) & (norms[0, 0] > norms[0, 1])
    length = len(aligned) if aligned.all() else int((~aligned).argmax())
    power = (PARTS - 2) / PARTS
    constant = norms[0, 1] ** -power - norms[0, 0] ** -power
    bound = (norms[:length, 0] ** -power + constant) ** (-1 / power)
    return bound, norms[:length, 1]


def _others_at_half(norms: np.ndarray) -> float:
    ordered = np.sort(norms, axis=1)[:, ::-1]
    at = int((ordered[:, 0] >= 0.5 * ordered[-1, 0]).argmax())
    return float(ordered[at, 1] / ordered[at, 0])


add_experiments(
    Experiment(
        "theorem5",
        "speeds of local component norms from a balanced start",
        theorem_5,
        SpeedSize((2,), 4, 6),
        SpeedSize((2, 3), 3, 8),
        speed_claims("Theorem 5", "local component"),
    ),
    Experiment(
        "equation3_9",
        "a larger local component bounds the others, the more the smaller the initialization",
        equation_3_9,
        GapSize((0.4, 0.2, 0.1)),
        GapSize((0.4, 0.2, 0.1, 0.05), dimension=6, num_local=10),
        (
            Claim(
                "bound",
                "Equation (3.9)",
                "While the larger of two local components is better aligned with steepest descent, "
                "it bounds the smaller one.",
                "For every other component and record up to which (3.8) holds, its norm is at most "
                f"{1 + SLACK:g} times the bound.",
                each_row(
                    lambda row: row["largest_share_of_bound"] <= 1 + SLACK,
                    "runs within the bound",
                    given=lambda row: row["aligned_records"],
                ),
            ),
            Claim(
                "gap",
                "Section 3.4.3.1",
                "The gap between local components is the larger, the smaller the initialization.",
                "Interval over seeds of the slope of the log share of the second largest component "
                "at the root, when the largest reaches half of its end, against log scale: above "
                "0.",
                falls_with_scale("others_at_half", "share of the second largest"),
            ),
        ),
        source="Equation (3.9)",
    ),
)
