"""UGS: options and what they stand for, data it cannot use, checkpoints."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import forked
import pytest
import torch
from torch_geometric.data import Data, HeteroData
from ugs_cases import FAST, order_of, planted, recorded_rounds, small

import wis
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


def test_a_named_data_set_gets_its_row_of_table_d2():
    for model in ("gcn", "gin", "resgcn"):
        row, found = TABLE_D2[model, "cora"], resolved(small(), model=model, dataset="cora")
        assert found["dataset"] == "cora"
        assert (found["learning_rate"], found["weight_decay"], found["l1"]) == (
            row.learning_rate,
            row.weight_decay,
            row.edge_mask_l1,
        )
        assert found["mask_learning_rate"] == found["learning_rate"]


def test_each_protocol_has_its_own_length_and_rates():
    found = {
        name: resolved(small(), protocol=name, dataset="cora")
        for name in ("thesis", "original", "quick")
    }
    names = ("epochs_per_round", "patience", "keep", "learning_rate", "weight_decay", "l1")
    # Appendix D.6.2.2 and Table D.2; the commands that the authors of UGS give for Cora
    assert [found["thesis"][name] for name in names] == [10_000, 1_000, "last", 5e-4, 1e-3, 1e-2]
    assert [found["original"][name] for name in names] == [200, 0, "best", 8e-3, 8e-5, 1e-2]
    assert [found["quick"][name] for name in names] == [1_000, 100, "last", 5e-3, 1e-3, 1e-2]
    assert resolved(small())["protocol"] == "thesis"
    assert resolved(small(), protocol="original", epochs_per_round=7)["epochs_per_round"] == 7
    with pytest.raises(OptionError, match="protocol is 'fast'; expected one of 'thesis'"):
        resolved(small(), protocol="fast")
    with pytest.raises(UnknownNameError, match=r"'squirrel'; known: citeseer, cora.*out for learn"):
        resolved(small(), protocol="original", dataset="squirrel")


def test_no_data_set_is_guessed_from_the_size_of_a_graph():
    for found in (resolved(small()), resolved(cora_sized()), resolved(cora_sized(), model="gat")):
        assert found["dataset"] == "none"
        assert (found["learning_rate"], found["weight_decay"], found["l1"]) == (1e-3, 1e-4, 1e-2)
    assert resolved(small(), model="resgcn")["depth"] == 10
    with pytest.raises(UnknownNameError, match=r"gcn on auto.*ave dataset out for learning_rate="):
        resolved(cora_sized(), dataset="auto")


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
        "protocol": "thesis",
        "patience": 1_000,
        "keep": "last",
        **FAST,
    }
    assert order.provenance.seed == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"depth": 0}, "depth is 0; expected an integer, 1 or more"),
        ({"width": 2.5}, "width is 2.5; expected an integer"),
        ({"keep": "first"}, "keep is 'first'; expected 'last' or 'best'"),
        ({"patience": -1}, "patience is -1; expected an integer, 0 or more"),
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


@pytest.mark.parametrize("name", list(edge_masks.NEEDS))
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
        ({"x": torch.ones(12, 2)}, r"x is \[12, 2\] of float32; expected .* 10 vertices"),
        ({"x": torch.ones(10, 0)}, "at least one feature"),
        ({"x": [1.0] * 10}, "data.x, a tensor, not a list"),
        ({"y": torch.full((10,), float("nan"))}, "y is torch.float32"),
        ({"y": torch.zeros(10, 3, dtype=torch.int64)}, "expected integer classes"),
        ({"y": torch.arange(10) - 4}, "a vertex of train_mask has a negative label"),
        ({"train_mask": torch.arange(5)}, r"train_mask is torch.int64 of shape \[5\]"),
        ({"train_mask": torch.ones(9, dtype=torch.bool)}, r"expected torch.bool of shape \[10\]"),
        ({"train_mask": torch.zeros(10, dtype=torch.bool)}, "nothing to learn from"),
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
    with pytest.raises(
        OptionError, match="needs a PyG Data with x, y, train_mask, val_mask; got a Tensor"
    ):
        order_of(small().edge_index)


def test_attributes_may_come_from_another_object():
    data = small()
    apart = order_of(data.edge_index, vertex_data=data, **FAST)
    assert torch.equal(apart.edges, order_of(data, **FAST).edges)


def test_the_registry_knows_what_the_training_needs():
    assert get_method("ugs").needs == tuple(edge_masks.NEEDS)


def test_unlabelled_vertices_may_be_outside_the_training_set():
    data = small(y=torch.tensor([0, 1, 0, 1, 0, 1, 0, 1, 0, -1]))
    data.val_mask[9] = False
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


# Checkpoints


def test_an_order_killed_and_resumed_is_that_of_an_uninterrupted_run(tmp_path):
    path = tmp_path / "ugs.checkpoint"
    code = (
        "import sys, test_ugs_options; test_ugs_options.be_killed_in_the_third_round(sys.argv[1])"
    )
    modules = os.pathsep.join(map(str, Path(__file__).parents[:2]))
    with forked.Process(code, str(path), PYTHONPATH=modules) as process:
        assert process.stdout.readline() == "two rounds are done\n"
        process.kill()
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


def be_killed_in_the_third_round(path: str) -> None:
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


@pytest.mark.parametrize(
    "removed",
    [None, "x", [1], torch.tensor(1), torch.ones(2), torch.zeros(1, 1, dtype=torch.long)],
    ids=str,
)
def test_a_checkpoint_whose_rounds_are_none_is_told(removed, tmp_path):
    path = tmp_path / "ugs.checkpoint"
    order_of(small(), checkpoint=path, **FAST)
    content = torch.load(path)
    content["state"] = {} if removed is None else {"removed": removed}
    torch.save(content, path)
    with pytest.raises(CheckpointError, match="is damaged; delete it to start afresh"):
        order_of(small(), checkpoint=path, **FAST)
