"""Figures of the experiments on images: Figures 2.3, 3.6 and C.5 to C.7, Table B.1."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wis.show.figures_statements import Curves, legend_below
from wis.theory.experiments.claims import Row, grouped, where
from wis.theory.factorization.experiments.countering_locality import is_usable
from wis.theory.factorization.experiments.image_tensors import VARIANTS


def errors_against_rank(figure: Any, rows: Sequence[Row], curves: Curves) -> None:
    """Mean and standard deviation of errors for each tensor rank (Figure 2.3)."""
    panels = {
        f"{name}: predictors of low tensor rank": {
            f"{variant}, {part}": where(own, variant=variant, predictor="tensor")
            for variant, part in itertools.product(VARIANTS, ("train", "test"))
        }
        for (name,), own in grouped(rows, "image_set").items()
    }
    _errors(figure, panels, "rank", "tensor rank")


def errors_of_linear_predictors(figure: Any, rows: Sequence[Row], curves: Curves) -> None:
    """Mean and standard deviation of errors for each kind of data (Table B.1)."""
    panels = {
        f"{name}: linear predictors": dict.fromkeys(("train", "test"), own)
        for (name,), own in grouped(rows, "image_set").items()
    }
    _errors(figure, panels, "variant", "data")


def _errors(
    figure: Any, panels: Mapping[str, Mapping[str, list[Row]]], x: str, x_label: str
) -> None:
    figure.set_size_inches(5.2 * len(panels) + 0.6, 4.4)
    axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for axis, (title, curves) in zip(axes, panels.items(), strict=True):
        for position, (name, own) in enumerate(curves.items()):
            part = "test" if "test" in name else "train"
            axis.errorbar(
                [row[x] for row in own], [row[f"{part}_error"] for row in own],
                yerr=[row[f"{part}_deviation"] for row in own], marker="o", markersize=3,
                capsize=2, color=f"C{position if x == 'variant' else position // 2}", label=name,
                linestyle="none" if x == "variant" else "--" if part == "test" else "-",
            )  # fmt: skip
        variance = own[0]["label_variance"]
        axis.axhline(variance, color="0.4", linewidth=0.9, linestyle=":", label="label variance")
        axis.set(xlabel=x_label, title=title, xticks=[row[x] for row in own])
        axis.set_ylim(bottom=0)
        axis.margins(x=0.15)
    axes[0].set_ylabel("mean squared error")
    legend_below(figure, axes[0], 3)


def accuracies_against_range(
    figure: Any, rows: Sequence[Row], curves: Mapping[str, np.ndarray]
) -> None:
    """Mean and standard deviation of accuracies for each distance (Figure 3.6).

    Fits that say nothing, see `is_usable`, are crosses and do not enter the means.
    """
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    figure.set_size_inches(4.8 * len(tasks) + 0.4, 4.4)
    axes = figure.subplots(1, len(tasks), squeeze=False, sharey=True)[0]
    for axis, task in zip(axes, tasks, strict=True):
        own = [row for row in rows if row["task"] == task]
        for position, setting in enumerate(dict.fromkeys(row["setting"] for row in own)):
            values: dict[int, list[float]] = {}
            for row in own:
                if row["setting"] != setting:
                    continue
                if is_usable(row):
                    values.setdefault(row["range"], []).append(row["test_accuracy"])
                else:
                    axis.plot(row["range"], row["test_accuracy"], "x", color=f"C{position}")
            ranges = sorted(values)
            axis.errorbar(
                ranges, [np.mean(values[each]) for each in ranges],
                yerr=[np.std(values[each]) for each in ranges],
                marker="odsv^P*X"[position % 8], capsize=3, color=f"C{position}", label=setting,
            )  # fmt: skip
        axis.axhline(0.5, color="0.4", linewidth=0.9, linestyle=":", label="chance")
        label = "path length (dashes)" if task == "pathfinder" else "distance of images (pixels)"
        title = "Pathfinder" if task == "pathfinder" else "IsSameClass"
        axis.set(title=f"{title}, {own[0]['network']} network", xlabel=label)
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, fontsize=8)
    axes[0].set_ylabel("test accuracy")
