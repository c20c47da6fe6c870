"""1-WIS among the edges that may go: the greedy rule on the graph as it is, with all that stay."""

from __future__ import annotations

import dataclasses
import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import allowed_edges, assert_greedy_among_allowed, degrees, protected_order
from relaxed_oracles import first_step_too_low, relaxed_order
from strategies import as_pairs, edge_index_of, large_graphs, small_graphs

import wis
from wis.base.progress import silent
from wis.errors import NotGreedyError
from wis.graph import UndirectedGraph
from wis.methods.guard import Guard
from wis.methods.one_wis import guarded
from wis.methods.one_wis.guarded import peel_one_by_one
from wis.testing import ODD_GRAPHS, odd_graph

each_engine = pytest.mark.parametrize("engine", ["bitset", "rounds"])
PROTECTIONS = {
    "connected": {"keep_connected": True},
    "least degree": {"min_degree": 2},
    "some edges": {"protect": 0.2},
    "connected, least degree": {"keep_connected": True, "min_degree": 3},
    "all": {"keep_connected": True, "min_degree": 2, "protect": 0.2},
}
each_protection = pytest.mark.parametrize("protections", PROTECTIONS.values(), ids=PROTECTIONS)


def drawn(graph, protections, seed):
    """The protections, with a share of the edges in the place of ``protect``."""
    share, rng = protections.get("protect", 0), random.Random(seed)
    chosen = [pair for pair in as_pairs(graph.edges) if rng.random() < share]
    return {**protections, "protect": chosen}


def check(graph, protections, seed, **options):
    protections = drawn(graph, protections, seed)
    order = wis.removal_order(graph, **protections, **options)
    assert order.provenance.num_removable in (None, len(order))  # None: nothing was protected
    assert_greedy_among_allowed(
        graph.num_nodes, as_pairs(graph.edges), as_pairs(order.edges), **protections
    )


@each_engine
@each_protection
@given(graph=small_graphs(), seed=st.integers(0, 99))
@settings(max_examples=60)
def test_each_step_is_the_best_that_may_go(engine, protections, graph, seed):
    graph = UndirectedGraph.from_any(edge_index_of(graph[1]), graph[0])
    check(graph, protections, seed, engine=engine)


@each_engine
@each_protection
@given(graph=large_graphs(), seed=st.integers(0, 99))
@settings(max_examples=3, deadline=None)
def test_on_larger_graphs_too(engine, protections, graph, seed):
    arcs = random.Random(seed).sample(graph[1], min(len(graph[1]), 180))
    check(UndirectedGraph.from_any(edge_index_of(arcs), graph[0]), protections, seed, engine=engine)


@each_engine
@each_protection
@pytest.mark.parametrize("name", ODD_GRAPHS)
def test_odd_graphs_too(engine, protections, name):
    graph = UndirectedGraph.from_any(odd_graph(name))
    if graph.num_edges <= 80:
        check(graph, protections, 0, engine=engine)
    else:  # the literal rule takes too long
        order = wis.removal_order(graph, engine=engine, **drawn(graph, protections, 0))
        assert wis.verify_order(graph, order).rule == "greedy among the edges that may go"


@given(graph=large_graphs())
@settings(max_examples=8, deadline=None)
def test_edge_by_edge_the_order_is_that_of_bit_sets(graph):
    graph = UndirectedGraph.from_any(edge_index_of(graph[1]), graph[0])
    one_by_one = peel_one_by_one(graph, Guard(graph), 0, silent)
    whole = wis.removal_order(graph, engine="bitset")
    assert torch.equal(graph.edges[:, torch.from_numpy(one_by_one)], whole.edges)


@each_protection
@given(graph=large_graphs(), seed=st.integers(0, 99))
@settings(max_examples=8, deadline=None)
def test_guesses_of_bridges_change_no_order(protections, graph, seed):
    """Each level edge by edge, and each by guesses until they agree."""
    graph = UndirectedGraph.from_any(edge_index_of(graph[1]), graph[0])
    protections, orders = drawn(graph, protections, seed), []
    for guesses in (0, 10**6):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(guarded, "GUESSES", guesses)
            orders.append(wis.removal_order(graph, **protections).edges)
    assert torch.equal(*orders)


@each_engine
def test_first_bridge_may_come_at_the_start_or_late(engine):
    """Two cliques that hang together by two edges, the second of which is a bridge at its turn."""
    clique = [(u, v) for u in range(9) for v in range(u)]
    arcs = clique + [(u + 9, v + 9) for u, v in clique] + [(0, 9), (1, 10), (2, 18), (18, 19)]
    graph = UndirectedGraph.from_any(edge_index_of(arcs))
    check(graph, {"keep_connected": True}, 0, engine=engine)


def test_protected_edge_counts_in_the_degrees_of_its_ends():
    # by hand: a star of 0 with leaves 1, 2, 3 and a path 4-5-6; all edges of the star but (0, 1)
    # stay. Passed over, they go first: (0, 1) is then a lone edge and comes after (4, 5).
    arcs = [(0, 1), (0, 2), (0, 3), (4, 5), (5, 6)]
    order = wis.removal_order(edge_index_of(arcs), protect=[(0, 2), (0, 3)])
    assert as_pairs(order.edges)[0] == (0, 1)


def batches_among_allowed(graph, batch_size, protections):
    """The best by the degrees at the beginning of a batch, each if it may go at its turn."""
    left, order = as_pairs(graph.edges), []
    while True:
        degree, batch = degrees(graph.num_nodes, left), []
        for e in sorted(left, key=lambda e: (*sorted(-degree[i] for i in e)[::-1], e)):
            if len(batch) < batch_size and e in allowed_edges(
                graph.num_nodes, set(left), **protections
            ):
                batch.append(e)
                left.remove(e)
        if not batch:
            return order
        order += batch


# The guard alone


@given(graph=st.one_of(small_graphs(), large_graphs()), seed=st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_guard_refuses_what_the_literal_rule_keeps(graph, seed):
    """In an order that it was not told of, so that its forest has to change."""
    graph, rng = UndirectedGraph.from_any(edge_index_of(graph[1]), graph[0]), random.Random(seed)
    order = list(range(graph.num_edges))[:300]
    graph = UndirectedGraph(graph.num_nodes, graph.edges[:, order])
    rng.shuffle(order)
    guard = Guard(graph, min_degree=1 + seed % 2, keep_connected=True)
    pairs = as_pairs(graph.edges)
    gone = [pairs[edge] for edge in order if guard.removes(edge)]
    ranking = [pairs[edge] for edge in order]
    limits = {"keep_connected": True, "min_degree": 1 + seed % 2, "protect": ()}
    assert gone == protected_order(graph.num_nodes, ranking, **limits)


@given(graph=st.one_of(small_graphs(), large_graphs()))
@settings(max_examples=60, deadline=None)
def test_bridges_of_the_whole_graph_are_those_of_networkx(graph):
    import networkx as nx

    graph = UndirectedGraph.from_any(edge_index_of(graph[1]), graph[0])
    guard = Guard(graph, keep_connected=True)
    guard.refuse_bridges()
    simple = nx.Graph(as_pairs(graph.edges))
    expected = {tuple(sorted(pair)) for pair in nx.bridges(simple)}
    assert {
        pair for pair, open_ in zip(as_pairs(graph.edges), guard.open, strict=True) if not open_
    } == expected


@pytest.mark.parametrize("epsilon", ["0.1", "1", "100"])
@each_protection
@given(graph=small_graphs(), seed=st.integers(0, 99))
@settings(max_examples=40)
def test_relaxed_order_is_the_one_of_its_phases_among_the_edges_that_may_go(
    epsilon, protections, graph, seed
):
    graph = UndirectedGraph.from_any(edge_index_of(graph[1]), graph[0])
    protections = drawn(graph, protections, seed)
    order = wis.removal_order(graph, epsilon=float(epsilon), seed=seed, **protections)

    def may_go(left):
        return allowed_edges(graph.num_nodes, left, **protections)

    phases = relaxed_order(graph.num_nodes, as_pairs(graph.edges), epsilon, seed, may_go)
    assert as_pairs(order.edges) == [edge for _, phase in phases for edge in phase]
    assert (
        first_step_too_low(
            graph.num_nodes, as_pairs(graph.edges), as_pairs(order.edges), epsilon, may_go
        )
        is None
    )
    if order.provenance.protections:
        assert "as its phases with seed" in wis.verify_order(graph, order).rule


@pytest.mark.parametrize("epsilon", ["0.1", "1", "100"])
@each_protection
@given(seed=st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_relaxed_orders_are_refused_exactly_where_they_are_wrong(epsilon, protections, seed):
    rng = random.Random(seed)
    n = rng.randint(4, 12)
    arcs = [(rng.randrange(n), rng.randrange(n)) for _ in range(rng.randint(2 * n, 5 * n))]
    graph = UndirectedGraph.from_any(edge_index_of(arcs), n)
    protections, edges = drawn(graph, protections, seed), as_pairs(graph.edges)
    order = wis.removal_order(graph, epsilon=float(epsilon), seed=seed, **protections)
    if not order.provenance.protections or len(order) < 2:
        return

    def may_go(left):
        return allowed_edges(n, left, **protections)

    right = as_pairs(order.edges)
    stays = [pair for pair in edges if pair not in right]
    i, j = sorted(rng.sample(range(len(right)), 2))
    swapped = [*right[:i], right[j], *right[i + 1 : j], right[i], *right[j + 1 :]]
    for pairs in (swapped, [*right[:i], *right[i + 1 :]], [*right[:j], *stays[:1], *right[j:]]):
        made = dataclasses.replace(order.provenance, num_removable=len(pairs))
        other = dataclasses.replace(order, edges=edge_index_of(pairs), provenance=made)
        left, expected = set(edges), None
        for step, edge in enumerate([*pairs, None]):
            if edge not in (may_go(left) or [None]):  # None: no edge may go at the end
                expected = step
                break
            left.discard(edge)
        if expected is None:
            expected = first_step_too_low(n, edges, pairs, epsilon, may_go)
        if expected is None:
            differs = (step for step, edge in enumerate(pairs) if edge != right[step])
            expected = next(differs, None)
        if expected is None:
            wis.verify_order(graph, other)
            continue
        with pytest.raises(NotGreedyError) as error:
            wis.verify_order(graph, other)
        assert error.value.step == expected


@pytest.mark.parametrize("batch_size", [2, 5, 1000])
@each_protection
@given(graph=small_graphs(), seed=st.integers(0, 99))
@settings(max_examples=40)
def test_batches_hold_the_best_that_may_go_one_after_the_other(
    batch_size, protections, graph, seed
):
    graph = UndirectedGraph.from_any(edge_index_of(graph[1]), graph[0])
    protections = drawn(graph, protections, seed)
    order = as_pairs(wis.removal_order(graph, batch_size=batch_size, **protections).edges)
    assert order == batches_among_allowed(graph, batch_size, protections)


# The certificate


def is_greedy(graph, order, protections):
    try:
        assert_greedy_among_allowed(
            graph.num_nodes, as_pairs(graph.edges), as_pairs(order.edges), **protections
        )
    except AssertionError:
        return False
    return True


@each_protection
@given(seed=st.integers(0, 10**6))
@settings(max_examples=100, deadline=None)
def test_certificate_accepts_what_the_literal_rule_accepts(protections, seed):
    """Right orders, and the same with two steps swapped, one left out, or one more edge gone."""
    rng = random.Random(seed)
    n = rng.randint(4, 12)
    arcs = [(rng.randrange(n), rng.randrange(n)) for _ in range(rng.randint(2 * n, 5 * n))]
    graph = UndirectedGraph.from_any(edge_index_of(arcs), n)
    protections = drawn(graph, protections, seed)
    right = wis.removal_order(graph, engine=rng.choice(["bitset", "rounds"]), **protections)
    if not right.provenance.protections or len(right) < 2:
        return
    assert wis.verify_order(graph, right).check == "certificate"
    steps = list(range(len(right)))
    i, j = rng.sample(steps, 2)
    swapped, dropped = list(steps), [*steps[:i], *steps[i + 1 :]]
    swapped[i], swapped[j] = j, i
    stays = [pair for pair in as_pairs(graph.edges) if pair not in as_pairs(right.edges)]
    more = torch.tensor([*as_pairs(right.edges), *stays[:1]]).T
    for edges in (right.edges[:, swapped], right.edges[:, dropped], more):
        made = dataclasses.replace(right.provenance, num_removable=edges.size(1))
        other = dataclasses.replace(right, edges=edges, provenance=made)
        if is_greedy(graph, other, protections):
            wis.verify_order(graph, other)
        else:
            with pytest.raises(NotGreedyError):
                wis.verify_order(graph, other)


@each_protection
@given(graph=large_graphs(), seed=st.integers(0, 99))
@settings(max_examples=5, deadline=None)
def test_certificate_accepts_orders_of_larger_graphs(protections, graph, seed):
    graph = UndirectedGraph.from_any(edge_index_of(graph[1]), graph[0])
    order = wis.removal_order(graph, **drawn(graph, protections, seed))
    found = wis.verify_order(graph, order)
    assert str(found) == f"all {len(order)} steps are greedy among the edges that may go"
