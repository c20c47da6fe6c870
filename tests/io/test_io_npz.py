"""`.npz` files: arrays by name, and sparse matrices."""

import io
import zipfile

import numpy as np
import pytest
import scipy.sparse
import torch

import wis
from wis.errors import GraphFormatError, OptionError, UnsafePickleError
from wis.io import read_graph, write_graph

RING = np.array([[0, 1, 2, 3], [1, 2, 3, 0]])


def arrays_in(path):
    with np.load(path) as archive:
        return dict(archive)


def test_arrays_come_back_with_their_types(tmp_path):
    arrays = {
        "edge_index": RING.astype(np.int32),
        "num_nodes": np.array(6),
        "edge_attr": np.eye(4, dtype=np.float32),
        "x": np.arange(12, dtype=">f8").reshape(6, 2),
        "y": np.arange(6, dtype=np.uint16),
        "z": np.ones(6, dtype=complex),
        "half": np.ones((6, 1), dtype=np.float16),
        "mask": np.arange(6) > 2,
        "words": np.array(["p", "qr"]),
        "title": np.array("a ring"),
        "big": np.asfortranarray(np.ones((6, 3))),
    }
    np.savez(tmp_path / "a.npz", **arrays)
    file = read_graph(tmp_path / "a.npz")
    assert file.data.title == "a ring"
    again = arrays_in(write_graph(file, tmp_path / "b.npz"))
    assert again.keys() == arrays.keys()
    for key, array in arrays.items():
        assert again[key].dtype == array.dtype.newbyteorder("=")
        assert np.array_equal(again[key], array)


def test_a_cut_keeps_what_is_not_of_edges(tmp_path):
    np.savez(
        tmp_path / "a.npz", edge_index=RING, num_nodes=5, edge_attr=np.arange(4), y=np.arange(5)
    )
    file = read_graph(tmp_path / "a.npz")
    write_graph(file.with_data(wis.sparsify(file.data, remove=2)), tmp_path / "b.npz")
    again = arrays_in(tmp_path / "b.npz")
    assert again["edge_index"].shape == (2, 2)
    assert np.array_equal(RING[:, again["edge_attr"]], again["edge_index"])
    assert again["y"].shape == (5,)
    assert again["num_nodes"] == 5


@pytest.mark.parametrize(
    "dtype", [np.int8, np.uint8, np.uint16, np.uint32, np.int64, np.uint64, ">i4"]
)
def test_any_integers_are_ids(tmp_path, dtype):
    np.savez(tmp_path / "a.npz", edge_index=RING.astype(dtype))
    file = read_graph(tmp_path / "a.npz")
    assert file.data.num_nodes == 4
    again = arrays_in(write_graph(file, tmp_path / "b.npz"))["edge_index"]
    assert again.dtype == np.dtype(dtype)
    assert np.array_equal(again, RING)


def test_compressed_stays_compressed(tmp_path):
    for name, save in (("a.npz", np.savez), ("b.npz", np.savez_compressed)):
        save(tmp_path / name, edge_index=np.zeros((2, 50_000), dtype=np.int64))
        out = write_graph(read_graph(tmp_path / name), tmp_path / f"out-{name}")
        assert (out.stat().st_size > 100_000) == (save is np.savez)


def test_the_number_of_vertices_is_that_of_their_features(tmp_path):
    np.savez(tmp_path / "a.npz", edge_index=RING, x=np.zeros((7, 2)))
    assert read_graph(tmp_path / "a.npz").data.num_nodes == 7
    with pytest.raises(OptionError, match=r"num_nodes is 9, but .* says 7"):
        read_graph(tmp_path / "a.npz", num_nodes=9)
    np.savez(tmp_path / "b.npz", edge_index=RING)
    assert read_graph(tmp_path / "b.npz", num_nodes=9).data.num_nodes == 9


def test_names_of_vertices_are_texts(tmp_path):
    (tmp_path / "a.csv").write_text("x,yy\nyy,z\n")
    file = read_graph(write_graph(read_graph(tmp_path / "a.csv"), tmp_path / "a.npz"))
    assert file.vertex_names == ["x", "yy", "z"]
    assert (tmp_path / "a.csv").read_text() == "x,yy\nyy,z\n"
    write_graph(file, tmp_path / "b.csv")
    assert (tmp_path / "b.csv").read_text() == "source,target\nx,yy\nyy,z\n"


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "bsr", "dia"])
@pytest.mark.parametrize("is_array", [True, False])
def test_a_sparse_matrix_stays_one(tmp_path, kind, is_array):
    values = np.array([0.5, 2, 3, 4], dtype=np.float32)
    make = scipy.sparse.coo_array if is_array else scipy.sparse.coo_matrix
    matrix = make((values, tuple(RING)), shape=(6, 6)).asformat(kind)
    scipy.sparse.save_npz(tmp_path / "a.npz", matrix)
    file = read_graph(tmp_path / "a.npz")
    assert file.data.num_nodes == 6
    cut = file.with_data(wis.sparsify(file.data, remove=1))
    again = scipy.sparse.load_npz(write_graph(cut, tmp_path / "b.npz"))
    assert type(again) is type(matrix)
    assert again.dtype == np.float32
    dense = np.zeros((6, 6))
    dense[tuple(cut.data.edge_index.numpy())] = cut.data.edge_weight
    assert np.array_equal(again.toarray(), dense)


def save_objects(path):
    np.savez(path, edge_index=RING, odd=np.array([{}, None], dtype=object))


def test_objects_are_refused_unless_trusted(tmp_path):
    save_objects(tmp_path / "a.npz")
    with pytest.raises(UnsafePickleError, match=r"'odd' holds Python objects.*--trust-pickle"):
        read_graph(tmp_path / "a.npz")
    assert read_graph(tmp_path / "a.npz", trust_pickle=True).data.odd.tolist() == [{}, None]


BAD = {
    "holds edges; expected the key edge_index": {"edges": RING},
    "edge_index has shape [4, 2]; expected [2, num_arcs]: transpose it": {"edge_index": RING.T},
    "edge_index has shape [4]": {"edge_index": RING[0]},
    "edge_index has dtype float64; vertex ids are integers": {"edge_index": RING / 1},
    "edge_index has dtype bool": {"edge_index": RING > 1},
    "holds vertex id -3": {"edge_index": -RING},
    "holds vertex id 3, but the graph has 3 vertices": {"edge_index": RING, "num_nodes": 3},
    "num_nodes has shape [2]": {"edge_index": RING, "num_nodes": [3, 4]},
    "num_nodes has shape [] and dtype float64": {"edge_index": RING, "num_nodes": 4.0},
    "num_nodes is -1": {"edge_index": RING[:, :0], "num_nodes": -1},
    "holds vertex id 18446744073709551615, which is too large": {
        "edge_index": np.full((2, 1), 2**64 - 1, dtype=np.uint64)
    },
    "at most 3037000499 are supported": {"edge_index": RING[:, :0], "num_nodes": 2**62},
}


@pytest.mark.parametrize("message", BAD)
def test_what_is_no_graph_is_refused(tmp_path, message):
    np.savez(tmp_path / "a.npz", **BAD[message])
    with pytest.raises(GraphFormatError) as caught:
        read_graph(tmp_path / "a.npz")
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'a.npz'}: ")


def test_bad_matrices_are_refused(tmp_path):
    scipy.sparse.save_npz(tmp_path / "a.npz", scipy.sparse.coo_array((2, 3)))
    with pytest.raises(GraphFormatError, match=r"shape \(2, 3\); expected a square one"):
        read_graph(tmp_path / "a.npz")
    wrong = {"format": b"csr", "shape": [2, 2], "data": [1.0], "indices": [7], "indptr": [0, 1, 1]}
    np.savez(tmp_path / "b.npz", **wrong)
    with pytest.raises(GraphFormatError, match=r"b\.npz: damaged"):
        read_graph(tmp_path / "b.npz")


def test_truncated_and_other_files_are_damaged(tmp_path):
    np.savez(tmp_path / "a.npz", edge_index=RING)
    raw = (tmp_path / "a.npz").read_bytes()
    for bad in (raw[:-10], raw[:50], b"PK", b"hello", raw[10:]):
        (tmp_path / "b.npz").write_bytes(bad)
        with pytest.raises(GraphFormatError, match=r"b\.npz: damaged, or not an \.npz archive"):
            read_graph(tmp_path / "b.npz")


def test_what_numpy_has_no_form_for_is_told(tmp_path):
    from torch_geometric.data import Data

    data = Data(
        edge_index=torch.from_numpy(RING),
        meta={"a": 1},
        odd=[1, "a"],
        brain=torch.zeros(3, dtype=torch.bfloat16),
        sparse=torch.eye(3).to_sparse(),
        file=torch.ones(2),
    )
    dropped = []
    write_graph(data, tmp_path / "a.npz", dropped=dropped)
    assert dropped == ["meta", "odd", "brain", "sparse", "file"]
    assert set(arrays_in(tmp_path / "a.npz")) == {"edge_index", "num_nodes"}


def test_an_order_file_is_no_graph(tmp_path):
    data = read_graph(write_graph(torch.from_numpy(RING), tmp_path / "a.npz")).data
    wis.removal_order(data).save(tmp_path / "order.npz")
    with pytest.raises(GraphFormatError, match="holds edges, header; expected the key edge_index"):
        read_graph(tmp_path / "order.npz")


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("edge_weight", np.ones(2)),
        ("edge_attr", np.ones((3, 2))),
        ("edge_weight", np.float64(3)),
        ("x", np.ones((3, 2))),
    ],
)
def test_attribute_of_a_wrong_length_is_refused(name, array, tmp_path):
    path = tmp_path / "graph.npz"
    edge_index = np.array([[0, 1, 1, 2], [1, 0, 2, 1]])
    np.savez(path, edge_index=edge_index, num_nodes=5, **{name: array})
    with pytest.raises(GraphFormatError, match=rf"graph.npz: {name} is \[.*expected one entry for"):
        read_graph(path)


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def header(shape, descr):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": descr, "fortran_order": False, "shape": shape}
    )
    return buffer.getvalue()


def code_points(*points):
    return npy(np.array(points, dtype="<u4").view("<U1"))


ODD_MEMBERS = {
    "'x' holds 0 bytes and says that its shape is [1000000000000]": (
        "x.npy",
        header((10**12,), "<f8"),
    ),
    "says that its shape is [-1]": ("x.npy", header((-1,), "<f8")),
    "'x' holds 999 bytes": ("x.npy", header((2,), "<f8") + bytes(999)),
    "'x' holds records": ("x.npy", npy(np.zeros(4, dtype=[("a", "i4"), ("b", "f4")]))),
    "'x' holds records (|V8)": ("x.npy", npy(np.zeros(4, dtype="V8"))),
    "'x' has a header of version 3": ("x.npy", b"\x93NUMPY\x03\0" + npy(RING)[8:]),
    "code point 0xd800, which is no character": ("name.npy", code_points(97, 98, 0xD800, 99)),
    "code point 0x7fffffff": ("name.npy", code_points(97, 98, 99, 2**31 - 1)),
    "holds 'edge_index' twice": ("edge_index.npy", npy(RING)),
    "'x.txt' is no numpy array": ("x.txt", b"hello"),
    "'../../x' is no name of an array": ("../../x.npy", npy(RING)),
    "'/x' is no name of an array": ("/x.npy", npy(RING)),
    "'a\\\\n\\\\x1b' is no name of an array": ("a\n\x1b.npy", npy(RING)),
    "edge_weight is [2] of float64; expected one entry for each of the 4 arcs": (
        "edge_weight.npy",
        npy(np.ones(2)),
    ),
    "edge_attr is [] of float64": ("edge_attr.npy", npy(np.array(1.0))),
    "edge_type is [7] of int64": ("edge_type.npy", npy(np.arange(7))),
    "x is a single value; expected an array": ("x.npy", npy(np.array(1.0))),
    "holds vertex id 3, but the graph has 2 vertices": ("x.npy", npy(np.ones((2, 3)))),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("message", ODD_MEMBERS)
def test_odd_members_are_refused_in_one_line(message, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("edge_index.npy", npy(RING))
        archive.writestr(*ODD_MEMBERS[message])
    with pytest.raises(GraphFormatError) as caught:
        read_graph(tmp_path / "a.npz")
    assert message in str(caught.value)
    assert str(caught.value).isprintable()
    assert str(caught.value).startswith(f"{tmp_path / 'a.npz'}: ")


def test_an_encrypted_archive_is_told(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("edge_index.npy", npy(RING))
    raw = bytearray((tmp_path / "a.npz").read_bytes())
    raw[6] |= 1
    raw[raw.find(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.npz").write_bytes(raw)
    with pytest.raises(GraphFormatError, match="is encrypted"):
        read_graph(tmp_path / "a.npz")


@pytest.mark.parametrize("key", ["row", "col"])
@pytest.mark.parametrize("ids", [[0.5, 1.0], [True, False]])
def test_coordinates_of_a_sparse_matrix_are_integers(key, ids, tmp_path):
    parts = {"row": [0, 1], "col": [1, 2], key: ids}
    np.savez(tmp_path / "a.npz", format=b"coo", shape=[3, 3], data=np.ones(2), **parts)
    with pytest.raises(GraphFormatError, match=f"'{key}' has dtype .* are integers"):
        read_graph(tmp_path / "a.npz")
