"""What `torch.save` writes comes back as `torch.load` would give it, without trust in the file.

Tried: every transform of PyG on plain and typed graphs, every class of data, storage and
enumeration in the package, batches, what PyG puts beside attributes, tensors of every layout and
type, numpy arrays and scalars, containers; in both containers of torch and all protocols.
"""

from __future__ import annotations

import enum
import importlib
import io
import pkgutil
import warnings
import zipfile
from collections import Counter, OrderedDict, defaultdict, deque

import numpy as np
import pickles
import pytest
import torch
import torch_geometric
import torch_geometric.transforms as T
from torch import Tensor
from torch_geometric import EdgeIndex, Index
from torch_geometric.data import Batch, Data, HeteroData, TemporalData
from torch_geometric.data.data import BaseData, DataEdgeAttr, DataTensorAttr
from torch_geometric.data.feature_store import TensorAttr
from torch_geometric.data.graph_store import EdgeAttr, EdgeLayout
from torch_geometric.data.storage import AttrType, BaseStorage
from torch_geometric.typing import EdgeTypeStr

from wis.base import unpickle
from wis.errors import GraphFormatError

CACHES = {"_cached_attr", "_parent", "_indptr", "_T_perm", "_T_index", "_T_indptr", "_value"}
"""What PyG remembers and finds again."""


def saved(value, **options):
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file


def trusted(file):
    file.seek(0)
    return torch.load(file, weights_only=False)


def assert_same(a, b, where="it"):
    """Type, contents and order."""
    assert type(a) is type(b), where
    if isinstance(a, (BaseData, BaseStorage)):
        assert_same(state_of(a), state_of(b), where)
    elif isinstance(a, (EdgeIndex, Index)):
        assert_same(a.as_tensor(), b.as_tensor(), where)
        assert_same(state_of(a), state_of(b), where)
    elif isinstance(a, Tensor):
        assert (a.dtype, a.layout, a.shape) == (b.dtype, b.layout, b.shape), where
        assert (a.device, a.requires_grad) == (b.device, b.requires_grad), where
        assert torch.equal(numbers(a), numbers(b)), where
        assert_same(vars(a), vars(b), where)
    elif isinstance(a, np.ndarray):
        assert (a.dtype, a.shape) == (b.dtype, b.shape), where
        assert a.tobytes() == b.tobytes(), where
        assert a.flags.writeable == b.flags.writeable
    elif isinstance(a, (dict, defaultdict)):
        assert list(a) == list(b), where
        assert getattr(a, "default_factory", 0) is getattr(b, "default_factory", 0)
        for key in a:
            assert_same(a[key], b[key], f"{where}[{key!r}]")
    elif isinstance(a, (list, tuple, deque)):
        assert len(a) == len(b), where
        for index, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, f"{where}[{index}]")
    elif isinstance(a, (TensorAttr, EdgeAttr)):
        assert_same(vars(a), vars(b), where)
    else:
        assert a == b or (a != a and b != b), where


def numbers(tensor):
    """All entries, of a type that torch can compare."""
    dense = tensor.detach().to_dense() if tensor.layout != torch.strided else tensor.detach()
    if dense.is_floating_point():
        return dense.to(torch.float64)
    return dense.to(torch.complex128) if dense.is_complex() else dense


def state_of(thing):
    return {key: value for key, value in vars(thing).items() if key not in CACHES}


def assert_read(value, **options):
    file = saved(value, **options)
    assert_same(unpickle.load(file), trusted(file))


# What transforms leave ---------------------------------------------------------------------------


def graph():
    arcs = torch.tensor(
        [[0, 1, 1, 2, 2, 3, 3, 4, 4, 0, 5, 6], [1, 0, 2, 1, 3, 2, 4, 3, 0, 4, 6, 5]]
    )
    count = arcs.size(1)
    return Data(
        edge_index=arcs,
        x=torch.arange(21.0).view(7, 3),
        y=torch.tensor([0, 1, 0, 1, 0, 1, 0]),
        edge_attr=torch.arange(float(count)).view(count, 1),
        pos=torch.tensor([[i * i % 5, i % 3, i / 7] for i in range(7)]),
        popularity=torch.arange(7.0),
        train_mask=torch.arange(7) < 3,
    )


def mesh():
    positions = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    faces = torch.tensor([[0, 0, 0, 1], [1, 1, 2, 2], [2, 3, 3, 3]])
    return Data(pos=positions, face=faces, num_nodes=4)


def typed():
    data = HeteroData(kind="shop")
    data["user"].x, data["item"].x = torch.ones(3, 2), torch.ones(4, 2)
    data["user"].y = torch.tensor([0, 1, 0])
    data["user", "buys", "item"].edge_index = torch.tensor([[0, 0, 1, 2], [0, 1, 1, 3]])
    data["user", "buys", "item"].edge_attr = torch.ones(4, 1)
    return data


def flat():
    """A drawing in the plane, with normals and no attributes of edges."""
    drawn = graph()
    del drawn.edge_attr
    return drawn.update({"pos": drawn.pos[:, :2].clone(), "norm": drawn.pos + 1})


def spatial():
    return graph().update({"edge_attr": None, "norm": graph().pos + 1})


SOURCES = {"graph": graph, "mesh": mesh, "typed": typed, "flat": flat, "spatial": spatial}
ARGUMENTS = {
    "AddLaplacianEigenvectorPE": {"k": 2},
    "AddMetaPaths": {"metapaths": [[("user", "buys", "item"), ("item", "rev_buys", "user")]]},
    "AddRandomMetaPaths": {"metapaths": [[("user", "buys", "item"), ("item", "rev_buys", "user")]]},
    "AddRandomWalkPE": {"walk_length": 3},
    "Compose": {"transforms": [T.ToUndirected(), T.AddSelfLoops()]},
    "ComposeFilters": {"filters": [len]},
    "FeaturePropagation": {"missing_mask": torch.zeros(7, 3, dtype=torch.bool)},
    "FixedPoints": {"num": 3},
    "IndexToMask": {"sizes": 7},
    "LinearTransformation": {"matrix": torch.eye(3)},
    "NodePropertySplit": {"property_name": "popularity", "ratios": [0.3, 0.1, 0.1, 0.2, 0.3]},
    "OneHotDegree": {"max_degree": 20},
    "Pad": {"max_num_nodes": 20, "max_num_edges": 40, "add_pad_mask": True},
    "RandomFlip": {"axis": 0},
    "RandomJitter": {"translate": 0.1},
    "RandomLinkSplit": {"num_val": 0.2, "num_test": 0.2},
    "RandomRotate": {"degrees": 10},
    "RandomScale": {"scales": (0.9, 1.1)},
    "RandomShear": {"shear": 0.1},
    "RemoveTrainingClasses": {"classes": [0]},
    "RootedEgoNets": {"num_hops": 1},
    "SIGN": {"K": 2},
    "SVDFeatureReduction": {"out_channels": 2},
    "SamplePoints": {"num": 5},
    "ToDevice": {"device": "cpu"},
}
NEED_MORE = {
    "AddGPSE": "weights that are downloaded",
    "BaseTransform": "an implementation",
    "ComposeFilters": "nothing, but gives no data",
    "GDC": "numba",
    "GridSampling": "pyg_lib or torch_cluster",
    "KNNGraph": "pyg_lib or torch_cluster",
    "RadiusGraph": "pyg_lib or torch_cluster",
    "RootedRWSubgraph": "pyg_lib or torch_cluster",
    "ToSLIC": "scikit-image and an image",
}


def transformed(name):
    """What a transform makes of each source that it takes."""
    results = []
    for make in SOURCES.values():
        data = T.ToUndirected()(make()) if "MetaPaths" in name else make()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                made = getattr(T, name)(**ARGUMENTS.get(name, {}))(data)
            except Exception:  # made for another kind of graph
                continue
        results.extend(made if isinstance(made, (list, tuple)) else [made])
    return results


@pytest.mark.parametrize("name", sorted(set(T.__all__) - set(NEED_MORE)))
def test_what_a_transform_leaves_is_read(name):
    results = transformed(name)
    assert results, "the transform takes none of the sources"
    for data in results:
        assert_read(data)
        for name in data.keys() if type(data) is Data else ():
            data.is_node_attr(name)  # fills a cache
        assert_read(data)


@pytest.mark.parametrize("change", ["sort", "coalesce", "contiguous", "clone", "detach"])
def test_what_a_method_of_a_graph_leaves_is_read(change):
    for make in SOURCES.values():
        assert_read(getattr(make(), change)())


def test_every_transform_is_tried_or_excused():
    assert set(NEED_MORE) <= set(T.__all__)
    assert set(ARGUMENTS) <= set(T.__all__)


# What is in the package --------------------------------------------------------------------------


def classes_of_pyg():
    """Every class of PyG that can be imported here."""
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in pkgutil.walk_packages(torch_geometric.__path__, "torch_geometric."):
            try:
                content = vars(importlib.import_module(module.name))
            except Exception:  # needs another package
                continue
            for kind in content.values():
                if isinstance(kind, type) and kind.__module__.startswith("torch_geometric"):
                    found[f"{kind.__module__}.{kind.__qualname__}"] = kind
    return found


CLASSES = classes_of_pyg()


def of_kind(kind, *others):
    return sorted(
        name for name, found in CLASSES.items() if issubclass(found, kind) and found not in others
    )


@pytest.mark.parametrize("name", of_kind(enum.Enum))
def test_every_member_of_every_enumeration_is_read(name):
    for member in CLASSES[name]:
        data = Data(edge_index=torch.zeros(2, 1, dtype=torch.int64), kind=member, of={member: 1})
        data._memory = {member}
        assert_read(data)


@pytest.mark.parametrize("name", of_kind(BaseData, BaseData))
def test_every_class_of_data_is_read(name):
    data = CLASSES[name]()
    if isinstance(data, HeteroData):
        data["a"].x = torch.ones(2, 1)
        data["a", "to", "a"].edge_index = torch.tensor([[0, 1], [1, 0]])
    else:
        data.x, data.edge_index = torch.ones(2, 1), torch.tensor([[0, 1], [1, 0]])
    assert_read(data)
    if name.rpartition(".")[2] in ("Data", "HeteroData", "HyperGraphData"):
        assert_read(Batch.from_data_list([data, data]))


@pytest.mark.parametrize("name", of_kind(BaseStorage))
def test_every_class_of_stores_is_read_within_its_data(name):
    stores = {type(store).__name__ for data in (graph(), typed()) for store in data.stores}
    stores.add(type(typed()._global_store).__name__)
    assert CLASSES[name].__name__ in stores
    with pytest.raises(GraphFormatError, match="attributes of a graph without the graph"):
        unpickle.load(saved(CLASSES[name](x=torch.ones(2))))


def test_every_class_of_tensors_is_read_or_refused_by_name():
    assert {name.rpartition(".")[2] for name in of_kind(Tensor)} == {
        *("EdgeIndex", "Index", "HashTensor")
    }
    hashed = torch_geometric.hash_tensor.HashTensor(torch.tensor([3, 5]))
    with pytest.raises(GraphFormatError, match=r"needs torch_geometric\.hash_tensor\.HashTensor"):
        unpickle.load(saved(hashed))


# Values ------------------------------------------------------------------------------------------


def edge_index(**options):
    arcs = torch.tensor([[0, 0, 1, 2], [1, 2, 0, 0]])
    made = EdgeIndex(arcs, **options)
    if made.is_sorted:
        made.fill_cache_()
    return made


def sparse(layout):
    dense = torch.tensor([[0.0, 1, 2, 0], [0, 0, 0, 3], [4, 0, 0, 0], [0, 0, 5, 0]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if layout in (torch.sparse_bsr, torch.sparse_bsc):
            return dense.to_sparse(layout=layout, blocksize=(2, 2))
        return dense.to_sparse(layout=layout)


def with_attribute():
    tensor = torch.ones(2)
    tensor.unit = "m"
    return tensor


FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
COMPLEX = (torch.complex64, torch.complex128)
NEW = (torch.complex32, torch.float8_e5m2, torch.uint16, torch.uint32, torch.uint64)
INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def of_types(*kinds):
    with warnings.catch_warnings():  # torch calls one of them experimental
        warnings.simplefilter("ignore")
        return [torch.tensor([0, 1, 2]).to(kind) for kind in kinds]


STATE = torch.nn.BatchNorm1d(2)

VALUES = {
    "types of tensors": of_types(torch.bool, *FLOATS, *INTEGERS, *COMPLEX),
    "new types": of_types(*NEW),
    "shapes": [torch.ones(()), torch.ones(0, 3), torch.ones(2, 0), torch.ones(1, 1, 1, 2)],
    "strides": [
        torch.ones(1, 1).expand(5, 4),
        torch.arange(12).view(3, 4).T,
        torch.arange(9)[1::3],
    ],
    "flags": [torch.ones(2, dtype=torch.complex64).conj() * 1j, torch.tensor([1 + 2j]).conj()],
    "negated": torch.tensor([1 + 2j]).conj().imag,
    "gradient": [torch.ones(2, requires_grad=True), torch.nn.Parameter(torch.ones(2))],
    "parameter": torch.nn.Parameter(torch.arange(2), requires_grad=False),
    "with an attribute": with_attribute(),
    "lists of arcs": sparse(torch.sparse_coo),
    "not coalesced": torch.sparse_coo_tensor(
        [[1, 0, 1], [0, 1, 0]], [1.0, 2.0, 3.0], (2, 2), check_invariants=True
    ),
    "rows": sparse(torch.sparse_csr),
    "columns": sparse(torch.sparse_csc),
    "blocks": [sparse(torch.sparse_bsr), sparse(torch.sparse_bsc)],
    "arcs": [edge_index(), edge_index(sparse_size=(3, 3), sort_order="row", is_undirected=True)],
    "arcs by column": EdgeIndex(torch.tensor([[1, 2, 0, 0], [0, 0, 1, 2]]), sort_order="col"),
    "ids": [
        Index(torch.tensor([2, 0])),
        Index(torch.tensor([0, 1, 1]), dim_size=2, is_sorted=True),
    ],
    "named": [torch.float32, torch.bool, torch.strided, torch.sparse_csr],
    "places": [torch.device("cpu"), torch.device("cuda", 1), torch.Size([2, 3]), torch.Size([])],
    "arrays": [np.arange(3), np.eye(2)[:, :1], np.asfortranarray(np.ones((2, 3))), np.array(2.5)],
    "types of arrays": [np.ones(2, kind) for kind in "?bhilBHILefdFD"],
    "byte orders": [np.arange(3, dtype=">i4"), np.array(["aé"], dtype=">U2"), np.array(1, ">f8")],
    "empty arrays": [np.zeros((0, 3)), np.array([]), np.zeros((2, 0), "U3"), np.array([], str)],
    "texts": [np.array(["a", "bcd"]), np.array("x"), np.array([["ü", "€"], ["😀", ""]])],
    "scalars": [np.float32(1.5), np.int64(3), np.bool_(True), np.str_("ab"), np.str_("")],
    "types": [np.dtype("f4"), np.dtype(">i2"), np.dtype("U5")],
    "numbers": [0, -1, 2**31, 2**63, -(2**70), 1.5, float("inf"), float("nan"), True, None, 1 + 2j],
    "strings": [
        "",
        "a",
        "ü€😀",
        "\0\n",
        "x" * 70000,
        b"",
        b"\xff\0",
        bytearray(b"ab"),
        bytearray(),
    ],
    "lists": [[], [1, [2, []]], (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ((),)],
    "long lists": [list(range(3000)), ["a", "b"] * 1500, dict.fromkeys(range(2500))],
    "dictionaries": [{}, {1: 2, None: 3, 1.5: 4, (1, "a"): 5, b"x": 6}, {("a", "to", "b"): [1]}],
    "collections": [OrderedDict(b=1, a=2), Counter("aab"), deque([1, 2]), deque([1], 3)],
    "defaults": [defaultdict(list, {1: [2]}), defaultdict(dict), defaultdict(int, a=3)],
    "sets": [{1, "a"}, frozenset({2}), set(), frozenset(), {AttrType.EDGE}],
    "ranges": [slice(1, None, 2), slice(None), range(1, 10, 3), range(0)],
    "descriptions": [
        TensorAttr("a", "x"),
        DataTensorAttr("x", slice(1, 2)),
        EdgeAttr(("a", "to", "b"), "csc", size=(1, 2)),
        DataEdgeAttr("coo"),
        {EdgeLayout.COO: EdgeLayout.CSR},
    ],
    "types of edges": [EdgeTypeStr("a", "to", "b")],
    "metadata": [
        torch_geometric.index.CatMetadata([1], [2], [True]),
        torch_geometric.edge_index.CatMetadata([1], [(2, 2)], [None], [False]),
    ],
    "states": [STATE.state_dict(), torch.optim.Adam(STATE.parameters(), lr=0.1).state_dict()],
    "batch": Batch.from_data_list([graph(), graph()], follow_batch=["x"]),
    "typed batch": Batch.from_data_list([typed(), typed()]),
    "batch of arcs": Batch.from_data_list([Data(edge_index=edge_index(sparse_size=(3, 3)))] * 2),
    "nested": Data(edge_index=edge_index(), parts=[graph(), {"a": typed()}]),
    "temporal": TemporalData(src=torch.arange(2), dst=torch.arange(2), t=torch.arange(2)),
    "dataset": (graph().to_dict(), None, Data),
    "datasets": (typed().to_dict(), {"x": torch.tensor([0, 1])}, HeteroData),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_comes_back_in_every_protocol_and_container(name):
    for protocol in (1, 2, 3, 4, 5):
        assert_read(VALUES[name], pickle_protocol=protocol)
        file = saved(VALUES[name], pickle_protocol=protocol, _use_new_zipfile_serialization=False)
        # torch cannot read what it writes of its newest types in the old container
        assert_same(unpickle.load(file), VALUES[name] if name == "new types" else trusted(file))


def test_what_was_shared_is_shared():
    base, names = torch.arange(6.0), ["a", "b"]
    made = unpickle.load(saved({"all": base, "row": base.view(2, 3)[1], "a": names, "b": names}))
    made["all"][3] = -1.0
    assert made["row"].tolist() == [-1.0, 4.0, 5.0]
    assert made["a"] is made["b"]


def test_private_parts_and_no_caches_come_back():
    data = graph().sort()
    data.is_node_attr("x"), data.is_edge_attr("edge_attr")
    data._own = {"a": torch.ones(2)}
    assert data._store._cached_attr
    read = unpickle.load(saved(data))
    assert "_cached_attr" not in vars(read._store)
    assert torch.equal(read._own["a"], torch.ones(2))
    arcs = edge_index(sparse_size=(3, 3), sort_order="row")
    assert arcs._indptr is not None
    read = unpickle.load(saved(arcs))
    assert read._indptr is None
    assert torch.equal(read.get_indptr(), arcs._indptr)


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize("name", VALUES)
def test_the_default_device_changes_nothing(name, device):
    file = saved(VALUES[name])
    expected = trusted(file)
    torch.set_default_device(device)
    try:
        read = unpickle.load(file)
    finally:
        torch.set_default_device(None)
    assert_same(read, expected)


@pytest.mark.parametrize(
    "tensor", [torch.arange(3), torch.tensor([1 + 2j]), torch.ones(2, dtype=torch.bool)]
)
def test_the_other_byte_order_is_turned_round(tensor):
    file = saved(tensor)
    unit = tensor.element_size() // (2 if tensor.is_complex() else 1)
    with zipfile.ZipFile(file) as archive:
        names = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    content = np.frombuffer(names["data/0"], f"V{unit}").view(f"u{unit}").byteswap().tobytes()
    other = pickles.zipped(names["data.pkl"], {"0": content}, byteorder=b"big")
    assert_same(unpickle.load(io.BytesIO(other)), tensor)


def test_an_archive_that_was_written_without_checksums_is_read(monkeypatch):
    torch.serialization.set_crc32_options(False)
    try:
        file = saved(graph())
    finally:
        torch.serialization.set_crc32_options(True)
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is not None
    assert_same(unpickle.load(file), graph())


def test_what_python_2_wrote_is_read():
    raw = b"\x80\x02}q\x00(U\x01xK\x01T\x02\x00\x00\x00yz]q\x01(c__builtin__\nset\n]K\x03a\x85Reu."
    assert unpickle.load(io.BytesIO(pickles.zipped(raw))) == {"x": 1, "yz": [{3}]}


def test_graphs_are_refused_where_none_belong():
    assert_same(unpickle.load(saved({"a": torch.ones(2)}), graphs=False), {"a": torch.ones(2)})
    with pytest.raises(GraphFormatError, match=r"needs torch_geometric\.data\.data\.Data"):
        unpickle.load(saved(graph()), graphs=False)
