"""The claims of Figures 1.1, A.1 and A.2, and the rules that judge them.

Source: Sections 1.3.2 to 1.3.4 and 1.4.1, Appendices A.1 and A.2.1, Lemma 6.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from wis.theory.experiments.claims import (
    Claim,
    Judgement,
    Row,
    State,
    each_row,
    each_seed,
    every,
    grouped,
    log_slope,
    most_rows,
    share_of,
    where,
)
from wis.theory.experiments.experiment import number

ROUNDING = 1e-9
DRIFT = 1e-6


def _unperturbed(row: Row, *, right: bool = True) -> bool:
    """Whether a flow is from a balanced start of a sign, for the unperturbed observations."""
    return bool(row["balanced"] and row["right_sign"] == right and row["opposite"] == 0)


def _fits(row: Row, *, right: bool = True) -> bool:
    return _unperturbed(row, right=right) and bool(row["reached"])


def grows(row: Row) -> bool:
    """Whether the slope of the entry in 1 / sqrt(loss) is at least 95 % of its bound's."""
    return bool(row["growth"] >= 0.95 / 2**0.5)


def span(entries: Sequence[float]) -> str:
    """Between which numbers entries are: "at 707", "between 0.01 and 1.1"."""
    ends = dict.fromkeys(number(end) for end in (min(entries), max(entries)))
    return f"between {' and '.join(ends)}" if len(ends) > 1 else f"at {''.join(ends)}"


def sign_decides(rows: Sequence[Row]) -> Judgement:
    """Judge the controls by the rule of `entry-grows`, which they must fail."""
    chosen = [row for row in rows if _fits(row, right=False)]
    found = every([not grows(row) for row in chosen], "controls in which the entry stayed bounded")
    if not chosen:
        return found
    entries = [row["entry"] for row in chosen]
    growth = "does not grow" if found.state is State.AGREES else "grows in some of them"
    return Judgement(
        found.state,
        f"{found.found}, ending {span(entries)}: with the wrong sign the entry {growth} as in the "
        "claim above",
    )


def balance_helps(rows: Sequence[Row]) -> Judgement:
    """Judge balanced against unbalanced starts of the same depth, scale and seed."""
    fitted = [row for row in rows if row["right_sign"] and row["reached"]]
    entries = [
        {row["balanced"]: row["entry"] for row in own}
        for own in grouped(fitted, "seed", "depth", "scale").values()
    ]
    pairs = [entry[True] > entry[False] for entry in entries if len(entry) == 2]
    return share_of(pairs, "pairs in which the balanced start led to the larger entry")


def _unbalanced(own: Sequence[Row]) -> list[Row]:
    return [row for row in own if not row["balanced"] and row["reached"]]


def _slope_in_scale(own: Sequence[Row]) -> float | None:
    """The exponent of the scale in the entries from unbalanced starts, the mean over depths."""
    of_depth = [
        log_slope(points, "scale", "entry")
        for points in grouped(_unbalanced(own), "depth").values()
        if len(points) > 1
    ]
    return float(np.mean(of_depth)) if of_depth else None


def _gain_of_depth_3(own: Sequence[Row]) -> float | None:
    """Mean log ratio of the entries of depths 3 and 2 from unbalanced starts of equal scales."""
    entries = {(row["depth"], row["scale"]): row["entry"] for row in _unbalanced(own)}
    ratios = [
        np.log10(entries[3, scale] / entry)
        for (depth, scale), entry in entries.items()
        if depth == 2 and (3, scale) in entries
    ]
    return float(np.mean(ratios)) if ratios else None


def recedes(rows: Sequence[Row]) -> Judgement:
    """Judge whether the final entry of a fit falls with the opposite observation."""
    right = where(rows, balanced=True, right_sign=True)
    fitted = grouped(where(right, reached=True), "seed", "panel").values()
    several = [
        sorted((abs(row["opposite"]), row["entry"]) for row in own)
        for own in fitted
        if len(own) > 1
    ]
    falls = [all(a[1] > b[1] for a, b in itertools.pairwise(points)) for points in several]
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
        most_rows(lambda row: row["reached"], "flows that reached the goal", given=_unperturbed),
    )
    yield Claim(
        "sign-kept",
        "Lemma 6",
        "Gradient flow from a balanced start keeps the sign of the determinant.",
        "At every step of every flow of three or more layers, of either sign, the product of the "
        f"signs of the layers' determinants is that of the start, and unbalancedness, which the "
        f"flow conserves, drifted by less than {DRIFT:g}. (At depth 2 the integrator uses the "
        "lemma.)",
        each_row(
            lambda row: row["sign_kept"] and row["drift"] < DRIFT,
            "flows that kept the sign",
            given=lambda row: row["balanced"] and row["depth"] > 2,
        ),
    )
    yield Claim(
        "entry-grows",
        f"{theorem}; Corollary 1",
        "As the loss falls, the unobserved entry grows at least like the inverse root of the loss.",
        "While the loss fell tenfold for the last time, the slope of the entry in 1 / sqrt(loss) "
        "was at least 95 % of the slope of its lower bound, in every flow of the right sign.",
        each_row(grows, "flows with this slope", given=_fits),
    )
    yield Claim(
        "norms-grow",
        "Corollary 1",
        "All norms and quasi-norms grow to infinity as the loss tends to zero.",
        "While the loss fell tenfold for the last time, the Schatten quasi-norms for p = 1/2, 1, 2 "
        "and infinity all at least doubled, in every flow of the right sign.",
        each_row(
            lambda row: row["norms_tenfold"] >= 2, "flows in which all norms doubled", given=_fits
        ),
    )
    yield Claim(
        "rank-falls",
        "Corollary 1",
        "Effective rank and distance from the infimal rank tend to their infima.",
        "While the loss fell tenfold for the last time, the effective rank minus 1 and the "
        "distance both at least halved or were zero up to rounding, in every flow of the right "
        "sign.",
        each_row(
            lambda row: max(row["rank_tenfold"], row["distance_tenfold"]) <= 0.5,
            "flows in which both halved",
            given=_fits,
        ),
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
        each_row(
            lambda row: row["margin"] >= -ROUNDING,
            "runs within all bounds",
            given=lambda row: row["balanced"] and row["right_sign"] and "margin" in row,
        ),
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
        each_seed(_slope_in_scale, "slope of log entry in log scale, mean over depths", below=0),
    ),
    Claim(
        "depth-helps",
        "Caption of Figure 1.1",
        "From unbalanced starts, depth 3 shows the effect more than depth 2.",
        "The mean log ratio of the final entries at equal scales is positive, by the 95 % interval "
        "over seeds.",
        each_seed(_gain_of_depth_3, "log10 of the ratio of the entries of depth 3 and 2", above=0),
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
