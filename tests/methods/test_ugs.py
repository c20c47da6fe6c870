"""UGS: noise goes first, rounds are those of the thesis, everything repeats, progress is told."""

from __future__ import annotations

import pytest
import torch
from ugs_cases import FAST, order_of, planted, recorded_rounds, small

from wis.base.checks import num_edges_to_remove
from wis.graph import UndirectedGraph
from wis.methods import get_method
from wis.training import edge_rounds
from wis.training.edge_rounds import round_levels
from wis.training.stopping import EarlyStopping

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


def scripted_masks(monkeypatch, *rounds):
    """Let the rounds end with these masks, on a path of nine vertices."""
    masks = iter(rounds)
    monkeypatch.setattr(edge_rounds, "train_edge_masks", lambda *_: torch.tensor(next(masks)))
    path = torch.stack([torch.arange(8), torch.arange(8) + 1])
    return small(edge_index=torch.cat([path, path.flip(0)], dim=1))


def test_within_a_round_the_smallest_magnitude_goes_first(monkeypatch):
    data = scripted_masks(
        monkeypatch, [0.5, -0.1, 0.4, 0.2, 0.9, 0.11, -0.7, 0.6], [-0.4, 0.5, 0.3, 0.41]
    )
    order = order_of(data, round_fraction=0.5)
    # by hand: 1, 5, 3, 2; left are 0, 4, 6, 7, of which 6 is the least
    assert order.edges[0].tolist() == [1, 5, 3, 2, 6, 0, 7, 4]


def test_the_seed_breaks_ties_and_not_the_place_in_the_list(monkeypatch):
    data = scripted_masks(monkeypatch, *[[0.0] * 8] * 12)
    orders = [order_of(data, round_fraction=1.0, seed=seed).edges[0].tolist() for seed in range(6)]
    assert len(set(map(tuple, orders))) == 6
    assert list(range(8)) not in orders
    assert order_of(data, round_fraction=1.0, seed=3).edges[0].tolist() == orders[3]


@pytest.mark.parametrize("model", MODELS)
def test_long_training_gives_no_edge_list(model):
    options = {"learning_rate": 0.1, "l1": 0.1, "epochs_per_round": 60, "width": 4, "depth": 2}
    data, _ = planted()
    order = order_of(data, model=model, patience=0, round_fraction=0.5, **options)
    ids = UndirectedGraph.from_any(data).edge_ids(order.edges)
    for half in ids.chunk(2):
        assert half.diff().gt(0).double().mean() < 0.7  # all, where masks stop at zero


def test_masks_that_tell_no_edges_apart_are_reported(monkeypatch, caplog):
    data = scripted_masks(
        monkeypatch, [0.5, 0.5001, 0.5002, 0.5003, 0.1, 0.2, 0.9, 0.8], [0.1, 0.2, 0.3, 0.9]
    )
    order_of(data, round_fraction=0.5, learning_rate=0.01)
    assert caplog.messages == []
    data = scripted_masks(
        monkeypatch, [0.501, 0.5001, 0.5002, 0.5003, 0.4, 0.504, 0.506, 0.8], [0.1, 0.2, 0.3, 0.9]
    )
    order_of(data, round_fraction=0.5, learning_rate=0.01)
    (message,) = caplog.messages
    assert message.startswith("ugs: in 1 of 2 rounds the masks hardly tell edges apart: 75 % of")


# How long a round lasts, and which epoch counts


def trained(monkeypatch, **options):
    """The epochs of the only round, and its mask."""
    rounds, counts = recorded_rounds(monkeypatch), []
    update = EarlyStopping.update
    monkeypatch.setattr(
        EarlyStopping, "update", lambda rule, hits: counts.append(hits) or update(rule, hits)
    )
    order_of(planted()[0], count=1, width=8, depth=2, round_fraction=1.0, **options)
    return counts, rounds[0]["mask"]


@pytest.mark.parametrize("model", ["gcn", "gin"])
def test_a_round_ends_when_the_validation_accuracy_has_not_risen(model, monkeypatch):
    counts, _ = trained(monkeypatch, model=model, patience=4, epochs_per_round=200)
    assert 4 < len(counts) < 200
    assert max(counts[-4:]) <= max(counts[:-4])
    assert all(max(counts[k - 4 : k]) > max(counts[: k - 4]) for k in range(5, len(counts)))


def test_the_masks_of_the_best_epoch_are_those_of_a_training_that_ends_there(monkeypatch):
    options = {"patience": 0, "learning_rate": 0.05, "model": "gin"}
    counts, best = trained(monkeypatch, epochs_per_round=30, keep="best", **options)
    assert len(counts) == 30
    first = counts.index(max(counts)) + 1
    assert 1 < first < 30, "the case is one where it matters"
    for epochs, is_equal in ((first, True), (30, False)):
        _, last = trained(monkeypatch, epochs_per_round=epochs, keep="last", **options)
        assert torch.equal(best, last) == is_equal


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
def test_each_round_starts_with_the_initial_weights_and_masks_of_nearly_one(model, monkeypatch):
    rounds = recorded_rounds(monkeypatch)
    data, _ = planted()
    order_of(data, model=model, **FAST)
    assert len(rounds) == 5
    initial = rounds[0]["first"]
    for one in rounds:
        assert all(torch.equal(one["first"][name], initial[name]) for name in initial)
        assert any(not torch.equal(one["last"][name], initial[name]) for name in initial)
        noise = one["first_mask"] - 1
        assert noise.abs().max() <= 1.1e-5
        assert noise.std() > 4e-6  # uniform on ± 1e-5: 5.8e-6
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
