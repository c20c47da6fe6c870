"""Two graphs side by side: similarity, errors, text, JSON and the picture."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import edge_index_of, small_graphs
from torch_geometric.data import Data

import wis
from wis import datasets
from wis.errors import NotASubgraphError, OutputExistsError, UnknownNameError
from wis.measure import Settings, compare
from wis.show import comparison_as_text, plot_comparison
from wis.show.comparison_picture import shares_left


def as_data(graph) -> Data:
    num_nodes, arcs = graph
    return Data(edge_index=edge_index_of(arcs), num_nodes=num_nodes)


@st.composite
def cuts(draw: st.DrawFn) -> tuple[Data, Data]:
    num_nodes, arcs = draw(small_graphs())
    gone = set(draw(st.sets(st.sampled_from(arcs)))) if arcs else set()
    kept = [arc for arc in arcs if arc not in gone and arc[::-1] not in gone]
    return as_data((num_nodes, arcs)), as_data((num_nodes, kept))


def dense_laplacian(data: Data) -> np.ndarray:
    laplacian = np.zeros((data.num_nodes, data.num_nodes))
    for u, v in {(min(arc), max(arc)) for arc in data.edge_index.t().tolist()}:
        if u != v:
            laplacian[[u, v], [u, v]] += 1
            laplacian[[u, v], [v, u]] -= 1
    return laplacian


@settings(max_examples=20)
@given(pair=cuts(), seed=st.integers(0, 50))
def test_quadratic_forms_lie_between_the_extremes_that_are_reported(pair, seed):
    before, after = pair
    spread = compare(before, after).similarity["quadratic_forms"]
    whole, part = dense_laplacian(before), dense_laplacian(after)
    if not whole.any():
        assert spread.mean is None
        return
    assert 0 <= spread.low <= spread.mean <= spread.high <= 1
    for x in np.random.default_rng(seed).standard_normal((20, before.num_nodes)):
        ratio = x @ part @ x / (x @ whole @ x)
        assert spread.low - 1e-9 <= ratio <= spread.high + 1e-9


def test_the_extremes_are_attained():
    # a triangle loses an edge: eigenvalues of the path's Laplacian (0, 1, 3) over those of the
    # triangle's (0, 3, 3)
    before = as_data((3, [(0, 1), (1, 2), (0, 2)]))
    spread = compare(before, as_data((3, [(0, 1), (1, 2)]))).similarity["quadratic_forms"]
    assert (spread.low, spread.mean, spread.high) == pytest.approx((1 / 3, 2 / 3, 1))


def test_a_large_graph_that_falls_apart_has_a_vector_without_form():
    arcs = [(v, (v + 1) % 700) for v in range(700)]
    spread = compare(as_data((700, arcs)), as_data((700, arcs[:300] + arcs[301:600])))
    forms = spread.similarity["quadratic_forms"]
    assert forms.low == 0
    assert 0.4 < forms.mean < forms.high < 1
    assert "96 vectors" in forms.note
    whole = compare(as_data((700, arcs)), as_data((700, arcs[:-1]))).similarity["quadratic_forms"]
    assert whole.low > 0


@settings(max_examples=20)
@given(pair=cuts())
def test_cut_ratios_are_shares_and_are_one_where_nothing_went(pair):
    before, after = pair
    for name in ("cuts_halves", "cuts_neighbourhoods"):
        spread = compare(before, after).similarity[name]
        assert spread.mean is None or 0 <= spread.low <= spread.mean <= spread.high <= 1
        same = compare(before, before).similarity[name]
        assert same.mean is None or (same.low, same.high) == (1, 1)


def test_neighbourhood_cuts_of_a_star_see_what_went():
    # every closed neighbourhood of a star but that of its centre is {leaf, centre}: three of the
    # four edges cross, and two of these or three are left when another leaf goes or this one does
    star = as_data((5, [(0, leaf) for leaf in range(1, 5)]))
    spread = compare(star, as_data((5, [(0, 1), (0, 2), (0, 3)]))).similarity["cuts_neighbourhoods"]
    assert (spread.low, spread.high) == pytest.approx((2 / 3, 1))


def test_the_same_seed_gives_the_same_comparison():
    data = datasets.load("digits")
    after = wis.sparsify(data, remove="40%")
    first, again, other = (
        compare(data, after, settings=Settings(seed=seed)).to_dict() for seed in (3, 3, 4)
    )
    assert first == again
    assert first["similarity"] != other["similarity"]


def test_what_is_no_part_is_refused():
    data = as_data((3, [(0, 1)]))
    with pytest.raises(NotASubgraphError, match="3 vertices and the one after 4"):
        compare(data, as_data((4, [(0, 1)])))
    with pytest.raises(NotASubgraphError, match="vertex 0 to 2"):
        compare(data, as_data((3, [(2, 0)])))
    with pytest.raises(NotASubgraphError, match=r"1 arc .* vertex 1 to 0"):
        compare(data, as_data((3, [(1, 0)])), directed=True)


def test_an_order_compares_its_cuts_with_the_whole():
    data = datasets.load("karate")
    order = wis.removal_order(data)
    reports = order.compare(data, removes=["25%", 39])
    assert [report.after["edges"].value for report in reports] == [58, 39]
    assert {report.before["edges"].value for report in reports} == {78}
    direct = compare(data, order.apply(data, remove=39))
    assert reports[1].to_dict() == direct.to_dict()
    lost = reports[0].lost_log_walk_index
    assert 0 < lost[1] < reports[1].lost_log_walk_index[1]


def test_an_order_compares_a_bare_edge_index_with_isolated_vertices():
    edge_index = torch.tensor([[0, 1, 2], [1, 2, 0]])
    order = wis.removal_order(edge_index, num_nodes=5)
    (report,) = order.compare(edge_index, removes=[2])
    assert report.num_nodes == 5
    assert (report.before["isolated"].value, report.after["isolated"].value) == (2, 3)


def test_an_order_of_arcs_compares_arcs():
    data = datasets.load("karate")
    (report,) = wis.removal_order(data, directed=True).compare(data, removes=["50%"])
    assert report.directed
    assert (report.before["edges"].value, report.after["edges"].value) == (156, 78)


def test_labels_of_the_graph_before_serve_a_graph_after_that_has_none():
    data = datasets.load("karate")
    after = wis.sparsify(data, remove="50%")
    bare = Data(edge_index=after.edge_index, num_nodes=34)
    assert compare(data, bare).to_dict() == compare(data, after).to_dict()


def test_the_text_marks_what_is_not_exact_and_says_how_it_was_come_by():
    data = datasets.load("digits")
    report = compare(data, wis.sparsify(data, remove="50%"))
    text = comparison_as_text(report, width=100)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    assert any(line.split() == ["edges", "9,929", "4,965", "-50.0%"] for line in lines)
    diameter = next(line for line in lines if line.startswith(" diameter"))
    assert diameter.count("~") == 2
    assert any(line.startswith("~ diameter") and "searches" in line for line in lines)
    assert "diameter" in report.sampled
    assert "edges" not in report.sampled


def test_a_small_comparison_has_nothing_inexact():
    data = datasets.load("karate")
    report = compare(data, wis.sparsify(data, remove="50%"))
    assert report.sampled == ()
    assert "~" not in comparison_as_text(report)


def test_json_holds_everything():
    data = datasets.load("karate")
    report = compare(data, wis.sparsify(data, remove="50%"))
    record = json.loads(json.dumps(report.to_dict()))
    assert record["before"]["edges"] == {
        "label": "edges", "value": 78, "note": None, "error": None,
    }  # fmt: skip
    assert sum(record["degree_counts"]["after"].values()) == 34
    assert record["lost_log_walk_index"]["1"] == pytest.approx(report.lost_log_walk_index[1])


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("graph", [(0, []), (3, []), (4, [(0, 0), (0, 1), (1, 2)])])
def test_odd_graphs_have_a_text_and_a_picture(graph, directed, tmp_path):
    after = (graph[0], graph[1][:1])
    report = compare(as_data(graph), as_data(after), directed=directed)
    assert comparison_as_text(report).startswith(f"{graph[0]} vertices")
    assert plot_comparison(report, tmp_path / "odd.svg").stat().st_size > 1_000


def test_the_bars_are_the_shares_of_the_measures(tmp_path):
    data = datasets.load("karate")
    report = compare(data, wis.sparsify(data, remove="50%"))
    shares = shares_left(report)
    assert shares["edges"] == 0.5
    name = "log_walk_index_1"
    assert shares["Σ log WI$_{1}$"] == report.after[name].value / report.before[name].value
    path = plot_comparison(report, tmp_path / "k.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(OutputExistsError):
        plot_comparison(report, path)
    with pytest.raises(UnknownNameError, match="picture format"):
        plot_comparison(report, tmp_path / "k.bmp")
