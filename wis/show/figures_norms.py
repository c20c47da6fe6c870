"""Figures 1.1, 1.2 and A.1 to A.3: entries against the loss, and completion of tensors."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wis.show.figures_statements import Curves, Panel, draw_panels, legend_below, points_of
from wis.theory.experiments.claims import Row, grouped, where

SIGNS = {True: "right sign of the determinant", False: "wrong sign of the determinant"}


def entry_against_loss(figure: Any, rows: Sequence[Row], curves: Mapping[str, np.ndarray]) -> None:
    """Unobserved entry against loss; right and wrong signs are side by side (Figure 1.1)."""
    from matplotlib import colormaps

    panels = list(dict.fromkeys(row["panel"] for row in rows))
    # a label has the same colour in all panels, by falling initialization
    labels = list(dict.fromkeys(r["label"] for r in sorted(rows, key=lambda r: -r["scale"])))
    colours = dict(zip(labels, colormaps["viridis"](np.linspace(0, 0.9, len(labels))), strict=True))
    figure.set_size_inches(9.6, 3.0 * len(panels) + 0.5)
    grid = figure.subplots(len(panels), 2, squeeze=False, sharex=True, sharey=True)
    for axes, panel in zip(grid, panels, strict=True):
        own = [row for row in rows if row["panel"] == panel]
        for row in own:
            losses, entries, _ = curves[row["curve"]].T
            axes[int(not row["right_sign"])].loglog(
                losses, entries, color=colours[row["label"]], linewidth=1.4,
                linestyle="-" if row["balanced"] else (0, (2, 1.5)),
                label=row["label"] if row["balanced"] else None,
            )  # fmt: skip
        for axis, right in zip(axes, SIGNS, strict=True):
            axis.set_title(f"{panel}\n{SIGNS[right]}", fontsize=9)
            _draw_bound(axis, own, curves, right=right)
        axes[0].set_ylabel("unobserved entry, absolute")
        axes[0].plot([], [], color="0.4", linestyle=(0, (2, 1.5)), label="unbalanced start")
        legend: dict[str, Any] = {}
        for axis in axes:
            handles, names = axis.get_legend_handles_labels()
            legend = dict(zip(names, handles, strict=True)) | legend
        axes[1].legend(
            legend.values(), legend, fontsize=7, loc="center left", bbox_to_anchor=(1.01, 0.5)
        )
    lowest = min(float(curve[:, 0].min()) for curve in curves.values())
    most = max(float(curve[:, 1].max()) for curve in curves.values())
    grid[0, 0].set(xlim=(1.5, 0.7 * lowest), ylim=(1e-2, 2 * most))
    for axis in grid[-1]:
        axis.set_xlabel("loss")


def _draw_bound(
    axis: Any, rows: Sequence[Row], curves: Mapping[str, np.ndarray], *, right: bool
) -> None:
    """The bound for the unperturbed problem, along the curve that reaches the lowest loss."""
    unperturbed = [curves[row["curve"]] for row in rows if row["opposite"] == 0]
    losses, _, bound = min(unperturbed, key=lambda curve: float(curve[-1, 0])).T
    shown = bound > 0
    label = "lower bound for 2 by 2" if right else "this bound would hold\nfor the right sign"
    colour = "black" if right else "tab:red"
    axis.loglog(
        losses[shown], bound[shown], ":", color=colour, linewidth=1.6, label=label, zorder=5
    )


def quartiles_against_observations(figure: Any, rows: Sequence[Row], curves: Curves) -> None:
    """Median and quartiles for each number of observations (Figure 1.2)."""
    most = rows[0]["settings"]["max_rank"]
    rank = f"tensor rank (sought up to {most})" if most else "tensor rank"
    kinds = (("error", "reconstruction error"), ("rank", rank))
    panels = list(itertools.product(sorted({row["order"] for row in rows}), kinds))
    figure.set_size_inches(4.0 * len(panels), 4.0)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, (order, (key, title)) in zip(axes, panels, strict=True):
        methods = grouped(where(rows, order=order), "method")
        for position, ((method,), own) in enumerate(methods.items()):
            values = sorted(grouped(own, "observations").items())
            low, middle, high = np.array(
                [np.percentile([row[key] for row in some], (25, 50, 75)) for _, some in values]
            ).T
            axis.errorbar(
                [count for (count,), _ in values], middle, yerr=(middle - low, high - middle),
                marker="osD^v"[position % 5], markersize=4 + 2 * position,
                markerfacecolor="none" if position else None,
                linestyle=("-", "--", "-.", ":", (0, (1, 4)))[position % 5], capsize=3,
                label=method,
            )  # fmt: skip
        axis.set(xlabel="number of observations", ylabel=title, title=f"order {order}")
        axis.set_yscale("log")
    legend_below(figure, axes[0], len(methods))


def draw_chapter_1(figure: Any, rows: Sequence[Row], curves: Curves) -> None:
    """The panels of Propositions 1 to 4 and Conjecture 1."""
    panels = {"proposition1": _solutions, "proposition3": _signs}
    draw_panels(figure, panels.get(rows[0]["experiment"], _flows)(rows))


def _solutions(rows: Sequence[Row]) -> list[Panel]:
    near = [row for row in rows if abs(row["entry"]) <= 10]
    series = points_of(near, "entry", "value", "quantity")
    norms = {name: points for name, points in series.items() if name.startswith("Schatten")}
    ranks = {n: points for n, points in series.items() if not n.startswith(("Schatten", "random"))}
    x = "unobserved entry of a solution"
    return [
        Panel("Proposition 1", x, "quasi-norm", norms),
        Panel("Proposition 2", x, "measure of rank", ranks),
    ]


def _signs(rows: Sequence[Row]) -> list[Panel]:
    series = {
        f"{name}, {depth} factor{'s' * (depth > 1)}": [
            (float(row["dimension"]), row["positive"] / row["draws"]) for row in own
        ]
        for (name, depth), own in grouped(rows, "distribution", "depth").items()
    }
    ticks = {float(row["dimension"]): str(row["dimension"]) for row in rows}
    return [Panel("Proposition 3", "dimension", "share of positive determinants", series,
                  ticks=ticks)]  # fmt: skip


def _flows(rows: Sequence[Row]) -> list[Panel]:
    signs = {True: "positive determinant", False: "negative determinant"}
    rows = [{**row, "sign": signs[row["right_sign"]]} for row in rows]
    series = points_of(rows, "scale", "nuclear", "sign")
    ticks = {row["scale"]: f"{row['scale']:g}" for row in rows}
    y = "final nuclear norm (least: 2)"
    return [Panel("gradient flow, depth 2", "scale of the start", y, series, log="xy", ticks=ticks)]


STATEMENTS = ("proposition1", "proposition3", "proposition4", "conjecture1")

FORMS = {
    **dict.fromkeys(STATEMENTS, draw_chapter_1),
    **dict.fromkeys(("fig1_1", "figA_1", "figA_2"), entry_against_loss),
    **dict.fromkeys(("fig1_2", "figA_3"), quartiles_against_observations),
}
"""The function that draws the figure of each experiment of Chapter 1."""
