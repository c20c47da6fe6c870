"""TEDDY, Forman curvature, GOKU and ProxyDelete: each against its formula, edge by edge."""

from __future__ import annotations

import math

import networkx as nx
import numpy as np
import pytest
import score_oracles as oracle
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import canonical_edges
from scipy.linalg import eigh
from strategies import edge_index_of, large_graphs, small_graphs
from torch_geometric.data import Data, HeteroData

import wis
from wis import datasets
from wis.errors import GraphFormatError, OptionError
from wis.graph import UndirectedGraph
from wis.methods.baselines.ranking import tie_ranks
from wis.testing import ODD_GRAPHS, odd_graph

both_sizes = pytest.mark.parametrize(
    "graphs", [small_graphs(), large_graphs()], ids=["small", "large"]
)


def canonical(graph):
    """Number of vertices, list of edges, and the graph."""
    num_nodes, arcs = graph
    edges = canonical_edges(arcs)
    return num_nodes, edges, UndirectedGraph.from_any(edge_index_of(arcs), num_nodes)


def ids_of(graph, method, **options):
    return graph.edge_ids(wis.removal_order(graph, method, **options).edges).tolist()


# Scores


@both_sizes
@pytest.mark.parametrize("highest_first", [False, True])
def test_forman_is_the_order_of_the_curvature(graphs, highest_first):
    @given(graph=graphs)
    @settings(max_examples=15)
    def check(graph):
        num_nodes, edges, ours = canonical(graph)
        curvature = oracle.forman(num_nodes, edges)
        score = [-value for value in curvature] if highest_first else curvature
        expected = oracle.by_score(score, tie_ranks(len(edges), 5))
        assert ids_of(ours, "forman", seed=5, highest_first=highest_first) == expected

    check()


@both_sizes
def test_teddy_is_the_order_of_its_score(graphs):
    @given(graph=graphs)
    @settings(max_examples=15)
    def check(graph):
        num_nodes, edges, ours = canonical(graph)
        score = np.array(oracle.teddy(num_nodes, edges))
        order = ids_of(ours, "teddy", seed=2)
        steps = np.diff(score[order]) / score[order][1:]
        assert (steps > -1e-12).all()
        assert (np.diff(tie_ranks(len(edges), 2)[order])[np.abs(steps) < 1e-12] > 0).all()

    check()


def test_teddy_of_a_path_by_hand():
    # 0-1-2-3: g = 1/√2, (1 + 1/√2)/2, the same, 1/√2; the middle edge has g²/4, the others more
    path = edge_index_of([(0, 1), (1, 2), (2, 3)])
    assert wis.removal_order(path, "teddy").edges[:, 0].tolist() == [1, 2]


@given(graph=small_graphs(), data=st.data())
@settings(max_examples=40)
def test_goku_draws_by_resistance_and_similarity(graph, data):
    num_nodes, edges, ours = canonical(graph)
    numbers = st.sampled_from([0.0, 1.0, -2.0, 0.5])
    rows = st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=num_nodes)
    x = data.draw(rows)[:num_nodes]
    features = torch.tensor(x).reshape(num_nodes, 3)
    expected = np.array(oracle.goku(num_nodes, edges, x))
    for given_x in (features, features.double().to_sparse()):
        vertex_data = Data(x=given_x, num_nodes=num_nodes)
        order = wis.removal_order(ours, "goku", seed=4, vertex_data=vertex_data)
        assert np.allclose(order.draws.rate, expected, rtol=1e-9)
        arrival = np.random.default_rng(4).standard_exponential(len(edges)) / expected
        assert ours.edge_ids(order.edges).tolist() == np.argsort(-arrival).tolist()


def test_goku_multiplies_by_edge_weights():
    data = datasets.load("karate")
    plain, weighted = (
        wis.removal_order(data, "goku", edge_weight=name).draws.rate
        for name in (None, "edge_weight")
    )
    assert not np.allclose(plain, weighted)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (odd_graph("path"), "needs data.x"),
        (odd_graph("path").edge_index, "needs data.x"),
        (HeteroData(), "needs data.x"),
        (Data(edge_index=torch.tensor([[0], [1]]), x=torch.ones(3, 1), num_nodes=2), "x is"),
        (Data(edge_index=torch.tensor([[0], [1]]), x=torch.tensor([[1], [math.nan]])), "finite"),
        (Data(edge_index=torch.tensor([[0], [1]]), x=torch.tensor([[1], [math.inf]])), "finite"),
    ],
    ids=["no x", "arcs alone", "hetero", "other length", "nan", "inf"],
)
def test_goku_says_which_features_it_needs(data, message):
    if isinstance(data, HeteroData):
        data["a"].num_nodes = 2
        data["a", "to", "a"].edge_index = torch.tensor([[0], [1]])
    with pytest.raises(GraphFormatError, match=message):
        wis.removal_order(data, "goku")


def test_an_order_of_goku_is_checked_against_its_features():
    data = datasets.load("karate")
    order = wis.removal_order(data, "goku", keep_connected=True)
    assert wis.verify_order(data, order).recomputed
    other = data.clone()
    other.x = data.x.flip(0)
    with pytest.raises(OptionError, match="features x are not those"):
        wis.verify_order(other, order)


# The spectral gap


def pair(graph, step):
    u, v = graph.edges[:, step].tolist()
    return u, v


@both_sizes
def test_every_step_of_proxy_delete_takes_the_largest_change_and_passes_over_bridges(graphs):
    @given(graph=graphs)
    @settings(max_examples=12, deadline=None)
    def check(graph):
        num_nodes, edges, ours = canonical(graph)
        rank = dict(zip(edges, tie_ranks(len(edges), 3).tolist(), strict=True))
        whole = num_nodes < 12
        order = wis.removal_order(
            ours, "proxy-delete", seed=3, count=None if whole else min(3, len(edges))
        ).edges.T.tolist()
        left = nx.Graph(edges)
        for step, (u, v) in enumerate(order):
            now = [edge for edge in edges if left.has_edge(*edge)]
            bridges = {(min(e), max(e)) for e in nx.bridges(left)}
            can_go = [edge for edge in now if edge not in bridges]
            if not can_go:
                rest = [tuple(edge) for edge in order[step:]]
                assert rest == sorted(rest, key=rank.__getitem__)
                return
            changes = oracle.gap_changes(num_nodes, now)
            size = max(abs(value) for value in changes.values())
            best = max(changes[edge] for edge in can_go)
            ties = [edge for edge in can_go if changes[edge] > best - 1e-7 * size]
            assert (u, v) in ties
            exact = [edge for edge in ties if changes[edge] > best - 1e-11 * size]
            if len(exact) == len(ties):
                assert (u, v) == min(ties, key=rank.__getitem__)
            left.remove_edge(u, v)

    check()


@given(graph=large_graphs())
@settings(max_examples=4, deadline=None)
def test_batches_take_the_edges_that_go_one_by_one_by_the_first_changes(graph):
    num_nodes, edges, ours = canonical(graph)
    changes = oracle.gap_changes(num_nodes, edges) if edges else {}
    order = wis.removal_order(ours, "proxy-delete", batch_size=10**9).edges.T.tolist()
    left = nx.Graph(edges)
    for u, v in order:
        if (u, v) in nx.bridges(left):
            break
        left.remove_edge(u, v)
    gone = [changes[tuple(edge)] for edge in order[: len(edges) - left.number_of_edges()]]
    assert (np.diff(gone) < 1e-7 * max(map(abs, gone), default=0)).all()
    assert left.number_of_edges() == len(list(nx.bridges(left)))


@pytest.mark.parametrize("name", ["power-law", "random-dense", "near-twin-cliques", "disconnected"])
def test_the_sparse_solver_gives_the_order_of_the_dense_one(name, monkeypatch):
    data = odd_graph(name)
    monkeypatch.setattr("wis.methods.baselines.spectral_gap.DENSE_UP_TO", 10**6)
    dense = wis.removal_order(data, "proxy-delete", batch_size=8)
    monkeypatch.setattr("wis.methods.baselines.spectral_gap.DENSE_UP_TO", 6)
    sparse = wis.removal_order(data, "proxy-delete", batch_size=8)
    assert torch.equal(dense.edges, sparse.edges)


@pytest.mark.parametrize("name", ["cycle", "clique", "star", "random-sparse", "two-equal-hubs"])
def test_the_change_is_the_slope_of_the_gap_in_the_weight_of_the_edge(name):
    num_nodes, edges, _ = canonical(
        (odd_graph(name).num_nodes, odd_graph(name).edge_index.T.tolist())
    )
    step = 1e-6
    for edge, change in list(oracle.gap_changes(num_nodes, edges).items())[:6]:
        vertices = oracle.component_of(num_nodes, edges, edge[0])
        gaps = [
            eigh(
                *oracle.laplacian_and_degrees(
                    vertices, {**dict.fromkeys(edges, 1.0), edge: weight}
                ),
                eigvals_only=True,
            )[1]
            for weight in (1.0, 1 - step)
        ]
        assert abs((gaps[1] - gaps[0]) / step - change) < 1e-4


@pytest.mark.parametrize("name", sorted(ODD_GRAPHS))
def test_proxy_delete_keeps_components_until_trees_are_left(name):
    data = odd_graph(name)
    graph = UndirectedGraph.from_any(data)
    order = wis.removal_order(data, "proxy-delete", batch_size=20)
    before = nx.Graph(graph.edges.T.tolist())
    before.add_nodes_from(range(graph.num_nodes))
    number = nx.number_connected_components(before) if graph.num_nodes else 0
    before.remove_edges_from(order.edges.T.tolist()[: graph.num_edges - graph.num_nodes + number])
    assert not graph.num_nodes or nx.number_connected_components(before) == number
    assert not graph.num_nodes or nx.is_forest(before)


def test_deletions_widen_the_gap_more_than_random_ones():
    data = datasets.load("les-miserables")
    gaps = {}
    for method in ("proxy-delete", "random"):
        cut = wis.sparsify(data, method=method, remove="30%", keep_connected=True)
        laplacian = nx.normalized_laplacian_matrix(nx.Graph(cut.edge_index.T.tolist())).toarray()
        gaps[method] = np.linalg.eigvalsh(laplacian)[1]
    assert gaps["proxy-delete"] > 1.3 * gaps["random"]
