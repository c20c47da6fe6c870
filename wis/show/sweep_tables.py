"""Tables of a sweep as text for a terminal, Markdown, LaTeX, or tidy csv.

A table has a line for each percentage and a column for each method. Cells hold the mean ± standard
deviation of the test or validation accuracy in percent. The last line holds the area under each
curve. A second table has the paired differences to a baseline with 95 % confidence intervals. See
`wis.experiments.summary`.

Tables of WIS against its rivals, by the rules of `wis.experiments.rivals`, have intervals to the
best rival, and wins, ties and losses; verdicts follow in words.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from wis.errors import ResultsError, UnknownNameError, counted
from wis.experiments.export import guarded
from wis.experiments.rivals import (
    BEST,
    Duel,
    against_best,
    chosen_by_validation,
    counts,
    duels,
    verdict,
)
from wis.experiments.summary import FULL, Cell, Panel

BASELINE = "random"
AREA = "area"
NOTHING = "–"


@dataclass(frozen=True)
class Grid:
    """A table of texts.

    Attributes:
        title: The text above the table.
        head: Names of the columns.
        lines: Cells of each line, one for each column.
    """

    title: str
    head: Sequence[str]
    lines: Sequence[Sequence[str]]


def format_tables(panels: Sequence[Panel], style: str, *, baseline: str = BASELINE) -> str:
    """Format all panels in one of the `STYLES`, or as csv.

    Args:
        panels: Panels from `wis.experiments.summary.panels_of`.
        style: ``"text"``, ``"markdown"``, ``"latex"`` or ``"csv"``.
        baseline: Label of the method that the others are compared with; ``"full"`` for the whole
            graph.

    Raises:
        UnknownNameError: The style is unknown, or no panel has the baseline.
        ResultsError: The baseline is the whole graph, but it has no rows.
    """
    if style not in (*STYLES, "csv"):
        raise UnknownNameError.among("style of table", style, (*STYLES, "csv"))
    check_baseline(panels, baseline)
    if style == "csv":
        return as_csv(CSV_HEAD, _csv_lines(panels, baseline))
    return "\n\n".join(STYLES[style](grid) for grid in grids(panels, baseline)) + "\n"


def check_baseline(panels: Sequence[Panel], baseline: str) -> None:
    """Raise the errors of `format_tables` unless a panel has rows of the baseline."""
    if baseline == BASELINE or any(panel.compares_with(baseline) for panel in panels):
        return
    if baseline == FULL:
        raise ResultsError(
            "no finished row is of the whole graph, which is the baseline; run the sweep with 0% "
            "among the amounts to remove"
        )
    labels = {label for panel in panels for label in panel.labels}
    raise UnknownNameError.among("method of these results", baseline, labels | {FULL})


def grids(panels: Iterable[Panel], baseline: str) -> list[Grid]:
    """Grids of accuracies, and of differences for panels with the baseline."""
    found = []
    for panel in panels:
        metric, failed = panel.shown, panel.num_failed
        title = (
            f"{panel.title}: {metric} in %, mean ± standard deviation over {seeds_of(panel)}"
            + (f"; {failed} runs failed" if failed else "")
        )
        found.append(_grid(panel, title, panel.labels, lambda pair: _spread(pair[0]), baseline))
        others = [label for label in panel.labels if label != baseline]
        if others and panel.compares_with(baseline):
            other = baseline if baseline in panel.labels else "the whole graph"
            title = (
                f"{panel.title}: difference to {other} in {metric}, paired by seed, with 95 % "
                "confidence intervals"
            )
            found.append(_grid(panel, title, others, lambda pair: interval(pair[1]), baseline))
    return found


Pair = tuple[Cell | None, Cell | None]
"""An accuracy or an area, and its difference to the baseline."""


def _pair(panel: Panel, label: str, percentage: float | None, baseline: str) -> Pair:
    """The numbers of a method at a percentage, or of the whole curve for None."""
    compares = panel.compares_with(baseline)
    if percentage is None:
        area = panel.area(label)
        return area, panel.area_difference(label, baseline) if compares else None
    accuracy = panel.accuracy(label, percentage)
    return accuracy, panel.difference(label, baseline, percentage) if compares else None


def _grid(
    panel: Panel, title: str, labels: Sequence[str], shown: Callable[[Pair], str], baseline: str
) -> Grid:
    rows: list[tuple[str, float | None]] = [(f"{p:g}", p) for p in panel.percentages]
    if len(rows) > 1:
        rows.append((AREA, None))
    lines = [
        [name, *(shown(_pair(panel, label, percentage, baseline)) for label in labels)]
        for name, percentage in rows
    ]
    return Grid(title, ["% removed", *labels], lines)


def seeds_of(panel: Panel) -> str:
    """Return the number of seeds in the cells of a panel, such as ``3 to 5 seeds``."""
    numbers = {len(rows) for cells in panel.rows.values() for rows in cells.values()}
    low, high = min(numbers), max(numbers)
    noun = "seed" if high == 1 else "seeds"
    return f"{high} {noun}" if low == high else f"{low} to {high} {noun}"


def _spread(cell: Cell | None) -> str:
    if cell is None:
        return NOTHING
    return f"{cell.mean:.1f}" if math.isnan(cell.std) else f"{cell.mean:.1f} ± {cell.std:.1f}"


def interval(cell: Cell | None) -> str:
    """Format a difference with its confidence interval, such as ``+1.0 [-0.5, +2.5]``."""
    if cell is None:
        return NOTHING
    if math.isnan(cell.low):
        return f"{cell.mean:+.1f}"
    return f"{cell.mean:+.1f} [{cell.low:+.1f}, {cell.high:+.1f}]"


def _aligned(grid: Grid) -> str:
    rows = [grid.head, *grid.lines]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join([grid.title, *lines])


def _marked_down(grid: Grid) -> str:
    rows = [grid.head, ["---:"] * len(grid.head), *grid.lines]
    lines = ("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
    return "\n".join([grid.title, "", *lines])


_SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "±": r"$\pm$",
        "–": "--",
        **{character: f"\\{character}" for character in "%_&#${}"},
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)


def _typeset(grid: Grid) -> str:
    rows = (" & ".join(cell.translate(_SPECIAL) for cell in row) for row in grid.lines)
    head = " & ".join(cell.translate(_SPECIAL) for cell in grid.head)
    body = [rf"{head} \\", r"\hline", *(rf"{row} \\" for row in rows)]
    columns = "r" * len(grid.head)
    return "\n".join(
        [f"% {grid.title}", rf"\begin{{tabular}}{{{columns}}}", *body, r"\end{tabular}"]
    )


STYLES: dict[str, Callable[[Grid], str]] = {
    "text": _aligned,
    "markdown": _marked_down,
    "latex": _typeset,
}
"""Functions that write a table, by style."""

CSV_HEAD = (
    *("panel", "metric", "method", "percent_removed", "num_seeds", "mean", "std"),
    *("difference", "difference_low", "difference_high"),
)


def as_csv(head: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """Lines of csv, in which no spreadsheet runs a text as a formula."""
    text = io.StringIO()
    rows = ([guarded(str(cell)) for cell in line] for line in lines)
    csv.writer(text, lineterminator="\n").writerows([head, *rows])
    return text.getvalue()


def _csv_lines(panels: Sequence[Panel], baseline: str) -> Iterator[Sequence[object]]:
    """A line for each method and percentage or area, with all digits."""
    for panel in panels:
        for label in panel.labels:
            for percentage in (*panel.percentages, None):
                cell, other = _pair(panel, label, percentage, baseline)
                if cell is None:
                    continue
                numbers = [cell.mean, cell.std]
                numbers += [other.mean, other.low, other.high] if other else [math.nan] * 3
                shown = ("" if math.isnan(number) else repr(number) for number in numbers)
                amount = AREA if percentage is None else f"{percentage:g}"
                yield panel.title, panel.metric, label, amount, cell.num, *shown


RULE = (
    "A win is a 95 % interval of the paired difference above 0, a loss one below 0, all else a "
    "tie. The best rival is chosen on these same test accuracies, which favours it."
)


def rival_grids(
    panels: Sequence[Panel], validation: Sequence[Panel] = ()
) -> tuple[list[Grid], list[str]]:
    """Make the tables of WIS against its rivals, and the verdicts in words.

    There is a table for each panel and one over all panels, and a verdict for each form of WIS;
    none if no panel has a form of WIS and a rival with two runs in common. `validation` has the
    same panels with ``metric="val"``, or is empty to leave out methods chosen by validation
    accuracy.
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


RIVALS_HEAD = (
    *("panel", "percent_removed", "method", "rival", "num_pairs"),
    *("difference", "difference_low", "difference_high", "outcome", "is_best_rival"),
)


def format_rivals(panels: Sequence[Panel], style: str, validation: Sequence[Panel] = ()) -> str:
    """Format `rival_grids` in one of the `STYLES`; csv has a line for each duel."""
    if style not in (*STYLES, "csv"):
        raise UnknownNameError.among("style of table", style, (*STYLES, "csv"))
    grids, words = rival_grids(panels, validation)
    if not grids:
        raise ResultsError(
            "no form of WIS (wis, gwis) has two seeds in common with another method at the same "
            "amount; give results that have both"
        )
    if style == "csv":
        return as_csv(RIVALS_HEAD, _duel_lines(panels))
    return "\n\n".join([*(STYLES[style](grid) for grid in grids), "\n".join(words)]) + "\n"


def _duel_lines(panels: Sequence[Panel]) -> Iterator[Sequence[object]]:
    met = duels(panels)
    best = {(d.panel, d.amount, d.ours, d.rival) for d in against_best(met)}
    for duel in met:
        place = (duel.panel, duel.amount, duel.ours, duel.rival)
        numbers = map(float, (duel.cell.mean, duel.cell.low, duel.cell.high))
        shown = (duel.panel, f"{duel.amount:g}", duel.ours, duel.rival, duel.cell.num)
        yield *shown, *numbers, duel.outcome, place in best
