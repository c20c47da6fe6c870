"""Propositions 1 to 4 and Conjecture 1: norms and ranks of solutions, signs, and gradient flow.

Source: Sections 1.1 to 1.3, Equations (1.6) and (1.7).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from wis.theory.experiments.claims import (
    Claim,
    Judgement,
    Rule,
    State,
    each_row,
    every,
    grouped,
    where,
)
from wis.theory.experiments.experiment import Experiment, Outcome, Request, Row, number
from wis.theory.experiments.registry import add_experiments
from wis.theory.factorization.experiments.matrix_completion import SCHATTEN
from wis.theory.factorization.experiments.norm_claims import grows
from wis.theory.factorization.initialization import balanced_matrices
from wis.theory.factorization.matrix_flow import matrix_flow
from wis.theory.factorization.measures import distance_from_rank, effective_rank, schatten_norm
from wis.theory.factorization.model import MatrixFactorization, Weights
from wis.theory.factorization.tasks import norm_divergence_problem


@dataclass(frozen=True)
class SolutionSize:
    """Unobserved entries from 0 to `largest` on both sides, and a number of random norms."""

    largest: float = 1e3
    points: int = 41
    num_norms: int = 8


def solutions(size: SolutionSize, request: Request) -> Outcome:
    """Propositions 1 and 2: quantities of the solutions as functions of the unobserved entry."""
    half = np.geomspace(1e-2, size.largest, size.points)
    entries = torch.from_numpy(np.concatenate([-half[::-1], [0.0], half]))
    matrices = torch.zeros(len(entries), 2, 2, dtype=torch.float64, device="cpu")
    matrices[:, 0, 1] = matrices[:, 1, 0] = 1
    matrices[:, 0, 0] = entries
    values = {f"Schatten {p:g}": schatten_norm(matrices, p) for p in SCHATTEN}
    generator = torch.Generator().manual_seed(request.seed)
    for position in range(size.num_norms):  # |A W B|, a norm because A and B are invertible
        left, right = torch.randn(2, 2, 2, dtype=torch.float64, generator=generator, device="cpu")
        values[f"random {position}"] = schatten_norm(left @ matrices @ right, 1 + position % 2)
    values["effective rank"] = effective_rank(matrices)
    values["distance from rank 1"] = distance_from_rank(matrices, 1)
    rows: list[Row] = [
        {"quantity": name, "entry": float(entry), "value": float(value)}
        for name, column in values.items()
        for entry, value in zip(entries, column, strict=True)
    ]
    ends = [row for row in rows if row["entry"] == size.largest]
    shown = ", ".join(f"{row['quantity']} {number(row['value'])}" for row in ends)
    return Outcome(rows, f"At an entry of {size.largest:g}: {shown}.")


def _confined(_: np.ndarray, values: np.ndarray) -> bool:
    return bool(min(values[0], values[-1]) > values.min() + 1)


def _monotone(entries: np.ndarray, values: np.ndarray, *, sign: int) -> bool:
    rises = sign * np.diff(values)
    return bool((np.where(entries[1:] > 0, rises, -rises) > 0).all())


def _tends_to(entries: np.ndarray, values: np.ndarray, *, limit: float) -> bool:
    return _monotone(entries, values, sign=-1) and bool(
        (values[[0, -1]] - limit < 0.02).all() and (values > limit).all() and values.max() <= 2
    )


def of_quantities(tests: dict[str, Callable[..., bool]], label: str) -> Rule:
    """A rule: each quantity whose name begins with a key of `tests` passes the test."""

    def rule(rows: Sequence[Row]) -> Judgement:
        flags = []
        for (_, quantity), own in grouped(rows, "seed", "quantity").items():
            entries, values = np.array(sorted((row["entry"], row["value"]) for row in own)).T
            own_tests = (test for name, test in tests.items() if quantity.startswith(name))
            flags += [test(entries, values) for test in own_tests]
        return every(flags, label)

    return rule


@dataclass(frozen=True)
class SignSize:
    """Number of draws for each distribution, dimension and depth."""

    draws: int
    dimensions: tuple[int, ...] = (2, 3, 5)
    depths: tuple[int, ...] = (1, 3)


def signs(size: SignSize, request: Request) -> Outcome:
    """Proposition 3: signs of determinants of random matrices and of their products."""
    rng = np.random.default_rng(request.seed)
    families: dict[str, Callable[[tuple[int, ...]], np.ndarray]] = {
        "normal": rng.standard_normal,
        "uniform": lambda shape: rng.uniform(-1, 1, shape),
        "Cauchy": rng.standard_cauchy,
        "normal about 3 I": lambda shape: rng.standard_normal(shape) + 3 * np.eye(shape[-1]),
    }
    rows: list[Row] = []
    for name, dimension, depth in itertools.product(families, size.dimensions, size.depths):
        drawn = families[name]((size.draws, depth, dimension, dimension))
        positive = np.linalg.slogdet(drawn)[0].prod(axis=1) > 0
        kind = {"distribution": name, "symmetric": "about" not in name, "dimension": dimension}
        counted = {"depth": depth, "draws": size.draws, "positive": int(positive.sum())}
        rows.append(kind | counted)
    shares = [row["positive"] / row["draws"] for row in rows if row["symmetric"]]
    return Outcome(
        rows, f"Shares of positive determinants from {min(shares):.3f} to {max(shares):.3f}."
    )


def _p_values(rows: Sequence[Row], *, symmetric: bool) -> list[float]:
    from scipy.stats import binomtest

    chosen = where(rows, symmetric=symmetric)
    return [float(binomtest(row["positive"], row["draws"]).pvalue) for row in chosen]


def sign_by_chance(rows: Sequence[Row]) -> Judgement:
    """Judge whether symmetric distributions give either sign with probability one half."""
    values = _p_values(rows, symmetric=True)
    if not values or min(row["draws"] for row in rows) < 1000:
        return Judgement(State.CANNOT_TELL, "fewer than 1,000 draws of a distribution")
    least = min(1.0, min(values) * len(values))
    state = State.DISAGREES if least < 0.01 else State.AGREES
    return Judgement(
        state, f"least p value of {len(values)} cases, Bonferroni-corrected: p = {least:.2g}"
    )


def symmetry_matters(rows: Sequence[Row]) -> Judgement:
    """Judge the control, whose distribution is not symmetric."""
    values = _p_values(rows, symmetric=False)
    return every([value < 0.01 for value in values], "controls that differ from one half")


@dataclass(frozen=True)
class FlowSize:
    """Scales of the start, number of random starts, and the loss at which flows end."""

    scales: tuple[float, ...]
    draws: int
    loss: float = 1e-6


def _followed(start: Weights, size: FlowSize, **about: object) -> Row:
    problem, model = norm_divergence_problem(), MatrixFactorization.unconstrained(2, 2, 2)
    flow = matrix_flow(model, problem, start, loss=size.loss)
    return {
        **about,
        "reached": flow.reached,
        "loss": float(flow.losses[-1]),
        "entry": float(flow.ends[-1, 0, 0]),
        "growth": flow.growth(),
        "nuclear": float(schatten_norm(flow.ends[-1], 1)),
    }


def scaled_identity(size: FlowSize, request: Request) -> Outcome:
    """Proposition 4: depth 2 from alpha I, and from alpha diag(1, -1) as a control."""
    rows = []
    for scale in size.scales:
        for right in (True, False):
            root = scale**0.5 * torch.eye(2, dtype=torch.float64, device="cpu")[None]
            last = root.clone()
            last[0, 1, 1] *= 1 if right else -1
            rows.append(_followed([root, last], size, scale=scale, right_sign=right, draw=0))
    return Outcome(rows, _ended(rows))


def shrinking_start(size: FlowSize, request: Request) -> Outcome:
    """Conjecture 1: depth 2 from alpha W, W fixed, for ever smaller alpha."""
    model = MatrixFactorization.unconstrained(2, 2, 2)
    rows = [
        _followed(
            balanced_matrices(
                model, [scale], [1000 * request.seed + draw], determinant_sign=1 if right else -1
            ),
            size, scale=scale, right_sign=right, draw=draw,
        )
        for draw in range(size.draws)
        for right in (True, False)
        for scale in size.scales
    ]  # fmt: skip
    return Outcome(rows, _ended(rows))


def _ended(rows: Sequence[Row]) -> str:
    texts = []
    for right, name in ((True, "positive"), (False, "negative")):
        norms = [row["nuclear"] for row in where(rows, right_sign=right)]
        texts.append(
            f"from a {name} determinant at nuclear norms of {number(min(norms))} to "
            f"{number(max(norms))}"
        )
    return f"Flows ended {' and '.join(texts)}; the smallest of a solution is 2."


def near_minimum(rows: Sequence[Row], *, right: bool) -> list[bool]:
    """Whether flows from the smallest start of a sign end within 10 % of the smallest norm."""
    fitted = where(rows, right_sign=right, reached=True)
    smallest = min((row["scale"] for row in fitted), default=0.0)
    return [row["nuclear"] < 2.2 for row in where(fitted, scale=smallest)]


PROPOSITIONS_1_AND_2 = (
    Claim(
        "confined",
        "Proposition 1",
        "Nearly minimizing a norm or quasi-norm confines the unobserved entry to an interval.",
        "Each norm exceeds its minimum by more than 1 at both ends of the interval of entries.",
        of_quantities({"Schatten": _confined, "random": _confined}, "norms that confine"),
    ),
    Claim(
        "least-at-zero",
        "Proposition 1",
        "A Schatten quasi-norm of a solution is smallest just where the unobserved entry is 0.",
        "Each rises strictly with the size of the entry, on both sides.",
        of_quantities({"Schatten": partial(_monotone, sign=1)}, "Schatten quasi-norms that rise"),
    ),
    Claim(
        "rank-falls-with-entry",
        "Proposition 2",
        "Effective rank and distance from rank 1 fall to 1 and 0 as the unobserved entry grows.",
        "Both fall strictly with the size of the entry, stay above these limits and at most 2, and "
        "come within 0.02 of them.",
        of_quantities(
            {"effective": partial(_tends_to, limit=1.0), "distance": partial(_tends_to, limit=0.0)},
            "measures that fall",
        ),
    ),
)
PROPOSITION_3 = (
    Claim(
        "either-sign",
        "Proposition 3",
        "Determinants of matrices with independent symmetric entries, and of products of them, are "
        "positive with probability one half.",
        "It disagrees if the least Bonferroni-corrected p value of all binomial tests is below "
        "0.01, and needs 1,000 draws of each case.",
        sign_by_chance,
    ),
    Claim(
        "symmetry-matters",
        "The condition of Proposition 3",
        "Without symmetry the probability can differ.",
        "The p value of each control, normal entries about 3 I, is below 0.01.",
        symmetry_matters,
    ),
)
PROPOSITION_4 = (
    Claim(
        "loss-vanishes",
        "Proposition 4",
        "At depth 2 and from alpha I with alpha in (0, 1] the loss tends to zero.",
        "Every flow reaches the goal of the loss.",
        each_row(
            lambda row: row["reached"],
            "flows that reached the goal",
            given=lambda row: row["right_sign"],
        ),
    ),
    Claim(
        "entry-grows",
        "Proposition 4 with Corollary 1",
        "So the unobserved entry, and with it every norm, grows to infinity.",
        "While the loss fell tenfold for the last time, the slope of the entry in 1 / sqrt(loss) "
        "was at least 95 % of its bound's, in every flow.",
        each_row(
            grows,
            "flows with this slope",
            given=lambda row: row["right_sign"] and row["reached"],
        ),
    ),
    Claim(
        "sign-decides",
        "Footnote 6 of Chapter 1",
        "It needs the positive determinant: from alpha diag(1, -1) the entry stays bounded.",
        "In no control flow does the entry grow as the claim above demands.",
        each_row(
            lambda row: not grows(row),
            "controls in which the entry does not grow as in the claim above",
            given=lambda row: not row["right_sign"] and row["reached"],
        ),
    ),
)
CONJECTURE_1 = (
    Claim(
        "norm-not-minimal",
        "Conjecture 2; Section 1.3.2, against Conjecture 1",
        "A start close to the origin does not ensure a solution of minimal nuclear norm.",
        "From a positive determinant no flow of the smallest scale ends within 10 % of the "
        "minimum.",
        lambda rows: every(
            [not near for near in near_minimum(rows, right=True)], "flows far from the minimum"
        ),
    ),
    Claim(
        "other-sign-is-near",
        "Section 1.3.2",
        "It is the sign that decides: from a negative determinant the norm ends near its minimum.",
        "Every flow of the smallest scale ends within 10 % of the minimum.",
        lambda rows: every(near_minimum(rows, right=False), "flows near the minimum"),
    ),
)

SCALES = (1.0, 1e-1, 1e-2, 1e-3, 1e-4)

add_experiments(
    Experiment(
        "proposition1",
        "norms are least, ranks greatest, where the unobserved entry is zero",
        solutions,
        SolutionSize(points=21),
        SolutionSize(),
        PROPOSITIONS_1_AND_2,
        source="Propositions 1, 2",
    ),
    Experiment(
        "proposition3",
        "signs of determinants of random matrices",
        signs,
        SignSize(4_000),
        SignSize(20_000),
        PROPOSITION_3,
    ),
    Experiment(
        "proposition4",
        "gradient flow from a scaled identity fits, and all norms diverge",
        scaled_identity,
        FlowSize(SCALES[:3], 1),
        FlowSize(SCALES, 1),
        PROPOSITION_4,
    ),
    Experiment(
        "conjecture1",
        "gradient flow from ever smaller starts does not minimize the nuclear norm",
        shrinking_start,
        FlowSize(SCALES[:3], 2),
        FlowSize(SCALES, 5),
        CONJECTURE_1,
        source="Section 1.3.2 (against Conjecture 1)",
    ),
)
