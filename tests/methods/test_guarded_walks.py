"""Longer walks, arcs and gwis among the edges that may go: Algorithm 1 on the graph as it is."""

from __future__ import annotations

import dataclasses
import random
import tempfile
from pathlib import Path

import pytest
import torch
from directed_oracles import allowed_arcs, directed_tuples
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import algorithm_3_tuples, allowed_edges
from strategies import as_pairs, edge_index_of, large_graphs, small_graphs
from test_checkpoints import interrupted, odd_graph
from test_guarded import PROTECTIONS, drawn, each_protection

import wis
from wis.errors import CheckpointError, NotGreedyError
from wis.graph import DirectedGraph, UndirectedGraph
from wis.methods.k_wis import certificate as walk_index_certificate
from wis.methods.k_wis import general_certificate

ARGMAX = {"lexicographic": sorted, "min": min, "sum": sum}
RULES = [
    ("wis", {"walk_length": 1}),
    ("wis", {"walk_length": 2}),
    ("wis", {"walk_length": 2, "engine": "dense"}),
    ("wis", {"walk_length": 3}),
    ("wis", {"walk_length": 2, "batch_size": 3}),
    ("gwis", {"walk_length": 1}),
    ("gwis", {"walk_length": 2, "argmax": "min"}),
    ("gwis", {"walk_length": 2, "partitions": "pairs"}),
    ("gwis", {"walk_length": 1, "partitions": "pairs", "argmax": "sum", "batch_size": 3}),
]
BATCHES = ("wis", {"walk_length": 1, "batch_size": 3})  # with ties by ids
each_rule = pytest.mark.parametrize(("method", "options"), RULES)
each_kind = pytest.mark.parametrize("kind", [UndirectedGraph, DirectedGraph])


def given_to(graph, options):
    """The options, with pairs of vertices in a list."""
    if "partitions" not in options:
        return options
    n = graph.num_nodes
    pairs = [([t, (t + 1) % n], t) for t in range(n)]
    return {**options, "partitions": pairs or "singletons"}


def keys_of(graph, left, options):
    """The tuple that the loss of each edge leaves, as ARGMAX compares it."""
    n, length = graph.num_nodes, options["walk_length"]
    subsets = [{t, (t + 1) % n} if "partitions" in options else {t} for t in range(n)]
    targeted = list(zip(subsets, range(n), strict=True))
    if graph.directed:
        tuples = directed_tuples(n, left, length, targeted)
    else:
        tuples = algorithm_3_tuples(n, left, length + 1, [], targeted)
    key = ARGMAX[options.get("argmax", "lexicographic")]
    return {e: key(tuples[e]) for e in left}


def may_go(graph, left, protections):
    if graph.directed:
        return allowed_arcs(set(left), **protections)
    return allowed_edges(graph.num_nodes, set(left), **protections)


def best_among_allowed(graph, options, protections):
    """Algorithm 1 or 3 line by line: the best edges, each if it may go at its turn."""
    left, order = as_pairs(graph.edges), []
    while True:
        keys, batch = keys_of(graph, left, options), []
        for e in sorted(left, key=keys.__getitem__, reverse=True):  # ties stay in order
            if len(batch) < options.get("batch_size", 1) and e in may_go(graph, left, protections):
                batch.append(e)
                left.remove(e)
        if not batch:
            return order
        order += batch


@each_rule
@each_kind
@each_protection
@given(graph=small_graphs(max_num_arcs=20), seed=st.integers(0, 99))
@settings(max_examples=12, deadline=None)
def test_each_step_is_the_best_that_may_go(method, options, kind, protections, graph, seed):
    graph = kind.from_any(edge_index_of(graph[1]), graph[0])
    protections = drawn(graph, protections, seed)
    if method == "wis" and options["walk_length"] == 1 and not graph.directed:
        return  # other ties than by ids (test_guarded)
    made = wis.removal_order(graph, method, **protections, **given_to(graph, options))
    assert as_pairs(made.edges) == best_among_allowed(graph, options, protections)


@each_kind
@pytest.mark.parametrize(("method", "options"), [*RULES, BATCHES])
@each_protection
@pytest.mark.parametrize("look", ["each step by itself", "every step"])
@given(seed=st.integers(0, 10**6))
@settings(max_examples=3, deadline=None)
def test_certificate_accepts_what_the_literal_rule_accepts(
    look, kind, method, options, protections, seed
):
    """Right orders, and the same with two steps swapped, one left out, or one more edge gone."""
    most = 0 if look == "every step" else 10**6
    rng = random.Random(seed)
    n = rng.randint(4, 9)
    arcs = [(rng.randrange(n), rng.randrange(n)) for _ in range(rng.randint(2 * n, 4 * n))]
    graph = kind.from_any(edge_index_of(arcs), n)
    protections, given = drawn(graph, protections, seed), given_to(graph, options)
    right = wis.removal_order(graph, method, **protections, **given)
    if not right.provenance.protections or len(right) < 2:
        return
    how = {"partitions": given["partitions"]} if "partitions" in given else {}
    how["all_steps"] = True
    i, j = rng.sample(range(len(right)), 2)
    steps = list(range(len(right)))
    swapped, dropped = list(steps), [*steps[:i], *steps[i + 1 :]]
    swapped[i], swapped[j] = j, i
    pairs = as_pairs(right.edges)
    more = [*pairs, *[pair for pair in as_pairs(graph.edges) if pair not in pairs][:1]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walk_index_certificate, "MOST_STEPS", most)
        patch.setattr(general_certificate, "MAX_CANDIDATES", most)
        found = wis.verify_order(graph, right, **how)
        assert str(found).startswith(f"all {len(right)} steps are greedy")
        assert str(found).endswith("among the edges that may go")
        for made in ([pairs[k] for k in swapped], [pairs[k] for k in dropped], more):
            origin = dataclasses.replace(right.provenance, num_removable=len(made))
            other = dataclasses.replace(right, edges=edge_index_of(made), provenance=origin)
            wrong = first_wrong(graph, made, options, protections)
            if wrong is None:
                wis.verify_order(graph, other, **how)
                continue
            with pytest.raises(NotGreedyError) as error:
                wis.verify_order(graph, other, **how)
            assert error.value.step == wrong


def first_wrong(graph, order, options, protections):
    """The first step whose edge may not go, or the end if one still may; else the first worse one.

    An edge is compared by the graph at the beginning of its batch; equal ones go by their ids.
    """
    left, size, worse = as_pairs(graph.edges), options.get("batch_size", 1), None
    for step, gone in enumerate(order):
        if step % size == 0:
            keys = keys_of(graph, left, options)
        allowed = may_go(graph, left, protections)
        if gone not in allowed:
            return step
        later = [mate for mate in order[step + 1 :][: size - 1 - step % size] if mate < gone]
        is_best = keys[gone] == max(map(keys.__getitem__, allowed))
        if worse is None and not (is_best and keys[gone] not in map(keys.__getitem__, later)):
            worse = step
        left.remove(gone)
    return len(order) if may_go(graph, left, protections) else worse


@each_kind
@given(graph=large_graphs(), seed=st.integers(0, 99))
@settings(max_examples=3, deadline=None)
def test_larger_graphs_pass_the_certificate_of_all_steps_and_fail_it_if_tampered(kind, graph, seed):
    # every other arc has its reverse: without cycles no walk returns, and nearly all arcs tie
    arcs = [*graph[1], *((v, u) for u, v in graph[1][::2])]
    graph = kind.from_any(edge_index_of(arcs), graph[0])
    protections = drawn(graph, PROTECTIONS["all"], seed)
    made = wis.removal_order(graph, walk_length=2, **protections)
    if len(made) < 300:
        return
    found = wis.verify_order(graph, made, all_steps=True)
    assert found.rule == "greedy among the edges that may go"
    assert found.is_complete
    back = torch.cat([made.edges[:, :1], made.edges[:, 1:].flip(1)], dim=1)
    with pytest.raises(NotGreedyError):
        wis.verify_order(graph, dataclasses.replace(made, edges=back), all_steps=True)


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("wis", {"walk_length": 2}),
        ("wis", {"walk_length": 2, "batch_size": 5}),
        ("gwis", {"walk_length": 1, "argmax": "min"}),
    ],
)
@each_kind
@each_protection
@given(seed=st.integers(0, 10**6), stop=st.integers(1, 30))
@settings(max_examples=3, deadline=None)
def test_an_interrupted_protected_order_goes_on(method, options, kind, protections, seed, stop):
    graph = odd_graph(seed, directed=kind is DirectedGraph)
    protections = drawn(graph, protections, seed)
    whole = wis.removal_order(graph, method, **protections, **options)
    guard = whole.provenance.protections.guard(graph)
    if len(whole) < stop + 5 or not whole.provenance.protections:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "order.checkpoint")
        interrupted(graph, method, options, path, stop, guard=guard)
        with pytest.raises(CheckpointError, match="protections is keep_connected="):
            wis.removal_order(graph, method, checkpoint=path, **options)
        resumed = wis.removal_order(graph, method, checkpoint=path, **protections, **options)
    assert torch.equal(resumed.edges, whole.edges)
