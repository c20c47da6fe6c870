"""Tables of a sweep: text for a terminal, Markdown, LaTeX, and tidy csv.

A table has a line for each percentage and a column for each method, mean ± standard deviation of
the test or validation accuracy in percent, and below the area under each curve. A second one has
the paired differences to a baseline with their 95 % confidence intervals. See
`wis.experiments.summary`.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from wis.errors import ResultsError, UnknownNameError
from wis.experiments.export import guarded
from wis.experiments.summary import FULL, METRICS, Cell, Panel

BASELINE = "random"
AREA = "area"
NOTHING = "–"


@dataclass(frozen=True)
class Grid:
    """A table of texts.

    Attributes:
        title: What is above it.
        head: Names of the columns.
        lines: Cells of each line, as many as there are names.
    """

    title: str
    head: Sequence[str]
    lines: Sequence[Sequence[str]]


def format_tables(panels: Sequence[Panel], style: str, *, baseline: str = BASELINE) -> str:
    """All panels in one of the styles of `STYLES`.

    Args:
        panels: See `wis.experiments.summary.panels_of`.
        style: ``"text"``, ``"markdown"``, ``"latex"`` or ``"csv"``.
        baseline: Label of the method that the others are compared with; ``"full"`` for the whole
            graph.

    Raises:
        UnknownNameError: There is no such style; or no panel has the baseline, and it is not the
            one that is taken when none is named.
        ResultsError: The baseline is the whole graph, of which there are no rows.
    """
    if style not in STYLES:
        raise UnknownNameError.among("style of table", style, STYLES)
    check_baseline(panels, baseline)
    return STYLES[style](panels, baseline)


def check_baseline(panels: Sequence[Panel], baseline: str) -> None:
    """Raise, as `format_tables` says, unless there is something to compare with."""
    if baseline == BASELINE or any(panel.compares_with(baseline) for panel in panels):
        return
    if baseline == FULL:
        raise ResultsError(
            "no finished row is of the whole graph, to compare with; run the sweep with 0% among "
            "the amounts to remove"
        )
    labels = {label for panel in panels for label in panel.labels}
    raise UnknownNameError.among("method of these results", baseline, labels | {FULL})


def _text(panels: Sequence[Panel], baseline: str) -> str:
    return "\n\n".join(_aligned(grid) for grid in grids(panels, baseline)) + "\n"


def _markdown(panels: Sequence[Panel], baseline: str) -> str:
    return "\n\n".join(_marked_down(grid) for grid in grids(panels, baseline)) + "\n"


def _latex(panels: Sequence[Panel], baseline: str) -> str:
    return "\n\n".join(_typeset(grid) for grid in grids(panels, baseline)) + "\n"


def grids(panels: Iterable[Panel], baseline: str) -> list[Grid]:
    """Two tables for each panel, the second one only where it has the baseline."""
    found = []
    for panel in panels:
        found.append(_accuracies(panel))
        others = [label for label in panel.labels if label != baseline]
        if others and panel.compares_with(baseline):
            found.append(_differences(panel, baseline))
    return found


def _accuracies(panel: Panel) -> Grid:
    lines = [
        [f"{percentage:g}", *(_spread(panel.accuracy(label, percentage)) for label in panel.labels)]
        for percentage in panel.percentages
    ]
    if len(panel.percentages) > 1:
        lines.append([AREA, *(_spread(panel.area(label)) for label in panel.labels)])
    failed = f"; {panel.num_failed} runs failed" if panel.num_failed else ""
    title = (
        f"{panel.title}: {METRICS[panel.metric]} in %, mean ± standard deviation over "
        f"{seeds_of(panel)}{failed}"
    )
    return Grid(title, ["% removed", *panel.labels], lines)


def _differences(panel: Panel, baseline: str) -> Grid:
    labels = [label for label in panel.labels if label != baseline]
    lines = [
        [f"{p:g}", *(_interval(panel.difference(label, baseline, p)) for label in labels)]
        for p in panel.percentages
    ]
    if len(panel.percentages) > 1:
        areas = (panel.area_difference(label, baseline) for label in labels)
        lines.append([AREA, *map(_interval, areas)])
    is_full = baseline not in panel.labels
    title = (
        f"{panel.title}: difference to {'the whole graph' if is_full else baseline} in "
        f"{METRICS[panel.metric]}, paired by seed, with 95 % confidence intervals"
    )
    return Grid(title, ["% removed", *labels], lines)


def seeds_of(panel: Panel) -> str:
    """How many seeds its cells have."""
    numbers = {len(rows) for cells in panel.rows.values() for rows in cells.values()}
    low, high = min(numbers), max(numbers)
    noun = "seed" if high == 1 else "seeds"
    return f"{high} {noun}" if low == high else f"{low} to {high} {noun}"


def _spread(cell: Cell | None) -> str:
    if cell is None:
        return NOTHING
    return f"{cell.mean:.1f}" if math.isnan(cell.std) else f"{cell.mean:.1f} ± {cell.std:.1f}"


def _interval(cell: Cell | None) -> str:
    if cell is None:
        return NOTHING
    if math.isnan(cell.low):
        return f"{cell.mean:+.1f}"
    return f"{cell.mean:+.1f} [{cell.low:+.1f}, {cell.high:+.1f}]"


def _aligned(grid: Grid) -> str:
    rows = [list(grid.head), *map(list, grid.lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join([grid.title, *lines])


def _marked_down(grid: Grid) -> str:
    rows = [list(grid.head), ["---:"] * len(grid.head), *map(list, grid.lines)]
    lines = ("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
    return "\n".join([f"{grid.title}", "", *lines])


_SPECIAL = {
    "\\": r"\textbackslash{}",
    "±": r"$\pm$",
    "–": "--",
    **{character: f"\\{character}" for character in "%_&#${}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def _typeset(grid: Grid) -> str:
    def escaped(text: str) -> str:
        return "".join(_SPECIAL.get(character, character) for character in text)

    rows = [" & ".join(map(escaped, row)) + r" \\" for row in (grid.head, *grid.lines)]
    body = [rows[0], r"\hline", *rows[1:]]
    columns = "r" * len(grid.head)
    return "\n".join(
        [f"% {grid.title}", rf"\begin{{tabular}}{{{columns}}}", *body, r"\end{tabular}"]
    )


CSV_HEAD = (
    "panel",
    "metric",
    "method",
    "percent_removed",
    "num_seeds",
    "mean",
    "std",
    "difference",
    "difference_low",
    "difference_high",
)


def _csv(panels: Sequence[Panel], baseline: str) -> str:
    """One line for each method and percentage, and one for each area, all digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_HEAD)
    for panel in panels:
        for label in panel.labels:
            for percentage in panel.percentages:
                cell = panel.accuracy(label, percentage)
                other = None
                if panel.compares_with(baseline):
                    other = panel.difference(label, baseline, percentage)
                _write(writer.writerow, (*_place(panel, label), f"{percentage:g}"), cell, other)
            other = None
            if panel.compares_with(baseline):
                other = panel.area_difference(label, baseline)
            _write(writer.writerow, (*_place(panel, label), AREA), panel.area(label), other)
    return text.getvalue()


def _place(panel: Panel, label: str) -> tuple[str, str, str]:
    return guarded(panel.title), panel.metric, guarded(label)


def _write(
    write: Callable[[Sequence[object]], object],
    place: tuple[str, ...],
    cell: Cell | None,
    other: Cell | None,
) -> None:
    if cell is None:
        return
    numbers = (cell.mean, cell.std, *((other.mean, other.low, other.high) if other else ()))
    shown = ["" if math.isnan(number) else repr(number) for number in numbers]
    write([*place, cell.num, *shown, *[""] * (5 - len(shown))])


STYLES: dict[str, Callable[[Sequence[Panel], str], str]] = {
    "text": _text,
    "markdown": _markdown,
    "latex": _latex,
    "csv": _csv,
}
