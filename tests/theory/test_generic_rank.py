"""Ranks for almost all weights: residues, classes of vertices, proven intervals, forecasts."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from theory_cases import Case, cases
from theory_oracles import exact_rank, product_network

from wis.errors import OptionError
from wis.theory import generic_rank, network_values, residues
from wis.theory.bounds import SeparationBounds
from wis.theory.figure5_2 import figure5_2_problems, partitions, two_cliques
from wis.theory.forecasts import Forecast
from wis.theory.generic_rank import (
    GenericRank,
    RankProblem,
    random_weights,
)
from wis.theory.network_values import Plan
from wis.theory.rank_bounds import RankBound
from wis.theory.residues import PRIME, matmul, num_products, power, rank_modulo
from wis.theory.typed_graph import TypedGraph

SIDE = 40


def rank_of(graph, *sizes, **options) -> GenericRank:
    return RankProblem(SeparationBounds(graph, *sizes, **options)).rank()


def matrix_of(case: Case, side: int, seed: int = 0) -> np.ndarray:
    """Random outputs, computed point by point by the oracle's network."""
    draw = np.random.default_rng(seed)
    weights, output = random_weights(case.bounds(), draw)
    rows, columns = draw.integers(PRIME, size=(2, side, case.graph.num_nodes, case.in_dim))
    inside = np.isin(np.arange(case.graph.num_nodes), case.subset)
    plan = Plan.of(case.graph, case.depth, case.target)
    return plan.values(weights, output, rows, columns, inside)


@settings(max_examples=40)
@given(case=cases(), seed=st.integers(0, 99))
def test_values_modulo_the_prime_are_those_of_the_integers(case: Case, seed):
    draw = np.random.default_rng(seed)
    weights, output = random_weights(case.bounds(), draw)
    n = case.graph.num_nodes
    rows, columns = draw.integers(PRIME, size=(2, 2, n, case.in_dim))
    inside = np.isin(np.arange(n), case.subset)
    plan = Plan.of(case.graph, case.depth, case.target)
    found = plan.values(weights, output, rows, columns, inside)
    exact = [weight.astype(object) for weight in weights], output.astype(object)
    for row, column in np.ndindex(2, 2):
        x = np.where(inside[:, None], rows[row], columns[column]).astype(object)
        value = product_network(n, case.arcs, *exact, x, case.target)
        assert found[row, column] == value % PRIME


def test_twins_share_a_class_and_far_vertices_are_left_out():
    cliques = TypedGraph.from_any(two_cliques(5))
    # inner vertices of either clique, and the ends of the bridge
    assert [len(layer) for layer in Plan.of(cliques, 3, None).layers] == [4, 4, 4]
    assert [len(layer) for layer in Plan.of(cliques, 2, 0).layers] == [2, 1]


@given(
    k=st.integers(0, 70), rows=st.integers(0, 3), columns=st.integers(1, 3), top=st.booleans(),
    seed=st.integers(0, 9),
)  # fmt: skip
def test_products_of_matrices_are_exact_for_the_largest_residues(k, rows, columns, top, seed):
    draw = np.random.default_rng(seed)
    low = PRIME - 1 if top else 0
    one = draw.integers(low, PRIME, size=(2, rows, k))
    other = draw.integers(low, PRIME, size=(k, columns))
    expected = one.astype(object) @ other.astype(object) % PRIME if k else 0
    assert np.array_equal(matmul(one, other), np.broadcast_to(expected, (2, rows, columns)))


@given(base=st.integers(0, PRIME - 1), exponent=st.integers(1, 10**6))
def test_powers_are_those_of_python_at_the_stated_number_of_products(base, exponent):
    counted = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(residues, "product", lambda a, b: counted.append(1) or a * b % PRIME)
        assert power(np.array([base]), exponent).item() == pow(base, exponent, PRIME)
    assert len(counted) == num_products(exponent)


@given(rows=st.lists(st.lists(st.integers(-3, 3), min_size=4, max_size=4), min_size=1, max_size=6))
def test_rank_modulo_the_prime_is_the_rank_of_small_integers(rows):
    assert rank_modulo(np.array(rows) % PRIME) == exact_rank(rows)


@settings(max_examples=20)
@given(
    shape=st.tuples(st.integers(1, 110), st.integers(1, 110)), rank=st.integers(0, 110),
    seed=st.integers(0, 9),
)  # fmt: skip
def test_rank_of_blocks_with_dependent_columns_is_that_of_the_factors(shape, rank, seed):
    rank = min(rank, *shape)
    draw = np.random.default_rng(seed)
    left = draw.integers(PRIME, size=(shape[0], rank))
    right = draw.integers(PRIME, size=(rank, shape[1]))
    matrix = matmul(left, right)
    matrix[:, draw.random(shape[1]) < 0.2] = 0
    assert rank_modulo(matrix) == min(rank, int((matrix != 0).any(axis=0).sum()))


@settings(max_examples=150)
@given(case=cases())
def test_the_interval_of_the_graph_holds_the_rank_of_a_matrix(case: Case):
    asked = case.problem()
    rank = rank_modulo(matrix_of(case, SIDE))
    assert rank <= asked.upper.count
    if rank < SIDE:
        assert asked.lower.count <= rank
    multiset = asked.bounds.lower.multiset_log
    assert multiset <= asked.lower.log + 1e-9
    assert asked.upper.log <= asked.bounds.merged_cut.log_weight + 1e-9
    for bound in (asked.lower, asked.upper):
        assert math.isclose(math.log(bound.count), bound.log, abs_tol=1e-9)


@given(case=cases(max_num_nodes=4), seed=st.integers(0, 9))
def test_generic_rank_depends_on_no_seed_and_is_the_rank_of_a_matrix(case: Case, seed):
    first, again = (case.problem(seed=s, max_side=SIDE).rank() for s in (seed, seed + 1))
    assert first == again
    matrix = rank_modulo(matrix_of(case, SIDE))
    assert min(first.rank, SIDE) == matrix
    small = case.problem(max_side=5).rank()
    assert min(5, first.rank) <= small.rank <= first.rank
    assert small.upper == first.upper
    if small.state != "interval":
        assert small.rank == first.rank


def test_symmetric_partitions_of_a_symmetric_graph_have_the_same_rank():
    ring = TypedGraph.from_any(torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]]))
    ranks = {rank_of(ring, subset, 2, 2).rank for subset in ([0, 1], [1, 2], [2, 3], [0, 3])}
    assert len(ranks) == 1


def test_error_bound_is_that_of_a_determinant_one_row_larger_than_the_rank():
    found = figure5_2_problems(3, 2, 2)[1][1].rank()
    # of (D.6): 68 walks of length 2, so features and W^(1); 20 of length 1, so W^(2); and W^(o)
    assert (found.rank, found.state) == (121, "almost surely")
    assert found.error_bound == 122 * (2 * 68 + 20 + 1) / PRIME
    edge = TypedGraph.from_any(torch.tensor([[0], [1]]))
    proven = rank_of(edge, [0], 1, 2)
    assert (proven.rank, proven.error_bound, proven.side) == (2, 0, 0)


@pytest.mark.parametrize(("n", "depth", "width"), [(3, 2, 2), (4, 3, 5), (6, 2, 16)])
def test_complete_graphs_attain_the_multiset_coefficient_of_the_proof(n, depth, width):
    graph = TypedGraph.from_any(torch.combinations(torch.arange(n)).T)
    found = rank_of(graph, [0], depth, width)
    # the output is a polynomial of degree n^L in the product of the features
    assert found.rank == math.comb(n**depth + width - 1, width - 1)
    assert found.is_proven


def test_figure_5_2_at_the_size_of_table_5_1_takes_no_matrix():
    graph_1, graph_2, vertex_1, vertex_2 = (each for _, each in figure5_2_problems(16, 3, 16))
    assert not any(each.sides for each in (graph_1, graph_2, vertex_1, vertex_2))
    # walks of length 2 to vertex 0: 16 from the near end of the bridge, 1 from the far end
    assert vertex_1.rank().rank == math.comb(16 + 15, 15) * 16
    # 256 from the first clique, all of which cross, and 1 from the far end of the bridge
    assert vertex_2.rank().rank == math.comb(256 + 15, 15) * 16
    assert vertex_1.rank().is_proven
    assert vertex_2.rank().is_proven
    low, high = graph_1.rank(), graph_2.rank()
    assert low.state == high.state == "interval"
    assert low.upper.log < high.log_rank  # the intervals do not meet: I2 has the higher rank
    assert high.upper.log < 0.02 * graph_2.bounds.merged_cut.log_weight


def test_small_forms_of_figure_5_2_have_the_ranks_of_full_elimination():
    for clique, depth, width, expected in (
        (2, 3, 2, [126, 236, 6, 10]),
        (4, 2, 2, [72, 324, 2, 5]),
        (2, 2, 3, [210, 441, 3, 6]),
    ):
        problems = figure5_2_problems(clique, depth, width)
        for (_, each), rank in zip(problems, expected, strict=True):
            own = each.bounds
            case = Case(own.graph, own.subset, own.target, depth, width, width)
            assert rank_modulo(matrix_of(case, rank + 20)) == rank
            assert each.rank().rank == rank


def test_numbers_without_end_stay_bounds():
    graph = TypedGraph.from_any(two_cliques(3))
    deep = RankProblem(SeparationBounds(graph, partitions(3)["I2"], 500, 40))
    assert deep.upper.count is None or deep.upper.log < 20_000
    found = deep.rank()
    assert found.state == "interval"
    assert 0 < found.log_rank <= found.upper.log


def count_operations(monkeypatch) -> list[int]:
    """The operations that the modules perform from now on."""
    done = [0, 0, 0]
    product, multiply = residues.product, residues.matmul

    def counted_product(one, other):
        result = product(one, other)
        done[0] += result.size
        return result

    def counted_matmul(one, other):
        result = multiply(one, other)
        done[1] += result.size * other.shape[0]
        done[2] += result.size
        return result

    for module in (residues, network_values):
        monkeypatch.setattr(module, "product", counted_product)
        monkeypatch.setattr(module, "matmul", counted_matmul)
    return done


@pytest.mark.parametrize("clique", [2, 3])
@pytest.mark.parametrize("max_side", [20, 50, 130])
def test_forecasts_count_the_operations(clique, max_side, monkeypatch):
    for _, each in figure5_2_problems(clique, 3, 2, max_side=max_side):
        expected = each.forecast().operations
        with monkeypatch.context() as patch:
            done = count_operations(patch)
            found = each.rank()
        if found.rank >= max_side or found.rank == found.side:  # every matrix had full rank
            assert tuple(done) == expected
        assert all(one <= other for one, other in zip(done, expected, strict=True))


def test_seconds_grow_with_the_operations_and_long_computations_are_refused():
    small, large = (
        figure5_2_problems(3, 3, 3, max_side=side)[1][1].forecast() for side in (800, 1 << 18)
    )
    assert 0 < small.seconds < large.seconds
    assert small.bytes < large.bytes
    small.check()
    with pytest.raises(OptionError, match=r"would take at most about \d+ hours .* --force-size"):
        large.check()
    assert str(Forecast((), 1 << 20, 90.0)) == "at most about 90 seconds and 1.0 MiB of memory"


def test_progress_counts_rows_of_the_matrices():
    asked = figure5_2_problems(3, 2, 2)[1][1]
    seen = []
    asked.rank(seen.append)
    assert seen == sorted(seen)
    assert 0 < max(seen) < sum(asked.sides)


def test_sizes_beyond_memory_are_one_clear_line():
    wide = figure5_2_problems(2, 2, 10**5, in_dim=2)[1][1]
    assert wide.sides
    with pytest.raises(OptionError, match="more than 134217728; take a smaller width"):
        wide.rank()
    with pytest.raises(OptionError, match="has no vertices"):
        rank_of(TypedGraph.from_any(torch.empty(2, 0).long()), [], 1, 1)
    assert generic_rank.elimination_cost(1).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("rank", "most", "text"),
    [
        (1767, 652_608, "The upper end is out of reach"),
        (1767, None, "The upper end is out of reach"),
        (1767, 4 * 1767, "raise --max-side"),
        (2, 11, "raise --max-side"),
        (9000, 9001, "than fit into memory"),
    ],
)
def test_a_larger_matrix_is_advised_only_within_reach(rank, most, text):
    bounds = RankBound(1.0, rank, "graph"), RankBound(30_000.0, most, "graph")
    assert text in GenericRank(rank, *bounds, 0, 0.0).missing
