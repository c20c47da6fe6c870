"""Protected edges stay, every other one goes at its turn, and the rest is the method's order."""

from __future__ import annotations

import itertools
import pickle
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from method_cases import prepared, quick, vertex_data
from oracles import protected_order
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from strategies import Graph, as_pairs, edge_index_of, large_graphs, small_graphs

import wis
from wis.errors import OptionError, ProtectionError
from wis.graph import UndirectedGraph
from wis.order.protections import Protections, pairs_of
from wis.testing import ODD_GRAPHS, assert_nested, assert_same_data, odd_graph
from wis.transforms import Sparsify, WalkIndexSparsification

each_method = pytest.mark.parametrize("method", wis.available_methods())
each_odd_graph = pytest.mark.parametrize("name", ODD_GRAPHS)

COMBINATIONS = [
    {"keep_connected": connected, "min_degree": degree, "share": share}
    for connected, degree, share in itertools.product((False, True), (0, 1, 2, 3, 6), (0.0, 0.2))
    if connected or degree or share
]


def graph_of(graph: Graph) -> UndirectedGraph:
    return UndirectedGraph.from_any(edge_index_of(graph[1]), graph[0])


def some_edges(graph: UndirectedGraph, share: float, rng: random.Random) -> list[tuple[int, int]]:
    """A share of the edges, either endpoint first."""
    chosen = [pair for pair in as_pairs(graph.edges) if rng.random() < share]
    return [pair if rng.random() < 0.5 else pair[::-1] for pair in chosen]


@st.composite
def trees_stars_cliques(draw: st.DrawFn) -> Graph:
    """Graphs in pieces, each of them a tree, a star, a clique, a cycle or a ladder."""
    rng, arcs, size = random.Random(draw(st.integers(0, 10**6))), [], 0
    for _ in range(draw(st.integers(1, 5))):
        n = rng.randint(1, 24)
        kind = draw(st.sampled_from(["tree", "star", "clique", "cycle", "ladder"]))
        piece = {
            "tree": [(v, rng.randrange(v)) for v in range(1, n)],
            "star": [(0, v) for v in range(1, n)],
            "clique": list(itertools.combinations(range(min(n, 12)), 2)),
            "cycle": [(v, (v + 1) % n) for v in range(n)],
            "ladder": [(v, v + s) for v in range(n) for s in (1, 2) if v + s < n],
        }[kind]
        arcs += [(size + u, size + v) for u, v in piece]
        size += n + rng.randint(0, 1)
    return size, arcs


def assert_is_the_literal_order(graph, keep_connected, min_degree, share, rng, ranking):
    canonical = graph_of(graph)
    pairs = some_edges(canonical, share, rng)
    protections = Protections.of(
        canonical, keep_connected=keep_connected, min_degree=min_degree, protect=pairs
    )
    order = list(range(canonical.num_edges))
    if ranking == "shuffled":
        rng.shuffle(order)
    edges = as_pairs(canonical.edges)
    found = protections.removable(canonical, torch.tensor(order, dtype=torch.int64))
    expected = protected_order(
        canonical.num_nodes,
        [edges[i] for i in order],
        keep_connected=keep_connected,
        min_degree=min_degree,
        protect=pairs,
    )
    assert [edges[i] for i in found.tolist()] == expected


each_combination = pytest.mark.parametrize(
    "combination", COMBINATIONS, ids=lambda c: "-".join(map(str, c.values()))
)
rankings = st.sampled_from(["shuffled", "by id"])


@each_combination
@given(graph=small_graphs(), seed=st.integers(0, 10**6), ranking=rankings)
@settings(max_examples=60)
def test_small_graphs_follow_the_literal_rule(combination, graph, seed, ranking):
    assert_is_the_literal_order(graph, **combination, rng=random.Random(seed), ranking=ranking)


@each_combination
@given(graph=trees_stars_cliques(), seed=st.integers(0, 10**6), ranking=rankings)
@settings(max_examples=30)
def test_pieces_follow_the_literal_rule(combination, graph, seed, ranking):
    assert_is_the_literal_order(graph, **combination, rng=random.Random(seed), ranking=ranking)


@each_combination
@given(graph=large_graphs(), seed=st.integers(0, 10**6), ranking=rankings)
@settings(max_examples=4, deadline=None)
def test_large_graphs_follow_the_literal_rule(combination, graph, seed, ranking):
    assert_is_the_literal_order(graph, **combination, rng=random.Random(seed), ranking=ranking)


# Every method


def components(graph: UndirectedGraph) -> list[int]:
    u, v = graph.edges.numpy()
    matrix = coo_array((np.ones(u.size), (u, v)), shape=(graph.num_nodes, graph.num_nodes))
    return connected_components(matrix, directed=False)[1].tolist() if graph.num_nodes else []


PROTECTIONS = [
    {"keep_connected": True},
    {"min_degree": 1},
    {"min_degree": 3},
    {"protect": True},
    {"keep_connected": True, "min_degree": 2},
    {"keep_connected": True, "min_degree": 3, "protect": True},
]


def with_pairs(graph: UndirectedGraph, protections: dict) -> dict:
    """The arguments, with every fourth edge in the place of ``protect=True``."""
    if "protect" not in protections:
        return protections
    return {**protections, "protect": graph.edges[:, ::4].flip(0)}


@each_method
@each_odd_graph
@pytest.mark.parametrize("protections", PROTECTIONS, ids=str)
def test_every_protection_holds_at_every_cut_of_every_method(method, name, protections):
    data = prepared(method, odd_graph(name))
    graph = UndirectedGraph.from_any(data)
    protections = with_pairs(graph, protections)
    order = wis.removal_order(data, method, **protections, **quick(method))
    assert order.num_edges == graph.num_edges
    cuts = [order.apply(graph, remove=len(order) * i // 4) for i in range(5)]
    assert_nested([graph, *cuts])
    for cut in cuts:
        if "keep_connected" in protections:
            assert components(cut) == components(graph)
        floor = graph.degree.clamp(max=protections.get("min_degree", 0))
        assert bool((cut.degree >= floor).all())
        assert int((cut.edge_ids(pairs_of(protections.get("protect"))) < 0).sum()) == 0


@pytest.mark.parametrize("method", [name for name in wis.available_methods() if name != "gwis"])
@pytest.mark.parametrize("protections", PROTECTIONS, ids=str)
def test_protected_order_is_the_methods_order_without_the_edges_passed_over(method, protections):
    if method == "wis":  # like gwis, chooses among the edges that may go (test_guarded_walks.py)
        protections = {"min_degree": protections.get("min_degree", 1)}  # which is the same
    graph = UndirectedGraph.from_any(odd_graph("power-law"))
    protections = with_pairs(graph, protections)
    given = {"vertex_data": vertex_data(method, graph.num_nodes, graph.arcs[0]), **quick(method)}
    ranking = as_pairs(wis.removal_order(graph, method, seed=4, **given).edges)
    expected = protected_order(
        graph.num_nodes,
        ranking,
        keep_connected=protections.get("keep_connected", False),
        min_degree=protections.get("min_degree", 0),
        protect=as_pairs(pairs_of(protections.get("protect"))),
    )
    found = wis.removal_order(graph, method, seed=4, **protections, **given)
    assert as_pairs(found.edges) == expected
    half = len(expected) // 2
    short = wis.removal_order(graph, method, seed=4, count=half, **protections, **given)
    assert as_pairs(short.edges) == expected[:half]
    assert short.provenance.num_removable == len(expected)


@each_method
def test_sparsify_and_the_transforms_cut_the_protected_order(method):
    data = prepared(method, odd_graph("random-dense"))
    pairs = as_pairs(data.edge_index[:, :3])
    given = {"seed": 1, "keep_connected": True, "min_degree": 2, "protect": pairs, **quick(method)}
    expected = wis.removal_order(data, method, **given).apply(data, remove="60%")
    given = {"method": method, **given}
    assert_same_data(wis.sparsify(data, remove="60%", **given), expected)
    transform = Sparsify("60%", **given)
    assert_same_data(transform(data), expected)
    assert_same_data(pickle.loads(pickle.dumps(transform))(data), expected)


def test_walk_index_sparsification_takes_protections():
    data = odd_graph("random-dense")
    transform = WalkIndexSparsification("60%", keep_connected=True, min_degree=2)
    expected = wis.sparsify(data, remove="60%", keep_connected=True, min_degree=2)
    assert_same_data(transform(data), expected)


def test_repr_of_a_transform_shows_protections():
    shown = repr(Sparsify(3, keep_connected=True, min_degree=2, protect=[(4, 1)]))
    assert shown == (
        "Sparsify(remove=3, method='wis', keep_connected=True, min_degree=2, protect=[(4, 1)])"
    )
    many, other = (Sparsify(3, protect=[(v, v + step) for v in range(99)]) for step in (1, 2))
    assert "protect=<99 pairs, " in repr(many)
    assert repr(many) != repr(other)


def test_hetero_data_is_protected_as_the_union_of_its_types():
    from torch_geometric.data import HeteroData

    data = HeteroData()
    data["a"].num_nodes, data["b"].num_nodes = 3, 2
    data["a", "to", "b"].edge_index = torch.tensor([[0, 1, 2, 2], [0, 0, 0, 1]])
    data["a", "by", "a"].edge_index = torch.tensor([[0], [1]])
    sparse = wis.sparsify(data, remove=1, keep_connected=True, protect=[(3, 1), (0, 3)])
    # by hand: b0 is vertex 3; the only cycle is a0 a1 b0, and its third edge is that from a0 to a1
    assert sparse["a", "to", "b"].edge_index.tolist() == [[0, 1, 2, 2], [0, 0, 0, 1]]
    assert sparse["a", "by", "a"].num_edges == 0


# By hand


def test_cycle_with_a_tail_loses_one_edge_of_the_cycle():
    graph = edge_index_of([(0, 1), (1, 2), (0, 2), (2, 3)])
    assert len(wis.removal_order(graph, keep_connected=True)) == 1
    assert len(wis.removal_order(graph, min_degree=1)) == 2  # (0, 1) and (2, 3) stay, or like it
    assert len(wis.removal_order(graph, min_degree=2)) == 0


def test_vertex_that_starts_below_the_degree_loses_nothing():
    star = edge_index_of([(0, leaf) for leaf in range(1, 6)])
    assert len(wis.removal_order(star, min_degree=2)) == 0


def test_protected_edge_frees_one_that_was_needed_as_a_connection():
    # by hand, 4-cycle 0-1-2-3 and its chord (0, 2): alone, the first two of the ranking go and
    # leave a path; with the chord, which closes the cycle 0-2-3, (0, 3) can go in its place
    graph = UndirectedGraph.from_any(edge_index_of([(0, 1), (1, 2), (2, 3), (0, 3), (0, 2)]))
    ranking = torch.tensor([1, 0, 3, 2, 4])  # (0, 2), (0, 1), (1, 2), (0, 3), (2, 3)
    alone = Protections.of(graph, keep_connected=True).removable(graph, ranking)
    both = Protections.of(graph, keep_connected=True, protect=[(2, 0)]).removable(graph, ranking)
    assert alone.tolist() == [1, 0]
    assert both.tolist() == [0, 2]


def test_self_loops_count_for_no_degree_and_may_be_listed():
    data = odd_graph("self-loops")
    order = wis.removal_order(data, min_degree=1, protect=[(0, 0), (1, 0)])
    assert len(order) == 0
    assert order.provenance.protections.edge_ids == (0,)


# Errors


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"keep_connected": True}, "only 28 of 36 edges can go with keep_connected; 30 were asked"),
        ({"min_degree": 4}, "can go with min_degree=4; 30 were asked for: remove fewer, or"),
        (
            {"keep_connected": True, "protect": [(0, 1), (2, 0), (1, 0)]},
            "only 28 of 36 edges can go with keep_connected, 2 protected edges; 30",
        ),
        ({"protect": [(v, 8) for v in range(8)]}, "only 28 of 36 edges can go with 8 protected"),
    ],
)
def test_more_edges_than_can_go_are_refused_with_their_number(arguments, words):
    data = odd_graph("clique")
    asked = (
        lambda: wis.sparsify(data, remove=30, **arguments),
        lambda: wis.removal_order(data, count=30, **arguments),
        lambda: wis.removal_order(data, **arguments).apply(data, remove=30),
        lambda: wis.removal_order(data, count=3, **arguments).apply(data, remove=30),
        lambda: Sparsify(30, **arguments)(data),
    )
    for ask in asked:
        with pytest.raises(ProtectionError) as error:
            ask()
        assert words in str(error.value)
        assert error.value.exit_code == 1


def test_short_protected_order_is_told_from_one_that_is_protected():
    data = odd_graph("clique")
    with pytest.raises(OptionError, match="stopped after 3 of 36"):
        wis.removal_order(data, count=3, keep_connected=True).apply(data, remove=20)


@pytest.mark.parametrize("pair", [(0, 5), (9, 9), (-1, 0), (0, 99)])
def test_protected_pair_that_is_no_edge_is_refused(pair):
    with pytest.raises(ProtectionError, match="is no edge of the graph") as error:
        wis.removal_order(odd_graph("path"), protect=[(0, 1), pair])
    assert str(pair) in str(error.value)


@pytest.mark.parametrize("protect", [[(0, 1)], [(-1, 0)], [(0, 0)]])
def test_pair_of_a_graph_without_vertices_is_refused(protect):
    with pytest.raises(ProtectionError, match="no edge"):
        wis.removal_order(odd_graph("empty"), protect=protect)


@pytest.mark.parametrize(
    "arguments",
    [
        {"keep_connected": "yes"},
        {"keep_connected": 1},
        {"min_degree": -1},
        {"min_degree": 1.5},
        {"min_degree": True},
        {"min_degree": None},
        {"protect": [0, 1]},
        {"protect": [(0, 1, 2)]},
        {"protect": [(0, 1), (2,)]},
        {"protect": [(0.5, 1)]},
        {"protect": "ab"},
        {"protect": 3},
        {"protect": torch.zeros(2, 3)},
        {"protect": torch.zeros(3, 2, dtype=torch.int64)},
        {"protect": torch.ones(2, 3, dtype=torch.bool)},
    ],
)
def test_protections_of_another_kind_are_refused_also_by_transforms(arguments):
    for make in (
        lambda: wis.sparsify(odd_graph("path"), remove=1, **arguments),
        lambda: Sparsify(1, **arguments),
    ):
        with pytest.raises(OptionError, match=next(iter(arguments))):
            make()


@pytest.mark.parametrize(
    "protect",
    [
        torch.tensor([[1, 3], [0, 2]]),
        torch.tensor([[1, 3], [0, 2]], dtype=torch.int32),
        np.array([[1, 3], [0, 2]]),
        [(1, 0), (3, 2)],
        [[1, 0], [3, 2]],
        {(1, 0), (3, 2)},
        iter([(1, 0), (3, 2)]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_pairs_come_in_many_forms(protect):
    order = wis.removal_order(odd_graph("path"), protect=protect)
    assert order.provenance.protections == Protections(edge_ids=(0, 2))


@pytest.mark.parametrize("nothing", [None, [], torch.empty(2, 0), np.empty((2, 0))])
def test_no_protection_is_no_protection(nothing):
    data = odd_graph("path")
    order = wis.removal_order(data, keep_connected=False, min_degree=0, protect=nothing)
    assert order.provenance == wis.removal_order(data).provenance
    assert order.provenance.num_removable is None
