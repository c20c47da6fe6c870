"""Gradient flow by the stiff solver, against differential equations and tiny gradient steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from wis.errors import OptionError
from wis.theory.factorization import FixedRate, Loss, MatrixFactorization, Stop, train
from wis.theory.factorization.initialization import balanced_matrices, unbalanced_matrices
from wis.theory.factorization.matrix_flow import matrix_flow
from wis.theory.factorization.tasks import norm_divergence_problem

PROBLEM = norm_divergence_problem()


def model_of(depth, rows=2, columns=2):
    return MatrixFactorization.unconstrained(rows, columns, depth)


@pytest.mark.parametrize("alpha", [1.0, 0.1, 1e-4])
def test_depth_2_from_a_scaled_identity_follows_the_equations_of_proposition_4(alpha):
    layer = alpha**0.5 * torch.eye(2, dtype=torch.float64)[None]
    flow = matrix_flow(model_of(2), PROBLEM, [layer, layer], loss=1e-2)

    def speed(_, entries):  # (A.15)
        w11, w22, w12 = entries
        return [2 * w12 * (1 - w12), 2 * w12 * (1 - w12) - 2 * w22**2,
                w22 * (1 - 2 * w12) + w11 * (1 - w12)]  # fmt: skip

    end = float(flow.times[-1])
    expected = solve_ivp(speed, (0, end), [alpha, alpha, 0], rtol=1e-10, atol=1e-13).y[:, -1]
    found = flow.ends[-1].numpy()
    np.testing.assert_allclose([found[0, 0], found[1, 1], found[0, 1]], expected, rtol=1e-6)
    assert flow.reached
    assert float(flow.losses[-1]) == pytest.approx(1e-2, rel=1e-6)


@pytest.mark.parametrize(("depth", "rows", "columns"), [(2, 2, 2), (3, 2, 2), (4, 3, 3), (3, 2, 4)])
@pytest.mark.parametrize("draw", [balanced_matrices, unbalanced_matrices])
def test_flow_is_the_limit_of_gradient_descent(depth, rows, columns, draw):
    model, problem = model_of(depth, rows, columns), norm_divergence_problem(rows, columns)
    start = draw(model, [0.3], [1], determinant_sign=1)
    flow = matrix_flow(model, problem, start, loss=0.3)
    errors = []
    for rate in (2e-3, 1e-3):
        steps = round(float(flow.times[-1]) / rate)
        stop, exact = Stop(0.0, steps), float(flow.times[-1]) / steps
        run = train(model, problem, start, rate=FixedRate((exact,)), stop=stop)
        errors.append(float((run.end[0] - flow.ends[-1]).abs().max()))
    assert errors[1] < 0.02
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.1)  # Euler's method is of order one


def test_layers_and_end_matrix_agree_at_depth_2_until_rounding_unbalances_the_layers():
    start = balanced_matrices(model_of(2), [0.1], [0], determinant_sign=1)
    nudged = [start[0] * (1 + 1e-10), start[1]]  # not balanced to the last digit: by layers
    by_end, by_layers = (matrix_flow(model_of(2), PROBLEM, each, loss=0.05)
                         for each in (start, nudged))  # fmt: skip
    assert by_end.signs is None
    assert by_layers.signs is not None
    torch.testing.assert_close(by_end.ends[-1], by_layers.ends[-1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("depth", [3])
def test_a_balanced_flow_keeps_its_sign_and_only_the_right_sign_diverges(depth):
    entries = {}
    for sign in (1, -1):
        start = balanced_matrices(model_of(depth), [1e-2], [0], determinant_sign=sign)
        flow = matrix_flow(model_of(depth), PROBLEM, start, loss=1e-6)
        assert flow.signs.unique().tolist() == [sign]
        assert flow.drift < 1e-7
        assert bool((flow.losses.diff() <= 1e-12).all())
        entries[sign] = abs(float(flow.ends[-1, 0, 0]))
    assert entries[1] == pytest.approx((2e-6) ** -0.5, rel=1e-3)  # Lemma 13, nearly attained
    assert entries[-1] < 10


def test_an_unbalanced_flow_can_change_its_sign():
    start = unbalanced_matrices(model_of(3), [1e-2], [0], determinant_sign=1)
    flow = matrix_flow(model_of(3), PROBLEM, start, loss=1e-6)
    assert flow.signs.unique().tolist() == [-1.0, 1.0]
    assert flow.drift < 1e-7  # it is no error: what is conserved is conserved


def test_a_flow_ends_at_its_goal_or_its_limit():
    start = balanced_matrices(model_of(3), [0.1], [0], determinant_sign=1)
    flow = matrix_flow(model_of(3), PROBLEM, start, loss=1e-6, limit=20.0)
    assert not flow.reached
    assert float(flow.ends[-1].norm()) == pytest.approx(20, rel=1e-6)
    assert int(flow.last_tenfold()) > 0
    done = matrix_flow(model_of(3), PROBLEM, start, loss=10.0)
    assert done.reached
    assert len(done.losses) == 1


def test_flow_refuses_other_tasks_and_goals():
    model, start = model_of(3), balanced_matrices(model_of(3), [0.1], [0])
    for task, more, message in (
        (PROBLEM, {"loss": 0.0}, "positive"),
        (norm_divergence_problem(3, 3), {"loss": 1e-2}, "same dimensions"),
        (replace(PROBLEM, loss=Loss("huber")), {"loss": 1e-2}, "Huber"),
    ):
        with pytest.raises(OptionError, match=message):
            matrix_flow(model, task, start, **more)
