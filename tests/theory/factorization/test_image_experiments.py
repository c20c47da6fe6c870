"""Runs of the experiments on images: settings of the thesis, interruptions, forecasts."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest
import torch

from wis.errors import CheckpointError, OptionError
from wis.theory.experiments import Request, get_experiment, resized, run_experiment
from wis.theory.factorization.binary_predictors import PredictorConfig, fit_predictors
from wis.theory.factorization.experiments import countering_locality
from wis.theory.factorization.locality.fitting import FitConfig

CONFIG = PredictorConfig(learning_rate=1e-2, batch_size=10, max_steps=7)


def seeded_pixels():
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(2, (25, 6), generator=generator).double()
    return pixels, torch.stack([pixels[:, 0], pixels[:, 1] * pixels[:, 2]], dim=1)


def test_settings_are_those_of_the_thesis_and_of_the_published_plots():
    config = get_experiment("fig2_3").thesis.config
    assert [config.scale(rank) for rank in (1, 7)] == [2, 2]
    assert replace(config, symmetric=True).scale(7) == 14
    for name, network, parts, lengths in (
        ("fig3_6", "resnet18", 1, (3, 5, 7, 9)),
        ("figC_5", "resnet34", 2, (3, 5, 7, 9, 11)),
    ):
        size = get_experiment(name).thesis
        same, paths = size.tasks
        assert (size.network, size.seeds, size.config.batch_size) == (network, 5, 64)
        assert size.config.accumulate == parts
        assert same.ranges == (0, 40, 80, 120, 160)
        assert paths.ranges == lengths
        assert [setting.coefficient for setting in same.settings] == [0, 0.1, 1]
        assert [setting.coefficient for setting in paths.settings] == [0, 3, 9]


def test_a_fit_that_was_interrupted_goes_on_to_the_same_weights(tmp_path):
    pixels, labels = seeded_pixels()
    whole = fit_predictors(pixels, labels, [1, 2], CONFIG, seed=3)
    path = tmp_path / "fit.ckpt"

    def interrupt(step):
        if step == 4:
            signal.raise_signal(signal.SIGINT)

    steps = []
    with pytest.raises(KeyboardInterrupt):
        fit_predictors(pixels, labels, [1, 2], CONFIG, seed=3, checkpoint=path, progress=interrupt)
    resumed = fit_predictors(
        pixels, labels, [1, 2], CONFIG, seed=3, checkpoint=path, progress=steps.append
    )
    assert steps == [5, 6, 7]
    assert all(map(torch.equal, resumed, whole))
    with pytest.raises(CheckpointError, match="another configuration"):
        fit_predictors(pixels, labels, [1, 2], CONFIG, seed=4, checkpoint=path)


def test_single_precision_gives_nearly_the_same_weights():
    pixels, labels = seeded_pixels()
    double, single = (
        fit_predictors(pixels, labels, [2], replace(CONFIG, precision=each), seed=0)[0]
        for each in ("float64", "float32")
    )
    assert single.dtype == torch.float64
    assert not torch.equal(single, double)
    torch.testing.assert_close(single, double, atol=1e-4, rtol=0)
    with pytest.raises(OptionError, match="float64 or float32"):
        fit_predictors(pixels, labels, [2], replace(CONFIG, precision="half"), seed=0)


def tiny():
    quick = get_experiment("fig3_6").quick
    pairs = replace(quick.tasks[0], ranges=(0, 4), num_train=16, num_test=8)
    return replace(quick, tasks=(pairs,), seeds=2, config=FitConfig(max_epochs=1))


def test_finished_fits_of_an_interrupted_run_are_not_run_again(tmp_path, monkeypatch):
    whole = run_experiment("fig3_6", size=tiny())
    fits, own_fit, kill = [], countering_locality._fit, [True]

    def fit(size, images, *others):
        if len(fits) == 3 and kill:
            raise KeyboardInterrupt
        fits.append(others)
        return own_fit(size, images, *others)

    monkeypatch.setattr(countering_locality, "_fit", fit)
    with pytest.raises(KeyboardInterrupt):
        run_experiment("fig3_6", size=tiny(), request=Request(folder=tmp_path))
    fits.clear()
    kill.clear()
    resumed = run_experiment("fig3_6", size=tiny(), request=Request(folder=tmp_path))
    assert len(fits) == len(whole.rows) - 3
    assert resumed.rows == whole.rows
    assert not list(tmp_path.glob("*.ckpt"))


def test_pairs_are_of_the_first_classes_only():
    with pytest.raises(OptionError, match="images of a single class"):
        run_experiment("fig3_6", size=resized(tiny(), {"tasks.0.classes": 1}))


def test_days_are_refused_with_a_forecast_before_the_first_fit(monkeypatch):
    monkeypatch.setattr(countering_locality, "_fit", lambda *arguments: pytest.fail("it started"))
    size = resized(tiny(), {"config.max_epochs": 10**9, "tasks.0.num_train": 10**4})
    with pytest.raises(OptionError, match=r"up to .* hours and .* of memory on cpu.*--force-size"):
        run_experiment("fig3_6", size=size)


def test_one_kind_of_task_can_be_run_alone():
    size = get_experiment("fig3_6").thesis
    assert resized(size, {"kinds": ["pathfinder"]}).kinds == ("pathfinder",)
    with pytest.raises(OptionError, match="'same class' or 'pathfinder'"):
        run_experiment("fig3_6", size=replace(size, kinds=("mazes",)))
