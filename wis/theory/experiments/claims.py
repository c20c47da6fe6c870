"""Claims of the thesis, and rules that judge them from the rows of an experiment.

A claim is one sentence of the thesis that an experiment stands for, in our words. Its rule looks at
the rows of all seeds and says *agrees*, *disagrees* or *cannot tell*. The functions `over_seeds`,
`share_of` and `every` judge numbers and flags; `each_row`, `most_rows` and `each_seed` make rules
that judge rows by them.

    >>> from wis.theory.experiments.claims import over_seeds
    >>> over_seeds([0.4, 0.5, 0.6], "gain", above=0).state
    <State.AGREES: 'agrees'>
    >>> over_seeds([-0.4, -0.5, -0.6], "gain", above=0).state
    <State.DISAGREES: 'disagrees'>
    >>> over_seeds([0.5], "gain", above=0).state
    <State.CANNOT_TELL: 'cannot tell'>
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Row = dict[str, Any]


class State(enum.StrEnum):
    """What the rows say about a claim."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True)
class Judgement:
    """The state of a claim, and the numbers behind it.

    Attributes:
        state: What the rows say.
        found: The numbers, in a sentence without a full stop.
        interval: The 95 % interval that decided, if one did.
    """

    state: State
    found: str
    interval: tuple[float, float] | None = None


Rule = Callable[[Sequence[Row]], Judgement]
"""Judges rows of one size and of one or more seeds."""

Test = Callable[[Row], Any]


@dataclass(frozen=True)
class Claim:
    """A claim of the thesis.

    Attributes:
        name: A short name, unique within its experiment, such as ``"entry-grows"``.
        source: Where the thesis says it, such as ``"Theorem 1; Figure 1.1"``.
        statement: The claim in our words, one sentence.
        rule: How `judge` decides, one sentence.
        judge: The rule as a function of the rows.
    """

    name: str
    source: str
    statement: str
    rule: str
    judge: Rule


@dataclass(frozen=True)
class Verdict:
    """A judged claim.

    Attributes:
        claim: The claim.
        judgement: What the rows say about it.
        seeds: The seeds of the rows.
    """

    claim: Claim
    judgement: Judgement
    seeds: tuple[int, ...]

    def __str__(self) -> str:
        claim, found = self.claim, self.judgement
        return f"{found.state}: {claim.statement} ({claim.source}) {found.found}."

    def record(self) -> dict[str, Any]:
        """The verdict for JSON; ends of an interval that are not finite are None."""
        claim, found = self.claim, self.judgement
        ends = found.interval and [
            float(f"{end:.6g}") if math.isfinite(end) else None for end in found.interval
        ]
        return {
            **{key: getattr(claim, key) for key in ("name", "source", "statement", "rule")},
            "state": str(found.state),
            "found": found.found,
            "interval": ends,
            "seeds": list(self.seeds),
        }


def judge(claims: Sequence[Claim], rows: Sequence[Row]) -> list[Verdict]:
    """Judge each claim from rows of an experiment, of one size and of one or more seeds.

    >>> rule = lambda rows: over_seeds([row["error"] for row in rows], "error", below=0.1)
    >>> claim = Claim("fits", "Figure 2.2", "It fits.", "Mean error below 0.1.", rule)
    >>> judge([claim], [{"seed": 0, "error": 0.02}, {"seed": 1, "error": 0.03}])[0].judgement.state
    <State.AGREES: 'agrees'>
    """
    seeds = tuple(sorted({row["seed"] for row in rows if "seed" in row}))
    return [Verdict(claim, claim.judge(rows), seeds) for claim in claims]


def over_seeds(
    values: Sequence[float],
    label: str,
    *,
    above: float = -math.inf,
    below: float = math.inf,
    unit: str = "seeds",
) -> Judgement:
    """Compare the mean of one value for each seed with limits.

    It agrees if the 95 % t interval of the mean lies between the limits, and disagrees if it lies
    wholly outside of them. It cannot tell otherwise, or from fewer than two values, or from values
    that are not finite.

    Args:
        values: One value for each independent draw, such as a seed.
        label: The value in words.
        above: Lower limit.
        below: Upper limit.
        unit: The draws in words.
    """
    array = np.asarray(values, dtype=float)
    if len(array) < 2 or not np.isfinite(array).all():
        shown = ", ".join(f"{value:.3g}" for value in array) or "no value"
        return Judgement(State.CANNOT_TELL, f"{label}: {shown}; at least two values are needed")
    from scipy.stats import t

    half = t.ppf(0.975, len(array) - 1) * array.std(ddof=1) / len(array) ** 0.5
    low, high = float(array.mean() - half), float(array.mean() + half)
    text = f"{label}: mean {array.mean():.3g}, 95 % interval [{low:.3g}, {high:.3g}]"
    return Judgement(
        _between(low, high, above, below), f"{text} over {len(array)} {unit}", (low, high)
    )


def share_of(flags: Sequence[bool], label: str) -> Judgement:
    """Compare the share of true flags, one for each independent draw, with one half.

    It agrees if the exact (Clopper and Pearson) 95 % interval of the share lies above one half,
    disagrees if it lies below, and cannot tell otherwise. The label says what the flags share.
    """
    if not flags:
        return Judgement(State.CANNOT_TELL, f"{label}: no case")
    from scipy.stats import binomtest

    count = int(sum(map(bool, flags)))
    low, high = binomtest(count, len(flags)).proportion_ci()
    text = f"{label}: {count} of {len(flags)}, 95 % interval of the share [{low:.2f}, {high:.2f}]"
    return Judgement(_between(low, high, 0.5, math.inf), text, (float(low), float(high)))


def every(flags: Sequence[bool], label: str) -> Judgement:
    """Check a statement that has no exception, such as a theorem, on each case.

    It agrees if it holds in all cases, disagrees if it fails in one, and cannot tell without a
    case. Cases that do not meet the conditions of the theorem must be left out.
    """
    if not flags:
        return Judgement(State.CANNOT_TELL, f"{label}: no case meets the conditions")
    count = int(sum(map(bool, flags)))
    state = State.AGREES if count == len(flags) else State.DISAGREES
    return Judgement(state, f"{label}: {count} of {len(flags)}")


def _between(low: float, high: float, above: float, below: float) -> State:
    if above < low and high < below:
        return State.AGREES
    return State.DISAGREES if high <= above or low >= below else State.CANNOT_TELL


def each_row(test: Test, label: str, *, given: Test = lambda row: True) -> Rule:
    """A rule: `every` row of which `given` holds passes a test.

    >>> each_row(lambda row: row["rank"] < 3, "low ranks")([{"rank": 2}, {"rank": 5}]).found
    'low ranks: 1 of 2'
    """
    return lambda rows: every([test(row) for row in rows if given(row)], label)


def most_rows(test: Test, label: str, *, given: Test = lambda row: True) -> Rule:
    """A rule: by `share_of`, more than half of the rows of which `given` holds pass a test."""
    return lambda rows: share_of([test(row) for row in rows if given(row)], label)


def each_seed(
    value: Callable[[Sequence[Row]], float | None],
    label: str,
    *,
    by: tuple[str, ...] = ("seed",),
    **limits: Any,
) -> Rule:
    """A rule: `over_seeds` of a value of the rows of each seed; None leaves a seed out.

    The columns `by` tell the draws apart; `limits` are options of `over_seeds`.
    """

    def rule(rows: Sequence[Row]) -> Judgement:
        found = [value(own) for own in grouped(rows, *by).values()]
        return over_seeds([each for each in found if each is not None], label, **limits)

    return rule


def where(rows: Iterable[Row], **values: Any) -> list[Row]:
    """The rows that have some values.

    >>> where([{"rank": 2}, {"rank": 5}], rank=5)
    [{'rank': 5}]
    """
    return [row for row in rows if all(row[key] == value for key, value in values.items())]


def grouped(rows: Iterable[Row], *columns: str) -> dict[tuple[Any, ...], list[Row]]:
    """The rows by their values of some columns, in the order of the rows.

    >>> list(grouped([{"seed": 3}, {"seed": 1}, {"seed": 3}], "seed"))
    [(3,), (1,)]
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[column] for column in columns), []).append(row)
    return groups


def log_slope(rows: Sequence[Row], x: str, y: str) -> float:
    """The slope of the logarithm of a column in that of another: the exponent of a power law.

    >>> round(log_slope([{"scale": 1, "loss": 3}, {"scale": 10, "loss": 300}], "scale", "loss"), 9)
    2.0
    """
    xs, ys = (np.log([row[column] for row in rows]) for column in (x, y))
    return float(np.polyfit(xs, ys, 1)[0])
