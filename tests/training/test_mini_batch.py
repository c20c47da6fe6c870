"""Mini-batches: they learn, repeat, and say which package is missing."""

from __future__ import annotations

import pytest
import torch
from graphs import planted, quick
from torch_geometric import typing as installed

from wis.errors import MissingDependencyError
from wis.training import mini_batch, train
from wis.training.mini_batch import MiniBatchEngine
from wis.training.problem import make_problem

CAN_SAMPLE = installed.WITH_PYG_LIB or installed.WITH_TORCH_SPARSE


def parts(**changes):
    return quick(sampler="random-parts", num_parts=4, **changes)


@pytest.mark.parametrize("model", ["gcn", "gin"])
def test_random_parts_learn_a_planted_task(model):
    config = parts(model=model, max_epochs=30, dtype="float32")
    record = train(planted(num_nodes=240, sparse=False), config, progress=False)
    assert record.engine == "mini-batch"
    assert record.test_accuracy > 0.8
    assert record.curve.loss[-1] < record.curve.loss[0] / 2


def test_the_same_call_gives_the_same_run_and_another_seed_another():
    losses = [train(planted(), parts(seed=s), progress=False).curve.loss for s in (0, 0, 1)]
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


def test_an_epoch_takes_a_step_for_each_part_and_all_training_vertices_once(monkeypatch):
    seen = []

    def recorded(batch):
        rows = original(batch)
        seen.append(batch.x[rows, 0])
        return rows

    original = mini_batch._trained_rows
    monkeypatch.setattr(mini_batch, "_trained_rows", recorded)
    data = planted()
    data.x[:, 0] = torch.arange(120)
    config = parts()
    engine = MiniBatchEngine(make_problem([data], config), [config])
    engine.epoch(1)
    assert len(seen) == 4
    assert torch.cat(seen).sort().values.tolist() == data.train_mask.nonzero().view(-1).tolist()


def test_parts_differ_from_epoch_to_epoch(monkeypatch):
    config = parts()
    data = planted()
    data.x[:, 0] = torch.arange(120)
    engine = MiniBatchEngine(make_problem([data], config), [config])
    firsts = []
    for epoch in (1, 2):
        with torch.random.fork_rng():
            torch.manual_seed(config.seed * 1_000_003 + epoch)
            firsts.append(next(iter(engine.loaders[0])).x[:, 0].sort().values)
    assert not torch.equal(*firsts)


def test_sparse_features_are_sampled_too():
    record = train(planted(sparse=True), parts(max_epochs=2), progress=False)
    assert record.num_epochs == 2


def test_one_part_is_a_full_batch():
    config = quick(sampler="random-parts", num_parts=1)
    whole = train(planted(), quick(), progress=False)
    assert train(planted(), config, progress=False).curve.loss == pytest.approx(
        whole.curve.loss, rel=1e-6
    )


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(installed, "WITH_PYG_LIB", False)
    monkeypatch.setattr(installed, "WITH_TORCH_SPARSE", False)
    with pytest.raises(MissingDependencyError, match="needs pyg-lib or torch-sparse"):
        train(planted(), quick(sampler="neighbor"), progress=False)


@pytest.mark.skipif(not CAN_SAMPLE, reason="needs pyg-lib or torch-sparse")
def test_neighbors_learn_a_planted_task():
    config = quick(sampler="neighbor", batch_size=40, num_neighbors=5, max_epochs=30)
    record = train(planted(num_nodes=240), config, progress=False)
    assert record.test_accuracy > 0.8


@pytest.mark.skipif(not CAN_SAMPLE, reason="needs pyg-lib or torch-sparse")
def test_all_neighbors_of_all_vertices_are_a_full_batch():
    config = quick(sampler="neighbor", batch_size=10**6, num_neighbors=-1)
    whole = train(planted(), quick(), progress=False)
    found = train(planted(), config, progress=False)
    assert found.curve.loss == pytest.approx(whole.curve.loss, rel=1e-6)
