"""Runs: they learn, repeat, resume after a kill, stop by the rule, and complain clearly."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from graphs import planted, quick
from torch_geometric.data import Batch, Data, InMemoryDataset

from wis.datasets.splits import random_masks
from wis.errors import (
    CheckpointError,
    DivergedError,
    GraphFileError,
    GraphFormatError,
    OptionError,
    UnknownNameError,
)
from wis.models import available_models, get_model
from wis.training import (
    TABLE_D2,
    RunRecord,
    TrainConfig,
    split_graphs,
    split_vertices,
    thesis_config,
    train_network,
)
from wis.training import train as _train
from wis.training import train_many as _train_many
from wis.training.checkpoint import DeferredInterrupt

MODELS = sorted(available_models())


def train(data, config, **options):
    return _train(data, config, progress=False, **options)


def train_many(data, config, seeds, **options):
    return _train_many(data, config, seeds, progress=False, **options)


def what_counts(record: RunRecord) -> dict:
    """A record without times and memory."""
    row = record.as_dict()
    for name in ("seconds", "peak_memory_bytes"):
        del row[name]
    return row


@pytest.mark.parametrize("model", MODELS)
def test_every_model_learns_a_planted_task_and_needs_its_edges(model):
    data = planted(num_nodes=240)
    config = quick(
        model,
        learning_rate=0.02,
        max_epochs=25,
        dtype="float32",
        keep_curve=False,
        model_options={"dropout": 0.0} if model == "resgcn" else {},
    )
    bare = data.clone()
    bare.edge_index = data.edge_index[:, :0]
    with_edges, without = train(data, config), train(bare, config)
    assert with_edges.test_accuracy > 0.8
    assert with_edges.test_accuracy > without.test_accuracy + 0.1
    assert with_edges.last_loss < 0.5
    assert (with_edges.num_edges, without.num_edges) == (data.edge_index.size(1) // 2, 0)


def graphs_of(*sizes):
    """Graphs without edges in a batch, all of them for training, validation and testing."""
    no_edges = torch.empty((2, 0), dtype=torch.int64)
    graphs = [
        Data(x=torch.ones(size, 2), edge_index=no_edges, y=torch.tensor([size % 2]))
        for size in sizes
    ]
    batch = Batch.from_data_list(graphs)
    for part in ("train_mask", "val_mask", "test_mask"):
        batch[part] = torch.ones(len(sizes), dtype=torch.bool)
    return batch


def test_the_last_graph_of_a_batch_may_have_no_vertices():
    record = train(graphs_of(3, 1, 0), quick("gcn", task="graph", max_epochs=2))
    assert record.val_accuracy in (0, 1 / 3, 2 / 3, 1)


def test_graphs_may_be_numbered_without_a_batch():
    batch = graphs_of(3, 2, 4)
    plain = Data(**batch.to_dict())
    config = quick("gcn", task="graph", max_epochs=2)
    assert what_counts(train(plain, config)) == what_counts(train(batch, config))
    plain.batch = plain.batch[1:]
    with pytest.raises(GraphFormatError, match=r"batch is torch.int64 of shape \(8,\)"):
        train(plain, config)


def dense_or_not(number: int = 40) -> list[Data]:
    """Graphs of 8 vertices, every second of them dense; the label says which."""
    generator = torch.Generator().manual_seed(0)
    graphs = []
    for label in (0, 1) * (number // 2):
        chance = torch.full((8, 8), 0.2 + 0.6 * label).triu(1)
        edges = (torch.rand(8, 8, generator=generator) < chance).nonzero().T
        edges = torch.cat([edges, edges.flip(0)], dim=1)
        graphs.append(Data(x=torch.ones(8, 2), edge_index=edges, y=torch.tensor([label])))
    return graphs


class InMemory(InMemoryDataset):
    """The graphs of `dense_or_not` as a data set of PyG."""

    def __init__(self):
        super().__init__()
        self.data, self.slices = self.collate(dense_or_not())


def test_a_list_or_a_data_set_of_graphs_is_split_by_the_seed_of_the_run():
    config = quick("gin", task="graph", depth=2, max_epochs=5)
    graphs = dense_or_not()
    for seed in (0, 1):
        record = train(split_graphs(graphs, seed=seed), config.with_seed(seed))
        for data in (graphs, InMemory()):
            assert what_counts(train(data, config.with_seed(seed))) == what_counts(record)
    many = [train_many(data, config, [0, 1]) for data in (graphs, InMemory(), [graphs, graphs])]
    assert what_counts(record) == what_counts(many[0][1])
    assert all(
        [what_counts(r) for r in other] == [what_counts(r) for r in many[0]] for other in many
    )


def test_a_split_of_graphs_has_each_graph_once():
    batch = split_graphs(dense_or_not(), seed=3, validation=0.25, test=0.25)
    masks = torch.stack([batch.train_mask, batch.val_mask, batch.test_mask])
    assert masks.sum(dim=1).tolist() == [20, 10, 10]
    assert masks.sum(dim=0).tolist() == [1] * 40
    with pytest.raises(
        GraphFormatError, match="need the same attributes, x, y and edge_index; found"
    ):
        split_graphs([*dense_or_not(), Data(x=torch.ones(3, 2))])
    with pytest.raises(GraphFormatError, match="found none"):
        split_graphs([])


def test_mini_batches_of_graphs_learn_too():
    config = quick("gin", task="graph", depth=2, max_epochs=30, sampler="graphs", batch_size=8)
    record = train(dense_or_not(), config)
    assert record.engine == "mini-batch"
    assert record.test_accuracy >= 0.75


def test_a_single_mini_batch_of_all_training_graphs_is_a_full_batch():
    config = quick(task="graph", max_epochs=6, sampler="graphs", batch_size=32)
    parts, whole = (
        train(dense_or_not(), dataclasses.replace(config, sampler=sampler)).curve
        for sampler in ("graphs", None)
    )
    assert parts.loss == pytest.approx(whole.loss, rel=1e-9)
    assert parts.test_accuracy == whole.test_accuracy


def test_graph_prediction_learns_which_graphs_are_dense():
    batch = Batch.from_data_list(dense_or_not())
    for name, part in (("train_mask", range(24)), ("val_mask", range(24, 32))):
        batch[name] = torch.zeros(40, dtype=torch.bool)
        batch[name][list(part)] = True
    batch.test_mask = ~(batch.train_mask | batch.val_mask)
    record = train(batch, quick("gin", task="graph", depth=2, max_epochs=40))
    assert record.engine == "sparse"
    assert record.test_accuracy >= 0.875


@pytest.mark.parametrize("model", MODELS)
def test_the_same_call_gives_the_same_record(model):
    config = quick(model, dtype="float32")
    assert what_counts(train(planted(), config)) == what_counts(train(planted(), config))


@pytest.mark.parametrize("model", MODELS)
def test_the_largest_seed_is_a_seed(model):
    assert train(planted(), quick(model, seed=2**63 - 1, max_epochs=1)).num_epochs == 1


def test_another_seed_gives_another_run():
    first, second = (train(planted(), quick(seed=seed)) for seed in (0, 1))
    assert first.curve.loss != second.curve.loss


def test_a_run_leaves_the_data_and_the_global_generator_alone():
    data = planted()
    before, state = data.clone(), torch.get_rng_state()
    train(data, quick())
    assert data.keys() == before.keys()
    assert all(torch.equal(data[name], before[name]) for name in data.keys())  # noqa: SIM118
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("model", MODELS)
def test_many_seeds_give_what_single_runs_give(model):
    data, config = planted(), quick(model, max_epochs=25, patience=4)
    together = train_many(data, config, [4, 0, 2])
    alone = [train(data, config.with_seed(seed)) for seed in (4, 0, 2)]
    assert [what_counts(record) for record in together] == [what_counts(other) for other in alone]


def test_many_seeds_may_have_graphs_of_their_own():
    first, other = planted(), planted(num_nodes=90, dim=7)
    together = train_many([first, other], quick(), [0, 1])
    alone = [train(first, quick(seed=0)), train(other, quick(seed=1))]
    assert [what_counts(record) for record in together] == [what_counts(other) for other in alone]
    with pytest.raises(OptionError, match="there are 1 graphs for 2 seeds"):
        train_many([first], quick(), [0, 1])


def test_a_run_stops_by_patience_and_reports_the_best_epoch():
    record = train(planted(), quick(max_epochs=500, patience=5))
    val = record.curve.val_accuracy
    assert record.stopped_by == "patience"
    assert len(val) == record.num_epochs < 500
    assert record.val_accuracy == max(val)
    assert record.best_epoch == val.index(max(val)) + 1
    assert record.test_accuracy == record.curve.test_accuracy[record.best_epoch - 1]


def test_a_run_ends_at_the_last_epoch():
    record = train(planted(), quick(max_epochs=3))
    assert (record.num_epochs, record.stopped_by) == (3, "max_epochs")


def test_the_loss_of_the_first_epoch_is_that_of_the_initial_parameters():
    from wis.models import build_model

    data = planted()
    model = build_model("gcn", 12, 3, width=8, seed=0, dtype=torch.float64)
    logits = model(data.x.double(), data.edge_index)[data.train_mask]
    expected = torch.nn.functional.cross_entropy(logits, data.y[data.train_mask])
    assert train(planted(), quick()).curve.loss[0] == pytest.approx(expected.item(), rel=1e-12)


def test_a_record_survives_json():
    for config in (quick(), quick("gat", model_options={"heads": 2}, keep_curve=False)):
        record = train(planted(), config)
        assert RunRecord.from_dict(json.loads(json.dumps(record.as_dict()))) == record
        assert record.config.model_options == get_model(config.model).resolved_options(
            {"heads": 2} if config.model == "gat" else {}
        )
        assert record.seconds > 0
        assert record.epochs_per_second == record.num_epochs / record.seconds
        assert record.peak_memory_bytes > 10**7
        assert set(record.versions) == {"wis", "torch", "torch-geometric", "python"}


CASES = [("gcn", None), ("gin", None), ("gat", "random-parts"), ("gcn", "neighbor")]


def to_be_killed(model, sampler):
    return quick(model, max_epochs=12, patience=4, dtype="float32", sampler=sampler, num_parts=3)


def start_all(folder: str) -> None:
    """Start every case, each after the third write of the one before; then wait for the kill."""
    from wis.training import run

    original, writes, rest = run.write_checkpoint, [], list(CASES)

    def write(path, identity, state):
        original(path, identity, state)
        writes.append(path)
        if writes.count(path) == 3:
            print("written", flush=True)
            start_next()

    def start_next():
        if not rest:
            input()
        config = to_be_killed(*rest.pop(0))
        train_many(planted(), config, [0, 1], checkpoint=folder, checkpoint_every_s=0.0)

    run.write_checkpoint = write
    start_next()


def test_runs_killed_and_resumed_end_as_if_nothing_had_happened(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", __file__, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
    )
    with process:
        for _ in CASES:
            assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == len(CASES)  # of their first seeds
    for case in CASES:
        config = to_be_killed(*case)
        resumed = train_many(planted(), config, [0, 1], checkpoint=tmp_path)
        expected = train_many(planted(), config, [0, 1])
        assert [what_counts(a) for a in resumed] == [what_counts(b) for b in expected], case
        assert all(record.num_epochs > 3 for record in resumed)
    assert len(list(tmp_path.iterdir())) == 2 * len(CASES), "all first seeds should be resumed"


def test_a_finished_run_is_not_run_again(tmp_path, monkeypatch):
    path = tmp_path / "run.checkpoint"
    first = train(planted(), quick(), checkpoint=path)
    monkeypatch.setattr("wis.training.engine.FullBatch.epoch", None)
    assert train(planted(), quick(), checkpoint=path) == first


@pytest.mark.parametrize("change", ["config", "data"])
def test_a_checkpoint_of_another_run_is_refused(change, tmp_path):
    path = tmp_path / "run.checkpoint"
    train(planted(), quick(), checkpoint=path)
    config = quick(weight_decay=0.0) if change == "config" else quick()
    data = planted()
    if change == "data":
        data.x[0, 0] += 1
    with pytest.raises(CheckpointError, match="is the checkpoint of a run with another"):
        train(data, config, checkpoint=path)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 broken"])
def test_a_damaged_checkpoint_is_refused(content, tmp_path):
    path = tmp_path / "run.checkpoint"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged; delete it to start afresh"):
        train(planted(), quick(), checkpoint=path)
    assert path.read_bytes() == content


def test_a_single_wrong_byte_in_a_checkpoint_is_noticed(tmp_path):
    path = tmp_path / "run.checkpoint"
    train(planted(), quick(), checkpoint=path)
    content = bytearray(path.read_bytes())
    content[content.index(b"best_epoch")] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged; delete it to start afresh"):
        train(planted(), quick(), checkpoint=path)


@pytest.mark.parametrize("content", [torch.ones(3), [1], {"format": "wis-training-1"}, None])
def test_another_file_of_torch_is_refused(content, tmp_path):
    path = tmp_path / "run.checkpoint"
    torch.save(content, path)
    with pytest.raises(CheckpointError, match="is no checkpoint of a training run"):
        train(planted(), quick(), checkpoint=path)


def test_a_checkpoint_that_cannot_be_written_is_told_before_the_run(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(GraphFileError, match="file: cannot be the folder of checkpoints"):
        train_many(planted(), quick(), [0], checkpoint=tmp_path / "file")
    with pytest.raises(GraphFileError, match="there is no folder"):
        train(planted(), quick(), checkpoint=tmp_path / "nowhere" / "run.checkpoint")


def test_ctrl_c_ends_after_the_epoch_and_loses_nothing(tmp_path, monkeypatch):
    from wis.training.engine import FullBatch

    path, config = tmp_path / "run.checkpoint", quick(max_epochs=8)
    original = FullBatch.epoch

    def interrupted(self, number):
        if number == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return original(self, number)

    with monkeypatch.context() as patched:
        patched.setattr(FullBatch, "epoch", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(planted(), config, checkpoint=path)
    assert torch.load(path, weights_only=True)["state"]["track"]["stopping"]["epoch"] == 4
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert what_counts(train(planted(), config, checkpoint=path)) == what_counts(
        train(planted(), config)
    )


def test_ctrl_c_ends_a_run_even_if_the_handler_of_the_program_returns(tmp_path, monkeypatch):
    from wis.training.engine import FullBatch

    path, seen, original = tmp_path / "run.checkpoint", [], FullBatch.epoch

    def interrupted(self, number):
        os.kill(os.getpid(), signal.SIGINT)
        return original(self, number)

    monkeypatch.setattr(FullBatch, "epoch", interrupted)
    before = signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    try:
        with pytest.raises(KeyboardInterrupt):
            train(planted(), quick(), checkpoint=path)
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [signal.SIGINT]
    assert path.exists()


def test_a_second_ctrl_c_acts_at_once():
    reached = []

    def interrupted_twice():
        with DeferredInterrupt(active=True) as interrupt:
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.05)
                reached.append(interrupt.requested)

    with pytest.raises(KeyboardInterrupt):
        interrupted_twice()
    assert reached == [True]


@pytest.mark.parametrize("model", ["gcn", "gat"])
def test_a_loss_that_is_not_finite_is_told_with_epoch_and_seed(model):
    data = planted()
    data.x[3, 0] = float("nan")
    with pytest.raises(DivergedError, match=r"seed 5, epoch 1: the loss is not finite. Check the"):
        train(data, quick(model, seed=5))


def test_predictions_that_are_not_finite_are_told():
    config = quick(learning_rate=1e200, weight_decay=0.0, max_epochs=1)
    with pytest.raises(DivergedError, match=r"epoch 1: predictions are not finite.*\(now 1e\+200"):
        train(planted(), config)


def broken(**changes):
    data = planted()
    for name, value in changes.items():
        data[name] = value(data) if callable(value) else value
    return data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (broken(x=None), r"training needs data\.x, which is missing"),
        (broken(train_mask=None), r"training needs data\.train_mask, which is missing"),
        (
            broken(x=torch.ones(120)),
            r"x is torch.float32 of shape \(120,\); expected real numbers of shape \[120, in_dim\]",
        ),
        (broken(x=torch.ones(120, 2) + 1j), "x is torch.complex64 .* expected real numbers"),
        (broken(x=[[1.0]] * 120), r"data\.x is a list; expected a tensor"),
        (
            Data(
                x=torch.ones(4, 2),
                num_nodes=5,
                y=torch.arange(5),
                edge_index=torch.tensor([[0], [4]]),
                **dict.fromkeys(("train_mask", "val_mask", "test_mask"), torch.ones(5) > 0),
            ),
            r"x is torch.float32 of shape \(4, 2\); expected real numbers of shape \[5, in_dim\]",
        ),
        (broken(y=lambda d: d.y.float()), r"y is torch.float32 .* expected integer classes"),
        (
            broken(val_mask=torch.ones(120, 10, 1, dtype=torch.bool)),
            r"val_mask is torch.bool of shape \(120, 10, 1\); expected torch.bool of shape "
            r"\[120\]; wis.training.split_vertices makes masks",
        ),
        (broken(test_mask=torch.zeros(120, dtype=torch.bool)), "test_mask is false everywhere"),
        (broken(y=lambda d: d.y - 1), "a vertex of a mask has a negative label"),
    ],
)
def test_data_that_cannot_be_trained_on_is_told(data, message):
    with pytest.raises(GraphFormatError, match=message):
        train(data, quick())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate is 0.0; expected a number above 0"),
        ({"weight_decay": -1.0}, "weight_decay is -1.0; expected a number of at least 0"),
        ({"min_delta": 2}, r"min_delta is 2; expected a number in \[0, 1\], a fraction"),
        ({"learning_rate": "0.1"}, "learning_rate is '0.1'; expected a number"),
        ({"seed": 2**63}, r"seed is 9223372036854775808; expected an integer below 2\^63"),
        ({"model_options": [1]}, r"model_options is \[1\]; expected a dictionary"),
        ({"patience": 0}, "patience is 0; expected an integer of at least 1"),
        ({"max_epochs": 1.5}, "max_epochs is 1.5; expected an integer"),
        ({"dtype": "float16"}, "dtype is 'float16'; expected 'float32' or 'float64'"),
        ({"sampler": "cluster"}, "sampler is 'cluster'; expected one of None, 'neighbor'"),
        ({"sampler": "neighbor", "task": "graph"}, "the task 'graph' takes None or 'graphs'"),
        ({"model_options": {"heads": 2}}, "model 'gcn' has no option 'heads'"),
    ],
)
def test_impossible_configurations_are_told(change, message):
    with pytest.raises(OptionError, match=message):
        TrainConfig(**change)


@pytest.mark.parametrize("device", ["nowhere", "meta", None])
def test_an_impossible_device_is_told(device):
    with pytest.raises(OptionError, match=f"device '{device}' cannot be used here"):
        train(planted(), quick(device=device))


def test_defaults_are_those_of_the_thesis():
    config = TrainConfig()
    assert (config.depth, config.width) == (3, 64)
    assert (config.max_epochs, config.patience, config.min_delta) == (10_000, 1_000, 0.0001)
    assert TrainConfig(model="ResGCN").depth == 10


def test_table_d2_is_that_of_the_thesis():
    assert len(TABLE_D2) == 12  # six rows of GCN, three of GIN, three of ResGCN
    config = thesis_config("GCN", "cora", seed=3)
    assert (config.learning_rate, config.weight_decay, config.seed) == (5e-4, 1e-3, 3)
    assert thesis_config("gin", "ogbn-arxiv").learning_rate == 1e-4
    assert TABLE_D2["resgcn", "dblp"].edge_mask_l1 == 1e-4
    assert TABLE_D2["gcn", "squirrel"] == dataclasses.replace(
        TABLE_D2["gcn", "cora"], weight_decay=0.0, edge_mask_l1=1e-4
    )
    with pytest.raises(UnknownNameError, match=r"unknown row of Table D\.2 'gat on cora'"):
        thesis_config("gat", "cora")


def test_a_split_has_the_sizes_of_the_thesis_and_keeps_to_labelled_vertices():
    data = Data(y=torch.cat([torch.zeros(271, dtype=torch.int64), torch.tensor([-1])]))
    split = split_vertices(data, seed=4)
    masks = torch.stack([split.train_mask, split.val_mask, split.test_mask])
    assert masks.sum(dim=1).tolist() == [217, 27, 27]
    assert masks.sum(dim=0).tolist() == [1] * 271 + [0]
    assert "train_mask" not in data
    assert torch.equal(split.val_mask, split_vertices(data, seed=4).val_mask)
    assert not torch.equal(split.val_mask, split_vertices(data, seed=5).val_mask)


@pytest.mark.parametrize("size", [15, 35, 140])  # a tenth of 15 and 35 lies between two numbers
def test_a_split_is_that_of_the_data_sets(size):
    split = split_vertices(Data(y=torch.zeros(size, dtype=torch.int64)), seed=6)
    assert all(torch.equal(split[name], mask) for name, mask in random_masks(size, seed=6).items())


def test_impossible_splits_are_told():
    with pytest.raises(OptionError, match="leave some vertices for testing"):
        split_vertices(planted(), train=0.9, validation=0.1)
    with pytest.raises(OptionError, match="seed is -1"):
        split_vertices(planted(), seed=-1)
    with pytest.raises(GraphFormatError, match="no labels"):
        split_vertices(Data(x=torch.ones(3, 1)))


if __name__ == "__main__":
    start_all(sys.argv[1])


@pytest.mark.parametrize("model", MODELS)
def test_the_network_that_comes_back_has_the_accuracies_of_its_record(model):
    data = planted(seed=3)
    config = quick(model, max_epochs=30, learning_rate=0.05)
    record, network = train_network(data, config, progress=False)
    assert record.curve == train(data, config).curve
    assert record.best_epoch < record.num_epochs  # so the last network is another one
    assert not network.training
    right = network(data.x.double(), data.edge_index).argmax(dim=1) == data.y
    found = [float(right[data[f"{part}_mask"]].double().mean()) for part in ("val", "test")]
    assert found == [record.val_accuracy, record.test_accuracy]
