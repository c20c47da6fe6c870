"""Figures on separation ranks: growth in Figure 5.2, tightness of bounds, and added edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wis.show.figures_statements import Curves
from wis.theory.experiments.claims import Row, grouped, where
from wis.theory.statements.more_edges import additions
from wis.theory.statements.separation import LIMITS

COLOURS = {"I1": "C0", "I2": "C1"}


def growth_of_walk_indices(figure: Any, rows: Sequence[Row], curves: Curves) -> None:
    """Walk indices over powers of |V|, and intervals of ranks (Figure 5.2)."""
    figure.set_size_inches(12, 4.2)
    ratio, *panels = figure.subplots(1, 3)
    for position, ((name, task), (power, factor)) in enumerate(LIMITS.items()):
        own = where(rows, partition=name, task=task)
        nodes = [row["num_nodes"] for row in own]
        values = [row["walk_index"] / row["num_nodes"] ** power for row in own]
        style = {"color": COLOURS[name], "linestyle": "-" if task == "graph" else "--"}
        label = f"{name}, {task} prediction, power {power}"
        ratio.plot(nodes, values, marker="osD^"[position], markersize=5, label=label, **style)
        ratio.axhline(factor, color="0.6", linewidth=0.8, linestyle=":")
        ends = [[row[end] for row in own] for end in ("log_at_least", "log_at_most")]
        panel = panels[task == "vertex"]
        panel.fill_between(nodes, *ends, color=COLOURS[name], alpha=0.3)
        panel.plot(nodes, ends[0], color=COLOURS[name], marker="o", markersize=3, label=name)
        panel.set(title=f"separation rank, {task} prediction", ylabel="logarithm, proven interval")
    ratio.set(title="walk index over a power of |V|", ylim=(0, None))
    for axis in (ratio, *panels):
        axis.set(xscale="log", xlabel="vertices |V|")
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize=8)


def tightness_of_bounds(figure: Any, rows: Sequence[Row], curves: Curves) -> None:
    """Bounds of complete graphs against the walk index, and covered shares (Appendix D.1)."""
    regimes = grouped(where(rows, family="complete"), "regime")
    figure.set_size_inches(4.4 * (len(regimes) + 1), 4.4)
    *panels, last = figure.subplots(1, len(regimes) + 1)
    for axis, ((regime,), own) in zip(panels, regimes.items(), strict=True):
        for key, label, marker in (
            ("theorem_7", "Theorem 7, at most", "v"),
            ("log_at_least", "separation rank, exact", "o"),
            ("theorem_8", "Theorem 8, at least", "^"),
        ):
            values = [row[key] for row in own]
            axis.plot([row["walk_index"] for row in own], values, marker=marker, label=label)
        axis.set(
            xscale="log", yscale="log", xlabel="walk index", title=f"complete graphs, {regime}"
        )
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), fontsize=8)
    panels[0].set_ylabel("logarithm of the separation rank")
    families = grouped(rows, "family")
    for place, own in enumerate(families.values()):
        shares = [row["covered"] for row in own]
        last.plot(shares, [place] * len(shares), "o", color="C0", alpha=0.5)
    last.set_yticks(range(len(families)), [family for (family,) in families])
    last.invert_yaxis()
    last.set(xlim=(0, 1.05), xlabel="share of the boundary covered", title="admissible subsets")


def ranks_of_added_edges(figure: Any, rows: Sequence[Row], curves: Curves) -> None:
    """Separation ranks while edges are added: against edges and against the walk index."""
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    figure.set_size_inches(4.8 * len(tasks), 7.6)
    panels = figure.subplots(2, len(tasks), squeeze=False)
    for column, task in enumerate(tasks):
        pairs = additions(rows, task)
        up, down = (sum(s * (b["rank"] - a["rank"]) > 0 for a, b in pairs) for s in (1, -1))
        for own in grouped(where(rows, task=task), "graph").values():
            for axis, key, style in zip(
                panels[:, column], ("num_edges", "walk_index"), ("-o", "o"), strict=True
            ):
                ranks = [row["rank"] for row in own]
                axis.plot([row[key] for row in own], ranks, style, markersize=3, linewidth=0.8)
        title = f"{task} prediction: of {len(pairs)} edges\n{up} raise the rank, {down} lower it"
        panels[0, column].set_title(title, fontsize=10)
        panels[0, column].set(xlabel="edges; a line for each graph", ylim=(0, None))
        panels[1, column].set(xlabel="walk index", ylim=(0, None))
    for axis in panels[:, 0]:
        axis.set_ylabel(f"separation rank, cut off at {rows[0]['settings']['max_side']}")
