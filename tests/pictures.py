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
    canvas.draw()
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
    """All texts of a figure that are seen; labels of ticks outside their axis are not."""
    from matplotlib.text import Text

    found = []
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            slack = 1e-9 * max(abs(low), abs(high), 1e-300)
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if not low - slack <= tick.get_loc() <= high + slack:
                    tick.label1.set_visible(False)
                    tick.label2.set_visible(False)
    for text in figure.findobj(Text):
        axes = text.axes
        hidden = axes is not None and not axes.axison and text in ticks_of(axes)
        if text.get_visible() and text.get_text().strip() and not hidden:
            found.append(text)
    return found


def ticks_of(axes: Any) -> list[Any]:
    """Texts at the axes of a drawing."""
    axis_texts = [axes.xaxis.label, axes.yaxis.label]
    return [*axes.get_xticklabels(), *axes.get_yticklabels(), *axis_texts]
