"""Figures 1.1, 1.2 and A.1 to A.3: entries against the loss, and completion of tensors."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wis.show.figures_statements import Panel, draw_panels

Row = Mapping[str, Any]

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


def quartiles_against_observations(
    figure: Any, rows: Sequence[Row], curves: Mapping[str, np.ndarray]
) -> None:
    """Median and quartiles for each number of observations (Figure 1.2)."""
    most = rows[0]["settings"]["max_rank"]
    rank = f"tensor rank (sought up to {most})" if most else "tensor rank"
    kinds = (("error", "reconstruction error"), ("rank", rank))
    panels = list(itertools.product(sorted({row["order"] for row in rows}), kinds))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    figure.set_size_inches(4.0 * len(panels), 4.0)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, (order, (key, title)) in zip(axes, panels, strict=True):
        for position, method in enumerate(methods):
            values: dict[int, list[float]] = {}
            for row in rows:
                if (row["order"], row["method"]) == (order, method):
                    values.setdefault(row["observations"], []).append(row[key])
            counts = sorted(values)
            low, middle, high = np.array(
                [np.percentile(values[count], (25, 50, 75)) for count in counts]
            ).T
            axis.errorbar(
                counts, middle, yerr=(middle - low, high - middle), marker="osD^v"[position % 5],
                markersize=4 + 2 * position, markerfacecolor="none" if position else None,
                linestyle=("-", "--", "-.", ":", (0, (1, 4)))[position % 5], capsize=3,
                label=method,
            )  # fmt: skip
        axis.set(xlabel="number of observations", ylabel=title, title=f"order {order}")
        axis.set_yscale("log")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), fontsize=8)


def draw_chapter_1(figure: Any, rows: Sequence[Row], curves: Mapping[str, np.ndarray]) -> None:
    """The panels of Propositions 1 to 4 and Conjecture 1."""
    panels = {"proposition1": _solutions, "proposition3": _signs}
    draw_panels(figure, panels.get(rows[0]["experiment"], _flows)(rows))


def _solutions(rows: Sequence[Row]) -> list[Panel]:
    kinds = (("Schatten", "Proposition 1", "quasi-norm"), ("", "Proposition 2", "measure of rank"))
    groups: tuple[dict[str, list[tuple[float, float]]], ...] = ({}, {})
    for row in rows:
        name = row["quantity"]
        if not name.startswith("random") and abs(row["entry"]) <= 10:
            group = groups[not name.startswith("Schatten")]
            group.setdefault(name, []).append((row["entry"], row["value"]))
    return [
        Panel(title, "unobserved entry of a solution", label, group)
        for (_, title, label), group in zip(kinds, groups, strict=True)
    ]


def _signs(rows: Sequence[Row]) -> list[Panel]:
    groups: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        point = float(row["dimension"]), row["positive"] / row["draws"]
        name = f"{row['distribution']}, {row['depth']} factor{'s' * (row['depth'] > 1)}"
        groups.setdefault(name, []).append(point)
    ticks = {float(row["dimension"]): str(row["dimension"]) for row in rows}
    label = "share of positive determinants"
    return [Panel("Proposition 3", "dimension", label, groups, ticks=ticks)]


def _flows(rows: Sequence[Row]) -> list[Panel]:
    groups: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        name = f"{'positive' if row['right_sign'] else 'negative'} determinant"
        groups.setdefault(name, []).append((row["scale"], row["nuclear"]))
    ticks = {row["scale"]: f"{row['scale']:g}" for row in rows}
    y = "final nuclear norm (least: 2)"
    return [Panel("gradient flow, depth 2", "scale of the start", y, groups, log="xy", ticks=ticks)]


STATEMENTS = ("proposition1", "proposition3", "proposition4", "conjecture1")

FORMS = {
    **dict.fromkeys(STATEMENTS, draw_chapter_1),
    **dict.fromkeys(("fig1_1", "figA_1", "figA_2"), entry_against_loss),
    **dict.fromkeys(("fig1_2", "figA_3"), quartiles_against_observations),
}
"""The function that draws the figure of each experiment of Chapter 1."""
