"""Link prediction: splits without leaks, metrics equal to those of other libraries, runs."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from strategies import edge_index_of, small_graphs
from torch_geometric.data import Data
from torch_geometric.metrics import LinkPredHitRatio, LinkPredMRR

import wis
from wis import datasets
from wis.datasets.splits import NonEdges
from wis.errors import DivergedError, GraphFormatError, OptionError
from wis.training import RunRecord, TrainConfig, split_links, train, train_many
from wis.training.engine import Links, make_engine
from wis.training.problem import link_metrics, make_problem, ordered_pairs

LISTS = ("edge_label_index", "edge_label", "edge_label_split")


def blocks(*, seed: int = 0) -> Data:
    """Three communities: edges are mostly inside, and can be told by the features of neighbours."""
    data = datasets.load(f"sbm:n=90,blocks=3,p_in=0.3,p_out=0.01,seed={seed}")
    data.x = torch.randn(90, 8, generator=torch.Generator().manual_seed(seed))
    return data


def quick(model: str = "gcn", **changes) -> TrainConfig:
    wanted = {"task": "link", "depth": 2, "width": 16, "learning_rate": 0.01, "max_epochs": 12}
    return TrainConfig(model, **{**wanted, **changes})


def undirected(pairs: torch.Tensor) -> set[tuple[int, int]]:
    return {(min(pair), max(pair)) for pair in pairs.T.tolist()}


def rows_of(split: Data, part: int, label: int) -> set[tuple[int, int]]:
    rows = (split.edge_label == label) & (split.edge_label_split == part)
    return undirected(split.edge_label_index[:, rows])


def what_counts(record: RunRecord) -> dict:
    row = record.as_dict()
    return {name: v for name, v in row.items() if name not in ("seconds", "peak_memory_bytes")}


@settings(max_examples=60, deadline=None)
@given(small_graphs(), st.integers(0, 3))
def test_no_held_out_edge_carries_messages_and_no_pair_is_an_edge(drawn, seed):
    num_nodes, edge_index = drawn[0], edge_index_of(drawn[1])
    data = Data(
        edge_index=edge_index, num_nodes=num_nodes, edge_attr=torch.arange(edge_index.size(1))
    )
    graph = wis.UndirectedGraph.from_any(data)
    is_full = graph.num_edges == num_nodes * (num_nodes - 1) // 2
    try:
        split = split_links(data, seed=seed, validation=0.2, test=0.2)
    except OptionError:
        assert min(round(0.2 * graph.num_edges), graph.num_edges - 2) < 1
        return
    except GraphFormatError:
        assert is_full
        return
    everything = undirected(graph.edges)
    messages = undirected(split.edge_index[:, split.edge_index[0] != split.edge_index[1]])
    parts = [[rows_of(split, part, label) for part in range(3)] for label in (1, 0)]
    assert messages == parts[0][0]
    assert set().union(*parts[0]) == everything
    assert sum(map(len, parts[0])) == len(everything)
    assert not everything & set().union(*parts[1])
    assert all(u != v for part in parts[1] for u, v in part)
    held_out = [len(rows) for rows in parts[0][1:]]
    assert held_out == [round(0.2 * graph.num_edges)] * 2
    assert split.edge_label_split[split.edge_label == 0].bincount().tolist() == [0, *held_out]
    # the attributes of the arcs that are left went with them
    assert torch.equal(edge_index[:, split.edge_attr], split.edge_index)


def test_a_split_depends_on_its_seed_alone_and_leaves_the_global_generator():
    data, state = blocks(), torch.get_rng_state()
    first, again, other = (split_links(data, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[name], again[name]) for name in ("edge_index", *LISTS))
    assert not torch.equal(first.edge_label_index, other.edge_label_index)
    shuffled = data.clone()
    shuffled.edge_index = data.edge_index.flip(1)
    assert torch.equal(split_links(shuffled, seed=3).edge_label_index, first.edge_label_index)


def test_sparsification_takes_messages_and_leaves_the_pairs():
    data = split_links(blocks())
    for method in ("wis", "random"):
        sparse = wis.sparsify(data, remove="50%", method=method)
        assert all(torch.equal(sparse[name], data[name]) for name in LISTS)
        assert undirected(sparse.edge_index) < undirected(data.edge_index)


def test_lists_with_as_many_pairs_as_arcs_are_left_alone_too():
    data = split_links(blocks(), validation=0.2, test=0.2)
    data.edge_label_index = data.edge_index.clone()
    data.edge_label = torch.ones(data.num_edges)
    data.edge_label_split = torch.zeros(data.num_edges, dtype=torch.int64)
    assert wis.sparsify(data, remove="50%").edge_label_split.numel() == data.num_edges


@settings(max_examples=40, deadline=None)
@given(small_graphs())
def test_pairs_without_an_edge_are_all_drawn_and_no_others(drawn):
    graph = wis.UndirectedGraph.from_any(edge_index_of(drawn[1]), drawn[0])
    joined = set(map(tuple, graph.edges.T.tolist()))
    n = graph.num_nodes
    expected = {(u, v) for u in range(n) for v in range(n) if u != v} - joined
    expected -= {(v, u) for u, v in joined}
    if not expected:
        with pytest.raises(GraphFormatError, match="every two vertices have an edge"):
            NonEdges(graph)
        return
    drawn_pairs = NonEdges(graph).draw(60 * n * n, np.random.default_rng(0))
    assert set(map(tuple, drawn_pairs.T.tolist())) == expected


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-3, 3), min_size=1, max_size=9),
    st.lists(st.integers(-3, 3), min_size=1, max_size=60),
)
def test_metrics_are_those_of_other_libraries(edges, others):
    positive, negative = (torch.tensor(scores, dtype=torch.float32) for scores in (edges, others))
    lower, not_higher = ordered_pairs(positive, negative)
    found = {k: float(v) for k, v in link_metrics(lower, not_higher, len(others)).items()}
    labels = [1] * len(edges) + [0] * len(others)
    assert found["auc"] == pytest.approx(roc_auc_score(labels, edges + others), abs=1e-12)
    # The evaluators of the Open Graph Benchmark, as in ogb.linkproppred.evaluate
    rows = negative.expand(len(edges), -1)
    better, as_good = ((rows > positive[:, None]).sum(1), (rows >= positive[:, None]).sum(1))
    assert found["mrr"] == pytest.approx(float((1 / (0.5 * (better + as_good) + 1)).mean()))
    for k in (10, 50):
        best = negative.topk(min(k, len(others))).values[-1]
        hits = float((positive > best).float().mean()) if len(others) >= k else 1.0
        assert found[f"hits@{k}"] == pytest.approx(hits)


def test_metrics_without_ties_are_those_of_pyg():
    generator = torch.Generator().manual_seed(0)
    positive, negative = (torch.randn(k, generator=generator) for k in (40, 200))
    found = link_metrics(*ordered_pairs(positive, negative), 200)
    # each edge is a query; candidate 0 is the edge itself, which alone is right
    scores = torch.cat([positive[:, None], negative.expand(40, -1)], dim=1)
    truth = torch.stack([torch.arange(40), torch.zeros(40, dtype=torch.int64)])
    for name, metric in (("mrr", LinkPredMRR(201)), ("hits@10", LinkPredHitRatio(10))):
        metric.update(scores.topk(metric.k).indices, truth)
        assert float(found[name]) == pytest.approx(float(metric.compute()))


@pytest.mark.parametrize("decoder", ["dot", "mlp"])
@pytest.mark.parametrize("model", ["gcn", "gin", "gat", "sage", "resgcn"])
def test_every_model_learns_to_predict_edges(model, decoder):
    options = {"dropout": 0.0} if model == "resgcn" else {}
    config = quick(model, decoder=decoder, max_epochs=60, model_options=options)
    record = train(split_links(blocks()), config, progress=False)
    assert record.metric == "auc"
    assert record.test_score == record.test_auc > 0.7
    assert record.val_score > 0.7
    assert record.metrics.keys() == {"mrr", "hits@10", "hits@50"}


def test_the_scores_of_a_run_are_those_of_scikit_learn():
    data, config = split_links(blocks()), quick(max_epochs=1, keep_curve=True)
    engine = make_engine(make_problem(data, config), config)
    result = engine.epoch(1)
    with torch.no_grad():
        z = engine.network(data.x, data.edge_index)
        u, v = data.edge_label_index
        scores = (z[u] * z[v]).sum(1).numpy()
    record = train(data, config, progress=False)
    for part, found in ((1, record.val_auc), (2, record.test_auc)):
        rows = (data.edge_label_split == part).numpy()
        assert found == pytest.approx(roc_auc_score(data.edge_label[rows], scores[rows]), abs=1e-6)
    assert record.metrics == result.metrics
    assert record.curve.test_accuracy == (record.test_auc,)


def test_each_epoch_has_pairs_of_its_own_that_are_no_training_edges():
    data, config = split_links(blocks()), quick()
    engine = make_engine(make_problem(data, config), config)
    assert isinstance(engine, Links)
    drawn = []
    for number in (1, 2, 1):
        engine.epoch(number)
        drawn.append(engine.negatives)
    assert torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0], drawn[1])
    assert not undirected(drawn[0]) & undirected(data.edge_index)
    assert drawn[0].size(1) == int((data.edge_label_split == 0).sum())


def test_given_training_pairs_of_label_0_are_used_as_they_are():
    data = split_links(blocks())
    extra = torch.tensor([[0, 1], [2, 0]])
    data.edge_label_index = torch.cat([data.edge_label_index, extra], dim=1)
    data.edge_label = torch.cat([data.edge_label, torch.zeros(2)])
    data.edge_label_split = torch.cat([data.edge_label_split, torch.zeros(2, dtype=torch.int64)])
    engine = make_engine(make_problem(data, quick()), quick())
    engine.epoch(1)
    assert torch.equal(engine.negatives, extra)


def test_a_sparser_graph_is_trained_on_all_training_edges():
    data = split_links(blocks())
    empty = wis.sparsify(data, remove="100%")
    engine = make_engine(make_problem(empty, quick()), quick())
    engine.epoch(1)
    assert engine.parts[0].numel() == data.num_edges // 2
    assert not undirected(engine.negatives) & undirected(data.edge_index)


def test_a_run_repeats_resumes_and_survives_json(tmp_path):
    data, path = split_links(blocks()), tmp_path / "run.checkpoint"
    for decoder in ("dot", "mlp"):
        config = quick(decoder=decoder)
        whole = train(data, config, progress=False)
        assert what_counts(train(data, config, progress=False)) == what_counts(whole)
        part = train(data, dataclasses.replace(config, max_epochs=5), progress=False)
        assert part.num_epochs == 5
        assert RunRecord.from_dict(json.loads(json.dumps(whole.as_dict()))) == whole
        assert whole.as_dict()["test_auc"] == whole.test_score
        assert "test_accuracy" not in whole.as_dict()
        assert what_counts(train(data, config, checkpoint=path, progress=False)) == what_counts(
            whole
        )
        assert what_counts(train(data, config, checkpoint=path, progress=False)) == what_counts(
            whole
        )
        path.unlink()


def test_an_interrupted_run_goes_on_with_the_same_pairs(tmp_path, monkeypatch):
    data, config, path = split_links(blocks()), quick("gat"), tmp_path / "run.checkpoint"
    original = Links.epoch

    def stopped(self, number):
        if number == 6:
            raise MemoryError
        return original(self, number)

    with monkeypatch.context() as patched:
        patched.setattr(Links, "epoch", stopped)
        with pytest.raises(MemoryError):
            train(data, config, checkpoint=path, checkpoint_every_s=0.0, progress=False)
    resumed = train(data, config, checkpoint=path, progress=False)
    assert what_counts(resumed) == what_counts(train(data, config, progress=False))


def test_a_record_has_its_score_under_the_name_of_its_metric():
    links = train(split_links(blocks()), quick(max_epochs=1), progress=False)
    with pytest.raises(AttributeError, match="no test_accuracy; its test_score is the auc"):
        _ = links.test_accuracy
    with pytest.raises(AttributeError, match="no attribute 'test_f1'"):
        _ = links.test_f1


def test_finished_runs_are_kept_if_a_later_one_diverges():
    good, bad = split_links(blocks()), split_links(blocks())
    bad.x = bad.x.clone()
    bad.x[0, 0] = float("nan")
    with pytest.raises(DivergedError, match="seed 7") as told:
        train_many([good, bad], quick(max_epochs=2), [5, 7], progress=False)
    assert [record.config.seed for record in told.value.records] == [5]


def changed(**changes) -> Data:
    data = split_links(blocks())
    for name, change in changes.items():
        data[name] = change(data[name])
    return data


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"edge_label_index": lambda old: None}, "training needs data.edge_label_index"),
        (
            {"edge_label_index": lambda old: old.T},
            r"edge_label_index .* expected torch.int64 of sh",
        ),
        ({"edge_label_index": lambda old: old + 9}, "names vertices outside 0 to 89"),
        ({"edge_label": lambda old: old + 1}, "edge_label is .* expected integers from 0 to 1 of"),
        ({"edge_label": lambda old: old[1:]}, "edge_label is .* expected integers from 0 to 1 of"),
        ({"edge_label": lambda old: old * 0 + 1}, "no validation pair has edge_label 0; wis.train"),
        ({"edge_label_split": lambda old: old.clamp(max=1)}, "no test pair has edge_label 1"),
    ],
)
def test_lists_that_cannot_be_trained_on_are_told(change, message):
    with pytest.raises(GraphFormatError, match=message):
        train(changed(**change), quick(), progress=False)


def test_impossible_options_are_told():
    for shares in ({"validation": 0.0}, {"test": 1.5}, {"validation": 0.5, "test": 0.5}):
        with pytest.raises(OptionError, match="expected fractions that leave some edges"):
            split_links(blocks(), **shares)
    with pytest.raises(OptionError, match="seed is -1"):
        split_links(blocks(), seed=-1)
    with pytest.raises(OptionError, match="split_links makes a single split; leave it out"):
        train(split_links(blocks()), quick(), split=1, progress=False)
    with pytest.raises(OptionError, match="the task 'link' takes None"):
        quick(sampler="neighbor")
    with pytest.raises(OptionError, match="decoder is 'sum'; expected 'dot' or 'mlp'"):
        quick(decoder="sum")
