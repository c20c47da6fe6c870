"""A `.pt` file is a pickle, and nothing in it runs, corrupts memory, or costs more than it should.

Tried: everything that PyG and torch put on torch's list of safe names, called in every way a pickle
can; numpy arrays with altered types and states; tensors beyond their storage; indices that
contradict themselves; lengths that are not there; nesting, sharing and cycles; 1,400 random pickles
(more with ``WIS_FUZZ``, a factor). `SECURITY.md` says what is promised.
"""

from __future__ import annotations

import importlib
import io
import os
import pickle
import pkgutil
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
import warnings
from pathlib import Path

import pickle_fuzz
import pickles
import pytest
import torch
import torch_geometric
from pickles import ARCS, Call, Named, Raw, Stored, array, data, dtype, ordered_dict, tensor
from torch_geometric.data import Data

from wis.errors import CheckpointError, GraphFormatError, UnsafePickleError, WisError
from wis.io import read_graph, unpickle
from wis.training.checkpoint import read_checkpoint

FACTOR = int(os.environ.get("WIS_FUZZ", "1"))
RING = torch.tensor([[0, 1, 2], [1, 2, 0]])


def refusal(content, **options):
    """The line that refuses a tree, or bytes, given as the content of `data.pkl`."""
    raw = content if isinstance(content, bytes) else pickles.pickled(content)
    file = io.BytesIO(pickles.zipped(raw, {"0": ARCS, "1": bytes(64)}))
    with pytest.raises(WisError) as caught:
        unpickle.load(file, **options)
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 400
    return line


def accepted(tree):
    """What a tree stands for: the honest twin of what is refused."""
    file = io.BytesIO(pickles.zipped(pickles.pickled(tree), {"0": ARCS, "1": bytes(64)}))
    return unpickle.load(file)


# No code -----------------------------------------------------------------------------------------


def all_safe_names():
    """Names on torch's list once everything in PyG has been imported, and its own defaults."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in pkgutil.walk_packages(torch_geometric.__path__, "torch_geometric."):
            try:
                importlib.import_module(module.name)
            except Exception:  # needs another package
                continue
    listed = [
        (item[0].__module__, item[1].rpartition(".")[2])
        if isinstance(item, tuple)
        else (item.__module__, item.__qualname__)
        for item in torch.serialization.get_safe_globals()
    ]
    own = torch._weights_only_unpickler._get_allowed_globals()
    return sorted({*listed, *(tuple(name.rsplit(".", 1)) for name in own)})


SAFE_NAMES = all_safe_names()


class Watch:
    """What runs while it is open: functions of PyG, and files that are opened.

    Attributes:
        calls: Functions of PyG by file and name, `__init__` of an empty object apart.
        events: Names of audit events that a mere reader has no reason for.
    """

    current: Watch | None = None
    REASONS = (
        "open",
        "import",
        "exec",
        "compile",
        "subprocess",
        "os.",
        "shutil",
        "socket",
        "pickle",
    )

    def __enter__(self):
        self.calls, self.events = [], []
        Watch.current = self
        sys.setprofile(self._call)
        return self

    def __exit__(self, *error):
        sys.setprofile(None)
        Watch.current = None

    def _call(self, frame, event, argument):
        place = frame.f_code.co_filename
        if event == "call" and ("torch_geometric" in place or place.endswith("serialization.py")):
            self.calls.append((Path(place).name, frame.f_code.co_name))

    @staticmethod
    def audit(event, arguments):
        if Watch.current is not None and event.startswith(Watch.REASONS):
            Watch.current.events.append(event)


sys.addaudithook(Watch.audit)


def ways_to_call(name, path):
    named, arguments = Named(*name), [(), (str(path),), ({"a": 1},), (str(path), False, path.name)]
    for given in arguments:
        for is_new in (True, False):
            yield Call(named, given, is_new=is_new)
            yield Call(named, given, [{"root": str(path)}], is_new=is_new)
    yield Call(named, (), [(None, {"x": 1})], [("a", 1)], [2])
    yield named
    yield Call(named, (named, named, None))
    yield Call(Call(named, ()), (named,))


OF_EMPTY_OBJECTS = {
    *(
        "__init__",
        "__new__",
        "__call__",
        "__setattr__",
        "__getattr__",
        "__setitem__",
        "__getitem__",
    ),
    *("_pop_cache", "_key", "_missing_"),
}
"""What PyG runs when our makers ask it for an empty object, and for nothing else."""


@pytest.mark.parametrize("name", SAFE_NAMES, ids=".".join)
def test_nothing_on_the_list_of_safe_names_is_called(name, tmp_path):
    path = tmp_path / "beside.pt"
    path.write_bytes(pickle.dumps(Evil(tmp_path / "marker")))
    accepted(data({"x": typed("EdgeIndex", {"_data": tensor()})})), accepted(hetero())  # imports
    for tree in ways_to_call(name, path):
        for inside in (tree, data({"edge_index": tensor(), "x": tree})):
            file = io.BytesIO(pickles.zipped(pickles.pickled(inside), {"0": ARCS}))
            error = None
            with Watch() as watch:
                try:
                    unpickle.load(file)
                except GraphFormatError as caught:
                    error = caught
            assert watch.events == []
            assert isinstance(error, UnsafePickleError) == (name not in unpickle.KNOWN)
            if name not in unpickle.KNOWN:
                assert f"needs {name[0]}.{name[1]}" in str(error)
                assert watch.calls == []
            assert {call for _, call in watch.calls} <= OF_EMPTY_OBJECTS
    assert not (tmp_path / "marker").exists()


class Evil:
    """A pickle of it makes a file when it is loaded."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def test_the_list_of_safe_names_is_long_enough_to_mean_something():
    assert len(SAFE_NAMES) > 80
    assert ("torch_geometric.loader.cluster", "ClusterData") in SAFE_NAMES
    assert ("torch_geometric.loader.cluster", "ClusterData") not in unpickle.KNOWN


def test_a_loader_that_opens_a_second_file_is_refused(tmp_path):
    marker = tmp_path / "marker"
    (tmp_path / "metis.pt").write_bytes(b"")
    torch.save(Evil(marker), tmp_path / "metis.pt")
    name = Named("torch_geometric.loader.cluster", "ClusterData")
    for tree in (
        Call(name, (Call(Named("torch_geometric.data.data", "Data")), 2, False, str(tmp_path))),
        Call(name, (), [{"save_dir": str(tmp_path)}], is_new=True),
    ):
        (tmp_path / "a.pt").write_bytes(pickles.zipped(pickles.pickled(tree)))
        with pytest.raises(
            UnsafePickleError, match=r"a\.pt: needs \S+ClusterData, .*--trust-pickle"
        ):
            read_graph(tmp_path / "a.pt")
    assert not marker.exists()


def test_no_list_of_safe_names_is_asked_or_changed(tmp_path):
    torch.save(Data(edge_index=RING, x=Evil(tmp_path / "marker")), tmp_path / "a.pt")
    before = set(torch.serialization.get_safe_globals())
    failures = []

    def read_often():
        for _ in range(20):
            try:
                read_graph(tmp_path / "a.pt")
            except UnsafePickleError as error:
                failures.append("needs pathlib.Path.touch" in str(error) or "Evil" in str(error))

    added = [Evil, Path.touch, (Path.touch, "pathlib.Path.touch"), getattr]
    with torch.serialization.safe_globals(added):
        threads = [threading.Thread(target=read_often) for _ in range(4)]
        for thread in threads:
            thread.start()
        listed = [set(torch.serialization.get_safe_globals()) for _ in range(200)]
        for thread in threads:
            thread.join()
    assert len(failures) == 80
    assert not (tmp_path / "marker").exists()
    assert all(found == before | set(added) for found in listed)
    assert set(torch.serialization.get_safe_globals()) == before


DANGEROUS = [
    *(("os", "system"), ("posix", "system"), ("builtins", "eval"), ("builtins", "getattr")),
    *(("subprocess", "Popen"), ("torch", "load"), ("torch.storage", "_load_from_bytes")),
    *(("builtins", "__import__"), ("operator", "attrgetter"), ("functools", "partial")),
    *(("torch._utils", "_rebuild_wrapper_subclass.__globals__"), ("torch", "hub.load")),
    *(("torch_geometric.data.data", "Data.__init__"), ("torch_geometric.io", "fs.torch_load")),
    *(("numpy", "load"), ("numpy.core.multiarray", "set_typeDict"), ("numpy", "ndarray.tofile")),
    *(("wis.io", "pt.write"), ("codecs", "open"), ("_codecs", "decode"), ("copyreg", "__newobj__")),
    *(("collections", "OrderedDict.fromkeys"), ("builtins", "exec"), ("__builtin__", "eval")),
]


@pytest.mark.parametrize("name", DANGEROUS, ids=".".join)
def test_a_dangerous_name_is_refused_by_name(name):
    trees = [Named(*name), Call(Named(*name), ("true",)), data({"x": Call(Named(*name), ())})]
    for tree in trees:
        assert f"needs {name[0].replace('__builtin__', 'builtins')}.{name[1]}" in refusal(tree)
    by_stack = pickles.opcodes(name[0]) + pickles.opcodes(name[1]) + pickle.STACK_GLOBAL
    assert refusal(b"\x80\x04" + by_stack + b".").startswith("needs ")


def test_a_checkpoint_runs_nothing(tmp_path):
    path = tmp_path / "run.checkpoint"
    for state in (
        {"a": Evil(tmp_path / "marker")},
        {"a": Data(edge_index=RING)},
        [Evil(tmp_path / "marker")],
    ):
        torch.save({"format": "wis-training-1", "identity": "x", "state": state}, path)
        with pytest.raises(CheckpointError, match="is no checkpoint of a training run, or damaged"):
            read_checkpoint(path, "x", "cpu")
    assert not (tmp_path / "marker").exists()


# Arrays ------------------------------------------------------------------------------------------

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
        "a state to what takes none",
    ),
    "of nothing": (array((2,), dtype("V8", 3, "|", None, None, None, 8, 1, 0)), "type 'V8'"),
    "with fields": (array((2,), dtype("V8", *FIELDS)), "type 'V8'"),
    "with fields in numbers": (array((2,), dtype("f8", *FIELDS)), "type of an array was altered"),
    "of dates": (array((2,), dtype("M8", 4, "<", None, None, None, -1, -1, 0, {})), "type 'M8'"),
    "of long floats": (array((1,), dtype("f16")), "type 'f16'"),
    "of bytes": (array((2,), dtype("S8", 3, "|", None, None, None, 8, 1, 0)), "type 'S8'"),
    "of another width": (
        array((2,), dtype("f8", 3, "<", None, None, None, 800, 1, 0)),
        "type of an array was altered",
    ),
    "texts of another width": (
        array((4,), dtype("U1", 3, "<", None, None, None, 400, 4, 8)),
        "type of an array was altered",
    ),
    "a type of a type": (array((2,), dtype(dtype())), "an array has no type"),
    "a subarray": (
        array((2,), dtype("f8", 3, "<", (dtype(), (2,)), None, None, -1, -1, 0)),
        "type of an array was altered",
    ),
    "too short": (array((3,)), "too many or too few bytes"),
    "too long": (array((1,)), "too many or too few bytes"),
    "of a huge shape": (array((2**61, 8), None, b""), "too many or too few bytes"),
    "of negative lengths": (array((-2, -1)), "shape of an array is none"),
    "of many dimensions": (array((1,) * 65), "shape of an array is none"),
    "of lengths that are truth values": (array((True, 2)), "shape of an array is none"),
    "texts of no length": (
        array((300_000_000,), dtype("U0", 3, "<", None, None, None, 0, 4, 8), b""),
        "texts of no length",
    ),
    "texts beyond Unicode": (
        array((4,), TEXTS, struct.pack("<4I", 65, 0x110000, 0, 0)),
        "not Unicode",
    ),
    "half characters": (array((4,), TEXTS, struct.pack("<4I", 65, 0xD800, 0, 0)), "not Unicode"),
    "truth values of 2": (array((16,), dtype("b1"), bytes([2] * 16)), "other numbers than 0 and 1"),
    "a scalar of an object": (
        Call(Named("numpy._core.multiarray", "scalar"), (OBJECTS, bytes(8))),
        "type 'O8'",
    ),
    "a buffer that is short": (
        Call(Named("numpy._core.numeric", "_frombuffer"), (bytes(8), dtype(), (2,), "C")),
        "too many or too few bytes",
    ),
    "of another class": (
        Call(
            Named("numpy._core.multiarray", "_reconstruct"),
            (Named("torch", "Size"), (0,), b"b"),
            [(1, (2,), dtype(), False, bytes(16))],
        ),
        "begins like none",
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
    assert "a state to what takes none" in refusal(b"\x80\x02" + kept + altered + made + b".")


# Tensors -----------------------------------------------------------------------------------------


def sparse(layout, *parts):
    named = Call(Named("torch.serialization", "_get_layout"), (f"torch.{layout}",))
    return Call(Named("torch._utils", "_rebuild_sparse_tensor"), (named, parts))


def typed(name, state):
    maker = Named("torch._utils", "_rebuild_wrapper_subclass")
    module = {"EdgeIndex": "edge_index", "Index": "index"}[name]
    arguments = (maker, Named(f"torch_geometric.{module}", name), (), state)
    return Call(Named("torch._tensor", "_rebuild_from_type_v2"), arguments)


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
    "too many dimensions": (tensor(None, 0, (1,) * 65, (1,) * 65), "no short tuple"),
    "fewer steps than lengths": (tensor(None, 0, (2, 2), (1,)), "do not fit together"),
    "lengths in a list": (tensor(None, 0, [2, 2], (2, 1)), "no short tuple"),
    "a storage that says less": (tensor(Stored("0", 2), 0, (2,), (1,)), "not what the pickle says"),
    "a storage that says more": (tensor(Stored("0", 400), 0, (400,), (1,)), "not what the pickle"),
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
        "no complex numbers",
    ),
    "unknown flags": (tensor(None, 0, (2,), (1,), False, ordered_dict(), {"x": 1}), "flags"),
    "no data": (
        Call(Named("torch._utils", "_rebuild_meta_tensor_no_storage"), (None, (9,), (1,), False)),
        "needs torch._utils._rebuild_meta_tensor_no_storage",
    ),
    "a parameter of a list": (
        Call(Named("torch._utils", "_rebuild_parameter"), ([1], False, ordered_dict())),
        "a parameter is made of no tensor",
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
    "no arcs": (typed("EdgeIndex", {"_sparse_size": (2, 3)}), "no tensor of ids"),
    "arcs of another shape": (
        typed("EdgeIndex", {"_data": row(0, (4,), (1,))}),
        "no tensor of ids",
    ),
    "arcs in arcs": (
        typed("EdgeIndex", {"_data": typed("EdgeIndex", {"_data": tensor()})}),
        "no tensor of ids",
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
    with pytest.raises(GraphFormatError, match="other numbers than 0 and 1"):
        unpickle.load(file)


def test_cached_pointers_of_a_file_are_not_believed():
    state = {"_data": tensor(), "_sparse_size": (2, 2), "_sort_order": ROW_ORDER}
    lies = dict.fromkeys(("_indptr", "_T_perm", "_T_indptr", "_value"), row(0, (4,), (1,)))
    arcs = accepted(typed("EdgeIndex", {**state, **lies, "_T_index": (tensor(), tensor())}))
    assert arcs.get_indptr().tolist() == [0, 1, 2]
    assert (arcs._T_perm, arcs._T_index, arcs._value) == (None, (None, None), None)


# Objects of PyG ----------------------------------------------------------------------------------

STORES = "torch_geometric.data.storage"


def hetero(nodes=None, edges=None, **more):
    state = {
        "_global_store": pickles.store({}, "BaseStorage"),
        "_node_store_dict": nodes or {},
        "_edge_store_dict": edges or {},
        **more,
    }
    return Call(Named("torch_geometric.data.hetero_data", "HeteroData"), (), [state], is_new=True)


BAD_OBJECTS = {
    "no text for a name": (data({5: tensor()}), "a key that is no text"),
    "PyG's own parts": (data({"_mapping": 3}), "has the name '_mapping'"),
    "a class": (data({"__class__": 3}), "has the name '__class__'"),
    "a method": (data({}, _pop_cache=3), "has a part '_pop_cache'"),
    "a private class": (data({}, __class__=3), "has a part '__class__'"),
    "slices that fall": (data({}, _slice_dict={"x": row(1, (3,), (1,))}), "where its graphs begin"),
    "slices that are none": (data({}, _slice_dict={"x": "a"}), "where its graphs begin"),
    "a number of graphs": (data({}, _num_graphs="a"), "has a part _num_graphs"),
    "a store that is none": (
        Call(Named("torch_geometric.data.data", "Data"), (), [{"_store": 3}], is_new=True),
        "where a store of attributes belongs",
    ),
    "another store": (
        hetero({"a": pickles.store({}, "EdgeStorage")}),
        "where a store of attributes belongs",
    ),
    "of PyG 1": (
        Call(Named("torch_geometric.data.data", "Data"), (), [{"x": None}], is_new=True),
        "holds a graph of PyG 1.x",
    ),
    "arguments": (Call(Named("torch_geometric.data.data", "Data"), ([1],)), "made of arguments"),
    "more parts": (hetero(_more=1), "parts that are not known"),
    "a type of edges": (hetero({}, {("a", "b"): pickles.store({}, "EdgeStorage")}), "three texts"),
    "a type of vertices": (hetero({3: pickles.store({}, "NodeStorage")}), "no text"),
    "a batch of nothing": (
        Call(
            Call(Named("torch_geometric.data.batch", "DynamicInheritanceGetter"), (), is_new=True),
            (Named("torch_geometric.data.batch", "Batch"), Named("torch", "Size")),
        ),
        "a batch is made of no graphs",
    ),
    "half a batch": (
        Call(Named("torch_geometric.data.batch", "DynamicInheritanceGetter"), (), is_new=True),
        "half a batch",
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


# Costs -------------------------------------------------------------------------------------------


def text(length, head=b"X<I"):
    return head[:1] + struct.pack(head[1:].decode(), length)


def doubled(times, first=b"](K\x01K\x02e"):
    """A list of two, of which the next holds two, and so on."""
    return first + b"".join(b"q\x01](h\x01h\x01e" for _ in range(times))


def nested(count, opening, closing):
    return b"\x80\x02" + opening * count + b"N" + closing * count + b"."


BOMBS = {
    "a long text that is not there": b"\x80\x02" + text(2**32 - 1) + b"x.",
    "a longer text that is not there": b"\x80\x04" + text(2**62, b"\x8d<Q") + b"x.",
    "bytes that are not there": b"\x80\x04" + text(2**62, b"\x8e<Q") + b"x.",
    "an array of bytes that is not there": b"\x80\x05" + text(2**62, b"\x96<Q") + b"x.",
    "a long integer": b"\x80\x02" + text(2**31 - 1, b"\x8b<I") + b"\1.",
    "an integer in digits": b"\x80\x02L" + b"9" * 100_000 + b"L\n.",
    "a frame that is not there": b"\x80\x04" + text(2**62, b"\x95<Q"),
    "a large place in the memo": b"\x80\x02Nr\xff\xff\xff\xffj\xff\xff\xff\xfe.",
    "tuples in tuples": nested(50_000, b"", b"\x85"),
    "lists in lists": nested(50_000, b"]", b"a"),
    "a key that is nested": b"\x80\x02}N" + b"\x85" * 50_000 + b"Ns.",
    "a member that is nested": b"\x80\x04\x8f(N" + b"\x85" * 50_000 + b"\x90.",
    "calls in calls": b"\x80\x02" + b"cbuiltins\nset\n(" * 5000 + b"tR" * 5000 + b".",
    "marks": b"\x80\x02" + b"(" * 50_000 + b".",
    "lists that double": b"\x80\x02" + doubled(64) + b".",
    "a text in every place": b"\x80\x02"
    + text(2**20)
    + b"x" * 2**20
    + b"q\1]("
    + b"h\1" * 9**5
    + b"e.",
    "bytes made often": b"\x80\x02"
    + b"X\0\0\x10\0"
    + b"x" * 2**20
    + b"q\1X\6\0\0\0latin1q\2c_codecs\nencode\nq\3](q\4"
    + b"h\3h\1h\2\x86R" * 5000
    + b"e.",
    "a list in itself": b"\x80\x02]q\1h\1a.",
    "a dictionary in itself": b"\x80\x02}q\1K\1h\1s.",
    "an object in itself": pickles.pickled(data({"x": Raw(b"]q\1h\1a")})),
    "an extension": b"\x80\x02\x82\x01.",
    "a buffer outside": b"\x80\x05\x97.",
    "a text for an id": b"\x80\x02P0\n.",
    "an id that is none": b"\x80\x02K\1Q.",
    "nothing": b"",
    "no end": b"\x80\x02K\1",
    "no value": b"\x80\x02.",
    "more than is there": b"\x80\x02\x85.",
    "half a number": b"\x80\x02J\0",
    "half a name": b"\x80\x02ctorch",
    "no name": b"\x80\x04K\1K\2\x93.",
    "a state for a number": b"\x80\x02K\1}b.",
    "a call of a number": b"\x80\x02K\1)R.",
    "an entry of a number": b"\x80\x02K\1K\2K\3s.",
    "an entry without a value": b"\x80\x02}(K\1u.",
    "half a character": b"\x80\x02X\3\0\0\0\xed\xa0\x80.",
    "a protocol of the future": b"\x80\xff\xff.",
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_pickle_that_costs_much_or_makes_no_sense_is_refused_at_little_cost(kind):
    content = BOMBS[kind]
    start = time.process_time()
    tracemalloc.start()
    try:
        refusal(content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100e6 + 150 * len(content)
    assert time.process_time() - start < 20


def test_a_long_name_is_refused_before_it_is_read():
    class Counted(io.BytesIO):
        count = 0

        def read(self, size=-1):
            got = super().read(size)
            self.count += len(got)
            return got

        def readline(self, size=-1):
            got = super().readline(size)
            self.count += len(got)
            return got

    for raw in (b"c" + b"a" * 10**7 + b"\nx\n.", b"cos\n" + b"a" * 10**7 + b"\n."):
        file = Counted(pickles.in_a_row(b"\x80\x02" + raw))
        with pytest.raises(UnsafePickleError, match=r"needs \S{50,300}") as caught:
            unpickle.load(file)
        assert len(str(caught.value)) < 400
        assert file.count < 10_000
    assert "aaa..." in refusal(b"\x80\x04" + pickles.opcodes("a" * 10**6) * 2 + b"\x93.")


def test_a_column_of_one_number_is_read_and_a_billion_of_them_are_not():
    one = Stored("1", 16, Named("torch", "FloatStorage"))
    column = accepted(tensor(one, 0, (1_000_000, 3), (0, 0)))
    assert column.shape == (1_000_000, 3)
    assert "over 32 times its size" in refusal(tensor(one, 0, (10**9, 3), (0, 0)))
    shared = pickles.opcodes(tensor(one, 0, (10**7, 3), (0, 0))) + b"q\1](" + b"h\1" * 50 + b"e."
    assert "over 32 times its size" in refusal(b"\x80\x02" + shared)


def test_reading_takes_what_it_may():
    file = io.BytesIO()
    torch.save(torch.zeros(1000, 1000), file)
    assert unpickle.load(file, limit=5_000_000).shape == (1000, 1000)
    with pytest.raises(GraphFormatError, match=r"reading may take 2\.9 MiB; .*--max-memory"):
        unpickle.load(file, limit=3_000_000)
    assert "longer than reading may take" in refusal(
        b"\x80\x02" + b"]" * 20_000 + b".", limit=10**6
    )


# Archives ----------------------------------------------------------------------------------------


def damaged(content):
    with pytest.raises(
        GraphFormatError, match=r"damaged, or not a file of torch\.save: "
    ) as caught:
        unpickle.load(io.BytesIO(content))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def whole(**options):
    file = io.BytesIO()
    torch.save(torch.arange(4), file, **options)
    return file.getvalue()


def test_a_changed_number_is_noticed():
    raw = whole()
    place = raw.index(struct.pack("<4q", *range(4)))
    changed = raw[:place] + b"\1" + raw[place + 1 :]
    assert "the checksum of 'data/0' does not fit" in damaged(changed)


def test_an_archive_holds_one_pickle_and_plain_members():
    import zipfile

    raw = pickles.pickled(tensor())
    assert accepted(tensor()) is not None

    def packed(members, **options):
        buffer = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with zipfile.ZipFile(buffer, "w", **options) as archive:
                for name, content in members:
                    archive.writestr(name, content)
        return buffer.getvalue()

    files = [("a/data.pkl", raw), ("a/data/0", ARCS)]
    assert unpickle.load(io.BytesIO(packed(files))).shape == (2, 2)
    assert "compressed" in damaged(packed(files, compression=zipfile.ZIP_DEFLATED))
    assert "overlap" in damaged(packed([*files, ("a/data/0", ARCS)]))
    assert "several pickles" in damaged(packed([*files, ("b/data.pkl", raw)]))
    assert "lacks 'data.pkl'" in damaged(packed([("data.pkl", raw)]))
    assert "TorchScript" in damaged(packed([*files, ("a/constants.pkl", raw)]))
    assert "byte order" in damaged(packed([*files, ("a/byteorder", b"middle")]))


def test_members_that_claim_more_than_the_file_holds_are_refused():
    raw = bytearray(pickles.zipped(pickles.pickled(tensor()), {"0": ARCS}))
    entry = raw.rindex(b"PK\1\2")
    raw[entry + 20 : entry + 28] = struct.pack("<II", 2**31, 2**31)
    assert "overlap" in damaged(bytes(raw))
    raw[entry + 20 : entry + 28] = struct.pack("<II", 100, 100)
    assert "checksum" in damaged(bytes(raw))
    raw[entry + 42 : entry + 46] = struct.pack("<I", 2**31)
    assert "no directory" in damaged(bytes(raw))
    raw[entry + 42 : entry + 46] = struct.pack("<I", 7)
    raw[entry + 20 : entry + 28] = struct.pack("<II", 32, 32)
    assert "is not where its directory says" in damaged(bytes(raw))


def test_a_row_of_pickles_holds_the_storages_that_it_lists():
    raw = pickles.pickled(tensor())
    assert unpickle.load(io.BytesIO(pickles.in_a_row(raw, {"0": (4, ARCS)}))).shape == (2, 2)
    assert "list of storages" in damaged(pickles.in_a_row(raw))
    assert "list of storages" in damaged(pickles.in_a_row(raw, {"0": (4, ARCS), "1": (4, ARCS)}))
    assert "size of a tensor's storage" in damaged(pickles.in_a_row(raw, {"0": (3, ARCS)}))
    assert "too early" in damaged(pickles.in_a_row(raw, {"0": (4, ARCS[:-1])}))
    huge = pickles.pickled(tensor(Stored("0", 2**60), 0, (2,), (1,)))
    assert "too early" in damaged(pickles.in_a_row(huge, {"0": (2**60, ARCS)}))
    for length in range(0, len(whole(_use_new_zipfile_serialization=False)), 7):
        damaged(whole(_use_new_zipfile_serialization=False)[:length])


def test_other_files_are_told_from_damaged_ones():
    assert "begins like no file of torch.save" in damaged(b"0 1\n1 2\n")
    assert "begins like no file of torch.save" in damaged(pickle.dumps([1, 2]))
    assert "is a plain pickle" in damaged(pickle.dumps(Data(edge_index=RING)))
    assert "is a plain pickle" in damaged(pickle.dumps(Evil("marker")))


# Chance ------------------------------------------------------------------------------------------


def test_random_pickles_end_in_a_graph_or_in_one_line(tmp_path):
    count = 1400 * FACTOR
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", pickle_fuzz.__file__, "0", str(count), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120 * FACTOR,
        env={**os.environ, "OMP_NUM_THREADS": "1", "WIS_OFFLINE": "1"},
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-1000:]
    assert int(ended.stdout) > count / 20  # enough of them reach the end for the rest to mean much
