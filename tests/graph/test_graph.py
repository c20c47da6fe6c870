"""Canonical edges from whatever PyG may hand over."""

from __future__ import annotations

import hashlib
import struct

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracles import canonical_edges, degrees
from strategies import as_pairs, edge_index_of, rearranged, small_graphs
from torch_geometric import EdgeIndex
from torch_geometric.data import Data, HeteroData

from wis.errors import GraphFormatError, OptionError
from wis.graph import UndirectedGraph
from wis.testing import ODD_GRAPHS, odd_graph


@given(small_graphs())
def test_edges_are_the_sorted_pairs_of_different_vertices(graph):
    num_nodes, arcs = graph
    canonical = UndirectedGraph.from_any(edge_index_of(arcs), num_nodes)
    assert as_pairs(canonical.edges) == canonical_edges(arcs)
    assert canonical.num_edges == len(canonical_edges(arcs))
    assert canonical.num_arcs == len(arcs)
    assert canonical.num_nodes == num_nodes


@given(small_graphs())
def test_each_arc_belongs_to_its_edge_and_a_loop_to_none(graph):
    num_nodes, arcs = graph
    edges = canonical_edges(arcs)
    (found,) = UndirectedGraph.from_any(edge_index_of(arcs), num_nodes).arc_to_edge
    expected = [-1 if u == v else edges.index((min(u, v), max(u, v))) for u, v in arcs]
    assert found.tolist() == expected


@given(small_graphs())
def test_degree_counts_neighbours(graph):
    num_nodes, arcs = graph
    canonical = UndirectedGraph.from_any(edge_index_of(arcs), num_nodes)
    assert canonical.degree.tolist() == degrees(num_nodes, canonical_edges(arcs))


@given(small_graphs(), st.data())
def test_fingerprint_depends_on_the_graph_alone(graph, data):
    num_nodes, arcs = graph
    one = UndirectedGraph.from_any(edge_index_of(arcs), num_nodes)
    other = UndirectedGraph.from_any(edge_index_of(data.draw(rearranged(arcs))), num_nodes)
    larger = UndirectedGraph.from_any(edge_index_of(arcs), num_nodes + 1)
    assert one.fingerprint == other.fingerprint != larger.fingerprint


def test_fingerprint_is_the_same_on_every_machine():
    graph = UndirectedGraph.from_any(edge_index_of([(0, 1), (1, 2)]))
    described = b"wis-graph-1 3 2 " + struct.pack("<4q", 0, 1, 1, 2)  # n, m, smaller ends, larger
    assert graph.fingerprint == hashlib.sha256(described).hexdigest()[:32]


@given(small_graphs(), st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=12))
def test_edges_are_looked_up_by_their_endpoints_in_either_order(graph, pairs):
    num_nodes, arcs = graph
    pairs = [(u, v) for u, v in pairs if max(u, v) < num_nodes]
    edges = canonical_edges(arcs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wis.graph.canonical.LOOKED_UP_AT_ONCE", 3)
        canonical = UndirectedGraph.from_any(edge_index_of(arcs), num_nodes)
        ids = canonical.edge_ids(edge_index_of(pairs))
    sorted_pairs = [(min(pair), max(pair)) for pair in pairs]
    assert ids.tolist() == [edges.index(p) if p in edges else -1 for p in sorted_pairs]


@pytest.mark.parametrize("name", ODD_GRAPHS)
def test_data_and_its_edge_index_give_the_same_graph(name):
    data = odd_graph(name)
    from_data = UndirectedGraph.from_any(data)
    from_tensor = UndirectedGraph.from_any(data.edge_index, data.num_nodes)
    assert from_data.fingerprint == from_tensor.fingerprint
    assert UndirectedGraph.from_any(from_data) is from_data


@pytest.mark.parametrize("dtype", [torch.int8, torch.int32, torch.int64, torch.uint8])
def test_ids_may_have_any_integer_dtype(dtype):
    graph = UndirectedGraph.from_any(edge_index_of([(2, 1), (0, 1)]).to(dtype))
    assert as_pairs(graph.edges) == [(0, 1), (1, 2)]
    assert graph.edges.dtype == torch.int64


def test_edge_index_class_of_pyg_is_understood():
    edge_index = EdgeIndex([[0, 1, 1, 2], [1, 0, 2, 1]], sparse_size=(5, 5))
    assert as_pairs(UndirectedGraph.from_any(edge_index).edges) == [(0, 1), (1, 2)]
    assert UndirectedGraph.from_any(Data(edge_index=edge_index)).num_nodes == 5


def test_ids_may_be_a_view_without_contiguous_memory():
    view = torch.tensor([[2, 1], [0, 1], [1, 2]]).T
    assert as_pairs(UndirectedGraph.from_any(view).edges) == [(0, 1), (1, 2)]


def test_number_of_vertices_is_the_largest_id_plus_one_where_nobody_knows():
    assert UndirectedGraph.from_any(edge_index_of([(4, 1)])).num_nodes == 5
    assert UndirectedGraph.from_any(edge_index_of([])).num_nodes == 0
    assert UndirectedGraph.from_any(Data(edge_index=edge_index_of([(4, 1)]))).num_nodes == 5


def test_ids_near_the_limit_do_not_overflow():
    big = 3_000_000_000
    graph = UndirectedGraph.from_any(edge_index_of([(big, 0), (big, big - 1), (0, big)]))
    assert as_pairs(graph.edges) == [(0, big), (big - 1, big)]


# HeteroData


def authors_and_papers() -> HeteroData:
    data = HeteroData()
    data["author"].x = torch.zeros(3, 2)
    data["paper"].x = torch.zeros(4, 5)
    data["author", "writes", "paper"].edge_index = torch.tensor([[0, 1, 2, 2], [0, 0, 1, 3]])
    data["paper", "rev_writes", "author"].edge_index = torch.tensor([[0, 0, 1, 3], [0, 1, 2, 2]])
    data["paper", "cites", "paper"].edge_index = torch.tensor([[0, 1, 2], [1, 0, 2]])
    return data


def test_reverse_edge_types_merge_into_the_same_edges():
    graph = UndirectedGraph.from_any(authors_and_papers())
    # by hand: authors are 0 to 2, papers 3 to 6
    assert as_pairs(graph.edges) == [(0, 3), (1, 3), (2, 4), (2, 6), (3, 4)]
    assert [ids.tolist() for ids in graph.arc_to_edge] == [
        [0, 1, 2, 3],
        [0, 1, 2, 3],
        [4, 4, -1],
    ]


def test_vertex_type_without_attributes_is_as_large_as_its_largest_id():
    data = HeteroData()
    data["a"].x = torch.zeros(2, 1)
    data["a", "to", "b"].edge_index = torch.tensor([[0, 1], [5, 2]])
    assert UndirectedGraph.from_any(data).num_nodes == 8


def test_hetero_data_without_edges_has_none():
    data = HeteroData()
    data["a"].x = torch.zeros(2, 1)
    graph = UndirectedGraph.from_any(data)
    assert (graph.num_nodes, graph.num_edges) == (2, 0)


def test_error_of_an_edge_type_names_it_and_the_vertex_type():
    data = authors_and_papers()
    data["author", "writes", "paper"].edge_index[1, 0] = 4
    with pytest.raises(
        GraphFormatError, match=r"'writes'.*\(paper\) holds vertex id 4.*4 vertices"
    ):
        UndirectedGraph.from_any(data)


# What is no graph


@pytest.mark.parametrize(
    ("edge_index", "message"),
    [
        (torch.zeros(3, 2, dtype=torch.int64), r"shape \[3, 2\]; expected \[2, num_arcs\]"),
        (torch.zeros(2, dtype=torch.int64), r"shape \[2\]"),
        (torch.zeros(2, 3), r"dtype torch.float32; vertex ids are integers"),
        (torch.zeros(2, 3, dtype=torch.bool), r"dtype torch.bool"),
        (torch.tensor([[0, -2], [1, 1]]), r"vertex id -2"),
        (torch.tensor([[0, 7], [1, 1]]), r"vertex id 7, but the graph has 4 vertices"),
    ],
)
def test_malformed_edge_index_is_refused_with_a_reason(edge_index, message):
    with pytest.raises(GraphFormatError, match=message):
        UndirectedGraph.from_any(edge_index, 4)
    with pytest.raises(GraphFormatError, match=message):
        UndirectedGraph.from_any(Data(edge_index=edge_index, num_nodes=4))


def test_negative_number_of_vertices_is_refused():
    with pytest.raises(GraphFormatError, match="num_nodes is -1"):
        UndirectedGraph.from_any(edge_index_of([]), -1)


@pytest.mark.parametrize("thing", [None, "cora", np.zeros((2, 3)), [[0], [1]]])
def test_thing_that_is_no_graph_is_named(thing):
    with pytest.raises(GraphFormatError, match=f"got a {type(thing).__name__}; expected"):
        UndirectedGraph.from_any(thing)


def test_data_without_edge_index_is_refused():
    with pytest.raises(GraphFormatError, match="no edge_index"):
        UndirectedGraph.from_any(Data(x=torch.zeros(3, 1)))


def test_sparse_adjacency_is_answered_with_what_to_do():
    data = Data(adj_t=torch.eye(3).to_sparse(), num_nodes=3)
    with pytest.raises(GraphFormatError, match="sparsify before ToSparseTensor"):
        UndirectedGraph.from_any(data)


def test_num_nodes_is_for_a_bare_edge_index():
    with pytest.raises(OptionError, match="bare edge_index"):
        UndirectedGraph.from_any(odd_graph("path"), 7)
