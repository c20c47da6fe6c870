"""Every picture: no text is cut off or lies over another, whatever graphs and methods are called.

| picture | tried with |
|---|---|
| `wis bench plot` | accuracy, costs; one and several data sets, up to 20 methods, odd names |
| `wis sparsify --plot` | drawings, arrows, distributions; long names, many classes |
| `wis advise -o` | few and many runs; long names |
| `wis compare --plot` | undirected, directed |
| `wis theory ... --plot` | bounds, spectrum, tensor network, Figure 5.2, what orders preserve |
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from pictures import unreadable

import wis
from wis.base.figures import fitted, plain, text_width
from wis.datasets import load
from wis.experiments.summary import panels_of
from wis.graph import canonical_graph
from wis.measure import compare
from wis.show import plot_comparison
from wis.show.advice_picture import advice_figure
from wis.show.comparison_picture import comparison_figure
from wis.show.plot import plot_sparsification, sparsification_figure
from wis.show.sweep_plots import accuracy_figure, cost_figure, plot_accuracy, plot_costs
from wis.training import TrainConfig

sys.path.insert(0, str(Path(__file__).parents[1] / "experiments"))
from rows import made_row

LONG = "/data/graphs/a very long folder/graph-of-everything-and-more-and-more-filtered-2.npz"
ODD = [
    "$\\frac{$",
    "$x$ and $y$",
    "\\$",
    "a_b^{",
    "\ufffd",
    "\x00\x07\n",
    "",
    "W" * 200,
    "中文",
    "-" * 90,
]
SWEEPS = {
    "one seed": (["cora"], ["1-WIS"], [0], 1),
    "one": (["cora"], ["1-WIS", "2-WIS", "random"], [0, 50, 100], 2),
    "long": ([LONG], [f"gwis (partitions=attribute:y, argmax=min, walk_length={k})" for k in "12"],
             [0, 50], 2),
    "many": (["cora", "squirrel"], [f"method {k}" for k in range(20)], [0, 100], 1),
    "wide": (["M" * 70, "W" * 70, "cora", LONG], ["W" * 90, "M" * 90], [0, 100], 1),
    "odd": (ODD[:3], ODD, [0, 2.5], 1),
}  # fmt: skip


def panels(case):
    datasets, labels, percentages, seeds = SWEEPS[case]
    return panels_of(
        made_row(label, float(p), seed, 0.9 - p / 250, dataset=name, order_seconds=10.0**k)
        for name in datasets
        for k, label in enumerate(labels)
        for p in percentages
        for seed in range(seeds)
    )


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("case", SWEEPS)
@pytest.mark.parametrize("figure_of", [accuracy_figure, cost_figure])
def test_figures_of_sweeps_can_be_read(case, figure_of):
    assert unreadable(figure_of(panels(case))) == []


@pytest.mark.parametrize("draw", [plot_accuracy, plot_costs])
@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_odd_names_are_drawn_as_they_are(draw, ending, tmp_path):
    assert draw(panels("odd"), tmp_path / f"odd.{ending}").stat().st_size > 0


def test_a_figure_of_a_sweep_says_graph_method_amount_and_whose_accuracy_it_is():
    rows = [made_row("1-WIS", 50.0, s, 0.8, val_accuracy=0.7) for s in (0, 1)]
    for metric, name, height in (("test", "test", 80), ("val", "validation", 70)):
        figure = accuracy_figure(panels_of(rows, metric=metric))
        (axes,) = figure.axes
        assert (axes.get_title(), axes.get_xlabel()) == ("cora, gcn", "edges removed (%)")
        assert axes.get_ylabel() == f"{name} accuracy (%)"
        assert list(axes.containers[0].lines[0].get_ydata()) == [pytest.approx(height)]
        (legend,) = figure.legends
        assert [text.get_text() for text in legend.get_texts()] == ["1-WIS"]
        assert "mean of 2 seeds" in legend.get_title().get_text()


def test_a_sweep_without_costs_says_that_they_are_not_known():
    rows = [made_row("1-WIS", 50.0, 0, 0.8, order_seconds=None, peak_memory_bytes=None)]
    texts = [text.get_text() for axes in cost_figure(panels_of(rows)).axes for text in axes.texts]
    assert texts.count("not measured") == 2


@pytest.mark.parametrize("bytes_of", [lambda p: 390 * 2**20, lambda p: int((390 + p) * 2**20)])
def test_costs_that_are_nearly_equal_lie_inside_their_axes(bytes_of):
    """Markers are whole: half a marker is less than 3 % of the height of an axis."""
    rows = [
        made_row(label, p, seed, 0.8, peak_memory_bytes=bytes_of(p))
        for label in ("1-WIS", "random")
        for p in (0.0, 50.0)
        for seed in (0, 1)
    ]
    figure = cost_figure(panels_of(rows))
    for axes in figure.axes[1:]:
        bottom, top = axes.get_ylim()
        drawn = [y for line in axes.lines for y in line.get_ydata()]
        assert bottom == 0
        assert max(drawn) < 0.97 * top


def test_the_bars_of_a_mean_are_not_taken_for_the_bars_of_costs():
    rows = [made_row("1-WIS", 50.0, seed, 0.8) for seed in (0, 1)]
    for figure in (accuracy_figure(panels_of(rows)), cost_figure(panels_of(rows))):
        (legend,) = figure.legends
        title = legend.get_title().get_text()
        assert title == "mean of 2 seeds, error bars: standard deviation"


@cache
def advice_within(budget):
    methods = [("wis", {}), ("wis", {"walk_length": 2}), ("gwis", {"partitions": "balls:k=2"})]
    return wis.advise(
        load("csbm:n=100"), methods=methods, budget=budget, max_loss=0.2, progress=False,
        config=TrainConfig(depth=2, width=4, max_epochs=5),
    )  # fmt: skip


@pytest.mark.parametrize("title", ["karate", LONG * 2])
@pytest.mark.parametrize("budget", ["4runs", "20runs"])
def test_pictures_of_an_advice_can_be_read_and_mark_it(title, budget):
    advice = advice_within(budget)
    figure = advice_figure(advice, title)
    assert unreadable(figure) == []
    left, right = figure.axes
    assert "validation" in left.get_ylabel()
    assert len(right.get_yticklabels()) == len(advice.savings)


def many_classes():
    data = load("les-miserables")
    data.y = torch.arange(data.num_nodes) % 10
    return data


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize(
    "make",
    [lambda: load("karate"), many_classes, lambda: load("barabasi-albert:n=400,degree=3")],
    ids=["karate", "ten classes", "large"],
)
@pytest.mark.parametrize("name", ["karate", LONG * 4, "$x$ \\frac{"])
def test_pictures_of_a_cut_can_be_read_and_name_graph_method_and_amount(make, name, directed):
    data = make()
    if directed:
        data = data.edge_subgraph(data.edge_index[0] < data.edge_index[1])
    cut = wis.sparsify(data, remove="50%", method="random", directed=directed)
    figure = sparsification_figure(data, cut, directed=directed, title=f"{name} by random")
    assert unreadable(figure) == []
    title = figure.get_suptitle().replace("\n", " ")
    m = canonical_graph(data, directed=directed).num_edges
    noun = "arcs" if directed else "edges"
    assert f"of {m:,} {noun} removed (" in title
    assert "by random: " in title or len(name) > 200
    assert title.startswith(plain(name, 300)[:20])


def test_a_picture_without_a_title_names_the_amount():
    data = load("karate")
    figure = sparsification_figure(data, wis.sparsify(data, remove="50%"))
    assert figure.get_suptitle() == "39 of 78 edges removed (50.0%)"


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("title", [None, "karate and karate-half.pt", LONG * 3])
def test_pictures_of_a_comparison_can_be_read_and_name_graphs_and_amount(directed, title):
    data = load("karate")
    cut = wis.sparsify(data, remove="50%", directed=directed)
    figure = comparison_figure(compare(data, cut, directed=directed), title=title)
    assert unreadable(figure) == []
    total = 156 if directed else 78
    noun = "arcs" if directed else "edges"
    assert f"{total // 2} of {total} {noun} removed (50.0%)" in figure.get_suptitle().replace(
        "\n", " "
    )


@cache
def preserved_by_four_orders():
    from wis.graph.partitions import resolve_partitions
    from wis.theory.preserved import preserved

    data = load("karate")
    orders = {str(k): wis.removal_order(data, "random", seed=k) for k in range(4)}
    singletons = resolve_partitions("balls:k=1", canonical_graph(data), data=data, seed=0)
    return preserved(data, orders, singletons, depth=2, width=2)


def theory_figures(title):
    from wis.show.theory_pictures import (
        draw_bounds,
        draw_figure5_2,
        draw_preserved,
        draw_tensor_network,
    )
    from wis.theory.figure5_2 import figure5_2
    from wis.theory.tensor_network import build_tensor_network
    from wis.theory.typed_graph import TypedGraph

    rows, large = figure5_2(2, 2, 2), figure5_2(16, 3, 16)
    graph = TypedGraph.from_any(torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]))
    network = build_tensor_network(graph, 2, width=2, in_dim=2, target=0)
    found = [replace(row, method=f"{title} {row.method}") for row in preserved_by_four_orders()]
    return [
        draw_bounds(rows[0].bounds, rows[0].measured, title),
        draw_bounds(large[0].bounds, large[0].measured, title),
        draw_bounds(rows[0].bounds, None, title),
        draw_figure5_2(rows, 2, 2, 2),
        draw_figure5_2(large, 16, 3, 16),
        draw_tensor_network(network, title),
        draw_tensor_network(network),
        draw_preserved(found, 2, title),
    ]


@pytest.mark.parametrize("title", ["karate, graph prediction", LONG * 3, "$\\frac{$ $"])
def test_pictures_of_the_theory_can_be_read(title):
    for figure in theory_figures(title):
        assert unreadable(figure) == []


def test_the_check_of_pictures_finds_what_it_looks_for():
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3, 3))
    figure.text(0.5, 0.5, "one")
    assert unreadable(figure) == []
    figure.text(0.55, 0.5, "another")
    figure.text(0.9, 0.1, "too long for its place")
    assert unreadable(figure) == [
        "'too long for its place' is cut off",
        "'one' overlaps 'another'",
    ]


@pytest.mark.parametrize("text", [*ODD, LONG, LONG * 9, "a\tb", "\u202eabc"])
@pytest.mark.parametrize("lines", [1, 2])
def test_a_fitted_text_is_no_wider_than_its_place(text, lines):
    found = fitted(text, 2.0, lines=lines)
    shown = found.replace("\\$", "$").split("\n")
    assert len(shown) <= lines
    assert all(text_width(line) <= 2.0 for line in shown)
    assert all(character.isprintable() for line in shown for character in line)


def test_nothing_is_left_behind_where_a_picture_cannot_be_written(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    from wis.errors import GraphFileError

    def full(self, file, **_):
        file.write(b"x" * 10)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", full)
    data = load("karate")
    for draw in (
        lambda: plot_accuracy(panels("one"), tmp_path / "a.png"),
        lambda: plot_sparsification(data, data, tmp_path / "b.pdf"),
        lambda: plot_comparison(compare(data, data), tmp_path / "c.svg"),
    ):
        with pytest.raises(GraphFileError, match="cannot be written: No space left"):
            draw()
    assert list(tmp_path.iterdir()) == []
