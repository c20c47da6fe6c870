"""Effective resistances against pseudo-inverses, closed forms, and the bounds that are stated."""

from __future__ import annotations

import math
import re
import sys

import numpy as np
import pytest
import score_oracles as oracle
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import canonical_edges
from scipy import sparse
from scipy.sparse.linalg import spsolve
from strategies import as_pairs, edge_index_of, large_graphs, small_graphs

from wis.errors import MissingDependencyError, NumericalError, OptionError, UnknownNameError
from wis.graph import UndirectedGraph, laplacian
from wis.graph.laplacian import Core, Laplacian, on_pendant_trees
from wis.graph.resistance import Solver, effective_resistances
from wis.testing import ODD_GRAPHS, odd_graph

EXACT = Solver("exact")
PROJECTION = Solver("projection")


def graph_of(arcs, num_nodes=None):
    return UndirectedGraph.from_any(edge_index_of(arcs), num_nodes)


def grid(rows, columns):
    at = np.arange(rows * columns).reshape(rows, columns)
    across = zip(at[:, :-1].flat, at[:, 1:].flat, strict=True)
    down = zip(at[:-1].flat, at[1:].flat, strict=True)
    return graph_of([(int(u), int(v)) for u, v in (*across, *down)])


def resistances(graph, solver=EXACT, **options):
    return effective_resistances(graph, solver=solver, **options).resistance


# Exactly


@given(graph=small_graphs(), data=st.data())
def test_exact_resistances_are_those_of_the_pseudo_inverse(graph, data):
    num_nodes, arcs = graph
    edges = canonical_edges(arcs)
    weight = st.floats(0.1, 10)
    weights = data.draw(st.lists(weight, min_size=len(edges), max_size=len(edges)))
    found = resistances(graph_of(arcs, num_nodes), weight=np.array(weights))
    assert np.allclose(found, oracle.resistances(num_nodes, edges, weights), rtol=1e-9)


@given(graph=large_graphs())
@settings(max_examples=8)
def test_exact_resistances_of_larger_graphs_are_those_of_the_pseudo_inverse(graph):
    num_nodes, arcs = graph
    expected = oracle.resistances(num_nodes, canonical_edges(arcs))
    assert np.allclose(resistances(graph_of(arcs, num_nodes)), expected, rtol=1e-9)


@pytest.mark.parametrize("solver", [EXACT, PROJECTION], ids=["exact", "projection"])
@given(seed=st.integers(0, 10**6))
@settings(max_examples=15)
def test_every_edge_of_a_forest_has_resistance_one(solver, seed):
    rng = np.random.default_rng(seed)
    parents = [(int(rng.integers(v)), v) for v in range(1, 40) if v != 20]
    assert (resistances(graph_of(parents), solver) == 1).all()


@pytest.mark.parametrize("size", [3, 4, 17, 400])
def test_resistance_on_a_cycle_is_one_minus_one_over_its_length(size):
    cycle = graph_of([(v, (v + 1) % size) for v in range(size)])
    assert np.allclose(resistances(cycle), 1 - 1 / size, rtol=1e-11)


@pytest.mark.parametrize("size", [3, 5, 40])
def test_resistance_in_a_complete_graph_is_two_over_its_size(size):
    clique = graph_of([(u, v) for u in range(size) for v in range(u)])
    assert np.allclose(resistances(clique), 2 / size, rtol=1e-11)


def test_conductances_in_series_and_parallel_follow_ohm():
    triangle = graph_of([(0, 1), (0, 2), (1, 2)])
    found = resistances(triangle, weight=np.array([2.0, 3.0, 6.0]))
    # between 0 and 1: conductance 2 beside 1 / (1/3 + 1/6) = 2; 0 and 2: 3 beside 3/2; 1 and 2: ...
    assert np.allclose(found, [1 / 4, 1 / (3 + 1.5), 1 / (6 + 1.2)])


def test_components_do_not_change_each_other():
    apart = [(u + shift, v + shift) for shift in (0, 50) for u, v in grid_pairs(3, 4)]
    one = resistances(grid(3, 4))
    assert np.allclose(resistances(graph_of(apart, 70)), np.concatenate([one, one]))


def grid_pairs(rows, columns):
    return as_pairs(grid(rows, columns).edges)


@pytest.mark.parametrize("solver", [EXACT, PROJECTION], ids=["exact", "projection"])
@pytest.mark.parametrize("name", ODD_GRAPHS)
def test_sum_over_all_edges_is_vertices_minus_components(name, solver):
    graph = UndirectedGraph.from_any(odd_graph(name))
    edges = graph.edges.numpy()
    there = (np.ones(graph.num_edges), (edges[0], edges[1]))
    matrix = sparse.csr_array(there, shape=(graph.num_nodes, graph.num_nodes))
    components = sparse.csgraph.connected_components(matrix)[0] if graph.num_nodes else 0
    total = effective_resistances(graph, solver=solver).leverage.sum()
    slack = 1e-9 if solver is EXACT else 0.02 * (graph.num_nodes + 1)  # estimates are cut off at 1
    assert total == pytest.approx(graph.num_nodes - components, abs=slack)


@given(graph=small_graphs(max_num_nodes=12))
def test_pendant_edges_are_those_outside_the_2_core(graph):
    num_nodes, arcs = graph
    edges = canonical_edges(arcs)
    left = set(edges)
    while True:  # remove a leaf as long as there is one
        ends = [v for edge in left for v in edge]
        leaves = {v for v in ends if ends.count(v) == 1}
        if not leaves:
            break
        left = {edge for edge in left if not leaves & set(edge)}
    array = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    assert on_pendant_trees(array, num_nodes).tolist() == [edge not in left for edge in edges]


# By projection


@pytest.mark.parametrize("name", ["power-law", "random-sparse", "random-dense", "cycle"])
def test_projection_errs_only_in_the_estimated_part_and_within_its_deviation(name):
    graph = UndirectedGraph.from_any(odd_graph(name))
    core = Core.of(graph)
    edges = core.edge_ids
    degree = np.bincount(core.ends.reshape(-1))
    known = (1 / degree[core.ends]).sum(axis=0) - 2 / degree[core.ends].prod(axis=0)
    exact = resistances(graph)[edges]
    errors = []
    for seed in range(20):
        solver = Solver("projection", num_projections=100, tolerance=1e-8)
        errors.append(resistances(graph, solver, seed=seed)[edges] - exact)
    deviation = math.sqrt(2 / 100) * (exact - known)
    assert (np.abs(errors) < 6 * deviation + 1e-6).all()
    within = np.abs(errors) < deviation + 1e-6
    assert within.mean() > 0.6  # of a normal variable: 0.68 within one standard deviation
    assert np.abs(np.mean(errors, axis=0)).max() < 5 * deviation.max() / math.sqrt(20)


def test_projection_on_a_large_graph_is_right_on_average_and_its_sum_too():
    graph = UndirectedGraph.from_any(odd_graph("power-law"))
    coarse = effective_resistances(graph, solver=Solver("projection", num_projections=20))
    fine = effective_resistances(graph, solver=Solver("projection", num_projections=2000))
    exact = effective_resistances(graph, solver=EXACT)
    errors = [np.abs(found.leverage - exact.leverage).mean() for found in (coarse, fine)]
    assert errors[1] < errors[0] / 5  # the root of a hundred times more would be 10
    assert exact.sum_error < 1e-12


def test_estimates_are_scaled_to_the_right_sum_of_each_component():
    dense = UndirectedGraph.from_any(odd_graph("random-dense")).edges  # no w·R near 1 is cut off
    graph = UndirectedGraph.from_any(torch.cat([dense, dense + dense.max() + 1], dim=1))
    found = effective_resistances(graph, solver=Solver("projection", num_projections=8))
    assert found.sum_error > 1e-4
    assert found.leverage.max() < 1
    degree = graph.degree.numpy()
    halves = found.leverage.reshape(2, -1).sum(axis=1)
    assert halves == pytest.approx((degree > 0).sum() / 2 - 1, rel=1e-12)


@pytest.mark.parametrize("solver", [EXACT, Solver("projection", num_projections=2)])
def test_leverage_is_a_probability_even_where_few_projections_estimate_it(solver):
    for weight in (np.ones(400), np.geomspace(1, 1e9, 400)):
        cycle = graph_of([(v, (v + 1) % 400) for v in range(400)])
        leverage = effective_resistances(cycle, solver=solver, weight=weight).leverage
        assert leverage.min() > 0
        assert leverage.max() <= 1


def test_projection_with_weights_comes_near_the_exact_resistances():
    graph = UndirectedGraph.from_any(odd_graph("power-law"))
    weight = np.random.default_rng(0).uniform(0.1, 10, graph.num_edges)
    fine = Solver("projection", num_projections=2000)
    found = effective_resistances(graph, weight=weight, solver=fine)
    exact = effective_resistances(graph, weight=weight, solver=EXACT)
    assert np.allclose(found.leverage, exact.leverage, rtol=6 * math.sqrt(2 / 2000))


def test_systems_are_solved_to_the_tolerance():
    graph = grid(7, 9)
    matrix = Laplacian.of(
        graph.edges.numpy(), np.linspace(1, 2, graph.num_edges), np.array([0, 63])
    )
    right = np.random.default_rng(0).normal(size=(63, 5))
    right -= right.mean(axis=0)
    right[:, 2] = 0
    found = matrix.solve(right, matrix.jacobi, 1e-12)
    grounded = sparse.csc_array(matrix.matrix)[1:, 1:]
    expected = np.vstack([np.zeros(5), spsolve(grounded, right[1:])])
    assert np.allclose(found - found[0], expected, atol=1e-9)


def test_wrong_solutions_are_noticed_by_the_sum(monkeypatch):
    honest = Laplacian.solve
    monkeypatch.setattr(Laplacian, "solve", lambda *args: 0.7 * honest(*args))
    with pytest.raises(NumericalError, match=r"900 vertices sum to \d+.*away from the right 899;"):
        effective_resistances(grid(30, 30), solver=PROJECTION)


def test_wrong_inverses_are_noticed_by_the_sum(monkeypatch):
    honest = np.linalg.inv
    monkeypatch.setattr(np.linalg, "inv", lambda matrix: honest(matrix) * 1.001)
    with pytest.raises(NumericalError, match="component of 12 vertices"):
        effective_resistances(grid(3, 4), solver=EXACT)


def test_iterations_that_do_not_converge_are_an_error_that_says_what_to_do(monkeypatch):
    monkeypatch.setattr(laplacian, "MAX_ITERATIONS", 5)
    with pytest.raises(NumericalError, match=r"in 5 iterations.*solver='pyamg'"):
        effective_resistances(grid(2, 500), solver=PROJECTION)


def test_multigrid_solves_the_same_systems_where_plain_iterations_are_slow(monkeypatch):
    pytest.importorskip("pyamg", reason="the extra [spectral] is missing")
    beside = [(u + 800, v + 800) for u, v in grid_pairs(2, 300)]
    graph = graph_of([*grid_pairs(2, 400), *beside])
    jacobi, multigrid = (
        Solver(name, num_projections=12, tolerance=1e-9) for name in ("projection", "pyamg")
    )
    plain = effective_resistances(graph, solver=jacobi, seed=3)
    monkeypatch.setattr(laplacian, "MAX_ITERATIONS", 40)
    with pytest.raises(NumericalError, match="in 40 iterations"):
        effective_resistances(graph, solver=jacobi, seed=3)
    found = effective_resistances(graph, solver=multigrid, seed=3)
    assert np.allclose(found.leverage, plain.leverage, atol=1e-6)


def test_multigrid_without_its_package_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyamg", None)
    with pytest.raises(MissingDependencyError, match=re.escape("wis-sparsify[spectral]")):
        effective_resistances(grid(3, 3), solver=Solver("pyamg"))


# Choice of the solver


def test_auto_is_exact_unless_a_component_without_pendant_trees_is_too_large():
    tail = [(v, v + 1) for v in range(100, 160)]
    graph = graph_of([*grid_pairs(5, 5), (24, 100), *tail])
    assert Solver("auto").resolved(graph) == Solver("exact", 25)
    assert Solver("auto", 25).resolved(graph).name == "exact"
    assert Solver("auto", 24).resolved(graph) == Solver("projection", 24)
    assert Solver("projection").resolved(graph) == Solver("projection", 0)


def test_components_up_to_the_limit_are_exact_beside_projected_ones():
    shifted = [(u + 30, v + 30) for u, v in grid_pairs(6, 6)]
    graph = graph_of([*grid_pairs(4, 5), *shifted])
    exact, found = resistances(graph), resistances(graph, Solver("projection", 20))
    num_small = len(grid_pairs(4, 5))
    assert np.array_equal(found[:num_small], exact[:num_small])
    assert not np.allclose(found[num_small:], exact[num_small:], rtol=1e-6)


def test_exact_solution_of_a_large_component_is_refused_with_the_memory_that_it_takes():
    with pytest.raises(OptionError, match=r"component of 900 vertices take 0.0241 GiB"):
        Solver("exact", memory_gib=0.02).resolved(grid(30, 30))
    Solver("exact", memory_gib=0.03).resolved(grid(30, 30))


@pytest.mark.parametrize(
    ("solver", "message"),
    [
        (Solver("auto", num_projections=0), "num_projections is 0; expected an integer, 1 or more"),
        (Solver("auto", num_projections=2.5), "num_projections is 2.5"),
        (Solver("auto", tolerance=1.0), "tolerance is 1.0; expected a positive number below 1"),
        (Solver("auto", memory_gib=0), "memory_gib is 0; expected a positive number"),
        (Solver("auto", exact_up_to=-1), "exact_up_to is -1; expected a number of vertices"),
        (Solver("auto", exact_up_to=True), "exact_up_to is True"),
    ],
)
def test_impossible_numbers_are_refused_with_what_was_expected(solver, message):
    with pytest.raises(OptionError, match=message):
        solver.resolved(grid(2, 2))


def test_unknown_solver_is_answered_with_the_closest():
    with pytest.raises(UnknownNameError, match="Did you mean 'exact'"):
        Solver("exakt").resolved(grid(2, 2))


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf, 1e-101, 1e101])
def test_weights_must_be_positive(wrong):
    weight = np.array([1.0, wrong, 1.0, 1.0])
    with pytest.raises(OptionError, match=re.escape(f"weight of edge 1 is {wrong};")):
        effective_resistances(grid(2, 2), weight=weight)


@pytest.mark.parametrize("solver", [EXACT, PROJECTION], ids=["exact", "projection"])
@pytest.mark.parametrize("unit", [1e-100, 1e100])
def test_the_unit_of_the_weights_makes_no_difference(solver, unit):
    weight = np.geomspace(1, 9, 7) ** math.copysign(1, -math.log(unit))  # stays in range
    found = effective_resistances(grid(2, 3), weight=weight * unit, solver=solver)
    expected = effective_resistances(grid(2, 3), weight=weight, solver=solver)
    assert np.allclose(found.leverage, expected.leverage, rtol=1e-9)


def test_weights_too_far_apart_for_an_inverse_are_an_error():
    triangle = graph_of([(0, 1), (0, 2), (1, 2)])
    with pytest.raises(NumericalError, match="of 3 vertices has no inverse in floats"):
        effective_resistances(triangle, weight=np.array([1, 1, 1e20]), solver=EXACT)


def test_sums_that_are_no_numbers_are_an_error(monkeypatch):
    monkeypatch.setattr(Laplacian, "solve", lambda self, right, *args: right * math.nan)
    with pytest.raises(NumericalError, match="sum to nan"):
        effective_resistances(grid(3, 3), solver=PROJECTION)


def test_one_weight_is_needed_for_each_edge():
    with pytest.raises(OptionError, match=r"shape \(3,\); expected \(4,\)"):
        effective_resistances(grid(2, 2), weight=np.ones(3))
