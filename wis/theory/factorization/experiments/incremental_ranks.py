"""Figures 3.1 and C.2 to C.4: matrix, tensor and hierarchical tensor ranks grow one by one.

Source: Sections 3.2 to 3.4 and C.4.2.1.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wis.errors import OptionError
from wis.theory.factorization.dynamics import local_component_speeds, within_bounds
from wis.theory.factorization.experiments.outcome import Outcome, Request, Row, number
from wis.theory.factorization.experiments.pictures import norms_over_time
from wis.theory.factorization.experiments.registry import register
from wis.theory.factorization.ground_truth import (
    low_hierarchical_rank_tensor,
    low_rank_matrix,
    low_rank_tensor,
)
from wis.theory.factorization.hierarchical import HierarchicalFactorization
from wis.theory.factorization.initialization import gaussian_weights
from wis.theory.factorization.matrix import MatrixFactorization
from wis.theory.factorization.measures import (
    RANK_TOLERANCE,
    hierarchical_rank,
    largest,
    matricization,
    matrix_rank,
    reconstruction_error,
)
from wis.theory.factorization.mode_tree import ModeTree, perfect_tree
from wis.theory.factorization.model import Factorization, Weights
from wis.theory.factorization.optimization import AdaptiveRate, Measure, Run, Stop
from wis.theory.factorization.tasks import Completion, Sensing, random_entries, rank_one_sensing
from wis.theory.factorization.tensor import TensorFactorization

EFFECTIVE = 0.02
"""A singular value or norm counts when it is at least this part of the largest."""

SPEED_STEP = 1e-6

PER_DECADE = 250


@dataclass(frozen=True)
class Part:
    """One factorization and its task.

    Attributes:
        kind: ``"matrix"``, ``"tensor"`` or ``"hierarchical"``.
        shape: Of the ground truth.
        rank: Matrix, tensor or (at every node) hierarchical tensor rank of the ground truth.
        num_observations: Entries, or measurements.
        width: Hidden dimensions, components, local components.
        deviation: Of the initial weights.
        arity: Children of a node of the mode tree.
        sensing: Rank one measurements instead of entries.
        smallest: Hierarchical ground truths are drawn again until the singular values that make
            their ranks are at least this part of the largest; small problems need it, or their
            ranks would be low in effect.
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
    """Which parts, and when to stop: once the loss has been low for `patience` steps in a row."""

    parts: tuple[Part, ...]
    max_steps: int
    loss: float = 5e-5
    patience: int = 100


def incremental(size: IncrementalSize, request: Request) -> Outcome:
    """Run the parts, show what each learned."""
    rows, panels, curves, texts = [], [], {}, []
    for part in size.parts:
        truth, model, task = problem(part, request.seed)
        run = request.train(
            part.kind,
            model,
            task,
            gaussian_weights(model, [part.deviation], [request.seed]),
            rate=AdaptiveRate(),
            stop=Stop(size.loss, size.max_steps, size.patience),
            measure=measures(part, model, task, truth),
            per_decade=PER_DECADE,
        )
        curve = run.trajectory.of(0)
        curves.update({f"{part.kind}/{name}": values for name, values in curve.items()})
        row = _row(part, model, run, curve, truth)
        rows.append(row)
        texts.append(_verdict(part, row))
        panels += [
            (title, label, curve["step"], curve[key]) for key, title, label in _panels(part, curve)
        ]
    if len(size.parts) > 1:  # Figure 3.1 shows one panel for each factorization
        panels = [
            next(panel for panel in panels if panel[1].startswith(start))
            for start in ("singular", "component", "local component norms at all")
        ]
    errors = {
        part.kind: (curves[f"{part.kind}/step"], curves[f"{part.kind}/error"])
        for part in size.parts
    }
    draw = functools.partial(
        lambda panels, errors, figure: norms_over_time(
            figure, panels, errors, "normalized reconstruction error"
        ),
        panels,
        errors,
    )
    return Outcome(rows, " ".join(texts), draw, curves)


def problem(part: Part, seed: int) -> tuple[Tensor, Factorization, Completion | Sensing]:
    """Ground truth of norm sqrt(number of entries), factorization and task."""
    generator = torch.Generator().manual_seed(seed)
    norm = float(np.sqrt(np.prod(part.shape)))
    model: Factorization
    if part.kind == "matrix":
        truth = low_rank_matrix(part.shape[0], part.shape[1], part.rank, norm, generator)
        model = MatrixFactorization((part.shape[1], part.width, part.width, part.shape[0]))
    elif part.kind == "tensor":
        truth = low_rank_tensor(part.shape, part.rank, norm, generator)
        model = TensorFactorization(part.shape, part.width)
    elif part.kind == "hierarchical":
        tree = _tree(part)
        truth = low_hierarchical_rank_tensor(
            part.shape, tree, part.rank, norm, generator, tolerance=part.smallest
        )
        model = HierarchicalFactorization(part.shape, tree, part.width)
    else:
        raise OptionError(f"kind {part.kind!r}; expected matrix, tensor or hierarchical")
    if part.sensing:
        return truth, model, rank_one_sensing(truth, part.num_observations, generator)
    observed = random_entries(part.shape, part.num_observations, generator)
    return truth, model, Completion(observed[None], truth[None])


def _tree(part: Part) -> ModeTree:
    return perfect_tree(len(part.shape), part.arity)


def measures(
    part: Part, model: Factorization, task: Completion | Sensing, truth: Tensor
) -> Measure:
    """What is recorded: norms, singular values, errors, and speeds of local components."""
    inner: Callable[[Weights, Tensor], dict[str, Tensor]]
    if isinstance(model, MatrixFactorization):

        def inner(weights: Weights, end: Tensor) -> dict[str, Tensor]:
            return {"singular": torch.linalg.svdvals(end)[:, :10]}

    elif isinstance(model, TensorFactorization):

        def inner(weights: Weights, end: Tensor) -> dict[str, Tensor]:
            return {"norms": largest(model.component_norms(weights), 10)}

    elif isinstance(model, HierarchicalFactorization):
        inner = functools.partial(_hierarchical, model, task)

    def both(weights: Weights, end: Tensor) -> dict[str, Tensor]:
        error = reconstruction_error(end, truth, normalized=True)
        return {"error": error, **inner(weights, end)}

    return both


def _hierarchical(
    model: HierarchicalFactorization, task: Completion | Sensing, weights: Weights, end: Tensor
) -> dict[str, Tensor]:
    """Norms at a lowest interior node and the root, singular values in and outside the tree."""
    low, root = min(model.tree.interior), model.tree.root
    values = {
        "norms_low": largest(model.component_norms(weights, low), 10),
        "norms_root": largest(model.component_norms(weights, root), 10),
    }
    for key, modes in (("in_tree", low), ("outside", _outside(model.tree))):
        found = [torch.linalg.svdvals(matricization(each, modes))[:10] for each in end]
        values[f"singular_{key}"] = largest(torch.stack(found), 10)
    speeds = local_component_speeds(model, task, weights, low, step=SPEED_STEP)
    return {**values, **speeds.summary(), "unbalancedness": model.unbalancedness(weights)}


def _outside(tree: ModeTree) -> tuple[int, ...]:
    """As many modes as a lowest interior node has, but of different branches."""
    size = len(min(tree.interior))
    return tuple(range(0, tree.order, size))[:size]


def _panels(part: Part, curve: dict[str, np.ndarray]) -> list[tuple[str, str, str]]:
    """Key of the values, title and label for each panel."""
    if part.kind == "matrix":
        return [("singular", "matrix factorization", "singular values")]
    if part.kind == "tensor":
        return [("norms", "tensor factorization", "component norms")]
    tree = _tree(part)
    low, outside = (_text(modes) for modes in (min(tree.interior), _outside(tree)))
    return [
        ("norms_low", "hierarchical factorization", f"local component norms at {low}"),
        ("norms_root", "hierarchical factorization", "local component norms at all modes"),
        ("singular_in_tree", "a node of the tree", f"singular values for {low}"),
        ("singular_outside", "no node of the tree", f"singular values for {outside}"),
    ]


def _text(modes: tuple[int, ...]) -> str:
    return "{" + ",".join(str(mode + 1) for mode in modes) + "}"


def _count(values: np.ndarray) -> int:
    return int((values >= EFFECTIVE * values[0]).sum())


def _row(
    part: Part, model: Factorization, run: Run, curve: dict[str, np.ndarray], truth: Tensor
) -> Row:
    row: Row = {
        "kind": part.kind,
        "true_rank": part.rank,
        "deviation": part.deviation,
        "error": float(curve["error"][-1]),
        "loss": float(run.loss[0]),
        "steps": int(run.steps[0]),
        "converged": bool(run.converged[0]),
        "seconds": run.seconds,
    }
    for key in ("singular", "norms", "norms_low", "norms_root", "singular_in_tree",
                "singular_outside"):  # fmt: skip
        if key in curve:
            row[f"final_{key}"] = curve[key][-1].tolist()
            row[f"effective_{key}"] = _count(curve[key][-1])
    if part.kind == "hierarchical":
        tree = _tree(part)
        ranks = hierarchical_rank(run.end[0], tree, EFFECTIVE)
        row["hierarchical_rank"] = {_text(node): rank for node, rank in ranks.items()}
        outside = matricization(run.end[0], _outside(tree))
        row["rank_outside"] = int(matrix_rank(outside, EFFECTIVE))
        row["true_rank_outside"] = int(matrix_rank(matricization(truth, _outside(tree))))
        row["speed_error"] = float(np.median(curve["speed_error"]))
        row["speed_discretization"] = float(np.median(curve["speed_discretization"]))
        start, end = curve["unbalancedness"][[0, -1]]
        row["unbalancedness_start"], row["unbalancedness_drift"] = float(start), float(end - start)
        row["within_bounds_of_theorem_9"] = within_bounds(
            curve["least_unbalancedness"], curve["unbalancedness"]
        )
        row["least_unbalancedness"] = float(curve["least_unbalancedness"].max())
    return row


def _verdict(part: Part, row: Row) -> str:
    ending = f"reconstruction error {number(row['error'])} after {row['steps']} steps"
    if not row["converged"]:
        ending += " (stopped before the loss was low for long enough)"
    if part.kind == "matrix":
        return (
            f"Matrix: {row['effective_singular']} singular values of at least {EFFECTIVE:.0%} of "
            f"the largest (true rank {part.rank}), {ending}."
        )
    if part.kind == "tensor":
        return (
            f"Tensor: {row['effective_norms']} components of at least {EFFECTIVE:.0%} of the "
            f"largest (true rank {part.rank}), {ending}."
        )
    ranks = sorted(set(row["hierarchical_rank"].values()))
    return (
        f"Hierarchical: singular values of at least {EFFECTIVE:.0%} of the largest give ranks "
        f"{' or '.join(map(str, ranks))} at the nodes of the tree (true {part.rank}) and "
        f"{row['rank_outside']} outside of it (true {row['true_rank_outside']}), {ending}. The "
        f"bounds of Theorem 9 held with the unbalancedness of the start at "
        f"{'every record' if row['within_bounds_of_theorem_9'] else 'some records only'}; a step "
        f"of {SPEED_STEP:g} measured its formula with a relative error of "
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
SMALL = Part("hierarchical", (4, 4, 4, 4), 2, 160, 24, 5e-2, smallest=0.2)

register(
    "fig3_1",
    "matrix, tensor and hierarchical tensor ranks are learned incrementally",
    quick=IncrementalSize(
        (
            Part("matrix", (16, 16), 2, 160, 16, 1e-2),
            Part("tensor", (8, 8, 8), 2, 300, 64, 1e-2),
            SMALL,
        ),
        4_500,
        loss=2e-4,
    ),
    thesis=IncrementalSize((MATRIX, TENSOR, TREE), 1_000_000),
    runner=incremental,
)
register(
    "figC_2",
    "hierarchical tensor factorization: nodes of the tree, and matricizations in and outside it",
    quick=IncrementalSize((SMALL,), 4_500, loss=2e-4),
    thesis=IncrementalSize((TREE,), 1_000_000),
    runner=incremental,
)
register(
    "figC_3",
    "the same for tensor sensing with rank one measurements",
    quick=IncrementalSize(
        (Part("hierarchical", (4, 4, 4, 4), 2, 160, 24, 5e-2, sensing=True, smallest=0.2),),
        4_500,
        loss=2e-4,
    ),
    thesis=IncrementalSize((SENSED,), 1_000_000),
    runner=incremental,
)
register(
    "figC_4",
    "the same for order 9 and a ternary mode tree",
    quick=IncrementalSize(
        (Part("hierarchical", (2,) * 9, 2, 400, 12, 0.2, arity=3, smallest=0.1),), 12_000, loss=5e-4
    ),
    thesis=IncrementalSize((ORDER_9,), 1_000_000),
    runner=incremental,
)
