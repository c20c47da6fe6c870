"""A comparison as a picture: degrees before and after, and the remaining share of each measure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wis.base.figures import check_can_plot, save_figure
from wis.show.plot import INK, PLAIN, REMOVED, add_title, draw_degrees

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from wis.measure.comparison import Comparison

BARS = {
    "edges": "edges",
    "largest_component": "largest component",
    "transitivity": "transitivity",
    "average_clustering": "mean clustering",
    "spectral_radius": "spectral radius",
    "spectral_gap": "spectral gap",
    "edge_homophily": "edge homophily",
    "messages": "arcs",
}
RANGES = {
    "quadratic_forms": "x'L'x / x'Lx",
    "cuts_halves": "cuts: halves",
    "cuts_neighbourhoods": "cuts: neighbourhoods",
}
BESIDE: Any = {
    "xytext": (5, 0),
    "textcoords": "offset points",
    "va": "center",
    "fontsize": 9,
    "color": INK,
    "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.5},
}
"""Style of texts to the right of a bar, in a white box."""

COUNTS = {"isolated": "isolated", "components": "components", "diameter": "diameter"}


def plot_comparison(
    comparison: Comparison, path: str | Path, *, force: bool = False, title: str | None = None
) -> Path:
    """Draw degree distributions, and a bar for the remaining share of each measure.

    Args:
        comparison: The comparison.
        path: File of the picture: `.png`, `.svg` or `.pdf`.
        force: Replace an existing file.
        title: Title, such as the names of both graphs; the number of removed edges is added.

    Raises:
        WisError: As for `wis.base.figures.save_figure`.

    >>> import wis
    >>> karate = wis.datasets.load("karate")
    >>> comparison = wis.measure.compare(karate, wis.sparsify(karate, remove="50%"))
    >>> plot_comparison(comparison, "comparison.svg").name
    'comparison.svg'
    """
    check_can_plot(path)
    return save_figure(comparison_figure(comparison, title=title), path, force=force)


def comparison_figure(comparison: Comparison, *, title: str | None = None) -> Figure:
    """The figure of `plot_comparison`."""
    from matplotlib.figure import Figure

    rows = len(shares_left(comparison)) + len(RANGES)
    figure = Figure(figsize=(12, max(5.4, 1.6 + 0.3 * rows)), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1))
    _draw_degrees(left, comparison)
    _draw_shares(right, comparison)
    text = "" if title is None else f"{title}: "
    add_title(figure, text + _edges_left(comparison))
    return figure


def _edges_left(comparison: Comparison) -> str:
    before, after = (part["edges"].value or 0 for part in (comparison.before, comparison.after))
    share = f" ({1 - after / before:.1%})" if before else ""
    noun = "arcs" if comparison.directed else "edges"
    return f"{before - after:,} of {before:,} {noun} removed{share}"


def _draw_degrees(axes: Axes, comparison: Comparison) -> None:
    means = (part["mean_degree"].value for part in (comparison.before, comparison.after))
    labels = [
        f"{when}, mean {mean:.3g}" for when, mean in zip(("before", "after"), means, strict=True)
    ]
    name = "in-degree" if comparison.directed else "degree"
    draw_degrees(axes, comparison.degrees, labels, name)
    axes.set_title(f"Degrees of {comparison.num_nodes:,} vertices", color=INK, loc="left")
    axes.legend(frameon=False, title=_counts_line(comparison), title_fontsize="small")


def _counts_line(comparison: Comparison) -> str:
    """Numbers without a share to draw: before → after."""
    lines = []
    for name, label in COUNTS.items():
        before, after = comparison.before[name], comparison.after[name]
        sign = "" if before.is_exact and after.is_exact else "~"
        lines.append(f"{label}: {sign}{before.value:,} → {sign}{after.value:,}")
    return "\n".join(lines)


def shares_left(comparison: Comparison) -> dict[str, float]:
    """Ratio of after to before by label, for the measures with a ratio."""
    shares = {}
    names = dict(BARS)
    for length in comparison.settings.walk_lengths:
        names[f"log_walk_index_{length}"] = f"Σ log WI$_{{{length}}}$"
    for name, label in names.items():
        before, after = comparison.before.get(name), comparison.after.get(name)
        if before is None or after is None or before.value is None or after.value is None:
            continue
        if before.value > 0:
            shares[label] = after.value / before.value
    return shares


def _draw_shares(axes: Axes, comparison: Comparison) -> None:
    shares = shares_left(comparison)
    bars = np.arange(len(shares))
    axes.barh(bars, list(shares.values()), color=PLAIN, height=0.62)
    for position, share in zip(bars.tolist(), shares.values(), strict=True):
        axes.annotate(f"{share:.2f}", (share, position), **BESIDE)
    labels = list(shares)
    for name, label in RANGES.items():
        spread = comparison.similarity[name]
        if spread.mean is None or spread.low is None or spread.high is None:
            continue
        row = len(labels)
        labels.append(label)
        axes.plot([spread.low, spread.high], [row, row], color=REMOVED, linewidth=3, alpha=0.5)
        axes.plot([spread.mean], [row], color=REMOVED, marker="o")
        axes.annotate(f"{spread.low:.2f} to {spread.high:.2f}", (spread.high, row), **BESIDE)
    axes.axvline(1, color=INK, linewidth=0.8, alpha=0.4, zorder=0)
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xlim(0, max(1.25, 1.15 * max(shares.values(), default=1)))
    axes.set_xlabel("after / before (bars; ranges: lowest, mean, highest)")
    axes.set_title("Remaining share of each measure", color=INK, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
