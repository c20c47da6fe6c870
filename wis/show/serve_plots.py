"""A figure of a serving sweep: accuracy against the cost of predicting one vertex.

Each graph and model has a panel with the edges read, which do not depend on the machine, and one
with the median latency if it was measured; costs are logarithmic. A line joins the amounts of a
method. Forms of WIS and k-neighbor have colours, other methods are grey. The settings on the front,
which no other setting beats in accuracy at the same cost or less, are ringed and named.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wis.base.figures import check_can_plot, fitted, save_figure
from wis.errors import ResultsError
from wis.experiments.serve_summary import EMPTY, Line, by_panel, front
from wis.experiments.summary import FULL, METRICS
from wis.show.plot import INK
from wis.show.sweep_plots import COLOURS, DASHES, MARKERS, TITLE_WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COSTS: dict[str, Callable[[Line], float]] = {
    "edges read by a prediction of one vertex": lambda line: line["edges_read"],
    "milliseconds of a prediction of one vertex (median)": lambda line: line["median_ms"].get(
        "full_1", math.nan
    ),
}


def plot_serving(
    lines: Sequence[Line], path: str | Path, *, metric: str = "test", force: bool = False
) -> Path:
    """Draw accuracy against cost.

    Args:
        lines: Lines from `wis.experiments.serve_summary.lines_of`.
        path: File of the picture: `.png`, `.svg` or `.pdf`.
        metric: The accuracy of the lines, ``"test"`` or ``"val"``, for the axis.
        force: Replace an existing file.

    Raises:
        ResultsError: Nothing was trained, so there are no accuracies.
        UnknownNameError: The ending is not a picture format.
        MissingDependencyError: matplotlib is not installed.
        OutputExistsError: The file exists and `force` is false.
    """
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
