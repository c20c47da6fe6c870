"""The cheap baselines: each against a literal loop, and what its source says of it."""

from __future__ import annotations

import math
import warnings

import networkx as nx
import numpy as np
import pytest
import score_oracles as oracle
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import canonical_edges
from strategies import as_pairs, edge_index_of, large_graphs, small_graphs

import wis
from wis.base.progress import silent
from wis.errors import OptionError
from wis.graph import UndirectedGraph
from wis.methods.baselines.degree_scores import dspar_order, exponent, places
from wis.methods.baselines.edge_betweenness import edge_betweenness
from wis.methods.baselines.forest_fire import times_burnt
from wis.methods.baselines.ranking import neighbour_lists, tie_classes, tie_ranks
from wis.methods.baselines.similarity_scores import jaccard_similarity
from wis.testing import odd_graph


def canonical(graph):
    """Number of vertices, list of edges, and the graph."""
    num_nodes, arcs = graph
    return (
        num_nodes,
        canonical_edges(arcs),
        UndirectedGraph.from_any(edge_index_of(arcs), num_nodes),
    )


def ids_of(graph, method, **options):
    return graph.edge_ids(wis.removal_order(graph, method, **options).edges).tolist()


def networkit_of(graph):
    """The same graph in NetworKit, and its id of each edge: NetworKit numbers them otherwise."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        networkit = pytest.importorskip("networkit", reason="the extra [networkit] is missing")
    other = networkit.Graph(graph.num_nodes)
    pairs = graph.edges.T.tolist()
    for u, v in pairs:
        other.addEdge(u, v)
    other.indexEdges()
    return networkit, other, np.array([other.edgeId(u, v) for u, v in pairs])


# Ties


def test_scores_that_differ_in_their_last_digits_are_ties_and_others_are_not():
    score = np.array([0.3, 0.1 + 0.2, 0.0, 0.3 * (1 + 1e-8), 1 / 8, 0.125 * (1 + 4e-16), 0.0])
    classes = tie_classes(score)
    assert classes[0] == classes[1] != classes[3]
    assert classes[4] == classes[5]
    assert classes[2] == classes[6] == 0
    assert (np.argsort(classes, kind="stable") == [2, 6, 4, 5, 0, 1, 3]).all()


@given(exponent=st.floats(-60, 60))
def test_scores_are_ties_wherever_they_lie(exponent):
    middle = 2.0 ** ((round(exponent * 2**30) + 0.5) / 2**30)
    for center in (2.0**exponent, middle):
        around = center * (1 + np.arange(-3, 4) * 1e-13)
        assert len(set(tie_classes(around).tolist())) == 1
        assert tie_classes(center * np.array([1, 1 + 3e-9, 1 - 3e-9])).tolist() == [1, 2, 0]


def test_fractions_that_are_known_exactly_are_no_ties_however_near_they_are():
    hubs = (150_000, 150_001)  # 1 + 1/150,000 and 1 + 1/150,001 differ by 4e-11
    heads = np.repeat([0, 1], hubs)
    arcs = torch.from_numpy(np.stack([heads, 2 + np.arange(heads.size)]))
    order = wis.removal_order(arcs, "dspar").edges
    assert order[0].tolist() == [1] * hubs[1] + [0] * hubs[0]


# Scores


@pytest.mark.parametrize("method", ["dspar", "jaccard"])
@pytest.mark.parametrize("graphs", [small_graphs(), large_graphs()], ids=["small", "large"])
def test_order_is_that_of_exact_fractions(method, graphs):
    @given(graph=graphs)
    @settings(max_examples=25)
    def check(graph):
        num_nodes, edges, ours = canonical(graph)
        rank = tie_ranks(len(edges), 5)
        expected = oracle.by_score(getattr(oracle, method)(num_nodes, edges), rank)
        assert ids_of(ours, method, seed=5) == expected

    check()


@pytest.mark.parametrize(
    ("method", "values"),
    [("local-degree", oracle.degree_values), ("local-similarity", oracle.jaccard_values)],
)
@pytest.mark.parametrize("graphs", [small_graphs(), large_graphs()], ids=["small", "large"])
def test_what_a_local_filter_keeps_is_the_end_of_the_order(method, values, graphs):
    @given(graph=graphs)
    @settings(max_examples=15)
    def check(graph):
        num_nodes, edges, ours = canonical(graph)
        rank = tie_ranks(len(edges), 3)
        in_sequence = oracle.sequences(num_nodes, edges, values(num_nodes, edges), rank)
        order = ids_of(ours, method, seed=3)
        for a in (0.0, 0.2, 1 / 3, 0.5, 0.8, 0.97, 1.0):
            kept = oracle.kept_by_local_filter(in_sequence, a)
            assert set(order[len(order) - len(kept) :]) == kept

    check()


def test_ties_of_a_local_filter_go_by_one_shuffle():
    cycle = UndirectedGraph.from_any(odd_graph("cycle"))
    rank = tie_ranks(8, 7)
    # each vertex prefers its edge of larger rank, so an edge below both its neighbours has no
    # friend: these go first, by rank, then the others
    beside = [[f for f in range(8) if f != e and touch(cycle, e, f)] for e in range(8)]
    least = [e for e in range(8) if all(rank[e] < rank[f] for f in beside[e])]
    expected = [*sorted(least, key=rank.__getitem__)]
    expected += sorted(set(range(8)) - set(least), key=rank.__getitem__)
    assert ids_of(cycle, "local-degree", seed=7) == expected


def touch(graph, e, f):
    """Whether two edges share a vertex."""
    return bool(set(graph.edges[:, e].tolist()) & set(graph.edges[:, f].tolist()))


def test_local_degree_keeps_an_edge_of_every_vertex_to_a_neighbour_of_highest_degree():
    graph = UndirectedGraph.from_any(odd_graph("power-law"))
    degree = graph.degree
    order = wis.removal_order(graph, "local-degree", seed=1)
    starts, neighbour, _ = neighbour_lists(graph)
    for vertex in range(graph.num_nodes):
        around = neighbour[starts[vertex] : starts[vertex + 1]]
        kept = order.edges[:, -graph.num_nodes :].T.tolist()
        at = [u + v - vertex for u, v in kept if vertex in (u, v)]
        assert not around.size or degree[at].max() == degree[around].max()


@given(graph=small_graphs())
def test_k_neighbor_takes_edges_as_k_falls(graph):
    num_nodes, edges, ours = canonical(graph)
    rng = np.random.default_rng(11)
    at_ends = rng.random(2 * len(edges)).tolist()
    expected = oracle.k_neighbor(num_nodes, edges, at_ends, rng.random(len(edges)).tolist())
    assert ids_of(ours, "k-neighbor", seed=11) == expected


def test_k_neighbor_isolates_no_vertex_before_first_choices_go():
    data = odd_graph("random-dense")
    graph = UndirectedGraph.from_any(data)
    order = wis.removal_order(data, "k-neighbor", seed=4)
    sparse = UndirectedGraph.from_any(order.apply(data, keep=graph.num_nodes))
    assert (sparse.degree > 0).all()  # first choices are at most n edges


def test_dspar_samples_edges_of_leaves_first_in_proportion_to_the_score():
    star_with_chord = [(0, leaf) for leaf in range(1, 5)] + [(1, 2)]
    graph = UndirectedGraph.from_any(edge_index_of(star_with_chord))
    score = np.array([1 / 4 + 1 / 2] * 2 + [1 / 4 + 1] * 2 + [1 / 2 + 1 / 2])
    kept = np.zeros(5)
    for seed in range(3000):
        order, _ = dspar_order(graph, count=5, seed=seed, progress=silent, sample=True)
        kept[order[-1]] += 1
    share = score / score.sum()  # edges in the order of ids: (0,1) (0,2) (0,3) (0,4) (1,2)
    assert np.abs(kept / 3000 - share).max() < 4 * math.sqrt(0.25 / 3000)


# Fires


def test_fires_burn_edges_as_often_as_coin_by_coin():
    edges = canonical_edges([(0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (3, 5), (4, 5), (5, 6)])
    edges = canonical_edges([*edges, *((6, leaf) for leaf in range(7, 27))])  # a hub, listed late
    graph = UndirectedGraph.from_any(edge_index_of(edges))
    found = times_burnt(graph, 0.6, 4000.0, seed=1)
    expected = np.array(oracle.forest_fire_counts(27, edges, 0.6, 30_000, seed=2))
    shares, wanted = found / found.sum(), expected / expected.sum()
    # fires are independent, burns within one are not: five times the binomial deviation
    assert (np.abs(shares - wanted) < 5 * np.sqrt(wanted / expected.sum() * 4)).all()


def test_fires_burn_until_the_ratio_is_reached():
    graph = UndirectedGraph.from_any(odd_graph("power-law"))
    for ratio in (0.5, 3.0):
        total = times_burnt(graph, 0.5, ratio, seed=0).sum()
        assert ratio * graph.num_edges <= total < ratio * graph.num_edges + graph.num_nodes


# Betweenness


def networkx_of(num_nodes, edges):
    graph = nx.Graph(edges)
    graph.add_nodes_from(range(num_nodes))
    return graph


def by_ends(values):
    """Values by edges, the smaller end first."""
    return {(min(edge), max(edge)): value for edge, value in values.items()}


@pytest.mark.parametrize("graphs", [small_graphs(), large_graphs()], ids=["small", "large"])
def test_betweenness_from_all_sources_is_that_of_networkx(graphs):
    @given(graph=graphs)
    @settings(max_examples=12)
    def check(graph):
        num_nodes, edges, ours = canonical(graph)
        found = edge_betweenness(ours, max(num_nodes, 1), seed=0)
        other = networkx_of(num_nodes, edges)
        expected = by_ends(nx.edge_betweenness_centrality(other, normalized=False))
        assert np.allclose(found, [expected[e] for e in edges], rtol=1e-11)

    check()


def test_sampled_betweenness_is_that_of_the_sources_scaled_up(monkeypatch):
    monkeypatch.setattr("wis.methods.baselines.edge_betweenness.ENTRIES_AT_A_TIME", 5000)
    graph = UndirectedGraph.from_any(odd_graph("power-law"))
    sources = np.random.default_rng(3).choice(160, 20, replace=False).tolist()
    edges = as_pairs(graph.edges)
    other = networkx_of(160, edges)
    expected = by_ends(nx.edge_betweenness_centrality_subset(other, sources, list(other)))
    scaled = np.array([expected[e] for e in edges]) * 160 / 20
    assert np.allclose(edge_betweenness(graph, 20, seed=3), scaled, rtol=1e-11)


def sources_of(seed, num_nodes):
    return np.random.default_rng(seed).choice(num_nodes, 2, replace=False)


def test_more_shortest_paths_than_a_float_can_count_do_no_harm():
    arcs = [pair for k in range(0, 3300, 3) for pair in ((k, k + 1), (k, k + 2))]
    arcs += [pair for k in range(0, 3300, 3) for pair in ((k + 1, k + 3), (k + 2, k + 3))]
    graph = UndirectedGraph.from_any(edge_index_of(arcs))  # 1,100 diamonds: 2^1100 paths
    joints = (seed for seed in range(1000) if not (sources_of(seed, 3301) % 3).any())
    score = edge_betweenness(graph, 2, seed=next(joints))
    assert np.isfinite(score).all()
    assert np.allclose(score[0::4], score[1::4])  # the two sides of a diamond carry the same


# NetworKit


@pytest.mark.parametrize("name", ["power-law", "random-dense", "near-twin-cliques"])
def test_jaccard_agrees_with_networkit(name):
    graph = UndirectedGraph.from_any(odd_graph(name))
    networkit, other, at = networkit_of(graph)
    expected = networkit.sparsification.JaccardSimilaritySparsifier().scores(other)
    assert np.allclose(jaccard_similarity(graph), np.array(expected)[at], rtol=1e-14)


def test_betweenness_agrees_with_networkit():
    graph = UndirectedGraph.from_any(odd_graph("power-law"))
    networkit, other, at = networkit_of(graph)
    run = networkit.centrality.Betweenness(other, computeEdgeCentrality=True).run()
    assert np.allclose(2 * edge_betweenness(graph, 160, seed=0), np.array(run.edgeScores())[at])


@pytest.mark.parametrize("method", ["LocalDegreeSparsifier", "LocalSimilaritySparsifier"])
def test_local_filters_agree_with_networkit_where_no_neighbours_tie(method):
    graph = UndirectedGraph.from_any(odd_graph("power-law"))
    networkit, other, at = networkit_of(graph)
    starts, neighbour, edge = neighbour_lists(graph)
    value = -graph.degree.numpy()[neighbour].astype(float)
    if method == "LocalSimilaritySparsifier":
        value = -jaccard_similarity(graph)[edge]
    by_place = places(starts, value, edge)  # any rank: only edges without ties are looked at
    found = 1 - exponent(starts, edge, by_place, graph.num_edges)
    expected = np.array(getattr(networkit.sparsification, method)().scores(other))[at]
    tied = np.zeros(graph.num_edges, dtype=bool)
    for vertex in range(graph.num_nodes):
        row = slice(starts[vertex], starts[vertex + 1])
        _, inverse, size = np.unique(value[row], return_inverse=True, return_counts=True)
        tied[edge[row][size[inverse] > 1]] = True
    assert (~tied).sum() > 20
    assert np.allclose(found[~tied], expected[~tied])


# Options


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("dspar", {"sample": 2}, "sample is 2; expected true or false"),
        ("forman", {"highest_first": "up"}, "highest_first is 'up'; expected true or false"),
        ("proxy-delete", {"batch_size": 0}, "batch_size is 0; expected an integer, 1 or more"),
        ("edge-betweenness", {"num_samples": 0}, "num_samples is 0; expected a number of vertices"),
        ("edge-betweenness", {"num_samples": 1.5}, "num_samples is 1.5"),
        ("forest-fire", {"burn_probability": 1.0}, "burn_probability is 1.0; expected a number"),
        ("forest-fire", {"burn_probability": 1e-4}, "expected a number from 0.01 on, below 1"),
        ("forest-fire", {"burn_probability": "hot"}, "burn_probability is 'hot'"),
        ("forest-fire", {"burnt_ratio": -1}, "burnt_ratio is -1; expected a positive number"),
        ("forest-fire", {"burnt_ratio": float("inf")}, "burnt_ratio is inf"),
    ],
)
def test_impossible_options_are_refused_with_what_was_expected(method, options, message):
    with pytest.raises(OptionError, match=message):
        wis.removal_order(odd_graph("path"), method, **options)
