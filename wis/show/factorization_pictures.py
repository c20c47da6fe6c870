"""The figures of the factorization experiments, in the form of the thesis.

`write_outcome` writes all files of an experiment.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wis.base.figures import check_can_plot, save_figure
from wis.show.figures_images import (
    accuracies_against_range,
    errors_against_rank,
    errors_of_linear_predictors,
)
from wis.show.figures_ranks import component_norms, distances_against_scale, incremental_ranks
from wis.theory.experiments import Outcome

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = Mapping[str, Any]
Values = dict[int, list[float]]

RESULT_FILES = ("rows.jsonl", "verdict.txt", "curves.npz", "figure.png")


def write_outcome(outcome: Outcome, folder: Path, *, force: bool = False) -> list[Path]:
    """Write rows.jsonl, verdict.txt, curves.npz and figure.png; returns their paths.

    Raises:
        OutputExistsError: A file exists and `force` is false.
        MissingDependencyError: matplotlib is not installed; the other files are already written.
    """
    written = outcome.write(folder, force=force)
    check_can_plot("figure.png")
    figure = draw_experiment(outcome)
    return [*written, save_figure(figure, folder / RESULT_FILES[-1], force=force, dpi=110)]


def draw_experiment(outcome: Outcome) -> Figure:
    """Draw the figure of an outcome of `run_experiment`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    FigureCanvasAgg(figure)
    FORMS[outcome.rows[0]["experiment"]](figure, outcome.rows, outcome.curves)
    return figure


def _grouped(rows: Iterable[Row], x: str, y: str, label: str) -> dict[str, Values]:
    """For each label, values of column y grouped by column x."""
    found: dict[str, Values] = {}
    for row in rows:
        found.setdefault(row[label], {}).setdefault(row[x], []).append(row[y])
    return found


def _unique(rows: Iterable[Row], key: str) -> list[Any]:
    """The distinct values of a column, in order of appearance."""
    return list(dict.fromkeys(row[key] for row in rows))


def entry_against_loss(figure: Any, rows: Sequence[Row], curves: Mapping[str, np.ndarray]) -> None:
    """Unobserved entry against loss; steps are colours, depths are panels (Figure 1.1)."""
    from matplotlib.colors import LogNorm

    panels: dict[str, dict[str, np.ndarray]] = {}
    for key, curve in curves.items():
        name, _, label = key.partition("/")
        panels.setdefault(name, {})[label] = curve
    figure.set_size_inches(4.6 * len(panels) + 0.8, 4.2)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    last = max(float(curve[-1, 0]) for panel in panels.values() for curve in panel.values())
    norm = LogNorm(1, max(last, 10))
    drawn = None
    for axis, (name, panel) in zip(axes, panels.items(), strict=True):
        for marker, (label, curve) in zip("osD^v<>phX*P", panel.items(), strict=False):
            step, loss, entry = curve.T
            axis.plot(loss, entry, color="0.8", linewidth=0.8, zorder=1)
            drawn = axis.scatter(
                loss, entry, c=np.maximum(step, 1), norm=norm, s=9, marker=marker, cmap="viridis"
            )
            axis.scatter(
                loss[-1], entry[-1], s=45, marker=marker, edgecolor="k", facecolor="none",
                label=label,
            )  # fmt: skip
        axis.set(xscale="log", xlabel="loss", title=name)
        axis.set_yscale("symlog", linthresh=1e-1)
        axis.set_ylim(0, 1.5 * max(float(curve[:, 2].max()) for curve in panel.values()))
        axis.invert_xaxis()
        axis.legend(fontsize=7, title="end of run", title_fontsize=7)
    moved = rows[0]["experiment"] == "figA_2"
    axes[0].set_ylabel("unobserved entry, absolute" if moved else "unobserved entry |W₁₁|")
    figure.colorbar(drawn, ax=list(axes), label="iteration")


def quartiles_against_observations(
    figure: Any, rows: Sequence[Row], curves: Mapping[str, np.ndarray]
) -> None:
    """Median and quartiles for each number of observations (Figure 1.2)."""
    most = rows[0]["settings"]["max_rank"]
    rank = f"tensor rank (sought up to {most})" if most else "tensor rank"
    panels = itertools.product(
        sorted(_unique(rows, "order")), (("error", "reconstruction error"), ("rank", rank))
    )
    chosen = [
        (f"{title}, order {order}", key, [row for row in rows if row["order"] == order])
        for order, (key, title) in panels
    ]
    figure.set_size_inches(4.2 * len(chosen), 3.6)
    axes = figure.subplots(1, len(chosen), squeeze=False)[0]
    for axis, (title, key, own) in zip(axes, chosen, strict=True):
        methods = _grouped(own, "observations", key, "method")
        for position, (label, values) in enumerate(methods.items()):
            counts = sorted(values)
            # Later curves are dashed with hollow marks, so that earlier ones show through.
            style = ("-", "--", "-.", ":", (0, (1, 4)))[position % 5]
            low, middle, high = np.array(
                [np.percentile(values[count], (25, 50, 75)) for count in counts]
            ).T
            axis.errorbar(
                counts, middle, yerr=(middle - low, high - middle), marker="osD^v"[position % 5],
                markersize=4 + 2 * position, markerfacecolor="none" if position else None,
                linestyle=style, capsize=3, label=label,
            )  # fmt: skip
        axis.set(xlabel="number of observations", ylabel=title)
        axis.legend(fontsize=7)


Form = Callable[[Any, Sequence[Row], Mapping[str, np.ndarray]], None]

FORMS: dict[str, Form] = {
    **dict.fromkeys(("fig1_1", "figA_1", "figA_2"), entry_against_loss),
    **dict.fromkeys(("fig1_2", "figA_3"), quartiles_against_observations),
    **dict.fromkeys(("fig2_2", "figB_1", "figB_2", "figB_3"), component_norms),
    "theorem4": distances_against_scale,
    "fig2_3": errors_against_rank,
    "tableB_1": errors_of_linear_predictors,
    **dict.fromkeys(("fig3_1", "figC_2", "figC_3", "figC_4"), incremental_ranks),
    **dict.fromkeys(("fig3_6", "figC_5", "figC_6", "figC_7"), accuracies_against_range),
}
"""The function that draws the figure of each experiment."""
