"""The search: how much may each method remove, and which method then costs least?

Every trial trains one network with one seed on one cut graph. Its loss is the validation score of
the full graph minus its own, with the same seed and the same split. The search never reads a test
score.

- *Bisection with noise.* The mean losses of a method are fitted by a function that does not fall as
  more edges go (isotonic regression, each mean weighted by its number of seeds). The largest amount
  whose fitted loss is below the line, and the next amount that was tried, bracket the answer. The
  middle of the bracket is tried next. Once the bracket is one step wide, its two ends get further
  seeds, one by one, until they are clear: the mean loss differs from the line by `CLEAR` standard
  errors. If a mean crosses the line meanwhile, the bracket moves.
- *A margin.* The line lies below the allowed loss, by `SURE` standard errors of a mean over all
  seeds. Of many amounts whose loss is about the allowed one, the search would otherwise choose one
  whose mean is low by chance, and the true loss would be too high in half of all searches.
- *Successive halving* (Jamieson, Talwalkar, AISTATS 2016, arXiv:1502.07943). All methods are
  bracketed with a few seeds for each amount. The half whose largest allowed amount costs least goes
  on with twice as many, and so on, until one method is left; its amount gets all seeds. If that
  puts it behind a method that was out, this one comes back.

The fit assumes that losses grow with the amount. Where they fall again, the search may stop early.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from statistics import fmean

import numpy as np

NOTHING, EVERYTHING = 0, 100
STEP = 5
"""Distance of amounts in percent. Half of it would need about four times as many seeds."""

CLEAR = 2.0
"""Standard errors between a mean loss and the allowed one, beyond which no seed is added."""

SURE, MOST_MARGIN = 1.0, 0.5
"""The margin in standard errors: with 1 the true loss is allowed in five of six cases, with 1.64 in
19 of 20, and a third fewer edges go on Cora. At most this share of the allowed loss, so that a
search with few seeds can still answer."""

ROUNDS = 7
"""The first round of halving takes this part of all seeds for an amount, but at least two."""


@dataclass(frozen=True)
class Trial:
    """One training run on a cut graph.

    Attributes:
        method: Label of the method; empty if no edge or all edges were removed.
        percent: Percentage of the edges removed.
        seed: The seed of the run.
        val: Validation score; nan if the run diverged.
        test: Test score, which the search does not read.
        seconds: Wall time of the epochs.
    """

    method: str
    percent: int
    seed: int
    val: float
    test: float
    seconds: float


class Exhausted(Exception):
    """The budget allows no further run."""


@dataclass
class Search:
    """A search over methods and amounts."""

    num_methods: int
    run: Callable[[int | None, int, int], Trial]
    """``run(method, percent, seed)`` does a trial; the method is None for 0 and 100 %."""
    cost: Callable[[int, int], float]
    """``cost(method, percent)`` is what the cut graph costs, less is better."""
    max_loss: float  # of the validation score that is allowed; `line` is below it
    seeds: int  # the most seeds of a trial
    most_seeds: int  # of the best amount, if the budget allows them at the end
    affords: Callable[[int], bool]  # whether the budget allows so many further runs
    trials: dict[tuple[int | None, int, int], Trial] = field(default_factory=dict)
    alive: list[int] = field(default_factory=list)  # the methods that are still in the race
    reserve: int = 0

    def __post_init__(self) -> None:
        self.alive = list(range(self.num_methods))

    def search(self) -> None:
        """Spend the budget: most of it on the race, a reserve on the amount that is best then."""
        self.reserve = self.seeds
        with contextlib.suppress(Exhausted):
            self._race()
        self.reserve = 0
        with contextlib.suppress(Exhausted):
            for seeds in range(self.seeds, self.most_seeds + 1):
                self.seeds = seeds
                while self._confirm() or self._return_to_race():
                    pass

    def _race(self) -> None:
        for seed in range(min(3, self.seeds)):  # their spread is the first guess of the noise
            self.trial(None, NOTHING, seed)
        while not self.is_clear(None, EVERYTHING, self.seeds):
            self._add(None, EVERYTHING)
        most = min(max(2, self.seeds // ROUNDS), self.seeds)
        while True:
            for method in () if self.everything_may_go() else self.alive:
                self._bracket(method, most)
            if self.everything_may_go() or (len(self.alive) == 1 and most == self.seeds):
                if not self._confirm() and not self._return_to_race():
                    return
                continue
            self.alive = self.ranked()[: math.ceil(len(self.alive) / 2)]
            most = min(2 * most, self.seeds)

    def _return_to_race(self) -> bool:
        """Take back a method that was put out and is now ahead; returns whether there is one."""
        first = self.ranked(range(self.num_methods))[:1]
        comes_back = not self.everything_may_go() and not set(first) <= set(self.alive)
        if comes_back:
            self.alive = first
        return comes_back

    def _confirm(self) -> bool:
        """Give the best amount so far one more seed; returns whether it lacked one."""
        method, percent = self.best()
        lacks = percent != NOTHING and len(self.losses(method, percent)) < self.seeds
        if lacks:
            self._add(method, percent)
        return lacks

    def _bracket(self, method: int, most: int) -> None:
        while (percent := self._next(method, most)) is not None:
            self._add(method, percent)

    def _next(self, method: int, most: int) -> int | None:
        """The amount to try next; None if the bracket is narrow and both ends are clear."""
        low, high = self.bracket(method)
        if high - low > STEP:
            return (low + high) // (2 * STEP) * STEP
        ends = (end for end in (low, high) if end != NOTHING)
        return next((end for end in ends if not self.is_clear(method, end, most)), None)

    def _add(self, method: int | None, percent: int) -> None:
        self.trial(method, percent, len(self.losses(method, percent)))

    def trial(self, method: int | None, percent: int, seed: int) -> Trial:
        """A trial, done once, and the one on the full graph that it is paired with."""
        if percent != NOTHING:
            self.trial(None, NOTHING, seed)
        method = None if percent in (NOTHING, EVERYTHING) else method
        key = (method, percent, seed)
        if key not in self.trials:
            if not self.affords(1 + self.reserve):
                raise Exhausted
            self.trials[key] = self.run(*key)
        return self.trials[key]

    def done(self, method: int | None, percent: int, seed: int) -> Trial | None:
        """A trial, None if it was not done."""
        return self.trials.get(
            (None if percent in (NOTHING, EVERYTHING) else method, percent, seed)
        )

    def losses(self, method: int | None, percent: int, part: str = "val") -> list[float]:
        """Losses against the full graph, seed by seed; infinite where a run diverged."""
        found = []
        for seed in range(self.seeds):
            cut, full = self.done(method, percent, seed), self.done(None, NOTHING, seed)
            if cut is not None and full is not None:
                loss = getattr(full, part) - getattr(cut, part)
                found.append(math.inf if math.isnan(loss) else loss)
        return found

    def noise(self) -> float:
        """Standard deviation of a loss at one amount, pooled over all amounts with two seeds.

        Before there are any, √2 times that of the scores on the full graph.
        """
        places = {key[:2] for key in self.trials if key[1] != NOTHING}
        groups = [self.losses(*place) for place in places]
        found = [_finite_variance(group) for group in groups if len(group) > 1]
        weights = [len(group) - 1 for group in groups if len(group) > 1]
        if sum(weights) >= 2:
            return math.sqrt(math.fsum(np.multiply(found, weights)) / sum(weights))
        full = [trial.val for key, trial in self.trials.items() if key[1] == NOTHING]
        return math.sqrt(2 * _finite_variance(full)) if len(full) > 1 else 0.0

    @property
    def line(self) -> float:
        """The largest mean loss of an amount that is advised: the allowed one less a margin."""
        margin = SURE * self.noise() / math.sqrt(self.seeds)
        return self.max_loss - min(margin, MOST_MARGIN * self.max_loss)

    def is_clear(self, method: int | None, percent: int, most: int) -> bool:
        """Whether further seeds would hardly change on which side of the line an amount is."""
        losses = self.losses(method, percent)
        if not losses or len(losses) >= most:
            return bool(losses)
        distance = abs(fmean(losses) - self.line)
        return distance > CLEAR * self.noise() / math.sqrt(len(losses))

    def everything_may_go(self) -> bool:
        """Whether the graph without edges is good enough."""
        losses = self.losses(None, EVERYTHING)
        return bool(losses) and fmean(losses) <= self.line

    def bracket(self, method: int) -> tuple[int, int]:
        """The largest amount whose fitted loss is allowed, and the next amount that was tried."""
        from scipy.optimize import isotonic_regression

        tried = sorted({key[1] for key in self.trials if key[0] in (None, method)})
        groups = [self.losses(method, percent) for percent in tried]
        usable = [(p, group) for p, group in zip(tried, groups, strict=True) if group]
        means = np.array([fmean(group) for _, group in usable])
        sizes = np.array([len(group) for _, group in usable], dtype=float)
        fitted = isotonic_regression(np.minimum(means, 1e6), weights=sizes).x
        line = self.line
        allowed = [p for (p, _), loss in zip(usable, fitted, strict=True) if loss <= line]
        low = max(allowed, default=NOTHING)
        return low, min((p for p, _ in usable if p > low), default=EVERYTHING)

    def ranked(self, methods: Iterable[int] | None = None) -> list[int]:
        """Methods by the cost of their largest allowed amounts, then by validation loss.

        Those that were never tried are left out.
        """
        known = {key[0] for key in self.trials}
        chosen = self.alive if methods is None else [m for m in methods if m in known]
        places = {method: self.bracket(method)[0] for method in chosen}
        return sorted(places, key=lambda m: (self.cost(m, places[m]), self._loss(m, places[m]), m))

    def _loss(self, method: int, percent: int) -> float:
        losses = self.losses(method, percent)
        return fmean(losses) if losses else 0.0

    def best(self) -> tuple[int, int]:
        """The best method so far and its largest allowed amount, 0 if nothing may go."""
        if self.everything_may_go():
            return self.alive[0], EVERYTHING
        method = self.ranked()[0]
        return method, self.bracket(method)[0]


def _finite_variance(values: list[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return float(np.var(finite, ddof=1)) if len(finite) > 1 else 0.0
