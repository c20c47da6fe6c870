"""The exact order of (L-1)-WIS from upper bounds: most edges are not looked at in most steps.

For each edge a heap holds a bound: a signature (`wis.methods.k_wis.signatures`), perhaps cut short
or computed many steps ago, that the true signature of the edge does not beat. In each step the
signature of the first edge of the heap is computed, far enough to compare it with the second bound.
If the edge still comes first, it goes; otherwise it sinks to its place. Ties go to the smallest
edge id.

**Why old bounds hold.** Let the removal of e change the signature of another edge f. Some entries
of the tuple fall by closed walks through both e and f. From then on f lowers these by less, so that
its signature may become *better*; those f are few, all near e, and `EdgeChanges.remove` names them.
For every other f, each entry that f lowers falls by as much as before, from the same value or from
a lower one. At the smallest value where the new signature differs from the old one it has more
entries, so it is worse, and the old signature bounds it.

**Bounds of the edges that are named.** Codes of values below some limit still hold. If there are
none, the smallest value that f would create still bounds it: while edges go one by one, that value
never rises. For suppose f attained it at a vertex t, and f no longer changes the entry of t once e
is gone. Then every closed walk of length L at t through f ran through e as well. A closed walk
through e need not use f: walk to whichever of the two comes first, and back. So e took more from t
than f would have, down to a value below the smallest one of f, and e was not the best edge: a
contradiction. In batches edges go that are not the best of the graph as it is then, so this
argument fails, and the smallest value is computed anew. In directed graphs it fails even for single
edges (`wis.methods.k_wis.closed_walks`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from heapq import heapify, heappop, heappush
from itertools import islice
from typing import Protocol

from wis.methods.guard import Guard
from wis.methods.k_wis.signatures import WHOLE, Scale, Signature

STEP = 8
"""Signatures are first computed up to a multiple of this. Edges of nearly the same smallest value
then share one limit, and `wis.methods.k_wis.two_wis` keeps one set of vertices for all of them."""
WIDE = 64
"""If that does not settle a comparison, the limit rises by this, and then to `WHOLE`."""
NOTHING: Signature = (WHOLE,)
"""Comes after every signature: what follows the last edge."""
Entry = tuple[Signature, int]


class EdgeChanges(Protocol):
    """The effect that the loss of each edge would have on walk indices, while edges go."""

    scale: Scale
    num_edges: int

    def first_bound(self, edge: int) -> int:
        """An upper bound of `smallest` before any edge is gone."""

    def smallest(self, edge: int) -> int:
        """The smallest value that the loss of the edge would create, `Scale.above` if none."""

    def ceiling(self, edge: int) -> int:
        """An upper bound of `smallest` that costs next to nothing."""

    def signature(self, edge: int, limit: int) -> Signature:
        """The signature of the edge, codes of values below `limit` only."""

    def is_short(self, edge: int) -> bool:
        """Whether the whole signature is about as cheap as a part of it."""

    def remove(self, edge: int) -> Iterable[tuple[int, int]]:
        """Remove the edge; returns those whose signatures may have become better.

        Each comes with a limit: its codes of smaller values have not become better.
        """


def lazy_steps(
    changes: EdgeChanges,
    batch_size: int = 1,
    guard: Guard | None = None,
    *,
    smallest_may_rise: bool = False,
) -> Iterator[list[int]]:
    """The greedy order, `batch_size` edges at a time; `changes` is changed in place.

    The edges of a batch are the best by the graph at its beginning; 1 is exact. With a guard they
    are the best of those that may go. The smallest value that an edge would create can rise even
    while edges go one by one if `smallest_may_rise`, as in directed graphs.
    """
    keeps_smallest = batch_size == 1 and not smallest_may_rise
    heap = _Bounds(changes)
    for batch in in_batches(heap.pop, len(heap.limit), batch_size, guard):
        yield batch
        for edge in batch:
            heap.loosen(changes.remove(edge), keeps_smallest=keeps_smallest)
        heap.tighten()


def in_batches(
    pop: Callable[[], int], num_edges: int, batch_size: int, guard: Guard | None
) -> Iterator[list[int]]:
    """The edges that `pop` takes out, best first, without those that may not go."""
    popped = (pop() for _ in range(num_edges))
    allowed = popped if guard is None else filter(guard.removes, popped)
    while batch := list(islice(allowed, batch_size)):
        yield batch


class _Bounds:
    """The edges by their bounds, in levels of one smallest value; only the highest is a heap.

    Most bounds that are computed anew sink to a lower level, where they wait in no order.

    Attributes:
        current: For each edge its bound, None once it is gone; entries with another are stale.
        limit: For each edge the value up to which its bound was computed.
        unknown: Edges whose smallest value may have risen.
        level: The smallest value of all entries of `heap`.
        waiting: The entries of the other levels.
        heights: A heap of these levels, negated.
    """

    def __init__(self, changes: EdgeChanges) -> None:
        self.changes = changes
        self.scale = changes.scale
        self.limit = [changes.first_bound(edge) for edge in range(changes.num_edges)]
        self.current: list[Signature | None] = [None] * changes.num_edges
        self.unknown: set[int] = set()
        self.heap: list[Entry] = []
        self.level = -1
        self.waiting: dict[int, list[Entry]] = {}
        self.heights: list[int] = []
        for edge, smallest in enumerate(self.limit):
            self._sink(edge, self.scale.at_least(smallest), smallest)

    def pop(self) -> int:
        """Take the best edge out; the graph is not changed."""
        while True:
            self._lead()
            bound, edge = self.heap[0]
            if self.current[edge] is bound:
                signature, limit = self._compared(edge, bound, self._second())
                if signature is None:
                    break
                self._sink(edge, signature, limit)
            heappop(self.heap)
        heappop(self.heap)
        self.current[edge] = None
        return edge

    def _sink(self, edge: int, bound: Signature, limit: int) -> None:
        """Give the edge a new bound; an older entry becomes stale."""
        self.current[edge], self.limit[edge] = bound, limit
        level = self.scale.value(bound[0])
        if level == self.level:
            heappush(self.heap, (bound, edge))
            return
        if level not in self.waiting:
            self.waiting[level] = []
            heappush(self.heights, -level)
        self.waiting[level].append((bound, edge))

    def _lead(self) -> None:
        """Let `heap` be the highest level that has entries."""
        while not self.heap or (self.heights and -self.heights[0] > self.level):
            if self.heap:
                self.waiting[self.level] = self.heap
                heappush(self.heights, -self.level)
            self.level = -heappop(self.heights)
            entries = self.waiting.pop(self.level)
            self.heap = [entry for entry in entries if self._stays(*entry)]
            heapify(self.heap)

    def _stays(self, bound: Signature, edge: int) -> bool:
        """Whether an entry belongs to this level; one whose ceiling is lower sinks."""
        if self.current[edge] is not bound:
            return False
        ceiling = self.changes.ceiling(edge)
        if ceiling < self.level:
            self._sink(edge, self.scale.at_least(ceiling), ceiling)
            return False
        return True

    def _second(self) -> Entry:
        """The second entry, or a bound of it."""
        heap = self.heap
        if len(heap) > 2:
            return min(heap[1], heap[2])
        if len(heap) > 1:
            return heap[1]
        return (self.scale.at_least(-self.heights[0]) if self.heights else NOTHING), -1

    def _compared(self, edge: int, bound: Signature, second: Entry) -> tuple[Signature | None, int]:
        """A signature that shows that the edge comes after `second`, None if it does not."""
        # the ceiling may already show that the edge comes after the second entry
        rival, rival_edge = second
        smallest = min(self.level, self.changes.ceiling(edge))
        sunk = self.scale.at_least(smallest)
        if smallest < self.level and sunk > rival:
            return sunk, smallest
        # else its signature is computed up to a limit that rises until the two differ
        limit = WHOLE if self.changes.is_short(edge) else (smallest // STEP + 2) * STEP
        while True:
            signature = self.changes.signature(edge, limit)
            if not signature:  # it creates no value below the limit
                smallest = self.changes.smallest(edge)
                signature = self.scale.at_least(smallest)
                if signature > rival:
                    return signature, smallest
                limit = (smallest // STEP + 2) * STEP
                continue
            if signature > rival or (signature == rival and limit == WHOLE and edge > rival_edge):
                return signature, limit
            if limit == WHOLE or rival[: len(signature)] != signature:
                return None, limit
            limit = limit + WIDE if limit < smallest + WIDE else WHOLE

    def loosen(self, edges: Iterable[tuple[int, int]], *, keeps_smallest: bool) -> None:
        """Cut the bounds of the edges that `EdgeChanges.remove` names down to what still holds."""
        for edge, limit in edges:
            bound = self.current[edge]
            if bound is None or self.limit[edge] <= limit:
                continue
            held = self.scale.below(bound, limit)
            if not held:  # at most the smallest value still holds
                if not keeps_smallest:
                    self.unknown.add(edge)
                    continue
                smallest = self.scale.value(bound[0])
                held = self.scale.at_least(smallest)
                limit = smallest
            if held != bound:
                self._sink(edge, held, limit)

    def tighten(self) -> None:
        """Compute the smallest values that may have risen."""
        for edge in self.unknown:
            if self.current[edge] is not None:
                smallest = self.changes.smallest(edge)
                self._sink(edge, self.scale.at_least(smallest), smallest)
        self.unknown.clear()
