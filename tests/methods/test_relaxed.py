"""Relaxed 1-WIS against the rule and the phases taken literally."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import canonical_edges
from relaxed_oracles import first_step_too_low, hash_of, relaxed_order
from strategies import as_pairs, edge_index_of, large_graphs, rearranged, small_graphs

import wis
from wis.base.checks import checked_factor
from wis.datasets.generators import rmat
from wis.errors import NotGreedyError, OptionError
from wis.methods.one_wis.relaxed_rule import (
    degree_class,
    edge_hash,
    hash_order,
    match,
    threshold,
)
from wis.testing import ODD_GRAPHS, odd_graph

EPSILONS = ("0.01", "0.1", "0.3", "0.5", "1", "2.5")
epsilons = st.sampled_from(EPSILONS)


def order_of(graph, epsilon, **options):
    num_nodes, arcs = graph
    return wis.removal_order(
        edge_index_of(arcs),
        num_nodes=num_nodes,
        progress=False,
        epsilon=float(epsilon),
        **options,
    )


def literal(graph, epsilon, seed=0):
    num_nodes, arcs = graph
    phases = relaxed_order(num_nodes, canonical_edges(arcs), epsilon, seed)
    return [edge for _, edges in phases for edge in edges]


# The guarantee


@given(small_graphs(), epsilons, st.integers(0, 3))
def test_every_step_keeps_to_the_relaxed_rule(graph, epsilon, seed):
    order = as_pairs(order_of(graph, epsilon, seed=seed).edges)
    edges = canonical_edges(graph[1])
    assert sorted(order) == sorted(edges)
    assert first_step_too_low(graph[0], edges, order, epsilon) is None


@given(large_graphs(), epsilons)
@settings(max_examples=8)
def test_every_step_keeps_to_the_relaxed_rule_on_larger_graphs(graph, epsilon):
    order = as_pairs(order_of(graph, epsilon).edges)
    assert first_step_too_low(graph[0], canonical_edges(graph[1]), order, epsilon) is None


@given(small_graphs(max_num_nodes=10, max_num_arcs=40), epsilons, st.integers(0, 2**63 - 1))
def test_the_order_is_that_of_the_phases_gone_through_edge_by_edge(graph, epsilon, seed):
    assert as_pairs(order_of(graph, epsilon, seed=seed).edges) == literal(graph, epsilon, seed)


@given(large_graphs(), epsilons, st.integers(0, 5))
@settings(max_examples=25)
def test_the_order_is_that_of_the_phases_on_larger_graphs(graph, epsilon, seed):
    assert as_pairs(order_of(graph, epsilon, seed=seed).edges) == literal(graph, epsilon, seed)


@pytest.mark.parametrize("name", ODD_GRAPHS)
def test_odd_graphs_are_ordered_whole_and_certified(name):
    data = odd_graph(name)
    order = wis.removal_order(data, epsilon=0.2, progress=False)
    assert len(order) == order.num_edges
    assert wis.verify_order(data, order).is_complete


@given(large_graphs(), st.data())
@settings(max_examples=15)
def test_neither_the_order_of_arcs_nor_an_early_stop_bears_on_the_order(graph, data):
    num_nodes, arcs = graph
    whole = as_pairs(order_of(graph, "0.1").edges)
    again = data.draw(rearranged(arcs))
    count = data.draw(st.integers(0, len(whole)))
    assert as_pairs(order_of((num_nodes, again), "0.1", count=count).edges) == whole[:count]


def test_seeds_give_different_orders_and_are_recorded():
    data = rmat(scale=9, edges=3000)
    orders = [wis.removal_order(data, epsilon=0.1, seed=seed) for seed in (0, 1)]
    assert [order.provenance.seed for order in orders] == [0, 1]
    assert not torch.equal(orders[0].edges, orders[1].edges)
    assert wis.removal_order(data, seed=3).provenance.seed is None  # exact: no chance in it


def test_epsilon_zero_is_the_exact_rule():
    data = rmat(scale=9, edges=3000)
    exact = wis.removal_order(data, progress=False)
    same = wis.removal_order(data, epsilon=0, progress=False)
    assert torch.equal(exact.edges, same.edges)
    assert dict(exact.provenance.options) == dict(same.provenance.options)
    assert "all" in str(wis.verify_order(data, same, epsilon=0.0))


# The certificate


def first_difference(found, expected):
    """The first place at which a list is not the beginning of another one, or None."""
    return next((i for i, pair in enumerate(found) if pair != expected[i]), None)


@given(small_graphs(), epsilons, st.integers(0, 10**6), st.floats(0, 1))
@settings(max_examples=150)
def test_the_certificate_names_the_first_step_that_breaks_the_rule_or_the_phases(
    graph, epsilon, seed, share
):
    num_nodes, arcs = graph
    edges = canonical_edges(arcs)
    order = order_of(graph, epsilon)
    shuffled = random.Random(seed).sample(edges, round(share * len(edges)))
    object.__setattr__(order, "edges", edge_index_of(shuffled))
    expected = first_step_too_low(num_nodes, edges, shuffled, epsilon)
    if expected is None:
        expected = first_difference(shuffled, literal(graph, epsilon, 0))
    if expected is None:
        assert wis.verify_order(edge_index_of(arcs), order, num_nodes=num_nodes).is_complete
        return
    with pytest.raises(NotGreedyError) as caught:
        wis.verify_order(edge_index_of(arcs), order, num_nodes=num_nodes)
    assert caught.value.step == expected
    assert caught.value.edge == shuffled[expected]


@given(large_graphs(), epsilons, st.integers(0, 10**6))
@settings(max_examples=15)
def test_the_certificate_finds_two_steps_that_changed_places(graph, epsilon, seed):
    edges = canonical_edges(graph[1])
    order = order_of(graph, epsilon)
    steps = as_pairs(order.edges)
    i, j = sorted(random.Random(seed).choices(range(len(steps)), k=2))
    steps[i], steps[j] = steps[j], steps[i]
    object.__setattr__(order, "edges", edge_index_of(steps))
    expected = first_step_too_low(graph[0], edges, steps, epsilon)
    if expected is None:
        expected = first_difference(steps, literal(graph, epsilon, 0))
    try:
        wis.verify_order(edge_index_of(graph[1]), order, num_nodes=graph[0])
        found = None
    except NotGreedyError as error:
        found = error.step
    assert found == expected


def test_an_exact_order_passes_for_any_epsilon_and_a_relaxed_one_not_for_a_smaller():
    data = rmat(scale=10, edges=8000)
    exact = wis.removal_order(data, progress=False)
    assert wis.verify_order(data, exact, epsilon=0.1).is_complete
    relaxed = wis.removal_order(data, epsilon=0.5, progress=False)
    assert wis.verify_order(data, relaxed, epsilon=0.6).is_complete
    assert "the order of edges that may go" in wis.verify_order(data, relaxed, epsilon=0.6).limits
    for epsilon in (0.2, 0.0):
        with pytest.raises(NotGreedyError):
            wis.verify_order(data, relaxed, epsilon=epsilon)


def test_removing_half_keeps_nearly_what_the_exact_rule_keeps():
    data = rmat(scale=12, edges=40_000)

    def kept(**options):
        sparse = wis.sparsify(data, remove="50%", **options)
        degree = torch.bincount(sparse.edge_index[0], minlength=data.num_nodes)
        return float(degree.double().log1p().mean())

    exact, relaxed, chance = kept(), kept(epsilon=0.1), kept(method="random")
    assert exact - relaxed < 0.02 * (exact - chance)


# Options


def test_an_epsilon_of_numpy_is_the_number_that_it_prints_as():
    assert checked_factor(np.float64(0.1)) == checked_factor(0.1) == Fraction(11, 10)


@pytest.mark.parametrize("epsilon", [-0.1, float("nan"), float("inf"), 10**400, True, "0.1"])
def test_an_impossible_epsilon_is_refused(epsilon):
    with pytest.raises(OptionError, match="epsilon is"):
        wis.removal_order(edge_index_of([(0, 1)]), epsilon=epsilon)


@pytest.mark.parametrize(
    "options",
    [
        {"walk_length": 2},
        {"directed": True},
        {"engine": "rounds"},
        {"batch_size": 5},
    ],
)
def test_epsilon_goes_with_single_steps_of_undirected_1_wis_alone(options):
    with pytest.raises(OptionError, match="the relaxed rule is for"):
        wis.removal_order(edge_index_of([(0, 1)]), epsilon=0.1, **options)


def test_the_engine_relaxed_wants_an_epsilon():
    with pytest.raises(OptionError, match="epsilon above 0"):
        wis.removal_order(edge_index_of([(0, 1)]), engine="relaxed")


# The parts


@given(st.integers(1, 10**6), epsilons)
def test_the_threshold_is_the_least_degree_that_is_enough(k, epsilon):
    factor = checked_factor(float(epsilon))
    t = threshold(k, factor)
    assert t * factor >= k > (t - 1) * factor


def test_the_hash_is_the_published_one_and_tells_all_edges_apart():
    pairs = [(0, 1), (1, 2), (5, 2**31), (2**31 + 7, 2**32 - 1)]
    u, v = torch.tensor(pairs).T
    for seed in (0, 1, 2**63 - 1):
        assert edge_hash(u, v, seed).tolist() == [hash_of(pair, seed) for pair in pairs]
    u, v = torch.triu_indices(1500, 1500, 1)
    assert edge_hash(u, v, 0).unique().numel() == u.numel()


@given(st.lists(st.integers(-(2**63), 2**63 - 1), unique=True, max_size=40))
def test_hash_order_sorts_also_hashes_that_differ_in_few_bits(hashes):
    near = sorted({*hashes, *(h + 1 for h in hashes if h < 2**63 - 1)}, key=lambda h: h % 7919)
    order = hash_order(torch.tensor(near, dtype=torch.int64))
    assert [near[i] for i in order.tolist()] == sorted(near)


def test_long_arrays_are_hashed_and_ordered_in_pieces():
    u, v = torch.triu_indices(400, 400, 1)
    hashes = edge_hash(u, v, 3)
    parts = [edge_hash(u[part], v[part], 3) for part in torch.arange(u.numel()).split(1000)]
    assert torch.equal(hashes, torch.cat(parts))
    assert torch.equal(hash_order(hashes), hashes.argsort())


def test_classes_are_numbers_of_binary_digits():
    degrees = [0, 1, 2, 3, 4, 7, 8, 2**40 - 1, 2**40]
    found = degree_class(torch.tensor(degrees)).tolist()
    assert found == [degree.bit_length() for degree in degrees]


@pytest.mark.parametrize("most_bits", [63, 9])  # with 9, class and place do not fit into a key
@given(
    graph=small_graphs(max_num_nodes=12, max_num_arcs=60),
    seed=st.integers(0, 10**6),
    num_more=st.integers(0, 200),
    least=st.integers(0, 1),
    dtype=st.sampled_from([torch.int32, torch.int64]),
)
def test_match_takes_what_going_through_the_edges_takes(
    most_bits, graph, seed, num_more, least, dtype
):
    edges = canonical_edges(graph[1])
    rng = random.Random(seed)
    rng.shuffle(edges)
    kinds = [rng.randrange(1, 5) for _ in edges]
    # more vertices: it renumbers; least 1: no edge is kept out at the beginning
    budget = [rng.randrange(least, 4) for _ in range(graph[0] + num_more)]
    left, expected = list(budget), [False] * len(edges)
    for place in sorted(range(len(edges)), key=lambda place: -kinds[place]):
        u, v = edges[place]
        if left[u] > 0 and left[v] > 0:
            expected[place] = True
            left[u] -= 1
            left[v] -= 1
    ends = edge_index_of(edges).T.to(dtype).contiguous()
    tensor = torch.tensor(budget, dtype=dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wis.methods.one_wis.relaxed_rule.MOST_BITS", most_bits)
        found = match(ends, tensor, torch.tensor(kinds, dtype=torch.uint8))
    assert found.tolist() == expected
    assert tensor.tolist() == left
