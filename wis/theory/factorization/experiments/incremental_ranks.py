"""Figures 3.1 and C.2 to C.4: ranks of all factorizations grow one by one.

Matrix factorizations learn singular values, tensor factorizations components, and hierarchical
factorizations local components. At every record the speeds of local component norms are measured
and compared with Theorem 9. Source: Sections 3.2 to 3.4 and C.4.2.1.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wis.errors import OptionError
from wis.theory.experiments.experiment import Experiment, Outcome, Request, Row, number
from wis.theory.experiments.registry import add_experiments
from wis.theory.factorization.dynamics import local_component_speeds
from wis.theory.factorization.experiments.component_dynamics import (
    EFFECTIVE,
    HIERARCHICAL_STEP,
    PER_DECADE,
    Curve,
    ending,
    speeds_of,
)
from wis.theory.factorization.hierarchical import HierarchicalFactorization, perfect_tree
from wis.theory.factorization.initialization import gaussian_weights
from wis.theory.factorization.measures import (
    RANK_TOLERANCE,
    hierarchical_rank,
    largest,
    matricization,
    matrix_rank,
    reconstruction_error,
)
from wis.theory.factorization.model import (
    Factorization,
    MatrixFactorization,
    TensorFactorization,
    Weights,
)
from wis.theory.factorization.optimization import AdaptiveRate, Run, Stop
from wis.theory.factorization.tasks import (
    Completion,
    Sensing,
    low_hierarchical_rank_tensor,
    low_rank_tensor,
    random_entries,
    rank_one_sensing,
)


@dataclass(frozen=True)
class Part:
    """One factorization and its task.

    Attributes:
        kind: ``"matrix"``, ``"tensor"`` or ``"hierarchical"``.
        shape: Dimensions of the ground truth.
        rank: Matrix, tensor, or hierarchical tensor rank (at every node) of the ground truth.
        num_observations: Number of entries or measurements.
        width: Hidden dimension, or number of components or of local components.
        deviation: Standard deviation of the initial weights.
        arity: Number of children of a node of the mode tree.
        sensing: Whether observations are rank one measurements instead of entries.
        smallest: Hierarchical ground truths are redrawn until the singular values that count for
            their ranks are at least this share of the largest. Otherwise small problems would have
            a lower effective rank.
    """

    kind: str
    shape: tuple[int, ...]
    rank: int
    num_observations: int
    width: int
    deviation: float
    arity: int = 2
    sensing: bool = False
    smallest: float = RANK_TOLERANCE


@dataclass(frozen=True)
class IncrementalSize:
    """The parts and the stopping rule: the loss is low for `patience` consecutive steps."""

    parts: tuple[Part, ...]
    max_steps: int
    loss: float = 5e-5
    patience: int = 100


def incremental(size: IncrementalSize, request: Request) -> Outcome:
    """Figures 3.1 and C.2 to C.4; the parts run one after the other."""
    rows, curves, texts = [], {}, []
    for part in size.parts:
        truth, model, task = problem(part, request.seed)
        run = request.train(
            part.kind,
            model,
            task,
            gaussian_weights(model, [part.deviation], [request.seed]),
            rate=AdaptiveRate(),
            stop=Stop(size.loss, size.max_steps, size.patience),
            measure=functools.partial(_measured, model, task, truth),
            per_decade=PER_DECADE,
        )
        curve = run.trajectory.of(0)
        curves.update({f"{part.kind}/{name}": values for name, values in curve.items()})
        rows.append(_row(part, run, curve, truth))
        texts.append(_verdict(part, rows[-1]))
    return Outcome(rows, " ".join(texts), curves)


def problem(part: Part, seed: int) -> tuple[Tensor, Factorization, Completion | Sensing]:
    """Ground truth of norm sqrt(number of entries), factorization, and task."""
    generator = torch.Generator().manual_seed(seed)
    norm = float(np.sqrt(np.prod(part.shape)))
    model: Factorization
    if part.kind == "hierarchical":
        tree = perfect_tree(len(part.shape), part.arity)
        truth = low_hierarchical_rank_tensor(
            part.shape, tree, part.rank, norm, generator, tolerance=part.smallest
        )
        model = HierarchicalFactorization(part.shape, tree, part.width)
    elif part.kind in ("matrix", "tensor"):
        truth = low_rank_tensor(part.shape, part.rank, norm, generator)
        model = TensorFactorization(part.shape, part.width)
        if part.kind == "matrix":
            model = MatrixFactorization((part.shape[1], part.width, part.width, part.shape[0]))
    else:
        raise OptionError(f"kind {part.kind!r}; expected matrix, tensor or hierarchical")
    if part.sensing:
        return truth, model, rank_one_sensing(truth, part.num_observations, generator)
    observed = random_entries(part.shape, part.num_observations, generator)
    return truth, model, Completion(observed[None], truth[None])


def _measured(
    model: Factorization, task: Completion | Sensing, truth: Tensor, weights: Weights, end: Tensor
) -> dict[str, Tensor]:
    """Errors, norms, speeds of local components, singular values in and outside the tree."""
    values = {"error": reconstruction_error(end, truth, normalized=True)}
    if isinstance(model, MatrixFactorization):
        return {**values, "singular": torch.linalg.svdvals(end)[:, :10]}
    if isinstance(model, TensorFactorization):
        return {**values, "norms": largest(model.component_norms(weights), 10)}
    assert isinstance(model, HierarchicalFactorization)
    low, root = min(model.tree.interior), model.tree.root
    values["norms_low"] = largest(model.component_norms(weights, low), 10)
    values["norms_root"] = largest(model.component_norms(weights, root), 10)
    modes_outside = shown_modes(model.tree.order, len(low))[1]
    for key, modes in (("in_tree", low), ("outside", modes_outside)):
        found = [torch.linalg.svdvals(matricization(each, modes))[:10] for each in end]
        values[f"singular_{key}"] = largest(torch.stack(found), 10)
    speeds = local_component_speeds(model, task, weights, low, step=HIERARCHICAL_STEP)
    return {**values, **speeds.summary(), "unbalancedness": model.unbalancedness(weights)}


def shown_modes(order: int, arity: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The modes of a lowest interior node, and as many modes of different branches."""
    return tuple(range(arity)), tuple(range(0, order, arity))[:arity]


def modes_text(modes: tuple[int, ...]) -> str:
    """Modes as the figures show them, counted from 1."""
    return "{" + ",".join(str(mode + 1) for mode in modes) + "}"


def _row(part: Part, run: Run, curve: Curve, truth: Tensor) -> Row:
    row: Row = {
        "kind": part.kind,
        "true_rank": part.rank,
        "deviation": part.deviation,
        "error": float(curve["error"][-1]),
        **ending(run, 0),
    }
    for key, values in curve.items():
        if key.startswith(("singular", "norms")):
            row[f"final_{key}"] = values[-1].tolist()
            row[f"effective_{key}"] = int((values[-1] >= EFFECTIVE * values[-1][0]).sum())
    if part.kind == "hierarchical":
        tree = perfect_tree(len(part.shape), part.arity)
        ranks = hierarchical_rank(run.end[0], tree, EFFECTIVE)
        outside = shown_modes(len(part.shape), part.arity)[1]
        row["hierarchical_rank"] = {modes_text(node): rank for node, rank in ranks.items()}
        row["rank_outside"] = int(matrix_rank(matricization(run.end[0], outside), EFFECTIVE))
        row["true_rank_outside"] = int(matrix_rank(matricization(truth, outside)))
        row |= speeds_of(curve, "within_bounds_of_theorem_9")
    return row


def _verdict(part: Part, row: Row) -> str:
    ending = f"reconstruction error {number(row['error'])} after {row['steps']} steps"
    if not row["converged"]:
        ending += " (stopped before the loss was low for long enough)"
    if part.kind != "hierarchical":
        key, noun = {
            "matrix": ("effective_singular", "singular values"),
            "tensor": ("effective_norms", "components"),
        }[part.kind]
        return (
            f"{part.kind.capitalize()}: {row[key]} {noun} of at least {EFFECTIVE:.0%} of the "
            f"largest (true rank {part.rank}), {ending}."
        )
    ranks = sorted(set(row["hierarchical_rank"].values()))
    return (
        f"Hierarchical: singular values of at least {EFFECTIVE:.0%} of the largest give ranks "
        f"{' or '.join(map(str, ranks))} at the nodes of the tree (true {part.rank}) and "
        f"{row['rank_outside']} outside of it (true {row['true_rank_outside']}), {ending}. The "
        f"bounds of Theorem 9 held with the unbalancedness of the start at "
        f"{'every record' if row['within_bounds_of_theorem_9'] else 'some records only'}; a step "
        f"of {HIERARCHICAL_STEP:g} measured its formula with a relative error of "
        f"{number(row['speed_error'])} (median; the estimate of its discretization error is "
        f"{number(row['speed_discretization'])}). The unbalancedness magnitude, "
        f"{number(row['unbalancedness_start'])} at the start, moved by "
        f"{number(abs(row['unbalancedness_drift']))}."
    )


MATRIX = Part("matrix", (64, 64), 5, 2048, 64, 1e-3)
TENSOR = Part("tensor", (16, 16, 16), 5, 2048, 256, 1e-3)
TREE = Part("hierarchical", (8, 8, 8, 8), 5, 2048, 512, 1e-2)
SENSED = Part("hierarchical", (8, 8, 8, 8), 5, 2048, 512, 1e-2, sensing=True)
ORDER_9 = Part("hierarchical", (3,) * 9, 2, 9840, 100, 1e-1, arity=3)
SMALL_MATRIX = Part("matrix", (16, 16), 2, 160, 16, 1e-2)
SMALL_TENSOR = Part("tensor", (8, 8, 8), 2, 300, 64, 1e-2)
SMALL_TREE = Part("hierarchical", (4, 4, 4, 4), 2, 160, 24, 5e-2, smallest=0.2)
SMALL_SENSED = Part("hierarchical", (4, 4, 4, 4), 2, 160, 24, 5e-2, sensing=True, smallest=0.2)
SMALL_ORDER_9 = Part("hierarchical", (2,) * 9, 2, 400, 12, 0.2, arity=3, smallest=0.1)

add_experiments(
    Experiment(
        "fig3_1",
        "matrix, tensor and hierarchical tensor ranks are learned incrementally",
        incremental,
        IncrementalSize((SMALL_MATRIX, SMALL_TENSOR, SMALL_TREE), 4_500, loss=2e-4),
        IncrementalSize((MATRIX, TENSOR, TREE), 1_000_000),
    ),
    Experiment(
        "figC_2",
        "hierarchical tensor factorization: matricizations in and outside the mode tree",
        incremental,
        IncrementalSize((SMALL_TREE,), 4_500, loss=2e-4),
        IncrementalSize((TREE,), 1_000_000),
    ),
    Experiment(
        "figC_3",
        "the same for tensor sensing with rank one measurements",
        incremental,
        IncrementalSize((SMALL_SENSED,), 4_500, loss=2e-4),
        IncrementalSize((SENSED,), 1_000_000),
    ),
    Experiment(
        "figC_4",
        "the same for order 9 and a ternary mode tree",
        incremental,
        IncrementalSize((SMALL_ORDER_9,), 12_000, loss=5e-4),
        IncrementalSize((ORDER_9,), 1_000_000),
    ),
)
