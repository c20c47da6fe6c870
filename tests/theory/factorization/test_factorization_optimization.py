"""Initialization and gradient descent: the rules of the appendices, batches, checkpoints."""

from __future__ import annotations

import math

import pytest
import torch

import wis.theory.factorization.optimization as optimization
import wis.theory.factorization.resumable as resumable
from wis.errors import CheckpointError, DivergedError, OptionError
from wis.theory.factorization import (
    AdaptiveRate,
    Completion,
    FixedRate,
    HierarchicalFactorization,
    Loss,
    MatrixFactorization,
    Stop,
    TensorFactorization,
    end_tensor,
    perfect_tree,
    train,
)
from wis.theory.factorization.draws import low_rank_tensor
from wis.theory.factorization.initialization import (
    balanced_components,
    balanced_matrices,
    gaussian_weights,
    unbalanced_matrices,
)
from wis.theory.factorization.measures import unbalancedness_of_matrices
from wis.theory.factorization.optimization import is_recorded
from wis.theory.factorization.tasks import Sensing, norm_divergence_problem, random_entries

MATRIX = MatrixFactorization.unconstrained(2, 2, 3)


def small_tensor_problem():
    generator = torch.Generator().manual_seed(1)
    truth = low_rank_tensor((4, 4, 4), 1, 1.0, generator)[0]
    observed = random_entries((4, 4, 4), 40, generator)
    model = TensorFactorization((4, 4, 4), 6)
    return model, Completion(observed[None], truth[None])


@pytest.mark.parametrize("depth", [2, 3, 4])
@pytest.mark.parametrize("shape", [(2, 2), (3, 3), (2, 4), (4, 3)])
def test_balanced_starts_are_balanced_and_have_the_sign_that_was_asked_for(depth, shape):
    model = MatrixFactorization.unconstrained(*shape, depth)
    for sign in (1, -1):
        for draw in (balanced_matrices, unbalanced_matrices):
            weights = draw(model, [0.1] * 5, range(5), determinant_sign=sign)
            size, end = min(shape), end_tensor(model, weights)
            assert (torch.linalg.det(end[:, :size, :size]) * sign > 0).all()
            assert not end[:, size:].any()
            assert not end[:, :, size:].any()
        balanced = balanced_matrices(model, [0.1] * 5, range(5), determinant_sign=sign)
        assert float(unbalancedness_of_matrices(balanced).max()) < 1e-14


@pytest.mark.parametrize("draw", [balanced_matrices, unbalanced_matrices])
def test_the_entries_of_the_end_matrix_have_the_standard_deviation_alpha(draw):
    weights = draw(MATRIX, [0.01] * 600, range(600))
    deviation = float(end_tensor(MATRIX, weights).std())
    assert deviation == pytest.approx(0.01, rel=0.1)


def test_an_element_is_the_same_alone_and_in_a_batch():
    model, task = small_tensor_problem()
    options = {"rate": AdaptiveRate(), "stop": Stop(1e-5, 3000)}
    together = train(model, task, gaussian_weights(model, [0.1, 0.05], [3, 4]), **options)
    alone = train(model, task, gaussian_weights(model, [0.05], [4]), **options)
    assert int(together.steps[1]) == int(alone.steps[0])
    torch.testing.assert_close(together.end[1], alone.end[0], rtol=1e-9, atol=1e-12)


def test_steps_and_the_adaptive_rate_follow_the_appendix_literally():
    model, task = small_tensor_problem()
    start = gaussian_weights(model, [0.3], [0])
    run = train(model, task, start, rate=AdaptiveRate(), stop=Stop(0.0, 25))
    weights, gamma = [weight.clone() for weight in start], 0.0
    for t in range(1, 26):
        tracked = [weight.clone().requires_grad_() for weight in weights]
        task.loss_and_gradient(end_tensor(model, tracked))[0].sum().backward()
        gamma = 0.99 * gamma + 0.01 * sum(float(w.grad.square().sum()) for w in tracked)
        rate = 1e-2 / (math.sqrt(gamma / (1 - 0.99**t)) + 1e-6)
        weights = [w - rate * each.grad for w, each in zip(weights, tracked, strict=True)]
    for found, expected in zip(run.weights, weights, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
    assert int(run.steps[0]) == 25
    assert not run.converged[0]


def test_a_run_ends_when_the_loss_was_low_for_long_enough():
    model, task = small_tensor_problem()
    start = gaussian_weights(model, [0.1], [0])
    first = train(model, task, start, rate=AdaptiveRate(), stop=Stop(1e-4, 5000))
    patient = train(model, task, start, rate=AdaptiveRate(), stop=Stop(1e-4, 5000, patience=20))
    assert bool(first.converged[0])
    assert float(first.loss[0]) < 1e-4
    assert int(patient.steps[0]) >= int(first.steps[0]) + 19
    curve = first.trajectory.of(0)
    assert curve["step"][-1] == int(first.steps[0])
    assert (curve["loss"][:-1] >= 1e-4).all()


def test_rates_belong_to_their_elements_after_others_have_finished():
    start = unbalanced_matrices(MATRIX, [0.3, 0.3], [0, 0], determinant_sign=1)
    problem, stop = norm_divergence_problem(), Stop(1e-2, 20000)
    both = train(MATRIX, problem, start, rate=FixedRate((6e-2, 6e-3)), stop=stop)
    slow = train(MATRIX, problem, [w[1:] for w in start], rate=FixedRate((6e-3,)), stop=stop)
    assert int(both.steps[0]) < int(both.steps[1]) == int(slow.steps[0])
    torch.testing.assert_close(both.end[1], slow.end[0])


def test_unbalancedness_drifts_in_proportion_to_the_learning_rate():
    model, task = small_tensor_problem()
    tree = HierarchicalFactorization((3, 3, 3, 3), perfect_tree(4), 3)
    hierarchical_task = Completion(
        torch.ones(1, 3, 3, 3, 3, dtype=torch.bool), torch.ones(1, 3, 3, 3, 3).double()
    )
    cases = [
        (model, task, gaussian_weights(model, [0.5], [0]), model.unbalancedness),
        (tree, hierarchical_task, gaussian_weights(tree, [0.5], [0]), tree.unbalancedness),
        (
            MATRIX,
            norm_divergence_problem(),
            unbalanced_matrices(MATRIX, [0.5], [0]),
            unbalancedness_of_matrices,
        ),
    ]
    for factorization, problem, start, unbalancedness in cases:
        drifts = []
        for rate, steps in ((1e-2, 50), (5e-3, 100), (2.5e-3, 200)):
            run = train(
                factorization, problem, start, rate=FixedRate((rate,)), stop=Stop(0.0, steps)
            )
            drifts.append(float((unbalancedness(run.weights) - unbalancedness(start)).abs()))
        # Lemmas 1 and 3: conserved by the flow, so the drift over a given time is O(rate)
        assert drifts[0] < 0.05
        assert 1.6 < drifts[0] / drifts[1] < 2.5
        assert 1.6 < drifts[1] / drifts[2] < 2.5


def test_a_killed_run_goes_on_from_its_checkpoint_to_the_same_result(tmp_path, monkeypatch):
    model, task = small_tensor_problem()
    start = gaussian_weights(model, [0.1, 0.02], [0, 1])
    options = {
        "rate": AdaptiveRate(),
        "stop": Stop(0.0, 600),
        "measure": lambda weights, end: {"norms": model.component_norms(weights)},
    }
    whole = train(model, task, start, **options)

    def killed(step: int) -> None:
        if step >= 512:
            raise RuntimeError("killed")

    path = tmp_path / "run.ckpt"
    monkeypatch.setattr(resumable, "CHECKPOINT_EVERY_S", 0)
    with pytest.raises(RuntimeError, match="killed"):
        train(model, task, start, checkpoint=path, progress=killed, **options)
    monkeypatch.undo()
    assert path.exists()
    with pytest.raises(CheckpointError, match="another configuration"):
        train(model, task, [2 * weight for weight in start], checkpoint=path, **options)
    seen = []
    resumed = train(model, task, start, checkpoint=path, progress=seen.append, **options)
    assert seen == [] or min(seen) >= 512
    seen.clear()
    again = train(model, task, start, checkpoint=path, progress=seen.append, **options)
    assert seen == []  # the file holds the result
    assert torch.equal(again.end, whole.end)
    assert torch.equal(resumed.end, whole.end)
    assert resumed.trajectory.steps == whole.trajectory.steps
    assert (resumed.trajectory.of(1)["norms"] == whole.trajectory.of(1)["norms"]).all()


@pytest.mark.parametrize("rate", [AdaptiveRate(patience=5), FixedRate((0.1, 0.2, 0.3))])
def test_elements_in_small_chunks_end_as_in_one(monkeypatch, rate):
    model, task = small_tensor_problem()
    observed = torch.cat([task.observed, task.observed.flip(1), task.observed.flip(2)])
    tasks = Completion(observed, task.values.expand(3, -1, -1, -1))
    start = gaussian_weights(model, [0.1, 0.2, 0.3], [0, 1, 2])
    options = {"rate": rate, "stop": Stop(1e-2, 300)}
    whole = train(model, tasks, start, **options)
    monkeypatch.setattr(optimization, "CHUNK", 1)
    chunked = train(model, tasks, start, **options)
    assert torch.equal(chunked.end, whole.end)
    assert chunked.steps.tolist() == whole.steps.tolist()
    assert len(set(whole.steps.tolist())) > 1  # they left the batch one by one


def test_divergence_and_misfits_are_one_line():
    start = unbalanced_matrices(MATRIX, [1.0], [0])
    with pytest.raises(DivergedError, match="lower the learning rate"):
        train(MATRIX, norm_divergence_problem(), start, rate=FixedRate((9.0,)), stop=Stop(0, 999))
    with pytest.raises(OptionError, match="the task is of"):
        train(MATRIX, small_tensor_problem()[1], start, rate=FixedRate((1.0,)), stop=Stop(0, 1))
    with pytest.raises(OptionError, match="expected one batch dimension"):
        train(MATRIX, norm_divergence_problem(), start[:2], rate=FixedRate((1,)), stop=Stop(0, 1))
    with pytest.raises(OptionError, match="observe at least one"):
        Completion(torch.zeros(1, 2, 2, dtype=torch.bool), torch.zeros(1, 2, 2), Loss())


@pytest.mark.parametrize(("measurements", "values"), [(3, 2), (0, 0)])
def test_sensing_needs_one_value_for_each_measurement(measurements, values):
    with pytest.raises(OptionError, match="expected one value for each"):
        Sensing(torch.zeros(measurements, 2, 2), torch.zeros(values))


def test_records_are_thinned_logarithmically():
    kept = [step for step in range(10_001) if is_recorded(step, 20)]
    assert kept[:8] == list(range(8))
    assert 15 <= len([step for step in kept if 1_000 <= step < 10_000]) <= 25


def test_balanced_components_have_unbalancedness_zero():
    model, _ = small_tensor_problem()
    weights = balanced_components(model, [0.3, 0.1], [0, 1])
    assert float(model.unbalancedness(weights).max()) < 1e-15
    torch.testing.assert_close(
        model.component_norms(weights)[0], torch.full((6,), 0.3**3, dtype=torch.float64)
    )


def completion_of_ones():
    model = TensorFactorization((3, 3, 3), 3)
    ones = torch.ones(1, 3, 3, 3, dtype=torch.float64)
    observed = torch.rand(1, 3, 3, 3, generator=torch.Generator().manual_seed(0)) < 0.8
    return model, Completion(observed, ones)


def test_halving_the_base_rate_damps_the_swing_about_a_minimum():
    model, task = completion_of_ones()
    start = gaussian_weights(model, [0.3, 0.5], [0, 0])
    plain, halved = (
        train(model, task, start, rate=AdaptiveRate(patience=patience), stop=Stop(1e-14, 4000))
        for patience in (None, 50)
    )
    assert bool((halved.loss < 0.2 * plain.loss).all())
    own = [weight[1:] for weight in start]
    alone = train(model, task, own, rate=AdaptiveRate(patience=50), stop=Stop(1e-14, 4000))
    torch.testing.assert_close(alone.end[0], halved.end[1])  # each element has its own base rate


def test_a_run_ends_when_its_error_has_settled_but_not_before_it_has_left_its_start():
    model, task = completion_of_ones()
    run = train(
        model, task, gaussian_weights(model, [0.3, 1e-9], [0, 1]), rate=AdaptiveRate(),
        stop=Stop(0.0, 5000, settled=0.5),
        measure=lambda weights, end: {"error": (end - 1).flatten(1).norm(dim=1)},
    )  # fmt: skip
    assert 2000 <= int(run.steps[0]) < 2100
    assert int(run.steps[1]) == 5000  # its error is constant, but its loss has not fallen
    assert not run.converged.any()
