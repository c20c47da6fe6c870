"""Pictures of the theory: tensor networks, bounds, spectra, Figure 5.2, walk indices kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wis.base.figures import fitted, save_figure, text_width
from wis.errors import OptionError
from wis.show.plot import CLASS_COLOURS, INK, KEPT, PLAIN, REMOVED
from wis.theory.bounds import SeparationBounds
from wis.theory.figure5_2 import PartitionFacts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from wis.theory.generic_rank import GenericRank
    from wis.theory.influence import Agreement, Point
    from wis.theory.preserved import PreservedRow
    from wis.theory.separation_rank import SeparationRank
    from wis.theory.tensor_network import TensorNetwork

__all__ = [
    "draw_bounds",
    "draw_figure5_2",
    "draw_influence",
    "draw_preserved",
    "draw_spectrum",
    "draw_tensor_network",
    "save_figure",
]

MAX_DRAWN_NODES = 1_200
MAX_LABELLED_NODES = 160
SIDES = (PLAIN, "#f2b701")


def draw_tensor_network(network: TensorNetwork, title: str | None = None) -> Figure:
    """Draw a tensor network as in Figure D.3: leaves at the bottom, delta-tensors as rectangles.

    Args:
        network: The network, of at most 1,200 nodes.
        title: Title, such as the graph and the task; the depth and the number of nodes are added.
            Default: the task.

    Returns:
        The figure. Colours stand for vertices of the graph, as do the numbers in small networks.

    Raises:
        OptionError: The network has too many nodes to draw.

    References:
        Figures D.3 and D.4.
    """
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure

    number = len(network.nodes)
    if number > MAX_DRAWN_NODES:
        raise OptionError(
            f"a picture of {number} nodes shows nothing; expected at most {MAX_DRAWN_NODES}: take "
            f"a target, a smaller depth or a smaller graph"
        )
    position, levels = _tree_positions(network)
    leaves = sum(node.kind == "x" for node in network.nodes)
    width = max(6.0, min(24, 3 + 0.28 * leaves))
    figure = Figure(figsize=(width, 1.8 + 0.62 * len(levels)))
    figure.set_layout_engine("constrained")
    axes = figure.subplots()
    ends = np.array([[leg.ends[0][0], leg.ends[1][0]] for leg in network.legs])
    lines = LineCollection(list(position[ends]), colors=KEPT, linewidths=0.7, zorder=1)
    axes.add_collection(lines)
    _draw_nodes(axes, network, position)
    axes.set_yticks(range(len(levels)), levels)
    axes.tick_params(left=False)
    axes.set_xticks([])
    axes.spines[:].set_visible(False)
    axes.margins(0.03, 0.08)
    task = "graph prediction" if network.target is None else f"prediction over {network.target}"
    text = f"{title or task}: tensor network of depth {network.depth}, {number} nodes"
    figure.suptitle(fitted(text, width - 0.5, size=12, lines=3), color=INK)
    return figure


def _tree_positions(network: TensorNetwork) -> tuple[np.ndarray, list[str]]:
    """Positions of nodes: leaves in depth-first order, others above the mean of their leaves."""
    # Height: the level of each kind of node, named beside the axis.
    levels: list[tuple[str, int | None]] = [("x", None)]
    names = ["features $x$"]
    for layer in range(1, network.depth + 1):
        levels += [("W", layer), ("delta", layer)]
        names += [f"$W^{{({layer})}}$", rf"$\delta$, layer {layer}"]
    if network.target is None:
        levels.append(("delta_out", None))
        names.append(r"$\delta$, output")
    levels.append(("W_out", None))
    names.append("$W^{(o)}$")
    position = np.zeros((len(network.nodes), 2))
    position[:, 1] = [levels.index((node.kind, node.layer)) for node in network.nodes]
    # The children of each node in the order of its modes; nodes are sorted from the leaves up.
    below: list[list[int]] = [[] for _ in network.nodes]
    for index, legs in enumerate(network.legs_of):
        for leg in legs:
            low, high = sorted(node for node, _ in network.legs[leg].ends)
            if high == index:
                below[index].append(low)
    # Leaves get the next place in depth-first order; other nodes follow from the leaves up.
    row, stack = iter(range(len(network.nodes))), [len(network.nodes) - 1]
    while stack:
        index = stack.pop()
        if not below[index]:
            position[index, 0] = next(row)
        stack += reversed(below[index])
    for index, children in enumerate(below):
        if children:
            position[index, 0] = position[children, 0].mean()
    return position, names


def _draw_nodes(axes: Axes, network: TensorNetwork, position: np.ndarray) -> None:
    small = len(network.nodes) <= MAX_LABELLED_NODES
    size = 150 if small else max(8.0, 12_000 / len(network.nodes))
    for shape, kinds in (("o", ("x", "W", "W_out")), ("s", ("delta", "delta_out"))):
        chosen = [index for index, node in enumerate(network.nodes) if node.kind in kinds]
        colours = [_vertex_colour(network.nodes[index].vertex) for index in chosen]
        style: Any = {"marker": shape, "edgecolors": INK, "linewidths": 0.5, "zorder": 2}
        x, y = position[chosen].T
        axes.scatter(x, y, s=size, c=colours, **style)
    for place, node in zip(position, network.nodes, strict=True):
        if small and node.vertex is not None:
            ink = _ink_on(_vertex_colour(node.vertex))
            style = {"ha": "center", "va": "center", "fontsize": 7, "zorder": 3}
            axes.annotate(str(node.vertex), place, color=ink, **style)


def _vertex_colour(vertex: int | None) -> str:
    return "white" if vertex is None else CLASS_COLOURS[vertex % (len(CLASS_COLOURS) - 1)]


def _ink_on(colour: str) -> str:
    """Colour of text on a background: white on dark, dark on light."""
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 150 else INK


def draw_bounds(bounds: SeparationBounds, measured: GenericRank | None, title: str) -> Figure:
    """Draw lower and upper bounds of one partition as bars, with the measured rank between them.

    The rank can be an interval, or None.
    """
    named = [
        ("lower bound", "lower", bounds.lower.log, SIDES[1]),
        ("multiset coefficient", "multiset", bounds.lower.multiset_log, SIDES[1]),
        ("least cut", "merged_cut", bounds.merged_cut.log_weight, PLAIN),
        ("least cut", "cut", bounds.cut.log_weight, PLAIN),
        ("sum of walks", "summed", bounds.summed.log, PLAIN),
        ("walk index", "upper", bounds.upper.log, PLAIN),
    ]
    rows = [(f"{name}\n{bounds.sources[key]}", log, ink) for name, key, log, ink in named]
    if measured is not None and measured.state == "interval":
        rows.insert(2, ("at least (proven)", measured.log_rank, REMOVED))
        rows.insert(3, (f"at most\n{measured.upper.source}", measured.upper.log, REMOVED))
    elif measured is not None:
        rows.insert(2, (f"separation rank\n{measured.state}", measured.log_rank, REMOVED))
    figure, axes = _one_panel(1.4 + 0.46 * len(rows), title)
    values = [value for _, value, _ in rows]
    places = range(len(rows))[::-1]
    axes.barh(list(places), values, color=[colour for *_, colour in rows], height=0.6)
    axes.set_yticks(list(places), [name for name, *_ in rows], fontsize=8)
    for place, value in zip(places, values, strict=True):
        axes.annotate(f" {value:.4g}", (value, place), va="center", color=INK, fontsize=9)
    axes.set(xlabel="natural logarithm of the separation rank")
    axes.margins(x=0.12)
    if max(values) > 50:
        axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(left=0)
    return figure


def _one_panel(height: float, title: str) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(fitted(title, 7.4, lines=3), color=INK, fontsize=10)
    return figure, axes


def draw_spectrum(result: SeparationRank, title: str) -> Figure:
    """Draw singular values on a logarithmic axis, with the tolerance and the rank."""
    figure, axes = _one_panel(4.4, title)
    values = np.maximum(result.spectrum.numpy(), 1e-20)
    places = np.arange(1, values.size + 1)
    above = places <= result.rank
    for chosen, colour, label in zip(
        (above, ~above), SIDES, ("counted", "counts as zero"), strict=True
    ):
        if chosen.any():
            axes.plot(places[chosen], values[chosen], ".", color=colour, label=label)
    axes.axhline(result.rtol, color=REMOVED, linewidth=1, label=f"tolerance {result.rtol:.1e}")
    axes.set(yscale="log", xlabel="singular value", ylabel="relative to the largest")
    axes.legend(frameon=False)
    return figure


def draw_figure5_2(rows: Sequence[PartitionFacts], size: int, depth: int, width: int) -> Figure:
    """Draw both partitions of Figure 5.2 with bounds and ranks; boundary vertices have a ring.

    The rows are those of `wis.theory.figure5_2.figure5_2` for this size, depth and width.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.9), layout="constrained")
    position = _clique_positions(size)
    panels = figure.subplots(1, 2)
    for axes, name in zip(panels, ("I1", "I2"), strict=True):
        facts = [row for row in rows if row.name == name]
        _draw_partition(axes, facts[0].bounds, position)
        lines = [_facts_line(row, depth) for row in facts]
        axes.set_anchor("N")
        axes.set_title(f"${name[0]}_{name[1]}$ in blue", color=INK)
        axes.text(
            0.5, -0.02, "\n\n".join(lines), transform=axes.transAxes, ha="center", va="top",
            color=INK, fontsize=9.5,
        )  # fmt: skip
    figure.suptitle(
        f"Two cliques of {size}, depth {depth}, width {width}; boundary vertices have a ring",
        color=INK,
    )
    return figure


def _facts_line(row: PartitionFacts, depth: int) -> str:
    bounds, measured = row.bounds, row.measured
    task = "Graph prediction" if row.target is None else f"Prediction over vertex {row.target}"
    rank = measured.rank if measured.rank < 10**6 else f"$e^{{{measured.log_rank:.1f}}}$"
    found = f"rank {rank}, {measured.state}"
    if measured.state == "interval":
        found = f"rank from $e^{{{measured.log_rank:.1f}}}$ to $e^{{{measured.upper.log:.1f}}}$"
    return (
        f"{task}: {depth - 1}-walk index {bounds.walk_index}\n{found}\n"
        f"its logarithm: ≥ {bounds.lower.log:,.1f} (Theorem 8), "
        f"≤ {bounds.merged_cut.log_weight:,.1f} (Lemma 51), ≤ {bounds.upper.log:,.1f} (Theorem 7)"
    )


def _clique_positions(size: int) -> np.ndarray:
    """Positions on two circles side by side; the two joined vertices are next to each other."""
    angle = 2 * np.pi * (np.arange(size) + 1) / size
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    other = np.stack([-np.cos(angle - 2 * np.pi / size), np.sin(angle - 2 * np.pi / size)], axis=1)
    return np.concatenate([circle, other + np.array([3.4, 0])])


def _draw_partition(axes: Axes, network: SeparationBounds, position: np.ndarray) -> None:
    from matplotlib.collections import LineCollection

    inside, num_nodes = network.inside, network.graph.num_nodes
    arcs = network.graph.edge_index.numpy()
    crossing = inside[arcs[0]] != inside[arcs[1]]
    for chosen, colour, width in ((~crossing, KEPT, 0.8), (crossing, REMOVED, 1.3)):
        segments = list(position[arcs.T[chosen]])
        axes.add_collection(LineCollection(segments, colors=colour, linewidths=width, zorder=1))
    ring = np.isin(np.arange(num_nodes), network.boundary)
    edge: Any = [REMOVED if vertex else INK for vertex in ring]
    fill: Any = [SIDES[0] if vertex else SIDES[1] for vertex in inside]
    style: Any = {"linewidths": np.where(ring, 2.5, 0.6), "zorder": 2}
    size = min(220, 1100 / num_nodes)
    x, y = position.T
    axes.scatter(x, y, s=size, c=fill, edgecolors=edge, **style)
    axes.set_aspect("equal")
    axes.margins(0.12)
    axes.set_axis_off()


def draw_preserved(rows: Sequence[PreservedRow], depth: int, title: str) -> Figure:
    """Draw the ratios that removal orders preserve: walk index, least cut, lower bound.

    The rows are those of `wis.theory.preserved.preserved` for this depth. The title names the graph
    and the partitions.
    """
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(row.method for row in rows))
    colours = (PLAIN, REMOVED, "#79706e", "#59a14f", *CLASS_COLOURS[3:])
    figure = Figure(figsize=(10.5, 8.3 + 0.07 * len(names)), layout="constrained")
    panels = figure.subplots(2, 2).flatten()
    titles = {
        "walk_index": f"mean {depth - 1}-walk index",
        "smallest_walk_index": f"smallest {depth - 1}-walk index, which WIS keeps as large as it "
        "can",
        "cut": "mean logarithm of the least cut (upper bound)",
        "lower": "mean lower bound found",
    }
    for axes, (field, label) in zip(panels, titles.items(), strict=True):
        for place, name in enumerate(names):
            mine = [row for row in rows if row.method == name]
            axes.plot(
                [100 * row.fraction for row in mine],
                [getattr(row, field) for row in mine],
                color=colours[place % len(colours)],
                # Later curves are dashed with hollow marks, so that earlier ones show through.
                linestyle=("-", "--", "-.", ":")[place % 4],
                marker="os^D"[place % 4],
                markersize=4 + 1.5 * (place % 4),
                markerfacecolor="none" if place % 4 else None,
                label=fitted(name, 3.0),
            )
        axes.set(xlabel="edges removed, %", ylim=(0, None))
        axes.set_title(label, color=INK, fontsize=10)
        _open_grid(axes)
    for axes in panels[::2]:
        axes.set_ylabel("share of the whole graph's value")
    widest = max(text_width(fitted(name, 3.0)) for name in names)
    handles, labels = panels[0].get_legend_handles_labels()
    columns = max(1, min(len(labels), int(10 / (0.75 + widest))))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)
    figure.suptitle(fitted(title, 9.5, size=12, lines=3), color=INK)
    return figure


def _open_grid(axes: Axes) -> None:
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def draw_influence(points: Mapping[tuple[str, str, float], Point], found: Agreement) -> Figure:
    """Draw walk indices against long-range influence, as shares kept: a panel for each graph.

    The points are those of `wis.theory.influence.kept`; bars are a standard deviation over the
    seeds long, to both sides. `wis.theory.influence.agreement` gives the title.
    """
    from matplotlib.figure import Figure

    graphs, methods, amounts = (list(dict.fromkeys(part)) for part in zip(*points, strict=True))
    figure = Figure(figsize=(1.5 + 4.6 * len(graphs), 5.4), layout="constrained")
    panels = figure.subplots(1, len(graphs), squeeze=False)[0]
    for (graph, method, amount), (walks, far, spread) in points.items():
        panels[graphs.index(graph)].errorbar(
            walks,
            far,
            spread,
            color=CLASS_COLOURS[methods.index(method) % len(CLASS_COLOURS)],
            marker="os^D"[amounts.index(amount) % 4],
            label=f"{method}" if amount == amounts[0] and graph == graphs[0] else None,
        )
    for axes, graph in zip(panels, graphs, strict=True):
        axes.set(title=fitted(graph, 4.0), xlabel="share kept of walk indices", ylim=(0, None))
        _open_grid(axes)
    panels[0].set_ylabel("share kept of influence from 2 or more hops")
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    marks = ", ".join(f"{mark} {amount:.0%}" for mark, amount in zip("○□△◇", amounts, strict=False))
    figure.suptitle(
        f"rank correlation at equal amounts {found.correlation:.2f} [{found.low:.2f}, "
        f"{found.high:.2f}], {found.num_groups} groups: {found.verdict}\nremoved: {marks}",
        color=INK,
        fontsize=11,
    )
    return figure
