"""The figures, in the form that they have in the thesis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Panel = tuple[str, Mapping[str, np.ndarray]]


def entry_against_loss(figure: Any, panels: Sequence[Panel], title: str) -> None:
    """Unobserved entry against loss, one panel for each depth, the step as colour (Figure 1.1)."""
    from matplotlib.colors import LogNorm

    figure.set_size_inches(4.6 * len(panels) + 0.8, 4.2)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    last = max(float(curve[-1, 0]) for _, panel in panels for curve in panel.values())
    norm = LogNorm(1, max(last, 10))
    drawn = None
    for axis, (name, panel) in zip(axes, panels, strict=True):
        for marker, (label, curve) in zip("osD^v<>phX*P", panel.items(), strict=False):
            step, loss, entry = curve.T
            axis.plot(loss, entry, color="0.8", linewidth=0.8, zorder=1)
            drawn = axis.scatter(
                loss, entry, c=np.maximum(step, 1), norm=norm, s=9, marker=marker, cmap="viridis"
            )
            axis.scatter(
                loss[-1], entry[-1], s=45, marker=marker, edgecolor="k", facecolor="none",
                label=label,
            )  # fmt: skip
        axis.set(xscale="log", xlabel="loss", title=name)
        axis.set_yscale("symlog", linthresh=1e-1)
        axis.set_ylim(0, 1.5 * max(float(curve[:, 2].max()) for curve in panel.values()))
        axis.invert_xaxis()
        axis.legend(fontsize=7, title="end of run", title_fontsize=7)
    axes[0].set_ylabel(title)
    figure.colorbar(drawn, ax=list(axes), label="iteration")


LONG = 50_000
"""Iterations from which on their axis is logarithmic: what happens, happens early."""


def norms_over_time(
    figure: Any,
    panels: Sequence[tuple[str, str, np.ndarray, np.ndarray]],
    errors: Mapping[str, tuple[np.ndarray, np.ndarray]],
    error_title: str,
) -> None:
    """The largest norms or singular values over the iterations, then errors (Figures 2.2, C.2).

    Args:
        figure: To draw on.
        panels: Title, label of the vertical axis, iterations [T], values [T, k].
        errors: Label to iterations and reconstruction errors; none for no such panel.
        error_title: Label of the errors' vertical axis.
    """
    count = len(panels) + bool(errors)
    num_rows = 1 if count <= 4 else 2  # more than four side by side are too small to read
    num_columns = math.ceil(count / num_rows)
    figure.set_size_inches(3.5 * num_columns, 3.3 * num_rows)
    grid = figure.subplots(num_rows, num_columns, squeeze=False).flatten()
    axes = grid[:count]
    for axis in grid[count:]:
        axis.set_axis_off()
    for axis, (title, label, steps, values) in zip(axes, panels, strict=False):
        for position in range(values.shape[1]):
            axis.plot(steps, values[:, position], linewidth=1.5)
        axis.set(title=title, xlabel="iteration", ylabel=label)
        axis.title.set_fontsize(9)
        if steps[-1] > LONG:
            axis.set_xscale("symlog", linthresh=100)
    if errors:
        for label, (steps, values) in errors.items():
            axes[-1].plot(np.maximum(steps, 1), values, label=label)
        axes[-1].set(xscale="log", yscale="log", xlabel="iteration", ylabel=error_title)
        if len(errors) > 1:
            axes[-1].legend(fontsize=7)


def quartiles_against_observations(
    figure: Any, panels: Sequence[tuple[str, Mapping[str, dict[int, list[float]]]]]
) -> None:
    """Median and quartiles for each number of observations (Figure 1.2).

    Args:
        figure: To draw on.
        panels: Label of the vertical axis; for each method, values for each number.
    """
    figure.set_size_inches(4.2 * len(panels), 3.6)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, (title, methods) in zip(axes, panels, strict=True):
        for position, (label, values) in enumerate(methods.items()):
            counts = sorted(values)
            # Later curves are dashed, their marks hollow: earlier ones that coincide show through.
            style = ("-", "--", "-.", ":", (0, (1, 4)))[position % 5]
            low, middle, high = np.array(
                [np.percentile(values[count], (25, 50, 75)) for count in counts]
            ).T
            axis.errorbar(
                counts, middle, yerr=(middle - low, high - middle), marker="osD^v"[position % 5],
                markersize=4 + 2 * position, markerfacecolor="none" if position else None,
                linestyle=style, capsize=3, label=label,
            )  # fmt: skip
        axis.set(xlabel="number of observations", ylabel=title)
        axis.legend(fontsize=7)


def errors_against_rank(
    figure: Any,
    panels: Sequence[tuple[str, Mapping[str, tuple[np.ndarray, ...]]]],
    *,
    label: str = "tensor rank",
) -> None:
    """Mean and standard deviation of errors for each tensor rank (Figure 2.3).

    Args:
        figure: To draw on.
        panels: Title; for each curve ranks [K], means [K] and deviations [K].
        label: Of the horizontal axis.
    """
    figure.set_size_inches(5.2 * len(panels), 3.8)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, (title, curves) in zip(axes, panels, strict=True):
        for position, (name, (ranks, means, deviations)) in enumerate(curves.items()):
            style = "--" if "test" in name else "-"
            axis.errorbar(
                ranks, means, yerr=deviations, marker="o", markersize=3, capsize=2,
                linestyle=style, color=f"C{position // 2}", label=name,
            )  # fmt: skip
        axis.set(xlabel=label, ylabel="mean squared error", title=title)
        axis.legend(fontsize=7)


def accuracies_against_range(
    figure: Any, panels: Sequence[tuple[str, str, Mapping[str, dict[int, list[float]]]]]
) -> None:
    """Mean and standard deviation of accuracies for each distance (Figure 3.6).

    Args:
        figure: To draw on.
        panels: Title, label of the horizontal axis; for each setting, accuracies for each range.
    """
    figure.set_size_inches(4.6 * len(panels), 3.6)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, (title, label, settings) in zip(axes, panels, strict=True):
        for name, values in settings.items():
            ranges = sorted(values)
            means = [np.mean(values[each]) for each in ranges]
            spread = [np.std(values[each]) for each in ranges]
            axis.errorbar(ranges, means, yerr=spread, marker="o", capsize=3, label=name)
        axis.axhline(0.5, color="0.6", linewidth=0.8, linestyle=":")
        axis.set(title=title, xlabel=label, ylabel="test accuracy")
        axis.legend(fontsize=7)
