"""Figures 2.2, 3.1, B.1 to B.3 and C.2 to C.4: ranks grow one by one.

Tensor factorizations learn their components one after the other. So do matrix factorizations with
singular values, and hierarchical factorizations with local components. At every record the speeds
of the component norms are measured and compared with Theorems 3 and 9. Source: Sections 2.5.1, 3.2
to 3.4, B.2.2.1 and C.4.2.1.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wis.errors import OptionError
from wis.theory.factorization.dynamics import (
    component_speeds,
    local_component_speeds,
    within_bounds,
)
from wis.theory.factorization.experiments.outcome import Outcome, Request, Row, number, share
from wis.theory.factorization.hierarchical import HierarchicalFactorization, perfect_tree
from wis.theory.factorization.initialization import gaussian_weights
from wis.theory.factorization.measures import (
    RANK_TOLERANCE,
    cp_rank,
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
    Loss,
    Sensing,
    gaussian_sensing,
    low_hierarchical_rank_tensor,
    low_rank_tensor,
    random_entries,
    rank_one_sensing,
)

EFFECTIVE = 0.02
"""A singular value or norm counts if it is at least this share of the largest."""

TENSOR_STEP, HIERARCHICAL_STEP = 1e-4, 1e-6
"""Lengths of the measured steps. A shorter step has less discretization error but more rounding
error; here rounding is small."""

PER_DECADE = 250

Curve = dict[str, np.ndarray]


@dataclass(frozen=True)
class DynamicsSize:
    """Size of Figures 2.2 and B.1 to B.3.

    Attributes:
        shape: Dimensions of the ground truth.
        rank: Rank of the ground truth.
        num_observations: Number of entries or measurements.
        deviations: Standard deviations of the initial weights.
        loss: Loss at which a run ends.
        max_steps: Largest number of steps.
        huber: Transition point of Huber's loss; None for the square loss. With it a run ends at the
            Huber loss of a residual sqrt(loss), that is, about sqrt(loss) times the transition
            point. (The thesis gives 1e-8 for Huber's loss, but the initial loss is lower than
            that.)
        sensing: Whether observations are linear measurements instead of entries.
    """

    shape: tuple[int, ...]
    rank: int
    num_observations: int
    deviations: tuple[float, ...]
    loss: float
    max_steps: int
    huber: float | None = None
    sensing: bool = False


def dynamics(size: DynamicsSize, request: Request) -> Outcome:
    """Figures 2.2 and B.1 to B.3; all initialization scales are one batch."""
    generator = torch.Generator().manual_seed(request.seed)
    truth = low_rank_tensor(size.shape, size.rank, 1.0, generator)
    loss = Loss("square") if size.huber is None else Loss("huber", size.huber)
    task: Completion | Sensing
    if size.sensing:
        task = gaussian_sensing(truth, size.num_observations, generator, loss=loss)
    else:
        observed = random_entries(size.shape, size.num_observations, generator)
        task = Completion(observed[None], truth[None], loss)
    model = TensorFactorization.unconstrained(size.shape)

    def measure(weights: Weights, end: Tensor) -> dict[str, Tensor]:
        return {
            "norms": largest(model.component_norms(weights), 10),
            "error": reconstruction_error(end, truth, normalized=False),
            **component_speeds(model, task, weights, step=TENSOR_STEP).summary(),
            "unbalancedness": model.unbalancedness(weights),
        }

    run = request.train(
        "dynamics",
        model,
        task,
        gaussian_weights(model, size.deviations, [request.seed] * len(size.deviations)),
        rate=AdaptiveRate(),
        stop=Stop(size.loss if size.huber is None else size.loss**0.5 * size.huber, size.max_steps),
        measure=measure,
        per_decade=PER_DECADE,
    )
    rows, curves = [], {}
    for element, deviation in enumerate(size.deviations):
        curve = run.trajectory.of(element)
        rows.append(_dynamics_row(model, run, element, curve, size))
        curves.update({f"init {deviation:g}/{name}": values for name, values in curve.items()})
    return Outcome(rows, _dynamics_verdict(rows), curves)


def _dynamics_row(
    model: TensorFactorization, run: Run, element: int, curve: Curve, size: DynamicsSize
) -> Row:
    norms = model.component_norms(run.weights)[element]
    return {
        "deviation": size.deviations[element],
        "true_rank": size.rank,
        "components": model.num_components,
        "noticeable_components": int((norms >= EFFECTIVE * norms.max()).sum()),
        "tensor_rank": cp_rank(run.end[element], max_rank=2 * size.rank + 1, restarts=0),
        "largest_norms": largest(norms[None], 10)[0].tolist(),
        "error": float(curve["error"][-1]),
        "lowest_error": float(curve["error"].min()),
        "step_of_lowest_error": int(curve["step"][curve["error"].argmin()]),
        **_ending(run, element),
        **_speeds(curve, "within_bounds_of_theorem_3"),
    }


def _ending(run: Run, element: int) -> Row:
    return {
        "loss": float(run.loss[element]),
        "steps": int(run.steps[element]),
        "converged": bool(run.converged[element]),
        "seconds": run.seconds,
    }


def _speeds(curve: Curve, within: str) -> Row:
    """Errors of the measured speeds, bounds of the theorem, and drift of the unbalancedness."""
    start, end = curve["unbalancedness"][[0, -1]]
    return {
        "speed_error": float(np.median(curve["speed_error"])),
        "speed_discretization": float(np.median(curve["speed_discretization"])),
        within: within_bounds(curve["least_unbalancedness"], curve["unbalancedness"]),
        "least_unbalancedness": float(curve["least_unbalancedness"].max()),
        "unbalancedness_start": float(start),
        "unbalancedness_drift": float(end - start),
    }


def _dynamics_verdict(rows: list[Row]) -> str:
    few, many = (pick(rows, key=lambda row: row["deviation"]) for pick in (min, max))
    text = (
        f"From the smallest initialization ({few['deviation']:g}), "
        f"{few['noticeable_components']} of {few['components']} components ended with a norm of at "
        f"least {EFFECTIVE:.0%} of the largest, and the end tensor with rank {few['tensor_rank']} "
        f"(the ground truth has rank {few['true_rank']}), at a reconstruction error of "
        f"{number(few['error'])} (lowest {number(few['lowest_error'])}, at step "
        f"{few['step_of_lowest_error']}); from the largest ({many['deviation']:g}) it was "
        f"{many['noticeable_components']} and rank {many['tensor_rank']}, at an error of "
        f"{number(many['error'])}. Ranks are estimated by alternating least squares, up to twice "
        "the true one and one more. "
    )
    return text + (
        f"{share([row['converged'] for row in rows])} runs reached the goal of the loss. "
        f"With the unbalancedness of the start, the bounds of Theorem 3 held at every record in "
        f"{share([row['within_bounds_of_theorem_3'] for row in rows])} runs; a gradient step of "
        f"{TENSOR_STEP:g} measured the formula with a relative error of "
        f"{number(max(row['speed_error'] for row in rows))} (median over the records; the estimate "
        "of its discretization error is "
        f"{number(max(row['speed_discretization'] for row in rows))}). The unbalancedness "
        f"magnitude moved by at most {number(max(abs(r['unbalancedness_drift']) for r in rows))}."
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
        **_ending(run, 0),
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
        row |= _speeds(curve, "within_bounds_of_theorem_9")
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
