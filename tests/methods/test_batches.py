"""A PyG `Batch` comes apart after a cut, and an `EdgeIndex` says what is true of it."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest
import torch
from pyg_objects import arcs, assert_consistent, shop
from torch_geometric import EdgeIndex
from torch_geometric.data import Batch, Data
from torch_geometric.loader import DataLoader

import wis
from wis.errors import GraphFormatError
from wis.testing import assert_same_data

SHAPES = [[(0, 1), (1, 2), (0, 2), (2, 3)], [(0, 1)], [(0, 1), (0, 2), (0, 3), (1, 2), (4, 1)]]


def molecule(edges, number) -> Data:
    """A graph with attributes of every level and kind; the second has as many vertices as arcs."""
    edge_index = arcs(edges)
    size = edge_index.size(1)
    return Data(
        x=torch.arange(int(edge_index.max()) + 1).view(-1, 1) + 10 * number,
        edge_index=edge_index,
        edge_attr=torch.arange(size).view(-1, 1) + 100 * number,
        bonds=[f"bond {number} {position}" for position in range(size)],
        since=np.arange(size) + 1000 * number,
        parts={"first": torch.arange(size) - 7, "second": torch.arange(3)},
        hops=[torch.arange(size) * 2, torch.arange(2)],
        num_arcs=size,
        y=torch.tensor([number]),
        name=f"molecule {number}",
        edge_label=torch.arange(3),
        edge_label_index=torch.zeros(2, 3, dtype=torch.int64),
    )


def molecules() -> list[Data]:
    return [molecule(edges, number) for number, edges in enumerate(SHAPES)]


def assert_is_part(part, graph) -> None:
    """`part` is `graph` without some edges, attribute by attribute."""
    left = set(map(tuple, part.edge_index.T.tolist()))
    kept = torch.tensor([tuple(arc) in left for arc in graph.edge_index.T.tolist()])
    expected = copy.copy(graph)
    expected.edge_index = graph.edge_index[:, kept]
    expected.edge_attr = graph.edge_attr[kept]
    expected.bonds = [bond for bond, keep in zip(graph.bonds, kept.tolist(), strict=True) if keep]
    expected.since = graph.since[kept.numpy()]
    expected.parts = {"first": graph.parts["first"][kept], "second": graph.parts["second"]}
    expected.hops = [graph.hops[0][kept], graph.hops[1]]
    expected.num_arcs = torch.tensor([int(kept.sum())])
    assert_same_data(part, expected)


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("remove", [0, 1, 5, "100%"])
def test_parts_of_a_batch_are_the_graphs_without_some_edges(remove, directed):
    graphs = molecules()
    batch = Batch.from_data_list(graphs)
    sparse = wis.sparsify(batch, remove=remove, directed=directed)
    assert_consistent(sparse)
    assert sum(part.num_edges for part in sparse.to_data_list()) == sparse.num_edges
    for number, graph in enumerate(graphs):
        part = sparse.get_example(number)
        assert_consistent(part)
        part.num_arcs = part.num_arcs.view(1)
        assert_is_part(part, graph)
    for found, graph in zip(batch.to_data_list(), molecules(), strict=True):
        found.num_arcs = int(found.num_arcs)
        assert_same_data(found, graph)  # the batch itself is as it was


def test_graphs_with_an_arc_each_keep_their_labels():
    graphs = [
        Data(edge_index=torch.tensor([[0], [1]]), num_nodes=2, y=torch.tensor([k]))
        for k in range(3)
    ]
    sparse = wis.sparsify(Batch.from_data_list(graphs), remove=2)
    assert sparse.y.tolist() == [0, 1, 2]
    assert sorted(part.num_edges for part in sparse.to_data_list()) == [0, 0, 1]
    assert wis.sparsify(graphs[1], remove=1).y.tolist() == [1]


def test_as_many_graphs_as_arcs_is_no_doubt():
    graphs = [Data(edge_index=arcs([(0, 1)]), num_nodes=3, y=k, t=[k]) for k in range(2)]
    graphs += [
        Data(edge_index=torch.empty(2, 0, dtype=torch.int64), num_nodes=3, y=k, t=[k])
        for k in (2, 3)
    ]
    batch = Batch.from_data_list(graphs)
    assert batch.num_graphs == batch.num_edges == 4
    sparse = wis.sparsify(batch, remove=1)
    assert (sparse.y.tolist(), sparse.t) == ([0, 1, 2, 3], [[0], [1], [2], [3]])


def test_what_a_loader_follows_is_counted_again():
    loader = DataLoader(
        molecules(), batch_size=3, follow_batch=["edge_attr", "edge_index", "x", "edge_label_index"]
    )
    (batch,) = loader
    sparse = wis.sparsify(batch, remove=4)
    counts = [part.num_edges for part in sparse.to_data_list()]
    for name in ("edge_attr", "edge_index"):
        assert sparse[f"{name}_ptr"].diff().tolist() == counts
        assert sparse[f"{name}_batch"].bincount(minlength=3).tolist() == counts
    for name in ("x_ptr", "x_batch", "edge_label_index_ptr", "edge_label_index_batch", "ptr"):
        assert torch.equal(sparse[name], batch[name])


def test_batch_that_was_made_by_hand_is_cut_like_any_graph():
    batch = Batch(batch=torch.tensor([0, 0, 1, 1]), edge_index=arcs([(0, 1), (2, 3)]))
    batch.edge_attr = torch.arange(4)
    sparse = wis.sparsify(batch, remove=1)
    assert (sparse.num_graphs, sparse.num_edges, len(sparse.edge_attr)) == (2, 2, 2)


def test_batch_of_hetero_data_comes_apart():
    graphs = [
        shop(price=torch.arange(5) + 10 * k, notes=[f"{k} {i}" for i in range(5)], num_edges=5)
        for k in range(2)
    ]
    sparse = wis.sparsify(Batch.from_data_list(graphs), remove=4)
    for part, graph in zip(sparse.to_data_list(), graphs, strict=True):
        assert_consistent(part)
        store, whole = part["user", "buys", "item"], graph["user", "buys", "item"]
        price = dict(
            zip(map(tuple, whole.edge_index.T.tolist()), whole.price.tolist(), strict=True)
        )
        notes = dict(zip(map(tuple, whole.edge_index.T.tolist()), whole.notes, strict=True))
        left = [tuple(arc) for arc in store.edge_index.T.tolist()]
        assert store.price.tolist() == [price[arc] for arc in left]
        assert store.notes == [notes[arc] for arc in left]
        assert int(store["num_edges"]) == len(left)


@pytest.mark.parametrize("length", [5, 9])
def test_attribute_of_a_wrong_length_in_a_batch_is_refused(length):
    graphs = molecules()
    for graph in graphs:
        graph.edge_weight = torch.ones(length)
    with pytest.raises(GraphFormatError, match="edge_weight is"):
        wis.sparsify(Batch.from_data_list(graphs), remove=1)


def test_right_sum_of_wrong_lengths_in_a_batch_is_refused():
    graphs = molecules()[:2]  # of 8 and 2 arcs
    for graph, length in zip(graphs, (2, 8), strict=True):
        graph.edge_weight = torch.ones(length)
    with pytest.raises(GraphFormatError, match="edge_weight is"):
        wis.sparsify(Batch.from_data_list(graphs), remove=1)


# EdgeIndex


def edge_index_of(order=None, undirected=True, dtype=torch.int64) -> EdgeIndex:
    pairs = arcs().to(dtype)
    if order is not None:
        pairs = pairs[:, torch.argsort(pairs[0 if order == "row" else 1], stable=True)]
    found = EdgeIndex(
        pairs.contiguous(), sparse_size=(9, 9), sort_order=order, is_undirected=undirected
    )
    return found.fill_cache_() if order is not None else found


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
@pytest.mark.parametrize("order", [None, "row", "col"])
@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.filterwarnings("ignore:Sparse .*:UserWarning")  # of torch, once in a process
def test_edge_index_is_one_with_true_metadata(order, directed, dtype):
    given = edge_index_of(order, dtype=dtype)
    data = Data(edge_index=given, num_nodes=9, edge_attr=torch.arange(18))
    sparse = wis.sparsify(data, remove=3, directed=directed)
    found = sparse.edge_index
    assert type(found) is EdgeIndex
    found.validate()
    assert found.dtype == dtype
    assert found.sparse_size() == (9, 9)
    assert getattr(found.sort_order, "value", found.sort_order) == order
    assert found.is_undirected is not directed
    assert found._indptr is None
    assert found._T_perm is None
    x = torch.rand(9, 2)
    if order == "row":
        dense = torch.zeros(9, 9).index_put(tuple(found.as_tensor().long()), torch.ones(1))
        assert torch.allclose(found @ x, dense @ x)
    assert (given.num_cols, given.is_undirected, given.size(1)) == (9, True, 18)
    bare = wis.sparsify(given, remove=3, directed=directed, num_nodes=9)
    assert type(bare) is EdgeIndex
    assert torch.equal(bare.as_tensor(), found.as_tensor())


def test_metadata_that_were_wrong_are_not_passed_on():
    shuffled = arcs()[:, torch.randperm(18, generator=torch.Generator().manual_seed(1))]
    one_way = arcs()[:, ::2].contiguous()
    lying = EdgeIndex(shuffled, sort_order="row", is_undirected=True)
    assert wis.sparsify(lying, remove=1).sort_order is None
    lying = EdgeIndex(one_way, is_undirected=True, sparse_size=(7, 7))
    assert not wis.sparsify(lying, remove=1).is_undirected


@pytest.mark.parametrize("directed", [False, True])
def test_edge_index_of_a_batch_comes_apart_with_true_metadata(directed):
    graphs = [
        Data(edge_index=EdgeIndex(arcs(edges), sparse_size=(5, 5), is_undirected=True), num_nodes=5)
        for edges in SHAPES
    ]
    sparse = wis.sparsify(Batch.from_data_list(graphs), remove=3, directed=directed)
    sparse.edge_index.validate()
    parts = sparse.to_data_list()
    assert sum(part.num_edges for part in parts) == sparse.num_edges
    for part in parts:
        assert type(part.edge_index) is EdgeIndex
        part.edge_index.validate()
        assert part.edge_index.sparse_size() == (5, 5)
    assert all(part.edge_index.is_undirected for part in parts) is not directed


@pytest.mark.parametrize("remove", [0.5, 1.0])
@pytest.mark.parametrize("sizes", [{}, {"num_nodes": 5}])
def test_graphs_of_a_batch_keep_their_vertices_without_features(sizes, remove):
    pairs = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 4]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyG's, that it infers the number of vertices
        batch = Batch.from_data_list([Data(edge_index=pairs, **sizes) for _ in range(3)])
    parts = wis.sparsify(batch, remove=remove).to_data_list()
    assert [part.num_nodes for part in parts] == [5, 5, 5]
    assert "_num_nodes" in batch._store.__dict__ or not sizes  # the batch itself is as it was
    again = Batch.from_data_list(parts)
    assert again.ptr.tolist() == [0, 5, 10, 15]
