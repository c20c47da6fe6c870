"""Graphs that come with several splits: which one a run takes, and that its row says so."""

from __future__ import annotations

import os

import pytest
import torch
from sweep_cases import toy_graph, toy_recipe

import wis
from wis.datasets.splits import MASKS, num_splits, split_of_seed, take_split
from wis.errors import GraphFormatError, OptionError
from wis.experiments import Backend, RunOptions, read_results, run_sweep
from wis.experiments.inputs import Source
from wis.training import TrainConfig, split_vertices, train, train_many

HERE = Backend(own_process=False)
CONFIG = TrainConfig(max_epochs=3, width=8)


def with_splits(number=3):
    """The toy graph with masks of shape [n, number], made of as many random splits."""
    data = toy_graph()
    splits = [split_vertices(data, seed=seed) for seed in range(number)]
    for name in MASKS:
        data[name] = torch.stack([split[name] for split in splits], dim=1)
    return data


def outcome(record):
    return record.test_accuracy, record.val_accuracy, record.last_loss


def test_one_of_the_splits_is_taken_and_the_graph_stays_as_it_is():
    data = with_splits()
    taken = take_split(data, 2)
    assert torch.equal(taken.train_mask, data.train_mask[:, 2])
    assert (num_splits(data), num_splits(taken), num_splits(toy_graph())) == (3, None, None)
    assert data.train_mask.shape == (40, 3)
    assert [split_of_seed(data, seed) for seed in (0, 2, 3, 10)] == [0, 2, 0, 1]
    assert split_of_seed(data, 1, split=2) == 2
    for split in (3, -1, True, 0.5):
        with pytest.raises(OptionError, match="expected 0 to 2, a split of the graph"):
            take_split(data, split)
    with pytest.raises(OptionError, match="the masks of the graph hold one split"):
        take_split(toy_graph(), 0)


def test_a_mask_of_all_splits_goes_with_each_of_them():
    data = with_splits()
    data.test_mask = data.test_mask[:, 0]
    assert torch.equal(take_split(data, 1).test_mask, data.test_mask)
    data.val_mask = data.val_mask[:, :2]
    with pytest.raises(GraphFormatError, match="train_mask has 3, val_mask has 2"):
        num_splits(data)


def test_seed_s_trains_on_split_s_mod_k_unless_one_is_named():
    data = with_splits()
    records = train_many(data, CONFIG, [1, 2, 4])
    assert [record.split for record in records] == [1, 2, 1]
    for record, seed in zip(records, [1, 2, 4], strict=True):
        alone = train(take_split(data, seed % 3), CONFIG.with_seed(seed))
        assert record.test_accuracy == alone.test_accuracy
        assert alone.split is None
    named = train(data, CONFIG, split=2)
    assert named.split == 2
    assert outcome(named) == outcome(train(take_split(data, 2), CONFIG))
    assert train(toy_graph(), CONFIG).split is None


def test_ugs_learns_from_the_split_of_its_seed():
    data = with_splits()
    options = {"epochs_per_round": 3, "round_fraction": 0.5, "width": 4}
    for seed in (0, 1, 4):
        order = wis.removal_order(data, "ugs", seed=seed, **options)
        alone = wis.removal_order(take_split(data, seed % 3), "ugs", seed=seed, **options)
        assert torch.equal(order.edges, alone.edges)
    protected = wis.removal_order(data, "ugs", seed=1, min_degree=1, **options)
    assert wis.verify_order(data, protected).is_complete


def rows_of(folder, name="runs.jsonl"):
    return read_results([folder / name])[0]


def test_a_sweep_takes_several_splits_and_its_rows_say_which(tmp_path):
    path = tmp_path / "splits.pt"
    torch.save(with_splits(), path)
    ugs = "ugs:epochs_per_round=2,round_fraction=0.5"
    recipe = toy_recipe(path, methods=f"wis,{ugs}", seeds="4", remove="0%,50%")
    options = RunOptions(tmp_path / "runs.jsonl", HERE, orders=tmp_path / "orders")
    assert run_sweep(recipe, options).failed == 0
    rows = rows_of(tmp_path)
    assert {(row["seed"], row["split"]) for row in rows} == {(0, 0), (1, 1), (2, 2), (3, 0)}
    for row in rows:
        if row["label"] != "1-WIS":
            continue
        cut = wis.sparsify(with_splits(), remove=row["num_removed"])
        graphs = [take_split(cut, seed % 3) for seed in range(4)]
        record = train_many(graphs, TrainConfig(max_epochs=4, width=8), range(4))[row["seed"]]
        assert outcome(record) == tuple(
            row[name] for name in ("test_accuracy", "val_accuracy", "last_loss")
        )
    orders = {row["order_key"] for row in rows if row["method"] == "ugs" and row["num_removed"]}
    assert len(orders) == 4


def test_a_named_split_is_that_of_all_seeds_and_another_one_is_another_run(tmp_path):
    path = tmp_path / "splits.pt"
    torch.save(with_splits(), path)
    recipe = toy_recipe(path, methods="random", seeds="2", remove="0%", split=1)
    assert recipe.as_dict()["split"] == 1
    options = RunOptions(tmp_path / "runs.jsonl", HERE, orders=tmp_path / "orders")
    run_sweep(recipe, options)
    assert [row["split"] for row in rows_of(tmp_path)] == [1, 1]
    run_sweep(recipe.changed(split=2), options)
    assert sorted(row["split"] for row in rows_of(tmp_path)) == [1, 1, 2, 2]
    with pytest.raises(OptionError, match="split is 3; expected 0 to 2"):
        run_sweep(recipe.changed(split=3), options)


def test_a_graph_that_lacks_one_mask_is_split_anew_and_a_line_says_so(tmp_path, caplog):
    data = toy_graph()
    del data.val_mask
    torch.save(data, tmp_path / "toy.pt")
    loaded = Source(str(tmp_path / "toy.pt")).load()
    assert torch.equal(loaded.train_mask, split_vertices(data, seed=0).train_mask)
    assert "has no val_mask; its vertices are split anew, 80/10/10 with seed 0" in caplog.text


def test_new_splits_of_a_recipe_are_those_of_their_seeds(tmp_path):
    torch.save(toy_graph(), tmp_path / "toy.pt")
    recipe = toy_recipe(tmp_path / "toy.pt", methods="random", seeds="0,1,3", remove="0%")
    recipe = recipe.changed(num_splits=3)
    assert recipe.as_dict()["num_splits"] == 3
    run_sweep(recipe, RunOptions(tmp_path / "runs.jsonl", HERE, orders=tmp_path / "orders"))
    rows = {row["seed"]: row for row in rows_of(tmp_path)}
    assert {seed: row["split"] for seed, row in rows.items()} == {0: 0, 1: 1, 3: 0}
    for seed, row in rows.items():
        alone = split_vertices(toy_graph(), seed=seed % 3)
        record = train(alone, TrainConfig(max_epochs=4, width=8, seed=seed))
        assert row["test_accuracy"] == record.test_accuracy
    with pytest.raises(OptionError, match="num_splits and split_seed are both given"):
        recipe.changed(split_seed=1)
    with pytest.raises(OptionError, match="num_splits"):
        recipe.changed(num_splits=0)


@pytest.mark.data
@pytest.mark.skipif("WIS_DATA_ROOT" not in os.environ, reason="WIS_DATA_ROOT is not set")
def test_chameleon_trains_on_each_of_its_ten_splits(tmp_path):
    data = wis.datasets.load("chameleon:split=all")
    assert data.train_mask.shape == (2277, 10)
    for split in (0, 9):
        public = wis.datasets.load(f"chameleon:split=public,seed={split}")
        assert torch.equal(take_split(data, split).val_mask, public.val_mask)
        assert torch.equal(Source("chameleon", split=split).load().test_mask, data.test_mask)
    assert [record.split for record in train_many(data, CONFIG, [3, 12])] == [3, 2]
