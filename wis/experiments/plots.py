"""Figures of a sweep: the thesis' accuracy against removed edges, and what it all costs.

One panel for each data set and model, one line for each method, means as markers and standard
deviations as bars. Colours are those of Okabe and Ito, which people with any colour vision can tell
apart; markers and dashes differ too, so that a grey print can be read. matplotlib is used through
its figure objects only, so no display is needed.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wis.experiments.summary import Cell, Panel
from wis.io.atomic import atomic_write
from wis.plot import FORMATS, INK, check_can_plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999933")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("-", (0, (5, 1.5)), (0, (1, 1)), "-.", (0, (3, 1, 1, 1, 1, 1)), (0, (8, 2)))
COLUMNS = 3


def plot_accuracy(panels: Sequence[Panel], path: str | Path, *, force: bool = False) -> Path:
    """Draw test accuracy against the percentage of removed edges.

    Args:
        panels: See `wis.experiments.summary.panels_of`.
        path: Where the picture goes: `.png`, `.svg` or `.pdf`.
        force: Replace a file that is already there.

    Raises:
        UnknownNameError: No picture format has that ending.
        MissingDependencyError: matplotlib is not installed.
        OutputExistsError: The file exists and `force` is false.
    """
    check_can_plot(path)
    return _save(accuracy_figure(panels), path, force)


def plot_costs(panels: Sequence[Panel], path: str | Path, *, force: bool = False) -> Path:
    """Draw seconds to order, seconds of an epoch and peak memory; otherwise as `plot_accuracy`."""
    check_can_plot(path)
    return _save(cost_figure(panels), path, force)


def accuracy_figure(panels: Sequence[Panel]) -> Figure:
    """The figure that `plot_accuracy` saves."""
    columns = min(COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = _figure(4.6 * columns, 3.7 * rows)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(panels) :]:
        axes.remove()
    styles = _styles(panels)
    for axes, panel in zip(grid, panels, strict=False):
        for label in panel.labels:
            _line(axes, panel, label, partial(panel.accuracy, label), styles)
        _dress(axes, panel.title, "test accuracy (%)")
    _legend(figure, grid, 3 * columns)
    return figure


def cost_figure(panels: Sequence[Panel]) -> Figure:
    """The figure that `plot_costs` saves: a line of three drawings for each panel."""
    figure = _figure(13.2, 3.6 * len(panels))
    grid = figure.subplots(len(panels), 3, squeeze=False)
    styles = _styles(panels)
    for (order, epoch, memory), panel in zip(grid, panels, strict=True):
        _order_seconds(order, panel, styles)
        for label in panel.labels:
            _line(epoch, panel, label, _cost(panel, label, _seconds_per_epoch), styles)
            _line(memory, panel, label, _cost(panel, label, _mebibytes), styles)
        _dress(epoch, panel.title, "seconds of an epoch of one seed (of CPU time, on a CPU)")
        _dress(memory, panel.title, "peak memory while training (MiB)")
        epoch.set_ylim(bottom=0)
        memory.set_ylim(bottom=0)
    _legend(figure, grid[:, 1], 8)
    return figure


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _styles(panels: Sequence[Panel]) -> dict[str, dict[str, Any]]:
    """A look for each method, the same in all panels."""
    labels = dict.fromkeys(label for panel in panels for label in panel.labels)
    return {
        label: {
            "color": COLOURS[index % len(COLOURS)],
            "marker": MARKERS[index % len(MARKERS)],
            "linestyle": DASHES[index % len(DASHES)],
        }
        for index, label in enumerate(labels)
    }


def _line(
    axes: Axes,
    panel: Panel,
    label: str,
    cell_at: Callable[[float], Cell | None],
    styles: dict[str, dict[str, Any]],
) -> None:
    found = [(p, cell) for p in panel.percentages if (cell := cell_at(p)) is not None]
    if not found:
        return
    spreads = [0.0 if math.isnan(cell.std) else cell.std for _, cell in found]
    axes.errorbar(
        [percentage for percentage, _ in found],
        [cell.mean for _, cell in found],
        yerr=spreads if any(spreads) else None,
        label=label,
        markersize=4.5,
        linewidth=1.4,
        elinewidth=0.8,
        capsize=2,
        **styles[label],
    )


def _cost(
    panel: Panel, label: str, value: Callable[[Any], float | None]
) -> Callable[[float], Cell | None]:
    def cell_at(percentage: float) -> Cell | None:
        rows = panel.rows[label].get(percentage, {}).values()
        values = [v for v in map(value, rows) if v is not None]
        return Cell.of(values) if values else None

    return cell_at


def _seconds_per_epoch(row: Any) -> float | None:
    on_cpu = row["config"]["device"] == "cpu"
    return float(row["cpu_seconds" if on_cpu else "seconds"]) / int(row["num_epochs"])


def _mebibytes(row: Any) -> float | None:
    peak = row.get("peak_memory_bytes")
    return None if peak is None else float(peak) / 2**20


def _order_seconds(axes: Axes, panel: Panel, styles: dict[str, dict[str, Any]]) -> None:
    """A bar for each method: the mean time of an order, on a logarithmic axis."""
    means = {}
    for label in panel.labels:
        values = [v for some in panel.costs(label, "order_seconds").values() for v in some]
        if values:
            means[label] = sum(values) / len(values)
    axes.barh(list(means), list(means.values()), color=[styles[label]["color"] for label in means])
    for label, mean in means.items():
        axes.annotate(f" {mean:.2g} s", (mean, label), va="center", fontsize=8, color=INK)
    axes.invert_yaxis()
    if means:
        axes.set_xscale("log")
        axes.set_xlim(min(means.values()) / 2, max(means.values()) * 8)
    axes.set_xlabel("seconds for an order of all edges")
    axes.set_title(panel.title, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)


def _dress(axes: Axes, title: str, what: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("edges removed (%)")
    axes.set_ylabel(what)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _legend(figure: Figure, grid: Any, columns: int) -> None:
    """One legend below everything, with each method once."""
    handles: dict[str, Any] = {}
    for axes in grid:
        if axes.figure is not None:
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
                handles.setdefault(label, handle)
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside lower center",
        ncols=min(len(handles), columns),
        frameon=False,
    )


def svg_of(figure: Figure) -> str:
    """The figure as an SVG element with text as paths, to be put into a page."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue().decode()
    return text[text.index("<svg") :]


def _save(figure: Figure, path: str | Path, force: bool) -> Path:
    path = Path(path)
    with atomic_write(path, force=force) as file:
        figure.savefig(file, format=FORMATS[path.suffix.lower()], dpi=200)
    return path
