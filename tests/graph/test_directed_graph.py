"""Canonical arcs: the directed twin of the undirected graph."""

from __future__ import annotations

import hashlib
import struct

import pytest
import torch
from directed_oracles import distinct_arcs
from hypothesis import given
from hypothesis import strategies as st
from method_cases import prepared, quick
from strategies import as_pairs, edge_index_of, small_graphs
from torch_geometric.data import Data, HeteroData

import wis
from wis.errors import OptionError
from wis.graph import DirectedGraph, UndirectedGraph, canonical_graph
from wis.methods import get_method
from wis.testing import odd_graph


@given(small_graphs(), st.randoms())
def test_edges_are_the_distinct_arcs_whatever_their_order_and_repeats(graph, rng):
    num_nodes, arcs = graph
    canonical = DirectedGraph.from_any(edge_index_of(arcs), num_nodes)
    assert as_pairs(canonical.edges) == distinct_arcs(arcs)
    again = [*arcs, *arcs[:3]]
    rng.shuffle(again)
    other = DirectedGraph.from_any(edge_index_of(again), num_nodes)
    assert other.fingerprint == canonical.fingerprint
    assert other.num_arcs == len(again)


@given(small_graphs())
def test_each_arc_knows_its_edge_and_a_loop_has_none(graph):
    num_nodes, arcs = graph
    edges = distinct_arcs(arcs)
    (found,) = DirectedGraph.from_any(edge_index_of(arcs), num_nodes).arc_to_edge
    assert found.tolist() == [-1 if u == v else edges.index((u, v)) for u, v in arcs]


@given(small_graphs(), st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=12))
def test_arcs_are_looked_up_in_their_direction(graph, pairs):
    num_nodes, arcs = graph
    pairs = [(u, v) for u, v in pairs if max(u, v) < num_nodes]
    edges = distinct_arcs(arcs)
    ids = DirectedGraph.from_any(edge_index_of(arcs), num_nodes).edge_ids(edge_index_of(pairs))
    assert ids.tolist() == [edges.index(pair) if pair in edges else -1 for pair in pairs]


@given(small_graphs())
def test_degrees_count_incoming_and_outgoing_neighbours(graph):
    num_nodes, arcs = graph
    edges = distinct_arcs(arcs)
    canonical = DirectedGraph.from_any(edge_index_of(arcs), num_nodes)
    for degree, end in ((canonical.in_degree, 1), (canonical.out_degree, 0)):
        assert degree.tolist() == [sum(e[end] == v for e in edges) for v in range(num_nodes)]


def test_fingerprint_is_the_same_on_every_machine_and_not_that_of_an_undirected_graph():
    arcs = edge_index_of([(0, 1), (1, 2)])
    graph = DirectedGraph.from_any(arcs)
    described = b"wis-directed-graph-1 3 2 " + struct.pack("<4q", 0, 1, 1, 2)
    assert graph.fingerprint == hashlib.sha256(described).hexdigest()[:32]
    assert graph.fingerprint != UndirectedGraph.from_any(arcs).fingerprint


@given(small_graphs())
def test_either_kind_of_graph_is_made_from_the_other(graph):
    num_nodes, arcs = graph
    undirected = UndirectedGraph.from_any(edge_index_of(arcs), num_nodes)
    directed = DirectedGraph.from_any(edge_index_of(arcs), num_nodes)
    assert DirectedGraph.from_any(undirected).fingerprint == directed.fingerprint
    assert UndirectedGraph.from_any(directed).fingerprint == undirected.fingerprint
    assert DirectedGraph.from_any(directed) is directed


def test_edges_without_arcs_cannot_become_arcs():
    graph = UndirectedGraph(3, edge_index_of([(0, 1), (1, 2)]))
    with pytest.raises(OptionError, match="its arcs are needed"):
        DirectedGraph.from_any(graph)


def test_a_directed_graph_is_directed_without_saying_so():
    graph = DirectedGraph.from_any(edge_index_of([(0, 1), (1, 0), (1, 2)]))
    assert canonical_graph(graph) is graph
    assert wis.removal_order(graph, "random").num_edges == 3
    assert wis.walk_index(graph, [0], 1) == 5  # by hand: from 0 to 0, 1; from 1 to 0, 1, 2
    with pytest.raises(OptionError, match="directed is 'yes'"):
        wis.removal_order(graph, "random", directed="yes")


def test_types_of_a_hetero_data_are_arcs_over_all_vertices():
    data = HeteroData()
    data["a"].num_nodes = 2
    data["b"].num_nodes = 2
    data["a", "to", "b"].edge_index = torch.tensor([[0, 1], [0, 0]])
    data["b", "back", "a"].edge_index = torch.tensor([[0, 1], [0, 1]])
    graph = DirectedGraph.from_any(data)
    assert as_pairs(graph.edges) == [(0, 2), (1, 2), (2, 0), (3, 1)]
    assert [ids.tolist() for ids in graph.arc_to_edge] == [[0, 1], [2, 3]]


@pytest.mark.parametrize("name", ["empty", "one-vertex", "one-vertex-with-a-loop"])
def test_graphs_without_arcs_have_empty_orders(name):
    methods = [name for name in wis.available_methods() if get_method(name).supports_directed]
    assert "wis" in methods
    for method in methods:
        data = prepared(method, odd_graph(name))
        order = wis.removal_order(data, method, directed=True, **quick(method))
        assert len(order) == 0
        assert isinstance(order.apply(data, remove="50%"), Data)
