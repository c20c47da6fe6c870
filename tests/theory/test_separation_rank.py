"""Measured separation ranks: functions by hand, grids, product networks, ReLU, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from theory_cases import Case, cases
from theory_oracles import exact_rank, product_network

from wis.errors import NumericalError, OptionError
from wis.models import build_model
from wis.theory.bounds import SeparationBounds
from wis.theory.generic_rank import RankProblem
from wis.theory.product_gnn import ProductGNN
from wis.theory.separation_rank import (
    matricize,
    numerical_rank,
    of_network,
    of_product_gnn,
    random_templates,
    separation_rank,
)
from wis.theory.typed_graph import TypedGraph
from wis.theory.witness import compositions, witness_templates, witness_weights

EDGE = TypedGraph.from_any(torch.tensor([[0], [1]]))
PATH = TypedGraph.from_any(torch.tensor([[0, 1], [1, 2]]))


def random_sum_of_products(num_terms, num_variables, dim, seed):
    """A sum of products of quadratic forms, one of each variable: rank num_terms, almost surely."""
    draw = torch.Generator().manual_seed(seed)
    shape = num_terms, num_variables, dim, dim
    maps = torch.randn(shape, generator=draw, dtype=torch.float64)

    def function(x):  # [batch, N, dim]
        factors = torch.einsum("bnd,rnde,bne->brn", x, maps, x)
        return factors.prod(dim=2).sum(dim=1)

    return function


def grid_tensor(function, templates, num_variables):
    """Values of a function where every variable is one of the templates (Appendix D.7.3)."""
    shape = (len(templates),) * num_variables
    points = torch.stack([templates[list(index)] for index in np.ndindex(*shape)])
    with torch.no_grad():
        return function(points).reshape(shape)


@given(
    num_terms=st.integers(0, 5),
    subset=st.sets(st.integers(0, 3), min_size=1, max_size=3),
    seed=st.integers(0, 99),
)
def test_sum_of_r_random_products_has_rank_r(num_terms, subset, seed):
    function = random_sum_of_products(num_terms, 4, 3, seed)
    # quadratic forms in three dimensions form a space of dimension 6, so that 5 can be independent
    found = separation_rank(function, subset, random_templates(7, 3, seed=seed), 4, rtol=1e-9)
    assert found.rank == num_terms
    assert not found.is_saturated or found.num_rows == num_terms


def test_separable_function_has_rank_one_and_zero_has_rank_zero():
    templates = random_templates(5, 2, kind="normal")
    separable = separation_rank(
        lambda x: x[:, 0].sum(1).sin() * x[:, 1, 0].exp(), [0], templates, 2
    )
    zero = separation_rank(lambda x: 0 * x[:, 0, 0], [0], templates, 2)
    constant = separation_rank(lambda x: 0 * x[:, 0, 0] + 3, [1], templates, 2)
    assert (separable.rank, zero.rank, constant.rank) == (1, 0, 1)


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_inner_product_of_the_halves_has_the_rank_of_their_dimension(dim):
    templates = random_templates(6, dim, kind="normal")

    def inner(x):  # <(x0, x1), (x2, x3)>
        return (x[:, 0] * x[:, 2]).sum(1) + (x[:, 1] * x[:, 3]).sum(1)

    assert separation_rank(inner, [0, 1], templates, 4).rank == 2 * dim
    assert separation_rank(inner, [0, 2], templates, 4).rank == 2
    assert separation_rank(inner, [], templates, 4).rank == 1
    assert separation_rank(inner, [0, 1, 2, 3], templates, 4).rank == 1


def test_rank_is_capped_by_the_templates_and_says_so():
    found = separation_rank(
        lambda x: (x[:, 0] * x[:, 1]).sum(1).exp(), [0], random_templates(4, 2), 2
    )
    assert (found.rank, found.num_rows, found.is_saturated) == (4, 4, True)
    assert found.is_full_grid


@settings(max_examples=30)
@given(subset=st.sets(st.integers(0, 2)), number=st.integers(1, 3), batch_size=st.integers(1, 40))
def test_matrix_of_a_full_grid_is_the_matricized_grid_tensor(subset, number, batch_size):
    function = random_sum_of_products(2, 3, 2, 0)
    templates = random_templates(number, 2)
    matrix = matricize(grid_tensor(function, templates, 3), subset)
    found = separation_rank(function, subset, templates, 3, batch_size=batch_size, rtol=1e-9)
    rank, spectrum, _ = numerical_rank(matrix, 1e-9)
    assert found.rank == rank
    torch.testing.assert_close(found.spectrum, spectrum)


def test_matricization_is_that_of_appendix_d_3_1():
    tensor = torch.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    matrix = matricize(tensor, [3, 1])
    assert matrix.shape == (15, 8)
    for a, b, c, d in np.ndindex(2, 3, 4, 5):  # rows by (b, d), columns by (a, c), last one fastest
        assert matrix[b * 5 + d, a * 4 + c] == tensor[a, b, c, d]
    assert matricize(tensor, []).shape == (1, 120)
    assert matricize(tensor, range(4)).shape == (120, 1)


def test_scaling_of_rows_and_columns_changes_no_rank():
    draw = torch.Generator().manual_seed(0)
    left, right = (torch.randn(s, generator=draw, dtype=torch.float64) for s in ((9, 3), (3, 8)))
    rows = torch.logspace(-200, 90, 9, dtype=torch.float64)[:, None]
    columns = torch.logspace(-90, 200, 8, dtype=torch.float64)
    assert numerical_rank(rows * (left @ right) * columns)[0] == 3


@settings(max_examples=40)
@given(
    case=cases(max_num_nodes=3, max_num_arcs=3, max_depth=2, max_width=2), seed=st.integers(0, 9)
)
def test_rich_full_grid_gives_the_exact_rank_of_a_product_network(case: Case, seed):
    n = case.graph.num_nodes
    degree = max(case.graph.walks_to(case.depth, case.target))  # in the features of one vertex
    number = math.comb(case.in_dim + degree - 1, degree)
    if number**n > 3000:
        return
    gnn = ProductGNN(
        case.in_dim,
        case.width,
        case.depth,
        num_types=case.graph.num_types,
        task="graph" if case.target is None else "vertex",
        seed=seed,
    )
    exact = case.problem(max_side=64).rank()
    function = of_product_gnn(gnn, case.graph, target=case.target)
    templates = random_templates(number, case.in_dim, seed=seed)
    found = separation_rank(function, case.subset, templates, n, max_side=10**4)
    assert found.is_full_grid
    assert found.rank <= exact.rank  # rounding hides singular values, it adds none of this size
    matrix = integer_grid(case, number, seed)
    if matrix is not None:
        assert exact_rank(matrix) == exact.rank


def integer_grid(case, number, seed):
    """The matricized grid tensor for small random integers as weights and templates, exactly."""
    n = case.graph.num_nodes
    rows, columns = number ** len(case.subset), number ** (n - len(case.subset))
    if rows * columns > 200:
        return None
    draw = np.random.default_rng(seed)

    def integers(*shape):
        return np.array(draw.integers(-99, 100, size=shape), dtype=object)

    sizes = [case.in_dim] + [case.width] * (case.depth - 1)
    weights = [integers(case.graph.num_types, case.width, size) for size in sizes]
    output, templates = integers(case.width), integers(number, case.in_dim)
    tensor = np.empty((number,) * n, dtype=object)
    for index in np.ndindex(*tensor.shape):
        x = templates[list(index)]
        tensor[index] = product_network(n, case.arcs, weights, output, x, case.target)
    rest = [v for v in range(n) if v not in case.subset]
    return tensor.transpose(*case.subset, *rest).reshape(rows, columns)


def test_functions_are_never_asked_about_no_points():
    sizes = []

    def function(x):
        sizes.append(len(x))
        return x.amax(dim=(1, 2))

    separation_rank(function, [], random_templates(5, 2), 3, batch_size=7)
    assert sum(sizes) == 125
    assert min(sizes) > 0


def test_templates_and_weights_of_the_proof_reach_the_multiset_coefficient_on_a_grid():
    # one edge, depth 2: C = {0, 1}, 4 walks of length 1, D = 2: the rank is C(5, 4) = 5
    gnn = ProductGNN(3, 2, 2)
    weights, output = witness_weights(2, 2, 3)
    with torch.no_grad():
        for parameter, weight in zip(gnn.weights, weights, strict=True):
            parameter.copy_(torch.from_numpy(weight))
        gnn.output.copy_(torch.from_numpy(output))
    found = torch.from_numpy(witness_templates(2, 4, gamma=2))
    assert found.shape == (math.comb(5, 4), 2)
    templates = torch.ones(len(found) + 1, 3, dtype=torch.float64)  # the last is the all-ones one
    templates[:-1] = torch.nn.functional.pad(found, (0, 1))
    function = of_product_gnn(gnn, EDGE)
    # the all-ones vector belongs to vertices outside I' and J', of which an edge has none
    assert separation_rank(function, [0], templates[:-1], 2).rank == 5
    assert separation_rank(function, [0], templates, 2).rank == 5
    assert list(compositions(2, 2)) == [(0, 2), (1, 1), (2, 0)]


def test_a_grid_of_a_million_points_is_practical():
    gnn = ProductGNN(2, 2, 2, seed=3)
    function = of_product_gnn(gnn, PATH)
    found = separation_rank(function, [0], random_templates(100, 2), 3, max_side=10**4)
    assert found.is_full_grid
    assert (found.num_rows, found.num_columns) == (100, 10**4)
    exact = RankProblem(SeparationBounds(PATH, [0], 2, 2)).rank()
    assert 1 < found.rank <= exact.rank


@pytest.mark.parametrize("name", ["gcn", "gin"])
@pytest.mark.parametrize("target", [None, 1])
def test_networks_with_relu_are_measured_as_they_are(name, target):
    task = "graph" if target is None else "vertex"
    network = build_model(name, 2, 3, depth=2, width=8, task=task, seed=1, dtype=torch.float64)
    function = of_network(network, PATH, target=target)
    templates = random_templates(6, 2, kind="normal")
    x = templates[torch.tensor([[0, 1, 2], [5, 3, 3]])]
    network.eval()
    arcs = PATH.edge_index
    with torch.no_grad():
        alone = torch.stack([network(point, arcs)[target or 0, 0] for point in x])
        torch.testing.assert_close(function(x), alone)
    found = separation_rank(function, [0], templates, 3)
    assert 1 < found.rank <= 6
    # vertices 0 and 2 are two steps apart: a network of depth 1 for vertex 0 never sees 2
    shallow = build_model(name, 2, 1, depth=1, width=8, task="vertex", seed=1, dtype=torch.float64)
    far = separation_rank(of_network(shallow, PATH, target=0), [2], templates, 3)
    assert far.rank == 1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda f: separation_rank(f, [3], random_templates(2, 1), 3),
            OptionError,
            "subset holds 3, which is not a vertex id",
        ),
        (
            lambda f: separation_rank(f, [0], torch.ones(3), 3),
            OptionError,
            r"templates have shape \[3\]; expected \[M, D\]",
        ),
        (
            lambda f: separation_rank(f, [0], random_templates(2, 1), 3, rtol=1),
            OptionError,
            "rtol is 1; expected a number from 0 to below 1",
        ),
        (
            lambda f: separation_rank(f, [0], random_templates(2, 1), 3, max_side=0),
            OptionError,
            "max_side is 0",
        ),
        (
            lambda f: separation_rank(lambda x: x, [0], random_templates(2, 1), 3),
            NumericalError,
            r"gave shape \[8, 3, 1\] for a batch of 8 points; expected one number",
        ),
        (
            lambda f: separation_rank(lambda x: f(x) / 0, [0], random_templates(2, 1), 3),
            NumericalError,
            "a value is not finite; scale the features",
        ),
        (lambda f: matricize(torch.ones(2, 2), [2]), OptionError, "subset holds 2"),
        (lambda f: random_templates(2, 1, kind="x"), OptionError, "kind is 'x'; expected"),
        (
            lambda f: of_product_gnn(ProductGNN(1, 1, 1), PATH, target=0),
            OptionError,
            "task='graph' and target is 0; expected",
        ),
        (
            lambda f: of_network(build_model("gcn", 1, 1), PATH),
            OptionError,
            "task='vertex' and target is None",
        ),
        (
            lambda f: SeparationBounds(TypedGraph.from_any(torch.empty(2, 0).long()), [], 1, 1),
            OptionError,
            "has no vertices",
        ),
        (
            lambda f: RankProblem(SeparationBounds(PATH, [0], 1, 10**6, in_dim=2)).rank(),
            OptionError,
            "take arrays of 1000000000000 numbers, more than 134217728; take a smaller width",
        ),
    ],
)
def test_impossible_arguments_are_one_clear_line(call, error, message):
    with pytest.raises(error, match=message):
        call(random_sum_of_products(1, 3, 1, 0))


def test_part_of_a_grid_is_drawn_without_repetition_and_by_the_seed():
    seen = []

    def function(x):
        seen.append(x)
        return random_sum_of_products(3, 6, 2, 1)(x)

    templates = random_templates(3, 2)
    found = separation_rank(function, [0, 1, 2], templates, 6, max_side=20, seed=4, rtol=1e-9)
    points = torch.cat(seen).reshape(400, -1)
    assert len(torch.unique(points, dim=0)) == 400
    assert (found.rank, found.num_rows, found.num_columns) == (3, 20, 20)
    assert not found.is_full_grid
    again = separation_rank(function, [0, 1, 2], templates, 6, max_side=20, seed=4, rtol=1e-9)
    assert torch.equal(found.spectrum, again.spectrum)
