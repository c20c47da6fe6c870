"""Relaxed 1-WIS over partitions: maps over edges, sums over vertices.

The edges of one class in one phase are settled in rounds. Each vertex has a *reach*: it takes all
its edges up to that hash. An edge is *taken* if it is within the reach of both ends. It is *dead*
if it is beyond the reach of an end whose budget is spent. All other edges are *live*. A round
counts three numbers at each vertex: the taken edges, the live edges, and the edges up to a *guess*
that are not dead. If the budget covers the third number, the reach rises to the guess, since the
budget suffices even if all live edges up to the guess are taken. If the budget covers all edges
that are not dead, the reach becomes infinite. The result is that of taking the edges one by one in
the order of priority. Once few edges are live, the driver matches them itself.

The functions here run on workers. They depend on files alone: on a *shard* of the edges, on the
finished phases (`wis.scale.phases`), and on the arrays of a round, which are memory-mapped on a
local file system. A worker remembers the remaining edges of a shard to save work. If the worker is
lost, another one computes them again from the files.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wis.scale.phases import Cuts, Edges, Phase, load_edges
from wis.scale.storage import load_array, work_file

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
LOWEST, HIGHEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max
CLASSES = 64
PLACES_BITS = 16
REMEMBERED = 64
"""Number of shards that a worker remembers, 16 bytes per remaining edge; others are read again."""
_STEADY = float(2**63 - 2**11)


@dataclass(frozen=True)
class Shard:
    """A part of the edges, and the number of finished phases.

    Attributes:
        folder: The work folder.
        number: Position of the shard, from 0.
        seed: Seed of the priorities.
        num_nodes: Number n of vertices.
        phases: Number of finished phases.
    """

    folder: str
    number: int
    seed: int
    num_nodes: int
    phases: int

    def path(self) -> str:
        """The file of its edges."""
        return work_file(self.folder, "edges", self.number)

    def left(self) -> Edges:
        """The edges left after the finished phases; the worker remembers them between calls."""
        key = (self.folder, self.number, self.seed)
        with _LOCK:
            done, edges = _REMEMBERED.pop(key, (0, None))
            if edges is None or done > self.phases:
                done, edges = 0, load_edges(self.path(), self.seed)
            cuts = Cuts(self.num_nodes) if done < self.phases else None
            for number in range(done, self.phases):
                assert cuts is not None
                edges = edges.select(~cuts.taken(Phase.load(self.folder, number), edges))
            _REMEMBERED[key] = (self.phases, edges)
            while len(_REMEMBERED) > REMEMBERED:
                del _REMEMBERED[next(iter(_REMEMBERED))]
        return edges


_LOCK = threading.Lock()
_REMEMBERED: dict[tuple[str, int, int], tuple[int, Edges]] = {}


def add(parts: list[Any]) -> Any:
    """The sum of arrays of one shape."""
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total


def count_degrees(shard: Shard) -> NDArray[np.int32]:
    """The number of edges at each vertex: int32 [n]."""
    return _per_vertex(shard.left(), shard.num_nodes)


def count_levels(shard: Shard, degrees: str) -> Ints:
    """The number of edges of each level, the smaller original degree: int64 [top + 1]."""
    degree = load_array(degrees)
    u, v = load_array(shard.path())
    level = np.minimum(degree[u], degree[v])
    return np.bincount(level, minlength=int(degree.max(initial=0)) + 1)


def count_classes(shard: Shard, kinds: str) -> Ints:
    """The number of edges of each class that take part: int64 [64]."""
    _, kind = _taking_part(shard, kinds)
    return np.bincount(kind, minlength=CLASSES)


def tally(shard: Shard, kinds: str, number: int, arrays: str) -> NDArray[np.int32]:
    """The sums of a round.

    Args:
        shard: The edges.
        kinds: File of the classes of vertices, uint8 [n], 0 for those that do not take part.
        number: The class of edges to settle.
        arrays: File of an int64 array of shape [3, n]: reach, bound (the reach of a vertex whose
            budget is spent, else the highest number) and guess.

    Returns:
        int32 array of shape [3, n]: edges taken, live, and not dead up to the guess.
    """
    edges, kind = _taking_part(shard, kinds)
    edges = edges.select(kind == number)
    reach, bound, guess = load_array(arrays)
    taken, live = _settled(edges, reach, bound)
    place, alive, n = edges.hash, taken | live, shard.num_nodes
    upto = sum(np.bincount(end[alive & (place <= guess[end])], minlength=n) for end in edges.ends)
    sums = _per_vertex(edges.select(taken), n), _per_vertex(edges.select(live), n)
    return np.stack([*sums, np.asarray(upto).astype(np.int32)])


def live_edges(
    shard: Shard, kinds: str, lowest: int, highest: int, arrays: str | None
) -> NDArray[np.uint32]:
    """The live edges of classes from `lowest` to `highest`: [2, k]."""
    edges, kind = _taking_part(shard, kinds)
    edges = edges.select((kind >= lowest) & (kind <= highest))
    if arrays is not None:
        reach, bound, _ = load_array(arrays)
        edges = edges.select(_settled(edges, reach, bound)[1])
    return np.stack(edges.ends)


def _settled(edges: Edges, reach: Ints, bound: Ints) -> tuple[Bools, Bools]:
    """Two masks: the taken edges and the live edges."""
    (u, v), place = edges.ends, edges.hash
    taken: Bools = (place <= reach[u]) & (place <= reach[v])
    dead = (place > bound[u]) | (place > bound[v])
    return taken, ~taken & ~dead


def count_taken(
    shard: Shard, folder: str, phase: int, number: int | None, first: int, bits: int
) -> Ints:
    """Count the edges that a phase takes by class, or those of one class by 16 bits of the hash.

    Args:
        shard: The edges that are left before the phase.
        folder: The folder of the unfinished phase.
        phase: The number of the phase.
        number: The class to count by bits of the hash; None to count all edges by class.
        first: The first `bits` bits of the hashes, counted from the lowest hash; only edges with
            these bits count.
        bits: The number of bits in `first`; the 16 bits after them are counted.

    Returns:
        int64 array of shape [64], or [2^16].
    """
    edges = shard.left()
    cuts = Cuts(shard.num_nodes)
    taken = cuts.taken(Phase.load(folder, phase), edges)
    kind = np.maximum(cuts.kind[edges.u[taken]], cuts.kind[edges.v[taken]])
    if number is None:
        return np.bincount(kind, minlength=CLASSES)
    place = edges.hash[taken][kind == number].view(np.uint64) ^ np.uint64(1 << 63)
    if bits:
        place = place[(place >> np.uint64(64 - bits)) == np.uint64(first)]
    digits = (place >> np.uint64(64 - bits - PLACES_BITS)) & np.uint64((1 << PLACES_BITS) - 1)
    return np.bincount(digits.astype(np.int64), minlength=1 << PLACES_BITS)


def _taking_part(shard: Shard, kinds: str) -> tuple[Edges, NDArray[np.uint8]]:
    """The edges that take part, and their classes."""
    kind = load_array(kinds)
    edges = shard.left()
    edges = edges.select((kind[edges.u] > 0) & (kind[edges.v] > 0))
    return edges, np.maximum(kind[edges.u], kind[edges.v])


def _per_vertex(edges: Edges, num_nodes: int) -> NDArray[np.int32]:
    count = np.bincount(edges.u, minlength=num_nodes)
    count += np.bincount(edges.v, minlength=num_nodes)
    return count.astype(np.int32)


@dataclass
class Reaches:
    """The state of each vertex in the rounds of a class.

    Attributes:
        budget: int64 [n], the edges that each vertex may lose in this class.
        reach: int64 [n], the hash up to which a vertex takes its edges.
        bound: int64 [n], the reach of a vertex whose budget is spent, else the highest number.
        guess: int64 [n], the hash that may become the reach after the next round.
        within: int64 [n], edges up to the reach that were not dead when it was set.
    """

    budget: Ints
    reach: Ints
    bound: Ints
    guess: Ints
    within: Ints

    @classmethod
    def begin(cls, budget: Ints) -> Reaches:
        """The state before the first round, in which only vertices without a budget are settled."""
        lowest = np.full(budget.size, LOWEST)
        bound = np.where(budget > 0, HIGHEST, LOWEST)
        return cls(budget, lowest, bound, lowest.copy(), np.zeros_like(budget))

    def arrays(self) -> Ints:
        """The arrays of a round: [3, n]."""
        return np.stack([self.reach, self.bound, self.guess])

    def learn(self, taken: Ints, live: Ints, upto: Ints) -> None:
        """Update the state by the sums of a round, and make new guesses."""
        fits = (upto <= self.budget) & (self.guess > self.reach) & (self.bound == HIGHEST)
        failed = (upto > self.budget) & (self.guess > self.reach)
        tried = self.guess
        # A vertex whose taken edges use up the budget takes no edge beyond its reach.
        spent = (taken >= self.budget) & (self.bound == HIGHEST)
        self.bound = np.where(spent, self.reach, self.bound)
        # The budget suffices for all edges up to the guess.
        rises = fits & ~spent
        self.reach = np.where(rises, self.guess, self.reach)
        self.within = np.where(rises, upto, self.within)
        # The budget suffices for all edges that are left.
        endless = (taken + live <= self.budget) & (self.bound == HIGHEST)
        self.reach = np.where(endless, HIGHEST, self.reach)
        self.guess = self._guesses(taken, live, failed, tried)

    def _guesses(self, taken: Ints, live: Ints, failed: NDArray[np.bool_], tried: Ints) -> Ints:
        """The hash up to which the budget probably suffices; half as far after a failure.

        Hashes are uniform: a share s of the hashes beyond the reach holds a share s of the live
        edges beyond it. The share is chosen so that the expected number of edges is one standard
        deviation below the budget, but at least half of the budget. So most guesses hold.
        """
        room = (self.budget - self.within).clip(min=0).astype(np.float64)
        beyond = (live - (self.within - taken).clip(min=0)).clip(min=1)
        share = np.maximum(room - np.sqrt(room), room / 2) / beyond
        reach = self.reach.astype(np.float64)
        guess = reach + np.minimum(share, 1.0) * (_STEADY - reach)
        half = reach + (tried.astype(np.float64) - reach) / 2
        guess = np.where(failed, np.minimum(guess, half), guess)
        far = np.clip(guess, -_STEADY, _STEADY).astype(np.int64)
        open_ = (self.bound == HIGHEST) & (self.reach < HIGHEST)
        return np.where(open_, np.maximum(far, self.reach), self.reach)
