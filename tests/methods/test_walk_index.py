"""The method ``wis`` for walks of length 2 and more: Algorithm 1, exactly, by every engine."""

from __future__ import annotations

import dataclasses
import itertools
import logging

import numpy as np
import pytest
import torch
from directed_oracles import algorithm_1_by_matrix_powers
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import algorithm_1, canonical_edges
from strategies import Graph, as_pairs, edge_index_of, large_graphs, small_graphs

import wis
from wis.errors import NotGreedyError, OptionError, UnknownNameError
from wis.graph import UndirectedGraph
from wis.graph.triangles import num_common_neighbours
from wis.graph.walks import num_closed_walks
from wis.methods import get_method
from wis.methods.k_wis import two_wis, two_wis_front
from wis.methods.k_wis.certificate import MOST_STEPS
from wis.methods.k_wis.closed_walks import ClosedWalkChanges
from wis.methods.k_wis.engines import two_wis_steps
from wis.methods.k_wis.lazy_greedy import lazy_steps
from wis.methods.k_wis.two_wis import TwoWisChanges
from wis.testing import odd_graph

ENGINES = ("local", "dense")
each_engine = pytest.mark.parametrize("engine", ENGINES)


def canonical(graph: Graph) -> UndirectedGraph:
    num_nodes, arcs = graph
    return UndirectedGraph.from_any(edge_index_of(arcs), num_nodes)


def order_of(graph: Graph, **options: object) -> list[tuple[int, int]]:
    return as_pairs(wis.removal_order(canonical(graph), **options).edges)


def ids_of(changes: object, batch_size: int = 1) -> list[int]:
    return [edge for batch in lazy_steps(changes, batch_size) for edge in batch]


def two_wis_changes(graph: UndirectedGraph) -> TwoWisChanges:
    edges = graph.edges.numpy()
    return TwoWisChanges(graph, num_common_neighbours(edges, graph.num_nodes))


def by_matrix_powers(graph: Graph, depth: int, **given: int) -> list[tuple[int, int]]:
    num_nodes, arcs = graph
    edges = canonical_edges(arcs)
    return algorithm_1_by_matrix_powers(num_nodes, edges, depth, directed=False, **given)


# Against the oracle


@each_engine
@given(graph=small_graphs(max_num_nodes=7, max_num_arcs=14), walk_length=st.integers(2, 5))
@settings(max_examples=60)
def test_order_is_that_of_algorithm_1_with_ties_to_the_smallest_edge_id(engine, graph, walk_length):
    num_nodes, arcs = graph
    edges = canonical_edges(arcs)
    expected = algorithm_1(num_nodes, edges, len(edges), depth=walk_length + 1)
    assert order_of(graph, walk_length=walk_length, engine=engine) == expected


@each_engine
@given(
    graph=small_graphs(max_num_nodes=7, max_num_arcs=14),
    walk_length=st.integers(2, 4),
    batch_size=st.integers(2, 5),
)
@settings(max_examples=40)
def test_batches_are_the_best_edges_of_the_graph_at_the_beginning_of_the_round(
    engine, graph, walk_length, batch_size
):
    num_nodes, arcs = graph
    edges = canonical_edges(arcs)
    expected = algorithm_1(num_nodes, edges, len(edges), walk_length + 1, batch_size)
    options = {"walk_length": walk_length, "batch_size": batch_size, "engine": engine}
    assert order_of(graph, **options) == expected


@given(graph=small_graphs(max_num_nodes=7, max_num_arcs=14))
@settings(max_examples=40)
def test_the_general_engine_does_1_wis_too(graph):
    num_nodes, arcs = graph
    edges = canonical_edges(arcs)
    whole = canonical(graph)
    expected = algorithm_1(num_nodes, edges, len(edges), depth=2)
    ids = ids_of(ClosedWalkChanges(whole, 2))
    assert as_pairs(whole.edges[:, torch.tensor(ids, dtype=torch.int64)]) == expected


def _clique(*vertices: int) -> list[tuple[int, int]]:
    return [(u, v) for u in vertices for v in vertices if u < v]


SHAPES: dict[str, Graph] = {
    "empty": (0, []),
    "no edges": (3, [(1, 1)]),
    "tree": (8, [(0, 1), (0, 2), (1, 3), (1, 4), (2, 5), (5, 6), (5, 7)]),
    "star": (7, [(3, v) for v in range(7) if v != 3]),
    "clique": (6, _clique(*range(6))),
    "path": (7, [(v, v + 1) for v in range(6)]),
    "two cliques joined by an edge": (8, [*_clique(0, 1, 2, 3), *_clique(4, 5, 6, 7), (1, 6)]),
    "disconnected": (9, [*_clique(0, 2, 4, 6), (1, 3), (3, 5), (5, 1), (7, 8)]),
    "isolated vertices": (9, [*_clique(2, 3, 5), (3, 7), (5, 7)]),
}


@pytest.mark.parametrize("depth", [2, 3, 4, 5])
@pytest.mark.parametrize("shape", SHAPES)
def test_order_of_a_graph_of_each_shape_is_that_of_algorithm_1(shape, depth):
    graph = SHAPES[shape]
    whole = canonical(graph)
    edges = canonical_edges(graph[1])
    expected = algorithm_1(graph[0], edges, len(edges), depth)
    balls = ids_of(ClosedWalkChanges(whole, depth))
    assert as_pairs(whole.edges[:, torch.tensor(balls, dtype=torch.int64)]) == expected
    if depth > 2:
        for engine in ENGINES:
            assert order_of(graph, walk_length=depth - 1, engine=engine) == expected, engine


# By hand, in the order of the ties


@each_engine
def test_a_path_loses_the_edge_that_leaves_the_most_walks(engine):
    # s on the path 0-1-2-3 without (0, 1): 0, 4, 7, 4; without (1, 2): 4, 4, 4, 4; so (1, 2) goes.
    # Without (0, 1) then: 0, 0, 4, 4, and the same without (2, 3): the smaller edge id first.
    graph = (4, [(0, 1), (1, 2), (2, 3)])
    assert order_of(graph, walk_length=2, engine=engine) == [(1, 2), (0, 1), (2, 3)]


@each_engine
def test_of_two_cliques_joined_by_an_edge_the_bridge_goes_first(engine):
    # An edge inside a clique takes walks from its ends and from all common neighbours, whose
    # smallest value decides; the bridge has no common neighbours and tall ends.
    clique = [(u, v) for u in range(5) for v in range(u)]
    arcs = [*clique, *((u + 5, v + 5) for u, v in clique), (0, 5)]
    assert order_of((10, arcs), walk_length=2, engine=engine)[0] == (0, 5)


# On larger graphs, which show what small ones hide


@pytest.mark.parametrize("dense_from", [0, 10**9], ids=["of low value", "all"])
@pytest.mark.parametrize("few", [0, 8], ids=["in parts", "at once"])
@given(graph=large_graphs(), batch_size=st.sampled_from([1, 1, 40]))
@settings(max_examples=12)
def test_fast_path_of_2_wis_agrees_with_counting_in_balls(dense_from, few, graph, batch_size):
    whole = canonical(graph)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(two_wis, "DENSE_FROM", dense_from)
        patch.setattr(two_wis, "FEW", few)
        fast = ids_of(two_wis_changes(whole), batch_size)
    assert fast == ids_of(ClosedWalkChanges(whole, 3), batch_size)


@pytest.mark.parametrize("many", [0, 3], ids=["to the end", "while dense"])
@pytest.mark.parametrize(("width", "height", "rows"), [(128, 64, 1024), (4, 2, 5)])
@given(graph=st.one_of(small_graphs(), large_graphs()))
@settings(max_examples=16)
def test_the_front_of_2_wis_agrees_with_lazy_bounds(many, width, height, rows, graph):
    whole = canonical(graph)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(two_wis_front, "BREADTH", 10**9)
        constants = {"MANY": many, "WIDTH": width, "HEIGHT": height, "ROWS": rows}
        for name, value in constants.items():
            patch.setattr(two_wis_front, name, value)
        fast = [edge for (edge,) in two_wis_steps(whole)]
    assert fast == ids_of(two_wis_changes(whole))


def test_the_front_lasts_where_edges_share_their_lowest_common_neighbour(monkeypatch):
    # vertex 0 is next to 30 hubs, which are next to each other; each hub is in a clique of its own
    pairs = list(itertools.combinations(range(31), 2))
    for hub in range(1, 31):
        pairs += itertools.combinations([hub, *range(23 + 8 * hub, 31 + 8 * hub)], 2)
    whole = canonical((271, pairs))
    for name, value in {"MANY": 0, "BREADTH": 10**9, "ROWS": 64}.items():
        monkeypatch.setattr(two_wis_front, name, value)
    edges = whole.edges.numpy()
    order, num_fronts = [], 0
    front = two_wis_front.Front(whole, num_common_neighbours(edges, whole.num_nodes))
    while len(order) < 200:
        if front.is_empty():
            front.renew()
            num_fronts += 1
        order.append(front.pop())
    lazy = lazy_steps(two_wis_changes(whole))
    assert order == [edge for (edge,) in itertools.islice(lazy, 200)]
    assert num_fronts < 40  # 109 with the floor at the best edges


@given(
    num_nodes=st.integers(12, 26),
    seed=st.integers(0, 10**6),
    walk_length=st.integers(2, 5),
    batch_size=st.sampled_from([1, 1, 6]),
)
@settings(max_examples=25)
def test_engines_follow_matrix_powers_on_graphs_with_hubs(num_nodes, seed, walk_length, batch_size):
    rng = np.random.default_rng(seed)
    tails = rng.integers(0, num_nodes, 3 * num_nodes) // rng.integers(1, 6, 3 * num_nodes)
    arcs = list(zip(tails.tolist(), rng.integers(0, num_nodes, tails.size).tolist(), strict=True))
    graph = (num_nodes, arcs)
    expected = by_matrix_powers(graph, walk_length + 1, batch_size=batch_size)
    for engine in ENGINES:
        options = {"walk_length": walk_length, "batch_size": batch_size, "engine": engine}
        assert order_of(graph, **options) == expected, engine


@pytest.mark.parametrize("walk_length", [2, 3])
@given(graph=large_graphs())
@settings(max_examples=4)
def test_certificate_accepts_orders_of_larger_graphs(walk_length, graph):
    whole = canonical(graph)
    order = wis.removal_order(whole, walk_length=walk_length, engine="local")
    wis.verify_order(whole, order)


@pytest.mark.parametrize("walk_length", [2, 3])
def test_a_short_order_begins_the_whole_one(walk_length):
    data = odd_graph("random-dense")
    whole = wis.removal_order(data, walk_length=walk_length)
    for engine in ENGINES:
        short = wis.removal_order(data, walk_length=walk_length, count=30, engine=engine)
        assert torch.equal(short.edges, whole.edges[:, :30])


def test_the_number_of_threads_makes_no_difference():
    data = odd_graph("random-dense")
    threads = torch.get_num_threads()
    orders = []
    for number in (1, threads + 1):
        torch.set_num_threads(number)
        orders += [wis.removal_order(data, walk_length=2, engine=engine) for engine in ENGINES]
    torch.set_num_threads(threads)
    assert all(torch.equal(order.edges, orders[0].edges) for order in orders)


# Values and their limits


@given(graph=small_graphs(), depth=st.integers(2, 7))
def test_closed_walks_are_the_diagonal_of_the_power(graph, depth):
    whole = canonical(graph)
    n = whole.num_nodes
    matrix = np.eye(n, dtype=object)
    for u, v in whole.edges.T.tolist():
        matrix[u, v] = matrix[v, u] = 1
    power = matrix
    for _ in range(depth - 1):
        power = power @ matrix
    expected = [int(power[t, t]) if matrix[t].sum() > 1 else 0 for t in range(n)]
    assert num_closed_walks(whole.edges.numpy(), n, depth).tolist() == expected


@each_engine
def test_counts_beyond_float64_stay_exact(engine):
    # Cliques of 24 and 23 vertices: walks of length 12 are about 24^12 > 2^53, kept in int64.
    clique = [(u, v) for u in range(24) for v in range(u)]
    graph = (47, [*clique, *((u + 24, v + 24) for u, v in clique if u < 23), (0, 24), (1, 25)])
    expected = by_matrix_powers(graph, 12, count=2)
    assert order_of(graph, walk_length=11, count=2, engine=engine) == expected
    assert ClosedWalkChanges(canonical(graph), 12).kind is np.int64
    assert ClosedWalkChanges(canonical(graph), 5).kind is np.float64


@each_engine
def test_walks_that_are_too_many_to_count_are_refused(engine):
    clique = [(u, v) for u in range(40) for v in range(u)]
    with pytest.raises(OptionError, match=r"walk_length=12 is too long .* pass 2\^61"):
        order_of((40, clique), walk_length=12, engine=engine)


# Options


def test_dense_engine_keeps_to_its_memory_limit(caplog):
    data = odd_graph("random-dense")
    tight = 8 * data.num_nodes**2 * 4 + 8 * data.num_nodes * 24 * 5  # five edges at a time
    with caplog.at_level(logging.INFO, logger="wis"):
        chunked = wis.removal_order(
            data, walk_length=2, engine="dense", memory_gib=tight / 2**30, count=20
        )
    assert f"engine dense: will use up to {tight / 2**30:.2g} GiB" in caplog.text
    assert torch.equal(
        chunked.edges, wis.removal_order(data, walk_length=2, count=20, engine="local").edges
    )
    with pytest.raises(OptionError, match=r"engine 'dense' needs .* GiB .* memory_gib is"):
        wis.removal_order(data, walk_length=2, engine="dense", memory_gib=1e-6)


def test_auto_takes_the_engine_of_the_lower_estimate():
    resolve = get_method("wis").resolved_options
    sparse = UndirectedGraph.from_any(odd_graph("path"))
    clique = UndirectedGraph.from_any(
        torch.tensor([(u, v) for u in range(60) for v in range(u)]).T.contiguous()
    )
    options = {"walk_length": 5, "batch_size": 100}
    assert resolve(sparse, {"walk_length": 2})["engine"] == "local"
    assert resolve(clique, options)["engine"] == "dense"
    assert resolve(clique, {**options, "memory_gib": 1e-6})["engine"] == "local"


@pytest.mark.parametrize("memory_gib", [0, -1, True, "4", float("nan")])
def test_impossible_memory_limit_is_refused(memory_gib):
    with pytest.raises(OptionError, match="memory_gib"):
        wis.removal_order(odd_graph("path"), memory_gib=memory_gib)


@pytest.mark.parametrize(("walk_length", "engine"), [(1, "local"), (1, "dense"), (2, "bitset")])
def test_an_engine_for_other_walks_is_refused_by_name(walk_length, engine):
    with pytest.raises(OptionError, match=f"engine '{engine}' does not go with"):
        wis.removal_order(odd_graph("path"), walk_length=walk_length, engine=engine)


def test_unknown_engine_for_longer_walks_is_answered_with_those_there_are():
    with pytest.raises(UnknownNameError, match="auto, dense, local"):
        wis.removal_order(odd_graph("path"), walk_length=2, engine="fast")


# The certificate


@pytest.mark.parametrize("walk_length", [1, 2, 3])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_certificate_names_the_first_step_that_is_wrong(walk_length, batch_size):
    data = odd_graph("near-twin-cliques")
    order = wis.removal_order(data, walk_length=walk_length, batch_size=batch_size)
    wis.verify_order(data, order)
    last = order.edges.size(1) - 1
    moved = torch.tensor([last, *range(last)])
    wrong = dataclasses.replace(order, edges=order.edges[:, moved])
    with pytest.raises(NotGreedyError) as caught:
        wis.verify_order(data, wrong)
    assert caught.value.step == 0
    assert caught.value.edge == tuple(order.edges[:, last].tolist())


def test_certificate_of_a_long_order_checks_a_sample_with_both_ends():
    data = odd_graph("random-dense")
    order = wis.removal_order(data, walk_length=2)
    assert order.edges.size(1) > MOST_STEPS
    wis.verify_order(data, order)
    swapped = order.edges.clone()
    swapped[:, 0], swapped[:, -1] = order.edges[:, -1], order.edges[:, 0]
    with pytest.raises(NotGreedyError, match="step 1 "):
        wis.verify_order(data, dataclasses.replace(order, edges=swapped))


def test_2_wis_and_1_wis_take_different_edges():
    data = odd_graph("random-dense")
    one, two = (wis.removal_order(data, walk_length=k) for k in (1, 2))
    with pytest.raises(NotGreedyError):
        wis.verify_order(data, one, walk_length=2)
    assert not torch.equal(one.edges, two.edges)
