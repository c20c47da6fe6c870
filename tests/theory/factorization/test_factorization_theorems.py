"""The theorems' statements: along runs, on small problems, and as algebra."""

from __future__ import annotations

import itertools
import math

import factorization_oracles as oracles
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wis.errors import OptionError
from wis.theory.factorization import (
    Completion,
    FixedRate,
    HierarchicalFactorization,
    MatrixFactorization,
    Stop,
    TensorFactorization,
    end_tensor,
    perfect_tree,
    shallow_tree,
    train,
)
from wis.theory.factorization.dynamics import (
    component_speeds,
    gradients_of,
    stepped,
)
from wis.theory.factorization.experiments.component_dynamics import conservation
from wis.theory.factorization.initialization import (
    balanced_components,
    balanced_matrices,
    gaussian_weights,
)
from wis.theory.factorization.measures import hierarchical_rank, schatten_norm
from wis.theory.factorization.rank_one import rank_one_distances, small_problem
from wis.theory.factorization.tasks import norm_divergence_problem
from wis.theory.factorization.theorems import (
    incomparable_problem,
    prune,
    theorem_1_margins,
    theorem_2_margins,
)

TENSOR = TensorFactorization((3, 2, 3), 4)
TREE = HierarchicalFactorization((2, 3, 2, 2), perfect_tree(4), 3)


def task_for(model, seed=0):
    generator = torch.Generator().manual_seed(seed)
    observed = torch.rand(1, *model.shape, generator=generator) < 0.6
    observed.view(-1)[0] = True
    return Completion(observed, torch.randn(1, *model.shape, generator=generator).double())


@pytest.mark.parametrize("depth", [2, 3])
def test_theorem_1_holds_at_every_recorded_step_of_a_balanced_run(depth):
    model = MatrixFactorization.unconstrained(2, 2, depth)
    start = balanced_matrices(model, [0.1], [0], determinant_sign=1)
    run = train(
        model,
        norm_divergence_problem(),
        start,
        rate=FixedRate((2e-2,)),
        stop=Stop(3e-3, 20000),
        measure=lambda weights, end: {"end": end},
        per_decade=30,
    )
    curve = run.trajectory.of(0)
    ends, losses = torch.from_numpy(curve["end"]), torch.from_numpy(curve["loss"])
    assert losses[-1] < losses[0] / 100
    for p in (0.5, 1, 2, math.inf):
        for name, margin in theorem_1_margins(ends, losses, p).items():
            assert float(margin.min()) > -1e-9, (name, p)


@pytest.mark.parametrize("p", [0.5, 1, 2, math.inf])
def test_the_bounds_of_theorem_1_exclude_the_solution_of_least_norm(p):
    least = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]], dtype=torch.float64)
    margins = theorem_1_margins(least, torch.tensor([1e-12], dtype=torch.float64), p)
    assert [float(margin) < 0 for margin in margins.values()] == [True, True, True]


@pytest.mark.parametrize("unobserved", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_theorem_2_holds_for_perturbed_and_repositioned_observations(unobserved):
    adjacent, opposite = (1.5, -0.7), 0.05
    problem = norm_divergence_problem(unobserved=unobserved, adjacent=adjacent, opposite=opposite)
    same = 1 if unobserved[0] == unobserved[1] else -1
    sign = same * int(math.copysign(1, adjacent[0] * adjacent[1]))
    model = MatrixFactorization.unconstrained(2, 2, 2)
    run = train(
        model,
        problem,
        balanced_matrices(model, [1e-2], [1], determinant_sign=sign),
        rate=FixedRate((2e-2,)),
        stop=Stop(1e-4, 20000),
        measure=lambda weights, end: {"end": end},
        per_decade=30,
    )
    curve = run.trajectory.of(0)
    ends, losses = torch.from_numpy(curve["end"]), torch.from_numpy(curve["loss"])
    margins = theorem_2_margins(ends, losses, adjacent=adjacent, opposite=opposite)
    assert bool(run.converged[0])
    bound = schatten_norm(ends[-1], 1) - margins["norm"][-1]
    assert float(bound) > 2  # by which time the bound says something
    for name, margin in margins.items():
        assert float(margin.min()) > -1e-9, name


def test_the_divergence_problem_of_appendix_a_1_observes_all_but_one_entry():
    problem = norm_divergence_problem(3, 4)
    assert problem.values[0].tolist() == [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0]]
    assert torch.nonzero(~problem.observed[0]).tolist() == [[0, 0]]
    with pytest.raises(OptionError, match="2-by-2"):
        norm_divergence_problem(3, 3, unobserved=(1, 1))


def test_components_move_at_the_speed_of_theorem_3_and_corollary_2():
    task = task_for(TENSOR)
    speeds = component_speeds(TENSOR, task, gaussian_weights(TENSOR, [0.7], [1]), step=1e-6)
    torch.testing.assert_close(speeds.measured, speeds.formula, rtol=1e-4, atol=1e-6)
    assert (abs(speeds.measured - speeds.formula) <= 2 * speeds.discretization + 1e-8).all()
    epsilon = TENSOR.unbalancedness(gaussian_weights(TENSOR, [0.7], [1]))
    lower, upper = oracles.speed_bounds(speeds, 3, epsilon)
    assert ((lower <= speeds.formula) & (speeds.formula <= upper)).all()
    assert (upper - lower).amin() > 0
    balanced = component_speeds(TENSOR, task, balanced_components(TENSOR, [0.8], [1]), step=1e-6)
    torch.testing.assert_close(balanced.formula, balanced.balanced)


@given(seed=st.integers(0, 200))
@settings(max_examples=4, deadline=None)
def test_the_bounds_of_theorem_3_hold_from_the_least_unbalancedness_on_and_not_below(seed):
    task, weights = task_for(TENSOR), gaussian_weights(TENSOR, [0.7], [seed])
    speeds = component_speeds(TENSOR, task, weights, step=1e-6)
    least = speeds.least_unbalancedness
    assert (least <= TENSOR.unbalancedness(weights)).all()
    for factor, expected in ((1.001, True), (0.999, False)):
        lower, upper = oracles.speed_bounds(speeds, 3, factor * least)
        holds = (lower <= speeds.formula) & (speeds.formula <= upper)
        assert (holds == expected).all()


def test_bounds_along_a_run_are_those_for_the_unbalancedness_of_its_start():
    curve = dict.fromkeys(("conserved_change", "speed_error", "speed_discretization"), np.ones(2))
    curve["unbalancedness"] = np.array([0.2, 0.5])
    for least, holds in ((0.2, True), (0.3, False)):
        curve["least_unbalancedness"] = np.array([0.1, least])
        assert conservation(curve, "within")["within"] is holds


def test_the_measured_speed_errs_in_proportion_to_the_step():
    task, start = task_for(TENSOR), gaussian_weights(TENSOR, [0.9], [2])
    errors = [
        float((s.measured - s.formula).abs().max())
        for s in (component_speeds(TENSOR, task, start, step=step) for step in (1e-3, 5e-4))
    ]
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize("node", [(0, 1), (2, 3), (0, 1, 2, 3)])
def test_local_components_move_at_the_speed_of_theorems_5_and_9(node):
    task, weights = task_for(TREE), gaussian_weights(TREE, [0.8], [3])
    speeds = component_speeds(TREE, task, weights, node, step=1e-6)
    torch.testing.assert_close(speeds.measured, speeds.formula, rtol=1e-4, atol=1e-6)
    assert (speeds.least_unbalancedness <= TREE.unbalancedness(weights)).all()
    # the projection onto the direction C of Theorem 5, written out
    gradient = task.loss_and_gradient(end_tensor(TREE, weights))[1][0]
    by_node = TREE.by_node([weight[0] for weight in weights])
    squares = TREE.squared_norms(weights, node)[:, 0]
    norms = TREE.component_norms(weights, node)[0]
    total = torch.zeros(TREE.shape, dtype=torch.float64)
    for r in range(TREE.width(node)):
        part = oracles.hierarchical_end(TREE.tree, by_node, only=(node, r))
        total += part
        projection = -(gradient * part).sum() / norms[r]
        others = sum(math.prod(squares[[m for m in range(3) if m != n], r]) for n in range(3))
        assert float(speeds.formula[0, r]) == pytest.approx(float(projection * others))
    # footnote 6: the components at a node add up to the end tensor
    torch.testing.assert_close(total, end_tensor(TREE, weights)[0])


def test_singular_values_move_at_the_speed_of_equation_3_1():
    model = MatrixFactorization.unconstrained(3, 4, 3)
    start = balanced_matrices(model, [1.0], [0])
    task, end = task_for(model), end_tensor(model, start)
    left, values, right = torch.linalg.svd(end, full_matrices=False)
    gradient = task.loss_and_gradient(end)[1]
    pull = -torch.einsum("bir,bij,brj->br", left, gradient, right)
    moved = end_tensor(model, stepped(start, gradients_of(model, task, start), 1e-6))
    measured = (torch.linalg.svdvals(moved) - values) / 1e-6
    predicted = values.pow(2 - 2 / model.depth) * model.depth * pull
    torch.testing.assert_close(measured, predicted, rtol=1e-3, atol=1e-5)


def test_theorem_4_smaller_starts_stay_closer_to_a_rank_one_trajectory():
    model, task, start, leading = small_problem()
    results = rank_one_distances(
        model, task, start, leading=leading, radius=0.3, duration=30.0,
        scales=[0.4, 0.1, 0.025], step=0.2,
    )  # fmt: skip
    distances = [result["largest"] for result in results]
    assert distances[0] > 2 * distances[1] > 4 * distances[2]
    assert distances[2] < 0.01
    times = [result["reached_at"] for result in results]
    assert times == sorted(times)


def test_theorem_4_refuses_what_its_assumptions_exclude():
    model, task, start, leading = small_problem()
    options = {"radius": 0.3, "duration": 1.0, "scales": [0.1]}
    with pytest.raises(OptionError, match="Assumption 3"):
        rank_one_distances(model, task, start, leading=1, **options)
    uneven = [start[0] * 2, *start[1:]]
    with pytest.raises(OptionError, match="Assumption 2"):
        rank_one_distances(model, task, uneven, leading=leading, **options)
    with pytest.raises(OptionError, match="not inside the reference sphere"):
        rank_one_distances(model, task, start, leading=leading, **{**options, "scales": [2.0]})
    square = Completion(task.observed, task.values)
    with pytest.raises(OptionError, match="Assumption 1"):
        rank_one_distances(model, square, start, leading=leading, **options)


@given(seed=st.integers(0, 200))
@settings(max_examples=20, deadline=None)
def test_lemma_2_local_components_bound_the_hierarchical_rank(seed):
    widths = torch.randint(1, 4, (3,), generator=torch.Generator().manual_seed(seed)).tolist()
    tree = perfect_tree(4)
    model = HierarchicalFactorization(
        (3, 3, 3, 3), tree, dict(zip(tree.interior, widths, strict=True))
    )
    end = end_tensor(model, gaussian_weights(model, [1.0], [seed]))[0]
    for node, rank in hierarchical_rank(end, tree).items():
        assert rank <= model.width(tree.parent(node))


@given(seed=st.integers(0, 200), kept=st.tuples(*[st.integers(1, 3)] * 3))
@settings(max_examples=20, deadline=None)
def test_proposition_5_small_local_components_mean_low_hierarchical_rank_nearby(seed, kept):
    weights = gaussian_weights(TREE, [0.8], [seed])
    pruned = prune(TREE, weights, dict(zip(TREE.tree.interior, kept, strict=True)))
    assert pruned.distance <= pruned.bound * (1 + 1e-9) + 1e-12
    assert all(rank <= pruned.allowed[node] for node, rank in pruned.ranks.items())
    if kept == (3, 3, 3):
        assert pruned.distance == pruned.bound == 0


@pytest.mark.parametrize("tree", [shallow_tree(3), shallow_tree(4), perfect_tree(4)], ids=str)
def test_proposition_6_the_two_solutions_have_incomparable_minimal_ranks(tree):
    task, first, second = incomparable_problem((2,) * tree.order)
    for solution in (first, second):
        assert float(task.loss_and_gradient(solution[None])[0]) == 0
    one, two = hierarchical_rank(first, tree), hierarchical_rank(second, tree)
    assert any(one[node] < two[node] for node in one)
    assert any(one[node] > two[node] for node in one)


def test_proposition_6_no_solution_of_order_3_has_a_rank_below_either():
    # A solution with smaller rank would have mode ranks (2, 1, 2) or (1, 2, 2) lowered somewhere;
    # the last mode's rank is 2 for every solution, and with the other two at 1 it would be 1.
    task, first, second = incomparable_problem((2, 2, 2))
    tree = shallow_tree(3)
    assert tuple(hierarchical_rank(first, tree).values()) in {(2, 1, 2), (2, 2, 1)}
    generator = torch.Generator().manual_seed(0)
    free = torch.nonzero(~task.observed[0])
    for _ in range(300):
        solution = first.clone()
        solution[tuple(free.T)] = torch.randint(-2, 3, (len(free),), generator=generator).double()
        ranks = hierarchical_rank(solution, tree)
        assert ranks[(2,)] == 2
        assert max(ranks[(0,)], ranks[(1,)]) == 2
    assert set(itertools.chain(hierarchical_rank(second, tree).values())) == {1, 2}
