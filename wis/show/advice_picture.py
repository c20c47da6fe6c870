"""The picture of an advice: the loss against the edges removed, and the savings."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wis.base.figures import check_can_plot, fitted, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from wis.advice import Advice

MOST_FACTOR = 1e4
"""A cost that vanishes is drawn as this factor."""


def plot_advice(advice: Advice, path: str | Path, *, force: bool = False, title: str = "") -> Path:
    """Draw an advice to a file, whole or not at all.

    >>> import tempfile, wis
    >>> advice = wis.advise(wis.datasets.load("karate"), task="structure", budget="3runs")
    >>> plot_advice(advice, Path(tempfile.mkdtemp(), "advice.png")).name
    'advice.png'

    Raises:
        WisError: As for `wis.base.figures.save_figure`.
    """
    check_can_plot(path)
    return save_figure(advice_figure(advice, title), path, force=force)


def advice_figure(advice: Advice, title: str = "") -> Figure:
    """Draw validation losses of all methods that were tried, and what the advice saves."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
    _draw_losses(left, advice)
    _draw_savings(right, advice)
    if title:
        figure.suptitle(fitted(title, 9.0, size=12, lines=2), fontsize=12)
    return figure


def _draw_losses(axes: Axes, advice: Advice) -> None:
    full = {trial.seed: trial.val for trial in advice.trials if trial.percent == 0}
    losses: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for trial in advice.trials:
        if trial.percent and np.isfinite(trial.val):
            losses[trial.method][trial.percent].append(100 * (full[trial.seed] - trial.val))
    for label in ("", *advice.labels):
        if label in losses:
            points = sorted((p, float(np.mean(each))) for p, each in losses[label].items())
            name = fitted(label, 2.2, size=8) if label else "no edges"
            axes.plot(*zip(*points, strict=True), marker="o", markersize=4, label=name)
    axes.axhline(100 * advice.max_loss, color="black", linestyle=":", label="allowed")
    if advice.validation is not None:
        place = (advice.percent, 100 * advice.validation.mean)
        axes.plot(*place, marker="*", markersize=16, color="black", linestyle="", label="advice")
    axes.set_xlabel("edges removed, %")
    axes.set_ylabel(f"loss, {advice.unit} (validation)")
    axes.set_xlim(0, 102)
    axes.legend(fontsize=8)


def _draw_savings(axes: Axes, advice: Advice) -> None:
    names = [fitted(saving.name, 2.6) for saving in advice.savings]
    factors = [min(saving.factor, MOST_FACTOR) for saving in advice.savings]
    axes.barh(names, [factor - 1 for factor in factors], left=1, color="0.6")
    texts = [
        "all" if saving.before and not saving.after else f"{saving.factor:.2f} ×"
        for saving in advice.savings
    ]
    for row, (factor, text) in enumerate(zip(factors, texts, strict=True)):
        axes.annotate(text, (max(1, factor), row), (3, 0), textcoords="offset points", va="center")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
    axes.set_xlim(min(0.8, *factors), 2.5 * max(factors))
    axes.axvline(1, color="black", linewidth=0.8)
    axes.invert_yaxis()
    axes.set_xlabel("saved by the advice: before / after")
