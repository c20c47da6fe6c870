"""The search: it finds where curves cross the allowed loss, by validation scores alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wis.advice.search import EVERYTHING, NOTHING, Search, Trial

AMOUNTS = range(5, 100, 5)


def searched(
    curves, *, noise=0.0, max_loss=0.01, seeds=6, budget=10**9, test=None, cost=None, first_seed=0
):
    """A search over methods whose validation loss at each percentage is a function."""

    def run(method, percent, seed):
        rng = np.random.default_rng([99 if method is None else method, percent, seed, first_seed])
        full = 0.8 + 0.01 * seed  # the level of a seed cancels in pairs
        loss = curves[method or 0](percent) if percent else 0.0
        val = full - loss + noise * rng.normal() * bool(percent)
        score = val if test is None else test(method, percent, seed)
        return Trial(str(method), percent, seed, val, score, 0.0)

    search = Search(
        len(curves),
        run=run,
        cost=cost or (lambda method, percent: 100.0 - percent),
        max_loss=max_loss,
        seeds=seeds,
        most_seeds=seeds,
        affords=lambda runs: len(search.trials) + runs <= budget,
    )
    search.search()
    return search


def power(exponent, worth=0.15):
    return lambda percent: worth * (percent / 100) ** exponent


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0.5, 8), min_size=1, max_size=6),
    st.floats(0.001, 0.14),
)
def test_without_noise_it_finds_the_best_amount_of_the_whole_grid(exponents, max_loss):
    curves = [power(exponent) for exponent in exponents]
    allowed = [p for c in curves for p in (NOTHING, *AMOUNTS) if p == 0 or c(p) <= max_loss]
    search = searched(curves, max_loss=max_loss, seeds=1)
    method, percent = search.best()
    assert percent == max(allowed)
    assert percent == 0 or curves[method](percent) <= max_loss
    assert len(search.trials) <= 2 + 6 * len(curves)  # the whole grid has 19 for each method


@pytest.mark.parametrize("first_seed", range(5))
def test_with_noise_a_search_ends_near_the_crossing_of_the_best_method(first_seed):
    curves = [power(exponent) for exponent in (1, 1.5, 2, 3, 4)]  # the last one crosses at 50.8 %
    search = searched(curves, noise=0.008, seeds=8, first_seed=first_seed)
    method, percent = search.best()
    assert method in (3, 4)
    assert 30 <= percent <= 50  # the line is below the allowed loss


def test_the_true_loss_of_the_advice_is_allowed_in_nearly_every_search():
    curves = [power(exponent) for exponent in (3, 3.2, 3.4, 3.6, 3.8, 4)]
    too_much = 0
    for first_seed in range(20):
        search = searched(curves, noise=0.015, seeds=12, first_seed=first_seed)
        method, percent = search.best()
        too_much += curves[method](percent) > 0.01
        assert percent >= 30
    assert too_much <= 3  # about half of them without a margin


@pytest.mark.parametrize("first_seed", range(12))
def test_no_method_that_was_put_out_is_ahead_at_the_end(first_seed):
    curves = [power(exponent) for exponent in (2.8, 2.9, 3, 3.1)]
    search = searched(curves, noise=0.02, seeds=6, first_seed=first_seed)
    assert search.best()[0] == search.ranked(range(4))[0]


def test_seeds_are_spent_near_the_answer_and_on_the_methods_that_remain():
    search = searched([power(1), power(4), power(2)], noise=0.01, seeds=8)
    method, percent = search.best()
    assert len(search.losses(method, percent)) == 8
    far = [key for key in search.trials if key[0] is not None and abs(key[1] - percent) >= 20]
    assert far
    assert max(key[2] for key in far) < 4  # at most half of all seeds


def test_the_validation_score_decides_where_the_test_score_would_choose_otherwise():
    # method 0 is good on validation and useless on test, method 1 the other way round
    curves = [power(8), power(0.5)]

    def test_score(method, percent, seed):
        return 0.1 if method == 0 else 0.9

    search = searched(curves, test=test_score)
    method, percent = search.best()
    assert (method, percent) == (0, 70)  # 0.15 · 0.7^8 = 0.0086, 0.15 · 0.75^8 = 0.0150
    flipped = searched(curves, test=lambda *place: 1 - test_score(*place))
    assert list(flipped.trials) == list(search.trials)


def test_a_diverged_run_is_an_infinite_loss():
    search = searched([lambda percent: math.nan if percent > 40 else 0.0])
    assert search.best() == (0, 40)
    assert search.losses(0, 50) == [math.inf] * len(search.losses(0, 50))


@pytest.mark.parametrize(
    ("curve", "best"), [(lambda p: -0.1 * p / 100, EVERYTHING), (lambda p: 0.2, NOTHING)]
)
def test_edges_that_only_harm_all_go_and_edges_that_all_matter_all_stay(curve, best):
    search = searched([curve] * 4, noise=0.005)
    assert search.best()[1] == best
    assert len(search.trials) < 40


@pytest.mark.parametrize("budget", [3, 10, 25, 60])
def test_a_budget_is_never_exceeded_and_always_gives_an_allowed_amount(budget):
    search = searched([power(1), power(3), power(2)], budget=budget, seeds=3)
    method, percent = search.best()
    assert len(search.trials) <= budget
    assert percent == 0 or np.mean(search.losses(method, percent)) <= 0.01
    assert budget < 25 or percent >= 30


def test_the_cost_decides_between_methods_that_are_both_allowed():
    costs = {0: 5.0, 1: 1.0}
    search = searched([power(3), power(2)], cost=lambda m, p: costs[m] - p / 1000)
    assert search.best()[0] == 1


def test_the_same_search_does_the_same_trials():
    runs = [searched([power(1), power(3)], noise=0.01).trials for _ in range(2)]
    assert list(runs[0].items()) == list(runs[1].items())
