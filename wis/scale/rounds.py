"""Relaxed 1-WIS over partitions: maps over edges, sums over vertices.

The edges of one class in one phase are settled in rounds. Each vertex has a *reach*: it would take
all its edges up to that hash. An edge within the reach of both ends is *taken*; one beyond the
reach of an end whose budget is spent is *dead*; the others are *live*. A round counts, for each
vertex, its edges that are taken, those that are live, and those up to a *guess* that are not dead.
If the latter are no more than the budget, the reach may go up to the guess, since whatever becomes
of the live ones, none of them finds the budget spent; and if all that are not dead are no more than
the budget, there is no end to the reach. What is found so is what going through the edges by
priority finds. Once few edges are live they are matched in one place.

The functions here run on workers. They are functions of files alone: of a *shard* of the edges, of
the phases that are finished (`wis.scale.phases`), and of the arrays of a round, which are memory
mapped where the file system is that of the machine. What a worker remembers of a shard saves work,
and is made again from the files by another worker if this one is lost.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wis.scale.phases import Cuts, Edges, Phase, load_edges
from wis.scale.storage import load_array

Ints = NDArray[np.int64]
LOWEST, HIGHEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max
CLASSES = 64
PLACES_BITS = 16
REMEMBERED = 64
_STEADY = float(2**63 - 2**11)


@dataclass(frozen=True)
class Shard:
    """A part of the edges, and how many phases have gone over it.

    Attributes:
        folder: The work folder.
        number: Which part.
        seed: Seed of the priorities.
        num_nodes: Number n of vertices.
        phases: How many phases are finished.
    """

    folder: str
    number: int
    seed: int
    num_nodes: int
    phases: int

    def path(self) -> str:
        """Where its edges are."""
        return f"{self.folder}/edges-{self.number:05d}.npy"

    def left(self) -> Edges:
        """Its edges that are left, remembered from call to call."""
        key = (self.folder, self.number, self.seed)
        with _LOCK:
            done, edges = _REMEMBERED.pop(key, (0, None))
            if edges is None or done > self.phases:
                done, edges = 0, load_edges(self.path(), self.seed)
            cuts = Cuts(self.num_nodes) if done < self.phases else None
            for number in range(done, self.phases):
                assert cuts is not None
                kept = ~cuts.taken(Phase.load(self.folder, number), edges)
                place = edges.hash[kept]
                edges = edges.select(kept)
                edges.__dict__["hash"] = place
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
    """Edges at each vertex: int32 [n]."""
    return _per_vertex(shard.left(), shard.num_nodes)


def count_levels(shard: Shard, degrees: str) -> Ints:
    """Edges by the smaller original degree of their ends: int64 [top + 1]."""
    degree = load_array(degrees)
    edges = load_edges(shard.path(), shard.seed)
    level = np.minimum(degree[edges.u], degree[edges.v])
    return np.bincount(level, minlength=int(degree.max(initial=0)) + 1)


def count_classes(shard: Shard, kinds: str) -> Ints:
    """Edges that take part, by class: int64 [64]."""
    _, kind = _taking_part(shard, kinds)
    return np.bincount(kind, minlength=CLASSES)


def tally(shard: Shard, kinds: str, number: int, arrays: str) -> NDArray[np.int32]:
    """The sums of a round.

    Args:
        shard: The edges.
        kinds: File of the classes of vertices, uint8 [n], 0 for those that take no part.
        number: The class of edges that the round is about.
        arrays: File of an int64 array of shape [3, n]: reach, bound (the reach of a vertex whose
            budget is spent, else the highest number) and guess.

    Returns:
        int32 array of shape [3, n]: edges taken, live, and not dead up to the guess.
    """
    edges, kind = _taking_part(shard, kinds)
    edges = _with_hash(edges, kind == number)
    reach, bound, guess = load_array(arrays)
    place = edges.hash
    taken = (place <= reach[edges.u]) & (place <= reach[edges.v])
    dead = (place > bound[edges.u]) | (place > bound[edges.v])
    n = shard.num_nodes
    upto = np.bincount(edges.u[~dead & (place <= guess[edges.u])], minlength=n)
    upto += np.bincount(edges.v[~dead & (place <= guess[edges.v])], minlength=n)
    return np.stack(
        [
            _per_vertex(edges.select(taken), n),
            _per_vertex(edges.select(~taken & ~dead), n),
            upto.astype(np.int32),
        ]
    )


def live_edges(
    shard: Shard, kinds: str, lowest: int, highest: int, arrays: str | None
) -> NDArray[np.uint32]:
    """The live edges of classes from `lowest` to `highest`: [2, k]."""
    edges, kind = _taking_part(shard, kinds)
    edges = _with_hash(edges, (kind >= lowest) & (kind <= highest))
    if arrays is not None:
        reach, bound, _ = load_array(arrays)
        place = edges.hash
        taken = (place <= reach[edges.u]) & (place <= reach[edges.v])
        dead = (place > bound[edges.u]) | (place > bound[edges.v])
        edges = edges.select(~taken & ~dead)
    return np.stack([edges.u, edges.v])


def count_taken(
    shard: Shard, folder: str, phase: int, number: int | None, first: int, bits: int
) -> Ints:
    """Edges that a phase takes: by class, or of one class by the next digits of their hashes.

    Args:
        shard: The edges that are left before it.
        folder: Where the phase is written, which is not among the finished ones yet.
        phase: Its number.
        number: Which class; None to count by class.
        first: The first `bits` bits of the hashes, counted from the lowest hash; others are left
            out.
        bits: How many bits are known.

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
    inside = (kind[edges.u] > 0) & (kind[edges.v] > 0)
    edges = _with_hash(edges, inside)
    return edges, np.maximum(kind[edges.u], kind[edges.v])


def _with_hash(edges: Edges, where: NDArray[np.bool_]) -> Edges:
    """Some edges; their hashes are carried on."""
    part = edges.select(where)
    part.__dict__["hash"] = edges.hash[where]
    return part


def _per_vertex(edges: Edges, num_nodes: int) -> NDArray[np.int32]:
    count = np.bincount(edges.u, minlength=num_nodes)
    count += np.bincount(edges.v, minlength=num_nodes)
    return count.astype(np.int32)


@dataclass
class Reaches:
    """What the driver of the rounds of a class knows of each vertex.

    Attributes:
        budget: int64 [n], what each vertex may lose in this class.
        reach: int64 [n].
        bound: int64 [n].
        guess: int64 [n].
        within: int64 [n], edges up to the reach that were not dead when it was set.
    """

    budget: Ints
    reach: Ints
    bound: Ints
    guess: Ints
    within: Ints

    @classmethod
    def begin(cls, budget: Ints) -> Reaches:
        """Nothing is settled yet, but the vertices without a budget."""
        lowest = np.full(budget.size, LOWEST)
        bound = np.where(budget > 0, HIGHEST, LOWEST)
        return cls(budget, lowest, bound, lowest.copy(), np.zeros_like(budget))

    def arrays(self) -> Ints:
        """What a round is given."""
        return np.stack([self.reach, self.bound, self.guess])

    def learn(self, taken: Ints, live: Ints, upto: Ints) -> None:
        """Take the sums of a round in, and make new guesses."""
        fits = (upto <= self.budget) & (self.guess > self.reach) & (self.bound == HIGHEST)
        failed = (upto > self.budget) & (self.guess > self.reach)
        tried = self.guess
        spent = (taken >= self.budget) & (self.bound == HIGHEST)
        self.bound = np.where(spent, self.reach, self.bound)
        rises = fits & ~spent
        self.reach = np.where(rises, self.guess, self.reach)
        self.within = np.where(rises, upto, self.within)
        endless = (taken + live <= self.budget) & (self.bound == HIGHEST)
        self.reach = np.where(endless, HIGHEST, self.reach)
        self.guess = self._guesses(taken, live, failed, tried)

    def _guesses(self, taken: Ints, live: Ints, failed: NDArray[np.bool_], tried: Ints) -> Ints:
        """As far as the budget is likely to go, a deviation less; half as far after a failure."""
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
