"""Propositions 1 to 4 and Conjecture 1: tiny runs, and rules on rows made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wis.show.factorization_pictures import draw_experiment
from wis.theory.experiments import Request, State, get_experiment, run_experiment

TINY = {
    "proposition1": {"points": 5, "num_norms": 2},
    "proposition3": {"draws": 1000},
    "proposition4": {"scales": (1.0, 0.1), "loss": 1e-3},
    "conjecture1": {"scales": (1e-2,), "draws": 1, "loss": 1e-3},
}


@pytest.mark.parametrize("name", TINY)
def test_an_experiment_agrees_and_has_a_figure(name):
    size = replace(get_experiment(name).quick, **TINY[name])
    outcome = run_experiment(name, size=size, request=Request(seed=1))
    assert {verdict.judgement.state for verdict in outcome.verdicts} == {State.AGREES}
    assert all(axis.get_title() and axis.get_xlabel() for axis in draw_experiment(outcome).axes)


def of_entry(quantity, value_of):
    return [{"quantity": quantity, "entry": entry, "value": value_of(entry), "seed": 0}
            for entry in (-1e3, -1.0, 0.0, 1.0, 1e3)]  # fmt: skip


def drawn(positive, *, symmetric=True, draws=1000):
    return [{"positive": positive, "draws": draws, "symmetric": symmetric}]


def flowed(*, right=True, **facts):
    usual = {"reached": True, "growth": 0.7071, "nuclear": 700.0, "scale": 0.1}
    return [{"right_sign": right, **usual, **facts}]


LOST = {"reached": False}
RULES = (
    ("proposition1", "confined", of_entry("random 0", abs), of_entry("random 0", np.tanh), []),
    ("proposition1", "least-at-zero", of_entry("Schatten 1", abs),
     of_entry("Schatten 1", lambda entry: abs(entry - 1)), of_entry("random 0", abs)),
    ("proposition1", "rank-falls-with-entry",
     of_entry("effective rank", lambda entry: 1 + 1 / (1 + abs(entry))),
     of_entry("effective rank", lambda entry: 1.5 + 0.5 / (1 + abs(entry))), []),
    ("proposition3", "either-sign", drawn(510), drawn(600), drawn(5, draws=10)),
    ("proposition3", "symmetry-matters", drawn(900, symmetric=False),
     drawn(505, symmetric=False), drawn(505)),
    ("proposition4", "loss-vanishes", flowed(), flowed(**LOST), flowed(right=False)),
    ("proposition4", "entry-grows", flowed(), flowed(growth=0.1), flowed(**LOST)),
    ("proposition4", "sign-decides", flowed(right=False, growth=0.0), flowed(right=False),
     flowed()),
    ("conjecture1", "norm-not-minimal", flowed(), flowed(nuclear=2.1), flowed(**LOST)),
    ("conjecture1", "other-sign-is-near", flowed(right=False, nuclear=2.1), flowed(right=False),
     flowed()),
)  # fmt: skip


@pytest.mark.parametrize(("name", "claim", "agrees", "disagrees", "open_"), RULES)
def test_a_rule_agrees_disagrees_and_cannot_tell(name, claim, agrees, disagrees, open_):
    (found,) = [each for each in get_experiment(name).claims if each.name == claim]
    states = [str(found.judge(rows).state) for rows in (agrees, disagrees, open_)]
    assert states == ["agrees", "disagrees", "cannot tell"]
