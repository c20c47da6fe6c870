"""Rules of the claims about incremental learning; the statements of Chapters 2 and 3."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from wis.show.factorization_pictures import draw_experiment
from wis.theory.experiments import Request, State, get_experiment, judge, run_experiment
from wis.theory.factorization import HierarchicalFactorization, perfect_tree
from wis.theory.factorization.initialization import balanced_tree
from wis.theory.statements.chapter3 import gap_bound

AGREES, DISAGREES, CANNOT_TELL = State


def state(experiment, name, rows):
    (claim,) = (claim for claim in get_experiment(experiment).claims if claim.name == name)
    return judge([claim], rows)[0].judgement.state


def pairs(small, large, seeds=8):
    """Rows of a small and a large initialization for each seed."""
    return [
        {"seed": seed, "deviation": deviation, **values}
        for seed in range(seeds)
        for deviation, values in ((0.005, small(seed)), (0.05, large(seed)))
    ]


@pytest.mark.parametrize(
    ("claim", "good", "bad"),
    [
        ("one-by-one", {"learned_alone": 1.0}, {"learned_alone": 0.2}),
        ("lower-error", {"error": 0.01}, {"error": 0.5}),
    ],
)
def test_small_starts_are_compared_with_large_ones_seed_by_seed(claim, good, bad):
    assert state("fig2_2", claim, pairs(lambda _: good, lambda _: bad)) is AGREES
    assert state("fig2_2", claim, pairs(lambda _: bad, lambda _: good)) is DISAGREES
    mixed = pairs(lambda s: (good, bad)[s % 2], lambda s: (bad, good)[s % 2])
    assert state("fig2_2", claim, mixed) is CANNOT_TELL
    assert state("fig2_2", claim, pairs(lambda _: good, lambda _: bad, seeds=1)) is CANNOT_TELL


def test_where_nothing_grows_from_large_starts_none_is_learned_after_another():
    share, nothing = {"learned_alone": 0.5}, {"learned_alone": math.nan}
    assert state("fig2_2", "one-by-one", pairs(lambda _: share, lambda _: nothing)) is AGREES
    assert state("fig2_2", "one-by-one", pairs(lambda _: nothing, lambda _: share)) is CANNOT_TELL


@pytest.mark.parametrize(("share", "expected"), [(1.0, AGREES), (0.0, DISAGREES)])
def test_seeds_of_which_one_component_grows_are_left_out(share, expected):
    rows = [{"seed": s, "learned_alone": (share, math.nan)[s % 2]} for s in range(8)]
    assert state("figC_4", "one-by-one", rows) is expected
    assert state("figC_4", "one-by-one", rows[1::2]) is CANNOT_TELL


@pytest.mark.parametrize(
    ("claim", "good", "bad"),
    [
        ("rank", {"noticeable_components": 5}, {"noticeable_components": 6}),
        ("accurate", {"error": 0.01}, {"error": 3.0}),
    ],
)
def test_most_draws_decide_whether_small_starts_find_the_ground_truth(claim, good, bad):
    def rows(choose, seeds=8):
        return pairs(lambda s: {"true_rank": 5, **choose(s)}, lambda _: {"true_rank": 5}, seeds)

    assert state("fig2_2", claim, rows(lambda _: good)) is AGREES
    assert state("fig2_2", claim, rows(lambda _: bad)) is DISAGREES
    assert state("fig2_2", claim, rows(lambda s: (good, bad)[s % 2])) is CANNOT_TELL
    assert state("fig2_2", claim, rows(lambda _: good, seeds=1)) is CANNOT_TELL


@pytest.mark.parametrize(
    ("experiment", "within"),
    [("fig2_2", "within_bounds_of_theorem_3"), ("figC_2", "within_bounds_of_theorem_9")],
)
def test_one_run_that_drifts_or_leaves_the_bounds_refutes_the_theorem(experiment, within):
    for claim, key, good, bad in (
        ("conserved", "conserved_change", 0.09, 24.0),
        ("speeds", within, True, False),
    ):
        assert state(experiment, claim, [{"seed": 0, key: good}] * 2) is AGREES
        assert (
            state(experiment, claim, [{"seed": 0, key: good}, {"seed": 1, key: bad}]) is DISAGREES
        )
        assert state(experiment, claim, []) is CANNOT_TELL


@pytest.mark.parametrize(
    ("claim", "good", "bad"),
    [
        ("one-by-one", {"learned_alone": 1.0}, {"learned_alone": 0.0}),
        ("low-rank", {"ranks": {"a": 5}}, {"ranks": {"a": 4}}),
        ("accurate", {"error": 0.01}, {"error": 0.3}),
    ],
)
def test_claims_on_three_kinds_of_factorization(claim, good, bad):
    def rows(choose, seeds=8):
        return [{"seed": s, "true_ranks": {"a": 5}, **choose(s)} for s in range(seeds)]

    assert state("fig3_1", claim, rows(lambda _: good)) is AGREES
    assert state("fig3_1", claim, rows(lambda _: bad)) is DISAGREES
    assert state("fig3_1", claim, rows(lambda s: (good, bad)[s % 2])) is CANNOT_TELL
    assert state("fig3_1", claim, rows(lambda _: good, seeds=1)) is CANNOT_TELL


def test_the_rank_outside_of_the_tree_has_to_be_higher_in_every_run():
    rows = [{"seed": 0, "ranks": {"{1,2}": 5, "{1}": 4}, "rank_outside": 6}]
    assert state("figC_2", "outside", rows) is AGREES
    assert state("figC_2", "outside", [*rows, {**rows[0], "rank_outside": 5}]) is DISAGREES
    assert state("figC_2", "outside", [{"seed": 0}]) is CANNOT_TELL


@pytest.mark.parametrize(
    ("experiment", "claim", "key"),
    [
        ("theorem4", "closer", "largest"),
        ("corollary3", "closer", "lowest"),
        ("equation3_9", "gap", "others_at_half"),
    ],
)
def test_a_distance_has_to_fall_with_the_scale_over_seeds(experiment, claim, key):
    def rows(power, seeds=4):
        return [
            {"seed": seed, "scale": scale, key: (1 + 0.01 * seed * scale) * scale ** power(seed)}
            for seed in range(seeds)
            for scale in (0.1, 0.2, 0.4)
        ]

    assert state(experiment, claim, rows(lambda _: 2)) is AGREES
    assert state(experiment, claim, rows(lambda _: -1)) is DISAGREES
    assert state(experiment, claim, rows(lambda s: (1, -1)[s % 2])) is CANNOT_TELL
    assert state(experiment, claim, rows(lambda _: 2, seeds=1)) is CANNOT_TELL


SPEED = {"exponent": 1.5, "exponent_of_formula": 1.5, "largest_error": 1e-5,
         "unbalanced_error": 0.5}  # fmt: skip
PRUNED = {"distance": 1.0, "bound": 1.1, "within_allowed_ranks": True}


@pytest.mark.parametrize(
    ("experiment", "claim", "good", "bad"),
    [
        ("corollary2", "speed", SPEED, {**SPEED, "largest_error": 0.1}),
        ("corollary2", "speed", SPEED, {**SPEED, "unbalanced_error": 1e-4}),
        ("theorem5", "speed", SPEED, {**SPEED, "largest_error": 0.1}),
        ("equation3_9", "bound", {"aligned_records": 3, "largest_share_of_bound": 1.0},
         {"aligned_records": 3, "largest_share_of_bound": 1.2}),
        ("proposition5", "distance", PRUNED, {**PRUNED, "distance": 1.2}),
        ("proposition5", "rank", PRUNED, {**PRUNED, "within_allowed_ranks": False}),
        ("proposition6", "incomparable", {"incomparable": True}, {"incomparable": False}),
        ("proposition6", "minimal", {"smaller_found": 0}, {"smaller_found": 2}),
        ("proposition8", "same", {"difference": 1e-15}, {"difference": 1e-3}),
        ("proposition9", "equal", {"grid_rank": 2, "matricization_rank": 2},
         {"grid_rank": 3, "matricization_rank": 2}),
    ],
)  # fmt: skip
def test_one_exception_refutes_a_statement(experiment, claim, good, bad):
    assert state(experiment, claim, [good, good]) is AGREES
    assert state(experiment, claim, [good, bad]) is DISAGREES
    assert state(experiment, claim, []) is CANNOT_TELL


def test_exponents_are_compared_with_the_formula_by_their_interval():
    def rows(*differences):
        return [{**SPEED, "exponent": 1.5 + each} for each in differences]

    assert state("theorem5", "momentum", rows(0.001, -0.001, 0.0)) is AGREES
    assert state("theorem5", "momentum", rows(0.2, 0.21, 0.2)) is DISAGREES
    assert state("theorem5", "momentum", rows(0.2, -0.2, 0.01)) is CANNOT_TELL


TINY = {
    "corollary2": {"orders": (3,), "dimension": 3, "num_components": 3, "loss": 0.5},
    "corollary3": {"scales": (0.4, 0.3), "loss": 1e-5},
    "theorem5": {"dimension": 2, "num_components": 3, "loss": 0.5},
    "equation3_9": {"scales": (0.6, 0.4), "dimension": 2, "num_local": 3},
    "proposition5": {"draws": 1},
    "proposition6": {"completions": 20},
    "proposition8": {"draws": 1},
    "proposition9": {"draws": 1},
}


@pytest.mark.parametrize("name", TINY)
def test_a_statement_gives_rows_verdicts_and_a_figure(name):
    experiment = get_experiment(name)
    outcome = run_experiment(
        name, size=replace(experiment.quick, **TINY[name]), request=Request(seed=1)
    )
    assert all(verdict.judgement.state is not DISAGREES for verdict in outcome.verdicts)
    assert all(axis.get_xlabel() for axis in draw_experiment(outcome).axes)


def test_balanced_trees_have_the_norms_that_were_asked_for_at_every_node():
    model = HierarchicalFactorization((3, 2, 3, 2), perfect_tree(4), 3)
    weights = balanced_tree(model, [0.2, 0.5, 0.9], [0, 1])
    for node in model.tree.interior:
        expected = torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64) ** 3
        torch.testing.assert_close(
            model.component_norms(weights, node), expected.expand(2, 3), rtol=1e-9, atol=0
        )
    assert float(model.unbalancedness(weights).max()) < 1e-12


def test_the_bound_of_equation_3_9_ends_where_the_alignment_does():
    norms = np.array([[1.0, 0.5], [8.0, 0.6], [27.0, 0.7]])
    pulls = np.array([[2.0, 1.0], [2.0, 1.0], [1.0, 2.0]])
    bound, own = gap_bound(norms, pulls)
    # L = 3: exponent 1/3; the constant is 0.5^(-1/3) - 1
    assert bound == pytest.approx([0.5, (8 ** (-1 / 3) + 0.5 ** (-1 / 3) - 1) ** -3])
    assert own.tolist() == [0.5, 0.6]
    assert len(gap_bound(norms[:, ::-1], pulls)[0]) == 0
