"""Random pickles over names that `wis.base.unpickle` knows: each ends in a graph or in one line.

Run as a program, so that a signal is seen: ``python pickle_fuzz.py SEED COUNT FOLDER``. A third of
the files are honest ones with changed bytes; the rest are put together by chance, most of them like
an honest object in which some parts are replaced by others.
"""

from __future__ import annotations

import functools
import io
import random
import sys
import traceback
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pickles
import torch
from pickles import Call, Named, Raw, Stored

from wis.base import unpickle

NAMES = sorted(unpickle.KNOWN)
INTEGERS = (0, 1, 2, 3, 4, 8, 64, -1, 255, 2**31, 2**62, 2**63 - 1, -(2**63), 2**64)
WORDS = (
    *(
        "storage",
        "cpu",
        "cuda:0",
        "meta",
        "0",
        "1",
        "2",
        "row",
        "col",
        "EDGE",
        "NODE",
        "coo",
        "csr",
    ),
    *(
        "x",
        "y",
        "edge_index",
        "edge_attr",
        "edge_label",
        "num_nodes",
        "batch",
        "ptr",
        "adj_t",
        "face",
    ),
    *("_store", "_mapping", "_parent", "_key", "_data", "_indptr", "_sparse_size", "_num_nodes"),
    *(
        "_cached_attr",
        "_global_store",
        "_node_store_dict",
        "_edge_store_dict",
        "__class__",
        "a",
        "b",
    ),
    *(
        "f8",
        "i8",
        "U1",
        "O",
        "V8",
        "b1",
        "<",
        ">",
        "|",
        "latin1",
        "torch.strided",
        "torch.sparse_csr",
    ),
    *("", "é", "\0", "\n", "train_mask", "name", "edge_time", "_metadata", "conj", "neg", "kind"),
)
STORAGES = {"0": pickles.ARCS, "1": bytes(range(64)), "2": bytes(16)}


class Chance:
    """Random trees."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def value(self, depth: int = 0) -> Any:
        """Anything."""
        kinds: list[Callable[[int], Any]] = [
            *(self.leaf, self.leaf, self.leaf, self.name, self.tensor, self.array),
            *(self.call, self.sequence, self.mapping, self.stored, self.object),
        ]
        return self.random.choice(kinds[:4] if depth > 4 else kinds)(depth + 1)

    def leaf(self, depth: int) -> Any:
        """A value without parts."""
        choose = self.random.choice
        plain = (None, True, False, 0.5, float("nan"), b"", b"b", bytes(16), (), Raw(b"h\x00"))
        if self.random.random() < 0.01:
            return "\ud800"
        return choose((choose(INTEGERS), choose(WORDS), choose(plain)))

    def name(self, depth: int) -> Named:
        """A name that is known."""
        return Named(*self.random.choice(NAMES))

    def stored(self, depth: int) -> Stored:
        """A storage, perhaps one that is there."""
        kind = Named("torch", self.random.choice(("LongStorage", "FloatStorage", "BoolStorage")))
        size = self.random.choice((4, 2, 8, 16, 64, 1))
        return Stored(self.random.choice("012"), size, self.or_other(kind, depth))

    def sequence(self, depth: int) -> Any:
        """A list, a tuple or a set."""
        items = [self.value(depth) for _ in range(self.random.randrange(4))]
        return self.random.choice((list, tuple))(items)

    def mapping(self, depth: int) -> Any:
        """A dictionary; pairs, since keys need not be such that Python could hash them."""
        pairs = [
            (
                self.random.choice(WORDS) if self.random.random() < 0.8 else self.value(depth),
                self.value(depth),
            )
            for _ in range(self.random.randrange(4))
        ]
        return Raw(b"}" + pickles._items(pairs))

    def call(self, depth: int) -> Call:
        """A name that is called with something, and gets something."""
        arguments = tuple(self.value(depth) for _ in range(self.random.randrange(5)))
        chance = self.random.random
        return Call(
            self.name(depth) if chance() < 0.9 else self.value(depth),
            arguments if chance() < 0.9 else self.value(depth),
            [self.value(depth) for _ in range(self.random.choice((0, 0, 0, 1, 1, 2)))],
            [(self.value(depth), self.value(depth))] if chance() < 0.2 else None,
            [self.value(depth)] if chance() < 0.1 else None,
            chance() < 0.5,
        )

    def or_other(self, part: Any, depth: int, rate: float = 0.02) -> Any:
        """A part, or rarely something else."""
        return self.value(depth) if self.random.random() < rate else part

    def tensor(self, depth: int) -> Call:
        """A tensor, most of them sound."""
        choose, other = self.random.choice, self.or_other
        size = choose(((2, 2), (4,), (), (2,), (1, 4), (0, 3), (2, 0)))
        stride = tuple(choose((1, 1, 2, 0)) for _ in size)
        stored = choose((Stored(), Stored(), Stored("1", 8), self.stored(depth)))
        flags = choose(((), (), ({},), ({"conj": True},)))
        return pickles.tensor(
            other(stored, depth),
            other(choose((0, 0, 1)), depth),
            other(size, depth),
            other(stride, depth),
            other(False, depth),
            other(pickles.ordered_dict(), depth),
            *flags,
        )

    def array(self, depth: int) -> Call:
        """A numpy array, most of them sound."""
        choose, other = self.random.choice, self.or_other
        code, width = choose((("f8", 8), ("i4", 4), ("b1", 1), ("U2", 8), ("c16", 16), ("U0", 0)))
        shape = choose(((2,), (1, 2), (), (0,), (3,)))
        count = 1
        for length in shape:
            count *= length
        numbers = (4 * int(code[1:]), 4, 8) if code[0] == "U" else (-1, -1, 0)
        order = choose("<>|")
        kind = pickles.dtype(other(code, depth), 3, order, None, None, other(None, depth), *numbers)
        content = bytes(self.random.choice((0, 0, 0, 65, 255)) for _ in range(count * width))
        made = pickles.array(other(shape, depth), other(kind, depth), other(content, depth))
        if self.random.random() < 0.1:
            made.states.append(self.value(depth))
        return made

    def object(self, depth: int) -> Call:
        """Something of PyG's, most of them sound."""
        if depth == 0 and self.random.random() < 0.7:
            return self.random.choice((self.data, self.data, self.hetero, self.batch))(depth)
        return self.random.choice(
            (self.data, self.data, self.hetero, self.batch, self.subclass, self.sparse, self.enum)
        )(depth)

    def attributes(self, depth: int) -> Any:
        """The attributes of a store, one of them arcs."""
        arcs = pickles.tensor() if self.random.random() < 0.9 else self.tensor(depth)
        pairs = [("edge_index", self.or_other(arcs, depth))]
        for _ in range(self.random.randrange(4)):
            word = self.random.choice([word for word in WORDS if word[:1] != "_"])
            part = self.random.choice((self.tensor, self.array, self.leaf, self.value))(depth)
            pairs.append((self.or_other(word, depth), part))
        return Raw(b"}" + pickles._items(pairs))

    def data(self, depth: int) -> Call:
        """A `Data` or a class like it."""
        made = pickles.data(self.attributes(depth))
        if self.random.random() < 0.3:
            (state,) = made.states
            state["_store"].states[0][self.random.choice(WORDS)] = self.value(depth)
        if self.random.random() < 0.2:
            made.target = self.name(depth)
        return made

    def hetero(self, depth: int) -> Call:
        """A `HeteroData`."""
        other = self.or_other
        nodes = {
            kind: other(pickles.store(self.attributes(depth), "NodeStorage", _key=kind), depth)
            for kind in "ab"
        }
        edges = pickles.store(self.attributes(depth), "EdgeStorage", _key=("a", "to", "b"))
        state = {
            "_global_store": other(pickles.store({}, "BaseStorage"), depth),
            "_node_store_dict": other(nodes, depth),
            "_edge_store_dict": other({("a", "to", "b"): other(edges, depth)}, depth),
        }
        name = Named("torch_geometric.data.hetero_data", "HeteroData")
        return Call(name, (), [other(state, depth)], is_new=True)

    def batch(self, depth: int) -> Call:
        """A batch of graphs."""
        other, place = self.or_other, "torch_geometric.data"
        getter = Call(Named(f"{place}.batch", "DynamicInheritanceGetter"), (), is_new=True)
        bases = (Named(f"{place}.batch", "Batch"), other(Named(f"{place}.data", "Data"), depth))
        slices = {"edge_index": other(pickles.tensor(None, 0, (2,), (1,)), depth, 0.3)}
        private = {"_num_graphs": other(2, depth), "_slice_dict": other(slices, depth, 0.1)}
        states = [{"_store": pickles.store(self.attributes(depth), **private)}]
        return Call(other(getter, depth), other(bases, depth), states)

    def subclass(self, depth: int) -> Call:
        """An `EdgeIndex` or an `Index`."""
        other, choose = self.or_other, self.random.choice
        order = Call(Named("torch_geometric.edge_index", "SortOrder"), (choose(("row", "col")),))
        state = {
            "_data": other(pickles.tensor(), depth, 0.3),
            "_sparse_size": other((2, 2), depth, 0.1),
            "_sort_order": choose((None, order)),
            "_is_undirected": choose((True, False)),
            "_indptr": self.value(depth),
        }
        name = Named("torch_geometric.edge_index", "EdgeIndex")
        if choose((True, False)):
            name = Named("torch_geometric.index", "Index")
            state = {
                "_data": other(pickles.tensor(None, 0, (2,), (1,)), depth, 0.3),
                "_dim_size": 3,
            }
        maker = Named("torch._utils", "_rebuild_wrapper_subclass")
        typed = Named("torch._tensor", "_rebuild_from_type_v2")
        return Call(typed, (other(maker, depth), other(name, depth), (), other(state, depth)))

    def sparse(self, depth: int) -> Call:
        """A sparse tensor."""
        other, choose = self.or_other, self.random.choice
        layout = choose(("sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr"))
        named = Call(Named("torch.serialization", "_get_layout"), (f"torch.{layout}",))
        line = pickles.tensor(Stored("2", 2), 0, (2,), (1,))
        pointers = pickles.tensor(Stored("0", 4), 0, (choose((2, 3)),), (1,))
        size = other(choose(((2, 2), (1, 2), (2, 2, 2))), depth)
        parts = (other(pointers, depth), other(line, depth), other(line, depth), size)
        if layout == "sparse_coo":
            parts = (other(pickles.tensor(), depth), other(line, depth), size, choose((True, None)))
        return Call(Named("torch._utils", "_rebuild_sparse_tensor"), (named, other(parts, depth)))

    def enum(self, depth: int) -> Call:
        """A member of an enumeration."""
        name = Named("torch_geometric.data.storage", "AttrType")
        return Call(self.or_other(name, depth), (self.random.choice(("EDGE", "x", None, 1)),))

    def pickle(self) -> bytes:
        """A whole pickle, sometimes with a few bytes changed."""
        tree = self.object(0) if self.random.random() < 0.8 else self.value()
        raw = bytearray(pickles.pickled(tree))
        raw[2:2] = b"\x8c\x01xq\x000"  # something in the memo
        if self.random.random() < 0.2:
            for _ in range(self.random.randrange(1, 4)):
                raw[self.random.randrange(2, len(raw))] = self.random.randrange(256)
        return bytes(raw)


def mutated(seed: int) -> bytes:
    """An honest file with a few bytes of its pickle changed, lost or repeated."""
    chance = random.Random(seed)
    protocol, is_zip = chance.choice((1, 2, 4)), chance.random() < 0.7
    value = chance.choice(list(honest().values()))
    buffer = io.BytesIO()
    torch.save(value, buffer, pickle_protocol=protocol, _use_new_zipfile_serialization=is_zip)
    if not is_zip or chance.random() < 0.2:
        return bytes(_changed(bytearray(buffer.getvalue()), chance))
    with zipfile.ZipFile(buffer) as archive:
        members = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    storages = {name[5:]: raw for name, raw in members.items() if name.startswith("data/")}
    return pickles.zipped(bytes(_changed(bytearray(members["data.pkl"]), chance)), storages)


def _changed(raw: bytearray, chance: random.Random) -> bytearray:
    for _ in range(chance.choice((1, 1, 2, 4))):
        place, other = chance.randrange(len(raw)), chance.randrange(len(raw))
        match chance.randrange(4):
            case 0:
                raw[place] = chance.randrange(256)
            case 1:
                del raw[place : place + chance.randrange(1, 5)]
            case 2:
                raw[place:place] = raw[other : other + chance.randrange(1, 30)]
            case 3:
                raw[place] ^= 1 << chance.randrange(8)
    return raw


@functools.cache
def honest() -> dict[str, Any]:
    """Values of every kind that can be read."""
    from test_unpickle import VALUES

    return VALUES


def outcome(path: Path) -> str:
    """The line that refuses the file, or "graph" if the file is one that can be cut and written."""
    import wis
    from wis.errors import WisError
    from wis.io import read_graph, write_graph

    try:
        file = read_graph(path)
    except WisError as error:
        return str(error)
    lines = []
    try:
        file = file.with_data(wis.sparsify(file.data, remove="50%"))
    except WisError as error:
        lines.append(str(error))
    for ending in ("pt", "npz"):
        try:
            write_graph(file, path.with_name(f"out.{ending}"), force=True, dropped=[])
        except WisError as error:
            lines.append(str(error))
    assert "\n" not in "".join(lines)
    return "graph"


def main(seed: int, count: int, folder: Path) -> None:
    """Try so many pickles; print how many were graphs."""
    warnings.simplefilter("ignore")
    graphs = 0
    for number in range(seed, seed + count):
        made = Chance(number).pickle()
        raw = mutated(number) if number % 3 == 0 else pickles.zipped(made, STORAGES)
        path = folder / "a.pt"
        path.write_bytes(raw)
        try:
            line = outcome(path)
            assert line == "graph" or ("\n" not in line and str(path) in line and len(line) < 800)
        except BaseException:
            print(f"pickle {number}: {raw!r}")
            traceback.print_exc(file=sys.stdout)
            sys.exit(1)
        graphs += line == "graph"
    print(graphs)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
