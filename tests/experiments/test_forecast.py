"""Forecasts: an order is timed in part, and its time extended."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
import torch

from wis.datasets import load
from wis.experiments import forecast
from wis.experiments.accuracy import AccuracyPlan
from wis.experiments.recipe import recipe_of
from wis.experiments.sweep import RunOptions
from wis.methods import register
from wis.methods.registry import METHODS

STEP_S = 0.002


@pytest.fixture
def row(tmp_path):
    """A planned row of a method that takes `STEP_S` for each of the 78 edges of karate."""
    with METHODS.restored():

        @register("slow", summary="one by one")
        def slow(graph, *, count, seed, progress):
            for done in range(count):
                time.sleep(STEP_S)
                progress(done + 1)
            return torch.arange(count)

        recipe = recipe_of("karate", models="gcn", methods="slow", remove="50%")
        yield AccuracyPlan(recipe, RunOptions(tmp_path / "runs.jsonl")).rows[0]


@pytest.mark.parametrize("limit", [0.03, 60.0])
def test_a_long_order_is_stopped_and_its_time_extended(row, limit, monkeypatch):
    monkeypatch.setattr(forecast, "ORDER_S", limit)
    source = SimpleNamespace(part=lambda split: load("karate"))
    start = time.perf_counter()
    seconds = forecast.order_seconds(source, row, "cpu")
    taken = time.perf_counter() - start
    assert seconds >= 78 * STEP_S
    assert taken < seconds if limit < 1 else taken >= seconds
