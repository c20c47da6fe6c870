"""The tasks of a phase of relaxed 1-WIS over shards.

A phase takes the edges of its vertices in the order of priority as the budgets allow
(`wis.methods.one_wis.relaxed_rule`). A *cut* of a vertex is the priority of the last edge that it
may lose as far as is known: with b the budget, the b-th of its edges that are not dead. An edge is
*taken* if it does not come after the cuts of both ends. Then a vertex that has lost b edges is
*spent*, and its edges beyond the cut are *dead*. All other edges are *live*. Deaths move cuts on,
and never back. So the rounds of a phase repeat two steps until no edge is live:

1. Each shard settles its edges by the cuts of the last round.
2. It finds the new cuts of its own vertices, and returns those that have changed.

A vertex with no more edges than budget has no cut and is never sent. At least the first live edge
is settled in each round, and in the usual case most are: priorities are random, so the rounds
number O(log m) with high probability (Fischer, Noever, SODA 2018, for one class of degrees). The
result is that of taking the edges one by one.

All functions take a list of shards of one worker, and depend on files alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wis.scale.phases import Edges, no_later
from wis.scale.shards import Shard, State, remembered
from wis.scale.storage import load_array

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
CLASSES = 64
PLACES_BITS = 16
BEGIN = np.dtype([("vertex", "<u4"), ("kind", "u1")])
"""A vertex that takes part in a phase, and the class of its degree."""
CUT = np.dtype([("vertex", "<u4"), ("kind", "u1"), ("spent", "?"), ("hash", "<i8")])
"""A cut: the class, 0 for none, and the hash of an edge; and whether the budget is spent."""
LOSS = np.dtype([("vertex", "<u4"), ("lost", "<u4"), ("kind", "u1"), ("hash", "<i8")])
"""The number of edges that a vertex lost in the rounds, and the last of them."""
COUNT = np.dtype([("key", "<i8"), ("count", "<i8")])
"""The number of edges of a vertex or of a level."""


def record(kind: np.dtype[Any], *columns: Any) -> NDArray[Any]:
    """A structured array of some columns."""
    array = np.empty(len(columns[0]), kind)
    for name, column in zip(array.dtype.names or (), columns, strict=True):
        array[name] = column
    return array


def count_degrees(shards: list[Shard], phases: int) -> NDArray[Any]:
    """The number of edges left of each vertex that has some: `COUNT` records."""
    found = [np.empty(0, COUNT)]
    for shard in shards:
        with remembered(shard, phases) as memory:
            found.append(record(COUNT, *_counted(memory.left.u)))
    return np.concatenate(found)


def _counted(ordered: NDArray[Any]) -> tuple[NDArray[Any], Ints]:
    """The distinct values of a sorted array, and how often each occurs."""
    begins = np.append(0, np.flatnonzero(ordered[1:] != ordered[:-1]) + 1)[: ordered.size]
    return ordered[begins], np.diff(np.append(begins, ordered.size))


def count_levels(shards: list[Shard], phases: int, degrees: str) -> NDArray[Any]:
    """The number of edges left of each level, the smaller original degree: `COUNT` records."""
    degree = load_array(degrees)
    found = [np.empty(0, COUNT)]
    for shard in shards:
        with remembered(shard, phases) as memory:
            once = memory.left.u < memory.left.v
            level = np.minimum(degree[memory.left.u[once]], degree[memory.left.v[once]])
            found.append(record(COUNT, *np.unique(level, return_counts=True)))
    return np.concatenate(found)


def advance(shards: list[Shard], phases: int, t: int, turn: int) -> tuple[NDArray[Any], int]:
    """A round: the cuts that have changed, as `CUT` records, and the number of live edges.

    Before it, `phases` phases and `turn` rounds of the phase with threshold t were finished.
    """
    found, num_live = [np.empty(0, CUT)], 0
    for shard in shards:
        with remembered(shard, phases) as memory:
            state = State.of_thread(shard).running(shard, phases, t, turn)
            live = Live.after(memory, state, t, turn)
            found.append(live.new_cuts(state))
            num_live += int(np.count_nonzero(live.arcs.u < live.arcs.v))
    return np.concatenate(found), num_live


def rest(
    shards: list[Shard], phases: int, t: int, turn: int
) -> tuple[NDArray[np.uint32], NDArray[Any]]:
    """What the rounds of a phase leave: the live edges [2, k], and `LOSS` records.

    Without rounds (`turn` 0) all edges between vertices that take part are live.
    """
    edges, losses = [np.empty((2, 0), np.uint32)], [np.empty(0, LOSS)]
    for shard in shards:
        with remembered(shard, phases) as memory:
            state = State.of_thread(shard).running(shard, phases, t, turn)
            live, memory.running = Live.after(memory, state, t, turn), None
            once = live.arcs.select(live.arcs.u < live.arcs.v)
            edges.append(np.stack(once.ends))
            losses.append(live.losses())
    return np.concatenate(edges, axis=1), np.concatenate(losses)


def count_taken(
    shards: list[Shard], phases: int, folder: str, number: int | None, first: int, bits: int
) -> Ints:
    """Count the edges that a phase takes by class, or those of one class by 16 bits of the hash.

    Args:
        shards: The edges.
        phases: The number of finished phases, which is the number of the phase.
        folder: The folder of the unfinished phase.
        number: The class to count by bits of the hash; None to count all edges by class.
        first: The first `bits` bits of the hashes, counted from the lowest hash; only edges with
            these bits count.
        bits: The number of bits in `first`; the 16 bits after them are counted.

    Returns:
        int64 array of shape [64], or [2^16].
    """
    total = np.zeros(CLASSES if number is None else 1 << PLACES_BITS, np.int64)
    for shard in shards:
        with remembered(shard, phases) as memory:
            state = State.of_thread(shard).finished(folder, phases)
            taken = memory.left.select((memory.left.u < memory.left.v) & state.taken(memory.left))
        kind = np.maximum(state.kind[taken.u], state.kind[taken.v])
        digits = kind if number is None else _digits(taken.hash[kind == number], first, bits)
        total += np.bincount(digits, minlength=total.size)
    return total


def _digits(hashes: Ints, first: int, bits: int) -> Ints:
    """The 16 bits of hashes after the first `bits` bits, which must be `first`."""
    place = hashes.view(np.uint64) ^ np.uint64(1 << 63)
    if bits:
        place = place[(place >> np.uint64(64 - bits)) == np.uint64(first)]
    mask = np.uint64((1 << PLACES_BITS) - 1)
    return ((place >> np.uint64(64 - bits - PLACES_BITS)) & mask).astype(np.int64)


@dataclass
class Live:
    """The live edges of a shard in a phase that runs."""

    t: int  # the threshold
    turn: int  # number of rounds whose cuts have been used
    arcs: Edges  # the live arcs, sorted by vertex and priority
    kind: NDArray[np.uint8]  # uint8 [k], the class of each arc
    place: NDArray[np.int32]  # int32 [k], the position of the vertex of each arc among `owners`
    owners: NDArray[np.uint32]  # uint32 [o], the vertices of the shard that take part
    budget: Ints  # int64 [o], edges that they may lose in this phase
    lost: Ints  # int64 [o], edges that they have lost in this phase
    last_kind: NDArray[np.uint8]  # uint8 [o], the class of the last edge among these, 0 for none
    last_hash: Ints  # int64 [o], its hash

    @classmethod
    def after(cls, memory: Any, state: State, t: int, turn: int) -> Live:
        """The live edges after some rounds, from those that the worker remembers."""
        live: Live | None = memory.running
        if live is None or live.t != t or live.turn > turn:
            live = cls._begin(memory.left, state, t)
        if live.turn < turn:  # the cuts of the last round say all that those before it said
            live._settle(state)
            live.turn = turn
        memory.running = live
        return live

    @classmethod
    def _begin(cls, left: Edges, state: State, t: int) -> Live:
        # All arcs of the vertices that take part give their degrees; few vertices, few arcs.
        own = np.flatnonzero(state.kind[left.u])
        owners, degree = _counted(left.u[own])
        takes_part = state.kind[left.v[own]] > 0
        arcs = left.select(own[takes_part])
        place = np.repeat(np.arange(owners.size, dtype=np.int32), degree)[takes_part]
        kind = np.maximum(state.kind[arcs.u], state.kind[arcs.v])
        order = np.argsort(CLASSES * place.astype(np.int64) + (CLASSES - 1 - kind), kind="stable")
        zeros = np.zeros(owners.size, np.int64)
        arrays = owners, degree - (t - 1), zeros, zeros.astype(np.uint8), zeros.copy()
        return cls(t, 0, arcs.select(order), kind[order], place[order], *arrays)

    def _settle(self, state: State) -> None:
        """Take out the arcs that are taken or dead by the cuts."""
        (u, v), place = self.arcs.ends, self.arcs.hash
        within_u, within_v = (state.within(end, self.kind, place) for end in (u, v))
        taken = within_u & within_v
        dead = (state.spent[u] & ~within_u) | (state.spent[v] & ~within_v)
        self._charge(np.flatnonzero(taken))
        live = np.flatnonzero(~taken & ~dead)
        self.arcs, self.kind, self.place = self.arcs.select(live), self.kind[live], self.place[live]

    def _charge(self, taken: Ints) -> None:
        """Charge taken arcs, sorted by vertex and priority, to the budgets."""
        self.lost += np.bincount(self.place[taken], minlength=self.owners.size)
        is_last = np.ones(taken.size, np.bool_)
        is_last[:-1] = self.place[taken[1:]] != self.place[taken[:-1]]
        last = taken[is_last]
        kind, hashes, own = self.kind[last], self.arcs.hash[last], self.place[last]
        later = (self.last_kind[own] == 0) | ~no_later(
            kind, hashes, self.last_kind[own], self.last_hash[own]
        )
        self.last_kind[own[later]], self.last_hash[own[later]] = kind[later], hashes[later]

    def new_cuts(self, state: State) -> NDArray[Any]:
        """The cuts of the vertices with live arcs that differ from those of the last round."""
        size = np.bincount(self.place, minlength=self.owners.size)
        open_ = np.flatnonzero(size)
        vertices, left = self.owners[open_], (self.budget - self.lost)[open_]
        end = size.cumsum()[open_]
        size = size[open_]
        old_kind, old_hash = state.cut_kind[vertices], state.cut_hash[vertices]
        # With b edges of the budget left, the cut is the b-th live edge, if there are more than b.
        kind, hashes = np.zeros(open_.size, np.uint8), np.zeros(open_.size, np.int64)
        limited = np.flatnonzero((left > 0) & (size > left))
        at = (end - size + left - 1)[limited]
        kind[limited], hashes[limited] = self.kind[at], self.arcs.hash[at]
        # The old cut stays if the budget is spent, or if it comes after that edge.
        spent = left == 0
        stays = spent | ((kind > 0) & (old_kind > 0) & no_later(kind, hashes, old_kind, old_hash))
        kind[stays], hashes[stays] = old_kind[stays], old_hash[stays]
        moved = (kind != old_kind) | ((kind > 0) & (hashes != old_hash))
        changed = moved | (spent != state.spent[vertices])
        columns = vertices, kind, spent, hashes
        return record(CUT, *(column[changed] for column in columns))

    def losses(self) -> NDArray[Any]:
        """What the vertices of the shard lost in the rounds: `LOSS` records."""
        found = np.flatnonzero(self.lost)
        columns = self.owners, self.lost, self.last_kind, self.last_hash
        return record(LOSS, *(column[found] for column in columns))
