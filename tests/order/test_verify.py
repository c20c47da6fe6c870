"""The certificate accepts every greedy order and names the first step of any other."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import (
    algorithm_2_argmax,
    canonical_edges,
    first_violation,
    first_violation_by_halving,
    first_violation_by_heap,
)
from strategies import as_pairs, edge_index_of, large_graphs, small_graphs

import wis
from wis.errors import NotGreedyError, OptionError, OrderMismatchError, UnknownNameError
from wis.graph import UndirectedGraph
from wis.order import RemovalOrder
from wis.testing import odd_graph


def found_by_wis(graph, order):
    """What `verify_order` says of a list of pairs."""
    made = wis.removal_order(graph, "wis", count=0)
    listed = dataclasses.replace(made, edges=edge_index_of(order))
    try:
        wis.verify_order(graph, listed)
    except NotGreedyError as error:
        caught = error
    else:
        return None
    assert caught.edge == order[caught.step]
    assert f"step {caught.step + 1} of {len(order)} " in str(caught)
    return caught.step


def greedy_with_random_ties(num_nodes, edges, rng):
    left, order = list(edges), []
    while left:
        order.append(rng.choice(algorithm_2_argmax(num_nodes, left)))
        left.remove(order[-1])
    return order


def disturbed(order, rng):
    """Two entries swapped, one moved, a block reversed, or all shuffled; perhaps cut short."""
    result = list(order)
    if not result:
        return result
    i, j = sorted(rng.choices(range(len(result)), k=2))
    kind = rng.choice(["same", "swap", "swap neighbours", "move", "reverse", "shuffle"])
    if kind == "swap neighbours" and i > 0:
        result[i - 1], result[i] = result[i], result[i - 1]
    if kind == "swap":
        result[i], result[j] = result[j], result[i]
    elif kind == "move":
        result.insert(i, result.pop(j))
    elif kind == "reverse":
        result[i:j] = result[i:j][::-1]
    elif kind == "shuffle":
        rng.shuffle(result)
    return result if rng.random() < 0.6 else result[: rng.randint(0, len(result))]


@given(small_graphs(max_num_nodes=9), st.integers(0, 10**6))
@settings(max_examples=400)
def test_first_wrong_step_of_a_disturbed_order_is_found_exactly(arcs, seed):
    num_nodes, edges, rng = arcs[0], canonical_edges(arcs[1]), random.Random(seed)
    graph = UndirectedGraph.from_any(edge_index_of(edges), num_nodes)
    order = disturbed(greedy_with_random_ties(num_nodes, edges, rng), rng)
    assert found_by_wis(graph, order) == first_violation(num_nodes, edges, order)


@given(large_graphs(), st.integers(0, 10**6))
@settings(max_examples=60)
def test_first_wrong_step_is_found_exactly_on_larger_graphs(arcs, seed):
    num_nodes, edges, rng = arcs[0], canonical_edges(arcs[1]), random.Random(seed)
    graph = UndirectedGraph.from_any(edge_index_of(edges), num_nodes)
    engine = rng.choice(["bitset", "rounds"])
    order = disturbed(as_pairs(wis.removal_order(graph, engine=engine).edges), rng)
    assert found_by_wis(graph, order) == first_violation_by_heap(num_nodes, edges, order)


@given(small_graphs(max_num_nodes=9), st.integers(0, 10**6))
@settings(max_examples=200)
def test_oracles_agree(arcs, seed):
    num_nodes, edges, rng = arcs[0], canonical_edges(arcs[1]), random.Random(seed)
    order = disturbed(greedy_with_random_ties(num_nodes, edges, rng), rng)
    expected = first_violation(num_nodes, edges, order)
    positions = np.array([edges.index(e) for e in order], dtype=np.int64)
    assert first_violation_by_heap(num_nodes, edges, order) == expected
    array = edge_index_of(edges).numpy()
    assert first_violation_by_halving(num_nodes, array, positions) == expected


def test_message_names_step_edge_keys_and_a_better_edge():
    # by hand, path on 4 vertices: the middle edge has key (2, 2), the others (1, 2)
    graph = UndirectedGraph.from_any(edge_index_of([(0, 1), (1, 2), (2, 3)]))
    order = dataclasses.replace(
        wis.removal_order(graph), edges=edge_index_of([(2, 3), (1, 2), (0, 1)])
    )
    with pytest.raises(NotGreedyError) as error:
        wis.verify_order(graph, order)
    assert (error.value.step, error.value.edge) == (0, (2, 3))
    for part in ("step 1 of 3", "(2, 3)", "(1, 2)", "(2, 2)"):
        assert part in str(error.value)


def test_order_is_verified_for_the_edge_index_it_was_made_for():
    data = odd_graph("isolated-vertices")
    wis.verify_order(data.edge_index, wis.removal_order(data))
    wis.verify_order(data.edge_index, wis.removal_order(data), num_nodes=data.num_nodes)


@pytest.mark.parametrize("name", ["empty", "one-vertex", "one-vertex-with-a-loop"])
def test_order_of_no_edges_is_greedy(name):
    data = odd_graph(name)
    wis.verify_order(data, wis.removal_order(data))


def test_random_order_has_no_certificate_of_its_own_and_fails_that_of_wis():
    data = odd_graph("random-dense")
    order = wis.removal_order(data, "random")
    with pytest.raises(
        OptionError, match="no certificate; methods that have one: gwis, scores, weight, wis"
    ):
        wis.verify_order(data, order)
    with pytest.raises(NotGreedyError):
        wis.verify_order(data, order, method="wis")


def test_order_of_another_graph_is_refused():
    order = wis.removal_order(odd_graph("path"))
    with pytest.raises(OrderMismatchError):
        wis.verify_order(odd_graph("cycle"), order)


@pytest.mark.parametrize(
    ("edges", "message"),
    [([(0, 1), (0, 1)], "removes an edge twice"), ([(0, 1), (0, 2)], "no edge of the graph")],
)
def test_list_that_is_no_order_is_refused(edges, message):
    data = odd_graph("path")
    made = wis.removal_order(data)
    wrong = RemovalOrder(edge_index_of(edges), made.num_nodes, made.num_edges, made.provenance)
    with pytest.raises(OrderMismatchError, match=message):
        wis.verify_order(data, wrong)


def test_walk_length_without_a_certificate_is_refused():
    data = odd_graph("path")
    with pytest.raises(OptionError, match="walk_length"):
        wis.verify_order(data, wis.removal_order(data), walk_length=1.5)


def test_unknown_method_is_refused():
    data = odd_graph("path")
    with pytest.raises(UnknownNameError, match="known: "):
        wis.verify_order(data, wis.removal_order(data), method="greedy")


def test_nothing_is_changed():
    data = odd_graph("power-law")
    order = wis.removal_order(data)
    edge_index, edges = data.edge_index.clone(), order.edges.clone()
    wis.verify_order(data, order)
    assert torch.equal(data.edge_index, edge_index)
    assert torch.equal(order.edges, edges)


@pytest.mark.parametrize("order", [None, "order.npz", torch.tensor([[0], [1]])])
def test_what_is_no_order_is_named(order):
    with pytest.raises(OptionError, match=r"expected a RemovalOrder: .*RemovalOrder\.load"):
        wis.verify_order(torch.tensor([[0], [1]]), order)
