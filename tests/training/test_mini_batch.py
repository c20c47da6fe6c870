"""Mini-batches: they learn, repeat, and hold what they should."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from graphs import planted, quick
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import small_graphs
from torch_geometric.sampler import NodeSamplerInput

from wis.training import engine, train
from wis.training.engine import MiniBatches
from wis.training.neighbors import NeighborSampler
from wis.training.problem import make_problem


def parts(**changes):
    return quick(sampler="random-parts", num_parts=4, **changes)


@pytest.mark.parametrize("model", ["gcn", "gin"])
def test_random_parts_learn_a_planted_task(model):
    config = parts(model=model, max_epochs=20, dtype="float32")
    record = train(planted(num_nodes=240, sparse=False), config, progress=False)
    assert record.engine == "mini-batch"
    assert record.test_accuracy > 0.8
    assert record.curve.loss[-1] < 0.7 * record.curve.loss[0]


def test_the_same_call_gives_the_same_run_and_another_seed_another():
    losses = [train(planted(), parts(seed=s), progress=False).curve.loss for s in (0, 0, 1)]
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


def test_an_epoch_takes_a_step_for_each_part_and_all_training_vertices_once(monkeypatch):
    seen = []

    def recorded(batch):
        rows = original(batch)
        seen.append(batch.x[rows, 0])
        return rows

    original = engine.trained_rows
    monkeypatch.setattr(engine, "trained_rows", recorded)
    data = planted()
    data.x[:, 0] = torch.arange(120)
    config = parts()
    MiniBatches(make_problem(data, config), config).epoch(1)
    assert len(seen) == 4
    assert torch.cat(seen).sort().values.tolist() == data.train_mask.nonzero().view(-1).tolist()


def test_parts_differ_from_epoch_to_epoch(monkeypatch):
    config = parts()
    data = planted()
    data.x[:, 0] = torch.arange(120)
    batches = MiniBatches(make_problem(data, config), config)
    firsts = []
    for epoch in (1, 2):
        with torch.random.fork_rng():
            torch.manual_seed(config.seed * 1_000_003 + epoch)
            firsts.append(next(iter(batches.loader)).x[:, 0].sort().values)
    assert not torch.equal(*firsts)


def test_sparse_features_are_sampled_too():
    record = train(planted(sparse=True), parts(max_epochs=2), progress=False)
    assert record.num_epochs == 2


def test_one_part_is_a_full_batch():
    config = quick(sampler="random-parts", num_parts=1)
    whole = train(planted(), quick(), progress=False)
    assert train(planted(), config, progress=False).curve.loss == pytest.approx(
        whole.curve.loss, rel=1e-6
    )


@pytest.mark.parametrize("sampler", ["random-parts", "neighbor"])
def test_a_gin_trains_on_mini_batches_of_a_single_vertex(sampler):
    data = planted(num_nodes=12)
    data.edge_index = data.edge_index[:, :0]
    config = quick("gin", sampler=sampler, num_parts=12, batch_size=1, max_epochs=2)
    assert train(data, config, progress=False).num_epochs == 2


def neighbors(**changes):
    return quick(sampler="neighbor", **changes)


@pytest.mark.parametrize("model", ["gcn", "gin"])
def test_neighbors_learn_a_planted_task(model):
    config = neighbors(model=model, batch_size=40, num_neighbors=5, max_epochs=20, dtype="float32")
    record = train(planted(num_nodes=240), config, progress=False)
    assert record.engine == "mini-batch"
    assert record.test_accuracy > 0.8


def test_all_neighbors_of_all_training_vertices_are_a_full_batch():
    config = neighbors(batch_size=10**6, num_neighbors=-1, depth=6)
    whole = train(planted(), quick(depth=6), progress=False)
    found = train(planted(), config, progress=False)
    assert found.curve.loss == pytest.approx(whole.curve.loss, rel=1e-6)


def test_the_same_call_draws_the_same_neighbors_and_another_seed_others():
    losses = [
        train(planted(), neighbors(seed=s, num_neighbors=2), progress=False).curve.loss
        for s in (0, 0, 1)
    ]
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


@given(small_graphs(max_num_nodes=7), st.integers(-1, 3), st.integers(1, 3), st.data())
def test_sampled_neighborhoods_are_as_described(graph, num_neighbors, depth, data):
    num_nodes, arcs = graph
    assume(num_nodes > 0)
    seeds = data.draw(st.lists(st.integers(0, num_nodes - 1), min_size=1, unique=True))
    edge_index = torch.tensor(arcs, dtype=torch.int64).reshape(-1, 2).T
    sampler = NeighborSampler(edge_index, num_nodes, num_neighbors=num_neighbors, depth=depth)
    out = sampler.sample_from_nodes(NodeSamplerInput(None, torch.tensor(seeds)))
    node = out.node.tolist()
    drawn = [(node[j], node[i]) for j, i in zip(out.row.tolist(), out.col.tolist(), strict=True)]
    assert node[: len(seeds)] == seeds
    assert len(set(node)) == len(node)
    assert not Counter(drawn) - Counter(arcs), "an arc was drawn more often than it is there"
    # follow the layers: whoever is reached for the first time before the last layer gets its arcs
    frontier, reached = set(seeds), set(seeds)
    for _ in range(depth):
        for vertex in frontier:
            there = sum(end == vertex for _, end in arcs)
            expected = there if num_neighbors < 0 else min(there, num_neighbors)
            assert sum(end == vertex for _, end in drawn) == expected
        frontier = {source for source, end in drawn if end in frontier} - reached
        reached |= frontier
    assert set(node) == reached


def test_every_neighbor_is_drawn_equally_often():
    star = torch.tensor([[1, 2, 3, 4], [0, 0, 0, 0]])
    sampler = NeighborSampler(star, 5, num_neighbors=2, depth=1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawn = Counter(
            vertex
            for _ in range(400)
            for vertex in sampler.sample_from_nodes(
                NodeSamplerInput(None, torch.tensor([0]))
            ).node.tolist()[1:]
        )
    assert sorted(drawn) == [1, 2, 3, 4]
    assert max(abs(count - 200) for count in drawn.values()) < 50  # 5 standard deviations
