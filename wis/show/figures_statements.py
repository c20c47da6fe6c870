"""Figures of the statements of Chapters 5 and 6: small panels of points, means or lines.

A panel holds series of points by name. The functions of `FORMS` choose them from the rows of an
experiment, and `draw_panels` draws them side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Panel:
    """A panel.

    Attributes:
        title: Its title.
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
    series: Mapping[str, Sequence[tuple[float, float]]]
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


def means(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float], list[float]]:
    """For each x the mean of y, and half of its 95 % t interval, 0 for fewer than two values."""
    from scipy.stats import t

    groups: dict[float, list[float]] = {}
    for x, y in points:
        groups.setdefault(x, []).append(y)
    places = sorted(groups)
    halves = []
    for place in places:
        k = len(groups[place])
        spread = np.std(groups[place], ddof=1) / k**0.5 if k > 1 else 0.0
        halves.append(float(t.ppf(0.975, k - 1) * spread) if k > 1 else 0.0)
    return places, [float(np.mean(groups[place])) for place in places], halves


def _points(
    rows: Sequence[Row], x: str, y: str, by: str | None = None, **where: Any
) -> dict[str, list[tuple[float, float]]]:
    """Points of the rows with given values, by the value of a column."""
    found: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if row.get(y) is not None and all(row.get(key) == value for key, value in where.items()):
            found.setdefault(str(row[by]) if by else y, []).append((row[x], row[y]))
    return found


LIMIT = ", only a lower bound"
"""End of the label of ranks that reached the limit of the matrix."""


def _ranks(rows: Sequence[Row], x: str, by: str, **where: Any) -> Mapping[str, Any]:
    """Points of ranks, with those that are only lower bounds as series of their own."""
    found = _points(rows, x, "rank", by, is_saturated=False, **where)
    limits = _points(rows, x, "rank", by, is_saturated=True, **where)
    return found | {name + LIMIT: points for name, points in limits.items()}


def _theorem6(rows: Sequence[Row]) -> list[Panel]:
    tasks = dict.fromkeys(row["task"] for row in rows)
    label = "separation rank of almost all networks"
    rows = [{**row, "name": "rank of a partition"} for row in rows]
    return [
        Panel(task, "walk index", label, _ranks(rows, "walk_index", "name", task=task),
              line=False, log="y")
        for task in tasks
    ]  # fmt: skip


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
    known = [row for row in rows if row["family"] == "random" and row["log_rank"] is not None]
    random = {
        label: [(row["log_rank"], row[name]) for row in known] for name, label in bounds.items()
    }
    columns = {
        "log_upper": "Theorem 10",
        "log_undirected": "formula of Theorem 7",
        "log_rank": "measured",
    }
    star = {
        label: _points(rows, "depth", name, family="star")[name] for name, label in columns.items()
    }
    return [
        Panel("random directed graphs", "log of separation rank", "bound", random, line=False),
        Panel("arcs into one vertex", "depth", "log of separation rank", star),
    ]


def _product_fit(rows: Sequence[Row]) -> list[Panel]:
    names = {float(row["walk_index"]): f"{row['partition']}\n{row['walk_index']:,}" for row in rows}
    return [
        Panel(f"{part} accuracy", "walk index of the essential partition", "accuracy",
              {"fits of one seed from several initializations":
               _points(rows, "walk_index", key)[key]}, ticks=names, log="x")
        for part in ("train", "test")
        for key in (f"{part}_accuracy",)
    ]  # fmt: skip


def _chapter6(rows: Sequence[Row]) -> list[Panel]:
    deepest = max(row["depth"] for row in rows)
    panels = [
        Panel(f"chain, depth {deepest}", "vertices", "separation rank",
              _ranks(rows, "num_nodes", "partition", family="chain", depth=deepest), log="y")
    ]  # fmt: skip
    for family in ("chain", "grid"):
        own = [row for row in rows if "rank" not in row and row["family"] == family]
        series = _points(own, "num_nodes", "walk_index", "partition")
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


def draw_statement(figure: Any, rows: Sequence[Row], curves: Mapping[str, np.ndarray]) -> None:
    """Draw the figure of an experiment of `PANELS`."""
    draw_panels(figure, PANELS[rows[0]["experiment"]](rows))
