"""Norms and singular values over time (Figures 2.2, B.1 to B.3, 3.1, C.2 to C.4), and statements.

The statements are the theorems, corollaries and propositions of Chapters 2 and 3.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from wis.show.figures_statements import Curves, legend_below, points_of
from wis.theory.experiments.claims import Row
from wis.theory.factorization.experiments.component_dynamics import clock
from wis.theory.factorization.experiments.incremental_ranks import modes_text, shown_modes

LONG = 50_000
"""Number of iterations from which the axis is logarithmic, because most changes happen early."""


def component_norms(figure: Any, rows: Sequence[Row], curves: Curves) -> None:
    """Largest component norms for each initialization, and errors (Figure 2.2)."""
    names = [f"init {row['deviation']:g}" for row in rows]
    panels = [(f"initialization {name[5:]}", "component norms", f"{name}/norms") for name in names]
    _over_time(figure, panels, names, curves, "reconstruction error")


def incremental_ranks(figure: Any, rows: Sequence[Row], curves: Curves) -> None:
    """Largest norms and singular values for each factorization (Figures 3.1 and C.2)."""
    parts = rows[0]["settings"]["parts"]
    panels = []
    for part in parts:
        low, outside = map(modes_text, shown_modes(len(part["shape"]), part["arity"]))
        panels += {
            "matrix": [("matrix factorization", "singular values", "matrix/singular")],
            "tensor": [("tensor factorization", "component norms", "tensor/norms")],
            "hierarchical": [
                ("hierarchical factorization", f"local component norms at {low}", "norms_low"),
                ("hierarchical factorization", "local component norms at all modes", "norms_root"),
                ("a node of the tree", f"singular values for {low}", "singular_in_tree"),
                ("no node of the tree", f"singular values for {outside}", "singular_outside"),
            ],
        }[part["kind"]]
    if len(parts) > 1:  # Figure 3.1 shows one panel for each factorization
        starts = ("singular", "component", "local component norms at all")
        panels = [next(panel for panel in panels if panel[1].startswith(each)) for each in starts]
    full = [
        (title, label, key if "/" in key else f"hierarchical/{key}") for title, label, key in panels
    ]
    kinds = [part["kind"] for part in parts]
    _over_time(figure, full, kinds, curves, "normalized reconstruction error")


def distances_against_scale(figure: Any, rows: Sequence[Row], curves: Curves) -> None:
    """Largest distance from the rank one trajectory for each initialization scale (Theorem 4)."""
    figure.set_size_inches(5.2, 3.8)
    _over_scales(figure.subplots(), rows, "largest", "distance from the rank one trajectory")


def speeds_against_norms(figure: Any, rows: Sequence[Row], curves: Curves) -> None:
    """Measured speeds over L times the projection, against norms (Corollary 2, Theorem 5)."""
    names = list(dict.fromkeys(key.partition("/")[0] for key in curves))
    axes = _panels(figure, len(names))
    for axis, name, row in zip(axes, names, rows, strict=True):
        norms, rates = curves[f"{name}/norms"], curves[f"{name}/rate"]
        for component in range(norms.shape[1]):
            sound = rates[:, component] > 0
            axis.plot(norms[sound, component], rates[sound, component], ".", markersize=3)
        ends = np.array([norms.min(), norms.max()])
        power = row["exponent_of_formula"]
        axis.plot(ends, ends**power, "k--", linewidth=0.8, label="norm to the power 2 - 2/L")
        axis.set(xscale="log", yscale="log", xlabel="norm of a component", title=name)
        axis.title.set_fontsize(9)
    axes[0].set_ylabel("speed / (L · projection)")
    legend_below(figure, axes[-1])


def distances_to_solution(figure: Any, rows: Sequence[Row], curves: Curves) -> None:
    """Distance from the solution of rank one over time, and its least value (Corollary 3)."""
    left, right = _panels(figure, 2)
    for row in rows:
        label = f"scale {row['scale']:g}"
        times, error = curves[f"{label}/time"], curves[f"{label}/error"]
        left.plot(np.maximum(times, times[1]), error, label=label)
    left.set(
        xscale="log", yscale="log", xlabel="time of gradient flow",
        ylabel="distance / norm of the solution",
    )  # fmt: skip
    _over_scales(right, rows, "lowest", "least distance")
    legend_below(figure, left)


def local_gaps(figure: Any, rows: Sequence[Row], curves: Curves) -> None:
    """Local component norms over time, and the gap at half of the largest (Equation 3.9)."""
    axes = _panels(figure, len(rows) + 1)
    for axis, row in zip(axes, rows, strict=False):
        label = f"scale {row['scale']:g}"
        times, norms = curves[f"{label}/time"], curves[f"{label}/norms"]
        axis.plot(times, norms, linewidth=1.2)
        top = norms.max(axis=1, keepdims=True)
        axis.set(
            title=f"initialization {label}", xlabel="time of gradient flow",
            xlim=(_first_move(times, top), times[-1]),
        )  # fmt: skip
        axis.locator_params(axis="x", nbins=4)
    axes[0].set_ylabel("local component norms at the root")
    _over_scales(axes[-1], rows, "others_at_half", "second largest / largest")


def distances_against_bounds(figure: Any, rows: Sequence[Row], curves: Curves) -> None:
    """Distance of pruned factorizations against the bound (Proposition 5)."""
    (axis,) = _panels(figure, 1)
    for tree, points in points_of(rows, "bound", "distance", "tree").items():
        above_zero = np.array([point for point in points if point[0] > 0])
        axis.loglog(*above_zero.T, "o", markersize=4, label=f"{tree} tree")
    ends = np.array(axis.get_xlim())
    axis.plot(ends, ends, "k--", linewidth=0.8, label="bound")
    axis.set(xlabel="bound by the norms of pruned local components", ylabel="distance")
    legend_below(figure, axis)


def incomparable_ranks(figure: Any, rows: Sequence[Row], curves: Curves) -> None:
    """Ranks of the two solutions at each node (Proposition 6)."""
    axes = _panels(figure, len(rows))
    for axis, row in zip(axes, rows, strict=True):
        places = np.arange(len(row["nodes"]))
        axis.bar(places - 0.2, row["ranks"], width=0.4, label="first solution")
        axis.bar(places + 0.2, row["other_ranks"], width=0.4, label="second solution")
        axis.set_xticks(places, row["nodes"], rotation=60)
        axis.set(title=f"order {row['order']}, {row['tree']} tree", xlabel="node", yticks=(0, 1, 2))
    axes[0].set_ylabel("rank of the matricization")
    legend_below(figure, axes[0])


def outputs_against_products(figure: Any, rows: Sequence[Row], curves: Curves) -> None:
    """Outputs of networks against inner products with the end tensor (Proposition 8)."""
    (axis,) = _panels(figure, 1)
    axis.plot(curves["product"], curves["output"], ".", markersize=4)
    axis.axline((0, 0), slope=1, color="k", linestyle="--", linewidth=0.8)
    axis.set(xlabel="inner product with the end tensor", ylabel="output of the network")


def ranks_against_ranks(figure: Any, rows: Sequence[Row], curves: Curves) -> None:
    """Ranks on grids against ranks of matricizations, by number of cases (Proposition 9)."""
    (axis,) = _panels(figure, 1)
    pairs = Counter((row["matricization_rank"], row["grid_rank"]) for row in rows)
    for pair, count in sorted(pairs.items()):
        axis.plot(*pair, "o", color="C0")
        axis.annotate(f"{count} cases", pair, xytext=(8, -12), textcoords="offset points")
    axis.axline((0, 0), slope=1, color="k", linestyle="--", linewidth=0.8)
    most = 1.3 * max(max(pair) for pair in pairs)
    axis.set(
        xlabel="rank of the matricization", ylabel="separation rank of the network",
        xlim=(0, most), ylim=(0, most),
    )  # fmt: skip


def _over_scales(axis: Any, rows: Sequence[Row], column: str, label: str) -> None:
    """Draw a column against the initialization scale, on logarithmic axes."""
    scales, values = zip(*sorted((row["scale"], row[column]) for row in rows), strict=True)
    axis.loglog(scales, values, "o-")
    axis.set_xticks(scales, [f"{scale:g}" for scale in scales])
    axis.set_xticks([], minor=True)
    axis.set(xlabel="initialization scale", ylabel=label)


def _panels(figure: Any, count: int) -> list[Any]:
    figure.set_size_inches(max(4.8, 3.6 * count), 3.7)
    return list(figure.subplots(1, count, squeeze=False)[0])


def _over_time(
    figure: Any,
    panels: Sequence[tuple[str, str, str]],
    runs: Sequence[str],
    curves: Curves,
    error_title: str,
) -> None:
    """Draw a panel for each (title, axis label, key of a curve), and one for the errors."""
    count = len(panels) + 1
    num_rows = 1 if count <= 4 else 2  # more than four panels side by side are too small to read
    num_columns = math.ceil(count / num_rows)
    figure.set_size_inches(3.5 * num_columns, 3.3 * num_rows)
    grid = figure.subplots(num_rows, num_columns, squeeze=False).flatten()
    axes = grid[:count]
    for axis in grid[count:]:
        axis.set_axis_off()
    for axis, (title, label, key) in zip(axes, panels, strict=False):
        run = key.partition("/")[0]
        times, unit = _clock(curves, run)
        axis.plot(times, curves[key], linewidth=1.5)
        axis.set(title=title, xlabel=unit, ylabel=label)
        axis.title.set_fontsize(9)
        if unit == "iteration" and times[-1] > LONG:
            axis.set_xscale("symlog", linthresh=100)
        if unit != "iteration":
            axis.set_xlim(_first_move(times, curves[key]), times[-1])
            axis.locator_params(axis="x", nbins=4)
    for run in runs:
        times, unit = _clock(curves, run)
        axes[-1].plot(np.maximum(times, times[1]), curves[f"{run}/error"], label=run)
    axes[-1].set(xscale="log", yscale="log", xlabel=unit, ylabel=error_title)
    if len(runs) > 1:
        legend_below(figure, axes[-1])


def _clock(curves: Curves, run: str) -> tuple[np.ndarray, str]:
    own = {key: curves[f"{run}/{key}"] for key in ("step", "time") if f"{run}/{key}" in curves}
    return clock(own), "time of gradient flow" if "time" in own else "iteration"


def _first_move(times: np.ndarray, values: np.ndarray) -> float:
    """A time shortly before the largest value leaves the origin: until then nothing is seen."""
    moved = times[int((values[:, 0] >= 0.02 * values[:, 0].max()).argmax())]
    return float(max(0.0, moved - 0.1 * (times[-1] - moved)))


FORMS = {
    **dict.fromkeys(("fig2_2", "figB_1", "figB_2", "figB_3"), component_norms),
    "theorem4": distances_against_scale,
    "corollary2": speeds_against_norms,
    "corollary3": distances_to_solution,
    **dict.fromkeys(("fig3_1", "figC_2", "figC_3", "figC_4"), incremental_ranks),
    "theorem5": speeds_against_norms,
    "equation3_9": local_gaps,
    "proposition5": distances_against_bounds,
    "proposition6": incomparable_ranks,
    "proposition8": outputs_against_products,
    "proposition9": ranks_against_ranks,
}
