"""Every transform of PyG, then a cut: the object is consistent, or it is refused with the reason.

`PLAIN` transforms leave an object that can be cut. `REFUSED` ones leave a part that follows from
the edges and could not be made to fit, or no `edge_index`; the words stand for what wis says.
`NEEDS` lists those that need a package that the tests do without.
"""

from __future__ import annotations

import warnings
from importlib.util import find_spec

import pytest
import torch
import torch_geometric.transforms as T
from pyg_objects import NUM_NODES, arcs, assert_consistent, shop, snapshot
from torch_geometric.data import Data

import wis
from wis.errors import GraphFormatError
from wis.graph import UndirectedGraph
from wis.testing import assert_same_data
from wis.transforms import Sparsify

ARGUMENTS = {
    "AddLaplacianEigenvectorPE": {"k": 2},
    "AddRandomWalkPE": {"walk_length": 3},
    "Compose": {"transforms": [T.ToUndirected(), T.AddSelfLoops()]},
    "FeaturePropagation": {"missing_mask": torch.zeros(NUM_NODES, 4, dtype=torch.bool)},
    "FixedPoints": {"num": NUM_NODES},
    "IndexToMask": {"sizes": NUM_NODES},
    "LinearTransformation": {"matrix": torch.eye(3)},
    "NodePropertySplit": {"property_name": "popularity", "ratios": [0.3, 0.1, 0.1, 0.2, 0.3]},
    "OneHotDegree": {"max_degree": 20},
    "Pad": {"max_num_nodes": 20, "max_num_edges": 40, "add_pad_mask": True},
    "RandomFlip": {"axis": 0},
    "RandomJitter": {"translate": 0.1},
    "RandomLinkSplit": {"is_undirected": True},
    "RandomRotate": {"degrees": 10},
    "RandomScale": {"scales": (0.9, 1.1)},
    "RandomShear": {"shear": 0.1},
    "RemoveTrainingClasses": {"classes": [0]},
    "RootedEgoNets": {"num_hops": 1},
    "SIGN": {"K": 2},
    "SVDFeatureReduction": {"out_channels": 2},
    "SamplePoints": {"num": NUM_NODES},
    "ToDevice": {"device": "cpu"},
}
REFUSED = {
    "Delaunay": "face (triangles)",
    "FaceToEdge": "edge_attr is [18, 2]",  # PyG keeps the attributes of the arcs that it replaces
    "GenerateMeshNormals": "face (triangles)",
    "LaplacianLambdaMax": "lambda_max (an eigenvalue of the graph)",
    "RootedEgoNets": "sub_edge_index (subgraphs)",
    "ToDense": "sparsify before ToDense",
    "ToSparseTensor": "sparsify before ToSparseTensor",
}
NEEDS = {
    "AddGPSE": "weights that are downloaded",
    "GridSampling": "pyg_lib or torch_cluster",
    "KNNGraph": "pyg_lib or torch_cluster",
    "RadiusGraph": "pyg_lib or torch_cluster",
    "RootedRWSubgraph": "pyg_lib or torch_cluster",
    "ToSLIC": "skimage",
}
WITHOUT = ("AddRemainingSelfLoops", "GDC", "GCNNorm", "HalfHop")  # PyG leaves edge_attr behind
NO_GRAPH = {"BaseTransform", "ComposeFilters"}  # a base class; a function to truth values
HETERO = {"AddMetaPaths", "AddRandomMetaPaths"}
PLAIN = sorted(set(T.__all__) - REFUSED.keys() - NEEDS.keys() - NO_GRAPH - HETERO)


def graph_for(name: str) -> Data:
    """A graph with what a transform asks for."""
    generator = torch.Generator().manual_seed(0)
    data = Data(
        x=torch.rand(NUM_NODES, 4, generator=generator),
        edge_index=arcs(),
        edge_attr=torch.arange(36.0).view(18, 2),
        y=torch.arange(NUM_NODES) % 3,
        train_mask=torch.arange(NUM_NODES) % 2 == 0,
        pos=torch.rand(NUM_NODES, 3, generator=generator),
        norm=torch.rand(NUM_NODES, 3, generator=generator),
    )
    if name in ("GenerateMeshNormals", "FaceToEdge", "SamplePoints"):
        data.face = torch.tensor([[0, 1], [1, 2], [2, 3]])
    if name in ("AddSelfLoops", "AddRemainingSelfLoops", "Compose", "FeaturePropagation", "SIGN"):
        data.edge_weight = data.edge_attr[:, 0]
    if name in ("AddSelfLoops", *WITHOUT, "Compose", "FeaturePropagation", "SIGN"):
        del data.edge_attr
    if name == "LineGraph":
        data.edge_attr = torch.arange(18.0).view(9, 2).repeat_interleave(2, dim=0)
    if name in ("LineGraph", "HalfHop"):  # PyG makes other vertices and forgets these
        for key in ("pos", "norm", "y", "train_mask"):
            del data[key]
    if name == "Polar":
        data.pos = data.pos[:, :2]
    return data


def transformed(name: str) -> list[Data]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        found = getattr(T, name)(**ARGUMENTS.get(name, {}))(graph_for(name))
    return list(found) if isinstance(found, tuple) else [found]


def test_every_transform_is_in_one_of_the_lists():
    listed = [*PLAIN, *REFUSED, *NEEDS, *NO_GRAPH, *HETERO]
    assert sorted(listed) == sorted(T.__all__)
    assert len(PLAIN) > 40


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("name", PLAIN)
def test_object_is_consistent_after_a_transform_and_a_cut(name, directed):
    for data in transformed(name):
        before = snapshot(data)
        assert_consistent(data)
        sparse = Sparsify("50%", method="random", directed=directed)(data)
        assert_consistent(sparse)
        assert sparse.num_edges < data.num_edges
        order = wis.removal_order(data, "random", directed=directed)
        assert_same_data(order.apply(data, remove="50%"), sparse)
        assert_same_data(data, before)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_could_not_follow_a_cut_is_refused(name):
    (data,) = transformed(name)
    with pytest.raises(GraphFormatError) as found:
        Sparsify("50%")(data)
    assert REFUSED[name] in str(found.value)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("name", sorted(NEEDS))
def test_transform_that_is_left_out_needs_what_is_not_there(name):
    packages = [word for word in NEEDS[name].split() if word not in ("or", "that", "are")]
    if any(find_spec(package) for package in packages):
        pytest.fail(f"{name} can be tried here: take it out of the list")
    with pytest.raises((ImportError, AttributeError, TypeError)):
        transformed(name)


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr])
@pytest.mark.parametrize("directed", [False, True])
def test_sparse_matrix_beside_the_arcs_is_cut_with_them(layout, directed):
    data = T.ToSparseTensor(attr="w", remove_edge_index=False, layout=layout)(
        Data(edge_index=arcs(), num_nodes=NUM_NODES, w=torch.arange(1.0, 19.0))
    )
    sparse = wis.sparsify(data, remove=4, directed=directed)
    assert_consistent(sparse)
    assert sparse.adj_t.layout == layout
    assert sparse.adj_t._nnz() == sparse.num_edges == 18 - (4 if directed else 8)
    entries = sparse.adj_t.to_sparse_coo().coalesce()
    weight = dict(zip(map(tuple, sparse.edge_index.flip(0).T.tolist()), sparse.w, strict=True))
    for place, value in zip(entries.indices().T.tolist(), entries.values(), strict=True):
        assert weight[tuple(place)] == value  # by the arcs, row j and column i for i -> j


HETERO_TRANSFORMS = {
    "ToUndirected": T.ToUndirected(),
    "AddSelfLoops": T.AddSelfLoops(),
    "RemoveIsolatedNodes": T.RemoveIsolatedNodes(),
    "RandomLinkSplit": T.RandomLinkSplit(
        edge_types=("user", "buys", "item"), rev_edge_types=("item", "rev_buys", "user")
    ),
    "AddMetaPaths": T.AddMetaPaths([[("user", "item"), ("item", "user")]]),
    "AddRandomMetaPaths": T.AddRandomMetaPaths([[("user", "item"), ("item", "user")]]),
    "ToSparseTensor": T.ToSparseTensor(remove_edge_index=False),
    "ToDevice": T.ToDevice("cpu"),
    "Pad": T.Pad(max_num_nodes=9, max_num_edges=20),
    "Constant": T.Constant(node_types=["user"]),
    "GCNNorm-free": T.Compose([T.ToUndirected(), T.NormalizeFeatures()]),
}


@pytest.mark.parametrize("name", sorted(HETERO_TRANSFORMS))
def test_hetero_object_is_consistent_after_a_transform_and_a_cut(name):
    torch.manual_seed(0)
    found = HETERO_TRANSFORMS[name](shop(edge_attr=torch.arange(5.0).view(5, 1)))
    for data in found if isinstance(found, tuple) else [found]:
        before = snapshot(data)
        sparse = wis.sparsify(data, remove="50%")
        assert_consistent(sparse)
        left = UndirectedGraph.from_any(data).num_edges - UndirectedGraph.from_any(sparse).num_edges
        assert left == round(UndirectedGraph.from_any(data).num_edges / 2)
        assert_same_data(data, before)
        assert data.node_types == before.node_types


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr])
def test_matrix_of_each_edge_type_is_cut_with_it(layout):
    data = T.ToSparseTensor(remove_edge_index=False, layout=layout)(shop())
    sparse = wis.sparsify(data, remove=2)
    for store in sparse.edge_stores:
        arcs_of_type = set(map(tuple, store.edge_index.flip(0).T.tolist()))
        entries = set(map(tuple, store.adj_t.to_sparse_coo().indices().T.tolist()))
        assert entries == arcs_of_type
        assert len(entries) == 3


def test_edge_type_with_a_matrix_only_is_refused_and_not_skipped():
    data = shop()
    half = T.ToSparseTensor()(shop())
    del data["item", "rev_buys", "user"].edge_index
    data["item", "rev_buys", "user"].adj_t = half["item", "rev_buys", "user"].adj_t
    with pytest.raises(GraphFormatError, match=r"holds adj_t of .*rev_buys.* and no edge_index"):
        wis.sparsify(data, remove=1)


def test_line_of_the_error_brings_the_arcs_back():
    data = T.ToSparseTensor()(Data(edge_index=arcs(), num_nodes=NUM_NODES))
    with pytest.raises(GraphFormatError) as found:
        wis.sparsify(data, remove=1)
    adj_t = data.adj_t
    code = str(found.value).partition("edge_index = ")[2].partition(" and delete")[0]
    import torch_geometric.utils

    restored = eval(code, {"torch_geometric": torch_geometric, "adj_t": adj_t})
    assert sorted(restored.T.tolist()) == sorted(arcs().T.tolist())
