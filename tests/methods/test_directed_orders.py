"""Orders of arcs: cut, saved, verified, protected; transforms."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from directed_oracles import distinct_arcs, protected_arcs
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import as_pairs, edge_index_of, large_graphs, small_graphs
from torch_geometric.data import Data, HeteroData

import wis
from wis.errors import GraphFormatError, OptionError, OrderMismatchError, ProtectionError
from wis.graph import DirectedGraph
from wis.order import RemovalOrder
from wis.order.protections import Protections
from wis.testing import odd_graph
from wis.transforms import Sparsify, WalkIndexSparsification


@given(graph=small_graphs(), share=st.sampled_from(["25%", "50%", "100%"]))
def test_a_cut_takes_arcs_with_their_repeats_and_leaves_reverses_and_loops(graph, share):
    num_nodes, arcs = graph
    data = Data(edge_index=edge_index_of(arcs), num_nodes=num_nodes)
    data.edge_number = torch.arange(len(arcs))
    order = wis.removal_order(data, directed=True)
    cut = order.apply(data, remove=share)
    gone = set(as_pairs(order.edges[:, : order.num_removed(remove=share)]))
    kept = [k for k, arc in enumerate(arcs) if arc not in gone]
    assert cut.edge_number.tolist() == kept
    assert as_pairs(cut.edge_index) == [arcs[k] for k in kept]
    assert torch.equal(wis.sparsify(data, remove=share, directed=True).edge_index, cut.edge_index)


def test_remove_is_about_arcs():
    data = odd_graph("clique")  # 36 edges, 72 arcs
    assert wis.sparsify(data, remove=0.25, directed=True).num_edges == 54
    assert wis.sparsify(data, remove=70, directed=True).num_edges == 2
    with pytest.raises(OptionError, match="73 arcs, but the graph has 72 arcs"):
        wis.sparsify(data, remove=73, directed=True)


def test_a_canonical_graph_is_cut_too():
    data = odd_graph("power-law")
    graph = DirectedGraph.from_any(data)
    cut = wis.sparsify(graph, remove=0.5, method="random")
    assert isinstance(cut, DirectedGraph)
    assert cut.num_edges == graph.num_edges - round(graph.num_edges / 2)
    edges_of = wis.UndirectedGraph.from_any(data)
    other = wis.removal_order(graph, "random").apply(edges_of, remove=0.5)
    assert DirectedGraph.from_any(other).fingerprint == cut.fingerprint


def test_an_order_file_knows_that_it_is_of_arcs(tmp_path):
    data = odd_graph("power-law")
    order = wis.removal_order(data, directed=True, walk_length=2, count=40)
    loaded = RemovalOrder.load(order.save(tmp_path / "arcs.order.npz"))
    assert loaded.provenance == order.provenance
    assert loaded.provenance.directed
    assert "arcs" in repr(loaded)
    assert torch.equal(
        loaded.apply(data, remove=20).edge_index, order.apply(data, remove=20).edge_index
    )
    wis.verify_order(data, loaded)
    with pytest.raises(OptionError, match="the cut needs 41 arcs"):
        loaded.apply(data, remove=41)


def test_an_order_file_without_the_field_is_of_edges(tmp_path):
    data = odd_graph("power-law")
    path = wis.removal_order(data).save(tmp_path / "edges.order.npz")
    with np.load(path) as archive:
        header = json.loads(archive["header"].tobytes())
    assert "directed" not in header["provenance"]  # so that older versions read it as well
    assert not RemovalOrder.load(path).provenance.directed


@pytest.mark.parametrize("directed", [1, "yes", None])
def test_a_damaged_field_is_refused(tmp_path, directed):
    path = wis.removal_order(odd_graph("path"), directed=True).save(tmp_path / "o.npz")
    with np.load(path) as archive:
        header, edges = json.loads(archive["header"].tobytes()), archive["edges"]
    header["provenance"]["directed"] = directed
    text = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    np.savez(path, header=text, edges=edges)
    with pytest.raises(GraphFormatError, match="directed is"):
        RemovalOrder.load(path)


def test_a_loop_in_an_order_of_arcs_is_refused(tmp_path):
    order = wis.removal_order(odd_graph("path"), directed=True)
    order.edges[:, 0] = 3
    with pytest.raises(GraphFormatError, match="arcs between different ids"):
        RemovalOrder.load(order.save(tmp_path / "o.npz"))


def test_an_order_is_for_the_arcs_that_it_was_made_for():
    data = odd_graph("one-way-arcs")
    order = wis.removal_order(data, directed=True)
    turned = Data(edge_index=data.edge_index.flip(0), num_nodes=data.num_nodes)
    with pytest.raises(OrderMismatchError, match="another graph"):
        order.apply(turned, remove=1)
    with pytest.raises(OrderMismatchError, match="was made for a directed graph"):
        order.check_made_for(wis.UndirectedGraph.from_any(data))
    turned_order = dataclasses.replace(order, edges=order.edges.flip(0))
    with pytest.raises(OrderMismatchError, match="no arc of the graph"):
        wis.verify_order(data, turned_order)


# Protections


@given(
    graph=st.one_of(small_graphs(), small_graphs(max_num_nodes=5, max_num_arcs=40)),
    keep_connected=st.booleans(),
    min_degree=st.integers(0, 3),
    num_protected=st.integers(0, 3),
    seed=st.integers(0, 99),
)
@settings(max_examples=150)
def test_protected_orders_of_arcs_are_those_of_a_plain_loop(
    graph, keep_connected, min_degree, num_protected, seed
):
    num_nodes, arcs = graph
    protect = distinct_arcs(arcs)[:num_protected]
    options = {"keep_connected": keep_connected, "min_degree": min_degree}
    whole = DirectedGraph.from_any(edge_index_of(arcs), num_nodes)
    ranking = as_pairs(wis.removal_order(whole, "random", seed=seed).edges)
    order = wis.removal_order(whole, "random", seed=seed, protect=protect, **options)
    assert as_pairs(order.edges) == protected_arcs(ranking, protect=protect, **options)


@given(graph=large_graphs(), min_degree=st.integers(0, 3), seed=st.integers(0, 99))
@settings(max_examples=4)
def test_protected_orders_of_larger_graphs_too(graph, min_degree, seed):
    num_nodes, arcs = graph
    whole = DirectedGraph.from_any(edge_index_of(arcs[:350]), num_nodes)
    options = {"keep_connected": True, "min_degree": min_degree}
    ranking = as_pairs(wis.removal_order(whole, "random", seed=seed).edges)
    order = wis.removal_order(whole, "random", seed=seed, **options)
    assert as_pairs(order.edges) == protected_arcs(ranking, protect=(), **options)


def test_an_arc_is_no_bridge_while_its_reverse_is_there():
    both_ways = edge_index_of([(0, 1), (1, 0), (1, 2), (2, 1)])
    order = wis.removal_order(both_ways, directed=True, keep_connected=True)
    assert len(order) == 2
    assert order.apply(both_ways, remove=2).size(1) == 2
    with pytest.raises(ProtectionError, match="only 2 of 4 arcs can go with keep_connected"):
        order.apply(both_ways, remove=3)


def test_min_degree_is_about_incoming_arcs():
    # 0 -> 1, 2, 3 and back from 1 and 2: 0 has two incoming arcs, the others one each.
    arcs = edge_index_of([(0, 1), (0, 2), (0, 3), (1, 0), (2, 0)])
    order = wis.removal_order(arcs, directed=True, min_degree=1)
    assert len(order) == 1
    assert order.edges[1].tolist() == [0]
    assert wis.verify_order(arcs, order).rule == "greedy among the edges that may go"


def test_protect_keeps_arcs_as_given():
    arcs = edge_index_of([(0, 1), (1, 0), (1, 2)])
    order = wis.removal_order(arcs, directed=True, protect=[(0, 1)])
    assert sorted(as_pairs(order.edges)) == [(1, 0), (1, 2)]
    with pytest.raises(ProtectionError, match=r"\(2, 1\), which is no arc"):
        wis.removal_order(arcs, directed=True, protect=[(2, 1)])
    assert "1 protected arc" in repr(order)


def test_protections_of_arcs_are_saved(tmp_path):
    data = odd_graph("power-law")
    order = wis.removal_order(data, directed=True, keep_connected=True, min_degree=1)
    loaded = RemovalOrder.load(order.save(tmp_path / "o.npz"))
    assert loaded.provenance.protections == Protections(keep_connected=True, min_degree=1)
    assert not wis.verify_order(data, loaded).recomputed


# Transforms


def test_transforms_cut_arcs_as_sparsify_does():
    data = odd_graph("power-law")
    expected = wis.sparsify(data, remove=0.4, directed=True, walk_length=2).edge_index
    transform = WalkIndexSparsification(remove=0.4, walk_length=2, directed=True)
    assert torch.equal(transform(data).edge_index, expected)
    assert torch.equal(Sparsify(0.4, walk_length=2, directed=True)(data).edge_index, expected)
    assert "directed=True" in repr(transform)
    with pytest.raises(OptionError, match="of a directed graph"):
        Sparsify(0.4, directed=True, engine="bitset")


def test_arcs_of_a_hetero_data_go_without_their_reverses():
    data = HeteroData()
    data["a"].num_nodes = data["b"].num_nodes = 3
    there = torch.tensor([[0, 1, 2], [0, 1, 2]])
    data["a", "to", "b"].edge_index = there
    data["b", "rev_to", "a"].edge_index = there.flip(0)
    cut = wis.sparsify(data, remove=1, directed=True)
    sizes = [cut[kind].edge_index.size(1) for kind in cut.edge_types]
    assert sorted(sizes) == [2, 3]
