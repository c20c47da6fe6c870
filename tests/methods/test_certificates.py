"""Certificates refuse exactly the orders that are not greedy, and raise nothing but that verdict.

Orders are made, disturbed, and judged step by step by the slow twins in `oracles`: of each order
the certificate must name the same first wrong step, or none. What was disturbed and is still
greedy, by other ties, must pass; what a batch or the phases of epsilon fix must not.

Kinds tried: walks of length 1 to 4 (``gwis``: 0 to 2) × undirected graphs, directed ones without
circuits, one-way and mixed ones × one by one and in batches (smaller than, equal to, larger than
the graph) × every `argmax`, epsilon from 0.1 to 100 × a look at each edge at each step, and the
certificates of every step that look again only where that matters.
"""

from __future__ import annotations

import ast
import dataclasses
import os
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from directed_oracles import directed_tuples, distinct_arcs
from oracles import (
    algorithm_1_tuples,
    algorithm_3_tuples,
    canonical_edges,
    degrees,
    key_of,
)
from relaxed_oracles import first_step_too_low, relaxed_order
from strategies import as_pairs, edge_index_of
from test_real_data import cora

import wis
from wis.errors import NotGreedyError, OptionError, OrderMismatchError
from wis.graph import DirectedGraph, UndirectedGraph, canonical_graph
from wis.methods import get_method
from wis.methods.certificates import StepChoice
from wis.methods.k_wis import certificate as walk_index_certificate
from wis.methods.k_wis import general_certificate
from wis.methods.k_wis.certificate import codes_of
from wis.methods.k_wis.certificate_walks import CommonNeighbours, WalksByProducts
from wis.testing import ODD_GRAPHS, odd_graph

# Graphs


def acyclic(rng, n):
    arcs = [(u, v) for u in range(n) for v in range(u + 1, n) if rng.random() < 0.35]
    number = rng.sample(range(n), n)
    return [(number[u], number[v]) for u, v in arcs]


def one_way(rng, n):
    pairs = [(u, v) for u in range(n) for v in range(u + 1, n) if rng.random() < 0.45]
    return [pair if rng.random() < 0.5 else pair[::-1] for pair in pairs]


def mixed(rng, n):
    return [(u, v) for u in range(n) for v in range(n) if u != v and rng.random() < 0.3]


def loops_only(rng, n):
    return [(v, v) for v in range(n)]


def one_edge(rng, n):
    return [(0, n - 1)]


def undirected(rng, n):
    return [(u, v) for u in range(n) for v in range(u + 1, n) if rng.random() < 0.45]


DIRECTED = (*[acyclic, one_way, mixed, mixed] * 3, loops_only, one_edge)
UNDIRECTED = (*[undirected] * 10, loops_only, one_edge)


def drawn_graph(rng, kinds, largest=6):
    """Number of vertices, edges, and the graph; some have isolated vertices, some no edges."""
    n = rng.randint(3, largest)
    kind = rng.choice(kinds)
    arcs = kind(rng, n) if rng.random() < 0.97 else []
    n += rng.choice([0, 0, 3])
    if kinds is DIRECTED:
        return n, distinct_arcs(arcs), DirectedGraph.from_any(edge_index_of(arcs), n)
    return n, canonical_edges(arcs), UndirectedGraph.from_any(edge_index_of(arcs), n)


# Disturbed orders


def swapped(order, rng, batch):
    i, j = rng.sample(range(len(order)), 2)
    order[i], order[j] = order[j], order[i]


def neighbours_swapped(order, rng, batch):
    i = rng.randrange(len(order) - 1)
    order[i], order[i + 1] = order[i + 1], order[i]


def moved(order, rng, batch):
    order.insert(rng.randrange(len(order)), order.pop(rng.randrange(len(order))))


def batch_reversed(order, rng, batch):
    size = batch if batch > 1 else 3
    start = size * rng.randrange(-(-len(order) // size))
    order[start : start + size] = order[start : start + size][::-1]


def edge_dropped(order, rng, batch):
    del order[rng.randrange(len(order))]


def shuffled(order, rng, batch):
    rng.shuffle(order)


def untouched(order, rng, batch):
    pass


def cut_short(order, rng, batch):
    del order[rng.randrange(len(order)) :]


DISTURBED = (
    swapped,
    neighbours_swapped,
    moved,
    batch_reversed,
    edge_dropped,
    shuffled,
    untouched,
    cut_short,
)


def disturbed(order, rng, batch):
    """The name of what was done, and the order."""
    how, result = rng.choice(DISTURBED), list(order)
    if len(result) > 1:
        how(result, rng, batch)
    return how.__name__, result


# Verdicts


def first_wrong(edges, order, keys_of, batch_size):
    """The rule taken literally; `keys_of` gives the key of each of the edges that are left."""
    left = list(edges)
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        keys = keys_of(left)
        for place, edge in enumerate(batch):
            if keys[edge] != max(keys[other] for other in left if other not in batch[:place]):
                return start + place
            if any(keys[mate] == keys[edge] and mate < edge for mate in batch[place + 1 :]):
                return start + place
        left = [edge for edge in left if edge not in batch]
    return None


def verdict(graph, order, pairs, **how):
    """The step that `verify_order` names for a list of edges, None if it accepts it."""
    listed = dataclasses.replace(order, edges=edge_index_of(pairs))
    try:
        verified = wis.verify_order(graph, listed, **how)
    except NotGreedyError as error:
        caught = error
    else:
        assert verified.is_complete
        return None
    assert caught.edge == pairs[caught.step]
    return caught.step


def singleton_keys(n, length, directed):
    """Sorted tuples of Algorithm 1."""

    def keys_of(left):
        if directed:
            tuples = directed_tuples(n, left, length, [({t}, t) for t in range(n)])
            return {edge: sorted(found) for edge, found in tuples.items()}
        return algorithm_1_tuples(n, left, length + 1)

    return keys_of


@pytest.fixture(params=["each step by itself", "every step"])
def either_way(request, monkeypatch):
    """Both ways to check all steps, whatever the length of the order."""
    if request.param == "every step":
        monkeypatch.setattr(walk_index_certificate, "MOST_STEPS", 0)
        monkeypatch.setattr(general_certificate, "MAX_CANDIDATES", 0)


@pytest.mark.parametrize("directed", [False, True], ids=["undirected", "directed"])
@pytest.mark.parametrize("walk_length", [1, 2, 3, 4])
def test_wis_is_refused_exactly_where_the_rule_is_broken(directed, walk_length, either_way):
    rng = random.Random(100 * directed + walk_length)
    seen = Counter()
    for _ in range(60):
        n, edges, graph = drawn_graph(rng, DIRECTED if directed else UNDIRECTED)
        batch = rng.choice([1, 1, 2, 3, max(len(edges), 1), 50])
        order = wis.removal_order(graph, walk_length=walk_length, batch_size=batch)
        how, pairs = disturbed(as_pairs(order.edges), rng, batch)
        expected = first_wrong(edges, pairs, singleton_keys(n, walk_length, directed), batch)
        assert verdict(graph, order, pairs, all_steps=True) == expected, (how, edges, pairs, batch)
        seen[how, expected is None] += 1
    assert seen["untouched", True]
    assert not seen["untouched", False]
    assert sum(number for (_, greedy), number in seen.items() if not greedy) >= 8


ARGMAX = {"lexicographic": sorted, "min": min, "max": max, "sum": sum}


def by_first_and_sum(tuples):
    """A function of all tuples, of two columns."""
    return np.stack([tuples[:, 0], tuples.sum(axis=1)], axis=1)


@pytest.mark.parametrize("directed", [False, True], ids=["undirected", "directed"])
@pytest.mark.parametrize("argmax", [*ARGMAX, by_first_and_sum])
def test_gwis_is_refused_exactly_where_the_rule_is_broken(directed, argmax, either_way):
    rng = random.Random(str((directed, argmax if isinstance(argmax, str) else "function")))
    key = ARGMAX[argmax] if isinstance(argmax, str) else (lambda s: (s[0], sum(s)))
    refused = 0
    for _ in range(40):
        n, edges, graph = drawn_graph(rng, DIRECTED if directed else UNDIRECTED)
        length, batch = rng.choice([0, 1, 2]), rng.choice([1, 1, 3, 50])
        subsets = [set(rng.sample(range(n), rng.randint(1, n))) for _ in range(3)]
        targets = [None, None, rng.randrange(n)]
        partitions = list(zip(subsets, targets, strict=True))
        given = [(sorted(s), t) if t is not None else sorted(s) for s, t in partitions]

        def keys_of(left, n=n, length=length, partitions=partitions):
            if directed:
                tuples = directed_tuples(n, left, length, partitions)
            else:
                plain = [s for s, t in partitions if t is None]
                aimed = [(s, t) for s, t in partitions if t is not None]
                tuples = algorithm_3_tuples(n, left, length + 1, plain, aimed)
            return {edge: key(found) for edge, found in tuples.items()}

        options = {"partitions": given, "argmax": argmax}
        order = wis.removal_order(graph, "gwis", walk_length=length, batch_size=batch, **options)
        how, pairs = disturbed(as_pairs(order.edges), rng, batch)
        expected = first_wrong(edges, pairs, keys_of, batch)
        assert verdict(graph, order, pairs, all_steps=True, **options) == expected, (how, batch)
        refused += expected is not None
    assert refused >= 4


@pytest.mark.parametrize("batch", [2, 7, 40, 1000])
def test_batches_of_1_wis_are_refused_exactly_where_they_are_wrong_on_larger_graphs(batch):
    rng = random.Random(batch)
    for _ in range(12):
        arcs = [(rng.randrange(30), rng.randrange(30)) for _ in range(90)]
        edges, graph = canonical_edges(arcs), UndirectedGraph.from_any(edge_index_of(arcs), 30)
        order = wis.removal_order(graph, batch_size=batch)

        def keys_of(left):
            degree = degrees(30, left)
            return {edge: key_of(degree, edge) for edge in left}

        _, pairs = disturbed(as_pairs(order.edges), rng, batch)
        assert verdict(graph, order, pairs) == first_wrong(edges, pairs, keys_of, batch)


@pytest.mark.parametrize("epsilon", ["0.1", "0.5", "2", "100"])
def test_relaxed_orders_are_refused_exactly_where_they_leave_the_rule_or_the_phases(epsilon):
    rng = random.Random(epsilon)
    refused = 0
    for _ in range(60):
        n, edges, graph = drawn_graph(rng, UNDIRECTED, largest=9)
        seed = rng.randrange(2**63)
        order = wis.removal_order(graph, epsilon=float(epsilon), seed=seed)
        right = [edge for _, phase in relaxed_order(n, edges, epsilon, seed) for edge in phase]
        assert as_pairs(order.edges) == right
        _, pairs = disturbed(right, rng, 1)
        expected = first_step_too_low(n, edges, pairs, epsilon)
        if expected is None:
            differs = (step for step, edge in enumerate(pairs) if edge != right[step])
            expected = next(differs, None)
        assert verdict(graph, order, pairs) == expected
        refused += expected is not None
    assert refused >= 12


def test_directed_order_of_two_arcs_into_one_vertex_is_greedy():
    graph = DirectedGraph.from_any(edge_index_of([(0, 2), (1, 2)]))
    for length in (1, 2, 3, 4):
        assert wis.verify_order(graph, wis.removal_order(graph, walk_length=length)).is_complete


SMALL = [name for name in ODD_GRAPHS if odd_graph(name).num_edges <= 60]


@pytest.mark.parametrize("method", ["wis", "gwis"])
@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("name", SMALL)
def test_orders_of_odd_graphs_are_greedy(name, directed, method):
    data = odd_graph(name)
    for batch_size in (1, 4):
        order = wis.removal_order(
            data, method, directed=directed, walk_length=2, batch_size=batch_size
        )
        assert wis.verify_order(data, order, all_steps=True).is_complete


@pytest.mark.parametrize(
    "options",
    [{}, {"batch_size": 5}, {"epsilon": 0.5}, {"walk_length": 2}, {"walk_length": 3}],
    ids=str,
)
def test_lists_that_are_no_orders_of_the_graph_are_refused(options):
    data = odd_graph("random-dense")
    order = wis.removal_order(data, **options)
    other = wis.removal_order(odd_graph("power-law"), **options)
    pairs = as_pairs(order.edges)
    twice = dataclasses.replace(order, edges=edge_index_of([*pairs, pairs[3]]))
    with pytest.raises(OrderMismatchError, match="twice"):
        wis.verify_order(data, twice)
    with pytest.raises(OrderMismatchError, match="vertices"):
        wis.verify_order(data, other)
    claimed = dataclasses.replace(order, edges=other.edges[:, : len(order)])
    with pytest.raises(OrderMismatchError, match="no edge of the graph"):
        wis.verify_order(data, claimed)


# Longer orders


def long_order(walk_length=2, batch_size=1, directed=False, num_nodes=40, num_arcs=110):
    rng = random.Random(5)
    arcs = [(rng.randrange(num_nodes), rng.randrange(num_nodes)) for _ in range(num_arcs)]
    kind = DirectedGraph if directed else UndirectedGraph
    graph = kind.from_any(edge_index_of(arcs), num_nodes)
    return graph, wis.removal_order(graph, walk_length=walk_length, batch_size=batch_size)


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize(("walk_length", "batch_size"), [(2, 1), (3, 1), (2, 20)])
def test_every_step_finds_each_fault_that_a_look_at_that_step_finds(
    walk_length, batch_size, directed, monkeypatch
):
    graph, order = long_order(walk_length, batch_size, directed)
    pairs, rng = as_pairs(order.edges), random.Random(walk_length)
    for _ in range(4):
        _, changed = disturbed(pairs, rng, batch_size)
        expected = verdict(graph, order, changed, all_steps=True)
        with monkeypatch.context() as patch:
            patch.setattr(walk_index_certificate, "MOST_STEPS", 0)
            assert verdict(graph, order, changed, all_steps=True) == expected


def test_sample_misses_what_all_steps_find():
    graph, order = long_order(num_nodes=80, num_arcs=400)
    pairs = as_pairs(order.edges)
    missed = found = 0
    for step in range(100, 130, 3):
        changed = pairs.copy()
        changed[step : step + 3] = changed[step : step + 3][::-1]
        broken = verdict(graph, order, changed, all_steps=True)
        if broken is None:
            continue
        found += 1
        listed = dataclasses.replace(order, edges=edge_index_of(changed))
        try:
            verified = wis.verify_order(graph, listed, sample=3)
        except NotGreedyError:
            continue
        missed += 1
        assert not verified.is_complete
    assert 0 < missed <= found


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("depth", [2, 3, 4, 5])
def test_walks_by_common_neighbours_and_in_place_are_those_counted_anew(depth, directed):
    if depth == 2 and not directed:
        return  # by degrees
    rng = random.Random(depth)
    arcs = [(rng.randrange(20), rng.randrange(20)) for _ in range(70)]
    kind = DirectedGraph if directed else UndirectedGraph
    edges = kind.from_any(edge_index_of(arcs), 20).edges.numpy()
    counters = [WalksByProducts(edges, 20, depth, directed=directed)]
    if depth == 3 and not directed:
        counters.append(CommonNeighbours(edges, 20))
    left = np.arange(edges.shape[1])
    while left.size:
        anew = WalksByProducts(edges, 20, depth, directed=directed, left=left)
        expected = as_dictionary(*anew.losses(left))
        for counter in counters:
            assert (counter.value == anew.value).all()
            assert as_dictionary(*counter.losses(left)) == expected
        batch = rng.sample(left.tolist(), min(rng.choice([1, 1, 3]), left.size))
        for counter in counters:
            counter.remove(batch)
        left = np.setdiff1d(left, batch)


def as_dictionary(row, vertex, loss):
    return dict(zip(zip(row.tolist(), vertex.tolist(), strict=True), loss.tolist(), strict=True))


def test_codes_compare_as_sorted_tuples_do():
    rng = random.Random(1)
    for _ in range(3000):
        base = [rng.randrange(6) for _ in range(5)]
        found = []
        for _ in range(2):
            changed = rng.sample(range(5), rng.randint(0, 4))
            new = [rng.randrange(base[i] + 1) for i in changed]
            left = base.copy()
            for i, value in zip(changed, new, strict=True):
                left[i] = value
            entries = np.array([[0] * len(new), new, [base[i] for i in changed]], dtype=np.int64)
            (code,) = codes_of(1, *entries)
            found.append((code, sorted(left)))
        (a, tuple_a), (b, tuple_b) = found
        assert (a < b) == (tuple_a > tuple_b)
        assert (a == b) == (tuple_a == tuple_b)


@pytest.mark.data
@pytest.mark.skipif("WIS_DATA_ROOT" not in os.environ, reason="WIS_DATA_ROOT is not set")
def test_every_step_of_2_wis_on_cora_is_checked_and_every_fault_found():
    data = torch.from_numpy(cora().T.copy())
    order = wis.removal_order(data, walk_length=2)
    assert str(wis.verify_order(data, order, all_steps=True)) == "all 5278 steps are greedy"
    rng = random.Random(0)
    for step in rng.sample(range(5000), 3):  # the last edges are alike
        edges = order.edges.clone()
        edges[:, [step, 5270]] = edges[:, [5270, step]]
        with pytest.raises(NotGreedyError) as caught:
            wis.verify_order(data, dataclasses.replace(order, edges=edges), all_steps=True)
        assert caught.value.step == step


# What is checked, and what is said of it


@pytest.mark.parametrize("sample", [3, None])
@pytest.mark.parametrize("method", ["wis", "gwis"])
def test_a_step_that_takes_long_reports_before_its_end(method, sample, monkeypatch):
    monkeypatch.setattr(walk_index_certificate, "EDGES_AT_A_TIME", 30)
    monkeypatch.setattr(general_certificate, "CELLS_AT_A_TIME", 30 * 200**2)
    graph = canonical_graph(odd_graph("power-law"))
    monkeypatch.setattr(walk_index_certificate, "MOST_STEPS", 50)  # ``gwis`` can afford 44
    steps, told = 60, []
    choice = StepChoice(all_steps=sample is None, sample=sample)
    method, options = get_method(method), {"walk_length": 2 if method == "wis" else 1}
    edges = wis.removal_order(graph, method.name, count=steps, **options).edges
    method.verify(
        graph, graph.edge_ids(edges), progress=told.append, seed=0, choice=choice, **options
    )
    assert told == sorted(told)
    assert told[-1] == steps
    first_step = steps // sample if sample else 1
    assert len([done for done in told if done < first_step]) >= 4


def test_sample_takes_so_many_steps_the_first_and_last_among_them():
    for size in (1, 2, 3, 40, 999, 1000, 2000):
        steps = StepChoice(sample=size, seed=3).of(1000)
        assert steps.size == len(set(steps.tolist())) == min(size, 1000)
        assert steps[0] == 0
        assert size == 1 or steps[-1] == 999
    assert StepChoice().of(257).size == 32
    assert StepChoice().of(256).size == 256
    assert StepChoice(all_steps=True).of(9999).size == 9999
    assert StepChoice(sample=7).of(0).size == StepChoice(sample=7, all_steps=False).of(0).size == 0
    samples = [StepChoice(sample=50, seed=seed).of(1000).tolist() for seed in (1, 1, 2)]
    assert samples[0] == samples[1] != samples[2]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"all_steps": True, "sample": 3}, "exclude each other"),
        ({"sample": 0}, "sample is 0; expected an integer, 1 or more"),
        ({"sample": True}, "sample is True"),
        ({"sample": 2.5}, "sample is 2.5"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_impossible_choices_of_steps_are_refused(how, message):
    data = odd_graph("path")
    with pytest.raises(OptionError, match=message):
        wis.verify_order(data, wis.removal_order(data), **how)


def test_verdict_says_how_many_steps_by_which_options_and_what_is_not_covered():
    graph, order = long_order(num_nodes=80, num_arcs=400)
    m = len(order)
    whole = wis.verify_order(graph, order, all_steps=True)
    assert (str(whole), whole.limits) == (f"all {m} steps are greedy", "")
    assert (whole.method, whole.options["walk_length"], whole.seed) == ("wis", 2, None)
    for how, number in (({}, 32), ({"sample": 5, "seed": 9}, 5)):
        part = wis.verify_order(graph, order, **how)
        assert str(part) == f"a sample of {number} of {m} steps is greedy"
        assert (part.num_checked, part.seed) == (number, how.get("seed", 0))
        assert f"the other {m - number} steps" in part.limits
        assert f"seed {part.seed}" in part.limits
    assert wis.verify_order(graph, order, sample=m).is_complete


@pytest.mark.parametrize("walk_length", [1, 2])
def test_verdict_of_batches_says_what_they_leave_open(walk_length):
    data = odd_graph("random-dense")
    for batch_size, nothing in ((10, False), (10**6, True)):
        order = wis.removal_order(data, walk_length=walk_length, batch_size=batch_size)
        verified = wis.verify_order(data, order, all_steps=True)
        assert f"each batch of {batch_size}" in str(verified)
        assert bool(verified.certifies_nothing) is nothing
        assert ("certifies nothing about greediness" in verified.limits) is nothing
        assert bool(verified.not_covered) is not nothing


def test_verdict_of_a_relaxed_order_says_what_it_leaves_open():
    data = odd_graph("random-dense")
    for epsilon, nothing in ((0.2, False), (100.0, True)):
        order = wis.removal_order(data, epsilon=epsilon, seed=4)
        verified = wis.verify_order(data, order)
        assert "phases with seed 4" in str(verified)
        assert bool(verified.certifies_nothing) is nothing
        assert "by how much less than a factor of" in verified.limits
        random_order = wis.removal_order(data, "random", seed=1)
        claimed = dataclasses.replace(order, edges=random_order.edges)
        with pytest.raises(NotGreedyError):
            wis.verify_order(data, claimed)


def test_first_hundred_steps_of_a_batched_order_cannot_be_reversed():
    rng = random.Random(2)
    arcs = [(rng.randrange(120), rng.randrange(120)) for _ in range(700)]
    for options in ({}, {"walk_length": 2}):
        order = wis.removal_order(edge_index_of(arcs), batch_size=100, **options)
        back = torch.cat([order.edges[:, :100].flip(1), order.edges[:, 100:]], dim=1)
        with pytest.raises(NotGreedyError, match="step 1 "):
            wis.verify_order(
                edge_index_of(arcs), dataclasses.replace(order, edges=back), all_steps=True
            )


def test_protected_order_says_that_it_was_only_made_again():
    data = odd_graph("random-dense")
    for method in ("jaccard", "random"):
        order = wis.removal_order(data, method, keep_connected=True, seed=3)
        verified = wis.verify_order(data, order, all_steps=True)
        assert verified.recomputed
        assert "run again with the same code" in verified.limits


# Independence


CERTIFICATES = sorted(Path(wis.__file__).parent.glob("methods/**/*certificate*.py"))
ALLOWED = {
    "wis.base.arrays",
    "wis.base.checks",
    "wis.errors",
    "wis.graph",
    "wis.methods",
    "wis.graph.partitions",
    "wis.base.progress",
}


@pytest.mark.parametrize("path", CERTIFICATES, ids=lambda path: path.stem)
def test_certificates_share_no_code_with_the_engines(path):
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(node.module)
            if node.module == "wis.methods":
                imported |= {f"wis.methods.{name.name}" for name in node.names}
        elif isinstance(node, ast.Import):
            imported |= {name.name for name in node.names}
    ours = {name for name in imported if name.startswith("wis")}
    assert len(CERTIFICATES) >= 6
    assert {name for name in ours if "certificate" not in name} <= ALLOWED
