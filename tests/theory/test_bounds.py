"""Bounds of separation ranks: the sandwich, each bound against its definition, refusals."""

from __future__ import annotations

import itertools
import json
import math

import networkx as nx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from theory_cases import Case, cases, typed_graphs
from theory_oracles import (
    admissible_subsets,
    exact_rank,
    least_cut,
    no_repeating_shared_neighbours,
    outgoing,
    theorem_8,
    tree,
    walks,
)

import wis
from wis.datasets import load
from wis.errors import OptionError, UnknownNameError
from wis.theory.admissible import (
    CONSTRUCTIONS,
    admissible_subset,
    has_no_repeating_shared_neighbours,
)
from wis.theory.bounds import SeparationBounds, log_multiset
from wis.theory.generic_rank import RankProblem
from wis.theory.residues import rank_modulo
from wis.theory.typed_graph import TypedGraph
from wis.theory.witness import compositions, witness_matrix, witness_templates

ROUNDING = 1e-9


def complete(n):
    return TypedGraph.from_any(torch.combinations(torch.arange(n)).t(), n)


def chain(n):
    return TypedGraph.from_any(torch.stack([torch.arange(n - 1), torch.arange(1, n)]), n)


@given(case=cases())
def test_sandwich_of_lower_bounds_measured_rank_cuts_and_walk_index(case: Case):
    bounds = case.bounds()
    measured = case.problem(max_side=64).rank()
    assert bounds.lower.log <= bounds.lower.multiset_log + ROUNDING
    if not measured.is_saturated:
        assert bounds.lower.multiset_log <= measured.log_rank + ROUNDING
    above = [
        measured.log_rank,
        bounds.merged_cut.log_weight,
        bounds.cut.log_weight,
        bounds.summed.log,
        bounds.upper.log,
    ]
    for smaller, larger in itertools.pairwise(above):
        assert smaller <= larger + ROUNDING


def test_sandwich_is_tight_where_the_measured_rank_reaches_the_cut():
    # one edge, prediction over an end: W^(o) (W x0 * W x1), an inner product of min(D_x, D_h) terms
    graph = chain(2)
    for width, in_dim in ((2, 3), (3, 2), (3, 3)):
        bounds = SeparationBounds(graph, [0], 1, width, in_dim=in_dim, target=0)
        rank = RankProblem(bounds).rank().rank
        assert rank == min(width, in_dim)
        assert math.isclose(bounds.cut.log_weight, math.log(rank))
        assert math.isclose(bounds.lower.log, math.log(rank))


@given(case=cases(max_num_nodes=4, max_num_arcs=6))
def test_upper_bounds_are_those_of_theorems_7_and_10(case: Case):
    n, arcs, inside = case.graph.num_nodes, case.arcs, set(case.subset)
    outside = set(range(n)) - inside
    starts = outgoing(n, arcs, inside) & outgoing(n, arcs, outside)
    bounds = case.bounds()
    assert bounds.boundary == sorted(starts)
    counts = [walks(n, arcs, length, starts, case.target) for length in range(case.depth)]
    plus = int(case.target is None)
    found, summed = bounds.upper, bounds.summed
    assert summed.exponent == sum(counts) + plus
    assert found.exponent == (summed.exponent if case.graph.directed else 4 * counts[-1] + plus)
    assert math.isclose(found.log, math.log(case.width) * found.exponent)


@pytest.mark.parametrize(("directed", "target"), [(False, None), (False, 7), (True, 7)])
def test_walk_index_is_that_of_the_library(directed, target):
    data = load("karate")
    graph = TypedGraph.from_any(data, directed=directed)
    found = SeparationBounds(graph, [0, 1, 5], 3, 4, target=target)
    assert found.walk_index == wis.walk_index(data, [0, 1, 5], 2, target=target, directed=directed)


@given(case=cases(max_num_nodes=3, max_num_arcs=4, max_depth=2))
def test_least_cut_is_the_least_over_all_cuts(case: Case):
    legs, leaves = tree(case.graph.num_nodes, case.arcs, case.depth, case.target)
    if len({end for leg in legs for end in leg}) - len(leaves) > 12:
        return
    expected = least_cut(legs, leaves, set(case.subset), case.width, case.in_dim)
    found = case.bounds().cut
    assert math.isclose(found.log_weight, expected, abs_tol=ROUNDING)


@given(case=cases())
def test_least_cut_with_merged_output_is_a_maximum_flow(case: Case):
    """Independent of the table: networkx, each delta-tensor as an arc of capacity log D_h."""
    legs, leaves = tree(case.graph.num_nodes, case.arcs, case.depth, case.target)
    flow = nx.DiGraph()

    def both_ways(one, other, capacity):
        flow.add_edge(one, other, capacity=capacity)
        flow.add_edge(other, one, capacity=capacity)

    def index_of(delta):
        top = case.target is None and delta[1] in ("output", case.depth)
        return ("index", "output") if top else ("index", *delta)

    for leg in legs:
        deltas = [end for end in leg if end[0] == "delta"]
        if len(deltas) == 2:
            continue
        if not deltas:
            leaf = any(end in leaves for end in leg)
            both_ways(*leg, math.log(case.in_dim if leaf else case.width))
            continue
        # a delta-tensor is cut once if not all around it are on one side: in and out of its index
        tensor = leg[0] if leg[1] is deltas[0] else leg[1]
        index = index_of(deltas[0])
        flow.add_edge((*index, "in"), (*index, "out"), capacity=math.log(case.width))
        flow.add_edge(tensor, (*index, "in"))
        flow.add_edge((*index, "out"), tensor)
    for leaf, vertex in leaves.items():
        if vertex in case.subset:
            flow.add_edge("source", leaf)
        else:
            flow.add_edge(leaf, "sink")
    flow.add_nodes_from(["source", "sink"])
    expected = nx.maximum_flow_value(flow, "source", "sink")
    found = case.bounds().merged_cut
    assert math.isclose(found.log_weight, expected, abs_tol=1e-6)


def test_least_cut_counts_legs_exactly_where_the_tree_could_never_be_built():
    graph = complete(30)
    bounds = SeparationBounds(graph, range(15), 40, 7, in_dim=5)
    found = bounds.cut
    assert found.num_feature_legs + found.num_hidden_legs > 10**50
    assert found.log_weight <= bounds.upper.log
    deeper = SeparationBounds(graph, range(15), 300, 7, in_dim=5)
    with pytest.raises(OptionError, match="too many to weigh; take a smaller depth"):
        deeper.cut  # noqa: B018
    assert deeper.upper.log == math.inf


@given(case=cases(max_num_nodes=5, max_num_arcs=8))
def test_lower_bound_is_the_best_of_all_admissible_subsets(case: Case):
    n, arcs = case.graph.num_nodes, case.arcs
    dim = min(case.width, case.in_dim)
    values = [
        theorem_8(walks(n, arcs, case.depth - 1, C, case.target), case.depth, dim, case.target)
        for C in admissible_subsets(n, arcs, set(case.subset))
    ]
    found = case.bounds(method="exact").lower
    assert math.isclose(found.log, max(values), abs_tol=ROUNDING)


@settings(max_examples=40)
@given(case=cases(max_num_nodes=6, max_num_arcs=12), data=st.data())
def test_every_construction_gives_an_admissible_subset_and_none_beats_the_exact_one(case, data):
    n, arcs, inside = case.graph.num_nodes, case.arcs, set(case.subset)
    weights = data.draw(st.lists(st.integers(0, 9), min_size=n, max_size=n))
    best = admissible_subset(case.graph, case.subset, weights, "exact")
    assert best.is_optimal
    for method in ("exact", "auto", *CONSTRUCTIONS):
        try:
            found = admissible_subset(case.graph, case.subset, weights, method)
        except OptionError:
            assert method == "chain"
            continue
        inner, outer = set(found.inner), set(found.outer)
        assert inner <= inside
        assert not outer & inside
        assert no_repeating_shared_neighbours(n, arcs, inner, outer)
        assert has_no_repeating_shared_neighbours(case.graph, inner, outer)
        assert set(found.vertices) == outgoing(n, arcs, inner) & outgoing(n, arcs, outer)
        assert set(found.vertices) <= set(case.bounds().boundary)
        assert sum(weights[k] for k in found.vertices) <= sum(weights[k] for k in best.vertices)


@given(graph=typed_graphs(max_num_nodes=5), data=st.data())
def test_definition_12_is_tested_as_it_stands(graph, data):
    vertices = st.sets(st.integers(0, graph.num_nodes - 1))
    one, other = data.draw(vertices), data.draw(vertices)
    arcs = Case(graph, [], None, 1, 1, 1).arcs
    expected = no_repeating_shared_neighbours(graph.num_nodes, arcs, one, other)
    assert has_no_repeating_shared_neighbours(graph, one, other) == expected


def test_one_pair_covers_the_whole_boundary_of_a_complete_graph():
    found = admissible_subset(complete(7), [0, 3], [1] * 7, "single-pair")
    assert found.vertices == tuple(range(7))


@given(inside=st.sets(st.integers(0, 11), min_size=1, max_size=11))
def test_chains_have_half_of_their_boundary_covered(inside):
    found = admissible_subset(chain(12), inside, [1] * 12, "chain")
    assert 2 * len(found.vertices) >= len(SeparationBounds(chain(12), inside, 1, 1).boundary)


def test_large_graphs_are_bounded_by_constructions():
    edges = torch.randint(400, (2, 2700), generator=torch.Generator().manual_seed(0))
    graph = TypedGraph.from_any(edges, 400)
    subset = list(range(0, 400, 2))
    bounds = SeparationBounds(graph, subset, 3, 8)
    assert 0 < bounds.lower.log < bounds.cut.log_weight < bounds.upper.log
    assert not bounds.lower.admissible.is_optimal
    weights = graph.walks_to(2, None)
    found = {
        method: sum(weights[k] for k in admissible_subset(graph, subset, weights, method).vertices)
        for method in CONSTRUCTIONS
        if method != "chain"
    }
    assert bounds.lower.num_walks == max(found.values())


@settings(max_examples=40)
@given(case=cases(max_num_nodes=4))
def test_witness_of_theorem_8_has_the_rank_of_the_multiset_coefficient(case: Case):
    bounds = case.bounds()
    bound = bounds.lower
    dim = min(case.width, case.in_dim)
    number = math.comb(dim + bound.num_walks - 1, bound.num_walks)
    if case.depth == 1 or not bound.num_walks or number > 40:
        return
    matrix = witness_matrix(bounds)
    assert matrix.shape == (number, number)
    assert rank_modulo(matrix) == number
    assert math.isclose(math.log(number), bound.multiset_log, abs_tol=ROUNDING)


@pytest.mark.parametrize(("dim", "power"), [(1, 4), (2, 3), (3, 2), (3, 3), (4, 2)])
def test_templates_of_lemma_57_make_the_hadamard_power_full_rank(dim, power):
    rows = [[2**q for q in parts] for parts in compositions(power, dim)]
    power_matrix = [
        [sum(a * b for a, b in zip(one, other, strict=True)) ** power for other in rows]
        for one in rows
    ]
    assert exact_rank(power_matrix) == len(rows) == math.comb(dim + power - 1, power)
    assert witness_templates(dim, power, gamma=2).tolist() == rows
    assert math.isclose(log_multiset(dim, power), math.log(len(rows)), abs_tol=ROUNDING)


@pytest.mark.parametrize(
    ("dim", "power"), [(10**6 + 1, 12), (7, 10**40), (20_001, 20_000), (10**4 + 2, 10**6)]
)
def test_multiset_coefficients_of_large_numbers_are_right(dim, power):
    if power < 10**7:
        expected = math.log(math.comb(dim + power - 1, power))
    else:
        expected = math.fsum(math.log(power + k) - math.log(k) for k in range(1, dim))
    assert math.isclose(log_multiset(dim, power), expected, rel_tol=1e-10)


def test_multiset_coefficients_beyond_floats_go_on_from_those_within():
    below, above = (log_multiset(20_001, power) for power in (1 << 999, 1 << 1000))
    assert math.isclose(above - below, 20_000 * math.log(2), rel_tol=1e-9)


@given(graph=typed_graphs(), length=st.integers(0, 4))
def test_walks_of_all_lengths_at_once_are_those_of_each(graph, length):
    for target in (None, 0):
        each = [graph.walks_to(steps, target) for steps in range(length + 1)]
        assert list(graph.walks_up_to(length, target)) == each


@pytest.mark.parametrize(("depth", "directed"), [(1, False), (2, False), (3, False), (3, True)])
def test_least_cut_around_a_vertex_is_its_walk_index(depth, directed):
    """What (L-1)-WIS preserves: the legs at the copies of t, one for each walk from N(t) to t."""
    graph = TypedGraph.from_any(load("karate"), directed=directed)
    for t in range(graph.num_nodes):
        found = SeparationBounds(graph, [t], depth, 4, target=t, method="single-pair")
        assert found.cut.num_feature_legs + found.cut.num_hidden_legs == found.walk_index


def test_bounds_of_a_trivial_partition_say_that_there_is_no_interaction():
    for subset in ([], [0, 1, 2, 3]):
        bounds = SeparationBounds(chain(4), subset, 2, 5, target=1)
        assert bounds.upper.log == bounds.cut.log_weight == bounds.lower.log == 0
        assert RankProblem(bounds).rank().rank == 1


def test_bounds_are_a_record_for_json():
    record = SeparationBounds(chain(4), [0, 1], 2, 3).as_record()
    assert json.loads(json.dumps(record))["lower"]["admissible"]["method"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g: SeparationBounds(g, [9], 2, 2), "subset holds 9, which is not a vertex id"),
        (lambda g: SeparationBounds(g, [1, 1], 2, 2), "vertex 1 more than once"),
        (lambda g: SeparationBounds(g, [0], 0, 2), "depth is 0; expected an integer of at least 1"),
        (lambda g: SeparationBounds(g, [0], 2, 0), "width is 0"),
        (lambda g: SeparationBounds(g, [0], 2, 2, in_dim=0), "in_dim is 0"),
        (
            lambda g: SeparationBounds(g, [0], 2, 2, in_dim=2, target=4),
            "target is 4, which is not a vertex",
        ),
        (lambda g: SeparationBounds(g, [0], True, 2, in_dim=2), "depth is True"),
        (lambda g: witness_templates(6, 30), "324632 template vectors .* more than 1000"),
        (lambda g: witness_matrix(SeparationBounds(g, [0], 1, 2)), "depth is 1"),
    ],
)
def test_impossible_arguments_are_one_clear_line(call, message):
    with pytest.raises(OptionError, match=message):
        call(chain(4))


def test_chain_method_is_for_chains_and_unknown_methods_are_named():
    for graph in (
        complete(4),
        TypedGraph.from_any(torch.tensor([[0, 1, 3, 4, 5], [1, 2, 4, 5, 3]])),
        TypedGraph.from_any(torch.tensor([[0, 1], [1, 2]]), directed=True),
    ):
        with pytest.raises(OptionError, match="is not a chain"):
            admissible_subset(graph, [0], [1] * graph.num_nodes, "chain")
    with pytest.raises(UnknownNameError, match="Did you mean 'greedy'"):
        admissible_subset(chain(3), [0], [1] * 3, "greedi")
    big = TypedGraph.from_any(torch.combinations(torch.arange(60)).t())
    with pytest.raises(OptionError, match="more than 20000; take method='auto'"):
        admissible_subset(big, range(30), [1] * 60, "exact")


def test_a_graph_without_vertices_is_refused():
    empty = TypedGraph.from_any(torch.empty((2, 0), dtype=torch.int64), 0)
    with pytest.raises(OptionError, match="has no vertices"):
        SeparationBounds(empty, [], 2, 2)
