"""The rules of Figures 1.1, 1.2 and A.1 to A.3 on rows made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from wis.theory.experiments import get_experiment
from wis.theory.factorization.experiments.matrix_completion import entry_bound

GROWS = {"entry": 707.0, "growth": 0.7071, "norms_tenfold": 3.0, "rank_tenfold": 0.4,
         "distance_tenfold": 0.3}  # fmt: skip
BOUNDED = {"entry": 2.0, "growth": 1e-5, "norms_tenfold": 1.0, "rank_tenfold": 1.0,
           "distance_tenfold": 1.0}  # fmt: skip


def row(seed=0, depth=3, scale=0.01, *, right=True, balanced=True, **facts):
    return {
        "seed": seed, "depth": depth, "scale": scale, "right_sign": right, "balanced": balanced,
        "opposite": 0.0, "panel": "p", "reached": True, "sign_kept": True, "drift": 1e-9,
        "margin": 0.1, **(GROWS if right and balanced else BOUNDED), **facts,
    }  # fmt: skip


def tensor_rows(error_of, rank_of, *, trials=3, settled=True):
    """Two numbers of observations, two deviations, and completion with zeros at an error of 1."""
    common = {"seed": 0, "order": 3, "true_rank": 1}
    return [
        {**common, "method": "completion with zeros", "observations": n, "error": 1.0, "rank": 9}
        for n in (50, 100)
    ] + [
        {**common, "method": f"init {deviation}", "deviation": deviation, "trial": trial,
         "observations": n, "error": error_of(deviation, trial), "rank": rank_of(deviation),
         "settled": settled}
        for n in (50, 100) for deviation in (0.1, 0.01) for trial in range(trials)
    ]  # fmt: skip


def low(deviation, trial):
    return deviation * (1 + 0.1 * trial)


def high(deviation, trial):
    return (1 + 0.1 * trial) / deviation


def matrix_rows(**facts):
    return [row(seed, right=right, **facts) for seed in range(6) for right in (True, False)]


def unbalanced(entry_of):
    return [row(seed, depth, scale, balanced=False, entry=entry_of(depth, scale, seed))
            for seed in range(4) for depth in (2, 3) for scale in (1e-1, 1e-2, 1e-3)]  # fmt: skip


def pairs(better, worse):
    return [row(seed, balanced=balanced, entry=better if balanced else worse)
            for seed in range(9) for balanced in (True, False)]  # fmt: skip


def perturbed(entries):
    return [row(seed, opposite=o, entry=e) for seed in range(2) for o, e in entries]


MATRIX = (
    ("fig1_1", "loss-vanishes", matrix_rows(), matrix_rows(reached=False), [row()]),
    ("figA_1", "sign-kept", matrix_rows(), [*matrix_rows(), row(sign_kept=False)], []),
    ("figA_1", "sign-kept", matrix_rows(), matrix_rows(drift=1e-3), matrix_rows(depth=2)),
    ("figA_1", "entry-grows", matrix_rows(), [*matrix_rows(), row(growth=0.5)],
     matrix_rows(reached=False)),
    ("figA_2", "norms-grow", matrix_rows(), [row(norms_tenfold=1.1)], [row(opposite=0.1)]),
    ("fig1_1", "rank-falls", matrix_rows(), [row(distance_tenfold=0.9)], [row(right=False)]),
    ("fig1_1", "sign-decides", matrix_rows(), [row(right=False, **GROWS)], [row()]),
    ("figA_2", "bounds", matrix_rows(), [*matrix_rows(), row(margin=-1e-3)], []),
    ("fig1_1", "balance-helps", pairs(9, 1), pairs(1, 9), pairs(9, 1)[:4]),
    ("fig1_1", "small-starts-help", unbalanced(lambda d, s, seed: s ** (-0.1 * (seed + 1))),
     unbalanced(lambda d, s, seed: s ** (0.1 * (seed + 1))),
     unbalanced(lambda d, s, seed: 1 / s)[:6]),
    ("fig1_1", "depth-helps", unbalanced(lambda d, s, seed: d ** (seed + 1)),
     unbalanced(lambda d, s, seed: d ** -(seed + 1.0)), unbalanced(lambda d, s, seed: d)[:6]),
    ("figA_2", "recedes", perturbed([(0, 700), (0.1, 10), (-0.5, 2)]),
     perturbed([(0, 700), (0.1, 1), (0.5, 2)]), perturbed([(0, 700)])),
)  # fmt: skip


TENSOR = (
    ("fig1_2", "low-error", tensor_rows(low, round), tensor_rows(high, round),
     tensor_rows(low, round, trials=1)),
    ("figA_3", "low-rank", tensor_rows(low, lambda d: 1, trials=5),
     tensor_rows(low, lambda d: 3, trials=5), tensor_rows(low, lambda d: 1, trials=1)),
    ("fig1_2", "low-rank", tensor_rows(low, lambda d: 1, trials=5),
     tensor_rows(low, lambda d: 0, trials=5, settled=False), []),
    ("fig1_2", "smaller-start-lower-error", tensor_rows(low, round), tensor_rows(high, round),
     tensor_rows(low, round, trials=1)),
    ("figA_3", "smaller-start-lower-rank", tensor_rows(low, lambda d: 100 * d),
     tensor_rows(low, lambda d: 1 / d), tensor_rows(low, lambda d: 100 * d, trials=1)),
)  # fmt: skip


@pytest.mark.parametrize(("name", "claim", "agrees", "disagrees", "open_"), MATRIX + TENSOR)
def test_a_rule_agrees_disagrees_and_cannot_tell(name, claim, agrees, disagrees, open_):
    (found,) = [each for each in get_experiment(name).claims if each.name == claim]
    states = [str(found.judge(rows).state) for rows in (agrees, disagrees, open_)]
    assert states == ["agrees", "disagrees", "cannot tell"]


def test_the_control_says_that_the_entry_does_not_grow_with_the_wrong_sign():
    (claim,) = [c for c in get_experiment("fig1_1").claims if c.name == "sign-decides"]
    assert "the entry does not grow as in the claim above" in claim.judge(matrix_rows()).found
    assert (
        "the entry grows in some of them as in the claim above"
        in claim.judge([row(right=False, **GROWS)]).found
    )


def test_the_bound_of_the_entry_is_that_of_lemma_13():
    losses = np.array([1e-4, 0.02, 0.7])
    root = np.sqrt(2 * losses)
    np.testing.assert_allclose(entry_bound(losses)[:2], (1 - root[:2]) ** 2 / root[:2])
    assert entry_bound(losses)[2] == 0
    assert entry_bound(losses, (2.0, -1.0), 0.1)[0] == pytest.approx(
        (2 - root[0]) * (1 - root[0]) / (0.1 + root[0])
    )
