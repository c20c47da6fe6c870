"""Gradient flow against exact solutions and fine Euler steps; draws and rises of components."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

import wis.theory.factorization.resumable as resumable
from wis.errors import OptionError
from wis.theory.factorization import (
    Completion,
    HierarchicalFactorization,
    Loss,
    MatrixFactorization,
    Stop,
    TensorFactorization,
    end_tensor,
    gaussian_weights,
    perfect_tree,
    train,
)
from wis.theory.factorization.draws import draw_facts, low_rank_tensor, observed_norms
from wis.theory.factorization.dynamics import conserved, conserved_change, gradients_of
from wis.theory.factorization.experiments.component_dynamics import rises
from wis.theory.factorization.flow import GradientFlow, _chebyshev_step
from wis.theory.factorization.tasks import gaussian_sensing, random_entries

TENSOR = TensorFactorization((3, 3, 3), 4)
TREE = HierarchicalFactorization((2, 2, 2, 2), perfect_tree(4), 3)
MATRIX = MatrixFactorization((3, 3, 3, 3))


def task_for(model):
    values = torch.randn(1, *model.shape, generator=torch.Generator().manual_seed(1)).double()
    return Completion(values > -0.5, values, Loss("half_square"))


@pytest.mark.parametrize("stages", [2, 3, 7, 20, 90])
def test_a_step_has_second_order_and_is_stable_over_its_interval(stages):
    point = torch.ones(1, dtype=torch.float64)

    def after(length, curvature=1.0):
        slope = lambda y: -curvature * y  # noqa: E731
        return float(_chebyshev_step(slope, point, slope(point), length, stages))

    errors = [abs(after(length) - math.exp(-length)) for length in (0.2, 0.1)]
    assert 6 < errors[0] / errors[1] < 10  # a local error of third order
    # stable up to 0.65 s^2, where s steps of gradient descent reach 2 s
    assert all(abs(after(1.0, z)) <= 1 + 1e-9 for z in np.linspace(0, 0.65 * (stages**2 - 1), 50))


@pytest.mark.parametrize("model", [TENSOR, TREE, MATRIX], ids=["tensor", "tree", "matrix"])
def test_gradient_flow_is_that_of_another_solver(model):
    task, start = task_for(model), gaussian_weights(model, [0.5], [0])
    run = train(model, task, start, rate=GradientFlow(1e-7), stop=Stop(0.05, 5_000))
    assert run.converged
    shapes = [weight.shape for weight in start]

    def parts(point):
        split = torch.from_numpy(point).split([shape.numel() for shape in shapes])
        return [part.reshape(shape) for part, shape in zip(split, shapes, strict=True)]

    def slope(time, point):
        return -torch.cat([g.flatten() for g in gradients_of(model, task, parts(point))]).numpy()

    time = float(run.trajectory.of(0)["time"][-1])
    first = torch.cat([weight.flatten() for weight in start]).numpy()
    found = solve_ivp(slope, (0, time), first, rtol=1e-8, atol=1e-10).y[:, -1]
    torch.testing.assert_close(run.end, end_tensor(model, parts(found)), rtol=0, atol=2e-3)


@pytest.mark.parametrize("model", [TENSOR, TREE, MATRIX], ids=["tensor", "tree", "matrix"])
def test_what_gradient_flow_conserves_changes_less_the_smaller_the_tolerance(model):
    task, start = task_for(model), gaussian_weights(model, [0.3], [2])
    changes = []
    for tolerance in (1e-3, 1e-5, 1e-7):
        run = train(model, task, start, rate=GradientFlow(tolerance), stop=Stop(0.05, 20_000))
        changes.append(
            float(conserved_change(conserved(model, run.weights), conserved(model, start)))
        )
    assert changes[0] > 3 * changes[1] > 9 * changes[2]
    assert changes[2] < 1e-3


def test_conserved_differences_are_those_of_lemma_1():
    weights = gaussian_weights(TENSOR, [1.0], [0])
    (found,) = conserved(TENSOR, weights)
    squares = [[float(w[0, :, r].square().sum()) for w in weights] for r in range(4)]
    for r, (a, b, c) in enumerate(squares):
        assert found[0, r].tolist() == pytest.approx([a - b, a - c, b - c])
    doubled = [weights[0] * 2, *weights[1:]]
    # worst over the components: 3 |w_1|^2 more in two of three differences
    worst = max(3 * a / max(abs(a - b), abs(a - c), abs(b - c)) for a, b, c in squares)
    assert float(conserved_change(conserved(TENSOR, doubled), [found])) == pytest.approx(worst)


def test_an_interrupted_flow_ends_as_if_it_had_not_been_interrupted(tmp_path, monkeypatch):
    task, start = task_for(TENSOR), gaussian_weights(TENSOR, [0.2, 0.4], [0, 1])
    options = {"rate": GradientFlow(1e-6), "stop": Stop(1e-3, 5_000)}
    whole = train(TENSOR, task, start, **options)
    path = tmp_path / "flow.ckpt"

    def stop_after_the_first_checkpoint(step):
        if path.exists():
            raise RuntimeError

    monkeypatch.setattr(resumable, "CHECKPOINT_EVERY_S", 0)
    with pytest.raises(RuntimeError):
        train(TENSOR, task, start, **options, checkpoint=path,
              progress=stop_after_the_first_checkpoint)  # fmt: skip
    monkeypatch.undo()
    resumed = train(TENSOR, task, start, **options, checkpoint=path)
    assert resumed.steps.tolist() == whole.steps.tolist()
    torch.testing.assert_close(resumed.end, whole.end, rtol=0, atol=0)


def test_a_flow_needs_a_positive_tolerance():
    with pytest.raises(OptionError, match="positive tolerance"):
        train(TENSOR, task_for(TENSOR), gaussian_weights(TENSOR, [0.2], [0]),
              rate=GradientFlow(0.0), stop=Stop(0.1, 5))  # fmt: skip


def test_facts_of_a_draw_are_those_written_out():
    truth, drawn = low_rank_tensor((3, 4, 2), 2, 1.0, torch.Generator().manual_seed(3))
    again = low_rank_tensor((3, 4, 2), 2, 1.0, torch.Generator().manual_seed(3))[0]
    torch.testing.assert_close(truth, again)
    observed = random_entries((3, 4, 2), 14, torch.Generator().manual_seed(4))
    task = Completion(observed[None], truth[None])
    facts = draw_facts(task, truth, drawn)
    parts = [torch.einsum("i,j,k->ijk", *(vectors[0, :, r] for vectors in drawn)) for r in range(2)]
    scale = truth.norm() / (parts[0] + parts[1]).norm()
    norms = sorted(float(scale * part.norm()) for part in parts)
    assert [facts["smallest_true"], facts["largest_true"]] == pytest.approx(norms)
    units = [part / part.norm() for part in parts]
    cosine = abs(float((units[0] * units[1]).sum()))
    assert facts["condition"] == pytest.approx(math.sqrt((1 + cosine) / (1 - cosine)))
    assert facts["coherence"] == pytest.approx(max(float(u.square().max()) for u in units))
    seen = [float(unit[observed].square().sum()) * 24 / 14 for unit in units]
    assert facts["component_leverage"] == pytest.approx(min(seen))
    assert observed_norms(task, torch.stack(units)).tolist() == pytest.approx(seen)
    # the least over the tangent space is at most that over the components, which are in it
    assert 0 <= facts["tangent_leverage"] <= min(seen)


def test_measurements_that_span_everything_see_every_tensor_alike():
    truth, drawn = low_rank_tensor((3, 3), 1, 1.0, torch.Generator().manual_seed(0))
    task = gaussian_sensing(truth, 60_000, torch.Generator().manual_seed(1))
    facts = draw_facts(task, truth, drawn)
    assert facts["tangent_leverage"] == pytest.approx(1, abs=0.05)
    assert facts["component_leverage"] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("norms", "alone"),
    [
        ([[0, 0], [1, 0], [2, 0.0], [2, 1]], 1.0),
        ([[0, 0], [1, 0.5], [2, 0.7], [2, 1]], 0.0),
        ([[0, 0, 0], [1, 0, 0], [1, 0.6, 0.6], [1, 1, 1]], 0.5),
        ([[0, 0, 0.9], [1, 0, 0.9], [1, 0.6, 1], [1, 1, 1]], 1.0),  # the last does not grow
        ([[0, 0.5, 0], [1, 0.5, 0.2], [1, 0.6, 0.6], [1, 1, 1]], 0.0),  # nor the second
    ],
)
def test_components_are_learned_alone_if_the_next_has_not_grown_at_half(norms, alone):
    found = rises(np.array(norms, dtype=float), 9, np.arange(float(len(norms))))
    assert found["learned_alone"] == alone
    assert found["half_grown_at"][0] == 1
    assert math.isnan(rises(np.array(norms, dtype=float), 1, np.arange(4.0))["learned_alone"])
    assert math.isnan(rises(np.array(norms) + 1.0, 9, np.arange(4.0))["learned_alone"])
