"""Methods for weighted graphs: against oracles, against other packages, and what they refuse."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import small_graphs
from torch_geometric.data import Data, HeteroData

import wis
from wis import datasets
from wis.errors import GraphFormatError, NotGreedyError, OptionError
from wis.graph.edge_weights import edge_weights
from wis.methods.baselines import weighted
from wis_cli.main import run

METHODS = ("weight", "disparity", "noise-corrected", "metric-backbone", "maximum-spanning")
DIRECTED = METHODS[:-1]
each_method = pytest.mark.parametrize("method", METHODS)


@st.composite
def weighted_graphs(draw, *, directed=False):
    """A small odd graph, and the weight of each edge, 1 to 5."""
    num_nodes, arcs = draw(small_graphs())
    key = (lambda arc: tuple(arc)) if directed else (lambda arc: tuple(sorted(arc)))
    edges = sorted({key(arc) for arc in arcs if arc[0] != arc[1]})
    weights = draw(st.lists(st.integers(1, 5), min_size=len(edges), max_size=len(edges)))
    weight = dict(zip(edges, weights, strict=True))
    index = torch.tensor(arcs, dtype=torch.int64).reshape(-1, 2).T
    values = torch.tensor([weight.get(key(arc), 9) for arc in arcs], dtype=torch.float64)
    return Data(edge_index=index, edge_weight=values, num_nodes=num_nodes), weight


def both(test):
    """Run a test on undirected and on directed graphs."""

    @pytest.mark.parametrize("directed", [False, True], ids=["edges", "arcs"])
    def run_test(directed):
        @given(case=weighted_graphs(directed=directed))
        @settings(max_examples=60)
        def check(case):
            test(*case, directed)

        check()

    return run_test


def scores_along(order, score):
    return [score[tuple(pair)] for pair in order.edges.T.tolist()]


def arcs_of(weight, *, directed):
    """All arcs with their weights: of an undirected edge both."""
    reverse = {} if directed else {(v, u): w for (u, v), w in weight.items()}
    return {**weight, **reverse}


# Oracles, in exact fractions, from the formulas of the papers


def p_value(arcs, u, v):
    """Serrano et al.: the smaller of (1 - p)^(k - 1) over both ends."""
    out = [w for (a, _), w in arcs.items() if a == u]
    into = [w for (_, b), w in arcs.items() if b == v]
    return min((1 - Fraction(arcs[u, v], sum(side))) ** (len(side) - 1) for side in (out, into))


def lift_and_variance(arcs, u, v):
    """Coscia and Neffke: the lift, and its variance by the posterior; None if that is 0 / 0."""
    n = Fraction(sum(arcs.values()))
    n_i = sum(w for (a, _), w in arcs.items() if a == u)
    n_j = sum(w for (_, b), w in arcs.items() if b == v)
    n_ij, kappa = arcs[u, v], n / (n_i * n_j)
    lift = (kappa * n_ij - 1) / (kappa * n_ij + 1)
    mean = n_i * n_j / n**2
    variance = n_i * n_j * (n - n_i) * (n - n_j) / (n**4 * (n - 1))
    if variance == 0:
        return lift, None
    alpha = mean**2 / variance * (1 - mean) - mean + n_ij
    beta = mean / variance * (1 - mean**2) - (1 - mean) + n - n_ij
    expected = alpha / (alpha + beta)
    slope = Fraction(1, n_i * n_j) - n * Fraction(n_i + n_j, (n_i * n_j) ** 2)
    change = 2 * (kappa + n_ij * slope) / (kappa * n_ij + 1) ** 2
    return lift, n * expected * (1 - expected) * change**2


def shortest_paths(num_nodes, arcs):
    """Floyd and Warshall's distances at lengths 1 / weight."""
    far = Fraction(10**9)
    distance = dict.fromkeys(itertools.product(range(num_nodes), repeat=2), far)
    distance |= {arc: Fraction(1, w) for arc, w in arcs.items()}
    for k, i, j in itertools.product(range(num_nodes), repeat=3):
        distance[i, j] = min(distance[i, j], distance[i, k] + distance[k, j])
    return distance


def forests(num_nodes, heaviest_first):
    """The number of the forest of each edge: the first in which it closes no cycle."""
    parents, number = [], {}
    for u, v in heaviest_first:
        for index in itertools.count():
            if index == len(parents):
                parents.append(list(range(num_nodes)))
            parent = parents[index]
            if parent[u] != parent[v]:
                parents[index] = [parent[u] if one == parent[v] else one for one in parent]
                number[u, v] = index
                break
    return number


@both
def test_weight_takes_the_lightest(data, weight, directed):
    order = wis.removal_order(data, "weight", directed=directed)
    assert scores_along(order, weight) == sorted(weight.values())


@both
def test_disparity_takes_the_largest_p_value(data, weight, directed):
    arcs = arcs_of(weight, directed=directed)
    exact = {pair: p_value(arcs, *pair) for pair in weight}
    order = wis.removal_order(data, "disparity", directed=directed)
    assert scores_along(order, exact) == sorted(exact.values(), reverse=True)


@both
def test_noise_corrected_takes_the_least_lift_in_standard_deviations(data, weight, directed):
    if sum(weight.values()) * (1 if directed else 2) < 2:
        return
    arcs = arcs_of(weight, directed=directed)
    exact = {}
    for pair in weight:
        lift, variance = lift_and_variance(arcs, *pair)
        if variance is None:  # one vertex has all the weight: what is left is the sign of the lift
            exact[pair] = math.inf if lift else 0.0
        else:
            exact[pair] = float(lift) / math.sqrt(variance) if variance else 0.0
    order = wis.removal_order(data, "noise-corrected", directed=directed)
    found = scores_along(order, exact)
    regular = [score for score in found if math.isfinite(score)]
    assert regular == pytest.approx(sorted(regular), rel=1e-7, abs=1e-7)


@both
def test_metric_backbone_takes_the_largest_distortion_then_the_lightest(data, weight, directed):
    distance = shortest_paths(data.num_nodes, arcs_of(weight, directed=directed))
    exact = {pair: (-1 / (w * distance[pair]), w) for pair, w in weight.items()}
    order = wis.removal_order(data, "metric-backbone", directed=directed)
    assert scores_along(order, exact) == sorted(exact.values())


@both
def test_edges_that_are_not_metric_change_no_distance(data, weight, directed):
    arcs = arcs_of(weight, directed=directed)
    distance = shortest_paths(data.num_nodes, arcs)
    loose = sum(w * distance[pair] < 1 for pair, w in weight.items())
    order = wis.removal_order(data, "metric-backbone", directed=directed)
    kept = {tuple(pair): weight[tuple(pair)] for pair in order.edges.T.tolist()[loose:]}
    assert shortest_paths(data.num_nodes, arcs_of(kept, directed=directed)) == distance


@given(case=weighted_graphs(), most=st.sampled_from([None, 1, 2]), seed=st.integers(0, 3))
@settings(max_examples=100)
def test_maximum_spanning_is_forest_by_forest(case, most, seed):
    data, weight = case
    lightest_first = wis.removal_order(data, "weight", seed=seed).edges.T.tolist()
    number = forests(data.num_nodes, map(tuple, reversed(lightest_first)))
    place = {tuple(pair): turn for turn, pair in enumerate(lightest_first)}
    last = math.inf if most is None else most
    expected = sorted(weight, key=lambda pair: (-min(number[pair], last), place[pair]))
    order = wis.removal_order(data, "maximum-spanning", num_forests=most, seed=seed)
    assert list(map(tuple, order.edges.T.tolist())) == expected


def test_blocks_of_sources_do_not_change_distortions(monkeypatch):
    data = datasets.load("les-miserables")
    whole = wis.removal_order(data, "metric-backbone")
    monkeypatch.setattr(weighted, "ENTRIES_AT_A_TIME", 200)
    assert torch.equal(wis.removal_order(data, "metric-backbone").edges, whole.edges)


# Numbers of other packages on karate, edges by id; weights as in `wis.datasets.load("karate")`.
# Python 3.11, networkx 2.8.8; G has `weight` and `distance` = 1 / weight:
# netbone 0.2.3, netbone.disparity(G), p_value (1 where it sets none)
DISPARITY = [0.222851, 0.149378, 0.329026, 0.329026, 0.329026, 0.329026, 0.481017, 0.481017]
DISPARITY_SUM = 30.561745159386
# netbone 0.2.3, noise_corrected(G, approximation=False), score / nc_sdev; it takes for N the sum
# over edges, not over arcs as the authors' program
NOISE = [-0.671376, -0.530685, -0.192739, 2.877281, 0.415895, 0.631914, -0.283076, -0.667435]
NOISE_SUM = 1056.09238925
# distanceclosure 0.5, distance_closure(G, kind="metric", weight="distance", only_backbone=True):
# distance / metric_distance
DISTORTION = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.111111, 1.25]
DISTORTION_SUM, NOT_METRIC = 80.661758563074, 8
# networkx 2.8.8, maximum_spanning_tree(G).size("weight")
FOREST_WEIGHT = 120.0


def test_numbers_of_other_packages_on_karate():
    data = datasets.load("karate")
    graph = wis.UndirectedGraph.from_any(data)
    weight = edge_weights(graph, data, "edge_weight")
    p_values = np.exp(-weighted.disparity(graph, weight))
    assert np.allclose(p_values[:8], DISPARITY, atol=1e-6)
    assert p_values.sum() == pytest.approx(DISPARITY_SUM, rel=1e-10)
    strength = np.bincount(graph.edges.numpy().ravel(), np.tile(weight, 2))
    u, v = graph.edges.numpy()
    noise = weighted.noise_corrected(weight, strength[u], strength[v], weight.sum())
    assert np.allclose(noise[:8], NOISE, atol=1e-6)
    assert noise.sum() == pytest.approx(NOISE_SUM, rel=1e-10)
    distortion = weighted.distortions(graph, 1 / weight)
    assert np.allclose(distortion[:8], DISTORTION, atol=1e-6)
    assert distortion.sum() == pytest.approx(DISTORTION_SUM, rel=1e-10)
    assert (distortion > 1 + 1e-9).sum() == NOT_METRIC
    tree = wis.removal_order(data, "maximum-spanning").edges[:, -33:]
    assert weight[graph.edge_ids(tree)].sum() == FOREST_WEIGHT


# Where the weights come from


def triangle(**attributes):
    arcs = torch.tensor([[0, 1, 2, 1, 2, 0], [1, 2, 0, 0, 1, 2]])
    return Data(edge_index=arcs, num_nodes=3, **attributes)


WEIGHTS = torch.tensor([3.0, 2.0, 5.0, 3.0, 2.0, 5.0])


@pytest.mark.parametrize(
    ("data", "options", "name"),
    [
        (triangle(edge_weight=WEIGHTS), {}, "edge_weight"),
        (triangle(edge_attr=WEIGHTS.view(-1, 1)), {}, "edge_attr"),
        (triangle(edge_weight=WEIGHTS.numpy().astype("int32")), {}, "edge_weight"),
        (triangle(strength=WEIGHTS, edge_weight=-WEIGHTS), {"edge_weight": "strength"}, "strength"),
    ],
)
def test_weights_are_found_and_their_origin_is_recorded(data, options, name):
    order = wis.removal_order(data, "weight", **options)
    assert order.edges.T.tolist() == [[1, 2], [0, 1], [0, 2]]
    assert order.provenance.options["edge_weight"] == name
    assert len(order.provenance.options["edge_weight_digest"]) == 32


@each_method
@pytest.mark.parametrize(
    ("data", "options", "error", "text"),
    [
        (triangle(), {}, OptionError, "the graph has no weights"),
        (triangle(edge_attr=torch.ones(6, 2)), {}, OptionError, "the graph has no weights"),
        (triangle().edge_index, {}, OptionError, "the graph has no weights"),
        (triangle(), {"edge_weight": "w"}, OptionError, "no attribute 'w'"),
        (triangle(), {"edge_weight": 3}, OptionError, "edge_weight is 3; expected the name"),
        (
            triangle(edge_weight=torch.arange(1.0, 7)),
            {},
            GraphFormatError,
            r"differs between the arcs of edge \(0, 1\)",
        ),
        (
            triangle(edge_weight=WEIGHTS.where(WEIGHTS < 5, math.nan)),
            {},
            GraphFormatError,
            "edge_weight is nan at arc 2",
        ),
        (
            triangle(edge_weight=WEIGHTS.where(WEIGHTS < 5, math.inf)),
            {},
            GraphFormatError,
            r"edge_weight is inf at edge \(0, 2\); expected a finite number",
        ),
    ],
)
def test_graphs_without_usable_weights_are_refused(method, data, options, error, text):
    with pytest.raises(error, match=text):
        wis.removal_order(data, method, **options)


@pytest.mark.parametrize("low", [0.0, -1.0])
@each_method
def test_only_methods_that_compare_weights_take_those_that_are_not_positive(method, low):
    data = triangle(edge_weight=WEIGHTS.where(WEIGHTS < 5, low))
    if method in ("weight", "maximum-spanning"):
        assert wis.removal_order(data, method).edges[:, 0].tolist() == [0, 2]
        return
    with pytest.raises(GraphFormatError, match=r"at edge \(0, 2\); expected a positive number"):
        wis.removal_order(data, method)


def test_noise_corrected_refuses_weights_that_cannot_be_counts():
    with pytest.raises(GraphFormatError, match=r"add up to 0\.2; noise-corrected takes them as"):
        wis.removal_order(triangle(edge_weight=WEIGHTS / 100), "noise-corrected")


def test_a_forest_is_not_for_arcs():
    with pytest.raises(OptionError, match=r"maximum-spanning.* is for undirected graphs"):
        wis.removal_order(triangle(edge_weight=WEIGHTS), "maximum-spanning", directed=True)
    with pytest.raises(OptionError, match="num_forests is 0"):
        wis.removal_order(triangle(edge_weight=WEIGHTS), "maximum-spanning", num_forests=0)


def test_weights_may_lie_in_each_edge_type():
    data = HeteroData()
    data["a"].num_nodes, data["b"].num_nodes = 2, 2
    data["a", "to", "b"].edge_index = torch.tensor([[0, 1], [0, 1]])
    data["a", "to", "b"].edge_weight = torch.tensor([4.0, 1.0])
    data["a", "on", "a"].edge_index = torch.tensor([[0], [1]])
    data["a", "on", "a"].edge_weight = torch.tensor([2.0])
    order = wis.removal_order(data, "weight")
    assert order.edges.T.tolist() == [[1, 3], [0, 1], [0, 2]]


def test_an_order_is_verified_against_its_weights_only():
    data = triangle(edge_weight=WEIGHTS)
    order = wis.removal_order(data, "weight")
    assert str(wis.verify_order(data, order)) == "all 3 steps are greedy"
    with pytest.raises(OptionError, match="weights edge_weight are not those"):
        wis.verify_order(triangle(edge_weight=2 * WEIGHTS), order)
    turned = wis.RemovalOrder(order.edges.flip(1), 3, 3, order.provenance)
    with pytest.raises(NotGreedyError, match=r"removes edge \(0, 2\), .* whose weight is 2, not 5"):
        wis.verify_order(data, turned)


@pytest.mark.parametrize("method", ["disparity", "maximum-spanning"])
def test_a_protected_order_is_computed_again(method):
    data = datasets.load("les-miserables")
    order = wis.removal_order(data, method, keep_connected=True, seed=2)
    assert wis.verify_order(data, order).recomputed


@pytest.mark.parametrize("method", ["wis", "gwis"])
@pytest.mark.parametrize("option", ["weights", "edge_weight"])
def test_walk_indices_take_no_weights_and_say_so(method, option):
    with pytest.raises(OptionError, match=f"takes no {option}: walk indices count walks"):
        wis.sparsify(triangle(edge_weight=WEIGHTS), remove=1, method=method, **{option: "w"})


def test_the_command_line_names_a_column(tmp_path, capsys):
    path = tmp_path / "friends.csv"
    path.write_text("a,b,times\nx,y,3\ny,z,1\nx,z,2\n")
    argv = ["sparsify", str(path), "--method", "disparity", "--option", "edge_weight=times"]
    assert run([*argv, "--remove", "1", "-o", "-"]) == 0
    assert capsys.readouterr().out.splitlines() == ["a,b,times", "x,y,3", "x,z,2"]
    assert run(["sparsify", str(path), "--method", "weight", "--remove", "1", "-o", "-"]) == 2
    assert "the graph has no weights" in capsys.readouterr().err
