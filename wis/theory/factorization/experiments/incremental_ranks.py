"""Figures 3.1 and C.2 to C.4: ranks of all factorizations grow one by one.

Matrix factorizations learn singular values, tensor factorizations components, and hierarchical
factorizations local components. What gradient flow conserves, and for hierarchical factorizations
Theorem 9, is checked at every record. Source: Sections 3.2 to 3.4 and C.4.2.1.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wis.errors import OptionError
from wis.theory.experiments.claims import Claim, Row, each_row, each_seed, most_rows
from wis.theory.experiments.experiment import Experiment, Outcome, Request, number
from wis.theory.experiments.registry import add_experiments
from wis.theory.factorization.draws import low_hierarchical_rank_tensor, low_rank_tensor
from wis.theory.factorization.dynamics import component_speeds, conserved, conserved_change
from wis.theory.factorization.experiments.component_dynamics import (
    ACCURATE,
    EFFECTIVE,
    HIERARCHICAL_STEP,
    PER_DECADE,
    Curve,
    clock,
    conservation,
    conservation_claims,
    ending,
    rate_of,
    rises,
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
from wis.theory.factorization.optimization import Run, Stop
from wis.theory.factorization.tasks import Completion, Task, random_entries, rank_one_sensing


@dataclass(frozen=True)
class Part:
    """One factorization and its task.

    Attributes:
        kind: ``"matrix"``, ``"tensor"`` or ``"hierarchical"``.
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
    """The parts and the stopping rule.

    Attributes:
        parts: Factorizations and their tasks; they run one after the other.
        loss: A run ends when its loss has been below this value for `patience` steps; the thesis
            takes 100.
        tolerance: Tolerance of gradient flow (`GradientFlow`); 0 for gradient descent with the
            adaptive rate of Appendix A.2.2.2, which the thesis uses.
        average: Whether the loss of tensor sensing averages over the measurements, as in the
            authors' program, instead of summing, as in the text of Appendix C.4.2.1.
    """

    parts: tuple[Part, ...]
    max_steps: int
    loss: float
    patience: int = 1
    tolerance: float = 1e-7
    average: bool = False


def incremental(size: IncrementalSize, request: Request) -> Outcome:
    """Figures 3.1 and C.2 to C.4; the parts run one after the other."""
    rows, curves, texts = [], {}, []
    for part in size.parts:
        truth, model, task = problem(part, request.seed, average=size.average)
        start = gaussian_weights(model, [part.deviation], [request.seed])
        run = request.train(
            part.kind,
            model,
            task,
            start,
            rate=rate_of(size.tolerance),
            stop=Stop(size.loss, size.max_steps, size.patience),
            measure=functools.partial(_measured, model, task, truth, conserved(model, start)),
            per_decade=PER_DECADE,
        )
        curve = run.trajectory.of(0)
        curves.update({f"{part.kind}/{name}": values for name, values in curve.items()})
        rows.append(_row(part, run, curve, truth))
        texts.append(_summary(part, rows[-1]))
    return Outcome(rows, " ".join(texts), curves)


def problem(part: Part, seed: int, *, average: bool = False) -> tuple[Tensor, Factorization, Task]:
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
        truth = low_rank_tensor(part.shape, part.rank, norm, generator)[0]
        model = TensorFactorization(part.shape, part.width)
        if part.kind == "matrix":
            model = MatrixFactorization((part.shape[1], part.width, part.width, part.shape[0]))
    else:
        raise OptionError(f"kind {part.kind!r}; expected matrix, tensor or hierarchical")
    if part.sensing:
        return truth, model, rank_one_sensing(truth, part.num_observations, generator, mean=average)
    observed = random_entries(part.shape, part.num_observations, generator)
    return truth, model, Completion(observed[None], truth[None])


def _measured(
    model: Factorization,
    task: Task,
    truth: Tensor,
    at_start: list[Tensor],
    weights: Weights,
    end: Tensor,
) -> dict[str, Tensor]:
    """Errors, norms, speeds of local components, singular values in and outside the tree."""
    values = {
        "error": reconstruction_error(end, truth, normalized=True),
        "conserved_change": conserved_change(conserved(model, weights), at_start),
    }
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
    speeds = component_speeds(model, task, weights, low, step=HIERARCHICAL_STEP)
    return {**values, **speeds.summary(), "unbalancedness": model.unbalancedness(weights)}


def shown_modes(order: int, arity: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The modes of a lowest interior node, and as many modes of different branches."""
    return tuple(range(arity)), tuple(range(0, order, arity))[:arity]


def modes_text(modes: tuple[int, ...]) -> str:
    """Modes as the figures show them, counted from 1."""
    return "{" + ",".join(str(mode + 1) for mode in modes) + "}"


KEYS = {"matrix": "singular", "tensor": "norms", "hierarchical": "norms_root"}
"""The curves that Figure 3.1 shows."""


def _row(part: Part, run: Run, curve: Curve, truth: Tensor) -> Row:
    row: Row = {
        "kind": part.kind,
        "true_rank": part.rank,
        "deviation": part.deviation,
        "error": float(curve["error"][-1]),
        "conserved_change": float(curve["conserved_change"].max()),
        **ending(run, 0),
    }
    for key, values in curve.items():
        if key.startswith(("singular", "norms")):
            row[f"final_{key}"] = values[-1].tolist()
            row[f"effective_{key}"] = int((values[-1] >= EFFECTIVE * values[-1][0]).sum())
    shown = KEYS[part.kind]
    row |= rises(curve[shown], row[f"effective_{shown}"], clock(curve))
    if part.kind == "hierarchical":
        tree = perfect_tree(len(part.shape), part.arity)
        outside = shown_modes(len(part.shape), part.arity)[1]
        for name, tensor in (("", run.end[0]), ("true_", truth)):
            ranks = hierarchical_rank(tensor, tree, EFFECTIVE)
            row[f"{name}ranks"] = {modes_text(node): rank for node, rank in ranks.items()}
            row[f"{name}rank_outside"] = int(matrix_rank(matricization(tensor, outside), EFFECTIVE))
        row |= conservation(curve, "within_bounds_of_theorem_9")
    else:
        row["ranks"] = {"all": row[f"effective_{shown}"]}
        visible = int(matrix_rank(truth, EFFECTIVE)) if part.kind == "matrix" else part.rank
        row["true_ranks"] = {"all": visible}
    return row


def _summary(part: Part, row: Row) -> str:
    found, true = (sorted(set(row[key].values())) for key in ("ranks", "true_ranks"))
    outside = f", outside of the tree {row['rank_outside']}" if "rank_outside" in row else ""
    return (
        f"{part.kind.capitalize()}: effective rank {' or '.join(map(str, found))} (true "
        f"{' or '.join(map(str, true))}){outside}, error {number(row['error'])} after "
        f"{row['steps']} steps{'' if row['converged'] else ', loss not reached'}."
    )


def _learned_alone(own: Sequence[Row]) -> float | None:
    shares = [row["learned_alone"] for row in own if np.isfinite(row["learned_alone"])]
    return float(np.mean(shares)) if shares else None


CLAIMS = (
    Claim(
        "one-by-one",
        "Section 3.4.2, Figure 3.1",
        "Singular values, components and local components are learned one after another.",
        "Interval over seeds of the share of those that grow tenfold which reach half of their end "
        "while the next is below a tenth of its own; seeds where fewer than two grow are left out: "
        "above one half.",
        each_seed(_learned_alone, "share learned alone", above=0.5),
    ),
    Claim(
        "low-rank",
        "Section 3.4, Figures 3.1 and C.2",
        "Solutions have the matrix, tensor or hierarchical tensor rank of the ground truth.",
        f"Share of runs in which as many singular values or norms are at least {EFFECTIVE:.0%} of "
        "the largest as in the ground truth, at every node: interval above one half.",
        most_rows(lambda row: row["ranks"] == row["true_ranks"], "runs with the rank of the truth"),
    ),
    Claim(
        "accurate",
        "Figure 3.1",
        "Solutions reconstruct the ground truth.",
        f"Share of runs with a normalized error below {ACCURATE:g}: interval above one half.",
        most_rows(lambda row: row["error"] < ACCURATE, f"runs with an error below {ACCURATE:g}"),
    ),
)

TREE_CLAIMS = (
    Claim(
        "outside",
        "Figure C.2",
        "Matricizations for index sets outside of the mode tree have higher rank than those for "
        "its nodes.",
        "In every run the effective rank outside is above the largest effective rank at a node.",
        each_row(
            lambda row: row["rank_outside"] > max(row["ranks"].values()),
            "runs with a higher rank outside of the tree",
            given=lambda row: "rank_outside" in row,
        ),
    ),
    *conservation_claims("Lemma 3", "Theorem 9", "within_bounds_of_theorem_9"),
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

FITTED, SENSED_LOSS = (1e-4, 5e-6), (1e-2, 5e-5)
"""The losses at which runs end, at the quick and at the thesis' size."""

for name, small, large, losses, summary in (
    ("fig3_1", (SMALL_MATRIX, SMALL_TENSOR, SMALL_TREE), (MATRIX, TENSOR, TREE), FITTED,
     "matrix, tensor and hierarchical tensor ranks are learned incrementally"),
    ("figC_2", (SMALL_TREE,), (TREE,), FITTED,
     "hierarchical tensor factorization: matricizations in and outside the mode tree"),
    ("figC_3", (SMALL_SENSED,), (SENSED,), SENSED_LOSS,
     "the same for tensor sensing with rank one measurements"),
    ("figC_4", (SMALL_ORDER_9,), (ORDER_9,), FITTED,
     "the same for order 9 and a ternary mode tree"),
):  # fmt: skip
    quick = IncrementalSize(small, 6_000, losses[0])
    thesis = IncrementalSize(large, 20_000, losses[1])
    add_experiments(Experiment(name, summary, incremental, quick, thesis, CLAIMS + TREE_CLAIMS))
