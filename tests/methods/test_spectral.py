"""Spectral baselines: what is drawn first, what goes first, and what the provenance says."""

from __future__ import annotations

import itertools
import logging
import math

import numpy as np
import pytest
import score_oracles as oracle
import torch
from hypothesis import given, settings
from oracles import canonical_edges
from strategies import edge_index_of, large_graphs, small_graphs
from torch_geometric.data import Data

import wis
from wis import datasets
from wis.base.progress import silent
from wis.errors import GraphFormatError, OptionError
from wis.graph import UndirectedGraph
from wis.graph.resistance import Solver, effective_resistances
from wis.io import read_graph
from wis.methods.baselines.ranking import drawn_last_first, tie_ranks
from wis.methods.baselines.spectral import spectral_order
from wis.testing import odd_graph
from wis_cli.main import run

TRIANGLE_WITH_TAIL = [(0, 1), (0, 2), (1, 2), (2, 3)]
LEVERAGE = np.array([2 / 3, 2 / 3, 2 / 3, 1])


# Sampling


def test_first_two_draws_have_the_probabilities_of_sampling_without_replacement():
    graph = UndirectedGraph.from_any(edge_index_of(TRIANGLE_WITH_TAIL))
    drawn, repeats = np.zeros((4, 4)), 6000
    leverage = effective_resistances(graph, solver=Solver("exact")).leverage
    assert np.allclose(leverage, LEVERAGE)
    for seed in range(repeats):
        order, _ = drawn_last_first(leverage, graph, 4, seed)
        drawn[order[-1], order[-2]] += 1
    again, _ = spectral_order(graph, count=4, seed=seed, progress=silent, solver="exact")
    assert torch.equal(again, order)
    total = LEVERAGE.sum()
    for first, second in itertools.permutations(range(4), 2):
        rest = total - LEVERAGE[first]
        probability = LEVERAGE[first] / total * LEVERAGE[second] / rest
        spread = math.sqrt(probability * (1 - probability) / repeats)
        assert abs(drawn[first, second] / repeats - probability) < 4 * spread


def test_draws_follow_weights_that_differ_much():
    graph = UndirectedGraph.from_any(odd_graph("path"))
    weight = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    kept = np.bincount(
        [int(drawn_last_first(weight, graph, 6, seed)[0][-1]) for seed in range(5000)], minlength=6
    )
    assert np.abs(kept / 5000 - weight / 63).max() < 4 * math.sqrt(0.25 / 5000)


def test_other_seeds_give_other_samples():
    orders = [wis.removal_order(odd_graph("clique"), "spectral", seed=seed) for seed in range(3)]
    assert len({str(order.edges.tolist()) for order in orders}) == 3


# By resistance itself


@pytest.mark.parametrize("graphs", [small_graphs(), large_graphs()], ids=["small", "large"])
def test_spectral_exact_is_the_order_of_the_pseudo_inverse(graphs):
    @given(graph=graphs)
    @settings(max_examples=15)
    def check(graph):
        num_nodes, arcs = graph
        edges = canonical_edges(arcs)
        exact = oracle.resistances(num_nodes, edges)
        order = wis.removal_order(
            edge_index_of(arcs), "spectral-exact", num_nodes=num_nodes, seed=2
        )
        graph = UndirectedGraph.from_any(edge_index_of(arcs), num_nodes)
        ids = graph.edge_ids(order.edges).numpy()
        rank = tie_ranks(len(edges), 2)[ids]
        found = exact[ids]
        assert (np.diff(found) > -1e-8).all()
        ties = np.diff(found) < 1e-11
        assert (np.diff(rank)[ties] > 0).all()

    check()


def test_bridges_go_last():
    order = wis.removal_order(odd_graph("self-loops"), "spectral-exact")
    bridged = wis.removal_order(edge_index_of(TRIANGLE_WITH_TAIL), "spectral-exact")
    assert sorted(bridged.edges.T.tolist()[:3]) == [[0, 1], [0, 2], [1, 2]]
    assert bridged.edges.T.tolist()[3] == [2, 3]
    assert sorted(order.edges.T.tolist()) == [[0, 1], [1, 2]]


# Solvers and provenance


@pytest.mark.parametrize("method", ["spectral", "spectral-exact"])
def test_provenance_names_the_solver_that_auto_stood_for_and_the_log_too(method, caplog):
    data = odd_graph("power-law")
    with caplog.at_level(logging.INFO, logger="wis"):
        exact = wis.removal_order(data, method).provenance
        projected = wis.removal_order(data, method, exact_up_to=10).provenance
    assert exact.options == {"solver": "exact", "memory_gib": 4.0, "edge_weight": None}
    assert projected.options["solver"] == "projection"
    assert projected.options["exact_up_to"] == 10
    assert projected.options["num_projections"] == 200
    assert "solver of effective resistances: exact (chosen by auto)" in caplog.text
    assert "solver of effective resistances: projection (chosen by auto)" in caplog.text


def test_projection_comes_near_the_exact_order():
    data = odd_graph("power-law")
    exact = wis.removal_order(data, "spectral-exact", solver="exact")
    near = wis.removal_order(data, "spectral-exact", solver="projection", num_projections=1000)
    half = len(exact) // 2
    first = {tuple(edge) for edge in exact.edges.T[:half].tolist()}
    assert len(first & {tuple(edge) for edge in near.edges.T[:half].tolist()}) > 0.97 * half


@pytest.mark.parametrize("options", [{}, {"exact_up_to": 5}, {"edge_weight": "edge_weight"}])
def test_protected_order_is_the_same_when_computed_again(options):
    data = datasets.load("karate")
    order = wis.removal_order(data, "spectral", keep_connected=True, seed=3, **options)
    assert wis.verify_order(data, order).recomputed


@pytest.mark.parametrize("solver", ["projection", "exact"])
def test_the_number_of_threads_makes_no_difference(solver):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    data = datasets.load("rmat:scale=11,edges=16000,seed=1")
    orders = []
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(threads):
            orders.append(wis.removal_order(data, "spectral-exact", solver=solver).edges)
    assert torch.equal(*orders)


# Weights


def test_edge_weights_are_conductances():
    arcs = edge_index_of([*TRIANGLE_WITH_TAIL, (1, 0), (3, 2)])
    weight = torch.tensor([2.0, 3.0, 6.0, 100.0, 2.0, 100.0])
    data = Data(edge_index=arcs, num_nodes=4, strength=weight[:, None])
    # 1/100, then 1/7.2, 1/4.5, 1/4: see the test of series and parallel
    order = wis.removal_order(data, "spectral-exact", edge_weight="strength")
    assert order.edges.T.tolist() == [[2, 3], [1, 2], [0, 2], [0, 1]]
    assert order.provenance.options["edge_weight"] == "strength"
    unweighted = wis.removal_order(data, "spectral-exact")
    assert unweighted.edges.T.tolist()[-1] == [2, 3]


def weighted(weight, **kwargs):
    return Data(edge_index=edge_index_of([(0, 1), (1, 0), (1, 1)]), num_nodes=2, w=weight, **kwargs)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (weighted(torch.ones(3)).edge_index, OptionError, "a bare edge_index has none"),
        (Data(edge_index=edge_index_of([(0, 1)])), OptionError, "no attribute 'w'"),
        (
            weighted(torch.ones(2)),
            GraphFormatError,
            r"w is \[2\]; expected one number for each of 3",
        ),
        (weighted(["a", "b", "a"]), GraphFormatError, "w is a list of texts; expected one number"),
        (weighted([1.0, 2.0, 1.0]), GraphFormatError, "w is a list; expected one number"),
        (weighted(torch.ones(3) * 1j), GraphFormatError, r"w is torch\.complex64; expected one"),
        (weighted(torch.tensor([1.0, math.nan, 5])), GraphFormatError, "w is nan at arc 1"),
        (
            Data(edge_index=edge_index_of([(0, 1)]), num_nodes=2, w=torch.tensor(1.0)),
            GraphFormatError,
            r"w is \[\]; expected one number for each of 1",
        ),
        (weighted(torch.tensor([1.0, 2, 5])), GraphFormatError, r"between the arcs of edge \(0, 1"),
        (weighted(torch.tensor([0.0, 0, 5])), OptionError, "weight of edge 0 is 0.0"),
    ],
)
def test_weights_that_cannot_be_are_refused(data, error, message):
    with pytest.raises(error, match=message):
        wis.removal_order(data, "spectral", edge_weight="w")


def test_weights_of_self_loops_are_not_looked_at():
    order = wis.removal_order(weighted(torch.tensor([1, 1, math.nan])), "spectral", edge_weight="w")
    assert order.edges.tolist() == [[0], [1]]


def test_name_of_the_weights_is_a_text():
    with pytest.raises(OptionError, match="edge_weight is 3; expected the name"):
        wis.removal_order(odd_graph("path"), "spectral", edge_weight=3)


def test_command_line_takes_the_options(tmp_path, capsys):
    options = {"solver": "projection", "num_projections": 32, "edge_weight": "edge_weight"}
    flags = ["--method", "spectral"]
    flags += [flag for item in options.items() for flag in ("--option", "=".join(map(str, item)))]
    out = tmp_path / "sparse.pt"
    assert run(["sparsify", "karate", "--remove", "50%", "-o", str(out), *flags]) == 0
    assert "solver=projection, exact_up_to=0, num_projections=32" in capsys.readouterr().err
    expected = wis.sparsify(datasets.load("karate"), remove="50%", method="spectral", **options)
    assert torch.equal(read_graph(out).data.edge_index, expected.edge_index)
