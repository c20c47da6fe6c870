"""The claims of Figures 1.1, A.1 and A.2, and the rules that judge them.

Source: Sections 1.3.2 to 1.3.4 and 1.4.1, Appendices A.1 and A.2.1, Lemma 6.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import numpy as np

from wis.theory.experiments.claims import (
    Claim,
    Judgement,
    Row,
    State,
    every,
    over_seeds,
    share_of,
)
from wis.theory.experiments.experiment import number

ROUNDING = 1e-9
DRIFT = 1e-6


def balanced_runs(
    rows: Iterable[Row], *, right: bool = True, any_opposite: bool = True
) -> list[Row]:
    """Runs from balanced starts of a sign."""
    return [
        row
        for row in rows
        if row["balanced"] and row["right_sign"] == right and (any_opposite or row["opposite"] == 0)
    ]


def _grows(row: Row) -> bool:
    """Whether the slope of the entry in 1 / sqrt(loss) is at least 95 % of its bound's."""
    return bool(row["growth"] >= 0.95 / 2**0.5)


TESTS: dict[str, Callable[[Row], bool]] = {
    "entry": _grows,
    "norms": lambda row: bool(row["norms_tenfold"] >= 2),
    "rank": lambda row: max(row["rank_tenfold"], row["distance_tenfold"]) <= 0.5,
}


def sign_kept(rows: Sequence[Row]) -> Judgement:
    """Judge Lemma 6 by flows of layers."""
    chosen = [
        row for row in balanced_runs(rows) + balanced_runs(rows, right=False) if row["depth"] > 2
    ]
    kept = [row["sign_kept"] and row["drift"] < DRIFT for row in chosen]
    return every(kept, "flows that kept the sign")


def loss_vanishes(rows: Sequence[Row]) -> Judgement:
    """Judge convergence to zero loss, with the opposite observation unperturbed."""
    chosen = balanced_runs(rows, any_opposite=False)
    return share_of([row["reached"] for row in chosen], "flows that reached the goal")


def of_right_sign(rows: Sequence[Row], *, holds: str, label: str) -> Judgement:
    """Judge a limit of Corollary 1 by the runs that meet its conditions."""
    chosen = [row for row in balanced_runs(rows, any_opposite=False) if row["reached"]]
    return every([TESTS[holds](row) for row in chosen], label)


def span(entries: Sequence[float]) -> str:
    """Between which numbers entries are: "at 707", "between 0.01 and 1.1"."""
    ends = dict.fromkeys(number(end) for end in (min(entries), max(entries)))
    return f"between {' and '.join(ends)}" if len(ends) > 1 else f"at {''.join(ends)}"


def sign_decides(rows: Sequence[Row]) -> Judgement:
    """Judge the controls by the rule of `entry-grows`, which they must fail."""
    chosen = [row for row in balanced_runs(rows, right=False, any_opposite=False) if row["reached"]]
    found = every([not _grows(row) for row in chosen], "controls in which the entry stayed bounded")
    if not chosen:
        return found
    entries = [row["entry"] for row in chosen]
    growth = "does not grow" if found.state is State.AGREES else "grows in some of them"
    return Judgement(
        found.state,
        f"{found.found}, ending {span(entries)}: with the wrong sign the entry {growth} as in the "
        "claim above",
    )


def bounds_hold(rows: Sequence[Row]) -> Judgement:
    """Judge the bounds of a theorem at all steps."""
    chosen = [row for row in balanced_runs(rows) if "margin" in row]
    return every([row["margin"] >= -ROUNDING for row in chosen], "runs within all bounds")


def _by_seed(rows: Sequence[Row]) -> list[list[Row]]:
    unbalanced = [row for row in rows if not row["balanced"] and row["reached"]]
    seeds = sorted({row["seed"] for row in unbalanced})
    return [[row for row in unbalanced if row["seed"] == seed] for seed in seeds]


def balance_helps(rows: Sequence[Row]) -> Judgement:
    """Judge balanced against unbalanced starts of the same depth, scale and seed."""
    found: dict[tuple[object, ...], dict[bool, float]] = {}
    for row in rows:
        if row["right_sign"] and row["reached"]:
            key = row["seed"], row["depth"], row["scale"]
            found.setdefault(key, {})[row["balanced"]] = row["entry"]
    pairs = [entry[True] > entry[False] for entry in found.values() if len(entry) == 2]
    return share_of(pairs, "pairs in which the balanced start led to the larger entry")


def small_starts_help(rows: Sequence[Row]) -> Judgement:
    """Judge, for each seed, the slope of the logarithm of the entry in that of the scale."""
    slopes = []
    for own in _by_seed(rows):
        of_depth = []
        for depth in {row["depth"] for row in own}:
            points = [(row["scale"], row["entry"]) for row in own if row["depth"] == depth]
            if len(points) > 1:
                scales, entries = np.log10(points).T
                of_depth.append(float(np.polyfit(scales, entries, 1)[0]))
        slopes += [float(np.mean(of_depth))] if of_depth else []
    return over_seeds(slopes, "slope of log entry in log scale, mean over depths", below=0)


def depth_helps(rows: Sequence[Row]) -> Judgement:
    """Judge, for each seed, depth 3 against depth 2 at the same scales."""
    gains = []
    for own in _by_seed(rows):
        entries = {(row["depth"], row["scale"]): row["entry"] for row in own}
        ratios = [
            np.log10(entries[3, scale] / entry)
            for (depth, scale), entry in entries.items()
            if depth == 2 and (3, scale) in entries
        ]
        gains += [float(np.mean(ratios))] if ratios else []
    return over_seeds(gains, "log10 of the ratio of the entries of depth 3 and 2", above=0)


def recedes(rows: Sequence[Row]) -> Judgement:
    """Judge whether the final entry of a fit falls with the opposite observation."""
    groups: dict[tuple[object, ...], list[tuple[float, float]]] = {}
    right = balanced_runs(rows)
    for row in right:
        if row["reached"]:
            point = abs(row["opposite"]), row["entry"]
            groups.setdefault((row["seed"], row["panel"]), []).append(point)
    several = [sorted(group) for group in groups.values() if len(group) > 1]
    falls = [all(a[1] > b[1] for a, b in itertools.pairwise(group)) for group in several]
    found = every(falls, "settings in which the entry falls with each larger perturbation")
    left = sum(not row["reached"] for row in right)
    text = f"{found.found}; {left} of {len(right)} flows left out, which diverge without a fit"
    return Judgement(found.state, text)


def _common(theorem: str) -> Iterator[Claim]:
    """The claims that the three figures share."""
    yield Claim(
        "loss-vanishes",
        "Section 1.3.3",
        "Matrix factorization fits the observations: from a balanced start of the right sign the "
        "loss tends to zero.",
        "More than half of the flows reach the goal, by the 95 % interval of the share.",
        loss_vanishes,
    )
    yield Claim(
        "sign-kept",
        "Lemma 6",
        "Gradient flow from a balanced start keeps the sign of the determinant.",
        "At every step of every flow of three or more layers, of either sign, the product of the "
        f"signs of the layers' determinants is that of the start, and unbalancedness, which the "
        f"flow conserves, drifted by less than {DRIFT:g}. (At depth 2 the integrator uses the "
        "lemma.)",
        sign_kept,
    )
    yield Claim(
        "entry-grows",
        f"{theorem}; Corollary 1",
        "As the loss falls, the unobserved entry grows at least like the inverse root of the loss.",
        "While the loss fell tenfold for the last time, the slope of the entry in 1 / sqrt(loss) "
        "was at least 95 % of the slope of its lower bound, in every flow of the right sign.",
        partial(of_right_sign, holds="entry", label="flows with this slope"),
    )
    yield Claim(
        "norms-grow",
        "Corollary 1",
        "All norms and quasi-norms grow to infinity as the loss tends to zero.",
        "While the loss fell tenfold for the last time, the Schatten quasi-norms for p = 1/2, 1, 2 "
        "and infinity all at least doubled, in every flow of the right sign.",
        partial(of_right_sign, holds="norms", label="flows in which all norms doubled"),
    )
    yield Claim(
        "rank-falls",
        "Corollary 1",
        "Effective rank and distance from the infimal rank tend to their infima.",
        "While the loss fell tenfold for the last time, the effective rank minus 1 and the "
        "distance both at least halved or were zero up to rounding, in every flow of the right "
        "sign.",
        partial(of_right_sign, holds="rank", label="flows in which both halved"),
    )
    yield Claim(
        "sign-decides",
        f"The condition of {theorem}",
        "The sign of the determinant decides: from a balanced start of the wrong sign the entry "
        "stays bounded.",
        "In no control flow of the wrong sign does the entry grow as the claim above demands.",
        sign_decides,
    )


def _bounds(theorem: str, equations: str) -> Claim:
    return Claim(
        "bounds",
        f"{theorem}, {equations}",
        "Norms stay above, effective rank and distance from the infimal rank below bounds that "
        "depend on the loss.",
        "No bound is broken by more than rounding errors (10⁻⁹) at any step of any flow of the "
        "right sign.",
        bounds_hold,
    )


FIGURE_1_1 = (
    *_common("Theorem 1"),
    _bounds("Theorem 1", "(1.8) to (1.10)"),
    Claim(
        "balance-helps",
        "Caption of Figure 1.1",
        "Balancedness contributes to the effect.",
        "The balanced start leads to the larger entry in more than half of the pairs of runs of "
        "the same depth, scale and seed, by the 95 % interval of the share.",
        balance_helps,
    ),
    Claim(
        "small-starts-help",
        "Caption of Figure 1.1",
        "From unbalanced starts, a smaller initialization contributes to the effect.",
        "The slope of the logarithm of the final entry in that of the scale is negative, by the "
        "95 % interval over seeds.",
        small_starts_help,
    ),
    Claim(
        "depth-helps",
        "Caption of Figure 1.1",
        "From unbalanced starts, depth 3 shows the effect more than depth 2.",
        "The mean log ratio of the final entries at equal scales is positive, by the 95 % interval "
        "over seeds.",
        depth_helps,
    ),
)
FIGURE_A_1 = tuple(_common("Appendix A.1"))
FIGURE_A_2 = (
    *_common("Theorem 2"),
    _bounds("Theorem 2", "(1.13) to (1.15)"),
    Claim(
        "recedes",
        "Section 1.3.4 (ii); Figure A.2",
        "The growth recedes gracefully as the opposite observation is perturbed away from zero.",
        "For each setting and seed, a larger opposite observation ends at a smaller entry.",
        recedes,
    ),
)
