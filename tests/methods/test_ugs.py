"""UGS: noise goes first, rounds are those of the thesis, everything repeats, progress is told."""

from __future__ import annotations

import pytest
import torch
from ugs_cases import FAST, order_of, planted, recorded_rounds, small

from wis.base.amount import num_edges_to_remove
from wis.graph import UndirectedGraph
from wis.methods import get_method
from wis.training import edge_rounds
from wis.training.edge_rounds import round_levels

MODELS = ["gat", "gcn", "gin", "resgcn"]


# What goes first


@pytest.mark.parametrize("model", MODELS)
def test_noise_that_misleads_goes_first(model):
    given = {"epochs_per_round": 60, "l1": 1e-5, "weight_decay": 0.0, "width": 16, "depth": 2}
    rates = {"learning_rate": 0.002, "mask_learning_rate": 0.01}
    found = []
    for seed in (0, 1):
        data, is_noise = planted(seed)
        assert is_noise.sum() == 80
        assert is_noise.numel() == 400
        order = order_of(data, model=model, seed=seed, count=40, **given, **rates)
        ids = UndirectedGraph.from_any(data).edge_ids(order.edges)
        found.append(int(is_noise[ids].sum()))
    # of 80 edges chosen at random 16 would be noise, 30 or more with a chance of 1 in 4,000
    assert sum(found) >= 30, found


def test_within_a_round_the_smallest_mask_goes_first_and_ties_to_the_smallest_id(monkeypatch):
    scripted = iter([[0.5, 0.1, 0.5, 0.2, 0.9, 0.1, 0.7, 0.6], [0.4, 0.4, 0.3, 0.4]])
    monkeypatch.setattr(
        edge_rounds, "train_edge_masks", lambda *given: torch.tensor(next(scripted))
    )
    data = small()
    path = torch.stack([torch.arange(8), torch.arange(8) + 1])
    data.edge_index = torch.cat([path, path.flip(0)], dim=1)
    order = order_of(data, round_fraction=0.5)
    # by hand: 1 and 5 tie at 0.1, then 3, then 0 before 2; 2, 4, 6, 7 are left, of which 6 is least
    assert order.edges[0].tolist() == [1, 5, 3, 0, 6, 2, 4, 7]


# Rounds


@pytest.mark.parametrize("num_edges", [1, 2, 3, 19, 20, 78, 5278, 31371])
def test_each_round_ends_where_a_cut_at_that_percentage_falls(num_edges):
    levels = round_levels(num_edges, 0.05)
    cuts = [num_edges_to_remove(num_edges, remove=f"{5 * r}%") for r in range(1, 21)]
    assert levels == sorted({cut for cut in cuts if cut})
    assert levels[-1] == num_edges


def test_cora_takes_twenty_rounds_of_five_percent_of_the_original_edges():
    sizes = torch.tensor([0, *round_levels(5278, 0.05)]).diff()
    assert len(sizes) == 20
    assert set(sizes.tolist()) == {263, 264}  # 0.05 * 5278 = 263.9


def test_the_last_round_takes_the_rest():
    assert round_levels(10, 0.3) == [3, 6, 9, 10]
    assert round_levels(10, 1.0) == [10]


@pytest.mark.parametrize("model", MODELS)
def test_each_round_starts_with_the_initial_weights_and_masks_of_one(model, monkeypatch):
    rounds = recorded_rounds(monkeypatch)
    data, _ = planted()
    order_of(data, model=model, **FAST)
    assert len(rounds) == 5
    initial = rounds[0]["first"]
    for one in rounds:
        assert all(torch.equal(one["first"][name], initial[name]) for name in initial)
        assert any(not torch.equal(one["last"][name], initial[name]) for name in initial)
        assert torch.equal(one["first_mask"], torch.ones(one["edges"].size(1)))
        assert not torch.equal(one["mask"], one["first_mask"])


def test_each_round_trains_on_what_the_rounds_before_have_left(monkeypatch):
    rounds = recorded_rounds(monkeypatch)
    data, _ = planted()
    graph = UndirectedGraph.from_any(data)
    order = order_of(data, **FAST)
    removed = graph.edge_ids(order.edges)
    for one, done in zip(rounds, [0, *round_levels(graph.num_edges, 0.2)], strict=False):
        left = removed[done:].sort().values
        assert torch.equal(one["edges"], graph.edges[:, left])


def test_initial_weights_are_those_of_the_seed(monkeypatch):
    from wis.models import build_model

    rounds = recorded_rounds(monkeypatch)
    order_of(small(), seed=5, count=1, model="gin", **FAST)
    expected = build_model("gin", 10, 2, depth=2, width=8, seed=5).state_dict()
    assert all(torch.equal(rounds[0]["first"][name], expected[name]) for name in expected)


def test_a_count_stops_after_enough_rounds(monkeypatch):
    rounds = recorded_rounds(monkeypatch)
    data, is_noise = planted()
    whole = order_of(data, **FAST)
    needed = {0: 0, 1: 1, len(is_noise) // 5: 1, len(is_noise) // 2: 3}
    for count, expected in needed.items():
        rounds.clear()
        short = order_of(data, count=count, **FAST)
        assert len(rounds) == expected
        assert torch.equal(short.edges, whole.edges[:, :count])


# Repeatability


@pytest.mark.parametrize("model", MODELS)
def test_same_seed_same_order_with_any_number_of_threads_and_another_seed_another(model):
    data, _ = planted()
    threads = torch.get_num_threads()
    try:
        orders = []
        for number in (1, 2):
            torch.set_num_threads(number)
            orders.append(order_of(data, model=model, seed=3, **FAST).edges)
            assert torch.get_num_threads() == number
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*orders)
    assert not torch.equal(orders[0], order_of(data, model=model, seed=4, **FAST).edges)


def test_torchs_global_generator_is_left_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    order_of(small(), **FAST)
    assert torch.equal(torch.rand(3), expected)


def test_sparse_features_give_the_same_order():
    data, _ = planted()
    data.x = data.x * (torch.rand(data.x.shape, generator=torch.Generator().manual_seed(0)) < 0.1)
    sparse = data.clone()
    sparse.x = data.x.to_sparse()
    assert torch.equal(order_of(data, **FAST).edges, order_of(sparse, **FAST).edges)


@pytest.mark.parametrize(
    "change",
    [
        {"epochs_per_round": 4},
        {"learning_rate": 0.1},
        {"mask_learning_rate": 0.1},
        {"weight_decay": 0.5},
        {"l1": 1.0},
        {"width": 9},
        {"depth": 3},
        {"model": "gin"},
        {"round_fraction": 0.1},
    ],
    ids=str,
)
def test_every_option_matters(change):
    data, _ = planted()
    base = {**FAST, "learning_rate": 0.01}
    assert not torch.equal(order_of(data, **base).edges, order_of(data, **{**base, **change}).edges)


@pytest.mark.parametrize("name", ["x", "y", "train_mask"])
def test_features_labels_and_training_vertices_matter_and_are_recorded(name):
    data, _ = planted()
    other = data.clone()
    other[name] = data[name].roll(1, 0)
    first, second = order_of(data, **FAST), order_of(other, **FAST)
    assert not torch.equal(first.edges, second.edges)
    digests = [order.provenance.options["data_digest"] for order in (first, second)]
    assert digests[0] != digests[1]


# Progress


def test_progress_rises_within_rounds_and_reaches_the_count():
    data, is_noise = planted()
    graph, row, reports = UndirectedGraph.from_any(data), get_method("ugs"), []
    options = row.resolved_options(graph, {**FAST, "epochs_per_round": 10})
    arguments, _ = row.prepare(graph, data, options, 0)
    m = len(is_noise)
    row.order(graph, count=m, seed=0, progress=reports.append, **arguments)
    assert reports == sorted(reports)
    assert len(set(reports)) > 25, "five rounds of ten epochs"
    assert set(round_levels(m, 0.2)) <= set(reports)
