"""Edges go with all their arcs and attributes, and nothing else changes."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import torch_geometric.transforms as T
from hypothesis import given
from hypothesis import strategies as st
from oracles import canonical_edges
from strategies import as_pairs, edge_index_of, small_graphs
from torch_geometric import EdgeIndex
from torch_geometric.data import Batch, Data, HeteroData

import wis
from wis.errors import GraphFormatError, OptionError
from wis.graph import UndirectedGraph
from wis.graph.cut import drop_edges
from wis.testing import assert_same_data, odd_graph


@given(small_graphs(), st.data())
def test_arcs_of_kept_edges_and_loops_survive_in_their_order(graph, data):
    num_nodes, arcs = graph
    edges = canonical_edges(arcs)
    removed = data.draw(st.lists(st.booleans(), min_size=len(edges), max_size=len(edges)))
    given_data = Data(edge_index=edge_index_of(arcs), num_nodes=num_nodes)
    given_data.edge_weight = torch.arange(len(arcs))
    canonical = UndirectedGraph.from_any(given_data)
    result = drop_edges(given_data, canonical, torch.tensor(removed, dtype=torch.bool))
    gone = {edge for edge, goes in zip(edges, removed, strict=True) if goes}
    kept = [i for i, (u, v) in enumerate(arcs) if (min(u, v), max(u, v)) not in gone]
    assert as_pairs(result.edge_index) == [arcs[i] for i in kept]
    assert result.edge_weight.tolist() == kept


def triangle_with_tail() -> Data:
    """4 vertices, 8 arcs: attributes of each kind, no length of which is ambiguous."""
    edge_index = torch.tensor([[0, 1, 0, 2, 1, 2, 2, 3], [1, 0, 2, 0, 2, 1, 3, 2]])
    return Data(
        x=torch.arange(12.0, dtype=torch.float64).view(4, 3),
        y=torch.tensor([1, 0, 1, 0], dtype=torch.int8),
        train_mask=torch.tensor([True, False, True, False]),
        edge_index=edge_index,
        edge_attr=torch.arange(16, dtype=torch.float16).view(8, 2),
        weight=torch.arange(8),
        colours=list("aabbccdd"),
        times=np.arange(8, dtype=np.int16),
        name="triangle with a tail",
        split=(0.5, 0.5),
        level=3,
        graph_attr=torch.ones(1, 5),
    )


def test_every_attribute_is_kept_as_it_was_or_for_the_surviving_arcs():
    data = triangle_with_tail()
    removed = torch.tensor([False, True, False, False])  # the edge {0, 2}
    result = drop_edges(data, UndirectedGraph.from_any(data), removed)
    kept = [0, 1, 4, 5, 6, 7]
    expected = copy.copy(data)
    expected.edge_index = data.edge_index[:, kept]
    expected.edge_attr = data.edge_attr[kept]
    expected.weight = data.weight[kept]
    expected.colours = list("aaccdd")
    expected.times = data.times[kept]
    assert_same_data(result, expected)


def test_input_and_its_tensors_are_untouched():
    data = triangle_with_tail()
    before, pointer = copy.deepcopy(data), data.x.data_ptr()
    result = wis.sparsify(data, remove=2)
    assert_same_data(data, before)
    assert result.x.data_ptr() == pointer  # shared, as PyG's transforms do


def test_cache_of_pyg_does_not_mislead_later_calls():
    data = triangle_with_tail()
    assert data.is_edge_attr("weight")
    sparse = wis.sparsify(data, remove=1)
    assert sparse.is_edge_attr("weight")
    assert sparse.is_node_attr("y")
    again = wis.sparsify(sparse, remove=1)
    assert again.weight.numel() == again.num_edges == 4


def four_arcs_four_vertices(**attributes) -> Data:
    """As many vertices as arcs: lengths cannot tell."""
    return Data(edge_index=torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), num_nodes=4, **attributes)


def test_where_vertices_equal_arcs_the_name_decides():
    four = torch.arange(4)
    data = four_arcs_four_vertices(x=four, edge_attr=four, my_edge_kind=four, y=four, pos=four)
    sparse = wis.sparsify(data, remove=1)
    lengths = {
        name: sparse[name].numel() for name in ("x", "y", "pos", "edge_attr", "my_edge_kind")
    }
    assert lengths == {"x": 4, "y": 4, "pos": 4, "edge_attr": 2, "my_edge_kind": 2}


def test_where_vertices_equal_arcs_named_attributes_are_edge_level():
    data = four_arcs_four_vertices(weight=torch.arange(4), y=torch.arange(4))
    for edge_attrs in (["weight"], ("weight",), "weight"):
        sparse = wis.sparsify(data, remove=1, edge_attrs=edge_attrs)
        assert (sparse.weight.numel(), sparse.y.numel()) == (2, 4)
    assert wis.sparsify(data, remove=1).weight.numel() == 4


def test_named_attribute_of_another_length_is_refused():
    data = triangle_with_tail()
    with pytest.raises(OptionError, match="'y' is named as edge-level but does not hold one entry"):
        wis.sparsify(data, remove=1, edge_attrs=["y"])


def test_named_attribute_that_is_not_there_is_refused():
    with pytest.raises(OptionError, match="'weihgt' is named as edge-level"):
        wis.sparsify(triangle_with_tail(), remove=1, edge_attrs=["weihgt"])


@pytest.mark.parametrize("name", ["edge_label_index", "val_pos_edge_index", "neg_edge_index"])
def test_list_of_its_own_is_untouched_although_it_is_as_long(name):
    data = triangle_with_tail()
    data[name] = data.edge_index.clone()
    assert torch.equal(wis.sparsify(data, remove=2)[name], data.edge_index)


def test_edge_label_that_is_named_is_edge_level():
    data = triangle_with_tail()
    data.edge_label = torch.arange(8)
    sparse = wis.sparsify(data, remove=1, edge_attrs=["edge_label"])
    assert sparse.edge_label.numel() == sparse.num_edges == 6


@pytest.mark.parametrize("split_labels", [True, False])
def test_held_out_edges_of_a_link_split_are_untouched(split_labels):
    data = odd_graph("random-dense")
    split = T.RandomLinkSplit(is_undirected=True, split_labels=split_labels)(data)
    for part in split:
        sparse = wis.sparsify(part, remove="50%")
        held_out = [name for name in part.keys() if "label" in name]  # noqa: SIM118
        assert held_out
        assert all(torch.equal(sparse[name], part[name]) for name in held_out)
        assert sparse.num_edges < part.num_edges


def test_number_of_vertices_stays_where_it_was_only_inferred():
    data = Data(edge_index=edge_index_of([(0, 1), (1, 2), (2, 0), (2, 3)]))
    sparse = wis.sparsify(data, remove="100%")
    assert sparse.num_nodes == 4
    assert wis.sparsify(triangle_with_tail(), remove=1).keys() == triangle_with_tail().keys()


def test_edge_index_class_of_pyg_stays_one():
    edge_index = EdgeIndex([[0, 0, 1, 1, 2, 2], [1, 2, 0, 2, 0, 1]], sparse_size=(4, 4))
    sparse = wis.sparsify(Data(edge_index=edge_index), remove=1)
    assert isinstance(sparse.edge_index, EdgeIndex)
    assert sparse.num_nodes == 4
    assert sparse.num_edges == 4


def test_batch_can_be_taken_apart_again():
    graphs = [triangle_with_tail() for _ in range(3)]
    batch = Batch.from_data_list(graphs)
    sparse = wis.sparsify(batch, remove=7)
    parts = sparse.to_data_list()
    assert sum(part.num_edges for part in parts) == sparse.num_edges == 10
    for part, graph in zip(parts, graphs, strict=True):
        weights = dict(zip(as_pairs(graph.edge_index), graph.weight.tolist(), strict=True))
        assert part.weight.tolist() == [weights[arc] for arc in as_pairs(part.edge_index)]
        assert torch.equal(part.x, graph.x)
    assert [graph.num_edges for graph in batch.to_data_list()] == [8, 8, 8]


# HeteroData


def users_and_items() -> HeteroData:
    data = HeteroData(name="shop")
    data["user"].x = torch.arange(3.0).view(3, 1)
    data["item"].x = torch.arange(4.0).view(4, 1)
    forth = torch.tensor([[0, 0, 1, 1, 2], [0, 1, 1, 2, 3]])
    data["user", "buys", "item"].edge_index = forth
    data["user", "buys", "item"].price = torch.arange(5)
    data["user", "buys", "item"].since = np.arange(5)
    data["item", "rev_buys", "user"].edge_index = forth.flip(0)
    data["item", "rev_buys", "user"].price = torch.arange(5) * 10
    data["user", "knows", "user"].edge_index = torch.tensor([[0, 1, 2, 2], [1, 0, 2, 1]])
    return data


def test_edge_and_its_reverse_go_together_whatever_their_type():
    data = users_and_items()
    graph = UndirectedGraph.from_any(data)
    for gone in range(graph.num_edges):
        removed = torch.zeros(graph.num_edges, dtype=torch.bool)
        removed[gone] = True
        result = drop_edges(data, graph, removed)
        forth, back = result["user", "buys", "item"], result["item", "rev_buys", "user"]
        assert torch.equal(forth.edge_index, back.edge_index.flip(0))
        assert torch.equal(forth.price * 10, back.price)
        assert torch.equal(forth.price, torch.from_numpy(forth.since))
        assert UndirectedGraph.from_any(result).num_edges == graph.num_edges - 1


def test_hetero_data_keeps_everything_else():
    data = users_and_items()
    before = copy.deepcopy(data)
    sparse = wis.sparsify(data, remove="100%")
    assert_same_data(data, before)
    assert as_pairs(sparse["user", "knows", "user"].edge_index) == [(2, 2)]
    assert (sparse.node_types, sparse.edge_types) == (data.node_types, data.edge_types)
    assert torch.equal(sparse["user"].x, data["user"].x)
    assert sparse.name == "shop"


def test_name_that_one_edge_type_has_is_enough():
    sparse = wis.sparsify(users_and_items(), remove=3, edge_attrs=["price"])
    buys = sparse["user", "buys", "item"]
    assert buys.price.numel() == buys.edge_index.size(1)


def test_hetero_batch_can_be_taken_apart_again():
    batch = Batch.from_data_list([users_and_items() for _ in range(2)])
    parts = wis.sparsify(batch, remove=5).to_data_list()
    for part in parts:
        buys = part["user", "buys", "item"]
        assert buys.price.numel() == buys.edge_index.size(1)
        assert torch.equal(part["item"].x, users_and_items()["item"].x)


def test_a_batch_that_was_changed_after_it_was_made_is_refused_or_cut_in_one_piece():
    graph = Data(edge_index=torch.tensor([[0, 0, 0, 1, 1], [1, 1, 1, 2, 2]]), num_nodes=3)
    for change in (T.RemoveDuplicatedEdges(), T.ToUndirected(), T.AddSelfLoops()):
        batch = change(Batch.from_data_list([graph, graph]))
        with pytest.raises(GraphFormatError, match="batch count 10 arcs, but edge_index"):
            wis.sparsify(batch, remove=1)
        del batch._slice_dict
        assert UndirectedGraph.from_any(wis.sparsify(batch, remove=1)).num_edges == 3
