"""Methods on directed graphs: against literal oracles, by hand, and what holds for all of them."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest
import torch
from directed_oracles import (
    algorithm_1_by_matrix_powers,
    directed_algorithm_1,
    directed_algorithm_3,
    directed_tuples,
    directed_walk_index,
    distinct_arcs,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from method_cases import prepared, quick, vertex_data
from strategies import Graph, as_pairs, edge_index_of, large_graphs, small_graphs

import wis
from wis.errors import NotGreedyError, OptionError
from wis.graph import DirectedGraph
from wis.graph.partitions import resolve_partitions
from wis.graph.walks import num_closed_walks
from wis.methods import get_method
from wis.methods.k_wis import closed_walks
from wis.methods.k_wis.closed_walks import ClosedWalkChanges
from wis.methods.k_wis.engines import one_step_arcs
from wis.methods.k_wis.lazy_greedy import lazy_steps
from wis.methods.k_wis.signatures import WHOLE
from wis.methods.k_wis.walk_state import WalkState
from wis.testing import ODD_GRAPHS, assert_is_permutation, odd_graph

ENGINES = ("local", "dense")
DIRECTED = [name for name in wis.available_methods() if get_method(name).supports_directed]
each_engine = pytest.mark.parametrize("engine", ENGINES)
each_method = pytest.mark.parametrize("method", DIRECTED)
each_odd_graph = pytest.mark.parametrize("name", ODD_GRAPHS)
KEYS = {
    "lexicographic": sorted,
    "min": lambda s: min(s, default=0),
    "sum": sum,
    "max": lambda s: max(s, default=0),
}


def canonical(graph: Graph) -> DirectedGraph:
    num_nodes, arcs = graph
    return DirectedGraph.from_any(edge_index_of(arcs), num_nodes)


def order_of(graph: Graph, method: str = "wis", **options: object) -> list[tuple[int, int]]:
    return as_pairs(wis.removal_order(canonical(graph), method, **options).edges)


def cyclic_graph(rng: random.Random, num_nodes: int) -> Graph:
    """Hubs, reciprocal arcs and short circuits, about three arcs a vertex."""
    vertices = range(num_nodes)
    arcs = [(v, (v + step) % num_nodes) for v in vertices for step in (1, -2) if rng.random() < 0.7]
    tails = [rng.randrange(num_nodes) // rng.randint(1, 6) for _ in vertices]
    arcs += [(u, rng.randrange(num_nodes)) for u in tails]
    return num_nodes, arcs + [(v, u) for u, v in arcs if rng.random() < 0.3]


# The entries of the tuple


@given(graph=small_graphs(), depth=st.integers(2, 6))
@settings(max_examples=40)
def test_entry_of_a_vertex_is_its_closed_walks_or_0_where_no_arc_enters(graph, depth):
    num_nodes, arcs = graph
    edges = distinct_arcs(arcs)
    literal = [directed_walk_index(num_nodes, edges, depth - 1, {t}, t) for t in range(num_nodes)]
    whole = canonical(graph)
    found = num_closed_walks(whole.edges.numpy(), num_nodes, depth, directed=True)
    assert found.tolist() == literal
    for t in range(num_nodes):
        assert (literal[t] == 0) == all(v != t for _, v in edges)


@given(graph=small_graphs(), depth=st.integers(2, 6))
@settings(max_examples=30)
def test_entries_of_a_symmetric_directed_graph_are_the_undirected_ones(graph, depth):
    num_nodes, arcs = graph
    both = [*arcs, *((v, u) for u, v in arcs)]
    undirected = wis.UndirectedGraph.from_any(edge_index_of(arcs), num_nodes)
    found = num_closed_walks(
        canonical((num_nodes, both)).edges.numpy(), num_nodes, depth, directed=True
    )
    assert np.array_equal(found, num_closed_walks(undirected.edges.numpy(), num_nodes, depth))


# Against the oracle


@each_engine
@given(
    graph=small_graphs(max_num_nodes=8, max_num_arcs=14),
    walk_length=st.integers(1, 5),
    batch_size=st.sampled_from([1, 1, 1, 3]),
)
@settings(max_examples=60)
def test_order_is_that_of_algorithm_1_with_ties_to_the_smallest_edge_id(
    engine, graph, walk_length, batch_size
):
    num_nodes, arcs = graph
    expected = directed_algorithm_1(num_nodes, distinct_arcs(arcs), walk_length + 1, batch_size)
    options = {"walk_length": walk_length, "batch_size": batch_size, "engine": engine}
    assert order_of(graph, **options) == expected


@given(seed=st.integers(0, 10**6), walk_length=st.integers(1, 5), batch=st.sampled_from([1, 1, 5]))
@settings(max_examples=4)
def test_engines_follow_matrix_powers_on_graphs_of_30_vertices(seed, walk_length, batch):
    graph = cyclic_graph(random.Random(seed), 30)
    num_nodes, arcs = graph
    distinct = distinct_arcs(arcs)
    expected = algorithm_1_by_matrix_powers(
        num_nodes, distinct, walk_length + 1, batch, directed=True
    )
    for engine in ENGINES:
        options = {"walk_length": walk_length, "batch_size": batch, "engine": engine}
        assert order_of(graph, **options) == expected, engine


@pytest.mark.parametrize("walk_length", [1, 2, 3, 4])
def test_engines_agree_on_graphs_of_150_vertices(walk_length):
    rng = random.Random(walk_length)
    graph = canonical(cyclic_graph(rng, 150))
    options = {"walk_length": walk_length, "count": 60}
    local, dense = (wis.removal_order(graph, engine=engine, **options) for engine in ENGINES)
    assert torch.equal(local.edges, dense.edges)


@given(graph=large_graphs(), both_ways=st.booleans(), batch_size=st.sampled_from([1, 1, 40]))
@settings(max_examples=8)
def test_fast_path_of_1_wis_agrees_with_counting_on_circuits(graph, both_ways, batch_size):
    num_nodes, arcs = graph
    backward = [(v, u) for u, v in arcs if (u + v) % 3] if both_ways else []
    whole = canonical((num_nodes, arcs + backward))
    slow = lazy_steps(ClosedWalkChanges(whole, 2), batch_size, smallest_may_rise=True)
    assert list(one_step_arcs(whole, batch_size)) == list(slow)


@given(
    graph=small_graphs(max_num_nodes=7, max_num_arcs=12),
    walk_length=st.integers(0, 4),
    argmax=st.sampled_from(sorted(KEYS)),
    batch_size=st.sampled_from([1, 1, 3]),
    data=st.data(),
)
@settings(max_examples=60)
def test_gwis_is_algorithm_3_with_directed_boundaries_and_walks(
    graph, walk_length, argmax, batch_size, data
):
    num_nodes, arcs = graph
    if not num_nodes:
        return
    vertex = st.integers(0, num_nodes - 1)
    partition = st.tuples(st.sets(vertex, min_size=1), st.none() | vertex)
    partitions = data.draw(st.lists(partition, min_size=1, max_size=4))
    expected = directed_algorithm_3(
        num_nodes, distinct_arcs(arcs), walk_length, partitions, KEYS[argmax], batch_size
    )
    given_ = [sorted(s) if t is None else (sorted(s), t) for s, t in partitions]
    options = {"walk_length": walk_length, "argmax": argmax, "partitions": given_}
    order = wis.removal_order(canonical(graph), "gwis", batch_size=batch_size, **options)
    assert as_pairs(order.edges) == expected
    if batch_size == 1:
        assert wis.verify_order(canonical(graph), order, partitions=given_).is_complete


@pytest.mark.parametrize("walk_length", [1, 2, 3])
def test_gwis_of_singletons_is_wis(walk_length):
    graph = cyclic_graph(random.Random(7), 30)
    order = order_of(graph, "gwis", walk_length=walk_length)
    assert order == order_of(graph, "wis", walk_length=walk_length)


def test_gwis_counts_beyond_int64_in_python_integers():
    clique = [(u, v) for u in range(12) for v in range(12)]
    graph = canonical((12, clique))
    chosen = resolve_partitions([[0, 1], ([0], 3)], graph)
    state = WalkState(graph, chosen, 20)
    assert state.index.tolist() == [12 * 12**20, 12 * 12**19]  # all are on the boundary
    assert state.loss.dtype == object
    without = clique.copy()
    without.remove((2, 3))
    smaller = WalkState(canonical((12, without)), chosen, 20)
    lost = state.loss[int(graph.edge_ids(torch.tensor([[2], [3]])))]
    assert (state.index - lost).tolist() == smaller.index.tolist()


# By hand


@each_engine
def test_arcs_that_cost_nothing_go_first_and_the_last_arc_into_a_vertex_late(engine):
    # 0 and 1 are reciprocal; 2 has two incoming arcs, one of which costs nothing; (2, 3) is the
    # last arc into 3. s without it: 1, 1, ... so (0, 2) goes, then (1, 2) would isolate 2.
    graph = (4, [(0, 1), (1, 0), (0, 2), (1, 2), (2, 3)])
    assert order_of(graph, walk_length=1, engine=engine)[0] == (0, 2)


@each_engine
def test_an_arc_of_a_broken_triangle_costs_less_than_before(engine):
    # On the triangle 0 -> 1 -> 2 -> 0 every vertex has closed walks 1 + 1 of length 3, and another
    # arc enters it, from 3, 4 or 5. Without an arc all three values fall to 1; after that the
    # others cost nothing: the smallest value that they would create rises from 1.
    graph = canonical((6, [(0, 1), (1, 2), (2, 0), (3, 0), (4, 1), (5, 2)]))
    changes = ClosedWalkChanges(graph, 3)
    (first, second, third) = (
        int(graph.edge_ids(torch.tensor([[u], [v]]))) for u, v in ((0, 1), (1, 2), (2, 0))
    )
    assert [changes.smallest(e) for e in (first, second, third)] == [1, 1, 1]
    named = changes.remove(first)
    assert sorted(edge for edge, _ in named) == sorted([second, third])
    assert changes.smallest(second) == changes.smallest(third) == changes.scale.above
    assert changes.signature(second, WHOLE) == (0,)


@given(
    graph=small_graphs(max_num_nodes=7, max_num_arcs=14), depth=st.integers(2, 5), data=st.data()
)
@settings(max_examples=60)
def test_only_arcs_that_are_named_can_become_better(graph, depth, data):
    num_nodes, arcs = graph
    edges = distinct_arcs(arcs)
    if not edges:
        return
    whole = canonical(graph)
    changes = ClosedWalkChanges(whole, depth)
    gone = data.draw(st.integers(0, len(edges) - 1))
    before = [changes.signature(e, WHOLE) for e in range(len(edges))]
    named = {edge for edge, _ in changes.remove(gone)}
    left = [e for e in range(len(edges)) if e != gone]
    for e in left:
        assert e in named or changes.signature(e, WHOLE) >= before[e], (edges[gone], edges[e])
    singletons = [({t}, t) for t in range(num_nodes)]
    tuples = directed_tuples(num_nodes, [edges[e] for e in left], depth - 1, singletons)
    for e in left:  # and what is said of all of them is true
        value = [changes.value[t] for t in range(num_nodes)]
        lowest = min(
            (new for new, old in zip(tuples[edges[e]], value, strict=True) if new < old),
            default=changes.scale.above,
        )
        assert changes.smallest(e) == lowest


def test_losses_that_are_not_kept_are_computed_anew(monkeypatch):
    graph = cyclic_graph(random.Random(3), 30)
    expected = order_of(graph, walk_length=3, engine="local")
    monkeypatch.setattr(closed_walks, "KEPT_ENTRIES", 10)
    assert order_of(graph, walk_length=3, engine="local") == expected


@each_engine
def test_counts_beyond_float64_stay_exact(engine):
    # A clique of 24 vertices and one of 4, joined by arcs: walks of length 12 are about 24^12.
    clique = [(u, v) for u in range(24) for v in range(24)]
    arcs = [*clique, *((u + 24, v + 24) for u, v in clique if max(u, v) < 4), (0, 24), (25, 1)]
    graph = canonical((28, arcs))
    assert ClosedWalkChanges(graph, 12).kind is np.int64
    assert ClosedWalkChanges(graph, 5).kind is np.float64
    expected = algorithm_1_by_matrix_powers(28, distinct_arcs(arcs), 12, count=1, directed=True)
    assert order_of((28, arcs), walk_length=11, count=1, engine=engine) == expected


# What holds for every method that takes directed graphs


@each_method
@each_odd_graph
def test_order_is_a_permutation_of_the_arcs_and_a_short_one_begins_it(method, name):
    data = prepared(method, odd_graph(name))
    graph = DirectedGraph.from_any(data)
    order = wis.removal_order(data, method, directed=True, **quick(method))
    assert order.provenance.directed
    assert_is_permutation(graph.edge_ids(order.edges), graph.num_edges)
    count = min(len(order) // 3, 40)
    short = wis.removal_order(data, method, directed=True, count=count, **quick(method))
    assert torch.equal(short.edges, order.edges[:, :count])


@each_method
@given(graph=small_graphs(), rng=st.randoms())
@settings(max_examples=15)
def test_order_and_repeats_of_arcs_do_not_matter(method, graph, rng):
    num_nodes, arcs = graph
    other = [*arcs, *arcs[:4], *((u, u) for u, _ in arcs[:2])]
    rng.shuffle(other)
    orders = [
        order_of(
            (num_nodes, part),
            method,
            vertex_data=vertex_data(method, num_nodes, edge_index_of(part)),
            **quick(method),
        )
        for part in (arcs, other)
    ]
    assert orders[0] == orders[1]


def test_a_method_for_undirected_graphs_names_those_that_take_directed_ones():
    undirected_only = dataclasses.replace(
        get_method("random"), name="flat", supports_directed=False
    )
    graph = canonical((2, [(0, 1)]))
    with pytest.raises(
        OptionError, match=r"'flat' is for undirected graphs.*gwis, .*random, .*wis"
    ):
        undirected_only.resolved_options(graph, {})


# Options


@pytest.mark.parametrize("engine", ["bitset", "rounds"])
def test_engines_by_degrees_are_for_undirected_graphs(engine):
    with pytest.raises(
        OptionError, match="of a directed graph; expected one of auto, local, dense"
    ):
        wis.removal_order(odd_graph("clique"), directed=True, engine=engine)


def test_auto_takes_the_engine_of_the_lower_estimate_and_dense_keeps_to_its_memory():
    resolve = get_method("wis").resolved_options
    clique = canonical((60, [(u, v) for u in range(60) for v in range(60)]))
    path = canonical((60, [(v, v + 1) for v in range(59)]))
    options = {"walk_length": 5, "batch_size": 100}
    assert resolve(clique, options)["engine"] == "dense"
    assert resolve(clique, {**options, "memory_gib": 1e-6})["engine"] == "local"
    assert resolve(path, {"walk_length": 4})["engine"] == "local"
    assert resolve(clique, {"walk_length": 1})["engine"] == "local"
    with pytest.raises(OptionError, match="engine 'dense' needs"):
        resolve(clique, {**options, "engine": "dense", "memory_gib": 1e-6})


# The certificate


@pytest.mark.parametrize("walk_length", [1, 2, 3])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_certificate_accepts_the_order_and_names_the_first_step_that_is_wrong(
    walk_length, batch_size
):
    graph = canonical(cyclic_graph(random.Random(11), 30))
    order = wis.removal_order(graph, walk_length=walk_length, batch_size=batch_size)
    assert wis.verify_order(graph, order).is_complete
    last = len(order) - 1
    moved = torch.tensor([last, *range(last)])
    wrong = dataclasses.replace(order, edges=order.edges[:, moved])
    with pytest.raises(NotGreedyError, match=r"step 1 of \d+ removes arc") as caught:
        wis.verify_order(graph, wrong)
    assert caught.value.edge == tuple(order.edges[:, last].tolist())


def test_certificate_of_a_long_order_checks_a_sample():
    graph = canonical(cyclic_graph(random.Random(13), 150))
    order = wis.removal_order(graph, walk_length=2)
    verified = wis.verify_order(graph, order)
    assert not verified.is_complete
    assert verified.num_checked == 32


def test_certificate_of_gwis_names_an_arc():
    graph = canonical(cyclic_graph(random.Random(17), 20))
    order = wis.removal_order(graph, "gwis", walk_length=2, partitions="balls:k=1")
    assert wis.verify_order(graph, order).num_checked > 0
    wrong = dataclasses.replace(order, edges=order.edges.flip(1))
    with pytest.raises(NotGreedyError, match="removes arc"):
        wis.verify_order(graph, wrong)
