"""Odd PyG objects: each part goes with the arcs, stays, or is refused with the way out.

`CUT` lists objects with the parts that go with the arcs (one entry for each surviving arc, checked
against a selection of its own); all others must be as they were. `REFUSED` lists objects with words
of the line that says why. Both are tried by every way in.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from pyg_objects import (
    NUM_ARCS,
    NUM_NODES,
    arcs,
    as_many,
    assert_consistent,
    plain,
    shop,
    snapshot,
)
from torch_geometric.data import Data, HeteroData
from torch_geometric.data.storage import E_KEYS, N_KEYS

import wis
from wis.errors import GraphFormatError, OptionError
from wis.graph.part_names import EDGE_KEYS, VERTEX_KEYS, words_of
from wis.measure.facts import graph_facts
from wis.testing import assert_same_data, odd_graph
from wis.transforms import Sparsify

pytestmark = [
    pytest.mark.filterwarnings("ignore:Sparse CSR tensor support"),
    pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors"),
]
with warnings.catch_warnings():  # torch says once of a process that these are new
    warnings.simplefilter("ignore")
    torch.sparse.check_sparse_tensor_invariants.disable()
    torch.eye(1).to_sparse_csr(), torch.nested.nested_tensor([torch.ones(1)])

A = torch.arange(NUM_ARCS)
V = torch.arange(NUM_NODES)
PAIRS = torch.tensor([[0, 5, 6], [6, 0, 2]])
ONES = sp.coo_array((np.ones(NUM_ARCS), arcs().numpy()), shape=(NUM_NODES, NUM_NODES)).tocsr()
STRINGS = [f"arc {position}" for position in range(NUM_ARCS)]


class Twisted(Data):
    """Entries of `late` lie along the last dimension; `whole` is never concatenated."""

    def __cat_dim__(self, key, value, *args, **kwargs):
        if key == "late":
            return -1
        return None if key == "whole" else super().__cat_dim__(key, value, *args, **kwargs)

    def __inc__(self, key, value, *args, **kwargs):
        return 7 if key == "late" else super().__inc__(key, value, *args, **kwargs)


def identity(size):
    return torch.eye(size).to_sparse()


CUT = {
    "tensors of all kinds": (
        plain(edge_attr=A.half().view(-1, 1), edge_type=A.to(torch.uint8), flags=A > 3, z=A * 1j),
        ["edge_attr", "edge_type", "flags", "z"],
    ),
    "texts": (plain(label=list(STRINGS), colours=tuple(STRINGS), name="a graph"), "label colours"),
    "arrays": (
        plain(since=A.numpy(), who=np.array(STRINGS), frame=np.zeros((NUM_NODES, 2))),
        ["since", "who"],
    ),
    "tables of pandas": (
        plain(table=pd.DataFrame({"a": A.numpy()}), row=pd.Series(STRINGS)),
        ["table", "row"],
    ),
    "nothing": (plain(edge_attr=None, x=None, y=None), []),
    "a dictionary": (
        plain(edge_attr={"bond": A, "names": list(STRINGS), "scale": 2.0}),
        ["edge_attr.bond", "edge_attr.names"],
    ),
    "lists of tensors": (
        plain(hops=[A, A * 2], pair=(A.numpy(), V.numpy())),
        ["hops.0", "hops.1", "pair.0"],
    ),
    "labels of the arcs": (plain(edge_label=A % 2), ["edge_label"]),
    "labels of held-out pairs": (plain(edge_label=V[:3], edge_label_index=PAIRS), []),
    "labels of held-out pairs, as many": (plain(edge_label=A, edge_label_index=arcs().flip(1)), []),
    "held-out pairs of old": (
        plain(train_pos_edge_index=arcs(), val_neg_edge_index=PAIRS, test_edge_index=arcs()),
        [],
    ),
    "split labels": (
        plain(
            pos_edge_label=A,
            pos_edge_label_index=arcs(),
            neg_edge_label=V[:3],
            neg_edge_label_index=PAIRS,
        ),
        [],
    ),
    "a split by another key": (plain(rating=A, rating_index=arcs().flip(1)), []),
    "sampled triples": (plain(src_index=V[:2], dst_pos_index=V[:2], dst_neg_index=V[:2]), []),
    "hyperedges": (plain(hyperedge_index=PAIRS), []),
    "masks of arcs": (
        plain(train_edge_mask=A > 3, edge_mask=A < 2, train_mask=V > 1),
        ["train_edge_mask", "edge_mask"],
    ),
    "arcs a second time": (
        plain(edge_index_t=arcs().flip(0), edges=arcs().T.contiguous(), row=arcs()[0]),
        ["edge_index_t", "edges", "row"],
    ),
    "names of attributes": (
        plain(edge_attr=A, edge_attr_names=["weight"], edge_dim=3, num_edge_types=4),
        ["edge_attr"],
    ),
    "knowledge": (
        as_many(knowledge=torch.arange(4), wedge=torch.arange(4), hedged=list("abcd")),
        [],
    ),
    "columns": (
        plain(
            triangles=V, n_edges=V * 2, edge_count=V, rowptr=A, laplacian=A, face=A, n_arcs=A * 2
        ),
        ["rowptr", "laplacian", "face", "n_arcs"],
    ),
    "words written as one": (
        as_many(
            edgeweight=torch.arange(4),
            arctype=list("abcd"),
            ledgeid=torch.arange(4),
            EdgeCost=A[:4],
        ),
        ["edgeweight", "arctype", "EdgeCost"],
    ),
    "words": (
        as_many(my_edge_kind=torch.arange(4), edgeKind=torch.arange(4), arc_id=list("abcd")),
        ["my_edge_kind", "edgeKind", "arc_id"],
    ),
    "as many, by PyG's names": (
        as_many(
            x=torch.arange(4),
            pos=torch.arange(4),
            batch=torch.zeros(4),
            edge_attr=torch.arange(4),
            e_id=torch.arange(4),
            n_id=torch.arange(4),
            y=torch.arange(4),
            t=list("abcd"),
        ),
        ["edge_attr", "e_id"],
    ),
    "sparse features": (
        plain(x=identity(NUM_NODES), feat2=torch.eye(NUM_NODES, 3).to_sparse()),
        [],
    ),
    "sparse attributes of arcs": (
        plain(edge_attr=torch.eye(NUM_ARCS, 2).to_sparse()),
        ["edge_attr"],
    ),
    "compressed attributes of arcs": (
        plain(edge_attr=torch.eye(NUM_ARCS, 2).to_sparse_csr()),
        ["edge_attr"],
    ),
    "features on meta": (
        plain(
            x=torch.empty(NUM_NODES, 2, device="meta"),
            edge_attr=torch.empty(NUM_ARCS, device="meta"),
        ),
        ["edge_attr"],
    ),
    "a class of its own": (
        Twisted(edge_index=arcs(), num_nodes=NUM_NODES, late=A.view(1, -1), whole=A.clone()),
        ["late"],
    ),
    "a mini-batch of a loader": (
        plain(
            x=V, n_id=V + 100, e_id=A + 50, input_id=V[:2], batch_size=2, num_sampled_nodes=[2, 5]
        ),
        ["e_id"],
    ),
    "a saint": (plain(node_norm=V / 7, edge_norm=A / 18), ["edge_norm"]),
    "gradients": (plain(edge_weight=torch.rand(NUM_ARCS, requires_grad=True)), ["edge_weight"]),
    "a nested tensor": (
        plain(
            edge_attr=torch.nested.nested_tensor([torch.ones(1 + k % 3) for k in range(NUM_ARCS)])
        ),
        ["edge_attr"],
    ),
    "a jagged tensor": (
        plain(
            edge_attr=torch.nested.nested_tensor(
                [torch.full((1 + k % 3,), k * 1.0) for k in range(NUM_ARCS)], layout=torch.jagged
            )
        ),
        ["edge_attr"],
    ),
}

REFUSED = {
    "edge_weight is [2] of float32; expected one entry for each of the 18 arcs": plain(
        edge_weight=torch.ones(2)
    ),
    "edge_attr is [3, 2]": plain(edge_attr=torch.ones(3, 2)),
    "edge_type is [19]": plain(edge_type=torch.arange(19)),
    "e_id is [9]": plain(e_id=A[:9]),
    "edge_time is [9]": plain(edge_time=A[:9]),
    "edge_weight is [] of float32": plain(edge_weight=torch.tensor(1.0)),
    "edge_attr is a list of 3": plain(edge_attr=["a", "b", "c"]),
    "edge_attr is a dict of 1": plain(edge_attr={"bond": A[:3]}),
    "edge_label is [3]": plain(edge_label=V[:3]),
    "edge_attr is a nested tensor of 2": plain(
        edge_attr=torch.nested.nested_tensor([torch.ones(1), torch.ones(2)])
    ),
    "undirected_edge_attr is [9]": plain(undirected_edge_attr=A[:9]),
    "x is [3, 1] of float32; expected one entry for each of the 7 vertices": plain(
        x=torch.ones(3, 1)
    ),
    "edge_weight of ('user', 'buys', 'item') is [3]": shop(edge_weight=torch.ones(3)),
    "rowptr is not a list of positions that rises from 0": plain(rowptr=torch.tensor([0, 2, 5])),
    "adj_t is [3, 3]": plain(adj_t=torch.eye(3).to_sparse()),
    "adj is a dict of 1": plain(adj={0: [1, 2]}),
}
STALE = {
    "face (triangles)": plain(face=torch.tensor([[0], [1], [2]])),
    "edge_index_2 (a list of pairs that may follow from the edges)": plain(edge_index_2=PAIRS),
    "line_graph_edge_index (a list of pairs": plain(line_graph_edge_index=arcs()[:, :5]),
    "knn_edge_index (a list of pairs": plain(knn_edge_index=arcs().flip(1)),
    "edges (a list of pairs": plain(edges=PAIRS),
    "tri_index (triangles)": plain(tri_index=torch.tensor([[0], [1], [2]])),
    "lambda_max (an eigenvalue": plain(lambda_max=2.0),
    "sub_edge_index (subgraphs)": plain(sub_edge_index=PAIRS, e_id=A[:3], n_sub_batch=V),
    "num_edges is 17, but the graph has 18 arcs": plain(),
    "num_sampled_edges is [3, 4]; expected numbers that add up": plain(num_sampled_edges=[3, 4]),
    "adj_t has an entry at (0, 6), which is not an arc": plain(
        adj_t=torch.sparse_coo_tensor(PAIRS[:, [0]], torch.ones(1), (NUM_NODES, NUM_NODES))
    ),
    "two_hops has an entry at": plain(two_hops=ONES @ ONES),
    "adj has the layout torch.sparse_bsr": plain(
        adj=torch.zeros(7, 7).index_put(tuple(arcs()), torch.ones(18)).to_sparse_bsr((1, 1))
    ),
    "adj_t is on the device meta": plain(adj_t=torch.empty(7, 7, device="meta")),
}
STALE["num_edges is 17, but the graph has 18 arcs"]["num_edges"] = 17


def at(value, path):
    for key in path.split(".")[1:]:
        value = value[int(key) if isinstance(value, (list, tuple)) else key]
    return value


def selected(value, kept, dim):
    """The entries of the kept arcs, one by one."""
    positions = [position for position, keep in enumerate(kept) if keep]
    if isinstance(value, (pd.DataFrame, pd.Series)):
        return value.iloc[positions]
    if isinstance(value, torch.Tensor) and value.is_nested:
        return [value.unbind()[position] for position in positions]
    if isinstance(value, torch.Tensor) and value.is_meta:
        return torch.empty(len(positions), device="meta")
    if isinstance(value, torch.Tensor):
        dense = value if value.layout == torch.strided else value.to_dense()
        return torch.stack([dense.select(dim, position) for position in positions], dim)
    if isinstance(value, np.ndarray):
        return np.stack([value[position] for position in positions])
    return type(value)(value[position] for position in positions)


def assert_equal(found, expected):
    if isinstance(found, torch.Tensor) and (found.layout != torch.strided or found.is_nested):
        found = list(found.unbind()) if found.is_nested else found.to_dense()
    expected = Data(value=expected)
    assert_same_data(Data(value=found), expected)


def sparsified(data):
    """The same cut by every way in."""
    sparse = wis.sparsify(data, remove=0.4)
    assert_same_data(wis.removal_order(data).apply(data, remove=0.4), sparse)
    assert_same_data(Sparsify(0.4)(data), sparse)
    return sparse


@pytest.mark.parametrize("name", CUT)
def test_parts_of_the_arcs_are_cut_and_all_others_stay(name):
    data, parts = CUT[name]
    parts = parts.split() if isinstance(parts, str) else parts
    before = snapshot(data)
    sparse = sparsified(data)
    assert_same_data(data, before)
    left = set(map(tuple, sparse.edge_index.T.tolist()))
    kept = [tuple(arc) in left for arc in data.edge_index.T.tolist()]
    assert 0 < sum(kept) == sparse.num_edges < len(kept)
    for path in parts:
        key = path.partition(".")[0]
        dim = 1 if key in ("late", "edge_index_t") else 0
        assert_equal(at(sparse[key], path), selected(at(data[key], path), kept, dim))
    assert set(sparse.keys()) == set(data.keys())
    gone = {path.partition(".")[0] for path in parts} | {"edge_index"}
    for key in set(data.keys()) - gone:
        assert sparse[key] is data[key]


@pytest.mark.parametrize("words", REFUSED)
def test_attribute_of_a_wrong_length_is_refused_by_every_way_in(words):
    data = REFUSED[words]
    store = data["user", "buys", "item"] if isinstance(data, HeteroData) else data
    whole = wis.removal_order(Data(edge_index=arcs(), num_nodes=NUM_NODES))
    ways = [
        lambda: wis.sparsify(data, remove=1),
        lambda: wis.removal_order(data),
        lambda: Sparsify(1)(data),
        lambda: graph_facts(data),
    ]
    if store is data:
        ways.append(lambda: whole.apply(data, remove=1))
    for way in ways:
        with pytest.raises(GraphFormatError) as found:
            way()
        assert words in str(found.value)
        assert "\n" not in str(found.value)


@pytest.mark.parametrize("words", STALE)
def test_what_would_be_stale_is_refused_and_can_still_be_looked_at(words):
    data = STALE[words]
    with pytest.raises(GraphFormatError) as found:
        wis.sparsify(data, remove=3)
    assert words in str(found.value)
    assert "\n" not in str(found.value)
    order = wis.removal_order(data)
    with pytest.raises(GraphFormatError):
        order.apply(data, remove=3)
    assert graph_facts(data).num_edges == 9
    assert wis.walk_index(data, [0], 1) > 0


def test_names_are_those_of_pyg():
    assert (EDGE_KEYS, VERTEX_KEYS) == (E_KEYS, N_KEYS)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("my_edge_kind2", ["my", "edge", "kind"]),
        ("edgeKind", ["edge", "kind"]),
        ("knowledge", ["knowledge"]),
        ("EDGE_ID", ["edge", "id"]),
        ("pos-edge.label", ["pos", "edge", "label"]),
        ("edgeweight", ["edge", "weight"]),
        ("EDGETYPES", ["edge", "types"]),
        ("my_arcid2", ["my", "arc", "id"]),
        ("knowledgetype", ["knowledgetype"]),
        ("archive", ["archive"]),
        ("edgeweighted", ["edgeweighted"]),
        ("", []),
    ],
)
def test_words_of_a_name(name, words):
    assert words_of(name) == words


def test_a_name_said_to_be_of_the_arcs_is_cut_where_lengths_cannot_tell():
    data = as_many(knowledge=torch.arange(4), y=torch.arange(4), w=list("abcd"))
    sparse = wis.sparsify(data, remove=1, edge_attrs=["knowledge", "w"])
    assert (len(sparse.knowledge), len(sparse.y), len(sparse.w)) == (2, 4, 2)


def test_a_name_said_to_be_of_the_arcs_wins_over_what_it_looks_like():
    data = plain(face=A, edge_label=A, edge_label_index=arcs())
    sparse = wis.sparsify(data, remove=2, edge_attrs=["face", "edge_label"])
    assert sparse.face.tolist() == sparse.edge_label.tolist()
    assert len(sparse.face) == sparse.num_edges == 14
    with pytest.raises(OptionError, match="'face' is named as edge-level"):
        wis.sparsify(plain(face=V), remove=2, edge_attrs=["face"])


# Counters, pointers, matrices


@pytest.mark.parametrize("kind", [int, torch.tensor, lambda n: torch.tensor([n]), np.int64])
@pytest.mark.parametrize("number", [18, 9])
def test_numbers_of_arcs_or_edges_are_counted_again(kind, number):
    data = plain()
    data._store["num_edges"] = kind(number)
    if number == 18:
        sparse = sparsified(data)
        assert (int(sparse._store["num_edges"]), type(sparse._store["num_edges"])) == (
            10,
            type(data._store["num_edges"]),
        )
    data = plain(n_edges=kind(number))
    assert int(wis.sparsify(data, remove=4).n_edges) == number * 5 // 9


@pytest.mark.parametrize("kind", [list, tuple, torch.tensor, np.array])
def test_arcs_of_each_hop_are_counted_again(kind):
    data = plain(num_sampled_edges=kind([5, 0, 9, 4]), num_sampled_nodes=[2, 3, 2])
    sparse = sparsified(data)
    left = set(map(tuple, sparse.edge_index.T.tolist()))
    kept = [tuple(arc) in left for arc in data.edge_index.T.tolist()]
    expected = [sum(kept[:5]), 0, sum(kept[5:14]), sum(kept[14:])]
    assert list(map(int, sparse.num_sampled_edges)) == expected
    assert type(sparse.num_sampled_edges) is type(data.num_sampled_edges)
    assert sparse.num_sampled_nodes == [2, 3, 2]


def test_arcs_of_each_hop_of_each_type_are_counted_again():
    data = shop(num_sampled_edges=[2, 3])
    sparse = wis.sparsify(data, remove=2)["user", "buys", "item"]
    assert sum(sparse.num_sampled_edges) == sparse.edge_index.size(1) == 3


def test_pointers_into_the_arcs_point_to_the_arcs_that_are_left():
    order = torch.argsort(arcs()[0], stable=True)
    data = Data(edge_index=arcs()[:, order], num_nodes=NUM_NODES)
    data.rowptr = torch.cat([torch.zeros(1, dtype=torch.int64), arcs()[0].bincount().cumsum(0)])
    data.ptr = torch.tensor([0, NUM_NODES])
    data.node_ptr = np.array([0, 3, NUM_NODES])
    sparse = sparsified(data)
    counts = torch.bincount(sparse.edge_index[0], minlength=NUM_NODES)
    assert sparse.rowptr.diff().tolist() == counts.tolist()
    assert sparse.ptr is data.ptr
    assert sparse.node_ptr is data.node_ptr


def matrix_of(edge_index, values, kind):
    shape = (NUM_NODES, NUM_NODES)
    coo = torch.sparse_coo_tensor(edge_index, values, shape)
    dense = coo.to_dense()
    makers = {
        "coo": lambda: coo.coalesce(),
        "uncoalesced": lambda: coo,
        "csr": lambda: coo.to_sparse_csr(),
        "csc": lambda: coo.to_sparse_csc(),
        "dense": lambda: dense,
        "array": lambda: dense.numpy(),
        "scipy-csr": lambda: sp.csr_matrix(dense.numpy()),
        "scipy-coo": lambda: sp.coo_array(dense.numpy()),
    }
    return makers[kind]()


def dense_of(value):
    if sp.issparse(value):
        return torch.from_numpy(value.toarray())
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value)
    return value if value.layout == torch.strided else value.to_dense()


KINDS = ["coo", "uncoalesced", "csr", "csc", "dense", "array", "scipy-csr", "scipy-coo"]


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("name", ["adj", "adj_t", "adjacency"])
@pytest.mark.parametrize("kind", KINDS)
def test_matrices_lose_the_entries_of_removed_arcs_and_no_others(name, kind, directed):
    looped = torch.cat([arcs(), torch.tensor([[2, 5], [2, 5]])], dim=1)  # as gcn_norm adds them
    values = torch.arange(1.0, 21.0)
    data = plain(edge_weight=values[:18])
    turned = name == "adj_t"
    data[name] = matrix_of(looped.flip(0) if turned else looped, values, kind)
    before = snapshot(data)
    sparse = wis.sparsify(data, remove=4, directed=directed, method="random")
    assert type(sparse[name]) is type(data[name])
    left = sparse.edge_index.flip(0) if turned else sparse.edge_index
    expected = torch.zeros(NUM_NODES, NUM_NODES)
    expected[tuple(left)] = sparse.edge_weight
    expected[2, 2], expected[5, 5] = 19, 20
    assert torch.equal(dense_of(sparse[name]), expected)
    assert_same_data(data, before)


@pytest.mark.parametrize("kind", ["coo", "csr", "scipy-csr"])
def test_any_sparse_matrix_of_the_arcs_is_cut_under_any_name(kind):
    data = plain(a_hat=matrix_of(arcs(), torch.arange(1.0, 19.0), kind))
    sparse = sparsified(data)
    assert (dense_of(sparse.a_hat) != 0).sum() == sparse.num_edges == 10


def test_sparse_matrix_that_shares_no_entry_with_the_arcs_stays():
    far = torch.sparse_coo_tensor(PAIRS, torch.ones(3), (NUM_NODES, NUM_NODES))
    data = plain(far=far, x=identity(NUM_NODES), scaled=identity(NUM_NODES).to_sparse_csr())
    sparse = sparsified(data)
    assert all(sparse[name] is data[name] for name in ("far", "x", "scaled"))


def test_values_of_a_matrix_may_be_vectors():
    values = torch.arange(36.0).view(18, 2)
    data = plain(adj=torch.sparse_coo_tensor(arcs(), values, (NUM_NODES, NUM_NODES, 2)))
    sparse = wis.sparsify(data, remove=4)
    assert sparse.adj._values().shape == (10, 2)
    assert torch.equal(sparse.adj.coalesce().values().sum(), sparse.adj.to_dense().sum())


class SparseMatrix:
    """What is used of `torch_sparse.SparseTensor`, which is not installed here."""

    def __init__(self, row, col, value, sparse_sizes, is_sorted):
        self.row, self.col, self.value, self.sizes = row, col, value, sparse_sizes
        self.is_sorted = is_sorted

    @property
    def shape(self):
        return self.sizes

    def coo(self):
        return self.row, self.col, self.value

    def sparse_sizes(self):
        return self.sizes


@pytest.mark.parametrize("value", [None, A])
def test_matrix_of_torch_sparse_is_cut_too(value):
    u, v = arcs()
    data = plain(adj_t=SparseMatrix(v, u, value, (NUM_NODES, NUM_NODES), False))
    sparse = wis.sparsify(data, remove=4)
    row, col, left = sparse.adj_t.coo()
    assert torch.equal(torch.stack([col, row]), sparse.edge_index)
    assert left is None if value is None else len(left) == 10
    assert data.adj_t.row.numel() == 18


# Odd ends


@pytest.mark.parametrize("name", ["empty", "one-vertex", "one-vertex-with-a-loop"])
def test_graph_without_edges_is_cut_with_all_its_parts(name):
    data = odd_graph(name)
    data.edge_attr = torch.ones(data.edge_index.size(1), 2)
    data.adj_t = torch.zeros(data.num_nodes, data.num_nodes).to_sparse()
    sparse = sparsified(data)
    assert sparse.edge_attr.shape == data.edge_attr.shape
    assert_consistent(sparse)


@pytest.mark.parametrize("remove", [0, "100%"])
def test_nothing_and_everything_can_go(remove):
    data = plain(edge_attr=A, adj_t=matrix_of(arcs().flip(0), A + 1.0, "csr"), num_arcs=18)
    sparse = wis.sparsify(data, remove=remove)
    left = 18 if remove == 0 else 0
    assert (sparse.num_edges, sparse.adj_t._nnz(), sparse.num_arcs) == (left, left, left)
    assert_consistent(sparse)


def test_graph_on_meta_is_refused():
    data = Data(edge_index=torch.empty(2, 4, dtype=torch.int64, device="meta"), num_nodes=3)
    with pytest.raises(GraphFormatError, match="edge_index is on the device meta"):
        wis.sparsify(data, remove=1)


@pytest.mark.parametrize(
    ("edge_index", "words"),
    [
        (torch.eye(2).to_sparse(), "edge_index is a sparse tensor"),
        (np.zeros((2, 3), dtype=np.int64), "edge_index is a ndarray"),
        ([[0, 1], [1, 0]], "edge_index is a list"),
        (torch.tensor([[0.0], [1.0]]), "edge_index has dtype torch.float32"),
    ],
)
def test_edge_index_of_another_kind_is_refused(edge_index, words):
    with pytest.raises(GraphFormatError, match=words):
        wis.sparsify(Data(edge_index=edge_index, num_nodes=3), remove=1)


@pytest.mark.parametrize("number", [4.0, "4", -1, True, [4], torch.tensor(2.5)])
def test_number_of_vertices_that_is_none_is_refused(number):
    for given in (lambda: plain(), lambda: arcs()):
        data = given()
        extra = {} if isinstance(data, Data) else {"num_nodes": number}
        if isinstance(data, Data):
            data.num_nodes = number
        with pytest.raises(GraphFormatError, match=r"num_nodes is .*; expected an integer from 0"):
            wis.sparsify(data, remove=1, **extra)
    assert wis.sparsify(Data(edge_index=arcs(), num_nodes=torch.tensor(7)), remove=1).num_nodes == 7


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (Data(edge_index=None, x=V), "no edge_index; expected an integer tensor"),
        (Data(train_pos_edge_index=arcs(), num_nodes=7), "edge_index = data.train_pos_edge_index"),
        (Data(face=PAIRS, pos=torch.rand(7, 3)), "FaceToEdge"),
        (Data(pos=torch.rand(7, 3)), "KNNGraph"),
        (Data(edge_index=arcs().T, num_nodes=7), "[18, 2]; expected [2, num_arcs]: transpose it"),
    ],
)
def test_graph_without_arcs_is_refused_with_the_way_to_them(data, words):
    with pytest.raises(GraphFormatError) as found:
        wis.sparsify(data, remove=1)
    assert words in str(found.value)


def test_types_of_vertices_are_not_added_by_looking():
    data = HeteroData()
    data["a", "to", "b"].edge_index = torch.tensor([[0, 1], [0, 2]])
    sparse = wis.sparsify(data, remove=1)
    assert (data.node_types, sparse.node_types) == ([], [])


def test_labels_of_ratings_are_cut_with_the_ratings():
    time = torch.arange(5)
    sparse = wis.sparsify(shop(edge_label=torch.arange(5), time=time), remove=2)
    store = sparse["user", "buys", "item"]
    assert len(store.edge_label) == len(store.time) == store.edge_index.size(1) == 3
    assert torch.equal(store.edge_label, store.time)


@pytest.mark.parametrize("kind", ["coalesced", "uncoalesced", "csr", "csc", "dense"])
def test_gradients_reach_the_weights_of_a_matrix_through_the_cut(kind):
    pairs, weights = arcs(), torch.ones(NUM_ARCS, requires_grad=True)
    adj = torch.sparse_coo_tensor(pairs, weights, (NUM_NODES, NUM_NODES))
    if kind != "uncoalesced":
        adj = adj.coalesce()
    if kind in ("csr", "csc"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch calls these layouts beta
            adj = adj.to_sparse(layout=getattr(torch, f"sparse_{kind}"))
    data = plain(adj=adj.to_dense() if kind == "dense" else adj)
    cut = wis.sparsify(data, remove=2)
    kept = cut.adj if kind == "dense" else cut.adj.to_dense()
    kept.sum().backward()
    assert int(weights.grad.sum()) == cut.edge_index.size(1) < NUM_ARCS


@pytest.mark.parametrize("others", [{}, {"right": torch.ones(NUM_ARCS)}])
@pytest.mark.parametrize("wrong", [torch.ones(3), np.ones(3), {"deeper": torch.ones(3, 2)}])
@pytest.mark.parametrize("name", ["edge_attr", "edge_dict", "my_edge_features"])
def test_array_of_a_wrong_length_in_a_dictionary_is_refused(name, wrong, others):
    data = plain(**{name: {**others, "wrong": wrong}})
    with pytest.raises(GraphFormatError, match="expected one entry for each of the"):
        wis.sparsify(data, remove=1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("split_edge", {"train": {"edge": torch.ones(3, 2)}, "test": {"edge": torch.ones(5, 2)}}),
        ("edge_vocab", {"relation": torch.ones(3)}),
        ("edge_dict", {"names": ["a", "b", "c"], "mean": torch.ones(3), "one": torch.ones(1)}),
        ("tables", {"some": torch.ones(3)}),
    ],
)
def test_dictionary_of_other_things_is_left_alone(name, value):
    assert wis.sparsify(plain(**{name: value}), remove=1)[name] is value


def test_edge_attrs_of_a_bare_edge_index_are_refused():
    order = wis.removal_order(arcs())
    for cut in (wis.sparsify, order.apply):
        with pytest.raises(OptionError, match="this graph has none"):
            cut(arcs(), remove=1, edge_attrs=["weight"])
