"""Rules of claims: each says agrees, disagrees and cannot tell on rows where it must."""

from __future__ import annotations

import json

import pytest

from wis.theory.experiments import Claim, State, available_experiments, judge
from wis.theory.experiments.claims import (
    each_row,
    each_seed,
    every,
    most_rows,
    over_seeds,
    share_of,
    where,
)

AGREES, DISAGREES, CANNOT_TELL = State


@pytest.mark.parametrize(
    ("values", "limits", "state"),
    [
        ([1.0, 1.1, 0.9], {"above": 0}, AGREES),
        ([-1.0, -1.1, -0.9], {"above": 0}, DISAGREES),
        ([1.0, -1.1, 0.9], {"above": 0}, CANNOT_TELL),
        ([0.1, 0.1, 0.1], {"above": 0, "below": 1}, AGREES),
        ([1.1, 1.2, 1.15], {"above": 0, "below": 1}, DISAGREES),
        ([1.0, 1.0], {"below": 1}, DISAGREES),
        ([5.0], {"above": 0}, CANNOT_TELL),
        ([], {"above": 0}, CANNOT_TELL),
        ([1.0, float("nan")], {"above": 0}, CANNOT_TELL),
    ],
)
def test_means_over_seeds_decide_by_their_interval(values, limits, state):
    assert over_seeds(values, "gain", **limits).state is state


def test_rules_judge_the_rows_that_meet_their_condition():
    rows = [{"seed": seed, "scale": scale, "error": scale} for seed in (0, 1) for scale in (1, 5)]
    small = {"given": lambda row: row["scale"] == 1}
    assert each_row(lambda row: row["error"] < 2, "low errors", **small)(rows).state is AGREES
    assert each_row(lambda row: row["error"] < 2, "low errors")(rows).state is DISAGREES
    assert most_rows(lambda row: row["error"] < 9, "low errors")(3 * rows).state is AGREES
    assert most_rows(lambda row: row["error"] < 9, "low errors", **small)(rows).found.startswith(
        "low errors: 2 of 2"
    )


def test_a_rule_over_seeds_leaves_out_seeds_without_a_value():
    rows = [{"seed": seed, "trial": trial, "gain": 1 + seed} for seed in (0, 1) for trial in (0, 1)]
    gain = each_seed(lambda own: own[0]["gain"] if own[0]["seed"] else None, "gain", above=0)
    assert gain(rows).found == over_seeds([2.0], "gain").found
    by_trial = each_seed(lambda own: own[0]["gain"], "gain", by=("seed", "trial"), unit="trials")
    assert by_trial(rows).found == over_seeds([1, 1, 2, 2], "gain", unit="trials").found


def test_rows_without_a_column_cannot_be_chosen_by_it():
    with pytest.raises(KeyError, match="rank"):
        where([{"seed": 0}], rank=3)


@pytest.mark.parametrize(
    ("flags", "state"),
    [
        ([True] * 6, AGREES), ([False] * 6, DISAGREES), ([True, False] * 3, CANNOT_TELL),
        ([True], CANNOT_TELL), ([], CANNOT_TELL),
    ],
)  # fmt: skip
def test_shares_decide_by_their_exact_interval(flags, state):
    assert share_of(flags, "entries that grew").state is state


@pytest.mark.parametrize(
    ("flags", "state"), [([True, True], AGREES), ([True, False], DISAGREES), ([], CANNOT_TELL)]
)
def test_one_exception_refutes_a_theorem(flags, state):
    assert every(flags, "bounds that held").state is state


def test_a_verdict_has_the_claim_the_numbers_and_the_seeds():
    claim = Claim(
        "grows",
        "Theorem 1",
        "The entry grows.",
        "Interval of the mean above 0.",
        lambda rows: over_seeds([row["entry"] for row in rows], "entry", above=0),
    )
    (verdict,) = judge([claim], [{"seed": seed, "entry": seed - 10.0} for seed in (2, 0, 1)])
    assert str(verdict).startswith("disagrees: The entry grows. (Theorem 1) entry: mean -9, 95 %")
    record = json.loads(json.dumps(verdict.record()))
    assert record["seeds"] == [0, 1, 2]
    assert record["state"] == "disagrees"
    assert record["interval"][1] < 0
    assert record["rule"] == claim.rule


def test_claims_of_an_experiment_have_distinct_names_and_whole_sentences():
    for experiment in available_experiments().values():
        names = [claim.name for claim in experiment.claims]
        assert len(set(names)) == len(names)
        for claim in experiment.claims:
            assert claim.statement.endswith(".")
            assert claim.rule.rstrip(")").endswith(".")
