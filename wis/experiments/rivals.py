"""Compare WIS with its rivals over many graphs: wins, ties and losses, and a verdict in words.

A *cell* is one panel (graph and training) and one amount between 0 and 100 %. In a cell, each form
of WIS (the methods `OURS`) meets each other method. Their difference in accuracy is paired by seed
and split, and has a 95 % interval by Student's t.

The rule: WIS *wins* if the whole interval is above 0, *loses* if it is below 0, and else *ties*,
which means that these runs cannot tell. A method needs at least two pairs.

The *best rival* of a cell is the method with the smallest mean difference to that form of WIS. It
is found on the same test accuracies on which it is compared, so luck favours it: of several equal
methods the best looks better than it is. A loss to the best rival is thus weaker evidence than a
win over it. `chosen_by_validation` has no such bias: on both sides the method is chosen by
validation accuracy, as a user would do, and compared on test vertices.

The verdict over n cells: if WIS and its rivals were equal, a cell would be a win with a probability
of at most 2.5 %, and a loss to the best of k rivals with at most k times as much. Wins count as
more than chance if so many have a probability below 5 % under the binomial distribution; so do
losses. The factor k is cautious, since rivals resemble each other. Cells of one graph share seeds
and are not independent. So the verdict is a guide and no test.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from wis.errors import counted
from wis.experiments.summary import CONFIDENCE, Cell, Panel

OURS = ("wis", "gwis")
"""Methods that are forms of WIS; all others are rivals."""
CHOSEN = "WIS by validation"
BEST = "best rival"
LISTED = 6

Outcome = Literal["win", "tie", "loss"]
Standing = Literal["ahead", "behind", "mixed", "open"]


@dataclass(frozen=True)
class Duel:
    """A form of WIS against a rival in one cell."""

    panel: str  # title of the panel
    amount: float  # percentage of the edges that are removed
    ours: str  # label of the form of WIS
    rival: str  # label of the other method
    cell: Cell  # the paired differences in accuracy, in points; positive if WIS is better
    among: int = 1  # the number of rivals of which this one is the best

    @property
    def outcome(self) -> Outcome:
        """The outcome by the rule of this module."""
        return "win" if self.cell.low > 0 else "loss" if self.cell.high < 0 else "tie"


def duels(panels: Iterable[Panel]) -> list[Duel]:
    """Pair each form of WIS with each rival in each cell in which both have two runs in common."""
    return [
        Duel(panel.title, amount, ours, rival, cell)
        for panel in panels
        for amount in _amounts(panel)
        for ours in labels_of(panel, ours=True)
        for rival in labels_of(panel, ours=False)
        if (cell := panel.difference(ours, rival, amount)) is not None and cell.num > 1
    ]


def _amounts(panel: Panel) -> Iterator[float]:
    return (amount for amount in panel.percentages if 0 < amount < 100)


def labels_of(panel: Panel, *, ours: bool) -> list[str]:
    """Return the labels of the forms of WIS, or of the rivals."""
    methods = {
        label: next(row["method"] for rows in cells.values() for row in rows.values())
        for label, cells in panel.rows.items()
    }
    return [label for label, method in methods.items() if (method in OURS) == ours]


def against_best(met: Iterable[Duel]) -> list[Duel]:
    """Keep the duel with the best rival of each form of WIS in each cell."""
    places: dict[tuple[str, float, str], list[Duel]] = defaultdict(list)
    for duel in met:
        places[duel.panel, duel.amount, duel.ours].append(duel)
    return [
        replace(min(each, key=lambda duel: duel.cell.mean), among=len(each))
        for each in places.values()
    ]


def chosen_by_validation(test: Sequence[Panel], validation: Sequence[Panel]) -> list[Duel]:
    """In each cell, pair the form of WIS and the rival with the best validation accuracies.

    `validation` has the panels of `test` with validation accuracies, or is empty.
    """
    found = []
    for shown, chooser in zip(test, validation, strict=False):
        for amount in _amounts(shown):
            pair = [_best_by_mean(chooser, amount, ours=side) for side in (True, False)]
            if None in pair:
                continue
            cell = shown.difference(str(pair[0]), str(pair[1]), amount)
            if cell is not None and cell.num > 1:
                found.append(Duel(shown.title, amount, CHOSEN, str(pair[1]), cell))
    return found


def _best_by_mean(panel: Panel, amount: float, *, ours: bool) -> str | None:
    """The label with the highest mean, among those with the most runs."""
    cells = {label: panel.accuracy(label, amount) for label in labels_of(panel, ours=ours)}
    full = {label: cell for label, cell in cells.items() if cell is not None}
    most = max((cell.num for cell in full.values()), default=0)
    full = {label: cell for label, cell in full.items() if cell.num == most}
    return max(full, key=lambda label: full[label].mean, default=None)


def counts(met: Iterable[Duel]) -> Counter[Outcome]:
    """Count wins, ties and losses."""
    return Counter(duel.outcome for duel in met)


def standing(met: Sequence[Duel]) -> Standing:
    """Return whether there are more wins, or more losses, than chance gives."""
    found = counts(met)
    wins = _more_than_chance(found["win"], len(met), 1)
    losses = _more_than_chance(found["loss"], len(met), max(duel.among for duel in met))
    return ("mixed" if losses else "ahead") if wins else "behind" if losses else "open"


WORDS: Mapping[Standing, str] = {
    "ahead": "is ahead of",
    "behind": "is behind",
    "mixed": "is ahead in some cells and behind in others against",
    "open": "cannot be told by these runs from",
}


def verdict(best: Sequence[Duel], met: Iterable[Duel] = ()) -> str:
    """Say in words how one form of WIS does, by the rule of this module.

    Args:
        best: Duels of one form of WIS with the best rival, one for each cell.
        met: Its duels with all rivals, for a sentence about each of them by the same rule.

    >>> cell = Cell(5, 1.0, 0.5, 0.4, 1.6)
    >>> verdict([Duel("cora, gcn", 50.0, "1-WIS", "random", cell)])
    '1-WIS is ahead of the best rival: 1 win, 0 ties, 0 losses in 1 cell. Wins: cora, gcn at 50 %.'
    >>> verdict([])
    'Nothing can be said: no cell has two paired runs.'
    """
    if not best:
        return "Nothing can be said: no cell has two paired runs."
    found = counts(best)
    numbers = ", ".join(counted(found[outcome], outcome) for outcome in get_args(Outcome))
    start = f"{best[0].ours} {WORDS[standing(best)]} the best rival: {numbers} in "
    places = [*_places(best, "win", "Wins"), *_places(best, "loss", "Losses")]
    return " ".join([f"{start}{counted(len(best), 'cell')}.", *places, *_one_by_one(met)])


def _one_by_one(met: Iterable[Duel]) -> list[str]:
    by_rival: dict[str, list[Duel]] = defaultdict(list)
    for duel in met:
        by_rival[duel.rival].append(duel)
    found = {rival: standing(each) for rival, each in by_rival.items()}
    named = {each: ", ".join(r for r in found if found[r] == each) for each in WORDS}
    told = "; ".join(f"it {WORDS[each]} {rivals}" for each, rivals in named.items() if rivals)
    return [f"One by one, {told}."] if told else []


def _more_than_chance(number: int, cells: int, among: int) -> bool:
    from scipy.stats import binom

    by_chance = min(1.0, among * (1 - CONFIDENCE) / 2)
    return number > 0 and bool(binom.sf(number - 1, cells, by_chance) < 1 - CONFIDENCE)


def _places(met: Iterable[Duel], outcome: Outcome, title: str) -> list[str]:
    """The cells with an outcome, grouped by panel, in one sentence."""
    amounts: dict[str, list[str]] = {}
    for duel in met:
        if duel.outcome == outcome:
            amounts.setdefault(duel.panel, []).append(f"{duel.amount:g}")
    named = [f"{panel} at {', '.join(at)} %" for panel, at in amounts.items()]
    more = f"; and {len(named) - LISTED} more panels" if len(named) > LISTED else ""
    return [f"{title}: {'; '.join(named[:LISTED])}{more}."] if named else []
