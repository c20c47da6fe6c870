"""Pictures: which kind is drawn, what they show, and that a bad request is refused early."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from torch_geometric.data import Data, HeteroData

import wis
from wis.base.figures import check_can_plot
from wis.datasets import load
from wis.errors import MissingDependencyError, OutputExistsError, UnknownNameError
from wis.graph import UndirectedGraph
from wis.show.plot import (
    _distributions,
    _drawings,
    degree_ccdf,
    plot_sparsification,
    vertex_classes,
)

MAGIC = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


def halved(data):
    return wis.sparsify(data, remove="50%", method="random")


@pytest.mark.parametrize("ending", sorted(MAGIC))
def test_the_format_follows_the_ending(tmp_path, ending):
    data = load("karate")
    path = plot_sparsification(data, halved(data), tmp_path / f"picture{ending}")
    assert path.read_bytes().startswith(MAGIC[ending])
    assert [file.name for file in tmp_path.iterdir()] == [path.name], "no temporary file is left"


def test_a_small_graph_is_drawn_twice_in_one_layout():
    data = load("karate")
    before, after = UndirectedGraph.from_any(data), UndirectedGraph.from_any(halved(data))
    figure = _drawings(before, after, vertex_classes(data, 34), 0)
    left, right = figure.axes
    assert left.get_title() == "Before: 78 edges"
    assert right.get_title() == "After: 39 edges"
    assert [len(lines.get_segments()) for lines in left.collections[:2]] == [39, 39]
    points = [axes.collections[-1].get_offsets() for axes in (left, right)]
    assert np.array_equal(*points)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["edge that stays", "edge that goes", "class 0", "class 1"]


def test_a_large_graph_is_shown_by_its_degrees_and_a_table():
    data = load("barabasi-albert:n=400,degree=3")
    graphs = [UndirectedGraph.from_any(each) for each in (data, halved(data))]
    figure = _distributions(*graphs)
    curves, table = figure.axes
    assert [line.get_label() for line in curves.lines] == ["before", "after"]
    assert (curves.get_xscale(), curves.get_yscale()) == ("log", "log")
    cells = {cell.get_text().get_text() for cell in table.tables[0].get_celld().values()}
    assert {"vertices", "400", "edges", "1,191"} <= cells


@pytest.mark.parametrize(
    "data",
    [
        Data(edge_index=torch.empty(2, 0, dtype=torch.int64), num_nodes=0),
        Data(edge_index=torch.tensor([[0], [0]]), num_nodes=1),
        Data(edge_index=torch.tensor([[0], [1]]), num_nodes=2),
        Data(edge_index=torch.empty(2, 0, dtype=torch.int64), num_nodes=500),
    ],
    ids=["no vertex", "one loop", "one edge", "many vertices, no edge"],
)
def test_graphs_with_next_to_nothing_can_be_drawn(tmp_path, data):
    after = wis.sparsify(data, remove="100%", method="random")
    assert plot_sparsification(data, after, tmp_path / "picture.png").stat().st_size > 0


def test_the_distribution_starts_at_one_and_falls():
    values, share = degree_ccdf(np.array([0, 1, 1, 3]))
    assert values.tolist() == [1, 3]
    assert share.tolist() == [0.75, 0.25]


def test_classes_come_from_integer_labels_or_vertex_types():
    assert vertex_classes(load("les-miserables"), 77) is None
    _, names = vertex_classes(load("karate"), 34)
    assert names == ["class 0", "class 1"]
    data = HeteroData()
    data["a"].x, data["b"].x = torch.ones(2, 1), torch.ones(1, 1)
    data["a", "to", "b"].edge_index = torch.tensor([[0], [0]])
    classes, names = vertex_classes(data, 3)
    assert (classes.tolist(), names) == ([0, 0, 1], ["a", "b"])


@pytest.mark.parametrize(
    "y", [torch.zeros(3), torch.arange(3)[:2], torch.zeros(3, dtype=torch.int64)]
)
def test_labels_that_tell_nothing_apart_give_no_colours(y):
    assert vertex_classes(Data(y=y, num_nodes=3), 3) is None


@pytest.mark.parametrize("name", ["picture.jpg", "picture", "picture.png.txt"])
def test_another_ending_is_refused_with_those_that_work(name):
    with pytest.raises(UnknownNameError, match=r"known: \.pdf, \.png, \.svg"):
        check_can_plot(name)


def test_a_missing_matplotlib_is_one_line_that_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'wis-sparsify\[plot\]'"):
        check_can_plot("picture.png")


def test_nothing_is_overwritten_without_force(tmp_path):
    path = tmp_path / "picture.png"
    path.write_text("precious")
    data = load("karate")
    with pytest.raises(OutputExistsError):
        plot_sparsification(data, data, path)
    assert path.read_text() == "precious"
    plot_sparsification(data, data, path, force=True)
    assert path.read_bytes().startswith(MAGIC[".png"])


def test_drawing_leaves_pyplot_alone(tmp_path):
    data = load("karate")
    plot_sparsification(data, halved(data), tmp_path / "picture.png")
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()
