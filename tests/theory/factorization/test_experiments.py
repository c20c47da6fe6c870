"""Every experiment from one end to the other, at sizes of a few seconds in all."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from wis.errors import CheckpointError, OutputExistsError, UnknownNameError
from wis.show.factorization_pictures import FORMS, RESULT_FILES, draw_experiment, write_outcome
from wis.show.kept_figures import redrawn
from wis.theory.experiments import (
    Request,
    State,
    available_experiments,
    get_experiment,
    judge,
    run_experiment,
)
from wis.theory.factorization.binary_predictors import (
    PredictorConfig,
    fit_predictors,
    predict,
    product_gradients,
    products,
)
from wis.theory.factorization.experiments.component_dynamics import DRIFT
from wis.theory.factorization.experiments.countering_locality import Setting
from wis.theory.factorization.experiments.incremental_ranks import Part
from wis.theory.factorization.locality.fitting import FitConfig

NAMES = [
    *("fig1_1", "figA_1", "figA_2", "fig1_2", "figA_3"),
    *("theorem4", "fig2_2", "figB_1", "figB_2", "figB_3", "fig2_3", "tableB_1"),
    *("fig3_1", "figC_2", "figC_3", "figC_4"),
    *("fig3_6", "figC_5", "figC_6", "figC_7"),
    *("fig5_2", "appendixD_1", "more_edges"),
]


# one for every form of figure; drawing takes longer than the tiny runs
DRAWN = (
    *("fig1_1", "fig1_2", "theorem4", "fig2_2", "fig2_3", "tableB_1", "fig3_1", "figC_2"),
    *("fig3_6", "fig5_2", "appendixD_1", "more_edges"),
)


def tiny(name):
    """The quick size, made smaller where it takes more than a second."""
    quick = get_experiment(name).quick
    if name == "fig1_1":
        return replace(quick, depths=tuple((d, s[:1]) for d, s in quick.depths[:2]), loss=1e-2)
    if name in ("figA_1", "figA_2"):
        return replace(quick, problems=quick.problems[:1], loss=1e-2)
    if name in ("fig1_2", "figA_3"):
        (shape, counts), *_ = quick.tensors
        return replace(quick, tensors=((shape, counts[:2]),), trials=1, max_steps=150, max_rank=3)
    if name in ("fig2_2", "figB_1", "figB_2", "figB_3"):
        return replace(quick, shape=(3,) * len(quick.shape), rank=1, num_observations=20,
                       deviations=quick.deviations[:2], max_steps=80)  # fmt: skip
    if name == "fig2_3":
        return replace(quick, ranks=(1, 2), num_train=150, num_test=50,
                       config=PredictorConfig(learning_rate=1e-2, max_steps=20))  # fmt: skip
    if name in ("fig3_1", "figC_2", "figC_3", "figC_4"):
        return replace(quick, max_steps=50)
    if name == "theorem4":
        return replace(quick, scales=(0.4, 0.2), duration=2.0)
    if name in ("tableB_1", "fig5_2", "appendixD_1", "more_edges"):
        return quick
    tasks = tuple(
        replace(task, ranges=task.ranges[:1], settings=task.settings[:2], num_train=16, num_test=8)
        for task in quick.tasks
    )
    return replace(quick, tasks=tasks, config=FitConfig(max_epochs=1))


def test_the_table_names_every_experiment_in_the_order_of_the_thesis():
    assert [name for name in available_experiments() if name in NAMES] == NAMES
    assert get_experiment("Fig1.1").name == "fig1_1"
    assert set(FORMS) == set(available_experiments())
    with pytest.raises(UnknownNameError, match="Did you mean 'fig1_1' or 'fig1_2'"):
        get_experiment("fig1_3")


@pytest.mark.parametrize("name", NAMES)
def test_an_experiment_gives_rows_a_verdict_and_a_figure(name, tmp_path):
    request = Request(seed=1, folder=tmp_path)
    outcome = run_experiment(name, size=tiny(name), request=request)
    assert len(outcome.rows) > 1 or name in ("figC_2", "figC_3", "figC_4")
    assert len(outcome.verdict) > 80
    assert not list(tmp_path.glob("*.ckpt"))
    if name not in DRAWN:
        return
    paths = write_outcome(outcome, tmp_path)
    assert tuple(path.name for path in paths) == RESULT_FILES
    rows = [json.loads(line) for line in paths[0].read_text().splitlines()]
    assert len(rows) == len(outcome.rows)
    assert all(row["experiment"] == name and row["seed"] == 1 for row in rows)
    assert paths[3].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    with np.load(paths[2]) as curves:
        assert all(np.isfinite(curves[key]).all() for key in curves.files)
    kept = {"type": "run", "kind": "factorization", "status": "done", "key": "1", "seed": 1}
    kept |= {"experiment": name, "recipe_hash": "a", "curves": outcome.thinned()}
    kept_rows = json.loads(json.dumps([{**kept, "found": row} for row in outcome.rows]))
    assert len(redrawn(kept_rows).axes) == len(draw_experiment(outcome).axes)
    with pytest.raises(OutputExistsError, match="--force"):
        write_outcome(outcome, tmp_path)


def test_an_interrupted_experiment_goes_on_from_the_folder(tmp_path):
    size = tiny("figB_2")
    whole = run_experiment("figB_2", size=size, request=Request())
    request = Request(folder=tmp_path)
    request.forget = lambda: None  # as if it had been killed before the end
    run_experiment("figB_2", size=size, request=request)
    assert list(tmp_path.glob("*.ckpt"))
    with pytest.raises(CheckpointError):
        run_experiment("figB_2", size=size, request=Request(seed=5, folder=tmp_path))
    resumed = run_experiment("figB_2", size=size, request=Request(folder=tmp_path))
    assert [row["error"] for row in resumed.rows] == [row["error"] for row in whole.rows]


def test_small_starts_find_the_rank_at_a_low_error_and_conserve_what_lemma_1_says():
    experiment = get_experiment("figB_2")
    size = replace(experiment.quick, deviations=(0.2, 0.005))
    outcome = run_experiment("figB_2", size=size, request=Request(seed=2))
    small, large = outcome.rows[-1], outcome.rows[0]
    assert small["noticeable_components"] == small["true_rank"] == experiment.quick.rank
    assert small["tensor_rank"] == small["true_rank"] < large["tensor_rank"]
    assert small["error"] < 0.05 < large["error"]
    assert small["learned_alone"] == 1
    assert small["growing"] == 2 > large["growing"]
    assert all(row["conserved_change"] < DRIFT for row in outcome.rows)
    assert all(row["within_bounds_of_theorem_3"] for row in outcome.rows)
    assert all(row["speed_error"] < 1e-3 for row in outcome.rows)
    states = {verdict.claim.name: verdict.judgement.state for verdict in outcome.verdicts}
    assert states["conserved"] is State.AGREES
    assert states["lower-error"] is State.CANNOT_TELL  # one seed
    # the thesis' steps drift: the claim must be able to fail
    drifting = replace(size, deviations=(0.05, 0.005), tolerance=0.0, max_steps=2_500)
    rows = run_experiment("figB_2", size=drifting, request=Request(seed=2)).rows
    verdicts = judge(experiment.claims, rows)
    assert verdicts[-2].judgement.state is State.DISAGREES


def test_theorem_4_distances_fall_with_the_scale_and_the_verdict_says_so():
    outcome = run_experiment("theorem4", size=replace(tiny("theorem4"), scales=(0.2, 0.4)))
    small, large = outcome.rows
    assert small["scale"] < large["scale"]
    assert small["largest"] < large["largest"]
    assert "fell in 1 of 1 steps to a smaller scale" in outcome.verdict


def test_settings_and_parts_say_what_they_are():
    assert Setting(1, 0.001).label == "reg 1, weight decay 0.001"
    size = replace(get_experiment("figC_2").quick, parts=(Part("cube", (2, 2), 1, 3, 2, 0.1),))
    with pytest.raises(ValueError, match="expected matrix, tensor or hierarchical"):
        run_experiment("figC_2", size=size)


def test_products_over_pixels_and_their_gradients_are_those_of_autograd():
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(2, 6, 5, dtype=torch.float64, generator=generator, requires_grad=True)
    pixels = torch.randint(2, (7, 6), generator=generator).double()
    chosen = torch.where(pixels[:, :, None] == 1, weights[1], weights[0])  # [7, 6, 5]
    expected = chosen.prod(dim=1)
    slopes = torch.randn(7, 5, dtype=torch.float64, generator=generator)
    (expected * slopes).sum().backward()
    found = products(weights.detach(), pixels)
    torch.testing.assert_close(found, expected.detach())
    torch.testing.assert_close(
        product_gradients(weights.detach(), pixels, found, slopes), weights.grad
    )


def test_a_rank_one_predictor_learns_the_parity_of_a_pixel_and_fits_side_by_side_agree():
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(2, (64, 5), generator=generator).double()
    labels = torch.stack([pixels[:, 0], 1 - pixels[:, 3] * pixels[:, 1]], dim=1)
    config = PredictorConfig(learning_rate=2e-2, max_steps=500, batch_size=64)
    one, two = fit_predictors(pixels, labels, [1, 2], config, seed=0)
    errors = [(predict(each, pixels, config) - labels).square().mean(dim=0) for each in (one, two)]
    assert float(errors[0][0]) < 1e-3  # one product does for a single pixel ...
    assert float(errors[0][1]) > 1e-2  # ... but not for one minus a product of two
    assert float(errors[1][1]) < 1e-3
