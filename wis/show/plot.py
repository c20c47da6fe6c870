"""Pictures of a graph before and after its sparsification.

A small graph is drawn twice in the layout of the graph before, with removed edges in colour. For a
large graph, which a drawing cannot show, the degree distributions are drawn instead: the share of
vertices of at least each degree, on logarithmic axes, beside a table of counts. With ``directed``,
arcs are bent arrows, so that an arc and its reverse lie side by side, and degrees count incoming
arcs. Only figure objects of matplotlib are used, so that no window opens and no global state
changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wis.base.figures import check_can_plot, fitted, save_figure, text_width
from wis.graph import CanonicalGraph, canonical_graph
from wis.graph.holders import opened
from wis.measure.facts import component_sizes, message_degrees
from wis.show.layout import vertex_positions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_DRAWN_VERTICES = 300
MAX_DRAWN_EDGES = 3_000
MAX_COLOURED_CLASSES = 10

TITLE_WIDTH = 10.0  # inches; figures are 11 inches wide

INK = "#333333"
KEPT = "#5f6b7a"
REMOVED = "#e4572e"
PLAIN = "#4c78a8"
CLASS_COLOURS = (
    "#4c78a8", "#f2b701", "#59a14f", "#b07aa1", "#76b7b2",
    "#9c755f", "#ff9da7", "#79706e", "#2f4b7c", "#bab0ac",
)  # fmt: skip


def plot_sparsification(
    before: Any,
    after: Any,
    path: str | Path,
    *,
    force: bool = False,
    seed: int = 0,
    directed: bool = False,
    title: str | None = None,
) -> Path:
    """Draw a graph before and after its sparsification.

    Args:
        before: The graph. An integer `y` with up to ten classes, or the vertex types of a
            `HeteroData`, give the colours.
        after: The same vertices with fewer edges.
        path: File of the picture: `.png`, `.svg` or `.pdf`.
        force: Replace an existing file.
        seed: Seed of the layout.
        directed: Whether to draw arcs instead of edges.
        title: Title, such as the graph and the method; the removed share is added to it.

    Raises:
        WisError: As for `wis.base.figures.save_figure`.

    >>> import wis
    >>> karate = wis.datasets.load("karate")
    >>> half = wis.sparsify(karate, remove="50%")
    >>> plot_sparsification(karate, half, "half.svg").name
    'half.svg'
    """
    check_can_plot(path)
    figure = sparsification_figure(before, after, seed=seed, directed=directed, title=title)
    return save_figure(figure, path, force=force)


def sparsification_figure(
    before: Any, after: Any, *, seed: int = 0, directed: bool = False, title: str | None = None
) -> Figure:
    """The figure of `plot_sparsification`."""
    before = opened(before)
    graphs = (canonical_graph(before, directed=directed), canonical_graph(after, directed=directed))
    if graphs[0].num_nodes <= MAX_DRAWN_VERTICES and graphs[0].num_edges <= MAX_DRAWN_EDGES:
        figure = _drawings(*graphs, vertex_classes(before, graphs[0].num_nodes), seed)
    else:
        figure = _distributions(*graphs)
    text = "" if title is None else f"{title}: "
    add_title(figure, text + _removed(*graphs))
    return figure


def add_title(figure: Figure, text: str) -> None:
    """Add a title of up to three lines to a figure."""
    fitting = fitted(text, TITLE_WIDTH, size=11, lines=3)
    figure.suptitle(fitting, color=INK, fontsize=11)


def _removed(before: CanonicalGraph, after: CanonicalGraph) -> str:
    """A text such as ``39 of 78 edges removed (50.0%)``."""
    count, total = before.num_edges - after.num_edges, before.num_edges
    share = f" ({count / total:.1%})" if total else ""
    return f"{count:,} of {_edges(before)} removed{share}"


def vertex_classes(data: Any, num_nodes: int) -> tuple[np.ndarray, list[str]] | None:
    """The class of each vertex and the class names; None unless there are 2 to 10 classes."""
    import torch

    if hasattr(data, "edge_types"):
        sizes = [data[node_type].num_nodes or 0 for node_type in data.node_types]
        if len(sizes) > MAX_COLOURED_CLASSES or sum(sizes) != num_nodes:
            return None
        return np.repeat(np.arange(len(sizes)), sizes), [str(name) for name in data.node_types]
    y = getattr(data, "y", None)
    if not isinstance(y, torch.Tensor) or y.is_floating_point() or y.shape != (num_nodes,):
        return None
    values, classes = np.unique(y.cpu().numpy(), return_inverse=True)
    if not 2 <= values.size <= MAX_COLOURED_CLASSES:
        return None
    return classes, [f"class {value}" for value in values]


def _drawings(
    before: CanonicalGraph,
    after: CanonicalGraph,
    classes: tuple[np.ndarray, list[str]] | None,
    seed: int,
) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    position = vertex_positions(before, seed)
    removed = after.edge_ids(before.edges).numpy() < 0
    edges = before.edges.numpy()
    draw = _draw_arcs if before.directed else _draw_edges
    draw(left, position, edges[:, ~removed], KEPT, 0.6)
    draw(left, position, edges[:, removed], REMOVED, 0.6)
    draw(right, position, edges[:, ~removed], KEPT, 0.9)
    for axes, graph in ((left, before), (right, after)):
        _draw_vertices(axes, position, message_degrees(graph), classes)
    num_removed = int(removed.sum())
    left.set_title(f"Before: {_edges(before)}", color=INK)
    right.set_title(f"After: {_edges(after)}", color=INK)
    _add_legend(figure, classes, before, has_removed=num_removed > 0)
    return figure


def _edges(graph: CanonicalGraph) -> str:
    count = graph.num_edges
    return f"1 {graph.noun}" if count == 1 else f"{count:,} {graph.noun}s"


def _draw_edges(
    axes: Axes, position: np.ndarray, edges: np.ndarray, colour: str, opacity: float
) -> None:
    from matplotlib.collections import LineCollection

    width = float(np.clip(12 / max(1, edges.shape[1]) ** 0.5, 0.4, 1.4))
    segments = position[edges.T]  # [k, 2, 2]: edge, end, coordinate
    axes.add_collection(
        LineCollection(list(segments), colors=colour, linewidths=width, alpha=opacity, zorder=1)
    )


def _draw_arcs(
    axes: Axes, position: np.ndarray, arcs: np.ndarray, colour: str, opacity: float
) -> None:
    from matplotlib.patches import FancyArrowPatch

    width = float(np.clip(12 / max(1, arcs.shape[1]) ** 0.5, 0.4, 1.4))
    for tail, head in position[arcs.T].tolist():
        axes.add_patch(
            FancyArrowPatch(
                tail,
                head,
                arrowstyle="-|>",
                connectionstyle="arc3,rad=0.15",
                mutation_scale=7,
                shrinkA=2,
                shrinkB=4,
                linewidth=width,
                color=colour,
                alpha=opacity,
                zorder=1,
            )
        )


def _draw_vertices(
    axes: Axes,
    position: np.ndarray,
    degree: np.ndarray,
    classes: tuple[np.ndarray, list[str]] | None,
) -> None:
    colours: Any = PLAIN
    if classes is not None:
        colours = [CLASS_COLOURS[index] for index in classes[0]]
    crowding = float(np.clip(40 / max(1, degree.size), 0.25, 1))
    sizes = crowding * (25 + 18 * degree)
    axes.scatter(
        position[:, 0],
        position[:, 1],
        s=sizes,
        c=colours,
        edgecolors="white",
        linewidths=0.8,
        zorder=2,
    )
    axes.margins(0.06)
    axes.set_axis_off()


def _add_legend(
    figure: Figure,
    classes: tuple[np.ndarray, list[str]] | None,
    graph: CanonicalGraph,
    *,
    has_removed: bool,
) -> None:
    from matplotlib.lines import Line2D

    marks = [Line2D([], [], color=KEPT, label=f"{graph.noun} that stays")]
    if has_removed:
        marks.append(Line2D([], [], color=REMOVED, label=f"{graph.noun} that goes"))
    for colour, name in zip(CLASS_COLOURS, classes[1] if classes else [], strict=False):
        marks.append(
            Line2D([], [], color=colour, marker="o", linestyle="", label=fitted(name, 2.0))
        )
    figure.legend(
        handles=marks,
        loc="outside lower center",
        ncols=min(len(marks), legend_columns([str(mark.get_label()) for mark in marks])),
        frameon=False,
        labelcolor=INK,
        title=f"Area of a vertex: its {_degree_name(graph)}",
        title_fontsize="small",
    )


def legend_columns(labels: Iterable[str], width: float = TITLE_WIDTH) -> int:
    """Number of labels that fit side by side; a mark and its gaps take 0.75 inches."""
    return max(1, int(width / (0.75 + max(map(text_width, labels)))))


def _degree_name(graph: CanonicalGraph) -> str:
    return "in-degree" if graph.directed else "degree"


def _distributions(before: CanonicalGraph, after: CanonicalGraph) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    degrees = message_degrees(before), message_degrees(after)
    draw_degrees(left, degrees, ("before", "after"), _degree_name(before))
    left.set_title("Degrees before and after", color=INK)
    left.legend(frameon=False)
    _draw_table(right, before, after)
    return figure


def draw_degrees(
    axes: Axes, degrees: Sequence[np.ndarray], labels: Sequence[str], name: str
) -> None:
    """Draw the degree distributions before and after, on logarithmic axes."""
    for degree, colour, label in zip(degrees, (REMOVED, PLAIN), labels, strict=True):
        axes.plot(*degree_ccdf(degree), color=colour, marker="o", markersize=3, label=label)
    if any(degree.any() for degree in degrees):
        axes.set(xscale="log", yscale="log")
        axes.set_xlim(left=0.9)
    axes.set(xlabel=f"{name} d", ylabel=f"share of vertices of {name} at least d")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def degree_ccdf(degree: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Complementary cumulative distribution of positive degrees [n], for a logarithmic axis.

    Returns the degrees that occur, ascending, and for each the share of vertices of at least this
    degree.
    """
    values, counts = np.unique(degree, return_counts=True)
    share = counts[::-1].cumsum()[::-1] / max(1, degree.size)
    return values[values > 0], share[values > 0]


def _num_isolated(graph: CanonicalGraph) -> int:
    """Number of vertices without a neighbour in any direction."""
    return graph.num_nodes - np.unique(graph.edges.cpu().numpy()).size


def _draw_table(axes: Axes, before: CanonicalGraph, after: CanonicalGraph) -> None:
    columns = [_counts(before), _counts(after)]
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    axes.set_axis_off()
    table = axes.table(
        rows, colLabels=["", "before", "after"], colWidths=[0.45, 0.25, 0.25], loc="center",
        cellLoc="right", edges="horizontal",
    )  # fmt: skip
    table.auto_set_font_size(False)
    table.set_fontsize(10)
    table.scale(1, 1.7)
    for (_, column), cell in table.get_celld().items():
        cell.set_edgecolor("#cccccc")
        cell.get_text().set_color(INK)
        if column == 0:
            cell.get_text().set_horizontalalignment("left")


def _counts(graph: CanonicalGraph) -> dict[str, str]:
    sizes = component_sizes(graph)
    degree = message_degrees(graph)
    name = _degree_name(graph)
    ends = 1 if graph.directed else 2
    return {
        "vertices": f"{graph.num_nodes:,}",
        f"{graph.noun}s": f"{graph.num_edges:,}",
        f"mean {name}": f"{ends * graph.num_edges / max(1, graph.num_nodes):.2f}",
        f"highest {name}": f"{int(degree.max(initial=0)):,}",
        "isolated vertices": f"{_num_isolated(graph):,}",
        "components": f"{sizes.size:,}",
        "largest component": f"{int(sizes.max(initial=0)):,}",
    }
