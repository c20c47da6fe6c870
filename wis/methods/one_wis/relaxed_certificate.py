"""The certificate of relaxed 1-WIS: every step keeps to the rule, and the seed fixes the order.

*The rule.* A step keeps to it if both ends of the edge that goes have degree k / (1 + epsilon) or
more, where k is the largest smaller degree of an edge that is left. Let s be the smaller degree at
a step, which one sort of the order yields; then the rule is k <= (1 + epsilon)·s. Since k never
rises, only steps at which s is lower than at all steps before need a look at the graph. A step with
a larger s keeps to the rule if the lowest one before it does, where k was at least as large. A look
goes over the edges left between vertices whose original degree is above (1 + epsilon)·s, and
searches for one with both degrees above that.

*The phases.* With a large epsilon the rule allows nearly any edge, so it certifies little. The seed
fixes the order itself by phases and priorities (`wis.methods.one_wis.relaxed_rule`). A phase ends
where the smaller degree at removal falls below its threshold t. Its edges are those of the
sequential rule exactly if their priority falls from each to the next, and each eligible edge that
did not go has an end whose budget was spent on edges of higher priority. That is checked for all
edges of a phase at once, and the hash is computed anew.

*With protections* k is the largest smaller degree of an edge that may go. The phases ask about an
edge at its turn, so their k counts edges that may not go any more but were not asked about yet. An
edge is out of all phases if it was passed over, with budgets left, after its last step.

Nothing is shared with the code that makes orders.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wis.base.checks import checked_factor
from wis.base.progress import Progress, silent
from wis.errors import NotGreedyError
from wis.graph import UndirectedGraph
from wis.methods.certificates import Checked
from wis.methods.one_wis.certificate import LiveEdges, Steps, steps_of_removal

Ints = NDArray[np.int64]


def check_relaxed_order(
    graph: UndirectedGraph,
    edge_ids: Tensor,
    epsilon: float,
    made_with: int | None,
    progress: Progress = silent,
    last: Ints | None = None,
) -> Checked:
    """Check an order, or the beginning of one: the rule, then the phases of its seed if known.

    `last`, int64 [m], holds the last step at which each edge may go, that of its removal if it
    goes; if it is not given, all that are left may.

    Raises:
        NotGreedyError: At the first step that breaks the rule; else at the first one that differs
            from the phases.

    Cost: see `check_relaxed_steps` and `check_phases`.
    """
    factor = checked_factor(epsilon)
    if last is None:
        last = steps_of_removal(graph.num_edges, edge_ids)
    check_relaxed_steps(graph, edge_ids, factor, last, progress)
    rule = f"within the rule that epsilon={epsilon:g} relaxes"
    missing = [f"by how much less than a factor of {float(factor):g} an edge is below the best"]
    if made_with is None:
        missing.append("the order of edges that may go at the same step")
    else:
        check_phases(graph, edge_ids, factor, made_with, last, progress)
        rule += f", and as its phases with seed {made_with} have them"
    degree = np.bincount(graph.edges.cpu().numpy().reshape(-1), minlength=graph.num_nodes)
    largest = int(degree[graph.edges.cpu().numpy()].min(axis=0).max(initial=0))
    nothing = ""
    if largest > 1 and largest <= factor:  # the first threshold is 1, so each one is
        nothing = f"under epsilon={epsilon:g} any edge may go at any step"
    return Checked(edge_ids.numel(), rule, tuple(missing), nothing)


def check_relaxed_steps(
    graph: UndirectedGraph, edge_ids: Tensor, factor: Fraction, last: Ints, progress: Progress
) -> None:
    """Check every step of an order, or of the beginning of one.

    `factor` is 1 + epsilon, exactly; `last` as for `check_relaxed_order`.

    Raises:
        NotGreedyError: At the first step that breaks the rule.

    Cost: O(m log m) for sorts, and for each of the lowest steps so far (several for each threshold)
        the edges left among vertices of higher degrees.
    """
    if edge_ids.numel() == 0:
        return
    steps = Steps.of(graph, edge_ids)
    live = LiveEdges.of(graph, last, steps.label)
    degree = np.sort(graph.degree.cpu().numpy())[::-1].copy()
    falling = -degree
    seen = 0
    for step in _lowest_so_far(steps.smaller).tolist():
        degree -= np.bincount(steps.ends[seen:step].reshape(-1), minlength=degree.size)
        seen = step
        allowed = int(factor * int(steps.smaller[step]))  # rounds down
        size = int(np.searchsorted(falling, -allowed))  # original degree above it
        live.admit(size, step)
        best = _best_above(live, degree, allowed, step)
        if best is not None:
            raise _error(graph, steps, edge_ids, step, best, factor)
        progress(step + 1)


def _lowest_so_far(smaller: Ints) -> Ints:
    """Steps whose smaller degree is below those of all steps before."""
    lowest = np.minimum.accumulate(smaller)
    return np.flatnonzero(np.diff(lowest, prepend=lowest[:1] + 1))


def _best_above(live: LiveEdges, degree: Ints, allowed: int, step: int) -> tuple[int, int] | None:
    """Labels of the edge left with the largest smaller degree; None if that is allowed."""
    left = np.flatnonzero(live.step[: live.size] >= step)
    a, b = live.a[left], live.b[left]
    smaller = np.minimum(degree[a], degree[b])
    if smaller.size == 0 or smaller.max() <= allowed:
        return None
    best = int(smaller.argmax())
    return int(a[best]), int(b[best])


def _error(
    graph: UndirectedGraph,
    steps: Steps,
    edge_ids: Tensor,
    step: int,
    best: tuple[int, int],
    factor: Fraction,
) -> NotGreedyError:
    vertex = np.argsort(steps.label)
    other = tuple(sorted(int(vertex[label]) for label in best))
    u, v = graph.edges[:, int(edge_ids[step])].tolist()
    gone = edge_ids[:step].cpu().numpy()
    left = np.delete(graph.edges.cpu().numpy(), gone, axis=1)
    degree = np.bincount(left.reshape(-1), minlength=graph.num_nodes)
    largest = int(np.minimum(degree[other[0]], degree[other[1]]))
    return NotGreedyError(
        f"step {step + 1} of {edge_ids.numel()} removes edge {(u, v)}, the smaller of whose "
        f"degrees is {int(steps.smaller[step])}, although edge {other} with {largest} is left, "
        f"more than {float(factor):g} times as much",
        step=step,
        edge=(u, v),
    )


# The phases

GAMMA = 0x9E3779B97F4A7C15
WORD = (1 << 64) - 1


def check_phases(
    graph: UndirectedGraph,
    edge_ids: Tensor,
    factor: Fraction,
    seed: int,
    last: Ints,
    progress: Progress,
) -> None:
    """Check that an order that keeps to the rule, or its beginning, is the one of its phases.

    `seed` is that of the priorities, `factor` is 1 + epsilon; `last` as for `check_relaxed_order`.

    Raises:
        NotGreedyError: At the first step that differs from the phases.

    Cost: for each phase, of which there are about log(largest degree) / log(factor), a sort of the
    edges left whose ends both had the degree t or more at the beginning.
    """
    if edge_ids.numel() == 0:
        return
    ids = edge_ids.cpu().numpy()
    smaller = Steps.of(graph, edge_ids).smaller
    state = _Phases.of(graph, seed, last)
    step = 0
    while step < ids.size:
        eligible, t = state.begin(factor)
        below = np.flatnonzero(smaller[step:] < t)
        end = step + int(below[0]) if below.size else ids.size
        wrong = state.first_wrong(eligible, ids[step:end], t, step, is_cut=end == ids.size)
        if wrong is not None:
            raise _phase_error(graph, ids, step + wrong, t, seed)
        step = end
        progress(step)


@dataclass
class _Phases:
    """A graph as its edges go.

    Attributes:
        edges: int64 [2, m].
        degree: int64 [n], current degrees.
        hash: int64 [m], the lower one goes first within a class.
        last: int64 [m], the last step at which each edge may go.
        entering: int64, ids of the edges that ever may, by falling smaller degree of the graph.
        bound: int64, these smaller degrees, from which current ones only fall.
        live: Edges that have entered, are left and were not refused.
        entered: How many have entered.
    """

    edges: Ints
    degree: Ints
    hash: Ints
    last: Ints
    entering: Ints
    bound: Ints
    live: Ints
    entered: int = 0

    @classmethod
    def of(cls, graph: UndirectedGraph, seed: int, last: Ints) -> _Phases:
        edges = graph.edges.cpu().numpy()
        degree = np.bincount(edges.reshape(-1), minlength=graph.num_nodes)
        bound = degree[edges].min(axis=0)
        entering = np.argsort(-bound, kind="stable")
        entering = entering[last[entering] >= 0]
        hashes = priority_hash(edges[0], edges[1], seed)
        return cls(edges, degree, hashes, last, entering, bound[entering], entering[:0])

    def begin(self, factor: Fraction) -> tuple[Ints, int]:
        """Begin a phase: the edges that may go in it, by falling priority, and its threshold."""
        k = self._largest_smaller_degree()
        t = -(-k * factor.denominator // factor.numerator)  # ceil(k / (1 + epsilon))
        self._enter(t)
        both = self.degree[self.edges[:, self.live]]
        eligible = self.live[both.min(axis=0) >= t]
        larger = self.degree[self.edges[:, eligible]].max(axis=0)
        digits = np.frexp(larger.astype(np.float64))[1]  # class: number of binary digits
        return eligible[np.lexsort((self.hash[eligible], -digits))], t

    def first_wrong(
        self, eligible: Ints, taken: Ints, t: int, step: int, *, is_cut: bool
    ) -> int | None:
        """Remove the edges that go in a phase; returns the position of the first wrong one.

        The first of them goes at `step`. With `is_cut` the order ends with them, before the phase
        may be complete.
        """
        rank = np.full(self.edges.shape[1], -1)
        rank[eligible] = np.arange(eligible.size)
        ranks = rank[taken]
        # both degrees are t or more at removal: all of `taken` are eligible and within the budgets;
        # their priority must fall, so their ranks must rise
        falls = np.flatnonzero(np.diff(ranks, prepend=-1) <= 0)
        listed = ranks[: int(falls[0])] if falls.size else ranks
        done = listed[-1] + 1 if listed.size and (is_cut or falls.size) else eligible.size
        if (is_cut or falls.size) and not listed.size:
            done = 0
        wrong = [int(falls[0])] if falls.size else []
        # eligible edges that were passed over although no budget was spent before them
        passed = np.setdiff1d(eligible[:done], eligible[listed], assume_unique=True)
        spent = self._spent_at(eligible, listed, t)
        blocked = (spent[self.edges[:, passed]] < rank[passed]).any(axis=0)
        passed = passed[~blocked]
        may_go = self.last[passed] >= step + np.searchsorted(listed, rank[passed])
        missed = rank[passed[may_go]]
        if missed.size:
            wrong.append(int(np.searchsorted(listed, missed.min())))
        np.subtract.at(self.degree, self.edges[:, taken].reshape(-1), 1)
        gone = np.zeros(self.edges.shape[1], dtype=bool)
        gone[taken] = gone[passed] = True
        self.live = self.live[~gone[self.live]]
        return min(wrong, default=None)

    def _spent_at(self, eligible: Ints, listed: Ints, t: int) -> Ints:
        """For each vertex the rank of the edge that used up its budget, degree - t + 1."""
        ends = self.edges[:, eligible[listed]]
        lost = np.bincount(ends.reshape(-1), minlength=self.degree.size)
        last = np.full(self.degree.size, -1)
        for end in ends:
            np.maximum.at(last, end, listed)
        return np.where(lost > self.degree - t, last, np.iinfo(np.int64).max)

    def _largest_smaller_degree(self) -> int:
        """k, the largest smaller degree of the edges that are left."""
        best = int(self.degree[self.edges[:, self.live]].min(axis=0).max(initial=0))
        while self.entered < self.bound.size and self.bound[self.entered] > best:
            self._enter(int(self.bound[self.entered]))
            best = int(self.degree[self.edges[:, self.live]].min(axis=0).max(initial=0))
        return best

    def _enter(self, least: int) -> None:
        """Add the edges whose smaller degree was `least` or more to `live`."""
        end = int(np.searchsorted(-self.bound, -least, side="right"))
        if end > self.entered:
            self.live = np.concatenate([self.live, self.entering[self.entered : end]])
            self.entered = end


def priority_hash(u: Ints, v: Ints, seed: int) -> Ints:
    """The finalizer of SplitMix64 of each edge's two ids, xor that of the seed; int64 [m].

    References: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
    """
    start = (seed + 1) * GAMMA & WORD
    start = (start ^ start >> 30) * 0xBF58476D1CE4E5B9 & WORD
    start = (start ^ start >> 27) * 0x94D049BB133111EB & WORD
    start ^= start >> 31
    word = u.astype(np.uint64) << np.uint64(32) | v.astype(np.uint64)
    word ^= np.uint64(start)
    word = (word ^ word >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ word >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    hashes: Ints = (word ^ word >> np.uint64(31)).view(np.int64)
    return hashes


def _phase_error(graph: UndirectedGraph, ids: Ints, step: int, t: int, seed: int) -> NotGreedyError:
    u, v = graph.edges[:, int(ids[step])].tolist()
    return NotGreedyError(
        f"step {step + 1} of {ids.size} removes edge {(u, v)}; it keeps to the relaxed rule, but "
        f"with seed {seed} another edge goes there, in the phase of the threshold {t}",
        step=step,
        edge=(u, v),
    )
