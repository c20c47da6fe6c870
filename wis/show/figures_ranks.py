"""Norms and singular values over time (Figures 2.2, B.1 to B.3, 3.1, C.2 to C.4)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wis.theory.factorization.experiments.component_dynamics import clock
from wis.theory.factorization.experiments.incremental_ranks import modes_text, shown_modes

Row = Mapping[str, Any]
Curves = Mapping[str, np.ndarray]

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
    axis = figure.subplots()
    ordered = sorted(rows, key=lambda row: row["scale"])
    scales = [row["scale"] for row in ordered]
    axis.loglog(scales, [row["largest"] for row in ordered], "o-")
    axis.set(xlabel="initialization scale", ylabel="distance from the rank one trajectory")


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
    for run in runs:
        times, unit = _clock(curves, run)
        axes[-1].plot(np.maximum(times, times[1]), curves[f"{run}/error"], label=run)
    axes[-1].set(xscale="log", yscale="log", xlabel=unit, ylabel=error_title)
    if len(runs) > 1:
        figure.legend(
            *axes[-1].get_legend_handles_labels(), fontsize=8, loc="outside lower right", ncols=3
        )


def _clock(curves: Curves, run: str) -> tuple[np.ndarray, str]:
    own = {key: curves[f"{run}/{key}"] for key in ("step", "time") if f"{run}/{key}" in curves}
    return clock(own), "time of gradient flow" if "time" in own else "iteration"


def _first_move(times: np.ndarray, values: np.ndarray) -> float:
    """A time shortly before the largest value leaves the origin: until then nothing is seen."""
    moved = times[int((values[:, 0] >= 0.02 * values[:, 0].max()).argmax())]
    return float(max(0.0, moved - 0.1 * (times[-1] - moved)))
