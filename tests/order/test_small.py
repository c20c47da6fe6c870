"""The short way for small graphs gives what the general way gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import edge_index_of, small_graphs
from torch_geometric.data import Data

from wis.io import GraphFile
from wis.order.cut import Cut
from wis.order.ranking import Ranking, sparsified
from wis.order.small import MOST_ARCS, cut_small
from wis.testing import ODD_GRAPHS, assert_same_data, odd_graph

PLAIN = Ranking()


def usual(edge_index, num_nodes):
    num_arcs = edge_index.size(1)
    return Data(
        x=torch.rand(num_nodes, 2),
        edge_index=edge_index,
        edge_attr=torch.arange(2.0 * num_arcs).view(-1, 2),
        edge_weight=torch.arange(num_arcs),
        train_mask=torch.zeros(num_nodes, dtype=torch.bool),
    )


def both_ways(data, cut):
    small = cut_small(data, PLAIN, cut)
    return small, sparsified(data, PLAIN.graph(data), PLAIN, cut, progress=False)


@given(small_graphs(), st.floats(0, 1))
@settings(max_examples=300, deadline=None)
def test_any_small_graph_is_cut_alike(graph, share):
    num_nodes, arcs = graph
    data = usual(edge_index_of(arcs), num_nodes)
    small, general = both_ways(data, Cut(share))
    if small is None:  # as many arcs as vertices
        assert data.edge_index.size(1) == data.num_nodes
    else:
        assert_same_data(small, general)


@pytest.mark.parametrize("name", sorted(ODD_GRAPHS))
def test_odd_graphs_are_cut_alike_at_every_number_of_edges(name):
    plain = odd_graph(name)
    data = usual(plain.edge_index, plain.num_nodes)
    for number in range(0, PLAIN.graph(data).num_edges + 1, 3):
        small, general = both_ways(data, Cut(number))
        assert small is None or (assert_same_data(small, general) is None)


@pytest.mark.parametrize("seed", range(20))
def test_random_graphs_of_many_levels_are_cut_alike(seed):
    generator = np.random.default_rng(seed)
    hubs = generator.integers(30, size=180) ** 2 // 30
    arcs = torch.from_numpy(np.stack([hubs, generator.integers(30, size=180)]))
    data = usual(arcs, 30)
    for share in (0.2, 0.5, 0.9, 1.0):
        small, general = both_ways(data, Cut(share))
        assert_same_data(small, general)


@pytest.mark.parametrize(
    "change",
    [
        {"adj_t": torch.eye(3)},
        {"y": torch.zeros(4)},
        {"train_edge_index": torch.tensor([[0], [1]])},
        {"edge_index": torch.tensor([[0, 1, 2, 9], [1, 2, 0, 0]])},
        {"edge_index": torch.zeros(2, MOST_ARCS + 1, dtype=torch.int64)},
        {"edge_attr": torch.zeros(3)},
        {"x": torch.zeros(2)},
        {"name": "triangle"},
    ],
)
def test_what_is_unusual_is_left_to_the_general_way(change):
    data = Data(edge_index=torch.tensor([[0, 1, 2, 1], [1, 2, 0, 0]]), num_nodes=3)
    assert cut_small(data, PLAIN, Cut(1)) is not None
    for name, value in change.items():
        data[name] = value
    assert cut_small(data, PLAIN, Cut(1)) is None


@pytest.mark.parametrize(
    "ranking",
    [
        Ranking("random"),
        Ranking(options={"walk_length": 2}),
        Ranking(options={"epsilon": 0.1}),
        Ranking(options={"batch_size": 2}),
        Ranking(options={"engine": "rounds"}),
        Ranking(directed=True),
        Ranking(min_degree=1),
        Ranking(protect=[(0, 1)]),
    ],
)
def test_other_rankings_are_left_to_the_general_way(ranking):
    data = Data(edge_index=torch.tensor([[0, 1, 2, 1], [1, 2, 0, 0]]), num_nodes=3)
    assert cut_small(data, ranking, Cut(1)) is None
    assert cut_small(data, PLAIN, Cut(1, per_type=True)) is None


def test_a_file_knows_which_arcs_of_a_small_graph_are_left():
    data = Data(edge_index=torch.tensor([[0, 1, 2, 1], [1, 2, 0, 0]]), num_nodes=3)
    small = cut_small(data, PLAIN, Cut(1))
    assert small.edge_index.size(1) < data.edge_index.size(1)
    assert GraphFile(data).with_data(small).data is small
