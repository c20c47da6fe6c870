"""Exact 1-WIS against Algorithm 2 taken literally, for every engine, and its approximation."""

from __future__ import annotations

import dataclasses
import random
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import (
    algorithm_1_argmax,
    algorithm_2_argmax,
    algorithm_2_in_batches,
    assert_greedy,
    canonical_edges,
    first_violation_by_halving,
    first_violation_by_heap,
    key_of,
)
from strategies import as_pairs, edge_index_of, large_graphs, rearranged, small_graphs

import wis
from wis.base.progress import silent
from wis.datasets.generators import barabasi_albert, rmat
from wis.errors import NotGreedyError, OptionError, UnknownNameError
from wis.graph import UndirectedGraph
from wis.methods.one_wis import blocks
from wis.methods.one_wis.bitset import peel_with_bitsets
from wis.methods.one_wis.levels import Peeling
from wis.testing import ODD_GRAPHS, assert_greedy_order, assert_is_permutation, odd_graph

ENGINES = ["auto", "bitset", "rounds"]
each_engine = pytest.mark.parametrize("engine", ENGINES)


def order_of(graph, **options):
    """The edges that 1-WIS removes, as pairs."""
    num_nodes, arcs = graph
    order = wis.removal_order(edge_index_of(arcs), num_nodes=num_nodes, progress=False, **options)
    return as_pairs(order.edges)


# The rule


@given(small_graphs(max_num_nodes=6, max_num_arcs=12), st.integers(0, 10**6))
@settings(max_examples=40)
def test_algorithm_1_for_depth_2_may_take_the_same_edges_as_algorithm_2(graph, seed):
    num_nodes, arcs = graph
    left, rng = canonical_edges(arcs), random.Random(seed)
    while left:
        best = algorithm_2_argmax(num_nodes, left)
        assert algorithm_1_argmax(num_nodes, left, depth=2) == best  # Appendix D.5
        left.remove(rng.choice(best))


@each_engine
def test_path_on_four_vertices_loses_its_middle_edge_first(engine):
    # by hand: keys (1, 2), (2, 2), (1, 2)
    assert order_of((4, [(0, 1), (1, 2), (2, 3)]), engine=engine)[0] == (1, 2)


@each_engine
def test_clique_on_four_vertices_loses_a_perfect_matching_first(engine):
    # by hand: once {a, b} is gone, the opposite edge has key (3, 3) and the others (2, 3)
    order = order_of((4, [(u, v) for u in range(4) for v in range(u)]), engine=engine)
    assert set(order[0]).isdisjoint(order[1])


@each_engine
def test_pendant_edges_stay_while_a_cycle_remains(engine):
    cycle = [(v, (v + 1) % 5) for v in range(5)]
    pendant = [(v, v + 5) for v in range(5)]
    order = order_of((10, cycle + pendant), engine=engine)
    assert set(order[:5]) == set(canonical_edges(cycle))


@each_engine
def test_among_equal_weaker_degrees_the_higher_stronger_one_goes_first(engine):
    # by hand: both stars have pendant edges only, keys (1, 4) and (1, 2)
    big, small = [(0, leaf) for leaf in (1, 2, 3, 4)], [(5, 6), (5, 7)]
    order = order_of((8, small + big), engine=engine)
    assert set(order[:2]) <= set(big)


@each_engine
def test_self_loops_do_not_count_towards_degrees(engine):
    # by hand: with loops counted, {0, 1} would have the larger key
    arcs = [(0, 1), (0, 0), (1, 1), (2, 3), (3, 4), (4, 2)]
    assert order_of((5, arcs), engine=engine)[0] in {(2, 3), (3, 4), (2, 4)}


# Every engine is exact


@each_engine
@given(graph=small_graphs(), data=st.data())
@settings(max_examples=300)
def test_order_is_greedy_for_any_count(engine, graph, data):
    num_nodes, arcs = graph
    edges = canonical_edges(arcs)
    count = data.draw(st.integers(0, len(edges)))
    order = order_of(graph, engine=engine, count=count)
    assert len(set(order)) == len(order) == count
    assert_greedy(num_nodes, edges, order)


@given(graph=large_graphs())
@settings(max_examples=120)
def test_order_is_greedy_on_larger_graphs(graph):
    num_nodes, arcs = graph
    edges = canonical_edges(arcs)
    for order in {tuple(order_of(graph, engine=engine)) for engine in ENGINES}:
        assert sorted(order) == edges
        assert first_violation_by_heap(num_nodes, edges, order) is None


@given(graph=large_graphs(), core_size=st.integers(0, 60))
@settings(max_examples=40)
def test_order_is_greedy_wherever_the_bit_sets_hand_over_to_rounds(graph, core_size):
    num_nodes, arcs = graph
    canonical = UndirectedGraph.from_any(edge_index_of(arcs), num_nodes)
    state = Peeling.of(canonical)
    peel_with_bitsets(state, canonical.num_edges, silent, core_size=core_size)
    order = as_pairs(canonical.edges[:, state.result(canonical.num_edges)])
    edges = canonical_edges(arcs)
    assert sorted(order) == edges
    assert first_violation_by_heap(num_nodes, edges, order) is None


@given(graph=large_graphs(), core_size=st.integers(0, 60), width=st.sampled_from([8, 16, 24]))
@settings(max_examples=80)
def test_rows_in_blocks_of_bits_give_the_order_of_whole_rows(graph, core_size, width):
    canonical = UndirectedGraph.from_any(edge_index_of(graph[1]), graph[0])

    def order():
        state = Peeling.of(canonical)
        peel_with_bitsets(state, canonical.num_edges, silent, core_size=core_size)
        return state.result(canonical.num_edges).tolist()

    whole_rows = order()  # of at most 60 bits, one block
    with mock.patch.object(blocks, "BLOCK_BITS", width):
        assert order() == whole_rows


@each_engine
@given(graph=large_graphs(), data=st.data())
@settings(max_examples=15)
def test_short_order_begins_the_whole_one(engine, graph, data):
    whole = order_of(graph, engine=engine)
    count = data.draw(st.integers(0, len(whole)))
    assert order_of(graph, engine=engine, count=count) == whole[:count]


@each_engine
@pytest.mark.parametrize("name", ODD_GRAPHS)
def test_order_of_an_odd_graph_is_greedy(engine, name):
    data = odd_graph(name)
    order = wis.removal_order(data, engine=engine)
    graph = UndirectedGraph.from_any(data)
    assert_is_permutation(graph.edge_ids(order.edges), graph.num_edges)
    assert_greedy_order(data, order)


@each_engine
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(lambda: rmat(scale=10, edges=8_000, seed=3), id="rmat"),
        # more than 4,096 vertices of full degree, so that the bit sets are handed over to rounds
        pytest.param(lambda: barabasi_albert(n=6_000, degree=3, seed=1), id="barabasi-albert"),
    ],
)
def test_order_of_a_power_law_graph_is_greedy(engine, data):
    graph = UndirectedGraph.from_any(data())
    ids = graph.edge_ids(wis.removal_order(graph, engine=engine).edges)
    found = first_violation_by_halving(graph.num_nodes, graph.edges.numpy(), ids.numpy())
    assert found is None


@each_engine
@given(graph=large_graphs(), data=st.data())
@settings(max_examples=10)
def test_order_and_repeats_and_direction_of_arcs_do_not_matter(engine, graph, data):
    num_nodes, arcs = graph
    other = data.draw(rearranged(arcs))
    assert order_of((num_nodes, other), engine=engine) == order_of(graph, engine=engine)


@each_engine
def test_number_of_threads_and_earlier_runs_do_not_matter(engine):
    graph = UndirectedGraph.from_any(rmat(scale=9, edges=6_000, seed=2))
    threads = torch.get_num_threads()
    try:
        orders = []
        for number in (1, 2, 1):
            torch.set_num_threads(number)
            orders.append(wis.removal_order(graph, engine=engine).edges)
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(order, orders[0]) for order in orders)


def test_auto_stands_for_one_engine_and_says_which():
    data = odd_graph("power-law")
    auto = wis.removal_order(data)
    named = wis.removal_order(data, engine=auto.provenance.options["engine"])
    assert auto.provenance.options["engine"] in ENGINES[1:]
    assert torch.equal(auto.edges, named.edges)


# Batches


@given(graph=small_graphs(), batch_size=st.integers(2, 9), data=st.data())
@settings(max_examples=150)
def test_batches_are_the_best_edges_by_the_same_degrees(graph, batch_size, data):
    num_nodes, arcs = graph
    edges = canonical_edges(arcs)
    count = data.draw(st.integers(0, len(edges)))
    expected = algorithm_2_in_batches(num_nodes, edges, count, batch_size)
    assert order_of(graph, batch_size=batch_size, count=count) == expected


@given(graph=large_graphs(), batch_size=st.integers(20, 400))
@settings(max_examples=15)
def test_batches_are_right_on_larger_graphs(graph, batch_size):
    num_nodes, arcs = graph
    edges = canonical_edges(arcs)
    expected = algorithm_2_in_batches(num_nodes, edges, len(edges), batch_size)
    assert order_of(graph, batch_size=batch_size) == expected


def test_batch_of_all_edges_sorts_once_by_the_original_degrees():
    data = odd_graph("random-dense")
    graph = UndirectedGraph.from_any(data)
    order = as_pairs(wis.removal_order(data, batch_size=graph.num_edges).edges)
    degree = graph.degree.tolist()
    assert order == sorted(as_pairs(graph.edges), key=lambda e: key_of(degree, e), reverse=True)


def test_batched_order_is_verified_as_such_and_is_not_greedy_edge_by_edge():
    data = odd_graph("random-dense")
    order = wis.removal_order(data, batch_size=10)
    assert order.provenance.options["batch_size"] == 10
    wis.verify_order(data, order)
    one_by_one = {**order.provenance.options, "batch_size": 1}
    claims = dataclasses.replace(order.provenance, options=one_by_one)
    with pytest.raises(NotGreedyError):
        wis.verify_order(data, dataclasses.replace(order, provenance=claims))


# Options


@pytest.mark.parametrize("batch_size", [0, -1, 1.5, True, "10"])
def test_impossible_batch_size_is_refused(batch_size):
    with pytest.raises(OptionError, match="batch_size"):
        wis.removal_order(odd_graph("path"), batch_size=batch_size)


@pytest.mark.parametrize("walk_length", [0, -1, 1.5, "1"])
def test_impossible_walk_length_is_refused(walk_length):
    with pytest.raises(OptionError, match="walk_length"):
        wis.removal_order(odd_graph("path"), walk_length=walk_length)


def test_unknown_engine_is_answered_with_those_there_are():
    with pytest.raises(UnknownNameError, match="auto, bitset, relaxed, rounds"):
        wis.removal_order(odd_graph("path"), engine="bitsets")
