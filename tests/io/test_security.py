"""A `.pt` file is a pickle, and nothing in it runs.

Tried: everything that PyG and torch put on torch's list of safe names, called in every way a pickle
can; dangerous names; a second file that a loader would open; checkpoints; 1,400 random pickles
(more with ``WIS_FUZZ``, a factor). What the values must be like is tested in
`test_security_values`, what a file may cost in `test_security_costs`. `SECURITY.md` says what is
promised.
"""

from __future__ import annotations

import importlib
import io
import os
import pickle
import pkgutil
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pickle_fuzz
import pickles
import pytest
import torch
import torch_geometric
from pickles import (
    ARCS,
    Call,
    Named,
    accepted,
    data,
    hetero,
    refusal,
    tensor,
    typed,
)
from torch_geometric.data import Data

from wis.base import unpickle
from wis.errors import CheckpointError, GraphFormatError, UnsafePickleError
from wis.io import read_graph
from wis.training.checkpoint import read_checkpoint

FACTOR = int(os.environ.get("WIS_FUZZ", "1"))
RING = torch.tensor([[0, 1, 2], [1, 2, 0]])


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
    """`torch.load(weights_only=True)` with the list of PyG 2.8 makes the marker."""
    marker, path = tmp_path / "marker", tmp_path / "a.pt"
    (tmp_path / "part_2").mkdir()
    torch.save(Evil(marker), tmp_path / "part_2" / "metis.pt")
    name = Named("torch_geometric.loader.cluster", "ClusterData")
    raw = pickles.pickled(Call(name, (data(), 2, False, str(tmp_path))))
    path.write_bytes(pickles.zipped(raw, {"0": ARCS}, version=b"3\n", byteorder=b"little"))
    with pytest.raises(UnsafePickleError, match=r"a\.pt: needs \S+ClusterData, .*--trust-pickle"):
        read_graph(path)
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


def test_random_pickles_end_in_a_graph_or_in_one_line(tmp_path):
    count = 700 * FACTOR
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
