"""The certificate of 1-WIS: the first step of an order that the greedy rule could not take.

A step is greedy if no edge that was left had a larger key (smaller, larger) of its endpoints'
degrees than the one that went (Algorithm 2); however ties are broken. Nothing here follows the code
that computes orders: the degrees at all steps are read off the order by one sort, then two things
are checked.

1. *The keys at removal never rise.* Keys fall as edges go, so an edge that goes with a larger key
   than the one before it had a larger key already then. The rest looks at the steps up to the first
   such pair.
2. *Nothing better was left.* Steps whose smaller degree is k form a level, an interval. Take an
   edge that is left when the level begins. If both degrees are above k there (both ends are heavy),
   the first step is wrong. If one end u is heavy and the other, v, has degree k, the edge competes
   with key (k, degree of u) until v loses an edge. Whenever u loses an edge during the level, the
   key of that step is (k, degree of u), and larger degrees at removal do not rise within the level:
   so nothing is wrong up to u's last loss in it. From then on u has the degree h that it ends the
   level with, and the edge is a violation exactly if the larger degree at removal is below h before
   v loses an edge or the level ends. Edges with other degrees have no larger key than any of the
   level.

Only vertices whose original degree is at least k matter for a level, and edges between them.

*In batches* the B best edges by the degrees at the beginning of a batch go at once (Appendix
D.6.2.2). They are listed best first, those of equal keys by edge id. So an edge must have the
largest key of all that may go and were not listed before it, which a heap of keys that only fall
tells. Which of several edges of the same key go is left open; how they are listed is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wis.base.arrays import rank_in_run, stable_argsort
from wis.base.progress import Progress, silent
from wis.errors import NotGreedyError
from wis.graph import UndirectedGraph
from wis.methods.certificates import Fault, first_fault, first_fault_by_keys

Ints = NDArray[np.int64]
NEVER = np.iinfo(np.int64).max


def first_non_greedy_step(
    graph: UndirectedGraph, edge_ids: Tensor, progress: Progress = silent, last: Ints | None = None
) -> None:
    """Check that an order, or the beginning of one, is greedy at every step.

    Args:
        graph: The graph.
        edge_ids: int64 tensor of shape [count], distinct edge ids, first removed first.
        progress: Called with the number of steps that are checked.
        last: int64 [m], the last step at which each edge may go, that of its removal if it goes;
            if not given, all that are left may.

    Raises:
        NotGreedyError: Some step is not; it names the first one.

    Cost: O(m log m) for the sorts and the sum over levels k of the edges left between vertices
    whose original degree was k or more; about 160 bytes for each edge.
    """
    if last is None:
        last = steps_of_removal(graph.num_edges, edge_ids)
    step = _first_violation(graph, edge_ids, last, progress)
    if step is not None:
        raise _error(graph, edge_ids, step, torch.from_numpy(last >= step))


def steps_of_removal(num_edges: int, edge_ids: Tensor) -> Ints:
    """The step at which each edge goes, int64 [m]; `NEVER` if it stays."""
    step = np.full(num_edges, NEVER)
    step[edge_ids.cpu().numpy()] = np.arange(edge_ids.numel())
    return step


def _first_violation(
    graph: UndirectedGraph, edge_ids: Tensor, last: Ints, progress: Progress
) -> int | None:
    """The first step, counted from 0, that is not greedy."""
    if edge_ids.numel() == 0:
        return None
    steps = Steps.of(graph, edge_ids).while_keys_fall()
    live = LiveEdges.of(graph, last, steps.label)
    degree = np.sort(graph.degree.cpu().numpy())[::-1].copy()
    falling = -degree
    for first, end in steps.levels():
        k = int(steps.smaller[first])
        size = int(np.searchsorted(falling, -k, side="right"))
        live.admit(size, first)
        step = _violation_in_level(steps, live, degree[:size], first, end)
        if step is not None:
            return step
        progress(end)
    return None


@dataclass(frozen=True)
class Steps:
    """The effect of each step of the order; vertices are labelled by falling original degree.

    Attributes:
        label: int64 [n], the label of each vertex.
        ends: int64 [count, 2], labels of the endpoints of the edge that goes.
        before: int64 [count, 2], their degrees just before.
        smaller: int64 [count], the smaller one of those degrees.
        larger: int64 [count], the larger one.
    """

    label: Ints
    ends: Ints
    before: Ints
    smaller: Ints
    larger: Ints

    @classmethod
    def of(cls, graph: UndirectedGraph, edge_ids: Tensor) -> Steps:
        """Read them off an order."""
        degree = graph.degree.cpu()
        vertex = stable_argsort(int(degree.max()) - degree)
        label = torch.empty_like(vertex)
        label[vertex] = torch.arange(vertex.numel(), device="cpu")
        ends = label[graph.edges.cpu()[:, edge_ids.cpu()]].T.contiguous()
        by_vertex = stable_argsort(ends.view(-1))  # the losses of each vertex, first one first
        loser = ends.view(-1)[by_vertex]
        before = torch.empty_like(loser)
        before[by_vertex] = degree[vertex][loser] - rank_in_run(loser)
        both = before.view(-1, 2)
        smaller, larger = both.amin(dim=1), both.amax(dim=1)
        return cls(*(part.numpy() for part in (label, ends, both, smaller, larger)))

    def while_keys_fall(self) -> Steps:
        """The steps up to and with the first one after which the key rises."""
        smaller, larger = np.diff(self.smaller), np.diff(self.larger)
        rises = np.flatnonzero((smaller > 0) | ((smaller == 0) & (larger > 0)))
        end = int(rises[0]) + 1 if rises.size else len(self.ends)
        cut = (part[:end] for part in (self.ends, self.before, self.smaller, self.larger))
        return Steps(self.label, *cut)

    def levels(self) -> list[tuple[int, int]]:
        """First step of each level and the one after its last."""
        starts = np.flatnonzero(np.diff(self.smaller, prepend=-1)).tolist()
        return list(zip(starts, [*starts[1:], len(self.ends)], strict=True))


@dataclass
class LiveEdges:
    """The edges between the first so many labels, most of those that are gone left out.

    The arrays hold all edges, sorted by their larger label; those that are admitted move to the
    front.

    Attributes:
        a: int64 [m], label of one endpoint.
        b: int64 [m], the larger label.
        step: int64 [m], the last step at which the edge may go.
        size: How many are admitted and were left at `seen`.
        read: How many were admitted in all.
        seen: The step at which gone edges were last left out.
    """

    a: Ints
    b: Ints
    step: Ints
    size: int = 0
    read: int = 0
    seen: int = 0

    @classmethod
    def of(cls, graph: UndirectedGraph, step: Ints, label: Ints) -> LiveEdges:
        """All edges, none admitted."""
        ends = label[graph.edges.cpu().numpy()]
        b = ends.max(axis=0)
        by_b = stable_argsort(torch.from_numpy(b)).numpy()
        return cls(ends.min(axis=0)[by_b], b[by_b], step[by_b])

    def admit(self, num_labels: int, now: int) -> None:
        """Let the edges between the first `num_labels` labels in; leave out those gone if many."""
        end = self.read + int(np.searchsorted(self.b[self.read :], num_labels))
        size = self.size + end - self.read
        for part in (self.a, self.b, self.step):
            part[self.size : size] = part[self.read : end]
        self.size, self.read = size, end
        if 4 * (now - self.seen) > size:
            left = np.flatnonzero(self.step[:size] >= now)
            for part in (self.a, self.b, self.step):
                part[: left.size] = part[left]
            self.size, self.seen = left.size, now


def _violation_in_level(
    steps: Steps, live: LiveEdges, degree: Ints, first: int, last: int
) -> int | None:
    """The first wrong step of a level; `degree` is brought from its beginning to its end."""
    a, b, step = (part[: live.size] for part in (live.a, live.b, live.step))
    heavy = degree > steps.smaller[first]
    a_heavy, b_heavy = heavy[a], heavy[b]
    if (step[a_heavy & b_heavy] >= first).any():
        return first
    mixed = np.flatnonzero(a_heavy ^ b_heavy)
    mixed = mixed[step[mixed] >= first]
    floor = _floor(steps, degree, first, last)
    degree -= np.bincount(steps.ends[first:last].reshape(-1), minlength=degree.size)
    tall = np.where(a_heavy[mixed], a[mixed], b[mixed])
    other = a[mixed] + b[mixed] - tall
    height = degree[tall]
    # the edge competes until its light end loses one, or until it may not go any more
    least = np.maximum(floor[other], steps.larger[np.minimum(step[mixed], last - 1)])
    passed_over = height[height > least]
    if passed_over.size == 0:
        return None
    return first + int(np.count_nonzero(steps.larger[first:last] >= passed_over.max()))


def _floor(steps: Steps, degree: Ints, first: int, last: int) -> Ints:
    """By label: the least larger degree that goes up to the step at which the vertex loses an edge.

    `NEVER` for a vertex that does not begin the level with degree k.
    """
    k = steps.smaller[first]
    floor = np.where(degree == k, steps.larger[last - 1], NEVER)
    row, end = np.nonzero(steps.before[first:last] == k)
    loser = steps.ends[first + row, end]
    from_k = degree[loser] == k
    floor[loser[from_k]] = steps.larger[first + row[from_k]]
    return floor


def _error(graph: UndirectedGraph, edge_ids: Tensor, step: int, may_go: Tensor) -> NotGreedyError:
    """The message, with the best key that was available, found anew."""
    left = torch.ones(graph.num_edges, dtype=torch.bool, device=graph.device)
    left[edge_ids[:step]] = False
    degree = torch.bincount(graph.edges[:, left].reshape(-1), minlength=graph.num_nodes)
    smaller, larger = degree[graph.edges].aminmax(dim=0)
    left &= may_go.to(left.device)
    ties = left & (smaller == smaller[left].max())
    best = int((ties & (larger == larger[ties].max())).nonzero()[0])
    gone = int(edge_ids[step])
    names = [tuple(graph.edges[:, edge].tolist()) for edge in (gone, best)]
    keys = [(int(smaller[edge]), int(larger[edge])) for edge in (gone, best)]
    return NotGreedyError(
        f"step {step + 1} of {edge_ids.numel()} removes edge {names[0]}, whose (smaller, larger) "
        f"degrees are {keys[0]}, although edge {names[1]} with the best ones, {keys[1]}, is left",
        step=step,
        edge=names[0],
    )


def check_batches(
    graph: UndirectedGraph,
    edge_ids: Tensor,
    batch_size: int,
    progress: Progress = silent,
    last: Ints | None = None,
) -> None:
    """Check every step of an order, or of the beginning of one.

    Args:
        graph: The graph.
        edge_ids: int64 tensor of shape [count], distinct edge ids, first removed first.
        batch_size: B.
        progress: Called with the number of steps that are checked.
        last: As of `first_non_greedy_step`.

    Raises:
        NotGreedyError: Some step is wrong; it names the first one.

    Cost: some microseconds for each time that an edge comes up whose key has fallen since it was
        last looked at; about 250 bytes for an edge.
    """
    fault = first_fault(_FallingKeys(graph), edge_ids.tolist(), batch_size, progress, last)
    if fault is not None:
        raise fault.error(graph, edge_ids, "whose (smaller, larger) degrees are larger")


class _FallingKeys:
    """Degrees as edges go, and a heap of the keys that edges had when last looked at.

    Attributes:
        ends: The two vertices of each edge.
        degree: Current degrees, those at the beginning of a batch while it is looked through.
        listed: Whether an edge has come up in the order, or may not go any more.
        heap: (-smaller, -larger degree, edge id). A key never rises, so the largest one on the
            heap is an upper bound for all edges that are left.
    """

    def __init__(self, graph: UndirectedGraph) -> None:
        edges = graph.edges.cpu().numpy()
        degree = np.bincount(edges.reshape(-1), minlength=graph.num_nodes)
        self.ends: list[tuple[int, int]] = list(zip(*edges.tolist(), strict=True))
        self.degree: list[int] = degree.tolist()
        self.listed = [False] * len(self.ends)
        self.heap = [(*self.key_of(edge), edge) for edge in range(len(self.ends))]
        heapify(self.heap)

    def key_of(self, edge: int) -> tuple[int, int]:
        """(-smaller degree, -larger degree) now: the least one goes first."""
        a, b = (self.degree[end] for end in self.ends[edge])
        return (-a, -b) if a < b else (-b, -a)

    def fault_in(self, batch: list[int], before: Callable[[int], None]) -> Fault | None:
        """The first wrong place of a batch, by the degrees at its beginning."""
        keys = [self.key_of(edge) for edge in batch]
        return first_fault_by_keys(keys, batch, self._better_than, self.listed, before)

    def close(self, edges: Ints) -> None:
        """Leave edges out of the choice that stay."""
        for edge in edges.tolist():
            self.listed[edge] = True

    def remove(self, batch: list[int]) -> None:
        """Take the edges of a batch away."""
        for edge in batch:
            for end in self.ends[edge]:
                self.degree[end] -= 1

    def _better_than(self, mine: tuple[int, int]) -> int | None:
        """An edge with the largest key of those not listed, if that is larger than mine."""
        while True:
            *stale, edge = self.heap[0]
            key = self.key_of(edge)
            if self.listed[edge]:
                heappop(self.heap)
            elif key != tuple(stale):
                heapreplace(self.heap, (*key, edge))
            else:
                return edge if key < mine else None
