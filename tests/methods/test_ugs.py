"""UGS: noise goes first, rounds are the thesis', runs repeat and resume, errors are clear."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
import torch
from torch_geometric.data import Data, HeteroData

import wis
from wis.amount import num_edges_to_remove
from wis.errors import (
    CheckpointError,
    DivergedError,
    GraphFileError,
    GraphFormatError,
    OptionError,
    UnknownNameError,
)
from wis.graph import UndirectedGraph
from wis.methods import get_method
from wis.training import TABLE_D2, edge_masks, edge_rounds
from wis.training.edge_rounds import round_levels

MODELS = ["gat", "gcn", "gin", "resgcn"]
FAST = {"epochs_per_round": 3, "width": 8, "depth": 2, "round_fraction": 0.2}


def planted(seed: int = 0) -> tuple[Data, torch.Tensor]:
    """Vertices that say their class, and vertices that say nothing and have to ask.

    Each of the second half is joined to four of the first half with its own class, and to one with
    another class: that edge is noise, and misleads.

    Returns the graph and for each edge whether it is noise.
    """
    generator = torch.Generator().manual_seed(seed)
    half, num_classes = 80, 4
    y = torch.arange(2 * half) % num_classes
    x = 0.3 * torch.randn(2 * half, num_classes, generator=generator)
    x[:half] += torch.nn.functional.one_hot(y[:half], num_classes)
    pairs = []
    for vertex in range(half, 2 * half):
        is_same = y[:half] == y[vertex]
        for pool, number in ((is_same.nonzero().view(-1), 4), ((~is_same).nonzero().view(-1), 1)):
            chosen = pool[torch.randperm(len(pool), generator=generator)[:number]]
            pairs += [(known, vertex) for known in chosen.tolist()]
    edges = torch.tensor(pairs).T
    data = Data(x=x, y=y, edge_index=torch.cat([edges, edges.flip(0)], dim=1))
    data.train_mask = torch.rand(2 * half, generator=generator) < 0.8
    u, v = UndirectedGraph.from_any(data).edges
    return data, y[u] != y[v]


def order_of(data, **options) -> wis.RemovalOrder:
    return wis.removal_order(data, "ugs", progress=False, **options)


def small(**changes) -> Data:
    """A ring of ten vertices with a chord."""
    ring = torch.arange(10)
    edges = torch.stack([ring, (ring + 1) % 10])
    edges = torch.cat([edges, torch.tensor([[0], [5]])], dim=1)
    data = Data(
        edge_index=torch.cat([edges, edges.flip(0)], dim=1),
        x=torch.eye(10),
        y=ring % 2,
        train_mask=ring < 8,
        num_nodes=10,
    )
    for name, value in changes.items():
        data[name] = value
    return data


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


def recorded_rounds(monkeypatch) -> list[dict]:
    """Note what each round begins and ends with."""
    rounds = []
    train, logits_of = edge_rounds.train_edge_masks, edge_masks.masked_logits

    def train_and_note(network, initial, vertices, edges, config, report):
        rounds.append({"edges": edges, "first": None})
        mask = train(network, initial, vertices, edges, config, report)
        rounds[-1]["mask"] = mask
        rounds[-1]["last"] = state_of(network)
        return mask

    def logits_and_note(network, graph, features, mask):
        if rounds[-1]["first"] is None:
            rounds[-1]["first"] = state_of(network)
            rounds[-1]["first_mask"] = mask.detach().clone()
        return logits_of(network, graph, features, mask)

    monkeypatch.setattr(edge_rounds, "train_edge_masks", train_and_note)
    monkeypatch.setattr(edge_masks, "masked_logits", logits_and_note)
    return rounds


def state_of(network) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


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


# Options


def cora_sized() -> Data:
    """As many vertices and edges as Cora; they are not what matters."""
    num_nodes, num_edges = 2708, 5278
    u = torch.arange(num_nodes).repeat(2)[:num_edges]
    step = torch.arange(num_edges) // num_nodes + 1
    data = Data(edge_index=torch.stack([u, (u + step) % num_nodes]), num_nodes=num_nodes)
    data.x, data.y = torch.ones(num_nodes, 1), torch.zeros(num_nodes, dtype=torch.int64)
    data.train_mask = data.y == 0
    return data


def resolved(data, **given) -> dict:
    return get_method("ugs").resolved_options(UndirectedGraph.from_any(data), given)


def test_a_graph_of_the_size_of_cora_gets_the_row_of_table_d2():
    for model in ("gcn", "gin", "resgcn"):
        row, found = TABLE_D2[model, "cora"], resolved(cora_sized(), model=model)
        assert found["dataset"] == "cora"
        assert (found["learning_rate"], found["weight_decay"], found["l1"]) == (
            row.learning_rate,
            row.weight_decay,
            row.edge_mask_l1,
        )
        assert found["mask_learning_rate"] == found["learning_rate"]


def test_a_graph_or_a_model_that_table_d2_lacks_gets_its_commonest_values():
    for found in (resolved(small()), resolved(cora_sized(), model="gat")):
        assert found["dataset"] == "none"
        assert (found["learning_rate"], found["weight_decay"], found["l1"]) == (1e-3, 1e-4, 1e-2)
    assert resolved(small(), model="resgcn")["depth"] == 10


def test_a_named_data_set_and_given_values_come_first():
    found = resolved(small(), dataset="squirrel", weight_decay=0.25)
    assert (found["learning_rate"], found["weight_decay"], found["l1"]) == (5e-4, 0.25, 1e-4)
    assert resolved(cora_sized(), dataset="none")["learning_rate"] == 1e-3
    with pytest.raises(UnknownNameError, match="gin on squirrel"):
        resolved(small(), dataset="squirrel", model="gin")


def test_provenance_holds_all_resolved_options_but_not_the_checkpoint(tmp_path):
    order = order_of(small(), checkpoint=tmp_path / "ugs.checkpoint", **FAST)
    options = dict(order.provenance.options)
    assert len(options.pop("data_digest")) == 32
    assert options == {
        "model": "gcn",
        "learning_rate": 1e-3,
        "mask_learning_rate": 1e-3,
        "weight_decay": 1e-4,
        "l1": 1e-2,
        "dataset": "none",
        **FAST,
    }
    assert order.provenance.seed == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"depth": 0}, "depth is 0; expected an integer, 1 or more"),
        ({"width": 2.5}, "width is 2.5; expected an integer"),
        ({"epochs_per_round": True}, "epochs_per_round is True"),
        ({"learning_rate": 0}, "learning_rate is 0; expected a number above 0"),
        ({"mask_learning_rate": -1.0}, "mask_learning_rate is -1.0"),
        ({"weight_decay": float("nan")}, "weight_decay is nan; expected a number of at least 0"),
        ({"l1": "much"}, "l1 is 'much'; expected a number of at least 0"),
        ({"round_fraction": 0.0}, "round_fraction is 0.0; expected a number above 0, at most 1"),
        ({"round_fraction": 1.5}, "round_fraction is 1.5"),
        ({"model": "gat", "width": 6}, "heads is 4; expected a divisor of the width"),
        ({"speed": 3}, "no option 'speed'"),
    ],
    ids=str,
)
def test_impossible_options_are_refused_in_one_line(given, message):
    with pytest.raises(OptionError, match=message) as error:
        order_of(small(), **given)
    assert "\n" not in str(error.value)


def test_unknown_model_is_answered_with_the_known_ones():
    with pytest.raises(UnknownNameError, match="unknown model 'gnc'; known: gat, gcn, gin, resgcn"):
        order_of(small(), model="gnc")


# Data


@pytest.mark.parametrize("name", edge_masks.NEEDS)
def test_missing_data_is_named(name):
    data = small()
    del data[name]
    with pytest.raises(GraphFormatError, match=f"needs data.{name}, which is missing") as error:
        order_of(data)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": torch.eye(10).log()}, "x holds NaN, infinite values"),
        ({"x": torch.full((10, 2), float("nan"))}, "x holds NaN"),
        ({"x": torch.full((10, 2), float("nan")).to_sparse()}, "x holds NaN"),
        ({"x": torch.ones(10)}, r"x is torch.float32 of shape \[10\]"),
        ({"x": torch.ones(12, 2)}, r"shape \[12, 2\]; expected real numbers of shape \[10, "),
        ({"x": torch.ones(10, 0)}, "at least one feature"),
        ({"x": [1.0] * 10}, "data.x, a tensor, not a list"),
        ({"y": torch.full((10,), float("nan"))}, "y is torch.float32"),
        ({"y": torch.zeros(10, 3, dtype=torch.int64)}, "expected integer classes"),
        ({"y": torch.arange(10) - 4}, "a vertex of train_mask has a negative label"),
        ({"train_mask": torch.arange(5)}, r"train_mask is torch.int64 of shape \[5\]"),
        ({"train_mask": torch.ones(9, dtype=torch.bool)}, r"expected torch.bool of shape \[10\]"),
        ({"train_mask": torch.zeros(10, dtype=torch.bool)}, "nothing to train on"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_data_that_does_not_fit_is_refused_in_one_line(changes, message):
    with pytest.raises(GraphFormatError, match=message) as error:
        order_of(small(**changes))
    assert "\n" not in str(error.value)


def test_what_has_no_vertex_attributes_is_refused():
    hetero = HeteroData()
    hetero["a"].num_nodes = 3
    hetero["a", "to", "a"].edge_index = torch.tensor([[0, 1], [1, 2]])
    with pytest.raises(OptionError, match="one type of vertices and edges, got a HeteroData"):
        order_of(hetero)
    with pytest.raises(OptionError, match="needs a PyG Data with x, y, train_mask; got a Tensor"):
        order_of(small().edge_index)


def test_attributes_may_come_from_another_object():
    data = small()
    apart = order_of(data.edge_index, vertex_data=data, **FAST)
    assert torch.equal(apart.edges, order_of(data, **FAST).edges)


def test_the_registry_knows_what_the_training_needs():
    assert get_method("ugs").needs == edge_masks.NEEDS


def test_unlabelled_vertices_may_be_outside_the_training_set():
    data = small(y=torch.tensor([0, 1, 0, 1, 0, 1, 0, 1, -1, -1]))
    assert len(order_of(data, **FAST)) == 11


def test_divergence_is_noticed():
    with pytest.raises(DivergedError, match=r"epoch \d+ are not finite; .* lower learning_rate"):
        order_of(small(x=torch.full((10, 1), 1e38)), model="gin", learning_rate=1e30)


def test_saved_order_is_refused_for_other_features():
    data, _ = planted()
    order = order_of(data, min_degree=1, **FAST)
    assert wis.verify_order(data, order).is_complete
    data.x = data.x + 1
    with pytest.raises(OptionError, match="not those that the order was made for"):
        wis.verify_order(data, order)


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


# Checkpoints


def test_an_order_killed_and_resumed_is_that_of_an_uninterrupted_run(tmp_path):
    path = tmp_path / "ugs.checkpoint"
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", __file__, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    with process:
        assert process.stdout.readline() == b"two rounds are done\n"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    data, _ = planted()
    expected = order_of(data, **FAST)
    kept = torch.load(path, weights_only=True)["state"]["removed"]
    assert kept.numel() == round_levels(expected.num_edges, 0.2)[1]
    resumed = order_of(data, checkpoint=path, **FAST)
    assert torch.equal(resumed.edges, expected.edges)
    assert resumed.provenance.options == expected.provenance.options


def test_a_resumed_order_does_only_the_rounds_that_are_left(tmp_path, monkeypatch):
    path = tmp_path / "ugs.checkpoint"
    data, is_noise = planted()
    first = order_of(data, checkpoint=path, count=len(is_noise) // 2, **FAST)
    rounds = recorded_rounds(monkeypatch)
    whole = order_of(data, checkpoint=str(path), **FAST)
    assert len(rounds) == 2
    assert torch.equal(whole.edges[:, : len(first)], first.edges)
    again = order_of(data, checkpoint=path, **FAST)
    assert len(rounds) == 2, "a finished order is not computed again"
    assert torch.equal(again.edges, whole.edges)
    assert [entry.name for entry in tmp_path.iterdir()] == ["ugs.checkpoint"]


@pytest.mark.parametrize("change", ["options", "seed", "features", "graph"])
def test_a_checkpoint_of_another_order_is_refused(change, tmp_path):
    path = tmp_path / "ugs.checkpoint"
    data, given = small(), dict(FAST)
    order_of(data, checkpoint=path, **given)
    before = path.read_bytes()
    if change == "options":
        given["l1"] = 0.5
    elif change == "seed":
        given["seed"] = 1
    elif change == "features":
        data.x = data.x + 1
    else:
        data.edge_index = torch.cat([data.edge_index, torch.tensor([[2], [7]])], dim=1)
    with pytest.raises(CheckpointError, match="delete it, or give another file"):
        order_of(data, checkpoint=path, **given)
    assert path.read_bytes() == before


def test_a_damaged_checkpoint_is_refused(tmp_path):
    path = tmp_path / "ugs.checkpoint"
    order_of(small(), checkpoint=path, **FAST)
    content = torch.load(path, weights_only=True)
    for removed in ([0, 0], [0, 11], [-1, 0], [0]):
        content["state"]["removed"] = torch.tensor(removed)
        torch.save(content, path)
        with pytest.raises(CheckpointError, match="is damaged; delete it"):
            order_of(small(), checkpoint=path, **FAST)
    path.write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError, match="damaged; delete it to start afresh"):
        order_of(small(), checkpoint=path, **FAST)


def test_a_checkpoint_that_cannot_be_written_is_refused_before_any_training(tmp_path, monkeypatch):
    monkeypatch.setattr(edge_rounds, "train_edge_masks", None)
    with pytest.raises(GraphFileError, match="there is no folder"):
        order_of(small(), checkpoint=tmp_path / "none" / "ugs.checkpoint", **FAST)


def _be_killed_in_the_third_round(path: str) -> None:
    train, rounds = edge_rounds.train_edge_masks, []

    def train_or_wait(*given):
        if len(rounds) == 2:
            sys.stdout.write("two rounds are done\n")
            sys.stdout.flush()
            sys.stdin.read()
        rounds.append(None)
        return train(*given)

    edge_rounds.train_edge_masks = train_or_wait
    order_of(planted()[0], checkpoint=path, **FAST)


if __name__ == "__main__":
    _be_killed_in_the_third_round(sys.argv[1])
