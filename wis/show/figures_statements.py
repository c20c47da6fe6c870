"""Figures of the statements of Chapters 5 and 6: small panels of points, means or lines.

A panel holds series of points by name. The functions of `FORMS` choose them from the rows of an
experiment, and `draw_panels` draws them side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wis.theory.experiments.claims import Row, grouped, where

Points = Sequence[tuple[float, float]]
Curves = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Panel:
    """A panel.

    Attributes:
        x: Label of the horizontal axis.
        y: Label of the vertical axis.
        series: Points (x, y) by name. Names that begin with ``"_"`` are not in the legend.
        line: Join the means of the points of equal x, with bars if several points share an x.
        log: The logarithmic axes: ``""``, ``"x"``, ``"y"`` or ``"xy"``.
        ticks: Names of places on the horizontal axis.
    """

    title: str
    x: str
    y: str
    series: Mapping[str, Points]
    line: bool = True
    log: str = ""
    ticks: Mapping[float, str] | None = None


def draw_panels(figure: Any, panels: Sequence[Panel]) -> None:
    """Draw panels side by side, each with its legend below."""
    figure.set_size_inches(4.4 * len(panels), 4.2)
    for axis, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        has_bars = _draw_series(axis, panel)
        axis.set(title=panel.title, xlabel=panel.x, ylabel=panel.y)
        for letter in panel.log:
            getattr(axis, f"set_{letter}scale")("log", base=2)
        if panel.ticks:
            axis.set_xticks([*panel.ticks], [*panel.ticks.values()])
        if len(panel.series) > 1 or has_bars:
            title = "means; bars are their 95 % intervals" if has_bars else None
            axis.legend(
                fontsize=8, title=title, title_fontsize=8, loc="upper center",
                bbox_to_anchor=(0.5, -0.26 if panel.ticks else -0.18), frameon=False,
            )  # fmt: skip


def _draw_series(axis: Any, panel: Panel) -> bool:
    """Draw the points of a panel; whether there are bars.

    Lower bounds are open markers in the colour of their series. Places with names have the series
    side by side.
    """
    bases = list(dict.fromkeys(name.removesuffix(LIMIT) for name in panel.series))
    has_bars = False
    for name, points in panel.series.items():
        position = bases.index(name.removesuffix(LIMIT))
        bound = name.endswith(LIMIT)
        style: dict[str, Any] = {
            "color": f"C{position}",
            "marker": "osD^v"[position % 5],
            "label": name,
        }
        style |= {"fillstyle": "none"} if bound else {}
        if not panel.line:
            axis.plot(*np.array(points).T, linestyle="none", alpha=0.5, markersize=4, **style)
            continue
        x, mean, half = means(points)
        if panel.ticks and "x" not in panel.log:
            x = [place + 0.06 * (position - (len(bases) - 1) / 2) for place in x]
        style |= {"markersize": 7, "linestyle": "none"} if bound else {"markersize": 5}
        if any(half):
            axis.errorbar(x, mean, yerr=half, capsize=3, **style)
            has_bars = True
        else:
            axis.plot(x, mean, **style)
    return has_bars


def means(points: Points) -> tuple[list[float], list[float], list[float]]:
    """For each x the mean of y, and half of its 95 % t interval, 0 for fewer than two values."""
    from scipy.stats import t

    places = sorted({x for x, _ in points})
    groups = [[y for x, y in points if x == place] for place in places]
    halves = [
        float(t.ppf(0.975, len(ys) - 1) * np.std(ys, ddof=1) / len(ys) ** 0.5)
        if len(ys) > 1
        else 0.0
        for ys in groups
    ]
    return places, [float(np.mean(ys)) for ys in groups], halves


def legend_below(figure: Any, axis: Any, ncols: int = 4) -> None:
    """Put the legend of a panel below all panels."""
    handles = axis.get_legend_handles_labels()
    figure.legend(*handles, fontsize=8, loc="outside lower center", ncols=ncols)


def points_of(rows: Sequence[Row], x: str, y: str, by: str) -> dict[str, Points]:
    """Points (x, y) of the rows that have y, by the value of a column."""
    known = [row for row in rows if row.get(y) is not None]
    groups = grouped(known, by).items()
    return {str(name): [(row[x], row[y]) for row in own] for (name,), own in groups}


LIMIT = ", only a lower bound"
"""End of the label of ranks that reached the limit of the matrix."""


def _ranks(rows: Sequence[Row], x: str, by: str) -> dict[str, Points]:
    """Points of ranks, with those that are only lower bounds as series of their own."""
    limits = points_of(where(rows, is_saturated=True), x, "rank", by)
    found = points_of(where(rows, is_saturated=False), x, "rank", by)
    return found | {name + LIMIT: points for name, points in limits.items()}


def _theorem6(rows: Sequence[Row]) -> list[Panel]:
    label = "separation rank of almost all networks"
    rows = [{**row, "name": "rank of a partition"} for row in rows]
    return [
        Panel(task, "walk index", label, _ranks(own, "walk_index", "name"), line=False, log="y")
        for (task,), own in grouped(rows, "task").items()
    ]


def _algorithm1(rows: Sequence[Row]) -> list[Panel]:
    names = {
        "costs_ranks_least": "the first edge costs the separation ranks least",
        "by_chance": "a random first edge does",
        "is_best_of_all": "the greedy choice of half of the edges is optimal",
    }
    lengths = {row["walk_length"]: str(row["walk_length"]) for row in rows}
    series = {
        label: [(row["walk_length"], float(row[name])) for row in rows]
        for name, label in names.items()
    }
    return [
        Panel("WIS on random graphs", "walk length", "share of the graphs", series, ticks=lengths)
    ]


def _theorem10(rows: Sequence[Row]) -> list[Panel]:
    bounds = {"log_upper": "Theorem 10", "log_cut": "least cut", "log_lower": "Theorem 11"}
    known = [row for row in where(rows, family="random") if row["log_rank"] is not None]
    random = {
        label: [(row["log_rank"], row[name]) for row in known] for name, label in bounds.items()
    }
    columns = {
        "log_upper": "Theorem 10",
        "log_undirected": "formula of Theorem 7",
        "log_rank": "measured",
    }
    stars = where(rows, family="star")
    star = {label: [(row["depth"], row[name]) for row in stars] for name, label in columns.items()}
    return [
        Panel("random directed graphs", "log of separation rank", "bound", random, line=False),
        Panel("arcs into one vertex", "depth", "log of separation rank", star),
    ]


def _product_fit(rows: Sequence[Row]) -> list[Panel]:
    names = {float(row["walk_index"]): f"{row['partition']}\n{row['walk_index']:,}" for row in rows}
    panels = []
    for part in ("train", "test"):
        points = [(row["walk_index"], row[f"{part}_accuracy"]) for row in rows]
        series = {"fits of one seed from several initializations": points}
        x = "walk index of the essential partition"
        panels.append(Panel(f"{part} accuracy", x, "accuracy", series, ticks=names, log="x"))
    return panels


def _chapter6(rows: Sequence[Row]) -> list[Panel]:
    deepest = max(row["depth"] for row in rows)
    deep = [row for row in where(rows, family="chain", depth=deepest) if "rank" in row]
    ranks = _ranks(deep, "num_nodes", "partition")
    panels = [Panel(f"chain, depth {deepest}", "vertices", "separation rank", ranks, log="y")]
    for family in ("chain", "grid"):
        own = [row for row in where(rows, family=family) if "rank" not in row]
        series = points_of(own, "num_nodes", "walk_index", "partition")
        panels.append(Panel(family, "vertices", "walk index", series, log="xy"))
    return panels


PANELS: dict[str, Callable[[Sequence[Row]], list[Panel]]] = {
    "theorem6": _theorem6,
    "algorithm1": _algorithm1,
    "theorem10": _theorem10,
    "product_table5_1": _product_fit,
    "chapter6": _chapter6,
}
"""The panels of each experiment."""


def draw_statement(figure: Any, rows: Sequence[Row], curves: Curves) -> None:
    """Draw the figure of an experiment of `PANELS`."""
    draw_panels(figure, PANELS[rows[0]["experiment"]](rows))
