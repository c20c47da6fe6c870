"""Training over a shared structure, against a plain loop over PyG's loader."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

from wis.errors import DivergedError, GraphFormatError, OptionError, UnknownNameError
from wis.theory.table5_1.patch_graphs import two_cliques
from wis.theory.table5_1.shared_run import GraphSet, train_shared
from wis.theory.table5_1.shared_structure import SHARED, SharedStructure
from wis.training import TrainConfig
from wis.training.engine import build

STRUCTURE = SharedStructure.of(two_cliques(3), 6)


def graphs(count: int, seed: int) -> GraphSet:
    """Yes if the first feature of all vertices is positive on average."""
    x = torch.randn(count, 6, 4, generator=torch.Generator().manual_seed(seed))
    return GraphSet(x, (x[..., 0].mean(dim=1) > 0).float())


def config(model: str = "gcn", **changes) -> TrainConfig:
    options = {"train_eps": False} if model == "gin" else {}
    settings = {"width": 8, "learning_rate": 0.01, "max_epochs": 5, **changes}
    return TrainConfig(model=model, task="graph", model_options=options, **settings)


def plain_run(settings: TrainConfig, train: GraphSet, test: GraphSet):
    """Appendix D.6.2.1 by PyG's means: full batches, Adam, binary cross-entropy."""
    module = build(4, 1, settings)
    optimizer = torch.optim.Adam(module.parameters(), lr=settings.learning_rate)
    dtype = torch.float64 if settings.dtype == "float64" else torch.float32
    loaders = [
        DataLoader(
            [
                Data(x=x.to(dtype), edge_index=two_cliques(3), y=y.to(dtype).view(1, 1))
                for x, y in zip(part.x, part.y, strict=True)
            ],
            batch_size=len(part.y),
        )
        for part in (train, test)
    ]
    counts = []
    for _ in range(settings.max_epochs):
        for batch in loaders[0]:
            logits = module(batch.x, batch.edge_index, batch=batch.batch)
            counts.append(int(((logits > 0) == (batch.y > 0)).sum()))
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, batch.y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    module.eval()
    accuracies = [
        float(((module(b.x, b.edge_index, batch=b.batch) > 0) == (b.y > 0)).float().mean())
        for loader in loaders
        for b in loader
    ]
    return float(loss.detach()), accuracies, counts


@pytest.mark.parametrize("model", sorted(SHARED))
def test_a_run_is_that_of_a_plain_loop_over_pygs_loader(model):
    settings = config(model, dtype="float64", seed=3)
    train, test = graphs(40, 0), graphs(20, 1)
    loss, accuracies, counts = plain_run(settings, train, test)
    record = train_shared(STRUCTURE, train, test, settings)
    assert record.last_loss == pytest.approx(loss, rel=1e-6)
    evaluated = [record.train_accuracy_evaluated, record.test_accuracy]
    assert evaluated == pytest.approx(accuracies)
    assert record.train_accuracy == counts[-1] / 40
    assert record.best_train_accuracy == max(counts) / 40
    assert record.best_epoch == counts.index(max(counts)) + 1
    assert (record.num_epochs, record.stopped_by) == (5, "max_epochs")


def test_the_same_call_gives_the_same_accuracies():
    first, second = (
        train_shared(STRUCTURE, graphs(30, 0), graphs(30, 1), config("gat")) for _ in range(2)
    )
    for name in ("train_accuracy", "test_accuracy", "last_loss", "best_epoch"):
        assert getattr(first, name) == getattr(second, name)


def test_a_task_that_can_be_learned_is_learned():
    record = train_shared(STRUCTURE, graphs(400, 0), graphs(200, 1), config("gcn", max_epochs=150))
    assert record.test_accuracy > 0.8


def test_a_run_stops_when_the_training_accuracy_stands_still():
    settings = config(learning_rate=1e-12, patience=4, max_epochs=50)
    record = train_shared(STRUCTURE, graphs(20, 0), graphs(20, 1), settings)
    assert (record.num_epochs, record.stopped_by, record.best_epoch) == (5, "patience", 1)


def test_a_loss_that_is_not_finite_is_an_error():
    train = graphs(20, 0)
    train.x[0, 0, 0] = torch.nan
    with pytest.raises(DivergedError, match="epoch 1"):
        train_shared(STRUCTURE, train, graphs(20, 1), config())


def test_bad_input_is_one_line():
    train = graphs(20, 0)
    with pytest.raises(UnknownNameError, match="gat, gcn, gin"):
        train_shared(STRUCTURE, train, train, TrainConfig(model="resgcn", task="graph"))
    with pytest.raises(GraphFormatError, match=r"expected \[G, 6, in_dim\]"):
        train_shared(STRUCTURE, GraphSet(train.x[:, :5], train.y), train, config())
    with pytest.raises(OptionError, match="cannot be used"):
        train_shared(STRUCTURE, train, train, config(device="cuda:97"))
