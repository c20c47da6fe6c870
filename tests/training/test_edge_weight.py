"""Networks that are trained with the weights of the arcs, and runs without weights, as before."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch

import wis
from wis import datasets
from wis.base import registry as plugins
from wis.errors import GraphFormatError, OptionError
from wis.experiments.inputs import Run, graphs_of
from wis.training import TrainConfig, split_vertices, train
from wis.training.checkpoint import identity
from wis.training.engine import FullBatch
from wis.training.problem import make_problem

MODELS = ["gcn", "gin", "sage", "resgcn", "gat"]
each_model = pytest.mark.parametrize("model", MODELS)


def karate(weight=None):
    data = split_vertices(datasets.load("karate"), seed=0)
    data.edge_index = torch.cat([data.edge_index, torch.tensor([[5], [5]])], dim=1)  # a loop
    data.edge_weight = torch.linspace(0, 3, 157) if weight is None else weight
    return data


def config(model="gcn", **fields):
    given = {"depth": 2, "width": 8, "max_epochs": 4, "dtype": "float64", **fields}
    return TrainConfig(model, **given)


@each_model
def test_training_computes_with_the_weights_as_the_network_itself_does(model):
    data, weighted = karate(), config(model, edge_weight=True)
    engine = FullBatch(make_problem(data, weighted), weighted)
    engine.network.eval()  # without dropout
    x, weight = data.x.double(), data.edge_weight.double()
    expected = engine.network(x, data.edge_index, weight)
    torch.testing.assert_close(engine.forward(), expected)
    assert not torch.allclose(engine.forward(), engine.network(x, data.edge_index))


@each_model
def test_weights_of_one_train_as_no_weights_do(model):
    data = karate(torch.ones(157, 1))
    weighted, plain = (
        train(data, config(model, edge_weight=on), progress=False) for on in (True, False)
    )
    assert weighted.last_loss == plain.last_loss
    assert weighted.test_accuracy == plain.test_accuracy


def test_weights_change_nothing_where_they_are_not_asked_for():
    plain = config()
    assert "edge_weight" not in plain.as_dict()
    assert config(edge_weight=True).as_dict()["edge_weight"] is True
    one, other = make_problem(karate(), plain), make_problem(karate(torch.ones(157)), plain)
    assert identity(one, plain) == identity(other, plain)
    weighted = config(edge_weight=True)
    one, other = make_problem(karate(), weighted), make_problem(karate(torch.ones(157)), weighted)
    assert identity(one, weighted) != identity(other, weighted)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (None, "needs data.edge_weight, which is missing"),
        (torch.ones(5), r"of shape \(5,\); expected a number for each arc, \[157\]"),
        (torch.ones(157, 2), "expected a number for each arc"),
        (torch.ones(157, dtype=torch.complex64), "complex64"),
        (-torch.ones(157), "at least 0 and finite"),
        (torch.full((157,), math.nan), "at least 0 and finite"),
        (torch.full((157,), math.inf), "at least 0 and finite"),
    ],
    ids=["missing", "short", "two", "complex", "negative", "nan", "inf"],
)
def test_impossible_weights_are_refused(weight, message):
    data = karate()
    del data.edge_weight
    if weight is not None:
        data.edge_weight = weight
    with pytest.raises(GraphFormatError, match=message):
        train(data, config(edge_weight=True), progress=False)


@pytest.mark.parametrize("sampler", ["neighbor", "random-parts"])
def test_mini_batches_refuse_weights(sampler):
    with pytest.raises(OptionError, match="edge_weight is for full batches"):
        config(edge_weight=True, sampler=sampler)
    with pytest.raises(OptionError, match="edge_weight is 'yes'"):
        config(edge_weight="yes")


class Unweighted(torch.nn.Module):
    def __init__(self, in_dim, out_dim, *, depth, width):
        super().__init__()
        self.layer = torch.nn.Linear(in_dim, out_dim)

    def forward(self, x, edge_index):
        return self.layer(x)


def test_a_network_without_edge_weight_is_refused(monkeypatch):
    monkeypatch.setattr(plugins, "_named", {})  # later processes need not import this module
    monkeypatch.setenv(plugins.VARIABLE, "")
    model = f"{__name__}:Unweighted"
    train(karate(), config(model, dtype="float32"), progress=False)
    with pytest.raises(OptionError, match="takes no edge_weight"):
        train(karate(), config(model, dtype="float32", edge_weight=True), progress=False)


def test_a_sweep_trains_on_the_weights_of_drawn_edges():
    data = datasets.load("karate")
    del data.edge_weight
    orders = {
        "dspar": wis.removal_order(data, "dspar", sample=True),
        "ranked": wis.removal_order(data, "dspar"),
        "random": wis.removal_order(data, "random"),
    }
    runs = [Run(0, 30, order) for order in orders.values()] + [Run(0, 0, None)]
    source = SimpleNamespace(part=lambda split: data)
    drawn, *others = graphs_of(source, runs, weighted=True)
    expected = orders["dspar"].apply(data, remove=30, reweight=True)
    assert torch.equal(drawn.edge_weight, expected.edge_weight)
    assert all((graph.edge_weight == 1).all() for graph in others)
    assert "edge_weight" not in data
    assert all("edge_weight" not in graph for graph in graphs_of(source, runs))
