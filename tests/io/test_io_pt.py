"""`.pt` files: what comes back, and that reading one runs no code."""

import os
import pickle
import subprocess
import zipfile

import numpy as np
import pytest
import torch
from torch_geometric.data import Data, HeteroData

import wis
from wis.errors import GraphFormatError, OptionError, UnsafePickleError, WisError
from wis.io import read_graph, write_graph

RING = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])


class Malicious:
    """A pickle of it makes a file when it is loaded."""

    def __init__(self, marker, call=os.system):
        self.marker, self.call = marker, call

    def __reduce__(self):
        if self.call is os.system:
            return os.system, (f"touch {self.marker}",)
        return self.call, ((["touch", str(self.marker)]),)


def equal(a, b):
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    return type(a) is type(b) and a == b


def same(a, b):
    a, b = a.to_dict(), b.to_dict()
    return a.keys() == b.keys() and all(
        same_store(a[key], b[key]) if isinstance(a[key], dict) else equal(a[key], b[key])
        for key in a
    )


def same_store(a, b):
    return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)


def rich_data():
    return Data(
        edge_index=RING.to(torch.int32),
        x=torch.randn(5, 2, generator=torch.Generator().manual_seed(0)).to(torch.float16),
        edge_attr=torch.eye(4, dtype=torch.float64),
        train_mask=torch.tensor([True, False, True, False, False]),
        num_nodes=5,
        name=["a", "b", "c", "d", "e"],
        array=np.arange(3.0),
        texts=np.array(["x", "yz"]),
        scalar=np.float64(0.5),
        setup={"lr": 0.1, "layers": [1, 2], "on": True, "none": None},
    )


def test_everything_in_a_data_comes_back(tmp_path):
    file = read_graph(write_graph(rich_data(), tmp_path / "a.pt"))
    assert same(file.data, rich_data())
    assert file.vertex_names == ["a", "b", "c", "d", "e"]
    assert same(read_graph(write_graph(file, tmp_path / "b.pt")).data, rich_data())


def test_everything_in_a_hetero_data_comes_back(tmp_path):
    data = HeteroData(kind="shop")
    data["user"].x = torch.zeros(3, 1)
    data["item"].num_nodes = 2
    data["user", "buys", "item"].edge_index = torch.tensor([[0, 2], [0, 1]])
    data["user", "buys", "item"].edge_attr = torch.ones(2, 3)
    file = read_graph(write_graph(data, tmp_path / "a.pt"))
    assert same(file.data, data)
    cut = read_graph(write_graph(file.with_data(wis.sparsify(data, remove=1)), tmp_path / "b.pt"))
    assert cut.data["user", "buys", "item"].edge_attr.shape == (1, 3)
    for name in ("a.csv", "a.npz", "a.graphml", "a.mtx", "a.graph"):
        with pytest.raises(GraphFormatError, match=r"HeteroData\) can only be written as .pt"):
            write_graph(data, tmp_path / name)
        assert not (tmp_path / name).exists()
    with pytest.raises(OptionError, match="several"):
        read_graph(tmp_path / "a.pt", num_nodes=5)


def test_a_plain_tensor_stays_one(tmp_path):
    torch.save(RING, tmp_path / "a.pt")
    file = read_graph(tmp_path / "a.pt", num_nodes=6)
    assert file.data.num_nodes == 6
    write_graph(file.with_data(wis.sparsify(file.data, remove=1)), tmp_path / "b.pt")
    content = torch.load(tmp_path / "b.pt", weights_only=True)
    assert isinstance(content, torch.Tensor)
    assert content.shape == (2, 3)
    write_graph(RING, tmp_path / "c.pt")
    assert torch.equal(torch.load(tmp_path / "c.pt", weights_only=True), RING)


def test_a_data_set_of_one_graph_is_that_graph(tmp_path):
    graph = Data(edge_index=RING, x=torch.zeros(4, 1))
    torch.save((graph.to_dict(), None, Data), tmp_path / "a.pt")
    assert same(read_graph(tmp_path / "a.pt").data, Data(**graph.to_dict(), num_nodes=4)) or same(
        read_graph(tmp_path / "a.pt").data, graph
    )
    torch.save((graph.to_dict(), {"x": torch.tensor([0, 1, 2])}, Data), tmp_path / "b.pt")
    with pytest.raises(GraphFormatError, match="data set of several graphs"):
        read_graph(tmp_path / "b.pt")


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("call", [os.system, subprocess.check_call, eval])
@pytest.mark.parametrize("kind", ["object", "attribute", "legacy", "plain", "hetero", "list"])
def test_no_pickle_runs_code(tmp_path, kind, call, protocol):
    marker, path = tmp_path / "marker", tmp_path / "a.pt"
    evil = Malicious(marker, call)
    if call is eval:
        evil = Malicious(f"open({str(marker)!r}, 'w')", eval)
    hetero = HeteroData()
    hetero["a"].x = evil
    content = {
        "attribute": Data(edge_index=RING, x=evil),
        "hetero": hetero,
        "list": [RING, evil],
    }.get(kind, evil)
    if kind == "plain":
        path.write_bytes(pickle.dumps(content, protocol))
    else:
        torch.save(
            content,
            path,
            pickle_protocol=protocol,
            _use_new_zipfile_serialization=kind != "legacy",
        )
    with pytest.raises(GraphFormatError) as caught:
        read_graph(path)
    assert not marker.exists()
    assert "\n" not in str(caught.value)
    if kind not in ("plain", "legacy"):
        assert isinstance(caught.value, UnsafePickleError)
        assert "--trust-pickle" in str(caught.value)


class Holder:
    """A class of the user's own."""

    def __eq__(self, other):
        return isinstance(other, Holder)

    __hash__ = None


def test_a_trusted_pickle_is_read(tmp_path):
    data = Data(edge_index=RING, own=Holder(), num_nodes=4)
    write_graph(data, tmp_path / "a.pt")
    with pytest.raises(UnsafePickleError, match=r"needs \S*Holder, which is neither a tensor nor"):
        read_graph(tmp_path / "a.pt")
    assert same(read_graph(tmp_path / "a.pt", trust_pickle=True).data, data)


BAD = {
    "holds a dict; expected a PyG Data": {"edge_index": RING},
    "holds a list": [Data(edge_index=RING)],
    "edge_index has shape [4]; expected [2, num_arcs]": torch.arange(4),
    "edge_index has dtype torch.float32": RING.float(),
    "edge_index holds vertex id -3": -RING,
    "holds vertex id 3, but the graph has 2 vertices": Data(edge_index=RING, num_nodes=2),
    "holds vertex id 3, but the graph has 3 vertices": Data(edge_index=RING, x=torch.zeros(3, 1)),
    "has no edge_index": Data(x=torch.zeros(2, 1)),
    "edge_index has shape [4, 2]": Data(edge_index=RING.T),
}


@pytest.mark.parametrize("message", BAD)
def test_what_is_no_graph_is_refused(tmp_path, message):
    torch.save(BAD[message], tmp_path / "a.pt")
    with pytest.raises(GraphFormatError) as caught:
        read_graph(tmp_path / "a.pt")
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "a.pt"))


def test_typed_ids_that_are_too_large_are_refused(tmp_path):
    data = HeteroData()
    data["a"].num_nodes, data["b"].num_nodes = 3, 2
    data["a", "to", "b"].edge_index = torch.tensor([[0, 2], [0, 2]])
    write_graph(data, tmp_path / "a.pt")
    with pytest.raises(GraphFormatError, match="a to b: vertex id 2 of type 'b', which has 2 ver"):
        read_graph(tmp_path / "a.pt")


def test_a_state_that_makes_no_sense_is_refused(tmp_path):
    data = Data(edge_index=RING)
    data.__dict__["_store"] = 3
    torch.save(data, tmp_path / "a.pt")
    with pytest.raises(GraphFormatError):
        read_graph(tmp_path / "a.pt")


def test_num_nodes_must_not_contradict_the_file(tmp_path):
    write_graph(Data(edge_index=RING, num_nodes=5), tmp_path / "a.pt")
    assert read_graph(tmp_path / "a.pt", num_nodes=5).data.num_nodes == 5
    with pytest.raises(OptionError, match=r"num_nodes is 6, but .*a\.pt says 5"):
        read_graph(tmp_path / "a.pt", num_nodes=6)
    write_graph(Data(edge_index=RING), tmp_path / "b.pt")
    assert read_graph(tmp_path / "b.pt", num_nodes=6).data.num_nodes == 6


def test_truncated_and_other_files_are_damaged(tmp_path):
    write_graph(rich_data(), tmp_path / "a.pt")
    raw = (tmp_path / "a.pt").read_bytes()
    for bad in (raw[:-100], raw[: len(raw) // 2], raw[:3], b"hello\n" * 10, b"PK\3\4"):
        (tmp_path / "b.pt").write_bytes(bad)
        with pytest.raises(GraphFormatError, match=r"b\.pt: damaged"):
            read_graph(tmp_path / "b.pt")
    with zipfile.ZipFile(tmp_path / "b.pt", "w") as archive:
        archive.writestr("x/data.pkl", b"")
    with pytest.raises(GraphFormatError):
        read_graph(tmp_path / "b.pt")


def test_what_cannot_be_pickled_is_one_line_and_leaves_no_file(tmp_path):
    with pytest.raises(WisError, match="cannot be pickled"):
        write_graph(Data(edge_index=RING, f=lambda: 0), tmp_path / "a.pt")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_pickled_names_the_file_it_came_from(tmp_path):
    (tmp_path / "a.csv").write_text("0,1\n1,2\n")
    file = read_graph(tmp_path / "a.csv")
    file.data.f = lambda: 0
    with pytest.raises(WisError, match=r"b\.pt: the graph of .*a\.csv cannot be pickled"):
        write_graph(file, tmp_path / "b.pt")


def test_names_of_an_edge_list_go_along(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\ny,z\n")
    file = read_graph(write_graph(read_graph(tmp_path / "a.csv"), tmp_path / "a.pt"))
    assert file.vertex_names == ["x", "y", "z"]
    write_graph(file, tmp_path / "b.csv")
    assert (tmp_path / "b.csv").read_text() == "source,target\nx,y\ny,z\n"
