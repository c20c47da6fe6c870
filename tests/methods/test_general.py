"""General WIS is Algorithm 3: any partitions, any order of tuples, exact."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import (
    ARGMAX,
    algorithm_1_argmax,
    algorithm_3,
    algorithm_3_in_batches,
    algorithm_3_tuples,
    argmax_by,
    canonical_edges,
    first_violation_by_heap,
)
from strategies import as_pairs, edge_index_of, large_graphs, small_graphs

import wis
from wis import datasets
from wis.errors import NotGreedyError, OptionError, OrderMismatchError, UnknownNameError
from wis.graph import DirectedGraph, UndirectedGraph
from wis.graph.partitions import Partitions, resolve_partitions
from wis.methods import general
from wis.methods import general as general_argmax
from wis.methods.k_wis import general_certificate, signatures
from wis.methods.k_wis import walk_state as general_walks
from wis.methods.k_wis.walk_state import WalkState
from wis.testing import odd_graph
from wis.transforms import Sparsify

each_argmax = pytest.mark.parametrize("argmax", sorted(ARGMAX))


@st.composite
def problems(draw, max_num_nodes=7):
    """A small graph and some subsets and (subset, target) pairs of it, the odd ones included."""
    num_nodes, arcs = draw(small_graphs(max_num_nodes, max_num_arcs=14))
    subset = st.sets(st.integers(0, num_nodes - 1)) if num_nodes else st.just(set())
    subsets = draw(st.lists(subset, min_size=1, max_size=3))
    pair = st.tuples(subset, st.integers(0, max(num_nodes - 1, 0)))
    targeted = draw(st.lists(pair, max_size=3)) if num_nodes else []
    return num_nodes, canonical_edges(arcs), subsets, targeted


def order_of(num_nodes, edges, subsets, targeted, **options):
    partitions = [*subsets, *targeted]
    graph = UndirectedGraph.from_any(edge_index_of(edges), num_nodes)
    return wis.removal_order(graph, "gwis", partitions=partitions, **options)


def state_of(graph, partitions, walk_length):
    return WalkState(graph, resolve_partitions(partitions, graph), walk_length)


@each_argmax
@given(problem=problems(), depth=st.integers(1, 6))
@settings(max_examples=150)
def test_order_is_that_of_algorithm_3(argmax, problem, depth):
    num_nodes, edges, subsets, targeted = problem
    order = order_of(*problem, walk_length=depth - 1, argmax=argmax)
    expected = algorithm_3(num_nodes, edges, depth, len(edges), subsets, targeted, ARGMAX[argmax])
    assert as_pairs(order.edges) == expected


@given(problem=problems(), depth=st.integers(1, 5), seed=st.integers(0, 10**6))
@settings(max_examples=200)
def test_tuples_stay_exact_while_edges_go_in_any_order(problem, depth, seed):
    num_nodes, edges, subsets, targeted = problem
    graph = UndirectedGraph.from_any(edge_index_of(edges), num_nodes)
    state = state_of(graph, [*subsets, *targeted], depth - 1)
    rng, left = random.Random(seed), list(range(len(edges)))
    while left:
        rows = (state.index - state.loss[left]).tolist()
        tuples = algorithm_3_tuples(num_nodes, [edges[e] for e in left], depth, subsets, targeted)
        assert [tuple(row) for row in rows] == list(tuples.values())
        gone = rng.sample(left, rng.randint(1, min(3, len(left))))
        state.remove(np.array(gone))
        left = [e for e in left if e not in gone]


@each_argmax
@given(problem=problems(), depth=st.integers(1, 4), batch_size=st.integers(2, 5))
@settings(max_examples=30)
def test_batches_take_the_best_edges_by_the_tuples_at_the_beginning(
    argmax, problem, depth, batch_size
):
    num_nodes, edges, subsets, targeted = problem
    order = order_of(*problem, walk_length=depth - 1, argmax=argmax, batch_size=batch_size)
    expected = algorithm_3_in_batches(
        num_nodes, edges, depth, batch_size, subsets, targeted, ARGMAX[argmax]
    )
    assert as_pairs(order.edges) == expected


@pytest.mark.parametrize("depth", [2, 3, 4])
@given(graph=small_graphs(max_num_nodes=7, max_num_arcs=14))
@settings(max_examples=40)
def test_singletons_compared_lexicographically_are_algorithm_1(depth, graph):
    num_nodes, left = graph[0], canonical_edges(graph[1])
    data = UndirectedGraph.from_any(edge_index_of(left), num_nodes)
    order = wis.removal_order(data, "gwis", walk_length=depth - 1)
    for edge in as_pairs(order.edges):
        assert edge == algorithm_1_argmax(num_nodes, left, depth)[0]
        left.remove(edge)


@given(large_graphs())
@settings(max_examples=4)
def test_singletons_with_walks_of_length_1_pass_the_certificate_of_1_wis(graph):
    num_nodes, edges = graph[0], canonical_edges(graph[1])
    data = UndirectedGraph.from_any(edge_index_of(edges), num_nodes)
    order = wis.removal_order(data, "gwis", count=min(300, len(edges)))
    wis.verify_order(data, order, method="wis", walk_length=1)
    assert first_violation_by_heap(num_nodes, edges, as_pairs(order.edges)) is None


@pytest.mark.parametrize("walk_length", [2, 3])
@given(graph=large_graphs(), seed=st.integers(0, 10**6))
@settings(max_examples=4)
def test_tuples_on_larger_graphs_are_those_of_plain_products(walk_length, graph, seed):
    # small graphs hide errors; here the tuples at a few steps of a run in batches
    num_nodes, edges = graph[0], canonical_edges(graph[1])
    data = UndirectedGraph.from_any(edge_index_of(edges), num_nodes)
    rng = random.Random(seed)
    subsets = [rng.sample(range(num_nodes), rng.randint(1, num_nodes - 1)) for _ in range(4)]
    partitions = [*subsets, *((subset, rng.randrange(num_nodes)) for subset in subsets)]
    resolved = resolve_partitions(partitions, data)
    state = WalkState(data, resolved, walk_length)
    plain = general_certificate.Tuples(data, resolved, walk_length, "min")
    left = np.random.default_rng(seed).permutation(len(edges))
    while left.size > 20:
        some = left[-20:]
        rows = state.index - state.loss[some]
        for row, edge in zip(rows, some.tolist(), strict=True):
            without = np.array(sorted(set(left.tolist()) - {edge}))
            assert row.tolist() == plain._walk_indices(plain._matrix(without)).tolist()
        state.remove(left[: left.size // 2])
        left = left[left.size // 2 :]


def by_first_column(tuples):
    return tuples[:, 0]


def by_largest_then_smallest(tuples):
    return np.stack([tuples.max(axis=1), tuples.min(axis=1)], axis=1)


@pytest.mark.parametrize(
    ("function", "key"),
    [
        (by_first_column, lambda s: s[0]),
        (by_largest_then_smallest, lambda s: (max(s), min(s))),
        (lambda tuples: np.sqrt(tuples.sum(axis=1).astype(float)), sum),
        (lambda tuples: [-int(row.sum()) for row in tuples], lambda s: -sum(s)),
        (lambda tuples: torch.from_numpy(tuples).amin(dim=1), min),
    ],
)
@given(problem=problems(max_num_nodes=6), batch_size=st.sampled_from([1, 3]))
@settings(max_examples=25)
def test_argmax_may_be_a_function_of_all_tuples(function, key, problem, batch_size):
    num_nodes, edges, subsets, targeted = problem
    order = order_of(*problem, walk_length=2, argmax=function, batch_size=batch_size)
    expected = algorithm_3_in_batches(
        num_nodes, edges, 3, batch_size, subsets, targeted, argmax_by(key)
    )
    assert as_pairs(order.edges) == expected


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda tuples: 3, "shape"),
        (lambda tuples: tuples[:-1, 0], "one key for each of the 78"),
        (lambda tuples: np.full(len(tuples), np.nan), "nan"),
        (lambda tuples: ["a"] * len(tuples), "dtype"),
    ],
)
def test_function_that_returns_no_keys_is_answered_with_what_was_expected(function, message):
    with pytest.raises(OptionError, match=message):
        wis.removal_order(datasets.load("karate"), "gwis", argmax=function, count=1)


@each_argmax
@given(problem=problems(max_num_nodes=6), depth=st.integers(4, 6))
@settings(max_examples=15)
def test_python_integers_give_the_order_of_int64(argmax, problem, depth):
    options = {"walk_length": depth - 1, "argmax": argmax}
    expected = order_of(*problem, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(general_walks, "SAFE", 0)
        found = order_of(*problem, **options)
    assert torch.equal(found.edges, expected.edges)


def test_counts_beyond_int64_are_exact():
    # by hand: a clique on n vertices has n^l walks of length l from each vertex
    graph = UndirectedGraph.from_any(odd_graph("clique"))
    state = state_of(graph, [[0]], 30)
    assert state.index.tolist() == [9 * 9**30]
    edges = as_pairs(graph.edges)
    expected = algorithm_3_tuples(9, edges, 31, [{0}], [])
    assert (state.index - state.loss)[:, 0].tolist() == [s[0] for s in expected.values()]


def test_order_beyond_int64_passes_the_certificate():
    data = odd_graph("isolated-vertices")
    order = wis.removal_order(data, "gwis", walk_length=70)
    assert wis.verify_order(data, order).is_complete


@pytest.mark.parametrize(
    ("module", "name"), [(general_walks, "CHUNK_BYTES"), (general_argmax, "CHUNK_CELLS")]
)
def test_memory_bound_does_not_change_the_order(module, name, monkeypatch):
    data, options = odd_graph("random-dense"), {"walk_length": 3, "partitions": "balls:k=1"}
    expected = wis.removal_order(data, "gwis", count=8, **options)
    monkeypatch.setattr(module, name, 2000)
    found = wis.removal_order(data, "gwis", count=8, **options)
    assert torch.equal(found.edges, expected.edges)


def test_tables_beyond_the_memory_bound_are_refused_before_they_are_made(monkeypatch):
    monkeypatch.setattr(general_walks, "MAX_STATE_BYTES", 1000)
    with pytest.raises(OptionError, match="give fewer partitions"):
        wis.removal_order(odd_graph("clique"), "gwis", argmax="min")


def test_walks_of_length_0_count_the_boundary():
    # by hand, path 0-1-2-3 and I = {0, 1}: the boundary is {1, 2} until (1, 2) goes
    graph = UndirectedGraph.from_any(edge_index_of([(0, 1), (1, 2), (2, 3)]))
    state = state_of(graph, [[0, 1], ([0, 1], 1), ([0, 1], 3)], 0)
    assert state.index.tolist() == [2, 1, 0]
    assert (state.index - state.loss).tolist() == [[2, 1, 0], [0, 0, 0], [2, 1, 0]]


def test_bridge_between_two_cliques_goes_last_where_their_partition_is_preserved():
    # the partition of Figure 5.2 whose boundary is one edge: its loss takes the walk index to 0
    cliques = [
        (u, v) for first in (0, 5) for u in range(first, first + 5) for v in range(u, first + 5)
    ]
    data = edge_index_of([*cliques, (4, 5)])
    order = wis.removal_order(data, "gwis", partitions=[range(5)], walk_length=2)
    assert as_pairs(order.edges)[-1] == (4, 5)


def test_provenance_tells_which_partitions():
    data = datasets.load("karate")
    order = wis.removal_order(
        data, "gwis", partitions="communities", walk_length=2, argmax="min", seed=3, count=5
    )
    options = dict(order.provenance.options)
    resolved = resolve_partitions("communities", UndirectedGraph.from_any(data), seed=3)
    assert options.pop("partitions_digest") == resolved.digest
    assert options == {
        "partitions": "communities:number=0,resolution=1.0",
        "num_partitions": len(resolved),
        "walk_length": 2,
        "argmax": "min",
        "batch_size": 1,
    }
    assert order.provenance.seed == 3


def test_saved_order_is_verified_with_the_partitions_found_again(tmp_path):
    data = datasets.load("karate")
    for partitions in ("communities", "cuts:number=3", "attribute:y", "balls:k=2"):
        order = wis.removal_order(data, "gwis", partitions=partitions, walk_length=2, seed=5)
        order = wis.RemovalOrder.load(order.save(tmp_path / "order.npz"))
        assert str(wis.verify_order(data, order)) == "all 78 steps are greedy"


def test_listed_partitions_and_functions_are_given_again_to_verify(tmp_path):
    data, partitions = datasets.load("karate"), [[0, 1, 2, 3], ([33, 32], 33)]
    options = {"partitions": partitions, "argmax": by_first_column}
    order = wis.removal_order(data, "gwis", walk_length=2, **options)
    order = wis.RemovalOrder.load(order.save(tmp_path / "order.npz"))
    assert order.provenance.options["partitions"] == "given"
    assert order.provenance.options["argmax"] == "function by_first_column"
    with pytest.raises(OptionError, match="from a list: give it again"):
        wis.verify_order(data, order, argmax=by_first_column)
    with pytest.raises(OptionError, match="function by_first_column: give it again"):
        wis.verify_order(data, order, partitions=partitions)
    with pytest.raises(OptionError, match="not those that the order was made for"):
        wis.verify_order(data, order, partitions=[[0]], argmax=by_first_column)
    wis.verify_order(data, order, **options)


def test_certificate_names_the_first_step_that_is_not_greedy():
    data = datasets.load("karate")
    options = {"partitions": "attribute:y", "walk_length": 2, "argmax": "min"}
    order = wis.removal_order(data, "gwis", **options)
    edges = order.edges.clone()
    edges[:, [10, 77]] = edges[:, [77, 10]]
    with pytest.raises(NotGreedyError) as error:
        wis.verify_order(data, dataclasses.replace(order, edges=edges))
    assert (error.value.step, error.value.edge) == (10, tuple(edges[:, 10].tolist()))
    assert "step 11 of 78" in str(error.value)


@each_argmax
@given(problem=problems(max_num_nodes=6), seed=st.integers(0, 10**6))
@settings(max_examples=25)
def test_certificate_accepts_exactly_the_maxima(argmax, problem, seed):
    num_nodes, edges, subsets, targeted = problem
    keys = {"lexicographic": sorted, "min": min, "max": max, "sum": sum}
    order = order_of(*problem, walk_length=2, argmax=argmax)
    shuffled = random.Random(seed).sample(edges, len(edges))
    expected, left = None, list(edges)
    for step, edge in enumerate(shuffled):
        tuples = algorithm_3_tuples(num_nodes, left, 3, subsets, targeted)
        values = {e: keys[argmax](s) for e, s in tuples.items()}
        if values[edge] != max(values.values()):
            expected = step
            break
        left.remove(edge)
    data = UndirectedGraph.from_any(edge_index_of(edges), num_nodes)
    other = dataclasses.replace(order, edges=edge_index_of(shuffled))
    try:
        wis.verify_order(data, other, partitions=[*subsets, *targeted])
        found = None
    except NotGreedyError as error:
        found = error.step
    assert found == expected


def test_certificate_says_that_it_checked_a_sample(monkeypatch):
    monkeypatch.setattr(general_certificate, "MAX_CANDIDATES", 500)
    data = datasets.load("karate")
    order = wis.removal_order(data, "gwis", partitions="attribute:y", walk_length=2)
    verified = wis.verify_order(data, order, seed=4)
    assert not verified.is_complete
    assert str(verified) == f"a sample of {verified.num_checked} of 78 steps is greedy"
    assert wis.verify_order(data, order, seed=4) == verified
    steps = [general_certificate._steps(78, 78, 500, seed).tolist() for seed in (4, 4, 5)]
    assert steps[0] == steps[1] != steps[2]
    assert [found[0] for found in steps] == [0, 0, 0]
    assert general_certificate._steps(78, 78, 0, 4).tolist() == [0]


def test_certificate_of_huge_counts_on_a_large_graph_is_refused():
    data = datasets.load("barabasi-albert:n=1200,degree=3,seed=0")
    order = wis.removal_order(data, "gwis", partitions=[[0]], walk_length=1, count=1)
    with pytest.raises(OptionError, match="at most 1000 vertices"):
        wis.verify_order(data, order, partitions=[[0]], walk_length=60)


def test_order_in_batches_is_verified_as_such_and_is_not_greedy_edge_by_edge():
    data = datasets.load("karate")
    order = wis.removal_order(data, "gwis", walk_length=2, batch_size=30)
    assert wis.verify_order(data, order).is_complete
    with pytest.raises(NotGreedyError):
        wis.verify_order(data, order, batch_size=1)


def test_order_of_gwis_is_no_order_of_another_graph():
    order = wis.removal_order(odd_graph("path"), "gwis")
    with pytest.raises(OrderMismatchError):
        wis.verify_order(odd_graph("cycle"), order)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"walk_length": -1}, OptionError, "walk_length is -1"),
        ({"walk_length": 1.5}, OptionError, "walk_length is 1.5"),
        ({"walk_length": True}, OptionError, "walk_length is True"),
        ({"batch_size": 0}, OptionError, "batch_size is 0"),
        ({"argmax": "mean"}, UnknownNameError, "known: lexicographic, max, min, sum"),
        ({"argmax": 3}, OptionError, "argmax is 3"),
        ({"partitions": []}, OptionError, "partitions is empty"),
        ({"partitions": 7}, OptionError, "partitions is a int"),
        ({"partitions": "comunities"}, UnknownNameError, "Did you mean 'communities'"),
    ],
)
def test_impossible_options_are_refused_also_by_the_transform(options, error, message):
    with pytest.raises(error, match=message):
        wis.removal_order(odd_graph("clique"), "gwis", **options)
    with pytest.raises(error, match=message):
        Sparsify(0.5, method="gwis", **options)


def test_transform_function_and_order_agree():
    data = datasets.load("karate")
    options = {"partitions": "attribute:y", "walk_length": 2, "argmax": "min"}
    transform = Sparsify(remove=0.4, method="gwis", **options)
    expected = wis.sparsify(data, remove=0.4, method="gwis", **options)
    order = wis.removal_order(data, "gwis", **options)
    assert torch.equal(transform(data).edge_index, expected.edge_index)
    assert torch.equal(order.apply(data, remove=0.4).edge_index, expected.edge_index)
    assert "partitions='attribute:y'" in repr(transform)


def test_partitions_object_is_taken_as_it_is():
    graph = UndirectedGraph.from_any(datasets.load("karate"))
    chosen = resolve_partitions("communities", graph)
    orders = [
        wis.removal_order(graph, "gwis", partitions=partitions, walk_length=2)
        for partitions in (chosen, "communities")
    ]
    assert torch.equal(orders[0].edges, orders[1].edges)
    beyond = Partitions("mine", (np.array([0, 40]),), (None,))
    with pytest.raises(OptionError, match="ids of this graph run from 0 to 33"):
        wis.removal_order(graph, "gwis", partitions=beyond)


@pytest.mark.parametrize("walk_length", [1, 2, 3, 4])
@pytest.mark.parametrize("directed", [False, True])
@given(graph=small_graphs(max_num_nodes=10, max_num_arcs=30), batch_size=st.sampled_from([1, 1, 4]))
@settings(max_examples=25)
def test_singletons_are_ranked_by_walks_as_by_tables(walk_length, directed, graph, batch_size):
    kind = DirectedGraph if directed else UndirectedGraph
    canonical = kind.from_any(edge_index_of(graph[1]), graph[0])
    options = {"walk_length": walk_length, "batch_size": batch_size}
    fast = wis.removal_order(canonical, "gwis", **options).edges
    # the list of the same partitions backwards is recognised as well
    backwards = [([v], v) for v in reversed(range(graph[0]))]
    assert torch.equal(
        fast,
        wis.removal_order(canonical, "gwis", partitions=backwards or "singletons", **options).edges,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(general, "_are_singletons", lambda *given: False)
        slow = wis.removal_order(canonical, "gwis", **options).edges
    assert torch.equal(fast, slow)


def test_only_all_vertices_with_themselves_as_targets_are_ranked_by_walks():
    graph = UndirectedGraph.from_any(torch.tensor([[0, 1], [1, 2]]))
    for items, right in (
        ([([0], 0), ([1], 1), ([2], 2)], True),
        ([([0], 0), ([1], 1)], False),
        ([([0], 0), ([1], 1), ([2], 1)], False),
        ([([0], 0), ([1], 1), ([2], None)], False),
        ([([0], 0), ([1], 1), ([1, 2], 2)], False),
        ([([0], 0), ([1], 1), ([2], 2), ([2], 2)], False),
    ):
        chosen = resolve_partitions(items, graph)
        assert general._are_singletons(chosen, 3) == right


@pytest.mark.parametrize("walk_length", [1, 2, 4])
@given(graph=small_graphs(max_num_nodes=10, max_num_arcs=30), batch_size=st.sampled_from([1, 1, 4]))
@settings(max_examples=100)
def test_signatures_give_the_order_of_sorted_tuples(walk_length, graph, batch_size):
    orders = []
    for share in (0, 1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(signatures, "MIN_PARTITIONS", 0)
            patch.setattr(signatures, "MAX_SHARE", share)
            patch.setattr(general, "_are_singletons", lambda *given: False)
            canonical = UndirectedGraph.from_any(edge_index_of(graph[1]), graph[0])
            options = {"walk_length": walk_length, "batch_size": batch_size}
            orders.append(wis.removal_order(canonical, "gwis", **options).edges)
    assert torch.equal(*orders)


@pytest.mark.parametrize("partitions", ["singletons", "balls"])
@given(graph=large_graphs())
@settings(max_examples=5)
def test_signatures_give_the_order_of_sorted_tuples_on_larger_graphs(partitions, graph):
    canonical = UndirectedGraph.from_any(edge_index_of(graph[1]), graph[0])
    orders = []
    for share in (0, 1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(signatures, "MAX_SHARE", share)
            patch.setattr(general, "_are_singletons", lambda *given: False)
            order = wis.removal_order(
                canonical, "gwis", partitions=partitions, walk_length=2, count=150
            )
            orders.append(order.edges)
    assert torch.equal(*orders)
