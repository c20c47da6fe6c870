"""The edges of a folder in shards, each of which holds all edges of its vertices.

A vertex belongs to one shard by a hash of its number. An edge is in the shards of both its ends, as
an *arc* from the vertex that belongs to the shard to the other one. So a shard counts the edges of
its vertices, and finds repeated rows, without any other shard.

Two kinds of tasks make the shards. `cut_file` writes the arcs of a file in pieces, each sorted by
shard. `merge_pieces` reads the rows of one shard from all pieces, drops repeats, and sorts them by
vertex and hash. Peak memory of a task: 80 bytes for each row of a piece, or 80 for each arc of a
shard, of `PIECE_ROWS` more and of the part of a piece. Repeated rows do not add to it; the edges of
one vertex, which lie in one shard, do.

A worker remembers the arcs of its shards that are left, 16 bytes each, to save work. If it is lost,
another one computes them again from the files: the shards and the finished phases.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from fsspec.core import url_to_fs
from numpy.typing import NDArray

from wis.scale.job import Job, proper_ends
from wis.scale.phases import Cuts, Edges, Phase, hashes_of
from wis.scale.storage import PIECES, load_array, reading, save_array, saving, work_file
from wis.scale.vertices import Vertices

Ints = NDArray[np.int64]
Vertex = np.uint32
PIECE_ROWS = 1 << 22
"""Rows of a piece: more rows make fewer and longer reads, and need more memory."""
SHARD_ROWS = 1 << 22
"""Rows of the input for each shard of a large graph; small graphs get four shards per task."""
MOST = 4096
"""Largest number of shards, and about of pieces."""
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def num_shards_of(rows: int, tasks: int) -> int:
    """The number of shards for some rows and a number of tasks at the same time."""
    return max(1, min(MOST, max(-(-rows // SHARD_ROWS), min(4 * tasks, rows // 1000))))


def shard_of(vertices: NDArray[Vertex], num_shards: int) -> NDArray[np.uint16]:
    """The shard to which each vertex belongs, by multiplicative hashing."""
    high = vertices.astype(np.uint64)
    high *= _GOLDEN
    high >>= np.uint64(32)
    high %= np.uint64(num_shards)
    return high.astype(np.uint16)


def cut_file(
    index: int, job: Job, vertices: tuple[int, str | None], rows: int, num_shards: int
) -> list[Ints]:
    """Write the arcs of a file in pieces; `vertices` are the arguments of `Vertices`.

    Returns:
        For each piece an int64 array [2 + num_shards + 1]: the file, the number of the piece, and
        the row of the piece at which each shard begins.
    """
    found = []
    for number, ends in enumerate(_pieces(index, job, Vertices(*vertices), rows)):
        arcs = np.concatenate([ends, ends[:, ::-1]])
        shard = shard_of(arcs[:, 0], num_shards)
        with saving(work_file(job.folder.url, "piece", index, number)) as file:
            file.write(arcs[np.argsort(shard, kind="stable")].data)
        begins = np.bincount(shard, minlength=num_shards).cumsum()
        found.append(np.concatenate([[index, number, 0], begins]))
    return found


def _pieces(index: int, job: Job, vertices: Vertices, rows: int) -> Iterator[NDArray[Vertex]]:
    """The edges of a file, a piece at a time: [k, 2]."""
    most, size = max(PIECE_ROWS, rows // MOST), 0
    waiting: list[NDArray[Vertex]] = []
    for a, b in job.files.pairs(index, as_names=vertices.texts):
        ends = proper_ends(vertices.number(a), vertices.number(b))
        waiting.append(np.stack(ends, axis=1).astype(Vertex))
        size += len(waiting[-1])
        if size >= most:
            piece, size, waiting = np.concatenate(waiting), 0, []
            yield piece
    if size:
        yield np.concatenate(waiting)


def merge_pieces(number: int, folder: str, seed: int) -> int:
    """Write a shard, arcs of shape [2, k], from all pieces; return its arcs u -> v with u < v."""
    fs, root = url_to_fs(folder)
    arcs, size, waiting = np.empty((0, 2), Vertex), 0, []
    pieces = load_array(f"{folder}/{PIECES}")
    for piece in range(len(pieces)):
        begin, end = (8 * int(pieces[piece, 2 + number + more]) for more in (0, 1))
        if end > begin:
            path = work_file(root, "piece", *pieces[piece, :2].tolist())
            with reading(path):
                content = fs.cat_file(path, begin, end)
            waiting.append(np.frombuffer(content, Vertex).reshape(-1, 2))
            size += len(waiting[-1])
        if size >= PIECE_ROWS:
            arcs, size, waiting = _distinct([arcs, *waiting], seed), 0, []
    arcs = _distinct([arcs, *waiting], seed)
    save_array(work_file(folder, "edges", number), np.ascontiguousarray(arcs.T))
    return int(np.count_nonzero(arcs[:, 0] < arcs[:, 1]))


def _distinct(parts: list[NDArray[Vertex]], seed: int) -> NDArray[Vertex]:
    """The distinct arcs among rows, sorted by vertex and hash."""
    arcs = np.concatenate(parts)
    hashes = hashes_of(arcs.min(axis=1), arcs.max(axis=1), seed)
    order = np.lexsort((hashes, arcs[:, 0]))
    arcs, hashes = arcs[order], hashes[order]
    first = np.ones(len(arcs), np.bool_)
    first[1:] = (hashes[1:] != hashes[:-1]) | (arcs[1:, 0] != arcs[:-1, 0])
    return arcs[first]


@dataclass(frozen=True)
class Shard:
    """A part of the edges."""

    folder: str  # the work folder
    number: int  # position of the shard, from 0
    seed: int  # seed of the priorities
    num_nodes: int  # number n of vertices
    token: str  # a random text that tells the shards of one run from those of another in the folder
    remembered: int  # number of shards that a worker remembers

    def load(self) -> Edges:
        """All arcs, from the vertex of the shard `u` to `v`, sorted by `u` and hash."""
        u, v = load_array(work_file(self.folder, "edges", self.number))
        return Edges(u, v, hashes_of(np.minimum(u, v), np.maximum(u, v), self.seed))


class State(Cuts):
    """What a thread of a worker knows of all vertices, 11 bytes each: a phase, finished or not."""

    def __init__(self, shard: Shard) -> None:
        super().__init__(shard.num_nodes)
        self.token = shard.token
        self.spent = np.zeros(shard.num_nodes, np.bool_)  # they lose no edge beyond their cut
        self._shown: tuple[Any, int] | None = None
        self._turn = 0

    @classmethod
    def of_thread(cls, shard: Shard) -> State:
        """The state that this thread keeps."""
        state: State | None = getattr(_LOCAL, "state", None)
        if state is None or state.token != shard.token:
            state = _LOCAL.state = cls(shard)
        return state

    def finished(self, folder: str, number: int) -> State:
        """Hold a finished phase of a folder."""
        if self._shown != (folder, number):
            self._shown = None
            self.show(Phase.load(folder, number))
            self._shown = folder, number
        return self

    def running(self, shard: Shard, phase: int, t: int, turn: int) -> State:
        """Hold the phase with threshold t that runs, after its first `turn` rounds."""
        key = phase, t
        if self._shown != key or self._turn > turn:
            self._shown, self.limit = None, None
            for array in (self.kind, self.cut_kind, self.spent):
                array.fill(0)
            begin = load_array(work_file(shard.folder, "begin", phase))
            self.kind[begin["vertex"]] = begin["kind"]
            self._shown, self._turn = key, 0
        while self._turn < turn:
            cuts = load_array(work_file(shard.folder, "round", phase, self._turn))
            self.cut_kind[cuts["vertex"]] = cuts["kind"]
            self.cut_hash[cuts["vertex"]] = cuts["hash"]
            self.spent[cuts["vertex"]] = cuts["spent"]
            self._turn += 1
        return self


@dataclass
class Memory:
    """What a worker remembers of a shard."""

    phases: int  # number of phases after which the arcs are left
    left: Edges  # the arcs that are left
    running: Any = None  # what it keeps of the phase that runs


_LOCAL = threading.local()
_LOCK = threading.Lock()
_REMEMBERED: dict[tuple[str, int], Memory] = {}


@contextlib.contextmanager
def remembered(shard: Shard, phases: int) -> Iterator[Memory]:
    """The arcs of a shard that are left after the finished phases; no other thread has them."""
    key = shard.token, shard.number
    with _LOCK:
        memory = _REMEMBERED.pop(key, None)
        for other in [other for other in _REMEMBERED if other[0] != shard.token]:
            del _REMEMBERED[other]
    if memory is None or memory.phases > phases:
        memory = Memory(0, shard.load())
    state = State.of_thread(shard)
    if memory.phases < phases:
        gone = np.zeros(memory.left.u.size, np.bool_)
        for number in range(memory.phases, phases):  # an arc that is gone may be marked again
            gone |= state.finished(shard.folder, number).taken(memory.left)
        memory = Memory(phases, memory.left.select(~gone))
    yield memory
    with _LOCK:
        _REMEMBERED[key] = memory
        while len(_REMEMBERED) > shard.remembered:
            del _REMEMBERED[next(iter(_REMEMBERED))]
