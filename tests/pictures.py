"""Whether the texts of a picture can be read: none outside the picture, none over another."""

from __future__ import annotations

from itertools import combinations
from typing import Any

SLACK = 1.0  # pixels by which the boxes of letters may touch


def unreadable(figure: Any) -> list[str]:
    """What is wrong with the texts of a figure, as it would be drawn.

    Args:
        figure: A figure of matplotlib.

    Returns:
        A line for each text that is cut off and each pair that overlaps.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    figure.draw_without_rendering()  # places the texts
    boxes = [(text.get_text(), box_of(text, canvas)) for text in texts_of(figure)]
    frame = figure.bbox
    faults = [
        f"{text!r} is cut off"
        for text, box in boxes
        if box.x0 < frame.x0 - SLACK
        or box.x1 > frame.x1 + SLACK
        or box.y0 < frame.y0 - SLACK
        or box.y1 > frame.y1 + SLACK
    ]
    for (text, box), (other, under) in combinations(boxes, 2):
        width = min(box.x1, under.x1) - max(box.x0, under.x0)
        height = min(box.y1, under.y1) - max(box.y0, under.y0)
        if width > SLACK and height > SLACK:
            faults.append(f"{text!r} overlaps {other!r}")
    return faults


def box_of(text: Any, canvas: Any) -> Any:
    """The box of a text on the canvas."""
    return text.get_window_extent(canvas.get_renderer())


def texts_of(figure: Any) -> list[Any]:
    """All texts of a figure that are seen."""
    from matplotlib.legend import Legend
    from matplotlib.table import Table

    texts = list(figure.texts)
    for axes in figure.axes:
        texts += [axes.title, axes._left_title, axes._right_title, *axes.texts]
        if axes.axison:
            texts += texts_at(axes.xaxis) + texts_at(axes.yaxis)
        for table in axes.findobj(Table):
            texts += [cell.get_text() for cell in table.get_celld().values()]
    for legend in figure.findobj(Legend):
        texts += [*legend.get_texts(), legend.get_title()]
    return [text for text in texts if text.get_visible() and text.get_text().strip()]


def texts_at(axis: Any) -> list[Any]:
    """Name and numbers of an axis, without those outside of what it shows."""
    low, high = sorted(axis.get_view_interval())
    slack = 1e-9 * max(abs(low), abs(high))
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    shown = [tick.label1 for tick in ticks if low - slack <= tick.get_loc() <= high + slack]
    return [axis.label, axis.offsetText, *shown]
