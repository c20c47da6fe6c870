"""Values in a `.pt` file corrupt no memory and hide no lie.

Tried: numpy arrays with altered types and states; tensors beyond their storage; sparse matrices and
indices that contradict themselves; parts of PyG's objects that are not what PyG believes.
"""

from __future__ import annotations

import io
import pickle
import struct

import pickles
import pytest
import torch
from pickles import (
    ARCS,
    Call,
    Named,
    Raw,
    Stored,
    accepted,
    array,
    data,
    dtype,
    hetero,
    ordered_dict,
    refusal,
    tensor,
    typed,
)
from torch_geometric.data import Data

from wis.base import unpickle
from wis.errors import GraphFormatError
from wis.io import read_graph

RING = torch.tensor([[0, 1, 2], [1, 2, 0]])

# Arrays -------------------------------------------------------------------------------------------

OBJECTS = dtype("O8", 3, "|", None, None, None, -1, -1, 63)
FIELDS = (3, "|", None, ("a",), {"a": (dtype(), 0)}, 8, 1, 16)
TEXTS = dtype("U1", 3, "<", None, None, None, 4, 4, 8)


def given_twice(*states):
    made = array()
    made.states = list(states)
    return made


BAD_ARRAYS = {
    "of Python objects": (array((2,), OBJECTS, [1, 2]), "type 'O8'; expected numbers or texts"),
    "of addresses": (array((2,), OBJECTS, bytes(16)), "type 'O8'"),
    "objects without a state": (
        array((2,), Call(Named("numpy", "dtype"), ("O", False, True))),
        "'O'",
    ),
    "given a state twice": (
        given_twice((1, (2,), dtype(), False, bytes(16)), (1, (2,), OBJECTS, False, bytes(16))),
        "an object that cannot have one",
    ),
    "of nothing": (array((2,), dtype("V8", 3, "|", None, None, None, 8, 1, 0)), "type 'V8'"),
    "with fields": (array((2,), dtype("V8", *FIELDS)), "type 'V8'"),
    "with fields in numbers": (
        array((2,), dtype("f8", *FIELDS)),
        "has an unknown state",
    ),
    "of dates": (array((2,), dtype("M8", 4, "<", None, None, None, -1, -1, 0, {})), "type 'M8'"),
    "of long floats": (array((1,), dtype("f16")), "type 'f16'"),
    "of bytes": (array((2,), dtype("S8", 3, "|", None, None, None, 8, 1, 0)), "type 'S8'"),
    "of another width": (
        array((2,), dtype("f8", 3, "<", None, None, None, 800, 1, 0)),
        "has an unknown state",
    ),
    "texts of another width": (
        array((4,), dtype("U1", 3, "<", None, None, None, 400, 4, 8)),
        "has an unknown state",
    ),
    "a type of a type": (array((2,), dtype(dtype())), "an array has no type"),
    "a subarray": (
        array((2,), dtype("f8", 3, "<", (dtype(), (2,)), None, None, -1, -1, 0)),
        "has an unknown state",
    ),
    "too short": (array((3,)), "does not fit its shape"),
    "too long": (array((1,)), "does not fit its shape"),
    "of a huge shape": (array((2**61, 8), None, b""), "does not fit its shape"),
    "of negative lengths": (array((-2, -1)), "shape of an array is invalid"),
    "of many dimensions": (array((1,) * 65), "shape of an array is invalid"),
    "of lengths that are truth values": (array((True, 2)), "shape of an array is invalid"),
    "texts of length 0": (
        array((300_000_000,), dtype("U0", 3, "<", None, None, None, 0, 4, 8), b""),
        "texts of length 0",
    ),
    "texts beyond Unicode": (
        array((4,), TEXTS, struct.pack("<4I", 65, 0x110000, 0, 0)),
        "not Unicode",
    ),
    "half characters": (array((4,), TEXTS, struct.pack("<4I", 65, 0xD800, 0, 0)), "not Unicode"),
    "truth values of 2": (array((16,), dtype("b1"), bytes([2] * 16)), "other values than 0 and 1"),
    "a scalar of an object": (
        Call(Named("numpy._core.multiarray", "scalar"), (OBJECTS, bytes(8))),
        "type 'O8'",
    ),
    "a buffer that is short": (
        Call(Named("numpy._core.numeric", "_frombuffer"), (bytes(8), dtype(), (2,), "C")),
        "does not fit its shape",
    ),
    "of another class": (
        Call(
            Named("numpy._core.multiarray", "_reconstruct"),
            (Named("torch", "Size"), (0,), b"b"),
            [(1, (2,), dtype(), False, bytes(16))],
        ),
        "numpy array has unknown arguments",
    ),
}


@pytest.mark.parametrize("kind", BAD_ARRAYS)
def test_an_array_is_made_of_type_shape_and_bytes_or_not_at_all(kind):
    tree, reason = BAD_ARRAYS[kind]
    assert accepted(array()).tolist() == [0.0, 0.0]
    for inside in (tree, [tree], {"a": tree}, data({"edge_index": tensor(), "x": tree})):
        assert reason in refusal(inside)


def test_a_type_that_was_remembered_cannot_be_altered_afterwards():
    kept = pickles.opcodes(dtype()) + b"q\x05"
    altered = b"0h\x05" + pickles.opcodes(FIELDS) + pickle.BUILD
    made = pickles.opcodes(array((2,), Raw(b"h\x05")))
    assert "an object that cannot have one" in refusal(b"\x80\x02" + kept + altered + made + b".")


# Tensors ------------------------------------------------------------------------------------------


def sparse(layout, *parts):
    named = Call(Named("torch.serialization", "_get_layout"), (f"torch.{layout}",))
    return Call(Named("torch._utils", "_rebuild_sparse_tensor"), (named, parts))


def row(*numbers):
    """A tensor of one dimension, out of the arcs 0, 1, 1, 0."""
    return tensor(None, *numbers)


ROW_ORDER = Call(Named("torch_geometric.edge_index", "SortOrder"), ("row",))
COLUMN_ORDER = Call(Named("torch_geometric.edge_index", "SortOrder"), ("col",))
PAIR = row(0, (2,), (1,))
ONE_WAY = tensor(None, 0, (2, 1), (1, 1))
TRUTH = Stored("1", 64, Named("torch", "BoolStorage"))

BAD_TENSORS = {
    "longer than its storage": (tensor(None, 0, (2, 3), (3, 1)), "reaches beyond its storage"),
    "begins beyond it": (tensor(None, 4, (1,), (1,)), "reaches beyond its storage"),
    "steps beyond it": (tensor(None, 0, (2,), (2**61,)), "reaches beyond its storage"),
    "a negative offset": (tensor(None, -1, (1,), (1,)), "do not fit together"),
    "a negative length": (tensor(None, 0, (-2, -2), (2, 1)), "negative or too large"),
    "a negative step": (tensor(None, 3, (2,), (-1,)), "negative or too large"),
    "a huge length": (tensor(None, 0, (2**63,), (0,)), "negative or too large"),
    "a huge empty one": (tensor(None, 0, (0, 2**61, 2**61), (0, 0, 0)), "negative or too large"),
    "too many dimensions": (tensor(None, 0, (1,) * 65, (1,) * 65), "not a short tuple"),
    "fewer steps than lengths": (tensor(None, 0, (2, 2), (1,)), "do not fit together"),
    "lengths in a list": (tensor(None, 0, [2, 2], (2, 1)), "not a short tuple"),
    "a storage that says less": (
        tensor(Stored("0", 2), 0, (2,), (1,)),
        "differs from that",
    ),
    "a storage that says more": (
        tensor(Stored("0", 400), 0, (400,), (1,)),
        "differs from that",
    ),
    "a storage that is missing": (tensor(Stored("7", 4)), "lacks 'data/7'"),
    "a storage elsewhere": (tensor(Stored("../data.pkl", 4)), "lacks 'data/../data.pkl'"),
    "a storage of no tensor": (Stored(), "storage of a tensor without the tensor"),
    "a storage that is none": (tensor(5), "has no storage"),
    "quantised": (
        tensor(Stored("0", 4, Named("torch", "QInt8Storage"))),
        "needs torch.QInt8Storage",
    ),
    "hooks": (tensor(None, 0, (2,), (1,), False, {"a": 1}), "has hooks"),
    "a gradient of integers": (tensor(None, 0, (2,), (1,), True, ordered_dict()), "a gradient"),
    "conjugated integers": (
        tensor(None, 0, (2,), (1,), False, ordered_dict(), {"conj": True}),
        "not complex is conjugated",
    ),
    "unknown flags": (tensor(None, 0, (2,), (1,), False, ordered_dict(), {"x": 1}), "flags"),
    "no data": (
        Call(Named("torch._utils", "_rebuild_meta_tensor_no_storage"), (None, (9,), (1,), False)),
        "needs torch._utils._rebuild_meta_tensor_no_storage",
    ),
    "a parameter of a list": (
        Call(Named("torch._utils", "_rebuild_parameter"), ([1], False, ordered_dict())),
        "a parameter is not made of a tensor",
    ),
    "arcs outside": (sparse("sparse_coo", tensor(), row(0, (2,), (1,)), (1, 1)), "inconsistent"),
    "arcs said to be in order": (
        sparse("sparse_coo", tensor(None, 0, (1, 4), (4, 1)), row(0, (4,), (1,)), (2,), True),
        "inconsistent",
    ),
    "pointers outside": (
        sparse("sparse_csr", row(0, (3,), (1,)), row(0, (2,), (1,)), row(0, (2,), (1,)), (2, 2)),
        "inconsistent",
    ),
    "sparse parts": (
        sparse(
            "sparse_coo", sparse("sparse_coo", tensor(), row(0, (2,), (1,)), (2, 2)), tensor(), (2,)
        ),
        "not made of tensors",
    ),
    "sparse and huge": (
        sparse("sparse_coo", tensor(), row(0, (2,), (1,)), (2**40, 2**40)),
        "too large",
    ),
    "arcs that are not sorted": (
        typed("EdgeIndex", {"_data": tensor(), "_sort_order": COLUMN_ORDER}),
        "contradicts itself",
    ),
    "arcs beyond their size": (
        typed("EdgeIndex", {"_data": tensor(), "_sparse_size": (1, 1)}),
        "contradicts itself",
    ),
    "arcs that are not symmetric": (
        typed(
            "EdgeIndex",
            {
                "_data": tensor(None, 0, (2, 1), (1, 1)),
                "_is_undirected": True,
                "_sparse_size": (2, 2),
            },
        ),
        "contradicts itself",
    ),
    "arcs of another size": (
        typed("EdgeIndex", {"_data": tensor(), "_is_undirected": True, "_sparse_size": (2, 3)}),
        "contradicts itself",
    ),
    "no arcs": (typed("EdgeIndex", {"_sparse_size": (2, 3)}), "not a tensor of ids"),
    "arcs of another shape": (
        typed("EdgeIndex", {"_data": row(0, (4,), (1,))}),
        "not a tensor of ids",
    ),
    "arcs in arcs": (
        typed("EdgeIndex", {"_data": typed("EdgeIndex", {"_data": tensor()})}),
        "not a tensor of ids",
    ),
    "ids that are not sorted": (
        typed("Index", {"_data": row(0, (4,), (1,)), "_is_sorted": True}),
        "contradicts itself",
    ),
    "ids beyond their size": (
        typed("Index", {"_data": row(0, (4,), (1,)), "_dim_size": 1}),
        "contra",
    ),
}


@pytest.mark.parametrize("kind", BAD_TENSORS)
def test_a_tensor_stays_within_its_storage_and_says_the_truth(kind):
    tree, reason = BAD_TENSORS[kind]
    assert accepted(tensor()).tolist() == [[0, 1], [1, 0]]
    assert reason in refusal(tree)
    assert reason in refusal(data({"edge_index": tensor(), "x": tree}))


def test_tensors_of_a_gpu_come_to_the_cpu():
    for kind in (Named("torch", "LongStorage"), Named("torch.cuda", "LongStorage")):
        read = accepted(tensor(Stored("0", 4, kind, "cuda:1")))
        assert (read.device.type, read.tolist()) == ("cpu", [[0, 1], [1, 0]])


@pytest.mark.parametrize("depth", [1, 20, 45, 60, 5000])
def test_data_within_data_is_read_or_refused(depth):
    code = pickles.opcodes(data({"edge_index": tensor()}))
    head, tail = pickles.opcodes(data({"x": Raw(b"N")})).split(b"X\1\0\0\0xN")
    code = (head + b"X\1\0\0\0x") * depth + code + tail * depth

    def read_below(frames):
        return read_below(frames - 1) if frames else refused_or_read(b"\x80\2" + code + b".")

    line = read_below(100)
    assert line == "" if depth < 50 else "nested more than 50 deep" in line


def refused_or_read(raw):
    try:
        unpickle.load(io.BytesIO(pickles.zipped(raw, {"0": ARCS})))
    except GraphFormatError as error:
        return str(error)
    return ""


def test_honest_twins_of_what_is_refused_are_read():
    assert accepted(sparse("sparse_coo", tensor(), row(0, (2,), (1,)), (2, 2))).shape == (2, 2)
    arcs = accepted(typed("EdgeIndex", {"_data": tensor(), "_sort_order": ROW_ORDER}))
    assert arcs.is_sorted_by_row
    assert accepted(typed("Index", {"_data": row(0, (2,), (1,)), "_is_sorted": True})).is_sorted
    assert accepted(tensor(TRUTH, 0, (2,), (1,))).tolist() == [False, False]


def test_truth_values_are_0_or_1():
    raw = pickles.pickled(tensor(Stored("0", 32, Named("torch", "BoolStorage")), 0, (32,), (1,)))
    file = io.BytesIO(pickles.zipped(raw, {"0": bytes([0, 1, 2, 255] * 8)}))
    with pytest.raises(GraphFormatError, match="other values than 0 and 1"):
        unpickle.load(file)


def test_cached_pointers_of_a_file_are_not_believed():
    state = {"_data": tensor(), "_sparse_size": (2, 2), "_sort_order": ROW_ORDER}
    lies = dict.fromkeys(("_indptr", "_T_perm", "_T_indptr", "_value"), row(0, (4,), (1,)))
    arcs = accepted(typed("EdgeIndex", {**state, **lies, "_T_index": (tensor(), tensor())}))
    assert arcs.get_indptr().tolist() == [0, 1, 2]
    assert (arcs._T_perm, arcs._T_index, arcs._value) == (None, (None, None), None)


# Objects of PyG -----------------------------------------------------------------------------------

STORES = "torch_geometric.data.storage"


BAD_OBJECTS = {
    "no text for a name": (data({5: tensor()}), "a key that is not a text"),
    "PyG's own parts": (data({"_mapping": 3}), "forbidden name '_mapping'"),
    "a class": (data({"__class__": 3}), "forbidden name '__class__'"),
    "a method": (data({}, _pop_cache=3), "unknown part '_pop_cache'"),
    "a private class": (data({}, __class__=3), "unknown part '__class__'"),
    "slices that fall": (
        data({}, _slice_dict={"x": row(1, (3,), (1,))}),
        "the first positions",
    ),
    "slices that are none": (data({}, _slice_dict={"x": "a"}), "the first positions"),
    "a number of graphs": (data({}, _num_graphs="a"), "the part _num_graphs"),
    "a store that is none": (
        Call(Named("torch_geometric.data.data", "Data"), (), [{"_store": 3}], is_new=True),
        "in place of a store of attributes",
    ),
    "another store": (
        hetero({"a": pickles.store({}, "EdgeStorage")}),
        "in place of a store of attributes",
    ),
    "of PyG 1": (
        Call(Named("torch_geometric.data.data", "Data"), (), [{"x": None}], is_new=True),
        "holds a graph of PyG 1.x",
    ),
    "arguments": (Call(Named("torch_geometric.data.data", "Data"), ([1],)), "unexpected arguments"),
    "more parts": (hetero(_more=1), "unknown parts"),
    "an edge type": (hetero({}, {("a", "b"): pickles.store({}, "EdgeStorage")}), "three texts"),
    "a vertex type": (hetero({3: pickles.store({}, "NodeStorage")}), "not a text"),
    "a batch of nothing": (
        Call(
            Call(Named("torch_geometric.data.batch", "DynamicInheritanceGetter"), (), is_new=True),
            (Named("torch_geometric.data.batch", "Batch"), Named("torch", "Size")),
        ),
        "a batch is not made of graphs",
    ),
    "an incomplete batch": (
        Call(Named("torch_geometric.data.batch", "DynamicInheritanceGetter"), (), is_new=True),
        "an incomplete batch",
    ),
    "no such member": (Call(Named(STORES, "AttrType"), ("X",)), "has no such member"),
    "a member of a list": (Call(Named(STORES, "AttrType"), (["NODE"],)), "has no such member"),
    "a class as a value": (data({"x": Named("torch_geometric.data.data", "Data")}), "the class"),
}


@pytest.mark.parametrize("kind", BAD_OBJECTS)
def test_an_object_of_pyg_has_the_parts_that_pyg_gives_it(kind):
    tree, reason = BAD_OBJECTS[kind]
    assert accepted(data()).edge_index.tolist() == [[0, 1], [1, 0]]
    assert reason in refusal(tree)


@pytest.mark.parametrize(
    "graph",
    [{"_mapping": 3}, {"__class__": 3}, {5: 3}, {"edge_index": RING, "_store": 1}],
    ids=str,
)
def test_a_data_set_cannot_replace_parts_of_pyg(graph, tmp_path):
    torch.save((graph, None, Data), tmp_path / "a.pt")
    with pytest.raises(GraphFormatError, match=r"a\.pt: holds a data set with an attribute"):
        read_graph(tmp_path / "a.pt")
