"""The claims of Figures 5.3 and D.5, judged from accuracies of networks on sparser graphs.

Accuracies are compared at equal percentages of removed edges and seed by seed. The percentages are
those strictly between 0 and 100, where all methods leave the same graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from wis.experiments.results import Row
from wis.experiments.summary import Panel, panels_of
from wis.theory.experiments.claims import Claim, Judgement, over_seeds

if TYPE_CHECKING:
    import pandas as pd

FIGURES = {"thesis_fig5_3": "Figure 5.3", "thesis_figD_5": "Figure D.5"}
"""Beginnings of the names of recipes, and the figure that they make."""
WIS = ("1-WIS", "2-WIS")
RIVALS = ("random", "spectral", "ugs")
NETWORKS = {"gcn": "GCN", "gin": "GIN", "resgcn": "ResGCN"}
LOSS = 2.0
"""The loss of accuracy, in points, up to which edges count as removable."""
MARGIN = 1.0
"""The points of accuracy that 1-WIS may lie below 2-WIS and still be similar."""
CRUCIAL = 5.0
"""The points by which edges have to raise accuracy for a data set of Section 5.5.2."""

PAIRED = "the 95 % interval of the difference in test accuracy, paired by seed,"


def figure_of(row: Row) -> str | None:
    """The figure that a row belongs to, by the name of its recipe."""
    name = str(row.get("recipe"))
    return next((figure for start, figure in FIGURES.items() if name.startswith(start)), None)


def claims_of(panel: Panel, figure: str) -> list[Claim]:
    """The claims that the methods of a panel, a data set and a network, allow to judge."""
    row = panel.first
    where = f"With a {NETWORKS.get(row['model'], row['model'])} on {row['dataset']},"
    ours = [label for label in WIS if label in panel.labels]
    rivals = [label for label in panel.labels if label.lower().startswith(RIVALS)]
    inner = f"of means over the percentages between 0 and 100, {PAIRED}"
    found = [
        Claim(
            f"{wis}-above-{rival}".lower(),
            f"{figure}; Section 5.5.2",
            f"{where} {wis} leads to higher test accuracy than {rival} at equal amounts.",
            f"Agrees if, {inner} lies above 0; disagrees if it lies below.",
            partial(_above, wis, rival),
        )
        for wis in ours
        for rival in rivals
    ]
    if len(ours) == 2:
        found.append(
            Claim(
                "1-wis-like-2-wis",
                f"{figure}; Section 5.5.2",
                f"{where} 1-WIS performs similarly to 2-WIS, without a sizable cost.",
                f"Agrees if, {inner} lies above -{MARGIN:g} point; disagrees if it lies below.",
                partial(_above, ours[0], ours[1], above=-MARGIN),
            )
        )
    if {0.0, 100.0} <= set(panel.percentages):
        found.append(
            Claim(
                "edges-matter",
                "Section 5.5.2",
                f"{where} edges raise test accuracy by {CRUCIAL:g} points or more.",
                f"Agrees if {PAIRED} between all edges and none lies above {CRUCIAL:g} points; "
                "disagrees if it lies below.",
                _edges_matter,
            )
        )
    return found


def _tolerated(panel: Panel, label: str) -> float | None:
    """The percentage of edges up to which a method loses at most `LOSS` points on average.

    None if there are no rows of the whole graph.
    """
    lost = panel.curves[label].rsub(panel.whole, axis=0).mean().dropna()
    kept = lost[(lost <= LOSS).cummin()]
    return None if kept.empty else float(kept.index[-1])


def _above(wis: str, other: str, rows: Sequence[Row], *, above: float = 0.0) -> Judgement:
    (panel,) = panels_of(rows)
    gains = _inner(panel, wis) - _inner(panel, other)
    judged = over_seeds(
        gains.mean(axis=1).dropna().tolist(), f"{wis} minus {other}, in points", above=above
    )
    ahead = int((gains.mean() > 0).sum())
    removable = [_tolerated(panel, label) for label in (wis, other)]
    text = f"{judged.found}; ahead at {ahead} of {gains.shape[1]} percentages"
    if None not in removable:
        text += (
            f"; at most {LOSS:g} points lost up to {removable[0]:g} % ({other}: {removable[1]:g} %)"
        )
    return Judgement(judged.state, text, judged.interval)


def _inner(panel: Panel, label: str) -> Any:
    """Accuracies of a method, [seeds, percentages between 0 and 100]."""
    curves: pd.DataFrame = panel.curves[label]
    return curves[[p for p in curves.columns if 0 < p < 100]].dropna(axis=1, how="all")


def _edges_matter(rows: Sequence[Row]) -> Judgement:
    (panel,) = panels_of(rows)
    bare = panel.curves.reindex(columns=[100.0], level=1).bfill(axis=1).iloc[:, 0]
    gains = (panel.whole - bare).dropna().tolist()
    return over_seeds(gains, "all edges minus none, in points", above=CRUCIAL)
