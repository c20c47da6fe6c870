"""Pickles put together by hand, honest ones and others, and the files of `torch.save` around them.

A tree of plain values and of the four classes below is written opcode by opcode, so that a test can
say what no pickler would.
"""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from dataclasses import dataclass, field
from typing import Any

import pytest

from wis.base import unpickle
from wis.errors import WisError

NOTHING = object()


@dataclass(frozen=True)
class Named:
    """A class or function by its name."""

    module: str
    name: str


@dataclass
class Call:
    """What is made by calling; then gets states, one after the other, and entries."""

    target: Any
    arguments: Any = ()
    states: list[Any] = field(default_factory=list)
    items: list[tuple[Any, Any]] | None = None
    appended: list[Any] | None = None
    is_new: bool = False


@dataclass
class Stored:
    """The storage of a tensor."""

    key: Any = "0"
    size: Any = 4
    kind: Any = Named("torch", "LongStorage")
    location: Any = "cpu"


@dataclass
class Raw:
    """Opcodes as they are."""

    code: bytes


def opcodes(tree: Any) -> bytes:
    """What puts a tree on the stack."""
    if isinstance(tree, Raw):
        return tree.code
    if isinstance(tree, Named):
        return f"c{tree.module}\n{tree.name}\n".encode("utf-8", "surrogatepass")
    if isinstance(tree, Stored):
        return (
            opcodes(("storage", tree.kind, tree.key, tree.location, tree.size)) + pickle.BINPERSID
        )
    if isinstance(tree, Call):
        return _call(tree)
    if isinstance(tree, tuple):
        return b"(" + b"".join(map(opcodes, tree)) + b"t"
    if isinstance(tree, list):
        return b"](" + b"".join(map(opcodes, tree)) + b"e"
    if isinstance(tree, dict):
        return b"}" + _items(tree.items())
    if isinstance(tree, (set, frozenset)):
        members = b"".join(map(opcodes, tree))
        return (
            b"(" + members + b"\x91"
            if isinstance(tree, frozenset)
            else b"\x8f(" + members + b"\x90"
        )
    if isinstance(tree, bytes):
        return b"B" + struct.pack("<I", len(tree)) + tree
    if isinstance(tree, str):
        text = tree.encode("utf-8", "surrogatepass")
        return b"X" + struct.pack("<I", len(text)) + text
    return pickle.dumps(tree, 2)[2:-1]


def _items(pairs: Any) -> bytes:
    return b"(" + b"".join(opcodes(key) + opcodes(value) for key, value in pairs) + b"u"


def _call(call: Call) -> bytes:
    code = opcodes(call.target) + opcodes(call.arguments)
    code += pickle.NEWOBJ if call.is_new else pickle.REDUCE
    for state in call.states:
        code += opcodes(state) + pickle.BUILD
    if call.items is not None:
        code += _items(call.items)
    if call.appended is not None:
        code += b"(" + b"".join(map(opcodes, call.appended)) + b"e"
    return code


def pickled(tree: Any) -> bytes:
    """A whole pickle."""
    return b"\x80\x02" + opcodes(tree) + pickle.STOP


def zipped(raw: bytes, storages: dict[str, bytes] | None = None, **members: bytes) -> bytes:
    """A file as `torch.save` writes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", raw)
        for name, content in members.items():
            archive.writestr(f"archive/{name}", content)
        for key, content in (storages or {}).items():
            archive.writestr(f"archive/data/{key}", content)
    return buffer.getvalue()


def in_a_row(raw: bytes, storages: dict[str, tuple[int, bytes]] | None = None) -> bytes:
    """A file as torch before 1.6 wrote it; storages have a number of elements and bytes."""
    storages = storages or {}
    parts = [pickle.dumps(0x1950A86A20F9469CFC6C, 2), pickle.dumps(1001, 2)]
    parts += [pickle.dumps({"little_endian": True}, 2), raw, pickle.dumps(sorted(storages), 2)]
    for key in sorted(storages):
        count, content = storages[key]
        parts.append(struct.pack("<q", count) + content)
    return b"".join(parts)


def ordered_dict() -> Call:
    """The hooks of a tensor that has none."""
    return Call(Named("collections", "OrderedDict"))


def tensor(
    stored: Any = None, offset: Any = 0, size: Any = (2, 2), stride: Any = (2, 1), *rest: Any
) -> Call:
    """A tensor, of 4 integers unless said otherwise."""
    rest = rest or (False, ordered_dict())
    stored = Stored() if stored is None else stored
    return Call(Named("torch._utils", "_rebuild_tensor_v2"), (stored, offset, size, stride, *rest))


ARCS = struct.pack("<4q", 0, 1, 1, 0)  # between vertices 0 and 1


def store(mapping: Any, kind: str = "GlobalStorage", **private: Any) -> Call:
    """A store of attributes."""
    state = {"_mapping": mapping, **private}
    return Call(Named("torch_geometric.data.storage", kind), (), [state], is_new=True)


def data(mapping: Any = None, **private: Any) -> Call:
    """A `Data`, of 2 vertices and 2 arcs unless said otherwise."""
    mapping = {"edge_index": tensor()} if mapping is None else mapping
    state = {"_store": store(mapping, **private)}
    return Call(Named("torch_geometric.data.data", "Data"), (), [state], is_new=True)


def dtype(code: Any = "f8", *state: Any) -> Call:
    """The type of a numpy array."""
    states = [state] if state else [(3, "<", None, None, None, -1, -1, 0)]
    return Call(Named("numpy", "dtype"), (code, False, True), states)


def array(shape: Any = (2,), kind: Any = None, content: Any = bytes(16), **changes: Any) -> Call:
    """A numpy array, of two zeros unless said otherwise."""
    state = changes.get("state", (1, shape, dtype() if kind is None else kind, False, content))
    arguments = (Named("numpy", "ndarray"), (0,), b"b")
    return Call(Named("numpy._core.multiarray", "_reconstruct"), arguments, [state])


def refusal(content: Any, **options: Any) -> str:
    """The line that refuses a tree, or bytes, given as the content of `data.pkl`."""
    raw = content if isinstance(content, bytes) else pickled(content)
    file = io.BytesIO(zipped(raw, {"0": ARCS, "1": bytes(64)}))
    with pytest.raises(WisError) as caught:
        unpickle.load(file, **options)
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 400
    return line


def accepted(tree: Any) -> Any:
    """What a tree stands for: the honest twin of what is refused."""
    file = io.BytesIO(zipped(pickled(tree), {"0": ARCS, "1": bytes(64)}))
    return unpickle.load(file)


def typed(name: str, state: Any) -> Call:
    """A tensor of a class of PyG, by its state."""
    maker = Named("torch._utils", "_rebuild_wrapper_subclass")
    module = {"EdgeIndex": "edge_index", "Index": "index"}[name]
    arguments = (maker, Named(f"torch_geometric.{module}", name), (), state)
    return Call(Named("torch._tensor", "_rebuild_from_type_v2"), arguments)


def hetero(nodes: Any = None, edges: Any = None, **more: Any) -> Call:
    """A `HeteroData`."""
    state = {
        "_global_store": store({}, "BaseStorage"),
        "_node_store_dict": nodes or {},
        "_edge_store_dict": edges or {},
        **more,
    }
    return Call(Named("torch_geometric.data.hetero_data", "HeteroData"), (), [state], is_new=True)
