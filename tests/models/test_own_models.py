"""Networks of other authors: named by their module, or registered."""

from __future__ import annotations

import sys
import textwrap

import pytest
import torch
from torch import nn
from torch_geometric.data import Batch, Data

import wis
import wis.models
from wis import datasets
from wis.base import registry as plugins
from wis.errors import GraphFormatError, OptionError, PluginError, UnknownNameError
from wis.models import build_model, get_model, register
from wis.models.registry import MODELS
from wis.training import TrainConfig, split_vertices, train, train_many

OTHERS = """
import torch

class Dropping(torch.nn.Module):
    def __init__(self, in_dim, out_dim, depth=4, width=8, rate=0.5):
        super().__init__()
        self.first, self.rate, self.depth = torch.nn.Linear(in_dim, out_dim), rate, depth
    def forward(self, x, edge_index):
        return torch.nn.functional.dropout(self.first(x), self.rate, self.training)

class OfGraphs(Dropping):
    def forward(self, x, edge_index, batch):
        out = x.new_zeros(int(batch.max()) + 1, x.size(1))
        return self.first(out.index_add(0, batch, x))

class Wide(Dropping):
    def forward(self, x, edge_index):
        return self.first(x)[:, :1]

class Picky(torch.nn.Module):
    def __init__(self, in_dim, out_dim):
        super().__init__()

def needy(in_dim, out_dim, depth, width, colour):
    return None

def nothing(in_dim, out_dim, depth=1, width=1):
    return None

number = 3
"""


def of_docstring() -> str:
    """The example in the docstring of `wis.models`."""
    text = wis.models.__doc__
    block = text[text.index("    import torch\n") : text.index("\nIts name is then")]
    return textwrap.dedent(block)


@pytest.fixture
def modules(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("WIS_PLUGINS", "")
    for names in ("_named", "_noted"):  # looking a module up notes it for child processes
        monkeypatch.setattr(plugins, names, {})
    (tmp_path / "mymodule.py").write_text(of_docstring())
    (tmp_path / "others.py").write_text(OTHERS)
    (tmp_path / "broken.py").write_text("1 / 0")
    yield tmp_path
    for name in ("mymodule", "others", "broken"):
        sys.modules.pop(name, None)


def karate(**changes) -> Data:
    data = split_vertices(datasets.load("karate"), seed=0)
    for name, value in changes.items():
        data[name] = value
    return data


def config(model: str, **changes) -> TrainConfig:
    settings = {"width": 8, "learning_rate": 0.01, "max_epochs": 12, "keep_curve": True, **changes}
    return TrainConfig(model, **settings)


def test_the_example_of_the_docstring_trains_as_a_plain_loop_does(modules):
    settings, data = config("mymodule:MyNet", weight_decay=1e-3, seed=5), karate()
    record = train(data, settings, progress=False)
    network = build_model("mymodule:MyNet", data.num_features, 2, depth=2, width=8, seed=5).module
    assert type(network).__name__ == "MyNet"
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01, weight_decay=1e-3)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        logits = network(data.x, data.edge_index)[data.train_mask]
        loss = nn.functional.cross_entropy(logits, data.y[data.train_mask])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert record.curve.loss == pytest.approx(losses, rel=1e-4)
    assert record.engine == "modules"
    assert (settings.depth, settings.model) == (2, "mymodule:MyNet")


def test_seeds_sampling_and_sparse_features_work_as_for_the_models_of_wis(modules):
    first, second = train_many(karate(), config("mymodule:MyNet"), [0, 1], progress=False)
    assert first.curve.loss != second.curve.loss
    sampled = config("mymodule:MyNet", sampler="neighbor", batch_size=10)
    assert train(karate(), sampled, progress=False).engine == "mini-batch"
    sparse = train(karate(x=karate().x.to_sparse()), config("mymodule:MyNet"), progress=False)
    assert sparse.curve.loss == pytest.approx(first.curve.loss, rel=1e-5)


def test_options_and_default_depth_are_those_of_the_signature(modules):
    model = get_model("others:Dropping")
    assert (dict(model.options), model.depth) == ({"rate": 0.5}, 4)
    plain, dropping = (
        train(karate(), config("others:Dropping", model_options={"rate": rate}), progress=False)
        for rate in (0.0, 0.9)
    )
    assert plain.curve.loss != dropping.curve.loss


def test_dropout_depends_on_the_seed_and_the_epoch_alone(modules, tmp_path):
    state = torch.get_rng_state()
    settings, path = config("others:Dropping"), tmp_path / "run.checkpoint"
    first = train(karate(), settings, progress=False)
    torch.rand(3)
    again = train(karate(), settings, progress=False, checkpoint=path)
    assert first.curve == again.curve
    torch.set_rng_state(state)


def test_ugs_masks_the_edges_of_a_network_that_takes_weights(modules):
    options = {"epochs_per_round": 3, "width": 8, "round_fraction": 0.5}
    order = wis.removal_order(karate(), "ugs", model="mymodule:MyNet", progress=False, **options)
    assert len(order) == 78
    assert order.provenance.options["model"] == "mymodule:MyNet"
    with pytest.raises(OptionError, match=r"'others:Dropping' takes no edge_weight, so its edges"):
        wis.removal_order(karate(), "ugs", model="others:Dropping", progress=False, **options)


def test_a_network_that_takes_a_batch_predicts_graphs(modules):
    graphs = [
        Data(x=torch.ones(size, 2), edge_index=torch.zeros(2, 0, dtype=torch.long), y=size % 2)
        for size in (1, 2, 3, 4)
    ]
    batch = Batch.from_data_list(graphs)
    for part in ("train_mask", "val_mask", "test_mask"):
        batch[part] = torch.ones(4, dtype=torch.bool)
    settings = config("others:OfGraphs", task="graph")
    assert train(batch, settings, progress=False).num_epochs == 12
    with pytest.raises(OptionError, match="'others:Dropping' takes no batch, so it cannot predict"):
        train(batch, config("others:Dropping", task="graph"), progress=False)


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("nowhere:Net", UnknownNameError, "'nowhere': no module of that name is installed"),
        ("broken:Net", PluginError, "'broken' cannot be imported: ZeroDivisionError"),
        ("mymodule:MyNat", UnknownNameError, "unknown model in the module mymodule 'MyNat'.*MyNet"),
        ("others:number", OptionError, "'others:number' is int; expected a class or a function"),
        ("others:Picky", OptionError, r"'others:Picky' cannot be made: it must take \(in_dim"),
        ("others:needy", OptionError, "its option 'colour' needs a default"),
        ("others:nothing", OptionError, "gave a NoneType; expected a torch.nn.Module"),
    ],
)
def test_a_name_that_gives_no_network_is_one_clear_line(name, kind, message, modules):
    with pytest.raises(kind, match=message) as error:
        build_model(name, 2, 2)
    assert "\n" not in str(error.value)


def test_logits_of_another_shape_are_refused(modules):
    message = r"'others:Wide' returned \[34, 1\]; expected logits of shape \[34, 2\]"
    with pytest.raises(GraphFormatError, match=message):
        train(karate(), config("others:Wide"), progress=False)


def test_a_registered_module_needs_no_base_class():
    with MODELS.restored():

        @register("Linear_Only", summary="no edges at all")
        class LinearOnly(nn.Module):
            def __init__(self, in_dim, out_dim, depth, width, scale=2.0):
                super().__init__()
                self.linear, self.scale = nn.Linear(in_dim, out_dim), scale

            def forward(self, x, edge_index):
                return self.scale * self.linear(x)

        assert dict(get_model("linear-only").options) == {"scale": 2.0}
        assert train(karate(), config("linear-only"), progress=False).config.depth == 3
