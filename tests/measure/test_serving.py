"""What predictions read and multiply."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import edge_index_of, large_graphs, small_graphs
from torch.utils.flop_counter import FlopCounterMode
from torch_geometric.data import Data, HeteroData

from wis import datasets
from wis.errors import GraphFormatError, OptionError
from wis.graph import DirectedGraph, UndirectedGraph
from wis.measure.serving import edges_read, multiply_adds
from wis.models import available_models, build_model


def slow_edges_read(arcs, vertex: int, depth: int) -> int:
    """Walk back from the vertex, layer by layer, and collect the places of arcs in a set."""
    reached, read = {vertex}, set()
    for _layer in range(depth):
        found = {i for i, (u, w) in enumerate(arcs) if w in reached and u != w}
        read |= found
        reached |= {arcs[i][0] for i in found}
    return len(read)


def as_data(graph) -> Data:
    num_nodes, arcs = graph
    return Data(edge_index=edge_index_of(arcs), num_nodes=num_nodes)


@given(graph=st.one_of(small_graphs(), large_graphs()), depth=st.integers(1, 4))
def test_edges_read_are_those_that_a_walk_back_collects(graph, depth):
    num_nodes, arcs = graph
    vertices = torch.arange(num_nodes)[:70]  # more than a word has bits
    wanted = [slow_edges_read(arcs, v, depth) for v in vertices.tolist()]
    assert edges_read(as_data(graph), vertices, depth=depth).tolist() == wanted


@given(graph=small_graphs(), depth=st.integers(1, 4))
def test_an_edge_of_a_canonical_graph_is_two_arcs_or_one_if_it_is_directed(graph, depth):
    data = as_data(graph)
    every = torch.arange(data.num_nodes)
    for kind, turn in ((UndirectedGraph, True), (DirectedGraph, False)):
        canonical = kind.from_any(data)
        arcs = torch.cat([canonical.edges, canonical.edges.flip(0)][: 1 + turn], dim=1)
        expanded = Data(edge_index=arcs, num_nodes=data.num_nodes)
        same = edges_read(expanded, every, depth=depth)
        assert edges_read(canonical, every, depth=depth).tolist() == same.tolist()


def test_edges_read_of_a_star_by_hand():
    star = UndirectedGraph.from_any(torch.tensor([[0, 0, 0], [1, 2, 3]]), 4)
    found = [edges_read(star, torch.tensor([0, 1]), depth=depth).tolist() for depth in (1, 2, 3)]
    assert found == [[3, 1], [6, 4], [6, 6]]


def test_edges_read_refuse_impossible_arguments():
    karate = datasets.load("karate")
    for vertices, depth in ((torch.tensor([34]), 1), (torch.tensor([-1]), 1), (torch.arange(2), 0)):
        with pytest.raises(OptionError, match=r"vertices has an id outside 0 to 33|depth is 0"):
            edges_read(karate, vertices, depth=depth)
    with pytest.raises(GraphFormatError, match="HeteroData has no single edge_index"):
        edges_read(HeteroData(), torch.arange(2), depth=1)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        # 4 vertices, 2 arcs, 5 features, width 8, 3 classes; the output layer is 4 * 8 * 3 = 96
        ("gcn", 4 * 5 * 8 + 2 * 8 + 2 + 96),  # a product, a sum, the degrees
        ("sage", 2 * 4 * 5 * 8 + 2 * 8 + 2 + 96),  # two products
        ("gin", 4 * 5 * 8 + 4 * 8 * 8 + 2 * 8 + 96),  # a perceptron of two layers
    ],
)
def test_multiply_adds_by_hand(name, wanted):
    network = build_model(name, 5, 3, depth=1, width=8, seed=0)
    assert multiply_adds(network, num_nodes=4, num_arcs=2) == wanted
    assert network.training


@pytest.mark.parametrize("name", sorted(available_models()))
def test_multiply_adds_of_a_graph_are_those_of_a_pass_over_it(name):
    karate = datasets.load("karate")
    network = build_model(name, karate.num_features, 2, depth=3, width=4, seed=0).eval()
    scatter = torch.ops.aten.scatter_add_, torch.ops.aten.scatter_add
    counted = dict.fromkeys(scatter, lambda *shapes, **_: 2 * math.prod(shapes[3]))
    with FlopCounterMode(display=False, custom_mapping=counted) as counter:
        network(karate.x, karate.edge_index)
    found = multiply_adds(network, num_nodes=34, num_arcs=156)
    assert 2 * found == counter.get_total_flops() > 0
