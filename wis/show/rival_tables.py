"""Tables of WIS against its rivals: intervals to the best rival; wins, ties and losses; verdicts.

The rules are those of `wis.experiments.rivals`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from wis.errors import ResultsError, UnknownNameError, counted
from wis.experiments.rivals import (
    BEST,
    Duel,
    against_best,
    chosen_by_validation,
    counts,
    duels,
    verdict,
)
from wis.experiments.summary import Panel
from wis.show.sweep_tables import NOTHING, STYLES, Grid, as_csv, interval

RULE = (
    "A win is a 95 % interval of the paired difference above 0, a loss one below 0, all else a "
    "tie. The best rival is chosen on these same test accuracies, which favours it."
)


def rival_grids(
    panels: Sequence[Panel], validation: Sequence[Panel] = ()
) -> tuple[list[Grid], list[str]]:
    """Make the tables of WIS against its rivals, and the verdicts in words.

    Args:
        panels: Panels from `wis.experiments.summary.panels_of`.
        validation: The same panels with ``metric="val"``; empty to leave out the comparison of
            methods that are chosen by validation accuracy.

    Returns:
        A table for each panel and one over all panels; a verdict for each form of WIS. Both are
        empty if no panel has a form of WIS and a rival with two runs in common.
    """
    met = duels(panels)
    best, chosen = against_best(met), chosen_by_validation(panels, validation)
    if not met:
        return [], []
    tables = [_panel_grid(p, [d for d in best if d.panel == p.title]) for p in panels]
    ours = _distinct(duel.ours for duel in best)
    rows = [(name, BEST, [d for d in best if d.ours == name]) for name in ours]
    rows += [(d.ours, "rival by validation", chosen) for d in chosen[:1]]
    words = [verdict(each, [d for d in met if d.ours == name]) for name, _, each in rows]
    return [*filter(None, tables), _count_grid(rows), _each_rival(met, ours)], words


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _panel_grid(panel: Panel, best: Sequence[Duel]) -> Grid | None:
    """Differences of each form of WIS to its best rival at each amount."""
    if not best:
        return None
    ours = _distinct(duel.ours for duel in best)
    cells = {(duel.amount, duel.ours): _told(duel) for duel in best}
    lines = [
        [f"{amount:g}", *(cells.get((amount, name), NOTHING) for name in ours)]
        for amount in sorted({duel.amount for duel in best})
    ]
    title = f"{panel.title}: difference to the best rival in {panel.shown}, in points"
    return Grid(title, ["% removed", *ours], lines)


def _told(duel: Duel) -> str:
    return f"{interval(duel.cell)} {duel.outcome}, {duel.rival}"


def _count_grid(rows: Sequence[tuple[str, str, Sequence[Duel]]]) -> Grid:
    """Wins, ties and losses at each amount and over all amounts."""
    amounts = sorted({duel.amount for _, _, met in rows for duel in met})
    lines = []
    for ours, rival, met in rows:
        at = [[duel for duel in met if duel.amount == amount] for amount in amounts]
        lines.append([ours, rival, *map(_counted, at), _counted(met)])
    title = f"wins / ties / losses against the best rival. {RULE}"
    return Grid(title, ["WIS", "against", *(f"{a:g} %" for a in amounts), "all"], lines)


def _each_rival(met: Sequence[Duel], ours: Sequence[str]) -> Grid:
    """Wins, ties and losses against each rival over all amounts."""
    panels = len({duel.panel for duel in met})
    lines = [
        [rival, *(_counted([d for d in met if (d.ours, d.rival) == (o, rival)]) for o in ours)]
        for rival in _distinct(duel.rival for duel in met)
    ]
    title = f"wins / ties / losses against each rival, over {counted(panels, 'panel')}"
    return Grid(f"{title} and all amounts", ["rival", *ours], lines)


def _counted(met: Sequence[Duel]) -> str:
    found = counts(met)
    return f"{found['win']} / {found['tie']} / {found['loss']}" if met else NOTHING


CSV_HEAD = (
    *("panel", "percent_removed", "method", "rival", "num_pairs"),
    *("difference", "difference_low", "difference_high", "outcome", "is_best_rival"),
)


def format_rivals(panels: Sequence[Panel], style: str, validation: Sequence[Panel] = ()) -> str:
    """Format `rival_grids` in a style of `wis.show.sweep_tables`; csv has a line for each duel."""
    if style not in (*STYLES, "csv"):
        raise UnknownNameError.among("style of table", style, (*STYLES, "csv"))
    grids, words = rival_grids(panels, validation)
    if not grids:
        raise ResultsError(
            "no form of WIS (wis, gwis) has two seeds in common with another method at the same "
            "amount; give results that have both"
        )
    if style == "csv":
        return as_csv(CSV_HEAD, _csv_lines(panels))
    return "\n\n".join([*(STYLES[style](grid) for grid in grids), "\n".join(words)]) + "\n"


def _csv_lines(panels: Sequence[Panel]) -> Iterator[Sequence[object]]:
    met = duels(panels)
    best = {(d.panel, d.amount, d.ours, d.rival) for d in against_best(met)}
    for duel in met:
        place = (duel.panel, duel.amount, duel.ours, duel.rival)
        numbers = map(float, (duel.cell.mean, duel.cell.low, duel.cell.high))
        shown = (duel.panel, f"{duel.amount:g}", duel.ours, duel.rival, duel.cell.num)
        yield *shown, *numbers, duel.outcome, place in best
