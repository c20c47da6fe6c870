"""What a phase of relaxed 1-WIS took, written down for its vertices alone.

See `wis.methods.one_wis.relaxed_rule` for phases and priorities. Going through the edges by
priority, a vertex loses edges until its budget is spent; call the place in the priorities at which
that happens its *cut*. An edge that takes part and comes no later than the cuts of both its ends
was taken, and one that comes later than one of them was not. So two numbers for each vertex that
takes part say for any edge, in any file on any machine, whether it is left: nothing needs to be
kept for each edge, and a computation that was killed goes on from the last phase that was written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from fsspec.core import url_to_fs
from numpy.typing import NDArray

from wis.methods.one_wis.relaxed_rule import degree_class, edge_hash
from wis.scale.storage import load_array, reading, writing

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
LAST = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Phase:
    """One phase.

    Attributes:
        number: Position among the phases, from 0.
        threshold: t.
        num_removed: Edges removed up to its end.
        limit: Class and hash of the last edge taken, if the phase was not carried to its end.
        vertices: int64 [p], the vertices that take part, ascending.
        kind: uint8 [p], the class of each one's degree.
        cut_kind: uint8 [p], the class at which its budget was spent, 0 if it never was.
        cut_hash: int64 [p], the hash at which it was.
    """

    number: int
    threshold: int
    num_removed: int
    limit: tuple[int, int] | None
    vertices: Ints
    kind: NDArray[np.uint8]
    cut_kind: NDArray[np.uint8]
    cut_hash: Ints

    def save(self, folder: str) -> None:
        """Write it, whole or not at all."""
        fs, path = url_to_fs(phase_path(folder, self.number))
        head = {"threshold": self.threshold, "removed": self.num_removed, "limit": self.limit}
        with writing(path):
            with fs.open(f"{path}.tmp", "wb") as file:
                np.savez(
                    file,
                    head=np.frombuffer(json.dumps(head).encode(), np.uint8),
                    vertices=self.vertices,
                    kind=self.kind,
                    cut_kind=self.cut_kind,
                    cut_hash=self.cut_hash,
                )
            fs.mv(f"{path}.tmp", path)

    @classmethod
    def load(cls, folder: str, number: int) -> Phase:
        """Read what `save` wrote."""
        fs, path = url_to_fs(phase_path(folder, number))
        with reading(path), fs.open(path, "rb") as file, np.load(file) as archive:
            head = json.loads(archive["head"].tobytes())
            limit = None if head["limit"] is None else (head["limit"][0], head["limit"][1])
            return cls(
                number,
                head["threshold"],
                head["removed"],
                limit,
                *(archive[name] for name in ("vertices", "kind", "cut_kind", "cut_hash")),
            )


def phase_path(folder: str, number: int) -> str:
    """Where a phase is written."""
    return f"{folder}/phase-{number:05d}.npz"


def num_phases(folder: str) -> int:
    """How many phases are finished."""
    fs, path = url_to_fs(folder)
    number = 0
    while fs.exists(phase_path(path, number)):
        number += 1
    return number


class Cuts:
    """A phase spread over all vertices, to look edges up; used for one phase after the other.

    Attributes:
        kind: uint8 [n], 0 for a vertex that takes no part.
        cut_kind: uint8 [n].
        cut_hash: int64 [n].
    """

    def __init__(self, num_nodes: int) -> None:
        self.kind = np.zeros(num_nodes, np.uint8)
        self.cut_kind = np.zeros(num_nodes, np.uint8)
        self.cut_hash = np.zeros(num_nodes, np.int64)

    def taken(self, phase: Phase, edges: Edges) -> Bools:
        """Which of these edges, if they were left before it, the phase took."""
        self.kind.fill(0)
        self.kind[phase.vertices] = phase.kind
        self.cut_kind[phase.vertices] = phase.cut_kind
        self.cut_hash[phase.vertices] = phase.cut_hash
        u, v = edges.u, edges.v
        inside = np.flatnonzero((self.kind[u] > 0) & (self.kind[v] > 0))
        u, v, place = u[inside], v[inside], edges.hash[inside]
        kind = np.maximum(self.kind[u], self.kind[v])
        goes = self._before_cut(u, kind, place) & self._before_cut(v, kind, place)
        if phase.limit is not None:
            limit_kind, limit_hash = phase.limit
            goes &= (kind > limit_kind) | ((kind == limit_kind) & (place <= limit_hash))
        result = np.zeros(edges.u.size, np.bool_)
        result[inside[goes]] = True
        return result

    def _before_cut(self, ends: Ints, kind: NDArray[np.uint8], place: Ints) -> Bools:
        cut_kind = self.cut_kind[ends]
        earlier: Bools = (kind > cut_kind) | ((kind == cut_kind) & (place <= self.cut_hash[ends]))
        return earlier


@dataclass(frozen=True)
class Edges:
    """Edges of the graph.

    Attributes:
        u: [k], the smaller vertex of each.
        v: [k], the larger one.
        seed: Seed of the priorities.
    """

    u: NDArray[Any]
    v: NDArray[Any]
    seed: int

    @cached_property
    def hash(self) -> Ints:
        """int64 [k], `wis.methods.one_wis.relaxed_rule.edge_hash`."""
        return hashes_of(self.u, self.v, self.seed)

    def select(self, where: Any) -> Edges:
        """Some of them."""
        return Edges(self.u[where], self.v[where], self.seed)


def hashes_of(u: NDArray[Any], v: NDArray[Any], seed: int) -> Ints:
    """`wis.methods.one_wis.relaxed_rule.edge_hash` of numpy arrays."""
    ends = [torch.from_numpy(end.astype(np.int64)) for end in (u, v)]
    return np.asarray(edge_hash(ends[0], ends[1], seed).numpy())


def classes_of(degree: Ints) -> NDArray[np.uint8]:
    """`wis.methods.one_wis.relaxed_rule.degree_class` of a numpy array."""
    return degree_class(torch.from_numpy(degree)).numpy().astype(np.uint8)


def edges_of_rows(a: Ints, b: Ints, seed: int) -> tuple[Edges, Bools]:
    """Rows as edges, each with its smaller end first; and which rows are no loops."""
    return Edges(np.minimum(a, b), np.maximum(a, b), seed), a != b


def left_after(phases: Iterator[Phase] | Sequence[Phase], edges: Edges, num_nodes: int) -> Bools:
    """Which of these edges are left after all phases."""
    left = np.ones(edges.u.size, np.bool_)
    cuts = Cuts(num_nodes)
    for phase in phases:
        alive = np.flatnonzero(left)
        part = Edges(edges.u[alive], edges.v[alive], edges.seed)
        part.__dict__["hash"] = edges.hash[alive]
        left[alive[cuts.taken(phase, part)]] = False
    return left


def saved_phases(folder: str, count: int) -> Iterator[Phase]:
    """The first `count` phases, one by one."""
    return (Phase.load(folder, number) for number in range(count))


def load_edges(url: str, seed: int) -> Edges:
    """Edges that were saved as an array of shape [2, k]."""
    u, v = load_array(url)
    return Edges(u, v, seed)
