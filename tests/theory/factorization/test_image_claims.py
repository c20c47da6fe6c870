"""The claims of the experiments on images, on rows that were made by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from wis.theory.experiments import get_experiment, judge
from wis.theory.factorization.experiments.image_tensors import THESIS_LINEAR, VARIANTS

AGREES, DISAGREES, CANNOT_TELL = "agrees", "disagrees", "cannot tell"


def states(experiment, rows):
    found = judge(get_experiment(experiment).claims, rows)
    return {verdict.claim.name: str(verdict.judgement.state) for verdict in found}


def fits(accuracies, *, task="same class", technique="plain", trials=3, **changes):
    """Rows of fits from test accuracies by (coefficient, range), a point apart between trials."""
    return [
        {
            "seed": 0, "trial": trial, "task": task, "technique": technique, "range": distance,
            "coefficient": coefficient, "constant": False, "train_accuracy": 1.0,
            "test_accuracy": accuracy + 0.01 * trial * (1 + coefficient), **changes,
        }
        for (coefficient, distance), accuracy in accuracies.items()
        for trial in range(trials)
    ]  # fmt: skip


FALLS = {(0, 0): 0.8, (0, 24): 0.55, (1, 0): 0.8, (1, 24): 0.7}
RISES = {(0, 0): 0.5, (0, 24): 0.9, (1, 0): 0.6, (1, 24): 0.7}


@pytest.mark.parametrize(
    ("rows", "falls", "helps"),
    [
        (fits(FALLS), AGREES, AGREES),
        (fits(RISES), DISAGREES, DISAGREES),
        (fits(FALLS, trials=1), CANNOT_TELL, CANNOT_TELL),
        (fits(FALLS, constant=True), CANNOT_TELL, CANNOT_TELL),
        (fits(FALLS, train_accuracy=0.55), CANNOT_TELL, CANNOT_TELL),
        (fits({(0, 24): 0.5, (1, 24): 0.6}), CANNOT_TELL, AGREES),  # a single range
        (fits({(0, 0): 0.8, (0, 24): 0.5}), AGREES, CANNOT_TELL),  # no regularizer
        (fits(FALLS, technique="dropout"), CANNOT_TELL, CANNOT_TELL),
    ],
)
def test_accuracies_decide_on_the_fall_and_on_the_regularizer(rows, falls, helps):
    found = states("fig3_6", rows)
    assert found["same-class-plain-falls"] == falls
    assert found["same-class-plain-regularizer"] == helps
    assert found["pathfinder-plain-falls"] == CANNOT_TELL


def test_each_task_and_technique_is_judged_from_its_own_fits():
    rows = [
        *fits(FALLS, technique="weight decay"),
        *fits(RISES, technique="dropout"),
        *fits(FALLS, task="pathfinder", technique="dropout"),
    ]
    found = states("figC_6", rows)
    assert found["same-class-weight-decay-falls"] == AGREES
    assert found["same-class-dropout-regularizer"] == DISAGREES
    assert found["pathfinder-dropout-falls"] == AGREES
    assert found["pathfinder-weight-decay-regularizer"] == CANNOT_TELL


def test_fits_that_say_nothing_are_left_out_and_counted():
    bad = fits({(1, 24): 0.1}, train_accuracy=0.5)
    (verdict,) = (
        each
        for each in judge(get_experiment("fig3_6").claims, [*fits(FALLS), *bad])
        if each.claim.name == "same-class-plain-regularizer"
    )
    assert str(verdict.judgement.state) == AGREES
    assert "3 unusable fits left out" in verdict.judgement.found


def tensors(original, images, labels, *, seeds=2, rank=1, spread=0.01, image_set="digits"):
    """Rows of predictors with given errors: ten tasks about each mean."""
    about = np.linspace(-spread, spread, 10)
    return [
        {
            "seed": seed, "image_set": image_set, "variant": variant, "predictor": "tensor",
            "rank": rank, "label_variance": 0.09,
            "train_errors": list(error + about * (1 + position)),
            "test_errors": list(error + about * (1 + position)),
        }
        for seed in range(seeds)
        for position, (variant, error) in enumerate(
            zip(VARIANTS, (original, images, labels), strict=True)
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (tensors(0.02, 0.085, 0.085), (AGREES, AGREES, AGREES, AGREES)),
        (tensors(0.09, 0.02, 0.02), (DISAGREES,) * 4),
        (tensors(0.02, 0.085, 0.085, seeds=1), (CANNOT_TELL,) * 4),
        (tensors(0.05, 0.05, 0.09, spread=0.02), (CANNOT_TELL, AGREES, CANNOT_TELL, AGREES)),
        # a second set of images decides against the first, higher ranks do not count
        (
            [*tensors(0.02, 0.085, 0.085), *tensors(0.09, 0.02, 0.02, image_set="mnist")],
            (DISAGREES,) * 4,
        ),
        ([*tensors(0.02, 0.085, 0.085), *tensors(0.09, 0.02, 0.02, rank=2)], (AGREES,) * 4),
    ],
)
def test_errors_at_the_lowest_rank_decide_on_natural_and_random_data(rows, expected):
    names = ("less-than-random-images", "less-than-random-labels", "random-is-trivial")
    found = states("fig2_3", rows)
    assert tuple(found[name] for name in (*names, "generalizes")) == expected


def linear(errors, factor=1.0, image_set="mnist"):
    about = np.linspace(-0.002, 0.002, 10)
    rows = []
    for variant, error in zip(VARIANTS, errors, strict=True):
        train, test = THESIS_LINEAR["mnist", variant]
        row = {
            "seed": 0, "image_set": image_set, "variant": variant, "predictor": "linear",
            "rank": None, "label_variance": 0.09, "train_errors": list(error + about),
            "train_error": train * factor, "test_error": test, "thesis_train": train,
            "thesis_test": test,
        }  # fmt: skip
        keys = row if image_set == "mnist" else [key for key in row if "thesis" not in key]
        rows.append({key: row[key] for key in keys})
    return rows


@pytest.mark.parametrize(
    ("rows", "fit", "published"),
    [
        (linear((0.04, 0.09, 0.09)), AGREES, AGREES),
        (linear((0.01, 0.09, 0.09), factor=1.1), DISAGREES, DISAGREES),
        (linear((0.0228, 0.09, 0.09), factor=1.04), CANNOT_TELL, AGREES),
        (linear((0.09, 0.01, 0.09), image_set="digits"), DISAGREES, CANNOT_TELL),
    ],
)
def test_linear_predictors_are_judged_against_zero_and_the_published_table(rows, fit, published):
    found = states("tableB_1", rows)
    assert found == {"linear-cannot-fit": fit, "linear-as-published": published}


def test_every_claim_quotes_its_source_and_rule():
    names = ("fig2_3", "tableB_1", "fig3_6", "figC_5", "figC_6", "figC_7")
    claims = list(itertools.chain(*(get_experiment(name).claims for name in names)))
    assert len(claims) == 6 + 2 + 4 + 4 + 8 + 8
    for claim in claims:
        assert claim.statement[-1] == claim.rule[-1] == "."
        assert "95 %" in claim.rule or "5 % at most" in claim.rule
