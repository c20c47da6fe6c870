"""Figures of a sweep: accuracy against removed edges, and the cost in time and memory.

There is one panel for each data set and model, and one line for each method, with means as markers
and standard deviations as bars. A figure grows with its legend; long names are wrapped and
shortened in the middle. The colours are those of Okabe and Ito, which people with any colour vision
can distinguish. Markers and dashes differ too, for black-and-white prints. Only figure objects of
matplotlib are used, so no display is needed.

A serving sweep is drawn as accuracy against the cost of predicting one vertex. Each graph and model
has a panel with the edges read, which do not depend on the machine, and one with the median latency
if it was measured; costs are logarithmic. A line joins the amounts of a method. Forms of WIS and
k-neighbor have colours, other methods are grey. The settings on the front, which no other setting
beats in accuracy at the same cost or less, are ringed and named.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wis.base.figures import check_can_plot, fitted, save_figure
from wis.errors import ResultsError
from wis.experiments.results import Row, number_in
from wis.experiments.serve_summary import EMPTY, Line, by_panel, front
from wis.experiments.summary import FULL, METRICS, Cell, Panel
from wis.show.plot import INK, legend_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999933")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("-", (0, (5, 1.5)), (0, (1, 1)), "-.", (0, (3, 1, 1, 1, 1, 1)), (0, (8, 2)))
COLUMNS = 3
TITLE_WIDTH, LABEL_WIDTH, TICK_WIDTH = 3.1, 3.9, 2.0  # inches
SHORTEST_S = 1e-6  # a logarithmic axis has no zero, so shorter times are drawn as this


def plot_accuracy(panels: Sequence[Panel], path: str | Path, *, force: bool = False) -> Path:
    """Draw accuracy, or another metric of the panels, against the percentage of removed edges."""
    check_can_plot(path)
    return save_figure(accuracy_figure(panels), path, force=force, dpi=200)


def plot_costs(panels: Sequence[Panel], path: str | Path, *, force: bool = False) -> Path:
    """Draw seconds per order, seconds per epoch, and peak memory; see `plot_accuracy`."""
    check_can_plot(path)
    return save_figure(cost_figure(panels), path, force=force, dpi=200)


def accuracy_figure(panels: Sequence[Panel]) -> Figure:
    """The figure of `plot_accuracy`."""
    columns = min(COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    styles = _styles(panels)
    figure = _figure(max(5.2, 4.6 * columns), 3.7 * rows, styles)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(panels) :]:
        axes.remove()
    for axes, panel in zip(grid, panels, strict=False):
        _lines(axes, panel, panel.accuracy, styles)
        _dress(axes, panel, f"{panel.shown} (%)")
    _legend(figure, grid, panels)
    return figure


def cost_figure(panels: Sequence[Panel]) -> Figure:
    """The figure of `plot_costs`: three drawings side by side for each panel."""
    styles = _styles(panels)
    height = max(3.6, 1.4 + 0.2 * max(len(panel.labels) for panel in panels))
    figure = _figure(13.8, height * len(panels), styles)
    grid = figure.subplots(len(panels), 3, squeeze=False)
    for (order, *others), panel in zip(grid, panels, strict=True):
        _order_seconds(order, panel, styles)
        for axes, value, title in (
            (others[0], _epoch_seconds, "seconds of an epoch of one seed\n(of CPU time, on a CPU)"),
            (others[1], _mebibytes, "peak memory while training (MiB)"),
        ):
            _lines(axes, panel, partial(_mean_of, panel, value), styles)
            _dress(axes, panel, title)
            # axes start at zero, so that close values look close, and leave room for markers
            axes.set_ylim(0, 1.06 * axes.dataLim.y1 if axes.has_data() else None)
            if not axes.containers:
                _say_nothing_is_known(axes)
    _legend(figure, grid[:, 1], panels)
    return figure


def _figure(width: float, height: float, styles: Mapping[str, Any]) -> Figure:
    """A figure with room for the legend below the drawings."""
    from matplotlib.figure import Figure

    below = 0.6 + 0.21 * math.ceil(len(styles) / legend_columns(map(_name, styles), width - 0.3))
    return Figure(figsize=(width, height + below), layout="constrained")


def _name(label: str) -> str:
    return fitted(label, LABEL_WIDTH)


def _styles(panels: Sequence[Panel]) -> dict[str, dict[str, Any]]:
    """A line style for each method, the same in all panels; the first 64 styles are distinct."""
    labels = dict.fromkeys(label for panel in panels for label in panel.labels)
    return {
        label: {
            "color": COLOURS[index % len(COLOURS)],
            "marker": MARKERS[(index + index // len(COLOURS)) % len(MARKERS)],
            "linestyle": DASHES[index % len(DASHES)],
        }
        for index, label in enumerate(labels)
    }


def _lines(
    axes: Axes,
    panel: Panel,
    cell_at: Callable[[str, float], Cell | None],
    styles: dict[str, dict[str, Any]],
) -> None:
    """Draw a line through the means of each method, with bars for standard deviations."""
    for label in panel.labels:
        found = [(p, cell) for p in panel.percentages if (cell := cell_at(label, p)) is not None]
        if not found:
            continue
        spreads = [0.0 if math.isnan(cell.std) else cell.std for _, cell in found]
        axes.errorbar(
            [percentage for percentage, _ in found],
            [cell.mean for _, cell in found],
            yerr=spreads if any(spreads) else None,
            label=_name(label),
            markersize=4.5,
            linewidth=1.4,
            elinewidth=0.8,
            capsize=2,
            **styles[label],
        )


def _mean_of(
    panel: Panel, value: Callable[[Row], float | None], label: str, percentage: float
) -> Cell | None:
    rows = panel.rows[label].get(percentage, {}).values()
    return Cell.of(v for v in map(value, rows) if v is not None)


def _epoch_seconds(row: Row) -> float | None:
    on_cpu = row["config"].get("device") == "cpu"
    seconds = number_in(row, "cpu_seconds" if on_cpu else "seconds")
    epochs = number_in(row, "num_epochs")
    return seconds / epochs if seconds is not None and epochs else None


def _mebibytes(row: Row) -> float | None:
    peak = number_in(row, "peak_memory_bytes")
    return None if peak is None else peak / 2**20


def _order_seconds(axes: Axes, panel: Panel, styles: dict[str, dict[str, Any]]) -> None:
    """Draw the mean time of an order of each method as a bar, on a logarithmic axis."""
    means = {}
    for label in panel.labels:
        values = panel.costs(label, "order_seconds")
        if values:
            means[label] = max(sum(values) / len(values), SHORTEST_S)
    places = list(range(len(means)))
    axes.barh(places, list(means.values()), color=[styles[label]["color"] for label in means])
    axes.set_yticks(places, [fitted(label, TICK_WIDTH) for label in means])
    for place, mean in zip(places, means.values(), strict=True):
        axes.annotate(f" {_seconds(mean)} s", (mean, place), va="center", fontsize=8, color=INK)
    axes.invert_yaxis()
    axes.set_xlabel("seconds for an order of all edges")
    axes.set_title(fitted(panel.title, TITLE_WIDTH, lines=2), fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    if means:
        _scale_by_decades(axes, min(means.values()), max(means.values()))
    else:
        _say_nothing_is_known(axes)


def _scale_by_decades(axes: Axes, low: float, high: float) -> None:
    """Set a logarithmic axis with ticks at powers of ten and room after the longest bar."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_xscale("log")
    first, last = math.floor(math.log10(low) - 0.2), math.ceil(math.log10(high) + 0.1)
    axes.set_xlim(10.0**first, 10.0 ** (last + 0.3 * (last - first)))
    axes.xaxis.set_major_locator(LogLocator(numticks=6))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _seconds(mean: float) -> str:
    return f"{mean:,.0f}" if mean >= 100 else f"{mean:.2g}"


def _say_nothing_is_known(axes: Axes) -> None:
    axes.set(xticks=[], yticks=[])
    axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=INK)


def _dress(axes: Axes, panel: Panel, what: str) -> None:
    axes.set_title(fitted(panel.title, TITLE_WIDTH, lines=2), fontsize=10)
    axes.set_xlabel("edges removed (%)")
    if len(panel.percentages) == 1:
        axes.set_xticks(panel.percentages)
    axes.set_ylabel(what)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _legend(figure: Figure, grid: Iterable[Axes], panels: Sequence[Panel]) -> None:
    """Add one legend below the drawings, with each method once and the number of seeds."""
    handles: dict[str, Any] = {}
    for axes in grid:
        if axes.figure is not None:
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
                handles.setdefault(label, handle)
    if not handles:
        return
    numbers = [len(rows) for p in panels for cells in p.rows.values() for rows in cells.values()]
    low, high = min(numbers), max(numbers)
    seeds = f"{low}" if low == high else f"{low} to {high}"
    bars = f"mean of {seeds} seeds, error bars: standard deviation"
    width = figure.get_size_inches()[0]
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside lower center",
        ncols=min(len(handles), legend_columns(map(_name, handles), width - 0.3)),
        frameon=False,
        title="one seed" if high == 1 else bars,
        title_fontsize="small",
    )


COSTS: dict[str, Callable[[Line], float]] = {
    "edges read by a prediction of one vertex": lambda line: line["edges_read"],
    "milliseconds of a prediction of one vertex (median)": lambda line: line["median_ms"].get(
        "full_1", math.nan
    ),
}


def plot_serving(
    lines: Sequence[Line], path: str | Path, *, metric: str = "test", force: bool = False
) -> Path:
    """Draw accuracy against cost; `metric` is that of the lines, ``"test"`` or ``"val"``."""
    check_can_plot(path)
    return save_figure(serving_figure(lines, metric=metric), path, force=force, dpi=200)


def serving_figure(lines: Sequence[Line], *, metric: str = "test") -> Figure:
    """The figure of `plot_serving`."""
    from matplotlib.figure import Figure

    panels = by_panel(line for line in lines if line["accuracy"] is not None)
    if not panels:
        raise ResultsError("nothing was trained, so there are no accuracies to draw")
    labels = list(dict.fromkeys(line["label"] for line in lines if line["label"] != FULL))
    bold = [label for label in labels if "wis" in label.lower() or label == "k-neighbor"]
    styles: dict[str, dict[str, Any]] = {
        label: {
            "color": COLOURS[bold.index(label) % len(COLOURS)] if label in bold else "0.6",
            "marker": MARKERS[index % len(MARKERS)],
            "linestyle": DASHES[index % len(DASHES)],
        }
        for index, label in enumerate(labels)
    }
    known = [line for some in panels.values() for line in some]
    costs = {k: cost for k, cost in COSTS.items() if any(cost(line) > 0 for line in known)}
    figure = Figure(figsize=(5.2 * len(costs), 4.0 * len(panels) + 0.5), layout="constrained")
    grid = figure.subplots(len(panels), len(costs), squeeze=False)
    for row, (title, some) in zip(grid, panels.items(), strict=True):
        for axes, (what, cost) in zip(row, costs.items(), strict=True):
            _draw(axes, some, cost, styles)
            axes.set(xlabel=what, ylabel=f"{METRICS[metric]} (%)")
            axes.set_title(fitted(title, TITLE_WIDTH, lines=2), fontsize=10)
    found: dict[str, Any] = {}
    for axes in grid.flat:
        found |= dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
    figure.legend(
        found.values(),
        found.keys(),
        loc="outside lower center",
        ncols=2 + 2 * len(costs),
        frameon=False,
    )
    return figure


def _draw(
    axes: Axes,
    lines: Sequence[Line],
    cost: Callable[[Line], float],
    styles: dict[str, dict[str, Any]],
) -> None:
    """The curves of the methods from the whole graph on, and the front."""
    from matplotlib.ticker import LogLocator, NullFormatter

    whole = [line for line in lines if line["label"] == FULL]
    known = [line for line in lines if cost(line) > 0]
    for label, style in styles.items():
        own = sorted(
            (line for line in known if line["label"] == label),
            key=lambda line: line["percent_removed"],
        )
        if own:
            curve = own if label == EMPTY else [*whole, *own]
            xs, ys = [cost(line) for line in curve], [line["accuracy"] for line in curve]
            axes.plot(xs, ys, label=fitted(label, 3.0), markersize=4.5, linewidth=1.3, **style)
    for number, line in enumerate(front(known, cost)):
        place = (cost(line), line["accuracy"])
        axes.scatter(*place, s=90, facecolors="none", edgecolors=INK, zorder=3)
        name = FULL if line["label"] == FULL else f"{line['label']}, {line['percent_removed']:g} %"
        axes.annotate(
            fitted(name, 1.6), place, xytext=(0, -14 if number % 2 else 8),
            textcoords="offset points", fontsize=7, ha="center", color=INK,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.12, y=0.15)
    low, high = axes.get_xlim()
    subs = (1.0, 2.0, 5.0) if high < 300 * low else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=subs))
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
