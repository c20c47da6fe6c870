"""The phases of relaxed 1-WIS over all vertices: thresholds, budgets and removed edges.

`wis.methods.one_wis.relaxed_rule` defines phases and priorities. In a phase, a vertex loses edges
in the order of their priorities until its budget is spent. The priority of the last edge that it
loses is its *cut*. A phase takes an edge between two participating vertices if the edge does not
come after the cut of either end. So two numbers per participating vertex decide for any edge, in
any file on any machine, whether it is left. No state per edge is stored, and a killed run continues
after the last phase that was written.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from fsspec.core import url_to_fs
from numpy.typing import NDArray

from wis.methods.one_wis.relaxed_rule import degree_class, edge_hash, match, threshold
from wis.scale.storage import reading, saving, work_file

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
LAST = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Edges:
    """Edges of the graph."""

    u: NDArray[Any]  # [k], the smaller vertex of each edge
    v: NDArray[Any]  # [k], the larger vertex
    hash: Ints  # int64 [k], the hash of each edge (`hashes_of`)

    @property
    def ends(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Both ends of each edge."""
        return self.u, self.v

    def select(self, where: Any) -> Edges:
        """The edges at a mask or at positions."""
        return Edges(self.u[where], self.v[where], self.hash[where])


def hashes_of(u: NDArray[Any], v: NDArray[Any], seed: int) -> Ints:
    """`wis.methods.one_wis.relaxed_rule.edge_hash` of numpy arrays."""
    ends = [torch.from_numpy(end.astype(np.int64)) for end in (u, v)]
    return np.asarray(edge_hash(ends[0], ends[1], seed).numpy())


@dataclass(frozen=True)
class Levels:
    """The number of edges that take part at each threshold.

    The *level* of an edge is the smaller original degree of its ends. The edges of a phase with
    threshold t are those of level t or more (proof: `wis.methods.one_wis.relaxed`). So one count of
    edges by level gives the number of edges in each phase and the next threshold.
    """

    at_least: Ints  # int64 [top + 2], the number of edges of level t or more, for each t
    factor: Fraction  # 1 + epsilon

    @classmethod
    def of_counts(cls, counts: Ints, factor: Fraction) -> Levels:
        """Make levels from the number of edges of each level 0, 1, ..."""
        padded = np.append(counts, 0)
        return cls(padded[::-1].cumsum()[::-1], factor)

    def next_threshold(self, last: int | None, num_removed: int) -> int | None:
        """The threshold of the next phase, None if no edge is left.

        `last` is that of the last phase, None before the first; `num_removed` counts complete
        phases.
        """
        if last is not None and self.num_live(last, num_removed):
            return threshold(last - 1, self.factor)
        below = self.at_least if last is None else self.at_least[:last]
        entering = np.flatnonzero(below > num_removed)
        return threshold(int(entering[-1]), self.factor) if entering.size else None

    def num_live(self, t: int, num_removed: int) -> int:
        """The number of edges left that take part at threshold t."""
        return int(self.at_least[t]) - num_removed

    def lowest_with(self, most: int, num_removed: int) -> int:
        """The lowest threshold at which at most `most` of the edges left take part."""
        fits = np.flatnonzero(self.at_least - num_removed <= most)
        return max(1, int(fits[0])) if fits.size else self.at_least.size


@dataclass(frozen=True)
class Phase:
    """A finished phase."""

    number: int  # position among the phases, from 0
    threshold: int  # t
    num_removed: int  # edges removed up to its end
    # Class and hash of the last edge taken, if the phase stopped early
    limit: tuple[int, int] | None
    vertices: Ints  # int64 [p], the vertices that take part, ascending
    kind: NDArray[np.uint8]  # uint8 [p], the class of the degree of each vertex
    cut_kind: NDArray[np.uint8]  # uint8 [p], the class of the cut of each vertex, 0 without a cut
    cut_hash: Ints  # int64 [p], the hash of the cut

    @classmethod
    def without_cuts(cls, number: int, threshold: int, num_removed: int) -> Phase:
        """A phase whose edges are marked elsewhere."""
        none, no_kind = np.zeros(0, np.int64), np.zeros(0, np.uint8)
        return cls(number, threshold, num_removed, None, none, no_kind, no_kind, none)

    def save(self, folder: str) -> None:
        """Write the phase atomically."""
        head = {"threshold": self.threshold, "removed": self.num_removed, "limit": self.limit}
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        with saving(work_file(folder, "phase", self.number)) as file:
            np.savez(file, head=np.frombuffer(json.dumps(head).encode(), np.uint8), **arrays)

    @classmethod
    def load(cls, folder: str, number: int) -> Phase:
        """Read a phase that `save` wrote."""
        fs, path = url_to_fs(work_file(folder, "phase", number))
        with reading(path), fs.open(path, "rb") as file, np.load(file) as archive:
            head = json.loads(archive["head"].tobytes())
            limit = None if head["limit"] is None else (head["limit"][0], head["limit"][1])
            arrays = (archive[name] for name in _ARRAYS)
            return cls(number, head["threshold"], head["removed"], limit, *arrays)


_ARRAYS = ("vertices", "kind", "cut_kind", "cut_hash")


def num_phases(folder: str) -> int:
    """The number of finished phases in a folder."""
    fs, path = url_to_fs(folder)
    number = 0
    while fs.exists(work_file(path, "phase", number)):
        number += 1
    return number


class Cuts:
    """The cuts of one phase as arrays over all vertices, reused for each phase; see `Phase`."""

    def __init__(self, num_nodes: int) -> None:
        self.kind = np.zeros(num_nodes, np.uint8)  # 0 for a vertex that does not take part
        self.cut_kind = np.zeros(num_nodes, np.uint8)
        self.cut_hash = np.zeros(num_nodes, np.int64)
        self.limit: tuple[int, int] | None = None

    def show(self, phase: Phase) -> None:
        """Hold the cuts of a finished phase."""
        self.kind.fill(0)
        self.kind[phase.vertices] = phase.kind
        self.cut_kind[phase.vertices] = phase.cut_kind
        self.cut_hash[phase.vertices] = phase.cut_hash
        self.limit = phase.limit

    def taken(self, edges: Edges) -> Bools:
        """Mark the edges that the phase took; all edges must be left before it."""
        inside = np.flatnonzero(self.kind[edges.u])
        inside = inside[self.kind[edges.v[inside]] > 0]
        part = edges.select(inside)
        kind = np.maximum(self.kind[part.u], self.kind[part.v])
        goes = self.within(part.u, kind, part.hash) & self.within(part.v, kind, part.hash)
        if self.limit is not None:
            goes &= no_later(kind, part.hash, *self.limit)
        result = np.zeros(edges.u.size, np.bool_)
        result[inside[goes]] = True
        return result

    def within(self, ends: NDArray[Any], kind: NDArray[np.uint8], place: Ints) -> Bools:
        """Mark the edges, given by class and hash, that come no later than the cuts of `ends`."""
        cut_kind = self.cut_kind[ends]
        result: Bools = cut_kind == 0
        return result | no_later(kind, place, cut_kind, self.cut_hash[ends])


def no_later(kind: NDArray[np.uint8], place: Ints, last_kind: Any, last_place: Any) -> Bools:
    """Whether edges do not come after others; higher classes come first, then lower hashes."""
    earlier: Bools = (kind > last_kind) | ((kind == last_kind) & (place <= last_place))
    return earlier


def left_after(folder: str, count: int, edges: Edges, num_nodes: int) -> Bools:
    """Mark the edges that are left after the first `count` phases saved in a folder."""
    left = np.ones(edges.u.size, np.bool_)
    cuts = Cuts(num_nodes)
    for number in range(count):
        alive = np.flatnonzero(left)
        cuts.show(Phase.load(folder, number))
        left[alive[cuts.taken(edges.select(alive))]] = False
    return left


@dataclass
class RunningPhase:
    """A phase that is being computed: budgets and cuts.

    Its arrays over all vertices are zero but for those that take part, so that a phase of few
    vertices costs one pass over the degrees.
    """

    t: int  # the threshold
    degree: Ints  # int64 [n], degrees before it, which `lower_degrees` changes
    vertices: Ints  # int64 [p], the vertices that take part
    kind: NDArray[np.uint8]  # uint8 [n], classes of their degrees, 0 for the others
    budget: torch.Tensor  # int64 tensor [n], remaining budgets
    cut_kind: NDArray[np.uint8]  # uint8 [n], class of the last edge that each vertex lost
    cut_hash: Ints  # int64 [n], hash of that edge

    @classmethod
    def begin(cls, degree: Ints, t: int) -> RunningPhase:
        """Begin the phase with threshold t."""
        vertices = np.flatnonzero(degree >= t)
        kind, cut_kind = (np.zeros(degree.size, np.uint8) for _ in range(2))
        budget, cut_hash = (np.zeros(degree.size, np.int64) for _ in range(2))
        own = degree[vertices]
        kind[vertices] = degree_class(torch.from_numpy(own)).numpy()
        budget[vertices] = own - (t - 1)
        return cls(t, degree, vertices, kind, torch.from_numpy(budget), cut_kind, cut_hash)

    def match(self, u: Ints, v: Ints) -> Bools:
        """Take edges, given in the order of priority, as the budgets allow; charge the budgets."""
        return match(torch.from_numpy(np.stack([u, v], axis=1)), self.budget).numpy()

    def note_cuts(self, u: Ints, v: Ints, kinds: NDArray[np.uint8], places: Ints) -> None:
        """Update the cuts by taken edges, given in the order of priority."""
        ends, places = np.stack([u, v], axis=1).reshape(-1), np.repeat(places, 2)
        kinds = np.repeat(kinds, 2)
        old = self.cut_kind[ends]
        later = (old == 0) | ~no_later(kinds, places, old, self.cut_hash[ends])
        self.cut_kind[ends[later]] = kinds[later]  # for repeated indices numpy keeps the last value
        self.cut_hash[ends[later]] = places[later]

    def charge(self, losses: NDArray[Any]) -> None:
        """Charge edges that workers have taken, `wis.scale.rounds.LOSS` records, at the start."""
        vertices = losses["vertex"].astype(np.int64)
        self.budget[torch.from_numpy(vertices)] -= torch.from_numpy(losses["lost"].astype(np.int64))
        self.cut_kind[vertices], self.cut_hash[vertices] = losses["kind"], losses["hash"]

    def lower_degrees(self) -> int:
        """Subtract the edges taken so far from the degrees, in place; return their number."""
        before = self.degree[self.vertices]
        after = self.budget.numpy()[self.vertices] + (self.t - 1)
        self.degree[self.vertices] = after
        return int((before - after).sum()) // 2

    def finished(self, number: int, removed: int, limit: tuple[int, int] | None) -> Phase:
        """The phase in the form in which it is saved."""
        spent = self.budget.numpy()[self.vertices] == 0
        cut_kind = np.where(spent, self.cut_kind[self.vertices], 0).astype(np.uint8)
        cut_hash = np.where(spent, self.cut_hash[self.vertices], LAST)
        kind = self.kind[self.vertices]
        return Phase(number, self.t, removed, limit, self.vertices, kind, cut_kind, cut_hash)
